//! What a certificate, or its key, is known by: `sha256:` and 64 hexadecimal digits.

use std::borrow::Cow;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};

/// A SHA-256. Of what, says whoever holds it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fingerprint(pub [u8; 32]);

impl Fingerprint {
    /// Reads what is shown; colons between the digits do not matter, nor whether letters are large.
    pub fn parse(text: &str) -> Option<Self> {
        let digits: String = text.trim().strip_prefix("sha256:")?.chars().filter(|c| *c != ':').collect();
        let mut bytes = [0; 32];
        if digits.len() != 64 || !digits.bytes().all(|digit| digit.is_ascii_hexdigit()) {
            return None;
        }
        for (at, byte) in bytes.iter_mut().enumerate() {
            *byte = u8::from_str_radix(digits.get(at * 2..at * 2 + 2)?, 16).ok()?;
        }
        Some(Self(bytes))
    }
}

impl std::fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("sha256:")?;
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl Serialize for Fingerprint {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Fingerprint {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = Cow::<str>::deserialize(deserializer)?;
        Self::parse(&text).ok_or_else(|| D::Error::custom("not `sha256:` and 64 hexadecimal digits"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fingerprint_is_read_as_it_is_shown_and_nothing_else_is() {
        let digits = "00112233445566778899aabbccddeeff".repeat(2);
        let plain = Fingerprint::parse(&format!("sha256:{digits}")).unwrap();
        assert_eq!(plain.to_string(), format!("sha256:{digits}"));
        let pairs: Vec<&str> = (0..32).map(|at| &digits[at * 2..at * 2 + 2]).collect();
        assert_eq!(Fingerprint::parse(&format!(" sha256:{}\n", pairs.join(":").to_uppercase())), Some(plain));
        for bad in ["", &digits, "sha256:", &format!("sha256:{}", &digits[1..]), &format!("sha1:{digits}"), "sha256:é"]
        {
            assert_eq!(Fingerprint::parse(bad), None, "{bad}");
        }
        assert_eq!(Fingerprint::parse(&format!("sha256:{}", "+1".repeat(32))), None, "signs are no digits");
        let wire = serde_json::to_string(&plain).unwrap();
        assert_eq!(serde_json::from_str::<Fingerprint>(&wire).unwrap(), plain);
        assert!(serde_json::from_str::<Fingerprint>("\"sha256:,ignore\"").is_err());
    }
}
