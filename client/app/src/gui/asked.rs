//! With which profile the window was started once more: a file in this user's folder, from before the knock until the first window has heard it.
//!
//! A knock carries no words on every system; a file does.

use std::{
    fs,
    path::{Path, PathBuf},
};

use crate::{config::file, private};

/// In this user's folder of this program.
const NAME: &str = "asked.txt";

/// Says which profile this start was given. Where it cannot be written, the first window comes to the front and says nothing of it.
pub(crate) fn leave(profile: &Path) {
    let (Some(place), Ok(profile)) = (place(), std::path::absolute(profile)) else { return };
    let Some(text) = profile.to_str() else { return };
    if let Err(error) = private::replace(&place, text.as_bytes()) {
        tracing::debug!(%error, "the first window is not told of the profile");
    }
}

/// Which one, once.
pub(crate) fn take() -> Option<PathBuf> {
    let place = place()?;
    let text = fs::read_to_string(&place).ok();
    let _ = fs::remove_file(place);
    text.map(PathBuf::from)
}

/// Whether two files say the same, so that a copy is no other profile.
pub(crate) fn is_same(asked: &Path, ours: Option<&Path>) -> bool {
    ours.is_some_and(|ours| {
        asked == ours || fs::read(asked).is_ok_and(|asked| fs::read(ours).is_ok_and(|ours| asked == ours))
    })
}

fn place() -> Option<PathBuf> {
    file::folder().map(|folder| folder.join(NAME))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_copy_is_the_same_profile_and_another_or_none_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let [ours, copy, other] = ["ours", "copy", "other"].map(|name| folder.path().join(name));
        for (path, text) in [(&ours, "a"), (&copy, "a"), (&other, "b")] {
            fs::write(path, text).unwrap();
        }
        assert!(is_same(&ours, Some(&ours)) && is_same(&copy, Some(&ours)));
        assert!(!is_same(&other, Some(&ours)) && !is_same(&other, None));
        assert!(!is_same(&folder.path().join("gone"), Some(&ours)));
    }
}
