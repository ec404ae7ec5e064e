//! What failed before there was a session: each time under a number of its own, for nobody else gives it one. Number, time and one word stand
//! in a small file beside what the window remembers, which `deskgate doctor` takes up into its report, so that the help desk can tell one
//! from another. No name and no address is in it.

use std::{
    fs,
    io::{self, Read as _},
    path::{Path, PathBuf},
};

use gateway_api::SessionNumber;

use crate::{clock, config::file, private, session::Outcome};

/// In this user's folder of this program.
const NAME: &str = "failures.txt";
/// How many are kept: the newest.
const MOST: usize = 20;
/// The largest file that is read, in bytes.
const LARGEST: u64 = 4 << 10;

/// A number that means nothing elsewhere.
pub(crate) fn draw() -> Result<SessionNumber, getrandom::Error> {
    let mut random = [0; 8];
    getrandom::fill(&mut random)?;
    Ok(SessionNumber::new(u64::from_le_bytes(random)))
}

/// Writes an outcome down, and says under which number. None if there was a session, or the gateway gave a number; and none where nothing can
/// be written, for nobody could find anything under it.
pub(crate) fn note(outcome: &Outcome) -> Option<SessionNumber> {
    let (word, path, number) = (word(outcome)?, place()?, draw().ok()?);
    match add(&path, format!("{}  {number}  {word}", clock::stamp())) {
        Ok(()) => Some(number),
        Err(error) => {
            tracing::debug!(%error, word, "a failure is not noted");
            None
        }
    }
}

/// What is noted, the newest last.
pub(crate) fn noted() -> Vec<String> {
    place().map(|path| read(&path)).unwrap_or_default()
}

fn word(outcome: &Outcome) -> Option<&'static str> {
    Some(match outcome {
        Outcome::NoNetwork => "no_network",
        Outcome::Unresolved => "name_unknown",
        Outcome::Untimely => "clock_doubtful",
        Outcome::OtherVersion => "other_version",
        Outcome::Unreachable { .. } => "unreachable",
        Outcome::Untrusted { .. } => "untrusted",
        Outcome::UntrustedAtPortal { .. } => "untrusted_at_portal",
        Outcome::Portal => "portal",
        Outcome::NotAGateway { .. } => "not_a_gateway",
        Outcome::NoRdpProgram => "no_rdp_program",
        // There was a session, or the gateway gave a number.
        Outcome::Refused(_)
        | Outcome::Ended { .. }
        | Outcome::AssistanceOver { .. }
        | Outcome::NotWoken { .. }
        | Outcome::Unreached { .. }
        | Outcome::ProgramWentAway { .. }
        | Outcome::ProgramFailed { .. }
        | Outcome::ProgramBroke { .. }
        | Outcome::WorkstationUntrusted { .. }
        | Outcome::WorkstationNotNamed { .. }
        | Outcome::LogonRefused { .. }
        | Outcome::LockedOut { .. }
        | Outcome::Desktop { .. }
        | Outcome::ProgramMissing { .. }
        | Outcome::NoTunnel { .. }
        | Outcome::NothingGranted
        | Outcome::Unwritable { .. }
        // Nothing happened that anybody would look for.
        | Outcome::NoticeUnread { .. }
        | Outcome::Broken { .. } => return None,
    })
}

fn add(path: &Path, line: String) -> io::Result<()> {
    let mut lines = read(path);
    lines.push(line);
    let newest: String = lines.iter().skip(lines.len().saturating_sub(MOST)).map(|line| format!("{line}\n")).collect();
    private::replace(path, newest.as_bytes())
}

/// What cannot be read is as if it were not there.
fn read(path: &Path) -> Vec<String> {
    let mut text = String::new();
    let Ok(file) = fs::File::open(path) else { return Vec::new() };
    match file.take(LARGEST).read_to_string(&mut text) {
        Ok(_) => text.lines().map(str::to_owned).collect(),
        Err(_) => Vec::new(),
    }
}

fn place() -> Option<PathBuf> {
    file::folder().map(|folder| folder.join(NAME))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_are_kept_and_no_more_than_a_page_of_them() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("deskgate").join(NAME);
        for at in 0..100 {
            let number = SessionNumber::new(at);
            add(&path, format!("{}  {number}  clock_doubtful", clock::stamp())).unwrap();
        }
        let lines = read(&path);
        assert_eq!(lines.len(), MOST);
        assert!(lines.last().is_some_and(|line| line.contains(&SessionNumber::new(99).to_string())), "{lines:?}");
        assert!(fs::metadata(&path).unwrap().len() < LARGEST, "all of it is read back");
        fs::write(&path, [0xff; 10]).unwrap();
        add(&path, "new".to_owned()).unwrap();
        assert_eq!(read(&path), ["new"], "rubbish is as if it were not there");
    }

    #[test]
    fn what_has_a_number_already_or_needs_none_gets_no_other() {
        use gateway_api::CloseReason;

        assert_eq!(word(&Outcome::Ended { reason: CloseReason::Idle, idle_minutes: 15 }), None);
        assert_eq!(word(&Outcome::NoticeUnread { asked: true }), None);
        assert_eq!(word(&Outcome::NothingGranted), None);
        assert_eq!(word(&Outcome::Unreachable { cause: "no answer".to_owned() }), Some("unreachable"));
    }
}
