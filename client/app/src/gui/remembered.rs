//! What the window remembers from one time to the next: language, look, and the user name where the profile allows it. Nothing else, and
//! never a password.

use std::{
    fs,
    path::{Path, PathBuf},
};

use gateway_api::login::Language;
use serde::{Deserialize, Serialize};

use super::state::{Known, Look};
use crate::{
    config::{Config, file},
    private,
};

/// In this user's folder of this program.
const NAME: &str = "window.toml";

/// As kept. What cannot be read is as if it were not there: nothing of it is worth a question.
#[derive(Debug, Default, Clone, PartialEq, Eq, Deserialize, Serialize)]
#[serde(default)]
pub(crate) struct Remembered {
    pub(crate) language: Option<Language>,
    pub(crate) look: Look,
    pub(crate) user: Option<String>,
}

impl Remembered {
    /// What is kept.
    pub(crate) fn load() -> Self {
        place().map(|path| Self::read(&path)).unwrap_or_default()
    }

    /// Keeps it. A disk that is full or not there is no reason to bother anybody: the next time begins with the defaults.
    pub(crate) fn keep(&self) {
        let Some(path) = place() else { return };
        if let Err(error) = self.write(&path) {
            tracing::debug!(%error, "nothing remembered");
        }
    }

    /// What a form has in it from the start.
    pub(crate) fn known(&self, config: &Config) -> Known {
        let user = config.user.clone().or_else(|| self.user.clone().filter(|_| config.remember_user));
        Known { server: config.server.clone(), user, ..Known::default() }
    }

    fn read(path: &Path) -> Self {
        let text = fs::read_to_string(path).unwrap_or_default();
        toml::from_str(&text).unwrap_or_default()
    }

    fn write(&self, path: &Path) -> std::io::Result<()> {
        let text = toml::to_string(self).map_err(std::io::Error::other)?;
        // A full disk leaves the old one whole.
        private::replace(path, text.as_bytes())
    }
}

fn place() -> Option<PathBuf> {
    file::folder().map(|folder| folder.join(NAME))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn what_is_remembered_is_for_its_owner_alone_and_reads_back() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("deskgate/window.toml");
        assert_eq!(Remembered::read(&path), Remembered::default(), "nothing yet");
        let kept = Remembered { language: Some(Language::It), look: Look::Contrast, user: Some("m.rossi".to_owned()) };
        kept.write(&path).unwrap();
        assert_eq!(Remembered::read(&path), kept);
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        fs::write(&path, "language = \"fr\"").unwrap();
        assert_eq!(Remembered::read(&path), Remembered::default(), "rubbish is as if it were not there");
    }
}
