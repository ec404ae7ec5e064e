//! Who is signed in to the page, from which browser. A visit is known by random bytes in that browser's cookie, of which only the hash is
//! kept here; it ends by itself, and is nowhere after a restart.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use gateway_record::review::Role;
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;
use zeroize::Zeroizing;

use crate::directory::Person;

/// Without a request, a visit is over after this.
pub(super) const IDLE: Duration = Duration::from_secs(10 * 60);
/// A visit is over after this, whatever is done.
pub(super) const LONGEST: Duration = Duration::from_secs(60 * 60);
/// Between questions to the directory how the account stands.
const LOOK: Duration = Duration::from_secs(60);
/// The most visits at once: each has shown all factors.
const MOST: usize = 500;

/// Finds a visit again; tells nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Key([u8; 32]);

/// One browser of somebody who has signed in.
#[derive(Clone)]
pub(super) struct Visit {
    /// As the directory knew them last.
    pub(super) person: Person,
    /// What they did besides working when they signed in.
    pub(super) roles: Vec<Role>,
    /// What each form of this visit must carry.
    pub(super) form_key: [u8; 32],
    began: Instant,
    seen: Instant,
    looked: Instant,
}

/// Why a visit is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ended {
    /// They signed out, or in again.
    SignedOut,
    /// Nothing was asked for too long.
    Idle,
    /// It lasted long enough.
    TooLong,
    /// They have other roles than when they came.
    RoleGone,
    /// The account may not sign in any more, or is blocked.
    AccountGone,
    /// Too much of what its person asked for was refused.
    Refused,
    /// The gateway stops.
    Stopped,
    /// It never began: too many others are there.
    NoRoom,
}

impl Ended {
    /// The record's word.
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::SignedOut => "signed_out",
            Self::Idle => "idle",
            Self::TooLong => "longest",
            Self::RoleGone => "role_gone",
            Self::AccountGone => "account_gone",
            Self::Refused => "refused",
            Self::Stopped => "stopped",
            Self::NoRoom => "no_room",
        }
    }
}

/// What a cookie is good for.
pub(super) enum Found {
    /// A visit that goes on.
    Visit(Box<Visit>),
    /// One that is over since now.
    Over(Box<Visit>, Ended),
    /// None.
    Nothing,
}

/// All visits.
#[derive(Default)]
pub(super) struct Visits(Mutex<HashMap<Key, Visit>>);

impl Key {
    /// Of a cookie's value.
    pub(super) fn of(secret: &str) -> Self {
        Self(Sha256::digest(secret.as_bytes()).into())
    }
}

impl Visit {
    /// Somebody who has just signed in, and what their cookie is to carry; none without random bytes.
    pub(super) fn new(person: Person, roles: Vec<Role>, now: Instant) -> Option<(Zeroizing<String>, Self)> {
        let (mut secret, mut form_key) = (Zeroizing::new([0; 32]), [0; 32]);
        getrandom::fill(&mut *secret).ok()?;
        getrandom::fill(&mut form_key).ok()?;
        let visit = Self { person, roles, form_key, began: now, seen: now, looked: now };
        Some((Zeroizing::new(hexadecimal(&*secret)), visit))
    }

    fn ended(&self, now: Instant) -> Option<Ended> {
        let since = |then: Instant| now.saturating_duration_since(then);
        match () {
            () if since(self.began) >= LONGEST => Some(Ended::TooLong),
            () if since(self.seen) >= IDLE => Some(Ended::Idle),
            () => None,
        }
    }

    /// Whether the directory should be asked again.
    pub(super) fn is_to_look(&self, now: Instant) -> bool {
        now.saturating_duration_since(self.looked) >= LOOK
    }

    /// The form key as pages carry it.
    pub(super) fn form_text(&self) -> String {
        hexadecimal(&self.form_key)
    }

    /// Whether a form is of this visit.
    pub(super) fn is_own_form(&self, shown: &str) -> bool {
        self.form_text().as_bytes().ct_eq(shown.as_bytes()).into()
    }
}

impl Visits {
    /// Lets a visit begin under the secret that its cookie will carry. False if there are too many.
    pub(super) fn begin(&self, secret: &str, visit: Visit) -> bool {
        let mut all = self.all();
        let has_room = all.len() < MOST;
        if has_room {
            all.insert(Key::of(secret), visit);
        }
        has_room
    }

    /// The visit of a cookie, which has been seen now.
    pub(super) fn find(&self, key: Key, now: Instant) -> Found {
        let mut all = self.all();
        let Some(visit) = all.get_mut(&key) else { return Found::Nothing };
        if let Some(why) = visit.ended(now) {
            return all.remove(&key).map_or(Found::Nothing, |visit| Found::Over(Box::new(visit), why));
        }
        visit.seen = now;
        Found::Visit(Box::new(visit.clone()))
    }

    /// The directory has said in which groups they are.
    pub(super) fn looked(&self, key: Key, groups: &[String], now: Instant) {
        if let Some(visit) = self.all().get_mut(&key) {
            visit.person.groups = groups.to_vec();
            visit.looked = now;
        }
    }

    /// Whose visit a cookie names, by the directory's identity.
    pub(super) fn person(&self, key: Key) -> Option<Arc<str>> {
        self.all().get(&key).map(|visit| Arc::clone(&visit.person.id))
    }

    /// Ends all visits of somebody.
    pub(super) fn end_those_of(&self, person: &str) -> Vec<Visit> {
        self.all().extract_if(|_, visit| *visit.person.id == *person).map(|(_, visit)| visit).collect()
    }

    /// Ends all of them.
    pub(super) fn end_all(&self) -> Vec<Visit> {
        self.all().drain().map(|(_, visit)| visit).collect()
    }

    /// Ends a visit.
    pub(super) fn end(&self, key: Key) -> Option<Visit> {
        self.all().remove(&key)
    }

    /// Takes out those that are over.
    pub(super) fn over(&self, now: Instant) -> Vec<(Visit, Ended)> {
        let mut over = Vec::new();
        self.all().retain(|_, visit| match visit.ended(now) {
            None => true,
            Some(why) => {
                over.push((visit.clone(), why));
                false
            }
        });
        over
    }

    fn all(&self) -> MutexGuard<'_, HashMap<Key, Visit>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn hexadecimal(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn person() -> Person {
        Person { id: "id".into(), name: "d.general".into(), groups: Vec::new() }
    }

    fn begun(visits: &Visits, now: Instant) -> Key {
        let (secret, visit) = Visit::new(person(), vec![Role::DirectorGeneral], now).unwrap();
        assert!(visits.begin(&secret, visit));
        Key::of(&secret)
    }

    #[test]
    fn a_visit_ends_without_requests_and_after_an_hour_with_them() {
        let (visits, begin) = (Visits::default(), Instant::now());
        let key = begun(&visits, begin);
        let mut now = begin;
        while now < begin + LONGEST - IDLE {
            now += IDLE - Duration::from_secs(1);
            assert!(matches!(visits.find(key, now), Found::Visit(_)));
        }
        assert!(matches!(visits.find(key, begin + LONGEST), Found::Over(_, Ended::TooLong)));
        assert!(matches!(visits.find(key, begin + LONGEST), Found::Nothing), "over is over");
        let key = begun(&visits, begin);
        assert!(matches!(visits.find(key, begin + IDLE), Found::Over(_, Ended::Idle)));
        begun(&visits, begin);
        assert!(visits.over(begin + IDLE - Duration::from_secs(1)).is_empty());
        assert_eq!(visits.over(begin + IDLE).len(), 1);
    }

    #[test]
    fn each_browser_has_a_visit_and_forms_of_its_own() {
        let (visits, now) = (Visits::default(), Instant::now());
        let (one, other) = (begun(&visits, now), begun(&visits, now));
        let form = |key| match visits.find(key, now) {
            Found::Visit(visit) => (visit.form_text(), visit),
            Found::Over(..) | Found::Nothing => panic!("no visit"),
        };
        let ((first, visit), (second, _)) = (form(one), form(other));
        assert_ne!(first, second);
        assert!(visit.is_own_form(&first) && !visit.is_own_form(&second) && !visit.is_own_form(""));
        assert!(visits.end(one).is_some());
        assert!(matches!(visits.find(one, now), Found::Nothing) && matches!(visits.find(other, now), Found::Visit(_)));
    }

    #[test]
    fn all_visits_of_somebody_end_together_and_nobody_elses() {
        let (visits, now) = (Visits::default(), Instant::now());
        let (key, again) = (begun(&visits, now), begun(&visits, now));
        let other = Person { id: "other".into(), ..person() };
        let (secret, visit) = Visit::new(other, Vec::new(), now).unwrap();
        assert!(visits.begin(&secret, visit));
        assert_eq!(visits.person(key).as_deref(), Some("id"));
        assert_eq!(visits.end_those_of("id").len(), 2);
        assert!(matches!(visits.find(key, now), Found::Nothing) && matches!(visits.find(again, now), Found::Nothing));
        assert!(matches!(visits.find(Key::of(&secret), now), Found::Visit(_)));
    }

    #[test]
    fn there_is_an_end_to_how_many_visits_there_are() {
        let (visits, now) = (Visits::default(), Instant::now());
        for _ in 0..MOST {
            begun(&visits, now);
        }
        let (secret, visit) = Visit::new(person(), Vec::new(), now).unwrap();
        assert!(!visits.begin(&secret, visit));
    }
}
