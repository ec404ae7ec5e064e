//! What events and outcomes of a session are in words: the same sentences in the terminal and in the window.

use gateway_api::{
    CloseReason, SessionNumber,
    login::{Language, RefusalCode},
    session::Limit,
};

use crate::{
    Exit,
    answers::About,
    clock,
    doctor::Finding,
    notification::{Matter, Urgency},
    session::{Event, Outcome},
    words::Text,
};

/// An event in words, if it is worth any. `door` says that the person starts the program that shows the desktop.
pub(crate) fn event(event: Event, door: bool) -> Option<Text> {
    Some(match event {
        Event::Reaching { server } => Text::Reaching { server },
        Event::Reached => return None,
        Event::Notice { name, text } => Text::Notice { name, text },
        Event::NoticeAsked => Text::NoticeAsked,
        Event::AssistanceOverSoon { seconds } => Text::AssistanceOverSoon { seconds },
        Event::AssistanceWaits { worker, seconds } => Text::AssistanceWaits { worker, seconds },
        Event::SignedIn { session, workstation, ends_at, assists: None, .. } => {
            Text::SignedIn { workstation, number: session, until: clock::wall(ends_at) }
        }
        Event::SignedIn { session, workstation, ends_at, assists: Some(worker), .. } => {
            Text::Assisting { worker, workstation, number: session, until: clock::wall(ends_at) }
        }
        Event::FactorNews(news) => Text::FactorNews { what: news.what, at: news.at },
        Event::Waking { workstation } => Text::Waking { workstation },
        Event::Woken { workstation, seconds } => Text::Woken { workstation, seconds },
        Event::Open { workstation, .. } if door => Text::DoorOpen { workstation },
        Event::Open { .. } | Event::DesktopBegins | Event::WorkstationReached { .. } => return None,
        Event::PasswordWanted { workstation, again } => Text::PasswordWanted { workstation, again },
        Event::ProgramStarted { program } => Text::Starting { program },
        Event::WireguardSecret => Text::WireguardSecret,
        Event::Holding { workstation } => Text::Holding { workstation },
        Event::Warning { limit, seconds } => Text::Warning { limit, seconds },
        Event::WarningLifted { limit } => Text::WarningLifted { limit },
        Event::EndMoved { ends_at, .. } => Text::EndMoved { until: clock::wall(ends_at) },
        Event::TunnelSilent => Text::TunnelSilent,
        Event::TunnelBack => Text::TunnelBack,
        Event::ByChannel => Text::ByChannel,
        Event::ByUdp => Text::ByUdp,
        Event::ChannelLost => Text::ChannelLost,
        Event::ChannelBack => Text::ChannelBack,
        Event::TraceAsked { seconds, answer_s, .. } => Text::TraceAsked { seconds, answer_s },
        Event::TraceUnasked => Text::TraceUnasked,
        Event::TraceRefused => Text::TraceRefused,
        Event::TraceTakenBack => Text::TraceTakenBack,
        Event::TraceBegun { seconds, by_key } => Text::TraceBegun { seconds, by_key },
        Event::TraceEnded => Text::TraceEnded,
        Event::AssistanceAsked { technician, reason, seconds, answer_s, .. } => {
            Text::AssistanceAsked { technician, reason, seconds, answer_s }
        }
        Event::AssistanceUnasked { technician } => Text::AssistanceUnasked { technician },
        Event::AssistanceRefused => Text::AssistanceRefused,
        Event::AssistanceTakenBack => Text::AssistanceTakenBack,
        Event::AssistanceBegun { technician, ends_at, by_key, .. }
        | Event::AssistanceMoved { technician, ends_at, by_key, .. } => {
            Text::AssistanceBegun { technician, until: clock::wall(ends_at), by_key }
        }
        Event::AssistanceEnded => Text::AssistanceEnded,
        Event::WorkstationRefused { workstation, port } => Text::WorkstationRefused { workstation, port },
        Event::WorkstationSilent { workstation, port } => Text::WorkstationSilent { workstation, port },
        Event::WorkstationAnswers { workstation, .. } => Text::WorkstationAnswers { workstation },
        Event::NoNotifications => Text::NoNotifications,
        Event::Left => Text::Left,
        Event::Closing => Text::Closing,
        Event::NotTold => Text::NotTold,
    })
}

/// What is said by a notification of the desktop too: whoever works in a window that fills the screen sees no other. Nothing of what
/// somebody else wrote: desktops read signs of their own in it.
pub(crate) fn aside(event: &Event) -> Option<(Text, Urgency)> {
    let said = || self::event(event.clone(), false);
    match event {
        Event::Warning { limit, .. } => said().map(|text| (text, Urgency::Critical(Matter::Warning(*limit)))),
        Event::AssistanceOverSoon { .. } => {
            said().map(|text| (text, Urgency::Critical(Matter::Warning(Limit::LongestSession))))
        }
        Event::AssistanceAsked { .. } => {
            Some((Text::NoteAssistanceAsked, Urgency::Critical(Matter::Question(About::Assistance))))
        }
        Event::WarningLifted { .. } => said().map(|text| (text, Urgency::Normal)),
        Event::AssistanceBegun { .. } => Some((Text::NoteAssistanceBegun, Urgency::Normal)),
        Event::AssistanceEnded => Some((Text::NoteAssistanceEnded, Urgency::Normal)),
        _ => None,
    }
}

/// A sentence, with the number under which the help desk finds what it tells.
pub(crate) fn numbered(sentence: String, support: Option<SessionNumber>, language: Language) -> String {
    match support {
        Some(number) => format!("{sentence} {}", Text::SupportNumber { number }.say(language)),
        None => sentence,
    }
}

/// An outcome in words, and as an exit code.
pub(crate) fn outcome(outcome: Outcome, server: String) -> (Exit, Text) {
    match outcome {
        Outcome::Ended { reason, idle_minutes } => {
            // There was a session, but what ended it is that the gateway was not to be reached.
            let exit = if reason == CloseReason::ClientLost { Exit::Unreachable } else { Exit::Ended };
            (exit, Text::Ended { reason, idle_minutes })
        }
        Outcome::AssistanceOver { .. } => (Exit::Ended, Text::AssistanceOver),
        Outcome::NotWoken { workstation, number } => (Exit::Unreachable, Text::NotWoken { workstation, number }),
        Outcome::Unreached { workstation, number, how } => {
            (Exit::Unreachable, Text::Unreached { workstation, number, how })
        }
        Outcome::ProgramWentAway { program } => (Exit::Ended, Text::ProgramWentAway { program }),
        Outcome::ProgramFailed { program, status } => (Exit::Failed, Text::ProgramFailed { program, status }),
        Outcome::ProgramBroke { program, status } => (Exit::Failed, Text::ProgramBroke { program, status }),
        Outcome::WorkstationUntrusted { workstation } => (Exit::Failed, Text::WorkstationUntrusted { workstation }),
        Outcome::WorkstationNotNamed { workstation, number } => {
            (Exit::Failed, Text::WorkstationNotNamed { workstation, number })
        }
        Outcome::LogonRefused { workstation } => (Exit::Failed, Text::LogonRefused { workstation }),
        Outcome::LockedOut { workstation } => (Exit::Failed, Text::LockedOut { workstation }),
        Outcome::Desktop { why, names } => {
            (if why.is_well() { Exit::Ended } else { Exit::Failed }, Text::Desktop { why, names })
        }
        Outcome::ProgramMissing { program, cause } => (Exit::Failed, Text::ProgramMissing { program, cause }),
        Outcome::NothingGranted => (Exit::Failed, Text::NothingGranted),
        Outcome::NoRdpProgram => (Exit::Failed, Text::NoRdpProgram),
        Outcome::Unwritable { path, cause } => (Exit::Failed, Text::Unwritable { path, cause }),
        Outcome::Broken { cause } => (Exit::Failed, Text::Broken { cause }),
        Outcome::Untrusted { cause } => (Exit::Failed, Text::Untrusted { server, cause }),
        Outcome::NotAGateway { cause } => (Exit::Failed, Text::NotAGateway { server, cause }),
        Outcome::NoTunnel { endpoint } => (Exit::Unreachable, Text::NoTunnel { endpoint }),
        Outcome::NoNetwork => (Exit::Unreachable, Text::Found { finding: Finding::NoNetwork }),
        Outcome::Unresolved => (Exit::Unreachable, Text::Found { finding: Finding::NameUnknown { server } }),
        Outcome::Portal => (Exit::Unreachable, Text::Found { finding: Finding::Portal }),
        Outcome::UntrustedAtPortal { cause } => {
            (Exit::Failed, Text::FoundUnsent { finding: Finding::UntrustedAtPortal { cause } })
        }
        Outcome::Untimely => (Exit::Failed, Text::Found { finding: Finding::ClockDoubtful { now: clock::unix() } }),
        Outcome::OtherVersion => (Exit::Failed, Text::Found { finding: Finding::OtherProtocol }),
        Outcome::Unreachable { cause } => (Exit::Unreachable, Text::Unreachable { server, cause }),
        Outcome::NoticeUnread { asked } => (Exit::Refused, Text::NoticeUnread { asked }),
        // Gateways refuse what they do not know; what an older program sends, each of them knows.
        Outcome::Refused(refusal) if refusal.code == RefusalCode::BadRequest => {
            (Exit::Refused, Text::NotUnderstood { support: refusal.support })
        }
        Outcome::Refused(refusal) => {
            (Exit::Refused, Text::Refused { message: refusal.message, support: refusal.support })
        }
    }
}
