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
        atomic::{AtomicBool, Ordering::SeqCst},
    },
    thread::{self, Thread},
};

use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

/// The terminal, if there is one.
#[derive(Debug, Default)]
pub(crate) struct Terminal {
    ears: Option<Ears>,
}

/// One thread reads, once it was first needed; two would take lines from each other. It is no task: a read that waits would hold
/// up the program's end.
#[derive(Debug)]
struct Ears {
    lines: UnboundedReceiver<String>,
    shared: Arc<Shared>,
    thread: Thread,
}

#[derive(Debug, Default)]
struct Shared {
    listening: AtomicBool,
    over: AtomicBool,
}

/// Throws away what was typed before there was a question.
pub(crate) fn forget_typed() {
    system::forget_typed();
}

impl Terminal {
    /// Whether there is one at all.
    pub(crate) fn is_there(&self) -> bool {
        io::stdin().is_terminal()
    }

    /// Listens from now on. False if there is no terminal: then nobody can be asked.
    pub(crate) fn listen(&mut self) -> bool {
        if !self.is_there() {
            return false;
        }
        if self.ears.is_none() {
            self.ears = Ears::new().ok();
        }
        let Some(ears) = &mut self.ears else { return false };
        ears.shared.listening.store(false, SeqCst);
        system::forget_typed();
        while ears.lines.try_recv().is_ok() {}
        ears.shared.listening.store(true, SeqCst);
        ears.thread.unpark();
        true
    }

    /// Listens no more.
    pub(crate) fn stop(&self) {
        if let Some(ears) = &self.ears {
            ears.shared.listening.store(false, SeqCst);
        }
    }

    /// The next line, without its end. Never comes while nobody listens.
    pub(crate) async fn next(&mut self) -> String {
        let line = match &mut self.ears {
            Some(ears) => ears.lines.recv().await,
            None => None,
        };
        match line {
            Some(line) => line,
            None => std::future::pending().await,
        }
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

fn hear(lines: &UnboundedSender<String>, shared: &Shared) {
    while !shared.over.load(SeqCst) {
        if !shared.listening.load(SeqCst) {
            thread::park();
            continue;
        }
        match system::is_line_there() {
            Ok(false) => {}
            // What comes when nobody listens any more stays where it is.
            Ok(true) if !shared.listening.load(SeqCst) => {}
            Ok(true) => match system::read_line() {
                // Where a line is there only once it is read, nobody may listen any more.
                Ok(line) if shared.listening.load(SeqCst) => drop(lines.send(line)),
                Ok(_) => {}
                Err(_) => return,
            },
            // The terminal is gone.
            Err(_) => return,
        }
    }
}
