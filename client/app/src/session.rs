//! One working session, from the login to the close: the order in which things are asked, started and ended.
//!
//! ```text
//!  login ──> tunnel ──> door ──> RDP program ──────────> its end ─┐
//!    │          │         │        └─ a password that it cannot ask for is asked for
//!    │          │         └─ a workstation that sleeps is waited for
//!    └──> session channel ──> warnings ──> the gateway's end ─────┼──> door shut, flushed, gateway told, keys gone
//!                                           "enough" from outside ┘
//! ```
//!
//! A front end sees [`Event`]s and an [`Outcome`]; the words for both are its own business.

mod consents;
mod desktop;
mod doors;
mod order;
mod reaching;
mod readable;
mod sign_in;
mod told;
mod waking;

use std::{
    net::{IpAddr, SocketAddr},
    sync::Arc,
    time::Duration,
};

use client_core::{End, Keys, Parameters, Way};
use gateway_api::{
    CloseReason, Token,
    login::{self, Password},
    proof,
    session::{self, ClientReason, Limit},
};
use tokio::{
    sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel},
    task::JoinHandle,
    time::{Instant, sleep_until, timeout},
};
use zeroize::Zeroizing;

use crate::{
    answers::{About, Answers, Heard},
    api::{
        Client,
        channel::{self, News},
        credential::Credential,
        resolve,
    },
    clock,
    config::WireguardOutput,
    event_loop::{Command, DataPlane, Report},
    link::{self, LoopEnd},
    notification::{Matter, Notifications},
    rdp::{self, Program, Seen},
    screen_lock::ScreenLock,
    signals::Signals,
    wireguard,
};

use consents::{Consents, SAME_END, Step};
pub(crate) use doors::desktop_door;
use doors::{doors, rdp_port};
pub(crate) use order::{Order, Show, Starter};
use reaching::Reaching;
use sign_in::sign_in;
pub(crate) use told::{Event, Outcome, Unreached};
use waking::Waking;

/// How long the data plane may take to flush; it takes less by itself.
const FLUSH_TIME: Duration = Duration::from_millis(500);
/// For the gateway's name to resolve again, in the middle of the work.
const RESOLVING: Duration = Duration::from_secs(3);

/// Works one session through. The first signal ends it in good order, a person's second at once.
pub(crate) async fn work(order: Order, signals: &mut Signals, tell: &mut dyn FnMut(&Event)) -> Outcome {
    let Order { client, user, password, second_factor, language, show, assist, mut answers, notifications } = order;
    let assists = assist.as_ref().map(|assist| assist.worker.clone());
    tell(&Event::Reaching { server: client.name().to_string() });
    let mut private = Zeroizing::new([0; 32]);
    let mut seed = [0; 8];
    let mut key = Zeroizing::new([0; 32]);
    let random = getrandom::fill(&mut *private).and_then(|()| getrandom::fill(&mut *key));
    if let Err(error) = random.and_then(|()| getrandom::fill(&mut seed)) {
        return Outcome::Broken { cause: error.to_string() };
    }
    let credential = Credential::new(proof::Secret::new(&key));
    // Whether it may be handed on is known only once there is a session.
    let kept = show.takes_password().then(|| Password::new(password.expose().to_owned()));
    let request = login::Request {
        user: user.clone(),
        password,
        second_factor,
        public_key: gateway_api::PublicKey(x25519_dalek::x25519(*private, x25519_dalek::X25519_BASEPOINT_BYTES)),
        session_key: credential.public(),
        language,
        client: format!("deskgate {} {}", env!("CARGO_PKG_VERSION"), std::env::consts::OS),
        wireguard_config: matches!(show, Show::Wireguard(_)),
        assist,
    };
    let (mut session, gateway) = tokio::select! {
        signed_in = sign_in(&client, &credential, request, &mut answers, tell) => match signed_in {
            Ok(signed_in) => signed_in,
            Err(outcome) => return outcome,
        },
        // If the gateway has opened a session meanwhile, its grace ends it.
        () = signals.next() => return Outcome::Ended { reason: CloseReason::WorkerClosed, idle_minutes: 0 },
    };
    tell(&Event::SignedIn {
        session: session.number,
        workstation: session.workstation.name.clone(),
        ends_at: session.limits.ends_at,
        remaining_s: session.limits.remaining_s,
        assists: assists.clone(),
    });
    session.factor_news.iter().for_each(|news| tell(&Event::FactorNews(*news)));
    // By this computer's clock, as every later word of it is reckoned.
    session.limits.ends_at = clock::unix().saturating_add(session.limits.remaining_s.into());
    credential.take(std::mem::replace(&mut session.token, Token::new([0; 32])));
    let password = kept.filter(|_| session.single_sign_on);
    let credential = Arc::new(credential);
    let login = Login { session: *session, password, credential, gateway, assists, answers, notifications };
    Working::new(client, user, login, private, u64::from_ne_bytes(seed), tell).work(show, signals).await
}

/// Why the session is to end.
enum Finish {
    /// The session is over already.
    Over(CloseReason),
    /// The program ended.
    Program(rdp::Ended),
    /// The person wants it.
    Worker,
    /// It could not begin, or cannot go on.
    Impossible(Outcome),
}

/// What a login brought.
struct Login {
    session: login::Session,
    /// For what shows the desktop, where the grant lets it have it.
    password: Option<Password>,
    credential: Arc<Credential>,
    /// Where the gateway was reached.
    gateway: IpAddr,
    /// The worker whom a technician assists.
    assists: Option<String>,
    /// Where the worker may have been asked something already.
    answers: Answers,
    notifications: Notifications,
}

/// A session that the gateway has opened.
struct Working<'a> {
    client: Client,
    user: String,
    /// Until what shows the desktop has it.
    password: Option<Password>,
    session: login::Session,
    /// Where it was reached.
    gateway: IpAddr,
    /// The worker whom a technician assists.
    assists: Option<String>,
    credential: Arc<Credential>,
    private: Zeroizing<[u8; 32]>,
    seed: u64,
    channel: JoinHandle<()>,
    news: UnboundedReceiver<News>,
    /// What the gateway is to be told by the channel.
    requests: UnboundedSender<session::Request>,
    /// The workstation does not answer yet.
    waking: Option<Waking>,
    /// What the worker was asked, and what goes on since.
    consents: Consents,
    answers: Answers,
    notifications: Notifications,
    /// The data plane's way by the session channel, until it takes it.
    link: Option<LoopEnd>,
    /// Since when the session channel is lost, once it had been attached.
    lost: Option<Instant>,
    /// Nothing comes back through the tunnel.
    silent: bool,
    endpoint: Option<SocketAddr>,
    plane: Option<DataPlane>,
    program: Option<Program>,
    reaching: Reaching,
    /// What came from the workstation for it.
    seen: Seen,
    /// The door that it was led to.
    entrance: Option<SocketAddr>,
    /// How often the worker was asked for the password of the workstation.
    asked: u8,
    /// It is to be asked for: so its program ended.
    wanting: Option<rdp::Ended>,
    screen_lock: ScreenLock,
    tell: &'a mut dyn FnMut(&Event),
}

impl<'a> Working<'a> {
    fn new(
        client: Client,
        user: String,
        Login { session, password, credential, gateway, assists, answers, notifications }: Login,
        private: Zeroizing<[u8; 32]>,
        seed: u64,
        tell: &'a mut dyn FnMut(&Event),
    ) -> Self {
        let (sender, news) = unbounded_channel();
        let (loop_end, channel_end) = link::link();
        let (requests, asked) = unbounded_channel();
        let waking = Waking::of(session.workstation.state);
        let channel = tokio::spawn(channel::hold(client.clone(), Arc::clone(&credential), sender, asked, channel_end));
        Self {
            client,
            user,
            password,
            session,
            gateway,
            assists,
            credential,
            private,
            seed,
            channel,
            news,
            requests,
            waking,
            consents: Consents::default(),
            answers,
            notifications,
            link: Some(loop_end),
            lost: None,
            silent: false,
            endpoint: None,
            plane: None,
            program: None,
            reaching: Reaching::default(),
            seen: Seen::Nothing,
            entrance: None,
            asked: 0,
            wanting: None,
            screen_lock: ScreenLock::watch(),
            tell,
        }
    }

    async fn work(mut self, show: Show, signals: &mut Signals) -> Outcome {
        let finish = match self.begin(&show).await {
            Ok(()) => self.hold(&show, signals).await,
            Err(outcome) => Finish::Impossible(outcome),
        };
        self.notifications.close();
        let end = async {
            let outcome = self.end(finish).await;
            self.notifications.closed().await;
            outcome
        };
        tokio::select! {
            outcome = end => outcome,
            // What is left undone, the gateway's grace does.
            () = signals.once_more() => Outcome::Ended { reason: CloseReason::WorkerClosed, idle_minutes: 0 },
        }
    }

    /// Starts what carries the desktop.
    async fn begin(&mut self, show: &Show) -> Result<(), Outcome> {
        let endpoint = self.endpoint().await?;
        self.endpoint = Some(endpoint);
        if let Show::Wireguard(output) = show {
            return self.hand_over(output, endpoint);
        }
        let services = doors(&self.session.workstation.services);
        if services.is_empty() {
            return Err(Outcome::NothingGranted);
        }
        self.reaching = Reaching::new(&services);
        let parameters = Parameters {
            keys: Keys {
                private: std::mem::take(&mut *self.private),
                gateway: self.session.gateway.public_key.0,
                preshared: *self.session.preshared_key.expose(),
            },
            address: self.session.address,
            mtu: self.session.mtu,
            workstation: self.session.workstation.address,
            ports: services.iter().map(|(_, port)| *port).collect(),
            grace: Duration::from_secs(self.session.limits.grace_s.into()),
            random_seed: self.seed,
        };
        let link = self.link.take().unwrap_or_else(|| link::link().0);
        let rdp = if show.is_rdp_program() { rdp_port(&services) } else { None };
        let plane = DataPlane::start(parameters, endpoint, link, services, rdp);
        self.plane = Some(plane.map_err(|error| Outcome::Broken { cause: error.to_string() })?);
        Ok(())
    }

    async fn endpoint(&self) -> Result<SocketAddr, Outcome> {
        let told = &self.session.gateway.endpoint;
        let not_found = || Outcome::NotAGateway { cause: format!("its UDP address `{told}` is none") };
        let endpoint = self.client.endpoint(told).ok_or_else(not_found)?;
        let found = resolve(&endpoint).await.map_err(|_| not_found())?;
        // Where TCP got through, UDP of the same family has the better chance.
        let same = found.iter().find(|address| address.is_ipv4() == self.gateway.is_ipv4());
        same.or(found.first()).copied().ok_or_else(not_found)
    }

    fn hand_over(&mut self, output: &WireguardOutput, endpoint: SocketAddr) -> Result<(), Outcome> {
        (self.tell)(&Event::WireguardSecret);
        let text = wireguard::configuration(&self.session, &self.private, endpoint);
        wireguard::write(output, &text).map_err(|error| Outcome::Unwritable {
            path: match output {
                WireguardOutput::Stdout => "-".to_owned(),
                WireguardOutput::File(path) => path.display().to_string(),
            },
            cause: crate::api::plain(&error),
        })?;
        *self.private = [0; 32];
        let workstation = self.session.workstation.name.clone();
        (self.tell)(&Event::Holding { workstation: workstation.clone() });
        if self.waking.is_some() {
            (self.tell)(&Event::Waking { workstation });
        }
        Ok(())
    }

    /// Holds the session until something ends it.
    async fn hold(&mut self, show: &Show, signals: &mut Signals) -> Finish {
        let watched = self.plane.is_some();
        loop {
            let step = tokio::select! {
                biased;
                Some(news) = self.news.recv() => self.take_news(news, show).await,
                report = next_report(&mut self.plane) => self.take_report(report, show).await,
                ended = next_end(&mut self.program, self.seen) => self.program_ended(ended),
                () = grace_over(watched, self.lost, &self.session.limits) => {
                    Some(Finish::Over(CloseReason::ClientLost))
                }
                () = waking::knock(self.waking.as_mut()) => None,
                heard = self.answers.hear() => match heard {
                    Heard::Answer(answer) => {
                        let steps = self.consents.answered(answer, clock::now());
                        self.do_steps(steps);
                        None
                    }
                    Heard::Password(password) => self.take_password(password, show).await,
                },
                () = reached(self.consents.poll_timeout()) => {
                    let steps = self.consents.handle_timeout(clock::now());
                    self.do_steps(steps);
                    None
                }
                () = self.notifications.unshown() => {
                    (self.tell)(&Event::NoNotifications);
                    None
                }
                () = self.screen_lock.is_left() => {
                    (self.tell)(&Event::Left);
                    Some(Finish::Worker)
                }
                () = signals.next() => Some(Finish::Worker),
            };
            if let Some(finish) = step.or_else(|| self.ask_for_password()) {
                return finish;
            }
        }
    }

    async fn take_news(&mut self, news: News, show: &Show) -> Option<Finish> {
        match news {
            News::Reached(gateway) => self.follow(gateway).await,
            News::Attached => {
                self.command(Command::ChannelAttached);
                self.consents.attached(clock::now());
                if self.lost.take().is_some() {
                    (self.tell)(&Event::ChannelBack);
                }
            }
            News::Lost => {
                self.command(Command::ChannelLost);
                self.lost = Some(Instant::now());
                (self.tell)(&Event::ChannelLost);
                let steps = self.consents.lost(clock::now());
                self.do_steps(steps);
            }
            News::Woken => self.command(Command::Woken),
            News::Moved => self.command(Command::Moved),
            News::Told(session::Event::Warning { limit: Limit::LongestSession | Limit::AgreementEnded, seconds })
                if self.assists.is_some() =>
            {
                (self.tell)(&Event::AssistanceOverSoon { seconds });
            }
            News::Told(session::Event::Warning { limit, seconds }) => (self.tell)(&Event::Warning { limit, seconds }),
            News::Told(session::Event::WarningLifted { limit }) => {
                self.notifications.withdraw(Matter::Warning(limit));
                (self.tell)(&Event::WarningLifted { limit });
            }
            News::Told(session::Event::EndMoved { seconds }) => {
                let ends_at = clock::unix().saturating_add(seconds.into());
                if ends_at.abs_diff(self.session.limits.ends_at) > SAME_END {
                    if ends_at > self.session.limits.ends_at {
                        Limit::OF_THE_END.iter().for_each(|limit| self.notifications.withdraw(Matter::Warning(*limit)));
                    }
                    self.session.limits.ends_at = ends_at;
                    (self.tell)(&Event::EndMoved { ends_at, remaining_s: seconds });
                }
            }
            News::Told(session::Event::WorkstationReady) => return self.woken(show).await,
            News::Told(
                event @ (session::Event::TraceAsked { .. }
                | session::Event::TraceBegun { .. }
                | session::Event::TraceEnded
                | session::Event::AssistanceAsked { .. }
                | session::Event::AssistanceBegun { .. }
                | session::Event::AssistanceEnded),
            ) => {
                let steps = self.consents.told(event, self.answers.asking(), (clock::now(), clock::unix()));
                self.do_steps(steps);
            }
            News::Told(session::Event::Attached) => {}
            News::Told(session::Event::Closed { reason }) => return Some(Finish::Over(reason)),
            News::Gone => return Some(Finish::Over(CloseReason::ClientLost)),
        }
        None
    }

    /// The channel came by the other family of IP: this computer has lost the one that its datagrams take.
    async fn follow(&mut self, gateway: IpAddr) {
        if gateway.is_ipv4() == self.gateway.is_ipv4() {
            return;
        }
        self.gateway = gateway;
        // Without an answer of the name service the desktop goes on by the channel.
        let Ok(Ok(endpoint)) = timeout(RESOLVING, self.endpoint()).await else { return };
        if self.endpoint.replace(endpoint) != Some(endpoint) {
            self.command(Command::Gateway(endpoint));
        }
    }

    fn do_steps(&mut self, steps: Vec<Step>) {
        for about in [About::Trace, About::Assistance] {
            if !self.consents.stands(about) {
                self.notifications.withdraw(Matter::Question(about));
            }
        }
        for step in steps {
            match step {
                Step::Tell(event) => (self.tell)(&event),
                Step::Request(request) => self.request(request),
                Step::Listen => self.answers.listen_to_lines(),
                Step::Stop => self.answers.stop(),
            }
        }
    }

    /// Tells the gateway something by the channel, while there is one.
    fn request(&self, request: session::Request) {
        let _ = self.requests.send(request);
    }

    async fn take_report(&mut self, report: Option<Report>, show: &Show) -> Option<Finish> {
        use client_core::Event as Told;
        let workstation = self.session.workstation.name.clone();
        match report {
            Some(Report::Open(doors)) => match &mut self.waking {
                Some(waking) => {
                    waking.doors = Some(doors);
                    (self.tell)(&Event::Waking { workstation });
                }
                None => return self.opened(doors, show).await,
            },
            Some(Report::Seen { port, seen }) if self.program.is_some() && self.reaching.is_desktop(port) => {
                let before = self.seen;
                self.seen = before.max(seen);
                if before == Seen::Nothing {
                    (self.tell)(&Event::DesktopBegins);
                }
            }
            // Our own knocks, another service, or whatever the person started.
            Some(Report::Seen { .. }) => {}
            Some(Report::Session(Told::TunnelUp)) => {
                if std::mem::take(&mut self.silent) {
                    (self.tell)(&Event::TunnelBack);
                }
            }
            Some(Report::Session(Told::TunnelSilent)) => {
                self.silent = true;
                (self.tell)(&Event::TunnelSilent);
            }
            Some(Report::Session(Told::Way(way))) => {
                (self.tell)(&match way {
                    Way::Udp => Event::ByUdp,
                    Way::Channel => Event::ByChannel,
                });
            }
            // It sleeps, as was told; and our own knocks are no news.
            Some(Report::Session(Told::Refused { .. } | Told::NoAnswer { .. } | Told::Answered { .. }))
                if self.waking.is_some() => {}
            Some(Report::Session(told @ (Told::Refused { .. } | Told::NoAnswer { .. } | Told::Answered { .. }))) => {
                let event = self.reaching.attempted(told, workstation);
                event.iter().for_each(|event| (self.tell)(event));
            }
            Some(Report::Session(Told::Closed(End::Closed(reason)))) => return Some(Finish::Over(reason)),
            Some(Report::Session(Told::Closed(End::Unanswered))) => {
                let endpoint = self.endpoint?;
                return Some(Finish::Impossible(Outcome::NoTunnel { endpoint }));
            }
            Some(Report::Failed(error)) => {
                return Some(Finish::Impossible(Outcome::Broken { cause: error.to_string() }));
            }
            None => return Some(Finish::Impossible(Outcome::Broken { cause: "a thread ended".to_owned() })),
        }
        None
    }

    /// The workstation answers: what waited for it begins.
    async fn woken(&mut self, show: &Show) -> Option<Finish> {
        // Told again to each channel that comes.
        let waking = self.waking.take()?;
        // One that answered before the tunnel did kept nobody waiting.
        if waking.doors.is_some() || matches!(show, Show::Wireguard(_)) {
            let (workstation, seconds) = (self.session.workstation.name.clone(), waking.seconds());
            (self.tell)(&Event::Woken { workstation, seconds });
        }
        self.opened(waking.doors?, show).await
    }

    fn command(&self, command: Command) {
        if let Some(plane) = &self.plane {
            plane.command(command);
        }
    }

    /// The one end of every session.
    async fn end(&mut self, finish: Finish) -> Outcome {
        let idle_minutes = self.session.limits.idle_s / 60;
        let ended = |reason| Outcome::Ended { reason, idle_minutes };
        match finish {
            Finish::Over(reason) => {
                self.command(Command::Closed(reason));
                self.end_program().await;
                match reason {
                    CloseReason::NotWoken => Outcome::NotWoken {
                        workstation: self.session.workstation.name.clone(),
                        number: self.session.number,
                    },
                    CloseReason::LongestSession | CloseReason::AgreementEnded if self.assists.is_some() => {
                        Outcome::AssistanceOver { reason }
                    }
                    reason => ended(reason),
                }
            }
            Finish::Program(how) => {
                // With it goes the password that lay ready for it: closing may take a while.
                let program = self.program.take().map_or_else(String::new, |program| program.name().to_owned());
                self.close(ClientReason::ProgramEnded).await;
                self.desktop_ended(how, program)
            }
            Finish::Worker => {
                (self.tell)(&Event::Closing);
                self.end_program().await;
                self.close(ClientReason::WorkerClosed).await;
                ended(CloseReason::WorkerClosed)
            }
            Finish::Impossible(outcome) => {
                self.end_program().await;
                self.close(ClientReason::WorkerClosed).await;
                outcome
            }
        }
    }

    async fn end_program(&mut self) {
        if let Some(program) = self.program.take() {
            program.end().await;
        }
    }

    /// Door shut, bytes flushed, gateway told; in this order, so that nothing is cut off that was already sent.
    async fn close(&mut self, reason: ClientReason) {
        if let Some(plane) = &mut self.plane {
            plane.command(Command::Close(reason.into()));
            let flushed = async {
                while let Some(report) = plane.report().await {
                    // The program may have ended by it before it was told here.
                    if let Report::Session(told) = report {
                        self.reaching.attempted(told, String::new());
                    }
                }
            };
            let _ = timeout(FLUSH_TIME, flushed).await;
        }
        if let Err(failure) = self.client.close(&self.credential, reason).await {
            tracing::debug!(?failure, "close");
            (self.tell)(&Event::NotTold);
        }
    }
}

impl Drop for Working<'_> {
    fn drop(&mut self) {
        self.channel.abort();
    }
}

/// The next report of a data plane, where there is one.
async fn next_report(plane: &mut Option<DataPlane>) -> Option<Report> {
    match plane {
        Some(plane) => plane.report().await,
        None => std::future::pending().await,
    }
}

/// The end of a program, where there is one.
async fn next_end(program: &mut Option<Program>, seen: Seen) -> rdp::Ended {
    match program {
        Some(program) => program.ended(seen).await,
        None => std::future::pending().await,
    }
}

/// A moment, where there is one.
async fn reached(moment: Option<std::time::Instant>) {
    match moment {
        Some(moment) => sleep_until(moment.into()).await,
        None => std::future::pending().await,
    }
}

/// The end of the grace, where nobody else watches it: with a tunnel of our own, the core does.
async fn grace_over(watched: bool, lost: Option<Instant>, limits: &login::Limits) {
    match lost {
        Some(since) if !watched => sleep_until(since + Duration::from_secs(limits.grace_s.into())).await,
        _ => std::future::pending().await,
    }
}
