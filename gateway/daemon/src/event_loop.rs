//! The one loop that owns core, socket, TUN and clock: a thread of its own, which never waits for anything but
//! packets, commands and deadlines.
//!
//! Each round asks the clock once, takes all that has arrived, lets the core serve a bounded part of it, hands everything
//! that the core wants done to the kernel, and tells the daemon's ledger what happened to sessions. All is taken, for the
//! kernel's queues know no sessions; a part is served, so that whoever comes meanwhile is seen soon and has their turn.

use std::{
    collections::HashMap,
    io,
    sync::{Arc, mpsc},
    thread::JoinHandle,
    time::{Duration, Instant},
};

use gateway_api::{PublicKey, SessionNumber};
use gateway_core::{Event, Gateway, Now, Setup, Way};
use mio::{Events, Interest, Poll, Token, Waker, unix::SourceFd};
use tokio::sync::{
    mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel},
    oneshot,
};

use crate::{
    channel_queue::Outlet,
    clock,
    command::{Command, DataPlane},
    config::Config,
    forwarding, privileges,
    tun::Tun,
    udp::Udp,
};

const COMMANDS: Token = Token(0);
const UDP: Token = Token(1);
const TUN: Token = Token(2);

/// Batches of datagrams, and packets from the office, that one round takes: more than arrive while one is served, few
/// enough that a flood from one side keeps neither the other nor a deadline waiting.
const MOST_BATCHES: usize = 16;
const MOST_PACKETS: usize = 128;

/// Handshakes answered in a second before cookies are asked for: a quarter of what a core can do.
const HANDSHAKES_PER_SECOND: u64 = 1000;

/// The loop runs.
pub(crate) struct Started {
    /// How the rest of the daemon reaches it.
    pub(crate) data_plane: DataPlane,
    /// What happens to sessions, in order. Ends when the loop does.
    pub(crate) events: UnboundedReceiver<Event>,
    /// The gateway's WireGuard key.
    pub(crate) public_key: PublicKey,
    /// Ends after `DataPlane::stop`, or with a failure of the device.
    pub(crate) thread: JoinHandle<Result<(), String>>,
}

/// Opens socket and TUN and starts the loop. What is wrong is said with what to do about it.
pub(crate) fn start(config: &Config, secret: [u8; 32]) -> Result<Started, String> {
    let mut udp = Udp::bind(config.tunnel.listen)?;
    let tun = Tun::open(&config.office, config.tunnel.pool, config.tunnel.mtu)?;
    forwarding::allow(&config.office.device)?;
    let gateway = Gateway::new(Setup {
        secret,
        pool: config.tunnel.pool,
        mtu: config.tunnel.mtu,
        handshakes_per_second: HANDSHAKES_PER_SECOND,
        shard: 0,
    });
    let wait = |error: io::Error| format!("cannot wait for packets: {error}");
    let poll = Poll::new().map_err(wait)?;
    poll.registry().register(udp.source(), UDP, Interest::READABLE).map_err(wait)?;
    poll.registry().register(&mut SourceFd(&tun.raw_fd()), TUN, Interest::READABLE).map_err(wait)?;
    let waker = Arc::new(Waker::new(poll.registry(), COMMANDS).map_err(wait)?);
    let (commands, asked) = mpsc::channel();
    let (tell, events) = unbounded_channel();
    let public_key = gateway.public_key();
    let mut round = EventLoop { gateway, udp, tun, asked, tell, outlets: HashMap::new() };
    let thread = std::thread::Builder::new()
        .name("data-plane".to_owned())
        .spawn(move || {
            // Rights belong to threads: this one gives up its own, now that everything is open.
            privileges::give_up()?;
            round.run(poll)
        })
        .map_err(|error| format!("cannot start the packet thread: {error}"))?;
    Ok(Started { data_plane: DataPlane::new(commands, waker), events, public_key, thread })
}

struct EventLoop {
    gateway: Gateway,
    udp: Udp,
    tun: Tun,
    asked: mpsc::Receiver<Command>,
    tell: UnboundedSender<Event>,
    /// The ways to the session channels that are there.
    outlets: HashMap<SessionNumber, Outlet>,
}

/// What may still be waiting in the kernel: readiness is told once, not until it is used up.
#[derive(Default)]
struct Readable {
    udp: bool,
    tun: bool,
}

impl EventLoop {
    fn run(&mut self, mut poll: Poll) -> Result<(), String> {
        let mut events = Events::with_capacity(8);
        let mut readable = Readable::default();
        let mut now = clock::now();
        loop {
            let at_once = readable.udp || readable.tun || self.gateway.is_waiting();
            let timeout = if at_once { Some(Duration::ZERO) } else { self.timeout(now.instant) };
            match poll.poll(&mut events, timeout) {
                Ok(()) => {}
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(format!("cannot wait for packets: {error}")),
            }
            for event in &events {
                readable.udp |= event.token() == UDP;
                readable.tun |= event.token() == TUN;
            }
            now = clock::now();
            if self.handle_commands(now) {
                return Ok(());
            }
            if readable.udp {
                readable.udp = self.receive(now).map_err(|error| format!("cannot receive datagrams: {error}"))?;
            }
            if readable.tun {
                readable.tun = self.read().map_err(|error| format!("the office device failed: {error}"))?;
            }
            self.gateway.handle_timeout(now);
            self.gateway.serve(now);
            self.deliver();
        }
    }

    fn timeout(&self, now: Instant) -> Option<Duration> {
        self.gateway.poll_timeout().map(|(at, _)| at.saturating_duration_since(now))
    }

    /// Takes what came from the Internet. True if more may wait.
    fn receive(&mut self, now: Now) -> io::Result<bool> {
        for _ in 0..MOST_BATCHES {
            let runs = self.udp.receive(self.gateway.room_for_datagrams())?;
            if runs.len() == 0 {
                return Ok(false);
            }
            for (nth, run) in runs.enumerate() {
                self.gateway.take_datagrams(nth, run.from, run.length, run.size, now);
            }
        }
        Ok(true)
    }

    /// Takes what came from the office. True if more may wait.
    fn read(&mut self) -> io::Result<bool> {
        for _ in 0..MOST_PACKETS {
            let Some(length) = self.tun.read(self.gateway.room_for_packet())? else { return Ok(false) };
            self.gateway.take_packet(length);
        }
        Ok(true)
    }

    /// Hands everything that the core wants done to the kernel, and its events to the ledger.
    fn deliver(&mut self) {
        let mut unsent = 0;
        self.gateway.flush_office();
        while let Some(packet) = self.gateway.poll_office() {
            if !self.tun.write(packet) {
                tracing::trace!(bytes = packet.len(), "not written to the office device");
                unsent += 1;
            }
        }
        while let Some(transmit) = self.gateway.poll_transmit() {
            let sent = match transmit.to {
                Way::Udp(to) => self.udp.send(to, &transmit),
                Way::Channel(number) => self.outlets.get(&number).is_some_and(|outlet| outlet.offer(&transmit)),
            };
            if !sent {
                let datagrams = transmit.datagrams.len().div_ceil(transmit.segment.max(1));
                tracing::trace!(datagrams, "not sent");
                unsent += datagrams as u64;
            }
        }
        self.gateway.handle_unsent(unsent);
        while let Some(event) = self.gateway.poll_event() {
            if let Event::Closed { number, .. } = event {
                self.outlets.remove(&number);
            }
            // Nobody listens only while the daemon ends, when the store has the last word.
            let _ = self.tell.send(event);
        }
    }

    /// Answers what other tasks asked. True when the loop is to end.
    fn handle_commands(&mut self, now: Now) -> bool {
        while let Ok(command) = self.asked.try_recv() {
            match command {
                Command::Open(open, reply) => answer(reply, self.gateway.open_session(*open, now)),
                Command::Admit(number, reply) => answer(reply, self.gateway.admit_session(number, now)),
                Command::ChangeGrant(number, grant, reply) => {
                    answer(reply, self.gateway.change_grant(number, *grant, now));
                }
                Command::Close(number, reason, reply) => answer(reply, self.gateway.close_session(number, reason)),
                Command::Channel(number, outlet, reply) => {
                    answer(reply, self.gateway.handle_channel(number, outlet.is_some(), now));
                    match outlet {
                        Some(outlet) => self.outlets.insert(number, outlet),
                        None => self.outlets.remove(&number),
                    };
                }
                Command::Carry(number, batch) => {
                    tracing::trace!(session = %number, datagrams = batch.len(), "by channel");
                    for datagram in batch.datagrams() {
                        self.gateway.handle_channel_datagram(number, datagram, now);
                    }
                    // Room for what they are answered with, and for the next command's.
                    self.deliver();
                }
                Command::List(reply) => answer(reply, self.gateway.sessions(now)),
                Command::Counters(reply) => answer(reply, self.gateway.counters().clone()),
                Command::Stop(reason, reply) => {
                    self.gateway.close_all(reason);
                    self.deliver();
                    answer(reply, ());
                    return true;
                }
            }
        }
        false
    }
}

/// An answer that nobody waits for any more is dropped.
fn answer<T>(reply: oneshot::Sender<T>, value: T) {
    let _ = reply.send(value);
}
