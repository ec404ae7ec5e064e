//! `deskgate office`, and the question at first use: whether the profile's six words stand in the office's letter.

use std::io::{self, BufRead as _, IsTerminal as _, Write as _};

use clap::{Args, Subcommand};
use gateway_api::login::Language;

use super::{Connect, complain, parse_language};
use crate::{
    Exit,
    answers::is_yes,
    api::plain,
    config::{Config, FirstUse},
    office, terminal,
    words::{Text, local_language},
};

/// What to do with it.
#[derive(Debug, Subcommand)]
pub(crate) enum OfficeCommand {
    /// Forget the office's key: the next profile's six words are compared anew
    Forget(Forget),
}

/// Flags of `office forget`.
#[derive(Debug, Args)]
pub(crate) struct Forget {
    /// The language of what is said [default: that of the system]
    #[arg(long, value_name = "it|en", value_parser = parse_language)]
    language: Option<Language>,
}

/// Runs the command.
pub(super) fn run(command: &OfficeCommand) -> Exit {
    let OfficeCommand::Forget(Forget { language }) = *command;
    let (exit, text) = match office::forget() {
        Ok(true) => (Exit::Ended, Text::OfficeForgotten),
        Ok(false) => (Exit::Ended, Text::NoOffice),
        Err(error) => (Exit::Failed, Text::Broken { cause: plain(&error) }),
    };
    complain(&text.say(language.unwrap_or_else(local_language)));
    exit
}

/// Shows the words and asks; only a person's yes makes a configuration of the profile.
pub(super) fn compare(first: Box<FirstUse>, flags: &Connect) -> Result<Config, Exit> {
    let language = first.language();
    let say = |text: Text| complain(&text.say(language));
    if flags.password_stdin || !io::stdin().is_terminal() {
        say(Text::OfficeUnasked);
        return Err(Exit::Usage);
    }
    say(Text::OfficeWords { words: first.words().to_string() });
    // A line that was pasted beforehand has compared nothing.
    terminal::forget_typed();
    let _ = write!(io::stderr(), "{}", Text::AskOffice.say(language));
    let mut line = String::new();
    if io::stdin().lock().read_line(&mut line).is_ok() && is_yes(&line) {
        return Ok(first.accept());
    }
    say(Text::OfficeRefused);
    Err(Exit::Usage)
}
