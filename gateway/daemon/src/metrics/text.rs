//! The text format that Prometheus and its relatives read (exposition format 0.0.4).
//!
//! INVARIANT: a label's value is part of the program (`&'static str`): no name, account or address can become one.

use std::fmt::{Display, Write as _};

/// The `Content-Type` of it.
pub(super) const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// What is being written.
#[derive(Debug, Default)]
pub(super) struct Text(String);

impl Text {
    /// A value that goes up and down.
    pub(super) fn gauge(&mut self, name: &str, help: &str, value: impl Display) {
        self.family("gauge", name, help);
        self.line(format_args!("{name} {value}"));
    }

    /// The same, where there is one at this moment.
    pub(super) fn gauge_if(&mut self, name: &str, help: &str, value: Option<impl Display>) {
        if let Some(value) = value {
            self.gauge(name, help, value);
        }
    }

    /// A value for each of some words.
    pub(super) fn gauges<V: Display>(
        &mut self,
        name: &str,
        help: &str,
        label: &str,
        values: impl IntoIterator<Item = (&'static str, V)>,
    ) {
        self.family("gauge", name, help);
        self.labelled(name, label, values);
    }

    /// A count since the start.
    pub(super) fn counter(&mut self, name: &str, help: &str, value: impl Display) {
        self.family("counter", name, help);
        self.line(format_args!("{name} {value}"));
    }

    /// A count since the start for each of some words.
    pub(super) fn counters(
        &mut self,
        name: &str,
        help: &str,
        label: &str,
        values: impl IntoIterator<Item = (&'static str, u64)>,
    ) {
        self.family("counter", name, help);
        self.labelled(name, label, values);
    }

    /// All that was written.
    pub(super) fn finish(self) -> String {
        self.0
    }

    fn family(&mut self, kind: &str, name: &str, help: &str) {
        self.line(format_args!("# HELP {name} {help}"));
        self.line(format_args!("# TYPE {name} {kind}"));
    }

    fn labelled<V: Display>(&mut self, name: &str, label: &str, values: impl IntoIterator<Item = (&'static str, V)>) {
        for (word, value) in values {
            self.line(format_args!("{name}{{{label}=\"{word}\"}} {value}"));
        }
    }

    fn line(&mut self, line: std::fmt::Arguments<'_>) {
        // Writing to a string cannot fail.
        let _ = writeln!(self.0, "{line}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_family_has_its_help_its_type_and_a_line_for_each_word() {
        let mut text = Text::default();
        text.gauge("deskgate_flows", "Open flows.", 7);
        text.gauge_if("deskgate_none", "Never there.", None::<u64>);
        text.counters("deskgate_x_total", "By word.", "reason", [("idle", 2), ("replaced", 0)]);
        assert_eq!(
            text.finish(),
            "# HELP deskgate_flows Open flows.\n# TYPE deskgate_flows gauge\ndeskgate_flows 7\n\
             # HELP deskgate_x_total By word.\n# TYPE deskgate_x_total counter\n\
             deskgate_x_total{reason=\"idle\"} 2\ndeskgate_x_total{reason=\"replaced\"} 0\n"
        );
    }
}
