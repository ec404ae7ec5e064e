//! Files that nobody else may read: keys, passwords, the database.
//!
//! Wrong permissions are refused rather than mended: a secret that others could read until now is no secret any more,
//! and the administrator must know.

use std::{
    fs::{DirBuilder, Metadata, OpenOptions},
    io::{Read as _, Write as _},
    os::unix::fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _},
    path::{Path, PathBuf},
};

use zeroize::Zeroizing;

/// The largest secret read, in bytes.
const LARGEST: u64 = 64 * 1024;

/// Why a secret is not there, in words that say what to do.
#[derive(Debug)]
pub(crate) enum SecretError {
    /// The system refused.
    Io { doing: &'static str, path: PathBuf, error: std::io::Error },
    /// Others may read it.
    Readable { path: PathBuf, mode: u32, wanted: u32 },
    /// It belongs to another user.
    Foreign { path: PathBuf, owner: u32 },
    /// It is far larger than any secret.
    TooLarge { path: PathBuf },
}

impl std::fmt::Display for SecretError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Io { doing, path, error } => write!(f, "cannot {doing} `{}`: {error}", path.display()),
            Self::Readable { path, mode, wanted } => write!(
                f,
                "others may read `{path}` (mode {mode:04o}): run `chmod {wanted:04o} {path}`, and change what it holds if somebody may have read it",
                path = path.display()
            ),
            Self::Foreign { path, owner } => write!(
                f,
                "`{path}` belongs to user {owner}, not to the gateway's: run `chown` on it, or start the gateway as that user",
                path = path.display()
            ),
            Self::TooLarge { path } => write!(f, "`{}` is too large for a secret", path.display()),
        }
    }
}

/// Refuses a file or folder that others may read, or that belongs to somebody else than us or root.
pub(crate) fn check_private(path: &Path) -> Result<(), SecretError> {
    let metadata =
        std::fs::metadata(path).map_err(|error| SecretError::Io { doing: "look at", path: path.to_owned(), error })?;
    check(path, &metadata, Readers::OwnerAlone)
}

/// Who may read a secret.
#[derive(Debug, Clone, Copy)]
enum Readers {
    /// What the gateway made for itself.
    OwnerAlone,
    /// What an administrator owns and lends to the gateway's group.
    GroupToo,
}

fn check(path: &Path, metadata: &Metadata, readers: Readers) -> Result<(), SecretError> {
    let mode = metadata.mode() & 0o7777;
    let (forbidden, wanted) = match readers {
        Readers::OwnerAlone if metadata.is_dir() => (0o077, 0o700),
        Readers::OwnerAlone => (0o077, 0o600),
        Readers::GroupToo => (0o027, 0o640),
    };
    if mode & forbidden != 0 {
        return Err(SecretError::Readable { path: path.to_owned(), mode, wanted });
    }
    let us = nix::unistd::geteuid().as_raw();
    if metadata.uid() != us && metadata.uid() != 0 && us != 0 {
        return Err(SecretError::Foreign { path: path.to_owned(), owner: metadata.uid() });
    }
    Ok(())
}

/// Reads a secret of the gateway's own, checked first.
pub(crate) fn read(path: &Path) -> Result<Zeroizing<Vec<u8>>, SecretError> {
    read_checked(path, Readers::OwnerAlone)
}

/// Reads a secret that an administrator keeps: a group may read it, but not change it.
pub(crate) fn read_shared(path: &Path) -> Result<Zeroizing<Vec<u8>>, SecretError> {
    read_checked(path, Readers::GroupToo)
}

fn read_checked(path: &Path, readers: Readers) -> Result<Zeroizing<Vec<u8>>, SecretError> {
    let failed = |doing| move |error| SecretError::Io { doing, path: path.to_owned(), error };
    let file = std::fs::File::open(path).map_err(failed("read"))?;
    // Of the open file, so that nobody can exchange it in between.
    let metadata = file.metadata().map_err(failed("look at"))?;
    check(path, &metadata, readers)?;
    if metadata.len() > LARGEST {
        return Err(SecretError::TooLarge { path: path.to_owned() });
    }
    // With room for all of it, so that no copy is left behind by growing.
    let mut bytes = Zeroizing::new(Vec::with_capacity(usize::try_from(metadata.len()).unwrap_or(0) + 1));
    file.take(LARGEST).read_to_end(&mut bytes).map_err(failed("read"))?;
    Ok(bytes)
}

/// The one line of a secret, without its end.
pub(crate) fn first_line(path: &Path, bytes: &[u8]) -> Result<Zeroizing<String>, SecretError> {
    let text = std::str::from_utf8(bytes).map_err(|error| SecretError::Io {
        doing: "read",
        path: path.to_owned(),
        error: std::io::Error::new(std::io::ErrorKind::InvalidData, error),
    })?;
    Ok(Zeroizing::new(text.lines().next().unwrap_or_default().to_owned()))
}

/// Writes a new secret, on disk when this returns; refuses to replace one.
pub(crate) fn create(path: &Path, bytes: &[u8]) -> Result<(), SecretError> {
    let failed = |error| SecretError::Io { doing: "make", path: path.to_owned(), error };
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path).map_err(failed)?;
    file.write_all(bytes).and_then(|()| file.sync_all()).map_err(failed)
}

/// Puts a secret in the place of another one in one step: the old one or the new one is there, never half of one.
pub(crate) fn replace(path: &Path, bytes: &[u8]) -> Result<(), SecretError> {
    let failed = |error| SecretError::Io { doing: "replace", path: path.to_owned(), error };
    let part = path.with_extension("part");
    match std::fs::remove_file(&part) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(failed(error)),
        Ok(()) | Err(_) => {}
    }
    create(&part, bytes)?;
    std::fs::rename(&part, path).map_err(failed)
}

/// Makes a folder that nobody else may enter; one that is there is checked.
pub(crate) fn create_folder(path: &Path) -> Result<(), SecretError> {
    match DirBuilder::new().mode(0o700).create(path) {
        Ok(()) => Ok(()),
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => check_private(path),
        Err(error) => Err(SecretError::Io { doing: "make the folder", path: path.to_owned(), error }),
    }
}

#[cfg(test)]
mod tests {
    use std::{fs::Permissions, os::unix::fs::PermissionsExt as _};

    use super::*;

    #[test]
    fn a_secret_that_others_may_read_is_refused_with_what_to_do() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("key");
        create(&path, b"secret\n").unwrap();
        assert_eq!(&**read(&path).unwrap(), b"secret\n");
        std::fs::set_permissions(&path, Permissions::from_mode(0o640)).unwrap();
        let error = read(&path).unwrap_err().to_string();
        assert!(error.contains("mode 0640") && error.contains("chmod 0600"), "{error}");
    }

    #[test]
    fn a_secret_is_never_overwritten() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("key");
        create(&path, b"first").unwrap();
        assert!(create(&path, b"second").is_err());
        assert_eq!(&**read(&path).unwrap(), b"first");
    }

    #[test]
    fn a_folder_is_made_for_us_alone_and_an_open_one_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("state");
        create_folder(&path).unwrap();
        create_folder(&path).unwrap();
        std::fs::set_permissions(&path, Permissions::from_mode(0o755)).unwrap();
        let error = create_folder(&path).unwrap_err().to_string();
        assert!(error.contains("chmod 0700"), "{error}");
    }

    #[test]
    fn something_enormous_is_not_read() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("key");
        create(&path, &vec![b'x'; 70_000]).unwrap();
        assert!(matches!(read(&path), Err(SecretError::TooLarge { .. })));
    }
}
