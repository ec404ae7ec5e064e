//! Name, password, code and what else is written, until it is an errand.

use gateway_api::login::{Code, LONGEST_CODE, Language};
use zeroize::Zeroizing;

use super::{Errand, Known, Said, What};
use crate::{
    config::{self, Server},
    gui::typed::Typed,
    words::{Text, window::Labels},
};

/// What a form is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Purpose {
    SignIn,
    ChangePassword,
    ShowRecord,
    /// An authenticator app, as second factor.
    Enrol,
}

/// The fields of a form that can be wanting.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Field {
    Server,
    User,
    Password,
    Code,
    NewPassword,
}

/// Name, password and code.
pub(crate) struct Form {
    pub(crate) purpose: Purpose,
    /// Written here, unless the profile names it.
    pub(crate) server: Option<String>,
    pub(crate) user: String,
    pub(crate) password: Typed,
    pub(crate) code: Zeroizing<String>,
    pub(crate) new_password: Typed,
    pub(crate) new_password_again: Typed,
    /// What is said about the last try, and whether it is good news.
    pub(crate) said: Option<Said>,
    /// The office is being asked.
    pub(crate) asking: bool,
    /// Where the keyboard is to be, once.
    pub(crate) focus: Option<Field>,
}

impl Form {
    pub(super) fn new(purpose: Purpose, known: &Known) -> Self {
        let mut form = Self {
            purpose,
            server: known.server.is_none().then(|| known.written.clone()),
            user: known.user.clone().unwrap_or_default(),
            password: Typed::default(),
            code: Zeroizing::new(String::with_capacity(2 * LONGEST_CODE)),
            new_password: Typed::default(),
            new_password_again: Typed::default(),
            said: None,
            asking: false,
            focus: None,
        };
        form.focus = Some(form.first_empty());
        form
    }

    pub(super) fn first_empty(&self) -> Field {
        if self.server.as_ref().is_some_and(String::is_empty) {
            Field::Server
        } else if self.user.is_empty() {
            Field::User
        } else {
            Field::Password
        }
    }

    /// What is to be asked of the office, or what is wanting. The passwords leave the form.
    pub(super) fn errand(
        &mut self,
        known: &Known,
        language: Language,
        labels: &Labels,
    ) -> Result<Errand, (Field, String)> {
        let server = match (&known.server, &self.server) {
            (Some(server), _) => Some(server.clone()),
            (None, Some(written)) => Server::parse(written),
            (None, None) => None,
        };
        let server = server.ok_or((Field::Server, labels.server_missing.to_owned()))?;
        let user = config::parse_user(&self.user).map_err(|_| (Field::User, labels.user_missing.to_owned()))?;
        if self.password.is_empty() {
            return Err((Field::Password, Text::PasswordEmpty.say(language)));
        }
        let code = self.code.trim();
        if code.len() > LONGEST_CODE {
            return Err((Field::Code, Text::CodeTooLong.say(language)));
        }
        let code = (!code.is_empty()).then(|| Code::new(code.to_owned()));
        let (code, enrolment_code) = if self.purpose == Purpose::Enrol { (None, code) } else { (code, None) };
        let what = match self.purpose {
            Purpose::SignIn => What::Work(known.screen),
            Purpose::ShowRecord => What::ShowRecord,
            Purpose::Enrol => {
                What::Enrol(enrolment_code.ok_or((Field::Code, labels.enrolment_code_missing.to_owned()))?)
            }
            Purpose::ChangePassword => {
                if self.new_password.is_empty() {
                    return Err((Field::NewPassword, labels.new_password_missing.to_owned()));
                }
                if !self.new_password.is(&self.new_password_again) {
                    (self.new_password, self.new_password_again) = (Typed::default(), Typed::default());
                    return Err((Field::NewPassword, Text::PasswordsDiffer.say(language)));
                }
                drop(self.new_password_again.take());
                What::ChangePassword(self.new_password.take())
            }
        };
        self.code = Zeroizing::new(String::with_capacity(2 * LONGEST_CODE));
        Ok(Errand { server, user, password: self.password.take(), code, language, what })
    }
}
