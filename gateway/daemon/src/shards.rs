//! Which loop owns which session: settled when it opens, given back when it closes.
//!
//! Asked by whoever has a question about a session, and by a loop that a handshake reached which is not its own. No packet
//! waits for it: data names its loop in its index, and an answer from the office in its address.

use std::{
    collections::HashMap,
    sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard},
};

use gateway_api::{PublicKey, SessionNumber};
use gateway_core::OpenError;

/// The owners of all sessions.
#[derive(Debug)]
pub(crate) struct Shards(RwLock<Owners>);

#[derive(Debug)]
struct Owners {
    /// For each shard: the sessions it can hold, and those it holds.
    shares: Vec<Share>,
    sessions: HashMap<SessionNumber, Owned>,
    by_key: HashMap<[u8; 32], u8>,
    /// A worker's sessions are one shard's, which so lets one replace the other.
    by_worker: HashMap<Arc<str>, (u8, usize)>,
}

#[derive(Debug)]
struct Share {
    most: usize,
    held: usize,
}

#[derive(Debug)]
struct Owned {
    shard: u8,
    key: PublicKey,
    worker: Arc<str>,
}

impl Shards {
    /// One shard for each number of sessions that it can hold.
    pub(crate) fn new(shares: impl IntoIterator<Item = usize>) -> Self {
        Self(RwLock::new(Owners {
            shares: shares.into_iter().map(|most| Share { most, held: 0 }).collect(),
            sessions: HashMap::new(),
            by_key: HashMap::new(),
            by_worker: HashMap::new(),
        }))
    }

    /// Gives a session to a shard: its worker's, or else the one with the fewest.
    pub(crate) fn give(&self, number: SessionNumber, key: PublicKey, worker: &Arc<str>) -> Result<u8, OpenError> {
        let mut owners = self.write();
        if owners.sessions.contains_key(&number) || owners.by_key.contains_key(&key.0) {
            return Err(OpenError::Taken);
        }
        let shard = match owners.by_worker.get(worker) {
            Some((shard, _)) => *shard,
            None => owners.emptiest().ok_or(OpenError::NoAddress)?,
        };
        owners.add(number, Owned { shard, key, worker: Arc::clone(worker) });
        Ok(shard)
    }

    /// Gives a session of an earlier run to the shard that lends its address. False if its number or key is there already.
    pub(crate) fn place(&self, number: SessionNumber, key: PublicKey, worker: &Arc<str>, shard: u8) -> bool {
        let mut owners = self.write();
        let is_new = !owners.sessions.contains_key(&number) && !owners.by_key.contains_key(&key.0);
        if is_new {
            owners.add(number, Owned { shard, key, worker: Arc::clone(worker) });
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
    fn emptiest(&self) -> Option<u8> {
        let roomy = self.shares.iter().enumerate().filter(|(_, share)| share.held < share.most);
        roomy.min_by_key(|(_, share)| share.held).and_then(|(shard, _)| u8::try_from(shard).ok())
    }

    fn add(&mut self, number: SessionNumber, owned: Owned) {
        self.by_key.insert(owned.key.0, owned.shard);
        self.by_worker.entry(Arc::clone(&owned.worker)).or_insert((owned.shard, 0)).1 += 1;
        if let Some(share) = self.shares.get_mut(usize::from(owned.shard)) {
            share.held += 1;
        }
        self.sessions.insert(number, owned);
    }

    fn remove(&mut self, number: SessionNumber) {
        let Some(Owned { shard, key, worker }) = self.sessions.remove(&number) else { return };
        self.by_key.remove(&key.0);
        if let Some((_, sessions)) = self.by_worker.get_mut(&worker) {
            *sessions -= 1;
            if *sessions == 0 {
                self.by_worker.remove(&worker);
            }
        }
        if let Some(share) = self.shares.get_mut(usize::from(shard)) {
            share.held -= 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: fn(u8) -> PublicKey = |number| PublicKey([number; 32]);

    fn give(shards: &Shards, number: u8, worker: &str) -> Result<u8, OpenError> {
        shards.give(SessionNumber::new(number.into()), KEY(number), &worker.into())
    }

    #[test]
    fn sessions_are_spread_and_a_worker_stays_in_one_place() {
        let shards = Shards::new([2, 2]);
        assert_eq!(give(&shards, 1, "m.rossi"), Ok(0));
        assert_eq!(give(&shards, 2, "g.verdi"), Ok(1));
        assert_eq!(give(&shards, 3, "g.verdi"), Ok(1));
        assert_eq!(give(&shards, 4, "l.bianchi"), Ok(0));
        assert_eq!(give(&shards, 5, "a.neri"), Err(OpenError::NoAddress));
        assert_eq!(shards.owner(SessionNumber::new(3)), Some(1));
        assert_eq!(shards.owner_of_key(&KEY(2)), Some(1));
    }

    #[test]
    fn what_is_taken_back_is_free_again() {
        let shards = Shards::new([1]);
        assert_eq!(give(&shards, 1, "m.rossi"), Ok(0));
        assert_eq!(give(&shards, 1, "g.verdi"), Err(OpenError::Taken));
        shards.take_back(SessionNumber::new(1));
        shards.take_back(SessionNumber::new(1));
        assert_eq!(shards.owner(SessionNumber::new(1)), None);
        assert_eq!(shards.owner_of_key(&KEY(1)), None);
        assert_eq!(give(&shards, 1, "g.verdi"), Ok(0));
    }
}
