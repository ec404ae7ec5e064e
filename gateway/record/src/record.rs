//! One record, and the bytes of it that are hashed.
//!
//! The canonical form gives every part its length, so that no two different records share their bytes: `ab` + `c` never
//! reads like `a` + `bc`. It is independent of how a store or a screen lays the parts out, and written in one place
//! ([`Parts::put_into`]), also for records that are only [lent](crate::Lent).

use std::collections::BTreeMap;

use gateway_api::SessionNumber;
use jiff::Timestamp;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use sha2::{Digest, Sha256};

use crate::{Sealed, hexadecimal};

/// Which chain a record belongs to, and so how long it is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Journal {
    /// Sessions: deleted within three calendar months, sooner if the policy says so.
    Workers,
    /// What administrators and the gateway itself did: kept at least six months.
    Administrators,
    /// Who looked at what names somebody: kept for a term of its own.
    Reviews,
}

impl Journal {
    /// Every journal, in the order they are shown.
    pub const ALL: [Self; 3] = [Self::Workers, Self::Administrators, Self::Reviews];

    /// The word in store and hash.
    pub fn word(self) -> &'static str {
        match self {
            Self::Workers => "workers",
            Self::Administrators => "administrators",
            Self::Reviews => "reviews",
        }
    }

    /// Reads [`Self::word`] back.
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|journal| journal.word() == word)
    }
}

macro_rules! kinds {
    ($($(#[$doc:meta])* $name:ident = $word:literal in $journal:ident,)*) => {
        /// What happened.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Kind {
            $($(#[$doc])* $name,)*
        }

        impl Kind {
            /// Every kind, in the order of a life.
            pub const ALL: [Self; [$($word),*].len()] = [$(Self::$name),*];

            /// The word in store, log and manual.
            pub fn word(self) -> &'static str {
                match self { $(Self::$name => $word,)* }
            }

            /// Reads [`Self::word`] back.
            pub fn from_word(word: &str) -> Option<Self> {
                match word {
                    $($word => Some(Self::$name),)*
                    _ => None,
                }
            }

            /// The journal it is written to.
            pub fn journal(self) -> Journal {
                match self { $(Self::$name => Journal::$journal,)* }
            }
        }
    };
}

kinds! {
    /// A login that was refused: `reason`, `support`; privately the worker, if the name matches one.
    LoginRefused = "login_refused" in Workers,
    /// A worker changed the office password by way of the gateway; privately who.
    PasswordChanged = "password_changed" in Workers,
    /// A worker enrolled a second factor with the code that the office had given; privately who.
    FactorEnrolled = "factor_enrolled" in Workers,
    /// A recovery code took the place of a second factor: how many are `left`; privately whose.
    RecoveryCodeUsed = "recovery_code_used" in Workers,
    /// A home computer became a managed one; privately who, its name and its certificate's serial number.
    DeviceEnrolled = "device_enrolled" in Workers,
    /// A worker marked a notice as read: its name (`notice`) and `version`; privately who.
    NoticeRead = "notice_read" in Workers,
    /// A session that opened: `device` (managed or personal), `services`, `profile`, `ends_at`, `key_exchange`, `policy` (the hash of what granted it), and `assists` if it is a technician's, the session of the worker who consented to it; privately worker, workstation and addresses.
    SessionOpened = "session_opened" in Workers,
    /// A session whose channel went: its grace runs.
    ChannelLost = "channel_lost" in Workers,
    /// A session whose channel came back inside its grace.
    ChannelResumed = "channel_resumed" in Workers,
    /// A session that goes on under a gateway that was started again.
    SessionResumed = "session_resumed" in Workers,
    /// A session that goes on under another grant, because the policy changed: `ends_at`, `idle_s`.
    GrantChanged = "grant_changed" in Workers,
    /// A technician may reach a session's workstation, by its worker's consent: `by` (the technician's session), `ends_at`; privately the worker and who.
    SessionAssisted = "session_assisted" in Workers,
    /// A session that ended: `reason`, rounded volumes, and `ended_at` where that was while no gateway ran.
    SessionClosed = "session_closed" in Workers,
    /// The gateway began to serve: `version`, and whether the end before was clean.
    GatewayStarted = "gateway_started" in Administrators,
    /// The gateway stopped in order.
    GatewayStopped = "gateway_stopped" in Administrators,
    /// A policy came into force: `hash`.
    PolicyLoaded = "policy_loaded" in Administrators,
    /// A policy was left aside, for its mistakes or for what it would end: `why`; the last good one stays.
    PolicyRejected = "policy_rejected" in Administrators,
    /// An administrator asked what a policy would do to live sessions, or to apply it: `uid`, `order`.
    PolicyOrdered = "policy_ordered" in Administrators,
    /// An administrator closed a session: `uid`; by the web page `by` says so, and privately who and why.
    SessionClosedByOrder = "session_closed_by_order" in Administrators,
    /// An administrator ordered the gateway to stop: `uid`, and whether sessions end with it.
    StopOrdered = "stop_ordered" in Administrators,
    /// An administrator looked at the headers of a session's dropped packets: `uid`, `seconds`.
    DropsShown = "drops_shown" in Administrators,
    /// Somebody with a role signed in to the web page: `roles`; privately who.
    ConsoleEntered = "console_entered" in Administrators,
    /// Their visit is over: `roles`, `why`; privately who. Or, where the gateway was killed meanwhile: how many `visits`.
    ConsoleLeft = "console_left" in Administrators,
    /// An administrator asked for the session of a worker by name: `uid`.
    SessionLookedUp = "session_looked_up" in Administrators,
    /// An administrator took records of a journal away, as other programs get them: `uid`, `journal`, `format`, how many `records`, and `from`
    /// and `until` where they were given.
    LogExported = "log_exported" in Administrators,
    /// An administrator ended a worker's session and lets them in no more: `uid`; privately whom.
    WorkerBlocked = "worker_blocked" in Administrators,
    /// An administrator lets a worker in again: `uid`; privately whom.
    WorkerUnblocked = "worker_unblocked" in Administrators,
    /// An administrator asked for a code with which a worker enrols a second factor: `uid`; privately whom.
    FactorOffered = "factor_offered" in Administrators,
    /// An administrator took a worker's second factor back and asked for a code for another: `uid`; privately whom.
    FactorReset = "factor_reset" in Administrators,
    /// An administrator removed a worker's second factor: `uid`; privately whom.
    FactorRemoved = "factor_removed" in Administrators,
    /// An administrator wants sizes and times of a session's packets recorded, and the worker is asked: `uid`, `seconds`.
    TraceAsked = "trace_asked" in Administrators,
    /// The worker agreed to that.
    TraceConsented = "trace_consented" in Administrators,
    /// The worker did not, or nobody answered: `why`.
    TraceRefused = "trace_refused" in Administrators,
    /// The recording began: `uid`, `seconds`, `trace`, and `by`: the worker's consent, or that it is a test account.
    TraceBegun = "trace_begun" in Administrators,
    /// The recording is over: `trace`, `why`, and `packets` where it was kept.
    TraceEnded = "trace_ended" in Administrators,
    /// A recording was deleted, by an administrator (`uid`) or because its time was over: `trace`.
    TraceDeleted = "trace_deleted" in Administrators,
    /// A technician asks a worker whether they may reach the workstation: `seconds`; privately who, whom and what for.
    AssistanceAsked = "assistance_asked" in Administrators,
    /// The worker agreed to that; privately both.
    AssistanceConsented = "assistance_consented" in Administrators,
    /// It did not come to that: `why`; privately both.
    AssistanceRefused = "assistance_refused" in Administrators,
    /// A technician's session is over: `by` (that session), `why`.
    AssistanceEnded = "assistance_ended" in Administrators,
    /// An administrator made a one-time code for a home computer: `uid`; privately for whom and its name.
    DeviceCodeMade = "device_code_made" in Administrators,
    /// An administrator revoked a home computer's certificate: `uid`; privately which.
    DeviceRevoked = "device_revoked" in Administrators,
    /// Records were deleted because their time was over: `journal`, `count`, `last_sequence`.
    RecordsDeleted = "records_deleted" in Administrators,
    /// The disk was full and has room again: `since`, and how many `closes` waited in the reserve.
    DiskWasFull = "disk_was_full" in Administrators,
    /// Keys of days were destroyed because their time was over, and with them names: `journal`, `count`, `until`.
    DayKeysDestroyed = "day_keys_destroyed" in Administrators,
    /// An administrator began a new record where there had been one: `uid`, the word of the one `before`, `why`.
    RecordBegunAnew = "record_begun_anew" in Administrators,
    /// The database was put back from a backup; what was written after that backup is gone.
    BackupRestored = "backup_restored" in Administrators,
    /// An administrator read records with the names that are sealed to nobody: `uid`.
    NamesShown = "names_shown" in Reviews,
    /// Both key holders opened the names in certain records of the workers' journal: `uid`, `records`, the keys of the
    /// `controllers` and the `reviewers`, and `by`: `both_key_holders`, where no request went before.
    NamesOpened = "names_opened" in Reviews,
    /// Somebody asked for the records of a person: `request`, `ground`, `from`, `until`, `role`; privately who, whose and why.
    ReviewRequested = "review_requested" in Reviews,
    /// A second person approved that: `request`, `role`; privately who.
    ReviewApproved = "review_approved" in Reviews,
    /// A second person refused it: `request`, `role`; privately who and why.
    ReviewRefused = "review_refused" in Reviews,
    /// The reviewer office had what was approved handed out: `request`, `records` (their places in the workers' journal), `sha256` of what
    /// was handed out, `until`, and `again` if it was before; privately who.
    ReviewOpened = "review_opened" in Reviews,
    /// The minute of an opening: `request`, `minute`, and its `sha256`.
    MinuteWritten = "minute_written" in Reviews,
    /// What was opened is kept for a procedure: `request`, `until`, `sha256` of what was handed out; privately by whom and why.
    ExtractKept = "extract_kept" in Reviews,
    /// The message to the worker was put off: `request`, `until`, `role`; privately who and why.
    MessagePostponed = "message_postponed" in Reviews,
    /// The message went to the worker by mail as well: `request`.
    MessageMailed = "message_mailed" in Reviews,
    /// The worker read the message: `request`.
    MessageRead = "message_read" in Reviews,
    /// A step of a review was refused to somebody: `act`, `reason`, and `request` where there is one; privately who.
    ReviewDenied = "review_denied" in Reviews,
    /// A structure was given a general notice: `notice`, `sha256` of its texts, `role`; privately by whom.
    GeneralNotice = "general_notice" in Reviews,
    /// Figures of structures were published: the first day of the `period`, `sha256`.
    FiguresPublished = "figures_published" in Reviews,
    /// Somebody was seen with a role for the first time: `role`; privately who.
    RoleSeen = "role_seen" in Reviews,
    /// Somebody was seen without a role they had: `role`; privately who.
    RoleGone = "role_gone" in Reviews,
}

impl Serialize for Kind {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.word())
    }
}

impl<'de> Deserialize<'de> for Kind {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let word = String::deserialize(deserializer)?;
        Self::from_word(&word).ok_or_else(|| de::Error::custom(format!("`{word}` is no kind of record")))
    }
}

/// SHA-256.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Hash(pub [u8; 32]);

impl Hash {
    /// What stands before the first record of a chain.
    pub const GENESIS: Self = Self([0; 32]);

    /// Reads 64 hexadecimal digits.
    pub fn parse(text: &str) -> Option<Self> {
        hexadecimal::parse(text).map(Self)
    }

    /// Reads 32 bytes as a store keeps them.
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        bytes.try_into().ok().map(Self)
    }
}

impl std::fmt::Display for Hash {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        hexadecimal::write(&self.0, f)
    }
}

impl std::fmt::Debug for Hash {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        std::fmt::Display::fmt(self, f)
    }
}

impl Serialize for Hash {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Hash {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        hexadecimal::deserialize(deserializer).map(Self)
    }
}

/// One value of a record.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum Value {
    /// A count, or seconds, or bytes.
    Number(i64),
    /// Words.
    Text(String),
}

// By hand, for serde tries what is untagged one after the other, on a copy, and a check of the chain reads tens of millions.
impl<'de> Deserialize<'de> for Value {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Either;

        impl de::Visitor<'_> for Either {
            type Value = Value;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("a number or a text")
            }

            fn visit_i64<E: de::Error>(self, number: i64) -> Result<Value, E> {
                Ok(Value::Number(number))
            }

            fn visit_u64<E: de::Error>(self, number: u64) -> Result<Value, E> {
                i64::try_from(number).map(Value::Number).map_err(E::custom)
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Value, E> {
                Ok(Value::Text(text.to_owned()))
            }

            fn visit_string<E: de::Error>(self, text: String) -> Result<Value, E> {
                Ok(Value::Text(text))
            }
        }

        deserializer.deserialize_any(Either)
    }
}

impl std::fmt::Display for Value {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Number(number) => number.fmt(f),
            Self::Text(text) => text.fmt(f),
        }
    }
}

impl From<i64> for Value {
    fn from(number: i64) -> Self {
        Self::Number(number)
    }
}

impl From<u64> for Value {
    fn from(number: u64) -> Self {
        Self::Number(i64::try_from(number).unwrap_or(i64::MAX))
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<String> for Value {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

/// What a record says besides its kind, ordered by name.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct Fields(BTreeMap<String, Value>);

/// A name that stands there twice is refused: whoever reads the text by other means might take the one that no hash covers.
impl<'de> Deserialize<'de> for Fields {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Once;
        impl<'de> de::Visitor<'de> for Once {
            type Value = Fields;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("fields, each name once")
            }

            fn visit_map<A: de::MapAccess<'de>>(self, mut map: A) -> Result<Fields, A::Error> {
                let mut fields = BTreeMap::new();
                while let Some((name, value)) = map.next_entry::<String, Value>()? {
                    if fields.insert(name, value).is_some() {
                        return Err(de::Error::custom("a name stands there twice"));
                    }
                }
                Ok(Fields(fields))
            }
        }
        deserializer.deserialize_map(Once)
    }
}

impl Fields {
    /// The same with one more.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.0.insert(name.to_owned(), value.into());
        self
    }

    /// One of them.
    pub fn value(&self, name: &str) -> Option<&Value> {
        self.0.get(name)
    }

    /// All of them, by name.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Value)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value))
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    fn hash_into(&self, hash: &mut Canonical) {
        hash.number(self.0.len() as u64);
        for (name, value) in &self.0 {
            hash.bytes(name.as_bytes());
            match value {
                Value::Number(number) => hash.number_value(*number),
                Value::Text(text) => hash.text_value(text),
            }
        }
    }
}

/// Random bytes that keep a digest from being guessed: there are few workers, and their names are known.
pub type Salt = [u8; 16];

/// Names as records of older versions have them: not sealed. They stay what they are until their time is over.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Private {
    /// Drawn at random for this record.
    #[serde(with = "hexadecimal")]
    pub salt: Salt,
    /// The names.
    pub fields: Fields,
}

impl Private {
    /// What the record itself keeps of it.
    pub fn digest(&self) -> Hash {
        let mut hash = Canonical::new(b"deskgate private 1");
        hash.bytes(&self.salt);
        self.fields.hash_into(&mut hash);
        hash.finish()
    }
}

/// The part of a record that names people, computers or addresses, as it is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Names {
    /// Not sealed, by an older version.
    Open(Private),
    /// Sealed.
    Sealed(Sealed),
}

impl Names {
    /// What the record itself keeps of it.
    pub fn digest(&self) -> Hash {
        match self {
            Self::Open(private) => private.digest(),
            Self::Sealed(sealed) => sealed.digest(),
        }
    }
}

/// One line of a journal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// The gateway that wrote it: a random word made with its database.
    pub gateway: String,
    /// Which chain.
    pub journal: Journal,
    /// Its place in the chain: 1, 2, 3 and so on.
    pub sequence: u64,
    /// When, in UTC; kept and hashed in milliseconds.
    pub time: Timestamp,
    /// What.
    pub kind: Kind,
    /// Whose, where it is about a session.
    pub session: Option<SessionNumber>,
    /// The structure of the agreement, where there is one.
    pub structure: Option<String>,
    /// The rest that may be shown.
    pub fields: Fields,
    /// The digest of its names, where there are any.
    pub private_digest: Option<Hash>,
    /// The hash of the record before.
    pub previous: Hash,
    /// Its own.
    pub hash: Hash,
}

impl Record {
    /// The hash that this record should carry.
    pub fn expected_hash(&self) -> Hash {
        self.hash_at(self.sequence)
    }

    /// The hash that it should carry if it stood at `sequence`.
    pub(crate) fn hash_at(&self, sequence: u64) -> Hash {
        let parts = Parts {
            gateway: &self.gateway,
            journal: self.journal,
            sequence,
            time: self.time,
            kind: self.kind,
            session: self.session,
            structure: self.structure.as_deref(),
            private_digest: self.private_digest,
            previous: self.previous,
        };
        let mut hash = Canonical::default();
        parts.put_into(&mut hash, |hash| self.fields.hash_into(hash));
        hash.finish()
    }
}

/// What is hashed of a record, wherever it lies, beside its fields.
pub(crate) struct Parts<'r> {
    pub(crate) gateway: &'r str,
    pub(crate) journal: Journal,
    pub(crate) sequence: u64,
    pub(crate) time: Timestamp,
    pub(crate) kind: Kind,
    pub(crate) session: Option<SessionNumber>,
    pub(crate) structure: Option<&'r str>,
    pub(crate) private_digest: Option<Hash>,
    pub(crate) previous: Hash,
}

impl Parts<'_> {
    /// The canonical form of a record; `fields` puts its fields where they belong.
    pub(crate) fn put_into<T>(&self, hash: &mut Canonical, fields: impl FnOnce(&mut Canonical) -> T) -> T {
        hash.begin(b"deskgate record 1");
        hash.bytes(self.gateway.as_bytes());
        hash.bytes(self.journal.word().as_bytes());
        hash.number(self.sequence);
        hash.bytes(&self.time.as_millisecond().to_be_bytes());
        hash.bytes(self.kind.word().as_bytes());
        hash.optional(self.session.map(|session| session.bits().to_be_bytes()).as_ref().map(<[u8; 8]>::as_slice));
        hash.optional(self.structure.map(str::as_bytes));
        let outcome = fields(hash);
        hash.optional(self.private_digest.as_ref().map(|digest| digest.0.as_slice()));
        hash.bytes(&self.previous.0);
        outcome
    }
}

/// Parts, each with its length in front, for SHA-256: gathered first, for the hash takes one long piece much faster than many
/// short ones.
#[derive(Debug, Default)]
pub(crate) struct Canonical(Vec<u8>);

impl Canonical {
    pub(crate) fn new(purpose: &[u8]) -> Self {
        let mut hash = Self::default();
        hash.begin(purpose);
        hash
    }

    /// Begins anew, in the memory that is there.
    pub(crate) fn begin(&mut self, purpose: &[u8]) {
        self.0.clear();
        self.bytes(purpose);
    }

    pub(crate) fn number(&mut self, number: u64) {
        self.0.extend_from_slice(&number.to_be_bytes());
    }

    pub(crate) fn bytes(&mut self, bytes: &[u8]) {
        self.number(bytes.len() as u64);
        self.0.extend_from_slice(bytes);
    }

    pub(crate) fn number_value(&mut self, number: i64) {
        self.bytes(b"number");
        self.bytes(&number.to_be_bytes());
    }

    pub(crate) fn text_value(&mut self, text: &str) {
        self.bytes(b"text");
        self.bytes(text.as_bytes());
    }

    /// Leaves room for a number that is not known yet, and says where.
    pub(crate) fn room_for_number(&mut self) -> usize {
        let place = self.0.len();
        self.number(0);
        place
    }

    /// Puts a number where [`Self::room_for_number`] left room.
    pub(crate) fn fill(&mut self, place: usize, number: u64) {
        self.0.iter_mut().skip(place).zip(number.to_be_bytes()).for_each(|(byte, of_number)| *byte = of_number);
    }

    fn optional(&mut self, bytes: Option<&[u8]>) {
        self.number(u64::from(bytes.is_some()));
        self.bytes(bytes.unwrap_or_default());
    }

    pub(crate) fn finish(&self) -> Hash {
        Hash(Sha256::digest(&self.0).into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_say_each_thing_once() {
        let read = |text: &str| serde_json::from_str::<Fields>(text);
        let fields = Fields::default().with("count", 3_i64).with("why", "so");
        assert_eq!(read(&serde_json::to_string(&fields).unwrap()).unwrap(), fields);
        // SQLite's `json_extract` would say 99, and the hash would be that of 3.
        for twice in
            [r#"{"count":99,"count":3}"#, r#"{"count":3,"count":3}"#, r#"{"why":"a","co\u0075nt":3,"count":3}"#]
        {
            assert!(read(twice).is_err(), "{twice}");
        }
    }

    #[test]
    fn a_value_is_a_number_or_a_text_and_nothing_else() {
        let read = |text: &str| serde_json::from_str::<Value>(text).ok();
        for value in [Value::Number(i64::MIN), Value::Number(i64::MAX), Value::Text("\u{e8} \"7\"".to_owned())] {
            assert_eq!(read(&serde_json::to_string(&value).unwrap()), Some(value));
        }
        for other in ["9223372036854775808", "1.0", "true", "null", "[1]", "{}", ""] {
            assert_eq!(read(other), None, "{other}");
        }
    }
}
