//! What a workstation shares is its own rule: the program at home may ask for more, and gets none of it.

use std::path::Path;

use e2e::{
    netns::{Computer, Process},
    rdp::{self, BLUE, Desktop},
    screen::Screen,
    wait,
    world::World,
};

/// Writes down what a person at the office would paste, again and again.
const PASTE: &str =
    "sh -c 'while :; do timeout 2 xclip -o -selection clipboard > pasted.new 2>&1; mv pasted.new pasted; done'";

/// A workstation, its desktop open on a screen of its own, with somebody there who asks for the clipboard.
struct Visited<'a> {
    computer: &'a Computer,
    screen: Screen<'a>,
    _desktop: Desktop,
    _program: Process,
}

impl<'a> Visited<'a> {
    fn new(world: &World, computer: &'a Computer, user: &str) -> Self {
        let desktop = Desktop::start(world, computer, user, "pw-desk", BLUE, PASTE);
        let screen = Screen::start(computer);
        let here = std::net::Ipv4Addr::LOCALHOST.into();
        let mut command = rdp::xfreerdp(computer, Screen::DISPLAY, here, 3389, user, "pw-desk");
        command.arg("+clipboard");
        let program = computer.spawn(&format!("{}.visitor", computer.name()), command, "");
        screen.wait_for(BLUE);
        Self { computer, screen, _desktop: desktop, _program: program }
    }

    /// Copies a text on the visitor's side.
    fn copy(&self, text: &str) {
        let display = Screen::DISPLAY;
        self.computer
            .sh(&format!("printf %s '{text}' | DISPLAY={display} xclip -i -selection clipboard > /dev/null 2>&1"));
    }

    /// What would be pasted at the office.
    fn pasted(&self) -> String {
        self.computer.sh("cat /home/*/pasted 2> /dev/null || true")
    }
}

#[test]
fn a_workstation_with_the_rules_that_are_shipped_shares_no_clipboard_with_whoever_asks() {
    let world = World::new();
    // The tree itself may lie where a computer of the world has something of its own.
    let restrict = world.folder().join("restrict");
    let shipped = Path::new(env!("CARGO_MANIFEST_DIR")).join("../deploy/workstation/xrdp/restrict");
    std::fs::copy(shipped, &restrict).expect("the world's folder is writable");
    let rules = world.folder().join("restricted-xrdp");
    world.workstation.sh(&format!(
        "cp -rp /etc/xrdp {rules} && {} --folder {rules} && mount --bind {rules} /etc/xrdp",
        restrict.display(),
        rules = rules.display()
    ));
    let restricted = Visited::new(&world, &world.workstation, "m.rossi");
    let open = Visited::new(&world, &world.other_workstation, "g.verdi");
    for visited in [&restricted, &open] {
        visited.copy("what was copied at home");
    }
    wait::until("the clipboard of the workstation without rules", wait::SOON, || {
        (open.pasted() == "what was copied at home").then_some(())
    });
    // The other way round takes the same channel. By now the restricted one would have had its text too.
    assert!(!restricted.pasted().contains("what was copied at home"), "{}", restricted.pasted());
    assert!(restricted.screen.share_of(BLUE) > 0.2, "the desktop is there all the same");
}
