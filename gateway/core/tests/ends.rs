//! Sessions end when they should, with warnings before, and not sooner: real WireGuard on both ends, time moved by hand.

mod world;

use std::time::Duration;

use gateway_api::{CloseReason, session::Limit};
use gateway_core::{Drop, Event, OpenError, Phase};
use policy::End;
use world::{Client, Flags, WORKSTATION, World, grant, sequence_of_reset, udp};

const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_secs(60);

fn warnings(world: &World) -> Vec<(Limit, u64)> {
    let warning = |event: &Event| match event {
        Event::Warning { limit, left, .. } => Some((*limit, left.as_secs())),
        Event::WarningLifted { .. }
        | Event::Closed { .. }
        | Event::Handshaken { .. }
        | Event::Traced { .. }
        | Event::Moved { .. } => None,
    };
    world.events.iter().filter_map(warning).collect()
}

#[test]
fn a_lost_channel_starts_the_grace_and_a_new_one_stops_it() {
    let mut world = World::new();
    let client = world.connect("m.rossi", 1);
    world.gateway.handle_channel(client.number, false, world.now);
    world.pass(20 * SECOND);
    world.gateway.handle_channel(client.number, true, world.now);
    world.pass(40 * SECOND);
    assert_eq!(world.gateway.sessions(world.now)[0].phase, Phase::Attached);
    world.gateway.handle_channel(client.number, false, world.now);
    world.pass(29 * SECOND);
    assert_eq!(world.closed(), []);
    world.pass(SECOND);
    assert_eq!(world.closed(), [CloseReason::ClientLost]);
}

#[test]
fn a_session_whose_channel_never_comes_ends_after_the_grace() {
    let mut world = World::new();
    let client = Client::new(1);
    world.open("m.rossi", &client, grant()).unwrap();
    world.gateway.admit_session(client.number, world.now);
    world.pass(30 * SECOND);
    assert_eq!(world.closed(), [CloseReason::ClientLost]);
}

#[test]
fn nobody_there_is_warned_twice_and_then_ended() {
    let mut world = World::new();
    world.connect("m.rossi", 1);
    world.pass(10 * MINUTE - SECOND);
    assert_eq!(warnings(&world), [(Limit::Idle, 120), (Limit::Idle, 30)]);
    assert_eq!(world.closed(), []);
    world.pass(SECOND);
    assert_eq!(world.closed(), [CloseReason::Idle]);
}

#[test]
fn an_idle_rule_on_trial_warns_and_ends_nobody_and_is_counted_for_the_office() {
    let mut world = World::new();
    let mut trial = grant();
    trial.idle_rule.dry_run = true;
    world.connect_with("m.rossi", 1, trial.clone());
    world.connect_with("g.verdi", 2, trial);
    world.connect("n.bianchi", 3);
    world.pass(10 * MINUTE - SECOND);
    assert_eq!(world.gateway.counters().idle.would_have_ended, 0);
    world.pass(50 * MINUTE);
    assert_eq!(world.gateway.counters().idle.would_have_ended, 2, "once for each time that nobody was there");
    assert_eq!(
        (warnings(&world).len(), world.closed()),
        (2, vec![CloseReason::Idle]),
        "of the one that is on no trial"
    );
}

#[test]
fn a_short_idle_limit_warns_of_nothing_that_is_longer_than_itself() {
    let mut world = World::new();
    let mut short = grant();
    short.idle = 20 * SECOND;
    world.connect_with("m.rossi", 1, short);
    world.pass(MINUTE);
    assert_eq!((warnings(&world).len(), world.closed()), (0, vec![CloseReason::Idle]));
}

#[test]
fn a_grant_ends_when_it_says_after_its_warnings() {
    let mut world = World::new();
    let mut hour = grant();
    hour.idle = 24 * 60 * MINUTE;
    hour.ends_at = world.now.wall + 60 * MINUTE;
    hour.ends_by = End::Longest;
    world.connect_with("m.rossi", 1, hour);
    world.pass(60 * MINUTE - SECOND);
    let longest = Limit::LongestSession;
    assert_eq!(warnings(&world), [(longest, 900), (longest, 300), (longest, 60)]);
    assert_eq!(world.closed(), []);
    world.pass(SECOND);
    assert_eq!(world.closed(), [CloseReason::LongestSession]);
}

#[test]
fn a_wall_clock_set_forward_ends_what_is_over_within_half_a_minute() {
    let mut world = World::new();
    world.connect("m.rossi", 1);
    world.now.wall += 9 * 60 * MINUTE;
    world.pass(30 * SECOND);
    assert_eq!(world.closed(), [CloseReason::AgreementEnded]);
}

#[test]
fn a_wall_clock_set_back_extends_by_no_more_than_that() {
    let mut world = World::new();
    let mut hour = grant();
    hour.idle = 24 * 60 * MINUTE;
    hour.ends_at = world.now.wall + 60 * MINUTE;
    world.connect_with("m.rossi", 1, hour);
    world.now.wall -= 10 * MINUTE;
    world.pass(69 * MINUTE);
    assert_eq!(world.closed(), []);
    world.pass(MINUTE);
    assert_eq!(world.closed(), [CloseReason::AgreementEnded]);
}

#[test]
fn a_grant_that_is_over_opens_nothing() {
    let mut world = World::new();
    let mut over = grant();
    over.ends_at = world.now.wall;
    assert_eq!(world.open("m.rossi", &Client::new(1), over), Err(OpenError::GrantOver));
}

#[test]
fn a_changed_grant_holds_from_now_on_and_ends_what_it_withdraws() {
    let mut world = World::new();
    let mut client = world.connect("m.rossi", 1);
    client.open_flow(&mut world);
    client.send(&mut world, &udp(client.address, 40000, WORKSTATION, 3390, b"ping"));
    world.take_office();
    let mut tighter = grant();
    tighter.services[0].tcp = vec![22];
    tighter.ends_at = world.now.wall + 10 * MINUTE;
    tighter.idle = 60 * MINUTE;
    assert!(world.gateway.change_grant(client.number, tighter, world.now));
    let resets = world.take_office();
    let (home, desk) = (client.address, client.workstation());
    let numbers: Vec<_> = resets.iter().map(|packet| sequence_of_reset(packet, home, desk)).collect();
    assert_eq!(numbers, [1000]);
    assert_eq!(client.take(&mut world).len(), 1);
    world.office_sends(&client.tcp_back(Flags::Push, 5000, b"late"));
    client.send(&mut world, &client.tcp(Flags::Push, 1000, b"late"));
    assert_eq!((world.dropped(Drop::NotAnAnswer), world.dropped(Drop::OtherPort)), (1, 1));
    // What stayed granted goes on undisturbed, and the new end holds.
    world.office_sends(&udp(WORKSTATION, 3390, client.address, 40000, b"pong"));
    assert_eq!(client.take(&mut world).len(), 1);
    world.pass(10 * MINUTE);
    assert_eq!(warnings(&world), [(Limit::AgreementEnded, 300), (Limit::AgreementEnded, 60)]);
    assert_eq!(world.closed(), [CloseReason::AgreementEnded]);
}
