//! What a session makes of its flows.

use std::num::NonZeroU16;

use super::*;

const LIMIT: Duration = Duration::from_secs(600);

struct Session {
    activity: Activity,
    began: Instant,
}

impl Session {
    fn new() -> Self {
        let began = Instant::now();
        Self { activity: Activity::new(began), began }
    }

    fn hear(&mut self, at: f64, heard: Heard) {
        self.activity.handle_heard(heard, self.began + Duration::from_secs_f64(at));
    }

    fn mark(&mut self, at: f64, count: u16) {
        self.hear(at, Heard::Marks(NonZeroU16::new(count).unwrap()));
    }

    /// Seconds after which the session ends by idleness.
    fn idle_at(&self, unknown_client: UnknownClient, jiggler: Jiggler) -> Option<u64> {
        let at = self.activity.idle_at(LIMIT, IdleRule { unknown_client, jiggler, dry_run: false })?;
        Some((at - self.began).as_secs())
    }

    fn idle(&self) -> Option<u64> {
        self.idle_at(UnknownClient::Warn, Jiggler::Counts)
    }
}

#[test]
fn signing_in_counts_and_each_mark_does() {
    let mut session = Session::new();
    assert_eq!(session.idle(), Some(600));
    session.mark(100.0, 1);
    assert_eq!(session.idle(), Some(700));
}

#[test]
fn nothing_but_a_mark_moves_the_idle_end() {
    let mut session = Session::new();
    session.mark(20.0, 1);
    for second in 21..600 {
        session.hear(second.into(), Heard::NoMark);
        session.hear(second.into(), Heard::Nothing);
    }
    assert_eq!(session.idle(), Some(620));
    assert!(!session.activity.is_unknown());
}

#[test]
fn a_client_that_sends_for_minutes_without_a_mark_is_unknown_until_its_first() {
    let mut session = Session::new();
    for second in 16..316 {
        session.hear(second.into(), Heard::NoMark);
        assert!(!session.activity.is_unknown());
    }
    session.hear(316.0, Heard::NoMark);
    assert!(session.activity.is_unknown());
    assert_eq!(session.idle(), None);
    assert_eq!(session.idle_at(UnknownClient::LongestOnly, Jiggler::Counts), None);
    assert_eq!(session.idle_at(UnknownClient::Twice, Jiggler::Counts), Some(316 + 1200));
    session.mark(400.0, 1);
    assert!(!session.activity.is_unknown());
    assert_eq!(session.idle(), Some(1000));
}

#[test]
fn a_client_that_fell_silent_is_idle() {
    let mut session = Session::new();
    session.hear(20.0, Heard::NoMark);
    session.hear(200.0, Heard::NoMark);
    assert_eq!(session.idle(), Some(600));
}

#[test]
fn a_flow_that_cannot_be_read_makes_the_client_unknown_until_the_next_mark() {
    let mut session = Session::new();
    session.mark(30.0, 1);
    session.hear(50.0, Heard::Unreadable);
    assert!(session.activity.is_unknown());
    assert_eq!(session.idle_at(UnknownClient::Twice, Jiggler::Counts), Some(50 + 1200));
    session.mark(60.0, 1);
    assert_eq!(session.idle(), Some(660));
}

#[test]
fn a_fixed_beat_is_a_machine_from_the_sixth_burst_on() {
    let mut session = Session::new();
    for beat in 1..=20 {
        let at = f64::from(beat) * 30.0;
        session.mark(at, 1);
        session.mark(at + 0.05, 1);
        assert_eq!(session.activity.is_jiggler(), beat >= 6, "burst {beat}");
    }
    assert_eq!(session.idle(), Some(1200));
    assert_eq!(session.idle_at(UnknownClient::Warn, Jiggler::Ignored), Some(750));
}

#[test]
fn a_person_beside_a_machine_counts_at_once() {
    let mut session = Session::new();
    for beat in 1..=8 {
        session.mark(f64::from(beat) * 30.0, 2);
    }
    session.mark(251.0, 1); // off the beat
    assert_eq!(session.idle_at(UnknownClient::Warn, Jiggler::Ignored), Some(851));
    let mut session = Session::new();
    for beat in 1..=8 {
        session.mark(f64::from(beat) * 30.0, 2);
    }
    session.mark(241.0, 1); // on it, and one too many
    assert_eq!(session.idle_at(UnknownClient::Warn, Jiggler::Ignored), Some(841));
}

#[test]
fn a_reader_with_an_even_hand_is_no_machine() {
    let mut session = Session::new();
    for (index, off) in [0.0, 0.6, -0.4, 0.5, -0.6, 0.2, 0.7, -0.5, 0.0, 0.6].into_iter().enumerate() {
        session.mark((index + 1) as f64 * 30.0 + off, 2);
        assert!(!session.activity.is_jiggler());
    }
    let mut session = Session::new();
    for index in 1..20 {
        session.mark(f64::from(index) * 30.0, 5);
    }
    assert!(!session.activity.is_jiggler());
}
