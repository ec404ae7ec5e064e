//! The password and the codes: from the prompt, or from one line of standard input, to one request, and then gone. Where the office
//! says `single_sign_on`, the password also goes to the program that shows the desktop ([`crate::rdp`]).
//!
//! It is never an argument, never in the environment, never in a file.

use std::io::{self, BufRead};

use gateway_api::login::{Code, LONGEST_CODE, LONGEST_PASSWORD, Password};
use zeroize::Zeroizing;

/// Why there is no password.
#[derive(Debug)]
pub(crate) enum NoPassword {
    /// Nothing was typed.
    Empty,
    /// More than any password has.
    TooLong,
    /// More than any code has.
    CodeTooLong,
    /// There is no terminal to ask at, or standard input broke.
    Unreadable(io::Error),
}

/// Asks at the terminal, without echo.
pub(crate) fn ask(prompt: &str) -> Result<Password, NoPassword> {
    check(typed(prompt)?)
}

/// Asks for a code at the terminal, without echo. None if nothing is typed.
pub(crate) fn ask_code(prompt: &str) -> Result<Option<Code>, NoPassword> {
    check_code(typed(prompt)?)
}

fn typed(prompt: &str) -> Result<Zeroizing<String>, NoPassword> {
    let config = rpassword::ConfigBuilder::new().password_feedback_hide().build();
    rpassword::prompt_password_with_config(prompt, config).map(Zeroizing::new).map_err(NoPassword::Unreadable)
}

/// Reads one line of standard input; the end of the line does not count.
pub(crate) fn read(input: &mut impl BufRead) -> Result<Password, NoPassword> {
    check(line(input)?)
}

/// Reads a code from one line. None if it is empty.
pub(crate) fn read_code(input: &mut impl BufRead) -> Result<Option<Code>, NoPassword> {
    check_code(line(input)?)
}

fn line(input: &mut impl BufRead) -> Result<Zeroizing<String>, NoPassword> {
    // Room for all that may come: growing would leave copies behind.
    let mut line = Zeroizing::new(Vec::with_capacity(LONGEST_PASSWORD + 2));
    let mut limited = io::Read::take(input, (LONGEST_PASSWORD + 2) as u64);
    limited.read_until(b'\n', &mut line).map_err(NoPassword::Unreadable)?;
    let text = std::str::from_utf8(&line)
        .map_err(|_| NoPassword::Unreadable(io::Error::new(io::ErrorKind::InvalidData, "not UTF-8")))?;
    let text = text.strip_suffix('\n').unwrap_or(text);
    Ok(Zeroizing::new(text.strip_suffix('\r').unwrap_or(text).to_owned()))
}

fn check(mut text: Zeroizing<String>) -> Result<Password, NoPassword> {
    match text.len() {
        0 => Err(NoPassword::Empty),
        length if length > LONGEST_PASSWORD => Err(NoPassword::TooLong),
        _ => Ok(Password::new(std::mem::take(&mut *text))),
    }
}

fn check_code(mut text: Zeroizing<String>) -> Result<Option<Code>, NoPassword> {
    match text.trim().len() {
        0 => Ok(None),
        _ if text.len() > LONGEST_CODE => Err(NoPassword::CodeTooLong),
        _ => Ok(Some(Code::new(std::mem::take(&mut *text)))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(bytes: &[u8]) -> Result<String, NoPassword> {
        read(&mut &*bytes).map(|password| password.expose().to_owned())
    }

    #[test]
    fn one_line_is_the_password_and_its_end_is_not() {
        for bytes in [&b"Casa 1!\n"[..], b"Casa 1!\r\n", b"Casa 1!", b"Casa 1!\nrest\n"] {
            assert_eq!(line(bytes).unwrap(), "Casa 1!");
        }
        assert_eq!(line(b" spaces stay \n").unwrap(), " spaces stay ");
    }

    #[test]
    fn no_password_is_said_to_be_none() {
        assert!(matches!(line(b""), Err(NoPassword::Empty)));
        assert!(matches!(line(b"\n"), Err(NoPassword::Empty)));
        assert!(matches!(line(&[b'x'; LONGEST_PASSWORD + 1]), Err(NoPassword::TooLong)));
        assert!(matches!(line(&[0xff, b'\n']), Err(NoPassword::Unreadable(_))));
    }

    #[test]
    fn no_code_is_an_answer_too() {
        let code = |bytes: &[u8]| read_code(&mut &*bytes).map(|code| code.map(|code| code.expose().to_owned()));
        assert_eq!(code(b"123 456\n").unwrap().as_deref(), Some("123 456"));
        for none in [&b""[..], b"\n", b"  \r\n"] {
            assert_eq!(code(none).unwrap(), None);
        }
        assert!(matches!(code(&[b'1'; LONGEST_CODE + 1]), Err(NoPassword::CodeTooLong)));
    }
}
