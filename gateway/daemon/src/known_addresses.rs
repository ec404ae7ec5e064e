//! Where workers have signed in from lately, across restarts: for the limits on logins, which hold nobody up there.
//!
//! The session log cannot say it: its names are sealed. What is kept here are hashes of a name and an address, with their age, in
//! one file that a key outside the database seals; it is in no backup. Who is root can try names and addresses on it.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use aws_lc_rs::{
    aead::{AES_256_GCM_SIV, Aad, Nonce, RandomizedNonceKey},
    hmac,
};
use zeroize::Zeroizing;

use crate::{
    clock,
    control::{KnownAddress, Throttle},
    secret_file,
};

/// Its name in the state folder.
const FILE: &str = "addresses.sealed";
/// Between looks whether there are new ones.
const EVERY: Duration = Duration::from_secs(60);
/// How long one is kept over a restart.
const KEPT_FOR: Duration = Duration::from_secs(30 * 24 * 3600);
/// The most that are kept, the newest.
const MOST: usize = 50_000;
const NONCE: usize = 12;
/// Of one: the hash, and when as seconds since 1970.
const ENTRY: usize = 16 + 8;
const ABOUT: &[u8] = b"deskgate addresses 1";

/// The file, and what opens it.
#[derive(Debug)]
pub(crate) struct KnownAddresses {
    path: PathBuf,
    seal: RandomizedNonceKey,
}

impl KnownAddresses {
    /// Under a key that comes from the one of the kept sessions.
    pub(crate) fn new(state: &Path, key: &[u8; 32]) -> Result<Self, String> {
        let key = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key), ABOUT);
        let seal = RandomizedNonceKey::new(&AES_256_GCM_SIV, key.as_ref());
        let seal = seal.map_err(|_| "the key that seals known addresses cannot be used".to_owned())?;
        Ok(Self { path: state.join(FILE), seal })
    }

    /// Tells the throttle what an earlier run knew. A file that cannot be read is as none: it is only a kindness.
    pub(crate) fn recall(&self, throttle: &Throttle) {
        let Some(entries) = self.read() else { return };
        let now = clock::now();
        for (hash, second) in entries {
            let age = u64::try_from(now.wall.as_second().saturating_sub(second)).map(Duration::from_secs);
            let Some(age) = age.ok().filter(|age| *age < KEPT_FOR) else { continue };
            throttle.recall((hash, now.instant.checked_sub(age).unwrap_or(now.instant)));
        }
    }

    /// Keeps what is new, until it is dropped.
    pub(crate) async fn watch(self: Arc<Self>, throttle: Arc<Throttle>) {
        let mut ticks = tokio::time::interval(EVERY);
        let mut kept = 0;
        loop {
            ticks.tick().await;
            let (changes, known) = throttle.known();
            if changes != kept {
                self.keep(known);
                kept = changes;
            }
        }
    }

    /// Writes down the newest of them.
    pub(crate) fn keep(&self, mut known: Vec<KnownAddress>) {
        let now = clock::now();
        known.sort_by_key(|(_, at)| std::cmp::Reverse(*at));
        let mut text = Zeroizing::new(Vec::with_capacity(known.len().min(MOST) * ENTRY + 16));
        for (hash, at) in known.iter().take(MOST) {
            let age = now.instant.saturating_duration_since(*at);
            let second = now.wall.as_second().saturating_sub(i64::try_from(age.as_secs()).unwrap_or(i64::MAX));
            text.extend_from_slice(hash);
            text.extend_from_slice(&second.to_be_bytes());
        }
        let sealed = self.seal.seal_in_place_append_tag(Aad::from(ABOUT), &mut *text);
        let kept = match sealed {
            Ok(nonce) => secret_file::replace(&self.path, &[nonce.as_ref(), &text[..]].concat()),
            Err(_) => return tracing::warn!("addresses of logins not kept: no random bytes"),
        };
        if let Err(error) = kept {
            tracing::warn!(%error, "addresses of logins not kept");
        }
    }

    fn read(&self) -> Option<Vec<([u8; 16], i64)>> {
        if !self.path.exists() {
            return None;
        }
        let private = secret_file::check_private(&self.path).map_err(|error| error.to_string());
        let bytes = private
            .and_then(|()| std::fs::read(&self.path).map_err(|error| error.to_string()))
            .inspect_err(|error| tracing::warn!(error, "addresses of earlier logins cannot be read"))
            .ok()?;
        let (nonce, sealed) = bytes.split_at_checked(NONCE)?;
        let mut sealed = Zeroizing::new(sealed.to_vec());
        let nonce = Nonce::try_assume_unique_for_key(nonce).ok()?;
        let text = self.seal.open_in_place(nonce, Aad::from(ABOUT), &mut sealed).ok()?;
        let entry = |entry: &[u8; ENTRY]| {
            let (hash, second) = entry.split_at(16);
            Some((hash.try_into().ok()?, i64::from_be_bytes(second.try_into().ok()?)))
        };
        text.as_chunks::<ENTRY>().0.iter().map(entry).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::directory::Lockout;

    #[test]
    fn who_signed_in_from_somewhere_is_known_there_after_a_restart() {
        let folder = tempfile::tempdir().unwrap();
        let (home, stranger) = ("192.0.2.7".parse().unwrap(), "198.51.100.1".parse().unwrap());
        let throttle = Throttle::new(Lockout::NotTold);
        throttle.right("m.rossi", home, clock::now().instant);
        let file = KnownAddresses::new(folder.path(), &[1; 32]).unwrap();
        file.recall(&throttle);
        file.keep(throttle.known().1);
        let bytes = std::fs::read(folder.path().join(FILE)).unwrap();
        assert!(!bytes.windows(5).any(|window| window == b"rossi"));
        let again = |key: u8| {
            let throttle = Throttle::new(Lockout::NotTold);
            KnownAddresses::new(folder.path(), &[key; 32]).unwrap().recall(&throttle);
            let now = clock::now().instant;
            (throttle.is_known("m.rossi", home, now), throttle.is_known("m.rossi", stranger, now))
        };
        assert_eq!(again(1), (true, false));
        assert_eq!(again(2), (false, false), "without the key it says nothing, and nothing fails");
    }
}
