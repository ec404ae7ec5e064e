//! The daemon: builds the parts in an order that leaves nothing half done, runs until it is told to stop, and stops in order.
//!
//! Everything that needs rights is opened first, on the main thread alone; then the rights are given up, and only then are other
//! threads started, which inherit none. Logins are answered last, when there is a record to write them to.

use std::{
    net::{SocketAddr, TcpListener},
    path::Path,
    process::ExitCode,
    sync::Arc,
    time::Duration,
};

use gateway_api::CloseReason;
use gateway_core::{Event, Pools};
use gateway_record::{Draft, Fields, Hash, Journal, Kind};
use jiff::{SignedDuration, Span, Timestamp, civil::Date, tz::TimeZone};
use policy::{Policy, Style};
use tokio::{
    sync::mpsc::UnboundedReceiver,
    task::{JoinHandle, JoinSet},
};

use crate::{
    Failure,
    admin::{self, Desk, Parting},
    blocked::Blocked,
    checkpoints::Checkpoints,
    clock,
    command::DataPlane,
    config::{self, Config},
    console::{self, Console},
    control::{self, Api, Certificate, PendingLogins, Throttle},
    devices::Devices,
    directory::{Directory, FileDirectory, LdapDirectory, People},
    event_loop,
    export::Export,
    factor::Factors,
    fence::{self, Fence},
    forwarding,
    identity::{self, StateFolder},
    kept_sessions::{KeptSession, KeptSessions},
    known_addresses::KnownAddresses,
    leavers::{Alarm, Leavers},
    ledger::Ledger,
    mail::Mailer,
    metrics::{self, Metrics},
    norms::Adopted,
    notices::Notices,
    policy_change::{Consent, PolicyChange},
    policy_files,
    policy_follow::Watch,
    policy_in_force::{self, PolicyInForce},
    privileges, review_keys,
    reviews::{Office, Reviews},
    secret_file,
    stop::{self, Step},
    store::{self, Sealing, Store, StoreError},
    systemd::{self, Asked, Signals},
    tally::Tally,
    traces, unix_socket,
    witness::Witness,
    workstation,
};

/// Between looks at the certificate's files.
const CERTIFICATE_LOOK: Duration = Duration::from_secs(60);
/// Before a certificate's end, when to begin to say so.
const CERTIFICATE_SOON: SignedDuration = SignedDuration::from_hours(14 * 24);
/// Between looks at what the directory does after wrong passwords.
const LOCKOUT_LOOK: Duration = Duration::from_secs(600);
/// The same while it does not answer.
const LOCKOUT_RETRY: Duration = Duration::from_secs(30);
/// Between deletions of records whose time is over. What would be over before the next look goes now: no record outlives its time.
const RETENTION_LOOK: Duration = Duration::from_secs(3600);

/// Runs the gateway until a signal stops it. `file` is where `config` was read from.
pub(crate) fn serve(config: Config, file: &Path) -> Result<ExitCode, Failure> {
    let now = clock::now().wall;
    privileges::hide_memory().map_err(Failure::Failed)?;
    let state = StateFolder::take(&config.state).map_err(Failure::Unusable)?;
    if store::make_room_to_start(&config.state) {
        tracing::error!("the disk is full: this start takes the room that was held for it");
    }
    let key = identity::wireguard_key(&config.state).map_err(Failure::Unusable)?;
    let sessions_key = identity::sessions_key(&config.state).map_err(Failure::Unusable)?;
    let loaded = policy_files::load(&config.policy)
        .map_err(|error| Failure::Unusable(error.render(Style::Plain).trim_end().to_owned()))?;
    let hash = Hash(loaded.hash);
    policy_in_force::tell(&loaded, &config.tunnel.pools);
    let policy = Arc::new(PolicyInForce::new(config.policy.clone(), loaded, config.tunnel.pools, now));
    let sealing = sealing(&config, &policy)?;
    Export::check(&config.export).map_err(Failure::Unusable)?;
    config.mail.as_ref().map_or(Ok(()), Mailer::check).map_err(Failure::Unusable)?;
    config.record.witness.as_ref().map_or(Ok(()), Witness::check).map_err(Failure::Unusable)?;
    let addresses = KnownAddresses::new(&config.state, &sessions_key).map_err(Failure::Unusable)?;
    let certificate = Certificate::load(&config.control, &config.state, now).map_err(Failure::Unusable)?;
    let directory = directory(&config.directory)?;
    let group = unix_socket::group(admin::SOCKET, config.admin.group.as_deref()).map_err(Failure::Unusable)?;
    let socket = unix_socket::bind(admin::SOCKET, &config.admin.socket, group).map_err(Failure::Failed)?;
    let figures = metrics::open(&config.metrics).map_err(Failure::Failed)?;
    let console = console::open(&config.console, now).map_err(Failure::Failed)?;
    // Before the device is there, and before anybody is heard: never a moment without a fence.
    let fence = fence::raise(&config, file).map_err(Failure::Failed)?;
    let listener = listen(config.control.listen).map_err(Failure::Failed)?;
    let data_plane = event_loop::start(&config, *key).map_err(Failure::Failed)?;
    forwarding::warn_of_shut_chains(&config.office.device);
    privileges::give_up().map_err(Failure::Failed)?;
    let (kept, left) = KeptSessions::open(&config.state, &sessions_key).map_err(Failure::Failed)?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .thread_name("control")
        .on_thread_start(privileges::behind_packets())
        .build()
        .map_err(|error| Failure::Failed(format!("cannot start threads: {error}")))?;
    let (fence, keeper) = match fence {
        Some(raised) => {
            let _inside = runtime.enter();
            let (fence, keeper) = raised.start().map_err(Failure::Failed)?;
            (fence, Some(keeper))
        }
        None => (Fence::default(), None),
    };
    let parts = Parts {
        config,
        policy,
        hash,
        certificate: Arc::new(certificate),
        directory,
        group,
        socket,
        figures,
        console,
        listener,
        data_plane: data_plane.data_plane.clone(),
        fence,
        events: data_plane.events,
        tunnel_key: data_plane.public_key,
        kept,
        left,
        sealing,
        addresses: Arc::new(addresses),
    };
    let outcome = runtime.block_on(async {
        let outcome = run(parts).await;
        // Also when the daemon failed before it had anything to stop; stopped already is as good.
        let _ = stop::take(Step::Loops, data_plane.data_plane.leave()).await;
        outcome
    });
    // Whatever still runs has nothing left to do: every close is recorded.
    runtime.shutdown_timeout(Step::Tasks.most());
    if let Some(keeper) = keeper {
        keeper.wait();
    }
    let packets = data_plane.threads.join();
    drop(state);
    outcome.and(packets.map_err(Failure::Failed)).map(|()| ExitCode::SUCCESS)
}

/// Looks at everything that a start would read, and tells all that stands in its way. Opens and makes nothing.
pub(crate) fn check(config: &Config) -> Result<(), Failure> {
    let mut wrong = Vec::new();
    if let Err(error) = policy_files::load(&config.policy) {
        wrong.push(error.render(Style::Plain).trim_end().to_owned());
    }
    if config.control.certificate.is_some() {
        wrong.extend(Certificate::load(&config.control, &config.state, clock::now().wall).err());
    }
    if config.state.exists() || config.control.device_ca.is_some() {
        wrong.extend(Devices::read(&config.control, &config.state).err());
    }
    match &config.directory {
        config::Directory::File { file } => wrong.extend(People::read(file).err().map(|error| error.to_string())),
        config::Directory::Ldap(ldap) => {
            wrong.extend(LdapDirectory::new(ldap.clone()).err());
            let secret = ldap.bind.as_ref().map(|bind| secret_file::read_shared(&bind.password_file));
            wrong.extend(secret.and_then(Result::err).map(|error| error.to_string()));
        }
    }
    if let Some(files) = &config.console.certificate {
        wrong.extend(Certificate::of_files(files.clone(), clock::now().wall).err());
    }
    wrong.extend(review_keys::holders(&config.record).err());
    wrong.extend(Export::check(&config.export).err());
    wrong.extend(config.mail.as_ref().and_then(|mail| Mailer::check(mail).err()));
    wrong.extend(config.record.witness.as_ref().and_then(|witness| witness.check().err()));
    wrong.extend(unix_socket::group(admin::SOCKET, config.admin.group.as_deref()).err());
    wrong.extend(unix_socket::group(metrics::SOCKET, config.metrics.group.as_deref()).err());
    if config.state.exists() {
        wrong.extend(secret_file::check_private(&config.state).err().map(|error| error.to_string()));
    }
    if wrong.is_empty() { Ok(()) } else { Err(Failure::Unusable(wrong.join("\n\n"))) }
}

/// What is open when the rights are given up.
struct Parts {
    config: Config,
    policy: Arc<PolicyInForce>,
    hash: Hash,
    certificate: Arc<Certificate>,
    directory: Directory,
    group: Option<nix::unistd::Gid>,
    socket: std::os::unix::net::UnixListener,
    figures: metrics::Doors,
    console: Option<console::Door>,
    listener: TcpListener,
    data_plane: DataPlane,
    fence: Fence,
    events: UnboundedReceiver<Event>,
    tunnel_key: gateway_api::PublicKey,
    kept: KeptSessions,
    /// What an earlier run kept of its sessions.
    left: Vec<KeptSession>,
    sealing: Sealing,
    addresses: Arc<KnownAddresses>,
}

fn directory(config: &config::Directory) -> Result<Directory, Failure> {
    match config {
        config::Directory::File { file } => {
            let directory = FileDirectory::new(file.clone()).map_err(|error| Failure::Failed(error.to_string()))?;
            // A mistake that comes later is an answer to nobody until it is mended; at the start somebody is looking.
            let people = directory.people().map_err(|error| Failure::Unusable(error.to_string()))?;
            if people.iter().next().is_none() {
                tracing::warn!(file = %file.display(), "the embedded directory is empty: add people with `deskgate-gateway directory add USER`");
            }
            Ok(Directory::file(directory))
        }
        config::Directory::Ldap(ldap) => {
            let directory = LdapDirectory::new(ldap.clone()).map_err(Failure::Unusable)?;
            directory.check_files().map_err(Failure::Unusable)?;
            Ok(Directory::ldap(directory))
        }
    }
}

/// Binds the control API's socket. A machine without IPv6 listens on IPv4 where the configuration says "everywhere".
fn listen(address: SocketAddr) -> Result<TcpListener, String> {
    use socket2::{Domain, Protocol, Socket, Type};
    let bind = |address: SocketAddr| {
        let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
        if address.is_ipv6() {
            socket.set_only_v6(false)?;
        }
        // Connections of the gateway before are no obstacle.
        socket.set_reuse_address(true)?;
        socket.set_nonblocking(true)?;
        socket.bind(&address.into())?;
        socket.listen(1024)?;
        Ok(TcpListener::from(socket))
    };
    let everywhere = SocketAddr::from(([0, 0, 0, 0], address.port()));
    let bound = match bind(address) {
        Err(error) if address.ip() == std::net::Ipv6Addr::UNSPECIFIED && is_no_ipv6(&error) => bind(everywhere),
        bound => bound,
    };
    bound.map_err(|error| {
        let advice = match error.kind() {
            std::io::ErrorKind::AddrInUse => "another program has this port: `ss -ltnp` shows which",
            std::io::ErrorKind::AddrNotAvailable => "this machine has no such address: `ip address` shows those it has",
            std::io::ErrorKind::PermissionDenied => "ports below 1024 ask for root or CAP_NET_BIND_SERVICE",
            _ => "change [control] listen",
        };
        format!("cannot listen on {address} (TCP): {error}; {advice}")
    })
}

fn is_no_ipv6(error: &std::io::Error) -> bool {
    matches!(error.raw_os_error(), Some(nix::libc::EAFNOSUPPORT | nix::libc::EADDRNOTAVAIL))
}

async fn run(parts: Parts) -> Result<(), Failure> {
    let Parts {
        config,
        policy,
        hash,
        certificate,
        directory,
        group,
        socket,
        figures,
        console: door,
        listener,
        data_plane,
        fence,
        events,
        tunnel_key,
        kept,
        left,
        sealing,
        addresses,
    } = parts;
    let failed = |what: &str, error: &dyn std::fmt::Display| Failure::Failed(format!("{what}: {error}"));
    let mut signals = Signals::new().map_err(|error| failed("cannot heed signals", &error))?;
    let listener = tokio::net::TcpListener::from_std(listener).map_err(|error| failed("cannot listen", &error))?;
    let socket = tokio::net::UnixListener::from_std(socket).map_err(|error| failed("cannot listen", &error))?;
    let started_at = clock::now().wall;
    let (store, writer) = Store::open_sealing(&config.state, sealing, started_at)
        .await
        .map_err(|error| Failure::Unusable(error.to_string()))?;
    let (ledger, mut books) = Ledger::start(store.clone(), kept, data_plane.clone(), fence, events);
    begin(&store, &ledger, (left, config.tunnel.pools), hash)
        .await
        .map_err(|error| Failure::Failed(error.to_string()))?;
    store.started().await;
    let change = Arc::new(PolicyChange::new(Arc::clone(&policy), ledger.clone(), config.reload.brake));
    let checkpoints = Arc::new(Checkpoints::new(store.clone(), config.record.witness.clone()));
    let host = &config.control.public.host;
    let export = Arc::new(Export::new(&config.export, host, &config.state, store.clone()));
    let adopted = Arc::new(Adopted::new(&config, Arc::clone(&policy)));
    let blocked = Arc::new(Blocked::read(&config.state).map_err(Failure::Unusable)?);
    let factors = Arc::new(Factors::open(&config.state, store.clone()).await.map_err(Failure::Unusable)?);
    let devices = Arc::new(Devices::read(&config.control, &config.state).map_err(Failure::Unusable)?);
    let notices = Arc::new(Notices::read(&config.state).map_err(Failure::Unusable)?);
    let reviews = Arc::new(Reviews::open(&config.state, store.clone()).await.map_err(Failure::Unusable)?);
    // Revoked while the gateway ended: their sessions end now.
    devices.end_revoked(&ledger).await.map_err(Failure::Failed)?;
    // The policy may be another than the one they were opened under.
    change.reconsider_all().await;
    let (stop, mut ordered) = tokio::sync::mpsc::channel(1);
    let (directory, alarm) = (Arc::new(directory), Arc::new(Alarm::default()));
    let leavers =
        Leavers::new(Arc::clone(&directory), Arc::clone(&change), ledger.clone(), config.leavers, Arc::clone(&alarm));
    let mailer = config
        .mail
        .clone()
        .map(|mail| Arc::new(Mailer::new(mail, Arc::clone(&directory), Arc::clone(&change), Arc::clone(&reviews))));
    let metrics = Arc::new(Metrics {
        ledger: ledger.clone(),
        change: Arc::clone(&change),
        certificate: Arc::clone(&certificate),
        alarm: Arc::clone(&alarm),
        checkpoints: Arc::clone(&checkpoints),
        export: Arc::clone(&export),
        adopted: Arc::clone(&adopted),
        mailer: mailer.clone(),
        logins: Arc::new(Tally::default()),
        loops: config.tunnel.loops,
        started_at,
    });
    let throttle = Arc::new(Throttle::new(directory.assumed_lockout()));
    let heeding = heed_lockout(Arc::clone(&directory), Arc::clone(&throttle));
    addresses.recall(&throttle);
    let api = Arc::new(Api {
        ledger: ledger.clone(),
        directory: Arc::clone(&directory),
        change: Arc::clone(&change),
        throttle: Arc::clone(&throttle),
        blocked: Arc::clone(&blocked),
        factors: Arc::clone(&factors),
        devices: Arc::clone(&devices),
        logins: Arc::clone(&metrics.logins),
        notices: Arc::clone(&notices),
        pending: PendingLogins::default(),
        reviews: Arc::clone(&reviews),
        tunnel_key,
        tunnel_endpoint: config.tunnel.public.to_string(),
    });
    let desk = Arc::new(Desk {
        ledger: ledger.clone(),
        change: Arc::clone(&change),
        certificate: Arc::clone(&certificate),
        alarm,
        loops: config.tunnel.loops,
        blocked: Arc::clone(&blocked),
        directory: Arc::clone(&directory),
        factors,
        traces: traces::files::folder(&config.state),
        devices,
        notices,
        reviews: Arc::clone(&reviews),
        api: Arc::clone(&api),
        checkpoints: Arc::clone(&checkpoints),
        export: Arc::clone(&export),
        adopted: Arc::clone(&adopted),
        mailer: mailer.clone(),
        started_at,
        group,
        stop,
    });
    let witness = config.record.witness.as_ref().and_then(Witness::file).map(Path::to_owned);
    let console = Arc::new(Console::new(Arc::clone(&desk), config.state.join(store::DATABASE), witness));
    let console_certificate = door.as_ref().and_then(console::Door::certificate).cloned();
    let tls = certificate.tls().map_err(Failure::Failed)?;
    let chores = [
        tokio::spawn(control::serve(listener, tls, api)),
        tokio::spawn(admin::serve(socket, desk)),
        tokio::spawn(console::serve(door, Arc::clone(&certificate), Arc::clone(&console))),
        tokio::spawn(metrics::serve(figures, metrics)),
        tokio::spawn(renew(Arc::clone(&certificate))),
        tokio::spawn(forget(store.clone(), Arc::clone(&policy), Arc::clone(&reviews), config.record.clone())),
        tokio::spawn(Arc::clone(&checkpoints).watch()),
        tokio::spawn(export.watch()),
        tokio::spawn(adopted.watch()),
        tokio::spawn(Arc::clone(&addresses).watch(Arc::clone(&throttle))),
        tokio::spawn(watch_over(data_plane.clone())),
        tokio::spawn(workstation::watch(ledger.clone())),
        tokio::spawn(leavers.watch()),
        tokio::spawn(Arc::clone(&reviews).watch(directory, Arc::clone(&change))),
        tokio::spawn(heeding),
        tokio::spawn(traces::keep_short(ledger.clone(), traces::files::folder(&config.state))),
    ];
    let renewing = console_certificate.map(|certificate| tokio::spawn(renew(certificate)));
    let mailing = mailer.map(|mailer| tokio::spawn(mailer.watch()));
    let following = match config.reload.follow {
        true => Some(tokio::spawn(Watch::begin(policy.folder()).map_err(Failure::Failed)?.follow(Arc::clone(&change)))),
        false => None,
    };
    greet(&config, &certificate);
    systemd::ready();

    // Beside the signals: who stops a gateway does not wait for a policy.
    let mut reloads = JoinSet::new();
    let ended = loop {
        tokio::select! {
            asked = signals.next() => match asked {
                Asked::Stop => break Ok(Parting::Leave),
                Asked::Reload => drop(reloads.spawn(reload(Arc::clone(&certificate), Arc::clone(&change)))),
            },
            Some(_) = reloads.join_next() => {}
            Some(parting) = ordered.recv() => break Ok(parting),
            _ = &mut books => break Err(Failure::Failed("a packet thread ended by itself".to_owned())),
        }
    };
    systemd::stopping();
    tracing::info!("stopping");
    chores.iter().chain(&renewing).chain(&mailing).chain(&following).for_each(JoinHandle::abort);
    drop(reloads);
    if let Ok(parting) = &ended {
        // Gone already: then nobody is left to be told.
        let _ = match parting {
            Parting::Leave => {
                ledger.let_go();
                stop::take(Step::Sessions, data_plane.leave()).await
            }
            Parting::End => stop::take(Step::Sessions, data_plane.stop(CloseReason::GatewayStopped)).await,
        };
        let _ = stop::take(Step::Closes, books).await;
    }
    let known = throttle.known().1;
    let _ = stop::take(Step::Addresses, tokio::task::spawn_blocking(move || addresses.keep(known))).await;
    for socket in [Some(&config.admin.socket), config.metrics.socket.as_ref()].into_iter().flatten() {
        let _ = std::fs::remove_file(socket);
    }
    let _ = stop::take(Step::Visits, console.stop()).await;
    let last = Draft::new(Kind::GatewayStopped, clock::now().wall);
    let noted = stop::take(Step::LastRecord, store.note(last)).await;
    let _ = stop::take(Step::Checkpoint, checkpoints.make()).await;
    // Who is still connected, and waits for something, has a handle too.
    let end = async {
        store.end().await;
        let _ = writer.await;
    };
    if stop::take(Step::Database, end).await.is_some() {
        tracing::info!("stopped");
    }
    let noted = noted.unwrap_or_else(|| Err(StoreError("the stop could not be recorded in time".to_owned())));
    noted.map_err(|error| Failure::Failed(error.to_string()))?;
    ended.map(|_| ())
}

/// Reads certificate and policy again.
async fn reload(certificate: Arc<Certificate>, change: Arc<PolicyChange>) {
    systemd::reloading();
    look_at_certificate(&certificate);
    // Told and recorded where it happens; what cannot be applied leaves the last good policy.
    let _ = change.apply(Consent::NotGiven).await;
    systemd::ready();
}

/// The first records of a run, and the sessions of the run before.
async fn begin(
    store: &Store,
    ledger: &Ledger,
    (left, pools): (Vec<KeptSession>, Pools),
    policy: Hash,
) -> Result<(), StoreError> {
    let (crashed, visits) = (store.ended_unclean().await?, store.visits_left_open().await?);
    // Of the run before, whose last record this is. Whose they were stands with their beginnings.
    if visits > 0 {
        let fields = Fields::default().with("why", "restart").with("visits", visits);
        store.note(Draft { fields, ..Draft::new(Kind::ConsoleLeft, clock::now().wall) }).await?;
    }
    let fields = Fields::default()
        .with("version", env!("CARGO_PKG_VERSION"))
        .with("previous_end", if crashed { "unclean" } else { "in_order" });
    store.note(Draft { fields, ..Draft::new(Kind::GatewayStarted, clock::now().wall) }).await?;
    let (resumed, ended) = ledger.restore(left, pools).await?;
    match crashed {
        true => tracing::warn!(resumed, ended, "the gateway did not stop in order last time"),
        false => tracing::info!(resumed, ended, "sessions of the run before"),
    }
    policy_in_force::record_loaded(store, policy).await;
    Ok(())
}

fn greet(config: &Config, certificate: &Certificate) {
    match certificate.fingerprint() {
        Ok(fingerprint) => tracing::info!(
            version = env!("CARGO_PKG_VERSION"),
            control = %config.control.listen,
            tunnel = %config.tunnel.listen,
            loops = config.tunnel.loops,
            %fingerprint,
            "serving"
        ),
        Err(error) => tracing::error!(error, "serving with a certificate that cannot be read"),
    }
    if config.record.controllers.is_empty() {
        tracing::warn!(
            "names in the session log are sealed to nobody yet, so that administrators can read them: make keys with `deskgate-gateway review keys`"
        );
    }
    let publics = [("control", &config.control.public), ("tunnel", &config.tunnel.public)];
    for (table, public) in publics.into_iter().filter(|(_, public)| public.is_example()) {
        tracing::warn!(table, %public, "`public` is still the example: homes will not find it");
    }
    let leftovers = privileges::leftovers();
    if !leftovers.is_empty() {
        tracing::warn!(threads = leftovers.join(" "), "threads still hold capabilities");
    }
}

/// Takes up renewed certificate files, and says so when a certificate ends soon.
async fn renew(certificate: Arc<Certificate>) {
    let mut ticks = tokio::time::interval(CERTIFICATE_LOOK);
    let mut warned_on = None;
    loop {
        ticks.tick().await;
        look_at_certificate(&certificate);
        let now = clock::now().wall;
        let today = now.to_zoned(TimeZone::UTC).date();
        if let Some(ends_at) = certificate.ends_before(now.saturating_add(CERTIFICATE_SOON).unwrap_or(now))
            && warned_on.replace(today) != Some(today)
        {
            tracing::warn!(%ends_at, "the certificate ends soon: renew its files");
        }
    }
}

fn look_at_certificate(certificate: &Certificate) {
    match certificate.reload(clock::now().wall) {
        Ok(false) => {}
        Ok(true) => match certificate.fingerprint() {
            Ok(fingerprint) => tracing::info!(%fingerprint, "certificate changed"),
            Err(error) => tracing::error!(error, "certificate changed and cannot be read"),
        },
        Err(error) => tracing::error!(error, "the new certificate is not used, the last good one stays"),
    }
}

/// Keeps the limits on logins below what the directory locks an account at.
async fn heed_lockout(directory: Arc<Directory>, throttle: Arc<Throttle>) {
    let mut told = None;
    loop {
        let pause = match directory.lockout().await {
            Ok(lockout) => {
                if told.replace(lockout) != Some(lockout) {
                    tracing::info!(?lockout, "limits on logins follow the directory");
                }
                throttle.set_lockout(lockout);
                LOCKOUT_LOOK
            }
            // What it said last still counts.
            Err(_) => LOCKOUT_RETRY,
        };
        tokio::time::sleep(pause).await;
    }
}

/// Destroys the keys of days whose time is over and deletes records, at start and once an hour.
async fn forget(store: Store, policy: Arc<PolicyInForce>, reviews: Arc<Reviews>, record: config::Record) {
    let mut ticks = tokio::time::interval(RETENTION_LOOK);
    loop {
        ticks.tick().await;
        let now = clock::now().wall;
        let office = Office { policy: policy.current(), now };
        // What goes is counted before.
        if let Err(why) = reviews.count(&office).await {
            tracing::error!(why, "the figures of structures are not counted");
        }
        let terms = [
            (Journal::Workers, office.retention()),
            (Journal::Administrators, Span::new().months(record.administrators)),
            (Journal::Reviews, Span::new().months(record.reviews)),
        ];
        for (journal, term) in terms {
            let Some((before, days)) = over(&policy.current(), now, term) else { continue };
            match store.forget(journal, before, days, now).await {
                Ok(0) => {}
                Ok(records) => {
                    tracing::info!(journal = journal.word(), records, "records deleted, their time is over");
                    if journal == Journal::Reviews
                        && let Err(error) = reviews.prune().await
                    {
                        tracing::error!(%error, "reviews whose time is over are known until the next start");
                    }
                }
                Err(error) => tracing::error!(journal = journal.word(), %error, "old records not deleted"),
            }
        }
    }
}

/// From before when records go by the next look, and the last day whose key does: the day on which a name's time is over first.
fn over(policy: &Policy, now: Timestamp, term: Span) -> Option<(Timestamp, Date)> {
    let next = policy.local(now.checked_add(RETENTION_LOOK).ok()?);
    let before = next.checked_sub(term).ok()?;
    Some((before.timestamp(), before.date()))
}

/// To whom names are sealed, and with which days.
fn sealing(config: &Config, policy: &Arc<PolicyInForce>) -> Result<Sealing, Failure> {
    let policy = Arc::clone(policy);
    let today = move || policy.current().local(clock::now().wall).date();
    Ok(Sealing {
        holders: review_keys::holders(&config.record).map_err(Failure::Unusable)?,
        day_keys: config.record.day_keys.clone(),
        today: Arc::new(today),
    })
}

/// Tells the service manager that the gateway lives, as long as every packet thread answers.
async fn watch_over(data_plane: DataPlane) {
    let Some(every) = systemd::watchdog() else { return };
    let mut ticks = tokio::time::interval(every);
    loop {
        ticks.tick().await;
        if data_plane.counters().await.is_ok() {
            systemd::alive();
        }
    }
}
