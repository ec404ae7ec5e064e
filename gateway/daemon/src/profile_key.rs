//! The office's key that signs profiles: a file of its own, kept off line by a person and never on the gateway.
//!
//! ```text
//!   deskgate-profile-key-1 argon2id SALT NONCE-AND-SEALED
//!   succession FORMER-KEY KEY SIGNATURE             one for each key that came before, the oldest first
//! ```

use std::path::Path;

use gateway_api::profile::{Secret, Succession};
use zeroize::Zeroizing;

use crate::{key_file, secret_file};

const PRIVATE: &str = "deskgate-profile-key-1";

/// A key, and how it came to be the office's.
pub(crate) struct ProfileKey {
    pub(crate) secret: Secret,
    pub(crate) successions: Vec<Succession>,
}

impl ProfileKey {
    /// A key that nobody has yet: the first, or the one after `former`.
    pub(crate) fn draw(former: Option<Self>) -> Result<Self, String> {
        let secret = Secret::new(&Zeroizing::new(key_file::random::<32>()?));
        let successions = former.map_or_else(Vec::new, |former| {
            let mut successions = former.successions;
            successions.push(former.secret.succeed(secret.public()));
            successions
        });
        Ok(Self { secret, successions })
    }

    /// Writes it to a new file, readable by its owner alone.
    pub(crate) fn write(&self, path: &Path, passphrase: Option<&str>) -> Result<(), String> {
        let kept = key_file::kept(self.secret.expose(), PRIVATE, passphrase)?;
        let mut text = Zeroizing::new(format!("{PRIVATE} {}\n", *kept));
        for succession in &self.successions {
            text.push_str(&format!("{succession}\n"));
        }
        secret_file::create(path, text.as_bytes()).map_err(|error| error.to_string())
    }

    /// Reads it; `passphrase` is asked only if there is one.
    pub(crate) fn read(
        path: &Path,
        passphrase: impl FnOnce() -> Result<Zeroizing<String>, String>,
    ) -> Result<Self, String> {
        let rubbish =
            || format!("`{}` is no key for profiles: take what `deskgate-gateway profile key` wrote", path.display());
        let bytes = secret_file::read(path).map_err(|error| error.to_string())?;
        let text = str::from_utf8(&bytes).map_err(|_| rubbish())?;
        let mut lines = text.lines();
        let words: Vec<&str> = lines.next().unwrap_or_default().split_whitespace().collect();
        let [PRIVATE, kept @ ..] = words.as_slice() else { return Err(rubbish()) };
        let successions = lines.map(Succession::parse).collect::<Option<Vec<_>>>().ok_or_else(rubbish)?;
        let secret = key_file::read(kept, PRIVATE, passphrase).map_err(|error| error.about(path, rubbish()))?;
        let secret = Secret::new(&secret);
        if successions.last().is_some_and(|last| last.next() != secret.public()) {
            return Err(rubbish());
        }
        Ok(Self { secret, successions })
    }
}
