//! Private keys that people keep in files of one line: in the clear, or under a passphrase (argon2id, AES-256-GCM-SIV).
//!
//! ```text
//!   … plain 8057991e…
//!   … argon2id SALT NONCE-AND-SEALED
//! ```

use std::path::Path;

use argon2::{Algorithm, Argon2, Params, Version};
use aws_lc_rs::aead::{AES_256_GCM_SIV, Aad, Nonce, RandomizedNonceKey};
use zeroize::Zeroizing;

const NONCE: usize = 12;
/// 64 MiB, three passes: RFC 9106, section 4, the second recommendation.
const MEMORY_KIB: u32 = 64 * 1024;
const PASSES: u32 = 3;

/// Why there is no key.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum NoKey {
    /// The words are no key.
    Rubbish,
    /// It lies under another passphrase.
    WrongPassphrase,
    /// No passphrase could be had, or the system lacks something: in words.
    Failed(String),
}

impl NoKey {
    /// In words about a file; `rubbish` says what was expected.
    pub(crate) fn about(self, path: &Path, rubbish: String) -> String {
        match self {
            Self::Rubbish => rubbish,
            Self::WrongPassphrase => format!("the passphrase does not open `{}`", path.display()),
            Self::Failed(words) => words,
        }
    }
}

/// The words that keep a key, under a passphrase if there is one. What `label` says is bound to it.
pub(crate) fn kept(key: &[u8; 32], label: &str, passphrase: Option<&str>) -> Result<Zeroizing<String>, String> {
    let Some(passphrase) = passphrase else {
        return Ok(Zeroizing::new(format!("plain {}", *hex(key))));
    };
    let salt = random::<16>()?;
    let mut text = Zeroizing::new(Vec::with_capacity(64));
    text.extend_from_slice(key);
    let nonce = sealer(passphrase, &salt)?
        .seal_in_place_append_tag(Aad::from(label), &mut *text)
        .map_err(|_| "the system gives no random bytes".to_owned())?;
    let sealed = [nonce.as_ref(), &text[..]].concat();
    Ok(Zeroizing::new(format!("argon2id {} {}", *hex(&salt), *hex(&sealed))))
}

/// The key that words keep; `passphrase` is asked only if there is one.
pub(crate) fn read(
    words: &[&str],
    label: &str,
    passphrase: impl FnOnce() -> Result<Zeroizing<String>, String>,
) -> Result<Zeroizing<[u8; 32]>, NoKey> {
    let key = match *words {
        ["plain", key] => unhex(key).ok_or(NoKey::Rubbish)?,
        ["argon2id", salt, sealed] => {
            let (salt, mut sealed) = (unhex(salt).ok_or(NoKey::Rubbish)?, unhex(sealed).ok_or(NoKey::Rubbish)?);
            let sealer = passphrase().and_then(|passphrase| sealer(&passphrase, &salt)).map_err(NoKey::Failed)?;
            let (nonce, text) = sealed.split_at_mut_checked(NONCE).ok_or(NoKey::Rubbish)?;
            let nonce = Nonce::try_assume_unique_for_key(nonce).map_err(|_| NoKey::Rubbish)?;
            let plain = sealer.open_in_place(nonce, Aad::from(label), text).map_err(|_| NoKey::WrongPassphrase)?;
            Zeroizing::new(plain.to_vec())
        }
        _ => return Err(NoKey::Rubbish),
    };
    key.as_slice().try_into().map(Zeroizing::new).map_err(|_| NoKey::Rubbish)
}

fn sealer(passphrase: &str, salt: &[u8]) -> Result<RandomizedNonceKey, String> {
    let params = Params::new(MEMORY_KIB, PASSES, 4, Some(32)).map_err(|error| error.to_string())?;
    let mut key = Zeroizing::new([0; 32]);
    Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
        .hash_password_into(passphrase.as_bytes(), salt, &mut *key)
        .map_err(|error| error.to_string())?;
    RandomizedNonceKey::new(&AES_256_GCM_SIV, &*key).map_err(|_| "the passphrase makes no key".to_owned())
}

/// Random bytes of the system's.
pub(crate) fn random<const N: usize>() -> Result<[u8; N], String> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).map_err(|error| format!("the system gives no random bytes: {error}"))?;
    Ok(bytes)
}

/// Two digits a byte.
pub(crate) fn hex(bytes: &[u8]) -> Zeroizing<String> {
    Zeroizing::new(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}

/// The bytes of such digits.
pub(crate) fn unhex(text: &str) -> Option<Zeroizing<Vec<u8>>> {
    let digit = |digit: char| digit.to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    let digits: Zeroizing<Vec<u8>> = Zeroizing::new(text.chars().map(digit).collect::<Option<_>>()?);
    let (pairs, rest) = digits.as_chunks::<2>();
    rest.is_empty().then(|| Zeroizing::new(pairs.iter().map(|[high, low]| (high << 4) | low).collect()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_read_back_under_its_own_passphrase_and_label_alone() {
        let read = |text: &str, label: &str, passphrase: &'static str| {
            let words: Vec<&str> = text.split(' ').collect();
            read(&words, label, || Ok(Zeroizing::new(passphrase.to_owned()))).map(|key| *key)
        };
        let plain = kept(&[7; 32], "one", None).unwrap();
        assert_eq!(read(&plain, "one", "never asked"), Ok([7; 32]));
        let sealed = kept(&[7; 32], "one", Some("correct horse")).unwrap();
        assert_eq!(read(&sealed, "one", "correct horse"), Ok([7; 32]));
        assert_eq!(read(&sealed, "one", "wrong horse"), Err(NoKey::WrongPassphrase));
        assert_eq!(read(&sealed, "other", "correct horse"), Err(NoKey::WrongPassphrase));
        for rubbish in ["", "plain", "plain 00", "plain zz", "argon2id 000102030405060708090a0b0c0d0e0f 00", "rot13 00"]
        {
            assert_eq!(read(rubbish, "one", "x"), Err(NoKey::Rubbish), "{rubbish}");
        }
    }
}
