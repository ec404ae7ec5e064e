//! The session channel: a WebSocket that holds the session, tells of warnings and of the end, and comes back by itself
//! when the line fails.

use std::{sync::Arc, time::Duration};

use futures_util::{SinkExt as _, StreamExt as _};
use gateway_api::{SESSION, Token, session::Event};
use hyper::{Request, StatusCode, header};
use tokio::{
    net::TcpStream,
    sync::mpsc::UnboundedSender,
    time::{Instant, interval_at, sleep, timeout},
};
use tokio_rustls::client::TlsStream;
use tokio_tungstenite::{
    WebSocketStream,
    tungstenite::{Error, Message, handshake::client::generate_key, protocol::WebSocketConfig},
};

use super::{CONNECT_TIME, Client, Failure, bearer};

/// Between pings: below what home routers and proxies allow a silent connection.
const PING: Duration = Duration::from_secs(20);
/// Without a word from the gateway for so long, the channel is taken for lost: two pings had no answer.
const SILENCE: Duration = Duration::from_secs(45);
/// The first wait before the channel is tried again; doubled up to [`LONGEST_WAIT`]. Each is shortened by up to half, so that
/// a hundred homes do not come back to a restarted gateway in one moment.
const FIRST_WAIT: Duration = Duration::from_millis(300);
const LONGEST_WAIT: Duration = Duration::from_secs(4);
/// The largest frame read, in bytes: events are small.
const LARGEST_FRAME: usize = 16 << 10;

/// What becomes known by the channel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum News {
    /// The channel holds the session.
    Attached,
    /// It was lost; it is being tried again.
    Lost,
    /// The gateway told something.
    Told(Event),
    /// The gateway does not know the session any more. Nothing follows.
    Gone,
}

/// Holds the channel until the session is over, or nobody listens.
pub(crate) async fn hold(client: Client, token: Arc<Token>, news: UnboundedSender<News>) {
    let mut wait = FIRST_WAIT;
    loop {
        match attach(&client, &token).await {
            Ok(socket) => {
                wait = FIRST_WAIT;
                if listen(socket, &news).await == After::Nothing {
                    return;
                }
                tracing::debug!("session channel lost");
                let _ = news.send(News::Lost);
            }
            Err(Failure::Gone) => {
                let _ = news.send(News::Gone);
                return;
            }
            Err(failure) => tracing::debug!(?failure, "session channel not attached"),
        }
        tokio::select! {
            () = sleep(shortened(wait)) => wait = (wait * 2).min(LONGEST_WAIT),
            () = news.closed() => return,
        }
    }
}

/// By up to half, at random.
fn shortened(wait: Duration) -> Duration {
    let mut random = [0];
    // Without randomness everybody waits the whole time.
    let _ = getrandom::fill(&mut random);
    wait - wait * u32::from(random[0]) / 512
}

async fn attach(client: &Client, token: &Token) -> Result<WebSocketStream<TlsStream<TcpStream>>, Failure> {
    let stream = client.dial().await?;
    let host = client.server.host_header();
    let request = Request::get(format!("wss://{host}{SESSION}"))
        .header(header::HOST, &host)
        .header(header::AUTHORIZATION, bearer(token)?)
        .header(header::CONNECTION, "Upgrade")
        .header(header::UPGRADE, "websocket")
        .header(header::SEC_WEBSOCKET_VERSION, "13")
        .header(header::SEC_WEBSOCKET_KEY, generate_key())
        .body(())
        .map_err(|error| Failure::NotAGateway(error.to_string()))?;
    let limits = WebSocketConfig::default()
        .max_message_size(Some(LARGEST_FRAME))
        .max_frame_size(Some(LARGEST_FRAME))
        .read_buffer_size(LARGEST_FRAME);
    let handshake = tokio_tungstenite::client_async_with_config(request, stream, Some(limits));
    match timeout(CONNECT_TIME, handshake).await {
        Ok(Ok((socket, _))) => Ok(socket),
        Ok(Err(Error::Http(response))) => Err(match response.status() {
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN | StatusCode::NOT_FOUND | StatusCode::GONE => {
                Failure::Gone
            }
            status => Failure::NotAGateway(format!("status {}", status.as_u16())),
        }),
        Ok(Err(error)) => Err(Failure::NotAGateway(error.to_string())),
        Err(_) => Err(Failure::Unreachable("no answer".into())),
    }
}

/// What remains to do after a channel ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum After {
    /// The session is over, or nobody listens.
    Nothing,
    /// Come back.
    Again,
}

async fn listen(mut socket: WebSocketStream<TlsStream<TcpStream>>, news: &UnboundedSender<News>) -> After {
    let mut pings = interval_at(Instant::now() + PING, PING);
    let mut heard = Instant::now();
    loop {
        tokio::select! {
            message = socket.next() => match message {
                Some(Ok(Message::Text(text))) => {
                    heard = Instant::now();
                    let Ok(event) = serde_json::from_str::<Event>(&text) else {
                        // A newer gateway may tell more than this program understands.
                        tracing::debug!("event not understood");
                        continue;
                    };
                    let told = if event == Event::Attached { News::Attached } else { News::Told(event) };
                    if news.send(told).is_err() || matches!(event, Event::Closed { .. }) {
                        return After::Nothing;
                    }
                }
                Some(Ok(Message::Close(_)) | Err(_)) | None => return After::Again,
                Some(Ok(_)) => heard = Instant::now(),
            },
            _ = pings.tick() => {
                if heard.elapsed() > SILENCE || socket.send(Message::Ping(Vec::new().into())).await.is_err() {
                    return After::Again;
                }
            }
            () = news.closed() => {
                let _ = socket.close(None).await;
                return After::Nothing;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn homes_do_not_come_back_in_one_moment() {
        let waits: std::collections::BTreeSet<_> = (0..64).map(|_| shortened(LONGEST_WAIT)).collect();
        assert!(waits.len() > 16, "{waits:?}");
        assert!(waits.iter().all(|wait| *wait <= LONGEST_WAIT && *wait > LONGEST_WAIT / 2), "{waits:?}");
    }
}
