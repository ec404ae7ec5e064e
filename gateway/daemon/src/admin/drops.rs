//! The headers of a session's dropped packets, told as they come to the administrator who asked.

use std::{io, time::Duration};

use gateway_api::SessionNumber;
use gateway_core::{DroppedHeader, End, LONGEST_LOOK};
use gateway_record::{Draft, Fields, Kind};
use jiff::{SignedDuration, Timestamp};
use nix::unistd::Uid;
use serde_json::{Value, json};
use tokio::{io::AsyncRead, net::unix::OwnedWriteHalf};

use super::{Desk, Line, hung_up, one, say};
use crate::clock;

/// Between looks at what there is.
const EVERY: Duration = Duration::from_millis(250);
/// The shortest time.
const SHORTEST: Duration = Duration::from_secs(1);

/// Tells each header with its moment and its reason, until the time is over. Whoever hangs up ends it.
pub(super) async fn tell(
    writing: &mut OwnedWriteHalf,
    reading: impl AsyncRead + Unpin,
    desk: &Desk,
    uid: Uid,
    (number, seconds): (SessionNumber, u32),
) -> io::Result<()> {
    let began = clock::now().wall;
    if let Err(why) = begin(desk, uid, number, seconds).await {
        return say(writing, &Line::Failed(why)).await;
    }
    let told = tokio::select! {
        told = follow(writing, desk, number, began) => told,
        () = hung_up(reading) => Ok(()),
    };
    // Gone with its session, or over already: then there is nothing to end.
    let _ = desk.ledger.data_plane().end_look(number).await;
    told
}

/// Records who looks before anything is shown.
async fn begin(desk: &Desk, uid: Uid, number: SessionNumber, seconds: u32) -> Result<(), String> {
    let span = Duration::from_secs(seconds.into());
    if !(SHORTEST..=LONGEST_LOOK).contains(&span) {
        return Err("dropped packets are shown for 1 second to 10 minutes".to_owned());
    }
    one(desk, number).await?;
    let fields = Fields::default().with("uid", i64::from(uid.as_raw())).with("seconds", i64::from(seconds));
    let draft = Draft { session: Some(number), fields, ..Draft::new(Kind::DropsShown, clock::now().wall) };
    desk.ledger.store().note(draft).await.map_err(|error| error.to_string())?;
    match desk.ledger.data_plane().begin_look(number, span).await {
        Ok(true) => Ok(()),
        Ok(false) => Err(format!("somebody looks at session {number} already, or it has ended")),
        Err(_) => Err("the gateway is stopping".to_owned()),
    }
}

async fn follow(writing: &mut OwnedWriteHalf, desk: &Desk, number: SessionNumber, began: Timestamp) -> io::Result<()> {
    let mut told = 0;
    loop {
        tokio::time::sleep(EVERY).await;
        let Ok(Some(dropped)) = desk.ledger.data_plane().dropped_headers(number).await else {
            return say(writing, &Line::Done(json!({ "packets": told, "why": "session_closed" }))).await;
        };
        for header in &dropped.headers {
            say(writing, &Line::Row(row(header, began))).await?;
            told += 1;
        }
        if dropped.over {
            return say(writing, &Line::Done(json!({ "packets": told, "why": "over" }))).await;
        }
    }
}

fn row(dropped: &DroppedHeader, began: Timestamp) -> Value {
    let at = SignedDuration::try_from(dropped.at).ok().and_then(|at| began.checked_add(at).ok()).unwrap_or(began);
    json!({
        "at": at,
        "from": match dropped.from {
            End::Home => "home",
            End::Office => "office",
        },
        "reason": dropped.reason.word(),
        "length": dropped.length,
        "header": dropped.header,
    })
}
