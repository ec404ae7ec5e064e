//! What a session needs to know before it begins, as meant: flags and profile put together and checked.

pub(crate) mod file;
mod server;

use std::path::{Path, PathBuf};

use gateway_api::{
    Fingerprint,
    login::{LONGEST_USER, Language},
    profile::{BadServers, Key, Profile, Words},
};

use crate::{
    api::trust::Trust,
    cli::Connect,
    clock,
    office::{self, Office, Standing},
    rdp::{Screen, Template},
    words::{self, Forget, Text},
};
use file::{Found, SignedText};
pub(crate) use server::Server;

/// What carries the desktop.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Carrier {
    /// This program's own tunnel, and the RDP program that is found.
    Rdp(Screen),
    /// This program's own tunnel, and this command.
    Command(Template),
    /// This program's own tunnel, and nothing: the door stays open until the session ends.
    Door,
    /// Another WireGuard program, with a configuration written here; this program holds the session.
    Wireguard(WireguardOutput),
}

/// Where the configuration for another WireGuard program goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum WireguardOutput {
    /// Standard output.
    Stdout,
    /// A new file.
    File(PathBuf),
}

/// Everything but the password.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Config {
    /// The profile's file, if there is one.
    pub(crate) profile: Option<PathBuf>,
    /// Whom to ask; none where a person has to be asked first.
    pub(crate) server: Option<Server>,
    /// As whom; none where a person has to be asked first.
    pub(crate) user: Option<String>,
    /// How the gateway is known.
    pub(crate) trust: Trust,
    /// The language of everything said.
    pub(crate) language: Language,
    /// The help desk's phone.
    pub(crate) help: Option<String>,
    /// Whether the window may remember who signed in last.
    pub(crate) remember_user: bool,
    /// What carries the desktop.
    pub(crate) carrier: Carrier,
}

/// A configuration, or what is still to be asked for one.
#[derive(Debug)]
pub(crate) enum Prepared {
    /// Nothing is.
    Ready(Config),
    /// Whether the profile's six words stand in the office's letter.
    FirstUse(Box<FirstUse>),
}

/// Why there is none.
#[derive(Debug)]
pub(crate) enum Mistake {
    /// What is known of the office stands against the profile; in words.
    Office(String),
    /// A sentence about the first mistake.
    Other(String),
}

impl Mistake {
    fn into_sentence(self) -> String {
        match self {
            Self::Office(sentence) | Self::Other(sentence) => sentence,
        }
    }
}

impl From<String> for Mistake {
    fn from(sentence: String) -> Self {
        Self::Other(sentence)
    }
}

/// A profile by a key that nobody has accepted on this computer yet. Nothing of it counts before, its help desk's phone neither.
#[derive(Debug)]
pub(crate) struct FirstUse {
    config: Config,
    office: Office,
    signed: SignedText,
    words: Words,
}

impl FirstUse {
    /// What a person is to compare.
    pub(crate) fn words(&self) -> Words {
        self.words
    }

    /// The profile's language, or the one that was asked for.
    pub(crate) fn language(&self) -> Language {
        self.config.language
    }

    /// Where the profile lies.
    pub(crate) fn profile(&self) -> Option<&Path> {
        self.config.profile.as_deref()
    }

    /// They are the same: the key is remembered, and the profile is the user's own from now on.
    pub(crate) fn accept(self) -> Config {
        self.office.keep();
        self.signed.keep();
        self.config
    }
}

impl Config {
    /// Puts flags before profile before defaults, and keeps a profile of the office that is known. An error is a sentence about the first
    /// mistake.
    pub(crate) fn prepare(flags: &Connect) -> Result<Prepared, String> {
        Self::look(flags, true, Forget::Command).map_err(Mistake::into_sentence)
    }

    /// The same for the window.
    pub(crate) fn prepare_for_window(flags: &Connect) -> Result<Prepared, Mistake> {
        Self::look(flags, true, Forget::Button)
    }

    /// The same for who only looks: nothing is kept.
    pub(crate) fn examine(flags: &Connect) -> Result<Prepared, String> {
        Self::look(flags, false, Forget::Command).map_err(Mistake::into_sentence)
    }

    fn look(flags: &Connect, keeps: bool, forget: Forget) -> Result<Prepared, Mistake> {
        let spoken = flags.language.unwrap_or_else(words::local_language);
        let now = clock::unix();
        let kept = Office::load();
        let Some(found) = find(flags.profile.as_deref(), kept.as_ref(), now, spoken)? else {
            if flags.trust.is_some() {
                return Err(Text::NothingToCompare.say(spoken).into());
            }
            return Ok(Prepared::Ready(Self::put_together(flags, None)?));
        };
        let path = || found.path.display().to_string();
        let language = found.profile.as_ref().ok().and_then(|profile| profile.language).unwrap_or_default();
        let words = found.origin.key.words(language);
        let written = flags.trust.as_deref();
        if written.is_some_and(|written| !written_are(written, found.origin.key)) {
            return Err(Text::WordsDiffer { path: path() }.say(spoken).into());
        }
        let (office, signed) = (Office::of(&found.origin), found.signed());
        match office::judge(kept.as_ref(), &found.origin, now) {
            Standing::Ahead => {
                Err(Text::ProfileAhead { path: path(), signed_at: found.origin.signed_at, now }.say(spoken).into())
            }
            Standing::Foreign => Err(Mistake::Office(Text::ProfileForeign { path: path(), forget }.say(spoken))),
            Standing::Old => {
                let ahead = kept.is_some_and(|kept| kept.is_ahead(now)).then_some(forget);
                let sentence = Text::ProfileOld { path: path(), forget: ahead }.say(spoken);
                Err(if ahead.is_some() { Mistake::Office(sentence) } else { sentence.into() })
            }
            Standing::New if written.is_none() => {
                // A mistake in the flags is told. What stands in the profile may be anybody's words.
                Self::put_together(flags, None)?;
                let made_wrongly = Text::ProfileWrong { path: path() };
                let config = Self::put_together(flags, Some(found)).map_err(|_| made_wrongly.say(spoken))?;
                Ok(Prepared::FirstUse(Box::new(FirstUse { config, office, signed, words })))
            }
            Standing::New | Standing::Known => {
                let config = Self::put_together(flags, Some(found))?;
                if keeps {
                    office.keep();
                    signed.keep();
                }
                Ok(Prepared::Ready(config))
            }
        }
    }

    fn put_together(flags: &Connect, found: Option<Found>) -> Result<Self, String> {
        let (path, profile) = match found {
            Some(found) => (Some(found.path), found.profile?),
            None => <(Option<PathBuf>, Profile)>::default(),
        };
        let server = match &flags.server {
            Some(text) => Some(parse_server(text)?),
            None => parse_servers(&profile)?,
        };
        let user = flags.user.clone().or(profile.user.clone()).map(|text| parse_user(&text)).transpose()?;
        let trust = if flags.ca.is_some() || !flags.fingerprint.is_empty() {
            parse_trust(&flags.fingerprint, flags.ca.clone().map(Trust::Authority))?
        } else {
            parse_trust(&profile.fingerprints, profile.ca.clone().map(Trust::AuthorityText))?
        };
        let language = flags.language.or(profile.language).unwrap_or_else(words::local_language);
        let carrier = parse_carrier(flags)?;
        let Profile { help, remember_user, .. } = profile;
        Ok(Self { profile: path, server, user, trust, language, help, remember_user, carrier })
    }
}

/// The profile that is given, else the newest that the office signed of the one beside the program and the user's own. Any other that lies
/// beside the program is found for its sentence.
fn find(given: Option<&Path>, kept: Option<&Office>, now: i64, language: Language) -> Result<Option<Found>, String> {
    if let Some(path) = given {
        return Found::load(path, language).map(Some);
    }
    let Some(beside) = Found::beside(language)? else { return Found::own(language) };
    // Where a clock was wrong, the one beside is not the older: its sentence says what to do.
    if office::judge(kept, &beside.origin, now) == Standing::Old && kept.is_some_and(|kept| !kept.is_ahead(now)) {
        let own = Found::own(language).ok().flatten();
        if let Some(own) = own.filter(|own| office::judge(kept, &own.origin, now) == Standing::Known) {
            let beside = beside.path.file_name().unwrap_or_default();
            tracing::info!(?beside, "the profile beside the program is older than the one used last: not used");
            return Ok(Some(own));
        }
    }
    Ok(Some(beside))
}

/// Whether somebody wrote the six words, in either language.
fn written_are(written: &str, key: Key) -> bool {
    [Language::It, Language::En].into_iter().any(|language| key.words(language).are(written))
}

pub(crate) fn parse_server(text: &str) -> Result<Server, String> {
    Server::parse(text).ok_or_else(|| BadServers::Unreadable(text.to_owned()).to_string())
}

/// What a profile says of it.
fn parse_servers(profile: &Profile) -> Result<Option<Server>, String> {
    profile.server_names().map(Server::of).map_err(|bad| format!("profile: {bad}"))
}

pub(crate) fn parse_user(text: &str) -> Result<String, String> {
    let text = text.trim();
    if text.is_empty() {
        return Err("the user name is empty".to_owned());
    }
    if text.len() > LONGEST_USER {
        return Err(format!("the user name is longer than {LONGEST_USER} bytes"));
    }
    Ok(text.to_owned())
}

fn parse_trust(fingerprints: &[String], authority: Option<Trust>) -> Result<Trust, String> {
    let pins = fingerprints
        .iter()
        .map(|text| {
            Fingerprint::parse(text)
                .ok_or_else(|| format!("fingerprint `{text}`: expected `sha256:` and 64 hexadecimal digits"))
        })
        .collect::<Result<Vec<_>, _>>()?;
    match (pins.is_empty(), authority) {
        (true, None) => Ok(Trust::System),
        (true, Some(authority)) => Ok(authority),
        (false, None) => Ok(Trust::Pinned(pins)),
        (false, Some(_)) => Err("both a fingerprint and a certificate authority are given: keep one".to_owned()),
    }
}

fn parse_carrier(flags: &Connect) -> Result<Carrier, String> {
    if let Some(output) = &flags.wireguard_config {
        let stdout = output.as_os_str() == "-";
        return Ok(Carrier::Wireguard(if stdout {
            WireguardOutput::Stdout
        } else {
            WireguardOutput::File(output.clone())
        }));
    }
    match (&flags.run, flags.no_run) {
        (Some(command), _) => Template::parse(command).map(Carrier::Command),
        (None, true) => Ok(Carrier::Door),
        (None, false) => Ok(Carrier::Rdp(flags.screen.unwrap_or(Screen::USUAL))),
    }
}

#[cfg(test)]
mod tests {
    use gateway_api::GatewayName;

    use super::*;

    #[test]
    fn a_profile_names_the_gateway_once_or_several_times_and_each_name_is_read() {
        let servers = |text: &str| parse_servers(&toml::from_str(text).unwrap());
        let shown = |text: &str| servers(text).map(|server| server.map(|server| server.to_string()));
        assert_eq!(shown(""), Ok(None));
        assert_eq!(shown("server = \"gw:8443\""), Ok(Some("gw:8443".to_owned())));
        let several = servers("servers = [\"gw\", \"gw2:8443\"]").unwrap().unwrap();
        assert_eq!(several.names().map(GatewayName::port).collect::<Vec<_>>(), [443, 8443]);
        assert_eq!((several.first().host(), several.to_string()), ("gw", "gw, gw2:8443".to_owned()));
        assert!(servers("servers = [\"gw\", \"gw/2\"]").unwrap_err().contains("`gw/2`"));
        assert!(servers("server = \"gw\"\nservers = [\"gw2\"]").unwrap_err().contains("keep one"));
    }

    #[test]
    fn a_gateway_is_known_in_one_way_only() {
        let pin = format!("sha256:{}", "0".repeat(64));
        assert_eq!(parse_trust(&[], None), Ok(Trust::System));
        assert!(matches!(parse_trust(&[pin.clone(), pin.clone()], None), Ok(Trust::Pinned(pins)) if pins.len() == 2));
        assert!(parse_trust(&[pin], Some(Trust::Authority("ca.pem".into()))).is_err());
        assert!(parse_trust(&["sha256:1".to_owned()], None).unwrap_err().contains("`sha256:1`"));
    }
}
