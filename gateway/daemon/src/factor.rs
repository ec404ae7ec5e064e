//! Second factors: whose there are, whether the one that is shown holds, and how a worker comes by one.
//!
//! ```text
//!   nothing ── the office asks for an enrolment code ──► offered ── the worker shows it, and the app's first code ──► enrolled
//!                                                           ▲                                                            │
//!                                                           └───────────── reset by the office ◄────────────────────────┘
//! ```
//!
//! Kept by the directory's identity, so that a renamed account keeps its own and a reused name gets nobody else's. What counts
//! once, a code or a recovery code, is used up on disk before it counts.
//!
//! What it refuses to know: passwords, who needs a second factor, and what strangers are told.

mod code;
mod sealed;
mod totp;

use std::{
    collections::HashMap,
    net::IpAddr,
    path::Path,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use gateway_api::{
    factor::{Happened, News, RECOVERY_CODES},
    login::Code,
};
use gateway_record::{Draft, Fields, Kind};
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use subtle::ConstantTimeEq as _;
use tokio::sync::Semaphore;
use zeroize::Zeroizing;

use self::{
    code::Typed,
    sealed::{Sealer, Tag},
    totp::{Secret, Shown},
};
use crate::{
    directory::Person,
    identity,
    store::{FactorRow, Store, StoreError},
};

/// How long an enrolment code may be used.
const OFFERED_FOR: SignedDuration = SignedDuration::from_hours(7 * 24);
/// How long a worker is told at every login what happened to the second factor, once told for the first time: a thief who signs in
/// first does not take the news away.
const NEWS_FOR: SignedDuration = SignedDuration::from_hours(7 * 24);
/// How many recovery codes are hashed at the same time.
const HASHED_AT_ONCE: usize = 2;

/// All second factors.
#[derive(Debug)]
pub(crate) struct Factors {
    store: Store,
    sealer: Sealer,
    /// A person's row is held while it is looked at and changed: no code counts twice for being sent twice at once.
    rows: Mutex<HashMap<Tag, Row>>,
    hashing: Semaphore,
}

/// One person's, sealed; none if nothing is left of it.
type Row = Arc<tokio::sync::Mutex<Option<Arc<[u8]>>>>;

/// What is kept of one person.
#[derive(Debug, Deserialize, Serialize)]
struct Kept {
    /// The name in the directory, for lists.
    name: String,
    #[serde(default)]
    offer: Option<Offer>,
    #[serde(default)]
    active: Option<Active>,
    #[serde(default)]
    news: Vec<Told>,
}

/// The office waits for an enrolment.
#[derive(Debug, Deserialize, Serialize)]
struct Offer {
    /// SHA-256 of the enrolment code.
    code: [u8; 32],
    ends_at: Timestamp,
    /// What the worker's app was told, and has not confirmed yet.
    #[serde(default)]
    secret: Option<Secret>,
}

/// A second factor that counts.
#[derive(Debug, Deserialize, Serialize)]
struct Active {
    secret: Secret,
    /// The last step of which a code was used: none up to it counts again (RFC 6238, section 5.2).
    last_step: u64,
    since: Timestamp,
    salt: [u8; 16],
    /// argon2id of the recovery codes that are left.
    recovery: Vec<[u8; 32]>,
}

#[derive(Debug, Clone, Copy, Deserialize, Serialize)]
struct Told {
    what: Happened,
    at: Timestamp,
    /// Whether a login has told it.
    told: bool,
}

/// Why what was shown does not hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum NotShown {
    /// It is not right; the record's word for how.
    Wrong(&'static str),
    /// It may be right, and that could not be kept: then it does not count.
    Failed(StoreError),
}

impl From<StoreError> for NotShown {
    fn from(error: StoreError) -> Self {
        Self::Failed(error)
    }
}

/// Why an enrolment is not completed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum NotConfirmed {
    /// The app shows another code; by how many seconds a clock is off, if that is why.
    OtherCode(Option<i64>),
    /// There is nothing to confirm any more.
    NothingBegun,
    /// It could not be kept.
    Failed(StoreError),
}

/// Why the office does not get what it asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum NotDone {
    /// There is a second factor already.
    Enrolled,
    /// There is none.
    NotEnrolled,
    /// It could not be kept.
    Failed(StoreError),
}

/// An enrolment code, for the office to hand over.
#[derive(Debug)]
pub(crate) struct Offered {
    pub(crate) code: Code,
    pub(crate) ends_at: Timestamp,
}

/// How somebody's second factor stands.
#[derive(Debug, Serialize)]
pub(crate) struct Listed {
    /// The name in the directory, as of the last time that it was seen.
    pub(crate) worker: String,
    /// Since when it counts.
    pub(crate) enrolled_at: Option<Timestamp>,
    /// How many recovery codes are left.
    pub(crate) recovery_codes: Option<usize>,
    /// Until when an enrolment code may be used.
    pub(crate) offered_until: Option<Timestamp>,
}

impl Factors {
    /// Reads what is kept. Second factors that the key does not open are told of: who had one shows none.
    pub(crate) async fn open(state: &Path, store: Store) -> Result<Self, String> {
        let sealer = Sealer::new(&*identity::factors_key(state)?)?;
        let kept = store.factors().await.map_err(|error| error.to_string())?;
        let mut rows = HashMap::new();
        let mut foreign = 0;
        for FactorRow { person, sealed } in kept {
            match sealed.filter(|sealed| sealer.open::<Kept>(&person, sealed).is_some()) {
                Some(sealed) => drop(rows.insert(person, Arc::new(tokio::sync::Mutex::new(Some(sealed))))),
                None => foreign += 1,
            }
        }
        if foreign > 0 {
            tracing::error!(
                second_factors = foreign,
                "second factors cannot be opened: put the `factors-key` back that they were sealed with, or give their workers new ones with `factor enrol`"
            );
        }
        Ok(Self { store, sealer, rows: Mutex::new(rows), hashing: Semaphore::new(HASHED_AT_ONCE) })
    }

    /// Whether this person has a second factor.
    pub(crate) async fn is_enrolled(&self, person: &Person) -> bool {
        let tag = self.sealer.tag(&person.id);
        let row = self.row(&tag);
        let held = row.lock().await;
        self.read(&tag, held.as_ref()).is_some_and(|kept| kept.active.is_some())
    }

    /// Whether `code` is this person's second factor now. If so it is used up, on disk.
    pub(crate) async fn show(
        &self,
        person: &Person,
        code: Option<&Code>,
        from: IpAddr,
        now: Timestamp,
    ) -> Result<(), NotShown> {
        let tag = self.sealer.tag(&person.id);
        let row = self.row(&tag);
        let mut held = row.lock().await;
        let kept = self.read(&tag, held.as_ref());
        let Some(code) = code else { return Err(NotShown::Wrong("second_factor_missing")) };
        let typed = Typed::read(code);
        let Some(mut kept) = kept.filter(|kept| kept.active.is_some()) else {
            self.hash_in_vain(&typed).await;
            return Err(NotShown::Wrong("second_factor_not_enrolled"));
        };
        let draft = match &mut kept.active {
            Some(active) => match typed {
                Typed::Digits(digits) => active.use_up(&digits, now).map(|()| None)?,
                Typed::Recovery(letters) => {
                    let hash = self.hash(letters, active.salt).await?;
                    active.use_up_recovery(&hash)?;
                    Some(recovery_used(person, active.recovery.len(), from, now))
                }
                Typed::Other => return Err(NotShown::Wrong("second_factor_wrong")),
            },
            None => return Err(NotShown::Wrong("second_factor_not_enrolled")),
        };
        if draft.is_some() {
            kept.news.push(Told { what: Happened::RecoveryCodeUsed, at: now, told: false });
        }
        (*person.name).clone_into(&mut kept.name);
        Ok(self.keep(&tag, &mut held, Some(&kept), draft).await?)
    }

    /// Takes as long as a code that somebody has to show would take, for those of whom none is looked at.
    pub(crate) async fn show_in_vain(&self, code: Option<&Code>) {
        if let Some(code) = code {
            self.hash_in_vain(&Typed::read(code)).await;
        }
    }

    async fn hash_in_vain(&self, typed: &Typed) {
        if let Typed::Recovery(letters) = typed {
            let _ = self.hash(letters.clone(), [0; 16]).await;
        }
    }

    /// Whether the office gave this person `code` for an enrolment. It is not used up.
    pub(crate) async fn show_enrolment(&self, person: &Person, code: &Code, now: Timestamp) -> Result<(), NotShown> {
        let tag = self.sealer.tag(&person.id);
        let row = self.row(&tag);
        let held = row.lock().await;
        let offer = self.read(&tag, held.as_ref()).and_then(|kept| kept.offer);
        let Some(offer) = offer else { return Err(NotShown::Wrong("enrolment_not_offered")) };
        match code::enrolment_hash(code) {
            Some(hash) if bool::from(hash.ct_eq(&offer.code)) && now < offer.ends_at => Ok(()),
            Some(hash) if bool::from(hash.ct_eq(&offer.code)) => Err(NotShown::Wrong("enrolment_code_expired")),
            Some(_) | None => Err(NotShown::Wrong("enrolment_code_wrong")),
        }
    }

    /// A secret for this person's app, in the place of one that was not confirmed; in base32.
    pub(crate) async fn begin(&self, person: &Person) -> Result<Code, NotConfirmed> {
        let tag = self.sealer.tag(&person.id);
        let row = self.row(&tag);
        let mut held = row.lock().await;
        let mut kept = self.read(&tag, held.as_ref());
        let offer = kept.as_mut().and_then(|kept| kept.offer.as_mut()).ok_or(NotConfirmed::NothingBegun)?;
        let secret = Secret::new(random().map_err(NotConfirmed::Failed)?);
        let text = code::for_apps(&secret);
        offer.secret = Some(secret);
        self.keep(&tag, &mut held, kept.as_ref(), None).await.map_err(NotConfirmed::Failed)?;
        Ok(text)
    }

    /// Enrols this person if `code` is what the app should show. Returns the recovery codes.
    pub(crate) async fn confirm(
        &self,
        person: &Person,
        code: &Code,
        from: IpAddr,
        now: Timestamp,
    ) -> Result<Vec<Code>, NotConfirmed> {
        let tag = self.sealer.tag(&person.id);
        let row = self.row(&tag);
        let mut held = row.lock().await;
        let mut kept = self.read(&tag, held.as_ref()).ok_or(NotConfirmed::NothingBegun)?;
        let offer = kept.offer.take().ok_or(NotConfirmed::NothingBegun)?;
        let secret = offer.secret.ok_or(NotConfirmed::NothingBegun)?;
        let shown = match Typed::read(code) {
            Typed::Digits(digits) => secret.compare(&digits, now),
            Typed::Recovery(_) | Typed::Other => Shown::Wrong,
        };
        let last_step = match shown {
            Shown::Step(step) => step,
            Shown::ClockOff(off) => return Err(NotConfirmed::OtherCode(Some(off))),
            Shown::Wrong => return Err(NotConfirmed::OtherCode(None)),
        };
        let enrolled = async {
            let salt = random()?;
            let mut codes = Vec::with_capacity(RECOVERY_CODES);
            let mut recovery = Vec::with_capacity(RECOVERY_CODES);
            for _ in 0..RECOVERY_CODES {
                let code = code::recovery(&random()?);
                recovery.push(code::drawn_recovery_hash(&code, &salt).map_err(StoreError)?);
                codes.push(code);
            }
            kept.active = Some(Active { secret, last_step, since: now, salt, recovery });
            kept.news.push(Told { what: Happened::Enrolled, at: now, told: false });
            let draft = Draft { names: by(person, from), ..Draft::new(Kind::FactorEnrolled, now) };
            self.keep(&tag, &mut held, Some(&kept), Some(draft)).await?;
            Ok(codes)
        };
        enrolled.await.map_err(NotConfirmed::Failed)
    }

    /// What happened to this person's second factor and was not told long ago; from now on it counts as told.
    pub(crate) async fn news(&self, person: &Person, now: Timestamp) -> Vec<News> {
        let tag = self.sealer.tag(&person.id);
        let row = self.row(&tag);
        let mut held = row.lock().await;
        let Some(mut kept) = self.read(&tag, held.as_ref()) else { return Vec::new() };
        let before = kept.news.len();
        let news = kept.news.iter().map(|told| News { what: told.what, at: told.at.as_second() }).collect();
        let is_new = kept.news.iter().any(|told| !told.told);
        kept.news.iter_mut().for_each(|told| told.told = true);
        kept.news.retain(|told| now.duration_since(told.at) < NEWS_FOR);
        if (is_new || kept.news.len() < before)
            && let Err(error) = self.keep(&tag, &mut held, Some(&kept), None).await
        {
            tracing::warn!(%error, "news of a second factor are told once more than needed");
        }
        news
    }

    /// An enrolment code for somebody who has no second factor, in the place of an earlier one.
    pub(crate) async fn offer(&self, person: &Person, now: Timestamp, draft: Draft) -> Result<Offered, NotDone> {
        let tag = self.sealer.tag(&person.id);
        let row = self.row(&tag);
        let mut held = row.lock().await;
        let kept = self.read(&tag, held.as_ref()).unwrap_or_else(|| Kept::nothing(person));
        if kept.active.is_some() {
            return Err(NotDone::Enrolled);
        }
        self.offer_to(&tag, &mut held, kept, now, draft).await
    }

    /// Takes a second factor back, or a code for one, and gives a code for another.
    pub(crate) async fn reset(&self, person: &Person, now: Timestamp, draft: Draft) -> Result<Offered, NotDone> {
        let tag = self.sealer.tag(&person.id);
        let row = self.row(&tag);
        let mut held = row.lock().await;
        let kept = self.read(&tag, held.as_ref()).filter(Kept::is_something);
        let mut kept = kept.ok_or(NotDone::NotEnrolled)?;
        if kept.active.take().is_some() {
            kept.news.push(Told { what: Happened::Reset, at: now, told: false });
        }
        (*person.name).clone_into(&mut kept.name);
        self.offer_to(&tag, &mut held, kept, now, draft).await
    }

    async fn offer_to(
        &self,
        tag: &Tag,
        held: &mut Option<Arc<[u8]>>,
        mut kept: Kept,
        now: Timestamp,
        draft: Draft,
    ) -> Result<Offered, NotDone> {
        let code = code::enrolment(&random().map_err(NotDone::Failed)?);
        let hash = code::enrolment_hash(&code);
        let hash =
            hash.ok_or_else(|| NotDone::Failed(StoreError("an enrolment code was drawn that is none".to_owned())))?;
        let ends_at = now.saturating_add(OFFERED_FOR).unwrap_or(Timestamp::MAX);
        kept.offer = Some(Offer { code: hash, ends_at, secret: None });
        self.keep(tag, held, Some(&kept), Some(draft)).await.map_err(NotDone::Failed)?;
        Ok(Offered { code, ends_at })
    }

    /// Removes a second factor, or a code for one. Whose it was is told so at the next login.
    pub(crate) async fn remove(&self, id: &str, now: Timestamp, draft: Draft) -> Result<(), NotDone> {
        self.remove_of(self.sealer.tag(id), now, draft).await
    }

    /// The same for somebody whose identity is not known any more, by the name in the list.
    pub(crate) async fn remove_listed(&self, worker: &str, now: Timestamp, draft: Draft) -> Result<(), NotDone> {
        let name = policy::folded(worker);
        for (tag, row) in self.all() {
            let held = row.lock().await;
            let kept = self.read(&tag, held.as_ref()).filter(Kept::is_something);
            drop(held);
            if kept.is_some_and(|kept| policy::folded(&kept.name) == name) {
                return self.remove_of(tag, now, draft).await;
            }
        }
        Err(NotDone::NotEnrolled)
    }

    async fn remove_of(&self, tag: Tag, now: Timestamp, draft: Draft) -> Result<(), NotDone> {
        let row = self.row(&tag);
        let mut held = row.lock().await;
        let kept = self.read(&tag, held.as_ref()).filter(Kept::is_something);
        let mut kept = kept.ok_or(NotDone::NotEnrolled)?;
        if kept.active.take().is_some() {
            kept.news.push(Told { what: Happened::Removed, at: now, told: false });
        }
        kept.offer = None;
        self.keep(&tag, &mut held, Some(&kept), Some(draft)).await.map_err(NotDone::Failed)
    }

    /// Everybody who has a second factor or a code for one, by name.
    pub(crate) async fn list(&self, now: Timestamp) -> Vec<Listed> {
        let mut list = Vec::new();
        for (tag, row) in self.all() {
            let held = row.lock().await;
            let Some(kept) = self.read(&tag, held.as_ref()).filter(Kept::is_something) else { continue };
            list.push(Listed {
                worker: kept.name,
                enrolled_at: kept.active.as_ref().map(|active| active.since),
                recovery_codes: kept.active.as_ref().map(|active| active.recovery.len()),
                offered_until: kept.offer.map(|offer| offer.ends_at).filter(|ends_at| now < *ends_at),
            });
        }
        list.sort_by(|a, b| a.worker.cmp(&b.worker));
        list
    }

    fn rows(&self) -> MutexGuard<'_, HashMap<Tag, Row>> {
        self.rows.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn all(&self) -> Vec<(Tag, Row)> {
        self.rows().iter().map(|(tag, row)| (*tag, Arc::clone(row))).collect()
    }

    /// Only people whose password held, or whom the office names, come here: rows of nobody do not pile up.
    fn row(&self, tag: &Tag) -> Row {
        Arc::clone(self.rows().entry(*tag).or_default())
    }

    fn read(&self, tag: &Tag, sealed: Option<&Arc<[u8]>>) -> Option<Kept> {
        self.sealer.open(tag, sealed?)
    }

    /// Durable when this returns, together with its record.
    async fn keep(
        &self,
        tag: &Tag,
        held: &mut Option<Arc<[u8]>>,
        kept: Option<&Kept>,
        draft: Option<Draft>,
    ) -> Result<(), StoreError> {
        let kept = kept.filter(|kept| kept.is_something() || !kept.news.is_empty());
        let sealed: Option<Arc<[u8]>> = match kept {
            Some(kept) => Some(self.sealer.seal(tag, kept).map_err(StoreError)?.into()),
            None => None,
        };
        // In memory first: what may have reached the disk is not used again, whatever became of the writing.
        held.clone_from(&sealed);
        self.store.keep_factor(FactorRow { person: *tag, sealed }, draft).await
    }

    async fn hash(&self, letters: Zeroizing<String>, salt: [u8; 16]) -> Result<[u8; 32], StoreError> {
        let broken = || StoreError("hashing a recovery code broke off".to_owned());
        let _place = self.hashing.acquire().await.map_err(|_| broken())?;
        let hashed = tokio::task::spawn_blocking(move || code::recovery_hash(&letters, &salt)).await;
        hashed.map_err(|_| broken())?.map_err(StoreError)
    }
}

impl Kept {
    fn nothing(person: &Person) -> Self {
        Self { name: person.name.to_string(), offer: None, active: None, news: Vec::new() }
    }

    /// Whether there is a second factor, or a code for one.
    fn is_something(&self) -> bool {
        self.active.is_some() || self.offer.is_some()
    }
}

impl Active {
    fn use_up(&mut self, digits: &str, now: Timestamp) -> Result<(), NotShown> {
        match self.secret.compare(digits, now) {
            Shown::Step(step) if step > self.last_step => {
                self.last_step = step;
                Ok(())
            }
            Shown::Step(_) => Err(NotShown::Wrong("second_factor_used")),
            Shown::ClockOff(seconds) => {
                tracing::warn!(
                    seconds,
                    "a second factor would hold at another time: is the clock of the worker's phone right, and the gateway's?"
                );
                Err(NotShown::Wrong("second_factor_clock"))
            }
            Shown::Wrong => Err(NotShown::Wrong("second_factor_wrong")),
        }
    }

    fn use_up_recovery(&mut self, hash: &[u8; 32]) -> Result<(), NotShown> {
        let left = self.recovery.len();
        self.recovery.retain(|kept| !bool::from(kept.ct_eq(hash)));
        if self.recovery.len() < left { Ok(()) } else { Err(NotShown::Wrong("recovery_code_wrong")) }
    }
}

fn recovery_used(person: &Person, left: usize, from: IpAddr, now: Timestamp) -> Draft {
    let fields = Fields::default().with("left", u64::try_from(left).unwrap_or(u64::MAX));
    Draft { fields, names: by(person, from), ..Draft::new(Kind::RecoveryCodeUsed, now) }
}

/// Who did it, and from where.
fn by(person: &Person, from: IpAddr) -> Fields {
    Fields::default().with("worker", &*person.name).with("from", from.to_string())
}

fn random<const N: usize>() -> Result<[u8; N], StoreError> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).map_err(|error| StoreError(format!("the system gives no random bytes: {error}")))?;
    Ok(bytes)
}

#[cfg(test)]
mod tests;
