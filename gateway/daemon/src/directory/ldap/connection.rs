//! Servers in order, their health, and connections to them.
//!
//! A server that fails is left alone for a while, longer each time, and asked again after that; when all are failing, all are
//! tried. Searches share one connection of the searching account; a person's bind always has its own.

use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex as StdMutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use ldap3::{
    Ldap, LdapConnAsync, LdapConnSettings, LdapError, Scope, SearchEntry, SearchResult, StdStream, ldap_escape,
};
use rustls::{
    ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme,
    client::{
        WebPkiServerVerifier,
        danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
    },
    pki_types::{CertificateDer, ServerName, UnixTime},
};
use tokio::sync::Mutex;
use zeroize::Zeroizing;

use super::{NoAnswer, names};
use crate::{
    config::{self, LdapSecurity, LdapServer},
    control::provider,
    secret_file,
    trust::Settings,
};

/// How long a server that failed once is left alone; doubled each time.
const FIRST_PAUSE: Duration = Duration::from_secs(5);
const LONGEST_PAUSE: Duration = Duration::from_secs(60);
/// Between looks whether a server that comes before the one in use is back.
const LOOKS_BACK: Duration = Duration::from_secs(30);
/// After every server failed, logins that waited meanwhile are answered with that instead of waiting in turn.
const JUST_NOW: Duration = Duration::from_secs(1);
/// Active Directory's mark in the root entry's `supportedCapabilities`.
const ACTIVE_DIRECTORY: &str = "1.2.840.113556.1.4.800";
/// How many referrals are remembered as told.
const MOST_REFERRALS: usize = 64;
/// What is to be changed where a server's TLS is not believed.
const SETTINGS: Settings = Settings {
    table: "directory",
    authorities: "ca",
    server: "servers",
    no_tls: "try `starttls = true` with `ldap://`",
};

/// All servers of a directory.
#[derive(Debug)]
pub(super) struct Servers {
    servers: Vec<Server>,
    service: Mutex<Option<Service>>,
    referred: Arc<Referred>,
}

/// Where the directory referred to so far: told once each, and not followed.
#[derive(Debug, Default)]
pub(super) struct Referred(StdMutex<BTreeSet<String>>);

impl Referred {
    fn note(&self, refers_to: Vec<String>) {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        for url in refers_to {
            if known.len() < MOST_REFERRALS && known.insert(url.clone()) {
                tracing::info!(url, "the directory refers elsewhere, which is not followed");
            }
        }
    }

    fn all(&self) -> Vec<String> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).iter().cloned().collect()
    }
}

/// What the root entry tells of a server.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Kind {
    /// Whether it is Active Directory.
    pub(super) is_active_directory: bool,
    /// The DN of Active Directory's own domain.
    pub(super) domain: Option<String>,
    /// Where Active Directory keeps what concerns all domains.
    configuration: Option<String>,
}

#[derive(Debug)]
struct Server {
    address: LdapServer,
    tls: Option<Arc<ClientConfig>>,
    health: StdMutex<Health>,
}

#[derive(Debug, Default)]
struct Health {
    failures: u32,
    last: Option<Failure>,
}

#[derive(Debug)]
struct Failure {
    at: Instant,
    resting_until: Instant,
    why: NoAnswer,
}

/// The searching account's connection, shared.
struct Service {
    ldap: Ldap,
    server: usize,
    kind: Kind,
    since: Instant,
}

impl std::fmt::Debug for Service {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Service").field("server", &self.server).finish_non_exhaustive()
    }
}

/// A connection to ask on, or a share in one.
pub(super) struct Connection {
    ldap: Ldap,
    server: usize,
    limit: Duration,
    reused: bool,
    referred: Arc<Referred>,
    pub(super) kind: Kind,
}

impl Connection {
    /// The connection itself, with the time limit for one operation.
    pub(super) fn ldap(&mut self) -> &mut Ldap {
        self.ldap.with_timeout(self.limit)
    }

    /// Whether it is older than this question, so that its failing says little about the server.
    pub(super) fn was_reused(&self) -> bool {
        self.reused
    }

    /// Entries under a base. A base that is not there is the configuration's mistake, not an answer.
    pub(super) async fn search(
        &mut self,
        base: &str,
        scope: Scope,
        filter: &str,
        attributes: &[&str],
    ) -> Result<Vec<SearchEntry>, NoAnswer> {
        const SUCCESS: u32 = 0;
        const SIZE_LIMIT_EXCEEDED: u32 = 4;
        const REFERRAL: u32 = 10;
        const NO_SUCH_OBJECT: u32 = 32;
        const INSUFFICIENT_RIGHTS: u32 = 50;
        let asked = self.ldap().search(base, scope, filter, attributes).await;
        let SearchResult(entries, mut result) =
            asked.map_err(|error| format!("the directory does not answer a search: {error}"))?;
        self.referred.note(std::mem::take(&mut result.refs));
        match result.rc {
            SUCCESS | SIZE_LIMIT_EXCEEDED => Ok(entries.into_iter().map(SearchEntry::construct).collect()),
            REFERRAL => Err(format!("the directory refers to another server for `{base}`: name that one in `servers`")),
            NO_SUCH_OBJECT => Err(format!("the directory has no entry `{base}`: correct `search_bases`")),
            INSUFFICIENT_RIGHTS => Err(format!(
                "the searching account may not search under `{base}`: give it the right to, or set `bind_dn`"
            )),
            code => Err(format!("the directory answers a search under `{base}` with code {code}: {}", result.text)),
        }
    }

    /// Which server this is.
    pub(super) fn server(&self) -> usize {
        self.server
    }

    /// One entry by its DN; none if there is none.
    pub(super) async fn entry(&mut self, dn: &str, attributes: &[&str]) -> Result<Option<SearchEntry>, NoAnswer> {
        const NO_SUCH_OBJECT: u32 = 32;
        let asked = self.ldap().search(dn, Scope::Base, "(objectClass=*)", attributes).await;
        let SearchResult(entries, result) =
            asked.map_err(|error| format!("the directory does not answer a search: {error}"))?;
        match result.rc {
            0 => Ok(entries.into_iter().next().map(SearchEntry::construct)),
            NO_SUCH_OBJECT => Ok(None),
            code => Err(format!("the directory answers a look at one entry with code {code}: {}", result.text)),
        }
    }

    /// The DNS name of the domain that Active Directory's short name means: `azienda.test` for `AZIENDA`.
    pub(super) async fn domain_of_short_name(&mut self, short: &str) -> Result<Option<String>, NoAnswer> {
        let Some(configuration) = self.kind.configuration.clone() else { return Ok(None) };
        let filter = format!("(&(objectClass=crossRef)(nETBIOSName={}))", ldap_escape(short));
        let base = format!("CN=Partitions,{configuration}");
        let found = self.search(&base, Scope::OneLevel, &filter, &["nCName"]).await?;
        let [entry] = found.as_slice() else { return Ok(None) };
        let context = entry.attrs.values().flatten().next();
        Ok(context.map(|dn| names::domain_of(dn)).filter(|domain| !domain.is_empty()))
    }

    /// Reads what the root entry tells.
    pub(super) async fn recognise(&mut self) -> Result<(), NoAnswer> {
        const ASKED: [&str; 3] = ["supportedCapabilities", "configurationNamingContext", "defaultNamingContext"];
        let root = self.search("", Scope::Base, "(objectClass=*)", &ASKED).await?;
        let values = |name: &'static str| {
            let attributes = root.iter().flat_map(|entry| &entry.attrs);
            attributes.filter(move |(attribute, _)| attribute.eq_ignore_ascii_case(name)).flat_map(|(_, values)| values)
        };
        let [capabilities, configuration, domain] = ASKED;
        let is_active_directory = values(capabilities).any(|capability| capability == ACTIVE_DIRECTORY);
        let configuration = values(configuration).next().filter(|_| is_active_directory).cloned();
        let domain = values(domain).next().filter(|_| is_active_directory).cloned();
        self.kind = Kind { is_active_directory, domain, configuration };
        Ok(())
    }
}

impl Servers {
    pub(super) fn new(config: &config::Ldap) -> Result<Self, String> {
        let needs_tls = config.servers.iter().any(|server| server.security != LdapSecurity::PlainLoopback);
        let roots = if needs_tls { Some(Arc::new(SETTINGS.read_authorities(&config.ca)?)) } else { None };
        let server = |address: &LdapServer| {
            let tls = match (&roots, address.security) {
                (_, LdapSecurity::PlainLoopback) | (None, _) => None,
                (Some(roots), LdapSecurity::Ldaps | LdapSecurity::StartTls) => Some(tls(Arc::clone(roots), address)?),
            };
            Ok(Server { address: address.clone(), tls, health: StdMutex::default() })
        };
        let servers = config.servers.iter().map(server).collect::<Result<_, String>>()?;
        Ok(Self { servers, service: Mutex::new(None), referred: Arc::default() })
    }

    /// A share in the searching account's connection, opened if there is none.
    pub(super) async fn searching(&self, config: &config::Ldap) -> Result<Connection, NoAnswer> {
        let mut service = self.service.lock().await;
        if let Some(open) = service.as_mut()
            && !open.ldap.is_closed()
            && !self.is_to_go_back(open, Instant::now())
        {
            return Ok(Connection {
                ldap: open.ldap.clone(),
                server: open.server,
                limit: config.answer_limit,
                reused: true,
                referred: Arc::clone(&self.referred),
                kind: open.kind.clone(),
            });
        }
        let mut connection = self.fresh(config).await?;
        sign_in(&mut connection, config).await?;
        connection.recognise().await?;
        *service = Some(Service {
            ldap: connection.ldap.clone(),
            server: connection.server,
            kind: connection.kind.clone(),
            since: Instant::now(),
        });
        Ok(connection)
    }

    /// Whether a server that comes before the one in use is thought to be well, and it was not looked at for a while.
    fn is_to_go_back(&self, open: &Service, now: Instant) -> bool {
        let first = self.in_order(now).first().map(|(index, _)| *index);
        first.is_some_and(|first| first < open.server) && now.saturating_duration_since(open.since) > LOOKS_BACK
    }

    /// The same, in the place of one that failed.
    pub(super) async fn searching_anew(
        &self,
        config: &config::Ldap,
        failed: Connection,
    ) -> Result<Connection, NoAnswer> {
        self.failed(failed.server, "the connection for searches broke off".to_owned());
        drop(failed);
        *self.service.lock().await = None;
        self.searching(config).await
    }

    /// A connection of its own to the first server that answers.
    pub(super) async fn fresh(&self, config: &config::Ldap) -> Result<Connection, NoAnswer> {
        if let Some(why) = self.all_failed_just_now(Instant::now()) {
            return Err(why);
        }
        let mut why = Vec::new();
        for (index, server) in self.in_order(Instant::now()) {
            match server.connect(config).await {
                Ok(ldap) => {
                    *server.health() = Health::default();
                    return Ok(self.connection(ldap, index, config));
                }
                Err(error) => {
                    let error = format!("{}: {error}", server.address.host);
                    self.failed(index, error.clone());
                    why.push(error);
                }
            }
        }
        Err(why.join("; "))
    }

    /// Servers that are well, as configured, then those that are resting: better asked once more than nobody at all.
    fn in_order(&self, now: Instant) -> Vec<(usize, &Server)> {
        let resting = |server: &Server| server.health().last.as_ref().is_some_and(|last| now < last.resting_until);
        let mut servers: Vec<(usize, &Server)> = self.servers.iter().enumerate().collect();
        servers.sort_by_cached_key(|(_, server)| resting(server));
        servers
    }

    fn all_failed_just_now(&self, now: Instant) -> Option<NoAnswer> {
        let recent = |server: &Server| {
            let health = server.health();
            let last = health.last.as_ref().filter(|last| now.saturating_duration_since(last.at) < JUST_NOW);
            last.map(|last| last.why.clone())
        };
        let all: Option<Vec<NoAnswer>> = self.servers.iter().map(recent).collect();
        all.map(|all| all.join("; "))
    }

    fn failed(&self, index: usize, why: NoAnswer) {
        let Some(server) = self.servers.get(index) else { return };
        let mut health = server.health();
        let pause = FIRST_PAUSE.saturating_mul(1 << health.failures.min(8)).min(LONGEST_PAUSE);
        let at = Instant::now();
        health.failures = health.failures.saturating_add(1);
        health.last = Some(Failure { at, resting_until: at + pause, why });
    }

    pub(super) fn addresses(&self) -> impl Iterator<Item = &LdapServer> {
        self.servers.iter().map(|server| &server.address)
    }

    /// For a walk that looks at each server.
    pub(super) async fn connect_to(&self, index: usize, config: &config::Ldap) -> Result<Connection, NoAnswer> {
        let server = self.servers.get(index).ok_or_else(|| "there is no such server".to_owned())?;
        let ldap = server.connect(config).await?;
        Ok(self.connection(ldap, index, config))
    }

    fn connection(&self, ldap: Ldap, server: usize, config: &config::Ldap) -> Connection {
        let (limit, referred) = (config.answer_limit, Arc::clone(&self.referred));
        Connection { ldap, server, limit, reused: false, referred, kind: Kind::default() }
    }

    /// Where searches were referred to, none of it followed.
    pub(super) fn referrals(&self) -> Vec<String> {
        self.referred.all()
    }
}

/// The searching account's password: read each time, so that a changed one counts without a restart.
pub(super) fn search_password(bind: &config::LdapBind) -> Result<Zeroizing<String>, NoAnswer> {
    let bytes = secret_file::read_shared(&bind.password_file).map_err(|error| error.to_string())?;
    let password = secret_file::first_line(&bind.password_file, &bytes).map_err(|error| error.to_string())?;
    if password.is_empty() {
        return Err(format!(
            "`{}` is empty: write the searching account's password to it",
            bind.password_file.display()
        ));
    }
    Ok(password)
}

/// Binds the searching account, if there is one.
pub(super) async fn sign_in(connection: &mut Connection, config: &config::Ldap) -> Result<(), NoAnswer> {
    let Some(bind) = &config.bind else { return Ok(()) };
    let password = search_password(bind)?;
    let answer = connection.ldap().simple_bind(&bind.dn, &password).await;
    let answer = answer.map_err(|error| format!("the directory does not answer the searching account: {error}"))?;
    match answer.rc {
        0 => Ok(()),
        49 => Err(format!(
            "the directory refuses the searching account: check `bind_dn` and `{}`",
            bind.password_file.display()
        )),
        8 | 13 => Err("the directory wants TLS: write `ldaps://` or `starttls = true`".to_owned()),
        code => Err(format!("the directory answers the searching account with code {code}: {}", answer.text)),
    }
}

impl Server {
    /// Connects, TLS included, within the limit.
    async fn connect(&self, config: &config::Ldap) -> Result<Ldap, NoAnswer> {
        tokio::time::timeout(config.connect_limit, self.connect_now()).await.unwrap_or_else(|_| {
            Err(format!(
                "no answer within {:?}: is it on, and does a firewall let {} through?",
                config.connect_limit, self.address.port
            ))
        })
    }

    async fn connect_now(&self) -> Result<Ldap, NoAnswer> {
        let LdapServer { host, port, security } = &self.address;
        let stream = tokio::net::TcpStream::connect((host.as_str(), *port)).await;
        let stream = stream.map_err(|error| format!("cannot connect to port {port}: {error}"))?;
        // Otherwise each answer waits 40 ms for Nagle and a delayed acknowledgement.
        let stream = stream
            .set_nodelay(true)
            .and_then(|()| stream.into_std())
            .map_err(|error| format!("cannot connect: {error}"))?;
        let mut settings = LdapConnSettings::new()
            .set_std_stream(StdStream::Tcp(stream))
            .set_starttls(*security == LdapSecurity::StartTls);
        if let Some(tls) = &self.tls {
            settings = settings.set_config(Arc::clone(tls));
        }
        let scheme = if *security == LdapSecurity::Ldaps { "ldaps" } else { "ldap" };
        let url = format!("{scheme}://{}:{port}", url_host(host));
        let (connection, ldap) = LdapConnAsync::with_settings(settings, &url).await.map_err(|error| explain(&error))?;
        tokio::spawn(async move {
            if let Err(error) = connection.drive().await {
                tracing::debug!(%error, "directory connection ended");
            }
        });
        Ok(ldap)
    }

    fn health(&self) -> MutexGuard<'_, Health> {
        self.health.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What went wrong while TLS was set up, in words that say what to change.
fn explain(error: &LdapError) -> String {
    let cause = match error {
        LdapError::Io { source } => source.get_ref().and_then(|inner| inner.downcast_ref()),
        _ => None,
    };
    SETTINGS.explain(error, cause)
}

/// An IPv6 address cannot be the library's certificate name; [`FixedName`] knows the true one.
fn url_host(host: &str) -> &str {
    if host.parse::<std::net::Ipv6Addr>().is_ok() { "ipv6.invalid" } else { host }
}

fn tls(roots: Arc<RootCertStore>, server: &LdapServer) -> Result<Arc<ClientConfig>, String> {
    let failed = |error: &dyn std::fmt::Display| format!("cannot set up TLS for `{}`: {error}", server.host);
    let versions = ClientConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()
        .map_err(|error| failed(&error))?;
    let Ok(address) = server.host.parse::<std::net::Ipv6Addr>() else {
        return Ok(Arc::new(versions.with_root_certificates(roots).with_no_client_auth()));
    };
    let inner =
        WebPkiServerVerifier::builder_with_provider(roots, provider()).build().map_err(|error| failed(&error))?;
    let verifier = FixedName { inner, name: ServerName::IpAddress(std::net::IpAddr::V6(address).into()) };
    let mut config = versions.dangerous().with_custom_certificate_verifier(Arc::new(verifier)).with_no_client_auth();
    config.enable_sni = false;
    Ok(Arc::new(config))
}

/// Checks a certificate as ever, for a name of our own: the LDAP library cannot pass an IPv6 address on.
#[derive(Debug)]
struct FixedName {
    inner: Arc<WebPkiServerVerifier>,
    name: ServerName<'static>,
}

impl ServerCertVerifier for FixedName {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        self.inner.verify_server_cert(end_entity, intermediates, &self.name, ocsp_response, now)
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.inner.verify_tls12_signature(message, certificate, signature)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.inner.verify_tls13_signature(message, certificate, signature)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.inner.supported_verify_schemes()
    }
}
