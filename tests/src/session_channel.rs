//! A session's channel spoken by hand (RFC 6455, as much of it as the gateway speaks): for what our own client would not say, or
//! not at that moment.

use std::{
    io::{ErrorKind, Read as _, Write as _},
    net::TcpStream,
    time::Duration,
};

use gateway_api::{
    SESSION, Token,
    proof::{self, Binding, Use},
    session::{Event, Request},
};
use rustls::{ClientConnection, StreamOwned, pki_types::ServerName};

use crate::{
    api::SESSION_KEY,
    gateway::{CONTROL_PORT, at},
    netns::Computer,
    tls, wait,
    world::GATEWAY,
};

/// Kinds of frames.
const TEXT: u8 = 1;
const CLOSE: u8 = 8;
const PING: u8 = 9;
const PONG: u8 = 10;
/// The last frame of a message, and a payload that is masked.
const FINAL: u8 = 0x80;
const MASKED: u8 = 0x80;

/// A channel that is attached.
pub struct SessionChannel {
    stream: StreamOwned<ClientConnection, TcpStream>,
    read: Vec<u8>,
}

impl SessionChannel {
    /// Attaches a session that was opened by hand. None where the gateway does not let it.
    ///
    /// # Panics
    /// When the gateway is not reached, or speaks something else.
    pub fn attach(computer: &Computer, token: &Token) -> Option<Self> {
        let stream = computer.inside(|| TcpStream::connect(at(GATEWAY, CONTROL_PORT))).expect("the gateway listens");
        let name = ServerName::from(GATEWAY);
        let connection = ClientConnection::new(tls::client(), name).expect("a client");
        let mut stream = StreamOwned::new(connection, stream);
        while stream.conn.is_handshaking() {
            stream.conn.complete_io(&mut stream.sock).expect("TLS");
        }
        Self::over(stream, token)
    }

    /// The same over a connection that is there, its TLS handshake done.
    ///
    /// # Panics
    /// When the gateway hangs up, or speaks something else.
    pub fn over(mut stream: StreamOwned<ClientConnection, TcpStream>, token: &Token) -> Option<Self> {
        let binding = stream.conn.export_keying_material([0; 32], proof::BINDING_LABEL, Some(&[])).expect("TLS 1.3");
        let shown = Use { method: "GET", target: SESSION, token, binding: Binding(binding) };
        let proof = proof::Secret::new(&SESSION_KEY).prove(&shown);
        let head = format!(
            "GET {SESSION} HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
             Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\
             Authorization: Bearer {}\r\n{}: {proof}\r\n\r\n",
            &*token.encode(),
            proof::HEADER
        );
        stream.write_all(head.as_bytes()).expect("the gateway listens");
        stream.sock.set_nonblocking(true).expect("a socket");
        let mut channel = Self { stream, read: Vec::new() };
        let head = wait::until("the channel's answer", wait::SOON, || {
            let is_open = channel.fill();
            let end = channel.read.windows(4).position(|four| four == b"\r\n\r\n");
            assert!(is_open || end.is_some(), "the gateway hung up");
            end.map(|end| channel.read.drain(..end + 4).collect::<Vec<u8>>())
        });
        if !head.starts_with(b"HTTP/1.1 101") {
            return None;
        }
        channel.wait_for("attached", |event| *event == Event::Attached);
        Some(channel)
    }

    /// What the gateway tells next, within `limit`. None if that is nothing; pings are answered meanwhile.
    ///
    /// # Panics
    /// When it tells what is no event.
    pub fn event(&mut self, limit: Duration) -> Option<Event> {
        wait::within(limit, || {
            self.fill();
            loop {
                match self.frame()? {
                    (TEXT, text) => return Some(serde_json::from_slice(&text).expect("an event")),
                    (PING, payload) => self.send(PONG, &payload),
                    (CLOSE, _) => return None,
                    _ => {}
                }
            }
        })
    }

    /// Waits for an event, whatever comes before it.
    ///
    /// # Panics
    /// When it does not come soon.
    pub fn wait_for(&mut self, what: &str, is_it: impl Fn(&Event) -> bool) -> Event {
        let mut before = Vec::new();
        loop {
            match self.event(wait::SOON) {
                Some(event) if is_it(&event) => return event,
                Some(event) => before.push(event),
                None => panic!("waited in vain for {what}; there came {before:?}"),
            }
        }
    }

    /// Says something.
    ///
    /// # Panics
    /// When the gateway hung up.
    pub fn say(&mut self, request: Request) {
        let text = serde_json::to_vec(&request).expect("plain data");
        self.send(TEXT, &text);
    }

    /// Reads what has come. False when nothing will come any more.
    fn fill(&mut self) -> bool {
        let mut bytes = [0; 4096];
        loop {
            match self.stream.read(&mut bytes) {
                Ok(0) => return false,
                Ok(read) => self.read.extend_from_slice(&bytes[..read]),
                Err(error) => return error.kind() == ErrorKind::WouldBlock,
            }
        }
    }

    /// The next whole frame: its kind and payload.
    fn frame(&mut self) -> Option<(u8, Vec<u8>)> {
        let (kind, short) = (*self.read.first()? & 0x0f, usize::from(*self.read.get(1)?));
        let (head, length) = match short {
            126 => (4, usize::from(u16::from_be_bytes([*self.read.get(2)?, *self.read.get(3)?]))),
            127 => panic!("no event is so long"),
            short => (2, short),
        };
        let payload = self.read.get(head..head + length)?.to_vec();
        self.read.drain(..head + length);
        Some((kind, payload))
    }

    /// A frame, masked with noughts.
    fn send(&mut self, kind: u8, payload: &[u8]) {
        let length = u16::try_from(payload.len()).expect("few words");
        let mut frame = vec![FINAL | kind];
        match length {
            0..126 => frame.push(MASKED | length.to_be_bytes()[1]),
            _ => {
                frame.push(MASKED | 126);
                frame.extend(length.to_be_bytes());
            }
        }
        frame.extend([0; 4]);
        frame.extend(payload);
        self.stream.write_all(&frame).and_then(|()| self.stream.flush()).expect("the gateway listens");
    }
}

impl std::fmt::Debug for SessionChannel {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SessionChannel").finish_non_exhaustive()
    }
}
