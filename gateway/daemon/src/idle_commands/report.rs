//! The scores of a folder of recordings: a table for people, JSON for programs.

use std::{fmt, time::Duration};

use gateway_core::activity::replay::{Entry, Score, Timer};
use serde::Serialize;

/// Recordings in which marks are made though nobody is there, by a machine at a fixed beat or by pop-ups at home: known,
/// documented, and left out of the total's windows.
const MACHINES: [&str; 3] = ["k_jiggler_mouse30", "k_jiggler_shift20", "l_local_focus"];

/// All scores, and their sum.
#[derive(Debug, Serialize)]
pub(super) struct Report {
    timeout_seconds: f64,
    total: Total,
    traces: Vec<Line>,
    /// Names of recordings that are not RDP over TLS: the rule is not applied to them.
    left_out: Vec<String>,
}

#[derive(Debug, Clone, Copy, Default, Serialize)]
struct Total {
    bursts: usize,
    bursts_seen: usize,
    idle_windows: usize,
    false_windows: usize,
    timers: usize,
    timers_right: usize,
}

#[derive(Debug, Serialize)]
struct Line {
    name: String,
    bursts: usize,
    bursts_seen: usize,
    idle_windows: usize,
    false_windows: usize,
    windows_in_total: bool,
    timer: Decision,
    unknown: bool,
    jiggler_at_seconds: Option<f64>,
}

#[derive(Debug, Serialize)]
struct Decision {
    decision: Word,
    /// When it ended the session, since the first packet.
    at_seconds: Option<f64>,
    /// When it should have; `null` if it should not.
    due_seconds: Option<f64>,
    right: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
enum Word {
    Ended,
    Open,
}

impl Report {
    /// No recording yet, for an idle limit.
    pub(super) fn new(timeout: Duration) -> Self {
        let timeout_seconds = timeout.as_secs_f64();
        Self { timeout_seconds, total: Total::default(), traces: Vec::new(), left_out: Vec::new() }
    }

    /// Adds one recording.
    pub(super) fn add(&mut self, entry: Entry, score: Score) {
        if entry.cipher.is_none() {
            return self.left_out.push(entry.name);
        }
        let windows_in_total = !MACHINES.contains(&entry.name.as_str());
        self.total.add(&score, windows_in_total);
        self.traces.push(Line {
            name: entry.name,
            bursts: score.bursts,
            bursts_seen: score.bursts_seen,
            idle_windows: score.idle_windows,
            false_windows: score.false_windows,
            windows_in_total,
            timer: Decision::new(score.timer),
            unknown: score.unknown,
            jiggler_at_seconds: score.jiggler_at.map(seconds),
        });
    }

    /// For programs: one object and a line's end.
    pub(super) fn json(&self) -> String {
        // Numbers, names and words: there is nothing in it that JSON could not say.
        serde_json::to_string_pretty(self).map_or_else(|error| error.to_string(), |text| text + "\n")
    }
}

impl Total {
    fn add(&mut self, score: &Score, windows: bool) {
        self.bursts += score.bursts;
        self.bursts_seen += score.bursts_seen;
        self.timers += 1;
        self.timers_right += usize::from(score.timer.is_right());
        if windows {
            self.idle_windows += score.idle_windows;
            self.false_windows += score.false_windows;
        }
    }
}

impl Decision {
    fn new(timer: Timer) -> Self {
        Self {
            decision: if timer.ended_at.is_some() { Word::Ended } else { Word::Open },
            at_seconds: timer.ended_at.map(seconds),
            due_seconds: timer.due_at.map(seconds),
            right: timer.is_right(),
        }
    }
}

/// To the millisecond.
fn seconds(duration: Duration) -> f64 {
    duration.as_millis() as f64 / 1000.0
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let width = self.traces.iter().map(|line| line.name.len()).max().unwrap_or(0).max("recording".len());
        writeln!(
            f,
            "{:width$}   input seen   idle taken for input   timer of {} s",
            "recording", self.timeout_seconds
        )?;
        for line in &self.traces {
            let name = &line.name;
            let star = if line.windows_in_total { ' ' } else { '*' };
            let input = fraction(line.bursts_seen, line.bursts);
            let idle = fraction(line.false_windows, line.idle_windows);
            writeln!(f, "{name:width$}   {input:>10}   {idle:>19} {star}  {}", line.timer)?;
        }
        let Total { bursts, bursts_seen, idle_windows, false_windows, timers, timers_right } = self.total;
        let (input, idle) = (fraction(bursts_seen, bursts), fraction(false_windows, idle_windows));
        writeln!(f, "{:width$}   {input:>10}   {idle:>19}    right in {timers_right} of {timers}", "total")?;
        if self.traces.iter().any(|line| !line.windows_in_total) {
            writeln!(
                f,
                "\n* nobody there, and marks: a fixed jiggler or pop-ups at home; left out of the total's windows"
            )?;
        }
        if !self.left_out.is_empty() {
            writeln!(f, "\nnot RDP over TLS, so the rule is not applied: {}", self.left_out.join(", "))?;
        }
        Ok(())
    }
}

impl fmt::Display for Decision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.at_seconds, self.due_seconds) {
            (Some(at), _) if self.right => write!(f, "ended at {at:.1} s, right"),
            (None, _) if self.right => f.write_str("stayed open, right"),
            (Some(at), Some(due)) => write!(f, "ended at {at:.1} s, due at {due:.1} s"),
            (Some(at), None) => write!(f, "ended at {at:.1} s, though the person was there"),
            (None, due) => write!(f, "stayed open, due at {:.1} s", due.unwrap_or_default()),
        }
    }
}

fn fraction(part: usize, whole: usize) -> String {
    if whole == 0 { "-".into() } else { format!("{part} of {whole}") }
}
