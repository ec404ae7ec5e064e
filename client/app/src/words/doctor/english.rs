//! The doctor's words in English.

use gateway_api::login::Language;

use super::Words;
use crate::{
    doctor::{Check, Finding, Verdict},
    words::{moment, span},
};

pub(super) static WORDS: Words = Words {
    verdict: |verdict| match verdict {
        Verdict::Good => "good",
        Verdict::Note => "note",
        Verdict::Bad => "BAD",
        Verdict::Skipped => "-",
    },
    check: |check| match check {
        Check::Profile => "Profile",
        Check::Names => "Name",
        Check::Gateway => "Gateway",
        Check::Certificate => "Certificate",
        Check::Clock => "Clock",
        Check::Protocol => "Version",
        Check::Udp => "UDP",
        Check::Workstation => "Workstation",
        Check::Door => "Door",
        Check::RdpProgram => "Desktop",
        Check::Keyring => "Keyring",
        Check::Notifications => "Notifications",
        Check::Folder => "Files",
        Check::Disk => "Disk",
    },
    say,
    title: |number| format!("Deskgate looks at this computer. Number of this report: {number}"),
    well: "Everything that a session needs is there.",
    unwell: |bad, number| match bad {
        1 => format!("One thing is not well. The help desk will ask for the number {number}."),
        _ => format!("{bad} things are not well. The help desk will ask for the number {number}."),
    },
    written: |file| {
        format!(
            "The report is in {file}. It holds no password, no name of yours and no full address of your home: send it to the help desk."
        )
    },
    unwritten: |file, cause| format!("The report could not be written to {file}: {cause}."),
};

fn say(finding: &Finding) -> String {
    match finding {
        Finding::Profile => "It is your office's, and nobody changed it.".into(),
        Finding::NoProfile => "There is none; what it would say was given by hand.".into(),
        Finding::ProfileRefused { why } => why.clone(),
        Finding::ProfileUnknown => {
            "Nobody has compared its six words on this computer yet. Start the program once and compare them with your office's letter.".into()
        }
        Finding::NoServer => "Nothing says where your office is. Open the file that your office sent you.".into(),
        Finding::Names { server, addresses: 1 } => format!("{server} has one address."),
        Finding::Names { server, addresses } => format!("{server} has {addresses} addresses."),
        Finding::NoNetwork => "This computer is in no network. Connect the cable, or the wireless network.".into(),
        Finding::NameUnknown { server } => format!(
            "{server} is not found, though there is a network. Check whether web pages open; if they do, call the help desk."
        ),
        Finding::Gateway { from } => format!("It answers. This computer's address begins with {from}"),
        Finding::OtherName { server, cause } => format!(
            "{server} does not answer ({cause}). Your office has another name for its gateway: that one is tried."
        ),
        Finding::Unreachable { server, cause } => format!(
            "{server} does not answer ({cause}). Check whether web pages open; a firewall at home or in a hotel may stand in the way. Otherwise call the help desk."
        ),
        Finding::Portal => {
            "This network wants something of you first. Open any page in a web browser, do what it asks, and try again.".into()
        }
        Finding::Certificate => "Who answers is your office's gateway.".into(),
        Finding::Untrusted { cause } => format!(
            "Who answers is not your office's gateway ({cause}). Do not give a password to anybody. Try another network, and call the help desk."
        ),
        Finding::UntrustedAtPortal { cause } => format!(
            "Who answers is not your office's gateway ({cause}). Do not give your office password to anybody, nor to a web page. This network shows a page of its own first, as a hotel's does: do what it asks, without that password, and try again. If nothing changes, call the help desk."
        ),
        Finding::TrustUnreadable { cause } => format!(
            "How your office's gateway is recognised cannot be read here ({cause}). Call the help desk, or ask your office for its profile once more; nothing was sent."
        ),
        Finding::NotTls { cause } => format!(
            "Something stands between you and your office and does not let encryption through ({cause}). Check the network, or try another one."
        ),
        Finding::Clock { .. } => "It is right.".into(),
        Finding::ClockWrong { off_s, behind } => format!(
            "It is {} {}. Set date, time and time zone, or let the system set them: codes and certificates fail otherwise.",
            span(*off_s, Language::En),
            if *behind { "slow" } else { "fast" }
        ),
        Finding::ClockDoubtful { now } => format!(
            "By this computer's clock ({}) the gateway's certificate does not hold, so nothing was sent to it. Check date and year; if they are right, call the help desk.",
            moment(*now, Language::En)
        ),
        Finding::Protocol => "Program and gateway understand each other.".into(),
        Finding::OtherProtocol => "The gateway speaks another version. Update this program.".into(),
        Finding::NotAGateway { cause } => {
            format!("It is your office's, but does not answer as a gateway does ({cause}). Call the help desk.")
        }
        Finding::Udp => "The fast connection gets through.".into(),
        Finding::ByChannel => {
            "This network blocks the fast connection (UDP). The desktop takes the protected web connection, which works too.".into()
        }
        Finding::NoSession { why } => why.clone(),
        Finding::UdpUntried => "Not tried: the gateway answers only in a session. --sign-in opens one for a moment.".into(),
        Finding::Workstation { woken_s: None } => "Your office computer answers.".into(),
        Finding::Workstation { woken_s: Some(seconds) } => {
            format!("Your office computer was asleep; your office woke it, and after {} it answered.", span(*seconds, Language::En))
        }
        Finding::WorkstationRefuses { port, session } => format!(
            "Your office computer refuses the connection (port {port}). If it has just been switched on, try again in a few minutes. Otherwise its remote desktop may be switched off. Call the help desk; the session's number is {session}."
        ),
        Finding::WorkstationSilent { port, session } => format!(
            "Your office computer does not answer (port {port}). Check with somebody at the office whether it is switched on and awake, or call the help desk; the session's number is {session}."
        ),
        Finding::WorkstationAsleep { session } => format!(
            "Your office is waking your office computer, which does not answer yet: it sleeps, is still starting, or its remote desktop is switched off. Check again in a few minutes; if it still does not, call the help desk; the session's number is {session}."
        ),
        Finding::WorkstationUnheard => {
            "The knock at it did not get past this computer. Check whether a security program forbids it, or call the help desk.".into()
        }
        Finding::SessionLost { why } => why.clone(),
        Finding::WorkstationUntried => "Not tried: it can be reached only in a session. --sign-in knocks at it.".into(),
        Finding::Door => "Programs on this computer reach each other.".into(),
        Finding::NoDoor { cause } => format!(
            "Programs on this computer do not reach each other ({cause}). Check whether a security program forbids it, or call the help desk."
        ),
        Finding::RdpProgram { version } => format!("{version}."),
        Finding::NoRdpProgram => {
            "The program that shows your desktop is missing. Install FreeRDP (package freerdp2-x11 or freerdp3-x11; on a Mac, Windows App does as well), or ask the help desk.".into()
        }
        Finding::RdpProgramBroken { program, cause } => {
            format!("{program} is there and does not run ({cause}). Install it anew, or call the help desk.")
        }
        Finding::Keyring => "It answers.".into(),
        Finding::NoKeyring => "There is none, or it is locked. Only computers that the office manages need one.".into(),
        Finding::Notifications => "Your desktop shows them.".into(),
        Finding::NoNotifications => {
            "Your desktop has no service that shows them: warnings stand in the program's own window or terminal.".into()
        }
        Finding::Folder => "They can be written.".into(),
        Finding::NoFolder { cause } => {
            format!("The program's files cannot be written ({cause}). Free space, or call the help desk.")
        }
        Finding::Disk { free_mib } => format!("{free_mib} MiB are free."),
        Finding::DiskFull { free_mib } => format!("Only {free_mib} MiB are free. Free some space."),
        Finding::NotLooked(_) => "Not looked at.".into(),
    }
}
