//! A worker's phone with an authenticator app, and how it is enrolled: by the real program, or by hand.

use std::{fs::File, io::Write as _};

use gateway_api::{
    FACTOR, FACTOR_CONFIRMATION,
    factor::{Begin, Begun, Confirm, Confirmed},
    login::{Code, Language, Password},
};
use jiff::Timestamp;
use nix::{sys::stat::Mode, unistd::mkfifo};
use totp_rs::{Builder, Totp};

use crate::{
    api,
    gateway::{CONTROL_PORT, Gateway, at, label},
    netns::Computer,
    wait,
    world::{GATEWAY, World, program},
};

/// An authenticator app that holds one secret.
#[derive(Debug)]
pub struct App {
    /// In base32, as it was told.
    pub secret: String,
    totp: Totp,
}

impl App {
    /// With this secret.
    ///
    /// # Panics
    /// When it is none.
    pub fn new(secret: &str) -> Self {
        let bits = secret.bytes().flat_map(|letter| {
            let value = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567".iter().position(|known| *known == letter);
            let value = u8::try_from(value.expect("base32")).expect("five bits");
            (0..5).rev().map(move |bit| (value >> bit) & 1)
        });
        let bits: Vec<u8> = bits.collect();
        let bytes: Vec<u8> =
            bits.chunks_exact(8).map(|byte| byte.iter().fold(0, |byte, bit| (byte << 1) | bit)).collect();
        let bytes: [u8; 20] = bytes.try_into().expect("160 bits");
        Self { secret: secret.to_owned(), totp: Builder::new().with_secret(bytes).build().expect("a secret") }
    }

    /// What it shows now. Counts for more than half a minute from now.
    pub fn now(&self) -> String {
        self.at(0)
    }

    /// What it shows next, which counts already. Who enrolled with what it showed then has this one left.
    pub fn next(&self) -> String {
        self.at(1)
    }

    /// What it would show so many steps of half a minute from now.
    pub fn at(&self, steps: i64) -> String {
        let second = Timestamp::now().as_second() + 30 * steps;
        self.totp.generate(u64::try_from(second).expect("after 1970")).to_string()
    }
}

/// An app that is enrolled, and its recovery codes.
#[derive(Debug)]
pub struct Enrolled {
    /// The app.
    pub app: App,
    /// All of them.
    pub recovery: Vec<String>,
}

/// Enrols an app by hand.
///
/// # Panics
/// When the gateway refuses.
pub fn enrol(world: &World, from: &Computer, user: &str, password: &str, enrolment_code: &str) -> Enrolled {
    let code = || Code::new(enrolment_code.to_owned());
    let begin = Begin {
        user: user.to_owned(),
        password: Password::new(password.to_owned()),
        enrolment_code: code(),
        language: Language::En,
    };
    let answer = api::call(world, from, FACTOR, &[], &serde_json::to_vec(&begin).expect("plain data"));
    let begun: Begun = serde_json::from_str(&answer.body).unwrap_or_else(|e| panic!("{user} ({e}): {answer:?}"));
    let app = App::new(begun.secret.expose());
    let confirm = Confirm {
        user: begin.user,
        password: begin.password,
        enrolment_code: code(),
        code: Code::new(app.now()),
        language: Language::En,
    };
    let body = serde_json::to_vec(&confirm).expect("plain data");
    let answer = api::call(world, from, FACTOR_CONFIRMATION, &[], &body);
    let confirmed: Confirmed =
        serde_json::from_str(&answer.body).unwrap_or_else(|e| panic!("{user} ({e}): {answer:?}"));
    Enrolled { app, recovery: confirmed.recovery_codes.iter().map(|code| code.expose().to_owned()).collect() }
}

/// Enrols an app with `deskgate factor enrol`, whose lines are typed as it needs them. What it printed is kept in a file of its
/// own name.
///
/// # Panics
/// When it does not come to its end; what it said is shown.
pub fn enrol_at_home(
    world: &World,
    home: &Computer,
    gateway: &Gateway<'_>,
    user: &str,
    password: &str,
    enrolment_code: &str,
) -> Enrolled {
    let keyboard = world.folder().join(label("keyboard"));
    mkfifo(&keyboard, Mode::S_IRWXU).expect("the world's folder is writable");
    // Also read by us, so that opening it waits for nobody.
    let mut typing = File::options().read(true).write(true).open(&keyboard).expect("made above");
    let mut command = home.command("sh");
    command.args(["-c", "keyboard=$1; shift; exec \"$@\" < \"$keyboard\"", "sh"]).arg(&keyboard);
    command.arg(program("deskgate")).args(["factor", "enrol", "--server", &at(GATEWAY, CONTROL_PORT), "--user", user]);
    command.args(["--fingerprint", &gateway.fingerprint(), "--language", "en", "--password-stdin"]);
    let mut process = home.spawn(&label("enrolment"), command, "");
    let letters = |text: &str| text.chars().all(|c| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '-');
    let codes = |said: &str, length: usize| -> Vec<String> {
        // Whole lines only.
        let lines = said.split_inclusive('\n').filter_map(|line| line.strip_prefix("    ")?.strip_suffix('\n'));
        lines.filter(|line| line.len() == length && letters(line)).map(str::to_owned).collect()
    };
    writeln!(typing, "{password}\n{enrolment_code}").expect("a pipe of our own");
    let app = wait::until("the secret for the app", wait::SOON, || {
        assert!(process.ended().is_none(), "{}", process.stderr());
        codes(&process.stderr(), 32).first().map(|secret| App::new(secret))
    });
    writeln!(typing, "{}", app.now()).expect("a pipe of our own");
    let status = process.wait(wait::SOON);
    assert!(status.success(), "{}", process.stderr());
    Enrolled { app, recovery: codes(&process.stderr(), 11) }
}
