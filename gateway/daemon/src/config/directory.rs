//! `[directory]`: who knows the passwords, and how the accounts of live sessions are looked at again.

use std::{net::SocketAddr, path::PathBuf, time::Duration};

use toml::Spanned;

use super::{Mistake, Public, Reader, file};

/// Who knows the passwords.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Directory {
    /// The embedded one.
    File {
        /// Its file.
        file: PathBuf,
    },
    /// LDAP or Active Directory.
    Ldap(Ldap),
}

/// How an LDAP directory is asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Ldap {
    /// In the order they are tried; never empty.
    pub(crate) servers: Vec<LdapServer>,
    /// Certificates that servers' certificates must descend from: a PEM file.
    pub(crate) ca: PathBuf,
    /// The account that searches; None searches anonymously.
    pub(crate) bind: Option<LdapBind>,
    /// Where people and groups are searched; never empty.
    pub(crate) search_bases: Vec<String>,
    /// Holds `{user}`, to be replaced by the escaped name.
    pub(crate) user_filter: String,
    /// Time for connecting, TLS included.
    pub(crate) connect_limit: Duration,
    /// Time for each answer.
    pub(crate) answer_limit: Duration,
}

/// How the accounts of live sessions are looked at again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Leavers {
    /// Between looks, and so how long a leaver stays at most: 1 s to 1 h.
    pub(crate) every: Duration,
    /// How long a session outlives a directory that says nothing of its account: 1 s to 24 h.
    pub(crate) deadline: Duration,
    /// The share of live sessions, in percent, that one answer may end without another server saying the same: 0 to 100.
    pub(crate) most: u8,
}

/// One directory server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct LdapServer {
    /// Name or address, also the name its certificate must hold.
    pub(crate) host: String,
    pub(crate) port: u16,
    pub(crate) security: LdapSecurity,
}

/// How a connection to a directory server is protected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum LdapSecurity {
    /// TLS from the first byte.
    Ldaps,
    /// TLS asked for before anything else is said.
    StartTls,
    /// None at all: only to this very machine.
    PlainLoopback,
}

/// The searching account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct LdapBind {
    pub(crate) dn: String,
    pub(crate) password_file: PathBuf,
}

impl Reader<'_> {
    pub(super) fn directory(&mut self, written: file::Directory) -> Directory {
        #[derive(Clone, Copy)]
        enum Kind {
            File,
            Ldap,
        }
        let kinds = [("file", Kind::File), ("ldap", Kind::Ldap)];
        match self.choice(written.kind.clone(), &kinds, "not a kind of directory") {
            Kind::File => self.file_directory(written),
            Kind::Ldap => self.ldap(written),
        }
    }

    fn file_directory(&mut self, written: file::Directory) -> Directory {
        let foreign = [
            written.servers.map(|key| key.span()),
            written.starttls.map(|key| key.span()),
            written.ca.map(|key| key.span()),
            written.bind_dn.map(|key| key.span()),
            written.bind_password_file.map(|key| key.span()),
            written.search_bases.map(|key| key.span()),
            written.user_filter.map(|key| key.span()),
            written.connect_limit.map(|key| key.span()),
            written.answer_limit.map(|key| key.span()),
        ];
        for span in foreign.into_iter().flatten() {
            self.mistakes.push(Mistake::new(
                span,
                "means nothing to the embedded directory",
                "write `kind = \"ldap\"`, or take this out",
            ));
        }
        Directory::File { file: self.path(written.file, "people.toml") }
    }

    fn ldap(&mut self, written: file::Directory) -> Directory {
        if let Some(file) = &written.file {
            self.mistake(file, "means nothing to an LDAP directory", "write `kind = \"file\"`, or take this out");
        }
        let starttls = written.starttls.as_ref().is_some_and(|starttls| *starttls.get_ref());
        let kind_span = written.kind.as_ref().map(Spanned::span).unwrap_or_default();
        let servers = match written.servers {
            Some(servers) if !servers.get_ref().is_empty() => {
                servers.into_inner().iter().filter_map(|server| self.ldap_server(server, starttls)).collect()
            }
            _ => self.missing(
                kind_span.clone(),
                "an LDAP directory without servers",
                "add `servers = [\"ldaps://dc1.comune.example\"]`",
            ),
        };
        let search_bases = match written.search_bases {
            Some(bases) if !bases.get_ref().is_empty() => bases.into_inner(),
            _ => self.missing(
                kind_span,
                "an LDAP directory without a place to search",
                "add `search_bases = [\"DC=comune,DC=example\"]`",
            ),
        };
        let bind = match (written.bind_dn, written.bind_password_file) {
            (None, None) => None,
            (Some(dn), Some(file)) => Some(LdapBind { dn: dn.into_inner(), password_file: self.path(Some(file), "") }),
            (Some(alone), None) => self.wrong(&alone, "an account without its password", "add `bind_password_file`"),
            (None, Some(alone)) => self.wrong(&alone, "a password without its account", "add `bind_dn`"),
        };
        let user_filter = match written.user_filter {
            None => "(|(uid={user})(sAMAccountName={user})(userPrincipalName={user}))".to_owned(),
            Some(filter) if filter.get_ref().contains("{user}") => filter.into_inner(),
            Some(filter) => self.wrong(
                &filter,
                "a filter that asks for nobody",
                "write `{user}` where the name belongs, as in \"(uid={user})\"",
            ),
        };
        Directory::Ldap(Ldap {
            servers,
            ca: self.path(written.ca, "/etc/ssl/certs/ca-certificates.crt"),
            bind,
            search_bases,
            user_filter,
            connect_limit: self.limit(written.connect_limit.as_ref(), Duration::from_secs(3)),
            answer_limit: self.limit(written.answer_limit.as_ref(), Duration::from_secs(5)),
        })
    }

    pub(super) fn leavers(&mut self, written: &file::Directory) -> Leavers {
        const HOUR: Duration = Duration::from_secs(3600);
        let second = Duration::from_secs(1);
        let words = "write 1s to 1h, such as \"60s\"";
        let every = self.time(written.recheck.as_ref(), Duration::from_secs(60), second..=HOUR, words);
        let words = "write 1s to 24h, such as \"30m\"";
        let deadline = self.time(written.deadline.as_ref(), HOUR / 2, second..=HOUR * 24, words);
        if let Some(at) = written.deadline.as_ref().filter(|_| deadline < every) {
            self.mistake(at, "over before the directory is asked again", "write more than `recheck`");
        }
        let most = match &written.most_leavers {
            None => 20,
            Some(most) => match u8::try_from(*most.get_ref()) {
                Ok(percent) if percent <= 100 => percent,
                _ => self.wrong(most, "not a share", "write 0 to 100: percent of the live sessions"),
            },
        };
        Leavers { every, deadline, most }
    }

    fn ldap_server(&mut self, written: &Spanned<String>, starttls: bool) -> Option<LdapServer> {
        const ADVICE: &str =
            "write \"ldaps://name\" or, with `starttls = true`, \"ldap://name\"; a port may follow as `:636`";
        let text = written.get_ref();
        let (ldaps, rest) = match (text.strip_prefix("ldaps://"), text.strip_prefix("ldap://")) {
            (Some(rest), _) => (true, rest),
            (_, Some(rest)) => (false, rest),
            (None, None) => return self.wrong(written, "not a directory server", ADVICE),
        };
        let rest = rest.strip_suffix('/').unwrap_or(rest);
        let default_port = if ldaps { 636 } else { 389 };
        let with_port = match rest.parse::<std::net::IpAddr>() {
            Ok(address) => SocketAddr::new(address, default_port).to_string(),
            Err(_) if rest.ends_with(']') || !rest.contains(':') => format!("{rest}:{default_port}"),
            Err(_) => rest.to_owned(),
        };
        let Some(Public { host, port }) = Public::parse(&with_port) else {
            return self.wrong(written, "not a directory server", ADVICE);
        };
        let loopback = host.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback());
        let security = match (ldaps, starttls) {
            (true, false) => LdapSecurity::Ldaps,
            (false, true) => LdapSecurity::StartTls,
            (true, true) => return self.wrong(written, "TLS twice: `ldaps://` and `starttls`", "use one of them"),
            (false, false) if loopback => LdapSecurity::PlainLoopback,
            (false, false) => {
                return self.wrong(
                    written,
                    "passwords would cross the network in the clear",
                    "write \"ldaps://…\", or add `starttls = true`",
                );
            }
        };
        Some(LdapServer { host, port, security })
    }

    fn limit(&mut self, written: Option<&Spanned<String>>, default: Duration) -> Duration {
        let range = Duration::from_millis(100)..=Duration::from_secs(60);
        self.time(written, default, range, "write 100ms to 60s, such as \"3s\"")
    }
}
