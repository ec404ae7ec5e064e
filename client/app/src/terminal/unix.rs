//! A Unix terminal stops a program of the background that reads it, so it is read only by one of the foreground.

use std::{io, os::fd::AsFd as _, time::Duration};

use nix::{
    errno::Errno,
    poll::{PollFd, PollFlags, PollTimeout, poll},
    sys::termios::{
        _POSIX_VDISABLE, FlushArg, LocalFlags, SetArg, SpecialCharacterIndices, Termios, tcflush, tcgetattr, tcsetattr,
    },
    unistd::{getpgrp, read, tcgetpgrp},
};
use zeroize::Zeroizing;

/// How long one look waits, in milliseconds.
const MOMENT: u16 = 200;
/// A terminal hands over one line at a time, and none longer than this.
const LONGEST_LINE: usize = 4096;

/// A terminal that was hung up, or is none.
const GONE: PollFlags = PollFlags::POLLHUP.union(PollFlags::POLLERR).union(PollFlags::POLLNVAL);

/// Throws away what was typed and not read yet.
pub(super) fn forget_typed() {
    if is_ours() {
        let _ = tcflush(io::stdin().as_fd(), FlushArg::TCIFLUSH);
    }
}

/// Whether there is a line to read; waits a moment for one. An error where none will come any more.
pub(super) fn is_line_there() -> io::Result<bool> {
    let stdin = io::stdin();
    let mut fds = [PollFd::new(stdin.as_fd(), PollFlags::POLLIN)];
    match poll(&mut fds, PollTimeout::from(MOMENT)) {
        Ok(0) | Err(Errno::EINTR) => return Ok(false),
        Ok(_) => {}
        Err(error) => return Err(error.into()),
    }
    let [stdin] = fds;
    if stdin.revents().is_some_and(|events| events.intersects(GONE)) {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    if !is_ours() {
        std::thread::sleep(Duration::from_millis(MOMENT.into()));
        return Ok(false);
    }
    Ok(true)
}

/// The line that is there, without its end. Ctrl-D alone is an empty one: more may come.
pub(super) fn read_line() -> io::Result<Zeroizing<String>> {
    let mut bytes = Zeroizing::new([0; LONGEST_LINE]);
    let length = read(io::stdin().as_fd(), &mut *bytes)?;
    let line = String::from_utf8_lossy(bytes.get(..length).unwrap_or_default());
    Ok(line.trim_end_matches(['\r', '\n']).to_owned().into())
}

/// The terminal shows nothing of what is typed but the end of the line, until this is dropped.
#[derive(Debug)]
pub(super) struct Hidden {
    before: Termios,
}

impl Hidden {
    /// Fails in the background: whoever changes a terminal from there is stopped.
    pub(super) fn begin() -> io::Result<Self> {
        if !is_ours() {
            return Err(io::ErrorKind::NotConnected.into());
        }
        let before = tcgetattr(io::stdin().as_fd())?;
        let mut hidden = before.clone();
        hidden.local_flags.remove(LocalFlags::ECHO);
        hidden.local_flags.insert(LocalFlags::ECHONL);
        // A shell gives back its own settings to a program that it had stopped, and with them the echo.
        if let Some(key) = hidden.control_chars.get_mut(SpecialCharacterIndices::VSUSP as usize) {
            *key = _POSIX_VDISABLE;
        }
        tcsetattr(io::stdin().as_fd(), SetArg::TCSANOW, &hidden)?;
        Ok(Self { before })
    }
}

impl Drop for Hidden {
    /// What was begun and not sent would else be the shell's, which shows it.
    fn drop(&mut self) {
        if !is_ours() {
            return;
        }
        forget_typed();
        let _ = tcsetattr(io::stdin().as_fd(), SetArg::TCSANOW, &self.before);
    }
}

fn is_ours() -> bool {
    tcgetpgrp(io::stdin().as_fd()).is_ok_and(|foreground| foreground == getpgrp())
}
