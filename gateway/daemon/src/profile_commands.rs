//! `profile …`: the file that workers get, and the office's signature under it.
//!
//! No configuration and no gateway: the key belongs on a computer that is neither, best one without a network.

use std::{
    fs::OpenOptions,
    io::{Read as _, Write as _},
    path::{Path, PathBuf},
    process::ExitCode,
};

use clap::Subcommand;
use gateway_api::{
    GatewayName,
    login::Language,
    profile::{self, Key, NotSigned, Profile, Signed},
};
use jiff::Timestamp;
use rustls::{
    RootCertStore,
    pki_types::{CertificateDer, pem::PemObject as _},
};
use serde_json::json;

use crate::{
    Failure,
    cli::Output,
    clock,
    passphrase::{PassphraseSource, Piped},
    profile_key::ProfileKey,
    session_commands::{json as print_json, say},
};

/// When this program was built, in Unix seconds.
const BUILT_AT: &str = env!("DESKGATE_BUILT_AT");

#[derive(Debug, Subcommand)]
pub(crate) enum ProfileCommand {
    /// Make the key that signs profiles, and show the six words for the letter to the workers
    ///
    /// Best on a computer without a network. Whoever has the key can send your workers to a gateway of their own: keep it as the office's
    /// seal, with a copy in a safe.
    Key {
        /// Where the key goes, readable by its owner alone; must not exist
        file: PathBuf,
        /// The key that this one comes after: workers who know that one need not compare words again
        #[arg(long, value_name = "FILE")]
        successor_of: Option<PathBuf>,
        #[command(flatten)]
        passphrase: PassphraseSource,
    },
    /// Sign a profile, as a file for workers
    Sign {
        /// What it says (TOML): server or servers, fingerprints or ca, language, help
        profile: PathBuf,
        /// The key that `profile key` made
        #[arg(long, value_name = "FILE")]
        key: PathBuf,
        /// Where the signed profile goes, such as `comune.deskgate`; must not exist
        #[arg(long, value_name = "FILE")]
        to: PathBuf,
        /// Read the key's passphrase from standard input instead of asking for it
        #[arg(long)]
        passphrase_stdin: bool,
    },
    /// Look at a signed profile: whether its signature holds, whose it is, and the six words that workers see
    Check {
        /// The signed profile
        profile: PathBuf,
        #[command(flatten)]
        output: Output,
    },
}

/// `profile …`
pub(crate) fn run(command: ProfileCommand) -> Result<ExitCode, Failure> {
    match command {
        ProfileCommand::Key { file, successor_of, passphrase } => make(&file, successor_of.as_deref(), passphrase),
        ProfileCommand::Sign { profile, key, to, passphrase_stdin } => {
            sign(&profile, &key, &to, &mut Piped::read(passphrase_stdin)?)
        }
        ProfileCommand::Check { profile, output } => check(&profile, output),
    }
}

fn make(file: &Path, former: Option<&Path>, passphrase: PassphraseSource) -> Result<ExitCode, Failure> {
    let mut piped = passphrase.piped()?;
    let former = former.map(|path| read_key(path, &mut piped)).transpose()?;
    let key = ProfileKey::draw(former).map_err(Failure::Failed)?;
    let passphrase = passphrase.of_new("the new key", &mut piped)?;
    let passphrase = passphrase.as_ref().map(|text| text.as_str());
    key.write(file, passphrase).map_err(Failure::Failed)?;
    say(&format!("`{}` holds the key. Its six words, for the letter to the workers:\n", file.display()))?;
    say(&words(key.secret.public()))
}

/// Both, for a worker may have either.
fn words(key: Key) -> String {
    format!("  Italian  {}\n  English  {}", key.words(Language::It), key.words(Language::En))
}

fn read_key(path: &Path, piped: &mut Piped) -> Result<ProfileKey, Failure> {
    let ask = || {
        let prompt = format!("Passphrase of `{}`: ", path.display());
        piped.next("the passphrase", &prompt).map_err(|(Failure::Failed(why) | Failure::Unusable(why))| why)
    };
    ProfileKey::read(path, ask).map_err(Failure::Unusable)
}

fn sign(path: &Path, key: &Path, to: &Path, piped: &mut Piped) -> Result<ExitCode, Failure> {
    let unusable = |why: String| Failure::Unusable(format!("profile `{}`: {why}", path.display()));
    let body = read(path)?;
    if Signed::read(&body) != Err(NotSigned::Unsigned) {
        return Err(unusable("it is signed already: sign the text that it was made of".to_owned()));
    }
    let profile = parse(&body).map_err(unusable)?;
    judge(&profile).map_err(unusable)?;
    let now = clock::now().wall;
    is_possible(now, BUILT_AT.parse().unwrap_or_default()).map_err(Failure::Unusable)?;
    let key = read_key(key, piped)?;
    let signed = key.secret.sign(&body, &key.successions, now.as_second());
    let readable = Signed::read(&signed).is_ok() && signed.len() <= profile::LARGEST;
    if !readable {
        return Err(unusable(format!(
            "it is longer than {} bytes, or a line in it looks like a signature",
            profile::LARGEST
        )));
    }
    let failed = |error| Failure::Failed(format!("cannot write `{}`: {error}", to.display()));
    let mut file = OpenOptions::new().write(true).create_new(true).open(to).map_err(failed)?;
    file.write_all(signed.as_bytes()).and_then(|()| file.sync_all()).map_err(failed)?;
    let language = profile.language.unwrap_or_default();
    say(&format!(
        "`{}` is signed as of {}. If that is not today, set the clock and sign again: workers refuse what is older than the profile before.\n",
        to.display(),
        now.strftime("%Y-%m-%d %H:%M UTC")
    ))?;
    say("Workers who open it for the first time compare these six words:\n")?;
    say(&format!("  {}", key.secret.public().words(language)))
}

/// A clock from before this program was built is wrong: workers who have a profile already would refuse what it signs.
fn is_possible(now: Timestamp, built_at: i64) -> Result<(), String> {
    match now.as_second() < built_at {
        false => Ok(()),
        true => Err(format!(
            "by this computer's clock it is {}, which is before this program was built: set date and time, for workers refuse a profile that is older than the one before",
            now.strftime("%Y-%m-%d %H:%M UTC")
        )),
    }
}

fn check(path: &Path, output: Output) -> Result<ExitCode, Failure> {
    let text = read(path)?;
    let failed = |why: &str| Failure::Failed(format!("profile `{}`: {why}", path.display()));
    let Signed { body, origin } = Signed::read(&text).map_err(|why| {
        failed(match why {
            NotSigned::Unsigned => "it is not signed",
            NotSigned::Broken => "its signature does not hold: something was changed, cut off or added",
            NotSigned::Newer => "it was signed by a newer version of this program",
        })
    })?;
    let profile = parse(body).map_err(|why| failed(&why))?;
    let servers = judge(&profile).map_err(|why| failed(&why))?;
    let servers: Vec<String> = servers.iter().map(GatewayName::to_string).collect();
    if output.json {
        return print_json(&json!({
            "key": origin.key.to_string(),
            "signed_at": origin.signed_at,
            "words": { "it": origin.key.words(Language::It).to_string(), "en": origin.key.words(Language::En).to_string() },
            "successions": origin.successions.len(),
            "servers": servers,
        }));
    }
    let at = Timestamp::from_second(origin.signed_at).map(|at| at.to_string()).unwrap_or_default();
    let former = match origin.successions.len() {
        0 => String::new(),
        count => format!(", which came after {count} others"),
    };
    say(&format!("`{}` for {} was signed at {at} by the key{former}:\n", path.display(), servers.join(", ")))?;
    say(&words(origin.key))
}

fn read(path: &Path) -> Result<String, Failure> {
    let failed = |why: String| Failure::Unusable(format!("cannot read `{}`: {why}", path.display()));
    let file = std::fs::File::open(path).map_err(|error| failed(error.to_string()))?;
    let mut text = String::new();
    let limit = profile::LARGEST as u64 + 1;
    file.take(limit).read_to_string(&mut text).map_err(|error| failed(error.to_string()))?;
    if text.len() > profile::LARGEST {
        return Err(failed(format!("it is longer than {} bytes", profile::LARGEST)));
    }
    Ok(text)
}

fn parse(text: &str) -> Result<Profile, String> {
    toml::from_str(text).map_err(|error| error.to_string().trim_end().to_owned())
}

/// What a worker would be refused for, or would have to ask about. Otherwise the gateway's names.
fn judge(profile: &Profile) -> Result<Vec<GatewayName>, String> {
    let is_fingerprint = |text: &String| {
        let digits = text.strip_prefix("sha256:").unwrap_or_default();
        digits.len() == 64 && digits.bytes().all(|digit| digit.is_ascii_hexdigit())
    };
    let names = profile.server_names().map_err(|bad| bad.to_string())?;
    if names.is_empty() {
        return Err("`server` is missing: nobody is to type an address".to_owned());
    }
    if profile.language.is_none() {
        return Err(
            "`language` is missing: it says in which language the six words are. Write \"it\" or \"en\"".to_owned()
        );
    }
    if let Some(wrong) = profile.fingerprints.iter().find(|text| !is_fingerprint(text)) {
        return Err(format!(
            "fingerprint `{wrong}`: expected `sha256:` and 64 hexadecimal digits, as `deskgate-gateway fingerprint` prints"
        ));
    }
    match &profile.ca {
        Some(_) if !profile.fingerprints.is_empty() => {
            Err("both `fingerprints` and `ca` are given: keep one".to_owned())
        }
        Some(ca) if !ca.contains("-----BEGIN CERTIFICATE-----") => Err(
            "`ca` is no certificate: write the PEM text itself, between '''; a file beside the profile would not be signed"
                .to_owned(),
        ),
        Some(ca) => authorities(ca).map_err(|why| format!("`ca` cannot be read by workers' programs: {why}")),
        None => Ok(()),
    }
    .map(|()| names)
}

/// Whether every certificate in a text can be an authority, as the program at home reads it.
fn authorities(text: &str) -> Result<(), String> {
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(text.as_bytes()) {
        let certificate = certificate.map_err(|error| error.to_string())?;
        roots.add(certificate).map_err(|error| error.to_string())?;
    }
    if roots.is_empty() { Err("it holds no certificate".to_owned()) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = "server = \"gw.comune.example\"\nlanguage = \"it\"\nhelp = \"06 1234567\"\n";

    fn refused(text: &str) -> String {
        parse(text).and_then(|profile| judge(&profile)).unwrap_err()
    }

    #[test]
    fn a_profile_that_would_not_work_is_not_signed() {
        assert_eq!(parse(GOOD).and_then(|profile| judge(&profile)).map(|names| names.len()), Ok(1));
        let more = |line: &str| format!("{GOOD}{line}\n");
        let pin = format!("fingerprints = [\"sha256:{}\"]", "0".repeat(64));
        let authority = rcgen::generate_simple_self_signed(["office".to_owned()]).unwrap().cert.pem();
        let certificate = format!("ca = '''\n{authority}'''");
        assert!(parse(&more(&pin)).is_ok_and(|profile| judge(&profile).is_ok()));
        let several = "servers = [\"gw\", \"gw2:8443\"]\nlanguage = \"it\"";
        assert!(parse(several).is_ok_and(|profile| judge(&profile).is_ok()));
        assert!(parse(&more(&certificate)).is_ok_and(|profile| judge(&profile).is_ok()));
        for (text, word) in [
            ("language = \"it\"".to_owned(), "`server` is missing"),
            ("servers = [\"gw\", \" \"]".to_owned(), "server ` `"),
            ("server = \"https://gw\"\nlanguage = \"it\"".to_owned(), "expected HOST or HOST:PORT"),
            ("servers = []".to_owned(), "names no gateway"),
            ("servers = [\"gw\", \"gw:443\"]".to_owned(), "`gw:443` twice"),
            (more("servers = [\"gw2\"]"), "both `server` and `servers`"),
            ("server = \"gw\"".to_owned(), "`language` is missing"),
            (more("fingerprints = [\"sha256:1\"]"), "`sha256:1`"),
            (more("ca = \"office.pem\""), "write the PEM text itself"),
            (more("ca = '''\n-----BEGIN CERTIFICATE-----\n'''"), "cannot be read"),
            (more(&certificate.replacen("MII", "AAA", 1)), "cannot be read"),
            (more(&format!("{pin}\n{certificate}")), "keep one"),
            (more("pasword = \"x\""), "pasword"),
        ] {
            assert!(refused(&text).contains(word), "{text}: {}", refused(&text));
        }
    }

    #[test]
    fn a_clock_from_before_the_build_signs_nothing() {
        let built_at = BUILT_AT.parse().unwrap();
        assert!(built_at > 1_700_000_000);
        assert_eq!(is_possible(clock::now().wall, built_at), Ok(()));
        let refused = is_possible(Timestamp::from_second(951_782_400).unwrap(), built_at).unwrap_err();
        assert!(refused.contains("2000-02-29"), "{refused}");
    }

    #[test]
    fn keys_and_signatures_go_from_file_to_file() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        let never = || -> Result<zeroize::Zeroizing<String>, String> { panic!("not asked") };
        ProfileKey::draw(None).unwrap().write(&at("one"), None).unwrap();
        let one = ProfileKey::read(&at("one"), never).unwrap();
        let known = one.secret.public();
        ProfileKey::draw(Some(one)).unwrap().write(&at("two"), Some("correct horse")).unwrap();
        let mut nothing = Piped::read(false).unwrap();
        std::fs::write(at("text"), GOOD).unwrap();
        assert!(matches!(sign(&at("text"), &at("text"), &at("out"), &mut nothing), Err(Failure::Unusable(_))));
        sign(&at("text"), &at("one"), &at("first"), &mut nothing).unwrap();
        let two = ProfileKey::read(&at("two"), || Ok("correct horse".to_owned().into())).unwrap();
        std::fs::write(at("second"), two.secret.sign(GOOD, &two.successions, 5)).unwrap();
        for name in ["first", "second"] {
            let text = read(&at(name)).unwrap();
            let Signed { body, origin } = Signed::read(&text).unwrap();
            assert_eq!(body, GOOD);
            assert!(origin.leads_from(known), "{name}");
            assert!(check(&at(name), Output { json: true }).is_ok());
        }
        assert!(check(&at("text"), Output { json: true }).is_err());
        assert!(sign(&at("first"), &at("one"), &at("out"), &mut nothing).is_err(), "signed twice");
        assert!(sign(&at("text"), &at("one"), &at("first"), &mut nothing).is_err(), "never overwritten");
    }
}
