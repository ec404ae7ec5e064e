//! Time-based one-time passwords (RFC 6238), as authenticator apps make them: HMAC-SHA-1, six digits, 30 seconds. The only file
//! that names the library.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use totp_rs::{Builder, Totp};
use zeroize::{Zeroize, ZeroizeOnDrop};

/// How long a code is shown, in seconds.
const STEP: u64 = 30;
/// How many digits a code has.
pub(super) const DIGITS: usize = 6;
/// Steps before and after the present one in which a code counts (RFC 6238, section 5.2): clocks differ, people type slowly.
const DRIFT: u16 = 1;
/// Steps in which a code is recognised as one of a wrong clock; it does not count.
const RECOGNISED: u16 = 20;

/// What the gateway and one authenticator app share: 160 random bits (RFC 4226, section 4). Neither prints nor clones.
#[derive(Zeroize, ZeroizeOnDrop, Deserialize, Serialize)]
#[serde(transparent)]
pub(super) struct Secret([u8; 20]);

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Secret(…)")
    }
}

/// What a code means at a moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Shown {
    /// It counts, as that of this step since 1970.
    Step(u64),
    /// It would count if the clock of the app, or the gateway's, were not off by this many seconds.
    ClockOff(i64),
    /// It is no code of this secret, or of another hour.
    Wrong,
}

impl Secret {
    pub(super) fn new(bytes: [u8; 20]) -> Self {
        Self(bytes)
    }

    pub(super) fn expose(&self) -> &[u8; 20] {
        &self.0
    }

    /// What `code` means now; compared in constant time.
    pub(super) fn compare(&self, code: &str, now: Timestamp) -> Shown {
        let now = u64::try_from(now.as_second()).unwrap_or(0);
        if let Some(step) = self.totp(DRIFT).check(code, now) {
            return Shown::Step(step);
        }
        match self.totp(RECOGNISED).check(code, now) {
            Some(step) => {
                Shown::ClockOff(step.cast_signed().saturating_sub((now / STEP).cast_signed()) * STEP.cast_signed())
            }
            None => Shown::Wrong,
        }
    }

    fn totp(&self, drift: u16) -> Totp {
        // What `build` would check of it is fixed here and in the type.
        Builder::new().with_secret(self.0).with_skew(drift).with_step_duration(STEP).build_noncompliant()
    }

    /// The code of a moment.
    #[cfg(test)]
    pub(super) fn code(&self, at: Timestamp) -> String {
        self.totp(0).generate(u64::try_from(at.as_second()).unwrap()).to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 6238, appendix B: the last six of its eight digits.
    #[test]
    fn codes_are_those_of_the_standard() {
        let secret = Secret::new(*b"12345678901234567890");
        for (at, code) in
            [(59, "287082"), (1_111_111_109, "081804"), (1_234_567_890, "005924"), (20_000_000_000, "353130")]
        {
            let now = Timestamp::from_second(at).unwrap();
            assert_eq!(secret.code(now), code);
            assert_eq!(secret.compare(code, now), Shown::Step(u64::try_from(at).unwrap() / 30));
        }
    }

    #[test]
    fn a_code_counts_a_step_early_or_late_and_further_off_is_a_wrong_clock() {
        let secret = Secret::new(*b"12345678901234567890");
        let shown = |off: i64| secret.compare("005924", Timestamp::from_second(1_234_567_890 + off).unwrap());
        for off in [-30, -1, 0, 29, 59] {
            assert_eq!(shown(off), Shown::Step(41_152_263), "{off}");
        }
        assert_eq!(shown(60), Shown::ClockOff(-60));
        assert_eq!(shown(-31), Shown::ClockOff(60));
        assert_eq!(shown(-600), Shown::ClockOff(600));
        assert_eq!(shown(630), Shown::Wrong);
    }

    #[test]
    fn what_is_no_code_is_wrong() {
        let secret = Secret::new(*b"12345678901234567890");
        for code in ["", "+05924", "0059240", "00592", "００５９２４"] {
            assert_eq!(secret.compare(code, Timestamp::from_second(1_234_567_890).unwrap()), Shown::Wrong, "{code}");
        }
    }
}
