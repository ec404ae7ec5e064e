//! Proof of possession: whoever uses a session's token also shows, for this use and on this very TLS connection, the key that
//! its login named. A token that was seen somewhere is worth nothing to anybody else, and a proof nothing on another connection.
//!
//! The client makes a key pair (Ed25519) for each login and forgets it with the session. A proof is a signature over the use (method and
//! path), the token, and what TLS exports for this connection alone (`tls-exporter`, RFC 9266, by RFC 8446 section 7.5). It travels
//! in the header [`HEADER`], in base64. TLS therefore ends at the gateway itself.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use ed25519_dalek::{Signature, Signer as _, SigningKey, VerifyingKey};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};
use sha2::{Digest as _, Sha256};

use crate::{Token, key};

/// Where a proof travels.
pub const HEADER: &str = "deskgate-proof";
/// Where the next token comes, in the answer to who resumes.
pub const NEXT_TOKEN: &str = "deskgate-token";
/// What TLS is asked to export, with an empty context: RFC 9266 section 2.
pub const BINDING_LABEL: &[u8] = b"EXPORTER-Channel-Binding";
/// Begins what is signed, so that no other signature of the same key could be one.
const PURPOSE: &[u8] = b"deskgate proof of possession 1\0";

/// What TLS exported for one connection: 32 bytes that nobody else's has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Binding(pub [u8; 32]);

/// One use of a token.
#[derive(Debug, Clone, Copy)]
pub struct Use<'a> {
    /// `GET`, `POST` or `DELETE`.
    pub method: &'a str,
    /// Path and query, as in the request's first line.
    pub target: &'a str,
    /// Which token is used.
    pub token: &'a Token,
    /// On which connection.
    pub binding: Binding,
}

impl Use<'_> {
    /// What is signed. Nothing before the hashes can hold a NUL, so that each use has its own.
    fn message(&self) -> Vec<u8> {
        let token = Sha256::digest(self.token.expose());
        [PURPOSE, self.method.as_bytes(), b"\0", self.target.as_bytes(), b"\0", token.as_slice(), &self.binding.0]
            .concat()
    }
}

/// The client's half. It neither prints nor clones, and is cleared when dropped.
pub struct Secret(SigningKey);

impl Secret {
    /// Takes 32 random bytes; the caller clears its own copy.
    pub fn new(random: &[u8; 32]) -> Self {
        Self(SigningKey::from_bytes(random))
    }

    /// The gateway's half.
    pub fn public(&self) -> Public {
        Public(self.0.verifying_key())
    }

    /// The header's value for one use.
    pub fn prove(&self, shown: &Use<'_>) -> String {
        STANDARD.encode(self.0.sign(&shown.message()).to_bytes())
    }
}

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Secret(…)")
    }
}

/// The gateway's half: kept with the session, and no secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Public(VerifyingKey);

impl Public {
    /// Whether a header's value proves this use.
    pub fn holds(&self, proof: &[u8], shown: &Use<'_>) -> bool {
        let bytes = STANDARD.decode(proof).ok();
        let signature = bytes.and_then(|bytes| Signature::from_slice(&bytes).ok());
        signature.is_some_and(|signature| self.0.verify_strict(&shown.message(), &signature).is_ok())
    }
}

impl Serialize for Public {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&STANDARD.encode(self.0.as_bytes()))
    }
}

impl<'de> Deserialize<'de> for Public {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let bytes = key::read(deserializer)?;
        let key = VerifyingKey::from_bytes(&bytes).ok().filter(|key| !key.is_weak());
        key.map(Self).ok_or_else(|| D::Error::custom("not a key for proofs: expected a point of Ed25519"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_proof_is_for_one_use_one_token_one_connection_and_one_key() {
        let secret = Secret::new(&[3; 32]);
        let (token, other) = (Token::new([1; 32]), Token::new([2; 32]));
        let shown = Use { method: "GET", target: "/v1/session", token: &token, binding: Binding([9; 32]) };
        let proof = secret.prove(&shown);
        assert!(secret.public().holds(proof.as_bytes(), &shown));
        for wrong in [
            Use { method: "DELETE", ..shown },
            Use { target: "/v1/session?reason=program_ended", ..shown },
            Use { token: &other, ..shown },
            Use { binding: Binding([8; 32]), ..shown },
        ] {
            assert!(!secret.public().holds(proof.as_bytes(), &wrong), "{wrong:?}");
        }
        assert!(!Secret::new(&[4; 32]).public().holds(proof.as_bytes(), &shown));
        for garbage in [&b""[..], b"AAAA", &proof.as_bytes()[1..], &[0xff; 88]] {
            assert!(!secret.public().holds(garbage, &shown));
        }
    }

    #[test]
    fn a_key_reads_back_and_a_weak_one_is_none() {
        let public = Secret::new(&[3; 32]).public();
        let text = serde_json::to_string(&public).unwrap();
        assert_eq!(serde_json::from_str::<Public>(&text).unwrap(), public);
        // The neutral element: every message would have a signature under it.
        let mut neutral = [0; 32];
        neutral[0] = 1;
        assert!(serde_json::from_str::<Public>(&format!("\"{}\"", STANDARD.encode(neutral))).is_err());
        assert!(!format!("{:?}", Secret::new(&[3; 32])).contains('3'));
    }
}
