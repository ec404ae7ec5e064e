//! The one thread that owns the session's packets: the core, the socket to the gateway, the doors and the connections
//! that came in by them.
//!
//! It sleeps until a socket, a deadline or a command wants it, and then moves bytes until nothing moves any more. Bytes
//! are read straight into the core's rings and written straight out of them. Everything else (login, session channel,
//! signals, the RDP program) lives on the other side of two closed lists: [`Command`] in, [`Report`] out.

use std::{
    collections::BTreeMap,
    io::{self, Read, Write},
    net::SocketAddr,
    sync::{Arc, mpsc},
    thread::JoinHandle,
    time::Duration,
};

use client_core::{ConnectionId, End, Event, Parameters, Session, Step, Way};
use gateway_api::CloseReason;
use mio::{Events, Interest, Poll, Token, Waker, net::TcpStream};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

use crate::{
    clock,
    link::LoopEnd,
    listener::{self, Address, Door},
    rdp::Seen,
    udp::{GatewaySocket, Progress},
};

const UDP: Token = Token(0);
const COMMANDS: Token = Token(1);
/// Doors have the tokens from here, connections those from [`CONNECTIONS`].
const DOORS: usize = 2;
const CONNECTIONS: usize = 1 << 16;
/// Connections at most at the door of an RDP program that was started here: it makes one or two, and one that connects anew has the
/// one before for a while. Elsewhere the core's own bound holds.
const RDP_CONNECTIONS: usize = 4;
/// The shortest sleep while the socket to the gateway is full; its word that it has room ends the sleep.
const BLOCKED: Duration = Duration::from_millis(5);
/// Receive calls before connections and timers get their turn.
const RECEIVES: usize = 4;

/// What the rest of the program may ask of the loop.
#[derive(Debug)]
pub(crate) enum Command {
    /// The session channel holds the session.
    ChannelAttached,
    /// The session channel was lost.
    ChannelLost,
    /// This computer slept, or stood still.
    Woken,
    /// This computer sends from another address.
    Moved,
    /// The gateway is to be found at another address.
    Gateway(SocketAddr),
    /// The gateway said that the session is over.
    Closed(CloseReason),
    /// End the session: doors shut, what is under way flushed.
    Close(CloseReason),
}

/// What the loop tells.
#[derive(Debug)]
pub(crate) enum Report {
    /// Something happened in the session. After [`Event::Closed`] nothing follows.
    Session(Event),
    /// The doors are open.
    Open(Vec<Address>),
    /// So much of a desktop has come by a connection to the workstation's port.
    Seen { port: u16, seen: Seen },
    /// The loop cannot go on; nothing follows.
    Failed(io::Error),
}

/// A running loop. Dropping it ends the thread and clears the session's keys.
pub(crate) struct DataPlane {
    commands: Option<mpsc::Sender<Command>>,
    waker: Arc<Waker>,
    reports: UnboundedReceiver<Report>,
    thread: Option<JoinHandle<()>>,
}

impl DataPlane {
    /// Starts the thread: the first handshake leaves at once. `services` are the names and ports to open doors for, `rdp` the port
    /// of the door that is for the RDP program started here alone.
    pub(crate) fn start(
        parameters: Parameters,
        gateway: SocketAddr,
        channel: LoopEnd,
        services: Vec<(String, u16)>,
        rdp: Option<u16>,
    ) -> io::Result<Self> {
        let mut socket = GatewaySocket::open(gateway)?;
        let poll = Poll::new()?;
        socket.register(poll.registry(), UDP)?;
        let waker = Arc::new(Waker::new(poll.registry(), COMMANDS)?);
        channel.wake_by(Arc::clone(&waker));
        let (commands, inbox) = mpsc::channel();
        let (reporter, reports) = unbounded_channel();
        let session = Session::open(parameters, clock::now());
        let mut event_loop = EventLoop {
            session,
            socket,
            poll,
            inbox,
            reporter,
            services,
            rdp,
            doors: Vec::new(),
            connections: BTreeMap::new(),
            next: CONNECTIONS,
            knocking: false,
            receivable: true,
            sendable: true,
            channel,
            channel_there: false,
            channel_sendable: true,
        };
        let thread = std::thread::Builder::new().name("data".to_owned()).spawn(move || {
            if let Err(error) = event_loop.run() {
                let _ = event_loop.reporter.send(Report::Failed(error));
            }
        })?;
        Ok(Self { commands: Some(commands), waker, reports, thread: Some(thread) })
    }

    /// Gives a command. One that comes after the end is dropped.
    pub(crate) fn command(&self, command: Command) {
        if let Some(commands) = &self.commands {
            let _ = commands.send(command);
            let _ = self.waker.wake();
        }
    }

    /// The next report; none once the loop has ended.
    pub(crate) async fn report(&mut self) -> Option<Report> {
        self.reports.recv().await
    }
}

impl Drop for DataPlane {
    fn drop(&mut self) {
        self.commands = None;
        let _ = self.waker.wake();
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// A connection of a local program.
struct Connection {
    id: ConnectionId,
    /// The workstation's.
    port: u16,
    stream: TcpStream,
    /// The kernel has not said "nothing more for now" since it last had something.
    readable: bool,
    writable: bool,
    /// The program has said that no more comes from it.
    finished: bool,
    /// In bytes, from the workstation.
    brought: u64,
}

/// What a look at a connection came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Moved {
    Something,
    Nothing,
    Over,
}

struct EventLoop {
    session: Session,
    socket: GatewaySocket,
    poll: Poll,
    inbox: mpsc::Receiver<Command>,
    reporter: UnboundedSender<Report>,
    services: Vec<(String, u16)>,
    /// Of the workstation: at its door stand as few as an RDP program needs.
    rdp: Option<u16>,
    doors: Vec<Door>,
    connections: BTreeMap<usize, Connection>,
    next: usize,
    /// Somebody may wait at a door.
    knocking: bool,
    receivable: bool,
    sendable: bool,
    /// The way by the session channel: whether it leads anywhere, and whether it takes anything now.
    channel: LoopEnd,
    channel_there: bool,
    channel_sendable: bool,
}

impl EventLoop {
    fn run(&mut self) -> io::Result<()> {
        let mut events = Events::with_capacity(64);
        loop {
            let patience = self.patience();
            self.poll.poll(&mut events, patience).or_else(interrupted)?;
            for event in &events {
                self.note(event);
            }
            if self.take_commands().is_err() {
                return Ok(()); // nobody is left to work for
            }
            self.receive();
            self.accept();
            let now = clock::now();
            if self.session.poll_timeout(now).is_some_and(|(at, _)| at <= now) {
                self.session.handle_timeout(now);
            }
            self.move_bytes();
            if self.tell()? {
                return Ok(());
            }
        }
    }

    /// How long nothing needs to be done unless something happens.
    fn patience(&mut self) -> Option<Duration> {
        if self.receivable {
            return Some(Duration::ZERO);
        }
        let now = clock::now();
        let (at, _) = self.session.poll_timeout(now)?;
        // The system rounds down to milliseconds: without this the loop would spin until the moment has come.
        let wait = at.saturating_duration_since(now);
        let rounded = if wait.is_zero() { wait } else { wait + Duration::from_micros(999) };
        // While the socket takes nothing, what should have left already cannot be helped along by looking again.
        Some(if self.sendable && self.channel_sendable { rounded } else { rounded.max(BLOCKED) })
    }

    fn note(&mut self, event: &mio::event::Event) {
        match event.token() {
            UDP => {
                self.receivable |= event.is_readable();
                self.sendable |= event.is_writable();
            }
            // It also says that the channel brought something, or has room again.
            COMMANDS => self.channel_sendable = true,
            Token(door) if door < CONNECTIONS => self.knocking = true,
            token => {
                if let Some(connection) = self.connections.get_mut(&token.0) {
                    connection.readable |= event.is_readable();
                    connection.writable |= event.is_writable();
                }
            }
        }
    }

    fn take_commands(&mut self) -> Result<(), mpsc::TryRecvError> {
        loop {
            match self.inbox.try_recv() {
                Ok(Command::ChannelAttached) => {
                    (self.channel_there, self.channel_sendable) = (true, true);
                    self.session.handle_channel_attached(clock::now());
                }
                Ok(Command::ChannelLost) => {
                    self.channel_there = false;
                    self.session.handle_channel_lost(clock::now());
                }
                Ok(Command::Moved) => self.session.handle_moved(clock::now()),
                Ok(Command::Gateway(gateway)) => self.turn_to(gateway),
                Ok(Command::Woken) => self.session.handle_woken(clock::now()),
                Ok(Command::Closed(reason)) => self.session.handle_closed(reason),
                Ok(Command::Close(reason)) => {
                    self.doors.clear();
                    self.session.close(reason, clock::now());
                }
                Err(mpsc::TryRecvError::Empty) => return Ok(()),
                Err(error @ mpsc::TryRecvError::Disconnected) => return Err(error),
            }
        }
    }

    /// Datagrams go to another address from now on. Without a socket for it they go on by the channel.
    fn turn_to(&mut self, gateway: SocketAddr) {
        let opened = GatewaySocket::open(gateway).and_then(|mut socket| {
            socket.register(self.poll.registry(), UDP)?;
            Ok(socket)
        });
        match opened {
            Ok(socket) => {
                (self.socket, self.receivable, self.sendable) = (socket, true, true);
                self.session.handle_moved(clock::now());
            }
            Err(error) => tracing::debug!(%error, "no socket for the gateway's other address"),
        }
    }

    fn receive(&mut self) {
        let now = clock::now();
        let Self { session, socket, channel, .. } = self;
        for _ in 0..RECEIVES {
            let Some(batch) = channel.receive() else { break };
            self.receivable |= batch.count() > 0;
            for datagram in batch.datagrams() {
                // A probe asks about an address, and the channel needs none.
                session.handle_datagram(Way::Channel, datagram, now);
            }
        }
        for _ in 0..RECEIVES {
            if !self.receivable {
                return;
            }
            let mut probes = Vec::new();
            let progress = socket.receive(|datagram, to| {
                probes.extend(session.handle_datagram(Way::Udp, datagram, now).map(|nonce| (nonce, to)));
            });
            self.receivable = progress == Progress::Done;
            for (nonce, to) in probes {
                if to.is_none_or(|to| socket.leaves_from(to)) {
                    channel.confirm(nonce);
                }
            }
        }
    }

    fn accept(&mut self) {
        if !std::mem::take(&mut self.knocking) {
            return;
        }
        for door in &self.doors {
            while let Some(mut stream) = door.accept() {
                let held = |connection: &&Connection| connection.port == door.port && !connection.finished;
                if self.rdp == Some(door.port) && self.connections.values().filter(held).count() >= RDP_CONNECTIONS {
                    tracing::debug!(port = door.port, "connection turned away: more than an RDP program needs");
                    listener::reset(&stream);
                    continue;
                }
                let token = Token(self.next);
                let registered =
                    self.poll.registry().register(&mut stream, token, Interest::READABLE | Interest::WRITABLE);
                match registered.map(|()| self.session.open_connection(door.port, clock::now())) {
                    Ok(Ok(id)) => {
                        let port = door.port;
                        let (readable, writable, finished) = (true, true, false);
                        let connection = Connection { id, port, stream, readable, writable, finished, brought: 0 };
                        self.connections.insert(self.next, connection);
                        self.next += 1;
                    }
                    Ok(Err(error)) => {
                        tracing::debug!(?error, "connection turned away");
                        listener::reset(&stream);
                    }
                    Err(error) => {
                        tracing::debug!(%error, "connection not registered");
                        listener::reset(&stream);
                    }
                }
            }
        }
    }

    /// Moves bytes between local programs, core and gateway until nothing moves.
    fn move_bytes(&mut self) {
        loop {
            let mut moved = false;
            let Self { session, connections, reporter, .. } = self;
            connections.retain(|_, connection| {
                let before = Seen::of(connection.brought);
                let look = connection.look(session);
                let seen = Seen::of(connection.brought);
                if seen > before {
                    let _ = reporter.send(Report::Seen { port: connection.port, seen });
                }
                moved |= look == Moved::Something;
                look != Moved::Over
            });
            moved |= self.send();
            if !moved {
                return;
            }
        }
    }

    /// Sends what is ready. True if anything left.
    fn send(&mut self) -> bool {
        let mut sent = false;
        let now = clock::now();
        while let Some(transmit) = self.session.poll_transmit(now) {
            let (progress, sendable) = match transmit.way {
                Way::Udp if self.sendable => (self.socket.send(&transmit), &mut self.sendable),
                Way::Channel if !self.channel_there => (Progress::Done, &mut self.channel_sendable),
                Way::Channel if self.channel_sendable => (self.channel.send(&transmit), &mut self.channel_sendable),
                Way::Udp | Way::Channel => return sent,
            };
            match progress {
                Progress::Done => {
                    self.session.transmitted();
                    sent = true;
                }
                Progress::Wait => *sendable = false,
            }
        }
        sent
    }

    /// Passes on what the session has to tell. True once it is over.
    fn tell(&mut self) -> io::Result<bool> {
        let now = clock::now();
        while let Some(event) = self.session.poll_event(now) {
            let _ = self.reporter.send(Report::Session(event));
            match event {
                Event::TunnelUp if self.doors.is_empty() && self.connections.is_empty() && self.next == CONNECTIONS => {
                    self.open_doors()?;
                }
                Event::Closed(end) => {
                    self.end(end);
                    return Ok(true);
                }
                _ => {}
            }
        }
        Ok(false)
    }

    fn open_doors(&mut self) -> io::Result<()> {
        for (name, port) in std::mem::take(&mut self.services) {
            let mut door = Door::open(&name, port)?;
            let token = Token(DOORS + self.doors.len());
            self.poll.registry().register(&mut door.listener, token, Interest::READABLE)?;
            self.doors.push(door);
        }
        let addresses = self.doors.iter().map(|door| door.address.clone()).collect();
        let _ = self.reporter.send(Report::Open(addresses));
        Ok(())
    }

    /// Last packets out, local connections reset, so that no program waits for a desktop that is gone.
    fn end(&mut self, end: End) {
        tracing::debug!(?end, "session over");
        self.send();
        self.doors.clear();
        self.connections.values().for_each(|connection| listener::reset(&connection.stream));
        self.connections.clear();
    }
}

impl Connection {
    /// Moves what can be moved now: at most one helping in, so that connections take turns.
    fn look(&mut self, session: &mut Session) -> Moved {
        let up = self.upload(session);
        if up == Moved::Over {
            return up;
        }
        let down = self.download(session);
        if down == Moved::Over {
            return down;
        }
        match session.step(self.id) {
            Step::Continue => {}
            Step::Finish => drop(self.stream.shutdown(std::net::Shutdown::Write)),
            Step::Close => return Moved::Over,
            Step::Reset => {
                listener::reset(&self.stream);
                return Moved::Over;
            }
        }
        if up == Moved::Something { up } else { down }
    }

    fn upload(&mut self, session: &mut Session) -> Moved {
        if !self.readable {
            return Moved::Nothing;
        }
        let stream = &mut self.stream;
        let read = session.upload(self.id, |room| match stream.read(room) {
            Ok(count) => (count, Ok(count)),
            Err(error) => (0, Err(error.kind())),
        });
        match read {
            None => Moved::Nothing,
            Some(Ok(0)) => {
                session.finish(self.id);
                self.readable = false;
                self.finished = true;
                Moved::Something
            }
            Some(Ok(_)) | Some(Err(io::ErrorKind::Interrupted)) => Moved::Something,
            Some(Err(io::ErrorKind::WouldBlock)) => {
                self.readable = false;
                Moved::Nothing
            }
            Some(Err(_)) => self.give_up(session),
        }
    }

    fn download(&mut self, session: &mut Session) -> Moved {
        let mut moved = Moved::Nothing;
        while self.writable {
            let Self { stream, brought, .. } = self;
            let written = session.download(self.id, |bytes| match stream.write(bytes) {
                Ok(count) => {
                    *brought += count as u64;
                    (count, Ok(()))
                }
                Err(error) => (0, Err(error.kind())),
            });
            match written {
                None => break,
                Some(Ok(())) => moved = Moved::Something,
                Some(Err(io::ErrorKind::Interrupted)) => {}
                Some(Err(io::ErrorKind::WouldBlock)) => self.writable = false,
                Some(Err(_)) => return self.give_up(session),
            }
        }
        moved
    }

    fn give_up(&self, session: &mut Session) -> Moved {
        session.abort(self.id);
        Moved::Over
    }
}

fn interrupted(error: io::Error) -> io::Result<()> {
    if error.kind() == io::ErrorKind::Interrupted { Ok(()) } else { Err(error) }
}
