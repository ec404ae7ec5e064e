//! A record as a store lends it: what a check of ten million rows looks at, without a copy of anything.
//!
//! Only whether it is sound by itself is known here. What is not is nothing to be quick about: the store reads it as a
//! [`Record`](crate::Record), which tells what is wrong.

use gateway_api::SessionNumber;
use jiff::Timestamp;
use serde::{
    Deserializer as _,
    de::{DeserializeSeed, Error as _, MapAccess, Visitor},
};

use crate::{
    Hash, Journal, Kind, Sealed,
    record::{Canonical, Parts},
    seal::DAY,
};

/// A row of a journal as it lies in its store.
#[derive(Debug, Clone, Copy)]
pub struct Lent<'r> {
    /// The gateway that wrote it.
    pub gateway: &'r str,
    /// Which chain.
    pub journal: Journal,
    /// Its place in the chain.
    pub sequence: u64,
    /// When, in milliseconds since 1970.
    pub time: i64,
    /// The word of its kind.
    pub kind: &'r str,
    /// Whose, where it is about a session.
    pub session: Option<SessionNumber>,
    /// The structure of the agreement, where there is one.
    pub structure: Option<&'r str>,
    /// Its fields, as JSON.
    pub fields: &'r str,
    /// The digest of its names, where there are any.
    pub private_digest: Option<&'r [u8]>,
    /// Its names, as [`Sealed::bytes`] gives them.
    pub sealed: Option<&'r [u8]>,
    /// The hash of the record before.
    pub previous: &'r [u8],
    /// Its own.
    pub hash: &'r [u8],
}

/// A record that is sound by itself, as a link of its chain. INVARIANT: made by [`Lent::link`] alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Link {
    pub(crate) sequence: u64,
    pub(crate) previous: Hash,
    pub(crate) hash: Hash,
}

/// Memory that is used again for each row.
#[derive(Debug, Default)]
pub struct Scratch {
    canonical: Canonical,
    /// The day of the names before.
    day: Option<[u8; DAY]>,
}

impl Lent<'_> {
    /// The record as a link, if it says what its hash says and its names are those that were written. None if it does not, or if that takes
    /// more than a look: its fields are not in the order in which they are written, or a name among them is escaped.
    pub fn link(&self, scratch: &mut Scratch) -> Option<Link> {
        let private_digest = match self.private_digest {
            Some(digest) => Some(Hash::from_bytes(digest)?),
            None => None,
        };
        if !self.names_fit(private_digest, scratch) {
            return None;
        }
        let (previous, hash) = (Hash::from_bytes(self.previous)?, Hash::from_bytes(self.hash)?);
        let parts = Parts {
            gateway: self.gateway,
            journal: self.journal,
            sequence: self.sequence,
            time: Timestamp::from_millisecond(self.time).ok()?,
            kind: Kind::from_word(self.kind)?,
            session: self.session,
            structure: self.structure,
            private_digest,
            previous,
        };
        parts.put_into(&mut scratch.canonical, |canonical| put_fields(self.fields, canonical))?;
        (scratch.canonical.finish() == hash).then_some(Link { sequence: self.sequence, previous, hash })
    }

    fn names_fit(&self, digest: Option<Hash>, scratch: &mut Scratch) -> bool {
        match (digest, self.sealed) {
            (None, None) => true,
            (Some(digest), Some(bytes)) => {
                Sealed::reads(bytes, &mut scratch.day) && Sealed::digest_of(bytes, &mut scratch.canonical) == digest
            }
            (Some(_), None) | (None, Some(_)) => false,
        }
    }
}

/// Puts the fields of a JSON object, which has to have them by name, where [`Fields`](crate::Fields) would.
fn put_fields(json: &str, canonical: &mut Canonical) -> Option<()> {
    let mut json = serde_json::Deserializer::from_str(json);
    json.deserialize_map(FieldsInto(canonical)).and_then(|()| json.end()).ok()
}

struct FieldsInto<'c>(&'c mut Canonical);

impl<'de> Visitor<'de> for FieldsInto<'_> {
    type Value = ();

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("fields")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let place = self.0.room_for_number();
        let (mut count, mut before) = (0, None);
        while let Some(name) = map.next_key::<&'de str>()? {
            if before.is_some_and(|before| before >= name) {
                return Err(A::Error::custom("not in order"));
            }
            before = Some(name);
            self.0.bytes(name.as_bytes());
            map.next_value_seed(ValueInto(self.0))?;
            count += 1;
        }
        self.0.fill(place, count);
        Ok(())
    }
}

/// A value, which is read as [`Value`](crate::Value) reads it.
struct ValueInto<'c>(&'c mut Canonical);

impl<'de> DeserializeSeed<'de> for ValueInto<'_> {
    type Value = ();

    fn deserialize<D: serde::Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl Visitor<'_> for ValueInto<'_> {
    type Value = ();

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("a number or a text")
    }

    fn visit_i64<E: serde::de::Error>(self, number: i64) -> Result<(), E> {
        self.0.number_value(number);
        Ok(())
    }

    fn visit_u64<E: serde::de::Error>(self, number: u64) -> Result<(), E> {
        i64::try_from(number).map(|number| self.0.number_value(number)).map_err(E::custom)
    }

    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<(), E> {
        self.0.text_value(text);
        Ok(())
    }
}
