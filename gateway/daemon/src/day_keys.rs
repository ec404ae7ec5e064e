//! The keys of days: one for each journal and day, in a folder of their own, each destroyed when its day's time is over.
//!
//! They are in no backup of the database: what was destroyed here is silent in every copy. A day that was destroyed never gets
//! another key, whatever the clock says: names written while it is set back go under the first day that was not.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs::{File, OpenOptions},
    io::Write as _,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
};

use aws_lc_rs::hmac;
use gateway_api::PresharedKey;
use gateway_record::{DayKey, Fields, Journal, PSEUDONYMS};
use jiff::civil::Date;
use zeroize::Zeroizing;

use crate::{identity, secret_file};

/// The folder's name in the state folder, unless the configuration says otherwise.
pub(crate) const FOLDER: &str = "day-keys";
/// Behind a purpose's word: up to which day its keys are gone.
const DESTROYED: &str = "destroyed";
/// The same: which days' keys were destroyed, as long as the record does not tell it.
const UNRECORDED: &str = "unrecorded";

/// What of a hash is a pseudonym, in bytes: too much for two of a day to be the same by chance.
const PSEUDONYM: usize = 10;

/// What day it is at the office.
pub(crate) type Today = Arc<dyn Fn() -> Date + Send + Sync>;

type Secret = Zeroizing<[u8; 32]>;

/// A worker's tag in one period of two months; for whoever has the period's key.
pub(crate) type WorkerTag = [u8; 32];

/// What a key is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Purpose {
    /// A day's names in a journal.
    Names(Journal),
    /// Finding the sessions of a worker who is there: two months, named by their first day.
    Lookup,
}

impl Purpose {
    fn word(self) -> &'static str {
        match self {
            Self::Names(journal) => journal.word(),
            Self::Lookup => "lookup",
        }
    }
}

/// The folder, and what was read of it.
pub(crate) struct DayKeys {
    folder: PathBuf,
    today: Today,
    read: Mutex<BTreeMap<(Purpose, Date), Secret>>,
}

impl std::fmt::Debug for DayKeys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "DayKeys({})", self.folder.display())
    }
}

impl DayKeys {
    /// Those in a folder, which is made with the first key.
    pub(crate) fn new(folder: PathBuf, today: Today) -> Self {
        Self { folder, today, read: Mutex::default() }
    }

    /// The key for names that are written now, made if there is none; durable on return.
    pub(crate) fn current(&self, journal: Journal) -> Result<DayKey, String> {
        let (purpose, today) = (Purpose::Names(journal), (self.today)());
        let day = match self.destroyed(purpose)? {
            Some(destroyed) if destroyed >= today => destroyed.tomorrow().map_err(|error| error.to_string())?,
            Some(_) | None => today,
        };
        Ok(DayKey::new(day, self.read_or_make(purpose, day)?))
    }

    /// The key of a day; None if it was destroyed, or is not here.
    pub(crate) fn of(&self, journal: Journal, day: Date) -> Result<Option<DayKey>, String> {
        Ok(self.read(Purpose::Names(journal), day)?.map(|secret| DayKey::new(day, secret)))
    }

    /// The tag under which a worker's sessions of today are found again. Made anew for each two months.
    pub(crate) fn worker_tag(&self, worker_id: &str) -> Result<WorkerTag, String> {
        let day = period((self.today)());
        let key = self.read_or_make(Purpose::Lookup, day)?;
        Ok(tag(&key, worker_id))
    }

    /// The tags that a worker had from a day until today.
    pub(crate) fn worker_tags(&self, worker_id: &str, since: Date) -> Result<Vec<WorkerTag>, String> {
        let since = period(since);
        let kept = self.kept(Purpose::Lookup)?.into_iter().filter(|day| *day >= since);
        let keys = kept.map(|day| self.read(Purpose::Lookup, day)).collect::<Result<Vec<_>, _>>()?;
        Ok(keys.into_iter().flatten().map(|key| tag(&key, worker_id)).collect())
    }

    /// What stands for names outside the gateway: the same for a name on one day and in one journal, and nowhere else. Whoever has the
    /// day's key can try names; once it is destroyed nobody can.
    pub(crate) fn pseudonyms(&self, journal: Journal, day: Date, names: &Fields) -> Result<Fields, String> {
        let Some(secret) = self.read(Purpose::Names(journal), day)? else {
            return Err(format!("the day {day} has no key"));
        };
        // The day's key itself seals names: here is another one, that goes with it.
        let key = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, &*secret), b"deskgate pseudonyms 1");
        let key = hmac::Key::new(hmac::HMAC_SHA256, key.as_ref());
        let of = |name: &str, value: String| {
            let digest = hmac::sign(&key, format!("{name}\0{}", value.to_lowercase()).as_bytes());
            digest.as_ref().iter().take(PSEUDONYM).map(|byte| format!("{byte:02x}")).collect::<String>()
        };
        let known = PSEUDONYMS.into_iter().filter_map(|name| Some((name, names.value(name)?.to_string())));
        Ok(known.fold(Fields::default(), |fields, (name, value)| fields.with(name, of(name, value))))
    }

    /// Destroys the keys of a journal up to and with a day, durably. Of which days is [`Self::unrecorded`] from then on.
    pub(crate) fn destroy(&self, journal: Journal, until: Date) -> Result<(), String> {
        if journal == Journal::Workers {
            // A period's key goes with the last day of its two months.
            let over = |first: Date| first.checked_add(jiff::Span::new().months(2)).is_ok_and(|end| end <= until);
            self.destroy_if(Purpose::Lookup, over)?;
        }
        self.destroy_if(Purpose::Names(journal), |day| day <= until)
    }

    /// The days whose keys of a journal were destroyed, in their order, until [`Self::recorded`] says that the record tells it.
    pub(crate) fn unrecorded(&self, journal: Journal) -> Result<Vec<Date>, String> {
        let purpose = Purpose::Names(journal);
        let kept = self.kept(purpose)?;
        // What is still there was only about to be destroyed when the gateway was killed.
        Ok(self.noted(purpose)?.into_iter().filter(|day| !kept.contains(day)).collect())
    }

    /// The record tells, durably, which of a journal's keys were destroyed.
    pub(crate) fn recorded(&self, journal: Journal) -> Result<(), String> {
        let note = self.note(Purpose::Names(journal), UNRECORDED);
        match std::fs::remove_file(&note) {
            Ok(()) => self.sync(),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(()),
            Err(error) => Err(format!("cannot remove `{}`: {error}", note.display())),
        }
    }

    fn destroy_if(&self, purpose: Purpose, over: impl Fn(Date) -> bool) -> Result<(), String> {
        let days: Vec<Date> = self.kept(purpose)?.into_iter().filter(|day| over(*day)).collect();
        let Some(newest) = days.iter().max().copied() else { return Ok(()) };
        // First that they are gone: were the gateway killed in between, it would be recorded, and none of these days get another key.
        if let Purpose::Names(_) = purpose {
            let noted: BTreeSet<Date> = self.noted(purpose)?.into_iter().chain(days.iter().copied()).collect();
            let lines: String = noted.iter().map(|day| format!("{day}\n")).collect();
            secret_file::replace(&self.note(purpose, UNRECORDED), lines.as_bytes())
                .map_err(|error| error.to_string())?;
        }
        if self.destroyed(purpose)?.is_none_or(|before| before < newest) {
            let note = self.note(purpose, DESTROYED);
            secret_file::replace(&note, format!("{newest}\n").as_bytes()).map_err(|error| error.to_string())?;
        }
        for day in &days {
            let path = self.path(purpose, *day);
            destroy(&path).map_err(|error| format!("cannot destroy `{}`: {error}", path.display()))?;
            self.read.lock().unwrap_or_else(PoisonError::into_inner).remove(&(purpose, *day));
        }
        self.sync()
    }

    /// What was noted to be destroyed and recorded.
    fn noted(&self, purpose: Purpose) -> Result<Vec<Date>, String> {
        let note = self.note(purpose, UNRECORDED);
        if !note.exists() {
            return Ok(Vec::new());
        }
        let bytes = secret_file::read(&note).map_err(|error| error.to_string())?;
        let days = std::str::from_utf8(&bytes).ok().map(|text| text.lines().map(str::parse).collect());
        days.and_then(Result::ok).ok_or_else(|| format!("`{}` holds something that is no day", note.display()))
    }

    /// The newest day whose key was destroyed.
    fn destroyed(&self, purpose: Purpose) -> Result<Option<Date>, String> {
        let note = self.note(purpose, DESTROYED);
        if !note.exists() {
            return Ok(None);
        }
        let bytes = secret_file::read(&note).map_err(|error| error.to_string())?;
        let line = secret_file::first_line(&note, &bytes).map_err(|error| error.to_string())?;
        line.trim().parse().map(Some).map_err(|_| format!("`{}` holds no day, such as 2026-11-22", note.display()))
    }

    /// The days that have a key.
    fn kept(&self, purpose: Purpose) -> Result<Vec<Date>, String> {
        let entries = match std::fs::read_dir(&self.folder) {
            Ok(entries) => entries,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(format!("cannot read `{}`: {error}", self.folder.display())),
        };
        let mut days = Vec::new();
        for entry in entries {
            let name = entry.map_err(|error| error.to_string())?.file_name();
            let day: Option<Date> =
                name.to_str().and_then(|name| name.strip_prefix(purpose.word())?.strip_prefix('-')?.parse().ok());
            days.extend(day);
        }
        days.sort_unstable();
        Ok(days)
    }

    fn read_or_make(&self, purpose: Purpose, day: Date) -> Result<Secret, String> {
        if let Some(secret) = self.read(purpose, day)? {
            return Ok(secret);
        }
        let mut secret = Zeroizing::new([0; 32]);
        getrandom::fill(&mut *secret).map_err(|error| format!("the system gives no random bytes: {error}"))?;
        secret_file::create_folder(&self.folder).map_err(|error| error.to_string())?;
        identity::give_to_owner_of_folder(&self.folder);
        let text = PresharedKey::new(*secret).encode();
        let path = self.path(purpose, day);
        // Under another name first: half a key after a crash would be one that opens nothing.
        secret_file::replace(&path, format!("{}\n", *text).as_bytes()).map_err(|error| error.to_string())?;
        identity::give_to_owner_of_folder(&path);
        self.sync()?;
        // As the file has it.
        self.read(purpose, day)?.ok_or_else(|| format!("`{}` is gone", path.display()))
    }

    fn read(&self, purpose: Purpose, day: Date) -> Result<Option<Secret>, String> {
        let mut read = self.read.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(secret) = read.get(&(purpose, day)) {
            return Ok(Some(secret.clone()));
        }
        let path = self.path(purpose, day);
        if !path.exists() {
            return Ok(None);
        }
        let bytes = secret_file::read(&path).map_err(|error| error.to_string())?;
        let line = secret_file::first_line(&path, &bytes).map_err(|error| error.to_string())?;
        let key = PresharedKey::parse(line.trim()).map_err(|error| format!("`{}` is {error}", path.display()))?;
        let secret = Zeroizing::new(*key.expose());
        read.insert((purpose, day), secret.clone());
        Ok(Some(secret))
    }

    fn note(&self, purpose: Purpose, of: &str) -> PathBuf {
        self.folder.join(format!("{}-{of}", purpose.word()))
    }

    fn path(&self, purpose: Purpose, day: Date) -> PathBuf {
        self.folder.join(format!("{}-{day}", purpose.word()))
    }

    /// A file's name is on disk only once its folder is.
    fn sync(&self) -> Result<(), String> {
        let synced = File::open(&self.folder).and_then(|folder| folder.sync_all());
        synced.map_err(|error| format!("cannot finish `{}`: {error}", self.folder.display()))
    }
}

/// Written over before it is removed: a disk that keeps blocks of removed files keeps zeros.
fn destroy(path: &Path) -> std::io::Result<()> {
    let mut file = OpenOptions::new().write(true).open(path)?;
    let length = usize::try_from(file.metadata()?.len()).unwrap_or(0);
    file.write_all(&vec![b'0'; length])?;
    file.sync_all()?;
    std::fs::remove_file(path)
}

/// The first day of the two months that a day lies in.
fn period(day: Date) -> Date {
    let month = day.month() - (day.month() - 1) % 2;
    Date::new(day.year(), month, 1).unwrap_or(day)
}

fn tag(key: &[u8; 32], worker_id: &str) -> WorkerTag {
    let key = hmac::Key::new(hmac::HMAC_SHA256, key);
    let mut tag = WorkerTag::default();
    tag.iter_mut().zip(hmac::sign(&key, worker_id.as_bytes()).as_ref()).for_each(|(to, from)| *to = *from);
    tag
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use jiff::civil::date;

    use super::*;

    fn on(folder: &Path, day: Date) -> DayKeys {
        DayKeys::new(folder.join(FOLDER), Arc::new(move || day))
    }

    const MONDAY: Date = date(2026, 11, 23);
    const TUESDAY: Date = date(2026, 11, 24);
    const WEDNESDAY: Date = date(2026, 11, 25);

    #[test]
    fn a_day_has_one_key_in_each_journal_that_nobody_else_can_read() {
        let folder = tempfile::tempdir().unwrap();
        let keys = on(folder.path(), MONDAY);
        let key = |journal| keys.current(journal).unwrap();
        assert_eq!(key(Journal::Workers).day(), MONDAY);
        let file = folder.path().join(FOLDER).join("workers-2026-11-23");
        assert_eq!(file.metadata().unwrap().permissions().mode() & 0o777, 0o600);
        let before = std::fs::read(&file).unwrap();
        key(Journal::Workers);
        on(folder.path(), MONDAY).current(Journal::Workers).unwrap();
        assert_eq!(std::fs::read(&file).unwrap(), before, "after a restart the same");
        key(Journal::Administrators);
        assert_ne!(std::fs::read(file.with_file_name("administrators-2026-11-23")).unwrap(), before);
        assert_eq!(on(folder.path(), TUESDAY).current(Journal::Workers).unwrap().day(), TUESDAY);
    }

    #[test]
    fn a_clock_that_is_set_back_never_reuses_a_day_that_was_destroyed() {
        let folder = tempfile::tempdir().unwrap();
        let keys = on(folder.path(), MONDAY);
        keys.current(Journal::Workers).unwrap();
        keys.current(Journal::Administrators).unwrap();
        keys.destroy(Journal::Workers, MONDAY).unwrap();
        assert_eq!(keys.unrecorded(Journal::Workers), Ok(vec![MONDAY]));
        assert!(keys.of(Journal::Workers, MONDAY).unwrap().is_none());
        assert!(keys.of(Journal::Administrators, MONDAY).unwrap().is_some(), "another journal's is another");
        for today in [MONDAY, date(2026, 1, 1)] {
            let later = on(folder.path(), today);
            assert_eq!(later.current(Journal::Workers).unwrap().day(), TUESDAY);
            assert!(later.of(Journal::Workers, MONDAY).unwrap().is_none());
        }
        keys.recorded(Journal::Workers).unwrap();
        keys.destroy(Journal::Workers, MONDAY).unwrap();
        assert_eq!(keys.unrecorded(Journal::Workers), Ok(vec![]), "once is enough");
    }

    #[test]
    fn what_was_destroyed_is_known_until_it_is_recorded_also_after_a_crash() {
        let folder = tempfile::tempdir().unwrap();
        let unrecorded = || on(folder.path(), MONDAY).unrecorded(Journal::Workers);
        for day in [MONDAY, TUESDAY] {
            let keys = on(folder.path(), day);
            keys.current(Journal::Workers).unwrap();
            keys.destroy(Journal::Workers, day).unwrap();
        }
        assert_eq!(unrecorded(), Ok(vec![MONDAY, TUESDAY]));
        // Killed between the note and the keys.
        let file = folder.path().join(FOLDER).join("workers-unrecorded");
        let wednesday = on(folder.path(), WEDNESDAY).current(Journal::Workers).unwrap().day();
        secret_file::replace(&file, format!("{MONDAY}\n{TUESDAY}\n{wednesday}\n").as_bytes()).unwrap();
        assert_eq!(unrecorded(), Ok(vec![MONDAY, TUESDAY]), "the key is there");
        on(folder.path(), WEDNESDAY).destroy(Journal::Workers, WEDNESDAY).unwrap();
        assert_eq!(unrecorded(), Ok(vec![MONDAY, TUESDAY, wednesday]), "and each day is named once");
        on(folder.path(), WEDNESDAY).recorded(Journal::Workers).unwrap();
        assert_eq!(unrecorded(), Ok(vec![]));
        secret_file::replace(&file, b"never\n").unwrap();
        assert!(unrecorded().unwrap_err().contains("workers-unrecorded"));
    }

    #[test]
    fn a_clock_that_ran_far_ahead_leaves_the_days_in_between_alone() {
        let folder = tempfile::tempdir().unwrap();
        on(folder.path(), MONDAY).current(Journal::Workers).unwrap();
        on(folder.path(), date(2036, 1, 1)).destroy(Journal::Workers, date(2035, 12, 1)).unwrap();
        assert_eq!(on(folder.path(), MONDAY).current(Journal::Workers).unwrap().day(), TUESDAY);
    }

    #[test]
    fn a_worker_has_another_tag_every_two_months_and_only_as_long_as_its_key() {
        let folder = tempfile::tempdir().unwrap();
        let tag = |day| on(folder.path(), day).worker_tag("id-1").unwrap();
        let (september, november) = (tag(date(2026, 10, 31)), tag(date(2026, 11, 1)));
        assert_ne!(september, november);
        assert_eq!(tag(date(2026, 12, 31)), november);
        assert_ne!(on(folder.path(), MONDAY).worker_tag("id-2").unwrap(), november);
        let keys = on(folder.path(), MONDAY);
        assert_eq!(keys.worker_tags("id-1", date(2026, 10, 1)).unwrap(), [september, november]);
        assert_eq!(keys.worker_tags("id-1", MONDAY).unwrap(), [november]);
        keys.destroy(Journal::Workers, date(2026, 10, 31)).unwrap();
        assert_eq!(keys.worker_tags("id-1", date(2026, 10, 1)).unwrap().len(), 2, "its last day is still kept");
        keys.destroy(Journal::Workers, date(2026, 11, 1)).unwrap();
        assert_eq!(keys.worker_tags("id-1", date(2026, 10, 1)).unwrap(), [november]);
    }

    #[test]
    fn pseudonyms_are_of_one_day_and_journal_and_nobody_makes_them_again_without_its_key() {
        let folder = tempfile::tempdir().unwrap();
        let keys = on(folder.path(), MONDAY);
        keys.current(Journal::Workers).unwrap();
        keys.current(Journal::Administrators).unwrap();
        on(folder.path(), TUESDAY).current(Journal::Workers).unwrap();
        let names =
            |worker: &str| Fields::default().with("worker", worker).with("from", "198.51.100.7").with("key", "k");
        let of = |journal, day, worker| keys.pseudonyms(journal, day, &names(worker));
        let rossi = of(Journal::Workers, MONDAY, "m.rossi").unwrap();
        assert_eq!(
            rossi.iter().map(|(name, _)| name).collect::<Vec<_>>(),
            ["from", "worker"],
            "and nothing else leaves"
        );
        assert!(!format!("{rossi:?}").contains("rossi") && rossi.value("worker").unwrap().to_string().len() == 20);
        assert_eq!(of(Journal::Workers, MONDAY, "M.Rossi").unwrap(), rossi, "as it was typed is no matter");
        assert_ne!(of(Journal::Workers, MONDAY, "g.verdi").unwrap().value("worker"), rossi.value("worker"));
        for (journal, day) in [(Journal::Workers, TUESDAY), (Journal::Administrators, MONDAY)] {
            let other = of(journal, day, "m.rossi").unwrap();
            assert_ne!(other.value("worker"), rossi.value("worker"));
            assert_ne!(other.value("from"), rossi.value("from"));
        }
        keys.destroy(Journal::Workers, MONDAY).unwrap();
        assert!(of(Journal::Workers, MONDAY, "m.rossi").is_err());
    }

    #[test]
    fn a_note_that_cannot_be_read_stops_the_writing() {
        let folder = tempfile::tempdir().unwrap();
        let keys = on(folder.path(), MONDAY);
        keys.current(Journal::Workers).unwrap();
        secret_file::create(&folder.path().join(FOLDER).join("workers-destroyed"), b"never\n").unwrap();
        assert!(keys.current(Journal::Workers).unwrap_err().contains("holds no day"));
    }
}
