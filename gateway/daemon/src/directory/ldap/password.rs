//! Changes a password: by the operation that is made for it (RFC 3062), or as Active Directory wants it.
//!
//! The present password is checked by a bind first, so that a change is no way to guess more often. Active Directory lets an
//! expired password bind to nothing: there the searching account writes the change, which counts only because the present
//! password is part of it ("change", which everybody may, not "reset").

use std::{collections::HashSet, sync::Arc};

use gateway_api::login::Password;
use ldap3::{LdapError, LdapResult, Mod, controls::RawControl, exop::PasswordModify};

use super::{
    Found, LdapDirectory, NoAnswer,
    bind::{self, Outcome, PASSWORD_POLICY, PolicyError},
    connection::Connection,
};
use crate::directory::{Answer, Change, MustAct, NotTaken, Person, Wrong};

impl LdapDirectory {
    /// See [`crate::directory::Directory::change_password`].
    pub(in crate::directory) async fn change_password(
        &self,
        user: &str,
        password: &Password,
        new: &Password,
    ) -> Change {
        match self.change(user, password, new).await {
            Ok(change) => change,
            Err(why) => Change::Refused(Answer::Unknown(why)),
        }
    }

    async fn change(&self, user: &str, password: &Password, new: &Password) -> Result<Change, NoAnswer> {
        let Some(found) = self.find(user).await? else {
            self.bind(&self.nobody(), password).await?;
            return Ok(Change::Refused(Answer::Wrong(Wrong::NoSuchUser)));
        };
        let mut own = self.servers.fresh(&self.config).await?;
        let is_bound = match bind::bind(own.ldap(), &found.dn, password).await? {
            Outcome::Holds => true,
            Outcome::MustAct(MustAct::ChangePassword | MustAct::PasswordExpired) => false,
            other => return Ok(Change::Refused(refused(found, other))),
        };
        let mut searching = self.servers.searching(&self.config).await?;
        let answer = match searching.kind.is_active_directory {
            true => as_active_directory_wants(&mut searching, &found.dn, password, new).await,
            // A password that must be changed is bound all the same, for this one operation.
            false => by_operation(&mut own, password, new).await,
        };
        let answer =
            answer.map_err(|error| format!("the directory does not answer a change of a password: {error}"))?;
        let name = Arc::clone(&found.name);
        Ok(match not_taken(&answer, is_bound) {
            None => Change::Done(name),
            Some(why) => Change::NotTaken(name, why),
        })
    }
}

/// What a bind says that stands in the way of a change.
fn refused(found: Found, outcome: Outcome) -> Answer {
    match outcome {
        Outcome::MustAct(what) => Answer::MustAct(Person::alone(found.id, found.name), what),
        Outcome::Locked => Answer::Wrong(Wrong::Locked(found.name)),
        Outcome::Unclear(why) => Answer::Unknown(why),
        // It holds only where the caller goes on.
        Outcome::Wrong | Outcome::Holds => Answer::Wrong(Wrong::Password(found.name)),
    }
}

async fn by_operation(own: &mut Connection, password: &Password, new: &Password) -> Result<LdapResult, LdapError> {
    let control = RawControl { ctype: PASSWORD_POLICY.to_owned(), crit: false, val: None };
    let change = PasswordModify { user_id: None, old_pass: Some(password.expose()), new_pass: Some(new.expose()) };
    own.ldap().with_controls(control).extended(change).await.map(|answer| answer.1)
}

async fn as_active_directory_wants(
    searching: &mut Connection,
    dn: &str,
    password: &Password,
    new: &Password,
) -> Result<LdapResult, LdapError> {
    let attribute = || b"unicodePwd".to_vec();
    let change = vec![
        Mod::Delete(attribute(), HashSet::from([quoted(password)])),
        Mod::Add(attribute(), HashSet::from([quoted(new)])),
    ];
    searching.ldap().modify(dn, change).await
}

/// In quotation marks and UTF-16 (MS-ADTS 3.1.1.3.1.5).
fn quoted(password: &Password) -> Vec<u8> {
    let text = ['"'].into_iter().chain(password.expose().chars()).chain(['"']);
    text.flat_map(|letter| letter.encode_utf16(&mut [0; 2]).to_vec()).flat_map(u16::to_le_bytes).collect()
}

/// Why a change was not made; none if it was.
fn not_taken(answer: &LdapResult, is_bound: bool) -> Option<NotTaken> {
    const SUCCESS: u32 = 0;
    const CONSTRAINT_VIOLATION: u32 = 19;
    const UNWILLING_TO_PERFORM: u32 = 53;
    let policy = answer
        .ctrls
        .iter()
        .filter(|control| control.1.ctype == PASSWORD_POLICY)
        .find_map(|control| PolicyError::decode(control.1.val.as_deref()?));
    let said = answer.text.to_lowercase();
    let says = |words: &[&str]| words.iter().any(|words| said.contains(words));
    match (answer.rc, policy) {
        (SUCCESS, _) => None,
        (_, Some(PolicyError::TooShort)) => Some(NotTaken::TooShort),
        (_, Some(PolicyError::TooSimple)) => Some(NotTaken::TooSimple),
        (_, Some(PolicyError::TooYoung)) => Some(NotTaken::TooSoon),
        (_, Some(PolicyError::UsedBefore)) => Some(NotTaken::UsedBefore),
        (_, Some(PolicyError::NotAllowed)) => Some(NotTaken::NotHere),
        // Only people's words tell these apart, where they are said at all.
        (CONSTRAINT_VIOLATION | UNWILLING_TO_PERFORM, _) if says(&["too short"]) => Some(NotTaken::TooShort),
        (CONSTRAINT_VIOLATION | UNWILLING_TO_PERFORM, _) if says(&["complexity", "quality"]) => {
            Some(NotTaken::TooSimple)
        }
        (CONSTRAINT_VIOLATION | UNWILLING_TO_PERFORM, _) if says(&["history", "already used"]) => {
            Some(NotTaken::UsedBefore)
        }
        (CONSTRAINT_VIOLATION | UNWILLING_TO_PERFORM, _)
            if says(&["too young", "too recent", "minimum password age"]) =>
        {
            Some(NotTaken::TooSoon)
        }
        (CONSTRAINT_VIOLATION, _) => Some(NotTaken::Rules),
        (code, _) => {
            tracing::warn!(code, is_bound, "the directory does not let a password be changed");
            Some(NotTaken::NotHere)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn active_directory_is_told_a_password_in_quotation_marks() {
        let bytes = quoted(&Password::new("è1".to_owned()));
        assert_eq!(bytes, [0x22, 0, 0xe8, 0, 0x31, 0, 0x22, 0]);
    }

    #[test]
    fn complaints_become_words() {
        let answer = |rc: u32, text: &str| {
            not_taken(
                &LdapResult { rc, matched: String::new(), text: text.to_owned(), refs: Vec::new(), ctrls: Vec::new() },
                true,
            )
        };
        assert_eq!(answer(0, ""), None);
        assert_eq!(answer(19, "Password is too short for policy"), Some(NotTaken::TooShort));
        assert_eq!(
            answer(19, "0000052D: SvcErr: DSID-031A12D2, problem 5003 (WILL_NOT_PERFORM)"),
            Some(NotTaken::Rules)
        );
        assert_eq!(answer(19, "the password does not meet the complexity criteria!"), Some(NotTaken::TooSimple));
        assert_eq!(answer(19, "Password is in history of old passwords"), Some(NotTaken::UsedBefore));
        assert_eq!(answer(50, ""), Some(NotTaken::NotHere));
    }
}
