//! Who counts as the gateway: the holder of a pinned key, a certificate of the office's own authority, or one of the
//! authorities that this computer trusts. There is no fourth way, and no "continue anyway".

use std::{io, sync::Arc};

use gateway_api::Fingerprint;
use rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme,
    client::{
        WebPkiServerVerifier,
        danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
    },
    crypto::CryptoProvider,
    server::ParsedCertificate,
};
use rustls_pki_types::{
    CertificateDer, ServerName, UnixTime,
    pem::{self, PemObject as _},
};
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;

use super::Failure;

/// That of a certificate's public key (its SubjectPublicKeyInfo).
fn fingerprint(certificate: &CertificateDer<'_>) -> Result<Fingerprint, rustls::Error> {
    let key = ParsedCertificate::try_from(certificate)?.subject_public_key_info();
    Ok(Fingerprint(Sha256::digest(key.as_ref()).into()))
}

/// Whom to trust.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Trust {
    /// Holders of these keys, whatever their certificate says: the present one and the next.
    Pinned(Vec<Fingerprint>),
    /// Certificates of the authorities in this PEM file.
    Authority(std::path::PathBuf),
    /// Certificates of the authorities in this PEM text, which a signed profile holds.
    AuthorityText(String),
    /// Certificates of the authorities that this computer trusts.
    System,
}

/// The one place that picks the cryptography: aws-lc-rs, for its hybrid post-quantum key exchange.
pub(crate) fn provider() -> Arc<CryptoProvider> {
    Arc::new(rustls::crypto::aws_lc_rs::default_provider())
}

/// TLS 1.3 to whom `trust` names. An error is a sentence about the file or the system's store.
pub(crate) fn config(trust: &Trust) -> Result<Arc<ClientConfig>, String> {
    let provider = provider();
    let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
        .with_protocol_versions(&[&rustls::version::TLS13])
        .map_err(|error| error.to_string())?;
    let verifier: Arc<dyn ServerCertVerifier> = match trust {
        Trust::Pinned(pins) => Arc::new(Pins { pins: pins.clone(), provider }),
        Trust::Authority(path) => {
            let file = format!("certificate file `{}`", path.display());
            Authorities::new(authorities(&file, CertificateDer::pem_file_iter(path))?, provider)?
        }
        Trust::AuthorityText(text) => {
            let certificates = Ok(CertificateDer::pem_slice_iter(text.as_bytes()));
            Authorities::new(authorities("`ca` in the profile", certificates)?, provider)?
        }
        Trust::System => Authorities::new(system_authorities()?, provider)?,
    };
    let mut config = builder.dangerous().with_custom_certificate_verifier(verifier).with_no_client_auth();
    // Nothing of one session is of use to the next.
    config.resumption = rustls::client::Resumption::disabled();
    Ok(Arc::new(config))
}

/// The certificates that were found in `place`.
fn authorities<I>(place: &str, certificates: Result<I, pem::Error>) -> Result<RootCertStore, String>
where
    I: Iterator<Item = Result<CertificateDer<'static>, pem::Error>>,
{
    let mut roots = RootCertStore::empty();
    let certificates =
        certificates.and_then(Iterator::collect::<Result<Vec<_>, _>>).map_err(|error| format!("{place}: {error}"))?;
    for certificate in certificates {
        roots.add(certificate).map_err(|error| format!("{place}: {error}"))?;
    }
    if roots.is_empty() {
        return Err(format!("{place} holds no certificate"));
    }
    Ok(roots)
}

fn system_authorities() -> Result<RootCertStore, String> {
    let found = rustls_native_certs::load_native_certs();
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(found.certs);
    if roots.is_empty() {
        let cause = found.errors.first().map(|error| format!(": {error}")).unwrap_or_default();
        return Err(format!("this computer lists no certificate authorities{cause}; give --ca or --fingerprint"));
    }
    Ok(roots)
}

/// Accepts a certificate by its key alone. That the other side holds the key is still proved by its signature.
#[derive(Debug)]
struct Pins {
    pins: Vec<Fingerprint>,
    provider: Arc<CryptoProvider>,
}

impl ServerCertVerifier for Pins {
    fn verify_server_cert(
        &self,
        certificate: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _name: &ServerName<'_>,
        _ocsp: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        let shown = fingerprint(certificate)?;
        let known = self.pins.iter().any(|pin| pin.0.ct_eq(&shown.0).into());
        if known {
            Ok(ServerCertVerified::assertion())
        } else {
            Err(CertificateError::ApplicationVerificationFailure.into())
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        rustls::crypto::verify_tls12_signature(message, certificate, signed, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        rustls::crypto::verify_tls13_signature(message, certificate, signed, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}

/// Accepts certificates of authorities, as rustls does. Of one that does not hold at this time it says whose it is: else a stranger's would be
/// a matter of the clock, for times are looked at first.
#[derive(Debug)]
struct Authorities(Arc<WebPkiServerVerifier>);

impl Authorities {
    fn new(roots: RootCertStore, provider: Arc<CryptoProvider>) -> Result<Arc<Self>, String> {
        let verifier = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider).build();
        Ok(Arc::new(Self(verifier.map_err(|error| error.to_string())?)))
    }
}

impl ServerCertVerifier for Authorities {
    fn verify_server_cert(
        &self,
        certificate: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        let at = |time| self.0.verify_server_cert(certificate, intermediates, name, ocsp, time);
        let error = match at(now) {
            Err(error) => error,
            verified => return verified,
        };
        // INVARIANT: from here on it is an error, whatever another time says.
        match when_it_held(&error).map(at) {
            Some(Err(whose)) if when_it_held(&whose).is_none() => Err(whose),
            _ => Err(error),
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.0.verify_tls12_signature(message, certificate, signed)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.0.verify_tls13_signature(message, certificate, signed)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.supported_verify_schemes()
    }
}

/// A moment at which a certificate held that does not hold at this one.
fn when_it_held(error: &rustls::Error) -> Option<UnixTime> {
    match error {
        rustls::Error::InvalidCertificate(CertificateError::ExpiredContext { not_after, .. }) => Some(*not_after),
        rustls::Error::InvalidCertificate(CertificateError::NotValidYetContext { not_before, .. }) => Some(*not_before),
        _ => None,
    }
}

/// Why somebody is not believed, with the cause.
#[derive(Debug)]
pub(crate) enum Distrust {
    /// The certificate is the office's, and does not hold at this computer's time.
    Time,
    /// It is not the office's.
    Certificate(String),
    /// There was no TLS.
    Protocol(String),
}

impl From<Distrust> for Failure {
    fn from(distrust: Distrust) -> Self {
        match distrust {
            Distrust::Time => Self::Untimely,
            Distrust::Certificate(cause) => Self::Untrusted(cause),
            Distrust::Protocol(cause) => Self::NotAGateway(cause),
        }
    }
}

/// What a failed handshake means to the person.
pub(super) fn classify(error: &io::Error) -> Distrust {
    let tls = error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>());
    match tls {
        Some(rustls::Error::InvalidCertificate(
            CertificateError::Expired
            | CertificateError::ExpiredContext { .. }
            | CertificateError::NotValidYet
            | CertificateError::NotValidYetContext { .. },
        )) => Distrust::Time,
        Some(rustls::Error::InvalidCertificate(CertificateError::ApplicationVerificationFailure)) => {
            Distrust::Certificate("its key has another fingerprint".into())
        }
        Some(rustls::Error::InvalidCertificate(cause)) => Distrust::Certificate(cause.to_string()),
        Some(other) => Distrust::Protocol(other.to_string()),
        None => Distrust::Protocol(super::plain(error)),
    }
}
