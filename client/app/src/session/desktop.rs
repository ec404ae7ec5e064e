//! What shows the desktop: its start, its end, and the password that a workstation wants of it.

use std::net::SocketAddr;

use gateway_api::{CloseReason, login::Password};

use super::{
    Event, Finish, Outcome, Show, Starter, Working,
    doors::{desktop_door, rdp_door},
};
use crate::{
    answers::{Answer, Asking, Line},
    clock,
    listener::Address,
    rdp::{self, Desktop, Ended, Launcher, Seen, Why},
    words::desktop::Names,
};

/// How often a worker may type the workstation's password: few wrong ones lock no account.
const PASSWORDS: u8 = 3;

impl Working<'_> {
    /// The doors are open, and the workstation answers: what shows the desktop may begin.
    pub(super) async fn opened(&mut self, doors: Vec<Address>, show: &Show) -> Option<Finish> {
        let entrance = match show {
            Show::Program(starter) => desktop_door(&doors).map(|door| (starter, door)),
            Show::Rdp(starter) => rdp_door(&doors).map(|door| (starter, door)),
            Show::Door | Show::Wireguard(_) => None,
        };
        (self.tell)(&Event::Open { workstation: self.session.workstation.name.clone(), doors });
        let (starter, door) = entrance?;
        self.start(starter, door).await
    }

    /// Starts what shows the desktop.
    async fn start(&mut self, starter: &Starter, door: SocketAddr) -> Option<Finish> {
        self.entrance = Some(door);
        let password = self.password.take();
        let desktop = Desktop {
            door,
            user: &self.user,
            workstation: &self.session.workstation.name,
            gateway: self.client.server().first().host(),
            certificate: self.session.workstation.certificate,
            redirect: &self.session.redirect,
            password: password.as_ref(),
        };
        let launcher = Launcher::new();
        let started = match starter {
            Starter::Found(found, screen) => rdp::found(found, &desktop, *screen, &launcher).await,
            Starter::Given(template) => rdp::given(template, &desktop, &launcher),
        };
        match started {
            Ok(program) => {
                (self.tell)(&Event::ProgramStarted { program: program.name().to_owned() });
                self.program = Some(program);
                None
            }
            Err(error) => Some(Finish::Impossible(Outcome::ProgramMissing {
                program: starter.name(),
                cause: crate::api::plain(&error),
            })),
        }
    }

    /// The program ended: where that is for want of a password, the worker is asked for it.
    pub(super) fn program_ended(&mut self, how: Ended) -> Option<Finish> {
        let wants = match how {
            Ended::Because(Why::PasswordUnasked, _) => self.asked == 0,
            Ended::LogonRefused | Ended::Because(Why::SignInBroke, _) => (1..PASSWORDS).contains(&self.asked),
            _ => false,
        };
        if !wants || self.reaching.failed().is_some() {
            return Some(Finish::Program(how));
        }
        self.program = None;
        self.wanting = Some(how);
        None
    }

    /// Asks for the password that is wanted, once it can be asked for: where lines are typed, after what else was asked.
    pub(super) fn ask_for_password(&mut self) -> Option<Finish> {
        if self.wanting.is_none() || (self.answers.asking() == Asking::OneByOne && self.consents.is_asked()) {
            return None;
        }
        let how = self.wanting.take()?;
        if !self.answers.listen_for_password() {
            return Some(Finish::Program(how));
        }
        let workstation = self.session.workstation.name.clone();
        (self.tell)(&Event::PasswordWanted { workstation, again: self.asked > 0 });
        self.asked += 1;
        None
    }

    /// What was asked for.
    pub(super) async fn take_password(&mut self, password: Password, show: &Show) -> Option<Finish> {
        let (Show::Program(starter) | Show::Rdp(starter), None) = (show, &self.program) else { return None };
        let door = self.entrance?;
        if rdp::takes(&password) {
            self.password = Some(password);
            self.seen = Seen::Nothing;
            return self.start(starter, door).await;
        }
        if password.expose().is_empty() {
            // Enter alone ends what goes on.
            self.asked -= 1;
            let steps = self.consents.answered(Answer::Line(Line::Empty), clock::now());
            self.do_steps(steps);
        }
        self.wanting = Some(Ended::Because(Why::PasswordUnasked, String::new()));
        None
    }

    /// What came of it, once its program has ended.
    pub(super) fn desktop_ended(&self, how: Ended, program: String) -> Outcome {
        let (workstation, number) = (self.session.workstation.name.clone(), self.session.number);
        // Where nothing comes through the tunnel, that is no fault of the workstation.
        match (how, self.reaching.failed().filter(|_| !self.silent)) {
            // Some say what they met in a window of their own, and end as if all were well.
            (Ended::Normally | Ended::WentAway | Ended::AtOnce(_) | Ended::Broke(_) | Ended::Untrusted, Some(how)) => {
                Outcome::Unreached { workstation, number, how }
            }
            (Ended::Because(why, _), Some(how)) if !why.is_well() => Outcome::Unreached { workstation, number, how },
            (Ended::Normally, _) => {
                Outcome::Ended { reason: CloseReason::ProgramEnded, idle_minutes: self.session.limits.idle_s / 60 }
            }
            (Ended::WentAway, _) => Outcome::ProgramWentAway { program },
            (Ended::AtOnce(status), _) => Outcome::ProgramFailed { program, status },
            (Ended::Broke(status), _) => Outcome::ProgramBroke { program, status },
            (Ended::Untrusted, _) if self.session.workstation.certificate.is_some() => {
                Outcome::WorkstationNotNamed { workstation, number }
            }
            (Ended::Untrusted, _) => Outcome::WorkstationUntrusted { workstation },
            (Ended::LogonRefused, _) => Outcome::LogonRefused { workstation },
            (Ended::LockedOut, _) => Outcome::LockedOut { workstation },
            (Ended::Because(why, status), _) => Outcome::Desktop { why, names: Names { workstation, program, status } },
        }
    }
}
