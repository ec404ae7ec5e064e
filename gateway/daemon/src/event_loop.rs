//! The loops that own core, sockets, TUN and clock: one for each processor, a thread of its own with its own sessions,
//! socket and TUN queue, which never waits for anything but packets, commands and deadlines.
//!
//! The kernel gives each loop what is its sessions' (`udp::steering`, and the TUN's queues). What it cannot know, a loop
//! hands over: a handshake, which names its session only once it is half done, and an answer from the office that came
//! to another queue.
//!
//! Each round asks the clock once, takes all that has arrived, lets the core serve a bounded part of it, hands everything
//! that the core wants done to the kernel, and tells the daemon's ledger what happened to sessions. All is taken, for the
//! kernel's queues know no sessions; a part is served, so that whoever comes meanwhile is seen soon and has their turn.

use std::{
    collections::HashMap,
    io,
    ops::ControlFlow,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
        mpsc,
    },
    thread::JoinHandle,
    time::{Duration, Instant},
};

use gateway_api::{PublicKey, SessionNumber, probe::Nonce};
use gateway_core::{BATCH, Drop, Event, Gateway, Identity, Now, Setup, Shard, Way};
use mio::{Events, Interest, Poll, Token, Waker, unix::SourceFd};
use tokio::sync::{
    mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel},
    oneshot,
};

use crate::{
    channel_queue::Outlet,
    clock,
    command::{Command, DataPlane, Lane},
    config::Config,
    forwarding,
    handover::{self, Letterbox, Neighbour},
    privileges,
    shards::Shards,
    short_turns::ask_for_short_turns,
    stop::{self, Step},
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

/// Commands that one round answers; a batch of a channel's datagrams counts as so many.
const MOST_COMMANDS: usize = 64;
const CARRY: usize = 16;

/// Random numbers drawn at a time.
const NONCES: usize = 32;

/// Handshakes of other loops that one round answers: a fifth of a millisecond each.
const MOST_STRAYS: usize = 4;

/// The loops run.
pub(crate) struct Started {
    /// How the rest of the daemon reaches them.
    pub(crate) data_plane: DataPlane,
    /// What happens to sessions, in order. Ends when the loops do.
    pub(crate) events: UnboundedReceiver<Event>,
    /// The gateway's WireGuard key.
    pub(crate) public_key: PublicKey,
    /// They end after `DataPlane::stop`, or all of them with a failure of one.
    pub(crate) threads: Threads,
}

/// The loops' threads.
pub(crate) struct Threads(Vec<JoinHandle<Result<(), String>>>);

impl Threads {
    /// Waits for the loops to end; what failed first is told. One that does not end ends with the process.
    pub(crate) fn join(self) -> Result<(), String> {
        if !stop::wait_for(Step::Threads, || self.0.iter().all(JoinHandle::is_finished)) {
            return Err("a packet thread does not end".to_owned());
        }
        let ended =
            |thread: JoinHandle<_>| thread.join().unwrap_or_else(|_| Err("a packet thread broke off".to_owned()));
        self.0.into_iter().map(ended).fold(Ok(()), Result::and)
    }
}

/// Opens sockets and TUN and starts the loops. What is wrong is said with what to do about it.
pub(crate) fn start(config: &Config, secret: [u8; 32]) -> Result<Started, String> {
    let loops = config.tunnel.loops;
    let sockets = Udp::bind(config.tunnel.listen, loops)?;
    let queues = Tun::open(&config.office, &config.tunnel.pools, config.tunnel.mtu, loops)?;
    forwarding::allow(&config.office.device, &config.tunnel.pools)?;
    let identity = Identity::new(secret);
    let shards = Arc::new(Shards::new(&config.tunnel.pools, loops));
    let (tell, events) = unbounded_channel();
    let wait = |error: io::Error| format!("cannot wait for packets: {error}");
    let (mut lanes, mut neighbours, mut rounds) = (Vec::new(), Vec::new(), Vec::new());
    for ((own, mut udp), tun) in (0..loops).zip(sockets).zip(queues) {
        let poll = Poll::new().map_err(wait)?;
        poll.registry().register(udp.source(), UDP, Interest::READABLE).map_err(wait)?;
        poll.registry().register(&mut SourceFd(&tun.raw_fd()), TUN, Interest::READABLE).map_err(wait)?;
        let waker = Arc::new(Waker::new(poll.registry(), COMMANDS).map_err(wait)?);
        let (commands, asked) = mpsc::channel();
        let (neighbour, letterbox) = handover::letterbox(Arc::clone(&waker));
        lanes.push(Lane::new(commands, waker));
        neighbours.push(neighbour);
        let gateway = Gateway::new(Setup {
            identity: identity.clone(),
            pools: config.tunnel.pools,
            mtu: config.tunnel.mtu,
            handshakes_per_second: config.tunnel.handshakes,
            shard: Shard { own, all: loops },
            cuts_datagrams: tun.cuts_datagrams(),
        });
        rounds.push((poll, gateway, udp, tun, asked, letterbox));
    }
    let together = Arc::new(Together { neighbours, broken: AtomicBool::new(false) });
    let mut threads = Vec::with_capacity(rounds.len());
    for (place, (poll, gateway, udp, tun, asked, letterbox)) in rounds.into_iter().enumerate() {
        let (together, shards) = (Arc::clone(&together), Arc::clone(&shards));
        let outlets = HashMap::new();
        let round = EventLoop { gateway, udp, tun, asked, tell: tell.clone(), outlets, letterbox, together, shards };
        let thread = std::thread::Builder::new()
            .name(format!("data-plane-{place}"))
            .spawn(move || round.live(poll))
            .map_err(|error| format!("cannot start a packet thread: {error}"))?;
        threads.push(thread);
    }
    Ok(Started {
        data_plane: DataPlane::new(lanes, shards),
        events,
        public_key: identity.public(),
        threads: Threads(threads),
    })
}

/// What all loops know of each other.
struct Together {
    /// Each in the place that its shard has.
    neighbours: Vec<Neighbour>,
    /// One of them failed: half a gateway is none.
    broken: AtomicBool,
}

struct EventLoop {
    gateway: Gateway,
    udp: Udp,
    tun: Tun,
    asked: mpsc::Receiver<Command>,
    tell: UnboundedSender<Event>,
    /// The ways to the session channels that are there.
    outlets: HashMap<SessionNumber, Outlet>,
    letterbox: Letterbox,
    together: Arc<Together>,
    shards: Arc<Shards>,
}

/// What may still be waiting in the kernel: readiness is told once, not until it is used up.
#[derive(Default)]
struct Readable {
    udp: bool,
    tun: bool,
    letters: bool,
    commands: bool,
}

impl EventLoop {
    /// A thread's whole life.
    fn live(mut self, poll: Poll) -> Result<(), String> {
        if let Err(error) = ask_for_short_turns() {
            tracing::debug!(%error, "no short turns at the processor");
        }
        // Rights belong to threads: this one gives up its own, now that everything is open.
        let ended = privileges::give_up().and_then(|()| self.run(poll));
        if ended.is_err() {
            self.together.broken.store(true, Ordering::Release);
            self.together.neighbours.iter().for_each(Neighbour::wake);
        }
        ended
    }

    fn run(&mut self, mut poll: Poll) -> Result<(), String> {
        let mut events = Events::with_capacity(8);
        let mut readable = Readable::default();
        let mut now = clock::now();
        loop {
            let Readable { udp, tun, letters, commands } = readable;
            let at_once = udp || tun || letters || commands || self.gateway.is_waiting();
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
            self.bring_nonces();
            readable.commands = match self.handle_commands(now) {
                ControlFlow::Continue(more) => more,
                ControlFlow::Break(()) => return Ok(()),
            };
            if self.together.broken.load(Ordering::Acquire) {
                return Ok(());
            }
            readable.letters = self.take_letters(now);
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

    /// Draws random numbers for the core, many at a time, so that a round seldom asks for any.
    fn bring_nonces(&mut self) {
        let mut bytes = [0; NONCES * 16];
        if self.gateway.wanted_nonces() < NONCES || getrandom::fill(&mut bytes).is_err() {
            return;
        }
        self.gateway.add_nonces(bytes.as_chunks().0.iter().map(|nonce| Nonce(*nonce)));
    }

    fn timeout(&self, now: Instant) -> Option<Duration> {
        self.gateway.poll_timeout().map(|(at, _)| at.saturating_duration_since(now))
    }

    /// Takes what came from the Internet. True if more may wait.
    fn receive(&mut self, now: Now) -> io::Result<bool> {
        for _ in 0..MOST_BATCHES {
            let runs = self.udp.receive(self.gateway.room_for_datagrams())?;
            let count = runs.len();
            for (nth, run) in runs.enumerate() {
                self.gateway.take_datagrams(nth, run.from, run.length, run.size, now);
            }
            // Fewer than there was room for: none waits now, and the next to come is told.
            if count < BATCH {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Takes what came from the office. True if more may wait.
    fn read(&mut self) -> io::Result<bool> {
        for _ in 0..MOST_PACKETS {
            let Some(length) = self.tun.read(self.gateway.room_for_packet())? else { return Ok(false) };
            match self.gateway.foreign_packet(length) {
                None => self.gateway.take_packet(length),
                Some((owner, packet)) => {
                    let given = self.together.neighbour(owner).is_some_and(|owner| owner.take_answer(packet.into()));
                    match given {
                        true => self.gateway.handle_handed_over(),
                        false => self.gateway.lose_packet(length),
                    }
                }
            }
        }
        Ok(true)
    }

    /// Takes what other loops handed over. True if more waits.
    fn take_letters(&mut self, now: Now) -> bool {
        self.letterbox.open();
        let mut strays = 0;
        while strays < MOST_STRAYS
            && let Ok(stray) = self.letterbox.strays.try_recv()
        {
            self.gateway.handle_stray(&stray, now);
            strays += 1;
        }
        let mut answers = 0;
        while answers < MOST_PACKETS
            && let Ok(packet) = self.letterbox.answers.try_recv()
        {
            if let Some(room) = self.gateway.room_for_packet().get_mut(..packet.len()) {
                room.copy_from_slice(&packet);
                self.gateway.take_packet(packet.len());
            }
            answers += 1;
        }
        strays == MOST_STRAYS || answers == MOST_PACKETS
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
            let all = || transmit.datagrams.len().div_ceil(transmit.segment.max(1)) as u64;
            let lost = match transmit.to {
                Way::Udp(to) if self.udp.send(to, &transmit) => 0,
                Way::Udp(_) => all(),
                Way::Channel(number) => self.outlets.get(&number).map_or_else(all, |outlet| outlet.offer(&transmit)),
            };
            if lost > 0 {
                tracing::trace!(datagrams = lost, "not sent");
                unsent += lost;
            }
        }
        self.gateway.handle_unsent(unsent);
        while let Some(stray) = self.gateway.poll_stray() {
            match self.shards.owner_of_key(&stray.key).and_then(|owner| self.together.neighbour(owner)) {
                Some(owner) if owner.take_stray(stray) => self.gateway.handle_handed_over(),
                Some(_) => self.gateway.handle_lost(Drop::Backlog),
                None => self.gateway.handle_lost(Drop::UnknownPeer),
            }
        }
        while let Some(event) = self.gateway.poll_event() {
            if let Event::Closed { number, .. } = event {
                self.outlets.remove(&number);
                self.shards.take_back(number);
            }
            // Nobody listens only while the daemon ends, when the store has the last word.
            let _ = self.tell.send(event);
        }
    }

    /// Answers what other tasks asked, as much as fits into a round: channels that send without end take no turn from anybody.
    /// Whether more may wait; breaks when the loop is to end.
    fn handle_commands(&mut self, now: Now) -> ControlFlow<(), bool> {
        let mut left = MOST_COMMANDS;
        while left > 0
            && let Ok(command) = self.asked.try_recv()
        {
            left = left.saturating_sub(if matches!(command, Command::Carry(..)) { CARRY } else { 1 });
            match command {
                Command::Open(open, reply) => {
                    let number = open.number;
                    let opened = self.gateway.open_session(*open, now);
                    if opened.is_err() {
                        self.shards.take_back(number);
                    }
                    answer(reply, opened);
                }
                Command::Restore(restore, reply) => {
                    let number = restore.open.number;
                    let restored = self.gateway.restore_session(*restore, now);
                    if restored.is_err() {
                        self.shards.take_back(number);
                    }
                    answer(reply, restored);
                }
                Command::Release(number, initiation, reply) => {
                    self.gateway.release_answer(number, &initiation);
                    answer(reply, ());
                }
                Command::Admit(number, reply) => answer(reply, self.gateway.admit_session(number, now)),
                Command::ChangeGrant(number, grant, reply) => {
                    answer(reply, self.gateway.change_grant(number, *grant, now));
                }
                Command::WaitAnew(number, reply) => answer(reply, self.gateway.wait_anew(number, now)),
                Command::Close(number, reason, reply) => answer(reply, self.gateway.close_session(number, reason)),
                Command::Channel(number, outlet, reply) => {
                    let is_known = self.gateway.handle_channel(number, outlet.is_some(), now);
                    match outlet {
                        // One that has just closed has nobody any more who would take it out again.
                        Some(outlet) if is_known => drop(self.outlets.insert(number, outlet)),
                        Some(_) | None => drop(self.outlets.remove(&number)),
                    }
                    answer(reply, is_known);
                }
                Command::Confirm(number, nonce, reply) => {
                    answer(reply, self.gateway.confirm_way(number, nonce, now));
                }
                Command::BeginTrace(number, span, reply) => {
                    answer(reply, self.gateway.begin_trace(number, span, now));
                }
                Command::EndTrace(number, reply) => answer(reply, self.gateway.end_trace(number, now)),
                Command::BeginLook(number, span, reply) => answer(reply, self.gateway.begin_look(number, span, now)),
                Command::DroppedHeaders(number, reply) => answer(reply, self.gateway.dropped_headers(number, now)),
                Command::EndLook(number, reply) => answer(reply, self.gateway.end_look(number)),
                Command::Carry(number, batch) => {
                    tracing::trace!(session = %number, datagrams = batch.datagrams.count(), "by channel");
                    for datagram in batch.datagrams.datagrams() {
                        self.gateway.handle_channel_datagram(number, datagram, now);
                    }
                    // Room for what they are answered with, and for the next command's.
                    self.deliver();
                }
                Command::List(reply) => answer(reply, self.gateway.sessions(now)),
                Command::Counters(reply) => {
                    answer(reply, (self.gateway.counters().clone(), self.gateway.census(now)));
                }
                Command::Leave(reply) => {
                    self.gateway.leave(now);
                    self.deliver();
                    answer(reply, ());
                    return ControlFlow::Break(());
                }
                Command::Stop(reason, reply) => {
                    self.gateway.close_all(reason);
                    self.deliver();
                    answer(reply, ());
                    return ControlFlow::Break(());
                }
            }
        }
        ControlFlow::Continue(left == 0)
    }
}

impl Together {
    fn neighbour(&self, shard: u8) -> Option<&Neighbour> {
        self.neighbours.get(usize::from(shard))
    }
}

/// An answer that nobody waits for any more is dropped.
fn answer<T>(reply: oneshot::Sender<T>, value: T) {
    let _ = reply.send(value);
}
