//! The control API spoken by hand, from any address of the homes'.

use std::{
    io::{self, Read as _, Write as _},
    net::{Ipv4Addr, SocketAddr, TcpStream},
    sync::Arc,
    time::Duration,
};

use e2e::{gateway::CONTROL_PORT, world::GATEWAY};
use rustls::{ClientConfig, ClientConnection, StreamOwned, pki_types::ServerName};

/// Somebody who speaks to the control API, by hand and at length.
pub(crate) struct Caller(pub(crate) StreamOwned<ClientConnection, TcpStream>);

impl Caller {
    pub(crate) fn connect(from: Ipv4Addr, tls: &Arc<ClientConfig>) -> io::Result<Self> {
        let socket = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None)?;
        socket.bind(&SocketAddr::from((from, 0)).into())?;
        socket.connect_timeout(&SocketAddr::new(GATEWAY, CONTROL_PORT).into(), Duration::from_secs(30))?;
        let stream = TcpStream::from(socket);
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(Duration::from_secs(30)))?;
        let connection =
            ClientConnection::new(Arc::clone(tls), ServerName::IpAddress(GATEWAY.into())).map_err(io::Error::other)?;
        let mut stream = StreamOwned::new(connection, stream);
        while stream.conn.is_handshaking() {
            stream.conn.complete_io(&mut stream.sock)?;
        }
        Ok(Self(stream))
    }

    /// The answer's status and body.
    pub(crate) fn post(&mut self, body: &[u8]) -> io::Result<(u16, String)> {
        let head = format!(
            "POST {} HTTP/1.1\r\nHost: deskgate\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n",
            gateway_api::LOGIN,
            body.len()
        );
        self.0.write_all(&[head.as_bytes(), body].concat())?;
        let (mut answer, mut chunk) = (Vec::new(), [0; 4096]);
        loop {
            let read = self.0.read(&mut chunk)?;
            if read == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            answer.extend_from_slice(&chunk[..read]);
            let text = String::from_utf8_lossy(&answer);
            let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
            let field = |name: &str| {
                let mut lines = head.lines().filter_map(|line| line.split_once(": "));
                lines.find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value.to_owned())
            };
            let length = field("content-length").and_then(|text| text.parse().ok()).unwrap_or(0);
            if body.len() >= length {
                let status = head.split(' ').nth(1).and_then(|text| text.parse().ok());
                return status.map(|status| (status, body.to_owned())).ok_or_else(|| io::ErrorKind::InvalidData.into());
            }
        }
    }
}

/// An address of one of four /16: workers', strangers' (each in a network of its own), none, and of whom nobody has seen.
pub(crate) fn address(kind: u8, nth: u16) -> Ipv4Addr {
    let [high, low] = nth.to_be_bytes();
    match kind {
        1 => Ipv4Addr::new(10, 65 + high, low, 7),
        kind => Ipv4Addr::new(10, 64 + kind, high, low),
    }
}

/// Whose address this is among the workers.
pub(crate) fn nth_of(worker: Ipv4Addr) -> usize {
    let [_, _, high, low] = worker.octets();
    u16::from_be_bytes([high, low]).into()
}
