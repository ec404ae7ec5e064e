//! The guided tour that `./try` ends in: one working day, from login to close, on real parts, told step by step.
//!
//! Everything shown is checked; the tour ends with the first thing that is not as told.

use std::{
    fs,
    io::{IsTerminal as _, Write as _},
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use e2e::{
    api,
    client::{Connect, exit},
    gateway::{Gateway, Setup},
    netns::Computer,
    packets,
    rdp::{BLUE, Desktop, GREEN},
    screen::Screen,
    wait,
    wireguard::Tunnel,
    world::{
        GATEWAY, GATEWAY_IN_OFFICE, OTHER_WORKSTATION, OTHER_WORKSTATION_V6, SERVERS, WORKSTATION, WORKSTATION_V6,
        World,
    },
};

/// What m.rossi's desktop shows, and the home computer's terminal.
const OFFICE_WINDOW: &str = r#"xterm -title 'Servizi Demografici - anagrafe-07' -fa Monospace -fs 11 -bg white -fg '#223344' -geometry 62x12+60+60 -e sh -c 'printf "\n   Good morning, m.rossi.\n\n   This is anagrafe-07, your own computer\n   at the office, seen from home.\n\n"; exec sh -c "while :; do printf \"\\r   office time %s \" \$(date +%T); sleep 1; done"'"#;

/// To whom names in the session log are sealed: keys that the tour makes, beside the gateway's folder.
const HOLDERS: &str = "[record]\ncontrollers = [\"../director.pub\"]\nreviewers = [\"../office.pub\"]\n";

/// The title of the RDP program's window.
const WINDOW: &str = "anagrafe-07";

fn main() {
    let picture = std::env::args().nth(1).map_or_else(|| PathBuf::from("desktop.png"), PathBuf::from);
    let first = std::env::args().nth(2).and_then(|number| number.parse().ok()).unwrap_or(1);
    std::panic::set_hook(Box::new(|panic| {
        println!("\n  not as promised: {panic}\n  (`./check e2e` runs every promise on its own and keeps the logs)");
    }));
    Tour { step: first, plain: !std::io::stdout().is_terminal(), proved: Vec::new() }.run(&picture);
}

struct Tour {
    step: usize,
    plain: bool,
    proved: Vec<&'static str>,
}

impl Tour {
    fn run(&mut self, picture: &Path) {
        let world = self.build_world();
        let gateway = self.start_gateway(&world);
        self.refuse_strangers(&world, &gateway);
        let mut screen = Screen::start(&world.home);
        screen.manage_windows();
        let desktop = Desktop::start(&world, &world.workstation, "m.rossi", "pw-desk", BLUE, OFFICE_WINDOW);
        self.work(&world, &gateway, &mut screen, &desktop, picture);
        self.close(&world, &gateway, &screen);
        self.read_log(&gateway);
        println!();
        self.title("What was proved");
        for what in &self.proved {
            println!("  {} {what}", self.green("✓"));
        }
    }

    fn build_world(&mut self) -> World {
        self.next("Four places, made of network namespaces");
        let world = World::new();
        println!(
            "      m.rossi's home ─┐                ┌───────────┐             ┌─ anagrafe-07  10.20.3.47\n\
             \x20                     ├── internet ────┤  gateway  ├── office ───┤\n\
             \x20     g.verdi's home ─┘                └───────────┘             └─ tributi-02   10.20.3.48\n\
             \x20                            203.0.113.2    10.20.3.1"
        );
        world
    }

    fn start_gateway<'w>(&mut self, world: &'w World) -> Gateway<'w> {
        self.next("The office: a gateway at the edge, a policy of one page");
        let setup = Setup::default().profile("idle", "\"1m\"").profile("grace", "\"10s\"");
        let setup = Setup { tables: HOLDERS.to_owned(), ..setup };
        let files = setup.write(world);
        files.add_person(world, "m.rossi");
        files.add_person(world, "g.verdi");
        for (role, name) in [("controllers", "director"), ("reviewers", "office")] {
            let file = |end: &str| world.folder().join(format!("{name}{end}")).display().to_string();
            let (private, public) = (file(".key"), file(".pub"));
            let files_of_key = ["--private", &private, "--public", &public, "--no-passphrase"];
            let made = files.command(world, &[&["review", "keys", "make", role], &files_of_key[..]].concat(), "");
            assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        }
        let gateway = Gateway::start(world, files);
        for line in setup.policy().lines().filter(|line| !line.is_empty()).take(24) {
            println!("      {}", self.dim(line));
        }
        println!("      {}", self.dim("…"));
        println!("      its certificate: {}", gateway.fingerprint());
        gateway
    }

    fn refuse_strangers(&mut self, world: &World, gateway: &Gateway<'_>) {
        self.next("A stranger tries a name and a password");
        for (user, password) in [("m.rossi", "12345678"), ("administrator", "12345678")] {
            let (code, said) = Connect::new(gateway, user).password(password).refused(&world.internet);
            assert_eq!(code, exit::REFUSED, "{said}");
            println!("      {}", self.dim(&format!("$ deskgate connect --server {GATEWAY} --user {user}")));
            self.quote(&said);
        }
        assert!(gateway.sessions().is_empty(), "no session was opened");
        self.prove("a wrong password and an unknown name are refused in the same words, and open nothing");
    }

    fn work(
        &mut self,
        world: &World,
        gateway: &Gateway<'_>,
        screen: &mut Screen<'_>,
        desktop: &Desktop,
        picture: &Path,
    ) {
        self.next("m.rossi signs in from home, and is at their own desktop");
        let other = Desktop::start(world, &world.other_workstation, "g.verdi", "pw-desk", GREEN, "xterm");
        let began = Instant::now();
        let mut client = connect(gateway).start(&world.home);
        screen.show_file("m.rossi at home: deskgate connect", client.words(), "148x8+20+30");
        screen.wait_for(BLUE);
        let number = gateway.only_session();
        println!("      session {number}, desktop on the screen after {:.1} s", began.elapsed().as_secs_f64());
        wait::until("a picture worth keeping", wait::SOON, || (screen.share_of(BLUE) > 0.3).then_some(()));
        save(&world.home, screen, world.folder(), picture);
        println!("      picture of the home computer's screen: {}", self.bold(&picture.display().to_string()));
        assert_eq!((desktop.connections(&world.workstation), other.connections(&world.other_workstation)), (1, 0));
        self.prove("the right password opens one session, and the real desktop appears, checked in pixels");

        self.next("A home computer turns hostile: g.verdi's session sends packets of its own making");
        self.attack(world, gateway);

        self.next("m.rossi goes for coffee: nobody at keyboard or mouse, though the desktop's clock ticks on");
        println!("      (the policy of this tour allows one minute; offices write 15)");
        let reason = self.countdown(
            || gateway.sessions().iter().all(|session| session["number"] != number.as_str()),
            || gateway.close_reason(&number, wait::SOON),
        );
        assert_eq!(reason, "idle");
        assert_eq!(client.wait(wait::SOON).code(), exit::ENDED, "{}", client.said());
        self.quote(&client.said());
        wait::until("the desktop to be let go", wait::SOON, || {
            (desktop.connections(&world.workstation) == 0).then_some(())
        });
        self.prove("the session ended because the person was idle, and the desktop was let go at once");
    }

    /// One packet of each kind, from a session that is real.
    fn attack(&mut self, world: &World, gateway: &Gateway<'_>) {
        let (session, config) = api::session(world, &world.other_home, "g.verdi");
        let number = session.number.to_string();
        let mut tunnel = Tunnel::open(&world.other_home, &config, wait::SOON).expect("the session's own key");
        let me = config.address;
        let attacks: [(&str, Vec<u8>, &str); 9] = [
            ("m.rossi's workstation", packets::syn(me, WORKSTATION, 3389), "other_host"),
            ("the directory server", packets::syn(me, SERVERS, 636), "other_host"),
            ("the gateway, from inside", packets::syn(me, GATEWAY_IN_OFFICE, 443), "other_host"),
            ("another port of their own workstation", packets::syn(me, OTHER_WORKSTATION, 22), "other_port"),
            ("their own workstation by ping", packets::ping(me, OTHER_WORKSTATION), "other_protocol"),
            ("their own workstation by IPv6", packets::syn(WORKSTATION_V6, OTHER_WORKSTATION_V6, 3389), "other_family"),
            ("… in fragments", packets::fragment(&packets::syn(me, OTHER_WORKSTATION, 3389), 0, true), "fragment"),
            ("… under another's address", packets::syn(WORKSTATION, OTHER_WORKSTATION, 3389), "spoofed_source"),
            ("… with a segment of no connection", packets::stray_segment(me, OTHER_WORKSTATION, 3389), "no_flow"),
        ];
        for (what, packet, reason) in attacks {
            let before = gateway.drops(&number, reason);
            tunnel.send(&packet);
            wait::until(what, wait::SOON, || (gateway.drops(&number, reason) > before).then_some(()));
            println!("      {} {what:<40} {}", self.red("refused"), self.dim(reason));
        }
        tunnel.send(&packets::syn(me, OTHER_WORKSTATION, 3389));
        assert!(tunnel.receive(wait::SOON).is_some(), "their own workstation answers");
        println!("      {} their own workstation, TCP port 3389", self.green("passed "));
        gateway.command(&["session", "close", &number]);
        self.prove("one port of one computer is all that a session reaches; every other packet is dropped and counted");
    }

    fn close(&mut self, world: &World, gateway: &Gateway<'_>, screen: &Screen<'_>) {
        self.next("Back again, a little work, and the window is closed");
        let mut client = connect(gateway).start(&world.home);
        screen.wait_for(BLUE);
        let number = gateway.only_session();
        screen.close_window(WINDOW);
        let closed = Instant::now();
        assert_eq!(gateway.close_reason(&number, wait::SOON), "program_ended");
        println!("      session {number} closed {:.1} s after the window", closed.elapsed().as_secs_f64());
        assert_eq!(client.wait(wait::SOON).code(), exit::ENDED, "{}", client.said());
        gateway.assert_nothing_left();
        self.prove("closing the window closes the session; no peer, address or flow is left");
    }

    fn read_log(&mut self, gateway: &Gateway<'_>) {
        self.next("What the session log says, in order, and whether anybody touched it");
        println!("      {}", self.dim("$ deskgate-gateway log show"));
        self.quote(&gateway.command(&["log", "show"]));
        println!("      {}", self.dim("$ deskgate-gateway log verify"));
        self.quote(&gateway.command(&["log", "verify"]));
        self.prove("the log tells each story in order, names nobody by itself, and verifies");
        let records = gateway.records();
        let number =
            records.last().and_then(|record| record["session"].as_str()).expect("a session was closed").to_owned();
        let key = |name: &str| gateway.files().folder().with_file_name(format!("{name}.key")).display().to_string();
        let (director, office) = (key("director"), key("office"));
        println!(
            "      {}",
            self.dim(&format!("$ deskgate-gateway review open --session {number} --key director --key office"))
        );
        let opened = gateway.command(&["review", "open", "--session", &number, "--key", &director, "--key", &office]);
        assert!(opened.contains("worker=m.rossi"), "{opened}");
        self.quote(&opened);
        println!("      {}", self.dim("$ deskgate-gateway log show --journal reviews"));
        self.quote(&gateway.command(&["log", "show", "--journal", "reviews"]));
        self.prove("whose a session was opens by two holders' keys together, and that they did is recorded first");
    }

    /// Shows the seconds pass until `over`, then asks for the outcome.
    fn countdown<T>(&self, mut over: impl FnMut() -> bool, outcome: impl FnOnce() -> T) -> T {
        let began = Instant::now();
        while wait::within(Duration::from_secs(1), || over().then_some(())).is_none() {
            if !self.plain {
                print!("\r      {:>3} s ", began.elapsed().as_secs());
                let _ = std::io::stdout().flush();
            }
            assert!(began.elapsed() < Duration::from_secs(120), "nobody was sent away");
        }
        println!("{}      after {} s in this step:", if self.plain { "" } else { "\r" }, began.elapsed().as_secs());
        outcome()
    }

    fn next(&mut self, what: &str) {
        println!();
        self.title(&format!("{}. {what}", self.step));
        self.step += 1;
    }

    fn prove(&mut self, what: &'static str) {
        println!("    {} {what}", self.green("✓"));
        self.proved.push(what);
    }

    fn quote(&self, text: &str) {
        for line in text.lines().filter(|line| !line.trim().is_empty()) {
            println!("      │ {line}");
        }
    }

    fn title(&self, text: &str) {
        println!("{}", self.bold(text));
    }

    fn bold(&self, text: &str) -> String {
        self.colour("1", text)
    }

    fn dim(&self, text: &str) -> String {
        self.colour("2", text)
    }

    fn green(&self, text: &str) -> String {
        self.colour("32", text)
    }

    fn red(&self, text: &str) -> String {
        self.colour("31", text)
    }

    fn colour(&self, code: &str, text: &str) -> String {
        if self.plain { text.to_owned() } else { format!("\x1b[{code}m{text}\x1b[0m") }
    }
}

/// m.rossi's client, with the RDP program in a window of the home screen.
fn connect(gateway: &Gateway<'_>) -> Connect {
    let run = format!(
        "xfreerdp /v:{{host}}:{{port}} /u:{{user}} /p:pw-desk /cert:ignore /sec:tls /size:960x600 /bpp:32 -clipboard \
         /log-level:OFF /t:{WINDOW} /window-position:160x230"
    );
    Connect::new(gateway, "m.rossi").run(&run, Some(Screen::DISPLAY))
}

/// The screen as a small PNG; written in the world's folder, which the home computer sees, and copied from there.
fn save(home: &Computer, screen: &Screen<'_>, folder: &Path, picture: &Path) {
    let inside = folder.join(format!("{}.png", home.name()));
    screen.save(&inside);
    fs::copy(&inside, picture).expect("the picture's folder is writable");
}
