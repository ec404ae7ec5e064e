use gateway_record::Kind;

use super::*;

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_790_000_000 + second).unwrap()
}

fn number(bits: u64) -> SessionNumber {
    SessionNumber::new(bits)
}

fn opened(bits: u64) -> Draft {
    Draft {
        session: Some(number(bits)),
        structure: Some("Servizi Demografici".to_owned()),
        private: private(Fields::default().with("worker", "m.rossi")).unwrap(),
        ..Draft::new(Kind::SessionOpened, at(0))
    }
}

fn closed(bits: u64) -> Draft {
    Draft { session: Some(number(bits)), ..Draft::new(Kind::SessionClosed, at(60)) }
}

async fn kept(store: &Store, query: Query) -> Vec<Kept> {
    let mut rows = store.read(query);
    let mut all = Vec::new();
    while let Some(row) = rows.recv().await {
        all.push(row.unwrap());
    }
    all
}

/// The check of a state folder, by its own key.
async fn verified(folder: &Path, witnessed: &[Checkpoint]) -> Verified {
    let key = identity::record_key(folder).unwrap().expect("a gateway was here");
    verify(&folder.join(DATABASE), &[key], witnessed).await.unwrap().remove(0)
}

async fn workers(folder: &Path) -> Report {
    verified(folder, &[]).await.journals.remove(0).1
}

async fn is_whole(folder: &Path) {
    let verified = verified(folder, &[]).await;
    assert!(verified.is_whole(), "{verified:?}");
}

#[tokio::test]
async fn an_opening_and_its_close_are_kept_in_order() {
    let folder = tempfile::tempdir().unwrap();
    let (store, task) = Store::open(folder.path(), at(0)).await.unwrap();
    assert_eq!(store.write(Change::Open, opened(1)).await, Ok(Written::Recorded));
    assert_eq!(store.write(Change::Close(CloseReason::Idle), closed(1)).await, Ok(Written::Recorded));
    let story = kept(&store, Query { session: Some(number(1)), ..Query::default() }).await;
    assert_eq!(
        story.iter().map(|kept| kept.record.kind).collect::<Vec<_>>(),
        [Kind::SessionOpened, Kind::SessionClosed]
    );
    assert!(story.iter().all(|kept| kept.private.is_none()), "names are not shown unless asked for");
    let named = kept(&store, Query { names: true, ..Query::default() }).await;
    assert_eq!(named[0].private.as_ref().unwrap().fields.value("worker"), Some(&"m.rossi".into()));
    drop(store);
    task.await.unwrap();
    is_whole(folder.path()).await;
}

#[tokio::test]
async fn a_session_has_one_opening_and_one_close() {
    let folder = tempfile::tempdir().unwrap();
    let (store, _task) = Store::open(folder.path(), at(0)).await.unwrap();
    let close = || store.write(Change::Close(CloseReason::Idle), closed(1));
    assert_eq!(close().await, Ok(Written::NotOpen), "a close cannot come first");
    assert_eq!(store.write(Change::Open, opened(1)).await, Ok(Written::Recorded));
    assert_eq!(store.write(Change::Open, opened(1)).await, Ok(Written::NumberTaken));
    assert_eq!(close().await, Ok(Written::Recorded));
    assert_eq!(close().await, Ok(Written::NotOpen));
    assert_eq!(store.write(Change::Open, opened(1)).await, Ok(Written::NumberTaken), "a number is never used again");
    assert_eq!(kept(&store, Query::default()).await.len(), 2);
}

#[tokio::test]
async fn what_was_acknowledged_is_there_after_a_crash_and_the_chain_is_whole() {
    let folder = tempfile::tempdir().unwrap();
    let (store, task) = Store::open(folder.path(), at(0)).await.unwrap();
    let mut writes = tokio::task::JoinSet::new();
    for bits in 0..500 {
        let store = store.clone();
        writes.spawn(async move { (bits, store.write(Change::Open, opened(bits)).await) });
    }
    let mut acknowledged = Vec::new();
    while acknowledged.len() < 200 {
        let (bits, outcome) = writes.join_next().await.unwrap().unwrap();
        assert_eq!(outcome, Ok(Written::Recorded));
        acknowledged.push(number(bits));
    }
    // As a killed process: the writer vanishes in the middle of a batch, and nothing is closed in order.
    task.abort();
    writes.abort_all();
    drop((store, writes));
    assert!(task.await.unwrap_err().is_cancelled());
    let (store, _task) = Store::open(folder.path(), at(1)).await.unwrap();
    let open: Vec<SessionNumber> = store.left_open().await.unwrap().into_iter().map(|(number, _)| number).collect();
    assert!(acknowledged.iter().all(|number| open.contains(number)));
    assert_eq!(kept(&store, Query::default()).await.len(), open.len(), "each open session has its record");
    is_whole(folder.path()).await;
}

#[tokio::test]
async fn old_records_go_and_the_chain_says_where_it_begins() {
    let folder = tempfile::tempdir().unwrap();
    let (store, task) = Store::open(folder.path(), at(0)).await.unwrap();
    for bits in 0..10 {
        let draft = Draft { time: at(i64::try_from(bits).unwrap()), ..opened(bits) };
        store.write(Change::Open, draft).await.unwrap();
    }
    assert_eq!(store.forget(Journal::Workers, at(4), at(100)).await, Ok(4));
    assert_eq!(store.forget(Journal::Workers, at(4), at(100)).await, Ok(0));
    assert_eq!(kept(&store, Query::default()).await.first().unwrap().record.sequence, 5);
    let acts = kept(&store, Query { journal: Some(Journal::Administrators), ..Query::default() }).await;
    assert_eq!(acts.iter().map(|kept| kept.record.kind).collect::<Vec<_>>(), [Kind::RecordsDeleted]);
    store.forget(Journal::Workers, at(1000), at(100)).await.unwrap();
    drop(store);
    task.await.unwrap();
    is_whole(folder.path()).await;
    let (store, _task) = Store::open(folder.path(), at(200)).await.expect("an empty journal goes on after its cut");
    store.note(Draft::new(Kind::LoginRefused, at(201))).await.unwrap();
    assert_eq!(kept(&store, Query::default()).await[0].record.sequence, 11);
}

async fn alter(folder: &Path, statement: &'static str) {
    use sqlx::Connection as _;
    let options = sqlx::sqlite::SqliteConnectOptions::new().filename(folder.join(DATABASE));
    let mut connection = sqlx::SqliteConnection::connect_with(&options).await.unwrap();
    sqlx::query(statement).execute(&mut connection).await.unwrap();
    connection.close().await.unwrap();
}

/// A closed database with five openings.
async fn five() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let (store, task) = Store::open(folder.path(), at(0)).await.unwrap();
    for bits in 0..5 {
        store.write(Change::Open, opened(bits)).await.unwrap();
    }
    store.checkpoint(at(61)).await.unwrap().expect("something was written");
    drop(store);
    task.await.unwrap();
    folder
}

#[tokio::test]
async fn tampering_is_found_and_told_apart() {
    use gateway_record::{Fault, Teller};
    let cases: [(&'static str, Vec<Fault>); 5] = [
        ("update records set structure = 'X' where sequence = 3", vec![Fault::Altered { sequence: 3 }]),
        ("delete from records where sequence in (2, 3)", vec![Fault::Missing { from: 2, to: 3 }]),
        (
            "delete from records where sequence > 3",
            vec![Fault::CutShort { last: 3, noted: 5, by: Teller::Checkpoint(1) }],
        ),
        ("update records set private = null where sequence = 1", vec![Fault::NamesMissing { sequence: 1 }]),
        (
            "update records set sequence = case sequence when 2 then 104 else 102 end where sequence in (2, 4)",
            vec![
                Fault::Missing { from: 2, to: 2 },
                Fault::Missing { from: 4, to: 4 },
                Fault::Missing { from: 6, to: 101 },
                Fault::Reordered { sequence: 102, written: 4 },
                Fault::Missing { from: 103, to: 103 },
                Fault::Reordered { sequence: 104, written: 2 },
            ],
        ),
    ];
    for (statement, expected) in cases {
        let folder = five().await;
        alter(folder.path(), statement).await;
        assert_eq!(workers(folder.path()).await.faults, expected, "{statement}");
    }
}

#[tokio::test]
async fn a_checkpoint_is_made_only_if_something_was_written() {
    let folder = tempfile::tempdir().unwrap();
    let (store, _task) = Store::open(folder.path(), at(0)).await.unwrap();
    store.note(Draft::new(Kind::GatewayStarted, at(0))).await.unwrap();
    let first = store.checkpoint(at(60)).await.unwrap().unwrap();
    assert!(first.holds() && first.key == store.key() && first.number == 1);
    assert_eq!(store.checkpoint(at(120)).await, Ok(None));
    store.write(Change::Open, opened(1)).await.unwrap();
    assert_eq!(store.checkpoint(at(180)).await.unwrap().unwrap().number, 2);
    is_whole(folder.path()).await;
}

#[tokio::test]
async fn a_chain_that_was_cut_short_with_all_its_notes_is_found_by_the_witness() {
    use gateway_record::{End, Fault, Teller};
    let folder = tempfile::tempdir().unwrap();
    let (store, task) = Store::open(folder.path(), at(0)).await.unwrap();
    store.write(Change::Open, opened(1)).await.unwrap();
    let first = store.checkpoint(at(60)).await.unwrap().unwrap();
    store.write(Change::Open, opened(2)).await.unwrap();
    let second = store.checkpoint(at(120)).await.unwrap().unwrap();
    drop(store);
    task.await.unwrap();
    let told = [first, second];
    let proven = verified(folder.path(), &told).await;
    assert_eq!(proven.journals[0].1.end, End::Proven { time: at(120) });
    for statement in [
        "delete from records where sequence = 2",
        "update chains set last_sequence = 1, last_hash = (select hash from records where sequence = 1) where journal = 'workers'",
        "delete from checkpoints where number = 2",
        "update checkpoint_notes set last = 1",
    ] {
        alter(folder.path(), statement).await;
    }
    is_whole(folder.path()).await;
    let found = verified(folder.path(), &told).await;
    assert_eq!(found.journals[0].1.faults, [Fault::CutShort { last: 1, noted: 2, by: Teller::Witness(2) }]);
}

/// Every column of every row that belongs to the record, altered one at a time.
#[tokio::test]
async fn any_single_change_of_any_value_or_row_is_found() {
    use sqlx::{Connection as _, Row as _};
    let whole = tempfile::tempdir().unwrap();
    let (store, task) = Store::open(whole.path(), at(0)).await.unwrap();
    for bits in 0..4 {
        let draft = Draft { time: at(i64::try_from(bits).unwrap()), ..opened(bits) };
        store.write(Change::Open, draft).await.unwrap();
        store.checkpoint(at(100)).await.unwrap();
    }
    assert_eq!(store.forget(Journal::Workers, at(2), at(100)).await, Ok(2));
    store.note(Draft::new(Kind::NamesShown, at(100))).await.unwrap();
    store.checkpoint(at(100)).await.unwrap();
    drop(store);
    task.await.unwrap();
    is_whole(whole.path()).await;
    let connect = async |folder: &Path| {
        let options = sqlx::sqlite::SqliteConnectOptions::new().filename(folder.join(DATABASE));
        sqlx::SqliteConnection::connect_with(&options).await.unwrap()
    };
    let mut connection = connect(whole.path()).await;
    let mut changes = Vec::new();
    for table in ["records", "chains", "cuts", "checkpoints", "checkpoint_notes"] {
        let rows = sqlx::query(sqlx::AssertSqlSafe(format!("select rowid as place, * from {table}")));
        for row in rows.fetch_all(&mut connection).await.unwrap() {
            let place: i64 = row.try_get("place").unwrap();
            changes.push(format!("delete from {table} where rowid = {place}"));
            let columns =
                sqlx::query(sqlx::AssertSqlSafe(format!("select name, type from pragma_table_info('{table}')")));
            for column in columns.fetch_all(&mut connection).await.unwrap() {
                let (name, kind): (String, String) = (column.try_get("name").unwrap(), column.try_get("type").unwrap());
                // The cuts' own numbering of rows says nothing.
                if name == "id" {
                    continue;
                }
                let other = match kind.as_str() {
                    "INTEGER" => format!("coalesce({name}, 0) + 1000"),
                    "TEXT" => format!("coalesce({name}, '') || 'x'"),
                    _ => format!("cast(coalesce(substr({name}, 2), x'00') || x'5a' as blob)"),
                };
                changes.push(format!("update {table} set {name} = {other} where rowid = {place}"));
            }
        }
    }
    connection.close().await.unwrap();
    assert!(changes.len() > 100, "{}", changes.len());
    let key = identity::record_key(whole.path()).unwrap().unwrap();
    for change in changes {
        let folder = tempfile::tempdir().unwrap();
        std::fs::copy(whole.path().join(DATABASE), folder.path().join(DATABASE)).unwrap();
        let mut connection = connect(folder.path()).await;
        let changed = sqlx::query(sqlx::AssertSqlSafe(change.clone())).execute(&mut connection).await;
        connection.close().await.unwrap();
        assert_eq!(changed.unwrap().rows_affected(), 1, "{change}");
        let verified = verify(&folder.path().join(DATABASE), &[key], &[]).await.unwrap();
        assert!(!verified.iter().all(Verified::is_whole), "{change} is not found: {verified:?}");
    }
}

#[tokio::test]
async fn a_chain_that_was_cut_is_not_silently_continued() {
    let folder = five().await;
    alter(folder.path(), "delete from records where sequence = 5").await;
    let error = Store::open(folder.path(), at(9)).await.unwrap_err().to_string();
    assert!(error.contains("does not end where it was left") && error.contains("log verify"), "{error}");
}

#[tokio::test]
async fn a_database_of_a_newer_version_is_refused_with_words() {
    let folder = five().await;
    alter(folder.path(), "insert into _sqlx_migrations values (99, 'later', 0, 1, x'00', 0)").await;
    let error = Store::open(folder.path(), at(9)).await.unwrap_err().to_string();
    assert!(error.contains("newer deskgate-gateway") && error.contains("99"), "{error}");
    let error = verify(&folder.path().join(DATABASE), &[], &[]).await.unwrap_err().to_string();
    assert!(error.contains("newer deskgate-gateway"), "{error}");
}

#[tokio::test]
async fn what_is_no_database_is_refused_with_words() {
    let folder = tempfile::tempdir().unwrap();
    crate::secret_file::create(&folder.path().join(DATABASE), &[b'x'; 4096]).unwrap();
    let error = Store::open(folder.path(), at(0)).await.unwrap_err().to_string();
    assert!(error.contains("damaged") && error.contains("restore"), "{error}");
}

#[tokio::test]
async fn a_locked_database_is_told_from_a_broken_one() {
    use sqlx::Connection as _;
    let folder = five().await;
    let options = sqlx::sqlite::SqliteConnectOptions::new().filename(folder.path().join(DATABASE));
    let mut other = sqlx::SqliteConnection::connect_with(&options).await.unwrap();
    let (store, _task) = Store::open(folder.path(), at(0)).await.unwrap();
    sqlx::query("begin immediate").execute(&mut other).await.unwrap();
    let error = store.write(Change::Open, opened(77)).await.unwrap_err().to_string();
    assert!(error.contains("locked by another program"), "{error}");
    sqlx::query("rollback").execute(&mut other).await.unwrap();
    assert_eq!(
        store.write(Change::Open, opened(77)).await,
        Ok(Written::Recorded),
        "nothing is left behind by the failure"
    );
    is_whole(folder.path()).await;
}

#[tokio::test]
async fn a_backup_of_a_live_database_is_whole_private_and_can_be_put_back() {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = tempfile::tempdir().unwrap();
    let (store, _task) = Store::open(folder.path(), at(0)).await.unwrap();
    store.write(Change::Open, opened(1)).await.unwrap();
    let copy = folder.path().join("copy");
    backup(&folder.path().join(DATABASE), &copy).await.unwrap();
    assert_eq!(copy.metadata().unwrap().permissions().mode() & 0o777, 0o600);
    assert!(backup(&folder.path().join(DATABASE), &copy).await.is_err(), "a file that is there is not replaced");
    let elsewhere = tempfile::tempdir().unwrap();
    restore(&copy, &elsewhere.path().join(DATABASE)).await.unwrap();
    let (store, _task) = Store::open(elsewhere.path(), at(9)).await.unwrap();
    assert_eq!(store.left_open().await.unwrap(), [(number(1), "Servizi Demografici".to_owned())]);
    let keys = [
        identity::record_key(folder.path()).unwrap().unwrap(),
        identity::record_key(elsewhere.path()).unwrap().unwrap(),
    ];
    let verified = verify(&elsewhere.path().join(DATABASE), &keys, &[]).await.unwrap();
    assert!(verified[0].is_whole(), "{verified:?}");
}

#[tokio::test]
async fn a_crash_is_told_from_a_stop_in_order() {
    let folder = tempfile::tempdir().unwrap();
    let (store, _task) = Store::open(folder.path(), at(0)).await.unwrap();
    assert_eq!(store.ended_unclean().await, Ok(false));
    store.note(Draft::new(Kind::GatewayStarted, at(0))).await.unwrap();
    assert_eq!(store.ended_unclean().await, Ok(true));
    store.note(Draft::new(Kind::GatewayStopped, at(1))).await.unwrap();
    assert_eq!(store.ended_unclean().await, Ok(false));
}
