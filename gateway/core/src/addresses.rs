//! Lends tunnel addresses: each to one session at a time, the one longest returned first, so that a packet still under
//! way for a session that ended meets nobody.
//!
//! A pool of each family; a session gets one address, of its workstation's family, for there is nothing else that it may
//! speak to. Of a pool the gateway's own address is the first host, and those behind it are lent; of an IPv6 network, which
//! has more than anybody can use, only the first 65,536.

use std::{
    collections::VecDeque,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    ops::Range,
};

use ipnet::{Ipv4Net, Ipv6Net};

use crate::{Family, Shard};

/// The largest IPv4 pool, as a prefix length: 65,536 addresses.
pub const LARGEST_POOL: u8 = 16;
/// The smallest IPv4 pool: five sessions.
pub const SMALLEST_POOL: u8 = 29;
/// The largest IPv6 pool, as a prefix length: what a site has.
pub const LARGEST_POOL_V6: u8 = 48;
/// The smallest IPv6 pool: six sessions.
pub const SMALLEST_POOL_V6: u8 = 125;
/// What is lent of a larger IPv6 pool: its first addresses, as many as this prefix length has.
const LENT_V6: u8 = 112;
/// The gateway's own address, counted likewise. IPv4's first names the network, IPv6's all its routers (RFC 4291, section 2.6.1).
const OWN: u32 = 1;

/// The networks that tunnel addresses are lent from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pools {
    /// From /16 to /29.
    pub v4: Ipv4Net,
    /// From /48 to /125; none where no workstation is reached by IPv6.
    pub v6: Option<Ipv6Net>,
}

impl From<Ipv4Net> for Pools {
    fn from(v4: Ipv4Net) -> Self {
        Self { v4, v6: None }
    }
}

impl Pools {
    /// The families that there are addresses of.
    pub fn families(&self) -> impl Iterator<Item = Family> + use<> {
        [Some(Family::V4), self.v6.map(|_| Family::V6)].into_iter().flatten()
    }

    /// The gateway's own address of a family.
    pub fn own_address(&self, family: Family) -> Option<IpAddr> {
        self.address(family, OWN)
    }

    /// Whether an address lies in one of the networks, lent or not.
    pub fn contains(&self, address: IpAddr) -> bool {
        match address {
            IpAddr::V4(address) => self.v4.contains(&address),
            IpAddr::V6(address) => self.v6.is_some_and(|pool| pool.contains(&address)),
        }
    }

    /// Whether an address is one that sessions are lent.
    pub fn lends(&self, address: IpAddr) -> bool {
        self.place(address).is_some_and(|place| self.lendable(Family::of(address)).contains(&place))
    }

    /// Which of so many shards an address belongs to; none for a stranger. Neighbouring addresses belong to different ones,
    /// so that the shares differ by one at most.
    pub fn owner(&self, shards: u8, address: IpAddr) -> Option<u8> {
        Some(owner(self.place(address)?, shards))
    }

    /// How many sessions of a family each of so many shards can hold at once, as far as addresses go.
    pub fn shares(&self, family: Family, shards: u8) -> Vec<usize> {
        let mut shares = vec![0; usize::from(shards.max(1))];
        for place in self.lendable(family) {
            if let Some(share) = shares.get_mut(usize::from(owner(place, shards))) {
                *share += 1;
            }
        }
        shares
    }

    /// The place of an address in its pool, counted from the first; none for a stranger.
    fn place(&self, address: IpAddr) -> Option<u32> {
        let place = match address {
            IpAddr::V4(address) => address.to_bits().checked_sub(self.v4.network().to_bits()),
            IpAddr::V6(address) => u32::try_from(address.to_bits().checked_sub(self.v6?.network().to_bits())?).ok(),
        };
        place.filter(|place| *place < self.size(Family::of(address)))
    }

    /// The address at a place.
    fn address(&self, family: Family, place: u32) -> Option<IpAddr> {
        Some(match family {
            Family::V4 => Ipv4Addr::from_bits(self.v4.network().to_bits() | place).into(),
            Family::V6 => Ipv6Addr::from_bits(self.v6?.network().to_bits() | u128::from(place)).into(),
        })
    }

    /// How many places a pool has.
    fn size(&self, family: Family) -> u32 {
        match family {
            Family::V4 => 1 << (32 - self.v4.prefix_len().clamp(LARGEST_POOL, 32)),
            Family::V6 => self.v6.map_or(0, |pool| 1 << (128 - pool.prefix_len().clamp(LENT_V6, 128))),
        }
    }

    /// The places that are lent: all hosts' but the gateway's own. IPv4's last is for all of them.
    fn lendable(&self, family: Family) -> Range<u32> {
        let size = self.size(family);
        match family {
            Family::V4 => OWN + 1..size.saturating_sub(1),
            Family::V6 => OWN + 1..size,
        }
    }
}

/// Which shard a place belongs to.
fn owner(place: u32, shards: u8) -> u8 {
    u8::try_from(place % u32::from(shards.max(1))).unwrap_or_default()
}

/// The share of the pools that belongs to one shard.
#[derive(Debug)]
pub(crate) struct Addresses {
    pools: Pools,
    shard: Shard,
    free_v4: VecDeque<u32>,
    free_v6: VecDeque<u32>,
}

impl Addresses {
    /// INVARIANT: each address is one shard's alone, so that none is lent twice though no shard asks another, and whoever
    /// reads a packet knows whose it is.
    pub(crate) fn new(pools: Pools, shard: Shard) -> Self {
        let free = |family| pools.lendable(family).filter(|place| owner(*place, shard.all) == shard.own).collect();
        Self { pools, shard, free_v4: free(Family::V4), free_v6: free(Family::V6) }
    }

    /// Whether there are addresses of a family at all, lent or not.
    pub(crate) fn has(&self, family: Family) -> bool {
        self.pools.families().any(|there| there == family)
    }

    /// Which shard's an address of the pools is; none for a stranger.
    pub(crate) fn owner(&self, address: IpAddr) -> Option<u8> {
        self.pools.owner(self.shard.all, address)
    }

    pub(crate) fn lend(&mut self, family: Family) -> Option<IpAddr> {
        let place = self.free(family).pop_front()?;
        self.pools.address(family, place)
    }

    /// Lends this very address. False if it is lent, or a stranger.
    pub(crate) fn take(&mut self, address: IpAddr) -> bool {
        let Some(place) = self.pools.place(address) else { return false };
        let free = self.free(Family::of(address));
        // Nothing has been given back yet when sessions of an earlier run take theirs: the order is still the pool's.
        let sorted = free.binary_search(&place).ok();
        let found = sorted.or_else(|| free.iter().position(|free| *free == place));
        found.and_then(|at| free.remove(at)).is_some()
    }

    pub(crate) fn give_back(&mut self, address: IpAddr) {
        if let Some(place) = self.pools.place(address) {
            self.free(Family::of(address)).push_back(place);
        }
    }

    /// The place of an address among those of both pools; none for a stranger.
    #[inline]
    pub(crate) fn place(&self, address: IpAddr) -> Option<usize> {
        let place = self.pools.place(address)?;
        let before = if address.is_ipv4() { 0 } else { self.pools.size(Family::V4) };
        usize::try_from(before + place).ok()
    }

    /// How many places the pools have.
    pub(crate) fn places(&self) -> usize {
        let places = self.pools.size(Family::V4) + self.pools.size(Family::V6);
        usize::try_from(places).unwrap_or(usize::MAX)
    }

    fn free(&mut self, family: Family) -> &mut VecDeque<u32> {
        match family {
            Family::V4 => &mut self.free_v4,
            Family::V6 => &mut self.free_v6,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pools(v4: &str, v6: Option<&str>) -> Pools {
        Pools { v4: v4.parse().unwrap(), v6: v6.map(|pool| pool.parse().unwrap()) }
    }

    #[test]
    fn shards_share_the_pools_without_rest_and_without_overlap() {
        for (v4, v6, all) in [
            ("100.96.0.0/29", None, 1u8),
            ("100.96.0.0/29", Some("fd64::/125"), 3),
            ("100.96.0.0/24", Some("fd64::/64"), 2),
            ("10.0.0.0/20", Some("fd64::ab00:0/116"), 16),
        ] {
            let pools = pools(v4, v6);
            for family in pools.families() {
                let mut lent = Vec::new();
                for own in 0..all {
                    let mut addresses = Addresses::new(pools, Shard { own, all });
                    let before = lent.len();
                    while let Some(address) = addresses.lend(family) {
                        assert_eq!(addresses.owner(address), Some(own));
                        assert!(pools.lends(address) && Some(address) != pools.own_address(family));
                        lent.push(address);
                    }
                    assert_eq!(lent.len() - before, pools.shares(family, all)[usize::from(own)]);
                }
                lent.sort();
                let hosts: Vec<IpAddr> = match family {
                    Family::V4 => pools.v4.hosts().skip(1).map(IpAddr::from).collect(),
                    Family::V6 => pools.v6.unwrap().hosts().take(1 << 16).skip(2).map(IpAddr::from).collect(),
                };
                assert_eq!(lent, hosts);
            }
        }
    }

    #[test]
    fn an_address_outside_the_pools_is_nobodys() {
        let pools = pools("100.96.0.0/24", Some("fd64::/64"));
        let addresses = Addresses::new(pools, Shard { own: 0, all: 4 });
        for stranger in ["100.96.1.1", "100.95.255.255", "fd64:0:0:1::2", "fd64::1:0", "fd63::2", "::1"] {
            let stranger = stranger.parse().unwrap();
            assert_eq!((addresses.owner(stranger), addresses.place(stranger)), (None, None), "{stranger}");
        }
        for own in ["100.96.0.1", "fd64::1", "100.96.0.255", "fd64::"] {
            assert!(!pools.lends(own.parse().unwrap()), "{own}");
        }
    }

    #[test]
    fn no_two_addresses_have_one_place() {
        let addresses = Addresses::new(pools("100.96.0.0/24", Some("fd64::/112")), Shard { own: 0, all: 1 });
        let places = ["100.96.0.2", "100.96.0.255", "fd64::", "fd64::2", "fd64::ffff"];
        let places = places.map(|address| addresses.place(address.parse().unwrap()).unwrap());
        assert_eq!(places, [2, 255, 256, 258, 65_791]);
        assert_eq!(addresses.places(), 65_792);
    }

    #[test]
    fn what_is_given_back_is_lent_last() {
        let mut addresses = Addresses::new(pools("100.96.0.0/29", Some("fd64::/125")), Shard { own: 0, all: 1 });
        for (family, first) in [(Family::V4, "100.96.0.2"), (Family::V6, "fd64::2")] {
            let first: IpAddr = first.parse().unwrap();
            assert_eq!(addresses.lend(family), Some(first));
            assert!(!addresses.take(first));
            addresses.give_back(first);
            let rest: Vec<_> = std::iter::from_fn(|| addresses.lend(family)).collect();
            assert_eq!(rest.last(), Some(&first));
            addresses.give_back(first);
            assert!(addresses.take(first));
        }
    }
}
