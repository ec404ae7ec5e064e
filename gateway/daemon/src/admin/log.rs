//! The record, row by row: to be read here, or to be taken away, which is recorded first.

use gateway_record::{Exported, Kind};
use nix::unistd::Uid;
use serde_json::{Value, json};
use tokio::{net::unix::OwnedWriteHalf, sync::mpsc};

use super::{Desk, Line, act, say};
use crate::{
    log_commands,
    store::{Kept, Query, Shown, StoreError},
};

pub(super) async fn show_log(writing: &mut OwnedWriteHalf, desk: &Desk, uid: Uid, query: Query) -> std::io::Result<()> {
    if query.names
        && let Err(why) = act(desk, Kind::NamesShown, uid, query.session).await
    {
        return say(writing, &Line::Failed(why)).await;
    }
    if query.pseudonyms {
        return say(writing, &Line::Failed("what leaves the gateway is exported, and that is recorded".to_owned()))
            .await;
    }
    say_rows(writing, desk.ledger.store().read(query), u64::MAX).await
}

/// Recorded before anything is told, with how many are: no more than those are told then.
pub(super) async fn export_log(
    writing: &mut OwnedWriteHalf,
    desk: &Desk,
    uid: Uid,
    (query, format): (Query, &str),
) -> std::io::Result<()> {
    if !log_commands::FORMATS.contains(&format) {
        return say(writing, &Line::Failed(format!("nothing is exported as `{format}`"))).await;
    }
    let (store, query) = (desk.ledger.store(), Query { pseudonyms: true, names: false, ..query });
    let counted = match log_commands::count(store.read(query.clone())).await {
        Ok(records) => {
            let noted = store.note(log_commands::exported(uid.as_raw(), &query, format, records)).await;
            noted.map(|()| records)
        }
        Err(error) => Err(error),
    };
    match counted {
        Ok(records) => say_rows(writing, store.read(query), records).await,
        Err(StoreError(why)) => say(writing, &Line::Failed(why)).await,
    }
}

async fn say_rows(
    writing: &mut OwnedWriteHalf,
    mut rows: mpsc::Receiver<Result<Kept, StoreError>>,
    most: u64,
) -> std::io::Result<()> {
    let mut left = most;
    while left > 0
        && let Some(row) = rows.recv().await
    {
        match row {
            Ok(kept) => say(writing, &Line::Row(row_value(&kept))).await?,
            Err(StoreError(why)) => return say(writing, &Line::Failed(why)).await,
        }
        left -= 1;
    }
    say(writing, &Line::Done(Value::Null)).await
}

/// A record as programs read it; as it is exported, where that was asked for.
pub(crate) fn row_value(kept: &Kept) -> Value {
    let record = &kept.record;
    if let Some(pseudonyms) = &kept.pseudonyms {
        return json!(Exported::new(record, pseudonyms.clone()));
    }
    let mut value = json!({
        "journal": record.journal,
        "sequence": record.sequence,
        "time": record.time,
        "kind": record.kind,
        "session": record.session,
        "structure": record.structure,
        "fields": record.fields,
        "hash": record.hash,
    });
    if let (Some(names), Value::Object(fields)) = (&kept.names, &mut value) {
        match names {
            Shown::Open(names) => fields.insert("names".to_owned(), json!(names)),
            Shown::Sealed(_) => fields.insert("names_are".to_owned(), json!("sealed")),
            Shown::Gone(_) => fields.insert("names_are".to_owned(), json!("gone")),
            Shown::Damaged => fields.insert("names_are".to_owned(), json!("damaged")),
        };
    }
    value
}
