//! The profile's file: where it is looked for, and that the office's signature under it holds. What it may say, and what a signature is,
//! stands in [`gateway_api::profile`], for the gateway's own command makes both.

#[cfg(unix)]
#[path = "file/unix.rs"]
mod system;
#[cfg(windows)]
#[path = "file/windows.rs"]
mod system;

use std::{
    io,
    path::{Path, PathBuf},
};

use gateway_api::{
    login::Language,
    profile::{LARGEST, NotSigned, Origin, Profile, Signed},
};

use crate::{private, words::Text};

/// The name a profile has where none is given.
const NAME: &str = "profile.toml";

/// A profile whose signature holds. Whether the key is the office's, `office.rs` knows.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Found {
    pub(crate) path: PathBuf,
    /// What it says, or what is wrong with that. Whoever may have signed it: nothing of it is shown before the signer is judged.
    pub(crate) profile: Result<Profile, String>,
    pub(crate) origin: Origin,
    text: String,
}

impl Found {
    /// Reads the profile that is given, else the one beside the program, else the one of this user, else none. A mistake is a sentence, in
    /// `language` where it is one that an office's worker may come to see.
    pub(crate) fn load(given: Option<&Path>, language: Language) -> Result<Option<Self>, String> {
        if let Some(path) = given {
            let text = read(path).map_err(|error| unreadable(path, &error))?;
            return Self::parse(path, &text, language).map(Some);
        }
        for path in usual_places() {
            match read(&path) {
                Ok(text) => return Self::parse(&path, &text, language).map(Some),
                Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {}
                Err(error) => return Err(unreadable(&path, &error)),
            }
        }
        Ok(None)
    }

    fn parse(path: &Path, text: &str, language: Language) -> Result<Self, String> {
        let signed = Signed::read(text).map_err(|why| {
            let path = path.display().to_string();
            let text = match why {
                NotSigned::Unsigned => Text::ProfileUnsigned { path },
                NotSigned::Broken => Text::ProfileBroken { path },
                NotSigned::Newer => Text::ProfileNewer { path },
            };
            text.say(language)
        })?;
        let profile = toml::from_str(signed.body)
            .map_err(|error| format!("profile `{}`: {}", path.display(), error.to_string().trim_end()));
        Ok(Self { path: path.to_owned(), profile, origin: signed.origin, text: text.to_owned() })
    }

    /// What keeps it for this user, so that the next start finds it without being given it.
    pub(crate) fn signed(&self) -> SignedText {
        SignedText(self.text.clone())
    }
}

/// A profile's text, signed as it came.
#[derive(Debug)]
pub(crate) struct SignedText(String);

impl SignedText {
    /// Makes it the user's own profile. Where a disk is full or not there, it is given again the next time.
    pub(crate) fn keep(&self) {
        let Some(path) = own() else { return };
        if read(&path).is_ok_and(|kept| kept == self.0) {
            return;
        }
        if let Err(error) = private::replace(&path, self.0.as_bytes()) {
            tracing::debug!(%error, "the profile is not kept");
        }
    }
}

fn unreadable(path: &Path, error: &io::Error) -> String {
    format!("profile `{}`: {}", path.display(), crate::api::plain(error))
}

fn read(path: &Path) -> io::Result<String> {
    let mut text = String::new();
    let limit = u64::try_from(LARGEST).unwrap_or(u64::MAX);
    io::Read::read_to_string(&mut io::Read::take(std::fs::File::open(path)?, limit), &mut text)?;
    Ok(text)
}

/// The profile that is this user's own.
pub(crate) fn own() -> Option<PathBuf> {
    folder().map(|folder| folder.join(NAME))
}

fn usual_places() -> impl Iterator<Item = PathBuf> {
    let beside = std::env::current_exe().ok().and_then(|program| Some(program.parent()?.join("deskgate.toml")));
    beside.into_iter().chain(own())
}

/// Where this user's files of this program are.
pub(crate) fn folder() -> Option<PathBuf> {
    system::base().map(|base| base.join("deskgate"))
}

#[cfg(test)]
mod tests {
    use gateway_api::profile::Secret;

    use super::*;

    fn signed(body: &str) -> String {
        Secret::new(&[1; 32]).sign(body, &[], 1_795_000_000)
    }

    fn parse(text: &str) -> Result<Found, String> {
        Found::parse(Path::new("p.toml"), text, Language::En)
    }

    #[test]
    fn a_signed_profile_says_what_it_says() {
        let text = signed("server = \"gw:8443\"\nuser = \"m.rossi\"\nlanguage = \"it\"\nhelp = \"06 1\"\n");
        let found = parse(&text).unwrap();
        let profile = found.profile.unwrap();
        assert_eq!(profile.server.as_deref(), Some("gw:8443"));
        assert_eq!(profile.language, Some(Language::It));
        assert_eq!((found.origin.key, found.origin.signed_at), (Secret::new(&[1; 32]).public(), 1_795_000_000));
        assert_eq!(parse(&signed("")).unwrap().profile.unwrap(), Profile::default());
    }

    #[test]
    fn unknown_keys_and_wrong_values_are_refused_with_their_line() {
        for text in ["password = \"x\"", "server = 1", "language = \"fr\"", "fingerprints = \"sha256:\"", "="] {
            let error = parse(&signed(text)).unwrap().profile.unwrap_err();
            assert!(error.contains("profile `p.toml`") && error.contains("line 1"), "{error}");
        }
    }

    #[test]
    fn what_nobody_signed_or_somebody_changed_is_refused() {
        let text = signed("server = \"gw\"\n");
        for (changed, word) in [
            ("server = \"gw\"\n".to_owned(), "is not signed"),
            (text.replace("gw", "gx"), "was changed"),
            (text.replace("signature 1", "signature 2"), "newer"),
        ] {
            let error = parse(&changed).unwrap_err();
            assert!(error.contains("p.toml") && error.contains(word), "{error}");
        }
    }

    #[test]
    fn a_profile_that_was_given_must_exist() {
        let error = Found::load(Some(Path::new("/nonexistent/p.toml")), Language::En).unwrap_err();
        assert!(error.contains("`/nonexistent/p.toml`"), "{error}");
    }
}
