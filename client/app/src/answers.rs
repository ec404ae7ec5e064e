//! A worker's yes or no to what is asked while the session lasts: typed at the terminal, or a button in the window.

use std::future::pending;

use tokio::sync::mpsc::UnboundedReceiver;

use crate::terminal::Terminal;

/// Where answers come from.
#[derive(Debug)]
pub(crate) enum Answers {
    /// Lines at the terminal, if there is one.
    Terminal(Terminal),
    /// Buttons in the window.
    Window(UnboundedReceiver<bool>),
}

impl Answers {
    /// Listens from now on; what was said before a question is no answer to it. False if nobody can be asked.
    pub(crate) fn listen(&mut self) -> bool {
        match self {
            Self::Terminal(terminal) => terminal.listen(),
            Self::Window(buttons) => {
                while buttons.try_recv().is_ok() {}
                !buttons.is_closed()
            }
        }
    }

    /// Listens no more.
    pub(crate) fn stop(&self) {
        match self {
            Self::Terminal(terminal) => terminal.stop(),
            // A window shows no button where nothing is asked.
            Self::Window(_) => {}
        }
    }

    /// The next answer. Anything but a yes is a no.
    pub(crate) async fn next(&mut self) -> bool {
        match self {
            Self::Terminal(terminal) => is_yes(&terminal.next().await),
            Self::Window(buttons) => match buttons.recv().await {
                Some(yes) => yes,
                None => pending().await,
            },
        }
    }
}

/// Whether a typed answer is a yes, in either language.
pub(crate) fn is_yes(line: &str) -> bool {
    ["y", "yes", "s", "si", "sì"].contains(&line.trim().to_lowercase().as_str())
}

#[cfg(test)]
mod tests {
    use tokio::sync::mpsc::unbounded_channel;

    use super::*;

    #[test]
    fn only_a_yes_is_a_yes() {
        assert!(["y", "Y", " yes ", "s", "S", "sì", "SÌ", "si"].into_iter().all(is_yes));
        assert!(["", "n", "no", "yn", "why", "1", "ok"].into_iter().all(|line| !is_yes(line)));
    }

    #[tokio::test]
    async fn what_was_pressed_before_a_question_is_no_answer_to_it() {
        let (button, buttons) = unbounded_channel();
        let mut answers = Answers::Window(buttons);
        button.send(true).unwrap();
        assert!(answers.listen());
        button.send(false).unwrap();
        assert!(!answers.next().await);
        drop(button);
        assert!(!answers.listen(), "nobody to ask");
    }
}
