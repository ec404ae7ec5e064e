//! Lends tunnel addresses: each to one session at a time, the one longest returned first, so that a packet still under
//! way for a session that ended meets nobody.

use std::{collections::VecDeque, net::Ipv4Addr};

use ipnet::Ipv4Net;

use crate::Shard;

/// A pool of tunnel addresses.
#[derive(Debug)]
pub(crate) struct Addresses {
    pool: Ipv4Net,
    shard: Shard,
    free: VecDeque<Ipv4Addr>,
}

/// The largest pool, as a prefix length: 65,536 addresses.
pub const LARGEST_POOL: u8 = 16;
/// The smallest pool: six sessions.
pub const SMALLEST_POOL: u8 = 29;

impl Addresses {
    /// The share of a pool that belongs to one shard. INVARIANT: each address is one shard's alone, so that none is lent
    /// twice though no shard asks another, and whoever reads a packet knows whose it is.
    pub(crate) fn new(pool: Ipv4Net, shard: Shard) -> Self {
        Self {
            pool,
            shard,
            free: lendable(pool).filter(|address| owner(pool, shard.all, *address) == shard.own).collect(),
        }
    }

    /// Which shard's an address of the pool is; none for a stranger.
    pub(crate) fn owner(&self, address: Ipv4Addr) -> Option<u8> {
        self.pool.contains(&address).then(|| owner(self.pool, self.shard.all, address))
    }

    /// The gateway's own address in a pool.
    pub(crate) fn gateway(pool: Ipv4Net) -> Option<Ipv4Addr> {
        pool.hosts().next()
    }

    pub(crate) fn lend(&mut self) -> Option<Ipv4Addr> {
        self.free.pop_front()
    }

    /// Lends this very address. False if it is lent, or a stranger.
    pub(crate) fn take(&mut self, address: Ipv4Addr) -> bool {
        // Nothing has been given back yet when sessions of an earlier run take theirs: the order is still the pool's.
        let sorted = self.free.binary_search(&address).ok();
        let found = sorted.or_else(|| self.free.iter().position(|free| *free == address));
        found.and_then(|place| self.free.remove(place)).is_some()
    }

    pub(crate) fn give_back(&mut self, address: Ipv4Addr) {
        self.free.push_back(address);
    }

    /// The place of an address in the pool, counted from its first; none for a stranger.
    pub(crate) fn place(&self, address: Ipv4Addr) -> Option<usize> {
        if !self.pool.contains(&address) {
            return None;
        }
        usize::try_from(address.to_bits() - self.pool.network().to_bits()).ok()
    }

    /// How many places the pool has.
    pub(crate) fn places(&self) -> usize {
        1 << (32 - self.pool.prefix_len().min(31))
    }
}

/// All host addresses but the first, which is the gateway's own.
fn lendable(pool: Ipv4Net) -> impl Iterator<Item = Ipv4Addr> {
    pool.hosts().skip(1)
}

/// Which of so many shards an address of the pool belongs to. Neighbouring addresses belong to different ones, so that the
/// shares differ by one at most.
pub fn owner(pool: Ipv4Net, shards: u8, address: Ipv4Addr) -> u8 {
    let place = address.to_bits().wrapping_sub(pool.network().to_bits());
    u8::try_from(place % u32::from(shards.max(1))).unwrap_or_default()
}

/// How many sessions each of so many shards can hold at once, as far as addresses go.
pub fn shares(pool: Ipv4Net, shards: u8) -> Vec<usize> {
    let mut shares = vec![0; usize::from(shards.max(1))];
    for address in lendable(pool) {
        if let Some(share) = shares.get_mut(usize::from(owner(pool, shards, address))) {
            *share += 1;
        }
    }
    shares
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shards_share_a_pool_without_rest_and_without_overlap() {
        for (pool, all) in [("100.96.0.0/29", 1u8), ("100.96.0.0/29", 3), ("100.96.0.0/24", 2), ("10.0.0.0/20", 16)] {
            let pool: Ipv4Net = pool.parse().unwrap();
            let mut lent = Vec::new();
            for own in 0..all {
                let mut addresses = Addresses::new(pool, Shard { own, all });
                let before = lent.len();
                while let Some(address) = addresses.lend() {
                    assert_eq!(addresses.owner(address), Some(own));
                    lent.push(address);
                }
                assert_eq!(lent.len() - before, shares(pool, all)[usize::from(own)]);
            }
            lent.sort();
            assert_eq!(lent, pool.hosts().skip(1).collect::<Vec<_>>());
        }
    }

    #[test]
    fn an_address_outside_the_pool_is_nobodys() {
        let addresses = Addresses::new("100.96.0.0/24".parse().unwrap(), Shard { own: 0, all: 4 });
        assert_eq!(addresses.owner("100.96.1.1".parse().unwrap()), None);
    }
}
