//! Ten thousand workers: who signs in and stays, what each takes of the gateway's memory, how long an administrator waits for the
//! list of them, and how long they are away when the gateway is restarted.

use std::{
    sync::{
        Mutex,
        atomic::{AtomicBool, AtomicU16, AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use e2e::{
    api,
    cost::{processor, resident},
    gateway::{Gateway, password},
    session_channel::SessionChannel,
    tls, wait,
    wireguard::{Config, PrivateKey},
    world::World,
};
use gateway_api::{Token, login::Session};

use crate::{
    Scene, Times, WORKERS,
    caller::{Caller, address},
    echo, elsewhere,
    homes::Homes,
    lost_by_sockets, own_processor,
    people::{people, worker},
    pid,
};

/// How often the list is asked for.
const LISTS: u32 = 20;
/// How many sign in, or attach their channels, at a time.
const AT_A_TIME: usize = 16;
/// How long the channels may take.
const ATTACHING: Duration = Duration::from_secs(300);
/// How often each thread looks at its channels for pings: the gateway hangs up after 45 s.
const PONG: Duration = Duration::from_secs(5);

/// What they have at home.
pub(crate) struct Crowd {
    configs: Vec<Config>,
    homes: Homes,
}

/// Everybody signs in, some at a time, opens a tunnel and a session channel, and somebody asks who is there.
pub(crate) fn comes(scene: &Scene<'_>, sessions: u16) -> Crowd {
    let Scene { world, gateway, directory, .. } = scene;
    for first in (WORKERS..sessions).step_by(usize::from(WORKERS)) {
        let last = sessions.min(first + WORKERS);
        let names: Vec<_> = (first..last).map(worker).collect();
        directory.modify(world, &people(&format!("from-{first}"), &names));
    }
    let (before, already) = (resident(pid(gateway)), gateway.sessions().len());
    let begun = Instant::now();
    let (tokens, configs): (Vec<_>, Vec<_>) = signed_in(scene, sessions).into_iter().unzip();
    println!("{sessions} workers are in: {:.0} logins a second", f64::from(sessions) / begun.elapsed().as_secs_f64());
    let signed_in = resident(pid(gateway));
    let new = gateway.sessions().len() - already;
    told("signed in", before, signed_in, new);
    listed(scene, sessions);
    // The list took memory too, and gave it back or not.
    let listed = resident(pid(gateway));
    let mut crowd = Crowd { configs, homes: Homes::new(&world.home) };
    crowd.homes.make_ready(&crowd.configs);
    crowd.shakes_hands(world, gateway);
    let connected = resident(pid(gateway));
    told("with its tunnel", listed, connected, tokens.len());
    told("all in", before, connected, new);
    attached(scene, &tokens);
    crowd
}

/// The gateway is restarted in order, and everybody calls it at once from when its port is open; it answers nobody before all its
/// sessions are taken up again.
pub(crate) fn comes_back(world: &World, gateway: &mut Gateway<'_>, crowd: &mut Crowd) {
    let begun = Instant::now();
    assert_eq!(gateway.stop(), Some(0), "{}", gateway.log());
    println!("restart: {:.1?} to stop", begun.elapsed());
    crowd.homes.make_ready(&crowd.configs);
    gateway.start_again();
    let (before, begun) = (resident(pid(gateway)), Instant::now());
    let answers = || {
        let connect = || Caller::connect(address(3, u16::MAX), &tls::client()).ok();
        wait::until("the gateway's answer", 10 * wait::SOON, || world.home.inside(connect));
        begun.elapsed()
    };
    let answers = std::thread::scope(|scope| {
        let answers = scope.spawn(answers);
        crowd.shakes_hands(world, gateway);
        answers.join().expect("the first of them")
    });
    println!("restart: {answers:.1?} until somebody is answered by TLS");
    told("with its tunnel again", before, resident(pid(gateway)), crowd.configs.len());
}

/// Token and tunnel of each.
fn signed_in(Scene { world, tls, .. }: &Scene<'_>, sessions: u16) -> Vec<(Token, Config)> {
    let (next, all) = (AtomicU16::new(0), Mutex::new(Vec::new()));
    let sign_in_all = || {
        loop {
            let nth = next.fetch_add(1, Ordering::Relaxed);
            if nth >= sessions {
                return;
            }
            let (name, key) = (worker(nth), PrivateKey::random());
            let body = api::login_body(&name, &password(&name), None, key.public());
            let sign_in = || Caller::connect(address(0, nth), tls).and_then(|mut caller| caller.post(&body)).ok();
            // Where the machine is too busy for it, again.
            let (_, answer) = wait::until("a login", 4 * wait::SOON, || sign_in().filter(|(status, _)| *status == 200));
            let session: Session = serde_json::from_str(&answer).expect("a session");
            let config = Config::of(&session, &key);
            all.lock().expect("no thread panics").push((nth, session.token, config));
        }
    };
    std::thread::scope(|scope| {
        for _ in 0..AT_A_TIME {
            scope.spawn(|| world.home.inside(sign_in_all));
        }
    });
    let mut all = all.into_inner().expect("no thread panics");
    all.sort_by_key(|(nth, ..)| *nth);
    all.into_iter().map(|(_, token, config)| (token, config)).collect()
}

impl Crowd {
    /// Everybody shakes hands at once, each from an address of its own and with what it made ready.
    fn shakes_hands(&mut self, world: &World, gateway: &Gateway<'_>) {
        let lost = lost_by_sockets(&world.gateway);
        let shake = || {
            elsewhere();
            let (spent, own) = (processor(pid(gateway)), own_processor());
            let done = self.homes.shake_hands();
            (done, processor(pid(gateway)) - spent, own_processor() - own)
        };
        // On a thread of its own, which ends with its niceness.
        let (done, spent, own) = std::thread::scope(|scope| scope.spawn(shake).join().expect("the homes"));
        println!(
            "{} of {} handshakes begun at once are done: {}; {} cookies were sent; the gateway's sockets lost {}; it took {spent:.2} s of \
             processor time, the homes {:.2} s",
            done.len(),
            self.configs.len(),
            Times(done),
            self.homes.cookies,
            lost_by_sockets(&world.gateway) - lost,
            own.as_secs_f64()
        );
    }
}

/// Everybody holds a session channel as well.
fn attached(Scene { world, gateway, tls, .. }: &Scene<'_>, tokens: &[Token]) {
    let (next, held, over) = (AtomicUsize::new(0), AtomicUsize::new(0), AtomicBool::new(false));
    let before = resident(pid(gateway));
    let begun = Instant::now();
    let hold = || {
        let (mut channels, mut looked) = (Vec::new(), Instant::now());
        while !over.load(Ordering::Relaxed) {
            let nth = next.fetch_add(1, Ordering::Relaxed);
            match tokens.get(nth) {
                Some(token) => {
                    let from = address(0, u16::try_from(nth).expect("a worker's number"));
                    let connect = || Caller::connect(from, tls).ok();
                    let caller = wait::until("a connection", 4 * wait::SOON, connect);
                    channels.push(SessionChannel::over(caller.0, token).expect("the session is there"));
                    held.fetch_add(1, Ordering::Relaxed);
                }
                None => std::thread::sleep(Duration::from_millis(100)),
            }
            if looked.elapsed() > PONG {
                looked = Instant::now();
                channels.iter_mut().for_each(|channel| drop(channel.event(Duration::ZERO)));
            }
        }
    };
    std::thread::scope(|scope| {
        for _ in 0..AT_A_TIME {
            scope.spawn(|| world.home.inside(hold));
        }
        wait::within(ATTACHING, || (held.load(Ordering::Relaxed) == tokens.len()).then_some(()));
        let attached = gateway.sessions().iter().filter(|session| session["phase"] == "attached").count();
        println!("{attached} hold their session channels, after {:.0} s", begun.elapsed().as_secs_f64());
        told("with its session channel", before, resident(pid(gateway)), held.load(Ordering::Relaxed));
        over.store(true, Ordering::Relaxed);
    });
}

/// What the gateway's memory grew by, for each.
fn told(what: &str, before: f64, after: f64, sessions: usize) {
    // The kernel's kB are 1024 bytes.
    let each = (after - before) * 1.024 * 1000.0 / sessions as f64;
    println!("the gateway's memory, {what}: {before:.1} -> {after:.1} MB, {each:.1} KB for each of {sessions}");
}

/// Who is there? An administrator asks some times.
fn listed(Scene { world, gateway, door, .. }: &Scene<'_>, sessions: u16) {
    let (over, spent) = (AtomicBool::new(false), processor(pid(gateway)));
    let (times, felt): (Vec<_>, _) = std::thread::scope(|scope| {
        let listener = scope.spawn(|| echo(&world.home, *door, || !over.load(Ordering::Relaxed)));
        let ask = |_| {
            let begun = Instant::now();
            let rows = gateway.json(&["session", "list", "--json"]).as_array().map_or(0, Vec::len);
            assert!(rows >= usize::from(sessions), "{rows} sessions");
            begun.elapsed()
        };
        let times = (0..LISTS).map(ask).collect();
        over.store(true, Ordering::Relaxed);
        (times, listener.join().expect("the echo"))
    });
    println!("`session list --json`, from its start to its end: {}", Times(times));
    let each = (processor(pid(gateway)) - spent) * 1e3 / f64::from(LISTS);
    println!("the gateway's processor time for each, the echo's included: {each:.0} ms");
    println!("echo of one byte meanwhile: {}", Times(felt));
}
