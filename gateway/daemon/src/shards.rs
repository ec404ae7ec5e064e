//! Which loop owns which session: settled when it opens, given back when it closes.
//!
//! Asked by whoever has a question about a session, and by a loop that a handshake reached which is not its own. No packet
//! waits for it: data names its loop in its index, and an answer from the office in its address.

use std::{
    collections::HashMap,
    sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard},
};

use gateway_api::{PublicKey, SessionNumber};
use gateway_core::{Family, OpenError, Pools};

/// The owners of all sessions.
#[derive(Debug)]
pub(crate) struct Shards(RwLock<Owners>);

#[derive(Debug)]
struct Owners {
    /// For each shard: the sessions of each family that it can hold, and those it holds.
    shares: Vec<Shares>,
    sessions: HashMap<SessionNumber, Owned>,
    by_key: HashMap<[u8; 32], u8>,
    /// A worker's sessions are one shard's, which so lets one replace the other.
    by_worker: HashMap<Arc<str>, (u8, usize)>,
}

#[derive(Debug, Default)]
struct Share {
    most: usize,
    held: usize,
}

#[derive(Debug, Default)]
struct Shares {
    v4: Share,
    v6: Share,
}

impl Shares {
    fn of(&self, family: Family) -> &Share {
        match family {
            Family::V4 => &self.v4,
            Family::V6 => &self.v6,
        }
    }

    fn of_mut(&mut self, family: Family) -> &mut Share {
        match family {
            Family::V4 => &mut self.v4,
            Family::V6 => &mut self.v6,
        }
    }

    fn held(&self) -> usize {
        self.v4.held + self.v6.held
    }
}

#[derive(Debug)]
struct Owned {
    shard: u8,
    family: Family,
    key: PublicKey,
    worker: Arc<str>,
}

impl Shards {
    /// So many shards, each with its share of the addresses.
    pub(crate) fn new(pools: &Pools, shards: u8) -> Self {
        let mut shares: Vec<Shares> = std::iter::repeat_with(Shares::default).take(shards.into()).collect();
        for family in pools.families() {
            for (share, most) in shares.iter_mut().zip(pools.shares(family, shards)) {
                share.of_mut(family).most = most;
            }
        }
        Self(RwLock::new(Owners {
            shares,
            sessions: HashMap::new(),
            by_key: HashMap::new(),
            by_worker: HashMap::new(),
        }))
    }

    /// Gives a session to a shard: its worker's, or else the one with the fewest of those that have an address of its family.
    pub(crate) fn give(
        &self,
        number: SessionNumber,
        key: PublicKey,
        worker: &Arc<str>,
        family: Family,
    ) -> Result<u8, OpenError> {
        let mut owners = self.write();
        if owners.sessions.contains_key(&number) || owners.by_key.contains_key(&key.0) {
            return Err(OpenError::Taken);
        }
        let shard = match owners.by_worker.get(worker) {
            Some((shard, _)) => *shard,
            None => owners.emptiest(family)?,
        };
        owners.add(number, Owned { shard, family, key, worker: Arc::clone(worker) });
        Ok(shard)
    }

    /// Gives a session of an earlier run to the shard that lends its address. False if its number or key is there already.
    pub(crate) fn place(
        &self,
        number: SessionNumber,
        key: PublicKey,
        worker: &Arc<str>,
        (shard, family): (u8, Family),
    ) -> bool {
        let mut owners = self.write();
        let is_new = !owners.sessions.contains_key(&number) && !owners.by_key.contains_key(&key.0);
        if is_new {
            owners.add(number, Owned { shard, family, key, worker: Arc::clone(worker) });
        }
        is_new
    }

    /// A session was refused or has ended.
    pub(crate) fn take_back(&self, number: SessionNumber) {
        self.write().remove(number);
    }

    /// Whose a session is.
    pub(crate) fn owner(&self, number: SessionNumber) -> Option<u8> {
        self.read().sessions.get(&number).map(|owned| owned.shard)
    }

    /// Whose the session of a client's key is.
    pub(crate) fn owner_of_key(&self, key: &PublicKey) -> Option<u8> {
        self.read().by_key.get(&key.0).copied()
    }

    fn read(&self) -> RwLockReadGuard<'_, Owners> {
        self.0.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, Owners> {
        self.0.write().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Owners {
    fn emptiest(&self, family: Family) -> Result<u8, OpenError> {
        if self.shares.iter().all(|shares| shares.of(family).most == 0) {
            return Err(OpenError::NoTunnelFamily);
        }
        let is_roomy = |shares: &Shares| shares.of(family).held < shares.of(family).most;
        let roomy = self.shares.iter().enumerate().filter(|(_, shares)| is_roomy(shares));
        let emptiest = roomy.min_by_key(|(_, shares)| shares.held());
        emptiest.and_then(|(shard, _)| u8::try_from(shard).ok()).ok_or(OpenError::NoAddress)
    }

    fn share(&mut self, shard: u8, family: Family) -> Option<&mut Share> {
        self.shares.get_mut(usize::from(shard)).map(|shares| shares.of_mut(family))
    }

    fn add(&mut self, number: SessionNumber, owned: Owned) {
        self.by_key.insert(owned.key.0, owned.shard);
        self.by_worker.entry(Arc::clone(&owned.worker)).or_insert((owned.shard, 0)).1 += 1;
        if let Some(share) = self.share(owned.shard, owned.family) {
            share.held += 1;
        }
        self.sessions.insert(number, owned);
    }

    fn remove(&mut self, number: SessionNumber) {
        let Some(Owned { shard, family, key, worker }) = self.sessions.remove(&number) else { return };
        self.by_key.remove(&key.0);
        if let Some((_, sessions)) = self.by_worker.get_mut(&worker) {
            *sessions -= 1;
            if *sessions == 0 {
                self.by_worker.remove(&worker);
            }
        }
        if let Some(share) = self.share(shard, family) {
            share.held -= 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: fn(u8) -> PublicKey = |number| PublicKey([number; 32]);

    fn give(shards: &Shards, number: u8, worker: &str) -> Result<u8, OpenError> {
        give_of(shards, number, worker, Family::V4)
    }

    fn give_of(shards: &Shards, number: u8, worker: &str, family: Family) -> Result<u8, OpenError> {
        shards.give(SessionNumber::new(number.into()), KEY(number), &worker.into(), family)
    }

    /// Five addresses of IPv4, and as many of IPv6 as `v6` has.
    fn shards(all: u8, v6: Option<&str>) -> Shards {
        let pools = Pools { v4: "100.96.0.0/29".parse().unwrap(), v6: v6.map(|pool| pool.parse().unwrap()) };
        Shards::new(&pools, all)
    }

    #[test]
    fn sessions_are_spread_and_a_worker_stays_in_one_place() {
        let shards = shards(2, None);
        assert_eq!(give(&shards, 1, "m.rossi"), Ok(0));
        assert_eq!(give(&shards, 2, "g.verdi"), Ok(1));
        assert_eq!(give(&shards, 3, "g.verdi"), Ok(1));
        assert_eq!(give(&shards, 4, "l.bianchi"), Ok(0));
        assert_eq!(give(&shards, 5, "a.neri"), Ok(0));
        assert_eq!(give(&shards, 6, "p.gialli"), Err(OpenError::NoAddress));
        assert_eq!(shards.owner(SessionNumber::new(3)), Some(1));
        assert_eq!(shards.owner_of_key(&KEY(2)), Some(1));
    }

    #[test]
    fn what_is_taken_back_is_free_again() {
        let shards = shards(1, None);
        assert_eq!(give(&shards, 1, "m.rossi"), Ok(0));
        assert_eq!(give(&shards, 1, "g.verdi"), Err(OpenError::Taken));
        shards.take_back(SessionNumber::new(1));
        shards.take_back(SessionNumber::new(1));
        assert_eq!(shards.owner(SessionNumber::new(1)), None);
        assert_eq!(shards.owner_of_key(&KEY(1)), None);
        assert_eq!(give(&shards, 1, "g.verdi"), Ok(0));
    }

    #[test]
    fn a_session_goes_where_an_address_of_its_family_is() {
        let none = shards(2, None);
        assert_eq!(give_of(&none, 1, "m.rossi", Family::V6), Err(OpenError::NoTunnelFamily));
        // Six addresses of IPv6: the last of them is the second shard's.
        let both = shards(2, Some("fd64::/125"));
        for (number, shard) in (1..7).zip([0, 1].into_iter().cycle()) {
            assert_eq!(give_of(&both, number, &number.to_string(), Family::V6), Ok(shard));
        }
        assert_eq!(give_of(&both, 7, "a.neri", Family::V6), Err(OpenError::NoAddress));
        assert_eq!(give(&both, 7, "a.neri"), Ok(0));
        both.take_back(SessionNumber::new(2));
        assert_eq!(give_of(&both, 2, "g.verdi", Family::V6), Ok(1));
    }
}
