//! How the gateway is, in figures, for Prometheus and whatever else reads its text: by a Unix socket, or by HTTP on an address
//! of the office.
//!
//! Figures are of the whole gateway. What a person does is none of them; what sessions are counted by is a word of a closed
//! list. Whoever reads them is told no more than how many.

mod text;

use std::{net::SocketAddr, os::unix::net::UnixListener, sync::Arc, time::Duration};

use axum::{
    Router,
    extract::State,
    http::{StatusCode, header},
    response::{IntoResponse as _, Response},
    routing,
};
use gateway_core::{Census, Counters, Drop};
use hyper_util::{
    rt::{TokioExecutor, TokioIo, TokioTimer},
    server::conn::auto::Builder,
    service::TowerToHyperService,
};
use jiff::Timestamp;
use nix::sys::resource::{UsageWho, getrusage};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    sync::Semaphore,
};

use self::text::{CONTENT_TYPE, Text};
use crate::{
    checkpoints::Checkpoints,
    clock, config,
    control::Certificate,
    export::Export,
    leavers::Alarm,
    ledger::Ledger,
    mail::Mailer,
    norms::Adopted,
    policy_change::PolicyChange,
    tally::Tally,
    unix_socket::{self, Named},
};

/// Where the figures are.
const PATH: &str = "/metrics";
/// Readers at once; more wait.
const READERS: usize = 16;
/// For a request to arrive and be answered.
const READING: Duration = Duration::from_secs(10);
/// Between attempts to accept when the system is out of file descriptors.
const BREATH: Duration = Duration::from_millis(100);

/// What is said of the socket.
pub(crate) const SOCKET: Named = Named { what: "the metrics socket", table: "metrics" };

/// What figures are read from.
#[derive(Debug)]
pub(crate) struct Metrics {
    pub(crate) ledger: Ledger,
    pub(crate) change: Arc<PolicyChange>,
    pub(crate) certificate: Arc<Certificate>,
    pub(crate) alarm: Arc<Alarm>,
    pub(crate) checkpoints: Arc<Checkpoints>,
    pub(crate) export: Arc<Export>,
    pub(crate) adopted: Arc<Adopted>,
    /// None: no mail is sent.
    pub(crate) mailer: Option<Arc<Mailer>>,
    /// What logins came to.
    pub(crate) logins: Arc<Tally>,
    /// How many threads carry packets.
    pub(crate) loops: u8,
    pub(crate) started_at: Timestamp,
}

/// Where they are read, opened while there are rights.
#[derive(Debug, Default)]
pub(crate) struct Doors {
    socket: Option<UnixListener>,
    listener: Option<std::net::TcpListener>,
}

/// Opens what the configuration names; nothing by default.
pub(crate) fn open(config: &config::Metrics) -> Result<Doors, String> {
    let group = unix_socket::group(SOCKET, config.group.as_deref())?;
    let socket = config.socket.as_deref().map(|path| unix_socket::bind(SOCKET, path, group)).transpose()?;
    let listener = config.listen.map(listen).transpose()?;
    Ok(Doors { socket, listener })
}

fn listen(address: SocketAddr) -> Result<std::net::TcpListener, String> {
    let bound = std::net::TcpListener::bind(address).and_then(|listener| {
        listener.set_nonblocking(true)?;
        Ok(listener)
    });
    bound.map_err(|error| format!("cannot listen on {address} (TCP): {error}; change [metrics] listen"))
}

/// Answers until it is dropped.
pub(crate) async fn serve(doors: Doors, metrics: Arc<Metrics>) {
    let routes = Router::new().route(PATH, routing::get(figures)).with_state(metrics);
    let places = Arc::new(Semaphore::new(READERS));
    let by_socket = async {
        let Some(Ok(socket)) = doors.socket.map(tokio::net::UnixListener::from_std) else { return };
        loop {
            admit(socket.accept().await, &routes, &places).await;
        }
    };
    let by_network = async {
        let Some(Ok(listener)) = doors.listener.map(tokio::net::TcpListener::from_std) else { return };
        loop {
            admit(listener.accept().await, &routes, &places).await;
        }
    };
    tokio::join!(by_socket, by_network);
}

async fn admit<S, A>(accepted: std::io::Result<(S, A)>, routes: &Router, places: &Arc<Semaphore>)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let (Ok((stream, _)), Ok(place)) = (accepted, Arc::clone(places).acquire_owned().await) else {
        return tokio::time::sleep(BREATH).await;
    };
    let service = TowerToHyperService::new(routes.clone());
    tokio::spawn(async move {
        let mut builder = Builder::new(TokioExecutor::new()).http1_only();
        builder.http1().timer(TokioTimer::new()).header_read_timeout(READING).keep_alive(false);
        let serving = builder.serve_connection(TokioIo::new(stream), service);
        // Whoever reads too slowly, or hangs up, asks again.
        let _ = tokio::time::timeout(READING, serving).await;
        drop(place);
    });
}

async fn figures(State(metrics): State<Arc<Metrics>>) -> Response {
    let Some((counters, census)) = metrics.ledger.counters().await else {
        return StatusCode::SERVICE_UNAVAILABLE.into_response();
    };
    let mut text = Text::default();
    metrics.process(&mut text);
    metrics.sessions(&mut text, census);
    packets(&mut text, &counters);
    metrics.parts(&mut text);
    ([(header::CONTENT_TYPE, CONTENT_TYPE)], text.finish()).into_response()
}

impl Metrics {
    fn process(&self, text: &mut Text) {
        let version = [(env!("CARGO_PKG_VERSION"), 1)];
        text.gauges("deskgate_build_info", "The version that runs; always 1.", "version", version);
        text.gauge("deskgate_loops", "Threads that carry packets.", self.loops);
        let started = seconds(self.started_at);
        text.gauge("process_start_time_seconds", "When the gateway started, in seconds since 1970.", started);
        let used = getrusage(UsageWho::RUSAGE_SELF).ok().map(|usage| {
            let times = [usage.user_time(), usage.system_time()];
            times.map(|time| time.tv_sec() as f64 + time.tv_usec() as f64 / 1e6).iter().sum::<f64>()
        });
        if let Some(used) = used {
            text.counter(
                "process_cpu_seconds_total",
                "Processor time of the gateway, without the kernel's for others.",
                used,
            );
        }
        text.gauge_if("process_resident_memory_bytes", "Memory that the gateway has, in bytes.", resident());
    }

    fn sessions(&self, text: &mut Text, census: Census) {
        let phases = [("attached", census.attached), ("away", census.away), ("pending", census.pending)];
        text.gauges("deskgate_sessions", "Sessions by phase, as `session list` calls it.", "phase", phases);
        text.gauge("deskgate_flows", "Connections that sessions have open.", census.flows);
        let logins = self.logins.all();
        let help = "Logins by outcome: `opened`, or the reason that the record gives a refusal.";
        text.counters("deskgate_logins_total", help, "outcome", logins);
        let closed = self.ledger.closed().all();
        let help = "Questions of technicians by outcome: `consented`, or the reason that the record gives a refusal.";
        text.counters("deskgate_assistances_total", help, "outcome", self.ledger.assistances().outcomes().all());
        text.counters("deskgate_sessions_closed_total", "Sessions that ended, by reason.", "reason", closed);
    }

    fn parts(&self, text: &mut Text) {
        let policy = self.change.policy().standing();
        let help = "Since when the policy is in force, in seconds since 1970.";
        text.gauge("deskgate_policy_since_seconds", help, seconds(policy.since));
        let help = "1 if a later policy was left aside: `status` says why.";
        text.gauge("deskgate_policy_rejected", help, u8::from(policy.rejected.is_some()));

        let directory = self.alarm.said();
        let help = "1 unless the directory cannot say how the accounts of live sessions stand.";
        text.gauge("deskgate_directory_up", help, u8::from(directory.trouble.is_none()));
        let help = "When the directory last said how all accounts of live sessions stand, in seconds since 1970.";
        text.gauge_if("deskgate_directory_answered_seconds", help, directory.answered_at.map(seconds));

        let lag = self.ledger.store().lag(clock::now().instant);
        text.gauge("deskgate_record_waiting", "Records that are not on disk yet.", lag.waiting);
        let help = "For how long the oldest of them has waited, in seconds.";
        text.gauge("deskgate_record_lag_seconds", help, lag.oldest.as_secs_f64());
        let help = "Attempts to write to the record that failed.";
        text.counter("deskgate_record_failures_total", help, lag.failures);
        let standing = self.ledger.store().standing();
        let help = "1 while the disk is full and so no session opens.";
        text.gauge("deskgate_record_disk_full", help, u8::from(standing.full_since().is_some()));
        let help = "Ends of sessions that wait in the reserve for room in the database.";
        text.gauge("deskgate_record_in_reserve", help, standing.closes_waiting());
        let help = "When the record's end was last signed, in seconds since 1970.";
        text.gauge_if("deskgate_record_signed_seconds", help, self.checkpoints.signed_at().map(seconds));
        let help = "1 unless the witness takes no checkpoint.";
        text.gauge_if("deskgate_record_witness_up", help, self.checkpoints.witness_takes().map(u8::from));

        let help = "1 while the configuration is what the adopted rules on the record say.";
        text.gauge_if("deskgate_norms_hold", help, self.adopted.holds().map(u8::from));
        self.exports(text);
        self.mail(text);

        let help = "1 while the firewall's keeper runs: without it no session opens.";
        text.gauge_if("deskgate_fence_up", help, self.ledger.fence().is_kept().map(u8::from));
        text.gauge(
            "deskgate_fence_sessions",
            "Sessions whose ways the firewall lets pass.",
            self.ledger.fence().count(),
        );
        let help = "When the certificate ends, in seconds since 1970.";
        text.gauge_if(
            "deskgate_certificate_ends_seconds",
            help,
            self.certificate.ends_before(Timestamp::MAX).map(seconds),
        );
    }
}

impl Metrics {
    fn mail(&self, text: &mut Text) {
        let Some((takes, waiting, without_address)) = self.mailer.as_ref().map(|mailer| mailer.figures()) else {
            return;
        };
        let help = "1 unless mail about reviews is not taken: `status` says why.";
        text.gauge("deskgate_mail_up", help, u8::from(takes));
        text.gauge("deskgate_mail_waiting", "Mails about reviews that are to be sent.", waiting);
        let help = "Of these, those to whom the directory has no address.";
        text.gauge("deskgate_mail_without_address", help, without_address);
    }

    fn exports(&self, text: &mut Text) {
        let standings = self.export.standings();
        if standings.is_empty() {
            return;
        }
        let now = clock::now().wall;
        let up = standings.iter().map(|(target, standing)| (*target, u8::from(standing.trouble.is_none())));
        text.gauges("deskgate_export_up", "1 unless a target takes no records.", "target", up);
        let waiting = standings.iter().map(|(target, standing)| (*target, standing.waiting()));
        text.gauges("deskgate_export_waiting", "Records that a target has not taken yet.", "target", waiting);
        let age = |oldest: Timestamp| now.duration_since(oldest).as_secs_f64().max(0.0);
        let lags = standings.iter().map(|(target, standing)| (*target, standing.oldest().map_or(0.0, age)));
        text.gauges("deskgate_export_lag_seconds", "How old the oldest of them is, in seconds.", "target", lags);
    }
}

fn packets(text: &mut Text, counters: &Counters) {
    text.counter(
        "deskgate_datagrams_total",
        "Datagrams from the Internet, also by session channels.",
        counters.datagrams,
    );
    let help = "Packets from the office, each piece of a super-packet.";
    text.counter("deskgate_office_packets_total", help, counters.packets);
    text.counter("deskgate_handshakes_total", "Handshakes answered.", counters.handshakes);
    text.counter(
        "deskgate_cookies_total",
        "Handshakes answered with a cookie because of their number.",
        counters.cookies,
    );
    let help = "Authenticated datagrams that carry no packet, such as keepalives.";
    text.counter("deskgate_empty_datagrams_total", help, counters.empty);
    let traffic = &counters.traffic;
    let packets = [("home", traffic.packets_to_home), ("office", traffic.packets_to_office)];
    text.counters("deskgate_packets_total", "Packets passed.", "to", packets);
    let bytes = [("home", traffic.bytes_to_home), ("office", traffic.bytes_to_office)];
    text.counters("deskgate_bytes_total", "Bytes of those, IP headers included.", "to", bytes);
    let drops = Drop::ALL.map(|reason| (reason.word(), counters.drops.of(reason)));
    text.counters("deskgate_drops_total", "Packets and datagrams dropped.", "reason", drops);
    let help = "Packets and datagrams passed for which the kernel had no room, or no way.";
    text.counter("deskgate_unsent_total", help, counters.unsent);
    let help = "Packets and handshakes that came to one thread and belong to another.";
    text.counter("deskgate_handed_over_total", help, counters.handed_over);
    // Of the whole office, never of a person.
    let help = "Times that the idle rule would have ended a session where it is only on trial.";
    text.counter("deskgate_idle_would_have_ended_total", help, counters.idle.would_have_ended);
    let help = "Sessions in which marks came at a machine's fixed beat.";
    text.counter("deskgate_idle_jigglers_total", help, counters.idle.jigglers);
}

fn seconds(moment: Timestamp) -> f64 {
    moment.as_millisecond() as f64 / 1000.0
}

/// What of this process is in memory, in bytes.
fn resident() -> Option<u64> {
    let page = nix::unistd::sysconf(nix::unistd::SysconfVar::PAGE_SIZE).ok()??;
    let pages: u64 = std::fs::read_to_string("/proc/self/statm").ok()?.split(' ').nth(1)?.parse().ok()?;
    Some(pages * u64::try_from(page).ok()?)
}
