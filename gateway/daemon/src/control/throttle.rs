//! How often a login may be tried: by one address, by its network, for one user, and by everybody together.
//!
//! Only what fails is charged to addresses and networks, so that many workers behind one address are not mistaken for one
//! attacker. Attempts for a user are counted in `users.rs`, by other rules: a stranger must not be able to lock a colleague out.
//! Who has signed in from an address before is counted by those rules alone, whatever else comes from there or from everywhere.
//! Whoever has shown all factors is counted once more by what they then do: steps that had to be refused (`steps.rs`).
//!
//! Each limit is a bucket kept as one moment (the generic cell rate algorithm). The limiters in common use can only count
//! and refuse in one step; looking without charging, and giving back, is what the rules above rest on.
//!
//! Memory is bounded: a table that is full forgets whom it need not remember, and if everybody in it must be remembered,
//! all newcomers share one bucket.

mod steps;
mod users;

use std::{
    collections::{HashMap, hash_map::Entry},
    hash::Hash,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use gateway_api::SessionNumber;

use crate::directory::Lockout;
pub(crate) use steps::Step;
use steps::Steps;
pub(crate) use users::KnownAddress;
use users::Users;

/// A limit: so many at once, and one more after each pause.
#[derive(Debug, Clone, Copy)]
struct Limit {
    at_once: u32,
    pause: Duration,
}

/// Failed logins from one address.
const ADDRESS: Limit = Limit { at_once: 20, pause: Duration::from_secs(10) };
/// Failed logins from one network: a /24, or a /64.
const NETWORK: Limit = Limit { at_once: 60, pause: Duration::from_secs(3) };
/// Logins altogether: a Monday morning of 500 within a few seconds, and far below what would keep the packets waiting.
const OVERALL: Limit = Limit { at_once: 1000, pause: Duration::from_millis(10) };
/// What cannot be read, altogether: each is a record, and no login.
const UNREADABLE: Limit = Limit { at_once: 100, pause: Duration::from_millis(100) };

/// Steps of one person, on the web page or at the administrators' socket, that had to be refused: each may be a record that is kept for
/// years. Thirty an hour, as they come.
const STEPS: Limit = Limit { at_once: 30, pause: Duration::from_secs(120) };

/// Connections altogether, as a Monday morning brings them: each is a millisecond of a processor, which the packets want as well.
const CONNECTIONS: Limit = Limit { at_once: 1000, pause: Duration::from_millis(5) };

/// How many addresses, networks and users are remembered, each.
const REMEMBERED: usize = 50_000;

/// All limits together.
#[derive(Debug)]
pub(crate) struct Throttle {
    addresses: Mutex<Buckets<IpAddr>>,
    networks: Mutex<Buckets<IpAddr>>,
    users: Mutex<Users>,
    overall: Mutex<Buckets<()>>,
    unreadable: Mutex<Buckets<()>>,
    steps: Steps,
    connections: Mutex<Buckets<()>>,
}

/// Which limit was reached, and how long it lasts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct TooMany {
    /// The word of the record: `address`, `network`, `user`, `steps` or `overall`.
    pub(crate) limit: &'static str,
    /// Until the next attempt.
    pub(crate) wait: Duration,
    /// The support number of the first refusal since the limit was last kept: the one that is recorded.
    pub(crate) support: SessionNumber,
    /// Whether this is that first one.
    pub(crate) first: bool,
}

impl Throttle {
    pub(crate) fn new(lockout: Lockout) -> Self {
        Self {
            addresses: Mutex::new(Buckets::new(ADDRESS, REMEMBERED)),
            networks: Mutex::new(Buckets::new(NETWORK, REMEMBERED)),
            users: Mutex::new(Users::new(lockout, REMEMBERED)),
            overall: Mutex::new(Buckets::new(OVERALL, 1)),
            unreadable: Mutex::new(Buckets::new(UNREADABLE, 1)),
            steps: Steps::new(STEPS, REMEMBERED),
            connections: Mutex::new(Buckets::new(CONNECTIONS, 1)),
        }
    }

    /// A connection came: whether to hang up on it, for there are too many and its address or network has had its share.
    pub(crate) fn is_unwelcome(&self, address: IpAddr, now: Instant) -> bool {
        let mut connections = lock(&self.connections);
        let are_many = connections.is_spent(&(), now);
        connections.spend((), now);
        drop(connections);
        are_many && self.is_spent(address.to_canonical(), now)
    }

    fn is_spent(&self, address: IpAddr, now: Instant) -> bool {
        lock(&self.addresses).is_spent(&address, now) || lock(&self.networks).is_spent(&network(address), now)
    }

    /// A request that cannot be read: charged to where it came from. An error says which limit is spent.
    pub(crate) fn unreadable(&self, address: IpAddr, now: Instant, support: SessionNumber) -> Result<(), TooMany> {
        self.look_at(address, now, support)?;
        self.failed(address, now);
        charge(&self.unreadable, (), "overall", now, support)
    }

    /// Before the directory is asked: whether this user may be tried from there. Charged to the user until the answer says
    /// otherwise.
    pub(crate) fn try_user(
        &self,
        user: &str,
        from: IpAddr,
        now: Instant,
        support: SessionNumber,
    ) -> Result<(), TooMany> {
        let from = from.to_canonical();
        if !lock(&self.users).is_known(user, from, now) {
            self.look_at(from, now, support)?;
            charge(&self.overall, (), "overall", now, support)?;
        }
        lock(&self.users).charge(user, from, now, support)
    }

    fn look_at(&self, address: IpAddr, now: Instant, support: SessionNumber) -> Result<(), TooMany> {
        let address = address.to_canonical();
        look(&self.addresses, &address, "address", now, support)?;
        look(&self.networks, &network(address), "network", now, support)
    }

    /// The password held: the attempt costs nothing, and the address is one the user comes from.
    pub(crate) fn right(&self, user: &str, from: IpAddr, now: Instant) {
        lock(&self.users).right(user, from.to_canonical(), now);
    }

    /// Where users have signed in from, and how often that was added to.
    pub(crate) fn known(&self) -> (u64, Vec<KnownAddress>) {
        lock(&self.users).known()
    }

    /// What an earlier run knew of it.
    pub(crate) fn recall(&self, known: KnownAddress) {
        lock(&self.users).recall(known);
    }

    /// Whether the user has signed in from there not too long ago.
    #[cfg(test)]
    pub(crate) fn is_known(&self, user: &str, from: IpAddr, now: Instant) -> bool {
        lock(&self.users).is_known(user, from.to_canonical(), now)
    }

    /// The password was never checked, or nothing follows from it: the attempt costs nothing.
    pub(crate) fn unchecked(&self, user: &str) {
        lock(&self.users).give_back(user);
    }

    /// The password was wrong, or the second factor, for the account of this name.
    pub(crate) fn wrong(&self, user: &str, account: &str, now: Instant) {
        lock(&self.users).wrong(user, account, now);
    }

    /// Begins a step of somebody who has signed in, by the directory's identity. While others of theirs, which are under way, might reach the
    /// limit, it waits for those. How long to wait, if it is reached.
    pub(crate) async fn begin_step(&self, person: &Arc<str>) -> Result<Step<'_>, Duration> {
        self.steps.begin(person).await
    }

    /// Whether somebody who signs in for a step may take one at all.
    pub(crate) fn look_at_steps(&self, person: &Arc<str>, now: Instant, support: SessionNumber) -> Result<(), TooMany> {
        self.steps.look(person, now, support).map_err(|full| full.named("steps"))
    }

    /// What the directory does after wrong passwords.
    pub(crate) fn set_lockout(&self, lockout: Lockout) {
        lock(&self.users).set_lockout(lockout);
    }

    /// The caller's own fault: unreadable, or wrong credentials.
    pub(crate) fn failed(&self, address: IpAddr, now: Instant) {
        let address = address.to_canonical();
        lock(&self.addresses).spend(address, now);
        lock(&self.networks).spend(network(address), now);
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn look<K: Hash + Eq>(
    buckets: &Mutex<Buckets<K>>,
    key: &K,
    limit: &'static str,
    now: Instant,
    support: SessionNumber,
) -> Result<(), TooMany> {
    lock(buckets).look(key, now, support).map_err(|full| full.named(limit))
}

fn charge<K: Hash + Eq>(
    buckets: &Mutex<Buckets<K>>,
    key: K,
    limit: &'static str,
    now: Instant,
    support: SessionNumber,
) -> Result<(), TooMany> {
    lock(buckets).charge(key, now, support).map_err(|full| full.named(limit))
}

/// The /24 or /64 that an address is in.
pub(crate) fn network(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V4(address) => Ipv4Addr::from_bits(address.to_bits() & !0xff).into(),
        IpAddr::V6(address) => Ipv6Addr::from_bits(address.to_bits() & !u128::from(u64::MAX)).into(),
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Full {
    wait: Duration,
    support: SessionNumber,
    first: bool,
}

impl Full {
    fn named(self, limit: &'static str) -> TooMany {
        TooMany { limit, wait: self.wait, support: self.support, first: self.first }
    }
}

/// A bucket: the moment at which it is empty again, and the support number of the first refusal since it last let
/// somebody pass: a flood is one record, not a million.
#[derive(Debug, Clone, Copy)]
struct Bucket {
    empty_at: Instant,
    refused: Option<SessionNumber>,
}

#[derive(Debug)]
struct Buckets<K> {
    limit: Limit,
    most: usize,
    table: HashMap<K, Bucket>,
    /// Shared by newcomers while the table is full of those who must be remembered.
    crowd: Option<Bucket>,
    swept_at: Option<Instant>,
}

impl<K: Hash + Eq> Buckets<K> {
    fn new(limit: Limit, most: usize) -> Self {
        Self { limit, most, table: HashMap::new(), crowd: None, swept_at: None }
    }

    /// Whether one more would pass.
    fn look(&mut self, key: &K, now: Instant, support: SessionNumber) -> Result<(), Full> {
        let (limit, is_full) = (self.limit, self.table.len() >= self.most);
        let bucket = self.table.get_mut(key).or(self.crowd.as_mut().filter(|_| is_full));
        bucket.map_or(Ok(()), |bucket| bucket.look(limit, now, support))
    }

    /// Whether one more would not.
    fn is_spent(&self, key: &K, now: Instant) -> bool {
        !self.wait_beside(key, 0, now).is_zero()
    }

    /// Takes one if it passes.
    fn charge(&mut self, key: K, now: Instant, support: SessionNumber) -> Result<(), Full> {
        let limit = self.limit;
        let bucket = self.bucket(key, now);
        bucket.look(limit, now, support)?;
        bucket.spend(limit, now);
        Ok(())
    }

    /// Takes one, up to what the limit holds: who fails in parallel waits no longer than who fails in turn.
    fn spend(&mut self, key: K, now: Instant) {
        let limit = self.limit;
        let bucket = self.bucket(key, now);
        bucket.spend(limit, now);
        bucket.empty_at = bucket.empty_at.min(now + limit.pause.saturating_mul(limit.at_once));
    }

    /// How long until one more would pass, if so many others are to pass before it.
    fn wait_beside(&self, key: &K, others: u32, now: Instant) -> Duration {
        let Limit { at_once, pause } = self.limit;
        let is_full = self.table.len() >= self.most;
        let bucket = self.table.get(key).or(self.crowd.as_ref().filter(|_| is_full));
        let spent = bucket.map_or(Duration::ZERO, |bucket| bucket.empty_at.saturating_duration_since(now));
        (spent + pause.saturating_mul(others)).saturating_sub(pause.saturating_mul(at_once.saturating_sub(1)))
    }

    fn bucket(&mut self, key: K, now: Instant) -> &mut Bucket {
        self.sweep(now);
        let fresh = Bucket { empty_at: now, refused: None };
        let is_full = self.table.len() >= self.most;
        match self.table.entry(key) {
            Entry::Occupied(known) => known.into_mut(),
            Entry::Vacant(_) if is_full => self.crowd.get_or_insert(fresh),
            Entry::Vacant(new) => new.insert(fresh),
        }
    }

    /// Forgets whom the limit no longer concerns, once the table is full and at most once a second.
    fn sweep(&mut self, now: Instant) {
        let lately = self.swept_at.is_some_and(|at| now.saturating_duration_since(at) < Duration::from_secs(1));
        if self.table.len() < self.most || lately {
            return;
        }
        self.swept_at = Some(now);
        self.table.retain(|_, bucket| bucket.empty_at > now);
        if self.table.len() < self.most {
            self.crowd = None;
        }
    }
}

impl Bucket {
    fn wait(&self, limit: Limit, now: Instant) -> Duration {
        let room = limit.pause.saturating_mul(limit.at_once.saturating_sub(1));
        self.empty_at.saturating_duration_since(now).saturating_sub(room)
    }

    fn spend(&mut self, limit: Limit, now: Instant) {
        self.empty_at = self.empty_at.max(now) + limit.pause;
    }

    fn look(&mut self, limit: Limit, now: Instant, support: SessionNumber) -> Result<(), Full> {
        let wait = self.wait(limit, now);
        if wait.is_zero() {
            self.refused = None;
            return Ok(());
        }
        let first = self.refused.is_none();
        Err(Full { wait, support: *self.refused.get_or_insert(support), first })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SUPPORT: SessionNumber = SessionNumber::new(1);

    fn address(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    fn fail(throttle: &Throttle, from: IpAddr, times: u32, now: Instant) {
        (0..times).for_each(|_| throttle.failed(from, now));
    }

    fn attempt(throttle: &Throttle, from: IpAddr, now: Instant) -> Result<(), TooMany> {
        throttle.try_user("m.rossi", from, now, SUPPORT).inspect(|()| throttle.unchecked("m.rossi"))
    }

    #[test]
    fn an_address_that_fails_waits_and_others_do_not() {
        let (throttle, now) = (Throttle::new(Lockout::NotTold), Instant::now());
        fail(&throttle, address("192.0.2.1"), 20, now);
        let refused = attempt(&throttle, address("192.0.2.1"), now).unwrap_err();
        assert_eq!((refused.limit, refused.wait, refused.first), ("address", Duration::from_secs(10), true));
        assert!(
            !attempt(&throttle, address("192.0.2.1"), now).unwrap_err().first,
            "only the first refusal is recorded"
        );
        assert_eq!(attempt(&throttle, address("192.0.2.2"), now), Ok(()));
        assert_eq!(attempt(&throttle, address("192.0.2.1"), now + Duration::from_secs(10)), Ok(()));
    }

    #[test]
    fn a_network_of_guessers_waits_together() {
        let (throttle, now) = (Throttle::new(Lockout::NotTold), Instant::now());
        for host in 1..=6 {
            fail(&throttle, address(&format!("2001:db8::{host}")), 10, now);
        }
        assert_eq!(attempt(&throttle, address("2001:db8::77"), now).unwrap_err().limit, "network");
        assert_eq!(attempt(&throttle, address("2001:db8:0:1::77"), now), Ok(()));
    }

    #[test]
    fn an_ipv4_address_is_one_whichever_way_it_is_written() {
        let (throttle, now) = (Throttle::new(Lockout::NotTold), Instant::now());
        fail(&throttle, address("::ffff:192.0.2.1"), 20, now);
        assert!(attempt(&throttle, address("192.0.2.1"), now).is_err());
    }

    #[test]
    fn everybody_together_is_limited() {
        let (throttle, now) = (Throttle::new(Lockout::NotTold), Instant::now());
        let passed =
            (0..2000u32).filter(|host| attempt(&throttle, Ipv4Addr::from_bits(*host << 9).into(), now).is_ok()).count();
        assert_eq!(passed, 1000);
    }

    #[test]
    fn who_is_known_somewhere_is_held_up_by_nobody_else_there_nor_by_everybody() {
        let (throttle, now) = (Throttle::new(Lockout::NotTold), Instant::now());
        let office = address("192.0.2.1");
        throttle.right("m.rossi", office, now);
        fail(&throttle, office, 100, now);
        for host in 0..2000u32 {
            let _ = throttle.try_user(&host.to_string(), Ipv4Addr::from_bits(host << 9).into(), now, SUPPORT);
        }
        assert!(throttle.is_spent(office, now));
        assert_eq!(attempt(&throttle, office, now), Ok(()));
        assert_eq!(throttle.try_user("g.verdi", office, now, SUPPORT).unwrap_err().limit, "address");
        let elsewhere = throttle.try_user("m.rossi", address("198.51.100.1"), now, SUPPORT);
        assert_eq!(elsewhere.unwrap_err().limit, "overall");
    }

    #[test]
    fn among_too_many_connections_those_who_had_their_share_are_hung_up_on() {
        let (throttle, now) = (Throttle::new(Lockout::NotTold), Instant::now());
        let guesser = address("192.0.2.1");
        fail(&throttle, guesser, 20, now);
        assert!(!throttle.is_unwelcome(guesser, now), "they are told, as long as it costs nobody anything");
        for host in 0..2000u32 {
            assert!(!throttle.is_unwelcome(Ipv4Addr::from_bits(host << 9).into(), now));
        }
        assert!(throttle.is_unwelcome(guesser, now));
        assert!(!throttle.is_unwelcome(guesser, now + Duration::from_secs(6)));
    }

    #[test]
    fn what_cannot_be_read_is_charged_to_its_sender_and_is_no_login_of_anybodys() {
        let (throttle, now) = (Throttle::new(Lockout::NotTold), Instant::now());
        let garbage = |from: &str| throttle.unreadable(address(from), now, SUPPORT).map_err(|refused| refused.limit);
        assert_eq!((0..30).filter(|_| garbage("192.0.2.1").is_ok()).count(), 20);
        assert_eq!(garbage("192.0.2.1"), Err("address"));
        for network in 0..200 {
            for _ in 0..20 {
                let _ = garbage(&format!("10.0.{network}.1"));
            }
        }
        assert_eq!(garbage("10.1.0.1"), Err("overall"), "a flood is no flood of records");
        assert_eq!(attempt(&throttle, address("10.1.0.2"), now), Ok(()));
    }

    /// Of this process, in bytes; proc(5).
    fn resident() -> usize {
        let pages = std::fs::read_to_string("/proc/self/statm").unwrap();
        pages.split(' ').nth(1).unwrap().parse::<usize>().unwrap() * 4096
    }

    #[test]
    fn memory_is_bounded_under_a_million_sources_and_those_known_are_not_forgotten() {
        let (throttle, now) = (Throttle::new(Lockout::NotTold), Instant::now());
        fail(&throttle, address("192.0.2.1"), 20, now);
        let before = resident();
        for host in 0..1_000_000u32 {
            throttle.failed(Ipv4Addr::from_bits(0x0a00_0000 + host).into(), now);
            throttle.failed(Ipv6Addr::from_bits((0x2001_0db8 << 96) | u128::from(host) << 64).into(), now);
        }
        let grown = resident().saturating_sub(before);
        println!("two million sources are remembered in {grown} bytes");
        assert!(grown < 32 << 20, "{grown} bytes");
        assert!(lock(&throttle.addresses).table.len() <= REMEMBERED);
        assert!(attempt(&throttle, address("192.0.2.1"), now).is_err());
        let later = now + Duration::from_secs(3600);
        throttle.failed(address("192.0.2.9"), later);
        assert!(lock(&throttle.addresses).table.len() < 10, "whom the limit no longer concerns is forgotten");
    }
}
