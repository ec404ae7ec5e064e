//! The window that is told of the logon: one for the program, never seen, with a thread of its own, from the first question on. It is no
//! window for messages alone, as an icon beside the clock needs one: those hear nothing of what all windows are told.

#![allow(unsafe_code, reason = "calls of the system, each with why it is sound")]

use std::{
    cell::OnceCell,
    io,
    ptr::{null, null_mut},
    sync::LazyLock,
    thread,
    time::Duration,
};

use tokio::sync::watch;
use windows_sys::Win32::{
    Foundation::{HWND, LPARAM, LRESULT, WPARAM},
    System::{
        LibraryLoader::GetModuleHandleW,
        RemoteDesktop::{NOTIFY_FOR_THIS_SESSION, WTSRegisterSessionNotification},
        Threading::SetProcessShutdownParameters,
    },
    UI::WindowsAndMessaging::{
        CreateWindowExW, DefWindowProcW, DispatchMessageW, GetMessageW, MSG, RegisterClassW, WM_ENDSESSION,
        WM_QUERYENDSESSION, WM_WTSSESSION_CHANGE, WNDCLASSW, WS_OVERLAPPED, WTS_SESSION_LOCK, WTS_SESSION_UNLOCK,
    },
};

use super::{CHANGES, ENDS, LOCKED, MAY_END, Told, UNLOCKED};
use crate::win32::{done, wide};

const _: () = assert!(
    MAY_END == WM_QUERYENDSESSION && ENDS == WM_ENDSESSION && CHANGES == WM_WTSSESSION_CHANGE,
    "the system's own numbers"
);
const _: () = assert!(LOCKED as u32 == WTS_SESSION_LOCK && UNLOCKED as u32 == WTS_SESSION_UNLOCK);

/// For the program to end in order. The system gives five seconds, and then ends it.
const PATIENCE: Duration = Duration::from_secs(4);
/// Programs are ended from high to low. mstsc has 0x280, as all that do not say: before it, so that we end it.
const BEFORE_OTHERS: u32 = 0x300;

/// What is told from the first question on.
struct News {
    end: watch::Receiver<()>,
    lock: watch::Receiver<Option<bool>>,
}

/// Who tells it.
struct Teller {
    end: watch::Sender<()>,
    lock: Option<watch::Sender<Option<bool>>>,
}

static NEWS: LazyLock<News> = LazyLock::new(|| {
    let (end, ends) = watch::channel(());
    let (lock, locks) = watch::channel(None);
    let told = thread::Builder::new().name("logon".to_owned()).spawn(move || match listen(end, lock) {
        Ok(()) => {}
        Err(error) => tracing::debug!(%error, "Windows tells nothing of this logon"),
    });
    if let Err(error) = told {
        tracing::debug!(%error, "nobody hears what Windows tells of this logon");
    }
    News { end: ends, lock: locks }
});

thread_local! {
    /// Of the window's thread alone.
    static TELLER: OnceCell<Teller> = const { OnceCell::new() };
}

/// Changes when this logon ends, also where that has happened before. The program is then waited for, for four seconds.
pub(crate) fn end() -> watch::Receiver<()> {
    NEWS.end.clone()
}

/// Changes once the lock of the screen is told, and with each lock and unlock; None until the first of these. Where it is not told, nobody
/// is left to change it.
pub(crate) fn lock() -> watch::Receiver<Option<bool>> {
    NEWS.lock.clone()
}

/// Makes the window and hears what it is told, as long as the program lives.
fn listen(end: watch::Sender<()>, lock: watch::Sender<Option<bool>>) -> io::Result<()> {
    let window = window()?;
    // SAFETY: only numbers go in. Without it mstsc may be ended first, and its end closes the session as well.
    unsafe { SetProcessShutdownParameters(BEFORE_OTHERS, 0) };
    // SAFETY: the window is ours and was made just now.
    let lock = match done(unsafe { WTSRegisterSessionNotification(window, NOTIFY_FOR_THIS_SESSION) }) {
        Ok(()) => {
            lock.send_replace(None);
            Some(lock)
        }
        Err(error) => {
            tracing::debug!(%error, "the lock of the screen is not told");
            // So that whoever listens asks for it instead.
            drop(lock);
            None
        }
    };
    TELLER.with(|teller| drop(teller.set(Teller { end, lock })));
    let mut message = MSG::default();
    // SAFETY: there is a place for the message, which is the system's until it is handed on.
    while unsafe { GetMessageW(&raw mut message, null_mut(), 0, 0) } > 0 {
        // SAFETY: as above.
        unsafe { DispatchMessageW(&raw const message) };
    }
    Ok(())
}

fn window() -> io::Result<HWND> {
    let class = wide("deskgate.logon");
    // SAFETY: without a name it is this program, which stays loaded.
    let program = unsafe { GetModuleHandleW(null()) };
    let kind = WNDCLASSW {
        lpfnWndProc: Some(told),
        hInstance: program,
        lpszClassName: class.as_ptr(),
        ..WNDCLASSW::default()
    };
    // SAFETY: the structure and the name in it live on; the function is one for windows.
    done(unsafe { RegisterClassW(&raw const kind) }.into())?;
    // SAFETY: the class was made above, and its name lives on.
    let window = unsafe {
        let (none, nobody) = (null_mut(), null_mut());
        CreateWindowExW(0, class.as_ptr(), null(), WS_OVERLAPPED, 0, 0, 0, 0, nobody, none, program, null())
    };
    if window.is_null() { Err(io::Error::last_os_error()) } else { Ok(window) }
}

/// What the window does about a message.
unsafe extern "system" fn told(window: HWND, message: u32, first: WPARAM, second: LPARAM) -> LRESULT {
    match Told::read(message, first) {
        Some(Told::MayEnd) => 1,
        Some(Told::Ends) => {
            TELLER.with(|teller| teller.get().map(|teller| teller.end.send_replace(())));
            // Whoever returns from here is ended. The program's own end ends this thread, and so the wait.
            thread::sleep(PATIENCE);
            0
        }
        Some(Told::Locked(is_locked)) => {
            let told = |teller: &Teller| teller.lock.as_ref().map(|lock| lock.send_replace(Some(is_locked)));
            TELLER.with(|teller| teller.get().map(told));
            0
        }
        // SAFETY: what we were given goes on to the system.
        None => unsafe { DefWindowProcW(window, message, first, second) },
    }
}
