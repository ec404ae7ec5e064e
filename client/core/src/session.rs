//! One working session at home, from the login's answer to its end. Every state and every end:
//!
//! ```text
//!   open()        handshake answered          close()                 flushed, or 300 ms
//!  ───────> Connecting ────────> Open ──────────────────> Closing ──────────────────────> Closed(reason given)
//!               │                  │                         │
//!               │ 10 s             │ handle_closed() - the gateway ended it             ─> Closed(its reason)
//!               │                  │ grace over without a session channel               ─> Closed(ClientLost)
//!               └─> Closed(Unanswered)
//! ```
//!
//! Whatever ends a session ends it in any state. Datagrams and bytes come in, datagrams and bytes go out; sockets,
//! clock and randomness are the caller's. After any call the caller drains [`Session::poll_transmit`] and
//! [`Session::poll_event`], and comes back at [`Session::poll_timeout`].

use std::{
    collections::VecDeque,
    net::IpAddr,
    time::{Duration, Instant},
};

use gateway_api::{CloseReason, probe::Nonce};

use crate::{
    event::{End, Event},
    forward::{Attempt, ConnectionId, Forward, OpenError, Step},
    stack::Stack,
    timer::{Deadline, Timer},
    tunnel::{Keys, Opened, Tunnel},
    way::{Advice, Choice, Way},
};

/// How long the gateway may leave the first handshakes unanswered.
const ANSWER_TIME: Duration = Duration::from_secs(10);
/// How long what is still under way may take when a session is closed.
const FLUSH_TIME: Duration = Duration::from_millis(300);
/// How long what is answered at once goes unanswered before it is taken for lost once the gateway is heard again: as long as TCP
/// waits before it repeats anything, so that a line that is slow is not taken for one that was cut.
const LAPSE: Duration = Duration::from_secs(1);
/// What an inner packet may be at least and at most, in bytes.
const MTU: std::ops::RangeInclusive<u16> = 1280..=1420;

/// What a login gave, as far as packets are concerned.
#[derive(Debug)]
pub struct Parameters {
    /// Cleared when dropped.
    pub keys: Keys,
    /// Our address inside the tunnel.
    pub address: IpAddr,
    /// The largest packet inside the tunnel, in bytes; brought within 1280 to 1420.
    pub mtu: u16,
    /// The one computer this session reaches.
    pub workstation: IpAddr,
    /// Its TCP ports.
    pub ports: Vec<u16>,
    /// How long a session outlives its session channel.
    pub grace: Duration,
    /// 64 random bits: port numbers and sequence numbers come from them.
    pub random_seed: u64,
}

/// One system call's worth of datagrams for the gateway.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Transmit<'a> {
    /// The way they are to take.
    pub way: Way,
    /// The datagrams, end to end; at most 65,000 bytes.
    pub contents: &'a [u8],
    /// The size of each but the last, which may be shorter.
    pub segment_size: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Connecting,
    Open { silent: bool },
    Closing(CloseReason),
    Closed,
}

/// A session. Keys are cleared when it is dropped.
pub struct Session {
    state: State,
    tunnel: Tunnel,
    stack: Stack,
    forward: Forward,
    timer: Timer,
    choice: Choice,
    /// Packets went into a silence, and may have to go again.
    lapsed: bool,
    told_way: Way,
    grace: Duration,
    events: VecDeque<Event>,
}

impl std::fmt::Debug for Session {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Session").field("state", &self.state).finish_non_exhaustive()
    }
}

impl Session {
    /// Begins with the handshake; no session channel yet, so the grace runs.
    pub fn open(parameters: Parameters, now: Instant) -> Self {
        let Parameters { keys, address, mtu, workstation, ports, grace, random_seed } = parameters;
        let mtu = mtu.clamp(*MTU.start(), *MTU.end());
        let mut tunnel = Tunnel::new(&keys, workstation, mtu.into(), random_seed as u32, now);
        let stack = Stack::new(address, &mut tunnel, random_seed, now);
        let mut timer = Timer::default();
        timer.set(Deadline::Unanswered, Some(now + ANSWER_TIME));
        timer.set(Deadline::Grace, Some(now + grace.max(ANSWER_TIME)));
        tunnel.tick();
        let forward = Forward::new(workstation, ports, random_seed.rotate_left(32));
        let mut session = Self {
            state: State::Connecting,
            tunnel,
            stack,
            forward,
            timer,
            choice: Choice::new(now),
            lapsed: false,
            told_way: Way::Udp,
            grace,
            events: VecDeque::new(),
        };
        session.settle(now);
        session
    }

    /// Whether connections may be opened.
    pub fn is_open(&self) -> bool {
        matches!(self.state, State::Open { .. })
    }

    /// Whether the session is over.
    pub fn is_closed(&self) -> bool {
        self.state == State::Closed
    }

    /// A datagram came from the gateway, or from somebody who pretends: only what the keys open counts. If it is a probe of
    /// our address, its nonce: to be confirmed by the session channel if that is the address that datagrams leave from.
    pub fn handle_datagram(&mut self, way: Way, datagram: &[u8], now: Instant) -> Option<Nonce> {
        self.tunnel.set_time(now);
        let was_lapse = self.tunnel.asked_since().is_some_and(|since| now >= since + LAPSE);
        let opened = self.tunnel.open(way, datagram);
        match opened {
            Opened::Foreign => return None,
            Opened::Probe(nonce) => return Some(nonce),
            Opened::Answer => self.choice.answered(way, now),
            Opened::Packet => self.stack.receive(&mut self.tunnel, now),
            Opened::Handshake | Opened::Nothing => {}
        }
        self.choice.heard(way, opened == Opened::Packet, now);
        self.tunnel.set_way(self.choice.way());
        // A way is told of once something came by it, and not when it is only hoped for.
        if way == self.choice.way() && std::mem::replace(&mut self.told_way, way) != way {
            self.events.push_back(Event::Way(way));
        }
        if matches!(opened, Opened::Answer | Opened::Handshake) {
            self.tunnel.handshake_done();
        }
        self.lapsed |= was_lapse;
        // Keys of the gateway's making serve once it has used them.
        if opened != Opened::Handshake && std::mem::take(&mut self.lapsed) {
            self.stack.repeat(&mut self.tunnel, now);
        }
        if self.state == State::Connecting && self.tunnel.is_established() {
            self.state = State::Open { silent: false };
            self.timer.set(Deadline::Unanswered, None);
            self.events.push_back(Event::TunnelUp);
        }
        None
    }

    /// A deadline passed. Harmless when none has.
    pub fn handle_timeout(&mut self, now: Instant) {
        self.tunnel.set_time(now);
        if self.timer.is_due(Deadline::Tunnel, now) {
            self.tunnel.tick();
        }
        if self.timer.is_due(Deadline::Unanswered, now) {
            self.end(End::Unanswered);
        }
        if self.timer.is_due(Deadline::Grace, now) {
            self.end(End::Closed(CloseReason::ClientLost));
        }
        if self.timer.is_due(Deadline::Flush, now)
            && let State::Closing(reason) = self.state
        {
            self.end(End::Closed(reason));
        }
        self.choose(now);
        self.notice_silence();
        self.settle(now);
    }

    /// The session channel holds the session, and carries datagrams where UDP does not.
    pub fn handle_channel_attached(&mut self, now: Instant) {
        self.timer.set(Deadline::Grace, None);
        self.choice.channel_came();
        self.choose(now);
        // What cut the channel may have moved us.
        self.handle_moved(now);
    }

    /// This computer may send from another address now: the gateway hears of it at once, for it cannot reach us before, and
    /// whoever only looks at a desktop sends nothing.
    pub fn handle_moved(&mut self, now: Instant) {
        if self.is_open() {
            self.stack.forget_line();
            self.tunnel.set_time(now);
            self.tunnel.keep_alive();
        }
    }

    /// The computer slept, or stood still: whether the gateway is still there is asked at once.
    pub fn handle_woken(&mut self, now: Instant) {
        if self.is_open() {
            self.stack.forget_line();
            self.tunnel.set_time(now);
            self.choice.ask(now);
            self.tunnel.start_handshake(Way::Udp);
        }
    }

    /// The session channel was lost: the grace begins, if it does not run yet.
    pub fn handle_channel_lost(&mut self, now: Instant) {
        if self.choice.channel_went(now) {
            // The only way left.
            self.tunnel.set_way(Way::Udp);
            self.tunnel.set_time(now);
            self.tunnel.start_handshake(Way::Udp);
        }
        if !self.is_closed() && !self.timer.is_set(Deadline::Grace) {
            self.timer.set(Deadline::Grace, Some(now + self.grace));
        }
    }

    /// The gateway said that the session is over.
    pub fn handle_closed(&mut self, reason: CloseReason) {
        self.end(End::Closed(reason));
    }

    /// Begins a connection to `port` of the workstation.
    pub fn open_connection(&mut self, port: u16, now: Instant) -> Result<ConnectionId, OpenError> {
        if !self.is_open() {
            return Err(OpenError::NotOpen);
        }
        self.forward.open(&mut self.stack, port, now)
    }

    /// Lets `read` put bytes for the workstation into the room it is shown; it answers how many, and anything it
    /// likes. None, without a call, while no more should be taken in.
    pub fn upload<R>(&mut self, id: ConnectionId, read: impl FnOnce(&mut [u8]) -> (usize, R)) -> Option<R> {
        let connection = self.forward.uploading(id)?;
        self.stack.upload(connection, read)
    }

    /// Shows `write` bytes from the workstation; it answers how many it took, and anything it likes. None, without a
    /// call, while there are none.
    pub fn download<R>(&mut self, id: ConnectionId, write: impl FnOnce(&[u8]) -> (usize, R)) -> Option<R> {
        let connection = self.forward.connection(id)?;
        self.stack.download(connection, write)
    }

    /// What the local side of a connection should do now, besides moving bytes.
    pub fn step(&mut self, id: ConnectionId) -> Step {
        if self.is_closed() {
            return Step::Reset;
        }
        self.forward.step(&mut self.stack, id)
    }

    /// The local program will send no more on this connection.
    pub fn finish(&mut self, id: ConnectionId) {
        self.forward.finish(&mut self.stack, id);
    }

    /// The local connection broke; the number means nothing any more.
    pub fn abort(&mut self, id: ConnectionId) {
        self.forward.abort(&mut self.stack, id);
    }

    /// Ends the session: no new connection, what is under way is given a moment.
    pub fn close(&mut self, reason: CloseReason, now: Instant) {
        match self.state {
            State::Closing(_) | State::Closed => {}
            State::Connecting => self.end(End::Closed(reason)),
            State::Open { .. } => {
                self.state = State::Closing(reason);
                self.timer.set(Deadline::Flush, Some(now + FLUSH_TIME));
            }
        }
    }

    /// The next datagrams to send, the same until [`Self::transmitted`] is called.
    pub fn poll_transmit(&mut self, now: Instant) -> Option<Transmit<'_>> {
        if self.tunnel.outbox().is_empty() {
            self.tunnel.set_time(now);
            self.stack.send(&mut self.tunnel, now);
        }
        let (way, contents, segment_size) = self.tunnel.outbox().first()?;
        Some(Transmit { way, contents, segment_size })
    }

    /// What [`Self::poll_transmit`] gave was sent, or is dropped.
    pub fn transmitted(&mut self) {
        self.tunnel.outbox().remove_first();
    }

    /// The next thing to tell. Also where a session that is being closed notices that nothing is under way any more: by
    /// now the caller has moved all bytes that could be moved.
    pub fn poll_event(&mut self, now: Instant) -> Option<Event> {
        self.settle(now);
        if let State::Closing(reason) = self.state
            && self.forward.is_flushed(&self.stack)
        {
            self.end(End::Closed(reason));
        }
        self.events.pop_front()
    }

    /// When to call [`Self::handle_timeout`] next, and why. None once the session is over.
    pub fn poll_timeout(&mut self, now: Instant) -> Option<(Instant, Deadline)> {
        if self.is_closed() {
            return None;
        }
        self.timer.set(Deadline::Tunnel, Some(self.tunnel.next_tick()));
        self.timer.set(Deadline::Connections, self.stack.next_send(now));
        self.timer.set(Deadline::Way, self.choice.next(self.tunnel.asked_since()));
        self.timer.next()
    }

    /// Notices what connections did by themselves.
    fn settle(&mut self, now: Instant) {
        let Self { forward, stack, events, .. } = self;
        forward.settle(stack, now, |port, attempt| {
            events.push_back(match attempt {
                Attempt::Refused => Event::Refused { port },
                Attempt::NoAnswer => Event::NoAnswer { port },
                Attempt::Answered => Event::Answered { port },
            });
        });
    }

    /// Asks by a way, or changes it, where it is time to.
    fn choose(&mut self, now: Instant) {
        if self.is_closed() {
            return;
        }
        self.tunnel.set_time(now);
        match self.choice.advise(self.tunnel.asked_since(), now) {
            Advice::Stay => {}
            Advice::Ask => self.tunnel.start_handshake(Way::Udp),
            Advice::TakeChannel => {
                self.tunnel.start_handshake(Way::Channel);
                self.tunnel.set_way(Way::Channel);
            }
        }
    }

    fn notice_silence(&mut self) {
        let State::Open { silent } = self.state else { return };
        let now_silent = self.tunnel.is_silent();
        if now_silent != silent {
            self.state = State::Open { silent: now_silent };
            self.events.push_back(if now_silent { Event::TunnelSilent } else { Event::TunnelUp });
        }
    }

    /// The one end of every session.
    fn end(&mut self, end: End) {
        if self.is_closed() {
            return;
        }
        self.state = State::Closed;
        self.timer = Timer::default();
        self.forward.finish_all(&mut self.stack);
        self.events.push_back(Event::Closed(end));
    }
}
