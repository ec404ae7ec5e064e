//! The keys that names are sealed to: files of public halves, which the gateway reads, and of private ones, which it never has.
//!
//! Each is one line. A private half may lie under a passphrase (argon2id, AES-256-GCM-SIV):
//!
//! ```text
//!   deskgate-review-public-1 controllers 4310ee97…
//!   deskgate-review-private-1 controllers plain 8057991e…
//!   deskgate-review-private-1 controllers argon2id SALT NONCE-AND-SEALED
//! ```

use std::{path::Path, sync::Arc};

use gateway_record::{Holders, NoHolders, PrivateHalf, PublicHalf, Role};
use jiff::tz::TimeZone;
use zeroize::Zeroizing;

use crate::{
    clock,
    config::{self, Config},
    day_keys::DayKeys,
    key_file, secret_file,
};

const PUBLIC: &str = "deskgate-review-public-1";
const PRIVATE: &str = "deskgate-review-private-1";

/// The days' keys of a configured gateway, to read names by; nothing is written.
pub(crate) fn day_keys(config: &Config) -> Arc<DayKeys> {
    let today = || clock::now().wall.to_zoned(TimeZone::UTC).date();
    Arc::new(DayKeys::new(config.record.day_keys.clone(), Arc::new(today)))
}

/// To whom the configuration says that names are sealed.
pub(crate) fn holders(record: &config::Record) -> Result<Option<Holders>, String> {
    if record.controllers.is_empty() && record.reviewers.is_empty() {
        return Ok(None);
    }
    let read = |role: Role, files: &[std::path::PathBuf]| -> Result<Vec<PublicHalf>, String> {
        files.iter().map(|file| read_public(file, role)).collect()
    };
    let controllers = read(Role::Controllers, &record.controllers)?;
    let reviewers = read(Role::Reviewers, &record.reviewers)?;
    Holders::new(&controllers, &reviewers).map(Some).map_err(|error| match error {
        NoHolders::Missing(role) => format!("names need a key of the {} too: see [record]", role.word()),
        NoHolders::TooMany(role) => {
            format!(
                "more than {} keys of the {}: take those out that are not used any more",
                Holders::MOST,
                role.word()
            )
        }
        NoHolders::Shared(key) => format!(
            "the key {} stands under `controllers` and `reviewers`: whoever has it would need nobody else",
            key.fingerprint()
        ),
    })
}

fn read_public(path: &Path, role: Role) -> Result<PublicHalf, String> {
    let text = std::fs::read_to_string(path)
        .map_err(|error| format!("cannot read the review key `{}`: {error}", path.display()))?;
    let no_key =
        || format!("`{}` is no public review key: take what `deskgate-gateway review keys make` wrote", path.display());
    let words: Vec<&str> = text.split_whitespace().collect();
    match *words.as_slice() {
        [PRIVATE, ..] => Err(format!(
            "`{}` is a private review key: take it off this machine, and name its public half instead",
            path.display()
        )),
        [PUBLIC, found, key] => {
            if found != role.word() {
                return Err(format!("`{}` is a key of the {found}, not of the {}", path.display(), role.word()));
            }
            PublicHalf::parse(key).ok_or_else(no_key)
        }
        _ => Err(no_key()),
    }
}

/// The file of a public half.
pub(crate) fn public_line(half: &PrivateHalf) -> String {
    format!("{PUBLIC} {} {}\n", half.role().word(), half.public())
}

/// The file of a private half, under a passphrase if there is one.
pub(crate) fn private_line(half: &PrivateHalf, passphrase: Option<&str>) -> Result<Zeroizing<String>, String> {
    let role = half.role().word();
    let kept = key_file::kept(half.expose(), role, passphrase)?;
    Ok(Zeroizing::new(format!("{PRIVATE} {role} {}\n", *kept)))
}

/// A key pair that nobody has yet.
pub(crate) fn draw(role: Role) -> Result<PrivateHalf, String> {
    let seed = Zeroizing::new(key_file::random::<32>()?);
    PrivateHalf::draw(role, &seed).ok_or_else(|| "no key came of the system's random bytes".to_owned())
}

/// Reads a private half; `passphrase` is asked only if there is one.
pub(crate) fn read_private(
    path: &Path,
    passphrase: impl FnOnce(Role) -> Result<Zeroizing<String>, String>,
) -> Result<PrivateHalf, String> {
    let bytes = secret_file::read(path).map_err(|error| error.to_string())?;
    let line = secret_file::first_line(path, &bytes).map_err(|error| error.to_string())?;
    let no_key = || format!("`{}` is no private review key", path.display());
    let words: Vec<&str> = line.split_whitespace().collect();
    let [PRIVATE, word, kept @ ..] = words.as_slice() else { return Err(no_key()) };
    let role = Role::from_word(word).ok_or_else(no_key)?;
    let secret = key_file::read(kept, word, || passphrase(role)).map_err(|error| error.about(path, no_key()))?;
    PrivateHalf::from_bytes(role, &secret).ok_or_else(no_key)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn write(folder: &Path, name: &str, text: &str) -> std::path::PathBuf {
        let path = folder.join(name);
        secret_file::create(&path, text.as_bytes()).unwrap();
        path
    }

    #[test]
    fn a_private_half_is_read_back_and_under_a_passphrase_by_that_alone() {
        let folder = tempfile::tempdir().unwrap();
        let half = draw(Role::Reviewers).unwrap();
        let never = |_| -> Result<Zeroizing<String>, String> { panic!("not asked") };
        let plain = write(folder.path(), "plain", &private_line(&half, None).unwrap());
        assert_eq!(read_private(&plain, never).unwrap().public(), half.public());
        let line = private_line(&half, Some("correct horse")).unwrap();
        assert!(!line.contains(&**key_file::hex(half.expose())));
        let sealed = write(folder.path(), "sealed", &line);
        let with = |passphrase: &'static str| {
            read_private(&sealed, |role| {
                assert_eq!(role, Role::Reviewers);
                Ok(Zeroizing::new(passphrase.to_owned()))
            })
        };
        assert_eq!(with("correct horse").unwrap().public(), half.public());
        assert!(with("wrong horse").unwrap_err().contains("does not open"));
    }

    #[test]
    fn the_gateway_takes_public_halves_of_the_right_role_and_of_two_holders() {
        let folder = tempfile::tempdir().unwrap();
        let (one, other) = (draw(Role::Controllers).unwrap(), draw(Role::Reviewers).unwrap());
        let controllers = write(folder.path(), "one", &public_line(&one));
        let reviewers = write(folder.path(), "other", &public_line(&other));
        let private = write(folder.path(), "private", &private_line(&one, None).unwrap());
        let shared = write(folder.path(), "shared", &public_line(&one).replace("controllers", "reviewers"));
        let said = |controllers: &Path, reviewers: &Path| {
            holders(&config::Record {
                witness: None,
                administrators: 12,
                reviews: 24,
                controllers: vec![controllers.to_owned()],
                reviewers: vec![reviewers.to_owned()],
                day_keys: folder.path().join("day-keys"),
                norms: None,
            })
        };
        assert_eq!(said(&controllers, &reviewers).unwrap().unwrap().keys()[1], (Role::Reviewers, other.public()));
        assert!(said(&private, &reviewers).unwrap_err().contains("take it off this machine"));
        assert!(
            said(&reviewers, &reviewers).unwrap_err().contains("is a key of the reviewers, not of the controllers")
        );
        assert!(said(&controllers, &shared).unwrap_err().contains("would need nobody else"));
        assert!(said(&folder.path().join("gone"), &reviewers).unwrap_err().contains("cannot read the review key"));
    }
}
