//! A login, step by step. A refusal ends at the step that refuses; outside it is the same whatever the cause, inside the
//! record keeps the true reason under the support number that the answer shows.
//!
//! ```text
//!   read ─► throttle ─► directory ─► second ─► policy ─► notices ─► resolve ─► ledger
//!   JSON    address,    password,    factor    grant     read?      the work-  recorded,
//!           network,    groups                           if not:    station,   then open
//!           all, user                                    notices.rs is it awake?
//! ```
//!
//! What is shown is judged in `authentication.rs`. A technician who asks to assist a worker goes another way after the second factor (`assist.rs`).
//!
//! Until all factors were shown, nothing is told but that they were not: not what the directory wants done, not that there is no
//! agreement.

use std::{
    collections::BTreeSet,
    net::{IpAddr, SocketAddr},
    sync::Arc,
    time::Duration,
};

use axum::{
    Extension, Json,
    body::{Body, to_bytes},
    extract::State,
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{IntoResponse as _, Response},
};
use gateway_api::{
    CloseReason, Fingerprint, LARGEST_BODY, PublicKey, SessionNumber,
    login::{self, Code, Language, WorkstationState},
    notice::Pending,
    proof,
};
use gateway_core::OpenError;
use gateway_record::{Draft, Fields, Hash, Kind};
use jiff::Timestamp;
use policy::{Decision, Grant, Notice, Policy, Request};
use serde::{Serialize, de::DeserializeOwned};
use tokio::time::Instant;

use super::{
    Agreed, Api, KeyExchange, assist,
    authentication::{Shown, authenticate, code_fits},
    error::Refused,
    heard::heard,
};
use crate::{
    clock,
    devices::{self, Chain, Managed},
    directory::Person,
    fence::NotOpen,
    https::Peer,
    ledger::{Admitted, Assisted, NotOpened, Opening},
    reviews::Office,
    store::StoreError,
    wake::Look,
    workstation::{self, Trouble},
};

/// For a body to arrive.
const READING: Duration = Duration::from_secs(10);
/// Wrong credentials are answered at the next multiple of this after the request: what the directory did meanwhile does not
/// show.
const PULSE: Duration = Duration::from_millis(500);

/// What a login is counted as that let somebody in.
const OPENED: &str = "opened";

/// A refusal with what the record keeps of it.
pub(super) struct Failure {
    refused: Refused,
    /// Whose account, only where the name matched one.
    worker: Option<Arc<str>>,
    /// The support number under which the same refusal was recorded a moment ago; none: it is recorded now.
    recorded: Option<SessionNumber>,
}

impl From<Refused> for Failure {
    fn from(refused: Refused) -> Self {
        Self { refused, worker: None, recorded: None }
    }
}

impl Failure {
    pub(super) fn of(worker: &Arc<str>, refused: Refused) -> Self {
        Self { worker: Some(Arc::clone(worker)), ..refused.into() }
    }
}

/// What is known of a login before anything of it is read.
pub(super) struct Attempt {
    pub(super) from: IpAddr,
    pub(super) language: Language,
    pub(super) support: SessionNumber,
    arrived: Instant,
}

impl Attempt {
    pub(super) fn new(peer: SocketAddr, headers: &HeaderMap) -> Self {
        Self {
            from: peer.ip().to_canonical(),
            language: accepted_language(headers),
            support: support_number(),
            arrived: Instant::now(),
        }
    }
}

/// Who asks for a session, and what for, once all factors were shown.
#[derive(Debug)]
pub(super) struct Asked {
    pub(super) person: Person,
    /// The managed computer it comes from.
    pub(super) device: Option<Managed>,
    /// As the connection of the login showed it.
    pub(super) chain: Chain,
    pub(super) public_key: PublicKey,
    pub(super) session_key: proof::Public,
    pub(super) wireguard_config: bool,
    pub(super) key_exchange: KeyExchange,
    pub(super) from: IpAddr,
}

/// What a login comes to.
pub(super) enum Opened {
    /// A session, open and recorded.
    Session(Box<login::Session>),
    /// Something to be read first.
    Pending(Pending),
}

/// `POST /v1/login`
pub(super) async fn login(
    State(api): State<Arc<Api>>,
    Extension(Peer(peer)): Extension<Peer>,
    Extension(chain): Extension<Chain>,
    Extension(agreed): Extension<Agreed>,
    headers: HeaderMap,
    body: Body,
) -> Response {
    let mut attempt = Attempt::new(peer, &headers);
    let opened = open(&api, &mut attempt, chain, agreed.key_exchange, body).await;
    answer_opened(&api, attempt, opened).await
}

/// The session, what is to be read before there is one, or the refusal.
pub(super) async fn answer_opened(api: &Api, attempt: Attempt, outcome: Result<Opened, Failure>) -> Response {
    match outcome {
        Ok(Opened::Session(session)) => answer(api, attempt, Ok(session)).await,
        Ok(Opened::Pending(pending)) => {
            let mut answer = answer(api, attempt, Ok(pending)).await;
            *answer.status_mut() = StatusCode::ACCEPTED;
            answer
        }
        Err(failure) => refuse(api, attempt, failure).await,
    }
}

/// What was asked for, which holds a secret that nobody on the way may keep, or the refusal.
pub(super) async fn answer(api: &Api, attempt: Attempt, outcome: Result<impl Serialize, Failure>) -> Response {
    match outcome {
        Ok(answer) => ([(header::CACHE_CONTROL, HeaderValue::from_static("no-store"))], Json(answer)).into_response(),
        Err(failure) => refuse(api, attempt, failure).await,
    }
}

async fn open(
    api: &Arc<Api>,
    attempt: &mut Attempt,
    chain: Chain,
    key_exchange: KeyExchange,
    body: Body,
) -> Result<Opened, Failure> {
    let from = attempt.from;
    let request: login::Request = read(body).await?;
    attempt.language = request.language;
    fits(&request)?;
    let policy = api.change.policy().current();
    let (user, second_factor) = (request.user.trim(), request.second_factor.as_ref());
    let none = Code::new(String::new());
    let factors = match &request.assist {
        None => Shown::SecondFactor(&policy, second_factor, &chain),
        Some(_) => Shown::Always(second_factor.unwrap_or(&none)),
    };
    let groups: Vec<String> = policy.groups().iter().map(ToString::to_string).collect();
    let (person, must_act) = authenticate(api, user, request.password, &groups, factors, attempt).await?;
    if let Some(what) = must_act {
        return Err(Failure::of(&person.name, Refused::MustAct(what)));
    }
    if api.blocked.holds(&person) {
        return Err(Failure::of(&person.name, Refused::Blocked));
    }
    let device = api.devices.judge(&chain, &person, clock::now().wall);
    let device = device.map_err(|trouble| Failure::of(&person.name, Refused::Device(trouble)))?;
    let asked = Asked {
        person,
        device,
        chain,
        public_key: request.public_key,
        session_key: request.session_key,
        wireguard_config: request.wireguard_config,
        key_exchange,
        from,
    };
    match request.assist {
        None => admit(api, asked, request.language).await,
        Some(assist) => assist::assist(api, asked, assist).await,
    }
}

/// What the policy says now to somebody who has shown all factors: what is to be read, and when there is nothing left, a session.
/// Whoever hangs up before that ends it there.
pub(super) async fn admit(api: &Arc<Api>, asked: Asked, language: Language) -> Result<Opened, Failure> {
    let name = Arc::clone(&asked.person.name);
    let failure = |refused| Failure::of(&name, refused);
    is_welcome(api, &asked.person, asked.device.as_ref()).map_err(failure)?;
    let policy = api.change.policy().current();
    let grant = decide(api, &policy, &asked.person, asked.device.as_ref()).await?;
    check_supported(&grant, asked.wireguard_config, asked.key_exchange).map_err(failure)?;
    let unread = api.notices.unread(&asked.person, &to_read(api, &asked.person, &grant, policy.clone()).await);
    if !unread.is_empty() {
        return api.pending.wait(asked, unread, language).map(Opened::Pending).map_err(failure);
    }
    let workstation = workstation::locate(&policy, &api.ledger, &grant.workstation, &grant.address)
        .await
        .map_err(|trouble| failure(Refused::Workstation(trouble)))?;
    let look = Look::begin(&grant, workstation);
    let own = Arc::clone(api);
    let opening = async move {
        let opened = open_session(&own, &policy, asked, For { grant, workstation, look, assists: None }).await;
        opened.map_err(|none| match none {
            NoSession::NotOpened(error) => not_opened(error),
            NoSession::Closed(refused) => refused,
        })
    };
    heard(api, opening).await.map_err(failure)
}

/// What a session is opened for.
pub(super) struct For {
    pub(super) grant: Grant,
    /// The granted workstation, resolved.
    pub(super) workstation: IpAddr,
    /// Whether it is awake, where that is looked at.
    pub(super) look: Option<Look>,
    /// A technician's: the worker's session.
    pub(super) assists: Option<Assisted>,
}

/// Why there is no session.
pub(super) enum NoSession {
    /// None opened.
    NotOpened(NotOpened),
    /// It was open, and is closed.
    Closed(Refused),
}

/// Refuses whom an administrator has blocked, and whose computer was revoked.
pub(super) fn is_welcome(api: &Api, person: &Person, device: Option<&Managed>) -> Result<(), Refused> {
    if api.blocked.holds(person) {
        return Err(Refused::Blocked);
    }
    if device.is_some_and(|device| api.devices.is_revoked(device)) {
        return Err(Refused::Device(devices::Trouble::Revoked));
    }
    Ok(())
}

/// A session, open and recorded, with all that its client is told.
pub(super) async fn open_session(
    api: &Api,
    policy: &Arc<Policy>,
    asked: Asked,
    For { grant, workstation, look, assists }: For,
) -> Result<Opened, NoSession> {
    let Asked { person, device, chain, public_key, session_key, key_exchange, from, .. } = asked;
    let opening = Opening {
        person: person.clone(),
        grant: grant.clone(),
        device: device.clone(),
        workstation,
        public_key,
        session_key,
        key_exchange,
        from,
        policy: Hash(policy.hash()),
        assists,
    };
    let admitted = api.ledger.open(opening).await.map_err(NoSession::NotOpened)?;
    // Blocked or revoked while it opened: whoever did that may not have seen it yet.
    if let Err(refused) = is_welcome(api, &person, device.as_ref()) {
        let reason = match refused {
            Refused::Device(_) => CloseReason::DeviceRevoked,
            _ => CloseReason::Administrator,
        };
        tracing::info!(session = %admitted.number, reason = reason.word(), "not welcome any more while its session opened");
        api.ledger.close(admitted.number, reason).await;
        return Err(NoSession::Closed(refused));
    }
    api.change.reconsider(admitted.number, policy).await;
    let state = match look {
        Some(look) => look.settle(&api.ledger, admitted.number).await,
        None => WorkstationState::Ready,
    };
    let device_certificate = device.and_then(|device| renewed(api, &device, &chain));
    let factor_news = api.factors.news(&person, clock::now().wall).await;
    api.logins.count(OPENED);
    let session = session(api, &grant, (workstation, state), admitted);
    Ok(Opened::Session(Box::new(login::Session { factor_news, device_certificate, ..session })))
}

/// What has to be read before a session: what the policy says, what a review has to tell, and the structure's general notices.
async fn to_read(api: &Api, person: &Person, grant: &Grant, policy: Arc<Policy>) -> Vec<Arc<Notice>> {
    let office = Office { policy, now: clock::now().wall };
    let of_reviews = api.reviews.to_read(&office, person, &grant.structure).await;
    grant.notices.iter().cloned().chain(of_reviews).collect()
}

/// Another certificate for a computer whose own ends before long.
fn renewed(api: &Api, device: &Managed, chain: &Chain) -> Option<String> {
    api.devices.renew(device, chain, clock::now().wall).unwrap_or_else(|why| {
        tracing::error!(why, "certificate of a device not renewed");
        None
    })
}

/// Finds a refusal's true reason in the record. Drawn like a session's number, and never the number of one.
fn support_number() -> SessionNumber {
    let mut random = [0; 8];
    // Without random bytes no session opens either; the reason is found by its time then.
    let _ = getrandom::fill(&mut random);
    SessionNumber::new(u64::from_be_bytes(random))
}

pub(super) fn too_many(limit: super::throttle::TooMany) -> Failure {
    Failure { recorded: (!limit.first).then_some(limit.support), ..Refused::TooMany(limit.limit, limit.wait).into() }
}

/// The same of an account that is known.
pub(super) fn too_many_of(worker: &Arc<str>, limit: super::throttle::TooMany) -> Failure {
    Failure { worker: Some(Arc::clone(worker)), ..too_many(limit) }
}

/// The request. Slow and oversized bodies end here.
pub(super) async fn read<T: DeserializeOwned>(body: Body) -> Result<T, Refused> {
    let bad = || Refused::BadRequest;
    let body = tokio::time::timeout(READING, to_bytes(body, LARGEST_BODY)).await;
    let bytes = body.map_err(|_| bad())?.map_err(|_| bad())?;
    serde_json::from_slice(&bytes).map_err(|_| bad())
}

fn fits(request: &login::Request) -> Result<(), Refused> {
    let fits = request.user.len() <= login::LONGEST_USER && request.password.expose().len() <= login::LONGEST_PASSWORD;
    let fits = fits && request.assist.as_ref().is_none_or(assist::fits);
    if fits && code_fits(request.second_factor.as_ref()) { Ok(()) } else { Err(Refused::BadRequest) }
}

/// What the policy grants this person on this computer now.
async fn decide(api: &Api, policy: &Policy, person: &Person, device: Option<&Managed>) -> Result<Grant, Failure> {
    let at = clock::now().wall;
    let days_used = days_used(api, policy, person, at).await.map_err(|error| {
        tracing::error!(%error, "records not read");
        Failure::of(&person.name, Refused::Unavailable("record_failed"))
    })?;
    // A certificate without a worker is as good as the agreement that names its computer.
    if device.is_some_and(|device| device.anybodys) && policy.named_device(&person.name, at).is_none() {
        return Err(Failure::of(&person.name, Refused::Device(devices::Trouble::AnotherWorker)));
    }
    let request = Request { days_used, ..devices::request(&person.name, &person.groups, device, at) };
    match policy.decide(&request) {
        Decision::Permit(grant) => Ok(grant),
        Decision::Refuse(reason) => {
            let next = reason.next().map(|next| policy.local(next));
            Err(Failure::of(&person.name, Refused::Policy(reason, next)))
        }
    }
}

/// On how many days of the running quota period, today not counted, this person had a session.
async fn days_used(api: &Api, policy: &Policy, person: &Person, at: Timestamp) -> Result<u32, StoreError> {
    let Some((_, first, _)) = policy.quota(&person.name, at) else { return Ok(0) };
    let today = policy.local(at);
    let since = first.to_zoned(today.time_zone().clone()).map(|start| start.timestamp()).unwrap_or(at);
    let opened = api.ledger.store().opened_by(&person.id, since, first).await?;
    let mut days: BTreeSet<_> = opened.into_iter().map(|at| policy.local(at).date()).collect();
    days.remove(&today.date());
    Ok(u32::try_from(days.len()).unwrap_or(u32::MAX))
}

/// Refuses what a grant asks for and this version cannot do: never a session with less than the policy says.
pub(super) fn check_supported(grant: &Grant, wants_config: bool, key_exchange: KeyExchange) -> Result<(), Refused> {
    // The pre-shared key would be no stronger than the exchange under which it travels.
    if grant.require_post_quantum && !key_exchange.is_hybrid() {
        return Err(Refused::KeyExchange);
    }
    if wants_config && !grant.wireguard_config {
        return Err(Refused::WireguardConfigNotAllowed);
    }
    Ok(())
}

pub(super) fn not_opened(error: NotOpened) -> Refused {
    match error {
        NotOpened::Refused(OpenError::AlreadyConnected) => Refused::AlreadyConnected,
        NotOpened::Refused(OpenError::NoAddress) => {
            tracing::warn!(
                "login refused: every tunnel address of the workstation's family is lent; enlarge `pool` or `pool_ipv6`"
            );
            Refused::Unavailable("no_address")
        }
        NotOpened::Refused(OpenError::GrantOver) => Refused::Unavailable("grant_over"),
        NotOpened::Refused(OpenError::NoTunnelFamily) => {
            tracing::warn!("login refused: the workstation has an IPv6 address; set `pool_ipv6` under `[tunnel]`");
            Refused::Workstation(Trouble::OtherFamily)
        }
        NotOpened::Refused(OpenError::Taken) => Refused::Unavailable("taken"),
        NotOpened::Fence(NotOpen(why)) => {
            tracing::error!(why, "login refused: the firewall does not open");
            Refused::Unavailable("firewall_failed")
        }
        NotOpened::DiskFull => {
            tracing::error!("login refused: the disk is full");
            Refused::Unavailable("disk_full")
        }
        NotOpened::Store(error) => {
            tracing::error!(%error, "login refused: it cannot be recorded");
            Refused::Unavailable("record_failed")
        }
        NotOpened::Ended => Refused::Unavailable("gateway_stopping"),
        NotOpened::Random(error) => {
            tracing::error!(error, "login refused: no random numbers");
            Refused::Unavailable("random_failed")
        }
    }
}

fn session(
    api: &Api,
    grant: &Grant,
    (workstation, state): (IpAddr, WorkstationState),
    admitted: Admitted,
) -> login::Session {
    let seconds = |time: Duration| u32::try_from(time.as_secs()).unwrap_or(u32::MAX);
    let left = Duration::try_from(grant.ends_at.duration_since(clock::now().wall)).unwrap_or_default();
    login::Session {
        number: admitted.number,
        token: admitted.token,
        gateway: login::GatewayPeer { public_key: api.tunnel_key, endpoint: api.tunnel_endpoint.clone() },
        preshared_key: admitted.preshared_key,
        address: admitted.opened.address,
        mtu: admitted.opened.mtu,
        workstation: login::Workstation {
            name: grant.workstation.to_string(),
            address: workstation,
            services: grant.services.iter().map(service).collect(),
            state,
            certificate: grant.certificate.map(Fingerprint),
        },
        limits: login::Limits {
            idle_s: seconds(grant.idle),
            remaining_s: seconds(left),
            ends_at: grant.ends_at.as_second(),
            grace_s: seconds(grant.grace),
        },
        redirect: grant.redirect.iter().copied().map(redirection).collect(),
        single_sign_on: grant.single_sign_on,
        factor_news: Vec::new(),
        device_certificate: None,
    }
}

fn service(service: &policy::Service) -> login::Service {
    login::Service { name: service.name.to_string(), tcp: service.tcp.clone(), udp: service.udp.clone() }
}

fn redirection(redirection: policy::Redirection) -> login::Redirection {
    match redirection {
        policy::Redirection::Clipboard => login::Redirection::Clipboard,
        policy::Redirection::Drives => login::Redirection::Drives,
        policy::Redirection::Printers => login::Redirection::Printers,
        policy::Redirection::Audio => login::Redirection::Audio,
        policy::Redirection::Microphone => login::Redirection::Microphone,
        policy::Redirection::Smartcards => login::Redirection::Smartcards,
    }
}

/// What a request that cannot be read is told: that, until there were too many of them.
fn charge_unreadable(api: &Api, from: IpAddr, support: SessionNumber) -> Failure {
    let charged = api.throttle.unreadable(from, clock::now().instant, support);
    charged.map_or_else(too_many, |()| Refused::BadRequest.into())
}

/// Records the truth, then answers.
pub(super) async fn refuse(api: &Api, attempt: Attempt, failure: Failure) -> Response {
    let language = attempt.language;
    let (refused, support) = settle(api, attempt, failure).await;
    refused.answer(language, &support.to_string())
}

/// Counts and records a refusal, and lets as much time pass as every wrong one takes. What it is, and under which support number.
pub(super) async fn settle(api: &Api, attempt: Attempt, failure: Failure) -> (Refused, SessionNumber) {
    let Attempt { from, support, arrived, .. } = attempt;
    let Failure { refused, worker, recorded } = match failure.refused {
        Refused::BadRequest => charge_unreadable(api, from, support),
        _ => failure,
    };
    api.logins.count(refused.truth());
    if recorded.is_none() {
        record(api, from, support, &refused, worker).await;
    }
    if matches!(refused, Refused::WrongCredentials(_) | Refused::LoginOver) {
        api.throttle.failed(from, clock::now().instant);
        tokio::time::sleep_until(next_pulse(arrived, Instant::now())).await;
    }
    (refused, recorded.unwrap_or(support))
}

async fn record(api: &Api, from: IpAddr, support: SessionNumber, refused: &Refused, worker: Option<Arc<str>>) {
    tracing::info!(%support, reason = refused.truth(), "login refused");
    let mut fields = Fields::default().with("reason", refused.truth()).with("support", support.to_string());
    if let Refused::TooMany(limit, _) = refused {
        fields = fields.with("limit", *limit);
    }
    let names = Fields::default().with("from", from.to_string());
    let names = worker.iter().fold(names, |names, worker| names.with("worker", &**worker));
    let structures = worker.map(|worker| api.change.policy().current().structures_of(&worker)).unwrap_or_default();
    let structure = match &*structures {
        [only] => Some(only.to_string()),
        _ => None,
    };
    let draft = Draft { structure, fields, names, ..Draft::new(Kind::LoginRefused, clock::now().wall) };
    if let Err(error) = api.ledger.store().note(draft).await {
        tracing::error!(%support, %error, "refused login not recorded");
    }
}

/// The first multiple of the pulse after a request that is not over yet.
fn next_pulse(arrived: Instant, now: Instant) -> Instant {
    let beats = now.saturating_duration_since(arrived).as_millis() / PULSE.as_millis() + 1;
    arrived + PULSE.saturating_mul(u32::try_from(beats).unwrap_or(u32::MAX))
}

/// For words before the request is read.
fn accepted_language(headers: &HeaderMap) -> Language {
    let accepted = headers.get(header::ACCEPT_LANGUAGE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    if accepted.trim_start().to_ascii_lowercase().starts_with("it") { Language::It } else { Language::En }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_directory_took_does_not_show() {
        let arrived = Instant::now();
        let answer = |taken: u64| next_pulse(arrived, arrived + Duration::from_millis(taken)) - arrived;
        assert_eq!(answer(0), Duration::from_millis(500));
        assert_eq!(answer(90), answer(470));
        assert_eq!(answer(500), Duration::from_millis(1000));
    }

    #[tokio::test]
    async fn bodies_that_are_too_large_or_no_request_are_refused() {
        let read = async |body: Body| {
            let request: login::Request = read(body).await?;
            fits(&request)
        };
        let refused = async |body: String| read(Body::from(body)).await.unwrap_err();
        let key = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";
        let proof = serde_json::to_string(&proof::Secret::new(&[1; 32]).public()).unwrap();
        let request = |user: &str, more: &str| {
            format!(r#"{{"user":"{user}","password":"x","public_key":"{key}","session_key":{proof}{more}}}"#)
        };
        assert!(read(Body::from(request("m.rossi", ""))).await.is_ok());
        assert_eq!(refused("{".to_owned()).await, Refused::BadRequest);
        assert_eq!(refused(request("m.rossi", r#","admin":true"#)).await, Refused::BadRequest);
        assert_eq!(refused(request(&"x".repeat(257), "")).await, Refused::BadRequest);
        assert_eq!(refused(request("m.rossi", &" ".repeat(LARGEST_BODY))).await, Refused::BadRequest);
    }
}
