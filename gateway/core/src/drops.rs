//! Why a packet went no further: the closed list, and how often each happened.

/// Why a packet was dropped. Every packet that arrives is counted once: passed, or dropped with one of these.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Drop {
    /// A header is short, a length lies, or an IPv4 header's checksum does not hold.
    Malformed,
    /// From home, of the other version of IP than the session's address.
    OtherFamily,
    /// An IPv4 header with options, or an IPv6 one with extension headers.
    IpOptions,
    /// A fragment, first or later.
    Fragment,
    /// Neither TCP nor UDP: ICMP, for one, but what of it may pass.
    OtherProtocol,
    /// From home, and not from the session's own address.
    SpoofedSource,
    /// From home, to another address than the granted workstation's.
    OtherHost,
    /// From home, to a port of the workstation that was not granted.
    OtherPort,
    /// From home, TCP that belongs to no open flow and opens none.
    NoFlow,
    /// From home, one flow more than a session may have.
    TooManyFlows,
    /// From the office, to an address that no session holds.
    NoSession,
    /// From the office, and no answer to a flow that the worker opened.
    NotAnAnswer,
    /// From the office, while the client has no keys.
    NotConnected,
    /// From the office, larger than the tunnel carries.
    TooBig,
    /// More waits to be sent than may wait.
    Backlog,
    /// A datagram that is no WireGuard message.
    NotWireguard,
    /// A datagram for no session, or from a key that no session has.
    UnknownPeer,
    /// A handshake that does not hold: wrong key, wrong checksum, or seen before.
    BadHandshake,
    /// Data that does not authenticate, or that was seen before.
    BadData,
    /// By a session's channel, a datagram that is not that session's.
    OtherSession,
    /// More handshakes than anybody needs: by a session's channel; or from an address whose cookies are right, while there
    /// are too many in all.
    TooManyHandshakes,
}

impl Drop {
    /// Every reason, in the order of declaration.
    pub const ALL: [Self; 21] = [
        Self::Malformed,
        Self::OtherFamily,
        Self::IpOptions,
        Self::Fragment,
        Self::OtherProtocol,
        Self::SpoofedSource,
        Self::OtherHost,
        Self::OtherPort,
        Self::NoFlow,
        Self::TooManyFlows,
        Self::NoSession,
        Self::NotAnAnswer,
        Self::NotConnected,
        Self::TooBig,
        Self::Backlog,
        Self::NotWireguard,
        Self::UnknownPeer,
        Self::BadHandshake,
        Self::BadData,
        Self::OtherSession,
        Self::TooManyHandshakes,
    ];

    /// The word in counters, log and manual.
    pub fn word(self) -> &'static str {
        match self {
            Self::Malformed => "malformed",
            Self::OtherFamily => "other_family",
            Self::IpOptions => "ip_options",
            Self::Fragment => "fragment",
            Self::OtherProtocol => "other_protocol",
            Self::SpoofedSource => "spoofed_source",
            Self::OtherHost => "other_host",
            Self::OtherPort => "other_port",
            Self::NoFlow => "no_flow",
            Self::TooManyFlows => "too_many_flows",
            Self::NoSession => "no_session",
            Self::NotAnAnswer => "not_an_answer",
            Self::NotConnected => "not_connected",
            Self::TooBig => "too_big",
            Self::Backlog => "backlog",
            Self::NotWireguard => "not_wireguard",
            Self::UnknownPeer => "unknown_peer",
            Self::BadHandshake => "bad_handshake",
            Self::BadData => "bad_data",
            Self::OtherSession => "other_session",
            Self::TooManyHandshakes => "too_many_handshakes",
        }
    }
}

/// How many packets were dropped, by reason.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Drops([u64; Drop::ALL.len()]);

impl Drops {
    /// Counts `packets` dropped for `reason`.
    pub fn count(&mut self, reason: Drop, packets: u64) {
        if let Some(count) = self.0.get_mut(reason as usize) {
            *count += packets;
        }
    }

    /// How many were dropped for `reason`.
    pub fn of(&self, reason: Drop) -> u64 {
        self.0.get(reason as usize).copied().unwrap_or_default()
    }

    /// The reasons that occurred, with their counts, in the order of [`Drop::ALL`].
    pub fn iter(&self) -> impl Iterator<Item = (Drop, u64)> + '_ {
        Drop::ALL.into_iter().zip(self.0).filter(|(_, count)| *count > 0)
    }

    fn add(&mut self, other: &Self) {
        for (count, more) in self.0.iter_mut().zip(other.0) {
            *count += more;
        }
    }

    /// All drops together.
    pub fn total(&self) -> u64 {
        self.0.iter().sum()
    }
}

/// What the idle rule saw in the whole office. INVARIANT: kept of no session and of no person, for what a person does is not
/// measured; these say whether the rule can be trusted here.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct IdleTotals {
    /// Times that the rule would have ended a session where it is only on trial (`dry_run`).
    pub would_have_ended: u64,
    /// Sessions in which marks came at a machine's fixed beat.
    pub jigglers: u64,
}

impl std::ops::AddAssign for IdleTotals {
    fn add_assign(&mut self, other: Self) {
        self.would_have_ended += other.would_have_ended;
        self.jigglers += other.jigglers;
    }
}

/// What the gateway as a whole has seen since it started.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Counters {
    /// Datagrams from the Internet.
    pub datagrams: u64,
    /// Packets from the office, each piece of a super-packet.
    pub packets: u64,
    /// Handshakes answered.
    pub handshakes: u64,
    /// Handshakes answered with a cookie because of their number.
    pub cookies: u64,
    /// Handshakes and packets that came to one loop and belong to another, and were handed over.
    pub handed_over: u64,
    /// Keepalives and other authenticated datagrams that carry no packet.
    pub empty: u64,
    /// What the idle rule saw, of sessions past and present.
    pub idle: IdleTotals,
    /// Packets passed to workstations and to workers, and their bytes, of sessions past and present.
    pub traffic: crate::Traffic,
    /// Packets and datagrams dropped, of sessions past and present.
    pub drops: Drops,
    /// Packets and datagrams passed for which the kernel had no room, or no way.
    pub unsent: u64,
}

impl Counters {
    /// Counts together with what another loop has seen.
    pub fn add(&mut self, other: &Self) {
        self.datagrams += other.datagrams;
        self.packets += other.packets;
        self.handshakes += other.handshakes;
        self.cookies += other.cookies;
        self.handed_over += other.handed_over;
        self.empty += other.empty;
        self.idle += other.idle;
        self.traffic.add(&other.traffic);
        self.drops.add(&other.drops);
        self.unsent += other.unsent;
    }

    /// Datagrams and packets whose turn has come: what still waits is not among them.
    pub fn arrived(&self) -> u64 {
        self.datagrams + self.packets
    }

    /// What became of those, each counted once. INVARIANT: equals [`Self::arrived`], over all loops together, whenever no
    /// loop is at work and nothing is being handed over.
    pub fn settled(&self) -> u64 {
        let answered = self.handshakes + self.cookies + self.empty;
        answered + self.traffic.packets_to_office + self.traffic.packets_to_home + self.drops.total()
    }

    /// The reasons that occurred, with their counts.
    pub fn reasons(&self) -> impl Iterator<Item = (Drop, u64)> + '_ {
        self.drops.iter()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_reason_has_its_own_place_and_word() {
        for (place, reason) in Drop::ALL.into_iter().enumerate() {
            assert_eq!(reason as usize, place);
            assert_eq!(Drop::ALL.iter().filter(|other| other.word() == reason.word()).count(), 1);
        }
    }
}
