//! The state folder and the gateway's own keys in it, made at first start; one gateway at a time.

use std::{fs::File, path::Path};

use gateway_api::PresharedKey;
use gateway_record::{Key, Signer};
use zeroize::Zeroizing;

use crate::secret_file;

/// The WireGuard private key in the state folder: base64, as `wg genkey` prints it.
const KEY_FILE: &str = "wireguard-key";
/// What seals the kept sessions, in the same form.
const SESSIONS_KEY_FILE: &str = "sessions-key";
/// What seals the second factors, in the same form.
const FACTORS_KEY_FILE: &str = "factors-key";
/// What signs checkpoints and cuts, in the same form.
const RECORD_KEY_FILE: &str = "record-key";
/// What seals what is kept of reviews, in the same form.
const REVIEWS_KEY_FILE: &str = "reviews-key";
/// Where the service manager puts credentials; one of the name above takes the place of the state folder's.
const CREDENTIALS: &str = "CREDENTIALS_DIRECTORY";
/// Held by the running gateway.
const LOCK_FILE: &str = "lock";

/// The state folder, held by this process alone until it is dropped.
#[derive(Debug)]
pub(crate) struct StateFolder {
    _lock: File,
}

impl StateFolder {
    /// Makes the folder if needed, checks that it is private, and takes it.
    pub(crate) fn take(path: &Path) -> Result<Self, String> {
        secret_file::create_folder(path).map_err(|error| error.to_string())?;
        let lock_path = path.join(LOCK_FILE);
        let open = || {
            use std::os::unix::fs::OpenOptionsExt as _;
            File::options().read(true).write(true).create(true).truncate(false).mode(0o600).open(&lock_path)
        };
        let lock = open().map_err(|error| {
            let advice = match error.kind() {
                std::io::ErrorKind::ReadOnlyFilesystem => {
                    "; it must be writable: see how its disk is mounted (`findmnt`)"
                }
                _ => "",
            };
            format!("cannot open `{}`: {error}{advice}", lock_path.display())
        })?;
        match lock.try_lock() {
            Ok(()) => Ok(Self { _lock: lock }),
            Err(std::fs::TryLockError::WouldBlock) => {
                Err(format!("a gateway is running over `{}`: stop it first", path.display()))
            }
            Err(std::fs::TryLockError::Error(error)) => Err(format!("cannot lock `{}`: {error}", lock_path.display())),
        }
    }
}

/// The gateway's WireGuard private key, made if there is none.
pub(crate) fn wireguard_key(state: &Path) -> Result<Zeroizing<[u8; 32]>, String> {
    made_if_missing(&state.join(KEY_FILE))
}

/// The key that seals what is kept of live sessions: a systemd credential if there is one, else the state folder's, made
/// if there is none.
pub(crate) fn sessions_key(state: &Path) -> Result<Zeroizing<[u8; 32]>, String> {
    credential_or_made(state, SESSIONS_KEY_FILE)
}

/// The key that seals second factors, found in the same way. Without it they are worth nothing, and a backup of the database does
/// not hold it.
pub(crate) fn factors_key(state: &Path) -> Result<Zeroizing<[u8; 32]>, String> {
    credential_or_made(state, FACTORS_KEY_FILE)
}

/// The key that seals what is kept of reviews, found in the same way.
pub(crate) fn reviews_key(state: &Path) -> Result<Zeroizing<[u8; 32]>, String> {
    credential_or_made(state, REVIEWS_KEY_FILE)
}

/// What signs the record: a systemd credential if there is one, else the state folder's, made if there is none.
pub(crate) fn record_signer(state: &Path) -> Result<Signer, String> {
    credential_or_made(state, RECORD_KEY_FILE).map(|key| Signer::new(&key))
}

/// What the record's signatures are checked by. None if no gateway made a key here yet.
pub(crate) fn record_key(state: &Path) -> Result<Option<Key>, String> {
    let there = credential(RECORD_KEY_FILE).is_some() || state.join(RECORD_KEY_FILE).exists();
    there.then(|| record_signer(state).map(|signer| signer.key())).transpose()
}

fn credential_or_made(state: &Path, name: &str) -> Result<Zeroizing<[u8; 32]>, String> {
    credential(name).unwrap_or_else(|| made_if_missing(&state.join(name)))
}

fn credential(name: &str) -> Option<Result<Zeroizing<[u8; 32]>, String>> {
    let path =
        std::env::var_os(CREDENTIALS).map(|folder| Path::new(&folder).join(name)).filter(|path| path.exists())?;
    Some(secret_file::read_shared(&path).map_err(|error| error.to_string()).and_then(|bytes| key(&path, &bytes)))
}

fn made_if_missing(path: &Path) -> Result<Zeroizing<[u8; 32]>, String> {
    if !path.exists() {
        let mut bytes = Zeroizing::new([0; 32]);
        getrandom::fill(&mut *bytes).map_err(|error| format!("the system gives no random bytes: {error}"))?;
        // The same 44 characters as any other 32 secret bytes.
        let text = PresharedKey::new(*bytes).encode();
        secret_file::create(path, format!("{}\n", *text).as_bytes()).map_err(|error| error.to_string())?;
        give_to_owner_of_folder(path);
    }
    secret_file::read(path).map_err(|error| error.to_string()).and_then(|bytes| key(path, &bytes))
}

/// What a command makes as root must be the gateway's to read.
pub(crate) fn give_to_owner_of_folder(path: &Path) {
    use std::os::unix::fs::MetadataExt as _;
    let Some(Ok(folder)) = path.parent().map(std::fs::metadata) else { return };
    // Only root can, and only root needs to.
    let _ = std::os::unix::fs::chown(path, Some(folder.uid()), Some(folder.gid()));
}

fn key(path: &Path, bytes: &[u8]) -> Result<Zeroizing<[u8; 32]>, String> {
    let line = secret_file::first_line(path, bytes).map_err(|error| error.to_string())?;
    let key = PresharedKey::parse(line.trim()).map_err(|error| format!("`{}` is {error}", path.display()))?;
    Ok(Zeroizing::new(*key.expose()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_key_stays_the_same_and_a_broken_one_is_told() {
        let folder = tempfile::tempdir().unwrap();
        let state = folder.path().join("state");
        let _held = StateFolder::take(&state).unwrap();
        let first = wireguard_key(&state).unwrap();
        assert_eq!(wireguard_key(&state).unwrap(), first);
        std::fs::write(state.join(KEY_FILE), "abc\n").unwrap();
        assert!(wireguard_key(&state).unwrap_err().contains("not a key"));
    }

    #[test]
    fn the_record_is_signed_by_the_same_key_at_each_start() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(record_key(folder.path()).unwrap(), None, "looking makes none");
        let first = record_signer(folder.path()).unwrap().key();
        assert_eq!(record_key(folder.path()).unwrap(), Some(first));
        assert_eq!(record_signer(folder.path()).unwrap().key(), first);
    }

    #[test]
    fn one_gateway_at_a_time() {
        let folder = tempfile::tempdir().unwrap();
        let state = folder.path().join("state");
        let held = StateFolder::take(&state).unwrap();
        assert!(StateFolder::take(&state).unwrap_err().contains("a gateway is running"));
        drop(held);
        assert!(StateFolder::take(&state).is_ok());
    }
}
