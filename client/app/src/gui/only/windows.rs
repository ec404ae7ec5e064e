//! On Windows an event with a name is both: who makes it is first, and whoever finds it there knocks by it. The system keeps it as
//! long as the first lives, for this login of this user alone.

#![allow(unsafe_code, reason = "calls of the system, each with why it is sound")]

use std::{
    io,
    os::windows::io::{AsRawHandle as _, OwnedHandle},
    ptr::null,
    thread,
};

use windows_sys::Win32::{
    Foundation::{ERROR_ALREADY_EXISTS, GetLastError, WAIT_OBJECT_0},
    System::Threading::{CreateEventW, INFINITE, SetEvent, WaitForSingleObject},
    UI::WindowsAndMessaging::{ASFW_ANY, AllowSetForegroundWindow},
};

use super::Start;
use crate::win32::{done, owned, wide};

/// Of this login alone.
const NAME: &str = r"Local\org.deskgate.Deskgate.window";

/// The first window's event.
pub(crate) struct First {
    knock: OwnedHandle,
}

/// Finds out.
pub(crate) fn start() -> Start {
    match start_as(NAME) {
        Ok(start) => start,
        // A name that somebody else has taken must not keep anybody from work.
        Err(error) => {
            tracing::debug!(%error, "no event for the window");
            Start::First(None)
        }
    }
}

fn start_as(name: &str) -> io::Result<Start> {
    let name = wide(name);
    // SAFETY: the name lives on; the rest are numbers.
    let knock = unsafe { CreateEventW(null(), 0, 0, name.as_ptr()) };
    // SAFETY: it only says what the call before it came to.
    let is_there = unsafe { GetLastError() } == ERROR_ALREADY_EXISTS;
    let knock = owned(knock)?;
    if !is_there {
        return Ok(Start::First(Some(First { knock })));
    }
    // Who was started last may come to the front, and hands that on.
    // SAFETY: numbers, and a handle that is open.
    unsafe {
        AllowSetForegroundWindow(ASFW_ANY);
        done(SetEvent(knock.as_raw_handle()))?;
    }
    Ok(Start::Second)
}

impl First {
    /// Calls `show` each time that another start of the same user knocks.
    pub(crate) fn listen(self, show: impl Fn() + Send + 'static) {
        let listening = thread::Builder::new().name("knocks".to_owned()).spawn(move || {
            // SAFETY: the handle is open as long as this thread has it.
            while unsafe { WaitForSingleObject(self.knock.as_raw_handle(), INFINITE) } == WAIT_OBJECT_0 {
                show();
            }
        });
        if let Err(error) = listening {
            tracing::debug!(%error, "nobody hears a second start");
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{sync::mpsc::channel, time::Duration};

    use super::*;

    #[test]
    fn a_second_start_shows_the_first() {
        let name = format!(r"Local\deskgate-test-{}", std::process::id());
        let Ok(Start::First(Some(first))) = start_as(&name) else { panic!("the first") };
        let (shown, shows) = channel();
        first.listen(move || shown.send(()).expect("the test waits"));
        for _ in 0..2 {
            assert!(matches!(start_as(&name), Ok(Start::Second)));
            shows.recv_timeout(Duration::from_secs(30)).expect("it was asked to show itself");
        }
    }
}
