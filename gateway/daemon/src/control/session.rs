//! A running session's channel and its end: for whoever shows the token and proves to hold the session's key.
//!
//! The channel holds the session: events go out as text frames, and the connection is pinged, so that a home that vanished is noticed
//! before the line's own time limits would tell. The client's text frames are requests, and one that is not understood ends
//! the channel. Binary frames are WireGuard datagrams of this session, one each, where UDP does
//! not get through; both directions are bounded (`channel_queue.rs`).

use std::{sync::Arc, time::Duration};

use axum::{
    Extension,
    body::Bytes,
    extract::{
        RawQuery, State, WebSocketUpgrade,
        ws::{CloseFrame, Message, WebSocket, close_code},
    },
    http::{HeaderMap, HeaderValue, Method, StatusCode, Uri, header},
    response::{IntoResponse as _, Response},
};
use futures_util::{
    FutureExt as _, SinkExt as _, StreamExt as _,
    stream::{SplitSink, SplitStream},
};
use gateway_api::{
    CloseReason, Token,
    datagrams::Run,
    proof,
    session::{self, ClientReason},
};

use super::{Agreed, Api};
use crate::{
    channel_queue::{Outgoing, Places},
    ledger::{Attached, Holder, Inlet, Ledger},
};

/// Between pings: well inside what home routers keep of an idle connection.
const PING: Duration = Duration::from_secs(20);
/// Without a sign of life for so long, nobody is there.
const SILENCE: Duration = Duration::from_secs(45);
/// For one frame to leave.
const SENDING: Duration = Duration::from_secs(10);
/// The largest frame read, in bytes; a WireGuard datagram fits, and so does all that a client may say.
const LARGEST_FRAME: usize = 4 * 1024;
/// Read at once, in bytes: a frame. Each channel has it all the time, and most have nothing to read; what a TLS record holds beyond it
/// waits in rustls, and costs no system call more.
const READ_BUFFER: usize = LARGEST_FRAME;
/// Datagrams handed to the loop together, at most.
const MOST_IN_BATCH: usize = 64;
/// Bytes written before others get their turn; also what one encrypted write may be made of.
const MOST_TOGETHER: usize = 128 * 1024;

type Sink = SplitSink<WebSocket, Message>;
type Stream = SplitStream<WebSocket>;

/// `GET /v1/session`
pub(super) async fn channel(
    State(api): State<Arc<Api>>,
    Extension(agreed): Extension<Agreed>,
    uri: Uri,
    headers: HeaderMap,
    upgrade: Result<WebSocketUpgrade, axum::extract::ws::rejection::WebSocketUpgradeRejection>,
) -> Response {
    let Some(holder) = holder(&api.ledger, &Method::GET, &uri, &headers, agreed) else {
        return StatusCode::UNAUTHORIZED.into_response();
    };
    let upgrade = match upgrade {
        Ok(upgrade) => {
            upgrade.max_message_size(LARGEST_FRAME).max_frame_size(LARGEST_FRAME).read_buffer_size(READ_BUFFER)
        }
        Err(refused) => return refused.into_response(),
    };
    let ledger = api.ledger.clone();
    let next = ledger.next_token(holder).await;
    let mut answer = upgrade.on_upgrade(move |socket| async move {
        if let Some(attached) = ledger.attach(holder).await {
            let (number, id) = (attached.number, attached.id());
            carry(socket, attached).await;
            ledger.detach(number, id).await;
        }
    });
    if let Some(mut next) = next.and_then(|next| HeaderValue::from_str(&next.encode()).ok()) {
        next.set_sensitive(true);
        answer.headers_mut().insert(proof::NEXT_TOKEN, next);
    }
    answer
}

/// `DELETE /v1/session`
pub(super) async fn close(
    State(api): State<Arc<Api>>,
    Extension(agreed): Extension<Agreed>,
    uri: Uri,
    headers: HeaderMap,
    RawQuery(query): RawQuery,
) -> StatusCode {
    let Some(holder) = holder(&api.ledger, &Method::DELETE, &uri, &headers, agreed) else {
        return StatusCode::UNAUTHORIZED;
    };
    let Some(reason) = reason(query.as_deref()) else { return StatusCode::BAD_REQUEST };
    match api.ledger.close_own(holder, CloseReason::from(reason)).await {
        true => StatusCode::NO_CONTENT,
        false => StatusCode::SERVICE_UNAVAILABLE,
    }
}

/// `reason=…`; without a query the worker closed it.
fn reason(query: Option<&str>) -> Option<ClientReason> {
    match query.filter(|query| !query.is_empty()) {
        None => Some(ClientReason::WorkerClosed),
        Some(query) => ClientReason::from_word(query.strip_prefix("reason=")?),
    }
}

/// Whose token the request shows, and proves to have been given.
fn holder(ledger: &Ledger, method: &Method, uri: &Uri, headers: &HeaderMap, agreed: Agreed) -> Option<Holder> {
    shown(method, uri, headers, agreed, |proof, shown| ledger.holder(proof, shown))
}

/// Has the token that a request shows looked at, with its proof and what that has to prove. None without either.
pub(super) fn shown<T>(
    method: &Method,
    uri: &Uri,
    headers: &HeaderMap,
    agreed: Agreed,
    look: impl FnOnce(&[u8], &proof::Use<'_>) -> Option<T>,
) -> Option<T> {
    let shown = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let token = Token::parse(shown.strip_prefix("Bearer ")?).ok()?;
    let proof = headers.get(proof::HEADER)?.as_bytes();
    let target = uri.path_and_query()?.as_str();
    let shown = proof::Use { method: method.as_str(), target, token: &token, binding: agreed.binding };
    look(proof, &shown)
}

/// Until the session is closed, another channel takes over, or nobody is there any more. Listening and speaking take turns at
/// one connection without waiting for each other: two ends that both waited to be heard first would wait for ever.
async fn carry(socket: WebSocket, mut attached: Attached) {
    let inlet = attached.inlet();
    let (mut sink, stream) = socket.split();
    tokio::select! {
        reason = speak(&mut sink, &mut attached) => {
            let Some(reason) = reason else { return };
            let frame = CloseFrame { code: close_code::NORMAL, reason: reason.into() };
            send(&mut sink, Message::Close(Some(frame))).await;
        }
        () = listen(stream, &inlet) => {}
    }
}

/// Tells what there is to tell. The reason to give at the end, unless nobody listens any more.
async fn speak(sink: &mut Sink, attached: &mut Attached) -> Option<&'static str> {
    let mut ping = tokio::time::interval(PING);
    ping.reset();
    let mut carries = true;
    if !send(sink, event(&session::Event::Attached)).await {
        return None;
    }
    loop {
        let sent = tokio::select! {
            biased;
            told = attached.events.recv() => match told {
                None => return Some("no longer held by this channel"),
                Some(told) => {
                    let is_last = matches!(told, session::Event::Closed { .. });
                    let sent = send(sink, event(&told)).await;
                    if sent && is_last {
                        return Some("closed");
                    }
                    sent
                }
            },
            _ = ping.tick() => send(sink, Message::Ping(Default::default())).await,
            run = attached.outgoing.next(), if carries => match run {
                Some(run) => send_runs(sink, run, &mut attached.outgoing).await,
                // The loop has let go of this channel: the event that says why is on its way.
                None => {
                    carries = false;
                    true
                }
            },
        };
        if !sent {
            return None;
        }
    }
}

/// Datagrams, a frame each, written together as far as they wait already. False when nobody takes them.
async fn send_runs(sink: &mut (impl futures_util::Sink<Message> + Unpin), first: Run, outgoing: &mut Outgoing) -> bool {
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
            let next = if written < MOST_TOGETHER { outgoing.take() } else { None };
            match next {
                Some(next) => run = next,
                None => return sink.flush().await.is_ok(),
            }
        }
    };
    tokio::time::timeout(SENDING, sending).await.unwrap_or(false)
}

/// Hears whatever the client says, until it says no more.
async fn listen(mut stream: Stream, inlet: &Inlet) {
    let places = Places::new();
    loop {
        let heard = match tokio::time::timeout(SILENCE, stream.next()).await {
            Ok(Some(Ok(heard))) => heard,
            Ok(Some(Err(_)) | None) | Err(_) => return,
        };
        match heard {
            Message::Binary(datagram) => {
                let Some(mut batch) = places.batch().await else { return };
                batch.datagrams.add(&datagram);
                // What came with it goes with it.
                let after = loop {
                    if batch.datagrams.count() == MOST_IN_BATCH {
                        break None;
                    }
                    match stream.next().now_or_never() {
                        Some(Some(Ok(Message::Binary(datagram)))) => batch.datagrams.add(&datagram),
                        Some(Some(Ok(Message::Ping(_) | Message::Pong(_)))) => {}
                        after => break after,
                    }
                };
                if !inlet.carry(batch) {
                    return;
                }
                match after {
                    Some(Some(Ok(Message::Text(text)))) if request(&text, inlet).await => {}
                    Some(_) => return,
                    None => {}
                }
            }
            Message::Text(text) => {
                if !request(&text, inlet).await {
                    return;
                }
            }
            // A ping is answered by the protocol itself.
            Message::Ping(_) | Message::Pong(_) => {}
            Message::Close(_) => return,
        }
    }
}

/// Does what a client asks. False where that is not understood, which ends the channel, or nobody is there to do it.
async fn request(text: &str, inlet: &Inlet) -> bool {
    match serde_json::from_str(text) {
        Ok(session::Request::Confirm { nonce }) => inlet.confirm(nonce).await,
        Ok(session::Request::AnswerTrace { question, consent }) => {
            inlet.answer_trace(question, consent);
            true
        }
        Ok(session::Request::EndTrace) => {
            inlet.end_trace();
            true
        }
        Ok(session::Request::AnswerAssistance { question, consent }) => {
            inlet.answer_assistance(question, consent);
            true
        }
        Ok(session::Request::EndAssistance) => {
            inlet.end_assistance();
            true
        }
        Err(error) => {
            tracing::debug!(%error, "request not understood");
            false
        }
    }
}

fn event(event: &session::Event) -> Message {
    // A closed list of numbers and words: it always has a JSON form.
    Message::text(serde_json::to_string(event).unwrap_or_default())
}

/// False when nobody takes it.
async fn send(sink: &mut Sink, message: Message) -> bool {
    matches!(tokio::time::timeout(SENDING, sink.send(message)).await, Ok(Ok(())))
}

#[cfg(test)]
mod tests {
    use gateway_api::SessionNumber;
    use gateway_core::{Transmit, Way};

    use super::*;
    use crate::channel_queue;

    #[tokio::test]
    async fn what_waits_is_sent_whole_and_in_order_over_several_turns() {
        let (outlet, mut outgoing) = channel_queue::outlet();
        let sent = std::cell::RefCell::new(Vec::new());
        let mut sink = Box::pin(futures_util::sink::unfold((), |(), frame: Message| {
            sent.borrow_mut().push(frame.into_data()[0]);
            std::future::ready(Ok::<(), std::convert::Infallible>(()))
        }));
        for run in 0..6_u8 {
            let to = Way::Channel(SessionNumber::new(1));
            assert_eq!(outlet.offer(&Transmit { to, datagrams: &[run; 40_000], segment: 1000 }), 0);
        }
        let mut turns = 0;
        while let Some(first) = outgoing.take() {
            assert!(send_runs(&mut sink, first, &mut outgoing).await);
            turns += 1;
        }
        assert!(turns > 1, "it is more than one turn carries");
        let expected: Vec<u8> = (0..6).flat_map(|run| [run; 40]).collect();
        assert_eq!(*sent.borrow(), expected);
    }
}
