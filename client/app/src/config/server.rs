//! The gateway's name and port, as people write them.

/// Where gateways listen unless told otherwise.
const PORT: u16 = 443;

/// A gateway's name and port.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Server {
    host: String,
    port: u16,
}

impl Server {
    /// Reads `HOST`, `HOST:PORT`, `ADDRESS`, `[ADDRESS]:PORT`.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        let (host, port) = if let Some(rest) = text.strip_prefix('[') {
            let (host, rest) = rest.split_once(']')?;
            host.parse::<std::net::Ipv6Addr>().ok()?;
            (host, if rest.is_empty() { None } else { Some(rest.strip_prefix(':')?) })
        } else if text.parse::<std::net::Ipv6Addr>().is_ok() {
            (text, None)
        } else {
            text.split_once(':').map_or((text, None), |(host, port)| (host, Some(port)))
        };
        let port = port.map_or(Ok(PORT), str::parse).ok().filter(|port| *port != 0)?;
        // What a name may be made of, TLS knows best.
        rustls_pki_types::ServerName::try_from(host).ok()?;
        Some(Self { host: host.to_owned(), port })
    }

    pub(crate) fn host(&self) -> &str {
        &self.host
    }

    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    /// As the `Host` header and a URL write it.
    pub(crate) fn host_header(&self) -> String {
        let host = if self.host.contains(':') { format!("[{}]", self.host) } else { self.host.clone() };
        if self.port == PORT { host } else { format!("{host}:{}", self.port) }
    }
}

impl std::fmt::Display for Server {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.host_header())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_is_a_name_or_an_address_with_a_port_or_without() {
        for (text, host, port) in [
            ("gw.comune.example", "gw.comune.example", 443),
            ("gw.comune.example:8443", "gw.comune.example", 8443),
            ("192.0.2.1:1", "192.0.2.1", 1),
            ("2001:db8::1", "2001:db8::1", 443),
            ("[2001:db8::1]:8443", "2001:db8::1", 8443),
            (" gw ", "gw", 443),
        ] {
            let server = Server::parse(text).unwrap();
            assert_eq!((server.host(), server.port()), (host, port), "{text}");
            assert_eq!(Server::parse(&server.host_header()).unwrap(), server, "{text}");
        }
        for text in ["", ":443", "gw:0", "gw:x", "gw:65536", "https://gw", "gw/path", "[::1", "[gw]:1", "a b"] {
            assert_eq!(Server::parse(text), None, "{text}");
        }
    }
}
