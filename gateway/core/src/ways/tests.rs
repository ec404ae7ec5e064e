use gateway_api::SessionNumber;

use super::*;

const HOME: fn(u8) -> SocketAddr = |last| SocketAddr::from(([203, 0, 113, last], 40000));
const CHANNEL: Way = Way::Channel(SessionNumber::new(1));
const NONCES: [Nonce; 2] = [Nonce([1; 16]), Nonce([2; 16])];
const OTHERS: [Nonce; 2] = [Nonce([3; 16]), Nonce([4; 16])];
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
    let probes: Vec<_> = ways.probes().collect();
    assert_eq!(probes, [(Way::Udp(HOME(2)), NONCES[0]), (Way::Udp(HOME(1)), NONCES[1])]);
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
    assert!(!ways.handle_confirm(OTHERS[0], now));
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
    assert_eq!(ways.probes().count(), 2);
    ways.hear(Way::Udp(HOME(3)), now);
    ways.try_address(HOME(3), OTHERS, now);
    ways.handle_initiation(Way::Udp(HOME(3)));
    let probes: Vec<_> = ways.probes().collect();
    assert_eq!(probes, [(Way::Udp(HOME(3)), OTHERS[0]), (Way::Udp(HOME(1)), OTHERS[1])]);
}

/// The same as [`trying`], and the third address as well.
fn trying_two(now: Instant) -> Ways {
    let mut ways = trying(now);
    assert_eq!(ways.hear(Way::Udp(HOME(3)), now), Some(HOME(3)));
    ways.try_address(HOME(3), OTHERS, now);
    assert_eq!((ways.next(), ways.handle_timeout(now)), (Some(now), Due::Probe));
    ways
}

#[test]
fn a_second_address_gets_probes_alone_until_it_answers_and_then_the_first_ones_place() {
    let now = Instant::now();
    let mut ways = trying_two(now);
    assert_eq!(ways.also(100), Some(Way::Udp(HOME(2))));
    assert!(ways.handle_confirm(OTHERS[0], now));
    assert_eq!(ways.also(BUDGET + 1), Some(Way::Udp(HOME(3))));
    assert!(ways.handle_confirm(NONCES[0], now + MILLISECOND), "too late");
    assert_eq!(settle(&mut ways, now), (Due::Confirmed, now + SETTLE_TIME));
    assert_eq!((ways.confirmed(), ways.next()), (Some(Way::Udp(HOME(3))), None));
}

#[test]
fn nobody_pushes_a_first_address_out_and_a_second_only_after_a_while() {
    let now = Instant::now();
    let mut ways = trying_two(now);
    assert_eq!(ways.hear(Way::Udp(HOME(4)), now + SECOND_TIME - MILLISECOND), None);
    assert_eq!(ways.hear(Way::Udp(HOME(3)), now + SECOND_TIME), None, "it is being tried");
    assert_eq!(ways.hear(Way::Udp(HOME(2)), now + SECOND_TIME), None);
    assert_eq!(ways.hear(Way::Udp(HOME(4)), now + SECOND_TIME), Some(HOME(4)));
    ways.try_address(HOME(4), [Nonce([5; 16]), Nonce([6; 16])], now + SECOND_TIME);
    assert!(!ways.handle_confirm(OTHERS[0], now + SECOND_TIME));
    assert!(ways.handle_confirm(NONCES[0], now + SECOND_TIME));
    assert_eq!(ways.also(BUDGET + 1), Some(Way::Udp(HOME(2))));
}

#[test]
fn a_second_address_is_the_first_when_that_one_never_answers_and_nobody_when_the_old_one_does() {
    let now = Instant::now();
    let mut ways = trying_two(now);
    assert_eq!(settle(&mut ways, now), (Due::Unanswered, now + CONFIRM_TIME));
    assert_eq!(ways.also(100), Some(Way::Udp(HOME(3))));
    for confirmed_nonce in [NONCES[1], OTHERS[1]] {
        let mut ways = trying_two(now);
        assert!(ways.handle_confirm(confirmed_nonce, now));
        assert_eq!((ways.next(), ways.also(100), ways.probes().count()), (None, None, 0));
    }
}

#[test]
fn all_that_are_tried_share_one_budget() {
    let mut now = Instant::now();
    let mut ways = trying(now);
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
    assert_eq!(ways.probes().count(), 1, "a channel always answers");
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
    // The addresses that were tried since the last one was believed, their nonces, and whether the first was answered.
    let mut trials: Vec<(SocketAddr, [Nonce; 2], bool)> = Vec::new();
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
                    trials.push((address, nonces, false));
                }
                if from == CHANNEL {
                    assert_eq!(ways.confirmed(), Some(CHANNEL));
                }
            }
            4 => drop(ways.handle_confirm(Nonce([0; 16]), now)),
            5 => {
                // The newest, or the one before.
                let which = trials.len().checked_sub(1 + draw(2) as usize);
                if let Some((_, nonces, answered)) = which.and_then(|which| trials.get_mut(which)) {
                    *answered |= ways.handle_confirm(nonces[0], now);
                }
            }
            6 => {
                if let Some((_, nonces, _)) = trials.last().filter(|_| draw(3) == 0)
                    && ways.handle_confirm(nonces[1], now)
                {
                    trials.clear();
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
                    let by_probe = trials.iter().any(|(tried, _, answered)| *tried == address && *answered);
                    by_probe || (by_handshake == after && before == Some(CHANNEL))
                }
                _ => false,
            };
            assert!(is_proved, "seed {seed}, step {step}: {before:?} became {after:?}");
            trials.clear();
        }
        if now >= since + RENEWAL {
            (spent, since) = (0, now);
        }
        assert!(spent <= 2 * BUDGET, "seed {seed}, step {step}: {spent} bytes");
    }
    assert!(changes > 1000, "{changes}");
}
