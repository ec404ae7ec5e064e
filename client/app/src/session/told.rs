//! What a front end is told of a session, while it lasts and at its end.

use std::net::SocketAddr;

use gateway_api::{CloseReason, SessionNumber, factor::News as FactorNews, login::Refusal, session::Limit};
use serde::Serialize;

use crate::{api::Failure, listener::Address, rdp::Why, words::desktop::Names};

/// What happened.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub(crate) enum Event {
    /// The gateway is being asked.
    Reaching { server: String },
    /// It was reached, and has shown that it is the office's.
    Reached,
    /// The office wants this read before there is a session; all of it.
    Notice { name: String, text: String },
    /// Whether it was read is asked.
    NoticeAsked,
    /// A technician's login waits for the worker's answer, for so many seconds at most.
    AssistanceWaits { worker: String, seconds: u32 },
    /// A technician's session will end soon: its time, or the worker's own, is over then.
    AssistanceOverSoon { seconds: u32 },
    /// The login succeeded. `ends_at` is in Unix seconds; until then it is `remaining_s` by the gateway's clock. A technician's is for the
    /// workstation of the worker who is assisted.
    SignedIn {
        session: SessionNumber,
        workstation: String,
        ends_at: i64,
        remaining_s: u32,
        #[serde(skip_serializing_if = "Option::is_none")]
        assists: Option<String>,
    },
    /// Something happened to the person's second factor lately.
    FactorNews(FactorNews),
    /// The tunnel is up, and the workstation sleeps: the office wakes it.
    Waking { workstation: String },
    /// It answers, after so long.
    Woken { workstation: String, seconds: u32 },
    /// The tunnel is up, the workstation is awake, and the doors are open.
    Open { workstation: String, doors: Vec<Address> },
    /// The program that shows the desktop was started.
    ProgramStarted { program: String },
    /// The first of the desktop came from the workstation.
    DesktopBegins,
    /// The workstation wants the password before it shows anything, and the program cannot ask for it; `again` where it did not take the
    /// last one. With it the program is started anew.
    PasswordWanted { workstation: String, again: bool },
    /// The configuration for another WireGuard program holds a secret and is about to be shown.
    WireguardSecret,
    /// The configuration was handed over.
    Holding { workstation: String },
    /// The session will end soon.
    Warning { limit: Limit, seconds: u32 },
    /// The end that was warned of comes not: the person came back, or the workstation answers.
    WarningLifted { limit: Limit },
    /// The session ends by itself at another moment than was told, for the office has changed that. Told again after a lost channel.
    EndMoved { ends_at: i64, remaining_s: u32 },
    /// Nothing comes back from the gateway.
    TunnelSilent,
    /// Something came back again.
    TunnelBack,
    /// UDP does not get through: packets take the session channel.
    ByChannel,
    /// Packets take UDP again.
    ByUdp,
    /// The session channel was lost.
    ChannelLost,
    /// The session channel is back.
    ChannelBack,
    /// The office asks to record sizes and times of this session's packets.
    TraceAsked { question: u32, seconds: u32, answer_s: u32 },
    /// It asked, and there is no terminal to answer at: that is a no.
    TraceUnasked,
    /// The worker said no.
    TraceRefused,
    /// The question does not stand any more.
    TraceTakenBack,
    /// The recording goes on; `by_key` says whether a key ends it.
    TraceBegun { seconds: u32, by_key: bool },
    /// The recording is over.
    TraceEnded,
    /// A technician asks to reach the workstation, for so many seconds at most; so many are there to answer.
    AssistanceAsked { question: u32, technician: String, reason: String, seconds: u32, answer_s: u32 },
    /// One asked, and there is no terminal to answer at: that is a no.
    AssistanceUnasked { technician: String },
    /// The worker said no.
    AssistanceRefused,
    /// The question does not stand any more.
    AssistanceTakenBack,
    /// A technician reaches the workstation, until `ends_at` (Unix seconds, by this computer's clock) at most; `by_key` says whether a key
    /// ends it.
    AssistanceBegun { technician: String, seconds: u32, ends_at: i64, by_key: bool },
    /// Who is there stays, until another moment.
    AssistanceMoved { technician: String, seconds: u32, ends_at: i64, by_key: bool },
    /// No technician reaches it any more.
    AssistanceEnded,
    /// The workstation accepted a connection to a port, the first that anybody tried there.
    WorkstationReached { workstation: String, port: u16 },
    /// The workstation refuses connections to a port.
    WorkstationRefused { workstation: String, port: u16 },
    /// The workstation does not answer at a port.
    WorkstationSilent { workstation: String, port: u16 },
    /// It answers at a port where it did not before.
    WorkstationAnswers { workstation: String, port: u16 },
    /// A notification of the desktop was not shown; told once.
    NoNotifications,
    /// This computer's screen has been locked for a minute: nobody is here.
    Left,
    /// The session is being closed from here.
    Closing,
    /// The gateway could not be told of the end.
    NotTold,
}

/// How it came out.
#[derive(Debug)]
pub(crate) enum Outcome {
    /// There was a session, and it ended.
    Ended { reason: CloseReason, idle_minutes: u32 },
    /// There was a technician's session, and its time, or the worker's own, is over.
    AssistanceOver { reason: CloseReason },
    /// There was a session, and its workstation did not wake.
    NotWoken { workstation: String, number: SessionNumber },
    /// There was a session, and the workstation was not there when its program last knocked, before that ended.
    Unreached { workstation: String, number: SessionNumber, how: Unreached },
    /// There was a session, and its program ended at once without an error.
    ProgramWentAway { program: String },
    /// There was a session, and its program ended at once with an error.
    ProgramFailed { program: String, status: String },
    /// There was a session, and its program ended with an error after a while.
    ProgramBroke { program: String, status: String },
    /// There was a session, and the workstation did not show the certificate it had shown before.
    WorkstationUntrusted { workstation: String },
    /// There was a session, and the workstation did not show the certificate that the policy names.
    WorkstationNotNamed { workstation: String, number: SessionNumber },
    /// There was a session, and the workstation did not take name and password from its program.
    LogonRefused { workstation: String },
    /// There was a session, and the account is locked at the workstation.
    LockedOut { workstation: String },
    /// There was a session, and its desktop ended, or never began, for a reason that can be told.
    Desktop { why: Why, names: Names },
    /// There was a session, and its program could not be started.
    ProgramMissing { program: String, cause: String },
    /// There was a session, but packets do not get through.
    NoTunnel { endpoint: SocketAddr },
    /// There was a session, but nothing to carry.
    NothingGranted,
    /// There was a session, but its configuration could not be written.
    Unwritable { path: String, cause: String },
    /// The gateway refused.
    Refused(Box<Refusal>),
    /// A notice was not marked as read; `asked` says whether there was anybody to ask.
    NoticeUnread { asked: bool },
    /// Nothing leads out of this computer.
    NoNetwork,
    /// The gateway's name has no address.
    Unresolved,
    /// The gateway does not answer.
    Unreachable { cause: String },
    /// Who answers is not the gateway.
    Untrusted { cause: String },
    /// The same, in a network that wants something of the person first.
    UntrustedAtPortal { cause: String },
    /// The network wants something of the person first.
    Portal,
    /// No program is there that shows a desktop: nothing was begun.
    NoRdpProgram,
    /// The certificate of who answers does not hold at this computer's time.
    Untimely,
    /// The gateway speaks another version.
    OtherVersion,
    /// Who answers is none.
    NotAGateway { cause: String },
    /// This computer refused something.
    Broken { cause: String },
}

/// How a workstation was not reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unreached {
    /// It refuses the connection.
    Refused,
    /// It does not answer.
    Silent,
}

impl From<Failure> for Outcome {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::NoNetwork => Self::NoNetwork,
            Failure::Untimely => Self::Untimely,
            Failure::OtherVersion => Self::OtherVersion,
            Failure::Unresolved => Self::Unresolved,
            Failure::Unreachable(cause) => Self::Unreachable { cause },
            Failure::Untrusted(cause) => Self::Untrusted { cause },
            Failure::UntrustedAtPortal(cause) => Self::UntrustedAtPortal { cause },
            Failure::Portal => Self::Portal,
            Failure::NotAGateway(cause) => Self::NotAGateway { cause },
            Failure::Refused(refusal) => Self::Refused(refusal),
            Failure::Gone => Self::NotAGateway { cause: "it does not know its own session".to_owned() },
        }
    }
}
