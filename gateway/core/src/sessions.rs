//! All sessions and their indexes, changed nowhere else and so never at odds.
//!
//! INVARIANT: a session stands in its slot, under its number, its address, its key and its worker, or nowhere. Of one
//! worker there is at most one pending and one admitted session.

use std::{
    collections::{BTreeMap, VecDeque},
    net::IpAddr,
    sync::Arc,
    time::Instant,
};

use gateway_api::{PublicKey, SessionNumber};

use crate::{
    Family,
    addresses::Addresses,
    session::Session,
    timer::{Agenda, Timer},
};

/// A session's place. The peer index on the wire is made of it.
pub(crate) type Slot = usize;

/// The most sessions a loop holds: 16 bits of the 24 that a peer index has; the other eight name the loop.
pub(crate) const MOST_SESSIONS: usize = 1 << 16;

#[derive(Debug)]
pub(crate) struct Sessions {
    slots: Vec<Option<Box<Session>>>,
    /// Slots given back, the one longest empty first: a datagram still under way for a session that ended must not
    /// meet the next one.
    empty: VecDeque<Slot>,
    by_number: BTreeMap<SessionNumber, Slot>,
    by_key: BTreeMap<[u8; 32], Slot>,
    by_worker: BTreeMap<Arc<str>, Vec<Slot>>,
    /// By place in the pools; an address that nobody holds leads nowhere.
    by_address: Vec<Option<u32>>,
    addresses: Addresses,
    agenda: Agenda,
}

impl Sessions {
    pub(crate) fn new(addresses: Addresses) -> Self {
        Self {
            slots: Vec::new(),
            empty: VecDeque::new(),
            by_number: BTreeMap::new(),
            by_key: BTreeMap::new(),
            by_worker: BTreeMap::new(),
            by_address: vec![None; addresses.places()],
            addresses,
            agenda: Agenda::default(),
        }
    }

    pub(crate) fn get(&self, slot: Slot) -> Option<&Session> {
        self.slots.get(slot)?.as_deref()
    }

    pub(crate) fn get_mut(&mut self, slot: Slot) -> Option<&mut Session> {
        self.slots.get_mut(slot)?.as_deref_mut()
    }

    pub(crate) fn by_number(&self, number: SessionNumber) -> Option<Slot> {
        self.by_number.get(&number).copied()
    }

    pub(crate) fn by_key(&self, key: &PublicKey) -> Option<Slot> {
        self.by_key.get(&key.0).copied()
    }

    pub(crate) fn by_address(&self, address: IpAddr) -> Option<Slot> {
        let place = self.addresses.place(address)?;
        self.by_address.get(place).copied().flatten().map(|slot| slot as usize)
    }

    /// Which shard's an address is; none for one that is lent to nobody ever.
    pub(crate) fn owner(&self, address: IpAddr) -> Option<u8> {
        self.addresses.owner(address)
    }

    /// The slots of a worker's sessions: at most one pending, one admitted.
    pub(crate) fn by_worker(&self, worker: &str) -> &[Slot] {
        self.by_worker.get(worker).map(Vec::as_slice).unwrap_or_default()
    }

    /// By number.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &Session> {
        self.by_number.values().filter_map(|slot| self.get(*slot))
    }

    /// Every session, where neither deadlines nor indexes change.
    pub(crate) fn iter_mut(&mut self) -> impl Iterator<Item = &mut Session> {
        self.slots.iter_mut().filter_map(Option::as_deref_mut)
    }

    /// Every session's slot.
    pub(crate) fn slots(&self) -> Vec<Slot> {
        self.by_number.values().copied().collect()
    }

    /// Whether a session of this number or key is there.
    pub(crate) fn has(&self, number: SessionNumber, key: &PublicKey) -> bool {
        self.by_number.contains_key(&number) || self.by_key.contains_key(&key.0)
    }

    /// Whether there are tunnel addresses of a family, lent or not.
    pub(crate) fn has_addresses(&self, family: Family) -> bool {
        self.addresses.has(family)
    }

    /// Lends an address of a family and lets `make` build the session that holds it.
    pub(crate) fn insert(&mut self, family: Family, make: impl FnOnce(IpAddr) -> Session) -> Option<Slot> {
        if self.is_full() {
            return None;
        }
        let address = self.addresses.lend(family)?;
        Some(self.place(address, |_| make(address)))
    }

    /// Lends this very address and lets `make`, which is told the slot, build the session that holds it.
    pub(crate) fn restore(&mut self, address: IpAddr, make: impl FnOnce(Slot) -> Session) -> Option<Slot> {
        (!self.is_full() && self.addresses.take(address)).then(|| self.place(address, make))
    }

    fn is_full(&self) -> bool {
        self.empty.is_empty() && self.slots.len() >= MOST_SESSIONS
    }

    fn place(&mut self, address: IpAddr, make: impl FnOnce(Slot) -> Session) -> Slot {
        let slot = self.empty.pop_front().unwrap_or_else(|| {
            self.slots.push(None);
            self.slots.len() - 1
        });
        let session = make(slot);
        self.by_number.insert(session.number, slot);
        self.by_key.insert(session.public_key.0, slot);
        self.by_worker.entry(Arc::clone(&session.worker)).or_default().push(slot);
        if let Some(place) = self.addresses.place(address).and_then(|place| self.by_address.get_mut(place)) {
            *place = u32::try_from(slot).ok();
        }
        self.agenda.move_to(slot, None, session.deadlines.next());
        if let Some(place) = self.slots.get_mut(slot) {
            *place = Some(Box::new(session));
        }
        slot
    }

    pub(crate) fn remove(&mut self, slot: Slot) -> Option<Box<Session>> {
        let session = self.slots.get_mut(slot)?.take()?;
        self.agenda.move_to(slot, session.deadlines.next(), None);
        self.by_number.remove(&session.number);
        self.by_key.remove(&session.public_key.0);
        if let Some(slots) = self.by_worker.get_mut(&session.worker) {
            slots.retain(|other| *other != slot);
            if slots.is_empty() {
                self.by_worker.remove(&session.worker);
            }
        }
        if let Some(place) = self.addresses.place(session.address).and_then(|place| self.by_address.get_mut(place)) {
            *place = None;
        }
        self.addresses.give_back(session.address);
        self.empty.push_back(slot);
        Some(session)
    }

    /// Lets `change` work on a session and its deadlines, and keeps the agenda in step. The packet path, which never
    /// moves a deadline forward, uses [`Self::get_mut`].
    pub(crate) fn change<T>(&mut self, slot: Slot, change: impl FnOnce(&mut Session) -> T) -> Option<T> {
        let session = self.slots.get_mut(slot)?.as_deref_mut()?;
        let before = session.deadlines.next();
        let outcome = change(session);
        self.agenda.move_to(slot, before, session.deadlines.next());
        Some(outcome)
    }

    pub(crate) fn next_deadline(&self) -> Option<(Instant, Timer)> {
        self.agenda.next()
    }

    pub(crate) fn due(&self, now: Instant) -> Option<Slot> {
        self.agenda.due(now)
    }
}
