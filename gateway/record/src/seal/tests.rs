use jiff::civil::date;
use proptest::prelude::*;

use super::*;

fn half(role: Role, seed: u8) -> PrivateHalf {
    PrivateHalf::draw(role, &[seed; 32]).unwrap()
}

fn names() -> Fields {
    Fields::default().with("worker", "m.rossi").with("from", "192.0.2.7")
}

fn seed(byte: u8) -> Zeroizing<[u8; 32]> {
    Zeroizing::new([byte; 32])
}

fn day_key(byte: u8) -> DayKey {
    DayKey::new(date(2026, 11, 22), seed(byte))
}

/// Two keys of controllers, one of the reviewer office.
fn holders() -> (Holders, [PrivateHalf; 3]) {
    let halves = [half(Role::Controllers, 1), half(Role::Controllers, 2), half(Role::Reviewers, 3)];
    let [first, second, office] = halves.each_ref().map(PrivateHalf::public);
    (Holders::new(&[first, second], &[office]).unwrap(), halves)
}

fn sealed() -> Sealed {
    Letter::seal(&names(), Some(&holders().0), &[9; 32]).unwrap().under(&day_key(7), Journal::Workers).unwrap()
}

#[test]
fn one_key_of_each_role_opens_and_nothing_less() {
    let (_, [first, second, office]) = holders();
    let letter = sealed().letter(&day_key(7), Journal::Workers).unwrap();
    let stranger = half(Role::Reviewers, 4);
    assert_eq!(letter.open(&[]), Err(NotOpened::Missing(Role::Controllers)));
    let open = |halves: [&PrivateHalf; 2]| letter.open(&halves.map(half_again));
    assert_eq!(open([&first, &office]), Ok(names()));
    assert_eq!(open([&office, &second]), Ok(names()));
    assert_eq!(open([&first, &second]), Err(NotOpened::Missing(Role::Reviewers)));
    assert_eq!(open([&office, &office]), Err(NotOpened::Missing(Role::Controllers)));
    assert_eq!(open([&first, &stranger]), Err(NotOpened::Missing(Role::Reviewers)));
    // A key that is passed off as the other role's.
    let disguised = PrivateHalf::from_bytes(Role::Reviewers, first.expose()).unwrap();
    assert_eq!(open([&first, &disguised]), Err(NotOpened::Missing(Role::Reviewers)));
}

fn half_again(half: &PrivateHalf) -> PrivateHalf {
    PrivateHalf::from_bytes(half.role(), half.expose()).unwrap()
}

#[test]
fn without_the_days_key_both_holders_together_read_nothing() {
    let sealed = sealed();
    assert!(sealed.letter(&day_key(8), Journal::Workers).is_err(), "another day's key");
    assert!(sealed.letter(&day_key(7), Journal::Administrators).is_err(), "another journal's");
    let text = sealed.bytes();
    let shows = |what: &[u8]| text.windows(what.len()).any(|window| window == what);
    assert!(!shows(b"rossi") && !shows(b"192.0.2.7"));
    assert!(!shows(&holders().1[0].public().0), "not even whose keys it was sealed to");
}

#[test]
fn an_office_without_keys_reads_by_the_days_key_alone() {
    let letter = Letter::seal(&names(), None, &[9; 32]).unwrap();
    let read = letter.under(&day_key(7), Journal::Workers).unwrap().letter(&day_key(7), Journal::Workers).unwrap();
    assert_eq!((read.keys().count(), read.open(&[])), (0, Ok(names())));
}

#[test]
fn its_length_tells_nobodys_name() {
    let length = |name: &str| {
        let names = Fields::default().with("worker", name);
        let letter = Letter::seal(&names, Some(&holders().0), &[1; 32]).unwrap();
        letter.under(&day_key(7), Journal::Workers).unwrap().bytes().len()
    };
    assert_eq!(length("m.rossi"), length("giovannibattista.pappalardo"));
}

#[test]
fn the_same_names_never_look_the_same() {
    let (holders, _) = holders();
    let sealed = |byte| Letter::seal(&names(), Some(&holders), &[byte; 32]).unwrap().bytes();
    let (one, other) = (sealed(1), sealed(2));
    let alike = one.chunks(8).zip(other.chunks(8)).filter(|(one, other)| one == other).count();
    // Whose keys they are sealed to.
    assert!(alike <= 3 * 4, "{alike}");
}

#[test]
fn both_roles_must_have_keys_and_different_ones() {
    let [one, other] = [half(Role::Controllers, 1), half(Role::Reviewers, 2)].map(|half| half.public());
    assert_eq!(Holders::new(&[], &[one]), Err(NoHolders::Missing(Role::Controllers)));
    assert_eq!(Holders::new(&[one], &[]), Err(NoHolders::Missing(Role::Reviewers)));
    assert_eq!(Holders::new(&[one, other], &[other]), Err(NoHolders::Shared(other)));
    assert_eq!(Holders::new(&[one; 17], &[other]), Err(NoHolders::TooMany(Role::Controllers)));
    assert_eq!(Holders::new(&[one], &[other]).unwrap().keys().len(), 2);
}

#[test]
fn keys_are_read_as_they_are_shown_and_bad_ones_are_not() {
    let public = half(Role::Reviewers, 5).public();
    assert_eq!(PublicHalf::parse(&public.to_string()), Some(public));
    assert_eq!(public.fingerprint().len(), 29, "{}", public.fingerprint());
    assert_ne!(public.fingerprint(), half(Role::Reviewers, 6).public().fingerprint());
    // A point that whoever exchanges with it shares nothing secret with.
    assert_eq!(PublicHalf::from_bytes([0; 32]), None);
    assert_eq!(PublicHalf::parse("abc"), None);
}

/// RFC 9180, appendix A.2.1: DHKEM(X25519, HKDF-SHA256), HKDF-SHA256, ChaCha20Poly1305. What others seal is opened here.
#[test]
fn a_key_pair_is_derived_as_the_standard_says() {
    let hex = |text: &str| hexadecimal::parse::<32>(text).unwrap();
    let seed = hex("1ac01f181fdf9f352797655161c58b75c656a6cc2716dcb66372da835542e1df");
    let half = PrivateHalf::draw(Role::Controllers, &seed).unwrap();
    assert_eq!(half.public().0, hex("4310ee97d88cc1f088a5576c77ab0cf5c3ac797f3d95139c6c84b5429c59662a"));
}

proptest! {
    #[test]
    fn any_single_change_is_found(at in 0usize..10_000, bit in 0u8..8) {
        let (_, [first, _, office]) = holders();
        let mut bytes = sealed().bytes();
        let at = at % bytes.len();
        bytes[at] ^= 1 << bit;
        let read = Sealed::from_bytes(&bytes);
        prop_assert!(read.as_ref().is_none_or(|read| read.digest() != sealed().digest()));
        let opened = read.and_then(|read| read.letter(&day_key(7), Journal::Workers).ok());
        prop_assert!(opened.is_none_or(|letter| letter.open(&[half_again(&first), half_again(&office)]).is_err()));
    }

    #[test]
    fn any_bytes_are_read_without_harm(bytes in prop::collection::vec(any::<u8>(), 0..2000)) {
        let (_, halves) = holders();
        if let Some(letter) = Letter::from_bytes(&bytes) {
            prop_assert_eq!(&**letter.bytes(), &bytes);
            let _ = letter.open(&halves);
        }
        if let Some(sealed) = Sealed::from_bytes(&bytes) {
            prop_assert!(sealed.letter(&day_key(7), Journal::Workers).is_err());
        }
    }
}
