//! What a session for a moment shows: by which way its packets go, and whether the workstation answers.
//!
//! ```text
//!  tunnel ──> the workstation is awake ──────────> one knock at its desktop's port ──> accepted, refused, no answer ──> close
//!     └─────> it sleeps ── awake within a minute ─────┘
//!                  └────── not yet ────────────────────────────────────────────────────────────────────────────────> close
//! ```
//!
//! It hears what the session tells its front end, and says what to do next. The session is like any other; [`follow`] does what a
//! person would: starts something that goes in by the door, and ends it.

use std::{cell::RefCell, convert::Infallible, future::pending, net::SocketAddr, time::Duration};

use gateway_api::{CloseReason, SessionNumber};
use tokio::{
    net::TcpStream,
    sync::mpsc::{UnboundedReceiver, UnboundedSender},
    time::{Instant, timeout, timeout_at},
};

use super::{Check, Finding};
use crate::session::{Event, Outcome, desktop_door};

/// For a workstation to wake. Some take longer; whoever looks for a fault is told so, and waits no longer.
const WAKING_TIME: Duration = Duration::from_secs(60);
/// For word of a knock. An attempt that is not answered is told after ten seconds.
const KNOCK_TIME: Duration = Duration::from_secs(15);

/// What is to be done next.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// Wait for so long at most.
    Wait(Duration),
    /// Knock at the workstation by this door, and wait for so long at most for word of it.
    Knock(SocketAddr, Duration),
    /// Enough was seen: close the session.
    Close,
}

/// How far the workstation was reached.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum State {
    /// The tunnel is not up.
    #[default]
    Begun,
    /// It is up, and the workstation sleeps.
    Asleep,
    /// It was knocked at.
    Knocked,
    /// There was no word of the knock in time.
    Unheard,
    Answered,
    Refused {
        port: u16,
    },
    Silent {
        port: u16,
    },
}

/// A session for a moment.
#[derive(Debug, Default)]
pub(crate) struct Trial {
    number: Option<SessionNumber>,
    by_channel: bool,
    /// How long it took the workstation to wake, in seconds, if it slept.
    woken_s: Option<u32>,
    state: State,
}

impl Trial {
    /// The session told something.
    pub(crate) fn told(&mut self, event: &Event) -> Option<Step> {
        match event {
            Event::SignedIn { session, .. } => self.number = Some(*session),
            Event::ByChannel => self.by_channel = true,
            Event::ByUdp => self.by_channel = false,
            Event::Waking { .. } => {
                self.state = State::Asleep;
                return Some(Step::Wait(WAKING_TIME));
            }
            Event::Woken { seconds, .. } => self.woken_s = Some(*seconds),
            Event::Open { doors, .. } => {
                self.state = State::Knocked;
                return Some(desktop_door(doors).map_or(Step::Close, |door| Step::Knock(door, KNOCK_TIME)));
            }
            Event::WorkstationReached { .. } | Event::WorkstationAnswers { .. } => return self.close(State::Answered),
            Event::WorkstationRefused { port, .. } => return self.close(State::Refused { port: *port }),
            Event::WorkstationSilent { port, .. } => return self.close(State::Silent { port: *port }),
            _ => {}
        }
        None
    }

    /// What was waited for did not come.
    fn handle_timeout(&mut self) {
        if self.state == State::Knocked {
            self.state = State::Unheard;
        }
    }

    fn close(&mut self, state: State) -> Option<Step> {
        self.state = state;
        Some(Step::Close)
    }

    /// What was found of the way, and of the workstation. `say` puts an end that says nothing of either into words.
    pub(crate) fn findings(&self, outcome: Outcome, say: impl FnOnce(Outcome) -> String) -> [Finding; 2] {
        let not_looked = Finding::NotLooked(Check::Workstation);
        let Some(session) = self.number.filter(|_| self.state != State::Begun) else {
            return [Finding::NoSession { why: say(outcome) }, not_looked];
        };
        let way = if self.by_channel { Finding::ByChannel } else { Finding::Udp };
        let workstation = match (self.state, outcome) {
            (State::Answered, _) => Finding::Workstation { woken_s: self.woken_s },
            (State::Refused { port }, _) => Finding::WorkstationRefuses { port, session },
            (State::Silent { port }, _) => Finding::WorkstationSilent { port, session },
            (State::Unheard, _) => Finding::WorkstationUnheard,
            (State::Asleep, Outcome::NotWoken { .. } | Outcome::Ended { reason: CloseReason::WorkerClosed, .. }) => {
                Finding::WorkstationAsleep { session }
            }
            // The person had enough.
            (State::Begun | State::Knocked, Outcome::Ended { reason: CloseReason::WorkerClosed, .. }) => not_looked,
            (State::Begun | State::Asleep | State::Knocked, outcome) => Finding::SessionLost { why: say(outcome) },
        };
        [way, workstation]
    }
}

/// Does the steps of a trial, and says `enough` once it is over or has waited long enough. The session's end ends it.
pub(crate) async fn follow(
    trial: &RefCell<Trial>,
    mut steps: UnboundedReceiver<Step>,
    enough: UnboundedSender<()>,
) -> Infallible {
    let (mut until, mut _knock) = (None, None);
    loop {
        let step = match until {
            Some(until) => timeout_at(until, steps.recv()).await,
            None => Ok(steps.recv().await),
        };
        match step {
            Ok(Some(Step::Wait(time))) => until = Some(Instant::now() + time),
            Ok(Some(Step::Knock(door, time))) => {
                until = Some(Instant::now() + time);
                // Kept: the door asks the system whose it is, which knows that only while it is there.
                _knock = timeout(time, TcpStream::connect(door)).await.ok();
            }
            Ok(Some(Step::Close) | None) => break,
            Err(_) => {
                trial.borrow_mut().handle_timeout();
                break;
            }
        }
    }
    let _ = enough.send(());
    pending().await
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use gateway_api::login::RDP;
    use tokio::{net::TcpListener, sync::mpsc::unbounded_channel};

    use super::*;
    use crate::listener::Address;

    const NUMBER: SessionNumber = SessionNumber::new(7);

    fn name() -> String {
        "anagrafe-07".to_owned()
    }

    fn door(name: &str, port: u16) -> Address {
        Address { name: name.to_owned(), address: (Ipv4Addr::LOCALHOST, port).into() }
    }

    fn open() -> Event {
        Event::Open { workstation: name(), doors: vec![door("web", 1), door(RDP, 2)] }
    }

    /// A trial that was told this, and what it wants last.
    fn told(events: &[Event]) -> (Trial, Option<Step>) {
        let signed_in =
            Event::SignedIn { session: NUMBER, workstation: name(), ends_at: 0, remaining_s: 0, assists: None };
        let mut trial = Trial::default();
        trial.told(&signed_in);
        let step = events.iter().map(|event| trial.told(event)).last().flatten();
        (trial, step)
    }

    fn ended(reason: CloseReason) -> Outcome {
        Outcome::Ended { reason, idle_minutes: 0 }
    }

    fn findings(trial: &Trial, reason: CloseReason) -> [Finding; 2] {
        trial.findings(ended(reason), |_| "why".to_owned())
    }

    #[test]
    fn whoever_is_awake_is_knocked_at_and_what_becomes_of_it_ends_the_session() {
        let (workstation, port) = (name(), 3389);
        assert_eq!(told(&[open()]).1, Some(Step::Knock((Ipv4Addr::LOCALHOST, 2).into(), KNOCK_TIME)));
        for (event, finding) in [
            (
                Event::WorkstationReached { workstation: workstation.clone(), port },
                Finding::Workstation { woken_s: None },
            ),
            (
                Event::WorkstationRefused { workstation: workstation.clone(), port },
                Finding::WorkstationRefuses { port, session: NUMBER },
            ),
            (
                Event::WorkstationSilent { workstation: workstation.clone(), port },
                Finding::WorkstationSilent { port, session: NUMBER },
            ),
        ] {
            let (trial, step) = told(&[open(), event]);
            assert_eq!(step, Some(Step::Close));
            assert_eq!(findings(&trial, CloseReason::WorkerClosed), [Finding::Udp, finding]);
        }
    }

    #[test]
    fn whoever_sleeps_is_waited_for_and_then_knocked_at() {
        let waking = Event::Waking { workstation: name() };
        let (trial, step) = told(std::slice::from_ref(&waking));
        assert_eq!(step, Some(Step::Wait(Duration::from_secs(60))));
        let asleep = Finding::WorkstationAsleep { session: NUMBER };
        assert_eq!(findings(&trial, CloseReason::WorkerClosed)[1], asleep);
        let not_woken = Outcome::NotWoken { workstation: name(), number: NUMBER };
        assert_eq!(trial.findings(not_woken, |_| String::new())[1], asleep);

        let woken = Event::Woken { workstation: name(), seconds: 40 };
        let answers = Event::WorkstationReached { workstation: name(), port: 3389 };
        let (trial, _) = told(&[waking, woken, open(), answers]);
        assert_eq!(findings(&trial, CloseReason::WorkerClosed)[1], Finding::Workstation { woken_s: Some(40) });
    }

    #[test]
    fn what_was_not_learnt_is_not_said_to_be_well() {
        let nothing = Finding::NotLooked(Check::Workstation);
        let why = || "why".to_owned();
        let (trial, _) = told(&[Event::ByChannel]);
        assert_eq!(
            findings(&trial, CloseReason::WorkerClosed),
            [Finding::NoSession { why: why() }, nothing.clone()],
            "the tunnel never came up"
        );
        let (mut trial, _) = told(&[Event::ByChannel, open()]);
        assert_eq!(findings(&trial, CloseReason::WorkerClosed), [Finding::ByChannel, nothing], "a person had enough");
        let lost = Finding::SessionLost { why: why() };
        assert_eq!(findings(&trial, CloseReason::PolicyWithdrawn), [Finding::ByChannel, lost]);
        trial.handle_timeout();
        assert_eq!(findings(&trial, CloseReason::WorkerClosed)[1], Finding::WorkstationUnheard);
    }

    #[tokio::test]
    async fn a_trial_that_waits_in_vain_has_enough_once_its_time_is_over() {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let (trial, _) = told(&[open()]);
        let trial = RefCell::new(trial);
        let (next, steps) = unbounded_channel();
        let (enough, mut ends) = unbounded_channel();
        // The second step takes the place of the first, which would wait on.
        next.send(Step::Wait(Duration::from_secs(3600))).unwrap();
        next.send(Step::Knock(listener.local_addr().unwrap(), Duration::from_millis(50))).unwrap();
        let knocked = async {
            let (_stream, _) = listener.accept().await.unwrap();
            ends.recv().await
        };
        tokio::select! {
            ended = knocked => assert_eq!(ended, Some(())),
            never = follow(&trial, steps, enough) => match never {},
        }
        assert_eq!(trial.into_inner().state, State::Unheard);
        assert_eq!(ends.recv().await, None, "it is said once");
    }
}
