//! How reviews lie in the database: sealed, each bound to its place.
//!
//! The key is in the state folder, which the database and its backups do not hold.

use aws_lc_rs::aead::{AES_256_GCM_SIV, Aad, Nonce, RandomizedNonceKey};
use serde::{Serialize, de::DeserializeOwned};
use zeroize::Zeroizing;

use crate::store::Matter;

const NONCE: usize = 12;

/// Seals and opens.
#[derive(Debug)]
pub(super) struct Sealer(RandomizedNonceKey);

impl Sealer {
    pub(super) fn new(key: &[u8; 32]) -> Result<Self, String> {
        let key = RandomizedNonceKey::new(&AES_256_GCM_SIV, key);
        key.map(Self).map_err(|_| "the key that seals reviews cannot be used".to_owned())
    }

    /// Nonce and sealed text; of no use in another place.
    pub(super) fn seal(&self, place: (Matter, u64), kept: &impl Serialize) -> Result<Vec<u8>, String> {
        let mut sealed =
            Zeroizing::new(serde_json::to_vec(kept).map_err(|error| format!("cannot write down a review: {error}"))?);
        let nonce = self.0.seal_in_place_append_tag(Aad::from(about(place)), &mut *sealed);
        let nonce = nonce.map_err(|_| "cannot seal a review: no random bytes".to_owned())?;
        Ok([nonce.as_ref(), &sealed[..]].concat())
    }

    /// What was sealed in this place; none if it was not, or with another key.
    pub(super) fn open<T: DeserializeOwned>(&self, place: (Matter, u64), sealed: &[u8]) -> Option<T> {
        let (nonce, sealed) = sealed.split_at_checked(NONCE)?;
        let nonce = Nonce::try_assume_unique_for_key(nonce).ok()?;
        let mut sealed = Zeroizing::new(sealed.to_vec());
        let plain = self.0.open_in_place(nonce, Aad::from(about(place)), &mut sealed).ok()?;
        serde_json::from_slice(plain).ok()
    }
}

fn about((what, number): (Matter, u64)) -> Vec<u8> {
    format!("deskgate review 1: {} {number}", what.word()).into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_sealed_opens_with_its_key_and_in_its_place_only() {
        let (sealer, other) = (Sealer::new(&[1; 32]).unwrap(), Sealer::new(&[2; 32]).unwrap());
        let place = (Matter::Request, 7);
        let mut sealed = sealer.seal(place, &"m.rossi").unwrap();
        assert!(!sealed.windows(7).any(|window| window == b"m.rossi"));
        assert_eq!(sealer.open::<String>(place, &sealed).as_deref(), Some("m.rossi"));
        assert_eq!(sealer.open::<String>((Matter::Request, 8), &sealed), None);
        assert_eq!(sealer.open::<String>((Matter::Notice, 7), &sealed), None);
        assert_eq!(other.open::<String>(place, &sealed), None);
        sealed[14] ^= 1;
        assert_eq!(sealer.open::<String>(place, &sealed), None);
    }
}
