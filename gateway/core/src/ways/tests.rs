use gateway_api::SessionNumber;

use super::*;

const HOME: fn(u8) -> SocketAddr = |last| SocketAddr::from(([203, 0, 113, last], 40000));
const CHANNEL: Way = Way::Channel(SessionNumber::new(1));
const NONCES: [Nonce; 2] = [Nonce([1; 16]), Nonce([2; 16])];
const MILLISECOND: Duration = Duration::from_millis(1);

/// A session whose client shook hands from the first address.
fn shaken(now: Instant) -> Ways {
    let mut ways = Ways::default();
    ways.answer_went(Way::Udp(HOME(1)));
    assert_eq!(ways.hear(Way::Udp(HOME(1)), now), None);
    assert_eq!(ways.confirmed(), Some(Way::Udp(HOME(1))));
    ways
}

/// The same, while the second address is tried.
fn trying(now: Instant) -> Ways {
    let mut ways = shaken(now);
    assert_eq!(ways.hear(Way::Udp(HOME(2)), now), Some(HOME(2)));
    ways.try_address(HOME(2), NONCES, now);
    assert_eq!(ways.handle_timeout(now), Due::Probe);
    ways
}

/// Lets time pass, and says what ended the trial.
fn settle(ways: &mut Ways, mut now: Instant) -> (Due, Instant) {
    loop {
        now = ways.next().expect("a trial ends").max(now);
        match ways.handle_timeout(now) {
            Due::Nothing | Due::Probe => {}
            end => return (end, now),
        }
    }
}

#[test]
fn an_address_is_believed_once_its_probe_is_answered_and_the_other_is_not() {
    let now = Instant::now();
    let mut ways = trying(now);
    assert_eq!(ways.probes(), [Some((Way::Udp(HOME(2)), NONCES[0])), Some((Way::Udp(HOME(1)), NONCES[1]))]);
    assert_eq!(ways.also(BUDGET + 1), None);
    assert!(ways.handle_confirm(NONCES[0], now));
    assert_eq!(ways.confirmed(), Some(Way::Udp(HOME(1))), "the old one may still answer");
    assert_eq!(ways.also(BUDGET + 1), Some(Way::Udp(HOME(2))), "but the client is there");
    assert_eq!(settle(&mut ways, now), (Due::Confirmed, now + SETTLE_TIME));
    assert_eq!(ways.confirmed(), Some(Way::Udp(HOME(2))));
    assert!(!ways.handle_confirm(NONCES[1], now), "too late");
}

#[test]
fn as_long_as_the_old_address_answers_it_stays() {
    let now = Instant::now();
    let mut ways = trying(now);
    // Somebody passed the other probe on, faster.
    assert!(ways.handle_confirm(NONCES[0], now));
    assert!(ways.handle_confirm(NONCES[1], now + MILLISECOND));
    assert_eq!((ways.next(), ways.confirmed()), (None, Some(Way::Udp(HOME(1)))));
    assert_eq!(ways.also(100), None);
}

#[test]
fn who_does_not_answer_is_refused_for_a_while_and_others_are_not() {
    let now = Instant::now();
    let mut ways = trying(now);
    assert!(!ways.handle_confirm(Nonce([3; 16]), now));
    let (end, at) = settle(&mut ways, now);
    assert_eq!((end, at), (Due::Unanswered, now + CONFIRM_TIME));
    assert_eq!(ways.confirmed(), Some(Way::Udp(HOME(1))));
    assert_eq!(ways.hear(Way::Udp(HOME(2)), at), None);
    assert_eq!(ways.hear(Way::Udp(HOME(3)), at), Some(HOME(3)));
    assert_eq!(ways.hear(Way::Udp(HOME(2)), at + REFUSED_TIME), Some(HOME(2)));
}

#[test]
fn a_refused_address_is_tried_at_once_when_the_client_has_a_reason() {
    let now = Instant::now();
    let mut ways = trying(now);
    let (_, at) = settle(&mut ways, now);
    ways.handle_initiation(Way::Udp(HOME(3)));
    assert_eq!(ways.hear(Way::Udp(HOME(2)), at), None);
    ways.handle_initiation(Way::Udp(HOME(2)));
    assert_eq!(ways.hear(Way::Udp(HOME(2)), at), Some(HOME(2)));
    let mut ways = trying(now);
    let (_, at) = settle(&mut ways, now);
    ways.handle_channel_came(at);
    assert_eq!(ways.hear(Way::Udp(HOME(2)), at), Some(HOME(2)));
}

#[test]
fn who_moves_again_before_the_last_address_answered_is_tried_there() {
    let now = Instant::now();
    let mut ways = trying(now);
    ways.handle_initiation(Way::Udp(HOME(3)));
    assert_eq!(ways.hear(Way::Udp(HOME(3)), now), Some(HOME(3)));
    let mut ways = trying(now);
    ways.handle_initiation(Way::Udp(HOME(2)));
    assert_eq!(ways.hear(Way::Udp(HOME(3)), now), None, "its own handshake");
}

#[test]
fn one_is_tried_at_a_time_and_all_share_one_budget() {
    let mut now = Instant::now();
    let mut ways = trying(now);
    assert_eq!(ways.hear(Way::Udp(HOME(3)), now), None);
    let mut sent = 0;
    for last in 2..8 {
        while ways.also(1000).is_some() {
            sent += 1000;
        }
        (_, now) = settle(&mut ways, now);
        if now.duration_since(ways.spent_since.unwrap()) >= RENEWAL {
            break;
        }
        ways.try_address(HOME(last + 1), NONCES, now);
    }
    assert_eq!(sent, BUDGET / 1000 * 1000);
    ways.try_address(HOME(9), NONCES, now);
    assert_eq!(ways.also(1000), Some(Way::Udp(HOME(9))), "after a minute there is more");
}

#[test]
fn what_comes_by_the_channel_is_believed_and_the_way_back_is_asked_for() {
    let now = Instant::now();
    let mut ways = trying(now);
    assert_eq!(ways.hear(CHANNEL, now), None);
    assert_eq!((ways.confirmed(), ways.next()), (Some(CHANNEL), None));
    assert_eq!(ways.hear(Way::Udp(HOME(1)), now), Some(HOME(1)));
    ways.try_address(HOME(1), NONCES, now);
    assert_eq!(ways.probes()[1], None, "a channel always answers");
    assert!(ways.handle_confirm(NONCES[0], now));
    assert_eq!(settle(&mut ways, now), (Due::Confirmed, now));
}

#[test]
fn where_the_channel_was_all_there_was_a_handshake_makes_a_new_way() {
    let now = Instant::now();
    let mut ways = shaken(now);
    ways.answer_went(Way::Udp(HOME(2)));
    assert_eq!(ways.hear(Way::Udp(HOME(2)), now), Some(HOME(2)), "there is a way to be protected");
    ways.hear(CHANNEL, now);
    ways.handle_channel_went();
    assert_eq!(ways.hear(Way::Udp(HOME(2)), now), Some(HOME(2)), "no handshake yet");
    ways.answer_went(Way::Udp(HOME(2)));
    assert_eq!(ways.hear(Way::Udp(HOME(3)), now), Some(HOME(3)), "copied and raced");
    assert_eq!(ways.confirmed(), Some(Way::Udp(HOME(2))), "where the answer went");
    for resumed in [Some(CHANNEL), None] {
        let mut ways = Ways::resume(resumed);
        ways.answer_went(Way::Udp(HOME(2)));
        assert_eq!(ways.hear(Way::Udp(HOME(2)), now), None);
        assert_eq!(ways.confirmed(), Some(Way::Udp(HOME(2))));
    }
    let mut ways = Ways::resume(Some(Way::Udp(HOME(1))));
    ways.answer_went(Way::Udp(HOME(2)));
    assert_eq!(ways.hear(Way::Udp(HOME(2)), now), Some(HOME(2)));
}

#[test]
fn strange_is_only_what_lasts_and_has_no_sign_of_life_beside_it() {
    let now = Instant::now();
    let mut ways = trying(now);
    let at = |seconds| now + Duration::from_secs(seconds);
    ways.hear(Way::Udp(HOME(2)), at(30));
    ways.hear(Way::Udp(HOME(3)), at(60));
    assert_eq!(ways.strange_for(), Duration::from_secs(60));
    ways.hear(Way::Udp(HOME(1)), at(61));
    assert_eq!(ways.strange_for(), Duration::ZERO);
    ways.hear(Way::Udp(HOME(2)), at(62));
    ways.hear(Way::Udp(HOME(2)), at(200));
    assert_eq!(ways.strange_for(), Duration::ZERO, "two alone");
    ways.hear(Way::Udp(HOME(2)), at(210));
    assert_eq!(ways.strange_for(), Duration::from_secs(10));
    assert!(ways.handle_confirm(NONCES[1], at(211)));
    assert_eq!(ways.strange_for(), Duration::ZERO, "the old address answered its probe");
}

/// Whatever happens in whatever order: an address is believed only if its own probe was answered while the other was not, or
/// a handshake went by it where nothing else was to be protected; and strangers share one budget.
#[test]
fn nobody_is_believed_for_nothing() {
    let seed = u64::from(std::process::id());
    println!("seed {seed}");
    let mut state = seed;
    let mut draw = |below: u64| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) % below
    };
    let mut now = Instant::now();
    let mut ways = shaken(now);
    let mut serial = 0u128;
    // The address that is tried, its two nonces, and whether the first was answered.
    let mut trial: Option<(SocketAddr, [Nonce; 2], bool)> = None;
    let (mut spent, mut since, mut changes) = (0, now, 0);
    for step in 0..200_000 {
        let before = ways.confirmed();
        let mut by_handshake = None;
        match draw(12) {
            0..4 => {
                let from = if draw(20) == 0 { CHANNEL } else { Way::Udp(HOME(draw(4) as u8)) };
                by_handshake = ways.answered;
                if let Some(address) = ways.hear(from, now) {
                    serial += 2;
                    let nonces = [serial, serial + 1].map(|n| Nonce(n.to_be_bytes()));
                    ways.try_address(address, nonces, now);
                    trial = Some((address, nonces, false));
                }
                if from == CHANNEL {
                    assert_eq!(ways.confirmed(), Some(CHANNEL));
                }
            }
            4 => drop(ways.handle_confirm(Nonce([0; 16]), now)),
            5 => {
                if let Some((_, nonces, answered)) = &mut trial {
                    *answered |= ways.handle_confirm(nonces[0], now);
                }
            }
            6 => {
                if let Some((_, nonces, _)) = trial.filter(|_| draw(3) == 0)
                    && ways.handle_confirm(nonces[1], now)
                {
                    trial = None;
                }
            }
            7 => ways.handle_channel_came(now),
            8 => ways.handle_channel_went(),
            9 => ways.answer_went(Way::Udp(HOME(draw(4) as u8))),
            10 => {
                let is_answered = ways.candidate.as_ref().is_some_and(|candidate| candidate.answered_at.is_some());
                if ways.also(10_000).is_some() && !is_answered {
                    spent += 10_000;
                }
            }
            _ => {
                now += Duration::from_millis(draw(700));
                let _ = ways.handle_timeout(now);
            }
        }
        let after = ways.confirmed();
        if after != before {
            changes += 1;
            (spent, since) = (0, now);
            let is_proved = match after {
                Some(CHANNEL) => true,
                Some(Way::Udp(address)) => {
                    let by_probe = trial.is_some_and(|(tried, _, answered)| tried == address && answered);
                    by_probe || (by_handshake == after && before == Some(CHANNEL))
                }
                _ => false,
            };
            assert!(is_proved, "seed {seed}, step {step}: {before:?} became {after:?}");
            trial = None;
        }
        if now >= since + RENEWAL {
            (spent, since) = (0, now);
        }
        assert!(spent <= 2 * BUDGET, "seed {seed}, step {step}: {spent} bytes");
    }
    assert!(changes > 1000, "{changes}");
}
