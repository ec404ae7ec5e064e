//! The profile's file: where it is looked for, and that the office's signature under it holds. What it may say, and what a signature is,
//! stands in [`gateway_api::profile`], for the gateway's own command makes both. Which of two counts, `config.rs` decides.

#[cfg(target_os = "linux")]
#[path = "file/linux.rs"]
mod system;
#[cfg(target_os = "macos")]
#[path = "file/macos.rs"]
mod system;
#[cfg(windows)]
#[path = "file/windows.rs"]
mod system;

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use gateway_api::{
    login::Language,
    profile::{LARGEST, NotSigned, Origin, Profile, Signed},
};

use crate::{private, words::Text};

/// The name of the profile that is kept for a user.
const NAME: &str = "profile.toml";
/// The one that a profile beside the program may have, other than what the office called it.
const NAME_BESIDE: &str = "deskgate.toml";
/// How the names of the files that an office sends end.
const ENDING: &str = "deskgate";

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
    /// Reads a profile. A mistake is a sentence, in `language` where it is one that an office's worker may come to see.
    pub(crate) fn load(path: &Path, language: Language) -> Result<Self, String> {
        let text = read(path).map_err(|error| unreadable(path, &error))?;
        Self::parse(path, &text, language)
    }

    /// The one beside the program, if there is one. Which of several the office sent last, a person knows.
    pub(crate) fn beside(language: Language) -> Result<Option<Self>, String> {
        let program = std::env::current_exe().ok();
        let mut files = program.as_deref().and_then(Path::parent).map(profiles_in).unwrap_or_default();
        match (files.pop(), files.is_empty()) {
            (None, _) => Ok(None),
            (Some(only), true) => Self::load(&only, language).map(Some),
            (Some(last), false) => {
                files.push(last);
                let names =
                    files.iter().filter_map(|path| Some(path.file_name()?.to_string_lossy())).collect::<Vec<_>>();
                Err(Text::ProfilesBeside { names: names.join(", ") }.say(language))
            }
        }
    }

    /// The one that is kept for this user, if there is one.
    pub(crate) fn own(language: Language) -> Result<Option<Self>, String> {
        let Some(path) = own() else { return Ok(None) };
        match read(&path) {
            Ok(text) => Self::parse(&path, &text, language).map(Some),
            Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => Ok(None),
            Err(error) => Err(unreadable(&path, &error)),
        }
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
    io::Read::read_to_string(&mut io::Read::take(fs::File::open(path)?, limit), &mut text)?;
    Ok(text)
}

/// The profile that is this user's own.
pub(crate) fn own() -> Option<PathBuf> {
    folder().map(|folder| folder.join(NAME))
}

/// Whether a file is called as an office calls the profile that it sends.
pub(crate) fn is_called_profile(path: &Path) -> bool {
    path.extension().is_some_and(|ending| ending.eq_ignore_ascii_case(ENDING))
}

/// The profiles in a folder, by name. One that cannot be listed may still be asked for what it is known to hold.
fn profiles_in(folder: &Path) -> Vec<PathBuf> {
    let listed = fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path());
    let mut files: Vec<_> = listed.filter(|path| is_called_profile(path)).collect();
    files.push(folder.join(NAME_BESIDE));
    files.retain(|path| path.is_file());
    files.sort();
    files
}

/// Where this user's files of this program are.
pub(crate) fn folder() -> Option<PathBuf> {
    system::base().map(|base| base.join("deskgate"))
}

/// The same for whoever cannot do without.
pub(crate) fn needed_folder() -> io::Result<PathBuf> {
    folder().ok_or_else(|| io::Error::other("there is no home folder"))
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
    fn profiles_in_a_folder_are_the_files_called_so() {
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path();
        assert_eq!(profiles_in(&folder.join("gone")), Vec::<PathBuf>::new());
        for name in ["deskgate.toml", "comune.deskgate", "OLD.DESKGATE", "deskgate", "profile.toml", "comune.deskgate~"]
        {
            fs::write(folder.join(name), "").unwrap();
        }
        fs::create_dir(folder.join("folder.deskgate")).unwrap();
        assert_eq!(
            profiles_in(folder),
            ["OLD.DESKGATE", "comune.deskgate", "deskgate.toml"].map(|name| folder.join(name))
        );
    }

    #[test]
    fn a_profile_that_was_given_must_exist() {
        let error = Found::load(Path::new("/nonexistent/p.toml"), Language::En).unwrap_err();
        assert!(error.contains("`/nonexistent/p.toml`"), "{error}");
    }
}
