//! What stands in the way where the gateway is not reached, or somebody else answers in its place: no network at all, or one that wants
//! something of the person first, as a hotel's does. One answer for signing in and for `deskgate doctor`.
//!
//! Nothing is sent but the question for a page by plain HTTP, which anybody may answer: it names the gateway at most.

use std::{
    io,
    net::{IpAddr, SocketAddr},
    pin::pin,
    time::Duration,
};

use hyper::{
    StatusCode,
    header::{HeaderValue, LOCATION},
};
use tokio::{net::TcpStream, time::timeout};

use super::{Client, Failure, look::get};
use crate::udp::{self, NOBODY};

/// For a page that a network puts before everything else: it is near.
const PORTAL_TIME: Duration = Duration::from_secs(5);
/// Where such a page is shown.
const HTTP: u16 = 80;

/// Whether nobody was reached at these addresses for want of a network.
pub(crate) fn is_no_network(error: &io::Error, addresses: &[SocketAddr]) -> bool {
    let is_led = |address: &SocketAddr| udp::source_towards(address.ip()).is_some();
    !is_answer(error.kind()) && !udp::leads_out() && !addresses.iter().any(is_led)
}

/// Who refuses has answered, by whatever network.
fn is_answer(kind: io::ErrorKind) -> bool {
    matches!(kind, io::ErrorKind::ConnectionRefused | io::ErrorKind::ConnectionReset)
}

impl Client {
    /// A failure on the way to the gateway, or the one behind it. Takes [`PORTAL_TIME`] at most.
    pub(super) async fn explain(&self, failure: Failure) -> Failure {
        match at_portal(&failure) {
            Some(explained) if self.is_portal().await => explained,
            _ => failure,
        }
    }

    /// Whether this network shows a page of its own until one has agreed to something. An office's own web server is none: it may well
    /// stand at the gateway's address, and send browsers elsewhere, while no gateway answers.
    pub(crate) async fn is_portal(&self) -> bool {
        let host = self.name().host();
        let mut led = pin!(async {
            let answer = page((NOBODY, HTTP), NOBODY.to_string()).await;
            answer.is_some_and(|(_, status, _)| is_for_everybody(status))
        });
        let mut misnamed = pin!(async {
            let answer = page((host, HTTP), host.to_owned()).await;
            answer.is_some_and(|(from, status, place)| is_near(from.ip()) && is_elsewhere(host, status, place.as_ref()))
        });
        let asked = async {
            tokio::select! {
                yes = &mut led => yes || misnamed.await,
                yes = &mut misnamed => yes || led.await,
            }
        };
        timeout(PORTAL_TIME, asked).await.unwrap_or(false)
    }
}

/// What a failure comes to in such a network. None where nobody stands in between: a certificate out of date is the office's own. Who
/// shows a foreign one may want a password: that stays said.
fn at_portal(failure: &Failure) -> Option<Failure> {
    match failure {
        Failure::Unresolved | Failure::Unreachable(_) | Failure::NotAGateway(_) => Some(Failure::Portal),
        Failure::Untrusted(cause) => Some(Failure::UntrustedAtPortal(cause.clone())),
        Failure::NoNetwork
        | Failure::UntrustedAtPortal(_)
        | Failure::Portal
        | Failure::Untimely
        | Failure::OtherVersion
        | Failure::Refused(_)
        | Failure::Gone => None,
    }
}

/// Who answers for a host, and how: the status, and where it sends a browser.
async fn page(
    there: impl tokio::net::ToSocketAddrs,
    host: String,
) -> Option<(SocketAddr, StatusCode, Option<HeaderValue>)> {
    let tcp = TcpStream::connect(there).await.ok()?;
    let from = tcp.peer_addr().ok()?;
    let answer = get(tcp, host, "/").await.ok()?;
    Some((from, answer.status(), answer.headers().get(LOCATION).cloned()))
}

/// Whether an answer in the place of nobody is such a page. A proxy that all of a network's pages pass answers that there is nobody.
fn is_for_everybody(status: StatusCode) -> bool {
    status.is_success() || status.is_redirection() || status == StatusCode::NETWORK_AUTHENTICATION_REQUIRED
}

/// Whether an answer for a host sends the browser to somebody else, or says by RFC 6585's own word what it is.
fn is_elsewhere(host: &str, status: StatusCode, place: Option<&HeaderValue>) -> bool {
    let place = place.and_then(|place| place.to_str().ok()?.split_once("://"));
    let other = place.and_then(|(_, rest)| rest.split(['/', ':', '?']).next());
    let is_other = other.is_some_and(|other| !other.is_empty() && !other.eq_ignore_ascii_case(host));
    status == StatusCode::NETWORK_AUTHENTICATION_REQUIRED || (status.is_redirection() && is_other)
}

/// Whether an address is one of those that networks give themselves. Names that a network answers falsely lead there.
fn is_near(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => address.is_private() || address.is_link_local(),
        IpAddr::V6(address) => address.is_unique_local() || address.is_unicast_link_local(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_refuses_has_answered_and_who_is_not_reached_has_not() {
        use io::ErrorKind::{ConnectionRefused, ConnectionReset, HostUnreachable, NetworkUnreachable, TimedOut};

        let answers =
            [ConnectionRefused, ConnectionReset, NetworkUnreachable, HostUnreachable, TimedOut].map(is_answer);
        assert_eq!(answers, [true, true, false, false, false]);
    }

    #[test]
    fn a_foreign_certificate_is_never_told_as_a_page_alone_and_the_offices_own_never_as_anothers() {
        let why = || "X-1".to_owned();
        assert!(matches!(at_portal(&Failure::Unresolved), Some(Failure::Portal)));
        assert!(matches!(at_portal(&Failure::Unreachable(why())), Some(Failure::Portal)));
        assert!(matches!(at_portal(&Failure::NotAGateway(why())), Some(Failure::Portal)));
        assert!(
            matches!(at_portal(&Failure::Untrusted(why())), Some(Failure::UntrustedAtPortal(cause)) if cause == why())
        );
        for failure in [Failure::NoNetwork, Failure::Untimely, Failure::OtherVersion, Failure::Gone] {
            assert!(at_portal(&failure).is_none(), "{failure:?}");
        }
    }

    #[test]
    fn a_page_in_the_place_of_nobody_is_told_from_a_proxys_word_that_there_is_nobody() {
        for (status, expected) in
            [(200, true), (302, true), (307, true), (511, true), (404, false), (502, false), (504, false)]
        {
            assert_eq!(is_for_everybody(StatusCode::from_u16(status).unwrap()), expected, "{status}");
        }
    }

    #[test]
    fn a_host_that_sends_browsers_to_itself_sends_them_nowhere_else() {
        let host = "gw.comune.example";
        for (status, place, expected) in [
            (302, Some("http://welcome.hotel.example/agree"), true),
            (302, Some("https://10.0.0.1:8443?then=x"), true),
            (511, None, true),
            (301, Some("https://gw.comune.example/"), false),
            (301, Some("https://GW.comune.example:443"), false),
            (302, Some("/login"), false),
            (302, None, false),
            (200, Some("http://welcome.hotel.example/agree"), false),
        ] {
            let place = place.map(HeaderValue::from_static);
            let is = is_elsewhere(host, StatusCode::from_u16(status).unwrap(), place.as_ref());
            assert_eq!(is, expected, "{status} {place:?}");
        }
    }

    #[test]
    fn an_offices_public_address_is_not_near() {
        for (address, expected) in [
            ("10.1.2.3", true),
            ("192.168.1.1", true),
            ("172.16.0.1", true),
            ("fd00::1", true),
            ("203.0.113.2", false),
            ("2001:db8::1", false),
        ] {
            assert_eq!(is_near(address.parse().unwrap()), expected, "{address}");
        }
    }
}
