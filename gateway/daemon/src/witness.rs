//! The outside witness: who is handed each checkpoint, so that a journal's end can be proven later. Hashes and numbers only.

mod url;

use std::{
    fs::{File, OpenOptions},
    io::{BufRead as _, BufReader, Read as _, Seek as _, SeekFrom, Write as _},
    os::unix::{fs::OpenOptionsExt as _, net::UnixDatagram},
    path::{Path, PathBuf},
};

use gateway_record::Checkpoint;

pub(crate) use self::url::Url;

/// Where this machine's system log listens.
const SYSLOG: &str = "/dev/log";
/// How much of a line is looked at together, in bytes; a checkpoint has a thousand.
const LONGEST: u64 = 16 * 1024;
/// What is looked at twice of a longer one.
const OVERLAP: usize = 4 * 1024;
/// Facility authpriv (10), severity info (6): RFC 5424, section 6.2.1.
const PRIORITY: u8 = 10 * 8 + 6;

/// Where checkpoints are handed to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Witness {
    /// A line each at the end of a file, best on another machine.
    File(PathBuf),
    /// The system's log, which the administrator sends on to another machine.
    Syslog,
    /// A server, by HTTPS.
    Url(Url),
}

impl std::fmt::Display for Witness {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::File(path) => write!(f, "file:{}", path.display()),
            Self::Syslog => f.write_str("syslog"),
            Self::Url(url) => url.fmt(f),
        }
    }
}

impl Witness {
    /// Its file of checkpoints, where this machine can read it.
    pub(crate) fn file(&self) -> Option<&Path> {
        match self {
            Self::File(path) => Some(path),
            Self::Syslog | Self::Url(_) => None,
        }
    }

    /// What would keep every checkpoint from being taken, as far as that can be seen without asking.
    pub(crate) fn check(&self) -> Result<(), String> {
        match self {
            Self::File(_) | Self::Syslog => Ok(()),
            Self::Url(url) => url.check(),
        }
    }

    /// Hands a checkpoint over; in a file it is durable when this returns.
    pub(crate) async fn tell(self, checkpoint: &Checkpoint) -> Result<(), String> {
        let line = serde_json::to_string(checkpoint).map_err(|error| error.to_string())?;
        match self {
            // It may be on another machine, and slow.
            Self::File(path) => {
                let told = move || {
                    append(&path, &line).map_err(|error| format!("cannot write to `{}`: {error}", path.display()))
                };
                tokio::task::spawn_blocking(told).await.unwrap_or_else(|error| Err(error.to_string()))
            }
            // One that reads nothing takes nothing, and whoever sends it something waits.
            Self::Syslog => tokio::task::spawn_blocking(move || {
                let message = format!("<{PRIORITY}>deskgate-gateway[{}]: checkpoint {line}", std::process::id());
                let sent = UnixDatagram::unbound().and_then(|socket| socket.send_to(message.as_bytes(), SYSLOG));
                sent.map(|_| ()).map_err(|error| format!("the system's log does not listen on {SYSLOG}: {error}"))
            })
            .await
            .unwrap_or_else(|error| Err(error.to_string())),
            Self::Url(url) => url.tell(line).await,
        }
    }
}

fn append(path: &Path, line: &str) -> std::io::Result<()> {
    let mut file = OpenOptions::new().read(true).append(true).create(true).mode(0o640).open(path)?;
    let mut last = [b'\n'];
    if file.seek(SeekFrom::End(0))? > 0 {
        file.seek(SeekFrom::End(-1))?;
        file.read_exact(&mut last)?;
    }
    // Half a line, as a crash leaves it, must not swallow this one.
    let before = if last == [b'\n'] { "" } else { "\n" };
    file.write_all(format!("{before}{line}\n").as_bytes())?;
    file.sync_data()
}

/// The checkpoints in a witness's file, or in a copy of the system log that it was sent to; lines that hold none are passed over.
pub(crate) fn read(path: &Path) -> Result<Vec<Checkpoint>, String> {
    let failed = |error: std::io::Error| format!("cannot read the witness `{}`: {error}", path.display());
    let mut reader = BufReader::new(File::open(path).map_err(failed)?);
    let (mut found, mut line) = (Vec::new(), Vec::new());
    // Anybody may have written to it. A line without an end takes no more memory than this, and hides nothing that comes behind it.
    while reader.by_ref().take(LONGEST).read_until(b'\n', &mut line).map_err(failed)? > 0 {
        found.extend(Checkpoint::all_in(&String::from_utf8_lossy(&line)));
        let kept = if line.ends_with(b"\n") { 0 } else { line.len().min(OVERLAP) };
        line.drain(..line.len() - kept);
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use gateway_record::Signer;
    use jiff::Timestamp;

    use super::*;

    #[tokio::test]
    async fn what_was_told_is_read_back_also_after_half_a_line() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("witness");
        let witness = Witness::File(path.clone());
        let checkpoint =
            |number| Checkpoint::sign(&Signer::new(&[1; 32]), "GW1", number, Timestamp::UNIX_EPOCH, Vec::new());
        witness.clone().tell(&checkpoint(1)).await.unwrap();
        let mut file = OpenOptions::new().append(true).open(&path).unwrap();
        file.write_all(br#"{"gateway":"GW"#).unwrap();
        witness.clone().tell(&checkpoint(2)).await.unwrap();
        witness.tell(&checkpoint(3)).await.unwrap();
        assert_eq!(read(&path).unwrap(), [checkpoint(1), checkpoint(2), checkpoint(3)]);
        // What others write hides nothing, wherever it ends.
        let whole = std::fs::read(&path).unwrap();
        for length in [1, 10_000, 16_000, 16_200, 100_000] {
            std::fs::write(&path, [&vec![b'{'; length], &*whole, &[0xff; 9], &vec![b'{'; length]].concat()).unwrap();
            let mut found = read(&path).unwrap();
            found.dedup();
            assert_eq!(found, [checkpoint(1), checkpoint(2), checkpoint(3)], "behind {length} bytes");
        }
    }

    #[tokio::test]
    async fn a_witness_that_cannot_be_reached_is_told() {
        let folder = tempfile::tempdir().unwrap();
        let witness = Witness::File(folder.path().join("gone/witness"));
        let checkpoint = Checkpoint::sign(&Signer::new(&[1; 32]), "GW1", 1, Timestamp::UNIX_EPOCH, Vec::new());
        assert!(witness.tell(&checkpoint).await.unwrap_err().contains("cannot write to"));
    }
}
