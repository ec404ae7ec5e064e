//! Codes that people copy from paper: how they are drawn, written, read and hashed.
//!
//! Letters and digits that look alike are one, and capitals, spaces and hyphens mean nothing.

use argon2::{Algorithm, Argon2, Params, Version};
use gateway_api::login::Code;
use sha2::{Digest as _, Sha256};
use zeroize::Zeroizing;

use super::totp;

/// Letters of codes for people: Crockford's base32.
const PEOPLE: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";
/// Letters of secrets for apps: base32 of RFC 4648.
const APPS: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
/// Letters of an enrolment code: 80 bits, far beyond guessing.
const ENROLMENT: usize = 16;
/// Letters of a recovery code: 50 bits, each guess of which is counted.
const RECOVERY: usize = 10;
/// What the hash of a recovery code costs: about four milliseconds and 4 MiB. Codes are random, so that this needs not make up for
/// a bad choice; and strangers make the gateway spend it.
const COST: (u32, u32, u32) = (4096, 2, 1);

/// A code as typed, read.
pub(super) enum Typed {
    /// Six digits, as apps show them.
    Digits(Zeroizing<String>),
    /// What may be a recovery code.
    Recovery(Zeroizing<String>),
    /// What is neither.
    Other,
}

impl Typed {
    pub(super) fn read(code: &Code) -> Self {
        let letters = letters(code);
        match letters.len() {
            totp::DIGITS if letters.bytes().all(|letter| letter.is_ascii_digit()) => Self::Digits(letters),
            RECOVERY => Self::Recovery(letters),
            _ => Self::Other,
        }
    }
}

/// The letters that count, as they were drawn.
fn letters(code: &Code) -> Zeroizing<String> {
    let mut letters = Zeroizing::new(String::with_capacity(code.expose().len()));
    for letter in code.expose().chars().filter(|letter| !matches!(letter, ' ' | '-' | '\t')) {
        letters.push(match letter.to_ascii_uppercase() {
            'I' | 'L' => '1',
            'O' => '0',
            letter => letter,
        });
    }
    letters
}

/// A secret as authenticator apps take it.
pub(super) fn for_apps(secret: &totp::Secret) -> Code {
    Code::new(base32(secret.expose(), APPS, usize::MAX))
}

/// An enrolment code, from ten random bytes.
pub(super) fn enrolment(random: &[u8; 10]) -> Code {
    Code::new(base32(random, PEOPLE, 4))
}

/// A recovery code, from seven random bytes, six bits of which are left.
pub(super) fn recovery(random: &[u8; 7]) -> Code {
    let mut text = base32(random, PEOPLE, 5);
    // Ten letters and the hyphen between.
    text.truncate(RECOVERY + 1);
    Code::new(text)
}

/// Five bits a letter, with a hyphen after each group.
fn base32(bytes: &[u8], alphabet: &[u8; 32], group: usize) -> String {
    let bits = bytes.len() * 8;
    // Room for all: growing would leave copies behind.
    let mut text = String::with_capacity(bits / 2);
    for (place, first) in (0..bits / 5 * 5).step_by(5).enumerate() {
        if place > 0 && place % group == 0 {
            text.push('-');
        }
        let value = (first..first + 5).fold(0, |value, bit| {
            let byte = bytes.get(bit / 8).copied().unwrap_or_default();
            (value << 1) | usize::from((byte >> (7 - bit % 8)) & 1)
        });
        text.extend(alphabet.get(value).map(|letter| char::from(*letter)));
    }
    text
}

/// What is kept of an enrolment code; none if it cannot be one.
pub(super) fn enrolment_hash(code: &Code) -> Option<[u8; 32]> {
    let letters = letters(code);
    (letters.len() == ENROLMENT).then(|| Sha256::digest(letters.as_bytes()).into())
}

/// What is kept of a recovery code. Costs what [`COST`] says.
pub(super) fn recovery_hash(letters: &str, salt: &[u8; 16]) -> Result<[u8; 32], String> {
    let (memory, times, lanes) = COST;
    let mut hash = [0; 32];
    Params::new(memory, times, lanes, Some(hash.len()))
        .map(|params| Argon2::new(Algorithm::Argon2id, Version::V0x13, params))
        .and_then(|argon2| argon2.hash_password_into(letters.as_bytes(), salt, &mut hash))
        .map_err(|error| format!("cannot hash a recovery code: {error}"))?;
    Ok(hash)
}

/// The hash of a code that was just drawn.
pub(super) fn drawn_recovery_hash(code: &Code, salt: &[u8; 16]) -> Result<[u8; 32], String> {
    recovery_hash(&letters(code), salt)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn code(text: &str) -> Code {
        Code::new(text.to_owned())
    }

    #[test]
    fn codes_are_written_in_groups_and_secrets_in_one() {
        assert_eq!(enrolment(&[0xff; 10]).expose(), "ZZZZ-ZZZZ-ZZZZ-ZZZZ");
        assert_eq!(recovery(&[0, 0, 0, 0, 0, 0, 1]).expose(), "00000-00000");
        assert_eq!(recovery(&[0xff; 7]).expose(), "ZZZZZ-ZZZZZ");
        // RFC 4648, section 10, says MZXW6YTBOI of "foobar".
        assert_eq!(base32(b"foobar", APPS, usize::MAX), "MZXW6YTBO", "whole letters only");
        let secret = totp::Secret::new(*b"12345678901234567890");
        assert_eq!(for_apps(&secret).expose(), "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ");
    }

    #[test]
    fn a_code_is_read_however_it_is_copied() {
        let hash = |text: &str| enrolment_hash(&code(text));
        let drawn = hash("1011-ABCD-EFGH-JKMN").unwrap();
        for copied in ["lOiI abcd efgh jkmn", "1011abcdefghjkmn", " 1011-ABCD-EFGH- JKMN"] {
            assert_eq!(hash(copied), Some(drawn), "{copied}");
        }
        assert_ne!(hash("1011-ABCD-EFGH-JKMP"), Some(drawn));
        assert_eq!(hash("1011-ABCD-EFGH-JKM"), None);
        assert!(matches!(Typed::read(&code("123 456")), Typed::Digits(digits) if *digits == "123456"));
        assert!(matches!(Typed::read(&code("k7qm2-f9d4p")), Typed::Recovery(letters) if *letters == "K7QM2F9D4P"));
        for neither in ["", "12345", "12345a", "1234567", "k7qm2-f9d4"] {
            assert!(matches!(Typed::read(&code(neither)), Typed::Other), "{neither}");
        }
    }

    #[test]
    fn a_recovery_code_is_kept_as_a_salted_hash() {
        let drawn = drawn_recovery_hash(&code("K7QM2-F9D4P"), &[1; 16]).unwrap();
        assert_eq!(recovery_hash("K7QM2F9D4P", &[1; 16]), Ok(drawn));
        assert_ne!(recovery_hash("K7QM2F9D4Q", &[1; 16]), Ok(drawn));
        assert_ne!(recovery_hash("K7QM2F9D4P", &[2; 16]), Ok(drawn));
    }
}
