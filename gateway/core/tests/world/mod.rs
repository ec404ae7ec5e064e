//! A gateway in memory, with clients that speak real WireGuard (boringtun on both ends) and a hand-moved clock.

#![allow(dead_code, unused_imports, reason = "each test binary uses its part")]

pub(crate) mod judge;
pub(crate) mod kernel;
pub(crate) mod packets;

use std::{
    collections::BTreeMap,
    net::{IpAddr, Ipv4Addr, SocketAddr},
    sync::Arc,
    time::{Duration, Instant},
};

pub(crate) use self::packets::{Draw, Flags, WORKSTATION, WORKSTATION_V6, number, tcp, udp, workstation_of};
use boringtun::{
    noise::{Tunn, TunnResult},
    x25519::{PublicKey as Key, StaticSecret},
};
use gateway_api::{
    CloseReason, PresharedKey, PublicKey, SessionNumber,
    probe::{self, Nonce},
};
use gateway_core::{
    Event, Family, Gateway, INITIATION_SIZE, Identity, NotRestored, Now, Open, OpenError, Opened, Phase, Pools,
    Restore, Setup, Shard, Standing, VIRTIO_HEADER, Way,
};
use jiff::Timestamp;
use policy::{Address, End, Grant, IdleRule, SecondFactor, SecondLogin, Service};

pub(crate) const MTU: u16 = 1312;
pub(crate) const GATEWAY_SECRET: [u8; 32] = [7; 32];
pub(crate) const PRESHARED: [u8; 32] = [9; 32];

/// The gateway, and the time that the test moves.
pub(crate) struct World {
    pub(crate) gateway: Gateway,
    pub(crate) now: Now,
    pub(crate) events: Vec<Event>,
    /// What is kept of sessions, as a daemon would: their last initiations, and where they stand.
    pub(crate) initiations: BTreeMap<SessionNumber, Box<[u8; INITIATION_SIZE]>>,
    pub(crate) standings: BTreeMap<SessionNumber, Standing>,
    opened: BTreeMap<SessionNumber, Kept>,
    identity: Identity,
    shard: Shard,
    pools: Pools,
    /// Of the sessions that are opened next.
    pub(crate) workstation: IpAddr,
    handshakes_per_second: u32,
    /// How many nonces were brought.
    nonces: u32,
    /// Packets for the TUN, virtio header first.
    pub(crate) office: Vec<Vec<u8>>,
    /// Datagrams for clients, one each.
    pub(crate) home: Vec<(Way, Vec<u8>)>,
}

/// What a daemon keeps of a session from its opening on.
struct Kept {
    worker: Arc<str>,
    grant: Grant,
    workstation: IpAddr,
    public_key: PublicKey,
    address: IpAddr,
    opened_at: Timestamp,
}

impl Kept {
    fn open(&self, number: SessionNumber) -> Open {
        Open {
            number,
            worker: Arc::clone(&self.worker),
            grant: self.grant.clone(),
            workstation: self.workstation,
            public_key: self.public_key,
            preshared_key: PresharedKey::new(PRESHARED),
        }
    }
}

fn gateway(identity: &Identity, pools: Pools, shard: Shard, handshakes_per_second: u32) -> Gateway {
    Gateway::new(Setup {
        identity: identity.clone(),
        pools,
        mtu: MTU,
        handshakes_per_second,
        shard,
        cuts_datagrams: true,
    })
}

/// Tunnel addresses of both families.
pub(crate) fn pools() -> Pools {
    Pools { v4: "100.96.0.0/24".parse().unwrap(), v6: Some("fd64::/64".parse().unwrap()) }
}

impl World {
    pub(crate) fn new() -> Self {
        Self::answering(1000)
    }

    /// A world whose sessions are those of workstations of this family.
    pub(crate) fn of(family: Family) -> Self {
        let mut world = Self::new();
        world.workstation = match family {
            Family::V4 => WORKSTATION.into(),
            Family::V6 => WORKSTATION_V6.into(),
        };
        world
    }

    /// A world whose gateway lets so many handshakes in each second before it asks for cookies.
    pub(crate) fn answering(handshakes_per_second: u32) -> Self {
        Self::sharded(1, handshakes_per_second).remove(0)
    }

    /// Why sessions ended so far, in order.
    pub(crate) fn closed(&self) -> Vec<CloseReason> {
        let reason = |event: &Event| match event {
            Event::Closed { reason, .. } => Some(*reason),
            Event::Warning { .. }
            | Event::WarningLifted { .. }
            | Event::Handshaken { .. }
            | Event::Traced { .. }
            | Event::Moved { .. } => None,
        };
        self.events.iter().filter_map(reason).collect()
    }

    /// A world with as many tunnel addresses as `pool` holds, and none of IPv6.
    pub(crate) fn lending(pool: &str, handshakes_per_second: u32) -> Self {
        Self::made(Pools { v4: pool.parse().unwrap(), v6: None }, 1, handshakes_per_second).remove(0)
    }

    /// The loops of one gateway, each a world of its own; the test hands over what they want handed over.
    pub(crate) fn sharded(loops: u8, handshakes_per_second: u32) -> Vec<Self> {
        Self::made(pools(), loops, handshakes_per_second)
    }

    fn made(pools: Pools, loops: u8, handshakes_per_second: u32) -> Vec<Self> {
        let identity = Identity::new(GATEWAY_SECRET);
        let now = Now { instant: Instant::now(), wall: "2026-03-05T08:00:00Z".parse().unwrap() };
        let shard = |own| {
            let shard = Shard { own, all: loops };
            Self {
                gateway: gateway(&identity, pools, shard, handshakes_per_second),
                now,
                events: Vec::new(),
                initiations: BTreeMap::new(),
                standings: BTreeMap::new(),
                opened: BTreeMap::new(),
                identity: identity.clone(),
                shard,
                pools,
                workstation: WORKSTATION.into(),
                handshakes_per_second,
                nonces: 0,
                office: Vec::new(),
                home: Vec::new(),
            }
        };
        let mut worlds: Vec<_> = (0..loops).map(shard).collect();
        worlds.iter_mut().for_each(Self::bring_nonces);
        worlds
    }

    /// Lets time pass, deadline by deadline, up to `span` later.
    pub(crate) fn pass(&mut self, span: Duration) {
        let end = self.now.instant + span;
        while let Some((at, _)) = self.gateway.poll_timeout().filter(|(at, _)| *at <= end) {
            self.step_to(at.max(self.now.instant));
            self.gateway.handle_timeout(self.now);
            self.drain();
        }
        self.step_to(end);
        self.gateway.handle_timeout(self.now);
        self.drain();
    }

    /// Moves both clocks, and tells nobody.
    pub(crate) fn step_to(&mut self, at: Instant) {
        self.now.wall += at - self.now.instant;
        self.now.instant = at;
    }

    /// Takes out everything the core wants done.
    pub(crate) fn drain(&mut self) {
        self.bring_nonces();
        self.gateway.flush_office();
        while let Some(packet) = self.gateway.poll_office() {
            self.office.push(packet.to_vec());
        }
        while let Some(event) = self.gateway.poll_event() {
            match event {
                Event::Handshaken { number, initiation } => {
                    self.gateway.release_answer(number, &initiation);
                    self.initiations.insert(number, initiation);
                }
                Event::Moved { number, standing } => drop(self.standings.insert(number, *standing)),
                Event::Closed { .. } | Event::Warning { .. } | Event::WarningLifted { .. } | Event::Traced { .. } => {
                    self.events.push(event);
                }
            }
        }
        while let Some(transmit) = self.gateway.poll_transmit() {
            let to = transmit.to;
            self.home.extend(transmit.datagrams.chunks(transmit.segment).map(|datagram| (to, datagram.to_vec())));
        }
        // What a loop among others hands over is settled elsewhere.
        if self.shard.all == 1 {
            let counters = self.gateway.counters();
            assert_eq!(counters.arrived(), counters.settled(), "each is counted once: {counters:?}");
        }
    }

    /// Random numbers for probes, as the daemon brings them; here each is another one.
    fn bring_nonces(&mut self) {
        for _ in 0..self.gateway.wanted_nonces() {
            self.nonces += 1;
            self.gateway.add_nonces([Nonce(u128::from(self.nonces).to_be_bytes())]);
        }
    }

    pub(crate) fn open(&mut self, worker: &str, client: &Client, grant: Grant) -> Result<Opened, OpenError> {
        let mut kept = Kept {
            worker: worker.into(),
            grant,
            workstation: self.workstation,
            public_key: client.public_key(),
            address: Ipv4Addr::UNSPECIFIED.into(),
            opened_at: self.now.wall,
        };
        let opened = self.gateway.open_session(kept.open(client.number), self.now)?;
        kept.address = opened.address;
        self.opened.insert(client.number, kept);
        Ok(opened)
    }

    /// The gateway is gone, in order or not, and another one takes up the admitted sessions from what was kept of them.
    pub(crate) fn restart(&mut self, in_order: bool) -> Vec<(SessionNumber, NotRestored)> {
        if in_order {
            self.gateway.leave(self.now);
        }
        self.drain();
        let admitted: Vec<_> = self
            .gateway
            .sessions(self.now)
            .iter()
            .filter(|view| view.phase != Phase::Pending)
            .map(|v| v.number)
            .collect();
        self.gateway = gateway(&self.identity, self.pools, self.shard, self.handshakes_per_second);
        self.home.clear();
        self.office.clear();
        self.bring_nonces();
        self.restore(&admitted)
    }

    /// Puts a session under another grant, which is kept.
    pub(crate) fn change_grant(&mut self, number: SessionNumber, grant: Grant) -> bool {
        if let Some(kept) = self.opened.get_mut(&number) {
            kept.grant = grant.clone();
        }
        self.gateway.change_grant(number, grant, self.now)
    }

    /// Gives sessions of an earlier run to the gateway.
    pub(crate) fn restore(&mut self, numbers: &[SessionNumber]) -> Vec<(SessionNumber, NotRestored)> {
        let mut not_restored = Vec::new();
        for number in numbers {
            let kept = &self.opened[number];
            let restore = Restore {
                open: kept.open(*number),
                address: kept.address,
                opened_at: kept.opened_at,
                initiation: self.initiations.get(number).cloned(),
                standing: self.standings.get(number).cloned().unwrap_or_default(),
            };
            not_restored.extend(self.gateway.restore_session(restore, self.now).err().map(|why| (*number, why)));
        }
        not_restored
    }

    /// A session opened, admitted, its channel there, its handshake done.
    pub(crate) fn connect(&mut self, worker: &str, seed: u8) -> Client {
        self.connect_with(worker, seed, grant())
    }

    pub(crate) fn connect_with(&mut self, worker: &str, seed: u8, grant: Grant) -> Client {
        let mut client = Client::new(seed);
        let opened = self.open(worker, &client, grant).unwrap();
        client.hold(opened.address);
        assert!(self.gateway.admit_session(client.number, self.now));
        assert!(self.gateway.handle_channel(client.number, true, self.now));
        client.handshake(self);
        self.drain();
        client
    }

    /// A packet from the TUN that nothing is left to do for, taken and served.
    pub(crate) fn office_sends(&mut self, packet: &[u8]) {
        self.office_queues([0; VIRTIO_HEADER], packet);
        self.serve();
    }

    /// A packet from the TUN, taken and not yet served.
    pub(crate) fn office_queues(&mut self, header: [u8; VIRTIO_HEADER], packet: &[u8]) {
        let room = self.gateway.room_for_packet();
        room[..VIRTIO_HEADER].copy_from_slice(&header);
        room[VIRTIO_HEADER..][..packet.len()].copy_from_slice(packet);
        self.gateway.take_packet(VIRTIO_HEADER + packet.len());
    }

    /// A run of datagrams of `size` each but the last, received in one buffer, taken and not yet served.
    pub(crate) fn home_queues(&mut self, from: SocketAddr, datagrams: &[u8], size: usize) {
        let [room, ..] = self.gateway.room_for_datagrams();
        room[..datagrams.len()].copy_from_slice(datagrams);
        self.gateway.take_datagrams(0, from, datagrams.len(), size, self.now);
    }

    /// Serves until nothing waits; what finds no room to go is taken out in between.
    pub(crate) fn serve(&mut self) {
        self.gateway.serve(self.now);
        while self.gateway.is_waiting() {
            self.drain();
            self.gateway.serve(self.now);
        }
    }

    /// The packets for the TUN, super-packets left whole, headers off.
    pub(crate) fn take_office(&mut self) -> Vec<Vec<u8>> {
        self.drain();
        self.office.drain(..).map(|packet| packet[VIRTIO_HEADER..].to_vec()).collect()
    }

    /// The same after everything that waits was served.
    pub(crate) fn take_office_after_serving(&mut self) -> Vec<Vec<u8>> {
        self.serve();
        self.take_office()
    }

    /// How often `reason` was counted for the whole gateway.
    pub(crate) fn dropped(&self, reason: gateway_core::Drop) -> u64 {
        self.gateway.counters().drops.of(reason)
    }
}

const DAY: Duration = Duration::from_secs(24 * 3600);

/// Eight hours of RDP, ten minutes of idleness, half a minute of grace; whether the workstation answers ends nothing.
pub(crate) fn grant() -> Grant {
    let opened: Timestamp = "2026-03-05T08:00:00Z".parse().unwrap();
    Grant {
        workstation: "anagrafe-07".into(),
        address: Address::Ip(WORKSTATION.into()),
        services: vec![Service { name: "rdp".into(), tcp: vec![3389], udp: vec![3390], echo: false }],
        structure: "Servizi Demografici".into(),
        profile: "standard".into(),
        idle: Duration::from_secs(600),
        ends_at: opened + Duration::from_secs(8 * 3600),
        ends_by: End::Agreement,
        grace: Duration::from_secs(30),
        unused: DAY,
        unanswered: DAY,
        second_login: SecondLogin::Replace,
        second_factor: SecondFactor::None,
        redirect: Vec::new(),
        single_sign_on: false,
        wireguard_config: false,
        require_post_quantum: false,
        warnings: [900, 300, 60].map(Duration::from_secs).to_vec(),
        idle_rule: IdleRule::default(),
        wake: None,
        certificate: None,
        notices: Vec::new(),
    }
}

/// The same, and pings.
pub(crate) fn grant_with_pings() -> Grant {
    let ping = Service { name: "ping".into(), tcp: Vec::new(), udp: Vec::new(), echo: true };
    let mut grant = grant();
    grant.services.push(ping);
    grant
}

/// A client at home.
pub(crate) struct Client {
    pub(crate) number: SessionNumber,
    pub(crate) address: IpAddr,
    pub(crate) from: SocketAddr,
    /// Whether it sends by its session channel and not by UDP.
    pub(crate) by_channel: bool,
    /// The nonces of the probes that reached it.
    pub(crate) probed: Vec<Nonce>,
    serial: u32,
    secret: StaticSecret,
    tunnel: Tunn,
}

impl Client {
    pub(crate) fn new(seed: u8) -> Self {
        Self::serial(u32::from(seed))
    }

    /// A client whose keys, number and address follow from `serial`.
    pub(crate) fn serial(serial: u32) -> Self {
        let mut secret = [1; 32];
        // Not the first byte, three bits of which Curve25519 clears.
        secret[4..8].copy_from_slice(&serial.to_le_bytes());
        let secret = StaticSecret::from(secret);
        let gateway = Key::from(&StaticSecret::from(GATEWAY_SECRET));
        Self {
            number: SessionNumber::new(u64::from(serial)),
            address: Ipv4Addr::UNSPECIFIED.into(),
            from: SocketAddr::from(([203, 0, 113, serial as u8], 40000 + (serial % 10_000) as u16)),
            by_channel: false,
            probed: Vec::new(),
            serial,
            tunnel: Tunn::new(secret.clone(), gateway, Some(PRESHARED), None, serial, None),
            secret,
        }
    }

    /// Forgets its end of the tunnel, as a program that starts anew.
    pub(crate) fn forget_tunnel(&mut self) {
        let Self { tunnel, .. } = Self::serial(self.serial);
        self.tunnel = tunnel;
    }

    pub(crate) fn public_key(&self) -> PublicKey {
        PublicKey(Key::from(&self.secret).to_bytes())
    }

    pub(crate) fn hold(&mut self, address: IpAddr) {
        self.address = address;
    }

    /// The workstation that it may reach.
    pub(crate) fn workstation(&self) -> IpAddr {
        workstation_of(self.address)
    }

    /// The first message of a handshake.
    pub(crate) fn initiation(&mut self) -> Vec<u8> {
        let mut space = [0; 256];
        match self.tunnel.format_handshake_initiation(&mut space, true) {
            TunnResult::WriteToNetwork(datagram) => datagram.to_vec(),
            other => panic!("no initiation: {other:?}"),
        }
    }

    /// A whole handshake, its closing keepalive included.
    pub(crate) fn handshake(&mut self, world: &mut World) {
        let initiation = self.initiation();
        self.pass(world, &initiation);
        world.drain();
        let answers = self.take(world);
        assert_eq!(answers, Vec::<Vec<u8>>::new());
        assert!(world.gateway.counters().handshakes > 0, "{:?}", world.gateway.counters());
    }

    /// Takes an answer of a handshake, and says nothing to it.
    pub(crate) fn receive(&mut self, datagram: &[u8]) {
        self.tunnel.decapsulate(None, datagram, &mut [0; 256]);
    }

    /// What came for this client by its way, decrypted; answers of WireGuard's own go back at once, probes are kept.
    pub(crate) fn take(&mut self, world: &mut World) -> Vec<Vec<u8>> {
        world.drain();
        let (mine, others): (Vec<_>, Vec<_>) = world.home.drain(..).partition(|(to, _)| *to == self.way());
        world.home = others;
        let mut packets = Vec::new();
        for (_, datagram) in mine {
            let mut space = vec![0; 4096];
            match self.tunnel.decapsulate(None, &datagram, &mut space) {
                TunnResult::WriteToTunnelV4(packet, _) | TunnResult::WriteToTunnelV6(packet, _) => {
                    match probe::read(packet) {
                        Some(nonce) => self.probed.push(nonce),
                        None => packets.push(packet.to_vec()),
                    }
                }
                TunnResult::WriteToNetwork(answer) => self.pass(world, answer),
                TunnResult::Done => {}
                other => panic!("{other:?}"),
            }
        }
        packets
    }

    /// Answers the probes that reached it, by its session channel.
    pub(crate) fn confirm(&mut self, world: &mut World) {
        for nonce in std::mem::take(&mut self.probed) {
            world.gateway.confirm_way(self.number, nonce, world.now);
        }
    }

    /// A packet sealed.
    pub(crate) fn seal(&mut self, packet: &[u8]) -> Vec<u8> {
        let mut space = vec![0; packet.len() + 200];
        match self.tunnel.encapsulate(packet, &mut space) {
            TunnResult::WriteToNetwork(datagram) => datagram.to_vec(),
            other => panic!("not sealed: {other:?}"),
        }
    }

    /// A packet through the tunnel.
    pub(crate) fn send(&mut self, world: &mut World, packet: &[u8]) {
        let datagram = self.seal(packet);
        self.pass(world, &datagram);
    }

    /// The way that it sends, and is answered.
    pub(crate) fn way(&self) -> Way {
        if self.by_channel { Way::Channel(self.number) } else { Way::Udp(self.from) }
    }

    /// A datagram to the gateway.
    pub(crate) fn pass(&self, world: &mut World, datagram: &[u8]) {
        match self.by_channel {
            true => world.gateway.handle_channel_datagram(self.number, datagram, world.now),
            false => {
                world.home_queues(self.from, datagram, datagram.len());
                world.serve();
            }
        }
    }

    /// A TCP packet from this client to the workstation's RDP port.
    pub(crate) fn tcp(&self, flags: Flags, sequence: u32, payload: &[u8]) -> Vec<u8> {
        tcp(self.address, 50000, self.workstation(), 3389, flags, sequence, payload)
    }

    /// A TCP packet from the workstation's RDP port to this client.
    pub(crate) fn tcp_back(&self, flags: Flags, sequence: u32, payload: &[u8]) -> Vec<u8> {
        tcp(self.workstation(), 3389, self.address, 50000, flags, sequence, payload)
    }

    /// Opens the RDP flow: SYN, SYN-ACK, ACK.
    pub(crate) fn open_flow(&mut self, world: &mut World) {
        let syn = self.tcp(Flags::Syn, 999, &[]);
        self.send(world, &syn);
        let answer = self.tcp_back(Flags::SynAck, 4999, &[]);
        world.office_sends(&answer);
        let ack = self.tcp(Flags::Ack, 1000, &[]);
        self.send(world, &ack);
        world.drain();
        world.office.clear();
        self.take(world);
    }
}

/// An address as it lies in a packet.
pub(crate) fn octets(address: IpAddr) -> Vec<u8> {
    match address {
        IpAddr::V4(address) => address.octets().to_vec(),
        IpAddr::V6(address) => address.octets().to_vec(),
    }
}

/// Whether etherparse, which shares no line with the gateway, finds every checksum of the headers right.
pub(crate) fn checksums_hold(packet: &[u8]) -> bool {
    let parsed = etherparse::SlicedPacket::from_ip(packet).unwrap();
    match &parsed.net {
        Some(etherparse::NetSlice::Ipv4(ip)) => {
            let header = ip.header().to_header();
            let (from, to) = (header.source, header.destination);
            header.calc_header_checksum() == header.header_checksum
                && match &parsed.transport {
                    Some(etherparse::TransportSlice::Tcp(tcp)) => {
                        tcp.calc_checksum_ipv4(from, to).unwrap() == tcp.checksum()
                    }
                    Some(etherparse::TransportSlice::Udp(udp)) => {
                        udp.to_header().calc_checksum_ipv4(&header, udp.payload()).unwrap() == udp.checksum()
                    }
                    _ => false,
                }
        }
        Some(etherparse::NetSlice::Ipv6(ip)) => {
            let header = ip.header().to_header();
            match &parsed.transport {
                Some(etherparse::TransportSlice::Tcp(tcp)) => {
                    tcp.to_header().calc_checksum_ipv6(&header, tcp.payload()).unwrap() == tcp.checksum()
                }
                Some(etherparse::TransportSlice::Udp(udp)) => {
                    udp.to_header().calc_checksum_ipv6(&header, udp.payload()).unwrap() == udp.checksum()
                }
                _ => false,
            }
        }
        _ => false,
    }
}

/// The sequence number of a reset whose checksums and addresses are right.
pub(crate) fn sequence_of_reset(packet: &[u8], from: IpAddr, to: IpAddr) -> u32 {
    assert!(checksums_hold(packet));
    let read = gateway_core::Packet::parse(packet).unwrap();
    assert_eq!((read.source, read.destination), (from, to));
    let parsed = etherparse::SlicedPacket::from_ip(packet).unwrap();
    let Some(etherparse::TransportSlice::Tcp(tcp)) = parsed.transport else { panic!("not TCP") };
    assert!(tcp.rst());
    tcp.sequence_number()
}
