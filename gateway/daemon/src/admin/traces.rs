//! What administrators ask about recordings of sessions: make one, which there are, delete one.

use std::io;

use gateway_api::SessionNumber;
use gateway_record::{Draft, Fields, Kind};
use nix::unistd::Uid;
use serde_json::{Value, json};
use tokio::{io::AsyncRead, net::unix::OwnedWriteHalf, sync::mpsc};

use super::{Desk, Line, hung_up, one, say};
use crate::{
    clock,
    traces::{
        self, Order,
        files::{self, Name},
    },
};

/// Records a session, telling on the way what happens. Whoever hangs up ends it.
pub(super) async fn record(
    writing: &mut OwnedWriteHalf,
    reading: impl AsyncRead + Unpin,
    desk: &Desk,
    uid: Uid,
    (number, seconds): (SessionNumber, u32),
) -> io::Result<()> {
    let order = match order(desk, uid, number, seconds).await {
        Ok(order) => order,
        Err(why) => return say(writing, &Line::Failed(why)).await,
    };
    let (tell, mut told) = mpsc::unbounded_channel();
    let outcome = {
        let recording = traces::record(&desk.ledger, &desk.traces, &order, &tell, hung_up(reading));
        let mut recording = std::pin::pin!(recording);
        loop {
            tokio::select! {
                biased;
                // Whoever reads no more hangs up, which is noticed at the other half.
                Some(step) = told.recv() => drop(say(writing, &Line::Row(step)).await),
                outcome = &mut recording => break outcome,
            }
        }
    };
    let answer = match outcome {
        Ok(value) => Line::Done(value),
        Err(why) => Line::Failed(why),
    };
    say(writing, &answer).await
}

async fn order(desk: &Desk, uid: Uid, number: SessionNumber, seconds: u32) -> Result<Order, String> {
    let span = traces::span(seconds)?;
    one(desk, number).await?;
    let workers = desk.ledger.workers();
    let worker = workers.get(&number).ok_or_else(|| format!("session {number} has ended"))?;
    let is_test_account = desk.change.policy().current().is_test_account(&worker.name);
    Ok(Order { number, span, uid: uid.as_raw(), is_test_account })
}

/// The recordings that are kept.
pub(super) async fn list(desk: &Desk) -> Result<Value, String> {
    let folder = desk.traces.clone();
    let names =
        tokio::task::spawn_blocking(move || files::list(&folder)).await.map_err(|error| error.to_string())??;
    let shown = |name: &Name| {
        json!({
            "trace": name.to_string(),
            "session": name.session,
            "began": name.began,
            "kept_until": files::kept_until(name),
            "folder": desk.traces.join(name.to_string()),
        })
    };
    Ok(names.iter().map(shown).collect())
}

/// Deletes one, recorded before it is done.
pub(super) async fn delete(desk: &Desk, uid: Uid, trace: &str) -> Result<Value, String> {
    let missing = || format!("there is no recording `{trace}`: `idle record --list` shows which there are");
    let name = Name::parse(trace.trim()).ok_or_else(missing)?;
    let folder = desk.traces.clone();
    if !files::list(&folder)?.contains(&name) {
        return Err(missing());
    }
    let fields = Fields::default().with("uid", i64::from(uid.as_raw())).with("trace", name.to_string());
    let draft = Draft { session: Some(name.session), fields, ..Draft::new(Kind::TraceDeleted, clock::now().wall) };
    desk.ledger.store().note(draft).await.map_err(|error| error.to_string())?;
    let deleted = tokio::task::spawn_blocking(move || files::delete(&folder, &name)).await;
    match deleted.map_err(|error| error.to_string())?? {
        true => Ok(json!({ "trace": name.to_string(), "deleted": true })),
        false => Err(missing()),
    }
}
