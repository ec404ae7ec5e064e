//! Managed home computers: which certificates the office gave to whom, and what a certificate that is shown is worth.
//!
//! ```text
//!   `device enrol`      enrolled             shown at a login
//!   one-time code ────► certificate ───────► managed ──── `device revoke` ───► refused, live sessions end
//!   for one worker,     by our authority     for that                          (so does a certificate that
//!   a day                                    worker alone                       ended or is not ours)
//! ```
//!
//! Codes are kept as hashes and certificates as serial numbers, in a file of the state folder. The certificates that the
//! office's own authority made are known by what stands in them; only those that were revoked are kept.

mod authority;

use std::{
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use gateway_api::CloseReason;
use jiff::{SignedDuration, Timestamp};
use rustls::pki_types::CertificateDer;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;

use crate::{config, directory::Person, ledger::Ledger, secret_file};
use authority::{Authority, Worth};

/// Its name in the state folder.
const FILE: &str = "devices.json";
/// How long a one-time code may wait to be used.
const CODE_HOLDS: SignedDuration = SignedDuration::from_hours(24);
/// How long a certificate of our own holds, in days.
const DAYS: i32 = 365;
/// It is renewed in the last third of that.
const RENEWED_BEFORE: SignedDuration = SignedDuration::from_hours(24 * DAYS as i64 / 3);
/// The longest name of a device, in bytes.
const LONGEST_NAME: usize = 64;
/// Crockford's base32: no I, L, O, U.
const DIGITS: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";
/// Digits of a code: 60 random bits.
const CODE_DIGITS: usize = 12;

/// The certificates that a connection showed: its own first. Nothing of them is believed yet but that it holds the key.
#[derive(Debug, Clone, Default)]
pub(crate) struct Chain(pub(crate) Arc<[CertificateDer<'static>]>);

/// A managed computer, as its session knows it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
pub(crate) struct Managed {
    /// The name on the certificate.
    pub(crate) name: Arc<str>,
    /// The certificate's serial number: hexadecimal digits.
    pub(crate) serial: Arc<str>,
    /// The certificate names no worker: it is good only where an agreement names this computer.
    #[serde(default)]
    pub(crate) anybodys: bool,
}

/// The question whether this worker may come from this computer, or from a personal one.
pub(crate) fn request<'a>(
    worker: &'a str,
    groups: &'a [String],
    device: Option<&'a Managed>,
    at: Timestamp,
) -> policy::Request<'a> {
    let kind = if device.is_some() { policy::Device::Managed } else { policy::Device::Personal };
    policy::Request {
        device_name: device.map(|device| &*device.name),
        ..policy::Request::new(worker, groups, kind, at)
    }
}

/// What is wrong with a certificate that was shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Trouble {
    /// It ended, or has not begun.
    Expired,
    /// Neither the office nor this gateway made it.
    Foreign,
    /// The office revoked it.
    Revoked,
    /// It is another worker's, or nobody's.
    AnotherWorker,
}

impl Trouble {
    /// The record's word.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Expired => "device_expired",
            Self::Foreign => "device_foreign",
            Self::Revoked => "device_revoked",
            Self::AnotherWorker => "device_of_another",
        }
    }
}

/// Why a computer was not enrolled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum NotEnrolled {
    /// The code is another, used, over, or another worker's.
    Code,
    /// The connection showed no key that a certificate can be made for.
    NoKey,
    /// The gateway cannot, in words.
    Failed(String),
}

/// A fresh certificate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Issued {
    pub(crate) device: Managed,
    /// PEM.
    pub(crate) certificate: String,
    pub(crate) until: Timestamp,
}

/// One computer that was enrolled.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Entry {
    pub(crate) name: String,
    /// Whose: the name in the directory when it was enrolled.
    pub(crate) worker: String,
    /// By [`Person::id`].
    pub(crate) worker_id: String,
    /// Of its certificates, each renewal one more.
    pub(crate) serials: Vec<String>,
    pub(crate) enrolled_at: Timestamp,
    /// When the latest certificate ends.
    pub(crate) until: Timestamp,
    #[serde(default)]
    pub(crate) revoked_at: Option<Timestamp>,
}

#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct Code {
    /// SHA-256 of its digits, in hexadecimal digits.
    hash: String,
    worker: String,
    name: String,
    until: Timestamp,
}

#[derive(Debug, Clone, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct List {
    codes: Vec<Code>,
    devices: Vec<Entry>,
    /// Serial numbers of the office's own certificates that were revoked here.
    revoked: Vec<String>,
}

/// All of them.
#[derive(Debug)]
pub(crate) struct Devices {
    state: PathBuf,
    /// The authorities that the configuration names.
    office: Vec<CertificateDer<'static>>,
    list: Mutex<List>,
}

impl Devices {
    /// Reads what is kept. A list that cannot be read is no empty one.
    pub(crate) fn read(control: &config::Control, state: &Path) -> Result<Self, String> {
        let office = control.device_ca.as_deref().map(authority::read).transpose()?.unwrap_or_default();
        let path = state.join(FILE);
        let list = if path.exists() {
            let bytes = secret_file::read(&path).map_err(|error| error.to_string())?;
            serde_json::from_slice(&bytes)
                .map_err(|error| format!("cannot read the enrolled devices in `{}`: {error}", path.display()))?
        } else {
            List::default()
        };
        Ok(Self { state: state.to_owned(), office, list: Mutex::new(list) })
    }

    /// What the computer at the other end is: none for a personal one.
    pub(crate) fn judge(&self, shown: &Chain, person: &Person, now: Timestamp) -> Result<Option<Managed>, Trouble> {
        let Some((own, chain)) = shown.0.split_first() else { return Ok(None) };
        match authority::worth(&authority::certificate(&self.state), own, chain, now) {
            Worth::Good(subject) => self.enrolled(subject.serial, person).map(Some),
            Worth::Expired => Err(Trouble::Expired),
            Worth::Foreign => match authority::worth(&self.office, own, chain, now) {
                Worth::Good(subject) => self.of_the_office(subject, person).map(Some),
                Worth::Expired => Err(Trouble::Expired),
                Worth::Foreign => Err(Trouble::Foreign),
            },
        }
    }

    fn enrolled(&self, serial: String, person: &Person) -> Result<Managed, Trouble> {
        let list = self.list();
        // Ours and not in the list: the list is from before it was made.
        let entry = list.devices.iter().find(|entry| entry.serials.contains(&serial)).ok_or(Trouble::Foreign)?;
        if entry.revoked_at.is_some() {
            return Err(Trouble::Revoked);
        }
        if entry.worker_id != *person.id {
            return Err(Trouble::AnotherWorker);
        }
        Ok(Managed { name: entry.name.as_str().into(), serial: serial.into(), anybodys: false })
    }

    fn of_the_office(&self, subject: authority::Subject, person: &Person) -> Result<Managed, Trouble> {
        if self.list().revoked.contains(&subject.serial) {
            return Err(Trouble::Revoked);
        }
        let is = |worker: &str| worker == &*person.id || policy::folded(worker) == policy::folded(&person.name);
        if subject.worker.as_deref().is_some_and(|worker| !is(worker)) {
            return Err(Trouble::AnotherWorker);
        }
        let anybodys = subject.worker.is_none();
        Ok(Managed { name: subject.name.into(), serial: subject.serial.into(), anybodys })
    }

    /// Whether a computer that was let in was revoked since.
    pub(crate) fn is_revoked(&self, device: &Managed) -> bool {
        let list = self.list();
        let entry = list.devices.iter().find(|entry| entry.serials.iter().any(|serial| **serial == *device.serial));
        entry.is_some_and(|entry| entry.revoked_at.is_some())
            || list.revoked.iter().any(|serial| **serial == *device.serial)
    }

    /// A one-time code by which a worker makes a computer a managed one; makes the authority if there is none.
    pub(crate) fn code(&self, worker: &str, name: &str, now: Timestamp) -> Result<(String, Timestamp), String> {
        let (worker, name) = (checked(worker, "worker")?, checked(name, "device")?);
        Authority::open(&self.state, now)?;
        let mut random = [0; 8];
        getrandom::fill(&mut random).map_err(|error| format!("the system gives no random bytes: {error}"))?;
        let code = spelt(u64::from_be_bytes(random));
        let until = now.saturating_add(CODE_HOLDS).map_err(|error| error.to_string())?;
        self.change(|list| {
            let other = list
                .devices
                .iter()
                .find(|entry| entry.revoked_at.is_none() && same(&entry.name, name) && !same(&entry.worker, worker));
            if let Some(other) = other {
                return Err(format!(
                    "`{name}` is a computer of `{}`: choose another name, or revoke it first",
                    other.worker
                ));
            }
            list.codes.retain(|code| code.until > now && !(same(&code.name, name) && same(&code.worker, worker)));
            list.codes.push(Code { hash: hash(&code), worker: worker.to_owned(), name: name.to_owned(), until });
            Ok(())
        })?;
        Ok((code, until))
    }

    /// Whether this is a code for a computer of this worker.
    pub(crate) fn knows(&self, code: &str, person: &Person, now: Timestamp) -> bool {
        self.find(code, person, now).is_some()
    }

    fn find(&self, code: &str, person: &Person, now: Timestamp) -> Option<Code> {
        let wanted = hash(code);
        let list = self.list();
        let is = |code: &&Code| bool::from(code.hash.as_bytes().ct_eq(wanted.as_bytes()));
        list.codes.iter().find(is).filter(|code| code.until > now && same(&code.worker, &person.name)).cloned()
    }

    /// Turns a code into a certificate for the key that was shown. An earlier computer of that name gives way to this one.
    pub(crate) fn enrol(
        &self,
        code: &str,
        person: &Person,
        shown: &Chain,
        now: Timestamp,
    ) -> Result<Issued, NotEnrolled> {
        let code = self.find(code, person, now).ok_or(NotEnrolled::Code)?;
        let own = shown.0.first().ok_or(NotEnrolled::NoKey)?;
        let authority = Authority::open(&self.state, now).map_err(NotEnrolled::Failed)?;
        let made =
            authority.certify(own, &code.name, now, DAYS).map_err(NotEnrolled::Failed)?.ok_or(NotEnrolled::NoKey)?;
        let entry = Entry {
            name: code.name.clone(),
            worker: person.name.to_string(),
            worker_id: person.id.to_string(),
            serials: vec![made.serial.clone()],
            enrolled_at: now,
            until: made.until,
            revoked_at: None,
        };
        let used = self.change(|list| {
            let before = list.codes.len();
            list.codes.retain(|one| one.hash != code.hash);
            for earlier in list.devices.iter_mut().filter(|one| one.revoked_at.is_none() && same(&one.name, &code.name))
            {
                earlier.revoked_at = Some(now);
            }
            list.devices.push(entry);
            // Two at once with one code: the later finds it gone.
            if list.codes.len() == before { Err(String::new()) } else { Ok(()) }
        });
        used.map_err(|why| if why.is_empty() { NotEnrolled::Code } else { NotEnrolled::Failed(why) })?;
        let device = Managed { name: code.name.into(), serial: made.serial.into(), anybodys: false };
        Ok(Issued { device, certificate: made.pem, until: made.until })
    }

    /// Another certificate for the same key, if the one that was shown is ours and in its last third.
    pub(crate) fn renew(&self, device: &Managed, shown: &Chain, now: Timestamp) -> Result<Option<String>, String> {
        let serial = &*device.serial;
        let due = self.list().devices.iter().any(|entry| {
            entry.serials.iter().any(|one| one == serial) && entry.until.duration_since(now) < RENEWED_BEFORE
        });
        let Some(own) = shown.0.first().filter(|_| due) else { return Ok(None) };
        let Some(made) = Authority::open(&self.state, now)?.certify(own, &device.name, now, DAYS)? else {
            return Ok(None);
        };
        self.change(|list| {
            if let Some(entry) = list.devices.iter_mut().find(|entry| entry.serials.iter().any(|one| one == serial)) {
                entry.serials.push(made.serial.clone());
                entry.until = made.until;
            }
            Ok(())
        })?;
        Ok(Some(made.pem))
    }

    /// Which computer shows its certificate, of those that were enrolled here, and whose it is, nobody being signed in.
    pub(crate) fn alone(&self, shown: &Chain, now: Timestamp) -> Result<(Person, Managed), Trouble> {
        let (own, chain) = shown.0.split_first().ok_or(Trouble::Foreign)?;
        let serial = match authority::worth(&authority::certificate(&self.state), own, chain, now) {
            Worth::Good(subject) => subject.serial,
            Worth::Expired => return Err(Trouble::Expired),
            // What the office's own authority made, that renews.
            Worth::Foreign => return Err(Trouble::Foreign),
        };
        let entry = self.list().devices.iter().find(|entry| entry.serials.contains(&serial)).cloned();
        let entry = entry.ok_or(Trouble::Foreign)?;
        let person = Person { id: entry.worker_id.into(), name: entry.worker.into(), groups: Vec::new() };
        Ok((person.clone(), self.enrolled(serial, &person)?))
    }

    /// When the latest certificate of an enrolled computer ends.
    pub(crate) fn until(&self, device: &Managed) -> Option<Timestamp> {
        let list = self.list();
        let is = |entry: &&Entry| entry.serials.iter().any(|serial| **serial == *device.serial);
        list.devices.iter().find(is).map(|entry| entry.until)
    }

    /// Revokes a computer by its name, or by a serial number; the serial numbers that are worth nothing any more.
    pub(crate) fn revoke(&self, which: &str, now: Timestamp) -> Result<Vec<String>, String> {
        let which = which.trim();
        let serial = which.replace(':', "").to_ascii_lowercase();
        self.change(|list| {
            let mut gone = Vec::new();
            let is = |entry: &Entry| same(&entry.name, which) || entry.serials.contains(&serial);
            for entry in list.devices.iter_mut().filter(|entry| entry.revoked_at.is_none() && is(entry)) {
                entry.revoked_at = Some(now);
                gone.append(&mut entry.serials.clone());
            }
            if gone.is_empty() {
                // One of the office's authority is known by its number alone.
                let is_number = serial.len() >= 2 && serial.bytes().all(|digit| digit.is_ascii_hexdigit());
                if list.devices.iter().any(is) || self.office.is_empty() || !is_number {
                    return Err(format!("no device `{which}` is enrolled: `device list` shows those that are"));
                }
                list.revoked.retain(|one| *one != serial);
                list.revoked.push(serial.clone());
                gone.push(serial.clone());
            }
            Ok(gone)
        })
    }

    /// Ends every session from a computer that is revoked; how many.
    pub(crate) async fn end_revoked(&self, ledger: &Ledger) -> Result<usize, String> {
        let mut ended = 0;
        for (number, worker) in ledger.workers() {
            if worker.device.is_some_and(|device| self.is_revoked(&device)) {
                if !ledger.close(number, CloseReason::DeviceRevoked).await {
                    return Err(format!("it is revoked; session {number} is ending, and that is not recorded yet"));
                }
                ended += 1;
            }
        }
        Ok(ended)
    }

    /// Every computer that was enrolled.
    pub(crate) fn all(&self) -> Vec<Entry> {
        self.list().devices.clone()
    }

    /// Changes the list on disk and then here; a change that fails changes nothing.
    fn change<T>(&self, change: impl FnOnce(&mut List) -> Result<T, String>) -> Result<T, String> {
        let mut list = self.list();
        let mut next = list.clone();
        let answer = change(&mut next)?;
        let path = self.state.join(FILE);
        let text =
            serde_json::to_vec_pretty(&next).map_err(|error| format!("cannot write `{}`: {error}", path.display()))?;
        secret_file::replace(&path, &text).map_err(|error| error.to_string())?;
        *list = next;
        Ok(answer)
    }

    fn list(&self) -> MutexGuard<'_, List> {
        self.list.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn same(one: &str, other: &str) -> bool {
    policy::folded(one) == policy::folded(other)
}

fn checked<'a>(text: &'a str, what: &str) -> Result<&'a str, String> {
    let text = text.trim();
    if text.is_empty() || text.len() > LONGEST_NAME || text.chars().any(char::is_control) {
        return Err(format!("a {what} has a name of 1 to {LONGEST_NAME} bytes without control characters"));
    }
    Ok(text)
}

/// The low 60 bits as people read them: `K7QM-2F9D-XW41`.
fn spelt(random: u64) -> String {
    let digit = |place: usize| char::from(DIGITS[(random >> (place * 5)) as usize & 31]);
    let groups =
        [[11, 10, 9, 8], [7, 6, 5, 4], [3, 2, 1, 0]].map(|places| places.map(digit).iter().collect::<String>());
    groups.join("-")
}

/// Of a code as people type it: any case, with or without dashes and spaces, `O` for `0`, `I` and `L` for `1`.
fn hash(code: &str) -> String {
    let digits: String = code
        .chars()
        .filter(|c| !c.is_whitespace() && *c != '-')
        .map(|c| match c.to_ascii_uppercase() {
            'O' => '0',
            'I' | 'L' => '1',
            c => c,
        })
        .take(CODE_DIGITS + 1)
        .collect();
    Sha256::digest(digits).iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests;
