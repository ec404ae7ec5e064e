//! The authorities of home computers' certificates: the gateway's own small one, and the office's. The only file that makes or
//! reads such a certificate.
//!
//! The own one is a key in the state folder, made when the first computer is enrolled. It signs certificates for P-256 keys
//! only, for the use as a TLS client only.

use std::{path::Path, sync::Arc, time::Duration};

use jiff::{Timestamp, ToSpan as _, civil::Date, tz::TimeZone};
use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair, KeyUsagePurpose,
    PublicKeyData, SerialNumber, SignatureAlgorithm,
};
use rustls::{
    CertificateError, Error, RootCertStore,
    pki_types::{CertificateDer, UnixTime, pem::PemObject as _},
    server::WebPkiClientVerifier,
};
use x509_parser::{certificate::X509Certificate, der_parser::asn1_rs::Oid};

use crate::{control, secret_file};

/// The authority's key in the state folder: PKCS #8, PEM.
const KEY_FILE: &str = "device-ca-key.pem";
/// Its certificate beside it, PEM.
const CERTIFICATE_FILE: &str = "device-ca.pem";
const NAME: &str = "Deskgate devices";
/// How long the authority's own certificate holds.
const YEARS: i32 = 30;
/// Bytes of a serial number (RFC 5280, section 4.1.2.2: at most 20).
const SERIAL: usize = 16;
/// The attribute `UID` of a subject (RFC 4519, section 2.39): whose computer it is.
const UID: [u64; 7] = [0, 9, 2342, 19_200_300, 100, 1, 1];
/// `id-ecPublicKey` and the curve P-256 (RFC 5480, section 2.1).
const EC_PUBLIC_KEY: &str = "1.2.840.10045.2.1";
const P256: &str = "1.2.840.10045.3.1.7";

/// The gateway's own authority.
pub(super) struct Authority(Issuer<'static, KeyPair>);

/// A certificate that was made.
pub(super) struct Made {
    /// Hexadecimal digits.
    pub(super) serial: String,
    pub(super) pem: String,
    pub(super) until: Timestamp,
}

/// What a certificate says of itself.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Subject {
    /// Its common name.
    pub(super) name: String,
    /// Whose it is, if it says so.
    pub(super) worker: Option<String>,
    /// Hexadecimal digits.
    pub(super) serial: String,
}

/// What a certificate is worth before certain authorities.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Worth {
    /// One of them made it for the use as a client, and it holds now.
    Good(Subject),
    /// One of them made it, and it does not hold now.
    Expired,
    /// Anything else.
    Foreign,
}

impl Authority {
    /// The own authority, made if there is none.
    pub(super) fn open(state: &Path, now: Timestamp) -> Result<Self, String> {
        let path = state.join(KEY_FILE);
        let failed = |error: rcgen::Error| format!("cannot use the devices' authority `{}`: {error}", path.display());
        if !path.exists() {
            let made = KeyPair::generate().map_err(failed)?;
            secret_file::create(&path, made.serialize_pem().as_bytes()).map_err(|error| error.to_string())?;
        }
        let pem = secret_file::read(&path).map_err(|error| error.to_string())?;
        let pem = std::str::from_utf8(&pem)
            .map_err(|error| format!("`{}` is no key in PEM form: {error}", path.display()))?;
        let pair = KeyPair::from_pem(pem).map_err(failed)?;
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, NAME);
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
        let today = now.to_zoned(TimeZone::UTC).date();
        set_term(&mut params, today, (-1, 365 * YEARS));
        let certificate = state.join(CERTIFICATE_FILE);
        if !certificate.exists() {
            let made = params.self_signed(&pair).map_err(failed)?;
            secret_file::create(&certificate, made.pem().as_bytes()).map_err(|error| error.to_string())?;
        }
        Ok(Self(Issuer::new(params, pair)))
    }

    /// A certificate for the key of another one; none if that is no P-256 key.
    pub(super) fn certify(
        &self,
        shown: &CertificateDer<'_>,
        name: &str,
        now: Timestamp,
        days: i32,
    ) -> Result<Option<Made>, String> {
        let Some(key) = Key::of(shown) else { return Ok(None) };
        let mut serial = [0; SERIAL];
        getrandom::fill(&mut serial).map_err(|error| format!("the system gives no random bytes: {error}"))?;
        // Positive, and always of the same length.
        serial[0] = serial[0] & 0x3f | 0x40;
        let today = now.to_zoned(TimeZone::UTC).date();
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, name);
        params.serial_number = Some(SerialNumber::from_slice(&serial));
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        params.use_authority_key_identifier_extension = true;
        set_term(&mut params, today, (-1, days));
        let until = Timestamp::from_second(params.not_after.unix_timestamp()).unwrap_or(now);
        let made = params.signed_by(&key, &self.0).map_err(|error| format!("cannot make a certificate: {error}"))?;
        Ok(Some(Made { serial: hex(&serial), pem: made.pem(), until }))
    }
}

/// A certificate's term, from midnight to midnight so many days from today.
fn set_term(params: &mut CertificateParams, today: Date, (first, last): (i32, i32)) {
    let day = |days: i32| {
        let date = today.saturating_add(days.days());
        rcgen::date_time_ymd(date.year().into(), date.month().unsigned_abs(), date.day().unsigned_abs())
    };
    (params.not_before, params.not_after) = (day(first), day(last));
}

/// Somebody else's P-256 key.
struct Key(Vec<u8>);

impl Key {
    fn of(certificate: &CertificateDer<'_>) -> Option<Self> {
        let (_, parsed) = x509_parser::parse_x509_certificate(certificate).ok()?;
        let info = parsed.public_key();
        let curve = info.algorithm.parameters.as_ref()?.as_oid().ok()?;
        let is_p256 = info.algorithm.algorithm.to_id_string() == EC_PUBLIC_KEY && curve.to_id_string() == P256;
        is_p256.then(|| Self(info.subject_public_key.data.to_vec()))
    }
}

impl PublicKeyData for Key {
    fn der_bytes(&self) -> &[u8] {
        &self.0
    }

    fn algorithm(&self) -> &'static SignatureAlgorithm {
        &rcgen::PKCS_ECDSA_P256_SHA256
    }
}

/// The own authority's certificate; none before the first computer is enrolled.
pub(super) fn certificate(state: &Path) -> Vec<CertificateDer<'static>> {
    let path = state.join(CERTIFICATE_FILE);
    if !path.exists() {
        return Vec::new();
    }
    read(&path).unwrap_or_else(|why| {
        tracing::error!(why, "managed devices are taken for foreign");
        Vec::new()
    })
}

/// The certificates in a PEM file; at least one.
pub(super) fn read(path: &Path) -> Result<Vec<CertificateDer<'static>>, String> {
    let wrong =
        |error: &dyn std::fmt::Display| format!("`{}` holds no certificate in PEM form: {error}", path.display());
    let found = CertificateDer::pem_file_iter(path).and_then(Iterator::collect::<Result<Vec<_>, _>>);
    let found = found.map_err(|error| wrong(&error))?;
    if found.is_empty() { Err(wrong(&"it is empty")) } else { Ok(found) }
}

/// What a certificate is worth before these authorities.
pub(super) fn worth(
    authorities: &[CertificateDer<'static>],
    own: &CertificateDer<'_>,
    chain: &[CertificateDer<'_>],
    now: Timestamp,
) -> Worth {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(authorities.iter().cloned());
    let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), control::provider()).build();
    let Ok(verifier) = verifier else { return Worth::Foreign };
    let at = UnixTime::since_unix_epoch(Duration::from_secs(u64::try_from(now.as_second()).unwrap_or(0)));
    match verifier.verify_client_cert(own, chain, at) {
        Ok(_) => subject(own).map_or(Worth::Foreign, Worth::Good),
        Err(Error::InvalidCertificate(
            CertificateError::Expired
            | CertificateError::ExpiredContext { .. }
            | CertificateError::NotValidYet
            | CertificateError::NotValidYetContext { .. },
        )) => Worth::Expired,
        Err(_) => Worth::Foreign,
    }
}

fn subject(certificate: &CertificateDer<'_>) -> Option<Subject> {
    let (_, parsed) = x509_parser::parse_x509_certificate(certificate).ok()?;
    let name = parsed.subject().iter_common_name().next()?.as_str().ok()?.to_owned();
    Some(Subject { name, worker: worker(&parsed), serial: hex(parsed.raw_serial()) })
}

fn worker(certificate: &X509Certificate<'_>) -> Option<String> {
    let uid = Oid::from(&UID).ok()?;
    Some(certificate.subject().iter_by_oid(&uid).next()?.as_str().ok()?.to_owned())
}

fn hex(bytes: &[u8]) -> String {
    // A leading zero only says that the number is not negative.
    let bytes = if bytes.len() > 1 { bytes.strip_prefix(&[0]).unwrap_or(bytes) } else { bytes };
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
