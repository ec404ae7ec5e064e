//! The session channel: a WebSocket that holds the session, tells of warnings and of the end, and comes back by itself
//! when the line fails. Binary frames are WireGuard datagrams, one each, where UDP does not get through.

use std::{
    net::IpAddr,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use futures_util::{
    FutureExt as _, SinkExt as _, StreamExt as _,
    stream::{SplitSink, SplitStream},
};
use gateway_api::{
    SESSION,
    datagrams::{Batch, Run},
    session::{Event, Request},
};
use hyper::{Method, StatusCode, body::Bytes, header};
use tokio::{
    net::TcpStream,
    sync::mpsc::{UnboundedReceiver, UnboundedSender},
    time::{Instant, MissedTickBehavior, interval_at, sleep, sleep_until, timeout},
};
use tokio_rustls::client::TlsStream;
use tokio_tungstenite::{
    WebSocketStream,
    tungstenite::{Error, Message, handshake::client::generate_key, protocol::WebSocketConfig},
};

use super::{CLOSE_TIME, CONNECT_TIME, Client, Failure, credential::Credential};
use crate::{
    clock::SleepWatch,
    link::{ChannelEnd, Inlet, Leaving},
    udp,
};

/// Between pings: below what home routers and proxies allow a silent connection.
const PING: Duration = Duration::from_secs(20);
/// Without a word from the gateway for so long, the channel is taken for lost: two pings had no answer.
const SILENCE: Duration = Duration::from_secs(45);
/// The first wait before the channel is tried again; doubled up to [`LONGEST_WAIT`]. Each is shortened by up to half, so that
/// a hundred homes do not come back to a restarted gateway in one moment.
const FIRST_WAIT: Duration = Duration::from_millis(300);
const LONGEST_WAIT: Duration = Duration::from_secs(4);
/// Between looks whether this computer slept; after a sleep, how long the gateway has to give a sign of life.
const LOOK: Duration = Duration::from_secs(5);
/// Between looks whether this computer sends from another address: it asks the system alone, and nothing leaves.
const STEP: Duration = Duration::from_millis(500);
/// How long the gateway has to give a sign of life after a probe was confirmed.
const ANSWER_TIME: Duration = Duration::from_millis(1500);
/// For one write to leave.
const SENDING: Duration = Duration::from_secs(10);
/// The largest frame read, in bytes: events and datagrams are small.
const LARGEST_FRAME: usize = 16 << 10;
/// How much is read from the connection at once, in bytes.
const READ_BUFFER: usize = 64 << 10;
/// Datagrams handed to the loop together, at most.
const MOST_IN_BATCH: usize = 64;
/// Bytes written before others get their turn.
const MOST_TOGETHER: usize = 128 << 10;

type Socket = WebSocketStream<TlsStream<TcpStream>>;
type Sink = SplitSink<Socket, Message>;
type Stream = SplitStream<Socket>;

/// What becomes known by the channel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum News {
    /// It goes to the gateway's address.
    Reached(IpAddr),
    /// The channel holds the session.
    Attached,
    /// It was lost; it is being tried again.
    Lost,
    /// The gateway told something.
    Told(Event),
    /// This computer slept, or stood still.
    Woken,
    /// This computer sends from another address.
    Moved,
    /// The gateway does not know the session any more. Nothing follows.
    Gone,
}

/// Holds the channel until the session is over, or nobody listens.
pub(crate) async fn hold(
    client: Client,
    credential: Arc<Credential>,
    news: UnboundedSender<News>,
    mut requests: UnboundedReceiver<Request>,
    mut link: ChannelEnd,
) {
    let mut wait = FIRST_WAIT;
    loop {
        match attach(&client, &credential).await {
            Ok(socket) => {
                wait = FIRST_WAIT;
                let after = work(socket, &news, &mut requests, &mut link).await;
                if after == After::Nothing {
                    return;
                }
                tracing::debug!("session channel lost");
                let _ = news.send(News::Lost);
                if after == After::AtOnce {
                    continue;
                }
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

async fn attach(client: &Client, credential: &Credential) -> Result<Socket, Failure> {
    let stream = client.dial().await?;
    let host = client.name().host_header();
    let request = hyper::Request::get(format!("wss://{host}{SESSION}"));
    let request = credential
        .show(request, &stream, &Method::GET, SESSION)?
        .header(header::HOST, &host)
        .header(header::CONNECTION, "Upgrade")
        .header(header::UPGRADE, "websocket")
        .header(header::SEC_WEBSOCKET_VERSION, "13")
        .header(header::SEC_WEBSOCKET_KEY, generate_key())
        .body(())
        .map_err(|error| Failure::NotAGateway(error.to_string()))?;
    let limits = WebSocketConfig::default()
        .max_message_size(Some(LARGEST_FRAME))
        .max_frame_size(Some(LARGEST_FRAME))
        .read_buffer_size(READ_BUFFER);
    let handshake = tokio_tungstenite::client_async_with_config(request, stream, Some(limits));
    match timeout(CONNECT_TIME, handshake).await {
        Ok(Ok((socket, answer))) => {
            credential.follow(answer.headers());
            Ok(socket)
        }
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

/// Both ends of a channel's connection.
struct Line {
    ours: IpAddr,
    gateways: IpAddr,
}

impl Line {
    fn of(stream: &TcpStream) -> Option<Self> {
        Some(Self { ours: stream.local_addr().ok()?.ip(), gateways: stream.peer_addr().ok()?.ip() })
    }

    /// Whether this computer now sends from another address, or by the other family of IP alone: then what is sent on this
    /// connection goes nowhere, or by the network that is about to go.
    fn is_cut(&self) -> bool {
        match udp::source_towards(self.gateways) {
            Some(source) => source != self.ours,
            None => udp::has_way(!self.gateways.is_ipv4()),
        }
    }
}

/// What remains to do after a channel ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum After {
    /// The session is over, or nobody listens.
    Nothing,
    /// Come back.
    Again,
    /// The same, from another address: it is only us who come.
    AtOnce,
}

/// A moment that both halves of a channel look at.
struct Heard(Mutex<Instant>);

impl Heard {
    fn now(&self) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now();
    }

    fn since(&self, moment: Instant) -> bool {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) >= moment
    }
}

/// Works a channel until it ends. Hearing and speaking take turns at one connection without waiting for each other: two
/// ends that both waited to be heard first would wait for ever.
async fn work(
    socket: Socket,
    news: &UnboundedSender<News>,
    requests: &mut UnboundedReceiver<Request>,
    link: &mut ChannelEnd,
) -> After {
    let heard = Heard(Mutex::new(Instant::now()));
    let inlet = link.inlet();
    link.forget();
    while requests.try_recv().is_ok() {}
    let line = Line::of(socket.get_ref().get_ref().0);
    if let Some(line) = &line {
        let _ = news.send(News::Reached(line.gateways));
    }
    let (mut sink, stream) = socket.split();
    tokio::select! {
        after = listen(stream, news, &inlet, &heard) => after,
        after = speak(&mut sink, news, requests, link, &heard, line) => after,
        () = news.closed() => {
            let _ = timeout(CLOSE_TIME, sink.close()).await;
            After::Nothing
        }
    }
}

async fn listen(mut stream: Stream, news: &UnboundedSender<News>, inlet: &Inlet, heard: &Heard) -> After {
    let mut next = stream.next().await;
    loop {
        heard.now();
        next = match next {
            Some(Ok(Message::Text(text))) => {
                let Ok(event) = serde_json::from_str::<Event>(&text) else {
                    // A newer gateway may tell more than this program understands.
                    tracing::debug!("event not understood");
                    next = stream.next().await;
                    continue;
                };
                let is_last = matches!(event, Event::Closed { .. });
                let told = if event == Event::Attached { News::Attached } else { News::Told(event) };
                if news.send(told).is_err() || is_last {
                    return After::Nothing;
                }
                stream.next().await
            }
            Some(Ok(Message::Binary(datagram))) => {
                let mut batch = Batch::default();
                batch.add(&datagram);
                // What came with it goes with it.
                let after = loop {
                    match stream.next().now_or_never() {
                        Some(Some(Ok(Message::Binary(datagram)))) if batch.count() < MOST_IN_BATCH => {
                            batch.add(&datagram);
                        }
                        other => break other,
                    }
                };
                inlet.carry(batch).await;
                match after {
                    Some(after) => after,
                    None => stream.next().await,
                }
            }
            Some(Ok(Message::Close(_)) | Err(_)) | None => return After::Again,
            Some(Ok(Message::Ping(_) | Message::Pong(_) | Message::Frame(_))) => stream.next().await,
        };
    }
}

/// Says that somebody is here, passes datagrams on, and looks whether this computer slept or moved. Returns when nobody hears.
async fn speak(
    sink: &mut Sink,
    news: &UnboundedSender<News>,
    requests: &mut UnboundedReceiver<Request>,
    link: &mut ChannelEnd,
    heard: &Heard,
    line: Option<Line>,
) -> After {
    let mut pings = interval_at(Instant::now() + PING, PING);
    let mut looks = interval_at(Instant::now() + LOOK, LOOK);
    looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut steps = interval_at(Instant::now() + STEP, STEP);
    steps.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut watch = SleepWatch::new();
    // Since when a sign of life is overdue, after a sleep.
    let mut asked = None;
    // Since when one is awaited, after a confirmation.
    let mut confirmed = None;
    loop {
        let said = tokio::select! {
            biased;
            _ = pings.tick() => {
                heard.since(Instant::now().checked_sub(SILENCE).unwrap_or_else(Instant::now)) && ping(sink).await
            }
            _ = looks.tick() => {
                if let Some(asked) = asked.take() {
                    heard.since(asked)
                } else if watch.slept() {
                    // The gateway may have let go of us hours ago, and nobody would say so until somebody asks.
                    tracing::debug!("slept");
                    asked = Some(Instant::now());
                    let _ = news.send(News::Woken);
                    ping(sink).await
                } else {
                    true
                }
            }
            _ = steps.tick() => {
                if line.as_ref().is_some_and(Line::is_cut) {
                    tracing::debug!("moved");
                    let _ = news.send(News::Moved);
                    return After::AtOnce;
                }
                true
            }
            () = sleep_until(confirmed.unwrap_or_else(Instant::now) + ANSWER_TIME), if confirmed.is_some() => {
                confirmed.take().is_none_or(|since| heard.since(since))
            }
            leaving = link.next() => match leaving {
                Leaving::Run(run) => send_runs(sink, run, link).await,
                // What moved the tunnel to another address has cut this line.
                Leaving::Confirmation(_) if line.as_ref().is_some_and(Line::is_cut) => return After::AtOnce,
                Leaving::Confirmation(nonce) => {
                    confirmed.get_or_insert(Instant::now());
                    ask(sink, Request::Confirm { nonce }).await && ping(sink).await
                }
            },
            Some(request) = requests.recv() => ask(sink, request).await,
        };
        if !said {
            return After::Again;
        }
    }
}

async fn ping(sink: &mut Sink) -> bool {
    matches!(timeout(SENDING, sink.send(Message::Ping(Bytes::new()))).await, Ok(Ok(())))
}

async fn ask(sink: &mut Sink, request: Request) -> bool {
    // A closed list of numbers and words: it always has a JSON form.
    let text = serde_json::to_string(&request).unwrap_or_default();
    matches!(timeout(SENDING, sink.send(Message::text(text))).await, Ok(Ok(())))
}

/// Datagrams, a frame each, written together as far as they wait already. False when nobody takes them.
async fn send_runs(sink: &mut (impl futures_util::Sink<Message> + Unpin), first: Run, link: &mut ChannelEnd) -> bool {
    let sending = async {
        let (mut run, mut written) = (first, 0);
        loop {
            written += run.bytes.len();
            let (bytes, segment) = (Bytes::from(run.bytes), run.segment.max(1));
            for start in (0..bytes.len()).step_by(segment) {
                let datagram = bytes.slice(start..bytes.len().min(start + segment));
                if sink.feed(Message::Binary(datagram)).await.is_err() {
                    return false;
                }
            }
            // What is taken out is sent: whether it is time to stop is asked before.
            let next = if written < MOST_TOGETHER { link.take() } else { None };
            match next {
                Some(next) => run = next,
                None => return sink.flush().await.is_ok(),
            }
        }
    };
    timeout(SENDING, sending).await.unwrap_or(false)
}

#[cfg(test)]
mod tests {
    use std::{
        cell::{Cell, RefCell},
        convert::Infallible,
    };

    use client_core::{Transmit, Way};

    use super::*;
    use crate::{link, udp::Progress};

    #[tokio::test]
    async fn what_waits_is_sent_whole_and_in_order_though_more_comes_meanwhile() {
        let (loop_end, mut channel_end) = link::link();
        let (offered, sent) = (Cell::new(0_u8), RefCell::new(Vec::new()));
        let fill = || {
            while offered.get() < 20 && loop_end.send(&run(&[offered.get(); 40_000])) == Progress::Done {
                offered.update(|run| run + 1);
            }
        };
        let mut sink = Box::pin(futures_util::sink::unfold((), |(), frame: Message| {
            sent.borrow_mut().push(frame.into_data()[0]);
            fill();
            std::future::ready(Ok::<(), Infallible>(()))
        }));
        fill();
        while let Some(first) = channel_end.take() {
            assert!(send_runs(&mut sink, first, &mut channel_end).await);
        }
        let expected: Vec<u8> = (0..20).flat_map(|run| [run; 40]).collect();
        assert_eq!(*sent.borrow(), expected);
    }

    fn run(contents: &[u8]) -> Transmit<'_> {
        Transmit { way: Way::Channel, contents, segment_size: 1000 }
    }

    #[test]
    fn homes_do_not_come_back_in_one_moment() {
        let waits: std::collections::BTreeSet<_> = (0..64).map(|_| shortened(LONGEST_WAIT)).collect();
        assert!(waits.len() > 16, "{waits:?}");
        assert!(waits.iter().all(|wait| *wait <= LONGEST_WAIT && *wait > LONGEST_WAIT / 2), "{waits:?}");
    }
}
