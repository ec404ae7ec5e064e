//! Exceptions: for whom, on which days, and never two that contradict each other.

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

use super::{Resolver, agreement::Listed};
use crate::{
    Exceptions,
    day::Day,
    error::{Mistake, typed},
    name::{folded, meant},
    rule::{Change, Exception},
    source::{At, Span},
    syntax::{ExceptionWritten, Written},
};

impl Resolver<'_> {
    pub(super) fn exceptions(&mut self, written: &mut Written, listed: &Listed) -> Exceptions {
        let mut exceptions = Exceptions::default();
        let mut of_structures: BTreeMap<u32, Vec<u32>> = BTreeMap::new();
        let mut of_workers: BTreeMap<u32, Vec<u32>> = BTreeMap::new();
        let structures: HashMap<&str, u32> =
            listed.structures.iter().zip(0..).map(|(name, number)| (&**name, number)).collect();
        for exception in std::mem::take(&mut written.exceptions) {
            let Some(meant) = self.exception(&exception, written) else { continue };
            let number = u32::try_from(exceptions.all.len()).unwrap_or(u32::MAX);
            let list = match (&exception.worker, &exception.structure) {
                (Some(worker), _) => match listed.by_name.get(folded(&worker.value).as_ref()) {
                    Some(worker) => of_workers.entry(*worker).or_default(),
                    None => {
                        self.unused_exception(
                            worker,
                            "no agreement names worker",
                            listed.workers.iter().map(|worker| &*worker.name),
                        );
                        continue;
                    }
                },
                (None, Some(structure)) => match structures.get(structure.value.as_str()) {
                    Some(structure) => of_structures.entry(*structure).or_default(),
                    None => {
                        self.unused_exception(
                            structure,
                            "no agreement belongs to structure",
                            structures.keys().copied(),
                        );
                        continue;
                    }
                },
                (None, None) => &mut exceptions.everybody,
            };
            list.push(number);
            exceptions.days.insert(meant.from, meant.until);
            exceptions.all.push(meant);
        }
        let lists = of_structures.values_mut().chain(of_workers.values_mut()).chain([&mut exceptions.everybody]);
        for list in lists {
            self.order(list, &exceptions.all);
        }
        exceptions.structures = of_structures.into_iter().collect();
        exceptions.workers = of_workers.into_iter().collect();
        exceptions
    }

    fn unused_exception<'n>(&mut self, name: &At<String>, what: &str, known: impl IntoIterator<Item = &'n str>) {
        let mistake = Mistake::error(name.span, format!("{what} {}", typed(&name.value))).follows();
        self.mistakes.push(match meant(&name.value, known) {
            Some(known) => mistake.label(format!("did you mean `{known}`?")),
            None => mistake.label("an exception from nothing"),
        });
    }

    fn exception(&mut self, written: &ExceptionWritten, all: &Written) -> Option<Exception> {
        if let (Some(worker), Some(structure)) = (&written.worker, &written.structure) {
            let mistake = Mistake::error(structure.span, "an exception is for one worker or for one structure")
                .label("a structure");
            self.mistakes.push(mistake.related(worker.span, "and a worker").advice("remove one of the two"));
        }
        let (from, until) = self.exception_days(written)?;
        let (change, span) = self.change(written, all)?;
        if change == Change::Suspended && written.worker.is_none() {
            let mistake = Mistake::error(span, "`suspended` is for one worker's agreements").label("whose?");
            self.mistakes
                .push(mistake.advice("add `worker = \"…\"`, or write `closed = true` for everybody or a structure"));
        }
        let gives = matches!(change, Change::Open | Change::Hours(_) | Change::Extend(_));
        if gives && written.authorised_by.is_none() {
            let mistake =
                Mistake::error(written.span, "more time than agreed needs `authorised_by`").label("who said so?");
            self.mistakes.push(mistake.advice("add `authorised_by = \"…\"`").follows());
        }
        if let (Change::Extend(_), true) = (&change, from != until) {
            let mistake = Mistake::error(span, "`extend` is for one day").label("several days are named");
            self.mistakes.push(mistake.advice("write `on` instead of `from` and `until`, or `hours`"));
        }
        let text = |said: &Option<At<String>>| said.as_ref().map(|said| Arc::from(said.value.as_str()));
        Some(Exception {
            from,
            until,
            change,
            authorised_by: text(&written.authorised_by),
            reason: text(&written.reason),
            span: written.span,
        })
    }

    fn exception_days(&mut self, written: &ExceptionWritten) -> Option<(Day, Day)> {
        match (written.on, written.from, written.until) {
            (Some(on), None, None) => Some((on.value, on.value)),
            (None, Some(from), Some(until)) => {
                self.check_span(Some(from), Some(until));
                Some((from.value, until.value))
            }
            (Some(on), from, until) => {
                let other = from.or(until).map_or(on.span, |other| other.span);
                let mistake =
                    Mistake::error(other, "`on` is one day, `from` and `until` are several").label("days again");
                self.mistakes.push(mistake.related(on.span, "a day").advice("keep `on`, or `from` and `until`"));
                None
            }
            (None, _, _) => {
                let mistake = Mistake::error(written.span, "an exception without its days").label("when?").follows();
                self.mistakes.push(mistake.advice("add `on = 2026-08-14`, or `from` and `until`"));
                None
            }
        }
    }

    /// The one thing that an exception says, and where.
    fn change(&mut self, written: &ExceptionWritten, all: &Written) -> Option<(Change, Span)> {
        let mut said: Vec<(Change, Span)> = Vec::new();
        let switches = [
            ("closed", written.closed, Change::Closed),
            ("suspended", written.suspended, Change::Suspended),
            ("open", written.open, Change::Open),
        ];
        for (key, switch, change) in switches {
            let Some(switch) = switch else { continue };
            if switch.value {
                said.push((change, switch.span));
            } else {
                let mistake = Mistake::error(switch.span, format!("`{key} = false` says nothing"));
                self.mistakes.push(mistake.label("only `true` means something here").advice("remove it"));
            }
        }
        said.extend(written.hours.map(|hours| (Change::Hours(all.hours.set(hours.value).into()), hours.span)));
        said.extend(written.extend.map(|extend| (Change::Extend(extend.value), extend.span)));
        let mut said = said.into_iter();
        let first = said.next();
        if first.is_none() {
            let mistake =
                Mistake::error(written.span, "an exception that changes nothing").label("what is different?").follows();
            self.mistakes
                .push(mistake.advice(
                    "add one of `closed = true`, `suspended = true`, `open = true`, `hours = …`, `extend = …`",
                ));
        }
        if let (Some((_, before)), Some((_, span))) = (&first, said.next()) {
            let mistake =
                Mistake::error(span, "an exception says one thing").label("a second one").related(*before, "the first");
            self.mistakes.push(mistake.advice("write two exceptions"));
        }
        first
    }

    /// Puts exceptions of one scope into the order in which they work on a day, and refuses those that contradict each
    /// other: a day is closed or has hours, and is extended once.
    fn order(&mut self, list: &mut [u32], all: &[Exception]) {
        let rank = |number: &u32| all.get(*number as usize).map(|exception| (rank(&exception.change), exception.span));
        list.sort_by_key(rank);
        let mut by_day: Vec<&Exception> = list.iter().filter_map(|number| all.get(*number as usize)).collect();
        by_day.sort_by_key(|exception| (exception.from, exception.span));
        let mut held: Vec<&Exception> = Vec::new();
        for exception in by_day {
            held.retain(|other| other.until >= exception.from);
            if let Some(other) = held.iter().find(|other| contradict(&exception.change, &other.change)) {
                let (first, second) =
                    if exception.span < other.span { (exception, *other) } else { (*other, exception) };
                let mistake = Mistake::error(second.span, "two exceptions contradict each other").label("this one");
                let mistake = mistake.related(first.span, "and this one, on the same day for the same people");
                self.mistakes.push(mistake.advice("part their days, or remove one"));
            } else {
                held.push(exception);
            }
        }
    }
}

fn rank(change: &Change) -> u8 {
    match change {
        Change::Closed | Change::Suspended => 0,
        Change::Open => 1,
        Change::Hours(_) => 2,
        Change::Extend(_) => 3,
    }
}

fn contradict(one: &Change, other: &Change) -> bool {
    let closes = |change: &Change| rank(change) == 0;
    closes(one) != closes(other) || matches!((one, other), (Change::Extend(_), Change::Extend(_)))
}
