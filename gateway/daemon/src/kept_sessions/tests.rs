use std::os::unix::fs::PermissionsExt as _;

use gateway_core::Way;

use super::*;
use crate::fixtures;

const KEY: [u8; 32] = [5; 32];

fn session(bits: u64) -> KeptSession {
    KeptSession {
        device: None,
        assists: None,
        number: SessionNumber::new(bits),
        tokens: vec![[1; 32]],
        session_key: proof::Secret::new(&[4; 32]).public(),
        worker_id: "id".into(),
        worker: "m.rossi".into(),
        groups: vec!["smart".to_owned()].into(),
        grant: fixtures::grant("2026-03-05T18:00:00Z".parse().unwrap()),
        workstation: "10.20.3.47".parse().unwrap(),
        address: "100.96.0.2".parse().unwrap(),
        public_key: PublicKey([2; 32]),
        preshared_key: PresharedKey::new([3; 32]),
        opened_at: "2026-03-05T08:00:00Z".parse().unwrap(),
        initiation: None,
        standing: Standing::default(),
    }
}

fn opened(bits: u64) -> Change {
    Change::Opened(Box::new(session(bits)))
}

fn numbers(kept: &[KeptSession]) -> Vec<u64> {
    kept.iter().map(|session| session.number.bits()).collect()
}

#[tokio::test]
async fn what_was_kept_is_there_after_a_restart_as_it_was_last() {
    let folder = tempfile::tempdir().unwrap();
    let (kept, before) = KeptSessions::open(folder.path(), &KEY).unwrap();
    assert!(before.is_empty());
    for bits in 1..=3 {
        kept.keep(opened(bits)).await.unwrap();
    }
    let number = SessionNumber::new(2);
    let standing = Standing { endpoint: Some(Way::Udp("203.0.113.7:4000".parse().unwrap())), ..Standing::default() };
    kept.note(Change::Moved(number, Box::new(standing.clone())));
    kept.note(Change::Ended(SessionNumber::new(1)));
    kept.note(Change::Moved(SessionNumber::new(1), Box::new(standing.clone())));
    kept.note(Change::Tokens(number, vec![[1; 32], [2; 32]]));
    kept.keep(Change::Handshaken(number, vec![7; 148])).await.unwrap();
    drop(kept);
    // Twice, for the file is written anew in between.
    for _ in 0..2 {
        let (_, after) = KeptSessions::open(folder.path(), &KEY).unwrap();
        assert_eq!(numbers(&after), [2, 3]);
        assert_eq!((&after[0].standing, after[0].initiation.as_deref()), (&standing, Some(&[7; 148][..])));
        assert_eq!(after[0].preshared_key.expose(), &[3; 32]);
        assert_eq!((&after[0].tokens[..], after[0].session_key), (&[[1; 32], [2; 32]][..], session(2).session_key));
        assert_eq!(after[0].grant, session(2).grant);
    }
}

#[tokio::test]
async fn nothing_in_the_file_can_be_read_and_nobody_else_may_try() {
    let folder = tempfile::tempdir().unwrap();
    let (kept, _) = KeptSessions::open(folder.path(), &KEY).unwrap();
    kept.keep(opened(1)).await.unwrap();
    let path = folder.path().join(FILE);
    let bytes = std::fs::read(&path).unwrap();
    assert!(!bytes.windows(7).any(|part| part == b"m.rossi"));
    assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    let (_, with_another_key) = KeptSessions::open(folder.path(), &[6; 32]).unwrap();
    assert!(with_another_key.is_empty());
}

/// A file cut anywhere, as a crash cuts it, says all that was said in the whole entries before the cut.
#[tokio::test]
async fn a_file_cut_short_anywhere_loses_only_its_last_entry() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(FILE);
    let (kept, _) = KeptSessions::open(folder.path(), &KEY).unwrap();
    kept.keep(opened(1)).await.unwrap();
    let first = std::fs::read(&path).unwrap().len();
    kept.keep(opened(2)).await.unwrap();
    let bytes = std::fs::read(&path).unwrap();
    drop(kept);
    let sealer = Sealer::new(&KEY).unwrap();
    for cut in (MAGIC.len() + ID..bytes.len()).step_by(7) {
        let expected = usize::from(cut >= first);
        assert_eq!(sealer.read(&bytes[..cut], &path).len(), expected, "cut at {cut}");
    }
}

#[tokio::test]
async fn an_entry_that_was_moved_or_changed_is_not_believed() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(FILE);
    let (kept, _) = KeptSessions::open(folder.path(), &KEY).unwrap();
    let start = std::fs::read(&path).unwrap().len();
    kept.keep(opened(1)).await.unwrap();
    let middle = std::fs::read(&path).unwrap().len();
    kept.keep(Change::Ended(SessionNumber::new(1))).await.unwrap();
    let bytes = std::fs::read(&path).unwrap();
    let sealer = Sealer::new(&KEY).unwrap();
    assert_eq!(sealer.read(&bytes, &path).len(), 0);
    // The opening once more behind the end: the session does not come back.
    let doubled = [&bytes[..], &bytes[start..middle]].concat();
    assert_eq!(sealer.read(&doubled, &path).len(), 0);
    let mut changed = bytes;
    changed[middle - 20] ^= 1;
    assert_eq!(sealer.read(&changed, &path).len(), 0);
}

#[tokio::test]
async fn a_file_that_has_grown_is_written_anew() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(FILE);
    let (kept, _) = KeptSessions::open(folder.path(), &KEY).unwrap();
    kept.keep(opened(1)).await.unwrap();
    for _ in 0..5000 {
        kept.note(Change::Handshaken(SessionNumber::new(1), vec![200; 148]));
    }
    kept.flush().await.unwrap();
    kept.flush().await.unwrap();
    assert!(std::fs::metadata(&path).unwrap().len() < 2 * GROWN);
    drop(kept);
    let (_, after) = KeptSessions::open(folder.path(), &KEY).unwrap();
    assert_eq!(after[0].initiation.as_deref(), Some(&[200; 148][..]));
}
