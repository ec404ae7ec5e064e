//! How second factors lie in the database: under a tag that names nobody, sealed together with it.
//!
//! Both keys come from the one in the state folder, which the database and its backups do not hold.

use aws_lc_rs::{
    aead::{AES_256_GCM_SIV, Aad, Nonce, RandomizedNonceKey},
    hmac,
};
use serde::{Serialize, de::DeserializeOwned};
use zeroize::Zeroizing;

const NONCE: usize = 12;

/// Who it is, for whoever has the key.
pub(super) type Tag = [u8; 32];

/// Makes tags, seals and opens.
#[derive(Debug)]
pub(super) struct Sealer {
    people: hmac::Key,
    seal: RandomizedNonceKey,
}

impl Sealer {
    pub(super) fn new(key: &[u8; 32]) -> Result<Self, String> {
        let key = hmac::Key::new(hmac::HMAC_SHA256, key);
        let people = hmac::Key::new(hmac::HMAC_SHA256, hmac::sign(&key, b"deskgate second factors: people").as_ref());
        let seal =
            RandomizedNonceKey::new(&AES_256_GCM_SIV, hmac::sign(&key, b"deskgate second factors: seal").as_ref());
        let seal = seal.map_err(|_| "the key that seals second factors cannot be used".to_owned())?;
        Ok(Self { people, seal })
    }

    /// The tag of a directory's identity.
    pub(super) fn tag(&self, id: &str) -> Tag {
        let mut tag = Tag::default();
        tag.iter_mut().zip(hmac::sign(&self.people, id.as_bytes()).as_ref()).for_each(|(to, from)| *to = *from);
        tag
    }

    /// Nonce and sealed text; of no use under another tag.
    pub(super) fn seal(&self, tag: &Tag, kept: &impl Serialize) -> Result<Vec<u8>, String> {
        // With room for any, so that growing leaves no copy of a secret behind.
        let mut sealed = Zeroizing::new(Vec::with_capacity(8 * 1024));
        serde_json::to_writer(&mut *sealed, kept)
            .map_err(|error| format!("cannot write down a second factor: {error}"))?;
        let nonce = self.seal.seal_in_place_append_tag(Aad::from(tag), &mut *sealed);
        let nonce = nonce.map_err(|_| "cannot seal a second factor: no random bytes".to_owned())?;
        Ok([nonce.as_ref(), &sealed[..]].concat())
    }

    /// What was sealed under this tag; none if it was not, or with another key.
    pub(super) fn open<T: DeserializeOwned>(&self, tag: &Tag, sealed: &[u8]) -> Option<T> {
        let (nonce, sealed) = sealed.split_at_checked(NONCE)?;
        let nonce = Nonce::try_assume_unique_for_key(nonce).ok()?;
        let mut sealed = Zeroizing::new(sealed.to_vec());
        let plain = self.seal.open_in_place(nonce, Aad::from(tag), &mut sealed).ok()?;
        serde_json::from_slice(plain).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_sealed_opens_with_its_key_and_under_its_tag_only() {
        let (sealer, other) = (Sealer::new(&[1; 32]).unwrap(), Sealer::new(&[2; 32]).unwrap());
        let (rossi, verdi) = (sealer.tag("1"), sealer.tag("2"));
        let mut sealed = sealer.seal(&rossi, &"secret").unwrap();
        assert!(!sealed.windows(6).any(|window| window == b"secret"));
        assert_eq!(sealer.open::<String>(&rossi, &sealed).as_deref(), Some("secret"));
        assert_eq!(sealer.open::<String>(&verdi, &sealed), None);
        assert_eq!(other.open::<String>(&rossi, &sealed), None);
        assert_ne!(other.tag("1"), rossi, "without the key nobody says whose it is");
        sealed[20] ^= 1;
        assert_eq!(sealer.open::<String>(&rossi, &sealed), None);
        assert_eq!(sealer.open::<String>(&rossi, &sealed[..5]), None);
    }
}
