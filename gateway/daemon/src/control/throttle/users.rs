//! How often one user's password may be tried.
//!
//! The count is kept as directories keep theirs: wrong passwords since the last right one, forgotten after a quiet time. Whoever
//! is not known to come from where they come from shares half of what the directory bears; the rest is for addresses from
//! which this user has signed in before. So a stranger, or a thousand of them, can lock a colleague out neither here nor in the
//! directory, which is never asked often enough to lock the account.
//!
//! Names are counted whether or not they are anybody's: the limit tells nothing about them.

use std::{
    collections::HashMap,
    net::IpAddr,
    time::{Duration, Instant},
};

use gateway_api::SessionNumber;
use sha2::{Digest as _, Sha256};

use super::TooMany;
use crate::directory::Lockout;

/// How many wrong passwords are let through at most, and after how long a quiet time it is none again.
fn bears(lockout: Lockout) -> (u32, Duration) {
    match lockout {
        Lockout::NotTold => (4, Duration::from_secs(1800)),
        Lockout::Never => (8, Duration::from_secs(300)),
        // A little longer than the directory says: its clock is another one.
        Lockout::After { wrong, quiet } => (wrong.saturating_sub(1).clamp(1, 20), quiet + quiet / 20 + MARGIN),
    }
}

const MARGIN: Duration = Duration::from_secs(5);
/// How long an address is one that a user comes from.
const KNOWN_FOR: Duration = Duration::from_secs(90 * 24 * 3600);

/// A user's name, or that and an address, hashed: the tables hold no names that people typed.
type Key = [u8; 16];

/// A name and an address, hashed, and when somebody of that name last signed in there.
pub(crate) type KnownAddress = ([u8; 16], Instant);

/// All users' counts.
#[derive(Debug)]
pub(super) struct Users {
    lockout: Lockout,
    most: usize,
    counts: HashMap<Key, Count>,
    /// Names that turned out to mean an account of another name.
    aliases: HashMap<Key, Key>,
    /// When a user last signed in from an address.
    known: HashMap<Key, Instant>,
    /// How often something was added to them.
    changes: u64,
    swept_at: Option<Instant>,
    /// Shared by names for which there is no room.
    crowd: Count,
}

#[derive(Debug, Clone, Copy, Default)]
struct Count {
    wrong: u32,
    last: Option<Instant>,
    /// The support number of the first refusal since somebody passed.
    refused: Option<SessionNumber>,
}

impl Users {
    pub(super) fn new(lockout: Lockout, most: usize) -> Self {
        Self {
            lockout,
            most,
            counts: HashMap::new(),
            aliases: HashMap::new(),
            known: HashMap::new(),
            changes: 0,
            swept_at: None,
            crowd: Count::default(),
        }
    }

    pub(super) fn set_lockout(&mut self, lockout: Lockout) {
        self.lockout = lockout;
    }

    pub(super) fn charge(
        &mut self,
        user: &str,
        from: IpAddr,
        now: Instant,
        support: SessionNumber,
    ) -> Result<(), TooMany> {
        let (bears, quiet) = bears(self.lockout);
        let key = self.key(user);
        let most = if self.is_known(user, from, now) { bears } else { bears.div_ceil(2) };
        let count = self.count(key, now);
        let over = count.last.map(|last| (last + quiet).saturating_duration_since(now)).unwrap_or_default();
        if over.is_zero() {
            count.wrong = 0;
        }
        if count.wrong >= most {
            let first = count.refused.is_none();
            let support = *count.refused.get_or_insert(support);
            return Err(TooMany { limit: "user", wait: over, support, first });
        }
        count.refused = None;
        count.wrong += 1;
        count.last = Some(now);
        Ok(())
    }

    /// Whether the user has signed in from there not too long ago.
    pub(super) fn is_known(&self, user: &str, from: IpAddr, now: Instant) -> bool {
        let at = self.known.get(&at_address(&self.key(user), from));
        at.is_some_and(|at| now.duration_since(*at) < KNOWN_FOR)
    }

    pub(super) fn right(&mut self, user: &str, from: IpAddr, now: Instant) {
        let key = self.key(user);
        self.counts.remove(&key);
        if self.known.len() >= self.most {
            self.forget_addresses(now);
        }
        self.known.insert(at_address(&key, from), now);
        self.changes += 1;
    }

    /// All that are known, and how often that was added to.
    pub(super) fn known(&self) -> (u64, Vec<KnownAddress>) {
        (self.changes, self.known.iter().map(|(hash, at)| (*hash, *at)).collect())
    }

    pub(super) fn recall(&mut self, (hash, at): KnownAddress) {
        if self.known.len() < self.most {
            self.known.insert(hash, at);
        }
    }

    /// Those of long ago; if there are none, the older half.
    fn forget_addresses(&mut self, now: Instant) {
        self.known.retain(|_, at| now.duration_since(*at) < KNOWN_FOR);
        if self.known.len() >= self.most {
            let mut moments: Vec<Instant> = self.known.values().copied().collect();
            let (_, middle, _) = moments.select_nth_unstable(self.most / 2);
            let middle = *middle;
            self.known.retain(|_, at| *at > middle);
        }
    }

    pub(super) fn give_back(&mut self, user: &str) {
        let key = self.key(user);
        let count = self.counts.get_mut(&key).unwrap_or(&mut self.crowd);
        count.wrong = count.wrong.saturating_sub(1);
    }

    /// A name that means an account of another name is counted as that one from now on.
    pub(super) fn wrong(&mut self, user: &str, account: &str, now: Instant) {
        let (typed, own) = (key(user), key(account));
        if typed == own || self.aliases.contains_key(&typed) {
            return;
        }
        if self.aliases.len() < self.most {
            self.aliases.insert(typed, own);
        }
        let moved = self.counts.remove(&typed).map_or(1, |count| count.wrong);
        let count = self.count(own, now);
        count.wrong = count.wrong.saturating_add(moved);
        count.last = Some(now);
    }

    fn key(&self, user: &str) -> Key {
        let key = key(user);
        self.aliases.get(&key).copied().unwrap_or(key)
    }

    fn count(&mut self, key: Key, now: Instant) -> &mut Count {
        if self.counts.len() >= self.most && !self.counts.contains_key(&key) {
            let lately = self.swept_at.is_some_and(|at| now.saturating_duration_since(at) < Duration::from_secs(1));
            if !lately {
                self.swept_at = Some(now);
                let (_, quiet) = bears(self.lockout);
                self.counts
                    .retain(|_, count| count.last.is_some_and(|last| now.saturating_duration_since(last) < quiet));
            }
            if self.counts.len() >= self.most {
                return &mut self.crowd;
            }
        }
        self.counts.entry(key).or_default()
    }
}

/// A name however it is written: `m.rossi`, `m.rossi@comune.example` and `COMUNE\\m.rossi` are tried as one.
fn key(user: &str) -> Key {
    let account = user.rsplit_once('\\').map_or(user, |(_, account)| account);
    let account = account.split_once('@').map_or(account, |(account, _)| account);
    short(Sha256::digest(policy::folded(account).as_bytes()).into())
}

fn at_address(user: &Key, from: IpAddr) -> Key {
    let mut hash = Sha256::new();
    hash.update(user);
    hash.update(from.to_string());
    short(hash.finalize().into())
}

fn short(digest: [u8; 32]) -> Key {
    let mut key = Key::default();
    key.iter_mut().zip(digest).for_each(|(to, from)| *to = from);
    key
}

#[cfg(test)]
mod tests {
    use super::*;

    const SUPPORT: SessionNumber = SessionNumber::new(1);
    const HALF_AN_HOUR: Duration = Duration::from_secs(1800);

    fn users(lockout: Lockout) -> Users {
        Users::new(lockout, 1000)
    }

    fn from(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    fn tries(users: &mut Users, user: &str, address: &str, now: Instant) -> usize {
        (0..100).filter(|_| users.charge(user, from(address), now, SUPPORT).is_ok()).count()
    }

    #[test]
    fn right_passwords_cost_nothing_however_many() {
        let (mut users, now) = (users(Lockout::NotTold), Instant::now());
        for _ in 0..500 {
            assert_eq!(users.charge("m.rossi", from("192.0.2.1"), now, SUPPORT), Ok(()));
            users.right("m.rossi", from("192.0.2.1"), now);
        }
    }

    #[test]
    fn parallel_guesses_count_before_they_are_answered() {
        let (mut users, now) = (users(Lockout::Never), Instant::now());
        assert_eq!(tries(&mut users, "m.rossi", "192.0.2.1", now), 4);
        let refused = users.charge("M.ROSSI", from("198.51.100.1"), now, SUPPORT).unwrap_err();
        assert_eq!((refused.limit, refused.wait, refused.first), ("user", Duration::from_secs(300), false));
        assert_eq!(users.charge("g.verdi", from("192.0.2.1"), now, SUPPORT), Ok(()));
        assert_eq!(tries(&mut users, "m.rossi", "192.0.2.1", now + Duration::from_secs(300)), 4);
    }

    #[test]
    fn strangers_never_make_a_colleague_wait_who_comes_from_a_known_address() {
        for wrong in 3..30 {
            let (mut users, now) = (users(Lockout::After { wrong, quiet: HALF_AN_HOUR }), Instant::now());
            users.right("m.rossi", from("192.0.2.1"), now);
            for stranger in 0..200 {
                let _ = users.charge("m.rossi", from(&format!("198.51.100.{stranger}")), now, SUPPORT);
            }
            assert_eq!(users.charge("m.rossi", from("192.0.2.1"), now, SUPPORT), Ok(()), "threshold {wrong}");
            assert!(users.charge("m.rossi", from("192.0.2.2"), now, SUPPORT).is_err());
        }
    }

    /// The directory's count as Active Directory keeps it: wrong passwords, none of them longer ago than `quiet` after the last.
    #[test]
    fn the_directory_never_counts_to_its_threshold_whoever_tries_whenever() {
        let mut seed = 0x2545_f491_4f6c_dd1d_u64;
        let mut random = move |below: u64| {
            seed ^= seed << 13;
            seed ^= seed >> 7;
            seed ^= seed << 17;
            seed % below
        };
        for _ in 0..200 {
            let wrong = 2 + u32::try_from(random(12)).unwrap();
            let (mut users, mut now) = (users(Lockout::After { wrong, quiet: HALF_AN_HOUR }), Instant::now());
            users.right("m.rossi", from("192.0.2.1"), now);
            let (mut counted, mut last) = (0, now);
            for _ in 0..300 {
                now += Duration::from_secs(random(2400));
                let address = if random(2) == 0 { "192.0.2.1" } else { "198.51.100.1" };
                if users.charge("m.rossi", from(address), now, SUPPORT).is_err() {
                    continue;
                }
                if random(9) == 0 {
                    users.right("m.rossi", from(address), now);
                    counted = 0;
                    continue;
                }
                counted = if now - last < HALF_AN_HOUR { counted + 1 } else { 1 };
                last = now;
                assert!(counted < wrong, "the account is locked at {wrong}");
            }
        }
    }

    #[test]
    fn one_account_is_one_however_its_name_is_written() {
        let (mut users, now) = (users(Lockout::Never), Instant::now());
        assert_eq!(tries(&mut users, "m.rossi", "192.0.2.1", now), 4);
        for name in ["m.rossi@comune.example", "COMUNE\\m.rossi", "M.Rossi@other"] {
            assert!(users.charge(name, from("192.0.2.1"), now, SUPPORT).is_err(), "{name}");
        }
        // A name of quite another form is counted with the account once the directory has said whose it is.
        assert_eq!(users.charge("mario@comune.example", from("192.0.2.1"), now, SUPPORT), Ok(()));
        users.wrong("mario@comune.example", "m.rossi", now);
        assert!(users.charge("mario@comune.example", from("192.0.2.1"), now, SUPPORT).is_err());
    }

    #[test]
    fn what_was_never_checked_is_given_back() {
        let (mut users, now) = (users(Lockout::NotTold), Instant::now());
        for _ in 0..50 {
            assert_eq!(users.charge("m.rossi", from("192.0.2.1"), now, SUPPORT), Ok(()));
            users.give_back("m.rossi");
        }
    }

    #[test]
    fn memory_is_bounded_under_a_million_names() {
        let (mut users, now) = (users(Lockout::NotTold), Instant::now());
        for name in 0..1_000_000u32 {
            let _ = users.charge(&name.to_string(), from("192.0.2.1"), now, SUPPORT);
        }
        for name in 0..100_000u32 {
            users.wrong(&format!("{name}-alias"), &name.to_string(), now);
            users.right(&name.to_string(), from("192.0.2.1"), now + Duration::from_millis(name.into()));
        }
        assert!(users.counts.len() <= 1000 && users.known.len() <= 1000 && users.aliases.len() <= 1000);
        let later = now + Duration::from_secs(3600);
        assert_eq!(users.charge("m.rossi", from("192.0.2.1"), later, SUPPORT), Ok(()));
        assert!(users.counts.len() < 10, "whom the limit no longer concerns is forgotten");
    }
}
