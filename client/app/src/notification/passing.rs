//! Where each sentence is a notification of its own, which the system takes away after a while: there is nothing to take back.

use std::{
    future::{Ready, ready},
    sync::Arc,
};

use super::{Matter, Unshown, Urgency, system};

#[derive(Default)]
pub(super) struct Banner;

#[allow(clippy::unused_self, reason = "where notifications stay, it is asked")]
impl Banner {
    pub(super) fn show(&self, sentence: &str, urgency: Urgency, unshown: &Arc<Unshown>) {
        system::show(sentence, urgency, Arc::clone(unshown));
    }

    pub(super) fn withdraw(&self, _: Matter) {}

    pub(super) fn close(&self) {}

    pub(super) fn closed(&self) -> Ready<()> {
        ready(())
    }
}
