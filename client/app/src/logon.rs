//! What Windows tells of the logon that this program runs in: that it ends (logging off, shutting down), and that its screen is locked.
//! Here stand the words of it; `window.rs` is told them.

#[cfg(windows)]
mod window;

#[cfg(windows)]
pub(crate) use window::{end, lock};

/// `WM_QUERYENDSESSION`, `WM_ENDSESSION` and `WM_WTSSESSION_CHANGE`; the last with `WTS_SESSION_LOCK` or `WTS_SESSION_UNLOCK`.
const MAY_END: u32 = 0x0011;
const ENDS: u32 = 0x0016;
const CHANGES: u32 = 0x02b1;
const LOCKED: usize = 7;
const UNLOCKED: usize = 8;

/// What a message means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Told {
    /// Whether the logon may end, for all that we have to say.
    MayEnd,
    /// It ends now.
    Ends,
    /// The screen is locked, or not any more.
    Locked(bool),
}

impl Told {
    /// `first` is what comes along with the message. None where it is no news of the logon.
    fn read(message: u32, first: usize) -> Option<Self> {
        match (message, first) {
            (MAY_END, _) => Some(Self::MayEnd),
            // Zero means that somebody else held the end up.
            (ENDS, 1..) => Some(Self::Ends),
            (CHANGES, LOCKED) => Some(Self::Locked(true)),
            (CHANGES, UNLOCKED) => Some(Self::Locked(false)),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_end_that_was_held_up_is_none_and_of_the_changes_lock_and_unlock_count() {
        for (message, first, told) in [
            (0x0011, 0, Some(Told::MayEnd)),
            (0x0016, 1, Some(Told::Ends)),
            (0x0016, 0, None),
            (0x02b1, 7, Some(Told::Locked(true))),
            (0x02b1, 8, Some(Told::Locked(false))),
            // Another user's turn at the same computer; a logon; and the window's own business.
            (0x02b1, 2, None),
            (0x02b1, 5, None),
            (0x0010, 1, None),
        ] {
            assert_eq!(Told::read(message, first), told, "{message:#x} {first}");
        }
    }
}
