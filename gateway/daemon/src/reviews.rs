//! Reviews as the running gateway keeps them: each step is judged by `gateway-record`, written down with its record in one
//! transaction, and only then believed.
//!
//! Kept sealed in the database, by a key that is not in it. Who has which role, and since when, is noted whenever somebody signs in and
//! looked at again each hour, so that a role that was given for a day makes nobody an approver.
//!
//! What it refuses to know: passwords, how somebody signed in, and what is under the holders' seals.

mod counting;
pub(crate) mod export;
mod messages;
mod mistake;
mod opening;
pub(crate) mod report;
mod roles;
mod sealed;

use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
    sync::Arc,
    time::Duration,
};

use gateway_api::SessionNumber;
use gateway_record::{
    Draft, Fields, Journal, Kind,
    review::{
        Act, Asked, Circumstances, Ground, Held, MESSAGE_WITHIN, Minute, Refusal, Review, Signed, Stage, Subject,
        Words,
        figures::{Figures, Period},
    },
};
use jiff::{SignedDuration, Span, Timestamp, civil::Date};
use policy::{Policy, Retention};
use serde::{Deserialize, Serialize};
use tokio::sync::{Mutex, Notify};

use self::{counting::Counting, messages::GeneralNotice, sealed::Sealer};

pub(crate) use self::{
    messages::{ToMail, is_message},
    mistake::Mistake,
};
use crate::{
    clock,
    day_keys::WorkerTag,
    directory::{Directory, Person},
    identity,
    policy_change::PolicyChange,
    store::{Kept, Matter, Query, ReviewRow, Store, StoreError},
};

/// Between looks at who still has which role.
const LOOK: Duration = Duration::from_secs(3600);
/// How long a new role is told of.
pub(crate) const ROLE_NEWS: SignedDuration = SignedDuration::from_hours(30 * 24);
/// The longest text of a notice, in bytes.
pub(crate) const LONGEST_NOTICE: usize = 5000;
/// For how long workers' records are kept at most: from then on tags are theirs.
const LONGEST_RETENTION: i32 = 4;

/// Somebody with a role.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Holder {
    /// The directory's identity.
    id: String,
    pub(crate) name: String,
    pub(crate) held: Held,
}

/// Who has which role, and the last numbers that were given.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
struct Register {
    holders: Vec<Holder>,
    requests: u64,
    minutes: u64,
    notices: u64,
}

#[derive(Debug, Default)]
struct All {
    register: Register,
    requests: BTreeMap<u64, Review>,
    notices: BTreeMap<u64, GeneralNotice>,
    /// By period.
    figures: Vec<Figures>,
}

/// All reviews.
#[derive(Debug)]
pub(crate) struct Reviews {
    store: Store,
    sealer: Sealer,
    /// Held while a step is taken: each is judged by what the one before left.
    all: Mutex<All>,
    /// Held while records are read for an opening, which logins do not wait for.
    opening: Mutex<()>,
    /// Somebody's role is no more, by one server's word.
    look: Notify,
    /// There is a message to somebody who is known.
    minuted: Notify,
    /// Held while there is counted, which logins do not wait for.
    counting: Mutex<Counting>,
}

/// The policy and the moment that a step is judged by.
#[derive(Debug, Clone)]
pub(crate) struct Office {
    pub(crate) policy: Arc<Policy>,
    pub(crate) now: Timestamp,
}

/// Why a step was not taken.
#[derive(Debug)]
pub(crate) enum NotTaken {
    /// The rules.
    Refused(Refusal),
    /// What was asked for has to be said otherwise.
    Mistaken(Mistake),
    /// Something else, in words.
    Failed(String),
}

impl From<Mistake> for NotTaken {
    fn from(mistake: Mistake) -> Self {
        Self::Mistaken(mistake)
    }
}

impl From<Refusal> for NotTaken {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

impl From<StoreError> for NotTaken {
    fn from(StoreError(why): StoreError) -> Self {
        Self::Failed(why)
    }
}

/// A request as it is put, before it is known whose records it is about.
#[derive(Debug)]
pub(crate) struct Wanted {
    /// The person, as the directory knows them.
    pub(crate) worker: Option<Person>,
    pub(crate) structure: Option<String>,
    pub(crate) sessions: Vec<SessionNumber>,
    pub(crate) events: Vec<String>,
    pub(crate) from: Option<Date>,
    pub(crate) until: Option<Date>,
    pub(crate) ground: Ground,
    pub(crate) reason: String,
}

/// What the reviewer office is handed.
#[derive(Debug)]
pub(crate) struct HandedOut {
    pub(crate) file: String,
    pub(crate) records: usize,
    pub(crate) minute: u64,
    pub(crate) text: String,
}

impl Office {
    /// What day it is there.
    pub(crate) fn today(&self) -> Date {
        self.policy.local(self.now).date()
    }

    /// The first moment of a day.
    fn start_of(&self, day: Date) -> Result<Timestamp, NotTaken> {
        let zone = self.policy.local(self.now).time_zone().clone();
        let start = day.to_zoned(zone).map_err(|error| NotTaken::Failed(error.to_string()))?;
        Ok(start.timestamp())
    }

    fn day_of(&self, at: Timestamp) -> Date {
        self.policy.local(at).date()
    }

    fn words(&self) -> Words {
        let act = self.policy.lawful().map(|lawful| lawful.act.to_string()).unwrap_or_default();
        Words { zone: self.policy.local(self.now).time_zone().clone(), act }
    }

    /// How long records of workers are kept.
    pub(crate) fn retention(&self) -> Span {
        match self.policy.retention() {
            Retention::Days(days) => Span::new().days(days),
            Retention::Months(months) => Span::new().months(months),
        }
    }

    /// Until when a message to a worker can wait who is known by a session of this moment alone: what tells whose it was goes with the
    /// last day of those two months.
    fn recognised_until(&self, opened_at: Timestamp) -> Result<Timestamp, NotTaken> {
        let failed = |error: jiff::Error| NotTaken::Failed(error.to_string());
        let end = Period::of(self.day_of(opened_at)).end();
        let zone = self.policy.local(self.now).time_zone().clone();
        let gone = end.to_zoned(zone).and_then(|end| end.checked_add(self.retention())).map_err(failed)?;
        gone.timestamp().checked_sub(MESSAGE_WITHIN).map_err(failed)
    }

    /// The earliest day of which there can be records of workers.
    fn earliest(&self) -> Date {
        let today = self.today();
        today.checked_sub(Span::new().months(LONGEST_RETENTION)).unwrap_or(today)
    }
}

impl Reviews {
    /// Reads what is kept. What the key does not open is an error: a review that is forgotten would be one that never was.
    pub(crate) async fn open(state: &Path, store: Store) -> Result<Self, String> {
        let sealer = Sealer::new(&*identity::reviews_key(state)?)?;
        let (mut all, mut counting) = (All::default(), Counting::default());
        for ReviewRow { what, number, sealed, .. } in store.reviews().await.map_err(|error| error.to_string())? {
            let place = (what, number);
            let opened = match what {
                Matter::Register => sealer.open(place, &sealed).map(|register| all.register = register),
                Matter::Request => sealer.open(place, &sealed).map(|review| drop(all.requests.insert(number, review))),
                Matter::Counting => sealer.open(place, &sealed).map(|kept| counting = kept),
                Matter::Figures => sealer.open(place, &sealed).map(|figures| all.figures.push(figures)),
                Matter::Notice => sealer.open(place, &sealed).map(|notice| drop(all.notices.insert(number, notice))),
            };
            opened.ok_or(
                "what is kept of reviews cannot be opened: put the `reviews-key` back that it was sealed with, beside the database",
            )?;
        }
        all.figures.sort_by_key(|figures| figures.period);
        let (all, counting) = (Mutex::new(all), Mutex::new(counting));
        let (opening, look, minuted) = <(Mutex<()>, Notify, Notify)>::default();
        Ok(Self { store, sealer, all, opening, look, minuted, counting })
    }

    /// The tags that records of this person carry.
    fn tags(&self, office: &Office, person: &Person) -> Result<Vec<WorkerTag>, StoreError> {
        let since = office.earliest();
        let by_id = self.store.worker_tags(&person.id, since)?;
        Ok([by_id, self.store.name_tags(&person.name, since)?].concat())
    }

    /// Looks each hour whether those who have a role still do, and whether everybody was told in time.
    pub(crate) async fn watch(self: Arc<Self>, directory: Arc<Directory>, change: Arc<PolicyChange>) {
        let mut ticks = tokio::time::interval(LOOK);
        loop {
            tokio::select! {
                _ = ticks.tick() => {}
                () = self.look.notified() => {}
            }
            let office = Office { policy: change.policy().current(), now: clock::now().wall };
            if let Err(why) = self.look_at_roles(&directory, &office).await {
                tracing::warn!(why, "who has which role in reviews is not known at the moment");
            }
            self.tell_overdue(office.now).await;
        }
    }

    /// A step that the rules refused is recorded too.
    pub(crate) async fn denied(
        &self,
        (act, request): (Act, Option<u64>),
        who: &Signed,
        refusal: Refusal,
        now: Timestamp,
    ) {
        let fields = Fields::default().with("act", act.word()).with("reason", refusal.word());
        let fields = request.into_iter().fold(fields, |fields, number| fields.with("request", number));
        let names = Fields::default().with("worker", who.name.as_str());
        let draft = Draft { fields, names, ..Draft::new(Kind::ReviewDenied, now) };
        if let Err(error) = self.store.note(draft).await {
            tracing::error!(%error, "a refused step of a review is not recorded");
        }
    }

    /// `review request`
    pub(crate) async fn request(&self, office: &Office, who: &Signed, wanted: Wanted) -> Result<Review, NotTaken> {
        let asked = self.asked(office, wanted).await?;
        let mut all = self.all.lock().await;
        let circumstances = all.circumstances(office, &asked.structure);
        let number = all.register.requests + 1;
        let review = Review::request(number, (who, asked), &circumstances, office.now)?;
        let asked = &review.asked;
        let fields = of(&review)
            .with("ground", asked.ground.letter())
            .with("from", asked.from.to_string())
            .with("until", asked.until.to_string())
            .with("role", review.by.role.word());
        let names = Fields::default().with("by", who.name.as_str()).with("reason", asked.reason.as_str());
        let names = asked.subject.name.iter().fold(names, |names, name| names.with("worker", name.as_str()));
        let sessions: Vec<String> = asked.subject.sessions.iter().map(ToString::to_string).collect();
        let names = if sessions.is_empty() { names } else { names.with("sessions", sessions.join(" ")) };
        let draft = draft(Kind::ReviewRequested, &review, (fields, names), office.now);
        let register = Register { requests: number, ..all.register.clone() };
        self.keep(&mut all, review.clone(), Some(register), draft).await?;
        Ok(review)
    }

    /// Whose records those are that somebody wants.
    async fn asked(&self, office: &Office, wanted: Wanted) -> Result<Asked, NotTaken> {
        let Wanted { worker, structure, sessions, events, from, until, ground, reason } = wanted;
        for event in &events {
            if Kind::from_word(event).is_none_or(|kind| kind.journal() != Journal::Workers) {
                return Err(Mistake::NoSuchEvent(event.clone()).into());
            }
        }
        let until = until.unwrap_or_else(|| office.today());
        let (structures, subject, first): (Vec<String>, Subject, Option<Date>) = match worker {
            Some(person) => {
                let structures = office.policy.structures_of(&person.name).iter().map(ToString::to_string).collect();
                let tags = self.tags(office, &person)?;
                let (id, name) = (Some(person.id.to_string()), Some(person.name.to_string()));
                (structures, Subject { id, name, sessions: Vec::new(), tags, known: Vec::new() }, None)
            }
            None => {
                let mut rows = Vec::new();
                for number in &sessions {
                    let row = self.store.session(*number).await?;
                    rows.push(row.ok_or(Mistake::NoSuchSession(*number))?);
                }
                let mut structures: Vec<String> = rows.iter().map(|row| row.structure.clone()).collect();
                structures.sort();
                structures.dedup();
                let first = rows.iter().map(|row| office.day_of(row.opened_at)).min();
                // Whose worker nobody could tell of it afterwards.
                let tags: Option<Vec<WorkerTag>> = rows.iter().map(|row| row.worker).collect();
                let tags = tags.ok_or(Mistake::TooOldSession)?;
                (structures, Subject { id: None, name: None, sessions, tags, known: Vec::new() }, first)
            }
        };
        let from = from.or(first).ok_or(Mistake::NoFirstDay)?;
        let structure = match (structure, &*structures) {
            // Sessions are of the structure that they were opened for, whatever somebody says.
            (Some(named), all) if subject.id.is_none() && all.iter().any(|other| *other != named) => {
                return Err(Mistake::OtherStructures.into());
            }
            (Some(named), _) => named,
            (None, [only]) => only.clone(),
            (None, []) => return Err(Mistake::UnknownStructure.into()),
            (None, _) => return Err(Mistake::SeveralStructures.into()),
        };
        Ok(Asked { structure, subject, events, from, until, ground, reason: reason.trim().to_owned() })
    }

    /// `review approve`
    pub(crate) async fn approve(&self, office: &Office, who: &Signed, number: u64) -> Result<Review, NotTaken> {
        let mut all = self.all.lock().await;
        let review = all.request(number)?;
        let circumstances = all.circumstances(office, &review.asked.structure);
        let next = review.approve(who, &circumstances, office.now)?;
        let Stage::Approved { by } = &next.stage else { return Err(Refusal::NotApproved.into()) };
        let facts = (of(&next).with("role", by.role.word()), named("by", who));
        let draft = draft(Kind::ReviewApproved, &next, facts, office.now);
        self.keep(&mut all, next.clone(), None, draft).await?;
        Ok(next)
    }

    /// `review refuse`
    pub(crate) async fn refuse(
        &self,
        office: &Office,
        who: &Signed,
        number: u64,
        why: &str,
    ) -> Result<Review, NotTaken> {
        let mut all = self.all.lock().await;
        let next = all.request(number)?.refuse(who, why, office.now)?;
        let Stage::Refused { by, why } = &next.stage else { return Err(Refusal::Answered.into()) };
        let facts = (of(&next).with("role", by.role.word()), named("by", who).with("reason", why.as_str()));
        let draft = draft(Kind::ReviewRefused, &next, facts, office.now);
        self.keep(&mut all, next.clone(), None, draft).await?;
        Ok(next)
    }

    /// `review postpone`
    pub(crate) async fn postpone(
        &self,
        office: &Office,
        who: &Signed,
        number: u64,
        (until, why): (Date, &str),
    ) -> Result<Review, NotTaken> {
        let until = office.start_of(until)?;
        let review = self.all.lock().await.request(number)?;
        let known_until = self.known_until(office, &review).await?;
        let mut all = self.all.lock().await;
        let next = all.request(number)?.postpone(who, (until, why), known_until, office.now)?;
        let by = who.acts(Act::Postpone, &next.asked.structure, office.now)?;
        let fields = of(&next).with("until", until.to_string()).with("role", by.role.word());
        let names = named("by", who).with("reason", why.trim());
        let draft = draft(Kind::MessagePostponed, &next, (fields, names), office.now);
        self.keep(&mut all, next.clone(), None, draft).await?;
        Ok(next)
    }

    /// What is recorded about this person, in order; what is sealed stays so.
    pub(crate) async fn own(&self, office: &Office, person: &Person) -> Result<Vec<Kept>, StoreError> {
        let tags = self.tags(office, person)?;
        let sessions = self.store.sessions_under(&tags, (Timestamp::MIN, Timestamp::MAX)).await?;
        let of_sessions = sessions.iter().map(|row| Query { session: Some(row.number), ..Query::default() });
        let naming = tags.iter().map(|tag| Query { named: Some(*tag), ..Query::default() });
        let mut found = BTreeMap::new();
        for query in of_sessions.chain(naming) {
            let mut rows = self.store.read(query);
            while let Some(row) = rows.recv().await {
                let kept = row?;
                // A record may name whoever had this name before; whose a session was is known by the directory's identity.
                let is_theirs =
                    kept.record.session.is_none_or(|number| sessions.iter().any(|session| session.number == number));
                if is_theirs {
                    found.insert(kept.record.sequence, kept);
                }
            }
        }
        Ok(found.into_values().collect())
    }

    /// Until when the workers of the sessions that a request names can be recognised, with the time left that a message needs. None: all of
    /// them were.
    async fn known_until(&self, office: &Office, review: &Review) -> Result<Option<Timestamp>, NotTaken> {
        let subject = &review.asked.subject;
        let mut earliest = None;
        for (number, tag) in subject.sessions.iter().zip(&subject.tags) {
            if subject.unknown().any(|unknown| unknown == tag) {
                let until = match self.store.session(*number).await? {
                    Some(row) => office.recognised_until(row.opened_at)?,
                    None => office.now,
                };
                earliest = Some(earliest.map_or(until, |earliest: Timestamp| earliest.min(until)));
            }
        }
        Ok(earliest)
    }

    /// What was deleted because its time was over is forgotten here as well.
    pub(crate) async fn prune(&self) -> Result<(), StoreError> {
        let mut gone = self.all.lock().await.places();
        for row in self.store.reviews().await? {
            gone.remove(&(row.what, row.number));
        }
        let mut all = self.all.lock().await;
        all.requests.retain(|number, _| !gone.contains(&(Matter::Request, *number)));
        all.notices.retain(|number, _| !gone.contains(&(Matter::Notice, *number)));
        all.figures.retain(|figures| !gone.contains(&(Matter::Figures, counting::number(figures.period))));
        drop(all);
        tracing::info!(reviews = gone.len(), "reviews forgotten, their time is over");
        Ok(())
    }

    /// The minute of this number and its request. Who may not read it is told as if there were none, and that is recorded.
    pub(crate) async fn read_minute(
        &self,
        who: &Signed,
        number: u64,
        now: Timestamp,
    ) -> Result<(u64, Minute), NotTaken> {
        who.acts_somewhere(Act::Read)?;
        let all = self.all.lock().await;
        let found = all.requests.values().find_map(|review| match &review.stage {
            Stage::Minuted { minute, .. } if minute.number == number => Some((review, minute)),
            _ => None,
        });
        let found = found.map(|(review, minute)| (review.number, may_read(who, review, now).map(|()| minute.clone())));
        drop(all);
        match found {
            Some((request, Ok(minute))) => return Ok((request, minute)),
            Some((request, Err(refusal))) => self.denied((Act::Read, Some(request)), who, refusal, now).await,
            None => {}
        }
        Err(Mistake::NoSuchMinute(number).into())
    }

    /// The requests that somebody may read, oldest first.
    pub(crate) async fn readable(&self, who: &Signed, now: Timestamp) -> Vec<Review> {
        let all = self.all.lock().await;
        all.requests.values().filter(|review| may_read(who, review, now).is_ok()).cloned().collect()
    }

    /// One of them. That somebody asked for another one is recorded, and told like one that is not there.
    pub(crate) async fn read_one(&self, who: &Signed, number: u64, now: Timestamp) -> Option<Review> {
        let found = self.all.lock().await.requests.get(&number).cloned()?;
        match may_read(who, &found, now) {
            Ok(()) => Some(found),
            Err(refusal) => {
                self.denied((Act::Read, Some(number)), who, refusal, now).await;
                None
            }
        }
    }

    async fn keep(
        &self,
        all: &mut All,
        review: Review,
        register: Option<Register>,
        draft: Draft,
    ) -> Result<(), StoreError> {
        let now = draft.time;
        let mut rows = vec![self.row((Matter::Request, review.number), &review, now).map_err(StoreError)?];
        if let Some(register) = &register {
            rows.push(self.register(register, now).map_err(StoreError)?);
        }
        self.store.keep_review(rows, draft).await?;
        all.requests.insert(review.number, review);
        if let Some(register) = register {
            all.register = register;
        }
        Ok(())
    }

    fn register(&self, register: &Register, now: Timestamp) -> Result<ReviewRow, String> {
        self.row((Matter::Register, 0), register, now)
    }

    fn row(&self, (what, number): (Matter, u64), kept: &impl Serialize, now: Timestamp) -> Result<ReviewRow, String> {
        let sealed = self.sealer.seal((what, number), kept)?;
        Ok(ReviewRow { what, number, changed_at: now, sealed: sealed.into() })
    }
}

/// Nobody reads what concerns them before they are told.
fn may_read(who: &Signed, review: &Review, now: Timestamp) -> Result<(), Refusal> {
    if who.is(&review.asked.subject) {
        return Err(Refusal::Subject);
    }
    who.acts(Act::Read, &review.asked.structure, now).map(|_| ())
}

impl All {
    /// The roles of somebody, by the directory's identity.
    fn held_by(&self, id: &str) -> Vec<Held> {
        let theirs = self.register.holders.iter().filter(|holder| holder.id == id);
        theirs.map(|holder| holder.held.clone()).collect()
    }

    fn request(&self, number: u64) -> Result<Review, NotTaken> {
        let review = self.requests.get(&number).cloned();
        review.ok_or_else(|| Mistake::NoSuchRequest(number).into())
    }

    /// The requests that concern somebody and that they may know of.
    fn concerning<'a>(&'a self, who: &'a Signed, now: Timestamp) -> impl Iterator<Item = &'a Review> {
        self.requests.values().filter(move |review| review.is_told(now) && who.is_told(&review.asked.subject))
    }

    /// Where everything that is here lies in the database, but for what is never deleted.
    fn places(&self) -> BTreeSet<(Matter, u64)> {
        let requests = self.requests.keys().map(|number| (Matter::Request, *number));
        let notices = self.notices.keys().map(|number| (Matter::Notice, *number));
        let figures = self.figures.iter().map(|figures| (Matter::Figures, counting::number(figures.period)));
        requests.chain(notices).chain(figures).collect()
    }

    fn circumstances(&self, office: &Office, structure: &str) -> Circumstances {
        let notices = self.notices.values().filter(|notice| notice.structure == structure);
        Circumstances {
            lawful_from: office.policy.lawful().map(|lawful| lawful.from),
            today: office.today(),
            notice_on: notices.map(|notice| office.day_of(notice.by.at)).max(),
            anomaly_on: self.anomaly_at(structure),
        }
    }
}

/// A text without the blanks around it; none if there is nothing else.
fn written(text: Option<String>) -> Option<String> {
    text.map(|text| text.trim().to_owned()).filter(|text| !text.is_empty())
}

fn of(review: &Review) -> Fields {
    Fields::default().with("request", review.number)
}

fn named(what: &str, who: &Signed) -> Fields {
    Fields::default().with(what, who.name.as_str())
}

fn draft(kind: Kind, review: &Review, (fields, names): (Fields, Fields), now: Timestamp) -> Draft {
    Draft { structure: Some(review.asked.structure.clone()), fields, names, ..Draft::new(kind, now) }
}
