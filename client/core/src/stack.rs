//! TCP in userspace, between the packets of the tunnel and the bytes of connections. The only file that names smoltcp.
//!
//! Bytes go straight between the caller's sockets and smoltcp's rings. How much waits here is bounded twice: the rings
//! hold what a fast line may have in flight, and of what is not yet in flight no more is taken in than was just able to
//! leave, so that a bulk copy does not pile up in front of a keystroke.

use std::{net::IpAddr, time::Instant};

use smoltcp::{
    iface::{Config, Interface, PollIngressSingleResult, PollResult, SocketHandle, SocketSet},
    phy::{Checksum, Device, DeviceCapabilities, Medium, RxToken, TxToken},
    socket::tcp,
    time::{Duration as StackDuration, Instant as StackInstant},
    wire::{HardwareAddress, IpAddress, IpCidr, IpEndpoint, IpProtocol, Ipv4Packet, Ipv6Packet, TcpOption, TcpPacket},
};

use crate::{
    receive_window::ReceiveWindow,
    round_trip::RoundTrip,
    send_window::SendWindow,
    tunnel::{Sealer, Tunnel},
    way::Way,
};

/// Connections that get rings for a fast line; later ones get small rings. Together they keep memory within bounds:
/// a desktop needs one.
const LARGE: usize = 4;
/// Connections at most, over all ports: as many as any program makes sense with.
pub(crate) const MOST_CONNECTIONS: usize = 32;
/// Ring sizes in bytes, from and to the workstation: 2 MiB are 330 Mbit/s at 50 ms.
const LARGE_RINGS: (usize, usize) = (2 << 20, 1 << 20);
const SMALL_RINGS: (usize, usize) = (256 << 10, 128 << 10);
/// Bytes taken in at a time while nothing waits, and while the line was just seen to be the slower side.
const FAST_GULP: usize = 128 << 10;
const SLOW_GULP: usize = 16 << 10;
/// How long a workstation may take to accept.
pub(crate) const CONNECT_TIME: std::time::Duration = std::time::Duration::from_secs(10);

/// The longest that smoltcp waits before it repeats something.
const LONGEST_PAUSE: std::time::Duration = std::time::Duration::from_secs(60);

/// One TCP connection through the tunnel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Connection {
    handle: SocketHandle,
    port: u16,
}

/// Where a connection stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stage {
    /// Not answered yet.
    Connecting,
    /// Bytes may flow, at least one way.
    Connected,
    /// Over both ways, in good order or not.
    Over,
}

/// What is to come from the workstation on a connection that was accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reading {
    /// Bytes wait, or may still come.
    Open,
    /// Nothing more, in good order.
    Finished,
    /// Nothing more: reset, or given up.
    Broken,
}

/// How far a connection's bytes got, as sequence numbers: what smoltcp keeps to itself.
#[derive(Debug)]
struct Progress {
    port: u16,
    /// One past the last byte given to the ring.
    written: u32,
    /// One past the last byte that left.
    sent: u32,
    /// Bytes taken in at a time.
    gulp: usize,
    send: SendWindow,
    /// The ring's size, and what is allowed of it; all of it, until it is known how the workstation counts.
    ring: usize,
    scale: Scale,
    receive: Option<ReceiveWindow>,
}

/// What a window's number in a header stands for (RFC 7323).
#[derive(Debug)]
enum Scale {
    /// We offered this shift, then; not to be timed if we had to offer it again.
    Offered {
        shift: u8,
        at: Option<Instant>,
    },
    Agreed {
        shift: u8,
    },
    /// Not said yet, or the workstation knows none.
    None,
}

impl Progress {
    /// Bytes in the ring that have never left.
    fn unsent(&self) -> usize {
        usize::try_from(self.written.wrapping_sub(self.sent).cast_signed()).unwrap_or(0)
    }

    /// A segment leaves: the window to be written into it, unless what is there may stay.
    fn leave(&mut self, tcp: &TcpPacket<&[u8]>, trip: &mut RoundTrip, now: Instant) -> Option<u16> {
        // It counts what somebody else counted.
        if tcp.rst() {
            return None;
        }
        let (begin, payload) = (tcp.seq_number().0.cast_unsigned(), tcp.payload().len());
        let end = begin.wrapping_add(payload as u32);
        if tcp.syn() {
            let begin = begin.wrapping_add(1);
            (self.sent, self.written) = (begin, begin);
            self.send.begin(begin);
            // The answer to a second one may be that to the first.
            let at = matches!(self.scale, Scale::None).then_some(now);
            self.scale = shift(tcp).map_or(Scale::None, |shift| Scale::Offered { shift, at });
            return None;
        }
        if end.wrapping_sub(self.sent).cast_signed() > 0 {
            self.sent = end;
            self.send.sent(end, now);
        } else if payload > 0 {
            self.send.sent_again(self.sent, now);
        }
        let Scale::Agreed { shift } = self.scale else { return None };
        let (arrived, room) = (tcp.ack_number().0.cast_unsigned(), usize::from(tcp.window_len()) << shift);
        let receive = self.receive.get_or_insert_with(|| ReceiveWindow::new(arrived, self.ring, trip, now));
        let bytes = receive.allow(arrived, room, trip, now);
        // Not less than was allowed; smoltcp's own is rounded down.
        Some(u16::try_from(bytes.div_ceil(1 << shift)).unwrap_or(u16::MAX).min(tcp.window_len()))
    }

    /// A segment has come.
    fn come(&mut self, tcp: &TcpPacket<&[u8]>, trip: &mut RoundTrip, now: Instant) {
        if let (true, Scale::Offered { shift: ours, at }) = (tcp.syn(), &self.scale) {
            if let Some(at) = at {
                trip.measured(now.saturating_duration_since(*at), now);
            }
            self.scale = if shift(tcp).is_some() { Scale::Agreed { shift: *ours } } else { Scale::None };
        }
        let upto = tcp.ack_number().0.cast_unsigned();
        // No more than has left can have arrived.
        if tcp.ack() && self.sent.wrapping_sub(upto).cast_signed() >= 0 {
            self.send.acknowledged(upto, self.sent, trip, now);
        }
    }
}

pub(crate) struct Stack {
    interface: Interface,
    sockets: SocketSet<'static>,
    progress: Vec<Progress>,
    /// All connections lead to one workstation.
    trip: RoundTrip,
    way: Way,
    address: IpAddr,
    epoch: Instant,
    /// How far smoltcp's clock is ahead of ours: see [`Self::repeat`].
    ahead: std::time::Duration,
    /// The time of the last packet either way.
    now: Instant,
}

impl Stack {
    /// `address` is our end of the tunnel; `seed` makes sequence numbers hard to guess.
    pub(crate) fn new(address: IpAddr, tunnel: &mut Tunnel, seed: u64, now: Instant) -> Self {
        let mut config = Config::new(HardwareAddress::Ip);
        config.random_seed = seed;
        let (mut progress, mut trip, way) = (Vec::new(), RoundTrip::new(now), tunnel.way());
        let mut link = Link { tunnel, progress: &mut progress, trip: &mut trip, now, urgent: false };
        let mut interface = Interface::new(config, &mut link, StackInstant::ZERO);
        interface.update_ip_addrs(|addresses| {
            let bits = if address.is_ipv4() { 32 } else { 128 };
            // The list has room for more than the one address it gets.
            let _ = addresses.push(IpCidr::new(IpAddress::from(address), bits));
        });
        // Everything goes through the tunnel: the "router" is a name for that. The table has room for one.
        let _ = match address {
            IpAddr::V4(address) => interface.routes_mut().add_default_ipv4_route(address).map(drop),
            IpAddr::V6(address) => interface.routes_mut().add_default_ipv6_route(address).map(drop),
        };
        Self {
            interface,
            sockets: SocketSet::new(Vec::new()),
            progress,
            trip,
            way,
            address,
            epoch: now,
            ahead: std::time::Duration::ZERO,
            now,
        }
    }

    pub(crate) fn count(&self) -> usize {
        self.progress.len()
    }

    /// Whether a connection from `port` exists.
    pub(crate) fn uses(&self, port: u16) -> bool {
        self.progress.iter().any(|progress| progress.port == port)
    }

    /// Begins a connection to `address:port` from our `local` port. None if there are too many, or the address cannot
    /// be reached from ours.
    pub(crate) fn connect(&mut self, address: IpAddr, port: u16, local: u16) -> Option<Connection> {
        if self.count() >= MOST_CONNECTIONS || address.is_ipv4() != self.address.is_ipv4() {
            return None;
        }
        let (receive, send) = if self.count() < LARGE { LARGE_RINGS } else { SMALL_RINGS };
        let mut socket =
            tcp::Socket::new(tcp::SocketBuffer::new(vec![0; receive]), tcp::SocketBuffer::new(vec![0; send]));
        socket.set_nagle_enabled(false);
        socket.set_congestion_control(tcp::CongestionControl::Cubic);
        socket.set_timeout(Some(StackDuration::from_micros(CONNECT_TIME.as_micros().try_into().unwrap_or(u64::MAX))));
        let to = IpEndpoint::new(IpAddress::from(address), port);
        socket.connect(self.interface.context(), to, (IpAddress::from(self.address), local)).ok()?;
        self.progress.push(Progress {
            port: local,
            written: 0,
            sent: 0,
            gulp: FAST_GULP,
            send: SendWindow::new(send),
            ring: receive,
            scale: Scale::None,
            receive: None,
        });
        Some(Connection { handle: self.sockets.add(socket), port: local })
    }

    /// Forgets a connection; what it still had to send is lost.
    pub(crate) fn remove(&mut self, connection: Connection) {
        self.sockets.remove(connection.handle);
        self.progress.retain(|progress| progress.port != connection.port);
    }

    pub(crate) fn stage(&self, connection: Connection) -> Stage {
        let socket = self.sockets.get::<tcp::Socket>(connection.handle);
        match socket.state() {
            tcp::State::Listen | tcp::State::SynSent | tcp::State::SynReceived => Stage::Connecting,
            tcp::State::TimeWait | tcp::State::Closed => Stage::Over,
            tcp::State::Established
            | tcp::State::FinWait1
            | tcp::State::FinWait2
            | tcp::State::CloseWait
            | tcp::State::Closing
            | tcp::State::LastAck => Stage::Connected,
        }
    }

    /// Whether the last packet of a connection that is over has left.
    pub(crate) fn is_gone(&self, connection: Connection) -> bool {
        let socket = self.sockets.get::<tcp::Socket>(connection.handle);
        match socket.state() {
            tcp::State::TimeWait => true,
            tcp::State::Closed => socket.local_endpoint().is_none(),
            _ => false,
        }
    }

    /// A connection was accepted: from now on silence alone does not end it, for a line may fail for minutes.
    pub(crate) fn accepted(&mut self, connection: Connection) {
        self.sockets.get_mut::<tcp::Socket>(connection.handle).set_timeout(None);
    }

    pub(crate) fn reading(&mut self, connection: Connection) -> Reading {
        let socket = self.sockets.get_mut::<tcp::Socket>(connection.handle);
        match socket.peek(1) {
            Ok(_) => Reading::Open,
            Err(tcp::RecvError::Finished) => Reading::Finished,
            Err(tcp::RecvError::InvalidState) => Reading::Broken,
        }
    }

    /// Whether everything taken in has been acknowledged.
    pub(crate) fn is_drained(&self, connection: Connection) -> bool {
        self.sockets.get::<tcp::Socket>(connection.handle).send_queue() == 0
    }

    /// Lets `read` put bytes into the ring towards the workstation. `read` says how many, and anything it likes.
    /// None, without a call, while no more should be taken in.
    pub(crate) fn upload<R>(
        &mut self,
        connection: Connection,
        read: impl FnOnce(&mut [u8]) -> (usize, R),
    ) -> Option<R> {
        let socket = self.sockets.get_mut::<tcp::Socket>(connection.handle);
        let progress = self.progress.iter_mut().find(|progress| progress.port == connection.port)?;
        if !socket.can_send() {
            return None;
        }
        // What cannot leave at once shows that the line is the slower side; what left at once, that it is not.
        let unsent = progress.unsent();
        if unsent > 0 {
            progress.gulp = SLOW_GULP;
        }
        let gulp = progress.gulp.min(progress.send.room(socket.send_queue()));
        if unsent >= gulp {
            return None;
        }
        let (used, answer) = socket
            .send(|room| {
                let most = room.len().min(gulp);
                let (used, answer) = read(room.get_mut(..most).unwrap_or_default());
                let used = used.min(most);
                (used, (used, answer))
            })
            .ok()?;
        // A ring is far smaller than the sequence space.
        progress.written = progress.written.wrapping_add(used as u32);
        progress.gulp = (progress.gulp * 2).min(FAST_GULP);
        Some(answer)
    }

    /// Shows `write` the bytes that came from the workstation. `write` says how many it took, and anything it likes.
    /// None, without a call, while there are none.
    pub(crate) fn download<R>(&mut self, connection: Connection, write: impl FnOnce(&[u8]) -> (usize, R)) -> Option<R> {
        let socket = self.sockets.get_mut::<tcp::Socket>(connection.handle);
        if !socket.can_recv() {
            return None;
        }
        socket
            .recv(|bytes| {
                let (used, answer) = write(bytes);
                (used.min(bytes.len()), answer)
            })
            .ok()
    }

    /// No more will be sent; what was taken in still goes.
    pub(crate) fn finish(&mut self, connection: Connection) {
        self.sockets.get_mut::<tcp::Socket>(connection.handle).close();
    }

    /// Resets the connection.
    pub(crate) fn abort(&mut self, connection: Connection) {
        self.sockets.get_mut::<tcp::Socket>(connection.handle).abort();
    }

    /// The line may be another one: what is known of the one before counts no more.
    pub(crate) fn forget_line(&mut self) {
        self.trip.forget();
        self.progress.iter_mut().filter_map(|progress| progress.receive.as_mut()).for_each(ReceiveWindow::forget);
    }

    /// Takes the packet that the tunnel has just opened.
    pub(crate) fn receive(&mut self, tunnel: &mut Tunnel, now: Instant) {
        self.now = now;
        let time = self.time(now);
        let mut link = Link { tunnel, progress: &mut self.progress, trip: &mut self.trip, now, urgent: false };
        while self.interface.poll_ingress_single(time, &mut link, &mut self.sockets) != PollIngressSingleResult::None {}
    }

    /// Sends what may leave now, as long as the tunnel has room.
    pub(crate) fn send(&mut self, tunnel: &mut Tunnel, now: Instant) {
        self.now = now;
        if std::mem::replace(&mut self.way, tunnel.way()) != tunnel.way() {
            self.forget_line();
        }
        let time = self.time(now);
        let mut link = Link { tunnel, progress: &mut self.progress, trip: &mut self.trip, now, urgent: false };
        while self.interface.poll_egress(time, &mut link, &mut self.sockets) != PollResult::None {}
    }

    /// Repeats what is unacknowledged, for it went into a silence that is over now. smoltcp repeats by its clock alone, after
    /// pauses that double: so its clock is moved beyond the longest. Nothing else that it times minds: connections that
    /// are being made get the span back, and what is over is forgotten sooner.
    pub(crate) fn repeat(&mut self, tunnel: &mut Tunnel, now: Instant) {
        self.ahead += LONGEST_PAUSE;
        let span = StackDuration::from_micros(LONGEST_PAUSE.as_micros() as u64);
        for (_, smoltcp::socket::Socket::Tcp(socket)) in self.sockets.iter_mut() {
            let patience = socket.timeout().map(|patience| patience + span);
            socket.set_timeout(patience);
        }
        let time = self.time(now);
        // At once, and one packet of each: else an acknowledgement of what was sent would seem to have taken the whole span.
        let mut link = Link { tunnel, progress: &mut self.progress, trip: &mut self.trip, now, urgent: true };
        self.interface.poll_egress(time, &mut link, &mut self.sockets);
    }

    /// When [`Self::send`] is wanted next even if nothing comes.
    pub(crate) fn next_send(&mut self, now: Instant) -> Option<Instant> {
        let time = self.time(now);
        let delay = self.interface.poll_delay(time, &self.sockets)?;
        Some(now + std::time::Duration::from_micros(delay.total_micros()))
    }

    fn time(&self, now: Instant) -> StackInstant {
        let micros = (now.saturating_duration_since(self.epoch) + self.ahead).as_micros();
        StackInstant::from_micros(i64::try_from(micros).unwrap_or(i64::MAX))
    }
}

/// The tunnel as smoltcp sees it: a wire for IP packets.
struct Link<'a> {
    tunnel: &'a mut Tunnel,
    progress: &'a mut Vec<Progress>,
    trip: &'a mut RoundTrip,
    now: Instant,
    /// What leaves need not wait for room.
    urgent: bool,
}

impl Device for Link<'_> {
    type RxToken<'a>
        = Opened<'a>
    where
        Self: 'a;
    type TxToken<'a>
        = Sealing<'a>
    where
        Self: 'a;

    fn receive(&mut self, _: StackInstant) -> Option<(Opened<'_>, Sealing<'_>)> {
        let (packet, sealer) = self.tunnel.split()?;
        come(self.progress, packet, self.trip, self.now);
        Some((Opened(packet), Sealing { sealer, progress: self.progress, trip: self.trip, now: self.now }))
    }

    fn transmit(&mut self, _: StackInstant) -> Option<Sealing<'_>> {
        let sealer = self.tunnel.sealer();
        let (progress, trip, now) = (&mut *self.progress, &mut *self.trip, self.now);
        (self.urgent || sealer.has_room()).then_some(Sealing { sealer, progress, trip, now })
    }

    fn capabilities(&self) -> DeviceCapabilities {
        let mut capabilities = DeviceCapabilities::default();
        capabilities.medium = Medium::Ip;
        capabilities.max_transmission_unit = self.tunnel.mtu();
        // Written by `leave`, which changes what it covers.
        capabilities.checksum.tcp = Checksum::Rx;
        capabilities
    }
}

struct Opened<'a>(&'a [u8]);

impl RxToken for Opened<'_> {
    fn consume<R, F: FnOnce(&[u8]) -> R>(self, read: F) -> R {
        read(self.0)
    }
}

struct Sealing<'a> {
    sealer: &'a mut Sealer,
    progress: &'a mut Vec<Progress>,
    trip: &'a mut RoundTrip,
    now: Instant,
}

impl TxToken for Sealing<'_> {
    fn consume<R, F: FnOnce(&mut [u8]) -> R>(self, length: usize, fill: F) -> R {
        let Self { sealer, progress, trip, now } = self;
        sealer.seal(length, |packet| {
            let answer = fill(packet);
            leave(progress, packet, trip, now);
            answer
        })
    }
}

/// Reads off a packet that is leaving how far its connection got, and writes into it how much the workstation may send.
fn leave(progress: &mut [Progress], packet: &mut [u8], trip: &mut RoundTrip, now: Instant) {
    let Some((from, to, at)) = tcp(packet) else { return };
    let segment = packet.get_mut(at..).unwrap_or_default();
    let tcp = TcpPacket::new_unchecked(&*segment);
    let known = progress.iter_mut().find(|progress| progress.port == tcp.src_port());
    let window = known.and_then(|progress| progress.leave(&tcp, trip, now));
    let mut tcp = TcpPacket::new_unchecked(segment);
    if let Some(window) = window {
        tcp.set_window_len(window);
    }
    tcp.fill_checksum(&from, &to);
}

/// Reads off a packet that has come what its connection agrees on, and what has arrived.
fn come(progress: &mut [Progress], packet: &[u8], trip: &mut RoundTrip, now: Instant) {
    let Some((_, _, at)) = tcp(packet) else { return };
    let Ok(tcp) = TcpPacket::new_checked(packet.get(at..).unwrap_or_default()) else { return };
    if let Some(progress) = progress.iter_mut().find(|progress| progress.port == tcp.dst_port()) {
        progress.come(&tcp, trip, now);
    }
}

/// Between whom a packet is, and where TCP begins in it.
fn tcp(packet: &[u8]) -> Option<(IpAddress, IpAddress, usize)> {
    if packet.first()? >> 4 == 4 {
        let ip = Ipv4Packet::new_checked(packet).ok()?;
        let ends = (ip.src_addr().into(), ip.dst_addr().into(), ip.header_len().into());
        return (ip.next_header() == IpProtocol::Tcp).then_some(ends);
    }
    let ip = Ipv6Packet::new_checked(packet).ok()?;
    let ends = (ip.src_addr().into(), ip.dst_addr().into(), ip.header_len());
    (ip.next_header() == IpProtocol::Tcp).then_some(ends)
}

/// By how much the window in a header is shifted (RFC 7323), if its sender says so.
fn shift(tcp: &TcpPacket<&[u8]>) -> Option<u8> {
    let mut options = tcp.options();
    while let Ok((rest, option)) = TcpOption::parse(options) {
        match option {
            TcpOption::WindowScale(shift) => return Some(shift),
            TcpOption::EndOfList => return None,
            _ => options = rest,
        }
    }
    None
}
