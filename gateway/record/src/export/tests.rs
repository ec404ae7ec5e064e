use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;
use crate::{Chain, Draft};

fn exported(structure: &str, name: &str, value: &str) -> Exported {
    let draft = Draft {
        session: Some(SessionNumber::new(77)),
        structure: Some(structure.to_owned()),
        fields: Fields::default().with("reason", value).with(name, value).with("bytes_to_home", 65_536u64),
        ..Draft::new(Kind::SessionClosed, Timestamp::from_millisecond(1_790_000_000_123).unwrap())
    };
    let record = Chain::new("K7QM-2F9D", Journal::Workers).extend(&draft, None);
    Exported::new(&record, Fields::default().with("worker", "0011").with("from", value))
}

#[test]
fn a_record_in_each_form() {
    let exported = exported("Città|Anagrafe", "why", "a=b\\c\nd");
    let json = r#"{"gateway":"K7QM-2F9D","journal":"workers","sequence":1,"time":"2026-09-21T14:13:20.123Z","kind":"session_closed","session":"0000-002D","structure":"Città|Anagrafe","fields":{"bytes_to_home":65536,"reason":"a=b\\c\nd","why":"a=b\\c\nd"},"pseudonyms":{"from":"a=b\\c\nd","worker":"0011"},"hash":"HASH"}"#;
    let json = json.replace("HASH", &exported.hash.to_string());
    assert_eq!(exported.json(), json);
    let syslog = exported.syslog("gw.comune.example");
    let message = format!(
        "<86>1 2026-09-21T14:13:20.123Z gw.comune.example deskgate K7QM-2F9D session_closed - {}",
        json.replace('à', "\\u00e0")
    );
    assert_eq!(syslog, format!("{} {message}", message.len()));
    let version = env!("CARGO_PKG_VERSION");
    let cef = format!(
        "CEF:0|Deskgate|gateway|{version}|session_closed|session closed|1|rt=1790000000123 deviceExternalId=K7QM-2F9D externalId=1 cat=workers deskgateSession=0000-002D deskgateStructure=Città|Anagrafe deskgateFromPseudonym=a\\=b\\\\c\\nd suser=0011 deskgateBytesToHome=65536 reason=a\\=b\\\\c\\nd deskgateWhy=a\\=b\\\\c\\nd deskgateHash={}",
        exported.hash
    );
    assert_eq!(exported.cef(), cef);
}

#[test]
fn a_host_without_a_name_and_one_that_is_no_name() {
    for (host, written) in [("", " - deskgate "), ("a b\nc", " abc deskgate "), ("è", " - deskgate ")] {
        let message = exported("", "x", "").syslog(host);
        assert!(message.contains(written), "{message}");
    }
}

#[test]
fn every_kind_is_a_word_that_syslog_takes() {
    for kind in Kind::ALL {
        let word = kind.word();
        assert!(word.len() <= 32 && word.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_'), "{word}");
    }
}

#[test]
fn no_cell_is_a_formula() {
    for value in ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1"] {
        let row = Table::row(&exported(value, "x", "y"));
        let mut reader = csv::ReaderBuilder::new().has_headers(false).from_reader(row.as_bytes());
        let record = reader.records().next().unwrap().unwrap();
        assert!(record.iter().all(|cell| !cell.starts_with(['=', '+', '-', '@', '\t', '\r'])), "{row:?}");
        assert_eq!(record.get(6).unwrap(), format!("'{value}"));
    }
}

/// The head and the pairs of a CEF line, by the rules of the format and none of ours.
fn read_cef(line: &str) -> (Vec<String>, BTreeMap<String, String>) {
    let (mut parts, mut rest) = (vec![String::new()], line.chars());
    while parts.len() < 8 {
        match rest.next().expect("a head of seven parts") {
            '\\' => parts.last_mut().unwrap().extend(rest.next()),
            '|' => parts.push(String::new()),
            letter => parts.last_mut().unwrap().push(letter),
        }
    }
    parts.pop();
    let text: Vec<char> = rest.collect();
    // A key stands before each `=` that is not escaped, behind a space or at the beginning.
    let mut equals = Vec::new();
    let mut place = 0;
    while place < text.len() {
        match text[place] {
            '\\' => place += 1,
            '=' => equals.push(place),
            _ => {}
        }
        place += 1;
    }
    let begins = |equal: usize| text[..equal].iter().rposition(|letter| *letter == ' ').map_or(0, |space| space + 1);
    let mut pairs = BTreeMap::new();
    for (index, equal) in equals.iter().enumerate() {
        let end = equals.get(index + 1).map_or(text.len(), |next| begins(*next) - 1);
        let mut value = String::new();
        let mut letters = text[equal + 1..end].iter();
        while let Some(letter) = letters.next() {
            match letter {
                '\\' => value.push(match letters.next().unwrap() {
                    'n' => '\n',
                    'r' => '\r',
                    other => *other,
                }),
                other => value.push(*other),
            }
        }
        let key: String = text[begins(*equal)..*equal].iter().collect();
        assert!(key.bytes().all(|byte| byte.is_ascii_alphanumeric()), "{key:?} in {line:?}");
        assert!(pairs.insert(key, value).is_none(), "twice in {line:?}");
    }
    (parts, pairs)
}

#[test]
fn a_value_that_ends_as_the_head_does_swallows_nothing() {
    let (_, pairs) = read_cef(&exported("a|", "why", "|").cef());
    assert_eq!((pairs["deskgateStructure"].as_str(), pairs["reason"].as_str(), pairs.len()), ("a|", "|", 12));
}

/// The fields of a journal's datagram.
fn read_journald(mut datagram: &[u8]) -> BTreeMap<String, String> {
    let mut fields = BTreeMap::new();
    while !datagram.is_empty() {
        let end = datagram.iter().position(|byte| *byte == b'\n').unwrap();
        let name = String::from_utf8(datagram[..end].to_vec()).unwrap();
        let length = u64::from_le_bytes(datagram[end + 1..end + 9].try_into().unwrap()) as usize;
        let value = &datagram[end + 9..end + 9 + length];
        assert_eq!(datagram[end + 9 + length], b'\n');
        fields.insert(name, String::from_utf8(value.to_vec()).unwrap());
        datagram = &datagram[end + 10 + length..];
    }
    fields
}

/// Text of the letters that the forms have rules for, and others.
fn nasty() -> impl Strategy<Value = String> {
    prop_oneof![r#"[\\|=\n\r",'; a-z0-9{}<>\[\]\t-]{0,24}"#, any::<String>()]
}

proptest! {
    #[test]
    fn whatever_a_field_holds_it_stays_in_its_field(structure in nasty(), value in nasty()) {
        let exported = exported(&structure, "why", &value);
        prop_assert_eq!(serde_json::from_str::<Exported>(&exported.json()).unwrap(), exported.clone());
        prop_assert!(!exported.json().contains('\n'));

        let cef = exported.cef();
        prop_assert!(!cef.contains(['\n', '\r']));
        let (head, pairs) = read_cef(&cef);
        prop_assert_eq!(head.len(), 7);
        prop_assert_eq!(&pairs["deskgateStructure"], &structure);
        prop_assert_eq!(&pairs["reason"], &value);
        prop_assert_eq!(&pairs["deskgateWhy"], &value);
        prop_assert_eq!(pairs.len(), 12);

        let table = Table::head() + &Table::row(&exported);
        let mut reader = csv::Reader::from_reader(table.as_bytes());
        let columns = reader.headers().unwrap().clone();
        let rows: Vec<_> = reader.records().map(Result::unwrap).collect();
        prop_assert_eq!(rows.len(), 1);
        let cell = |name: &str| rows[0].get(columns.iter().position(|column| column == name).unwrap()).unwrap();
        prop_assert_eq!(cell("structure").strip_prefix('\'').filter(|_| !structure.starts_with('\'')).unwrap_or(cell("structure")), &structure);
        prop_assert_eq!(serde_json::from_str::<Fields>(cell("fields")).unwrap(), exported.fields.clone());

        let syslog = exported.syslog(&value);
        let (length, message) = syslog.split_once(' ').unwrap();
        prop_assert_eq!(length.parse::<usize>().unwrap(), message.len());
        prop_assert!(message.is_ascii());
        let parts: Vec<&str> = message.splitn(8, ' ').collect();
        prop_assert_eq!(parts[6], "-");
        prop_assert_eq!(serde_json::from_str::<Exported>(parts[7]).unwrap(), exported.clone());

        let fields = read_journald(&exported.journald());
        prop_assert_eq!(&fields["DESKGATE_STRUCTURE"], &structure);
        prop_assert_eq!(fields.len(), 10);
        prop_assert_eq!(serde_json::from_str::<Exported>(&fields["MESSAGE"]).unwrap(), exported);
    }
}
