//! Lends tunnel addresses: each to one session at a time, the one longest returned first, so that a packet still under
//! way for a session that ended meets nobody.

use std::{collections::VecDeque, net::Ipv4Addr};

use ipnet::Ipv4Net;

/// A pool of tunnel addresses.
#[derive(Debug)]
pub(crate) struct Addresses {
    pool: Ipv4Net,
    free: VecDeque<Ipv4Addr>,
}

/// The largest pool, as a prefix length: 65,536 addresses.
pub const LARGEST_POOL: u8 = 16;
/// The smallest pool: six sessions.
pub const SMALLEST_POOL: u8 = 29;

impl Addresses {
    /// All host addresses of `pool` but the first, which is the gateway's own.
    pub(crate) fn new(pool: Ipv4Net) -> Self {
        Self { pool, free: pool.hosts().skip(1).collect() }
    }

    /// The gateway's own address in a pool.
    pub(crate) fn gateway(pool: Ipv4Net) -> Option<Ipv4Addr> {
        pool.hosts().next()
    }

    pub(crate) fn lend(&mut self) -> Option<Ipv4Addr> {
        self.free.pop_front()
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
