//! What a worker says to what is asked while the session lasts: a line typed at the terminal, or a button in the window.

use std::{future::pending, time::Duration};

use gateway_api::login::Password;
use tokio::sync::mpsc::UnboundedReceiver;

use crate::terminal::{Terminal, Typed};

/// How long a question stands before a yes to it counts: whoever was about to press or type something else where it appears has not read it.
pub(crate) const TO_READ: Duration = Duration::from_secs(1);

/// Where answers come from.
#[derive(Debug)]
pub(crate) enum Answers {
    /// Lines at the terminal, if there is one.
    Terminal(Terminal),
    /// Buttons in the window, and its field for a password.
    Window(UnboundedReceiver<Heard>),
}

/// What is heard.
#[derive(Debug)]
pub(crate) enum Heard {
    Answer(Answer),
    Password(Password),
}

/// What needs the worker's consent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum About {
    /// A recording of sizes and times.
    Trace,
    /// A technician at the workstation.
    Assistance,
}

/// What was pressed. A button says what it is about: it stands beside that.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Button {
    /// Whether what the office wants read was read.
    Read(bool),
    /// The answer to one question, and to no later one.
    Answer { about: About, question: u32, yes: bool },
    /// What goes on is to end.
    End(About),
}

/// A typed line. What it is about depends on what stands at the terminal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Line {
    Yes,
    /// A yes that was begun before what is asked now was: it is about something else.
    Late,
    /// Enter alone.
    Empty,
    Other,
}

/// One answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Answer {
    Line(Line),
    Button(Button),
}

/// How a worker can be asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Asking {
    /// At a terminal: a line can be about one thing only.
    OneByOne,
    /// In a window: each question has its own buttons.
    SideBySide,
    /// At a terminal where a password is being typed: it is no answer to anything else, and Enter alone is none.
    Password,
    /// Nobody is there to be asked.
    Nobody,
}

impl Answers {
    /// How the worker can be asked now.
    pub(crate) fn asking(&self) -> Asking {
        match self {
            Self::Terminal(terminal) if terminal.is_there() && terminal.hides() => Asking::Password,
            Self::Terminal(terminal) if terminal.is_there() => Asking::OneByOne,
            Self::Window(heard) if !heard.is_closed() => Asking::SideBySide,
            Self::Terminal(_) | Self::Window(_) => Asking::Nobody,
        }
    }

    /// Listens from now on; what was said before a question is no answer to it. False if nobody can be asked.
    pub(crate) fn listen(&mut self) -> bool {
        match self {
            Self::Terminal(terminal) => terminal.listen(),
            Self::Window(heard) => {
                while heard.try_recv().is_ok() {}
                !heard.is_closed()
            }
        }
    }

    /// Listens for one password, which is not shown. False if nobody can be asked.
    pub(crate) fn listen_for_password(&mut self) -> bool {
        match self {
            Self::Terminal(terminal) => terminal.listen_for_password(),
            // Its field is there only while one is wanted; what else was pressed just now is an answer all the same.
            Self::Window(heard) => !heard.is_closed(),
        }
    }

    /// Listens for lines from now on. Buttons are heard all the time: each says what it is about.
    pub(crate) fn listen_to_lines(&mut self) {
        match self {
            Self::Terminal(terminal) => drop(terminal.listen()),
            Self::Window(_) => {}
        }
    }

    /// Listens no more.
    pub(crate) fn stop(&mut self) {
        match self {
            Self::Terminal(terminal) => terminal.stop(),
            // A window shows no button where nothing is asked.
            Self::Window(_) => {}
        }
    }

    /// The next answer, or password.
    pub(crate) async fn hear(&mut self) -> Heard {
        match self {
            Self::Terminal(terminal) => {
                let mut typed = terminal.next().await;
                if typed.is_hidden {
                    return Heard::Password(Password::new(std::mem::take(&mut *typed.line)));
                }
                Heard::Answer(Answer::Line(Line::read(&typed)))
            }
            Self::Window(heard) => match heard.recv().await {
                Some(heard) => heard,
                None => pending().await,
            },
        }
    }

    /// The next answer to whether something was read.
    pub(crate) async fn is_read(&mut self) -> bool {
        loop {
            match self.hear().await {
                Heard::Answer(Answer::Line(Line::Late)) => {}
                Heard::Answer(Answer::Line(line)) => return line == Line::Yes,
                Heard::Answer(Answer::Button(Button::Read(is_read))) => return is_read,
                Heard::Answer(Answer::Button(Button::Answer { .. } | Button::End(_))) | Heard::Password(_) => {}
            }
        }
    }
}

impl Line {
    fn read(typed: &Typed) -> Self {
        match typed.line.trim() {
            "" => Self::Empty,
            line if is_yes(line) && typed.is_fresh => Self::Yes,
            line if is_yes(line) => Self::Late,
            _ => Self::Other,
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

    #[test]
    fn enter_alone_is_told_from_a_no() {
        let read =
            |line: &str, is_fresh| Line::read(&Typed { line: line.to_owned().into(), is_fresh, is_hidden: false });
        let lines = ["", "  ", "s", "n", "what?"].map(|line| read(line, true));
        assert_eq!(lines, [Line::Empty, Line::Empty, Line::Yes, Line::Other, Line::Other]);
        // Begun for what was asked before.
        assert_eq!(["s", ""].map(|line| read(line, false)), [Line::Late, Line::Empty]);
    }

    #[tokio::test]
    async fn a_text_is_marked_as_read_by_its_own_button() {
        let (window, heard) = unbounded_channel();
        let mut answers = Answers::Window(heard);
        let press = |button| window.send(Heard::Answer(Answer::Button(button))).unwrap();
        press(Button::Read(true));
        assert!(answers.listen(), "pressed before anything was asked");
        press(Button::Answer { about: About::Assistance, question: 1, yes: true });
        press(Button::Read(false));
        assert!(!answers.is_read().await);
        assert_eq!(answers.asking(), Asking::SideBySide);
        drop(window);
        assert!(!answers.listen() && answers.asking() == Asking::Nobody);
    }

    #[tokio::test]
    async fn a_button_that_was_pressed_when_a_password_began_to_be_wanted_is_heard() {
        let (window, heard) = unbounded_channel();
        let mut answers = Answers::Window(heard);
        let consent = Button::Answer { about: About::Trace, question: 1, yes: true };
        window.send(Heard::Answer(Answer::Button(consent))).unwrap();
        assert!(answers.listen_for_password());
        window.send(Heard::Password(Password::new("secret".to_owned()))).unwrap();
        assert!(matches!(answers.hear().await, Heard::Answer(Answer::Button(pressed)) if pressed == consent));
        assert!(matches!(answers.hear().await, Heard::Password(password) if password.expose() == "secret"));
    }
}
