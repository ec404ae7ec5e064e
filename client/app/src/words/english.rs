//! The sentences in English.

use gateway_api::{CloseReason, factor::Happened, login::Language, session::Limit};

use super::{Forget, Span, Text, desktop, doctor, window::labels};
use crate::{clock, session::Unreached};

/// How a day is written.
const DAY: &str = "%-d %b %Y";

pub(super) fn say(text: &Text) -> String {
    match text {
        Text::AskServer => "The gateway's name: ".into(),
        Text::AskUser => "Your office user name: ".into(),
        Text::AskPassword { user } => format!("Office password of {user}: "),
        Text::AskCode => "Code (leave empty if you have none): ".into(),
        Text::AskNeededCode => "Code from your phone: ".into(),
        Text::AskEnrolmentCode => "The one-time code that your office gave you: ".into(),
        Text::ForTheApp => {
            "Open the authenticator app on your phone and scan the picture, or type in the key below (time-based, six digits). Do not keep the key: it is for the app alone.".into()
        }
        Text::AskFirstCode => "The code that the app shows now: ".into(),
        Text::Enrolled => {
            "From now on your office may ask for the app's code when you sign in. Below are your recovery codes: each takes the place of a code once, for the day when the phone is lost or broken. Write them down and keep them apart from this computer. They are shown only now.".into()
        }
        Text::CodeTooLong => "That is too long for a code.".into(),
        Text::CodeEmpty => "No code was given.".into(),
        Text::FactorNews { what, at } => factor_news(*what, *at),
        Text::AskNewPassword => "New password: ".into(),
        Text::AskNewPasswordAgain => "The new password once more: ".into(),
        Text::PasswordsDiffer => "The two were not the same. Once more, please.".into(),
        Text::PasswordChanged => "Your office password is changed. Sign in with the new one from now on.".into(),
        Text::OwnRecord { records: 0, .. } => "Nothing is recorded about you.".into(),
        Text::OwnRecord { records, left_off: 0 } => format!("What is recorded about you ({records}), oldest first. Your name and addresses are in it as well, sealed:"),
        Text::OwnRecord { records, left_off } => format!("Of what is recorded about you the newest, oldest first: {records}. Not shown, for they are older: {left_off}. Your name and addresses are in it as well, sealed:"),
        Text::NobodyLooked => "Nobody has looked at records that name you.".into(),
        Text::Looked { opening } => format!(
            "On {} records that name you were looked at: {}, from {} until {}, on ground {}) of article 11 (request {}, minute {}). You may ask your office for a copy of the minute.",
            moment(opening.at),
            opening.records,
            day_of(&opening.from),
            day_of(&opening.until),
            opening.ground,
            opening.request,
            opening.minute
        ),
        Text::Managed { name, ends_at } => format!(
            "Your office manages this computer now, as {name}. Its certificate holds until {}, and is renewed when you sign in.",
            day(*ends_at)
        ),
        Text::NotManaged => "This computer is not managed: there is no certificate to renew.".to_owned(),
        Text::NothingToRenew => "The certificate holds for long enough; there is nothing to renew yet.".to_owned(),
        Text::Forgotten => "This computer's key and certificate are deleted.".into(),
        Text::NothingToForget => "This computer has no certificate for that gateway.".into(),
        Text::Reaching { server } => format!("Signing in at {server}…"),
        Text::SignedIn { workstation, number, until } => {
            format!("Signed in. Your computer is {workstation}, until {until} at most. Session number {number}.")
        }
        Text::AssistanceWaits { worker, seconds } => {
            format!("Asking for the consent of {worker}: the answer is waited for, up to {}…", span(*seconds))
        }
        Text::Assisting { worker, workstation, number, until } => {
            format!("{worker} agreed. Their computer is {workstation}, until {until} at most. Session number {number}.")
        }
        Text::AssistanceOverSoon { seconds } => format!("The time for this assistance is over in {}.", span(*seconds)),
        Text::AssistanceOver => {
            "The time for this assistance is over: the session was closed. If it is still needed, ask again.".into()
        }
        Text::EndMoved { until } => format!("The office has changed when this session ends: now at {until} at the latest."),
        Text::Waking { workstation } => {
            format!("{workstation} is asleep: your office is waking it up. That may take a few minutes, and your desktop opens by itself.")
        }
        Text::Woken { workstation, seconds } => format!("{workstation} is awake, after {}.", span(*seconds)),
        Text::NotWoken { workstation, number } => format!(
            "{workstation} did not wake up, so the session was closed. Ask somebody at the office to switch it on, or call the help desk; the session's number is {number}."
        ),
        Text::Starting { program } => format!("Your desktop is opening ({program}). Close its window when you are done."),
        Text::DoorOpen { workstation } => format!("The way to {workstation} is open. Press Ctrl-C to close it."),
        Text::WireguardSecret => {
            "This configuration holds a private key. It is good for this session only: do not keep it, do not pass it on.".into()
        }
        Text::Holding { workstation } => {
            format!("The way to {workstation} is open for your WireGuard program. Press Ctrl-C to close it.")
        }
        Text::Warning { limit, seconds } => warning(*limit, &span(*seconds)),
        Text::WarningLifted { limit } => lifted(*limit).into(),
        Text::TunnelSilent => "The office does not answer at the moment. Please wait, or check your Internet line.".into(),
        Text::TunnelBack => "The office answers again.".into(),
        Text::ByChannel => {
            "Your network blocks fast connections (UDP): your desktop takes the secure web connection instead.".into()
        }
        Text::ByUdp => "Your network lets fast connections (UDP) through: your desktop takes them.".into(),
        Text::ChannelLost => "The line to the gateway was lost. Trying to get it back…".into(),
        Text::ChannelBack => "The line to the gateway is back.".into(),
        Text::Notice { name, text } => {
            format!("Your office asks you to read this before your desktop opens ({name}):\n\n{}\n", text.trim())
        }
        Text::NoticeAsked => {
            "Have you read it? Type y and Enter. That says that you have read it, not that you agree.".to_owned()
        }
        Text::NoticeUnread { asked: true } => "Your desktop opens once you have read what your office asks you to.".to_owned(),
        Text::NoticeUnread { asked: false } => {
            "There is something that you must read before your desktop opens, and nobody to say that it was read. Start `deskgate connect` once in a terminal, without --password-stdin.".to_owned()
        }
        Text::TraceAsked { seconds, answer_s } => format!(
            "Your office asks to record this session for up to {}, to test how it tells that nobody is at work.\n\
             Recorded are sizes and times of packets: they show when you press a key or move the mouse, but not which or where, and nothing of what you see, write or say.\n\
             The recording is deleted after seven days, and you can end it at any time.\n\
             Do you agree? Type y and Enter within {}. Anything else, or no answer, is a no.",
            span(*seconds),
            span(*answer_s)
        ),
        Text::TraceUnasked => {
            "Your office asked to record sizes and times of this session's packets. You could not be asked here, so nothing is recorded.".into()
        }
        Text::TraceRefused => "Nothing is recorded.".into(),
        Text::TraceTakenBack => "The question is taken back: nothing is recorded.".into(),
        Text::TraceBegun { seconds, by_key } => format!(
            "*** Sizes and times of this session's packets are being recorded, for up to {}. {} ***",
            span(*seconds),
            if *by_key { "Press Enter here to end that." } else { "Close the session to end that." }
        ),
        Text::TraceEnded => "*** The recording is over. ***".into(),
        Text::AssistanceAsked { technician, reason, seconds, answer_s } => format!(
            "{technician}, a technician of your office, asks to reach your office computer for up to {}: to see what is on it, and to use it.\n\
             What for: “{reason}”\n\
             That and when it was is recorded, and you can end it at any time.\n\
             Do you agree? Type y and Enter within {}. Anything else, or no answer, is a no.",
            span(*seconds),
            span(*answer_s)
        ),
        Text::AssistanceUnasked { technician } => {
            format!("{technician} asked to reach your office computer. You could not be asked here, so the answer was no.")
        }
        Text::AssistanceRefused => "No technician reaches your office computer.".into(),
        Text::AssistanceTakenBack => "The question is taken back: no technician reaches your office computer.".into(),
        Text::AssistanceBegun { technician, until, by_key } => format!(
            "*** {technician} reaches your office computer, until {until} at most. {} ***",
            if *by_key { "Press Enter here to end that." } else { "Close the session to end that." }
        ),
        Text::AssistanceEnded => "*** The assistance is over: no technician reaches your office computer any more. ***".into(),
        Text::NoteAssistanceAsked => "A technician asks to reach your office computer: please answer in Deskgate.".into(),
        Text::NoteAssistanceBegun => "A technician reaches your office computer now. Deskgate shows who, and ends it when you want.".into(),
        Text::NoNotifications => {
            "Warnings cannot be shown over your desktop. Look at this window now and then: they stand here.".into()
        }
        Text::NoteAssistanceEnded => "The assistance is over: no technician reaches your office computer any more.".into(),
        Text::WorkstationRefused { workstation, port } => format!(
            "{workstation} refuses the connection (port {port}). Its remote desktop may be switched off: ask the help desk."
        ),
        Text::WorkstationSilent { workstation, port } => format!(
            "{workstation} does not answer (port {port}). It may be switched off: ask somebody at the office, or the help desk."
        ),
        Text::WorkstationAnswers { workstation } => format!("{workstation} answers now."),
        Text::Unreached { workstation, number, how: Unreached::Refused } => format!(
            "{workstation} refused the connection, so the session was closed. If it has just been switched on, try again in a few minutes. Otherwise its remote desktop may be switched off: call the help desk; the session's number is {number}."
        ),
        Text::Unreached { workstation, number, how: Unreached::Silent } => format!(
            "{workstation} did not answer, so the session was closed. Is it switched on? Ask somebody at the office, or call the help desk; the session's number is {number}."
        ),
        Text::Left => {
            "This computer was locked for a minute, so the session was closed. Your programs are still open at the office. Sign in again.".into()
        }
        Text::Closing => "Closing the session…".into(),
        Text::Ended { reason, idle_minutes } => ended(*reason, *idle_minutes),
        Text::NotTold => "The gateway could not be told; it will close the session by itself in a few minutes.".into(),
        Text::SupportNumber { number } => format!("Support number: {number}"),
        Text::HelpDesk { phone } => format!("Help desk: {phone}"),
        Text::Found { finding } => (doctor::words(Language::En).say)(finding),
        Text::FoundUnsent { finding } => {
            format!("{} Your password was not sent.", (doctor::words(Language::En).say)(finding))
        }
        Text::NotUnderstood { support } => format!(
            "Your office's gateway did not understand this program (Deskgate {}). Try once more. If it happens again, the program is newer than the gateway: call the help desk, for the gateway is to be updated. Support number: {support}",
            env!("CARGO_PKG_VERSION")
        ),
        Text::Unreachable { server, cause } => {
            format!("{server} does not answer ({cause}). Check your Internet line, and try again in a few minutes.")
        }
        Text::NotAGateway { server, cause } => format!(
            "{server} answers, but not as a Deskgate gateway ({cause}). Check the name; a hotel's or train's network may want you to sign in first."
        ),
        Text::Untrusted { server, cause } => format!(
            "The certificate of {server} is not the office's ({cause}). Your password was not sent. Do not go on: call the help desk."
        ),
        Text::Refused { message, support } => format!("{message} Support number: {support}"),
        Text::NoTunnel { endpoint } => format!(
            "You are signed in, but the encrypted packets get through neither directly (UDP to {endpoint}) nor over the secure web connection. Try another network, such as your phone's."
        ),
        Text::NothingGranted => {
            "You are signed in, but nothing at your office computer was opened to you that this program can carry. Ask the help desk.".into()
        }
        Text::NoRdpProgram => {
            "No remote desktop program was found. Install FreeRDP (package freerdp2-x11 or freerdp3-x11; on a Mac, Windows App does as well), or name another program with --run.".into()
        }
        Text::ProgramMissing { program, cause } => format!("The program {program} could not be started: {cause}."),
        Text::ProgramFailed { program, status } => format!(
            "The program {program} ended at once with an error ({status}), and the session with it. What it said stands above."
        ),
        Text::ProgramBroke { program, status } => format!(
            "The connection to your desktop broke ({program}, {status}): the session was closed. Your programs are still open at the office. Sign in again."
        ),
        Text::PasswordWanted { workstation, again: false } => {
            format!("{workstation} wants your password before it shows your desktop:")
        }
        Text::PasswordWanted { workstation, again: true } => {
            format!("{workstation} did not take that password. Once more:")
        }
        Text::WorkstationUntrusted { workstation } => format!(
            "{workstation} shows another certificate than at your last visit, or the protected connection to it failed, so your desktop was not opened. Call the help desk: it knows whether the computer was changed."
        ),
        Text::WorkstationNotNamed { workstation, number } => format!(
            "The computer that answered as {workstation} did not show the certificate that your office named. Your desktop was not opened, and the session was closed. Call the help desk; the session's number is {number}."
        ),
        Text::LogonRefused { workstation } => format!(
            "{workstation} did not take your user name and password, so the session was closed. If you have changed your password, sign in with the new one; otherwise call the help desk."
        ),
        Text::LockedOut { workstation } => format!(
            "Your account is locked at {workstation}, so the session was closed. Call the help desk."
        ),
        Text::Desktop { why, names } => desktop::english(*why, names),
        Text::ProgramWentAway { program } => format!(
            "The program {program} ended at once, and the session with it. If it only opens a window and leaves, use --no-run and start it yourself."
        ),
        Text::PasswordEmpty => "No password was given.".into(),
        Text::PasswordTooLong => "That is too long for a password.".into(),
        Text::PasswordUnreadable { cause } => {
            format!("The password could not be read ({cause}). Start this program in a terminal, or use --password-stdin.")
        }
        Text::NobodyToAsk { option } => format!("There is no terminal to ask at: give {option}, or a profile."),
        Text::Unwritable { path, cause } => format!("{path} could not be written: {cause}."),
        Text::Broken { cause } => format!("This computer refused something the program needs: {cause}."),
        Text::ProfileUnsigned { path } => format!(
            "The profile {path} is not signed, so nobody can tell who wrote it. It is not used. Ask your office for a signed one."
        ),
        Text::ProfileBroken { path } => format!(
            "The profile {path} was changed, or damaged on its way, after your office signed it. It is not used. Ask your office for another copy."
        ),
        Text::ProfileWrong { path } => format!(
            "The profile {path} was made wrongly, or for a newer version of this program. It is not used. Ask your office for another one."
        ),
        Text::ProfileNewer { path } => {
            format!("The profile {path} was made for a newer version of this program. Update the program.")
        }
        Text::ProfileForeign { path, forget } => format!(
            "The profile {path} is signed by another office than yours. It is not used. If it came by mail, tell your office, by a phone number that you already had. If you work for another office now, {} first.",
            by(*forget)
        ),
        Text::ProfileOld { path, forget: None } => format!(
            "The profile {path} is older than the one you used last. It is not used. Take the newer one, or ask your office for it."
        ),
        Text::ProfileOld { path, forget: Some(forget) } => format!(
            "The profile {path} is older than the one you used last, and that one is dated in the future: a clock was wrong, or this computer's is. This one is not used. Check this computer's date; if it is right, {}, and compare the six words of this profile again.",
            by(*forget)
        ),
        Text::ProfilesBeside { names } => format!(
            "More than one profile lies beside the program: {names}. None is used. Keep there the one that your office sent last, and put the others elsewhere."
        ),
        Text::ProfileAhead { path, signed_at, now } => format!(
            "The profile {path} is signed with the date {}, and by this computer's clock it is {}: one of the two clocks is wrong. It is not used. Check this computer's date; if it is right, tell your office to set its own clock and to sign the profile again.",
            day(*signed_at),
            day(*now)
        ),
        Text::OfficeWords { words } => format!(
            "This is the first profile on this computer. Compare these six words with those in your office's letter:\n\n    {words}\n\nIf one differs, the profile is not your office's. Do not call a phone number that came with it."
        ),
        Text::AskOffice => "Are they the same, all six? Type y and Enter: ".into(),
        Text::OfficeRefused => {
            "The profile is not used. Tell your office, by a phone number from its letter: somebody may have sent you a false one.".into()
        }
        Text::OfficeUnasked => {
            "This is the first profile on this computer, and nobody can be asked whether it is your office's. Give the six words of your office's letter with --trust.".into()
        }
        Text::WordsDiffer { path } => {
            format!("The six words of the profile {path} are others than those given with --trust. It is not used.")
        }
        Text::NothingToCompare => "There is no profile whose words --trust could be compared with.".into(),
        Text::OfficeForgotten => {
            "Your office's key is forgotten. The next profile's six words are to be compared with the letter again.".into()
        }
        Text::NoOffice => "No office's key was known on this computer.".into(),
    }
}

fn by(forget: Forget) -> String {
    match forget {
        Forget::Command => "run `deskgate office forget`".to_owned(),
        Forget::Button => format!("press the button “{}” below", labels(Language::En).forget_office),
    }
}

fn factor_news(what: Happened, at: i64) -> String {
    let when = moment(at);
    let happened = match what {
        Happened::Enrolled => "an authenticator app was enrolled for your account",
        Happened::Reset => "your office took your authenticator app back, for you to enrol another",
        Happened::Removed => "your office removed your authenticator app",
        Happened::RecoveryCodeUsed => "somebody signed in as you with one of your recovery codes",
    };
    format!("Please note: on {when} {happened}. If you know nothing of it, call the help desk now.")
}

/// A moment in Unix seconds.
pub(super) fn moment(at: i64) -> String {
    clock::shown(at, "%-d %b %Y at %H:%M")
}

/// The day of a moment in Unix seconds.
fn day(at: i64) -> String {
    clock::shown(at, DAY)
}

/// A day that the gateway wrote, such as `2026-11-22`.
pub(super) fn day_of(written: &str) -> String {
    clock::day(written, DAY)
}

pub(super) fn span(seconds: u32) -> String {
    Span::new(seconds).say(["hour", "hours"], ["minute", "minutes"], ["second", "seconds"], " and ")
}

fn warning(limit: Limit, left: &str) -> String {
    match limit {
        Limit::Idle => {
            format!("You seem to be away: the session closes in {left}. Move the mouse at your desktop to stay.")
        }
        Limit::AgreementEnded => format!("Your hours end in {left}: save your work. The session closes then."),
        Limit::GatewayStopped => {
            format!("The gateway is switched off in {left}: save your work. The session closes then.")
        }
        Limit::LongestSession => {
            format!("The session has lasted long: it closes in {left}. Save your work; you may sign in again after.")
        }
        Limit::NeverUsed => {
            format!(
                "Your office computer has not been reached yet: the session closes in {left} unless your desktop opens."
            )
        }
        Limit::WorkstationGone => {
            format!("Your office computer does not answer any more: the session closes in {left} unless it comes back.")
        }
    }
}

fn lifted(limit: Limit) -> &'static str {
    match limit {
        Limit::Idle => "Welcome back: the session goes on.",
        Limit::NeverUsed | Limit::WorkstationGone => "Your office computer answers: the session goes on.",
        Limit::AgreementEnded | Limit::LongestSession | Limit::GatewayStopped => "The session goes on.",
    }
}

fn ended(reason: CloseReason, idle_minutes: u32) -> String {
    match reason {
        CloseReason::ProgramEnded => "You closed your desktop: the session is closed. Goodbye.".into(),
        CloseReason::WorkerClosed => "The session is closed. Goodbye.".into(),
        CloseReason::Idle => format!(
            "You were away for {}: the session was closed. Your programs are still open at the office. Sign in again.",
            span(idle_minutes.saturating_mul(60))
        ),
        CloseReason::AgreementEnded => {
            "Your hours are over: the session was closed. Your programs are still open at the office. Sign in again when your next hours begin.".into()
        }
        CloseReason::LongestSession => {
            "The session reached its longest time and was closed. Your programs are still open. Sign in again.".into()
        }
        CloseReason::Replaced => {
            "You signed in somewhere else, so this session was closed. If it was not you, call the help desk now.".into()
        }
        CloseReason::Leaver => "Your office account is not in order: the session was closed. Ask the help desk.".into(),
        CloseReason::PolicyWithdrawn => {
            "The office withdrew or changed your permission: the session was closed. Ask your office.".into()
        }
        CloseReason::DeviceRevoked => {
            "This computer is no longer admitted by the office: the session was closed. Ask the help desk.".into()
        }
        CloseReason::RoamUnconfirmed => {
            "Your computer changed networks and could not confirm it: the session was closed. Sign in again.".into()
        }
        CloseReason::WorkstationGone => {
            "Your office computer stopped answering: the session was closed. Ask somebody at the office to look at it.".into()
        }
        CloseReason::DirectoryDeadline => {
            "The office could not check your account for too long: the session was closed. Try again later.".into()
        }
        CloseReason::AssistanceEnded => {
            "The assistance is over: the worker ended it, or is not connected any more. If it is still needed, ask again.".into()
        }
        CloseReason::Technician => {
            "The technician closed the session, as agreed with you. Sign in again if you want to go on.".into()
        }
        CloseReason::Administrator => "An administrator closed the session. Ask the help desk why.".into(),
        CloseReason::NeverUsed => {
            "Nothing ever reached your office computer: the session was closed. Sign in again; if it recurs, call the help desk.".into()
        }
        CloseReason::NotWoken => {
            "Your office computer did not wake up: the session was closed. Ask somebody at the office to switch it on, or call the help desk.".into()
        }
        CloseReason::ClientLost => {
            "The line to the gateway was lost for too long: the session was closed. Your programs are still open. Sign in again.".into()
        }
        CloseReason::GatewayStopped => {
            "The gateway was switched off: the session was closed. Try again later.".into()
        }
    }
}
