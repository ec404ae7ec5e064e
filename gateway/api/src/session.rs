//! What a running session is told, and the closed list of its ends.
//!
//! The words of [`CloseReason`] are the same in code, wire, log and manual.

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};

use crate::probe::Nonce;

/// A session's number: 40 random bits that mean nothing elsewhere, read aloud as `K7QM-2F9D`
/// (Crockford's base32: no I, L, O, U).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SessionNumber(u64);

const DIGITS: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";

impl SessionNumber {
    /// The low 40 bits of `random`.
    pub const fn new(random: u64) -> Self {
        Self(random & 0xff_ffff_ffff)
    }

    /// The 40 bits, for storing.
    pub const fn bits(self) -> u64 {
        self.0
    }

    /// Reads a number as people write it: any case, with or without the dash, `O` for `0`, `I` and `L` for `1`.
    pub fn parse(text: &str) -> Option<Self> {
        let mut bits = 0u64;
        let mut digits = 0;
        for c in text.trim().bytes().filter(|c| *c != b'-') {
            let c = match c.to_ascii_uppercase() {
                b'O' => b'0',
                b'I' | b'L' => b'1',
                c => c,
            };
            bits = (bits << 5) | DIGITS.iter().position(|d| *d == c)? as u64;
            digits += 1;
            if digits > 8 {
                return None;
            }
        }
        (digits == 8).then_some(Self(bits))
    }
}

impl std::fmt::Display for SessionNumber {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for place in (0..8).rev() {
            let digit = DIGITS.get((self.0 >> (place * 5)) as usize & 31).copied().unwrap_or(b'0');
            write!(f, "{}", digit as char)?;
            if place == 4 {
                f.write_str("-")?;
            }
        }
        Ok(())
    }
}

impl std::fmt::Debug for SessionNumber {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        std::fmt::Display::fmt(self, f)
    }
}

impl Serialize for SessionNumber {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for SessionNumber {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text).ok_or_else(|| D::Error::custom("not a session number: expected eight letters or digits"))
    }
}

/// Why a session ended. Exactly one for each session.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum CloseReason {
    /// The RDP program at home ended.
    ProgramEnded,
    /// The worker closed it: Ctrl-C, close, logout of the home computer.
    WorkerClosed,
    /// Nobody at keyboard or mouse for the idle limit.
    Idle,
    /// The hours or dates of the agreement are over.
    AgreementEnded,
    /// It lasted as long as a session may.
    LongestSession,
    /// The same worker signed in again.
    Replaced,
    /// The directory no longer has the account in order.
    Leaver,
    /// The policy no longer grants it.
    PolicyWithdrawn,
    /// The certificate of the home computer was revoked.
    DeviceRevoked,
    /// The client's new address was never confirmed.
    RoamUnconfirmed,
    /// The workstation stopped answering.
    WorkstationGone,
    /// The directory could not be asked for too long.
    DirectoryDeadline,
    /// A technician ended it with the worker's consent.
    Technician,
    /// A technician's session: the worker ended the assistance, or the worker's own session ended.
    AssistanceEnded,
    /// An administrator closed it.
    Administrator,
    /// Nothing ever reached the workstation.
    NeverUsed,
    /// The workstation slept, and waking it came to nothing.
    NotWoken,
    /// The client's session channel was lost for longer than the grace, or nobody waited any more for the login's answer.
    ClientLost,
    /// The gateway stopped for good.
    GatewayStopped,
}

impl CloseReason {
    /// Every reason, in the order of the manual.
    pub const ALL: [Self; 19] = [
        Self::ProgramEnded,
        Self::WorkerClosed,
        Self::Idle,
        Self::AgreementEnded,
        Self::LongestSession,
        Self::Replaced,
        Self::Leaver,
        Self::PolicyWithdrawn,
        Self::DeviceRevoked,
        Self::RoamUnconfirmed,
        Self::WorkstationGone,
        Self::DirectoryDeadline,
        Self::Technician,
        Self::AssistanceEnded,
        Self::Administrator,
        Self::NeverUsed,
        Self::NotWoken,
        Self::ClientLost,
        Self::GatewayStopped,
    ];

    /// The word in wire, log and manual.
    pub fn word(self) -> &'static str {
        match self {
            Self::ProgramEnded => "program_ended",
            Self::WorkerClosed => "worker_closed",
            Self::Idle => "idle",
            Self::AgreementEnded => "agreement_ended",
            Self::LongestSession => "longest_session",
            Self::Replaced => "replaced",
            Self::Leaver => "leaver",
            Self::PolicyWithdrawn => "policy_withdrawn",
            Self::DeviceRevoked => "device_revoked",
            Self::RoamUnconfirmed => "roam_unconfirmed",
            Self::WorkstationGone => "workstation_gone",
            Self::DirectoryDeadline => "directory_deadline",
            Self::Technician => "technician",
            Self::AssistanceEnded => "assistance_ended",
            Self::Administrator => "administrator",
            Self::NeverUsed => "never_used",
            Self::NotWoken => "not_woken",
            Self::ClientLost => "client_lost",
            Self::GatewayStopped => "gateway_stopped",
        }
    }

    /// Reads [`Self::word`] back.
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|reason| reason.word() == word)
    }
}

/// `DELETE /v1/session?reason=…`: why the client ends its session. Only these two are the client's to give.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ClientReason {
    /// The RDP program ended.
    ProgramEnded,
    /// The worker closed the session.
    WorkerClosed,
}

impl ClientReason {
    /// Reads the word of the query back.
    pub fn from_word(word: &str) -> Option<Self> {
        [Self::ProgramEnded, Self::WorkerClosed].into_iter().find(|reason| CloseReason::from(*reason).word() == word)
    }
}

impl From<ClientReason> for CloseReason {
    fn from(reason: ClientReason) -> Self {
        match reason {
            ClientReason::ProgramEnded => Self::ProgramEnded,
            ClientReason::WorkerClosed => Self::WorkerClosed,
        }
    }
}

/// What an approaching end is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Limit {
    /// Nobody at keyboard or mouse; using the desktop prolongs.
    Idle,
    /// The hours or dates of the agreement; nothing prolongs.
    AgreementEnded,
    /// The longest session; signing in again prolongs.
    LongestSession,
    /// The gateway is about to stop for good; nothing prolongs.
    GatewayStopped,
    /// The workstation never answered; an answer prolongs.
    NeverUsed,
    /// The workstation stopped answering; an answer prolongs.
    WorkstationGone,
}

impl Limit {
    /// Those of the end that a session has from its beginning: where that is put later, a warning of them no longer holds, and no
    /// [`Event::WarningLifted`] says so.
    pub const OF_THE_END: [Self; 2] = [Self::AgreementEnded, Self::LongestSession];
}

/// A text frame of the session channel, gateway to client.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum Event {
    /// The channel holds the session from now on.
    Attached,
    /// The session will end in `seconds`, unless what prolongs it happens.
    Warning {
        /// What will end it.
        limit: Limit,
        /// Seconds left.
        seconds: u32,
    },
    /// What prolongs happened: the last warning of that limit no longer holds.
    WarningLifted {
        /// What will not end it now.
        limit: Limit,
    },
    /// The session ends by itself at another moment than the login said ([`crate::login::Limits::ends_at`]). Told again to each channel that
    /// comes later.
    EndMoved {
        /// Seconds until then.
        seconds: u32,
    },
    /// The workstation, which slept when the session opened ([`crate::login::WorkstationState::Waking`]), answers. Told again to
    /// each channel that comes later.
    WorkstationReady,
    /// The office asks to record sizes and times of this session's packets, no content. Without an answer it is not done.
    TraceAsked {
        /// To be named in the answer.
        question: u32,
        /// How long the recording would last at most.
        seconds: u32,
        /// How long the answer is waited for.
        answer_s: u32,
    },
    /// The recording has begun; the worker is to see that, and may end it ([`Request::EndTrace`]).
    TraceBegun {
        /// How long it lasts at most.
        seconds: u32,
    },
    /// The recording is over, or the question is taken back.
    TraceEnded,
    /// A technician asks to reach this workstation. Without an answer it is not done.
    AssistanceAsked {
        /// To be named in the answer.
        question: u32,
        /// Who asks, as the directory names them.
        technician: String,
        /// What for, as the technician wrote it: at most [`LONGEST_REASON`](crate::login::LONGEST_REASON) bytes, one line.
        reason: String,
        /// How long it lasts at most.
        seconds: u32,
        /// How long the answer is waited for.
        answer_s: u32,
    },
    /// A technician reaches the workstation now; the worker is to see that, and may end it ([`Request::EndAssistance`]). Told again to
    /// each channel that comes later, and when its end becomes another one.
    AssistanceBegun {
        /// Who it is.
        technician: String,
        /// Seconds until it ends by itself.
        seconds: u32,
    },
    /// No technician reaches the workstation any more, or the question is taken back.
    AssistanceEnded,
    /// The session is over; the channel closes after this frame.
    Closed {
        /// Why.
        reason: CloseReason,
    },
}

/// A text frame of the session channel, client to gateway. Anything else that a client says there ends the channel.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize)]
#[serde(tag = "request", rename_all = "snake_case", deny_unknown_fields)]
pub enum Request {
    /// A probe reached the client: it is where that was sent.
    Confirm {
        /// The probe's.
        nonce: Nonce,
    },
    /// The worker's answer to [`Event::TraceAsked`].
    AnswerTrace {
        /// Which question.
        question: u32,
        /// Whether it may be recorded.
        consent: bool,
    },
    /// The worker ends the recording.
    EndTrace,
    /// The worker's answer to [`Event::AssistanceAsked`].
    AnswerAssistance {
        /// Which question.
        question: u32,
        /// Whether the technician may reach the workstation.
        consent: bool,
    },
    /// The worker ends the assistance.
    EndAssistance,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_read_as_people_say_it() {
        let number = SessionNumber::new(0x98_f5_41_3d_2d);
        let text = number.to_string();
        assert_eq!((text.len(), text.as_bytes()[4]), (9, b'-'));
        for said in [text.clone(), text.to_lowercase(), text.replace('-', ""), format!(" {text} ")] {
            assert_eq!(SessionNumber::parse(&said), Some(number), "{said}");
        }
        assert_eq!(SessionNumber::parse("OIL0-0000"), SessionNumber::parse("0110-0000"));
        for wrong in ["", "K7QM", "K7QM-2F9DX", "K7QM-2F9U", "K7QM 2F9D"] {
            assert_eq!(SessionNumber::parse(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn every_number_reads_back() {
        for bits in (0..40).map(|bit| 1u64 << bit).chain([0, 0xff_ffff_ffff, u64::MAX]) {
            let number = SessionNumber::new(bits);
            assert_eq!(SessionNumber::parse(&number.to_string()), Some(number));
            assert_eq!(
                serde_json::from_str::<SessionNumber>(&serde_json::to_string(&number).unwrap()).unwrap(),
                number
            );
        }
    }

    #[test]
    fn a_reason_is_one_word_everywhere() {
        for reason in CloseReason::ALL {
            assert_eq!(serde_json::to_string(&reason).unwrap(), format!("\"{}\"", reason.word()));
            assert_eq!(CloseReason::from_word(reason.word()), Some(reason));
        }
        assert_eq!(CloseReason::from_word("tired"), None);
    }

    #[test]
    fn a_client_may_give_its_own_reasons_only() {
        let mine = CloseReason::ALL.into_iter().filter(|reason| ClientReason::from_word(reason.word()).is_some());
        assert_eq!(mine.collect::<Vec<_>>(), [CloseReason::ProgramEnded, CloseReason::WorkerClosed]);
    }

    #[test]
    fn events_are_tagged_by_their_word() {
        let warning = Event::Warning { limit: Limit::AgreementEnded, seconds: 300 };
        let text = r#"{"event":"warning","limit":"agreement_ended","seconds":300}"#;
        assert_eq!(serde_json::to_string(&warning).unwrap(), text);
        assert_eq!(serde_json::from_str::<Event>(text).unwrap(), warning);
        let moved = r#"{"event":"end_moved","seconds":300}"#;
        assert_eq!(serde_json::to_string(&Event::EndMoved { seconds: 300 }).unwrap(), moved);
        let ready = r#"{"event":"workstation_ready"}"#;
        assert_eq!(serde_json::to_string(&Event::WorkstationReady).unwrap(), ready);
        let closed = r#"{"event":"closed","reason":"idle","later":1}"#;
        assert_eq!(serde_json::from_str::<Event>(closed).unwrap(), Event::Closed { reason: CloseReason::Idle });
    }

    #[test]
    fn assistance_is_asked_by_name_and_answered_by_its_question() {
        let (technician, reason) = ("g.neri".to_owned(), "the printer".to_owned());
        let asked = Event::AssistanceAsked { question: 7, technician, reason, seconds: 900, answer_s: 60 };
        let text = concat!(
            r#"{"event":"assistance_asked","question":7,"technician":"g.neri","#,
            r#""reason":"the printer","seconds":900,"answer_s":60}"#
        );
        assert_eq!(serde_json::to_string(&asked).unwrap(), text);
        assert_eq!(serde_json::from_str::<Event>(text).unwrap(), asked);
        let answer = r#"{"request":"answer_assistance","question":7,"consent":false}"#;
        let read: Request = serde_json::from_str(answer).unwrap();
        assert_eq!(read, Request::AnswerAssistance { question: 7, consent: false });
        assert_eq!(serde_json::from_str::<Request>(r#"{"request":"end_assistance"}"#).unwrap(), Request::EndAssistance);
    }

    #[test]
    fn a_request_is_read_strictly() {
        let text = r#"{"request":"confirm","nonce":"000102030405060708090a0b0c0d0e0f"}"#;
        let confirm = Request::Confirm { nonce: Nonce(std::array::from_fn(|n| n as u8)) };
        assert_eq!(serde_json::to_string(&confirm).unwrap(), text);
        assert_eq!(serde_json::from_str::<Request>(text).unwrap(), confirm);
        let answer = Request::AnswerTrace { question: 7, consent: true };
        let answered = r#"{"request":"answer_trace","question":7,"consent":true}"#;
        assert_eq!(serde_json::to_string(&answer).unwrap(), answered);
        assert_eq!(serde_json::from_str::<Request>(answered).unwrap(), answer);
        assert_eq!(serde_json::from_str::<Request>(r#"{"request":"end_trace"}"#).unwrap(), Request::EndTrace);
        for wrong in [
            r#"{"request":"confirm"}"#,
            r#"{"request":"answer_trace","question":7}"#,
            r#"{"request":"other"}"#,
            &text.replace('}', r#","more":1}"#),
        ] {
            assert!(serde_json::from_str::<Request>(wrong).is_err(), "{wrong}");
        }
    }
}
