//! What is written is private, whole, readable by `idle replay`, and gone after seven days.

use std::os::unix::fs::MetadataExt as _;

use gateway_core::activity::replay::{End, Starts};

use super::*;

fn name(began: &str) -> Name {
    Name::new(SessionNumber::new(1), began.parse().unwrap())
}

fn row(milliseconds: u64, from: End, payload: u16, flags: u8) -> Row {
    let at = Duration::from_millis(milliseconds);
    Row { at, from, length: payload + 40, payload, flags, records: Starts::Whole }
}

fn pieces() -> [Traced; 2] {
    let first = Traced {
        rows: vec![(0, row(500, End::Home, 0, Tcp::SYN)), (0, row(540, End::Office, 81, Tcp::ACK))],
        ciphers: vec![None],
        over: None,
    };
    let last = Traced {
        rows: vec![
            (0, row(20_500, End::Home, 34, Tcp::ACK)),
            (0, row(20_510, End::Home, 0, Tcp::FIN | Tcp::ACK)),
            (1, row(21_000, End::Home, 34, Tcp::ACK)),
        ],
        ciphers: vec![Some(Cipher::Tls13), None],
        over: Some((TraceEnd::TimeOver, Duration::from_secs(60))),
    };
    [first, last]
}

#[tokio::test]
async fn a_recording_is_private_whole_and_says_when_it_was() {
    let state = tempfile::tempdir().unwrap();
    let folder = folder(state.path());
    let (send, receive) = mpsc::unbounded_channel();
    pieces().into_iter().for_each(|piece| send.send(piece).unwrap());
    let name = name("2026-03-05T08:00:00.5Z");
    let written = write(&folder, &name, receive).await.unwrap().unwrap();
    assert_eq!((written.packets, written.connections, written.end), (5, 2, TraceEnd::TimeOver));
    assert_eq!(written.folder, folder.join("0000-0001-20260305T080000Z"));

    let read = |file: &str| fs::read_to_string(written.folder.join(file)).unwrap();
    let index = "name,started_at,seconds,tls_overhead,packets,note\n\
        0000-0001-20260305T080000Z-1,2026-03-05T08:00:00.5Z,20,22,4,from the connection's beginning\n\
        0000-0001-20260305T080000Z-2,2026-03-05T08:00:21Z,39,,1,from the middle of a connection\n";
    assert_eq!(read("index.csv"), index);
    // The first connection was closed, the second was there to the end.
    assert_eq!(read("0000-0001-20260305T080000Z-1.events.csv"), "t_ms,kind,detail,n\n20010.0,phase,end,0\n");
    assert_eq!(read("0000-0001-20260305T080000Z-2.events.csv"), "t_ms,kind,detail,n\n39000.0,phase,end,0\n");
    for entry in fs::read_dir(&written.folder).unwrap() {
        let entry = entry.unwrap();
        assert_eq!(entry.metadata().unwrap().mode() & 0o777, 0o600, "{entry:?}");
    }
    assert_eq!(written.folder.metadata().unwrap().mode() & 0o777, 0o700);
    assert_eq!(list(&folder), Ok(vec![name]));
}

#[tokio::test]
async fn what_cannot_be_finished_leaves_nothing() {
    let state = tempfile::tempdir().unwrap();
    let folder = folder(state.path());
    let (send, receive) = mpsc::unbounded_channel();
    send.send(pieces()[0].clone()).unwrap();
    drop(send);
    assert!(write(&folder, &name("2026-03-05T08:00:00Z"), receive).await.unwrap().is_err());
    assert_eq!(entries(&folder), Ok(Vec::new()));
}

#[test]
fn a_recording_goes_after_seven_days_and_an_unfinished_one_at_the_start() {
    let state = tempfile::tempdir().unwrap();
    let folder = folder(state.path());
    let (old, young) = (name("2026-03-05T08:00:00Z"), name("2026-03-05T08:00:01Z"));
    for entry in [old.to_string(), young.to_string(), format!("{young}.part"), "something else".to_owned()] {
        fs::create_dir_all(folder.join(entry)).unwrap();
    }
    let now = "2026-03-12T08:00:00Z".parse().unwrap();
    assert_eq!(sweep(&folder, now, false), Ok(Swept { old: vec![old], unfinished: Vec::new() }));
    assert_eq!(sweep(&folder, now, true), Ok(Swept { old: Vec::new(), unfinished: vec![young] }));
    assert_eq!(list(&folder), Ok(vec![young]));
    assert_eq!(delete(&folder, &young), Ok(true));
    assert_eq!(delete(&folder, &young), Ok(false));
    assert_eq!(entries(&folder), Ok(vec!["something else".to_owned()]), "what is not ours stays");
}

#[test]
fn a_name_is_no_path() {
    let whole = name("2026-03-05T08:00:00Z");
    assert_eq!(Name::parse(&whole.to_string()), Some(whole));
    for wrong in
        ["", "..", "0000-0001", "0000-0001-20260305T080000Z/..", "../0000-0001-20260305T080000Z", "0000-0001-2026"]
    {
        assert_eq!(Name::parse(wrong), None, "{wrong}");
    }
}
