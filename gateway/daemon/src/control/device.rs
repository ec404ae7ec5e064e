//! What a connection shows of the computer at its other end, and how that computer becomes a managed one.
//!
//! TLS takes any certificate, and has its holder prove the key: what it is worth is told after the right password, in words, and
//! not by an alert. Who shows none is none the worse for it before TLS.

use std::sync::Arc;

use axum::{
    Extension,
    body::Body,
    extract::State,
    http::{HeaderMap, StatusCode},
    response::{IntoResponse as _, Response},
};
use gateway_api::{
    device::{Enrolled, Request},
    login::{LONGEST_PASSWORD, LONGEST_USER},
};
use gateway_record::{Draft, Fields, Kind};
use rustls::{
    DigitallySignedStruct, DistinguishedName, Error, SignatureScheme,
    client::danger::HandshakeSignatureValid,
    crypto::CryptoProvider,
    pki_types::{CertificateDer, UnixTime},
    server::danger::{ClientCertVerified, ClientCertVerifier},
};

use super::{
    Api,
    authentication::{Shown, WRONG_DEVICE_CODE, authenticate, code_fits},
    error::Refused,
    login::{Attempt, Failure, answer, read, refuse},
};
use crate::{
    clock,
    devices::{Chain, NotEnrolled},
    https::Peer,
};

/// Has the holder of a certificate prove the key, and believes nothing that stands in it.
#[derive(Debug)]
pub(super) struct AnyHolder(pub(super) Arc<CryptoProvider>);

impl ClientCertVerifier for AnyHolder {
    fn client_auth_mandatory(&self) -> bool {
        false
    }

    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &[]
    }

    fn verify_client_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        Ok(ClientCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Err(Error::General("TLS 1.3 only".to_owned()))
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.0.signature_verification_algorithms;
        rustls::crypto::verify_tls13_signature(message, certificate, signed, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}

/// `POST /v1/device`
pub(super) async fn enrol(
    State(api): State<Arc<Api>>,
    Extension(Peer(peer)): Extension<Peer>,
    Extension(chain): Extension<Chain>,
    headers: HeaderMap,
    body: Body,
) -> Response {
    let mut attempt = Attempt::new(peer, &headers);
    let enrolled = enrol_now(&api, &mut attempt, &chain, body).await;
    answer(&api, attempt, enrolled).await
}

async fn enrol_now(api: &Api, attempt: &mut Attempt, chain: &Chain, body: Body) -> Result<Enrolled, Failure> {
    let from = attempt.from;
    let request: Request = read(body).await?;
    attempt.language = request.language;
    check(&request)?;
    let shown = Shown::DeviceCode(&request.code);
    let (person, must_act) = authenticate(api, request.user.trim(), request.password, &[], shown, attempt).await?;
    let failure = |refused| Failure::of(&person.name, refused);
    if let Some(what) = must_act {
        return Err(failure(Refused::MustAct(what)));
    }
    if api.blocked.holds(&person) {
        return Err(failure(Refused::Blocked));
    }
    let now = clock::now();
    let issued = api.devices.enrol(request.code.expose(), &person, chain, now.wall).map_err(|error| match error {
        // Used a moment ago.
        NotEnrolled::Code => failure(Refused::WrongCredentials(WRONG_DEVICE_CODE)),
        NotEnrolled::NoKey => failure(Refused::BadRequest),
        NotEnrolled::Failed(why) => {
            tracing::error!(why, "device not enrolled");
            failure(Refused::Unavailable("device_failed"))
        }
    })?;
    let names = Fields::default()
        .with("worker", &*person.name)
        .with("device", &*issued.device.name)
        .with("serial", &*issued.device.serial)
        .with("from", from.to_string());
    let draft = Draft { names, ..Draft::new(Kind::DeviceEnrolled, now.wall) };
    if let Err(error) = api.ledger.store().note(draft).await {
        tracing::error!(%error, "enrolled device not recorded");
        // What cannot be recorded shall not be; a code is made again.
        let _ = api.devices.revoke(&issued.device.serial, now.wall);
        return Err(failure(api.unrecorded()));
    }
    tracing::info!("a device was enrolled");
    Ok(Enrolled {
        name: issued.device.name.to_string(),
        certificate: issued.certificate,
        ends_at: issued.until.as_second(),
    })
}

/// `POST /v1/device/renewal`
pub(super) async fn renew(
    State(api): State<Arc<Api>>,
    Extension(Peer(peer)): Extension<Peer>,
    Extension(chain): Extension<Chain>,
    headers: HeaderMap,
) -> Response {
    let attempt = Attempt::new(peer, &headers);
    match renew_now(&api, &chain) {
        Ok(None) => StatusCode::NO_CONTENT.into_response(),
        Ok(Some(enrolled)) => answer(&api, attempt, Ok(enrolled)).await,
        Err(failure) => {
            api.throttle.failed(attempt.from, clock::now().instant);
            refuse(&api, attempt, failure).await
        }
    }
}

/// Another certificate for the key that was shown, if it is time.
fn renew_now(api: &Api, chain: &Chain) -> Result<Option<Enrolled>, Failure> {
    let now = clock::now().wall;
    let (person, device) = api.devices.alone(chain, now).map_err(Refused::Device)?;
    if api.blocked.holds(&person) {
        return Err(Failure::of(&person.name, Refused::Blocked));
    }
    let failed = |why: String| {
        tracing::error!(why, "certificate of a device not renewed");
        Failure::of(&person.name, Refused::Unavailable("device_failed"))
    };
    let Some(certificate) = api.devices.renew(&device, chain, now).map_err(failed)? else { return Ok(None) };
    tracing::info!("a device's certificate was renewed");
    let ends_at = api.devices.until(&device).unwrap_or(now).as_second();
    Ok(Some(Enrolled { name: device.name.to_string(), certificate, ends_at }))
}

fn check(request: &Request) -> Result<(), Refused> {
    let fits = request.user.len() <= LONGEST_USER
        && request.password.expose().len() <= LONGEST_PASSWORD
        && code_fits(Some(&request.code));
    if fits { Ok(()) } else { Err(Refused::BadRequest) }
}
