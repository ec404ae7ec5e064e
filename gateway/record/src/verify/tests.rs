use gateway_api::SessionNumber;
use jiff::Timestamp;
use proptest::prelude::*;

use super::*;
use crate::{Chain, DayKey, Draft, Fields, Head, Kind, Lent, Letter, Private, Scratch, Signer};

type Row = (Record, Option<Names>);

/// A chain of `length` sessions' records, and its head.
fn journal(length: u64) -> (Vec<Row>, (u64, Hash)) {
    let mut chain = Chain::new("GW1", Journal::Workers);
    let rows = (0..length)
        .map(|number| {
            let draft = Draft {
                session: Some(SessionNumber::new(number * 77)),
                structure: Some("Servizi Demografici".to_owned()),
                fields: Fields::default().with("reason", "idle").with("bytes_to_home", number * 1000),
                ..Draft::new(
                    Kind::SessionClosed,
                    Timestamp::from_second(1_790_000_000 + i64::try_from(number).unwrap_or(0)).unwrap(),
                )
            };
            let names = names(number);
            (chain.extend(&draft, names.as_ref().map(Names::digest)), names)
        })
        .collect();
    (rows, chain.head())
}

/// Every fourth record's names are sealed, every fourth's are as older versions wrote them, the others have none.
fn names(number: u64) -> Option<Names> {
    let byte = u8::try_from(number % 251).unwrap_or(0);
    let fields = Fields::default().with("worker", format!("worker-{number}"));
    match number % 4 {
        0 => {
            let letter = Letter::seal(&fields, None, &[byte; 32]).unwrap();
            let key = DayKey::new(jiff::civil::date(2026, 11, 22), [7; 32].into());
            Some(Names::Sealed(letter.under(&key, Journal::Workers).unwrap()))
        }
        2 => Some(Names::Open(Private { salt: [byte; 16], fields })),
        _ => None,
    }
}

fn signer() -> Signer {
    Signer::new(&[3; 32])
}

fn at(minute: i64) -> Timestamp {
    Timestamp::from_second(1_790_000_000 + 60 * minute).unwrap()
}

/// A checkpoint over the first `sequence` rows.
fn checkpoint(rows: &[Row], number: u64, sequence: u64) -> Checkpoint {
    let hash = rows[usize::try_from(sequence).unwrap() - 1].0.hash;
    let head = Head { journal: Journal::Workers, sequence, hash };
    Checkpoint::sign(&signer(), "GW1", number, at(i64::try_from(number).unwrap()), vec![head])
}

fn cut(number: u64, last: Anchor, records: u64) -> Cut {
    Cut::sign(&signer(), ("GW1", Journal::Workers), number, last, (records, Some(1)), at(0))
}

/// The cut that deletes the first `count` rows.
fn cut_after(rows: &[Row], count: usize) -> Cut {
    let last = &rows[count - 1].0;
    cut(1, Anchor { sequence: last.sequence, hash: last.hash }, last.sequence)
}

fn check_all(rows: &[Row], cuts: &[Cut], head: (u64, Hash), signed: &Signed) -> Report {
    let place_of = |hash| rows.iter().find(|(record, _)| record.hash == hash).map(|(record, _)| record.sequence);
    let keys = Keys::Given(vec![signer().key()]);
    let against = Against { journal: Journal::Workers, cuts, head, signed, keys: &keys };
    let read = |row: &Row| Found::Record(Box::new(row.clone()));
    let report = verify(rows.iter().map(read), against, place_of);
    // A look at each row as its store has it finds the same, to the letter.
    let mut scratch = Scratch::default();
    let lent = rows.iter().map(|row| look(row, &mut scratch).map_or_else(|| read(row), Found::Sound));
    assert_eq!(verify(lent, against, place_of), report);
    report
}

/// What a look at a row says, as its store has it; None for names of older versions, which are not lent.
fn look((record, names): &Row, scratch: &mut Scratch) -> Option<Link> {
    let fields = serde_json::to_string(&record.fields).unwrap();
    let sealed = match names {
        Some(Names::Open(_)) => return None,
        Some(Names::Sealed(sealed)) => Some(sealed.bytes()),
        None => None,
    };
    lent(record, &fields, sealed.as_deref()).link(scratch)
}

fn lent<'r>(record: &'r Record, fields: &'r str, sealed: Option<&'r [u8]>) -> Lent<'r> {
    Lent {
        gateway: &record.gateway,
        journal: record.journal,
        sequence: record.sequence,
        time: record.time.as_millisecond(),
        kind: record.kind.word(),
        session: record.session,
        structure: record.structure.as_deref(),
        fields,
        private_digest: record.private_digest.as_ref().map(|digest| digest.0.as_slice()),
        sealed,
        previous: &record.previous.0,
        hash: &record.hash.0,
    }
}

fn check(rows: &[Row], cuts: &[Cut], head: (u64, Hash)) -> Report {
    check_all(rows, cuts, head, &Signed::default())
}

fn faults(rows: &[Row], head: (u64, Hash)) -> Vec<Fault> {
    check(rows, &[], head).faults
}

/// What somebody does who can write to the database and knows how chains are made: another chain from `place` on.
fn write_anew(rows: &mut [Row], place: usize) -> (u64, Hash) {
    rows[place].0.structure = Some("Another".to_owned());
    let mut previous = rows[place].0.previous;
    for (record, _) in &mut rows[place..] {
        record.previous = previous;
        record.hash = record.expected_hash();
        previous = record.hash;
    }
    (rows.len() as u64, previous)
}

#[test]
fn a_whole_chain_is_whole_and_its_end_is_not_claimed_to_be_proven() {
    let (rows, head) = journal(10);
    let report = check(&rows, &[], head);
    assert!(report.is_whole(), "{:?}", report.faults);
    assert_eq!((report.records, report.last, report.end), (10, 10, End::NotProven));
    assert!(check(&[], &[], (0, Hash::GENESIS)).is_whole());
}

#[test]
fn an_altered_record_is_one_fault_at_its_place() {
    let (mut rows, head) = journal(10);
    rows[4].0.fields = Fields::default().with("reason", "program_ended");
    assert_eq!(faults(&rows, head), [Fault::Altered { sequence: 5 }]);
}

#[test]
fn an_altered_record_with_a_mended_hash_is_found_by_the_next_one() {
    let (mut rows, head) = journal(10);
    rows[4].0.fields = Fields::default();
    rows[4].0.hash = rows[4].0.expected_hash();
    assert_eq!(faults(&rows, head), [Fault::Altered { sequence: 5 }]);
}

#[test]
fn an_altered_last_record_is_found_by_the_note_of_the_end() {
    let (mut rows, head) = journal(10);
    rows[9].0.fields = Fields::default();
    rows[9].0.hash = rows[9].0.expected_hash();
    assert_eq!(faults(&rows, head), [Fault::EndAltered { noted: 10 }]);
}

#[test]
fn missing_records_are_named() {
    let (mut rows, head) = journal(10);
    rows.drain(3..5);
    assert_eq!(faults(&rows, head), [Fault::Missing { from: 4, to: 5 }]);
    let (mut rows, head) = journal(10);
    rows.drain(..2);
    assert_eq!(faults(&rows, head), [Fault::Missing { from: 1, to: 2 }]);
}

#[test]
fn records_that_changed_places_are_told_from_altered_ones() {
    for (one, other) in [(2, 3), (1, 8), (0, 9)] {
        let (mut rows, head) = journal(10);
        rows.swap(one, other);
        let (first, second) = (rows[one].0.sequence, rows[other].0.sequence);
        (rows[one].0.sequence, rows[other].0.sequence) = (second, first);
        assert_eq!(
            faults(&rows, head),
            [
                Fault::Reordered { sequence: second, written: first },
                Fault::Reordered { sequence: first, written: second }
            ]
        );
    }
}

#[test]
fn a_journal_cut_at_its_end_is_noticed_by_the_note_of_the_end() {
    let (mut rows, head) = journal(10);
    rows.truncate(7);
    assert_eq!(faults(&rows, head), [Fault::CutShort { last: 7, noted: 10, by: Teller::Note }]);
}

#[test]
fn a_cut_is_where_the_chain_may_begin() {
    let (mut rows, head) = journal(10);
    let first = cut_after(&rows, 4);
    let all = cut(2, Anchor { sequence: 10, hash: head.1 }, 6);
    rows.drain(..4);
    let report = check(&rows, std::slice::from_ref(&first), head);
    assert!(report.is_whole(), "{:?}", report.faults);
    assert_eq!((report.cut, report.records, report.keys_destroyed), (1, 6, 1));
    let forged = cut(1, Anchor { sequence: 4, hash: Hash([7; 32]) }, 4);
    assert_eq!(check(&rows, &[forged], head).faults, [Fault::CutAltered { sequence: 4 }]);
    assert!(check(&[], &[first, all], head).is_whole(), "everything was deleted in order");
}

#[test]
fn cuts_that_were_forged_or_taken_away_are_told() {
    let (mut rows, head) = journal(10);
    let (first, second) = (cut_after(&rows, 2), cut(2, Anchor { sequence: 4, hash: rows[3].0.hash }, 2));
    rows.drain(..4);
    assert!(check(&rows, &[first.clone(), second.clone()], head).is_whole());
    let check = |cuts: &[Cut]| check(&rows, cuts, head).faults;
    let other = Signer::new(&[4; 32]);
    let foreign = Cut::sign(&other, ("GW1", Journal::Workers), 2, second.last, (2, Some(1)), at(0));
    assert_eq!(check(&[first.clone(), foreign]), [Fault::CutForged { number: 2 }]);
    assert_eq!(check(&[first.clone(), Cut { time: at(9), ..second.clone() }]), [Fault::CutForged { number: 2 }]);
    assert_eq!(check(&[first.clone(), Cut { keys: None, ..second.clone() }]), [Fault::CutForged { number: 2 }]);
    assert_eq!(check(&[first.clone(), cut(2, second.last, 3)]), [Fault::CutForged { number: 2 }], "its count is wrong");
    assert_eq!(check(&[second]), [Fault::CutMissing { number: 1 }]);
    assert_eq!(check(&[first])[0], Fault::Missing { from: 3, to: 4 });
}

#[test]
fn a_chain_written_anew_is_found_by_what_was_signed() {
    let (mut rows, _) = journal(10);
    let own = [checkpoint(&rows, 1, 3), checkpoint(&rows, 2, 8)];
    let head = write_anew(&mut rows, 4);
    assert!(check(&rows, &[], head).is_whole(), "without signatures nobody could tell");
    let keys = Keys::Given(vec![signer().key()]);
    let signed = Signed::judge("GW1", &own, &[], Some((1, 2)), &keys);
    let report = check_all(&rows, &[], head, &signed);
    assert_eq!(report.faults, [Fault::Rewritten { from: 4, to: 8, by: Teller::Checkpoint(2) }]);
    assert_eq!((report.signed, report.end), (3, End::NotProven));
    let signed = Signed::judge("GW1", &[], &own, None, &keys);
    let report = check_all(&rows, &[], head, &signed);
    assert_eq!(report.faults, [Fault::Rewritten { from: 4, to: 8, by: Teller::Witness(2) }]);
}

#[test]
fn the_end_is_proven_as_far_as_the_witness_holds_it() {
    let (mut rows, head) = journal(10);
    let keys = Keys::Given(vec![signer().key()]);
    let end = |last| {
        let signed = Signed::judge("GW1", &[], &[checkpoint(&rows, 1, last)], None, &keys);
        check_all(&rows, &[], head, &signed).end
    };
    assert_eq!(end(10), End::Proven { time: at(1) });
    assert_eq!(end(7), End::ProvenTo { sequence: 7, time: at(1) });
    let witnessed = [checkpoint(&rows, 1, 10)];
    rows.truncate(7);
    let mended = (7, rows[6].0.hash);
    let signed = Signed::judge("GW1", &[], &witnessed, None, &keys);
    assert!(check(&rows, &[], mended).is_whole(), "cut short with the note mended");
    let report = check_all(&rows, &[], mended, &signed);
    assert_eq!(report.faults, [Fault::CutShort { last: 7, noted: 10, by: Teller::Witness(1) }]);
}

#[test]
fn checkpoints_that_were_forged_taken_away_or_signed_by_others_are_told() {
    let (rows, _) = journal(10);
    let own = [checkpoint(&rows, 1, 3), checkpoint(&rows, 2, 5), checkpoint(&rows, 3, 8)];
    let keys = Keys::Given(vec![signer().key()]);
    let judge = |own: &[Checkpoint]| Signed::judge("GW1", own, &[], Some((1, 3)), &keys).faults;
    assert_eq!(judge(&own), []);
    let mut forged = own.clone();
    forged[1].heads[0].hash = Hash([1; 32]);
    assert_eq!(judge(&forged), [CheckpointFault::Forged { number: 2 }]);
    assert_eq!(judge(&[own[0].clone(), own[2].clone()]), [CheckpointFault::Missing { from: 2, to: 2 }]);
    assert_eq!(judge(&own[..1]), [CheckpointFault::Missing { from: 2, to: 3 }]);
    assert_eq!(judge(&own[1..]), [CheckpointFault::Missing { from: 1, to: 1 }]);
    let other = Signer::new(&[4; 32]);
    let foreign = Checkpoint::sign(&other, "GW1", 1, at(1), own[0].heads.clone());
    let told = judge(&[foreign, own[1].clone(), own[2].clone()]);
    assert_eq!(told, [CheckpointFault::Foreign { number: 1, key: other.key() }]);
}

#[test]
fn lines_of_somebody_else_in_the_witness_neither_break_nor_hide_anything() {
    let (rows, head) = journal(10);
    let (own, genuine, stranger) = ([checkpoint(&rows, 1, 8)], checkpoint(&rows, 2, 10), Signer::new(&[4; 32]));
    let lie = |sequence| {
        let head = Head { journal: Journal::Workers, sequence, hash: Hash([9; 32]) };
        Checkpoint::sign(&stranger, "GW1", 9, at(9), vec![head])
    };
    // One that says it is the gateway's.
    let unsigned = Checkpoint { heads: lie(12).heads, ..genuine.clone() };
    let lines = [genuine.clone(), lie(5), lie(10), lie(99), unsigned.clone()];
    for keys in [Keys::new(&[signer().key()], []), Keys::new(&[], &own)] {
        let signed = Signed::judge("GW1", &own, &lines, Some((1, 1)), &keys);
        assert_eq!((signed.witnessed, &*signed.faults), (1, &[][..]));
        assert_eq!(signed.strangers, BTreeMap::from([(stranger.key(), 3), (signer().key(), 1)]));
        let report = check_all(&rows, &[], head, &signed);
        assert_eq!((&*report.faults, report.end), (&[][..], End::Proven { time: at(2) }));
        let short = check_all(&rows[..8], &[], (8, rows[7].0.hash), &signed);
        assert_eq!(short.faults, [Fault::CutShort { last: 8, noted: 10, by: Teller::Witness(2) }]);
    }
    // Where the database has no checkpoint any more, the witness is all there is.
    let none = Keys::new(&[], []);
    assert!(none.counts(&genuine) && none.counts(&lie(5)) && !none.counts(&unsigned));
}

#[test]
fn a_record_made_anew_under_another_key_and_word_does_not_silence_its_witness() {
    let (rows, _) = journal(10);
    let genuine = [checkpoint(&rows, 1, 8), checkpoint(&rows, 2, 10)];
    let forger = Signer::new(&[4; 32]);
    let forged = |word| Checkpoint::sign(&forger, word, 1, at(1), genuine[0].heads.clone());
    let told = |own: Checkpoint, posted: &[Checkpoint]| {
        let (gateway, own, all) = (own.gateway.clone(), [own], [&genuine[..], posted].concat());
        Signed::judge(&gateway, &own, &all, Some((1, 1)), &Keys::new(&[], &own)).faults
    };
    let foreign = || [CheckpointFault::Foreign { number: 1, key: signer().key() }];
    assert_eq!(told(forged("GW1"), &[]), foreign());
    assert_eq!(told(forged("GW1"), &[forged("GW1")]), foreign(), "who may post has the last word, and not the first");
    assert_eq!(told(forged("GW2"), &[]), [CheckpointFault::Unwitnessed]);
    assert_eq!(told(genuine[0].clone(), &[forged("GW1")]), []);
    assert_eq!(told(genuine[0].clone(), &[forged("GW3")]), []);
}

#[test]
fn what_the_witness_was_handed_first_stays_whoever_has_the_key_by_now() {
    let (mut rows, _) = journal(10);
    let first = checkpoint(&rows, 1, 8);
    let head = write_anew(&mut rows, 4);
    let later = checkpoint(&rows, 1, 8);
    let keys = Keys::Given(vec![signer().key()]);
    let signed = Signed::judge("GW1", std::slice::from_ref(&later), &[first, later.clone()], Some((1, 1)), &keys);
    let report = check_all(&rows, &[], head, &signed);
    assert_eq!(report.faults, [Fault::Rewritten { from: 1, to: 8, by: Teller::Witness(1) }]);
}

#[test]
fn names_are_checked_and_can_be_told_missing() {
    let (mut rows, head) = journal(4);
    for (place, sequence) in [(0, 1), (2, 3)] {
        let before = rows.clone();
        // What another record has, sealed or not.
        rows[place].1 = names(4 + u64::try_from(place).unwrap());
        assert_eq!(faults(&rows, head), [Fault::NamesAltered { sequence }]);
        rows[place].1 = None;
        assert_eq!(faults(&rows, head), [Fault::NamesMissing { sequence }]);
        rows = before;
    }
}

/// One change that somebody with the database open could make.
fn tamper(rows: &mut Vec<Row>, place: usize, how: u8, byte: u8) {
    let place = place % rows.len();
    let flip = byte | 1;
    let (record, names) = &mut rows[place];
    match how % 11 {
        0 => record.time = Timestamp::from_millisecond(record.time.as_millisecond() + i64::from(flip)).unwrap(),
        1 => record.kind = Kind::SessionOpened,
        2 => record.session = record.session.map(|number| SessionNumber::new(number.bits() ^ u64::from(flip))),
        3 => record.structure = None,
        4 => record.fields = record.fields.clone().with("extra", i64::from(byte)),
        5 => record.private_digest = Some(Hash([byte; 32])),
        6 => record.previous.0[usize::from(byte) % 32] ^= flip,
        7 => record.hash.0[usize::from(byte) % 32] ^= flip,
        8 => record.gateway.push('X'),
        9 => *names = Some(Names::Open(Private { salt: [byte; 16], fields: Fields::default() })),
        _ => drop(rows.remove(place)),
    }
}

proptest! {
    #[test]
    fn any_single_change_is_found(length in 1u64..40, place in any::<usize>(), how in any::<u8>(), byte in any::<u8>(), mend in any::<bool>()) {
        let (mut rows, head) = journal(length);
        let before = rows.clone();
        tamper(&mut rows, place, how, byte);
        prop_assume!(rows != before);
        if mend && let Some((record, _)) = rows.get_mut(place % length as usize) && how % 11 != 9 && how % 11 != 10 {
            record.hash = record.expected_hash();
            prop_assume!(rows != before);
        }
        let found = faults(&rows, head);
        prop_assert!(!found.is_empty(), "{:?}", rows.get(place % length as usize));
    }

    #[test]
    fn the_hash_tells_every_two_records_apart(left in "[a-c]{0,3}", right in "[a-c]{0,3}") {
        let hash = |name: &str, value: &str| {
            let draft = Draft { fields: Fields::default().with(name, value), ..Draft::new(Kind::LoginRefused, Timestamp::UNIX_EPOCH) };
            Chain::new("GW1", Journal::Workers).extend(&draft, None).hash
        };
        prop_assume!(left != right);
        prop_assert_ne!(hash(&left, &right), hash(&right, &left));
    }
}

#[test]
fn a_look_is_enough_for_a_sound_record_and_believes_nothing_else() {
    let (rows, _) = journal(2);
    let (record, Some(Names::Sealed(sealed))) = &rows[0] else { panic!("the first has sealed names") };
    let fields = r#"{"bytes_to_home":0,"reason":"idle"}"#;
    let bytes = sealed.bytes();
    let mut scratch = Scratch::default();
    let mut link = |lent: Lent<'_>| lent.link(&mut scratch).is_some();
    let sound = lent(record, fields, Some(&bytes));
    assert!(link(sound));
    assert!(link(Lent { fields: r#" { "bytes_to_home" : 0, "reason":"\u0069dle" } "#, ..sound }), "it says the same");
    let mut other = bytes.clone();
    other[9] ^= 1;
    let zeros = [0; 60];
    for wrong in [
        Lent { fields: r#"{"reason":"idle","bytes_to_home":0}"#, ..sound },
        Lent { fields: r#"{"bytes_to_home":0,"bytes_to_home":0,"reason":"idle"}"#, ..sound },
        Lent { fields: r#"{"bytes_to_home":0.0,"reason":"idle"}"#, ..sound },
        Lent { fields: r#"{"bytes_to_home":9223372036854775808,"reason":"idle"}"#, ..sound },
        Lent { fields: r#"{"bytes_to_home":0,"reason":"idle"} {}"#, ..sound },
        Lent { fields: r#"[0,"idle"]"#, ..sound },
        Lent { time: i64::MAX, ..sound },
        Lent { kind: "session_paused", ..sound },
        Lent { structure: None, ..sound },
        Lent { sealed: None, ..sound },
        Lent { private_digest: None, ..sound },
        Lent { sealed: Some(&other), ..sound },
        Lent { sealed: Some(&zeros), ..sound },
        Lent { sealed: Some(&bytes[..9]), ..sound },
        Lent { hash: &record.hash.0[1..], ..sound },
        Lent { previous: &[], ..sound },
        lent(&rows[1].0, fields, None),
    ] {
        assert!(!link(wrong), "{wrong:?}");
    }
    // Names whose day cannot be read are no names, even where their digest fits.
    let mut hash = crate::record::Canonical::new(b"deskgate sealed 1");
    hash.bytes(&zeros);
    let mut record = record.clone();
    record.private_digest = Some(hash.finish());
    record.hash = record.expected_hash();
    assert!(!link(lent(&record, fields, Some(&zeros))));
}

#[test]
fn a_number_and_its_digits_have_different_hashes() {
    let hash = |fields| {
        Chain::new("GW1", Journal::Workers)
            .extend(&Draft { fields, ..Draft::new(Kind::LoginRefused, Timestamp::UNIX_EPOCH) }, None)
            .hash
    };
    assert_ne!(hash(Fields::default().with("a", 1i64)), hash(Fields::default().with("a", "1")));
}

#[test]
fn a_salt_survives_json() {
    let private = Private { salt: *b"0123456789abcdef", fields: Fields::default().with("worker", "m.rossi") };
    let text = serde_json::to_string(&private).unwrap();
    assert_eq!(text, r#"{"salt":"30313233343536373839616263646566","fields":{"worker":"m.rossi"}}"#);
    assert_eq!(serde_json::from_str::<Private>(&text).unwrap(), private);
    assert!(serde_json::from_str::<Private>(&text.replace("3031", "3g31")).is_err());
}
