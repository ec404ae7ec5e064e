//! Answers that a worker types while the session lasts, at the terminal where the program was started.
//!
//! Listened to only while something was asked. What was typed before a question is thrown away: it cannot be meant as its answer.

#[cfg(unix)]
#[path = "terminal/unix.rs"]
mod system;
#[cfg(windows)]
#[path = "terminal/windows.rs"]
mod system;

use std::{
    io::{self, IsTerminal as _},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering::SeqCst},
    },
    thread::{self, Thread},
};

use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use zeroize::Zeroizing;

/// The terminal, if there is one.
#[derive(Debug, Default)]
pub(crate) struct Terminal {
    ears: Option<Ears>,
    /// The next line is a password.
    hidden: Option<Hidden>,
}

/// What is typed is not shown, until this is dropped.
#[derive(Debug)]
struct Hidden {
    _echo: system::Hidden,
    /// Whether other lines are to be listened for after it.
    listens_after: bool,
}

/// One thread reads, once it was first needed; two would take lines from each other. It is no task: a read that waits would hold
/// up the program's end.
#[derive(Debug)]
struct Ears {
    lines: UnboundedReceiver<(u64, Zeroizing<String>)>,
    shared: Arc<Shared>,
    thread: Thread,
}

#[derive(Debug, Default)]
struct Shared {
    listening: AtomicBool,
    /// Raised whenever what a line would be about changes. A line carries the one of before its first key.
    generation: AtomicU64,
    over: AtomicBool,
}

/// A line, without its end. It may be a password.
pub(crate) struct Typed {
    pub(crate) line: Zeroizing<String>,
    /// Whether it was begun for what is listened for now.
    pub(crate) is_fresh: bool,
    /// Whether it was typed unseen.
    pub(crate) is_hidden: bool,
}

impl Shared {
    fn listen(&self, listening: bool) {
        self.listening.store(listening, SeqCst);
        self.generation.fetch_add(1, SeqCst);
    }
}

/// Throws away what was typed before there was a question.
pub(crate) fn forget_typed() {
    system::forget_typed();
}

impl Terminal {
    /// Whether there is one, and it was not hung up.
    pub(crate) fn is_there(&self) -> bool {
        io::stdin().is_terminal() && self.ears.as_ref().is_none_or(|ears| !ears.lines.is_closed())
    }

    /// Listens from now on. False if there is no terminal: then nobody can be asked.
    pub(crate) fn listen(&mut self) -> bool {
        if !self.is_there() {
            return false;
        }
        match &mut self.hidden {
            // After the password: it is no answer to anything else.
            Some(hidden) => {
                hidden.listens_after = true;
                true
            }
            None => self.begin(),
        }
    }

    fn begin(&mut self) -> bool {
        if self.ears.is_none() {
            self.ears = Ears::new().ok();
        }
        let Some(ears) = &mut self.ears else { return false };
        ears.shared.listen(false);
        system::forget_typed();
        while ears.lines.try_recv().is_ok() {}
        ears.shared.listen(true);
        ears.thread.unpark();
        true
    }

    /// Listens for one line that is not shown. False if there is no terminal, or none that can hide it.
    pub(crate) fn listen_for_password(&mut self) -> bool {
        if !self.is_there() {
            return false;
        }
        let listens_after = match &self.hidden {
            Some(hidden) => hidden.listens_after,
            None => self.ears.as_ref().is_some_and(|ears| ears.shared.listening.load(SeqCst)),
        };
        // What was hidden before is shown again first, or it would be hidden for ever.
        self.hidden = None;
        let Ok(echo) = system::Hidden::begin() else { return false };
        self.hidden = Some(Hidden { _echo: echo, listens_after });
        self.begin()
    }

    /// Whether the next line is a password.
    pub(crate) fn hides(&self) -> bool {
        self.hidden.is_some()
    }

    /// Listens no more; for a password that is being typed it goes on.
    pub(crate) fn stop(&mut self) {
        match (&mut self.hidden, &self.ears) {
            (Some(hidden), _) => hidden.listens_after = false,
            (None, Some(ears)) => ears.shared.listen(false),
            (None, None) => {}
        }
    }

    /// The next line. Never comes while nobody listens.
    pub(crate) async fn next(&mut self) -> Typed {
        if let Some(ears) = &mut self.ears
            && let Some((generation, line)) = ears.lines.recv().await
        {
            let is_fresh = generation == ears.shared.generation.load(SeqCst);
            let hidden = self.hidden.take();
            if hidden.as_ref().is_some_and(|hidden| !hidden.listens_after) {
                ears.shared.listen(false);
            }
            return Typed { line, is_fresh, is_hidden: hidden.is_some() };
        }
        std::future::pending().await
    }
}

impl Ears {
    fn new() -> io::Result<Self> {
        let (sender, lines) = unbounded_channel();
        let shared = Arc::<Shared>::default();
        let heard = Arc::clone(&shared);
        let thread = thread::Builder::new().name("terminal".into()).spawn(move || hear(&sender, &heard))?;
        Ok(Self { lines, shared, thread: thread.thread().clone() })
    }
}

impl Drop for Ears {
    fn drop(&mut self) {
        self.shared.over.store(true, SeqCst);
        self.thread.unpark();
    }
}

fn hear(lines: &UnboundedSender<(u64, Zeroizing<String>)>, shared: &Shared) {
    while !shared.over.load(SeqCst) {
        if !shared.listening.load(SeqCst) {
            thread::park();
            continue;
        }
        // What is being typed cannot always be taken back, so before its first key it is noted what it can be meant for.
        let generation = shared.generation.load(SeqCst);
        match system::is_line_there() {
            Ok(false) => {}
            // What comes when nobody listens any more stays where it is.
            Ok(true) if !shared.listening.load(SeqCst) => {}
            Ok(true) => match system::read_line() {
                // Where a line is there only once it is read, nobody may listen any more.
                Ok(line) if shared.listening.load(SeqCst) => drop(lines.send((generation, line))),
                Ok(_) => {}
                Err(_) => return,
            },
            // The terminal is gone.
            Err(_) => return,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_line_that_was_begun_for_something_else_is_not_fresh() {
        let (sender, lines) = unbounded_channel();
        let shared = Arc::<Shared>::default();
        let mut terminal = Terminal {
            ears: Some(Ears { lines, shared: Arc::clone(&shared), thread: thread::current() }),
            hidden: None,
        };
        for (change, is_fresh) in [(None, true), (Some(true), false), (Some(false), false)] {
            let generation = shared.generation.load(SeqCst);
            match change {
                Some(true) => shared.listen(true),
                Some(false) => terminal.stop(),
                None => {}
            }
            sender.send((generation, "y".to_owned().into())).unwrap();
            assert_eq!(terminal.next().await.is_fresh, is_fresh, "{change:?}");
        }
    }

    #[test]
    fn at_a_terminal_that_was_hung_up_nobody_can_be_asked() {
        let (sender, lines) = unbounded_channel();
        drop(sender);
        let mut terminal =
            Terminal { ears: Some(Ears { lines, shared: Arc::default(), thread: thread::current() }), hidden: None };
        assert!(!terminal.is_there() && !terminal.listen());
    }
}
