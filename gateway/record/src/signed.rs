//! What the gateway signs (Ed25519): checkpoints, which say where the journals end, and cuts, which say where they begin.
//!
//! A chain proves that nothing inside it changed, but whoever may write to the database can make another chain. They
//! cannot sign it, and a checkpoint that was handed to a witness elsewhere shows what had been written by then.

use ed25519_dalek::{Signer as _, SigningKey, VerifyingKey};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{Anchor, Hash, Journal, hexadecimal, record::Canonical};

/// The public half of a gateway's signing key.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Key(#[serde(with = "hexadecimal")] [u8; 32]);

impl Key {
    /// As a store keeps it.
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        bytes.try_into().ok().map(Self)
    }

    /// The same, to be kept.
    pub fn bytes(&self) -> &[u8] {
        &self.0
    }

    /// Reads 64 hexadecimal digits.
    pub fn parse(text: &str) -> Option<Self> {
        hexadecimal::parse(text).map(Self)
    }

    fn signed(&self, message: Hash, signature: &Signature) -> bool {
        let signature = ed25519_dalek::Signature::from_bytes(&signature.0);
        VerifyingKey::from_bytes(&self.0).is_ok_and(|key| key.verify_strict(&message.0, &signature).is_ok())
    }
}

impl std::fmt::Display for Key {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        hexadecimal::write(&self.0, f)
    }
}

impl std::fmt::Debug for Key {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        std::fmt::Display::fmt(self, f)
    }
}

/// A signature over a checkpoint or a cut.
#[derive(Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Signature(#[serde(with = "hexadecimal")] [u8; 64]);

impl Signature {
    /// As a store keeps it.
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        bytes.try_into().ok().map(Self)
    }

    /// The same, to be kept.
    pub fn bytes(&self) -> &[u8] {
        &self.0
    }
}

impl std::fmt::Debug for Signature {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        hexadecimal::write(&self.0, f)
    }
}

/// The private half; cleared when dropped, and never printed.
pub struct Signer(SigningKey);

impl Signer {
    /// The signer with these 32 secret random bytes.
    pub fn new(secret: &[u8; 32]) -> Self {
        Self(SigningKey::from_bytes(secret))
    }

    /// What others check its signatures by.
    pub fn key(&self) -> Key {
        Key(self.0.verifying_key().to_bytes())
    }

    fn sign(&self, message: Hash) -> Signature {
        Signature(self.0.sign(&message.0).to_bytes())
    }
}

impl std::fmt::Debug for Signer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Signer({})", self.key())
    }
}

/// The end of one journal: the place and hash of its last record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Head {
    /// Which journal.
    pub journal: Journal,
    /// The last record's place; 0 before the first.
    pub sequence: u64,
    /// Its hash.
    pub hash: Hash,
}

/// Where a gateway's journals ended at a moment, signed. As JSON it is what a witness is handed: hashes and numbers only.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Checkpoint {
    /// The gateway's word.
    pub gateway: String,
    /// 1, 2, 3 and so on.
    pub number: u64,
    /// When, in UTC; kept and signed in milliseconds.
    pub time: Timestamp,
    /// The ends.
    pub heads: Vec<Head>,
    /// Who signed.
    pub key: Key,
    /// Over all of the above.
    pub signature: Signature,
}

impl Checkpoint {
    /// A signed checkpoint. The time is cut to milliseconds.
    pub fn sign(signer: &Signer, gateway: &str, number: u64, time: Timestamp, heads: Vec<Head>) -> Self {
        let (key, signature) = (signer.key(), Signature([0; 64]));
        let mut checkpoint = Self { gateway: gateway.to_owned(), number, time: cut(time), heads, key, signature };
        checkpoint.signature = signer.sign(checkpoint.message());
        checkpoint
    }

    /// Whether the signature is that of its key, and over what it says.
    pub fn holds(&self) -> bool {
        self.key.signed(self.message(), &self.signature)
    }

    /// The checkpoints in a witness's line, whatever stands before them: system logs add something, and so may anybody who reaches the
    /// witness.
    pub fn all_in(line: &str) -> impl Iterator<Item = Self> + '_ {
        line.match_indices('{').filter_map(|(begin, _)| {
            let mut found = serde_json::Deserializer::from_str(line.get(begin..)?).into_iter::<Self>();
            found.next()?.ok()
        })
    }

    fn message(&self) -> Hash {
        let mut hash = Canonical::new(b"deskgate checkpoint 1");
        hash.bytes(self.gateway.as_bytes());
        hash.number(self.number);
        hash.bytes(&self.time.as_millisecond().to_be_bytes());
        hash.number(self.heads.len() as u64);
        for head in &self.heads {
            hash.bytes(head.journal.word().as_bytes());
            hash.number(head.sequence);
            hash.bytes(&head.hash.0);
        }
        hash.finish()
    }
}

/// The deletion of a journal's oldest records because their time was over, signed: the chain begins behind it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cut {
    /// The gateway's word.
    pub gateway: String,
    /// Of which journal.
    pub journal: Journal,
    /// 1, 2, 3 and so on in each journal.
    pub number: u64,
    /// The last record that was deleted.
    pub last: Anchor,
    /// How many were deleted by this cut.
    pub records: u64,
    /// How many days' keys were destroyed since the cut before; None in cuts of versions that did not count them.
    pub keys: Option<u64>,
    /// When, in UTC; kept and signed in milliseconds.
    pub time: Timestamp,
    /// Who signed.
    pub key: Key,
    /// Over all of the above.
    pub signature: Signature,
}

impl Cut {
    /// A signed cut. The time is cut to milliseconds.
    pub fn sign(
        signer: &Signer,
        (gateway, journal): (&str, Journal),
        number: u64,
        last: Anchor,
        (records, keys): (u64, Option<u64>),
        time: Timestamp,
    ) -> Self {
        let (key, signature) = (signer.key(), Signature([0; 64]));
        let gateway = gateway.to_owned();
        let mut made = Self { gateway, journal, number, last, records, keys, time: cut(time), key, signature };
        made.signature = signer.sign(made.message());
        made
    }

    /// Whether the signature is that of its key, and over what it says.
    pub fn holds(&self) -> bool {
        self.key.signed(self.message(), &self.signature)
    }

    fn message(&self) -> Hash {
        let mut hash = Canonical::new(if self.keys.is_some() { b"deskgate cut 2" } else { b"deskgate cut 1" });
        hash.bytes(self.gateway.as_bytes());
        hash.bytes(self.journal.word().as_bytes());
        hash.number(self.number);
        hash.number(self.last.sequence);
        hash.bytes(&self.last.hash.0);
        hash.number(self.records);
        self.keys.iter().for_each(|keys| hash.number(*keys));
        hash.bytes(&self.time.as_millisecond().to_be_bytes());
        hash.finish()
    }
}

fn cut(time: Timestamp) -> Timestamp {
    Timestamp::from_millisecond(time.as_millisecond()).unwrap_or(time)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn checkpoint() -> Checkpoint {
        let head = Head { journal: Journal::Workers, sequence: 7, hash: Hash([7; 32]) };
        Checkpoint::sign(&Signer::new(&[1; 32]), "GW1", 3, Timestamp::UNIX_EPOCH, vec![head])
    }

    #[test]
    fn checkpoints_are_found_in_a_line_whatever_stands_round_them() {
        let text = serde_json::to_string(&checkpoint()).unwrap();
        let found = |line: &str| Checkpoint::all_in(line).collect::<Vec<_>>();
        assert_eq!(found(&format!("Nov 22 gw deskgate: {text} trailing")), [checkpoint()]);
        assert!(checkpoint().holds());
        for before in ["{", "{\"gateway\":\"", "[{}] ", "è{\"number\":1,"] {
            assert_eq!(found(&format!("{before}{text}{text}")), [checkpoint(), checkpoint()], "{before}");
        }
        assert_eq!(found("nothing {here}"), []);
    }

    #[test]
    fn whatever_is_changed_the_signature_holds_no_more() {
        let changes: [fn(&mut Checkpoint); 6] = [
            |it| it.gateway.push('X'),
            |it| it.number += 1,
            |it| it.time = Timestamp::from_millisecond(1).unwrap(),
            |it| it.heads[0].sequence += 1,
            |it| it.heads[0].hash.0[31] ^= 1,
            |it| it.key = Signer::new(&[2; 32]).key(),
        ];
        for change in changes {
            let mut changed = checkpoint();
            change(&mut changed);
            assert!(!changed.holds(), "{changed:?}");
        }
    }

    #[test]
    fn a_cut_holds_until_it_is_changed() {
        let last = Anchor { sequence: 9, hash: Hash([9; 32]) };
        let signer = Signer::new(&[1; 32]);
        let sign = |keys| Cut::sign(&signer, ("GW1", Journal::Workers), 1, last, (9, keys), Timestamp::UNIX_EPOCH);
        let (cut, old) = (sign(Some(2)), sign(None));
        assert!(cut.holds() && old.holds());
        assert!(!Cut { keys: None, ..cut.clone() }.holds() && !Cut { keys: Some(1), ..cut.clone() }.holds());
        assert!(!Cut { keys: Some(0), ..old }.holds(), "what was not counted cannot be added");
        assert!(!Cut { records: 8, ..cut.clone() }.holds());
        assert!(!Cut { journal: Journal::Reviews, ..cut.clone() }.holds());
        assert!(!Cut { last: Anchor { sequence: 8, ..last }, ..cut }.holds());
    }

    #[test]
    fn keys_are_read_as_they_are_shown() {
        let key = Signer::new(&[1; 32]).key();
        assert_eq!(Key::parse(&key.to_string()), Some(key));
        assert_eq!(Key::parse("abc"), None);
    }
}
