//! The office's gateway, as people write it: one name, or a few that are tried in their order.

/// Where gateways listen unless told otherwise.
const PORT: u16 = 443;

/// A name and a port.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Name {
    host: String,
    port: u16,
}

impl Name {
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

    /// Whether it is the same host, whatever the port.
    pub(crate) fn is_at(&self, other: &Self) -> bool {
        self.host.eq_ignore_ascii_case(&other.host)
    }

    /// The same host at another port.
    pub(crate) fn with_port(&self, port: u16) -> Self {
        Self { host: self.host.clone(), port }
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

impl std::fmt::Display for Name {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.host_header())
    }
}

/// The office's gateway. Whichever of its names is taken, it is the same one: what is kept for it at home is kept under the first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Server {
    first: Name,
    others: Vec<Name>,
}

impl Server {
    /// One with this name alone.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        Name::parse(text).map(Self::from)
    }

    /// One with these names; none if there are none.
    pub(crate) fn of(names: Vec<Name>) -> Option<Self> {
        let mut names = names.into_iter();
        Some(Self { first: names.next()?, others: names.collect() })
    }

    pub(crate) fn first(&self) -> &Name {
        &self.first
    }

    /// All of them, in their order.
    pub(crate) fn names(&self) -> impl Iterator<Item = &Name> {
        std::iter::once(&self.first).chain(&self.others)
    }
}

impl From<Name> for Server {
    fn from(first: Name) -> Self {
        Self { first, others: Vec::new() }
    }
}

impl std::fmt::Display for Server {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", self.first)?;
        self.others.iter().try_for_each(|name| write!(f, ", {name}"))
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
            let name = Name::parse(text).unwrap();
            assert_eq!((name.host(), name.port()), (host, port), "{text}");
            assert_eq!(Name::parse(&name.host_header()).unwrap(), name, "{text}");
        }
        for text in ["", ":443", "gw:0", "gw:x", "gw:65536", "https://gw", "gw/path", "[::1", "[gw]:1", "a b"] {
            assert_eq!(Name::parse(text), None, "{text}");
        }
    }
}
