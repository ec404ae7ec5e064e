//! FreeRDP: what it is told, what its exit codes mean, and how it remembers workstations.
//!
//! A workstation's certificate is the one that the policy names, or else is remembered at the first visit and must be the same ever after; no
//! visit asks, for there may be nobody to answer. FreeRDP remembers by name *and port*, and our port is another one each time: so what
//! it remembers is moved to the new port before each start. Its memory for a gateway is a folder of our own, where no
//! other program's entries are touched and two offices may use one name.
//!
//! The password, where it may have it, is one line of standard input, which `/from-stdin:force` has it read before it connects, of
//! versions 2 and 3 alike; it keeps it for its own reconnections. Without the word it would ask for a domain first.
//!
//! Exit codes are those of its `xfreerdp.h`: what the workstation says of the end below 128, its own errors from there on. Older versions
//! tell fewer of them: a wrong password and a port that is refused are both 147, so what came from the workstation tells them apart.
//!
//! Seen with FreeRDP 2.11.7 and 3.15.0: `tofu,deny,name:NAME` accepts a first certificate, refuses a changed one with exit code
//! 143, and prompts for neither. FreeRDP 3 keeps one file for each workstation instead of one line, and wants the password before any
//! connection that has TLS: where it has none it ends with 145, also before xrdp, at which version 2 lets the person type it.
//! An empty one (`/p:`) would have it go on, but be one wrong password where NLA is asked for.

use std::{
    ffi::OsString,
    fs,
    io::{self, PipeReader, Write as _},
    path::{Path, PathBuf},
};

use gateway_api::login::{Password, Redirection};

use super::{Call, Codes, Desktop, Ended, Run, Screen, Seen, Why};
use crate::{config::file, private};

/// The longest password that it reads whole, in bytes.
const LONGEST: usize = 511;

/// How it is called.
pub(super) fn call(program: &Path, desktop: &Desktop<'_>, screen: Screen, version: Option<&str>) -> io::Result<Call> {
    let folder = folder(desktop.gateway)?;
    remember(&folder, &plain(desktop.workstation), desktop.door.port())?;
    let mut arguments = arguments(desktop, generation(program, version));
    arguments.extend(beginning(screen).map(OsString::from));
    let input = desktop.password.filter(|password| takes(password)).map(line).transpose()?;
    arguments.extend(reconnecting(input.is_some()).map(OsString::from));
    // It takes the place of the person's configuration folder.
    Ok(Call { arguments, environment: vec![("XDG_CONFIG_HOME", folder)], input, aside: None, codes: Codes::Known })
}

/// Whether it would be read as it is.
pub(super) fn takes(password: &Password) -> bool {
    let bytes = password.expose().as_bytes();
    bytes.len() <= LONGEST && !bytes.iter().any(|byte| matches!(byte, b'\n' | b'\r' | b'\0'))
}

/// A pipe with the password in it, and nothing after. So little fits in any pipe, so nobody waits for it to be read.
fn line(password: &Password) -> io::Result<PipeReader> {
    let (reader, mut writer) = io::pipe()?;
    writer.write_all(password.expose().as_bytes())?;
    writer.write_all(b"\n")?;
    Ok(reader)
}

/// The words after the program's name; but for one they mean the same to versions 2 and 3.
fn arguments(desktop: &Desktop<'_>, generation: u32) -> Vec<OsString> {
    let Desktop { door, user, workstation, redirect, .. } = desktop;
    let granted = |what: Redirection| redirect.contains(&what);
    let mut arguments = vec![
        format!("/v:{door}"),
        format!("/u:{user}"),
        format!("/t:{workstation}"),
        trust(desktop),
        "-multitransport".to_owned(), // TCP only: the tunnel carries nothing else
        "+auto-reconnect".to_owned(),
        "/dynamic-resolution".to_owned(),
    ];
    if desktop.certificate.is_some() {
        arguments.push(if generation > 2 { "/sec:rdp:off" } else { "-sec-rdp" }.to_owned());
    }
    arguments.push(if granted(Redirection::Clipboard) { "+clipboard" } else { "-clipboard" }.to_owned());
    for (redirection, argument) in [
        (Redirection::Drives, "+home-drive"),
        (Redirection::Printers, "/printer"),
        (Redirection::Audio, "/sound"),
        (Redirection::Microphone, "/microphone"),
        (Redirection::Smartcards, "/smartcard"),
    ] {
        if granted(redirection) {
            arguments.push(argument.to_owned());
        }
    }
    arguments.into_iter().map(OsString::from).collect()
}

/// Which certificate it takes. One fingerprint more is to FreeRDP one more way to be trusted: what differs it goes on to judge by the
/// computer's authorities and by its memory, both under the workstation's name. So the name given with it is one that neither knows.
fn trust(desktop: &Desktop<'_>) -> String {
    let Some(fingerprint) = desktop.certificate else {
        return format!("/cert:tofu,deny,name:{}", plain(desktop.workstation));
    };
    let pairs: Vec<String> = fingerprint.0.iter().map(|byte| format!("{byte:02x}")).collect();
    // Version 2 knows no other form than this one, small letters and colons.
    format!("/cert:deny,name:{},fingerprint:sha256:{}", pairs.concat(), pairs.join(":"))
}

/// Its version's first number: by what it says of itself, or else by its name, which ends in a 3 from version 3 on. By it goes what shuts
/// RDP's own protection of old, which has no certificate at all: whoever stands between would only have to offer nothing else. Each version
/// ends at once at the other's word, so a wrong guess opens no desktop without a certificate.
fn generation(program: &Path, version: Option<&str>) -> u32 {
    let said = version.and_then(|line| line.split_once("version ")?.1.split('.').next()?.parse().ok());
    let named = || if program.to_string_lossy().ends_with('3') { 3 } else { 2 };
    said.unwrap_or_else(named)
}

/// How often it tries a lost connection again. One with a password shows that each time: if it was changed meanwhile, few wrong ones lock
/// no account.
fn reconnecting(has_password: bool) -> impl Iterator<Item = &'static str> {
    let words: &[_] = match has_password {
        true => &["/auto-reconnect-max-retries:6", "/from-stdin:force"],
        false => &["/auto-reconnect-max-retries:20"],
    };
    words.iter().copied()
}

/// How it begins. The bar is there whenever it fills the screen: without it nothing on the screen says how to get back.
fn beginning(screen: Screen) -> impl Iterator<Item = &'static str> {
    let fills = (screen == Screen::Full).then_some("/f");
    ["/floatbar:sticky:off,default:visible,show:fullscreen"].into_iter().chain(fills)
}

/// A name that can stand between commas and in a file's name.
pub(super) fn plain(name: &str) -> String {
    name.chars().map(|c| if c.is_ascii_alphanumeric() || "-_.".contains(c) { c } else { '_' }).collect()
}

/// Whether it asks for a password in a window of its own. The others would ask at a terminal, and have none.
pub(super) fn asks(program: &Path) -> bool {
    program.file_name().is_some_and(|name| name.as_encoded_bytes().starts_with(b"sdl"))
}

/// What an exit code means, where it means anything particular.
pub(super) fn meaning(code: i32, status: String, run: Run) -> Option<Ended> {
    let why = match code {
        // What the workstation says of an end; a program that it said nothing to means something else by it.
        1..=6 | 12 | 143 if run.seen == Seen::Nothing => Why::Unreached,
        1 | 4 | 6 => Why::EndedThere, // an administrator there, a limit for signing in, no memory
        2 | 12 => Why::LoggedOff,
        3 => Why::Away,
        5 => Why::Replaced,
        7..=9 | 144 | 155 | 158 => Why::NotAllowed,
        18..=24 if run.seen == Seen::Nothing => Why::ProgramTooOld, // version 3: -1006 to -1000, of which a byte is left
        16..=26 | 240..=250 => Why::NoLicence,                      // 240 and on: as version 2 reckons them
        128 => Why::ProgramTooOld,
        131 | 137 | 141 | 147 if run.seen == Seen::Nothing => Why::Unreached,
        131 | 137 | 141 if run.seen == Seen::Answer => Why::Unshown,
        // Some versions ask nobody and show an empty password, or call it off.
        132 | 134 | 145 | 147 | 154 | 159 if !run.knows_password && run.seen < Seen::Desktop => Why::PasswordUnasked,
        10 | 132 | 134 | 154 | 159 => return Some(Ended::LogonRefused),
        133 | 146 => Why::NothingInCommon,
        135 => return Some(Ended::LockedOut),
        136 => Why::NoScreen,
        143 => return Some(Ended::Untrusted),
        147 if run.seen < Seen::Desktop => Why::SignInBroke,
        148 | 149 | 152 => Why::PasswordExpired,
        150 => Why::SignInUnchecked,
        151 | 153 | 156 | 157 => Why::AccountRefused,
        160 => Why::Booting,
        129.. => return Some(Ended::Broke(status)),
        _ => return None,
    };
    Some(Ended::Because(why, status))
}

/// The folder that FreeRDP takes for the user's configuration: one for each gateway.
pub(super) fn folder(gateway: &str) -> io::Result<PathBuf> {
    Ok(file::needed_folder()?.join("workstations").join(plain(gateway)))
}

/// Moves what is remembered of a workstation, by its name, to the port where it is now. What cannot be moved counts as never seen;
/// an entry that could not be read must not be forgotten silently, so an error stops the start.
pub(super) fn remember(folder: &Path, name: &str, port: u16) -> io::Result<()> {
    let memory = folder.join("freerdp");
    private::create_folder(&memory)?;
    move_line(&memory.join("known_hosts2"), name, port)?;
    move_file(&memory.join("server"), name, port)
}

/// What an entry's host is called at the new port, if it is that workstation's. Remmina puts the port into the name as well.
fn renamed(host: &str, old: &str, name: &str, port: u16) -> Option<String> {
    let rest = host.strip_prefix(name)?;
    match rest.strip_prefix(':') {
        Some(within) => (within == old).then(|| format!("{name}:{port}")),
        None => rest.is_empty().then(|| name.to_owned()),
    }
}

/// Version 2: one line each, `NAME PORT FINGERPRINT …`.
fn move_line(file: &Path, name: &str, port: u16) -> io::Result<()> {
    let text = match fs::read_to_string(file) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error),
    };
    let mut moved = String::with_capacity(text.len() + 8);
    for line in text.lines() {
        let entry = line.split_once(' ').and_then(|(host, rest)| Some((host, rest.split_once(' ')?)));
        match entry.and_then(|(host, (old, rest))| Some((renamed(host, old, name, port)?, rest))) {
            Some((host, rest)) => moved.push_str(&format!("{host} {port} {rest}")),
            None => moved.push_str(line),
        }
        moved.push('\n');
    }
    let fresh = file.with_extension("new");
    fs::write(&fresh, moved)?;
    fs::rename(fresh, file)
}

/// Version 3: one file each, `NAME_PORT.pem`.
fn move_file(folder: &Path, name: &str, port: u16) -> io::Result<()> {
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error),
    };
    for entry in entries {
        let entry = entry?;
        let file = entry.file_name();
        let known = file.to_str().and_then(|file| file.strip_suffix(".pem")?.rsplit_once('_'));
        let known = known.filter(|(_, old)| old.parse::<u16>().is_ok());
        if let Some(host) = known.and_then(|(host, old)| renamed(host, old, name, port)) {
            fs::rename(entry.path(), folder.join(format!("{host}_{port}.pem")))?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;

    use gateway_api::Fingerprint;

    use super::*;

    fn desktop<'a>(redirect: &'a [Redirection], workstation: &'a str, port: u16) -> Desktop<'a> {
        Desktop {
            door: ([127, 0, 0, 1], port).into(),
            user: "m.rossi",
            workstation,
            gateway: "gw",
            certificate: None,
            redirect,
            password: None,
        }
    }

    fn told(redirect: &[Redirection]) -> Vec<String> {
        arguments(&desktop(redirect, "anagrafe-07", 4711), 2)
            .into_iter()
            .map(|word| word.into_string().unwrap())
            .collect()
    }

    #[test]
    fn nothing_is_shared_unless_granted() {
        let nothing = told(&[]);
        assert!(nothing.contains(&"-clipboard".to_owned()) && nothing.contains(&"-multitransport".to_owned()));
        for word in ["+clipboard", "+home-drive", "+drives", "/printer", "/sound", "/microphone", "/smartcard"] {
            assert!(!nothing.contains(&word.to_owned()), "{word}");
        }
        let some = told(&[Redirection::Clipboard, Redirection::Audio]);
        assert!(some.contains(&"+clipboard".to_owned()) && some.contains(&"/sound".to_owned()));
        assert!(!some.contains(&"+home-drive".to_owned()));
    }

    #[test]
    fn a_certificate_is_never_ignored_and_a_name_cannot_smuggle_an_option_in() {
        assert!(told(&[]).iter().all(|word| !word.contains("ignore")));
        let words = arguments(&desktop(&[], "a,ignore", 1), 2);
        assert!(words.contains(&OsString::from("/cert:tofu,deny,name:a_ignore")), "{words:?}");
    }

    #[test]
    fn a_named_certificate_is_the_only_one() {
        let named = Desktop { certificate: Some(Fingerprint([0xa7; 32])), ..desktop(&[], "pc-1", 1) };
        let pairs = ["a7"; 32];
        let told = format!("/cert:deny,name:{},fingerprint:sha256:{}", pairs.concat(), pairs.join(":"));
        for (program, version, word) in [
            ("/usr/bin/xfreerdp", Some("This is FreeRDP version 2.11.7 (2.11.7)"), "-sec-rdp"),
            ("/usr/bin/xfreerdp", Some("This is FreeRDP version 3.15.0 (n/a)"), "/sec:rdp:off"),
            ("/usr/bin/xfreerdp3", Some("This is FreeRDP version 2.11.7 (2.11.7)"), "-sec-rdp"),
            ("/usr/bin/xfreerdp", Some("FreeRDP"), "-sec-rdp"),
            ("/usr/bin/xfreerdp", None, "-sec-rdp"),
            ("/usr/bin/xfreerdp3", None, "/sec:rdp:off"),
        ] {
            let words = arguments(&named, generation(Path::new(program), version));
            assert!(words.contains(&OsString::from(&told)), "{words:?}");
            assert_eq!(words.iter().filter(|word| word.to_string_lossy().starts_with("/cert")).count(), 1, "{words:?}");
            assert!(words.contains(&OsString::from(word)), "{program} {version:?}: {words:?}");
        }
        assert!(arguments(&desktop(&[], "pc-1", 1), 2).iter().all(|word| !word.to_string_lossy().contains("sec")));
    }

    #[test]
    fn a_password_that_may_be_wrong_by_now_is_tried_a_few_times_only() {
        assert!(reconnecting(true).eq(["/auto-reconnect-max-retries:6", "/from-stdin:force"]));
        assert!(reconnecting(false).eq(["/auto-reconnect-max-retries:20"]));
    }

    #[test]
    fn a_password_is_one_line_and_one_that_is_not_is_not_handed_over() {
        let mut read = String::new();
        line(&Password::new("pw è 1".to_owned())).unwrap().read_to_string(&mut read).unwrap();
        assert_eq!(read, "pw è 1\n");
        for odd in ["a\nb", "a\rb", "a\0b", &"x".repeat(LONGEST + 1)] {
            assert!(!takes(&Password::new(odd.to_owned())), "{odd:?}");
        }
        assert!(takes(&Password::new("x".repeat(LONGEST))));
    }

    #[test]
    fn what_is_remembered_of_a_workstation_follows_it_to_its_port() {
        let folder = tempfile::tempdir().unwrap();
        remember(folder.path(), "pc-1", 1).unwrap();
        let memory = folder.path().join("freerdp");
        fs::write(
            memory.join("known_hosts2"),
            "pc-1 4000 aa:bb x y\npc-10 4000 cc:dd x y\npc-1:4000 4000 ee:ff x y\nodd\n",
        )
        .unwrap();
        fs::create_dir(memory.join("server")).unwrap();
        for file in ["pc-1_4000.pem", "pc-10_4000.pem", "pc-1:4000_4000.pem", "pc-1_x.pem"] {
            fs::write(memory.join("server").join(file), file).unwrap();
        }
        remember(folder.path(), "pc-1", 5000).unwrap();
        let text = fs::read_to_string(memory.join("known_hosts2")).unwrap();
        assert_eq!(text, "pc-1 5000 aa:bb x y\npc-10 4000 cc:dd x y\npc-1:5000 5000 ee:ff x y\nodd\n");
        let mut files: Vec<_> =
            fs::read_dir(memory.join("server")).unwrap().map(|file| file.unwrap().file_name()).collect();
        files.sort();
        assert_eq!(files, ["pc-10_4000.pem", "pc-1:5000_5000.pem", "pc-1_5000.pem", "pc-1_x.pem"]);
    }

    #[test]
    fn exit_codes_that_mean_something_are_told_apart() {
        let told = |code, seen, knows_password| meaning(code, "s".to_owned(), Run { seen, knows_password });
        for (codes, why) in [
            (&[7, 8, 9, 144, 155, 158][..], Why::NotAllowed),
            (&[16, 26, 240, 250], Why::NoLicence),
            (&[128], Why::ProgramTooOld),
            (&[133, 146], Why::NothingInCommon),
            (&[136], Why::NoScreen),
            (&[148, 149, 152], Why::PasswordExpired),
            (&[150], Why::SignInUnchecked),
            (&[151, 153, 156, 157], Why::AccountRefused),
            (&[160], Why::Booting),
        ] {
            for code in codes {
                for (seen, knows_password) in [(Seen::Nothing, true), (Seen::Answer, false), (Seen::Desktop, true)] {
                    assert_eq!(told(*code, seen, knows_password), Some(Ended::Because(why, "s".into())), "{code}");
                }
            }
        }
        for (codes, why) in
            [(&[1, 4, 6][..], Why::EndedThere), (&[2, 12], Why::LoggedOff), (&[3], Why::Away), (&[5], Why::Replaced)]
        {
            for code in codes {
                assert_eq!(told(*code, Seen::Answer, true), Some(Ended::Because(why, "s".into())), "{code}");
                let unreached = Some(Ended::Because(Why::Unreached, "s".into()));
                assert_eq!(told(*code, Seen::Nothing, true), unreached, "{code}: nobody said so");
            }
        }
        for code in [0, 11, 32] {
            assert_eq!(told(code, Seen::Desktop, true), None, "{code}");
        }
        assert_eq!(told(135, Seen::Answer, true), Some(Ended::LockedOut));
        assert_eq!(told(143, Seen::Answer, false), Some(Ended::Untrusted));
        for code in [10, 132, 134, 154, 159] {
            assert_eq!(told(code, Seen::Answer, true), Some(Ended::LogonRefused), "{code}");
        }
        for code in [129, 130, 131, 138, 142, 147, 255] {
            assert_eq!(told(code, Seen::Desktop, true), Some(Ended::Broke("s".into())), "{code}");
        }
    }

    #[test]
    fn what_came_from_the_workstation_tells_what_one_code_for_many_ends_does_not() {
        let told = |code, seen, knows_password| match meaning(code, "s".to_owned(), Run { seen, knows_password }) {
            Some(Ended::Because(why, _)) => Some(why),
            _ => None,
        };
        for code in [131, 141, 143, 147] {
            assert_eq!(told(code, Seen::Nothing, true), Some(Why::Unreached), "{code}");
        }
        for code in [18, 23, 24] {
            assert_eq!(told(code, Seen::Nothing, true), Some(Why::ProgramTooOld), "{code}");
            assert_eq!(told(code, Seen::Answer, true), Some(Why::NoLicence), "{code}");
        }
        assert_eq!(told(131, Seen::Answer, true), Some(Why::Unshown));
        assert_eq!(told(147, Seen::Answer, true), Some(Why::SignInBroke));
        for code in [132, 134, 145, 147, 154, 159] {
            assert_eq!(told(code, Seen::Answer, false), Some(Why::PasswordUnasked), "{code}");
        }
        assert_eq!(told(147, Seen::Desktop, false), None, "a line that broke later");
    }
}
