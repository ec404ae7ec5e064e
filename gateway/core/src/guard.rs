//! Who may shake hands while too many want to: what stands in front of the expensive part of a handshake, which takes a
//! quarter of a millisecond.
//!
//! ```text
//!  checksum right? ──► few in this second? ──► in
//!                            │ many
//!                            ▼
//!                      cookie right? ──► few from this address? ──► in
//!                            │ no                │ many
//!                            ▼                   ▼
//!                      sent a cookie          dropped
//! ```
//!
//! An address is counted only once a cookie has proved that whoever names it is there: else a stranger could use up
//! another's share by naming their address. That is the order of the kernel's own WireGuard (WireGuard, section 5.3).

use std::{
    hash::{DefaultHasher, Hash as _, Hasher as _},
    net::IpAddr,
    time::{Duration, Instant},
};

/// Handshakes of one address in a second while many want to, and at once: a home has few computers, but a whole town may
/// share an address of its provider.
const PER_SECOND: u32 = 50;
const AT_ONCE: u32 = 100;
/// Addresses counted apart. Where two fall together they share; the table never grows, whoever sends.
const PLACES: usize = 4096;

/// Counts handshakes against a rate (the generic cell rate algorithm): one moment is all it remembers.
#[derive(Debug, Clone, Copy, Default)]
struct Bucket {
    /// When what was taken so far will have been worked off; none while it is.
    empty_at: Option<Instant>,
}

impl Bucket {
    /// Takes one out of `at_once`, of which one comes back every `interval`. False if there is none.
    fn take(&mut self, now: Instant, interval: Duration, at_once: u32) -> bool {
        let empty_at = self.empty_at.map_or(now, |at| at.max(now));
        if empty_at + interval > now + interval * at_once {
            return false;
        }
        self.empty_at = Some(empty_at + interval);
        true
    }
}

/// The counts of one loop.
#[derive(Debug)]
pub(crate) struct Guard {
    all: Bucket,
    interval: Duration,
    at_once: u32,
    /// What the places of addresses follow from, so that nobody outside can choose to share one.
    seed: u64,
    places: Box<[Bucket]>,
}

impl Guard {
    /// Lets `per_second` handshakes in before it asks for cookies; none at all if 0.
    pub(crate) fn new(per_second: u32, seed: u64) -> Self {
        Self {
            all: Bucket::default(),
            interval: Duration::from_secs(1) / per_second.max(1),
            at_once: per_second,
            seed,
            places: vec![Bucket::default(); PLACES].into(),
        }
    }

    /// Counts a handshake whose checksum is right. True if it needs a cookie.
    pub(crate) fn is_under_load(&mut self, now: Instant) -> bool {
        !self.all.take(now, self.interval, self.at_once)
    }

    /// Counts a handshake whose cookie is right. False if its address had its share.
    pub(crate) fn admits(&mut self, from: IpAddr, now: Instant) -> bool {
        let place = self.place(from);
        self.places.get_mut(place).is_some_and(|bucket| bucket.take(now, Duration::from_secs(1) / PER_SECOND, AT_ONCE))
    }

    fn place(&self, from: IpAddr) -> usize {
        let mut hasher = DefaultHasher::new();
        self.seed.hash(&mut hasher);
        match from {
            IpAddr::V4(address) => address.to_bits().hash(&mut hasher),
            // A home has a network of its own and all of its addresses.
            IpAddr::V6(address) => (address.to_bits() >> 64).hash(&mut hasher),
        }
        (hasher.finish() % PLACES as u64) as usize
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_brings_as_many_as_were_allowed_and_no_more() {
        let mut guard = Guard::new(100, 1);
        let start = Instant::now();
        let let_in = |guard: &mut Guard, now| (0..1000).filter(|_| !guard.is_under_load(now)).count();
        assert_eq!(let_in(&mut guard, start), 100);
        assert_eq!(let_in(&mut guard, start), 0);
        assert_eq!(let_in(&mut guard, start + Duration::from_millis(100)), 10);
        assert_eq!(let_in(&mut guard, start + Duration::from_secs(3600)), 100);
        assert_eq!(let_in(&mut Guard::new(0, 1), start), 0);
    }

    #[test]
    fn one_address_uses_up_its_own_share_and_not_anothers() {
        let mut guard = Guard::new(0, 7);
        let now = Instant::now();
        let (loud, quiet) = (IpAddr::from([198, 51, 100, 1]), IpAddr::from([198, 51, 100, 2]));
        assert_ne!(guard.place(loud), guard.place(quiet));
        assert_eq!((0..1000).filter(|_| guard.admits(loud, now)).count(), AT_ONCE as usize);
        assert!(guard.admits(quiet, now));
        assert!(guard.admits(loud, now + Duration::from_secs(1)));
    }

    #[test]
    fn all_addresses_of_an_ipv6_home_are_one() {
        let guard = Guard::new(0, 7);
        let place = |text: &str| guard.place(text.parse().unwrap());
        assert_eq!(place("2001:db8:1:2::1"), place("2001:db8:1:2:ffff::9"));
        assert_ne!(place("2001:db8:1:2::1"), place("2001:db8:1:3::1"));
    }
}
