//! What the language can say and this version's gateway does not act upon yet.
//!
//! Such a setting is read, checked and carried, and said to be without effect wherever the policy is loaded or checked:
//! nobody must believe in a protection that is not there. Building one of these ends with deleting its line.

use std::collections::BTreeSet;

use crate::{
    Mistakes,
    error::{Mistake, typed},
    source::Span,
};

/// The keys, each with what does not happen.
const UNACTED: &[(&str, &str)] = &[("mac", "the workstation is not woken")];

/// Tells of each of them once, where it is first said.
#[derive(Debug, Default)]
pub(crate) struct Unacted(BTreeSet<&'static str>);

impl Unacted {
    /// Warns if `key` is one of them and was not told of.
    pub(crate) fn warn(&mut self, key: &str, span: Span, mistakes: &mut Mistakes) {
        let Some((key, effect)) = UNACTED.iter().find(|(known, _)| *known == key) else { return };
        if self.0.insert(key) {
            let mistake = Mistake::warning(span, format!("this version does not act upon {} yet", typed(key)));
            mistakes.push(mistake.label(*effect));
        }
    }
}
