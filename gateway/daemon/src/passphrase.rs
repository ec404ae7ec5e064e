//! Passphrases of keys that people keep: typed without echo, or a line each of standard input.

use std::io::{IsTerminal as _, Read as _};

use zeroize::{Zeroize as _, Zeroizing};

use crate::Failure;

/// Where the passphrase of a new key comes from.
#[derive(Debug, Clone, Copy, clap::Args)]
pub(crate) struct PassphraseSource {
    /// Read the passphrase from standard input instead of asking for it
    #[arg(long, conflicts_with = "no_passphrase")]
    passphrase_stdin: bool,
    /// Leave the private half without a passphrase: for a safe, or a token that has its own
    #[arg(long)]
    no_passphrase: bool,
}

impl PassphraseSource {
    /// What standard input holds, if it is to be read.
    pub(crate) fn piped(self) -> Result<Piped, Failure> {
        Piped::read(self.passphrase_stdin)
    }

    /// One for a key that is new; `whose` says which. None where it is to have none.
    pub(crate) fn of_new(self, whose: &str, piped: &mut Piped) -> Result<Option<Zeroizing<String>>, Failure> {
        if self.no_passphrase {
            return Ok(None);
        }
        let first = piped.next("the passphrase", &format!("Passphrase for {whose}: "))?;
        if first.is_empty() {
            return Err(Failure::Unusable("an empty passphrase protects nothing: --no-passphrase says so".to_owned()));
        }
        if !self.passphrase_stdin && *piped.next("the passphrase", "Again: ")? != *first {
            return Err(Failure::Unusable("the two are not the same: nothing was made".to_owned()));
        }
        Ok(Some(first))
    }
}

/// What standard input holds in the place of answers at a terminal, a line each.
pub(crate) struct Piped(Option<Vec<Zeroizing<String>>>);

impl Piped {
    /// All of it, if it is `meant`.
    pub(crate) fn read(meant: bool) -> Result<Self, Failure> {
        if !meant {
            return Ok(Self(None));
        }
        let mut text = String::with_capacity(8192);
        let read = std::io::stdin().take(8192).read_to_string(&mut text);
        read.map_err(|error| Failure::Failed(format!("cannot read standard input: {error}")))?;
        let lines = text.lines().map(|line| Zeroizing::new(line.to_owned())).collect();
        text.zeroize();
        Ok(Self(Some(lines)))
    }

    /// The next line, or what is typed.
    pub(crate) fn next(&mut self, what: &str, prompt: &str) -> Result<Zeroizing<String>, Failure> {
        match &mut self.0 {
            Some(lines) if lines.is_empty() => {
                Err(Failure::Unusable(format!("standard input has too few lines: {what} is missing")))
            }
            Some(lines) => Ok(lines.remove(0)),
            None => typed(what, prompt),
        }
    }
}

fn typed(what: &str, prompt: &str) -> Result<Zeroizing<String>, Failure> {
    if !std::io::stdin().is_terminal() {
        return Err(Failure::Unusable(format!("there is no terminal to ask for {what} on: see --help")));
    }
    let typed = rpassword::prompt_password(prompt);
    typed.map(Zeroizing::new).map_err(|error| Failure::Failed(format!("cannot read {what}: {error}")))
}
