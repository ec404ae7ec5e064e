//! Enrolling an authenticator app: what a worker shows with each of the two requests.

use gateway_api::{
    factor::{Begin, Confirm},
    login::{Code, Language, Password},
};

/// Name, office password and the office's one-time code.
pub(crate) struct Enrolment {
    pub(crate) user: String,
    pub(crate) password: Password,
    pub(crate) enrolment_code: Code,
    pub(crate) language: Language,
}

impl Enrolment {
    /// Asks for the app's secret.
    pub(crate) fn begin(&self) -> Begin {
        Begin {
            user: self.user.clone(),
            password: self.password(),
            enrolment_code: self.enrolment_code(),
            language: self.language,
        }
    }

    /// Shows what the app shows.
    pub(crate) fn confirm(&self, code: Code) -> Confirm {
        Confirm {
            user: self.user.clone(),
            password: self.password(),
            enrolment_code: self.enrolment_code(),
            code,
            language: self.language,
        }
    }

    fn password(&self) -> Password {
        Password::new(self.password.expose().to_owned())
    }

    fn enrolment_code(&self) -> Code {
        Code::new(self.enrolment_code.expose().to_owned())
    }
}
