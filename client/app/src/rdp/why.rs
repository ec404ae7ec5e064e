//! Why a program that shows the desktop ended, where a sentence can say it and what to do.

/// See the sentences in `words/desktop.rs`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(windows, expect(dead_code, reason = "nobody says what the exit codes of mstsc mean"))]
pub(crate) enum Why {
    /// Nothing ever came from the workstation.
    Unreached,
    /// It answered, and no desktop was seen.
    Unshown,
    /// It broke off while name and password were being shown.
    SignInBroke,
    /// It wants the password before it shows anything, and the program has none and nobody to ask.
    PasswordUnasked,
    /// The password has expired, or must be changed.
    PasswordExpired,
    /// The account is disabled, expired or restricted.
    AccountRefused,
    /// The account may not sign in by remote desktop.
    NotAllowed,
    /// Who could check name and password was not to be reached.
    SignInUnchecked,
    /// Workstation and program have no security in common.
    NothingInCommon,
    /// The workstation has no licence left.
    NoLicence,
    /// The workstation is still starting.
    Booting,
    /// The program does not know what it was told.
    ProgramTooOld,
    /// The program has no screen.
    NoScreen,
    /// The desktop was logged off, or, at some workstations, taken elsewhere.
    LoggedOff,
    /// Somebody took the desktop elsewhere.
    Replaced,
    /// The workstation's own limit for whoever is away.
    Away,
    /// The workstation ended it.
    EndedThere,
}

impl Why {
    /// Whether there was a desktop, and an end that may come to any.
    pub(crate) fn is_well(self) -> bool {
        matches!(self, Self::LoggedOff | Self::Replaced | Self::Away | Self::EndedThere)
    }

    #[cfg(test)]
    pub(crate) const ALL: [Self; 17] = [
        Self::Unreached,
        Self::Unshown,
        Self::SignInBroke,
        Self::PasswordUnasked,
        Self::PasswordExpired,
        Self::AccountRefused,
        Self::NotAllowed,
        Self::SignInUnchecked,
        Self::NothingInCommon,
        Self::NoLicence,
        Self::Booting,
        Self::ProgramTooOld,
        Self::NoScreen,
        Self::LoggedOff,
        Self::Replaced,
        Self::Away,
        Self::EndedThere,
    ];
}
