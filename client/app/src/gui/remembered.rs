//! What the window remembers from one time to the next: language, look, size of the text, whether the desktop fills the screen, and the user name where the
//! profile allows it. Nothing else, and never a password.

use std::{
    fs,
    path::{Path, PathBuf},
};

use gateway_api::login::Language;
use serde::{Deserialize, Serialize};

use super::state::{Choice, Known, Look};
use crate::{
    config::{Carrier, Config, file},
    private,
    rdp::Screen,
};

/// In this user's folder of this program.
const NAME: &str = "window.toml";
/// How small and how large the text may begin, in percent: whoever made it unreadable finds the way back the next time.
const SMALLEST: u16 = 50;
const LARGEST: u16 = 300;
/// As it is made.
const USUAL: u16 = 100;

/// As kept. What cannot be read is as if it were not there: nothing of it is worth a question.
#[derive(Debug, Default, Clone, PartialEq, Eq, Deserialize, Serialize)]
#[serde(default)]
pub(crate) struct Remembered {
    pub(crate) language: Option<Language>,
    pub(crate) look: Look,
    /// In percent of the usual.
    text_size: Option<u16>,
    pub(crate) screen: Option<Screen>,
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
        let screen = match config.carrier {
            Carrier::Rdp(screen) => Some(screen),
            Carrier::Command(_) | Carrier::Door | Carrier::Wireguard(_) => None,
        };
        Known { server: config.server.clone(), user, screen, ..Known::default() }
    }

    /// Takes over what was chosen.
    pub(crate) fn take(&mut self, choice: Choice) {
        match choice {
            Choice::Language(language) => self.language = Some(language),
            Choice::Look(look) => self.look = look,
            Choice::Screen(screen) => self.screen = Some(screen),
        }
    }

    /// By how much everything is larger than it is made.
    pub(crate) fn zoom(&self) -> f32 {
        f32::from(self.text_size.unwrap_or(USUAL).clamp(SMALLEST, LARGEST)) / f32::from(USUAL)
    }

    /// Takes a size over, as near to it as may be. Whether it is another one than before.
    pub(crate) fn take_zoom(&mut self, zoom: f32) -> bool {
        let before = self.zoom();
        let percent = (zoom * f32::from(USUAL)).round().clamp(f32::from(SMALLEST), f32::from(LARGEST));
        self.text_size = Some(percent as u16);
        self.zoom() != before
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
        let kept = Remembered {
            language: Some(Language::It),
            look: Look::Contrast,
            user: Some("m.rossi".to_owned()),
            text_size: Some(150),
            screen: Some(Screen::Full),
        };
        kept.write(&path).unwrap();
        assert_eq!(Remembered::read(&path), kept);
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        fs::write(&path, "language = \"fr\"").unwrap();
        assert_eq!(Remembered::read(&path), Remembered::default(), "rubbish is as if it were not there");
    }

    #[test]
    fn the_size_of_the_text_begins_where_it_was_left_and_where_it_can_be_read() {
        let mut remembered = Remembered::default();
        assert_eq!(remembered.zoom(), 1.0);
        for (zoom, is_new, kept) in [
            (1.0, false, 1.0),
            (1.3, true, 1.3),
            (1.3, false, 1.3),
            (5.0, true, 3.0),
            (4.9, false, 3.0),
            (0.2, true, 0.5),
        ] {
            assert_eq!((remembered.take_zoom(zoom), remembered.zoom()), (is_new, kept), "{zoom}");
        }
        assert_eq!(Remembered { text_size: Some(u16::MAX), ..Remembered::default() }.zoom(), 3.0);
    }
}
