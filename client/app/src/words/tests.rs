use super::*;
use crate::clock;

/// These, each as it would be written alone. One that is left out does not compile.
macro_rules! texts {
    ($(Text::$text:ident $({ $($field:tt)* })?,)*) => {{
        #[expect(unreachable_patterns, reason = "some have more than one sample")]
        let _ = |text: &Text| match text {
            $(Text::$text { .. } => {})*
        };
        vec![$(Text::$text $({ $($field)* })?),*]
    }};
}

/// One of each at least.
fn samples() -> Vec<Text> {
    let s = || "X-1".to_owned();
    // One that has a meaning in Italian.
    let cause = || "timed out".to_owned();
    let number = SessionNumber::new(1);
    let mut all = texts![
        Text::AskServer,
        Text::AskUser,
        Text::AskPassword { user: s() },
        Text::AskCode,
        Text::AskNeededCode,
        Text::AskEnrolmentCode,
        Text::ForTheApp,
        Text::AskFirstCode,
        Text::Enrolled,
        Text::CodeTooLong,
        Text::CodeEmpty,
        Text::FactorNews { what: Happened::Enrolled, at: 1_795_000_000 },
        Text::AskNewPassword,
        Text::AskNewPasswordAgain,
        Text::PasswordsDiffer,
        Text::PasswordChanged,
        Text::OwnRecord { records: 0, left_off: 0 },
        Text::OwnRecord { records: 3, left_off: 0 },
        Text::OwnRecord { records: 2000, left_off: 3 },
        Text::NobodyLooked,
        Text::Looked {
            opening: Box::new(Opening {
                request: 7,
                minute: 3,
                at: 0,
                from: s(),
                until: s(),
                ground: s(),
                requested_as: s(),
                approved_as: s(),
                records: 5,
            }),
        },
        Text::Managed { name: s(), ends_at: 1_795_000_000 },
        Text::NotManaged,
        Text::NothingToRenew,
        Text::Forgotten,
        Text::NothingToForget,
        Text::Reaching { server: s() },
        Text::Notice { name: s(), text: s() },
        Text::NoticeAsked,
        Text::NoticeUnread { asked: true },
        Text::NoticeUnread { asked: false },
        Text::SignedIn { workstation: s(), number, until: s() },
        Text::Desktop { why: Why::ALL[0], names: Names { workstation: s(), program: s(), status: s() } },
        Text::EndMoved { until: s() },
        Text::Waking { workstation: s() },
        Text::Woken { workstation: s(), seconds: 42 },
        Text::NotWoken { workstation: s(), number },
        Text::Starting { program: s() },
        Text::DoorOpen { workstation: s() },
        Text::WireguardSecret,
        Text::Holding { workstation: s() },
        Text::Warning { limit: Limit::Idle, seconds: 300 },
        Text::WarningLifted { limit: Limit::Idle },
        Text::TunnelSilent,
        Text::TunnelBack,
        Text::ByChannel,
        Text::ByUdp,
        Text::ChannelLost,
        Text::ChannelBack,
        Text::TraceAsked { seconds: 600, answer_s: 60 },
        Text::TraceUnasked,
        Text::TraceRefused,
        Text::TraceTakenBack,
        Text::TraceBegun { seconds: 600, by_key: true },
        Text::TraceBegun { seconds: 600, by_key: false },
        Text::TraceEnded,
        Text::AssistanceWaits { worker: s(), seconds: 60 },
        Text::Assisting { worker: s(), workstation: s(), number, until: s() },
        Text::AssistanceOverSoon { seconds: 60 },
        Text::AssistanceOver,
        Text::AssistanceAsked { technician: s(), reason: s(), seconds: 900, answer_s: 60 },
        Text::AssistanceUnasked { technician: s() },
        Text::AssistanceRefused,
        Text::AssistanceTakenBack,
        Text::AssistanceBegun { technician: s(), until: s(), by_key: true },
        Text::AssistanceBegun { technician: s(), until: s(), by_key: false },
        Text::AssistanceEnded,
        Text::NoteAssistanceAsked,
        Text::NoteAssistanceBegun,
        Text::NoteAssistanceEnded,
        Text::NoNotifications,
        Text::NoNotifications,
        Text::WorkstationRefused { workstation: s(), port: 3389 },
        Text::WorkstationSilent { workstation: s(), port: 3389 },
        Text::WorkstationAnswers { workstation: s() },
        Text::Unreached { workstation: s(), number, how: Unreached::Refused },
        Text::Unreached { workstation: s(), number, how: Unreached::Silent },
        Text::Left,
        Text::Closing,
        Text::Ended { reason: CloseReason::Idle, idle_minutes: 15 },
        Text::NotTold,
        Text::SupportNumber { number },
        Text::HelpDesk { phone: s() },
        Text::Found { finding: Finding::NoNetwork },
        Text::FoundUnsent { finding: Finding::UntrustedAtPortal { cause: cause() } },
        Text::NotUnderstood { support: s() },
        Text::Unreachable { server: s(), cause: cause() },
        Text::NotAGateway { server: s(), cause: cause() },
        Text::Untrusted { server: s(), cause: cause() },
        Text::Refused { message: s(), support: s() },
        Text::NoTunnel { endpoint: ([192, 0, 2, 1], 51820).into() },
        Text::NothingGranted,
        Text::NoRdpProgram,
        Text::ProgramMissing { program: s(), cause: cause() },
        Text::ProgramFailed { program: s(), status: s() },
        Text::ProgramBroke { program: s(), status: s() },
        Text::PasswordWanted { workstation: s(), again: false },
        Text::PasswordWanted { workstation: s(), again: true },
        Text::WorkstationUntrusted { workstation: s() },
        Text::WorkstationNotNamed { workstation: s(), number },
        Text::LogonRefused { workstation: s() },
        Text::LockedOut { workstation: s() },
        Text::ProgramWentAway { program: s() },
        Text::PasswordEmpty,
        Text::PasswordTooLong,
        Text::PasswordUnreadable { cause: cause() },
        Text::NobodyToAsk { option: "--server" },
        Text::Unwritable { path: s(), cause: cause() },
        Text::Broken { cause: cause() },
        Text::ProfileUnsigned { path: s() },
        Text::ProfileBroken { path: s() },
        Text::ProfileNewer { path: s() },
        Text::ProfileWrong { path: s() },
        Text::ProfileForeign { path: s(), forget: Forget::Command },
        Text::ProfileForeign { path: s(), forget: Forget::Button },
        Text::ProfileOld { path: s(), forget: None },
        Text::ProfileOld { path: s(), forget: Some(Forget::Command) },
        Text::ProfileOld { path: s(), forget: Some(Forget::Button) },
        Text::ProfilesBeside { names: s() },
        Text::ProfileAhead { path: s(), signed_at: 1_795_000_000, now: 1_790_000_000 },
        Text::OfficeWords { words: s() },
        Text::AskOffice,
        Text::OfficeRefused,
        Text::OfficeUnasked,
        Text::WordsDiffer { path: s() },
        Text::NothingToCompare,
        Text::OfficeForgotten,
        Text::NoOffice,
    ];
    for limit in [
        Limit::Idle,
        Limit::AgreementEnded,
        Limit::LongestSession,
        Limit::GatewayStopped,
        Limit::NeverUsed,
        Limit::WorkstationGone,
    ] {
        all.push(Text::Warning { limit, seconds: 300 });
        all.push(Text::WarningLifted { limit });
    }
    for what in [Happened::Enrolled, Happened::Reset, Happened::Removed, Happened::RecoveryCodeUsed] {
        all.push(Text::FactorNews { what, at: 1_795_000_000 });
    }
    all.extend(Why::ALL.map(|why| Text::Desktop { why, names: Names { workstation: s(), program: s(), status: s() } }));
    all.extend(CloseReason::ALL.map(|reason| Text::Ended { reason, idle_minutes: 15 }));
    all
}

#[test]
fn every_text_is_written_in_both_languages_and_differs_between_them() {
    for text in samples() {
        let (italian, english) = (text.say(Language::It), text.say(Language::En));
        assert_ne!(italian, english, "{text:?}");
        assert!(!italian.contains("timed out"), "{italian}");
        for sentence in [italian, english] {
            assert!(sentence.len() > 3, "{text:?}: {sentence}");
            assert!(
                !sentence.contains(['{', '}']) && !sentence.replace("\n    ", "").contains("  "),
                "{text:?}: {sentence}"
            );
            assert_eq!(sentence.trim_end(), sentence.trim_end_matches('\n').trim_end(), "{text:?}: {sentence}");
        }
    }
}

#[test]
fn every_end_is_told_in_its_own_words() {
    for language in [Language::It, Language::En] {
        let told: std::collections::BTreeSet<String> =
            CloseReason::ALL.map(|reason| Text::Ended { reason, idle_minutes: 15 }.say(language)).into();
        assert_eq!(told.len(), CloseReason::ALL.len());
    }
}

#[test]
fn every_end_but_a_workers_own_says_what_to_do() {
    let names = || Names { workstation: "pc".to_owned(), program: "xfreerdp".to_owned(), status: "1".to_owned() };
    let own = [CloseReason::ProgramEnded, CloseReason::WorkerClosed];
    let ends = CloseReason::ALL.into_iter().filter(|reason| !own.contains(reason));
    let ends = ends.map(|reason| Text::Ended { reason, idle_minutes: 15 });
    let all: Vec<Text> = ends.chain(Why::ALL.map(|why| Text::Desktop { why, names: names() })).collect();
    let english = ["Sign in", "sign in", "Ask ", " ask ", "all the help desk", "Try again", "Start ", "Install "];
    let italian = ["Accedi", "accedi", "Chiedi ", "chiedi ", "hiama ", "Riprova", "Avvia ", "Installa "];
    for text in all {
        for (language, advice) in [(Language::En, english), (Language::It, italian)] {
            let said = text.say(language);
            let last = said.rsplit(". ").next().unwrap_or_default();
            assert!(advice.iter().any(|word| last.contains(word)), "{text:?}: {said}");
        }
    }
}

#[test]
fn times_are_said_as_people_say_them() {
    let warning = |seconds| Text::Warning { limit: Limit::AgreementEnded, seconds };
    for (seconds, english, italian) in [
        (900, "15 minutes", "15 minuti"),
        (60, "1 minute", "1 minuto"),
        (61, "1 minute and 1 second", "1 minuto e 1 secondo"),
        (301, "5 minutes", "5 minuti"),
        (3720, "1 hour and 2 minutes", "1 ora e 2 minuti"),
        (0, "0 seconds", "0 secondi"),
    ] {
        assert!(warning(seconds).say(Language::En).contains(english), "{seconds}");
        assert!(warning(seconds).say(Language::It).contains(italian), "{seconds}");
    }
}

#[test]
fn days_and_times_are_written_as_the_language_writes_them() {
    let at = clock::of_wall("2026-03-09 07:05");
    assert_eq!(moment(at, Language::En), "9 Mar 2026 at 07:05");
    assert_eq!(moment(at, Language::It), "09/03/2026 alle 07:05");
    let managed = Text::Managed { name: "pc".to_owned(), ends_at: at };
    assert!(managed.say(Language::En).contains("until 9 Mar 2026,"));
    assert!(managed.say(Language::It).contains("fino al 09/03/2026 e"));
    let clock = Text::Found { finding: Finding::ClockDoubtful { now: at } };
    assert!(clock.say(Language::En).contains("(9 Mar 2026 at 07:05)"));
    assert!(clock.say(Language::It).contains("(09/03/2026 alle 07:05)"));
    assert_eq!(english::day_of("2026-11-01"), "1 Nov 2026");
    assert_eq!(italian::day_of("in November"), "in November", "what is no day stays");
}

#[test]
fn the_locale_picks_the_language() {
    for (locale, expected) in [
        ("it_IT.UTF-8", Language::It),
        ("it", Language::It),
        ("it-CH", Language::It),
        ("en_GB.UTF-8", Language::En),
        ("C", Language::En),
        ("", Language::En),
        ("italian", Language::En),
    ] {
        assert_eq!(language(locale), expected, "{locale}");
    }
}
