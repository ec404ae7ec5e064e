//! The gateway's certificate: the administrator's files, or a self-signed one over a key of its own.
//!
//! Clients pin the public key (SHA-256 of the SubjectPublicKeyInfo), so what must last is the key: a self-signed certificate is
//! made anew at each start over the same key. Files are read again when they changed; a mistake in the new ones leaves the
//! last good certificate in place.

use std::{
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
    time::SystemTime,
};

use arc_swap::ArcSwap;
use gateway_api::Fingerprint;
use jiff::Timestamp;
use rcgen::{CertificateParams, KeyPair};
use rustls::{
    ConfigBuilder, ServerConfig, WantsVerifier,
    crypto::CryptoProvider,
    pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer, pem::PemObject as _},
    server::{ClientHello, ResolvesServerCert, WantsServerCert},
    sign::CertifiedKey,
};
use sha2::{Digest as _, Sha256};

use super::device::AnyHolder;
use crate::{config, secret_file};

/// The self-signed certificate's key in the state folder: PKCS #8, PEM.
const KEY_FILE: &str = "tls-key.pem";
/// How long a self-signed certificate holds: nobody checks the date of a pinned key.
const YEARS: i16 = 10;

/// The cryptography of every TLS connection of this program.
pub(crate) fn provider() -> Arc<CryptoProvider> {
    Arc::new(rustls::crypto::aws_lc_rs::default_provider())
}

/// The certificate in use.
#[derive(Debug)]
pub(crate) struct Certificate {
    source: Source,
    current: ArcSwap<CertifiedKey>,
    seen: Mutex<Option<Stamp>>,
}

#[derive(Debug)]
enum Source {
    Files(config::CertificateFiles),
    OwnKey { key: PathBuf, host: String },
}

/// What tells one state of the files from the next.
type Stamp = [(u64, Option<SystemTime>); 2];

impl Certificate {
    /// Loads the certificate that the configuration names, or makes a self-signed one; its key is made at first start.
    pub(crate) fn load(control: &config::Control, state: &Path, now: Timestamp) -> Result<Self, String> {
        let source = match &control.certificate {
            Some(files) => Source::Files(files.clone()),
            None => Source::OwnKey { key: state.join(KEY_FILE), host: control.public.host.clone() },
        };
        if let Source::OwnKey { key, .. } = &source
            && !key.exists()
        {
            let made = KeyPair::generate().map_err(|error| format!("cannot make a key: {error}"))?;
            secret_file::create(key, made.serialize_pem().as_bytes()).map_err(|error| error.to_string())?;
        }
        let seen = Mutex::new(source.stamp());
        Ok(Self { current: ArcSwap::from_pointee(source.read(now)?), source, seen })
    }

    /// Loads one that lies in files.
    pub(crate) fn of_files(files: config::CertificateFiles, now: Timestamp) -> Result<Self, String> {
        let source = Source::Files(files);
        let seen = Mutex::new(source.stamp());
        Ok(Self { current: ArcSwap::from_pointee(source.read(now)?), source, seen })
    }

    /// Reads changed files again. True if the certificate is another one now.
    pub(crate) fn reload(&self, now: Timestamp) -> Result<bool, String> {
        let stamp = self.source.stamp();
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        if *seen == stamp {
            return Ok(false);
        }
        *seen = stamp;
        let read = self.source.read(now)?;
        let is_other = read.cert != self.current.load().cert;
        self.current.store(Arc::new(read));
        Ok(is_other)
    }

    /// What clients pin.
    pub(crate) fn fingerprint(&self) -> Result<Fingerprint, String> {
        let current = self.current.load();
        fingerprint(current.end_entity_cert().map_err(|error| error.to_string())?)
    }

    /// When the certificate ends, if that is before `then`.
    pub(crate) fn ends_before(&self, then: Timestamp) -> Option<Timestamp> {
        let current = self.current.load();
        let (_, certificate) = x509_parser::parse_x509_certificate(current.end_entity_cert().ok()?).ok()?;
        let end = Timestamp::from_second(certificate.validity().not_after.timestamp()).ok()?;
        (end < then).then_some(end)
    }

    /// TLS 1.3 with hybrid post-quantum key exchange, HTTP/1.1 inside.
    pub(crate) fn tls(self: &Arc<Self>) -> Result<Arc<ServerConfig>, String> {
        let holders = builder()?.with_client_cert_verifier(Arc::new(AnyHolder(provider())));
        Ok(self.http(holders))
    }

    /// The same for browsers, which would ask people for a certificate if they were asked for one.
    pub(crate) fn tls_of_pages(self: &Arc<Self>) -> Result<Arc<ServerConfig>, String> {
        Ok(self.http(builder()?.with_no_client_auth()))
    }

    fn http(self: &Arc<Self>, builder: ConfigBuilder<ServerConfig, WantsServerCert>) -> Arc<ServerConfig> {
        let mut tls = builder.with_cert_resolver(Arc::clone(self) as Arc<dyn ResolvesServerCert>);
        tls.alpn_protocols = vec![b"http/1.1".to_vec()];
        Arc::new(tls)
    }
}

fn builder() -> Result<ConfigBuilder<ServerConfig, WantsVerifier>, String> {
    ServerConfig::builder_with_provider(provider())
        .with_protocol_versions(&[&rustls::version::TLS13])
        .map_err(|error| format!("cannot set up TLS: {error}"))
}

impl ResolvesServerCert for Certificate {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.current.load_full())
    }
}

/// The fingerprint of the certificate that a gateway with this configuration shows, without starting one.
pub(crate) fn configured_fingerprint(
    control: &config::Control,
    state: &Path,
    now: Timestamp,
) -> Result<Fingerprint, String> {
    let own = state.join(KEY_FILE);
    if control.certificate.is_none() && !own.exists() {
        return Err(format!("there is no certificate yet: `{}` is made when the gateway first starts", own.display()));
    }
    Certificate::load(control, state, now)?.fingerprint()
}

impl Source {
    fn read(&self, now: Timestamp) -> Result<CertifiedKey, String> {
        match self {
            Self::Files(files) => read_files(files),
            Self::OwnKey { key, host } => self_signed(key, host, now),
        }
    }

    /// None for what never changes by itself.
    fn stamp(&self) -> Option<Stamp> {
        let Self::Files(files) = self else { return None };
        let stamp = |path: &Path| std::fs::metadata(path).map_or((0, None), |file| (file.len(), file.modified().ok()));
        Some([stamp(&files.certificate), stamp(&files.key)])
    }
}

fn read_files(files: &config::CertificateFiles) -> Result<CertifiedKey, String> {
    let (certificate, key) = (files.certificate.display(), files.key.display());
    let pem = std::fs::read(&files.certificate)
        .map_err(|error| format!("cannot read the certificate `{certificate}`: {error}"))?;
    let chain = CertificateDer::pem_slice_iter(&pem)
        .collect::<Result<Vec<_>, _>>()
        .map_err(|error| format!("`{certificate}` holds no certificate in PEM form: {error}"))?;
    if chain.is_empty() {
        return Err(format!("`{certificate}` holds no certificate in PEM form"));
    }
    let pem = secret_file::read_shared(&files.key).map_err(|error| error.to_string())?;
    let private = PrivateKeyDer::from_pem_slice(&pem)
        .map_err(|error| format!("`{key}` holds no private key in PEM form: {error}"))?;
    CertifiedKey::from_der(chain, private, &provider())
        .map_err(|error| format!("the certificate `{certificate}` and the key `{key}` do not go together: {error}"))
}

fn self_signed(key: &Path, host: &str, now: Timestamp) -> Result<CertifiedKey, String> {
    let failed = |error: rcgen::Error| {
        format!("cannot make a certificate for `{host}` with the key `{}`: {error}", key.display())
    };
    let pem = secret_file::read(key).map_err(|error| error.to_string())?;
    let pem =
        std::str::from_utf8(&pem).map_err(|error| format!("`{}` is not a key in PEM form: {error}", key.display()))?;
    let pair = KeyPair::from_pem(pem).map_err(failed)?;
    let mut params = CertificateParams::new(vec![host.to_owned()]).map_err(failed)?;
    let today = now.to_zoned(jiff::tz::TimeZone::UTC).date();
    let day = |date: jiff::civil::Date| {
        rcgen::date_time_ymd(date.year().into(), date.month().unsigned_abs(), date.day().unsigned_abs())
    };
    let first = today.yesterday().unwrap_or(today);
    params.not_before = day(first);
    params.not_after = day(today.with().day(1).year(today.year() + YEARS).build().unwrap_or(today));
    params.distinguished_name.push(rcgen::DnType::CommonName, "Deskgate gateway");
    let certificate = params.self_signed(&pair).map_err(failed)?;
    let private = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(pair.serialize_der()));
    CertifiedKey::from_der(vec![certificate.der().clone()], private, &provider()).map_err(|error| error.to_string())
}

/// Of a certificate's SubjectPublicKeyInfo: what clients pin.
fn fingerprint(certificate: &CertificateDer<'_>) -> Result<Fingerprint, String> {
    let (_, parsed) = x509_parser::parse_x509_certificate(certificate)
        .map_err(|error| format!("the certificate cannot be read: {error}"))?;
    Ok(Fingerprint(Sha256::digest(parsed.public_key().raw).into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn control(folder: &Path, files: bool) -> config::Control {
        let text = if files { "[control]\ncertificate = \"cert.pem\"\nkey = \"key.pem\"\n" } else { "" };
        config::Config::parse(text, &folder.join("gateway.toml")).unwrap().control
    }

    fn now() -> Timestamp {
        "2026-11-21T12:00:00Z".parse().unwrap()
    }

    /// Puts a fresh certificate and key in place, as a renewal does.
    fn renew(folder: &Path) {
        let pair = KeyPair::generate().unwrap();
        let certificate =
            CertificateParams::new(vec!["desk.comune.example".to_owned()]).unwrap().self_signed(&pair).unwrap();
        std::fs::write(folder.join("cert.pem"), certificate.pem()).unwrap();
        let _ = std::fs::remove_file(folder.join("key.pem"));
        secret_file::create(&folder.join("key.pem"), pair.serialize_pem().as_bytes()).unwrap();
    }

    #[test]
    fn the_fingerprint_of_a_self_signed_certificate_survives_restarts() {
        let folder = tempfile::tempdir().unwrap();
        let control = control(folder.path(), false);
        assert!(configured_fingerprint(&control, folder.path(), now()).unwrap_err().contains("first starts"));
        let first = Certificate::load(&control, folder.path(), now()).unwrap().fingerprint().unwrap();
        let later = now() + jiff::SignedDuration::from_hours(24 * 400);
        assert_eq!(Certificate::load(&control, folder.path(), later).unwrap().fingerprint().unwrap(), first);
        assert_eq!(configured_fingerprint(&control, folder.path(), now()).unwrap(), first);
        assert!(first.to_string().starts_with("sha256:") && first.to_string().len() == 7 + 64);
    }

    #[test]
    fn a_renewed_certificate_is_taken_up_and_a_broken_one_is_not() {
        let folder = tempfile::tempdir().unwrap();
        renew(folder.path());
        let certificate = Certificate::load(&control(folder.path(), true), folder.path(), now()).unwrap();
        let first = certificate.fingerprint().unwrap();
        assert_eq!(certificate.reload(now()), Ok(false));
        renew(folder.path());
        assert_eq!(certificate.reload(now()), Ok(true));
        let second = certificate.fingerprint().unwrap();
        assert_ne!(first, second);
        std::fs::write(folder.path().join("cert.pem"), "nothing").unwrap();
        assert!(certificate.reload(now()).unwrap_err().contains("holds no certificate"));
        assert_eq!(certificate.fingerprint().unwrap(), second);
    }

    #[test]
    fn a_key_of_another_certificate_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        renew(folder.path());
        let foreign = KeyPair::generate().unwrap();
        std::fs::write(folder.path().join("key.pem"), foreign.serialize_pem()).unwrap();
        let error = Certificate::load(&control(folder.path(), true), folder.path(), now()).unwrap_err();
        assert!(error.contains("do not go together"), "{error}");
    }

    #[test]
    fn a_certificate_that_ends_soon_is_noticed() {
        let folder = tempfile::tempdir().unwrap();
        let certificate = Certificate::load(&control(folder.path(), false), folder.path(), now()).unwrap();
        assert_eq!(certificate.ends_before(now()), None);
        assert!(certificate.ends_before(now() + jiff::SignedDuration::from_hours(24 * 366 * 11)).is_some());
    }
}
