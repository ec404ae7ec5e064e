//! How many steps of one person may have to be refused.
//!
//! Only what is refused counts, and that is known once a step is over. So that steps side by side are no way round the limit, those that
//! are under way hold what is left of it: one more waits until one of them is over, and then counts or does not.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use gateway_api::SessionNumber;
use tokio::sync::Notify;

use super::{Buckets, Full, Limit, lock};
use crate::clock;

/// Refused and under way, for each person by the directory's identity.
#[derive(Debug)]
pub(super) struct Steps {
    counted: Mutex<Counted>,
    /// Some step is over.
    over: Notify,
}

#[derive(Debug)]
struct Counted {
    refused: Buckets<Arc<str>>,
    /// INVARIANT: nobody's number is zero, nor more than what the limit left them when their last one began.
    under_way: HashMap<Arc<str>, u32>,
}

/// Why no step begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum NotNow {
    /// Steps that are under way hold what is left.
    Held,
    /// The limit is reached, for so long.
    Spent(Duration),
}

/// A step that is under way. Dropped without a word it counts as refused: nobody knows that it was not.
#[derive(Debug)]
pub(crate) struct Step<'s> {
    steps: &'s Steps,
    person: Arc<str>,
    is_refused: bool,
}

impl Steps {
    pub(super) fn new(limit: Limit, remembered: usize) -> Self {
        let counted = Counted { refused: Buckets::new(limit, remembered), under_way: HashMap::new() };
        Self { counted: Mutex::new(counted), over: Notify::new() }
    }

    /// See [`Throttle::begin_step`](super::Throttle::begin_step).
    pub(super) async fn begin(&self, person: &Arc<str>) -> Result<Step<'_>, Duration> {
        loop {
            // Made before the look, so that what ends in between wakes it.
            let over = self.over.notified();
            match self.try_begin(person, clock::now().instant) {
                Ok(step) => return Ok(step),
                Err(NotNow::Held) => over.await,
                Err(NotNow::Spent(wait)) => return Err(wait),
            }
        }
    }

    fn try_begin(&self, person: &Arc<str>, now: Instant) -> Result<Step<'_>, NotNow> {
        let mut counted = lock(&self.counted);
        let under_way = counted.under_way.get(person).copied().unwrap_or(0);
        match counted.refused.wait_beside(person, under_way, now) {
            Duration::ZERO => {}
            wait if under_way == 0 => return Err(NotNow::Spent(wait)),
            _ => return Err(NotNow::Held),
        }
        counted.under_way.insert(Arc::clone(person), under_way + 1);
        Ok(Step { steps: self, person: Arc::clone(person), is_refused: true })
    }

    fn end(&self, person: &Arc<str>, is_refused: bool, now: Instant) {
        let mut counted = lock(&self.counted);
        match counted.under_way.get_mut(person) {
            Some(under_way) if *under_way > 1 => *under_way -= 1,
            _ => drop(counted.under_way.remove(person)),
        }
        if is_refused {
            counted.refused.spend(Arc::clone(person), now);
        }
        drop(counted);
        self.over.notify_waiters();
    }

    /// Whether one more would pass, as far as it is known what was refused.
    pub(super) fn look(&self, person: &Arc<str>, now: Instant, support: SessionNumber) -> Result<(), Full> {
        lock(&self.counted).refused.look(person, now, support)
    }
}

impl Step<'_> {
    /// It was not refused: it costs nothing.
    pub(crate) fn taken(mut self) {
        self.is_refused = false;
    }

    /// It was refused. Whether the limit is reached by that.
    pub(crate) fn refused(self) -> bool {
        let (steps, person) = (self.steps, Arc::clone(&self.person));
        drop(self);
        lock(&steps.counted).refused.is_spent(&person, clock::now().instant)
    }
}

impl Drop for Step<'_> {
    fn drop(&mut self) {
        self.steps.end(&self.person, self.is_refused, clock::now().instant);
    }
}

#[cfg(test)]
mod tests {
    use tokio::{sync::Barrier, task::JoinSet, time::timeout};

    use super::*;
    use crate::control::throttle::{REMEMBERED, STEPS};

    const SUPPORT: SessionNumber = SessionNumber::new(1);

    fn steps() -> &'static Steps {
        Box::leak(Box::new(Steps::new(STEPS, REMEMBERED)))
    }

    fn person() -> Arc<str> {
        "a.min".into()
    }

    /// Whether nothing comes of it yet.
    async fn is_waiting(step: &mut (impl Future + Unpin)) -> bool {
        tokio::select! {
            biased;
            _ = step => false,
            () = std::future::ready(()) => true,
        }
    }

    /// How many of so many steps begin before one of them is over.
    fn begun(steps: &Steps, times: usize) -> usize {
        let now = Instant::now();
        let begun: Vec<Step<'_>> = (0..times).filter_map(|_| steps.try_begin(&person(), now).ok()).collect();
        let number = begun.len();
        begun.into_iter().for_each(Step::taken);
        number
    }

    /// So many at once, each refused or not: how many had to do without.
    async fn at_once(steps: &'static Steps, times: usize, is_refused: bool) -> usize {
        let mut all = JoinSet::new();
        let together = Arc::new(Barrier::new(times));
        for _ in 0..times {
            let together = Arc::clone(&together);
            all.spawn(async move {
                together.wait().await;
                let Ok(step) = steps.begin(&person()).await else { return false };
                tokio::task::yield_now().await;
                if is_refused {
                    step.refused();
                } else {
                    step.taken();
                }
                true
            });
        }
        let all = timeout(Duration::from_secs(30), all.join_all()).await.expect("nobody waits for ever");
        all.into_iter().filter(|did| !did).count()
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 4)]
    async fn forty_sound_steps_at_once_after_twenty_nine_refusals_are_all_taken() {
        let steps = steps();
        for _ in 0..29 {
            assert!(!steps.begin(&person()).await.unwrap().refused());
        }
        assert_eq!(begun(steps, 2), 1);
        assert_eq!(at_once(steps, 40, false).await, 0);
        assert!(steps.begin(&person()).await.unwrap().refused(), "the thirtieth");
        assert_eq!(at_once(steps, 40, false).await, 40);
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 4)]
    async fn forty_refused_at_once_are_thirty() {
        for before in [0, 29] {
            let steps = steps();
            for _ in 0..before {
                steps.begin(&person()).await.unwrap().refused();
            }
            assert_eq!(at_once(steps, 40, true).await, 10 + before);
        }
    }

    #[tokio::test]
    async fn one_that_waits_begins_once_another_is_over_however_that_ends() {
        let steps = steps();
        for _ in 0..28 {
            steps.begin(&person()).await.unwrap().refused();
        }
        let (one, other) = (steps.begin(&person()).await.unwrap(), steps.begin(&person()).await.unwrap());
        let who = person();
        let mut next = Box::pin(steps.begin(&who));
        assert!(is_waiting(&mut next).await);
        // Whoever hangs up in the middle of it was refused, for all that is known.
        drop(one);
        assert!(is_waiting(&mut next).await, "the other may be the thirtieth");
        other.taken();
        assert!(next.await.unwrap().refused());
        assert!(steps.begin(&person()).await.is_err());
    }

    #[test]
    fn what_is_refused_is_counted_for_each_person_for_an_hour_and_nothing_else_is_remembered() {
        let (steps, other): (_, Arc<str>) = (steps(), "d.head".into());
        for _ in 0..100 {
            assert_eq!(begun(steps, 100), 30, "what is not refused costs nothing");
        }
        let counted = || {
            let counted = lock(&steps.counted);
            (counted.refused.table.len(), counted.under_way.len())
        };
        assert_eq!(counted(), (0, 0));
        let now = Instant::now();
        (0..40).for_each(|_| steps.end(&person(), true, now));
        assert_eq!(counted(), (1, 0));
        assert_eq!(steps.try_begin(&person(), now).unwrap_err(), NotNow::Spent(Duration::from_secs(120)));
        let full = steps.look(&person(), now, SUPPORT).unwrap_err();
        assert_eq!((full.wait, full.first), (Duration::from_secs(120), true));
        assert!(steps.look(&other, now, SUPPORT).is_ok() && steps.try_begin(&other, now).is_ok());
        let hour = now + Duration::from_secs(3600);
        let begun: Vec<Step<'_>> = (0..40).filter_map(|_| steps.try_begin(&person(), hour).ok()).collect();
        assert_eq!(begun.len(), 30, "an hour later");
    }
}
