//! Where a gateway is asked, as people write it.

use std::fmt;

/// Where gateways listen unless told otherwise.
const PORT: u16 = 443;

/// A name and a port.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GatewayName {
    host: String,
    port: u16,
}

impl GatewayName {
    /// Reads `HOST`, `HOST:PORT`, `ADDRESS`, `[ADDRESS]:PORT`; without a port it is 443. None for anything else.
    pub fn parse(text: &str) -> Option<Self> {
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

    /// The name or address alone.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// Whether it is the same host, whatever the port.
    pub fn is_at(&self, other: &Self) -> bool {
        self.host.eq_ignore_ascii_case(&other.host)
    }

    /// The same host at another port, 1 to 65535.
    pub fn with_port(&self, port: u16) -> Self {
        Self { host: self.host.clone(), port }
    }

    /// 1 to 65535.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// As the `Host` header and a URL write it.
    pub fn host_header(&self) -> String {
        let host = if self.host.contains(':') { format!("[{}]", self.host) } else { self.host.clone() };
        if self.port == PORT { host } else { format!("{host}:{}", self.port) }
    }
}

impl fmt::Display for GatewayName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.host_header())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_may_be_an_address_and_have_a_port() {
        for (text, host, port) in [
            ("gw.comune.example", "gw.comune.example", 443),
            ("gw.comune.example:8443", "gw.comune.example", 8443),
            ("192.0.2.1:1", "192.0.2.1", 1),
            ("2001:db8::1", "2001:db8::1", 443),
            ("[2001:db8::1]:8443", "2001:db8::1", 8443),
            (" gw ", "gw", 443),
        ] {
            let name = GatewayName::parse(text).unwrap();
            assert_eq!((name.host(), name.port()), (host, port), "{text}");
            assert_eq!(GatewayName::parse(&name.host_header()).unwrap(), name, "{text}");
        }
        for text in ["", ":443", "gw:0", "gw:x", "gw:65536", "https://gw", "gw/path", "[::1", "[gw]:1", "a b"] {
            assert_eq!(GatewayName::parse(text), None, "{text}");
        }
    }
}
