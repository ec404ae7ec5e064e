//! The profile as written: one TOML file that the office sends. Unknown keys are refused.
//!
//! ```toml
//! server = "gw.comune.example"
//! user = "m.rossi"
//! fingerprints = ["sha256:…"]        # or: ca = "office.pem", found beside this file
//! language = "it"
//! help = "06 1234567"
//! remember_user = true
//! ```

use std::{
    io,
    path::{Path, PathBuf},
};

use gateway_api::login::Language;
use serde::Deserialize;

/// The name a profile has where none is given.
const NAME: &str = "profile.toml";
/// More than any profile has, in bytes.
const LARGEST: u64 = 64 << 10;

/// As written.
#[derive(Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Profile {
    /// `HOST` or `HOST:PORT`.
    pub(crate) server: Option<String>,
    /// The office user name.
    pub(crate) user: Option<String>,
    /// Of the gateway's key: the present one and the next.
    #[serde(default)]
    pub(crate) fingerprints: Vec<String>,
    /// A PEM file; a relative path begins at the profile's folder.
    pub(crate) ca: Option<PathBuf>,
    /// `it` or `en`.
    pub(crate) language: Option<Language>,
    /// The help desk's phone.
    pub(crate) help: Option<String>,
    /// Whether the window may remember who signed in last; not on a shared computer.
    #[serde(default)]
    pub(crate) remember_user: bool,
}

impl Profile {
    /// Reads the profile that is given, else the one beside the program, else the one of this user, else none.
    pub(crate) fn load(given: Option<&Path>) -> Result<Self, String> {
        if let Some(path) = given {
            let text =
                read(path).map_err(|error| format!("profile `{}`: {}", path.display(), crate::api::plain(&error)))?;
            return Self::parse(path, &text);
        }
        for path in usual_places() {
            match read(&path) {
                Ok(text) => return Self::parse(&path, &text),
                Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {}
                Err(error) => return Err(format!("profile `{}`: {}", path.display(), crate::api::plain(&error))),
            }
        }
        Ok(Self::default())
    }

    fn parse(path: &Path, text: &str) -> Result<Self, String> {
        let mut profile: Self = toml::from_str(text)
            .map_err(|error| format!("profile `{}`: {}", path.display(), error.to_string().trim_end()))?;
        if let (Some(ca), Some(folder)) = (&profile.ca, path.parent()) {
            profile.ca = Some(folder.join(ca));
        }
        Ok(profile)
    }
}

fn read(path: &Path) -> io::Result<String> {
    let mut text = String::new();
    io::Read::read_to_string(&mut io::Read::take(std::fs::File::open(path)?, LARGEST), &mut text)?;
    Ok(text)
}

fn usual_places() -> impl Iterator<Item = PathBuf> {
    let beside = std::env::current_exe().ok().and_then(|program| Some(program.parent()?.join("deskgate.toml")));
    beside.into_iter().chain(folder().map(|folder| folder.join(NAME)))
}

/// Where this user's files of this program are.
pub(crate) fn folder() -> Option<PathBuf> {
    let absolute = |name| std::env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
    let base = absolute("XDG_CONFIG_HOME").or_else(|| absolute("HOME").map(|home| home.join(".config")))?;
    Some(base.join("deskgate"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_profile_says_what_it_says_and_finds_its_authority_beside_itself() {
        let text =
            "server = \"gw:8443\"\nuser = \"m.rossi\"\nca = \"office.pem\"\nlanguage = \"it\"\nhelp = \"06 1\"\n";
        let profile = Profile::parse(Path::new("/media/stick/profile.toml"), text).unwrap();
        assert_eq!(profile.server.as_deref(), Some("gw:8443"));
        assert_eq!(profile.ca.as_deref(), Some(Path::new("/media/stick/office.pem")));
        assert_eq!(profile.language, Some(Language::It));
        assert_eq!(Profile::parse(Path::new("p"), ""), Ok(Profile::default()));
    }

    #[test]
    fn unknown_keys_and_wrong_values_are_refused_with_their_line() {
        for text in ["password = \"x\"", "server = 1", "language = \"fr\"", "fingerprints = \"sha256:\"", "="] {
            let error = Profile::parse(Path::new("p.toml"), text).unwrap_err();
            assert!(error.contains("profile `p.toml`") && error.contains("line 1"), "{error}");
        }
    }

    #[test]
    fn a_profile_that_was_given_must_exist() {
        let error = Profile::load(Some(Path::new("/nonexistent/p.toml"))).unwrap_err();
        assert!(error.contains("`/nonexistent/p.toml`"), "{error}");
    }
}
