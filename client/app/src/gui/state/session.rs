//! The way to a session, and the session itself: what was told of it so far.

use std::time::{Duration, Instant};

use gateway_api::{SessionNumber, login::Language, session::Limit};

use super::{Said, Tone, Wish, consents::Consents};
use crate::{clock, gui::typed::Typed, session::Event, telling, words::Text};

/// While so little is left, a countdown shows seconds; before, minutes.
const BY_SECONDS: Duration = Duration::from_secs(120);

/// How long the workstation's own trouble is said, unless it answers before: the RDP program may try no more.
const TROUBLE: Duration = Duration::from_secs(60);

/// In milliseconds: a look comes a little later than the number changes, so that the new one is there for sure.
const LATER: u64 = 20;

/// How far the way is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Step {
    #[default]
    Reach,
    SignIn,
    Way,
    /// Only where the workstation sleeps.
    Wake,
    Desktop,
}

impl Step {
    /// All, in their order.
    const ALL: [Self; 5] = [Self::Reach, Self::SignIn, Self::Way, Self::Wake, Self::Desktop];
}

/// The way to the desktop.
#[derive(Default)]
pub(crate) struct Connecting {
    /// What is under way; what comes before is done.
    pub(crate) step: Step,
    /// Since when the workstation is being woken, if it slept.
    pub(super) waking: Option<Instant>,
    /// The session, once it is there.
    pub(super) working: Option<Box<Working>>,
    /// The password that the workstation wants, while it is wanted.
    pub(crate) wanted: Option<Wanted>,
    /// The worker wants no more of it.
    pub(crate) closing: bool,
}

/// A password for the workstation.
pub(crate) struct Wanted {
    /// Whose, and whether it did not take the last one.
    workstation: String,
    again: bool,
    /// What is written.
    pub(crate) password: Typed,
    /// Nothing was written.
    is_empty: bool,
    /// Whether the keyboard is to be there, once.
    pub(crate) focus: bool,
}

impl Wanted {
    fn new(workstation: String, again: bool) -> Self {
        Self { workstation, again, password: Typed::default(), is_empty: false, focus: true }
    }

    /// What is said above the field.
    pub(crate) fn said(&self, language: Language) -> Said {
        if self.is_empty {
            return Said::new(Tone::Bad, Text::PasswordEmpty.say(language));
        }
        let tone = if self.again { Tone::Bad } else { Tone::Plain };
        let text = Text::PasswordWanted { workstation: self.workstation.clone(), again: self.again };
        Said::new(tone, text.say(language))
    }
}

/// A session.
#[derive(Debug)]
pub(crate) struct Working {
    pub(crate) workstation: String,
    pub(crate) number: SessionNumber,
    /// As the clock on the wall will show it.
    pub(crate) until: String,
    ends: Instant,
    warnings: Vec<(Limit, Instant)>,
    /// What is wrong with the line, in the order it came.
    line: Vec<Wrong>,
    /// Packets go by the session channel.
    pub(crate) by_channel: bool,
    /// The workstation's own trouble.
    trouble: Option<(Text, Instant)>,
    /// What happened to the second factor lately.
    news: Vec<Text>,
    /// The desktop does not show notifications.
    unnotified: bool,
    pub(crate) consents: Consents,
    pub(crate) closing: bool,
    /// This computer's screen was locked for too long.
    pub(super) left: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Wrong {
    ChannelLost,
    TunnelSilent,
}

impl Connecting {
    pub(super) fn told(&mut self, event: Event, now: Instant) {
        match event {
            Event::Reached => self.step = self.step.max(Step::SignIn),
            Event::SignedIn { session, workstation, ends_at, remaining_s, .. } => {
                self.step = Step::Way;
                let working = Working::new(workstation, session, clock::wall(ends_at), now, remaining_s);
                self.working = Some(Box::new(working));
            }
            Event::Waking { .. } => (self.step, self.waking) = (Step::Wake, Some(now)),
            Event::Woken { .. } | Event::Open { .. } => self.step = Step::Desktop,
            Event::PasswordWanted { workstation, again } => self.wanted = Some(Wanted::new(workstation, again)),
            Event::Closing => self.closing = true,
            event => {
                if let Some(working) = &mut self.working {
                    working.told(event, now);
                }
            }
        }
    }

    /// A desktop that was all but there, and wants a password first.
    pub(super) fn back(working: Working, workstation: String, again: bool) -> Self {
        let closing = working.closing;
        let wanted = Some(Wanted::new(workstation, again));
        Self { step: Step::Desktop, waking: None, working: Some(Box::new(working)), wanted, closing }
    }

    /// The password leaves the scene, or that there is none is said.
    pub(super) fn submit(&mut self) -> Option<Wish> {
        let wanted = self.wanted.as_mut().filter(|_| !self.closing)?;
        if wanted.password.is_empty() {
            (wanted.is_empty, wanted.focus) = (true, true);
            return None;
        }
        self.wanted.take().map(|mut wanted| Wish::Password(wanted.password.take()))
    }

    /// The steps of this way.
    pub(crate) fn steps(&self) -> impl Iterator<Item = Step> {
        let wakes = self.waking.is_some();
        Step::ALL.into_iter().filter(move |step| wakes || *step != Step::Wake)
    }

    /// For how many seconds the workstation is being woken, while it is.
    pub(crate) fn waking_for(&self, now: Instant) -> Option<u32> {
        let since = self.waking.filter(|_| self.step == Step::Wake)?;
        Some(u32::try_from(now.saturating_duration_since(since).as_secs()).unwrap_or(u32::MAX))
    }

    /// What there is to know meanwhile.
    pub(crate) fn said(&self, language: Language, now: Instant) -> Vec<Said> {
        let Some(working) = &self.working else { return Vec::new() };
        let mut said = working.said(language, now);
        // Minutes are long for whoever does not know that nothing is to be done.
        if self.waking_for(now).is_some() {
            let sentence = Text::Waking { workstation: working.workstation.clone() }.say(language);
            said.push(Said::new(Tone::Plain, sentence));
        }
        said
    }

    /// How long until a time shows something else.
    pub(super) fn next_change(&self, now: Instant) -> Option<Duration> {
        let said = self.working.as_ref().and_then(|working| working.next_said(now));
        let waking = self.waking.filter(|_| self.step == Step::Wake).map(|since| {
            let past = now.saturating_duration_since(since).subsec_millis();
            Duration::from_millis(u64::from(1000 - past) + LATER)
        });
        waking.into_iter().chain(said).min()
    }
}

impl Working {
    fn new(workstation: String, number: SessionNumber, until: String, now: Instant, remaining_s: u32) -> Self {
        Self {
            workstation,
            number,
            until,
            ends: now + Duration::from_secs(remaining_s.into()),
            warnings: Vec::new(),
            line: Vec::new(),
            by_channel: false,
            trouble: None,
            news: Vec::new(),
            unnotified: false,
            consents: Consents::default(),
            closing: false,
            left: false,
        }
    }

    pub(super) fn nothing(now: Instant) -> Self {
        Self::new(String::new(), SessionNumber::new(0), String::new(), now, 0)
    }

    pub(super) fn told(&mut self, event: Event, now: Instant) {
        match event {
            Event::Warning { limit, seconds } => {
                self.warnings.retain(|(known, _)| *known != limit);
                self.warnings.push((limit, now + Duration::from_secs(seconds.into())));
            }
            Event::EndMoved { ends_at, remaining_s } => {
                let ends = now + Duration::from_secs(remaining_s.into());
                if ends > self.ends {
                    self.warnings.retain(|(limit, _)| !Limit::OF_THE_END.contains(limit));
                }
                self.until = clock::wall(ends_at);
                self.ends = ends;
            }
            Event::WarningLifted { limit } => self.warnings.retain(|(known, _)| *known != limit),
            Event::ChannelLost => self.wrong(Wrong::ChannelLost),
            Event::ChannelBack => self.line.retain(|wrong| *wrong != Wrong::ChannelLost),
            Event::TunnelSilent => self.wrong(Wrong::TunnelSilent),
            Event::TunnelBack => self.line.retain(|wrong| *wrong != Wrong::TunnelSilent),
            Event::ByChannel => self.by_channel = true,
            Event::ByUdp => self.by_channel = false,
            event @ (Event::WorkstationRefused { .. } | Event::WorkstationSilent { .. }) => {
                self.trouble = telling::event(event, false).map(|text| (text, now + TROUBLE));
            }
            Event::WorkstationAnswers { .. } => self.trouble = None,
            event @ Event::FactorNews(_) => self.news.extend(telling::event(event, false)),
            event @ (Event::TraceAsked { .. }
            | Event::TraceBegun { .. }
            | Event::TraceRefused
            | Event::TraceTakenBack
            | Event::TraceEnded
            | Event::AssistanceAsked { .. }
            | Event::AssistanceBegun { .. }
            | Event::AssistanceMoved { .. }
            | Event::AssistanceRefused
            | Event::AssistanceTakenBack
            | Event::AssistanceEnded) => self.consents.told(event, now),
            Event::NoNotifications => self.unnotified = true,
            Event::Left => self.left = true,
            Event::Closing => self.closing = true,
            // Said by the scene itself, or by what comes after.
            Event::Reaching { .. }
            | Event::Reached
            | Event::Notice { .. }
            | Event::NoticeAsked
            | Event::SignedIn { .. }
            | Event::Waking { .. }
            | Event::Woken { .. }
            | Event::Open { .. }
            | Event::ProgramStarted { .. }
            | Event::DesktopBegins
            | Event::PasswordWanted { .. }
            | Event::WorkstationReached { .. }
            | Event::WireguardSecret
            | Event::Holding { .. }
            | Event::TraceUnasked
            | Event::AssistanceUnasked { .. }
            | Event::AssistanceWaits { .. }
            | Event::AssistanceOverSoon { .. }
            | Event::NotTold => {}
        }
    }

    fn wrong(&mut self, wrong: Wrong) {
        if !self.line.contains(&wrong) {
            self.line.push(wrong);
        }
    }

    /// How much is left, in whole seconds.
    pub(crate) fn left(&self, now: Instant) -> u32 {
        seconds_until(self.ends, now)
    }

    /// What is to be said, the most urgent first.
    pub(crate) fn said(&self, language: Language, now: Instant) -> Vec<Said> {
        let mut warnings = self.warnings.clone();
        warnings.sort_by_key(|(_, ends)| *ends);
        let warnings = warnings.into_iter().map(|(limit, ends)| {
            let left = seconds_until(ends, now);
            let warning = |seconds| Text::Warning { limit, seconds }.say(language);
            // Each second aloud would leave room for nothing else.
            let announced = Some(warning(in_minutes(left)));
            Said { tone: Tone::Warning, sentence: warning(rounded(left)), announced }
        });
        let line = self.line.iter().map(|wrong| match wrong {
            Wrong::ChannelLost => (Tone::Warning, Text::ChannelLost),
            Wrong::TunnelSilent => (Tone::Warning, Text::TunnelSilent),
        });
        let trouble = self.trouble.iter().filter(|(_, until)| now < *until);
        let trouble = trouble.map(|(text, _)| (Tone::Bad, text.clone()));
        let news = self.news.iter().map(|text| (Tone::Warning, text.clone()));
        let unnotified = self.unnotified.then_some((Tone::Warning, Text::NoNotifications));
        let way = self.by_channel.then_some((Tone::Plain, Text::ByChannel));
        let others = line.chain(trouble).chain(news).chain(unnotified).chain(way);
        warnings.chain(others.map(|(tone, text)| Said::new(tone, text.say(language)))).collect()
    }

    /// How long until a countdown shows something else.
    pub(super) fn next_change(&self, now: Instant) -> Option<Duration> {
        next_look([self.ends], now).into_iter().chain(self.next_said(now)).min()
    }

    /// The same for what is said on the way as well.
    fn next_said(&self, now: Instant) -> Option<Duration> {
        let warnings = next_look(self.warnings.iter().map(|(_, ends)| *ends), now);
        let trouble = self.trouble.iter().map(|(_, until)| until.saturating_duration_since(now));
        let trouble = trouble.filter(|left| !left.is_zero()).min();
        warnings.into_iter().chain(trouble).chain(self.consents.next_change(now)).min()
    }

    /// Whether nothing is wrong with the line.
    pub(crate) fn line_is_well(&self) -> bool {
        self.line.is_empty()
    }
}

fn seconds_until(moment: Instant, now: Instant) -> u32 {
    let left = moment.saturating_duration_since(now);
    u32::try_from(left.as_millis().div_ceil(1000)).unwrap_or(u32::MAX)
}

/// Whole minutes, until the seconds count.
fn rounded(seconds: u32) -> u32 {
    if u64::from(seconds) > BY_SECONDS.as_secs() { in_minutes(seconds) } else { seconds }
}

/// Whole minutes, in seconds.
fn in_minutes(seconds: u32) -> u32 {
    seconds.div_ceil(60) * 60
}

/// How long until what is left of one of these is shown otherwise.
fn next_look(moments: impl IntoIterator<Item = Instant>, now: Instant) -> Option<Duration> {
    let left = moments.into_iter().map(|moment| moment.saturating_duration_since(now));
    left.filter(|left| !left.is_zero()).map(next_change).min()
}

/// Until the minutes are others, or, near the end, the seconds.
fn next_change(left: Duration) -> Duration {
    let unit = if left > BY_SECONDS { 60_000 } else { 1000 };
    let past = left.as_millis() % unit;
    Duration::from_millis(u64::try_from(past).unwrap_or(0) + LATER)
}
