//! Strangers at the control API: garbage, wrong passwords, and connections that ask nothing.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use e2e::{api, cost::resident, gateway::password, wireguard::PrivateKey};
use rustls::ClientConfig;

use crate::{
    STEADY, STRANGERS, Scene, THREADS,
    caller::{Caller, address},
    copy, elsewhere, pid,
};

const REQUESTS_A_SECOND: u64 = 10_000;
const CONNECTIONS_A_SECOND: u64 = 300;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Flood {
    Garbage,
    WrongPasswords,
    Connections,
}

/// Three floods, one after the other.
pub(crate) fn uninvited(scene: &Scene<'_>, span: Duration) {
    let quiet = copy(&scene.world.home, scene.door, Some(STEADY), Duration::from_secs(3));
    println!("a session's copy, quiet: {:.1} MB/s of {:.0}", quiet / 1e6, STEADY as f64 / 1e6);
    for kind in [Flood::Garbage, Flood::WrongPasswords, Flood::Connections] {
        flood(scene, kind, span, quiet);
    }
}

fn flood(Scene { world, gateway, door, tls, .. }: &Scene<'_>, flood: Flood, span: Duration, quiet: f64) {
    let (over, count) = (AtomicBool::new(false), AtomicU64::new(0));
    let before = resident(pid(gateway));
    let (carried, login) = std::thread::scope(|scope| {
        for thread in 0..THREADS {
            let (over, count) = (&over, &count);
            scope.spawn(move || {
                elsewhere();
                world.home.inside(|| strangers(flood, thread, tls, over, count));
            });
        }
        let login = scope.spawn(|| {
            std::thread::sleep(span / 2);
            let body = api::login_body("g.verdi", &password("g.verdi"), None, PrivateKey::random().public());
            world.home.inside(|| {
                let begun = Instant::now();
                let status = Caller::connect(address(3, flood as u16), tls).and_then(|mut caller| caller.post(&body));
                (status.map_or(0, |answer| answer.0), begun.elapsed())
            })
        });
        let carried = copy(&world.home, *door, Some(STEADY), span);
        over.store(true, Ordering::Relaxed);
        (carried, login.join().expect("the worker"))
    });
    let done = count.load(Ordering::Relaxed) as f64 / span.as_secs_f64();
    println!(
        "{flood:?}: {done:.0} a second; a session's copy at {:.1} MB/s ({:.0} % of quiet); a worker's login: status {} after {:.0} ms; \
         the gateway's memory {:.1} -> {:.1} MB",
        carried / 1e6,
        carried / quiet * 100.0,
        login.0,
        login.1.as_secs_f64() * 1e3,
        before,
        resident(pid(gateway))
    );
}

/// One thread's share of a flood: its addresses in turn, as fast as the whole flood is meant to be, or as it is answered.
fn strangers(flood: Flood, thread: u16, tls: &Arc<ClientConfig>, over: &AtomicBool, count: &AtomicU64) {
    let mine: Vec<u16> = (0..STRANGERS).filter(|nth| nth % THREADS == thread).collect();
    let mut callers: Vec<Option<Caller>> = mine.iter().map(|_| None).collect();
    let rate = if flood == Flood::Connections { CONNECTIONS_A_SECOND } else { REQUESTS_A_SECOND };
    let pause = Duration::from_secs(1) / u32::try_from(rate).expect("a small number") * u32::from(THREADS);
    let begun = Instant::now();
    for (sent, turn) in (0..).zip((0..mine.len()).cycle()) {
        if over.load(Ordering::Relaxed) {
            return;
        }
        if let Some(early) = (pause * sent).checked_sub(begun.elapsed()) {
            std::thread::sleep(early);
        }
        let from = address(1, flood as u16 * STRANGERS + mine[turn]);
        if flood == Flood::Connections {
            if Caller::connect(from, tls).is_ok() {
                count.fetch_add(1, Ordering::Relaxed);
            }
            continue;
        }
        if callers[turn].is_none() {
            callers[turn] = Caller::connect(from, tls).ok();
        }
        let Some(caller) = &mut callers[turn] else { continue };
        let answer = match flood {
            Flood::WrongPasswords => {
                let nobody = format!("nobody{turn}");
                caller.post(&api::login_body(&nobody, "wrong", None, PrivateKey::random().public()))
            }
            Flood::Garbage | Flood::Connections => caller.post(b"{\"user\": [1, 2, 3"),
        };
        match answer {
            Ok(_) => {
                count.fetch_add(1, Ordering::Relaxed);
            }
            Err(_) => callers[turn] = None,
        }
    }
}
