//! How much of a desktop came from the workstation: what tells a desktop that was closed from one that was never there.
//!
//! Only bytes of one connection are counted, for what is in them is not for us. Measured with FreeRDP: a desktop of one colour brought
//! 8 kB within four seconds, any other more. What comes before (TLS with the workstation's certificate, and name and password) is
//! 1.5 kB with one certificate, and stays below 5 kB with three.

/// From so many bytes of one connection on it was a desktop.
const DESKTOP: u64 = 6 * 1024;

/// How far the workstation has come.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Seen {
    /// It sent nothing.
    #[default]
    Nothing,
    /// It answered.
    Answer,
    /// It showed a desktop.
    Desktop,
}

impl Seen {
    /// Of a connection that brought so many bytes.
    pub(crate) fn of(bytes: u64) -> Self {
        match bytes {
            0 => Self::Nothing,
            DESKTOP.. => Self::Desktop,
            _ => Self::Answer,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refused_sign_in_is_an_answer_and_the_plainest_desktop_is_one() {
        for (bytes, seen) in [
            (0, Seen::Nothing),
            (1, Seen::Answer),
            (5000, Seen::Answer),
            (8434, Seen::Desktop),
            (800_000, Seen::Desktop),
        ] {
            assert_eq!(Seen::of(bytes), seen, "{bytes}");
        }
    }
}
