//! Promise 11, nobody at a workstation without consent: a technician reaches it after the worker's yes, for a set time, until one
//! word of the worker, and reaches nothing else; before, and after anything but a yes, nothing at all.

use std::{
    fs,
    thread::{self, ScopedJoinHandle},
    time::{Duration, Instant},
};

use e2e::{
    api::{self, Answer},
    client::{Connect, exit, own_record},
    echo::{Echo, greeting},
    factor::{self, Enrolled},
    gateway::{Gateway, Setup, password},
    packets,
    session_channel::SessionChannel,
    wait,
    wireguard::{Config, PrivateKey, Tunnel},
    world::{OTHER_WORKSTATION, WORKSTATION, World},
};
use gateway_api::{
    CloseReason,
    login::{Assist, RefusalCode, Session},
    session::{Event, Request},
};

use crate::{LOOPBACK, fence::open_ways};

const REASON: &str = "the printer, once more";
const VNC: u16 = 5900;
/// Longer than a worker has to answer, in seconds.
const PATIENCE_S: u32 = 100;
/// How long an end by the worker's word may take: 1 s is promised; the rest is room for debug builds beside other tests.
const AT_ONCE: Duration = Duration::from_secs(3);

/// An office with a technician who has a second factor, and its recovery codes.
fn office(world: &World) -> (Gateway<'_>, Enrolled) {
    let mut setup = Setup::default().profile("grace", "\"10m\"");
    setup.directory += "\nrecheck = \"1s\"";
    let files = setup.write(world);
    let policy = setup.policy().replace("[services.rdp]", "[services.vnc]\ntcp = [5900]\n\n[services.rdp]");
    let more = "\n[roles]\ntechnicians = \"tecnici\"\n\n[assistance]\nservices = \"vnc\"\nlongest = \"30m\"\n";
    files.set_policy(&(policy + more));
    for user in ["m.rossi", "g.verdi"] {
        files.add_person(world, user);
    }
    let add = ["directory", "add", "t.neri", "--group", "tecnici", "--password-stdin"];
    assert!(files.command(world, &add, &password("t.neri")).status.success());
    let gateway = Gateway::start(world, files);
    let code = gateway.hands_over("enrol", "t.neri");
    let enrolled = factor::enrol(world, &world.other_home, "t.neri", &password("t.neri"), &code);
    (gateway, enrolled)
}

/// m.rossi at work, with a channel.
fn at_work(world: &World) -> (Session, SessionChannel) {
    let (session, _) = api::session(world, &world.home, "m.rossi");
    let channel = SessionChannel::attach(&world.home, &session.token).expect("a channel");
    (session, channel)
}

fn request(minutes: u16) -> Assist {
    Assist { worker: "M.Rossi".to_owned(), reason: REASON.to_owned(), minutes: Some(minutes) }
}

type Asking<'s> = ScopedJoinHandle<'s, (Answer, PrivateKey)>;

/// t.neri asks m.rossi by a recovery code; what comes of it.
fn asked<T>(
    world: &World,
    code: &str,
    minutes: u16,
    channel: &mut SessionChannel,
    then: impl FnOnce(&mut SessionChannel, u32, &Asking<'_>) -> T,
) -> (Answer, PrivateKey, T) {
    thread::scope(|scope| {
        let asking =
            scope.spawn(|| api::assist(world, &world.other_home, ("t.neri", code), request(minutes), PATIENCE_S));
        let asked = channel.wait_for("the question", |event| matches!(event, Event::AssistanceAsked { .. }));
        let Event::AssistanceAsked { question, technician, reason, seconds, answer_s } = asked else {
            unreachable!("waited for")
        };
        assert_eq!((technician.as_str(), reason.as_str(), answer_s), ("t.neri", REASON, 60));
        assert_eq!(seconds, u32::from(minutes) * 60);
        let came = then(channel, question, &asking);
        let (answer, key) = asking.join().expect("curl");
        (answer, key, came)
    })
}

/// m.rossi says yes.
fn assisted(world: &World, code: &str, minutes: u16, channel: &mut SessionChannel) -> (Session, Config) {
    let (answer, key, ()) = asked(world, code, minutes, channel, |channel, question, _| {
        channel.say(Request::AnswerAssistance { question, consent: true });
    });
    let session: Session =
        serde_json::from_str(&answer.body).unwrap_or_else(|e| panic!("t.neri was refused ({e}): {answer:?}"));
    let begun = channel.wait_for("that it began", |event| matches!(event, Event::AssistanceBegun { .. }));
    let Event::AssistanceBegun { technician, seconds } = begun else { unreachable!("waited for") };
    assert_eq!(technician, "t.neri");
    assert!(seconds <= u32::from(minutes) * 60 && seconds + 30 > u32::from(minutes) * 60, "{seconds}");
    let config = Config::of(&session, &key);
    (session, config)
}

fn answers(tunnel: &mut Tunnel, config: &Config, from_port: u16) -> bool {
    tunnel.send(&packets::syn_from(config.address, from_port, WORKSTATION, VNC));
    tunnel.receive(wait::SOON).is_some_and(|answer| answer[33] == 0x12)
}

fn kinds(gateway: &Gateway<'_>, number: &str) -> Vec<String> {
    gateway.acts(number).into_iter().map(|(kind, _)| kind).collect()
}

#[test]
fn both_programs_show_it_from_the_question_to_its_end() {
    let world = World::new();
    let _desk = crate::desk(&world);
    let _vnc = Echo::start(&world.workstation, "vnc", (WORKSTATION, VNC));
    let (gateway, technician) = office(&world);
    let (mut worker, mut keyboard) = Connect::new(&gateway, "m.rossi").start_at_terminal(&world);
    worker.port();
    gateway.held_session();
    let assist = Connect::new(&gateway, "t.neri").assist("m.rossi", REASON);

    let mut refused = assist.clone().code(&technician.recovery[0]).start(&world.other_home);
    worker
        .wait_for_words("t.neri, a technician of your office, asks to reach your office computer for up to 30 minutes");
    worker.wait_for_words(REASON);
    keyboard.type_line("no");
    assert_eq!(refused.wait(wait::SOON).code(), exit::REFUSED, "{}", refused.said());
    assert_eq!(gateway.sessions().len(), 1);

    let mut assisting = assist.code(&technician.recovery[1]).start(&world.other_home);
    wait::until("the question", wait::SOON, || (worker.said().matches("Do you agree?").count() == 2).then_some(()));
    keyboard.agree(|| worker.said().contains("*** t.neri reaches your office computer, until "));
    let port = assisting.port();
    assert_eq!(greeting(&world.other_home, LOOPBACK, port).as_deref(), Some("vnc"), "{}", assisting.said());
    keyboard.type_line("");
    worker.wait_for_words("*** The assistance is over");
    assert_eq!(assisting.wait(AT_ONCE).code(), exit::ENDED, "{}", assisting.said());
    assert!(assisting.said().contains("The assistance is over: the worker ended it"), "{}", assisting.said());
    assert_eq!(gateway.sessions().len(), 1, "the worker goes on");
}

#[test]
fn after_a_yes_one_service_of_one_workstation_is_reached_until_the_worker_ends_it() {
    let world = World::new();
    let _vnc = Echo::start(&world.workstation, "vnc", (WORKSTATION, VNC));
    let (gateway, technician) = office(&world);
    let (worker, mut channel) = at_work(&world);
    let number = worker.number.to_string();
    let (answer, key, ()) = asked(&world, &technician.recovery[0], 15, &mut channel, |channel, question, asking| {
        assert_eq!((gateway.sessions().len(), open_ways(&world)), (1, 1), "nothing before the answer");
        assert!(!asking.is_finished());
        channel.say(Request::AnswerAssistance { question, consent: true });
    });
    let session: Session = serde_json::from_str(&answer.body).unwrap_or_else(|e| panic!("{e}: {answer:?}"));
    let config = Config::of(&session, &key);
    channel.wait_for("that it began", |event| matches!(event, Event::AssistanceBegun { .. }));
    assert_eq!((session.workstation.name.as_str(), session.workstation.address), ("anagrafe-07", WORKSTATION));
    let services: Vec<&[u16]> = session.workstation.services.iter().map(|service| &*service.tcp).collect();
    assert_eq!(services, [[VNC]]);

    let mut tunnel = Tunnel::open(&world.other_home, &config, wait::SOON).expect("a session");
    assert!(answers(&mut tunnel, &config, 50_000), "{}", gateway.log());
    let theirs = session.number.to_string();
    for (address, port, reason) in [(WORKSTATION, 3389, "other_port"), (OTHER_WORKSTATION, VNC, "other_host")] {
        tunnel.send(&packets::syn(config.address, address, port));
        wait::until(reason, wait::SOON, || (gateway.drops(&theirs, reason) == 1).then_some(()));
    }
    let listed = gateway.sessions();
    let assists: Vec<_> = listed.iter().filter_map(|session| session["assists"].as_str()).collect();
    assert_eq!((listed.len(), assists, open_ways(&world)), (2, vec![number.as_str()], 2));

    let began = Instant::now();
    channel.say(Request::EndAssistance);
    channel.wait_for("its end", |event| *event == Event::AssistanceEnded);
    wait::until("the fence to be shut", wait::SOON, || (open_ways(&world) == 1).then_some(()));
    let took = began.elapsed();
    assert!(took < AT_ONCE, "it took {took:?}");
    assert_eq!(gateway.close_reason(&theirs, wait::SOON), "assistance_ended");
    assert_eq!(gateway.only_session(), number, "the worker goes on");
    assert_eq!(kinds(&gateway, &number), ["assistance_asked", "assistance_consented", "assistance_ended"]);
    let (_, [record, _]) = own_record(&world.home, &gateway, "m.rossi", &password("m.rossi"));
    assert!(record.lines().any(|line| line.contains("session_assisted") && line.contains(&number)), "{record}");
    assert!(!record.contains("assistance_"), "{record}");
    gateway.command(&["log", "verify"]);
}

#[test]
fn nothing_opens_without_a_yes() {
    let world = World::new();
    let (gateway, technician) = office(&world);
    let refused = |code: &str, worker: &str| {
        let assist = Assist { worker: worker.to_owned(), ..request(15) };
        api::assist(&world, &world.other_home, ("t.neri", code), assist, PATIENCE_S).0.refusal()
    };
    assert_eq!(refused(&technician.recovery[0], "m.rossi").code, RefusalCode::AssistanceNotPossible, "nobody there");
    let (worker, mut channel) = at_work(&world);
    let number = worker.number.to_string();
    assert_eq!(refused("", "m.rossi").code, RefusalCode::WrongCredentials, "no second factor");
    let (by_verdi, _) = api::assist(&world, &world.other_home, ("g.verdi", ""), request(15), PATIENCE_S);
    assert_eq!(by_verdi.refusal().code, RefusalCode::WrongCredentials, "no technician, no second factor");
    assert_eq!(channel.event(Duration::from_secs(1)), None, "nobody was asked");

    let (answer, ..) = asked(&world, &technician.recovery[1], 15, &mut channel, |channel, question, _| {
        channel.say(Request::AnswerAssistance { question: question + 1, consent: true });
        channel.say(Request::AnswerAssistance { question, consent: false });
    });
    assert_eq!((answer.status, answer.refusal().code), (403, RefusalCode::AssistanceRefused));
    channel.wait_for("that it is over", |event| *event == Event::AssistanceEnded);
    let (answer, _, waited) = asked(&world, &technician.recovery[2], 15, &mut channel, |channel, _, asking| {
        let began = Instant::now();
        // Answers pings meanwhile.
        while !asking.is_finished() && channel.event(Duration::from_millis(500)).is_none() {}
        began.elapsed()
    });
    assert_eq!(answer.refusal().code, RefusalCode::AssistanceRefused);
    assert!(waited > Duration::from_secs(50), "a minute to answer, not {waited:?}");
    assert_eq!(kinds(&gateway, &number), ["assistance_asked", "assistance_refused"].repeat(2));
    let whys: Vec<_> =
        gateway.acts(&number).into_iter().filter_map(|(_, fields)| fields["why"].as_str().map(str::to_owned)).collect();
    assert_eq!(whys, ["no", "no_answer"]);
    assert_eq!((gateway.only_session(), open_ways(&world)), (number, 1));
}

#[test]
fn a_question_is_taken_back_when_whoever_asks_hangs_up() {
    let world = World::new();
    let (gateway, technician) = office(&world);
    let (worker, mut channel) = at_work(&world);
    let code = ("t.neri", technician.recovery[0].as_str());
    let (answer, _) = api::assist(&world, &world.other_home, code, request(15), 8);
    assert_eq!(answer.status, 0, "it gave up");
    let asked = channel.wait_for("the question", |event| matches!(event, Event::AssistanceAsked { .. }));
    channel.wait_for("that it is taken back", |event| *event == Event::AssistanceEnded);
    // Too late to say yes.
    let Event::AssistanceAsked { question, .. } = asked else { unreachable!("waited for") };
    channel.say(Request::AnswerAssistance { question, consent: true });
    let number = worker.number.to_string();
    wait::until("its record", wait::SOON, || {
        let last = gateway.acts(&number).pop()?;
        (last.0 == "assistance_refused" && last.1["why"] == "taken_back").then_some(())
    });
    assert_eq!(gateway.only_session(), number);
}

#[test]
fn who_has_no_role_asks_nobody() {
    let world = World::new();
    let (gateway, _) = office(&world);
    let (_, mut channel) = at_work(&world);
    let code = gateway.hands_over("enrol", "g.verdi");
    let worker = factor::enrol(&world, &world.other_home, "g.verdi", &password("g.verdi"), &code);
    let (answer, _) = api::assist(&world, &world.other_home, ("g.verdi", &worker.recovery[0]), request(15), PATIENCE_S);
    assert_eq!(answer.refusal().code, RefusalCode::AssistanceNotPossible);
    assert_eq!(channel.event(Duration::from_secs(1)), None);
    assert_eq!(gateway.sessions().len(), 1);
}

#[test]
fn assistance_outlives_the_gateway_and_never_the_workers_session() {
    let world = World::new();
    let _vnc = Echo::start(&world.workstation, "vnc", (WORKSTATION, VNC));
    let (mut gateway, technician) = office(&world);
    let (worker, mut channel) = at_work(&world);
    let (session, config) = assisted(&world, &technician.recovery[0], 15, &mut channel);
    let mut tunnel = Tunnel::open(&world.other_home, &config, wait::SOON).expect("a session");
    assert!(answers(&mut tunnel, &config, 50_000));
    gateway.kill();
    gateway.start_again();
    assert_eq!((gateway.sessions().len(), open_ways(&world)), (2, 2));
    let mut channel = SessionChannel::attach(&world.home, &worker.token).expect("a channel again");
    channel.wait_for("that it goes on", |event| matches!(event, Event::AssistanceBegun { .. }));
    let mut tunnel = Tunnel::open(&world.other_home, &config, wait::SOON).expect("the session goes on");
    assert!(answers(&mut tunnel, &config, 50_001));

    let mut theirs = SessionChannel::attach(&world.other_home, &session.token).expect("the technician's channel");
    gateway.command(&["session", "close", &worker.number.to_string()]);
    theirs.wait_for("its end", |event| *event == Event::Closed { reason: CloseReason::AssistanceEnded });
    gateway.wait_empty(wait::SOON);
    assert_eq!(open_ways(&world), 0);
    assert_eq!(gateway.close_reason(&session.number.to_string(), wait::SOON), "assistance_ended");
    gateway.assert_nothing_left();
}

#[test]
fn nobody_is_assisted_for_long_who_cannot_see_it() {
    let world = World::new();
    let (gateway, technician) = office(&world);
    let (worker, mut channel) = at_work(&world);
    let (session, _) = assisted(&world, &technician.recovery[0], 15, &mut channel);
    drop(channel);
    wait::until("the end", Duration::from_secs(40), || (gateway.sessions().len() == 1).then_some(()));
    assert_eq!(gateway.close_reason(&session.number.to_string(), wait::SOON), "assistance_ended");
    assert_eq!(gateway.only_session(), worker.number.to_string(), "whose own grace is longer");
}

#[test]
fn assistance_ends_when_its_minutes_are_over() {
    let world = World::new();
    let (gateway, technician) = office(&world);
    let (worker, mut channel) = at_work(&world);
    let began = Instant::now();
    let (session, _) = assisted(&world, &technician.recovery[0], 1, &mut channel);
    let end = wait::until("the end of the minute", Duration::from_secs(100), || channel.event(Duration::from_secs(5)));
    assert_eq!(end, Event::AssistanceEnded);
    assert!(began.elapsed() >= Duration::from_secs(59), "{:?}", began.elapsed());
    assert_eq!(gateway.close_reason(&session.number.to_string(), wait::SOON), "longest_session");
    assert_eq!(gateway.only_session(), worker.number.to_string());
}

#[test]
fn a_technician_who_loses_the_role_or_the_account_is_out() {
    let world = World::new();
    let (gateway, technician) = office(&world);
    let (worker, mut channel) = at_work(&world);
    let (first, _) = assisted(&world, &technician.recovery[0], 15, &mut channel);
    let with = fs::read_to_string(gateway.files().policy_folder().join("office.toml")).expect("written at the start");
    gateway.files().set_policy(&with.replace("\"tecnici\"", "\"altri\""));
    gateway.command(&["policy", "apply", "--yes"]);
    assert_eq!(gateway.close_reason(&first.number.to_string(), wait::SOON), "policy_withdrawn");
    channel.wait_for("its end", |event| *event == Event::AssistanceEnded);

    gateway.files().set_policy(&with);
    gateway.command(&["policy", "apply", "--yes"]);
    let (second, _) = assisted(&world, &technician.recovery[1], 15, &mut channel);
    let people = fs::read_to_string(gateway.files().folder().join("people.toml")).expect("the embedded directory");
    let disabled = people.replace("groups = [\"tecnici\"]", "groups = [\"tecnici\"]\ndisabled = true");
    assert_ne!(disabled, people);
    gateway.files().write_secret("people.toml", &disabled);
    assert_eq!(gateway.close_reason(&second.number.to_string(), wait::SOON), "leaver");
    assert_eq!(gateway.only_session(), worker.number.to_string(), "the worker goes on");
}
