//! A running session's channel and its end: whoever shows the token.
//!
//! The channel holds the session: events go out as text frames, and the connection is pinged, so that a home that vanished is noticed
//! before the line's own time limits would tell.

use std::{sync::Arc, time::Duration};

use axum::{
    extract::{
        RawQuery, State, WebSocketUpgrade,
        ws::{CloseFrame, Message, WebSocket, close_code},
    },
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse as _, Response},
};
use gateway_api::{
    CloseReason, Token,
    session::{self, ClientReason},
};

use super::Api;
use crate::ledger::{Attached, Holder, Ledger};

/// Between pings: well inside what home routers keep of an idle connection.
const PING: Duration = Duration::from_secs(20);
/// Without a sign of life for so long, nobody is there.
const SILENCE: Duration = Duration::from_secs(45);
/// For one frame to leave.
const SENDING: Duration = Duration::from_secs(10);
/// The largest frame read, in bytes; a WireGuard datagram fits.
const LARGEST_FRAME: usize = 64 * 1024;

/// `GET /v1/session`
pub(super) async fn channel(
    State(api): State<Arc<Api>>,
    headers: HeaderMap,
    upgrade: Result<WebSocketUpgrade, axum::extract::ws::rejection::WebSocketUpgradeRejection>,
) -> Response {
    let Some(holder) = holder(&api.ledger, &headers) else { return StatusCode::UNAUTHORIZED.into_response() };
    let upgrade = match upgrade {
        Ok(upgrade) => upgrade.max_message_size(LARGEST_FRAME).max_frame_size(LARGEST_FRAME),
        Err(refused) => return refused.into_response(),
    };
    let ledger = api.ledger.clone();
    upgrade.on_upgrade(move |socket| async move {
        if let Some(attached) = ledger.attach(holder).await {
            let (number, id) = (attached.number, attached.id());
            carry(socket, attached).await;
            ledger.detach(number, id).await;
        }
    })
}

/// `DELETE /v1/session`
pub(super) async fn close(State(api): State<Arc<Api>>, headers: HeaderMap, RawQuery(query): RawQuery) -> StatusCode {
    let Some(holder) = holder(&api.ledger, &headers) else { return StatusCode::UNAUTHORIZED };
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

/// Whose token the request shows.
fn holder(ledger: &Ledger, headers: &HeaderMap) -> Option<Holder> {
    let shown = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let token = Token::parse(shown.strip_prefix("Bearer ")?).ok()?;
    ledger.holder(&token)
}

/// Until the session is closed, another channel takes over, or nobody is there any more.
async fn carry(mut socket: WebSocket, mut attached: Attached) {
    if !send(&mut socket, event(session::Event::Attached)).await {
        return;
    }
    let mut ping = tokio::time::interval(PING);
    ping.reset();
    let mut heard_at = tokio::time::Instant::now();
    loop {
        tokio::select! {
            told = attached.events.recv() => {
                let Some(told) = told else { return leave(socket, "another channel took over").await };
                if !send(&mut socket, event(told)).await {
                    return;
                }
                if matches!(told, session::Event::Closed { .. }) {
                    return leave(socket, "closed").await;
                }
            }
            heard = socket.recv() => match heard {
                // Nothing that a client may say yet; a ping is answered by the protocol itself.
                Some(Ok(Message::Text(_) | Message::Binary(_) | Message::Ping(_) | Message::Pong(_))) => {
                    heard_at = tokio::time::Instant::now();
                }
                Some(Ok(Message::Close(_)) | Err(_)) | None => return,
            },
            _ = ping.tick() => {
                if heard_at.elapsed() > SILENCE || !send(&mut socket, Message::Ping(Default::default())).await {
                    return;
                }
            }
        }
    }
}

fn event(event: session::Event) -> Message {
    // A closed list of numbers and words: it always has a JSON form.
    Message::text(serde_json::to_string(&event).unwrap_or_default())
}

/// False when nobody takes it.
async fn send(socket: &mut WebSocket, message: Message) -> bool {
    matches!(tokio::time::timeout(SENDING, socket.send(message)).await, Ok(Ok(())))
}

async fn leave(mut socket: WebSocket, reason: &'static str) {
    let frame = CloseFrame { code: close_code::NORMAL, reason: reason.into() };
    send(&mut socket, Message::Close(Some(frame))).await;
}
