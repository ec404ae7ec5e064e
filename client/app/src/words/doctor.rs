//! What `deskgate doctor` says: of each finding how it is, and of each that is not well what to do.

mod english;
mod italian;

use gateway_api::login::Language;

use crate::doctor::{Check, Finding, Verdict};

/// The words in one language.
pub(crate) struct Words {
    pub(crate) verdict: fn(Verdict) -> &'static str,
    pub(crate) check: fn(Check) -> &'static str,
    pub(crate) say: fn(&Finding) -> String,
    /// Above everything: of the report's number.
    pub(crate) title: fn(&str) -> String,
    /// Nothing is bad.
    pub(crate) well: &'static str,
    /// Of how much is bad, and the report's number.
    pub(crate) unwell: fn(usize, &str) -> String,
    /// Of the report's file.
    pub(crate) written: fn(&str) -> String,
    /// Of the report's file, and why it could not be written.
    pub(crate) unwritten: fn(&str, &str) -> String,
}

/// The words in a language.
pub(crate) fn words(language: Language) -> &'static Words {
    match language {
        Language::It => &italian::WORDS,
        Language::En => &english::WORDS,
    }
}

#[cfg(test)]
mod tests {
    use gateway_api::SessionNumber;

    use super::*;

    fn samples() -> Vec<Finding> {
        let s = || "X-1".to_owned();
        // One that has a meaning in Italian.
        let cause = || "timed out".to_owned();
        vec![
            Finding::Profile,
            Finding::NoProfile,
            Finding::ProfileUnknown,
            Finding::NoServer,
            Finding::Names { server: s(), addresses: 1 },
            Finding::Names { server: s(), addresses: 2 },
            Finding::NoNetwork,
            Finding::NameUnknown { server: s() },
            Finding::Gateway { from: s() },
            Finding::Unreachable { server: s(), cause: cause() },
            Finding::OtherName { server: s(), cause: cause() },
            Finding::Portal,
            Finding::Certificate,
            Finding::Untrusted { cause: cause() },
            Finding::UntrustedAtPortal { cause: cause() },
            Finding::TrustUnreadable { cause: cause() },
            Finding::NotTls { cause: cause() },
            Finding::Clock { off_s: 1 },
            Finding::ClockWrong { off_s: 90, behind: true },
            Finding::ClockWrong { off_s: 90, behind: false },
            Finding::ClockDoubtful { now: 1_795_000_000 },
            Finding::Protocol,
            Finding::OtherProtocol,
            Finding::NotAGateway { cause: cause() },
            Finding::Udp,
            Finding::ByChannel,
            Finding::UdpUntried,
            Finding::Workstation { woken_s: None },
            Finding::Workstation { woken_s: Some(40) },
            Finding::WorkstationRefuses { port: 3389, session: SessionNumber::new(7) },
            Finding::WorkstationSilent { port: 3389, session: SessionNumber::new(7) },
            Finding::WorkstationAsleep { session: SessionNumber::new(7) },
            Finding::WorkstationUnheard,
            Finding::WorkstationUntried,
            Finding::Door,
            Finding::NoDoor { cause: cause() },
            Finding::RdpProgram { version: s() },
            Finding::NoRdpProgram,
            Finding::RdpProgramBroken { program: s(), cause: cause() },
            Finding::Keyring,
            Finding::NoKeyring,
            Finding::Notifications,
            Finding::NoNotifications,
            Finding::Folder,
            Finding::NoFolder { cause: cause() },
            Finding::Disk { free_mib: 4000 },
            Finding::DiskFull { free_mib: 3 },
            Finding::NotLooked(Check::Udp),
        ]
    }

    #[test]
    fn every_finding_is_said_in_both_languages_and_differs_between_them() {
        for finding in samples() {
            let said = [Language::It, Language::En].map(|language| (words(language).say)(&finding));
            // A program's own version is said in no language.
            assert!(!said[0].contains("timed out"), "{}", said[0]);
            assert!(said[0] != said[1] || matches!(finding, Finding::RdpProgram { .. }), "{finding:?}");
            for sentence in said {
                assert!(sentence.len() > 3 && !sentence.contains(['{', '}', '\n']), "{finding:?}: {sentence}");
            }
        }
    }

    #[test]
    fn what_is_bad_says_what_to_do() {
        for finding in samples().into_iter().filter(|finding| finding.verdict() == Verdict::Bad) {
            let said = (words(Language::En).say)(&finding);
            let advice =
                ["Check", "Connect", "Install", "Call", "Update", "Free", "Open", "Set", "Start", "Do not", "Give"];
            assert!(advice.iter().any(|word| said.contains(word)), "{finding:?}: {said}");
        }
    }
}
