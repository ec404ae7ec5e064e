//! The flows a session opened, so that answers return and nothing else does.
//!
//! Loosely tracked: a TCP flow begins with a SYN from home and lingers for a while after its end; a UDP flow begins with
//! any datagram from home, one of pings with a question. The workstation's address is the same for all flows of a session,
//! so two ports and a protocol name one, and pings are named by their identifier. Sequence numbers are kept for one
//! purpose, that both ends can be told when the session closes (`reset`).
//!
//! ```text
//!            SYN from home         anything from the office
//!  (unknown) ────────────► opening ───────────────────────► open
//!                             │                              │ RST from either, or FIN from both
//!                             └────────────► ending ◄────────┘ ───► forgotten, answers pass until then
//! ```
//!
//! After a restart, flows that were kept are open at once and learn their numbers from the next packet of either side;
//! one that began too late to be kept is taken up when home goes on with it.

use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

use crate::{
    Drop, KeptFlow,
    activity::{Cipher, Heard, Meter},
    filter::Filter,
    packet::{Packet, Tcp, Transport},
};

/// The most flows a session may have at a time. A desktop needs one, its reconnection another.
pub const MOST_FLOWS: usize = 64;

/// The most of them that are pings: each program that pings has one, and who begins another forgets the oldest.
const MOST_ECHOES: usize = 8;
/// The most answers that are waited for by one of them: as many as are under way at a time where somebody pings once a second and
/// answers take half a minute. What was never answered must not let as much in later.
pub const MOST_AWAITED: u16 = 32;

/// How long a flow is remembered after its last packet, by state. A TCP flow that is open may be silent for long (a
/// minimised desktop); the session's own limits end it.
const OPENING: Duration = Duration::from_secs(30);
const OPEN: Duration = Duration::from_secs(4 * 3600);
const ENDING: Duration = Duration::from_secs(20);
const DATAGRAMS: Duration = Duration::from_secs(180);
const ECHOES: Duration = Duration::from_secs(30);

/// The protocols a grant can name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Protocol {
    /// RFC 9293.
    Tcp,
    /// RFC 768.
    Udp,
    /// Pings (RFC 792, RFC 4443).
    Echo,
}

/// What names a flow within its session. Pings have their identifier at home, and nothing at the office.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Key {
    pub(crate) protocol: Protocol,
    pub(crate) home_port: u16,
    pub(crate) office_port: u16,
}

impl Key {
    fn of_echo(identifier: u16) -> Self {
        Self { protocol: Protocol::Echo, home_port: identifier, office_port: 0 }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Opening,
    Open,
    Ending,
    Datagrams,
    /// So many questions were not answered yet.
    Echoes(u16),
}

impl State {
    fn remembered(self) -> Duration {
        match self {
            Self::Opening => OPENING,
            Self::Open => OPEN,
            Self::Ending => ENDING,
            Self::Datagrams => DATAGRAMS,
            Self::Echoes(_) => ECHOES,
        }
    }
}

/// Where a TCP flow stands, for telling both ends that it is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Progress {
    /// The number that home's next byte will have.
    pub(crate) home_next: u32,
    /// The number that the workstation's next byte will have.
    pub(crate) office_next: u32,
    /// What the workstation said it awaits next from home.
    pub(crate) office_awaits: u32,
    home_fin: bool,
    office_fin: bool,
    home_seen: bool,
    office_seen: bool,
}

#[derive(Debug)]
pub(crate) struct Flow {
    pub(crate) key: Key,
    state: State,
    last_packet: Instant,
    pub(crate) progress: Progress,
    /// There from the SYN on, or from the first packet after a restart; datagrams have none.
    meter: Option<Meter>,
    /// What was kept of how the flow is ciphered, until the meter has it.
    cipher: Option<Cipher>,
}

impl Flow {
    fn is_forgotten(&self, now: Instant) -> bool {
        now.saturating_duration_since(self.last_packet) >= self.state.remembered()
    }

    /// Whether it is TCP, over or not.
    pub(crate) fn is_tcp(&self) -> bool {
        self.key.protocol == Protocol::Tcp
    }

    /// Whether it is TCP, and both ends still believe in it.
    fn is_live(&self) -> bool {
        matches!(self.state, State::Opening | State::Open)
    }
}

/// All flows of one session.
#[derive(Debug, Default)]
pub struct Flows {
    flows: Vec<Flow>,
    /// Whether what [`Self::kept`] says has changed since it was last asked for.
    changed: bool,
    /// Whether flows may have begun before all memory of them did.
    adopts: bool,
}

impl Flows {
    /// The flows of a session that is taken up again after a restart, as far as they are still granted.
    pub(crate) fn restore(kept: &[KeptFlow], filter: &Filter, now: Instant) -> Self {
        let restored = |kept: &KeptFlow| Flow {
            key: Key { protocol: kept.protocol, home_port: kept.home_port, office_port: kept.office_port },
            state: match kept.protocol {
                Protocol::Tcp => State::Open,
                Protocol::Udp => State::Datagrams,
                Protocol::Echo => State::Echoes(0),
            },
            last_packet: now,
            progress: Progress::default(),
            meter: None,
            cipher: kept.cipher,
        };
        let granted = kept.iter().filter(|kept| filter.grants((kept.protocol, kept.office_port)));
        Self { flows: granted.take(MOST_FLOWS).map(restored).collect(), changed: false, adopts: true }
    }

    /// What has to be kept of the flows that are there, so that they go on after a restart. Who pings asks again anyway.
    pub(crate) fn kept(&self, now: Instant) -> Vec<KeptFlow> {
        let there = |flow: &&Flow| !matches!(flow.state, State::Ending | State::Echoes(_)) && !flow.is_forgotten(now);
        let kept = |flow: &Flow| KeptFlow {
            protocol: flow.key.protocol,
            home_port: flow.key.home_port,
            office_port: flow.key.office_port,
            cipher: flow.cipher(),
        };
        self.flows.iter().filter(there).map(kept).collect()
    }

    /// Whether that has changed since the last call.
    pub(crate) fn take_changed(&mut self) -> bool {
        let learned = |flow: &mut Flow| {
            let cipher = flow.meter.as_ref().and_then(Meter::cipher);
            let is_new = cipher.is_some() && flow.cipher != cipher;
            flow.cipher = cipher.or(flow.cipher);
            is_new
        };
        let learned = self.flows.iter_mut().fold(false, |any, flow| learned(flow) | any);
        std::mem::take(&mut self.changed) | learned
    }

    /// A packet from home that the filter let pass: finds its flow or opens one.
    pub(crate) fn handle_from_home(&mut self, packet: &Packet<'_>, now: Instant) -> Result<&mut Flow, Drop> {
        let (key, begins, goes_on) = match packet.transport {
            Transport::Tcp(tcp) => (
                Key { protocol: Protocol::Tcp, home_port: tcp.source, office_port: tcp.destination },
                tcp.has(Tcp::SYN) && !tcp.has(Tcp::ACK | Tcp::RST | Tcp::FIN),
                tcp.has(Tcp::ACK) && !tcp.has(Tcp::SYN | Tcp::RST | Tcp::FIN),
            ),
            Transport::Udp { source, destination } => {
                (Key { protocol: Protocol::Udp, home_port: source, office_port: destination }, true, false)
            }
        };
        let found = self.flows.iter().position(|flow| flow.key == key && !flow.is_forgotten(now));
        let place = match found {
            Some(place) => place,
            None if begins => self.open(key, now)?,
            None if self.adopts && goes_on => {
                let place = self.open(key, now)?;
                if let Some(flow) = self.flows.get_mut(place) {
                    flow.state = State::Open;
                }
                place
            }
            None => return Err(Drop::NoFlow),
        };
        let flow = self.flows.get_mut(place).ok_or(Drop::NoFlow)?;
        flow.last_packet = now;
        if let Transport::Tcp(tcp) = packet.transport {
            if begins && !flow.is_live() {
                // The port is used again before the old flow was forgotten.
                flow.state = State::Opening;
                flow.progress = Progress::default();
                flow.cipher = None;
                self.changed = true;
            }
            let was_live = flow.is_live();
            flow.home_sent(&tcp, packet.payload().len());
            self.changed |= was_live && !flow.is_live();
        }
        Ok(flow)
    }

    /// A packet from the workstation: finds the flow that it answers.
    pub(crate) fn handle_from_office(&mut self, packet: &Packet<'_>, now: Instant) -> Result<&mut Flow, Drop> {
        let key = match packet.transport {
            Transport::Tcp(tcp) => Key { protocol: Protocol::Tcp, home_port: tcp.destination, office_port: tcp.source },
            Transport::Udp { source, destination } => {
                Key { protocol: Protocol::Udp, home_port: destination, office_port: source }
            }
        };
        let flow =
            self.flows.iter_mut().find(|flow| flow.key == key && !flow.is_forgotten(now)).ok_or(Drop::NotAnAnswer)?;
        if let Transport::Tcp(tcp) = packet.transport {
            // A SYN alone asks for a connection; inside a live flow it is an attempt to open one towards home.
            if tcp.has(Tcp::SYN) && !tcp.has(Tcp::ACK) {
                return Err(Drop::NotAnAnswer);
            }
            let was_live = flow.is_live();
            flow.office_sent(&tcp, packet.payload().len());
            self.changed |= was_live && !flow.is_live();
        }
        flow.last_packet = now;
        Ok(flow)
    }

    /// A question from home that the filter let pass: one answer more may return.
    pub(crate) fn handle_question(&mut self, identifier: u16, now: Instant) -> Result<(), Drop> {
        let key = Key::of_echo(identifier);
        let found = self.flows.iter().position(|flow| flow.key == key && !flow.is_forgotten(now));
        let place = found.map_or_else(|| self.open(key, now), Ok)?;
        let flow = self.flows.get_mut(place).ok_or(Drop::NoFlow)?;
        if let State::Echoes(awaited) = &mut flow.state {
            *awaited = (*awaited + 1).min(MOST_AWAITED);
        }
        flow.last_packet = now;
        Ok(())
    }

    /// An answer from the workstation: one for each question, so that nothing else is brought home by answers.
    pub(crate) fn handle_answer(&mut self, identifier: u16, now: Instant) -> Result<(), Drop> {
        let key = Key::of_echo(identifier);
        let flow = self.flows.iter_mut().find(|flow| flow.key == key && !flow.is_forgotten(now));
        match flow.map(|flow| &mut flow.state) {
            Some(State::Echoes(awaited @ 1..)) => {
                *awaited -= 1;
                Ok(())
            }
            _ => Err(Drop::NotAnAnswer),
        }
    }

    /// Whether a flow is there.
    pub(crate) fn has(&self, key: Key, now: Instant) -> bool {
        self.flows.iter().any(|flow| flow.key == key && !flow.is_forgotten(now))
    }

    /// Flows remembered at this moment.
    pub fn count(&self, now: Instant) -> usize {
        self.flows.iter().filter(|flow| !flow.is_forgotten(now)).count()
    }

    /// Takes out the flows that `stays` does not name.
    pub(crate) fn take_unless(&mut self, stays: impl Fn(Key) -> bool) -> Vec<Flow> {
        let taken: Vec<Flow> = self.flows.extract_if(.., |flow| !stays(flow.key)).collect();
        self.changed |= !taken.is_empty();
        taken
    }

    fn open(&mut self, key: Key, now: Instant) -> Result<usize, Drop> {
        if key.protocol == Protocol::Echo {
            self.make_room_for_echoes();
        }
        if self.flows.len() >= MOST_FLOWS {
            self.flows.retain(|flow| !flow.is_forgotten(now));
        }
        if self.flows.len() >= MOST_FLOWS {
            // What is ending has nothing left to say, and who pings asks again; room for what begins. A ping takes no connection's.
            let yields = |flow: &Flow| match flow.state {
                State::Echoes(_) => true,
                State::Ending => key.protocol != Protocol::Echo,
                State::Opening | State::Open | State::Datagrams => false,
            };
            let yielding = self.flows.iter().position(yields);
            self.flows.swap_remove(yielding.ok_or(Drop::TooManyFlows)?);
        }
        // A forgotten flow of the same ports would be found first and hide the new one.
        self.flows.retain(|flow| flow.key != key);
        let state = match key.protocol {
            Protocol::Tcp => State::Opening,
            Protocol::Udp => State::Datagrams,
            Protocol::Echo => State::Echoes(0),
        };
        self.changed |= key.protocol != Protocol::Echo;
        self.flows.push(Flow {
            key,
            state,
            last_packet: now,
            progress: Progress::default(),
            meter: None,
            cipher: None,
        });
        Ok(self.flows.len() - 1)
    }

    /// Forgets the pings that were quiet for longest, where there are as many as may be.
    fn make_room_for_echoes(&mut self) {
        let echoes = || self.flows.iter().enumerate().filter(|(_, flow)| flow.key.protocol == Protocol::Echo);
        if echoes().count() >= MOST_ECHOES
            && let Some((oldest, _)) = echoes().min_by_key(|(_, flow)| flow.last_packet)
        {
            self.flows.swap_remove(oldest);
        }
    }
}

impl Flow {
    /// What a packet from home says about the person; none in a flow of datagrams, which nothing is heard in.
    pub(crate) fn hear_home(&mut self, packet: &Packet<'_>, now: Instant) -> Option<Heard> {
        let Transport::Tcp(tcp) = packet.transport else { return None };
        if tcp.has(Tcp::SYN) {
            self.meter = Some(Meter::new(tcp.sequence, now));
            return None;
        }
        let cipher = self.cipher;
        let meter = self.meter.get_or_insert_with(|| Meter::adopt(tcp.sequence, cipher, now));
        Some(meter.handle_from_home(tcp.sequence, packet.payload(), now))
    }

    /// A packet from the workstation, in which the meter learns how the flow is ciphered.
    pub(crate) fn hear_office(&mut self, packet: &Packet<'_>) {
        let (Transport::Tcp(tcp), Some(meter)) = (packet.transport, &mut self.meter) else { return };
        if tcp.has(Tcp::SYN) {
            meter.handle_office_syn(tcp.sequence);
        } else {
            meter.handle_from_office(tcp.sequence, packet.payload());
        }
    }

    /// How it is ciphered, once the workstation has said so.
    pub(crate) fn cipher(&self) -> Option<Cipher> {
        self.meter.as_ref().and_then(Meter::cipher).or(self.cipher)
    }

    fn home_sent(&mut self, tcp: &Tcp, payload: usize) {
        let end = end_of(tcp, payload);
        if tcp.has(Tcp::SYN) || !self.progress.home_seen || is_after(end, self.progress.home_next) {
            self.progress.home_next = end;
        }
        self.progress.home_seen = true;
        if tcp.has(Tcp::ACK) && !self.progress.office_seen && self.state == State::Open {
            // Taken up in the middle: what home says it has tells where the workstation is.
            self.progress.office_next = tcp.acknowledged;
            self.progress.office_awaits = tcp.sequence;
            self.progress.office_seen = true;
        }
        self.progress.home_fin |= tcp.has(Tcp::FIN);
        self.note_end(tcp);
    }

    fn office_sent(&mut self, tcp: &Tcp, payload: usize) {
        let end = end_of(tcp, payload);
        if !self.progress.office_seen || is_after(end, self.progress.office_next) {
            self.progress.office_next = end;
        }
        if tcp.has(Tcp::ACK) && (!self.progress.office_seen || is_after(tcp.acknowledged, self.progress.office_awaits))
        {
            self.progress.office_awaits = tcp.acknowledged;
        }
        if tcp.has(Tcp::ACK) && !self.progress.home_seen {
            self.progress.home_next = tcp.acknowledged;
            self.progress.home_seen = true;
        }
        self.progress.office_seen = true;
        self.progress.office_fin |= tcp.has(Tcp::FIN);
        if self.state == State::Opening {
            self.state = State::Open;
        }
        self.note_end(tcp);
    }

    fn note_end(&mut self, tcp: &Tcp) {
        if tcp.has(Tcp::RST) || (self.progress.home_fin && self.progress.office_fin) {
            self.state = State::Ending;
        }
    }
}

/// The number after a segment's last byte; SYN and FIN count as one each (RFC 9293, section 3.4).
fn end_of(tcp: &Tcp, payload: usize) -> u32 {
    let flags = u32::from(tcp.has(Tcp::SYN)) + u32::from(tcp.has(Tcp::FIN));
    tcp.sequence.wrapping_add(payload as u32).wrapping_add(flags)
}

/// Whether `a` comes after `b` in sequence space (RFC 1982).
pub(crate) fn is_after(a: u32, b: u32) -> bool {
    a != b && a.wrapping_sub(b) < 1 << 31
}
