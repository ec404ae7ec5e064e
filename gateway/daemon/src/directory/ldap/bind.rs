//! What the answer to a bind means.
//!
//! Active Directory tells why in the diagnostic text (`data 532`), OpenLDAP only in the response control of its password policy,
//! which must be asked for; and there a successful bind may still mean that the password must be changed.

use gateway_api::login::Password;
use ldap3::{Ldap, LdapResult, controls::RawControl};

use crate::directory::MustAct;

/// The password policy's control: draft-behera-ldap-password-policy.
pub(super) const PASSWORD_POLICY: &str = "1.3.6.1.4.1.42.2.27.8.5.1";

/// LDAP result codes (RFC 4511, appendix A).
mod code {
    pub(super) const SUCCESS: u32 = 0;
    pub(super) const CONSTRAINT_VIOLATION: u32 = 19;
    pub(super) const NO_SUCH_OBJECT: u32 = 32;
    pub(super) const INVALID_DN_SYNTAX: u32 = 34;
    pub(super) const INVALID_CREDENTIALS: u32 = 49;
}

/// What a bind says about a person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Outcome {
    Holds,
    Wrong,
    Locked,
    MustAct(MustAct),
    /// It says nothing about the person; what it said.
    Unclear(String),
}

/// Binds as `dn`. The password is not empty: some servers call an empty one a success.
pub(super) async fn bind(ldap: &mut Ldap, dn: &str, password: &Password) -> Result<Outcome, String> {
    let control = RawControl { ctype: PASSWORD_POLICY.to_owned(), crit: false, val: None };
    let answer = ldap.with_controls(control).simple_bind(dn, password.expose()).await;
    Ok(meaning(&answer.map_err(|error| format!("the directory does not answer a bind: {error}"))?))
}

fn meaning(answer: &LdapResult) -> Outcome {
    let policy = answer
        .ctrls
        .iter()
        .filter(|control| control.1.ctype == PASSWORD_POLICY)
        .find_map(|control| PolicyError::decode(control.1.val.as_deref()?));
    match (answer.rc, policy) {
        (code::SUCCESS, Some(PolicyError::PasswordExpired)) => Outcome::MustAct(MustAct::PasswordExpired),
        (code::SUCCESS, Some(PolicyError::ChangeAfterReset)) => Outcome::MustAct(MustAct::ChangePassword),
        (code::SUCCESS, _) => Outcome::Holds,
        (_, Some(PolicyError::AccountLocked)) => Outcome::Locked,
        // Told only when the password was right.
        (code::INVALID_CREDENTIALS, Some(PolicyError::PasswordExpired)) => Outcome::MustAct(MustAct::PasswordExpired),
        (code::INVALID_CREDENTIALS, Some(PolicyError::ChangeAfterReset)) => Outcome::MustAct(MustAct::ChangePassword),
        (code::INVALID_CREDENTIALS, _) => active_directory(&answer.text),
        (code::NO_SUCH_OBJECT | code::INVALID_DN_SYNTAX, _) => Outcome::Wrong,
        // 389 Directory Server's word for too many failures.
        (code::CONSTRAINT_VIOLATION, _) => Outcome::Locked,
        (other, _) => Outcome::Unclear(format!("the directory answers a bind with code {other}")),
    }
}

/// Active Directory's reasons, all but two told only when the password was right. Any other text, or number, is a wrong password.
fn active_directory(text: &str) -> Outcome {
    let data = text.split_once("data ").map(|(_, rest)| rest);
    let data = data.map(|rest| rest.split(|c: char| !c.is_ascii_hexdigit()).next().unwrap_or_default());
    match data {
        Some("530") => Outcome::MustAct(MustAct::OutsideDirectoryHours),
        Some("531") => Outcome::MustAct(MustAct::NotFromHere),
        Some("532") => Outcome::MustAct(MustAct::PasswordExpired),
        Some("533") => Outcome::MustAct(MustAct::Disabled),
        Some("701") => Outcome::MustAct(MustAct::AccountExpired),
        Some("773") => Outcome::MustAct(MustAct::ChangePassword),
        Some("775") => Outcome::Locked,
        _ => Outcome::Wrong,
    }
}

/// The error of a password policy's response control.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum PolicyError {
    PasswordExpired,
    AccountLocked,
    ChangeAfterReset,
    NotAllowed,
    TooSimple,
    TooShort,
    TooYoung,
    UsedBefore,
    Other,
}

impl PolicyError {
    /// `SEQUENCE { warning [0] CHOICE … OPTIONAL, error [1] ENUMERATED OPTIONAL }`, short lengths only: the longest is 12 bytes.
    pub(super) fn decode(value: &[u8]) -> Option<Self> {
        let (0x30, mut rest, []) = element(value)? else { return None };
        while !rest.is_empty() {
            let (tag, content, after) = element(rest)?;
            if tag == 0x81 {
                return Some(match content {
                    [0] => Self::PasswordExpired,
                    [1] => Self::AccountLocked,
                    [2] => Self::ChangeAfterReset,
                    [3] => Self::NotAllowed,
                    [5] => Self::TooSimple,
                    [6] => Self::TooShort,
                    [7] => Self::TooYoung,
                    [8] => Self::UsedBefore,
                    _ => Self::Other,
                });
            }
            rest = after;
        }
        None
    }
}

/// The tag and content of the first element, and what follows it.
fn element(bytes: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let (tag, rest) = bytes.split_first()?;
    let (length, rest) = rest.split_first()?;
    let (content, after) = rest.split_at_checked(usize::from(*length).min(usize::from(*length & 0x7f)))?;
    (*length < 0x80).then_some((*tag, content, after))
}

#[cfg(test)]
mod tests {
    use ldap3::controls::Control;

    use super::*;

    fn answer(rc: u32, text: &str, control: Option<&[u8]>) -> Outcome {
        let control = control.map(|value| {
            Control(None, RawControl { ctype: PASSWORD_POLICY.to_owned(), crit: false, val: Some(value.to_vec()) })
        });
        let ctrls = control.into_iter().collect();
        meaning(&LdapResult { rc, matched: String::new(), text: text.to_owned(), refs: Vec::new(), ctrls })
    }

    /// As seen from OpenLDAP 2.5.
    #[test]
    fn openldap_tells_in_its_control() {
        assert_eq!(answer(0, "", Some(&[0x30, 0])), Outcome::Holds);
        assert_eq!(answer(0, "", None), Outcome::Holds);
        assert_eq!(answer(0, "", Some(&[0x30, 3, 0x81, 1, 2])), Outcome::MustAct(MustAct::ChangePassword));
        assert_eq!(answer(49, "", Some(&[0x30, 0])), Outcome::Wrong);
        assert_eq!(answer(49, "", None), Outcome::Wrong);
        assert_eq!(answer(49, "", Some(&[0x30, 3, 0x81, 1, 0])), Outcome::MustAct(MustAct::PasswordExpired));
        assert_eq!(answer(49, "", Some(&[0x30, 3, 0x81, 1, 1])), Outcome::Locked);
        let with_warning = [0x30, 8, 0xa0, 3, 0x80, 1, 9, 0x81, 1, 2];
        assert_eq!(answer(0, "", Some(&with_warning)), Outcome::MustAct(MustAct::ChangePassword));
    }

    /// As seen from Samba 4.17.
    #[test]
    fn active_directory_tells_in_its_text() {
        let told = |data: &str| {
            answer(
                49,
                &format!("80090308: LdapErr: DSID-0C0903A9, comment: AcceptSecurityContext error, data {data}, v1db1"),
                None,
            )
        };
        assert_eq!(told("52e"), Outcome::Wrong);
        assert_eq!(told("525"), Outcome::Wrong);
        assert_eq!(told("530"), Outcome::MustAct(MustAct::OutsideDirectoryHours));
        assert_eq!(told("531"), Outcome::MustAct(MustAct::NotFromHere));
        assert_eq!(told("532"), Outcome::MustAct(MustAct::PasswordExpired));
        assert_eq!(told("533"), Outcome::MustAct(MustAct::Disabled));
        assert_eq!(told("701"), Outcome::MustAct(MustAct::AccountExpired));
        assert_eq!(told("773"), Outcome::MustAct(MustAct::ChangePassword));
        assert_eq!(told("775"), Outcome::Locked);
        assert_eq!(told("something new"), Outcome::Wrong);
    }

    #[test]
    fn what_says_nothing_about_the_person_is_no_answer() {
        assert!(matches!(answer(51, "busy", None), Outcome::Unclear(_)));
        assert!(matches!(answer(10, "", None), Outcome::Unclear(_)));
    }

    #[test]
    fn a_broken_control_is_no_reason_to_let_anybody_in_or_to_break() {
        for value in [&[][..], &[0x30], &[0x30, 5, 0x81], &[0x30, 0x84, 0, 0, 0, 3, 0x81, 1, 2], &[0x30, 3, 0x81, 9, 2]]
        {
            assert_eq!(PolicyError::decode(value), None, "{value:?}");
        }
        assert_eq!(PolicyError::decode(&[0x30, 3, 0x81, 1, 77]), Some(PolicyError::Other));
    }
}
