//! Counting for the figures of structures: each hour what was recorded since, and when two months are over, publication, once.
//!
//! A period that is being counted holds tags of workers, of which there have to be five behind anything that is shown. They go with its
//! publication. What is counted once is not looked for again, so that records may go in their time before the two months are over.

use std::collections::BTreeMap;

use gateway_record::{
    Draft, Fields, Hash, Kind,
    review::{
        Act, Signed,
        figures::{Figures, Period, Row, Tally},
    },
};
use jiff::civil::Date;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::{All, NotTaken, Office, Reviews};
use crate::store::{Matter, ReviewRow, StoreError};

/// What is being counted, by period, and how far.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(super) struct Counting {
    /// The last place of the workers' journal that was counted.
    upto: u64,
    tallies: BTreeMap<Period, Tally>,
}

impl Counting {
    fn tally(&mut self, period: Period) -> &mut Tally {
        self.tallies.entry(period).or_default()
    }
}

impl Reviews {
    /// Counts what was recorded since the last time, and publishes the periods that are over.
    pub(crate) async fn count(&self, office: &Office) -> Result<(), String> {
        let mut held = self.counting.lock().await;
        let published: Vec<Period> = self.all.lock().await.figures.iter().map(|figures| figures.period).collect();
        let mut counting = held.clone();
        loop {
            let rows = self.store.tagged(counting.upto).await.map_err(|StoreError(why)| why)?;
            let Some((last, _)) = rows.last() else { break };
            counting.upto = last.sequence;
            for (record, worker) in &rows {
                let period = Period::of(office.day_of(record.time));
                // A period that was published is never counted again, whatever a clock says.
                if !published.contains(&period) {
                    counting.tally(period).count(record, *worker);
                }
            }
        }
        if counting.upto != held.upto {
            let row = self.row((Matter::Counting, 0), &counting, office.now)?;
            self.store.keep_rows(vec![row]).await.map_err(|StoreError(why)| why)?;
            *held = counting;
        }
        self.publish(&mut held, office).await
    }

    async fn publish(&self, held: &mut Counting, office: &Office) -> Result<(), String> {
        let today = office.today();
        let over: Vec<Period> = held.tallies.keys().copied().filter(|period| period.end() <= today).collect();
        for period in over {
            let mut all = self.all.lock().await;
            let mut counting = held.clone();
            let figures = counting.tally(period).publish(period, &all.figures);
            counting.tallies.remove(&period);
            let text = serde_json::to_vec(&figures).map_err(|error| error.to_string())?;
            let fields = Fields::default()
                .with("period", period.first().to_string())
                .with("sha256", Hash(Sha256::digest(&text).into()).to_string());
            let draft = Draft { fields, ..Draft::new(Kind::FiguresPublished, office.now) };
            let rows: Vec<ReviewRow> = [
                self.row((Matter::Figures, number(period)), &figures, office.now)?,
                self.row((Matter::Counting, 0), &counting, office.now)?,
            ]
            .into();
            self.store.keep_review(rows, draft).await.map_err(|StoreError(why)| why)?;
            tracing::info!(period = %period.first(), "figures of structures published: see `review figures`");
            all.figures.push(figures);
            all.figures.sort_by_key(|figures| figures.period);
            *held = counting;
        }
        Ok(())
    }

    /// What was published, of the structures whose figures somebody may read; oldest first.
    pub(crate) async fn figures(&self, office: &Office, who: &Signed) -> Result<Vec<Figures>, NotTaken> {
        // A period may be over since less than an hour.
        self.count(office).await.map_err(NotTaken::Failed)?;
        let all = self.all.lock().await;
        let may = |structure: &str| who.acts(Act::Figures, structure, office.now).is_ok();
        // Somebody of one structure is told apart from somebody of none.
        if !office.policy.structures().iter().any(|structure| may(structure)) {
            who.acts(Act::Figures, "", office.now)?;
        }
        let mut shown = all.figures.clone();
        shown.iter_mut().for_each(|figures| figures.structures.retain(|structure, _| may(structure)));
        Ok(shown)
    }
}

impl All {
    /// When figures of a structure that show an anomaly were last published, as far as that is known: the end of their period.
    pub(super) fn anomaly_at(&self, structure: &str) -> Option<Date> {
        let anomalous =
            self.figures.iter().filter(|figures| figures.structures.get(structure).is_some_and(Row::is_anomalous));
        anomalous.map(|figures| figures.period.end()).max()
    }
}

/// The place of a period's figures.
pub(super) fn number(period: Period) -> u64 {
    let first = period.first();
    u64::try_from(i32::from(first.year()) * 100 + i32::from(first.month())).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_period_has_a_place_of_its_own() {
        let at = |text: &str| number(Period::of(text.parse().unwrap()));
        assert_eq!((at("2026-10-31"), at("2026-11-01"), at("2027-01-01")), (202609, 202611, 202701));
    }
}
