//! Keys and tokens as they cross the wire: 32 bytes in standard base64, 44 characters.
//!
//! A public key may be shown; a pre-shared key and a token are secrets: they do not print, do not compare in variable
//! time and are cleared when dropped.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Visitor};
use zeroize::{Zeroize, ZeroizeOnDrop};

/// The text is not 32 bytes in base64.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BadKey;

impl std::fmt::Display for BadKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("not a key: expected 32 bytes in base64, 44 characters ending in `=`")
    }
}

impl std::error::Error for BadKey {}

fn decode(text: &str) -> Result<[u8; 32], BadKey> {
    let mut bytes = STANDARD.decode(text).map_err(|_| BadKey)?;
    let key = bytes.as_slice().try_into().map_err(|_| BadKey);
    bytes.zeroize();
    key
}

/// Reads a key from any string a format may hand over: borrowed from the input, or unescaped into a copy, which is
/// cleared.
struct KeyVisitor;

impl Visitor<'_> for KeyVisitor {
    type Value = [u8; 32];

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("32 bytes in base64")
    }

    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<[u8; 32], E> {
        decode(text).map_err(E::custom)
    }

    fn visit_string<E: serde::de::Error>(self, mut text: String) -> Result<[u8; 32], E> {
        let key = self.visit_str(&text);
        text.zeroize();
        key
    }
}

/// 32 bytes in base64.
pub(crate) fn read<'de, D: Deserializer<'de>>(deserializer: D) -> Result<[u8; 32], D::Error> {
    deserializer.deserialize_str(KeyVisitor)
}

/// A WireGuard (Curve25519) public key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PublicKey(pub [u8; 32]);

impl PublicKey {
    /// Reads the 44 characters that `wg pubkey` prints.
    pub fn parse(text: &str) -> Result<Self, BadKey> {
        decode(text).map(Self)
    }
}

impl std::fmt::Display for PublicKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&STANDARD.encode(self.0))
    }
}

impl Serialize for PublicKey {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for PublicKey {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_str(KeyVisitor).map(Self)
    }
}

macro_rules! secret {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Zeroize, ZeroizeOnDrop)]
        pub struct $name([u8; 32]);

        impl $name {
            /// Takes 32 random bytes; the caller clears its own copy.
            pub fn new(bytes: [u8; 32]) -> Self {
                Self(bytes)
            }

            /// Reads 44 characters of base64.
            pub fn parse(text: &str) -> Result<Self, BadKey> {
                decode(text).map(Self)
            }

            /// The secret itself, for the one place that uses it.
            pub fn expose(&self) -> &[u8; 32] {
                &self.0
            }

            /// The secret as 44 characters of base64, cleared when dropped.
            pub fn encode(&self) -> zeroize::Zeroizing<String> {
                zeroize::Zeroizing::new(STANDARD.encode(self.0))
            }
        }

        impl std::fmt::Debug for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(concat!(stringify!($name), "(…)"))
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(&self.encode())
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                deserializer.deserialize_str(KeyVisitor).map(Self)
            }
        }
    };
}

secret! {
    /// The WireGuard pre-shared key of one session, fresh at each login.
    PresharedKey
}

secret! {
    /// What a client shows to use its session. The gateway keeps only its hash.
    Token
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What `wg genkey` and `wg pubkey` print: standard base64, 44 characters.
    const TEXT: &str = "yAnz5TF+lXXJte14tji3zlMNq+hd2rYUIgJBgB3fBmk=";

    #[test]
    fn a_key_reads_back_as_it_was_written() {
        let key = PublicKey::parse(TEXT).unwrap();
        assert_eq!(key.to_string(), TEXT);
        assert_eq!(serde_json::to_string(&key).unwrap(), format!("\"{TEXT}\""));
        assert_eq!(serde_json::from_str::<PublicKey>(&format!("\"{TEXT}\"")).unwrap(), key);
        let token = Token::parse(TEXT).unwrap();
        assert_eq!(token.encode().as_str(), TEXT);
        assert_eq!(token.expose(), &key.0);
    }

    #[test]
    fn a_key_is_read_from_escaped_text_and_from_a_stream_too() {
        let slashes = PublicKey([0xff; 32]);
        let escaped = serde_json::to_string(&slashes).unwrap().replace('/', "\\/");
        assert!(escaped.contains('\\'));
        assert_eq!(serde_json::from_str::<PublicKey>(&escaped).unwrap(), slashes);
        assert_eq!(serde_json::from_reader::<_, PublicKey>(escaped.as_bytes()).unwrap(), slashes);
    }

    #[test]
    fn what_is_not_32_bytes_is_no_key() {
        let short = &TEXT[..40];
        for text in [
            "",
            "x",
            short,
            &TEXT[..43],
            &format!("{TEXT}A"),
            &TEXT.replace('=', "!"),
            &format!(" {TEXT}"),
            &TEXT.replace('+', "-"),
        ] {
            assert_eq!(PublicKey::parse(text), Err(BadKey), "{text}");
            assert!(serde_json::from_str::<Token>(&format!("\"{text}\"")).is_err(), "{text}");
        }
        assert!(serde_json::from_str::<PublicKey>("7").is_err());
    }

    #[test]
    fn secrets_do_not_print() {
        let token = Token::parse(TEXT).unwrap();
        assert_eq!(format!("{token:?}"), "Token(…)");
        assert_eq!(format!("{:?}", PresharedKey::new([7; 32])), "PresharedKey(…)");
    }
}
