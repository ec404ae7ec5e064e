//! A look at the way to the gateway, step by step, for `deskgate doctor`: nobody signs in, and nothing is asked but whether it is there.

use std::{
    io,
    net::{IpAddr, SocketAddr},
};

use gateway_api::LOGIN;
use http_body_util::Empty;
use hyper::{
    Request, Response,
    body::{Bytes, Incoming},
    header::{DATE, HOST},
};
use hyper_util::rt::TokioIo;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpStream,
    time::timeout,
};

use super::{CONNECT_TIME, Client, driven, first_of, shake_hands, trust::Distrust};

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
    /// Nobody answers at any address.
    Reach(io::Error),
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
            Some(Err(error)) => Err(Step::Reach(error)),
            None => Err(Step::Reach(io::Error::other("no address"))),
        }
    }

    async fn greet_by(&self, tcp: TcpStream) -> Result<Greeting, Step> {
        let from = tcp.local_addr().map_err(Step::Reach)?.ip();
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
}

/// The answer to the question for a page, without its body.
pub(super) async fn get(
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
