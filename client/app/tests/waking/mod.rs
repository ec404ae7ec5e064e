//! An office computer that sleeps: the real program waits for it, or ends.

use nix::sys::signal::Signal;
use serde_json::{Value, json};

use super::{
    gateway::{Gateway, Manners},
    running::{Program, until},
};

#[test]
fn a_workstation_that_sleeps_is_waited_for_before_anything_is_started() {
    let gateway = Gateway::start(Manners { asleep: true, ..Manners::default() });
    let mut program = Program::connect(&gateway, &["--run", "bash -c 'echo started; exec sleep 60'"]);
    program.says("anagrafe-07 is asleep: your office is waking it up");
    gateway.hang_up();
    program.says("The line to the gateway is back");
    assert!(!program.said.iter().any(|line| line == "started"), "{:?}", program.said);
    for _ in 0..2 {
        gateway.tell(&json!({ "event": "workstation_ready" }));
    }
    program.says("anagrafe-07 is awake, after ");
    program.says("Your desktop is opening");
    program.says("started");
    program.signal(Signal::SIGINT);
    let (code, said) = program.end();
    assert_eq!((code, said.matches("is awake").count(), said.matches("started").count()), (0, 1, 1), "{said}");
    assert_eq!(gateway.closes(), ["worker_closed"]);
}

#[test]
fn a_workstation_that_does_not_wake_is_an_end_with_words_and_a_code_of_its_own() {
    let gateway = Gateway::start(Manners { asleep: true, ports: vec![], ..Manners::default() });
    let mut program = Program::connect(&gateway, &["--no-run", "--json", "--language", "it"]);
    let next = |program: &Program| serde_json::from_str::<Value>(&program.line()).unwrap();
    let waking = until("the waking", || Some(next(&program)).filter(|event| event["event"] == "waking"));
    assert_eq!(waking["workstation"], "anagrafe-07");
    assert!(waking["message"].as_str().unwrap().contains("lo sta svegliando"), "{waking}");
    gateway.tell(&json!({ "event": "closed", "reason": "not_woken" }));
    let ended = next(&program);
    assert_eq!((&ended["event"], &ended["reason"]), (&json!("ended"), &json!("not_woken")), "{ended}");
    let (code, said) = program.end();
    assert_eq!(code, 4, "{said}");
    assert!(said.contains("anagrafe-07 non si è svegliato") && said.contains("K7QM-2F9D"), "{said}");
    assert!(!said.contains("rifiuta"), "our own knocks are no news: {said}");
}

#[test]
fn who_stops_waiting_for_a_workstation_closes_the_session() {
    let gateway = Gateway::start(Manners { asleep: true, ..Manners::default() });
    let mut program = Program::connect(&gateway, &["--run", "bash -c 'echo started'"]);
    program.says("anagrafe-07 is asleep");
    program.signal(Signal::SIGINT);
    let (code, said) = program.end();
    assert_eq!(code, 0, "{said}");
    assert!(!said.contains("started"), "{said}");
    assert_eq!(gateway.closes(), ["worker_closed"]);
}
