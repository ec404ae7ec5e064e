//! The thread that does what the window wishes: one errand at a time, on a runtime of its own, so that the window never waits.

use std::{
    sync::mpsc::{Sender, channel},
    thread,
};

use gateway_api::{
    CloseReason,
    login::{Code, Language, Password, RefusalCode},
    password, record,
};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

use super::state::{Errand, News, What};
use crate::{
    answers::{About, Answer, Answers, Button, Heard},
    api::{Client, Failure, trust},
    config::{Carrier, Config},
    device::Device,
    enrolment::Enrolment,
    failures,
    notification::{Matter, Notifications, Urgency},
    runtime,
    session::{self, Event, Order, Outcome, Show},
    signals::Signals,
    telling,
    words::{Text, window::labels},
};

/// The window's hand on that thread. Dropping it ends the thread, after a session that goes on.
pub(crate) struct Errands {
    errands: UnboundedSender<(Errand, Buttons)>,
    answer: UnboundedSender<Heard>,
    code: UnboundedSender<Code>,
    enough: UnboundedSender<()>,
    /// What came back, in order.
    pub(crate) news: std::sync::mpsc::Receiver<News>,
    thread: Option<thread::JoinHandle<()>>,
}

/// What a person may press, or write, while an errand lasts.
struct Buttons {
    answers: UnboundedReceiver<Heard>,
    codes: UnboundedReceiver<Code>,
    enough: UnboundedReceiver<()>,
}

impl Errands {
    /// Starts the thread. `wake` is called whenever there is news.
    pub(crate) fn start(config: Config, wake: impl Fn() + Send + 'static) -> std::io::Result<Self> {
        let (errands, inbox) = unbounded_channel();
        let (sender, news) = channel();
        let mut teller = Teller { news: sender, wake: Box::new(wake) };
        let thread = thread::Builder::new().name("errands".to_owned()).spawn(move || {
            if let Err(error) = runtime::run(run(&config, inbox, &mut teller)) {
                teller.tell(News::Stopped(Text::Broken { cause: error.to_string() }));
            }
        })?;
        let (answer, _) = unbounded_channel();
        let (code, _) = unbounded_channel();
        let (enough, _) = unbounded_channel();
        Ok(Self { errands, answer, code, enough, news, thread: Some(thread) })
    }

    /// Begins an errand. It waits for the one before. False if the thread is gone.
    pub(crate) fn begin(&mut self, errand: Errand) -> bool {
        let (answer, answers) = unbounded_channel();
        let (code, codes) = unbounded_channel();
        let (enough, pressed) = unbounded_channel();
        (self.answer, self.code, self.enough) = (answer, code, enough);
        self.errands.send((errand, Buttons { answers, codes, enough: pressed })).is_ok()
    }

    /// Tells what was pressed.
    pub(crate) fn press(&self, button: Button) {
        let _ = self.answer.send(Heard::Answer(Answer::Button(button)));
    }

    /// Tells what the authenticator app shows.
    pub(crate) fn code(&self, code: Code) {
        let _ = self.code.send(code);
    }

    /// Hands over the password that the workstation wants.
    pub(crate) fn password(&self, password: Password) {
        let _ = self.answer.send(Heard::Password(password));
    }

    /// Says that it is enough.
    pub(crate) fn enough(&self) {
        let _ = self.enough.send(());
    }
}

impl Drop for Errands {
    fn drop(&mut self) {
        // Nobody is left to press anything, which is a word as well: a session that goes on is closed in order, whatever took the window
        // away.
        let (nothing, _) = unbounded_channel();
        let (nobody, _) = unbounded_channel();
        (self.enough, self.errands) = (nothing, nobody);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

struct Teller {
    news: Sender<News>,
    wake: Box<dyn Fn() + Send>,
}

impl Teller {
    fn tell(&mut self, news: News) {
        let _ = self.news.send(news);
        (self.wake)();
    }
}

async fn run(config: &Config, mut inbox: UnboundedReceiver<(Errand, Buttons)>, teller: &mut Teller) {
    let mut signals = match Signals::new() {
        Ok(signals) => signals,
        Err(error) => return teller.tell(News::Stopped(Text::Broken { cause: error.to_string() })),
    };
    loop {
        let next = tokio::select! {
            next = inbox.recv() => next,
            () = signals.next() => {
                if signals.is_system() {
                    return teller.tell(News::Go);
                }
                continue;
            }
        };
        let Some((errand, Buttons { answers, codes, enough })) = next else { return };
        signals.listen_to(enough);
        let answers = Answers::Window(answers);
        let news =
            run_errand(config, errand, (answers, codes), &mut signals, teller).await.unwrap_or_else(News::Stopped);
        teller.tell(news);
        if signals.is_system() {
            return teller.tell(News::Go);
        }
    }
}

async fn run_errand(
    config: &Config,
    errand: Errand,
    (answers, codes): (Answers, UnboundedReceiver<Code>),
    signals: &mut Signals,
    teller: &mut Teller,
) -> Result<News, Text> {
    let broken = |cause| Text::Broken { cause };
    let tls = trust::config(&config.trust).map_err(broken)?;
    let Errand { server, user, password, code: second_factor, language, what } = errand;
    let device = Device::load(&server).map_err(broken)?;
    let client = Client::new(server, tls, device);
    let name = || client.name().to_string();
    let over = |failure: Failure| ended(Outcome::from(failure), name());
    Ok(match what {
        What::Work(screen) => {
            let carrier = screen.map_or_else(|| config.carrier.clone(), Carrier::Rdp);
            let Some(show) = Show::prepare(carrier) else {
                return Ok(ended(Outcome::NoRdpProgram, name()));
            };
            let notifications = Notifications::default();
            let over_the_desktop = notifications.clone();
            let (client, assist) = (client.clone(), None);
            let order = Order { client, user, password, second_factor, language, show, assist, answers, notifications };
            let mut tell = |event: &Event| {
                if let Some((sentence, urgency)) = said_aside(event, language) {
                    over_the_desktop.show(&sentence, urgency);
                }
                teller.tell(News::Told(event.clone()));
            };
            let outcome = session::work(order, signals, &mut tell).await;
            ended(outcome, name())
        }
        What::ChangePassword(new_password) => {
            let request = password::Request { user, password, second_factor, new_password, language };
            tokio::select! {
                answer = client.change_password(request) => answer.map_or_else(over, |()| News::PasswordChanged),
                () = signals.next() => given_up(name()),
            }
        }
        What::ShowRecord => {
            let request = record::Request { user, password, second_factor, language };
            tokio::select! {
                answer = client.own_record(request) => answer.map_or_else(over, News::Record),
                () = signals.next() => given_up(name()),
            }
        }
        What::Enrol(enrolment_code) => {
            let enrolment = Enrolment { user, password, enrolment_code, language };
            tokio::select! {
                done = enrol(&client, &enrolment, codes, teller) => done.unwrap_or_else(over),
                () = signals.next() => given_up(name()),
            }
        }
    })
}

/// Until the app shows a code that the office takes.
async fn enrol(
    client: &Client,
    enrolment: &Enrolment,
    mut codes: UnboundedReceiver<Code>,
    teller: &mut Teller,
) -> Result<News, Failure> {
    let begun = client.begin_factor(enrolment.begin()).await?;
    teller.tell(News::Secret { office: client.server().first().host().to_owned(), secret: begun.secret });
    loop {
        // Nobody is left to write one: the window goes, and says so by its button.
        let Some(code) = codes.recv().await else { std::future::pending().await };
        match client.confirm_factor(enrolment.confirm(code)).await {
            Ok(confirmed) => return Ok(News::Enrolled(confirmed.recovery_codes)),
            Err(Failure::Refused(refusal)) if refusal.code == RefusalCode::FactorNotConfirmed => {
                teller.tell(News::NotConfirmed(*refusal));
            }
            Err(failure) => return Err(failure),
        }
    }
}

/// Nobody waits for the answer any more.
fn given_up(server: String) -> News {
    ended(Outcome::Ended { reason: CloseReason::WorkerClosed, idle_minutes: 0 }, server)
}

/// What came of it, with a number where nobody else gives it one.
fn ended(outcome: Outcome, server: String) -> News {
    News::Over { support: failures::note(&outcome), outcome, server }
}

/// What is said on the desktop too: whoever works in a window that fills the screen does not see this one.
fn said_aside(event: &Event, language: Language) -> Option<(String, Urgency)> {
    match event {
        Event::TraceAsked { .. } => {
            Some((labels(language).question_waits.to_owned(), Urgency::Critical(Matter::Question(About::Trace))))
        }
        event => telling::aside(event).map(|(text, urgency)| (text.say(language), urgency)),
    }
}
