//! A look at the way to the gateway, step by step, for `deskgate doctor`: nobody signs in, and nothing is asked but whether it is there.

use std::{
    net::{IpAddr, SocketAddr},
    time::Duration,
};

use gateway_api::LOGIN;
use http_body_util::Empty;
use hyper::{
    Request, Response,
    body::{Bytes, Incoming},
    header::{DATE, HOST, LOCATION},
};
use hyper_util::rt::TokioIo;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpStream,
    time::timeout,
};

use super::{CONNECT_TIME, Client, driven, first_of, plain, shake_hands, trust::Distrust};

/// For a page that a network puts before everything else: it is near.
const PORTAL_TIME: Duration = Duration::from_secs(5);
/// Where such a page is shown.
const HTTP: u16 = 80;

/// What a gateway answered.
#[derive(Debug)]
pub(crate) struct Greeting {
    /// This computer's own address, on the way that was taken.
    pub(crate) from: IpAddr,
    /// The HTTP status; 405 where it speaks this version, since signing in takes a POST.
    pub(crate) status: u16,
    /// Its clock, in Unix seconds, if it says.
    pub(crate) date: Option<i64>,
}

/// At which step it failed.
#[derive(Debug)]
pub(crate) enum Step {
    /// Nobody answers at any address; in the system's words.
    Reach(String),
    /// Who answers is not believed.
    Trust { from: IpAddr, why: Distrust },
    /// It is the office's, and does not answer the question.
    Ask { from: IpAddr, cause: String },
}

impl Client {
    /// Asks the first address that answers for what it cannot have.
    pub(crate) async fn greet(&self, addresses: &[SocketAddr]) -> Result<Greeting, Step> {
        match first_of(addresses).await {
            Some(Ok(tcp)) => self.greet_by(tcp).await,
            Some(Err(cause)) => Err(Step::Reach(cause)),
            None => Err(Step::Reach("no address".to_owned())),
        }
    }

    async fn greet_by(&self, tcp: TcpStream) -> Result<Greeting, Step> {
        let from = tcp.local_addr().map_err(|error| Step::Reach(plain(&error)))?.ip();
        let stream = shake_hands(self.name(), &self.tls, tcp).await.map_err(|why| Step::Trust { from, why })?;
        let asked = timeout(CONNECT_TIME, get(stream, self.name().host_header(), LOGIN)).await;
        let answer = match asked {
            Ok(Ok(answer)) => answer,
            Ok(Err(error)) => return Err(Step::Ask { from, cause: error.to_string() }),
            Err(_) => return Err(Step::Ask { from, cause: "no answer in time".to_owned() }),
        };
        let date = answer.headers().get(DATE).and_then(|date| date.to_str().ok()).and_then(read_date);
        Ok(Greeting { from, status: answer.status().as_u16(), date })
    }

    /// Whether the network answers for the gateway with a page of its own, as a hotel's does until one has agreed to something.
    pub(crate) async fn is_portal(&self) -> bool {
        let host = self.name().host();
        let asked = async {
            let tcp = TcpStream::connect((host, HTTP)).await.ok()?;
            get(tcp, host.to_owned(), "/").await.ok()
        };
        let Ok(Some(answer)) = timeout(PORTAL_TIME, asked).await else { return false };
        // The first is RFC 6585's own word for it; others send the browser to somebody else.
        let elsewhere = answer.headers().get(LOCATION).and_then(|place| place.to_str().ok()).is_some_and(|place| {
            let place = place.split_once("://").map_or("", |(_, rest)| rest);
            let place = place.split(['/', ':', '?']).next().unwrap_or_default();
            !place.is_empty() && !place.eq_ignore_ascii_case(host)
        });
        answer.status().as_u16() == 511 || (answer.status().is_redirection() && elsewhere)
    }
}

async fn get(
    stream: impl AsyncRead + AsyncWrite + Send + Unpin + 'static,
    host: String,
    path: &str,
) -> hyper::Result<Response<Incoming>> {
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
    let mut message = Request::new(Empty::<Bytes>::new());
    *message.uri_mut() = path.parse().unwrap_or_default();
    if let Ok(host) = host.parse() {
        message.headers_mut().insert(HOST, host);
    }
    driven(connection, sender.send_request(message)).await
}

/// HTTP's date, which is that of mails (RFC 9110, section 5.6.7).
fn read_date(text: &str) -> Option<i64> {
    jiff::fmt::rfc2822::parse(text).ok().map(|date| date.timestamp().as_second())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_date_of_an_answer_is_read() {
        assert_eq!(read_date("Sun, 06 Nov 1994 08:49:37 GMT"), Some(784_111_777));
        assert_eq!(read_date("yesterday"), None);
    }
}
