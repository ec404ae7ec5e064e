//! Where the web page is served: an address of the office, and never one that homes reach.

use std::net::{IpAddr, SocketAddr};

use toml::Spanned;

use super::{CertificateFiles, Control, Reader, Tunnel, file};

/// The web page of reviewers and administrators; nowhere by default.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Console {
    /// One address of the office, or a loopback address.
    pub(crate) listen: Option<SocketAddr>,
    /// One of its own; None: the control API's.
    pub(crate) certificate: Option<CertificateFiles>,
}

impl Reader<'_> {
    pub(super) fn console(&mut self, written: file::Console, control: &Control, tunnel: &Tunnel) -> Console {
        if written.listen.is_none() {
            for of_it in [&written.certificate, &written.key].into_iter().flatten() {
                self.mistake(of_it, "for no page", "add `listen`, the address of the page in the office");
            }
        }
        Console {
            listen: written.listen.and_then(|listen| self.office_address(&listen, (control, tunnel))),
            certificate: self.certificate((written.certificate, written.key), ("certificate", "key")),
        }
    }

    /// An address that only the office, or this machine, can reach.
    fn office_address(&mut self, written: &Spanned<String>, towards_homes: (&Control, &Tunnel)) -> Option<SocketAddr> {
        let Ok(address) = written.get_ref().parse::<SocketAddr>() else {
            return self.wrong(written, "not an address and port", "write one as \"10.20.3.1:8443\"");
        };
        let ip = address.ip().to_canonical();
        let (what, advice) = match () {
            () if ip.is_unspecified() => (
                "every address of this machine",
                "write its one address in the office: the page is not for the Internet",
            ),
            () if !ip.is_loopback() && of_homes(towards_homes).contains(&ip) => (
                "the address by which homes reach the gateway",
                "write its address in the office, or \"127.0.0.1:8443\": the page is not for the Internet",
            ),
            () if !ip.is_loopback() && !is_private(ip) => (
                "not an address of an office",
                "write a private one, as \"10.20.3.1:8443\", or \"127.0.0.1:8443\": the page is not for the Internet",
            ),
            () => return Some(address),
        };
        self.wrong(written, what, advice)
    }
}

/// The addresses that the Internet knows or that face it, as far as the configuration says which.
fn of_homes((control, tunnel): (&Control, &Tunnel)) -> Vec<IpAddr> {
    let publics = [&control.public, &tunnel.public].into_iter().filter_map(|public| public.host.parse().ok());
    let listeners = [control.listen, tunnel.listen].into_iter().map(|listen| listen.ip());
    publics.chain(listeners).map(|ip: IpAddr| ip.to_canonical()).collect()
}

/// Networks that nobody routes over the Internet: RFC 1918 and RFC 4193.
fn is_private(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => ip.is_private(),
        IpAddr::V6(ip) => ip.is_unique_local(),
    }
}

#[cfg(test)]
mod tests {
    use super::super::Config;

    fn listens(more: &str) -> Result<bool, String> {
        let parsed = Config::parse(more, "gateway.toml".as_ref());
        parsed.map(|config| config.console.listen.is_some()).map_err(|mistakes| mistakes.to_string())
    }

    #[test]
    fn the_page_is_nowhere_unless_somebody_says_where() {
        assert_eq!(listens(""), Ok(false));
        assert_eq!(listens("[console]\n"), Ok(false));
        for address in ["10.20.3.1:8443", "127.0.0.1:8443", "[::1]:8443", "[fd5e:93a1::1]:443", "192.168.1.10:443"] {
            assert_eq!(listens(&format!("[console]\nlisten = \"{address}\"")), Ok(true), "{address}");
        }
    }

    #[test]
    fn the_page_never_faces_the_internet() {
        let refused = |console: &str, more: &str| {
            let written = format!("{more}\n[console]\nlisten = \"{console}\"");
            listens(&written).expect_err(&written)
        };
        for everywhere in ["0.0.0.0:8443", "[::]:8443", "[::ffff:0.0.0.0]:8443"] {
            assert!(refused(everywhere, "").contains("every address of this machine"), "{everywhere}");
        }
        for public in ["203.0.113.2:8443", "[2001:db8::1]:8443", "100.64.0.1:8443", "169.254.1.1:8443"] {
            assert!(refused(public, "").contains("not an address of an office"), "{public}");
        }
        let of_homes = [
            "[control]\nlisten = \"10.0.0.2:443\"",
            "[control]\npublic = \"10.0.0.2:443\"",
            "[tunnel]\nlisten = \"10.0.0.2:51820\"",
            "[tunnel]\npublic = \"10.0.0.2:51820\"",
        ];
        for written in of_homes {
            assert!(refused("10.0.0.2:8443", written).contains("by which homes reach the gateway"), "{written}");
            assert!(refused("[::ffff:10.0.0.2]:8443", written).contains("by which homes reach"), "{written}");
        }
        assert!(refused("office:8443", "").contains("not an address and port"));
    }

    #[test]
    fn a_certificate_for_no_page_is_a_mistake() {
        let said = listens("[console]\ncertificate = \"a.pem\"\nkey = \"a.key\"").unwrap_err();
        assert!(said.contains("for no page"), "{said}");
        let said = listens("[console]\nlisten = \"10.20.3.1:8443\"\nkey = \"a.key\"").unwrap_err();
        assert!(said.contains("a key without its certificate"), "{said}");
    }
}
