//! A request from its first step to its last.
//!
//! ```text
//!   Requested ──approve──► Approved ──open──► Opened ──minute──► Minuted { message: waiting, put off, read }
//!       └──────refuse────► Refused
//! ```
//!
//! A step gives the next state and leaves the former as it is: whoever keeps them writes the step down first.

use jiff::{SignedDuration, Timestamp, civil::Date};
use serde::{Deserialize, Serialize};

use super::{Act, Asked, Circumstances, Ground, Role, SHORTEST_REASON, Signed, Subject, Tag};
use crate::Hash;

/// How long an approver must have had the role.
pub const HELD_FOR: SignedDuration = SignedDuration::from_hours(7 * 24);
/// How long after its approval a request may be opened.
pub const OPEN_WITHIN: SignedDuration = SignedDuration::from_hours(7 * 24);
/// How long an opening lasts.
pub const OPEN_FOR: SignedDuration = SignedDuration::from_hours(7 * 24);
/// Within which time after the opening the worker is to be told.
pub const MESSAGE_WITHIN: SignedDuration = SignedDuration::from_hours(10 * 24);
/// By how much, from the opening on, the message may be put off at most.
pub const POSTPONED_BY: SignedDuration = SignedDuration::from_hours(90 * 24);

/// How long an extract may be kept at most.
pub const KEPT_FOR: SignedDuration = SignedDuration::from_hours(5 * 366 * 24);

/// Who took a step, as what, and when.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct By {
    /// The directory's identity.
    pub id: String,
    /// The name in the directory.
    pub name: String,
    /// The role that gave the right.
    pub role: Role,
    /// When.
    pub at: Timestamp,
}

/// One request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Review {
    /// Its number.
    pub number: u64,
    /// What is asked for.
    pub asked: Asked,
    /// By whom.
    pub by: By,
    /// How far it has come.
    pub stage: Stage,
    /// What is kept of it for a procedure, longer than an opening lasts.
    #[serde(default)]
    pub extracts: Vec<Extract>,
}

/// The records of an opening, kept for a procedure until its end.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Extract {
    /// To whom it was handed.
    pub by: By,
    /// Until when it opens.
    pub until: Timestamp,
    /// For which procedure.
    pub why: String,
    /// Of what was handed out.
    pub digest: Hash,
}

/// How far a request has come.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(clippy::large_enum_variant, reason = "an office has a handful of requests")]
pub enum Stage {
    /// It waits for a second person.
    Requested,
    /// That person said no.
    Refused {
        /// Who.
        by: By,
        /// Why.
        why: String,
    },
    /// That person said yes.
    Approved {
        /// Who.
        by: By,
    },
    /// The records were handed out; the minute is missing.
    Opened {
        /// Who said yes.
        approved: By,
        /// What was handed out.
        opening: Opening,
    },
    /// The minute is written.
    Minuted {
        /// Who said yes.
        approved: By,
        /// What was handed out.
        opening: Opening,
        /// The minute.
        minute: Minute,
        /// What the worker is told of it.
        message: Message,
    },
}

/// What was handed out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Opening {
    /// To whom.
    pub by: By,
    /// Until when it may be opened again.
    pub until: Timestamp,
    /// The places of the records in the workers' journal.
    pub records: Vec<u64>,
    /// Of what was handed out.
    pub digest: Hash,
}

/// The minute of an opening.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Minute {
    /// Its number.
    pub number: u64,
    /// What it says.
    pub text: String,
    /// SHA-256 of that.
    pub hash: Hash,
}

/// What the worker is told, and whether they were.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Message {
    /// When they are to have been told.
    pub due: Timestamp,
    /// Until when it was put off, if it was.
    pub postponed: Option<Postponed>,
    /// When they read it; where it is for several, when the last of them did.
    pub read_at: Option<Timestamp>,
    /// The tags of those who have read it, where the request names sessions: each is told.
    #[serde(default)]
    pub read_by: Vec<Tag>,
    /// To whom it went by mail, by the directory's identity.
    #[serde(default)]
    pub mailed: Vec<String>,
}

/// A message that was put off.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Postponed {
    /// By whom.
    pub by: By,
    /// Until when.
    pub until: Timestamp,
    /// Why.
    pub why: String,
}

/// Why a step is refused: each names what is missing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// The office has adopted no rules.
    NotLawful,
    /// They are not in force yet.
    NotLawfulYet(Date),
    /// What happened before they were in force is nobody's to review.
    BeforeTheRules(Date),
    /// No role of theirs gives the right.
    NoRight(Act),
    /// Whoever runs the gateway has no part in it.
    Administrator,
    /// The second person is the first.
    Requester,
    /// It is about their own records.
    Subject,
    /// The role is too new; when it will not be.
    HeldTooShort(Timestamp),
    /// The reason is missing, or too short to be one.
    NoReason,
    /// The days are in the wrong order, or not over.
    NoPeriod,
    /// It names nobody and no session.
    NoSubject,
    /// Ground a: there was no general notice.
    NoNotice,
    /// Ground c: no published figures show an anomaly.
    NoAnomaly,
    /// The second person has not answered.
    NotApproved,
    /// The second person has answered.
    Answered,
    /// The second person said no.
    Refused,
    /// The approval, or the opening, is over since.
    Over(Timestamp),
    /// It was not opened.
    NotOpened,
    /// The minute is not written.
    NotMinuted,
    /// It is written already.
    Minuted,
    /// The worker has read the message.
    MessageRead,
    /// It cannot be put off until then; until when it can.
    TooLate(Timestamp),
    /// It cannot be kept until then; until when it can.
    KeptTooLong(Timestamp),
}

impl Refusal {
    /// The word in the record.
    pub fn word(self) -> &'static str {
        match self {
            Self::NotLawful => "not_lawful",
            Self::NotLawfulYet(_) => "not_lawful_yet",
            Self::BeforeTheRules(_) => "before_the_rules",
            Self::NoRight(_) => "no_right",
            Self::Administrator => "administrator",
            Self::Requester => "requester",
            Self::Subject => "subject",
            Self::HeldTooShort(_) => "held_too_short",
            Self::NoReason => "no_reason",
            Self::NoPeriod => "no_period",
            Self::NoSubject => "no_subject",
            Self::NoNotice => "no_notice",
            Self::NoAnomaly => "no_anomaly",
            Self::NotApproved => "not_approved",
            Self::Answered => "answered",
            Self::Refused => "refused",
            Self::Over(_) => "over",
            Self::NotOpened => "not_opened",
            Self::NotMinuted => "not_minuted",
            Self::Minuted => "minuted",
            Self::MessageRead => "message_read",
            Self::TooLate(_) => "too_late",
            Self::KeptTooLong(_) => "kept_too_long",
        }
    }
}

impl Circumstances {
    /// Whether there can be reviews at all.
    pub fn lawful(&self) -> Result<Date, Refusal> {
        match self.lawful_from {
            None => Err(Refusal::NotLawful),
            Some(from) if self.today < from => Err(Refusal::NotLawfulYet(from)),
            Some(from) => Ok(from),
        }
    }
}

impl Signed {
    /// The role by which they may act, as what they then do.
    pub fn acts(&self, act: Act, structure: &str, at: Timestamp) -> Result<By, Refusal> {
        let held = self.entitled(act, structure).next().ok_or(Refusal::NoRight(act))?;
        Ok(self.by(&held.role, at))
    }

    fn by(&self, role: &Role, at: Timestamp) -> By {
        By { id: self.id.clone(), name: self.name.clone(), role: role.clone(), at }
    }
}

impl Review {
    /// A motivated request. `now` is the moment, of the day that the circumstances name.
    pub fn request(
        number: u64,
        (who, asked): (&Signed, Asked),
        circumstances: &Circumstances,
        now: Timestamp,
    ) -> Result<Self, Refusal> {
        let from = circumstances.lawful()?;
        let by = who.acts(Act::Request, &asked.structure, now)?;
        let subject = &asked.subject;
        if subject.id.is_none() && subject.sessions.is_empty() {
            return Err(Refusal::NoSubject);
        }
        if who.is(subject) {
            return Err(Refusal::Subject);
        }
        if asked.until < asked.from || circumstances.today < asked.until {
            return Err(Refusal::NoPeriod);
        }
        if asked.from < from {
            return Err(Refusal::BeforeTheRules(from));
        }
        reasoned(&asked.reason)?;
        match asked.ground {
            // What persists after a notice was there after its day.
            Ground::A if circumstances.notice_on.is_none_or(|on| asked.until <= on) => return Err(Refusal::NoNotice),
            Ground::C if circumstances.anomaly_on.is_none() => return Err(Refusal::NoAnomaly),
            Ground::A | Ground::B | Ground::C | Ground::D => {}
        }
        Ok(Self { number, asked, by, stage: Stage::Requested, extracts: Vec::new() })
    }

    /// The second person says yes.
    pub fn approve(&self, who: &Signed, circumstances: &Circumstances, now: Timestamp) -> Result<Self, Refusal> {
        circumstances.lawful()?;
        self.is_unanswered()?;
        self.second_person(who, now)?;
        let known = |since: Timestamp| since.saturating_add(HELD_FOR).unwrap_or(Timestamp::MAX);
        let oldest = who.entitled(Act::Approve, &self.asked.structure).min_by_key(|held| held.since);
        let oldest = oldest.ok_or(Refusal::NoRight(Act::Approve))?;
        match known(oldest.since) {
            until if now < until => Err(Refusal::HeldTooShort(until)),
            _ => Ok(self.at(Stage::Approved { by: who.by(&oldest.role, now) })),
        }
    }

    /// The second person says no.
    pub fn refuse(&self, who: &Signed, why: &str, now: Timestamp) -> Result<Self, Refusal> {
        self.is_unanswered()?;
        let by = self.second_person(who, now)?;
        reasoned(why)?;
        Ok(self.at(Stage::Refused { by, why: why.trim().to_owned() }))
    }

    fn is_unanswered(&self) -> Result<(), Refusal> {
        match &self.stage {
            Stage::Requested => Ok(()),
            Stage::Refused { .. } | Stage::Approved { .. } | Stage::Opened { .. } | Stage::Minuted { .. } => {
                Err(Refusal::Answered)
            }
        }
    }

    fn second_person(&self, who: &Signed, now: Timestamp) -> Result<By, Refusal> {
        let by = who.acts(Act::Approve, &self.asked.structure, now)?;
        if who.is_administrator() {
            return Err(Refusal::Administrator);
        }
        if who.id == self.by.id {
            return Err(Refusal::Requester);
        }
        if who.is(&self.asked.subject) {
            return Err(Refusal::Subject);
        }
        Ok(by)
    }

    /// Whether the reviewer office may open it now, for the first time or again, and until when what they open is theirs.
    pub fn may_open(
        &self,
        who: &Signed,
        circumstances: &Circumstances,
        now: Timestamp,
    ) -> Result<(By, Timestamp), Refusal> {
        circumstances.lawful()?;
        let by = who.acts(Act::Open, &self.asked.structure, now)?;
        if who.is_administrator() {
            return Err(Refusal::Administrator);
        }
        if who.is(&self.asked.subject) {
            return Err(Refusal::Subject);
        }
        let later = |at: Timestamp, by: SignedDuration| at.saturating_add(by).unwrap_or(Timestamp::MAX);
        let (over, until) = match &self.stage {
            Stage::Requested => return Err(Refusal::NotApproved),
            Stage::Refused { .. } => return Err(Refusal::Refused),
            Stage::Approved { by } => (later(by.at, OPEN_WITHIN), later(now, OPEN_FOR)),
            Stage::Opened { opening, .. } | Stage::Minuted { opening, .. } => (opening.until, opening.until),
        };
        if over <= now { Err(Refusal::Over(over)) } else { Ok((by, until)) }
    }

    /// What [`Self::may_open`] lets pass was handed out: once; what is opened again changes nothing.
    #[must_use]
    pub fn open(&self, opening: Opening) -> Self {
        match &self.stage {
            Stage::Approved { by } => self.at(Stage::Opened { approved: by.clone(), opening }),
            Stage::Requested | Stage::Refused { .. } | Stage::Opened { .. } | Stage::Minuted { .. } => self.clone(),
        }
    }

    /// Whether what was opened, and is still open, may be kept for a procedure: by whom.
    pub fn may_keep(
        &self,
        who: &Signed,
        circumstances: &Circumstances,
        (until, why): (Timestamp, &str),
        now: Timestamp,
    ) -> Result<By, Refusal> {
        let (by, _) = self.may_open(who, circumstances, now)?;
        self.told()?;
        reasoned(why)?;
        let latest = now.saturating_add(KEPT_FOR).unwrap_or(Timestamp::MAX);
        if until <= now || latest < until { Err(Refusal::KeptTooLong(latest)) } else { Ok(by) }
    }

    /// What [`Self::may_keep`] lets pass is kept.
    #[must_use]
    pub fn keep(&self, extract: Extract) -> Self {
        let mut next = self.clone();
        next.extracts.push(extract);
        next
    }

    /// Its minute is written, and the worker is to be told.
    pub fn minute(&self, minute: Minute) -> Result<Self, Refusal> {
        match &self.stage {
            Stage::Requested | Stage::Approved { .. } => Err(Refusal::NotOpened),
            Stage::Refused { .. } => Err(Refusal::Refused),
            Stage::Minuted { .. } => Err(Refusal::Minuted),
            Stage::Opened { approved, opening } => {
                let due = opening.by.at.saturating_add(MESSAGE_WITHIN).unwrap_or(Timestamp::MAX);
                let message = Message { due, postponed: None, read_at: None, read_by: Vec::new(), mailed: Vec::new() };
                let (approved, opening) = (approved.clone(), opening.clone());
                Ok(self.at(Stage::Minuted { approved, opening, minute, message }))
            }
        }
    }

    /// The message to the worker is put off, with a reason; not beyond `known_until`, from which on nobody could say any more whose the
    /// sessions were that it names. None: that is known.
    pub fn postpone(
        &self,
        who: &Signed,
        (until, why): (Timestamp, &str),
        known_until: Option<Timestamp>,
        now: Timestamp,
    ) -> Result<Self, Refusal> {
        let by = who.acts(Act::Postpone, &self.asked.structure, now)?;
        if who.is(&self.asked.subject) {
            return Err(Refusal::Subject);
        }
        reasoned(why)?;
        let (opening, message) = self.told()?;
        if message.read_at.is_some() {
            return Err(Refusal::MessageRead);
        }
        let latest = opening.by.at.saturating_add(POSTPONED_BY).unwrap_or(Timestamp::MAX);
        let latest = known_until.map_or(latest, |known| latest.min(known));
        if latest < until || until <= now {
            return Err(Refusal::TooLate(latest));
        }
        let why = why.trim().to_owned();
        Ok(self.with_message(Message { postponed: Some(Postponed { by, until, why }), ..message.clone() }))
    }

    /// A worker has read the message. Where it is for several it is read once each of them has.
    pub fn read(&self, who: &Signed, at: Timestamp) -> Result<Self, Refusal> {
        let (_, message) = self.told()?;
        let subject = &self.asked.subject;
        let mut read_by = message.read_by.clone();
        let all_have = match &subject.id {
            Some(_) => true,
            None => {
                read_by.extend(who.own(subject));
                read_by.sort_unstable();
                read_by.dedup();
                subject.tags.iter().all(|tag| read_by.contains(tag))
            }
        };
        let read_at = message.read_at.or(all_have.then_some(at));
        Ok(self.with_message(Message { read_at, read_by, ..message.clone() }))
    }

    /// Whether there is a message that somebody whom it concerns has not read.
    pub fn is_unread_by(&self, who: &Signed) -> bool {
        let Ok((_, message)) = self.told() else { return false };
        let subject = &self.asked.subject;
        let has_read = match &subject.id {
            Some(_) => false,
            None => who.own(subject).all(|tag| message.read_by.contains(tag)),
        };
        message.read_at.is_none() && who.is_told(subject) && !has_read
    }

    /// Those who are to be told by mail too, by the directory's identity: who is known, has not read the message, and got none. Not
    /// before the opening is as old as `wait`: so long whoever may can put the message off.
    pub fn to_mail(&self, wait: SignedDuration, now: Timestamp) -> Vec<&str> {
        let Ok((opening, message)) = self.told() else { return Vec::new() };
        let waits = now < opening.by.at.saturating_add(wait).unwrap_or(Timestamp::MAX);
        if waits || message.read_at.is_some() || !self.is_told(now) {
            return Vec::new();
        }
        let Subject { id, known, .. } = &self.asked.subject;
        let unread = known.iter().filter(|(tag, _)| !message.read_by.contains(tag)).map(|(_, id)| id);
        let mut ids: Vec<&str> = id.iter().chain(unread).map(String::as_str).collect();
        ids.sort_unstable();
        ids.dedup();
        ids.retain(|id| !message.mailed.iter().any(|mailed| mailed == id));
        ids
    }

    /// The message went to somebody by mail.
    pub fn mailed(&self, to: &str) -> Result<Self, Refusal> {
        let (_, message) = self.told()?;
        let mut message = message.clone();
        message.mailed.push(to.to_owned());
        Ok(self.with_message(message))
    }

    /// The sessions' workers among the tags that somebody has are recognised. None: there is nothing new in that.
    #[must_use]
    pub fn recognise(&self, who: &Signed) -> Option<Self> {
        let theirs = self.asked.subject.unknown().filter(|tag| who.tags.contains(tag));
        let theirs: Vec<(Tag, String)> = theirs.map(|tag| (*tag, who.id.clone())).collect();
        if theirs.is_empty() {
            return None;
        }
        let mut next = self.clone();
        next.asked.subject.known.extend(theirs);
        Some(next)
    }

    /// Whether the worker should have been told by now and was not, without a reason.
    pub fn is_overdue(&self, now: Timestamp) -> bool {
        let is_late = |message: &Message| message.read_at.is_none() && message.due < now;
        self.is_told(now) && self.told().is_ok_and(|(_, message)| is_late(message))
    }

    /// Whether the worker may know of it now.
    pub fn is_told(&self, now: Timestamp) -> bool {
        self.told().is_ok_and(|(_, message)| message.postponed.as_ref().is_none_or(|postponed| postponed.until <= now))
    }

    /// The opening and its message, once there is one.
    pub fn told(&self) -> Result<(&Opening, &Message), Refusal> {
        match &self.stage {
            Stage::Requested => Err(Refusal::NotApproved),
            Stage::Refused { .. } => Err(Refusal::Refused),
            Stage::Approved { .. } => Err(Refusal::NotOpened),
            Stage::Opened { .. } => Err(Refusal::NotMinuted),
            Stage::Minuted { opening, message, .. } => Ok((opening, message)),
        }
    }

    fn with_message(&self, message: Message) -> Self {
        let mut next = self.clone();
        if let Stage::Minuted { message: kept, .. } = &mut next.stage {
            *kept = message;
        }
        next
    }

    fn at(&self, stage: Stage) -> Self {
        Self { stage, ..self.clone() }
    }
}

fn reasoned(reason: &str) -> Result<(), Refusal> {
    if reason.trim().chars().count() < SHORTEST_REASON { Err(Refusal::NoReason) } else { Ok(()) }
}

impl std::fmt::Display for Refusal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::NotLawful => f.write_str(
                "the adoption of the rules is missing: without `[lawful]` in the policy nobody's records are reviewed",
            ),
            Self::NotLawfulYet(from) => {
                write!(f, "the rules are missing: they are in force from {from} on, and before it nobody's records are reviewed")
            }
            Self::BeforeTheRules(from) => {
                write!(f, "what happened before {from}, when the rules came into force, is not reviewed: begin the period there")
            }
            Self::NoRight(act) => {
                write!(f, "the role is missing: none that you have in the policy's `[roles]` gives the right to {} for this structure", act.words())
            }
            Self::Administrator => f.write_str("a person who does not run the gateway is missing: you are one of its administrators"),
            Self::Requester => f.write_str("the second person is missing: whoever asks does not approve"),
            Self::Subject => f.write_str("a person whom it does not concern is missing: these are records of your own"),
            Self::HeldTooShort(until) => {
                write!(f, "seven days with the role are missing: you can approve from {until} on")
            }
            Self::NoReason => write!(f, "the reason is missing: write one, of {SHORTEST_REASON} characters at least"),
            Self::NoPeriod => f.write_str("the period is missing: its first day comes before its last, and that is not later than today"),
            Self::NoSubject => f.write_str("it is missing whose records are meant: name a worker or a session"),
            Self::NoNotice => f.write_str(
                "the general notice is missing: on ground a an anomaly persists after the structure had one (`review notice`), and the period reaches beyond its day",
            ),
            Self::NoAnomaly => f.write_str(
                "the figures are missing: on ground c the structure's published figures (`review figures`) show an anomaly",
            ),
            Self::NotApproved => f.write_str("the approval by a second person is missing"),
            Self::Answered => f.write_str("it was answered already: another request is needed"),
            Self::Refused => f.write_str("the approval is missing: the second person refused it"),
            Self::Over(since) => write!(f, "its time is over since {since}: another request is needed"),
            Self::NotOpened => f.write_str("the opening is missing"),
            Self::NotMinuted => f.write_str("the minute is missing: open the request again to have it written"),
            Self::Minuted => f.write_str("its minute is written already"),
            Self::MessageRead => f.write_str("the worker has read the message already"),
            Self::KeptTooLong(latest) => {
                write!(f, "the end of the procedure is missing: a day in the future, {latest} at the latest")
            }
            Self::TooLate(latest) => write!(f, "the message is put off until a moment in the future, and {latest} is the latest"),
        }
    }
}

impl Act {
    fn words(self) -> &'static str {
        match self {
            Self::Request => "ask for records",
            Self::Approve => "answer a request",
            Self::Open => "open what was approved",
            Self::Postpone => "put a message off",
            Self::Notice => "give a notice",
            Self::Figures => "publish figures",
            Self::Read => "read requests",
            Self::Run => "run the gateway",
            Self::Verify => "have the record checked",
        }
    }
}
