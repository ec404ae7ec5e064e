//! Mail to workers, as it is written and as it is meant.

use std::{path::PathBuf, time::Duration};

use jiff::SignedDuration;
use lettre::message::Mailbox;
use toml::Spanned;

use super::{Public, Reader, file};

const DAY: Duration = Duration::from_secs(24 * 3600);

/// The office's server for mail, and who sends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Mail {
    /// Its certificate must be for this name. Port 465: TLS first; any other: STARTTLS.
    pub(crate) server: Public,
    pub(crate) from: Mailbox,
    /// None: the server asks nobody who they are.
    pub(crate) login: Option<Login>,
    /// Whose certificates are believed: a PEM file.
    pub(crate) ca: PathBuf,
    /// Where an LDAP directory has a worker's address.
    pub(crate) attribute: String,
    /// After the opening, for whoever may put the message off: none to 7 days.
    pub(crate) wait: SignedDuration,
}

/// As whom the gateway hands mail over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Login {
    pub(crate) user: String,
    pub(crate) password_file: PathBuf,
}

impl Reader<'_> {
    /// None: no mail is sent.
    pub(super) fn mail(&mut self, written: file::Mail) -> Option<Mail> {
        let file::Mail { server, from, user, password_file, ca, attribute, wait } = written;
        let Some(server) = server else {
            let others = [&from, &user, &password_file, &ca, &attribute, &wait];
            for alone in others.into_iter().flatten() {
                self.mistake(alone, "mail without a server", "add `server = \"mail.comune.example:465\"`");
            }
            return None;
        };
        let at = match Public::parse(server.get_ref()) {
            Some(at) => Some(at),
            None => self.wrong(&server, "not a name and port", "write them as \"mail.comune.example:465\""),
        };
        let login = self.login((user, password_file));
        let from: Option<Mailbox> = match from {
            None => self.missing(server.span(), "mail from nobody", "add `from = \"deskgate@comune.example\"`"),
            Some(from) => from.get_ref().parse().map(Some).unwrap_or_else(|_| {
                self.wrong(
                    &from,
                    "not a mail address",
                    "write one, such as \"Lavoro da casa <deskgate@comune.example>\"",
                )
            }),
        };
        let is_attribute =
            |name: &str| !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
        let attribute = match attribute {
            None => "mail".to_owned(),
            Some(name) if is_attribute(name.get_ref()) => name.into_inner(),
            Some(name) => self.wrong(&name, "not an attribute of a directory", "write one, such as \"mail\""),
        };
        Some(Mail {
            server: at?,
            from: from?,
            login,
            ca: self.path(ca, "/etc/ssl/certs/ca-certificates.crt"),
            attribute,
            wait: SignedDuration::from_secs(
                self.time(wait.as_ref(), DAY, Duration::ZERO..=7 * DAY, "write from \"0h\" to \"168h\"")
                    .as_secs()
                    .cast_signed(),
            ),
        })
    }

    fn login(&mut self, written: (Option<Spanned<String>>, Option<Spanned<String>>)) -> Option<Login> {
        match written {
            (None, None) => None,
            (Some(user), Some(file)) => {
                Some(Login { user: user.into_inner(), password_file: self.path(Some(file), "") })
            }
            (Some(alone), None) => self.wrong(&alone, "an account without its password", "add `password_file`"),
            (None, Some(alone)) => self.wrong(&alone, "a password without its account", "add `user`"),
        }
    }
}
