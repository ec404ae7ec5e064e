//! What lies ready for an RDP program that is told everything in a file, as long as it runs.
//!
//! That file lies in a folder of this user's own, named after the process that made it, and has no password in it. What a killed program of
//! ours left behind is removed at the next start; what another one made that still runs stays, for its RDP program may keep things there.

use std::{
    fs,
    io::{self, Write as _},
    path::{Path, PathBuf},
};

use super::system::runs;
use crate::{config::file, private};

/// A folder, gone when it is dropped with whatever is in it.
pub(super) struct Aside(PathBuf);

impl Aside {
    /// A new one.
    pub(super) fn new() -> io::Result<Self> {
        Self::among(&file::needed_folder()?.join("desktop"))
    }

    fn among(folders: &Path) -> io::Result<Self> {
        forget_left(folders);
        let folder = folders.join(std::process::id().to_string());
        private::create_folder(&folder)?;
        Ok(Self(folder))
    }

    /// Writes the file. Where it is.
    pub(super) fn write(&self, name: &str, bytes: &[u8]) -> io::Result<PathBuf> {
        let path = self.0.join(name);
        private::create(&path)?.write_all(bytes)?;
        Ok(path)
    }
}

impl Drop for Aside {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// Removes the folders of processes that are gone. We have made none yet: our own number is that of one before us, used again.
fn forget_left(folders: &Path) {
    for folder in fs::read_dir(folders).into_iter().flatten().flatten() {
        let process = folder.file_name().to_str().and_then(|name| name.parse().ok());
        if process.is_some_and(|process| process == std::process::id() || !runs(process)) {
            let _ = fs::remove_dir_all(folder.path());
        }
    }
}

#[cfg(test)]
mod tests {
    use std::process::{Child, Command};

    use super::*;

    #[test]
    fn what_processes_left_that_are_gone_is_removed_and_what_another_one_uses_stays() {
        let folders = tempfile::tempdir().unwrap();
        let start = || Command::new("sleep").arg("60").spawn().unwrap();
        let (mut other, mut gone) = (start(), start());
        let folder = |process: u32| folders.path().join(process.to_string());
        let end = |process: &mut Child| process.kill().and_then(|()| process.wait()).unwrap();
        for process in [other.id(), gone.id(), std::process::id()] {
            fs::create_dir_all(folder(process).join("data")).unwrap();
        }
        end(&mut gone);

        let aside = Aside::among(folders.path()).unwrap();
        let path = aside.write("pc.rdp", b"told").unwrap();
        assert!(folder(other.id()).join("data").is_dir() && !folder(gone.id()).exists());
        assert_eq!(fs::read(&path).unwrap(), b"told");
        assert!(!path.with_file_name("data").exists(), "of one before us");
        drop(aside);
        end(&mut other);
        assert!(!path.exists() && folder(other.id()).exists());
    }
}
