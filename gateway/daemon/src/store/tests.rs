use gateway_record::{Holders, Kind, PrivateHalf, Role};

use super::*;

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_790_000_000 + second).unwrap()
}

/// Before any key was made.
const LONG_AGO: Date = Date::constant(2000, 1, 1);

fn number(bits: u64) -> SessionNumber {
    SessionNumber::new(bits)
}

fn opened(bits: u64) -> Draft {
    Draft {
        session: Some(number(bits)),
        structure: Some("Servizi Demografici".to_owned()),
        names: Fields::default().with("worker", "m.rossi").with("worker_id", "id-1"),
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
    assert!(story.iter().all(|kept| kept.names.is_none()), "names are not shown unless asked for");
    let named = kept(&store, Query { names: true, ..Query::default() }).await;
    let Some(Shown::Open(names)) = &named[0].names else { panic!("sealed to nobody") };
    assert_eq!(names.value("worker"), Some(&"m.rossi".into()));
    drop(store);
    task.await.unwrap();
    is_whole(folder.path()).await;
}

#[tokio::test]
async fn a_store_that_is_told_to_end_writes_what_it_was_asked_for_and_no_more() {
    let folder = tempfile::tempdir().unwrap();
    let (store, task) = Store::open(folder.path(), at(0)).await.unwrap();
    let last = store.note(Draft::new(Kind::GatewayStopped, at(1)));
    let (noted, ()) = futures_util::future::join(last, store.end()).await;
    assert_eq!(noted, Ok(()));
    task.await.unwrap();
    let late = store.note(Draft::new(Kind::GatewayStarted, at(2))).await;
    assert!(late.unwrap_err().0.contains("has stopped"));
    assert_eq!(store.ended_unclean().await, Ok(false));
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
    assert_eq!(store.forget(Journal::Workers, at(4), LONG_AGO, at(100)).await, Ok(4));
    assert_eq!(store.forget(Journal::Workers, at(4), LONG_AGO, at(100)).await, Ok(0));
    assert_eq!(kept(&store, Query::default()).await.first().unwrap().record.sequence, 5);
    let acts = kept(&store, Query { journal: Some(Journal::Administrators), ..Query::default() }).await;
    assert_eq!(acts.iter().map(|kept| kept.record.kind).collect::<Vec<_>>(), [Kind::RecordsDeleted]);
    store.forget(Journal::Workers, at(1000), LONG_AGO, at(100)).await.unwrap();
    drop(store);
    task.await.unwrap();
    is_whole(folder.path()).await;
    let (store, _task) = Store::open(folder.path(), at(200)).await.expect("an empty journal goes on after its cut");
    store.note(Draft::new(Kind::LoginRefused, at(201))).await.unwrap();
    assert_eq!(kept(&store, Query::default()).await[0].record.sequence, 11);
}

/// A gateway whose names are for two holders, on a day.
fn sealing(folder: &Path, day: Date) -> (Sealing, [PrivateHalf; 2]) {
    let halves = Role::ALL.map(|role| PrivateHalf::draw(role, &[role.word().len() as u8; 32]).unwrap());
    let [controllers, reviewers] = halves.each_ref().map(PrivateHalf::public);
    let holders = Some(Holders::new(&[controllers], &[reviewers]).unwrap());
    (Sealing { holders, today: Arc::new(move || day), ..Sealing::to_nobody(folder) }, halves)
}

const SUNDAY: Date = Date::constant(2026, 11, 22);

#[tokio::test]
async fn names_are_for_two_holders_and_the_gateway_cannot_read_what_it_wrote() {
    let folder = tempfile::tempdir().unwrap();
    let (sealed, halves) = sealing(folder.path(), SUNDAY);
    let (store, task) = Store::open_sealing(folder.path(), sealed, at(0)).await.unwrap();
    store.write(Change::Open, opened(1)).await.unwrap();
    let named = || async { kept(&store, Query { names: true, ..Query::default() }).await.remove(0).names.unwrap() };
    let Shown::Sealed(letter) = named().await else { panic!("sealed") };
    assert_eq!(letter.open(&halves).unwrap().value("worker"), Some(&"m.rossi".into()));
    // Nowhere in the folder, whatever is in it.
    for entry in std::fs::read_dir(folder.path()).unwrap() {
        let path = entry.unwrap().path();
        let bytes = if path.is_file() { std::fs::read(&path).unwrap() } else { Vec::new() };
        let found = bytes.windows(7).any(|window| window == b"m.rossi");
        assert!(!found, "{} names a worker", path.display());
    }
    is_whole(folder.path()).await;
    // The key of the day is not needed for the check, only for reading.
    std::fs::remove_dir_all(folder.path().join(day_keys::FOLDER)).unwrap();
    is_whole(folder.path()).await;
    drop(store);
    task.await.unwrap();
    let (store, _task) = Store::open(folder.path(), at(1)).await.unwrap();
    assert_eq!(kept(&store, Query { names: true, ..Query::default() }).await[0].names, Some(Shown::Gone(SUNDAY)));
}

#[tokio::test]
async fn whoever_follows_a_journal_gets_each_record_and_all_again_over_another_one() {
    let folder = tempfile::tempdir().unwrap();
    let (store, task) = Store::open(folder.path(), at(0)).await.unwrap();
    let mut news = store.news();
    for bits in 0..3 {
        store.write(Change::Open, opened(bits)).await.unwrap();
    }
    assert!(news.has_changed().unwrap());
    news.mark_unchanged();
    let behind = async |place: Option<&Exportable>| {
        let found = store.behind(Journal::Workers, place).await.unwrap();
        (found.records.iter().map(|record| record.sequence).collect::<Vec<_>>(), found.waiting, found.missed)
    };
    assert_eq!(behind(None).await, (vec![1, 2, 3], 3, 0));
    let all = store.behind(Journal::Workers, None).await.unwrap().records;
    let place =
        |nth: usize| Exportable { gateway: all[nth].gateway.clone(), sequence: all[nth].sequence, hash: all[nth].hash };
    assert_eq!(all[0].pseudonyms, all[1].pseudonyms, "the same worker on the same day");
    assert_eq!(all[0].pseudonyms.iter().map(|(name, _)| name).collect::<Vec<_>>(), ["worker"]);
    assert_eq!(behind(Some(&place(0))).await, (vec![2, 3], 2, 0));
    assert_eq!(behind(Some(&place(2))).await, (vec![], 0, 0));
    for other in [
        Exportable { hash: Hash([7; 32]), ..place(1) },
        Exportable { gateway: "OTHER".to_owned(), ..place(1) },
        Exportable { sequence: 9, ..place(1) },
    ] {
        assert_eq!(behind(Some(&other)).await.0, [1, 2, 3], "{other:?}");
    }
    let draft = Draft { time: at(50), ..opened(9) };
    store.write(Change::Open, draft).await.unwrap();
    store.forget(Journal::Workers, at(40), LONG_AGO, at(100)).await.unwrap();
    assert_eq!(behind(Some(&place(2))).await, (vec![4], 1, 0), "deleted after they were taken");
    assert_eq!(behind(Some(&place(0))).await, (vec![4], 1, 2), "deleted before");
    let mut connection = sqlite_at(folder.path()).await;
    use sqlx::{Connection as _, Row as _};
    let left = sqlx::query("select count(*) as left from pseudonyms").fetch_one(&mut connection).await.unwrap();
    assert_eq!(left.get::<i64, _>("left"), 1, "pseudonyms go with their records");
    connection.close().await.unwrap();
    drop(store);
    task.await.unwrap();
}

async fn sqlite_at(folder: &Path) -> sqlx::SqliteConnection {
    use sqlx::Connection as _;
    let options = sqlx::sqlite::SqliteConnectOptions::new().filename(folder.join(DATABASE));
    sqlx::SqliteConnection::connect_with(&options).await.unwrap()
}

#[tokio::test]
async fn a_backup_that_is_put_back_does_not_revive_what_was_destroyed() {
    let folder = tempfile::tempdir().unwrap();
    let (sealed, _) = sealing(folder.path(), SUNDAY);
    let (store, task) = Store::open_sealing(folder.path(), sealed, at(0)).await.unwrap();
    store.write(Change::Open, opened(1)).await.unwrap();
    let (database, copy) = (folder.path().join(DATABASE), folder.path().join("copy"));
    backup(&database, &copy).await.unwrap();
    assert_eq!(store.forget(Journal::Workers, at(1), SUNDAY, at(100)).await, Ok(1));
    let acts = kept(&store, Query { journal: Some(Journal::Administrators), ..Query::default() }).await;
    let kinds: Vec<Kind> = acts.iter().map(|kept| kept.record.kind).collect();
    assert_eq!(kinds, [Kind::DayKeysDestroyed, Kind::RecordsDeleted], "keys first");
    assert_eq!(workers(folder.path()).await.keys_destroyed, 1, "as the cut says");
    drop(store);
    task.await.unwrap();
    for part in ["", "-wal", "-shm"] {
        let _ = std::fs::remove_file(folder.path().join(format!("{DATABASE}{part}")));
    }
    restore(&copy, &database).await.unwrap();
    // Also with the clock of that day.
    let (sealed, _) = sealing(folder.path(), SUNDAY);
    let (store, _task) = Store::open_sealing(folder.path(), sealed, at(0)).await.unwrap();
    store.write(Change::Open, opened(2)).await.unwrap();
    let all = kept(&store, Query { names: true, ..Query::default() }).await;
    assert_eq!(all[0].names, Some(Shown::Gone(SUNDAY)), "the record is back, its names are not");
    assert!(matches!(all[1].names, Some(Shown::Sealed(_))), "and the day is not used again: {:?}", all[1].names);
    is_whole(folder.path()).await;
}

#[tokio::test]
async fn keys_that_were_destroyed_while_nothing_could_be_written_are_recorded_once_later_also_after_a_crash() {
    use sqlx::Connection as _;
    let folder = tempfile::tempdir().unwrap();
    let (sealed, _) = sealing(folder.path(), SUNDAY);
    let (store, task) = Store::open_sealing(folder.path(), sealed, at(0)).await.unwrap();
    store.write(Change::Open, opened(1)).await.unwrap();
    let mut other = sqlite_at(folder.path()).await;
    sqlx::query("begin immediate").execute(&mut other).await.unwrap();
    assert!(store.forget(Journal::Workers, at(1), SUNDAY, at(100)).await.is_err());
    sqlx::query("rollback").execute(&mut other).await.unwrap();
    other.close().await.unwrap();
    drop(store);
    task.await.unwrap();
    let note = folder.path().join("day-keys/workers-unrecorded");
    let noted = std::fs::read(&note).unwrap();
    let (sealed, _) = sealing(folder.path(), SUNDAY);
    let (store, _task) = Store::open_sealing(folder.path(), sealed, at(0)).await.unwrap();
    assert_eq!(store.forget(Journal::Workers, at(1), SUNDAY, at(100)).await, Ok(1));
    assert!(!note.exists());
    // A commit that seemed to fail, and is on disk all the same.
    crate::secret_file::create(&note, &noted).unwrap();
    assert_eq!(store.forget(Journal::Workers, at(1), SUNDAY, at(100)).await, Ok(0));
    assert!(!note.exists());
    let acts = kept(&store, Query { journal: Some(Journal::Administrators), ..Query::default() }).await;
    let kinds: Vec<Kind> = acts.iter().map(|kept| kept.record.kind).collect();
    assert_eq!(kinds, [Kind::DayKeysDestroyed, Kind::RecordsDeleted]);
    assert_eq!(workers(folder.path()).await.keys_destroyed, 1, "as the cut says");
}

#[tokio::test]
async fn records_stay_whole_and_their_names_readable_over_midnight_and_new_keys() {
    let folder = tempfile::tempdir().unwrap();
    for (bits, day) in [(1, SUNDAY), (2, SUNDAY.tomorrow().unwrap())] {
        let (sealed, _) = sealing(folder.path(), day);
        let (store, task) = Store::open_sealing(folder.path(), sealed, at(0)).await.unwrap();
        store.write(Change::Open, opened(bits)).await.unwrap();
        drop(store);
        task.await.unwrap();
    }
    let (store, _task) = Store::open(folder.path(), at(1)).await.unwrap();
    store.write(Change::Open, opened(3)).await.unwrap();
    let all = kept(&store, Query { names: true, ..Query::default() }).await;
    assert!(matches!(&*all, [first, second, third] if matches!((&first.names, &second.names, &third.names),
        (Some(Shown::Sealed(_)), Some(Shown::Sealed(_)), Some(Shown::Open(_))))));
    store.forget(Journal::Workers, at(-1), SUNDAY, at(2)).await.unwrap();
    let all = kept(&store, Query { names: true, ..Query::default() }).await;
    assert_eq!(all[0].names, Some(Shown::Gone(SUNDAY)));
    assert!(matches!(all[1].names, Some(Shown::Sealed(_))), "another day's are still there");
    is_whole(folder.path()).await;
}

#[tokio::test]
async fn a_workers_own_sessions_are_found_without_anybodys_name() {
    let folder = tempfile::tempdir().unwrap();
    let (sealed, _) = sealing(folder.path(), SUNDAY);
    let (store, _task) = Store::open_sealing(folder.path(), sealed, at(0)).await.unwrap();
    store.write(Change::Open, opened(1)).await.unwrap();
    let mut other = Draft { time: at(50), ..opened(2) };
    other.names = other.names.with("worker_id", "id-2");
    store.write(Change::Open, other).await.unwrap();
    let assisting = Fields::default().with("assists", number(2).to_string());
    store.write(Change::Open, Draft { time: at(60), fields: assisting, ..opened(3) }).await.unwrap();
    assert_eq!(store.opened_by("id-1", at(0), SUNDAY).await, Ok(vec![at(0)]));
    assert_eq!(store.opened_by("id-1", at(1), SUNDAY).await, Ok(vec![]));
    assert_eq!(store.opened_by("id-2", at(0), SUNDAY).await, Ok(vec![at(50)]));
    assert_eq!(store.opened_by("id-3", at(0), SUNDAY).await, Ok(vec![]));
}

/// A database as an older version left it: two sessions with their names unsealed, the first of them deleted by a cut that
/// nobody signed.
async fn of_schema_2(folder: &Path) {
    use sqlx::{Connection as _, SqlSafeStr as _};
    let path = folder.join(DATABASE);
    crate::secret_file::create(&path, b"").unwrap();
    let options = sqlx::sqlite::SqliteConnectOptions::new().filename(&path);
    let mut connection = sqlx::SqliteConnection::connect_with(&options).await.unwrap();
    sqlx::migrate::Migrator::with_migrations(sqlite::migrations()[..2].to_vec()).run(&mut connection).await.unwrap();
    let mut chain = gateway_record::Chain::new("OLD", Journal::Workers);
    let mut statements = vec!["insert into gateway values (1, 'OLD', 0)".to_owned()];
    for bits in 1..=2 {
        let private = gateway_record::Private { salt: [7; 16], fields: opened(bits).names };
        let record = chain.extend(&opened(bits), Some(private.digest()));
        if bits == 1 {
            statements.push(format!("insert into cuts values (1, 'OLD', 'workers', 1, x'{}', 1, 0)", record.hash));
        } else {
            statements.push(format!(
                "insert into records values ('OLD', 'workers', {}, {}, 'session_opened', {bits}, 'Servizi Demografici', '{{}}', x'{}', '{}', x'{}', x'{}')",
                record.sequence,
                record.time.as_millisecond(),
                private.digest(),
                serde_json::to_string(&private).unwrap(),
                record.previous,
                record.hash
            ));
        }
        statements.push(format!(
            "insert into sessions (number, gateway, structure, opened_at) values ({bits}, 'OLD', 'X', {})",
            at(0).as_millisecond()
        ));
    }
    let (sequence, hash) = chain.head();
    statements.push(format!("insert into chains values ('OLD', 'workers', {sequence}, x'{hash}')"));
    for statement in statements {
        sqlx::query(sqlx::AssertSqlSafe(statement).into_sql_str()).execute(&mut connection).await.unwrap();
    }
    connection.close().await.unwrap();
}

#[tokio::test]
async fn a_database_of_an_older_version_goes_on_with_its_cuts_signed_and_its_names_as_they_were() {
    let folder = tempfile::tempdir().unwrap();
    of_schema_2(folder.path()).await;
    let (sealed, _) = sealing(folder.path(), SUNDAY);
    let (store, task) = Store::open_sealing(folder.path(), sealed, at(1)).await.unwrap();
    store.write(Change::Open, opened(3)).await.unwrap();
    let report = workers(folder.path()).await;
    assert_eq!((report.is_whole(), report.cut, report.last), (true, 1, 3), "{report:?}");
    let all = kept(&store, Query { names: true, ..Query::default() }).await;
    assert!(
        matches!(&all[0].names, Some(Shown::Open(names)) if names.value("worker").is_some()),
        "until its time is over"
    );
    assert!(matches!(all[1].names, Some(Shown::Sealed(_))));
    assert_eq!(store.opened_by("id-1", at(0), SUNDAY).await.unwrap().len(), 2, "quotas count what was before");
    drop(store);
    task.await.unwrap();
    // What somebody adds later is not signed for them.
    alter(folder.path(), "update cuts set records = 2, signature = null, key = null, number = null").await;
    let (_store, _task) = Store::open(folder.path(), at(2)).await.unwrap();
    assert!(!workers(folder.path()).await.is_whole());
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
        ("update records set sealed = null where sequence = 1", vec![Fault::NamesMissing { sequence: 1 }]),
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
    assert_eq!(store.forget(Journal::Workers, at(2), LONG_AGO, at(100)).await, Ok(2));
    store.note(Draft::new(Kind::NamesShown, at(100))).await.unwrap();
    store.checkpoint(at(100)).await.unwrap();
    drop(store);
    task.await.unwrap();
    is_whole(whole.path()).await;
    let connect = sqlite_at;
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
