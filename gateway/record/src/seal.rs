//! Names, sealed: who a record concerns is for two holders together, and only as long as the day's key is there.
//!
//! ```text
//!   names ──padded──► body, under the record's own key
//!                         own key = share A xor share B
//!                         share A ──HPKE──► each key of the controllers      ┐
//!                         share B ──HPKE──► each key of the reviewer office  ├─► letter ──day's key──► sealed, in the row
//!                         body                                               ┘
//! ```
//!
//! The gateway writes letters and cannot read them: the record's key and its shares are forgotten once the letter is written.
//! The day's key takes the whole letter away when its time is over, also from copies of the database. Without holders (an
//! office that has made no keys yet) a letter is under the day's key alone, and says so.
//!
//! HPKE is RFC 9180 in base mode: DHKEM(X25519, HKDF-SHA256), HKDF-SHA256, ChaCha20Poly1305. Randomness comes as a seed.

use chacha20::{
    ChaCha20Rng,
    rand_core::{Rng as _, SeedableRng as _},
};
use chacha20poly1305::{
    ChaCha20Poly1305, KeyInit as _, XChaCha20Poly1305,
    aead::{Aead as _, Payload},
};
use hpke::{
    Deserializable as _, Kem as _, OpModeR, OpModeS, Serializable as _, aead, kdf::HkdfSha256, kem::X25519HkdfSha256,
};
use jiff::civil::Date;
use zeroize::Zeroizing;

use crate::{Fields, Hash, Journal, hexadecimal, record::Canonical};

/// Bytes that the names are filled up to a multiple of, so that their length tells nobody's name.
const PAD: usize = 256;
/// A share, or a key, in bytes.
const KEY: usize = 32;
/// What authenticates a sealed text, in bytes.
const TAG: usize = 16;
/// A random nonce under the day's key.
const NONCE: usize = 24;
/// A day as it stands before what is sealed: `2026-11-22`.
pub(crate) const DAY: usize = 10;
/// A share in a letter: for which key, the encapsulated key, the share.
const SHARE: usize = 32 + 32 + KEY + TAG;

/// Who holds one half of what opens names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Role {
    /// Those who control: the director general and the heads of structures.
    Controllers,
    /// The reviewer office.
    Reviewers,
}

impl Role {
    /// Both, in the order in which letters have them.
    pub const ALL: [Self; 2] = [Self::Controllers, Self::Reviewers];

    /// The word in files, configuration and manual.
    pub fn word(self) -> &'static str {
        match self {
            Self::Controllers => "controllers",
            Self::Reviewers => "reviewers",
        }
    }

    /// Reads [`Self::word`] back.
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|role| role.word() == word)
    }

    /// What binds a share to its role: one for another role cannot be passed off as it.
    fn info(self) -> &'static [u8] {
        match self {
            Self::Controllers => b"deskgate names 1: controllers",
            Self::Reviewers => b"deskgate names 1: reviewers",
        }
    }
}

/// The public half of a holder's key: what the gateway seals to.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PublicHalf([u8; 32]);

impl PublicHalf {
    /// A key from its bytes; None for one that could not be sealed to.
    pub fn from_bytes(bytes: [u8; 32]) -> Option<Self> {
        let half = Self(bytes);
        // A point of low order is refused by the exchange itself.
        half.seal(Role::Controllers, &[0; KEY], &mut ChaCha20Rng::from_seed([0; 32])).map(|_| half)
    }

    /// The key as its file has it: 64 hexadecimal digits.
    pub fn parse(text: &str) -> Option<Self> {
        hexadecimal::parse(text).and_then(Self::from_bytes)
    }

    /// What people compare: the beginning of a hash, in groups of four.
    pub fn fingerprint(&self) -> String {
        let mut hash = Canonical::new(b"deskgate review key 1");
        hash.bytes(&self.0);
        let digits: Vec<char> = hash.finish().to_string().chars().take(24).collect();
        digits.chunks(4).map(String::from_iter).collect::<Vec<_>>().join("-")
    }

    /// The encapsulated key and the sealed share.
    fn seal(self, role: Role, share: &[u8; KEY], random: &mut ChaCha20Rng) -> Option<Vec<u8>> {
        let to = <X25519HkdfSha256 as hpke::Kem>::PublicKey::from_bytes(&self.0).ok()?;
        let (key, sealed) = hpke::single_shot_seal_with_rng::<aead::ChaCha20Poly1305, HkdfSha256, X25519HkdfSha256>(
            &OpModeS::Base,
            &to,
            role.info(),
            share,
            &self.0,
            random,
        )
        .ok()?;
        Some([key.to_bytes().as_slice(), &sealed].concat())
    }
}

impl std::fmt::Display for PublicHalf {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        hexadecimal::write(&self.0, f)
    }
}

impl std::fmt::Debug for PublicHalf {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        std::fmt::Display::fmt(self, f)
    }
}

/// The private half of a holder's key. Never on the gateway; cleared when dropped, and never printed.
pub struct PrivateHalf {
    role: Role,
    secret: Zeroizing<[u8; 32]>,
    public: PublicHalf,
}

impl PrivateHalf {
    /// The key that 32 secret random bytes make.
    pub fn draw(role: Role, seed: &[u8; 32]) -> Option<Self> {
        let (secret, _) = X25519HkdfSha256::derive_keypair(seed);
        let mut bytes = Zeroizing::new([0; 32]);
        secret.write_exact(&mut *bytes);
        Self::from_bytes(role, &bytes)
    }

    /// The key as it was kept; None if it is none.
    pub fn from_bytes(role: Role, bytes: &[u8; 32]) -> Option<Self> {
        let secret = <X25519HkdfSha256 as hpke::Kem>::PrivateKey::from_bytes(bytes).ok()?;
        let public = X25519HkdfSha256::sk_to_pk(&secret).to_bytes();
        let public = PublicHalf::from_bytes(public.as_slice().try_into().ok()?)?;
        Some(Self { role, secret: Zeroizing::new(*bytes), public })
    }

    /// The bytes to be kept, somewhere safe.
    pub fn expose(&self) -> &[u8; 32] {
        &self.secret
    }

    /// Whose it is.
    pub fn role(&self) -> Role {
        self.role
    }

    /// What the gateway is given.
    pub fn public(&self) -> PublicHalf {
        self.public
    }

    fn open(&self, share: &Share) -> Option<Zeroizing<[u8; KEY]>> {
        let (key, sealed) = share.text.split_at_checked(32)?;
        let secret = <X25519HkdfSha256 as hpke::Kem>::PrivateKey::from_bytes(&*self.secret).ok()?;
        let key = <X25519HkdfSha256 as hpke::Kem>::EncappedKey::from_bytes(key).ok()?;
        let opened = hpke::single_shot_open::<aead::ChaCha20Poly1305, HkdfSha256, X25519HkdfSha256>(
            &OpModeR::Base,
            &secret,
            &key,
            self.role.info(),
            sealed,
            &self.public.0,
        );
        let opened = Zeroizing::new(opened.ok()?);
        Some(Zeroizing::new(opened.as_slice().try_into().ok()?))
    }
}

impl std::fmt::Debug for PrivateHalf {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "PrivateHalf({}, {})", self.role.word(), self.public.fingerprint())
    }
}

/// To whom names are sealed: any one key of each role opens, together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Holders {
    keys: Vec<(Role, PublicHalf)>,
}

/// Why keys are not those of two holders.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NoHolders {
    /// One role has none.
    Missing(Role),
    /// One role has more than 16.
    TooMany(Role),
    /// Both roles have this one: then one holder would be enough.
    Shared(PublicHalf),
}

impl Holders {
    /// The most keys of a role: those in use, and those before a rotation.
    pub const MOST: usize = 16;

    /// The keys of both roles.
    pub fn new(controllers: &[PublicHalf], reviewers: &[PublicHalf]) -> Result<Self, NoHolders> {
        let roles = [(Role::Controllers, controllers), (Role::Reviewers, reviewers)];
        for (role, keys) in roles {
            match keys.len() {
                0 => return Err(NoHolders::Missing(role)),
                1..=Self::MOST => {}
                _ => return Err(NoHolders::TooMany(role)),
            }
        }
        if let Some(shared) = controllers.iter().find(|key| reviewers.contains(key)) {
            return Err(NoHolders::Shared(*shared));
        }
        let keys = roles.into_iter().flat_map(|(role, keys)| keys.iter().map(move |key| (role, *key))).collect();
        Ok(Self { keys })
    }

    /// All of them, controllers first.
    pub fn keys(&self) -> &[(Role, PublicHalf)] {
        &self.keys
    }
}

/// The key of one journal's day; cleared when dropped, and never printed.
pub struct DayKey {
    day: Date,
    secret: Zeroizing<[u8; KEY]>,
}

impl DayKey {
    /// The key of a day.
    pub fn new(day: Date, secret: Zeroizing<[u8; KEY]>) -> Self {
        Self { day, secret }
    }

    /// Of which day.
    pub fn day(&self) -> Date {
        self.day
    }

    fn cipher(&self) -> XChaCha20Poly1305 {
        XChaCha20Poly1305::new((&*self.secret).into())
    }
}

impl std::fmt::Debug for DayKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "DayKey({})", self.day)
    }
}

#[derive(Clone, PartialEq, Eq)]
struct Share {
    role: Role,
    to: PublicHalf,
    text: Vec<u8>,
}

/// Names as the holders can read them, before they are put under a day's key or after they were taken from under it.
#[derive(Clone, PartialEq, Eq)]
pub struct Letter {
    nonce: [u8; NONCE],
    shares: Vec<Share>,
    /// The names under the record's own key; without shares the names themselves.
    body: Zeroizing<Vec<u8>>,
}

/// Why names stay sealed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NotOpened {
    /// No key of this role was given that the names were sealed to.
    Missing(Role),
    /// It is not what the gateway wrote, or not under this key.
    Damaged,
}

/// The names could not be sealed: they are too long, or a key is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NotSealed;

impl Letter {
    /// Names sealed to the holders. `seed` is 32 secret random bytes that are used for nothing else.
    pub fn seal(names: &Fields, holders: Option<&Holders>, seed: &[u8; 32]) -> Result<Self, NotSealed> {
        let mut random = ChaCha20Rng::from_seed(*seed);
        let mut nonce = [0; NONCE];
        random.fill_bytes(&mut nonce);
        let mut text = Zeroizing::new(serde_json::to_vec(names).map_err(|_| NotSealed)?);
        let padded = text.len().next_multiple_of(PAD);
        // What reads it passes over blanks.
        text.resize(padded, b' ');
        let Some(holders) = holders else { return Ok(Self { nonce, shares: Vec::new(), body: text }) };
        let (mut own, mut first) = (Zeroizing::new([0; KEY]), Zeroizing::new([0; KEY]));
        random.fill_bytes(&mut *own);
        random.fill_bytes(&mut *first);
        let second = xor(&own, &first);
        let mut shares = Vec::with_capacity(holders.keys.len());
        for (role, to) in &holders.keys {
            let share = match role {
                Role::Controllers => &first,
                Role::Reviewers => &second,
            };
            let text = to.seal(*role, share, &mut random).ok_or(NotSealed)?;
            shares.push(Share { role: *role, to: *to, text });
        }
        // The key is used for this alone, so that the nonce says nothing.
        let payload = Payload { msg: &text, aad: &header(&shares) };
        let body = ChaCha20Poly1305::new((&*own).into()).encrypt(&[0; 12].into(), payload).map_err(|_| NotSealed)?;
        Ok(Self { nonce, shares, body: Zeroizing::new(body) })
    }

    /// To whom it is sealed; nobody, if the office had made no keys when it was written.
    pub fn keys(&self) -> impl Iterator<Item = (Role, PublicHalf)> + '_ {
        self.shares.iter().map(|share| (share.role, share.to))
    }

    /// The names. One half of each role is needed; where there were no holders, none is.
    pub fn open(&self, halves: &[PrivateHalf]) -> Result<Fields, NotOpened> {
        if self.shares.is_empty() {
            return serde_json::from_slice(&self.body).map_err(|_| NotOpened::Damaged);
        }
        let [controllers, reviewers] = Role::ALL;
        let own = Zeroizing::new(*xor(&*self.share(controllers, halves)?, &*self.share(reviewers, halves)?));
        let payload = Payload { msg: &self.body, aad: &header(&self.shares) };
        let text = ChaCha20Poly1305::new((&*own).into()).decrypt(&[0; 12].into(), payload);
        let text = Zeroizing::new(text.map_err(|_| NotOpened::Damaged)?);
        serde_json::from_slice(&text).map_err(|_| NotOpened::Damaged)
    }

    fn share(&self, role: Role, halves: &[PrivateHalf]) -> Result<Zeroizing<[u8; KEY]>, NotOpened> {
        let mut fitting = halves.iter().filter(|half| half.role == role).flat_map(|half| {
            self.shares
                .iter()
                .filter(move |share| share.role == role && share.to == half.public)
                .map(move |it| (half, it))
        });
        let (half, share) = fitting.next().ok_or(NotOpened::Missing(role))?;
        half.open(share).ok_or(NotOpened::Damaged)
    }

    /// The letter under the key of a journal's day, as the row keeps it.
    pub fn under(&self, key: &DayKey, journal: Journal) -> Result<Sealed, NotSealed> {
        let text = Zeroizing::new([&header(&self.shares), &**self.body].concat());
        let payload = Payload { msg: &text, aad: &about(key.day, journal) };
        let text = key.cipher().encrypt(&self.nonce.into(), payload).map_err(|_| NotSealed)?;
        Ok(Sealed { day: key.day, nonce: self.nonce, text })
    }

    /// The letter as it is handed to the holders: still sealed to them, but under no day's key any more.
    pub fn bytes(&self) -> Zeroizing<Vec<u8>> {
        Zeroizing::new([&header(&self.shares), &**self.body].concat())
    }

    /// Reads [`Self::bytes`] back.
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let (counts, rest) = bytes.split_at_checked(2)?;
        let mut rest = rest;
        let mut shares = Vec::new();
        for (role, count) in Role::ALL.into_iter().zip(counts) {
            for _ in 0..*count {
                let (share, behind) = rest.split_at_checked(SHARE)?;
                let (to, text) = share.split_at_checked(32)?;
                shares.push(Share { role, to: PublicHalf(to.try_into().ok()?), text: text.to_vec() });
                rest = behind;
            }
        }
        Some(Self { nonce: [0; NONCE], shares, body: Zeroizing::new(rest.to_vec()) })
    }
}

impl std::fmt::Debug for Letter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Letter(to {} keys)", self.shares.len())
    }
}

/// Names as a row keeps them: under the key of the day on which they were written.
#[derive(Clone, PartialEq, Eq)]
pub struct Sealed {
    day: Date,
    nonce: [u8; NONCE],
    text: Vec<u8>,
}

impl Sealed {
    /// What the record itself keeps of it.
    pub fn digest(&self) -> Hash {
        Self::digest_of(&self.bytes(), &mut Canonical::default())
    }

    /// The same of [`Self::bytes`], as a store lends them.
    pub(crate) fn digest_of(bytes: &[u8], hash: &mut Canonical) -> Hash {
        hash.begin(b"deskgate sealed 1");
        hash.bytes(bytes);
        hash.finish()
    }

    /// The day whose key opens it.
    pub fn day(&self) -> Date {
        self.day
    }

    /// As a store keeps it.
    pub fn bytes(&self) -> Vec<u8> {
        [self.day.to_string().as_bytes(), &self.nonce, &self.text].concat()
    }

    /// Reads [`Self::bytes`] back.
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let (day, rest) = bytes.split_at_checked(DAY)?;
        let (nonce, text) = rest.split_at_checked(NONCE)?;
        Some(Self { day: Self::read_day(day)?, nonce: nonce.try_into().ok()?, text: text.to_vec() })
    }

    /// The day at the beginning of what a store keeps; None if that is not as it was written, for each day has one form.
    fn read_day(bytes: &[u8]) -> Option<Date> {
        let written = std::str::from_utf8(bytes).ok()?;
        written.parse::<Date>().ok().filter(|day| day.to_string() == written)
    }

    /// Whether [`Self::from_bytes`] reads these bytes. `known` is a day that was read before, and the next one's: those of one
    /// day lie together.
    pub(crate) fn reads(bytes: &[u8], known: &mut Option<[u8; DAY]>) -> bool {
        let Some((day, rest)) = bytes.split_first_chunk::<DAY>() else { return false };
        if rest.len() < NONCE || (*known != Some(*day) && Self::read_day(day).is_none()) {
            return false;
        }
        *known = Some(*day);
        true
    }

    /// What is under the day's key: readable for the holders, or for everybody if it was sealed to nobody.
    pub fn letter(&self, key: &DayKey, journal: Journal) -> Result<Letter, NotOpened> {
        let payload = Payload { msg: &self.text, aad: &about(self.day, journal) };
        let text = key.cipher().decrypt(&self.nonce.into(), payload).map_err(|_| NotOpened::Damaged)?;
        Letter::from_bytes(&Zeroizing::new(text)).ok_or(NotOpened::Damaged)
    }
}

impl std::fmt::Debug for Sealed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Sealed({})", self.day)
    }
}

/// How many keys each role has, and the shares.
fn header(shares: &[Share]) -> Vec<u8> {
    let count = |role| u8::try_from(shares.iter().filter(|share| share.role == role).count()).unwrap_or(u8::MAX);
    let mut bytes = Role::ALL.map(count).to_vec();
    for share in shares {
        bytes.extend_from_slice(&share.to.0);
        bytes.extend_from_slice(&share.text);
    }
    bytes
}

/// What binds a text to its day and journal.
fn about(day: Date, journal: Journal) -> Vec<u8> {
    format!("deskgate day 1: {} {day}", journal.word()).into_bytes()
}

fn xor(left: &[u8; KEY], right: &[u8; KEY]) -> Zeroizing<[u8; KEY]> {
    let mut out = Zeroizing::new(*left);
    out.iter_mut().zip(right).for_each(|(byte, other)| *byte ^= other);
    out
}

#[cfg(test)]
mod tests;
