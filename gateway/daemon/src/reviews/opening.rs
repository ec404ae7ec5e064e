//! What an opening hands out: exactly the records that a request names, sealed as they were, and the minute of it.
//!
//! Records are read before the step is judged, while nobody waits who signs in; the rules are asked again once they are there.

use std::collections::BTreeMap;

use gateway_record::{
    Fields, Hash, Kind,
    review::{Asked, By, Extract, Opening, Refusal, Review, Signed, Stage},
};
use jiff::{Timestamp, civil::Date};
use sha2::{Digest as _, Sha256};

use super::{All, HandedOut, Mistake, NotTaken, Office, Register, Reviews, draft, export::Export, named, of};
use crate::store::{Kept, Query};

/// The most records of one opening.
pub(super) const MOST_RECORDS: usize = 5000;

impl Reviews {
    /// `review open --request`: recorded first, then minuted, then handed out.
    pub(crate) async fn open_request(&self, office: &Office, who: &Signed, number: u64) -> Result<HandedOut, NotTaken> {
        // Alone: what lasts how long is settled by the first opening.
        let _opening = self.opening.lock().await;
        let (review, _, until) = self.all.lock().await.to_open(office, who, number)?;
        let (file, digest, places) = self.export(office, &review, until).await?;
        let mut all = self.all.lock().await;
        // Another step may have been taken while the records were read.
        let (review, by, until) = all.to_open(office, who, number)?;
        let again = !matches!(review.stage, Stage::Approved { .. });
        let listed: Vec<String> = places.iter().map(u64::to_string).collect();
        let fields = of(&review)
            .with("records", listed.join(" "))
            .with("sha256", digest.to_string())
            .with("until", until.to_string());
        let fields = if again { fields.with("again", "yes") } else { fields };
        let opened = review.open(Opening { by, until, records: places.clone(), digest });
        let record = draft(Kind::ReviewOpened, &opened, (fields, named("by", who)), office.now);
        self.keep(&mut all, opened.clone(), None, record).await?;
        let minuted = match &opened.stage {
            Stage::Minuted { .. } => opened,
            Stage::Requested | Stage::Refused { .. } | Stage::Approved { .. } | Stage::Opened { .. } => {
                self.minute(&mut all, office, &opened).await?
            }
        };
        let Stage::Minuted { minute, .. } = minuted.stage else { return Err(Refusal::NotMinuted.into()) };
        Ok(HandedOut { file, records: places.len(), minute: minute.number, text: minute.text })
    }

    /// `review extract`: the file again, with an end of its own.
    pub(crate) async fn extract(
        &self,
        office: &Office,
        who: &Signed,
        number: u64,
        (until, why): (Date, &str),
    ) -> Result<HandedOut, NotTaken> {
        let until = office.start_of(until)?;
        let (review, _) = self.all.lock().await.to_keep(office, who, number, (until, why))?;
        let (file, digest, places) = self.export(office, &review, until).await?;
        let mut all = self.all.lock().await;
        let (review, by) = all.to_keep(office, who, number, (until, why))?;
        let next = review.keep(Extract { by, until, why: why.trim().to_owned(), digest });
        let fields = of(&next).with("until", until.to_string()).with("sha256", digest.to_string());
        let names = named("by", who).with("reason", why.trim());
        let record = draft(Kind::ExtractKept, &next, (fields, names), office.now);
        self.keep(&mut all, next.clone(), None, record).await?;
        let Stage::Minuted { minute, .. } = next.stage else { return Err(Refusal::NotMinuted.into()) };
        Ok(HandedOut { file, records: places.len(), minute: minute.number, text: minute.text })
    }

    /// The file of a request's records, its hash, and their places. Read while nobody waits who signs in.
    async fn export(
        &self,
        office: &Office,
        review: &Review,
        until: Timestamp,
    ) -> Result<(String, Hash, Vec<u64>), NotTaken> {
        if self.store.holders().is_none() {
            return Err(Mistake::NoHolders.into());
        }
        let kept = self.records(office, &review.asked).await?;
        let places = kept.iter().map(|kept| kept.record.sequence).collect();
        let file = Export::new((review.number, until), kept, |names| self.store.seal(names))?;
        let file = file.text().map_err(NotTaken::Failed)?;
        let digest = Hash(Sha256::digest(file.as_bytes()).into());
        Ok((file, digest, places))
    }

    async fn minute(&self, all: &mut All, office: &Office, opened: &Review) -> Result<Review, NotTaken> {
        let number = all.register.minutes + 1;
        let minute = office.words().minute(number, opened)?;
        let fields = of(opened).with("minute", number).with("sha256", minute.hash.to_string());
        let minuted = opened.minute(minute)?;
        let draft = draft(Kind::MinuteWritten, &minuted, (fields, Fields::default()), office.now);
        let register = Register { minutes: number, ..all.register.clone() };
        self.keep(all, minuted.clone(), Some(register), draft).await?;
        self.minuted.notify_one();
        Ok(minuted)
    }

    /// Exactly the records that a request names, in order.
    async fn records(&self, office: &Office, asked: &Asked) -> Result<Vec<Kept>, NotTaken> {
        let after = asked.until.tomorrow().map_err(|error| NotTaken::Failed(error.to_string()))?;
        let (since, until) = (office.start_of(asked.from)?, office.start_of(after)?);
        let within = Query { since: Some(since), until: Some(until), names: true, ..Query::default() };
        let mut queries: Vec<Query> = Vec::new();
        let subject = &asked.subject;
        let mut sessions = subject.sessions.clone();
        if sessions.is_empty() {
            let rows = self.store.sessions_under(&subject.tags, (since, until)).await?;
            sessions.extend(rows.into_iter().filter(|row| row.structure == asked.structure).map(|row| row.number));
            queries.extend(subject.tags.iter().map(|tag| Query { named: Some(*tag), ..within.clone() }));
        }
        queries.extend(sessions.iter().map(|number| Query { session: Some(*number), ..within.clone() }));
        let mut found = BTreeMap::new();
        for query in queries {
            let mut rows = self.store.read(query);
            while let Some(row) = rows.recv().await {
                let kept = row?;
                let record = &kept.record;
                // What names the person outside of any session counts where it is known to be this structure's.
                let is_theirs = match record.session {
                    Some(session) => sessions.contains(&session),
                    None => record.structure.as_deref() == Some(&*asked.structure),
                };
                if is_theirs && asked.covers(record.kind) {
                    found.insert(record.sequence, kept);
                }
                if found.len() > MOST_RECORDS {
                    return Err(Mistake::TooManyRecords.into());
                }
            }
        }
        Ok(found.into_values().collect())
    }
}

impl All {
    /// A request that somebody may open now: by whom, and until when.
    fn to_open(&self, office: &Office, who: &Signed, number: u64) -> Result<(Review, By, Timestamp), NotTaken> {
        let review = self.request(number)?;
        let circumstances = self.circumstances(office, &review.asked.structure);
        let (by, until) = review.may_open(who, &circumstances, office.now)?;
        Ok((review, by, until))
    }

    /// A request of which somebody may keep an extract now: by whom.
    fn to_keep(
        &self,
        office: &Office,
        who: &Signed,
        number: u64,
        end: (Timestamp, &str),
    ) -> Result<(Review, By), NotTaken> {
        let review = self.request(number)?;
        let circumstances = self.circumstances(office, &review.asked.structure);
        let by = review.may_keep(who, &circumstances, end, office.now)?;
        Ok((review, by))
    }
}
