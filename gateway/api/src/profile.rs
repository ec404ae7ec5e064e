//! The profile: the one file that an office sends its workers, with the office's signature under it.
//!
//! It is a TOML file ([`Profile`]) whose last lines are comments to TOML and a signature to us:
//!
//! ```text
//! server = "gw.comune.example"
//! fingerprints = ["sha256:…"]
//! #deskgate succession FORMER-KEY KEY SIGNATURE        none, or one for each time that the office changed its key, the oldest first
//! #deskgate signature 1 KEY SIGNED-AT SIGNATURE
//! ```
//!
//! Keys and signatures are Ed25519's, in base64; `SIGNED-AT` is in Unix seconds. Signed is every byte above the first of these lines, and the
//! moment. A key is worth something only to who knows it: at first use by six [`Words`] that a person compares with the office's letter, later
//! because it is the same one, or one that the known key has signed as its successor.

mod words;

use std::fmt;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use ed25519_dalek::{Signature, Signer as _, SigningKey, VerifyingKey};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};

use crate::{GatewayName, key, login::Language};

pub use words::Words;

/// More than any profile has, in bytes.
pub const LARGEST: usize = 64 << 10;
/// The most successions of one profile: more changes of the key than an office lives to see.
const MOST_SUCCESSIONS: usize = 32;
/// The most names of one gateway: whoever is far from all of them waits for each.
const MOST_SERVERS: usize = 4;
/// How our lines begin. No line above them may.
const OURS: &str = "#deskgate ";
/// The one version there is.
const VERSION: &str = "1";
/// Begin what is signed, so that no signature could be taken for another kind's.
const PROFILE: &[u8] = b"deskgate profile 1\0";
const SUCCESSION: &[u8] = b"deskgate profile key succession 1\0";

/// As written. Unknown keys are refused.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Profile {
    /// `HOST` or `HOST:PORT`.
    pub server: Option<String>,
    /// The same where the gateway has several, in the order in which they are tried; in the place of `server`.
    pub servers: Option<Vec<String>>,
    /// The office user name, in a profile for one person.
    pub user: Option<String>,
    /// `sha256:` and 64 hexadecimal digits, of the gateway's public key: the present one and the next.
    #[serde(default)]
    pub fingerprints: Vec<String>,
    /// Certificates of the office's own authority, in PEM. Never the name of a file: what lies beside a profile is not signed.
    pub ca: Option<String>,
    /// `it` or `en`.
    pub language: Option<Language>,
    /// The help desk's phone.
    pub help: Option<String>,
    /// Whether the window may remember who signed in last; not on a shared computer.
    #[serde(default)]
    pub remember_user: bool,
}

impl Profile {
    /// The gateway's names, in the order in which they are tried; none if the profile says nothing of it.
    pub fn server_names(&self) -> Result<Vec<GatewayName>, BadServers> {
        let texts = match (&self.server, &self.servers) {
            (Some(_), Some(_)) => return Err(BadServers::Both),
            (None, None) => &[],
            (Some(one), None) => std::slice::from_ref(one),
            (None, Some(names)) if names.is_empty() => return Err(BadServers::Empty),
            (None, Some(names)) if names.len() > MOST_SERVERS => return Err(BadServers::TooMany),
            (None, Some(names)) => names.as_slice(),
        };
        let mut names: Vec<GatewayName> = Vec::new();
        for text in texts {
            let name = GatewayName::parse(text).ok_or_else(|| BadServers::Unreadable(text.clone()))?;
            if names.iter().any(|before| before.is_at(&name) && before.port() == name.port()) {
                return Err(BadServers::Twice(text.clone()));
            }
            names.push(name);
        }
        Ok(names)
    }
}

/// Why a profile does not say which names the gateway has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BadServers {
    /// `server` and `servers`.
    Both,
    /// `servers` names none.
    Empty,
    /// More than a program would try.
    TooMany,
    /// This one stands in `servers` before already.
    Twice(String),
    /// This is no name.
    Unreadable(String),
}

impl fmt::Display for BadServers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Both => f.write_str("both `server` and `servers` are given: keep one"),
            Self::Empty => f.write_str("`servers` names no gateway: write one"),
            Self::TooMany => write!(f, "`servers` has more than {MOST_SERVERS} names: keep {MOST_SERVERS}"),
            Self::Twice(name) => write!(f, "`servers` has `{name}` twice: keep one"),
            Self::Unreadable(text) => write!(f, "server `{text}`: expected HOST or HOST:PORT"),
        }
    }
}

/// What an office's profiles are known by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Key(VerifyingKey);

impl Key {
    /// Reads the 44 characters of base64.
    pub fn parse(text: &str) -> Option<Self> {
        let bytes: [u8; 32] = STANDARD.decode(text).ok()?.try_into().ok()?;
        VerifyingKey::from_bytes(&bytes).ok().filter(|key| !key.is_weak()).map(Self)
    }

    /// What people compare: 66 bits of its hash.
    pub fn words(&self, language: Language) -> Words {
        Words::of(self.0.as_bytes(), language)
    }

    fn holds(&self, message: &[u8], signature: &Signature) -> bool {
        self.0.verify_strict(message, signature).is_ok()
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&STANDARD.encode(self.0.as_bytes()))
    }
}

impl Serialize for Key {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Key {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let bytes = key::read(deserializer)?;
        let key = VerifyingKey::from_bytes(&bytes).ok().filter(|key| !key.is_weak());
        key.map(Self).ok_or_else(|| D::Error::custom("not a key of an office: expected a point of Ed25519"))
    }
}

/// The office's half, kept off line. It neither prints nor clones, and is cleared when dropped.
pub struct Secret(SigningKey);

impl Secret {
    /// Takes 32 random bytes; the caller clears its own copy.
    pub fn new(random: &[u8; 32]) -> Self {
        Self(SigningKey::from_bytes(random))
    }

    /// The bytes, to be kept.
    pub fn expose(&self) -> &[u8; 32] {
        self.0.as_bytes()
    }

    /// The workers' half.
    pub fn public(&self) -> Key {
        Key(self.0.verifying_key())
    }

    /// Names another key as the one that comes after this one.
    pub fn succeed(&self, next: Key) -> Succession {
        let former = self.public();
        Succession { former, next, signature: self.0.sign(&Succession::message(former, next)) }
    }

    /// A whole profile: what it says, how this key came to be the office's (oldest first), and the signature of `at`, in Unix seconds.
    pub fn sign(&self, body: &str, successions: &[Succession], at: i64) -> String {
        let body = if body.ends_with('\n') { body.to_owned() } else { format!("{body}\n") };
        let signature = STANDARD.encode(self.0.sign(&message(&body, at)).to_bytes());
        let successions: String = successions.iter().map(|one| format!("{OURS}{one}\n")).collect();
        format!("{body}{successions}{OURS}signature {VERSION} {} {at} {signature}\n", self.public())
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

/// What is signed of a profile. The moment has no NUL in it, so that each pair has its own.
fn message(body: &str, at: i64) -> Vec<u8> {
    [PROFILE, at.to_string().as_bytes(), b"\0", body.as_bytes()].concat()
}

/// A key that names the next one. What it says was verified when it was read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Succession {
    former: Key,
    next: Key,
    signature: Signature,
}

impl Succession {
    /// Reads what [`fmt::Display`] writes; none if it is not that, or not signed by the former key.
    pub fn parse(text: &str) -> Option<Self> {
        let mut words = text.split(' ');
        let ("succession", Some(former), Some(next), Some(signature), None) =
            (words.next()?, words.next(), words.next(), words.next(), words.next())
        else {
            return None;
        };
        let (former, next) = (Key::parse(former)?, Key::parse(next)?);
        let signature = read_signature(signature)?;
        former.holds(&Self::message(former, next), &signature).then_some(Self { former, next, signature })
    }

    /// The key that came after.
    pub fn next(&self) -> Key {
        self.next
    }

    fn message(former: Key, next: Key) -> Vec<u8> {
        [SUCCESSION, former.0.as_bytes(), next.0.as_bytes()].concat()
    }
}

impl fmt::Display for Succession {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "succession {} {} {}", self.former, self.next, STANDARD.encode(self.signature.to_bytes()))
    }
}

fn read_signature(text: &str) -> Option<Signature> {
    Signature::from_slice(&STANDARD.decode(text).ok()?).ok()
}

/// Why a file is no signed profile.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NotSigned {
    /// There is no signature under it.
    Unsigned,
    /// There is one, and it does not hold: something was changed, cut off or added since.
    Broken,
    /// There is one of a later version than this program knows.
    Newer,
}

/// A profile whose signature holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Signed<'a> {
    /// What it says, as TOML.
    pub body: &'a str,
    /// Where it comes from.
    pub origin: Origin,
}

/// Who signed a profile, and when. Whether that is the office, is another question.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Origin {
    /// Whose signature it is.
    pub key: Key,
    /// In Unix seconds, by the signer's clock.
    pub signed_at: i64,
    /// How the key came to be the office's, the oldest first.
    pub successions: Vec<Succession>,
}

impl Origin {
    /// Whether who knows `known` may believe this one: it is the same key, or one that came after it.
    pub fn leads_from(&self, known: Key) -> bool {
        self.key == known || self.successions.iter().any(|one| one.former == known)
    }
}

impl<'a> Signed<'a> {
    /// Reads a file and verifies every signature in it.
    pub fn read(text: &'a str) -> Result<Self, NotSigned> {
        // A file that came by way of another system ends its lines in its own manner; then what is signed is not the same any more.
        let (above, last) = last_line(text);
        let Some(line) = last.strip_prefix(OURS).and_then(|line| line.strip_prefix("signature ")) else {
            return Err(if text.contains(OURS) { NotSigned::Broken } else { NotSigned::Unsigned });
        };
        let (version, line) = line.split_once(' ').ok_or(NotSigned::Broken)?;
        if version != VERSION {
            let later = version.parse::<u32>().is_ok_and(|version| version > 1);
            return Err(if later { NotSigned::Newer } else { NotSigned::Broken });
        }
        Self::verified(above, line).ok_or(NotSigned::Broken)
    }

    fn verified(above: &'a str, line: &str) -> Option<Self> {
        let mut words = line.split(' ');
        let (key, at, signature) = (Key::parse(words.next()?)?, words.next()?, read_signature(words.next()?)?);
        let signed_at = at.parse::<i64>().ok().filter(|parsed| parsed.to_string() == at)?;
        if words.next().is_some() {
            return None;
        }
        let (body, successions) = successions(above, key)?;
        let holds = !body.contains(OURS) && key.holds(&message(body, signed_at), &signature);
        holds.then_some(Self { body, origin: Origin { key, signed_at, successions } })
    }
}

/// What stands above the successions, and these, each leading to the next and the last one to `key`.
fn successions(above: &str, key: Key) -> Option<(&str, Vec<Succession>)> {
    let (mut body, mut found, mut next) = (above, Vec::new(), key);
    loop {
        let (rest, last) = last_line(body);
        let Some(line) = last.strip_prefix(OURS) else { break };
        let one = Succession::parse(line).filter(|one| one.next == next && found.len() < MOST_SUCCESSIONS)?;
        next = one.former;
        found.push(one);
        body = rest;
    }
    found.reverse();
    Some((body, found))
}

/// What stands before the last line, its end included, and that line without its end.
fn last_line(text: &str) -> (&str, &str) {
    let whole = text.strip_suffix('\n').unwrap_or(text);
    let begin = whole.rfind('\n').map_or(0, |end| end + 1);
    (whole.get(..begin).unwrap_or_default(), whole.get(begin..).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    const BODY: &str = "server = \"gw.comune.example\"\nhelp = \"06 1234567\"\n";

    fn secret(seed: u8) -> Secret {
        Secret::new(&[seed; 32])
    }

    #[test]
    fn a_gateway_has_one_name_or_a_few_that_differ() {
        let profile = |server: Option<&str>, servers: Option<&[&str]>| Profile {
            server: server.map(str::to_owned),
            servers: servers.map(|names| names.iter().map(|name| (*name).to_owned()).collect()),
            ..Profile::default()
        };
        let shown = |names: Vec<GatewayName>| names.iter().map(GatewayName::to_string).collect::<Vec<_>>();
        let names = |server, servers| profile(server, servers).server_names().map(shown);
        assert_eq!(names(None, None), Ok(vec![]));
        assert_eq!(names(Some("gw"), None), Ok(vec!["gw".to_owned()]));
        let few = ["gw", "gw:8443", "gw2", "192.0.2.1"];
        assert_eq!(names(None, Some(&few)), Ok(few.map(str::to_owned).to_vec()));
        for (server, servers, expected) in [
            (Some("gw"), &["gw2"][..], BadServers::Both),
            (None, &[], BadServers::Empty),
            (None, &["a", "b", "c", "d", "e"], BadServers::TooMany),
            (None, &["gw", "gw2", "GW:443 "], BadServers::Twice("GW:443 ".to_owned())),
            (None, &["gw", "https://gw2"], BadServers::Unreadable("https://gw2".to_owned())),
            (Some(" "), &[], BadServers::Both),
        ] {
            assert_eq!(names(server, Some(servers)), Err(expected), "{servers:?}");
        }
    }

    #[test]
    fn a_signed_profile_is_what_was_signed() {
        let text = secret(1).sign(BODY, &[], 1_795_000_000);
        let Signed { body, origin } = Signed::read(&text).unwrap();
        assert_eq!((body, origin.key, origin.signed_at), (BODY, secret(1).public(), 1_795_000_000));
        assert!(origin.leads_from(secret(1).public()) && !origin.leads_from(secret(2).public()));
        let without_end = secret(1).sign(BODY.trim_end(), &[], 0);
        assert_eq!(Signed::read(without_end.trim_end()).unwrap().body, BODY, "a last line that has no end");
        assert_eq!(Signed::read(&secret(1).sign("", &[], 0)).unwrap().body, "\n");
    }

    #[test]
    fn whatever_is_changed_breaks_it() {
        let text = secret(2).sign(BODY, &[secret(1).succeed(secret(2).public())], 1_795_000_000);
        assert!(Signed::read(&text).is_ok());
        for at in 0..text.len() - 1 {
            let mut bytes = text.clone().into_bytes();
            bytes[at] ^= 1;
            let Ok(changed) = String::from_utf8(bytes) else { continue };
            assert!(Signed::read(&changed).is_err(), "byte {at}: {changed}");
        }
        for (changed, why) in [
            (BODY.to_owned(), NotSigned::Unsigned),
            (String::new(), NotSigned::Unsigned),
            (format!("{text}user = \"m.rossi\"\n"), NotSigned::Broken),
            (format!("user = \"m.rossi\"\n{text}"), NotSigned::Broken),
            (text.replace('\n', "\r\n"), NotSigned::Broken),
            (text.replace("signature 1", "signature 2"), NotSigned::Newer),
            (text.replace("signature 1", "signature 0"), NotSigned::Broken),
            (text.replace("1795000000", "01795000000"), NotSigned::Broken),
            (secret(3).sign(&text, &[], 5), NotSigned::Broken),
        ] {
            assert_eq!(Signed::read(&changed), Err(why), "{changed}");
        }
    }

    #[test]
    fn a_key_is_succeeded_only_by_one_that_it_signed() {
        let chain = [secret(1).succeed(secret(2).public()), secret(2).succeed(secret(3).public())];
        let text = secret(3).sign(BODY, &chain, 0);
        let origin = Signed::read(&text).unwrap().origin;
        for known in 1..=3 {
            assert!(origin.leads_from(secret(known).public()), "{known}");
        }
        assert!(!origin.leads_from(secret(4).public()));
        // Somebody else's word for it, an order of another kind, a chain that leads elsewhere or has a gap.
        let stranger = Succession { former: secret(1).public(), ..secret(9).succeed(secret(3).public()) };
        for wrong in [&[stranger][..], &[chain[1], chain[0]], &chain[..1], &[chain[0], chain[0], chain[1]]] {
            assert_eq!(Signed::read(&secret(3).sign(BODY, wrong, 0)), Err(NotSigned::Broken), "{wrong:?}");
        }
        assert_eq!(Succession::parse(&chain[0].to_string()), Some(chain[0]));
        assert_eq!(Succession::parse(&format!("{} ", chain[0])), None);
    }

    #[test]
    fn a_key_reads_back_and_rubbish_does_not() {
        let key = secret(1).public();
        assert_eq!(Key::parse(&key.to_string()), Some(key));
        assert_eq!(Key::parse("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="), None, "a weak one");
        assert_eq!(Key::parse("rubbish"), None);
        assert_eq!(format!("{:?}", secret(1)), "Secret(…)");
    }
}
