//! The web page of reviewers, administrators and whoever wants to read what is recorded of them: its listener, its paths, and what every
//! answer of it carries.
//!
//! It stands on an address of the office, never where the Internet comes in. Pages are made here and run no script; what they show and do is
//! judged by the same functions as the commands: `admin/reviews.rs` takes the steps, `control/sign_in.rs` lets people in. What it refuses
//! to know: passwords, and what is under the holders' seals.

mod figures;
mod form;
mod login;
mod notices;
mod own;
mod page;
mod policy;
mod record;
mod requests;
mod sessions;
mod visitor;
mod visits;
mod words;

use std::{
    net::{SocketAddr, TcpListener},
    path::PathBuf,
    sync::Arc,
    time::Duration,
};

use axum::{
    Extension, Router,
    extract::Request,
    http::{HeaderName, HeaderValue, StatusCode, header},
    middleware::{self, Next},
    response::{IntoResponse as _, Response},
    routing,
};
use gateway_record::{Draft, Fields, Kind};
use hyper_util::{rt::TokioIo, service::TowerToHyperService};
use jiff::Timestamp;
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;

use self::{
    record::Verifications,
    visits::{Ended, Visit, Visits},
};
use crate::{
    admin::Desk,
    clock, config,
    control::Certificate,
    https::{self, Connections, Peer, Place},
};

/// Connections at once; an office has a handful of people who come here.
const MOST_CONNECTIONS: usize = 128;
/// Connections at once from one network (a /24 or a /64).
const MOST_FROM_NETWORK: usize = 64;
/// Between looks for visits that are over.
const LOOK: Duration = Duration::from_secs(30);

/// Where the page is served, opened while there are rights.
#[derive(Debug)]
pub(crate) struct Door {
    listener: TcpListener,
    /// One of its own; None: the control API's.
    certificate: Option<Arc<Certificate>>,
}

/// What the pages are made from.
pub(crate) struct Console {
    desk: Arc<Desk>,
    visits: Visits,
    verifications: Verifications,
}

/// Opens what the configuration names; nothing by default.
pub(crate) fn open(config: &config::Console, now: Timestamp) -> Result<Option<Door>, String> {
    let Some(address) = config.listen else { return Ok(None) };
    let certificate = config.certificate.clone().map(|files| Certificate::of_files(files, now)).transpose()?;
    let listener = listen(address)?;
    Ok(Some(Door { listener, certificate: certificate.map(Arc::new) }))
}

fn listen(address: SocketAddr) -> Result<TcpListener, String> {
    let bound = TcpListener::bind(address).and_then(|listener| {
        listener.set_nonblocking(true)?;
        Ok(listener)
    });
    bound.map_err(|error| format!("cannot listen on {address} (TCP): {error}; change [console] listen"))
}

impl Door {
    /// Its own certificate, for whoever looks whether its files changed.
    pub(crate) fn certificate(&self) -> Option<&Arc<Certificate>> {
        self.certificate.as_ref()
    }
}

impl Console {
    /// Over the daemon's parts; `database` and `witness` are what the record is checked by.
    pub(crate) fn new(desk: Arc<Desk>, database: PathBuf, witness: Option<PathBuf>) -> Self {
        let verifications = Verifications::new(database, witness);
        Self { desk, visits: Visits::default(), verifications }
    }

    /// Records that somebody with a role came or went. Whoever has none reads what is recorded of them alone, as by `deskgate record`.
    async fn note(&self, kind: Kind, visit: &Visit, why: Option<Ended>) -> Result<(), String> {
        if visit.roles.is_empty() {
            return Ok(());
        }
        let roles: Vec<&str> = visit.roles.iter().map(gateway_record::review::Role::word).collect();
        let fields = Fields::default().with("roles", roles.join(" "));
        let fields = why.iter().fold(fields, |fields, why| fields.with("why", why.word()));
        let names = Fields::default().with("worker", &*visit.person.name);
        let draft = Draft { fields, names, ..Draft::new(kind, clock::now().wall) };
        self.desk.ledger.store().note(draft).await.map_err(|error| error.to_string())
    }

    /// A visit is over, whatever becomes of its record.
    async fn left(&self, visit: &Visit, why: Ended) {
        if let Err(error) = self.note(Kind::ConsoleLeft, visit, Some(why)).await {
            tracing::error!(error, "the end of a visit to the web page is not recorded");
        }
    }

    /// The gateway stops: every visit is over.
    pub(crate) async fn stop(&self) {
        // Together: one transaction has room for all of them.
        let visits = self.visits.end_all();
        futures_util::future::join_all(visits.iter().map(|visit| self.left(visit, Ended::Stopped))).await;
    }

    async fn watch(&self) {
        let mut ticks = tokio::time::interval(LOOK);
        loop {
            ticks.tick().await;
            for (visit, why) in self.visits.over(clock::now().instant) {
                self.left(&visit, why).await;
            }
        }
    }
}

/// Serves until it is dropped; connections under way end by themselves.
pub(crate) async fn serve(door: Option<Door>, shared: Arc<Certificate>, console: Arc<Console>) {
    let Some(Door { listener, certificate }) = door else { return };
    let tls = certificate.unwrap_or(shared).tls_of_pages();
    let (listener, tls) = match (tokio::net::TcpListener::from_std(listener), tls) {
        (Ok(listener), Ok(tls)) => (listener, tls),
        (Err(error), _) => return tracing::error!(%error, "the web page is not served"),
        (_, Err(error)) => return tracing::error!(error, "the web page is not served"),
    };
    let acceptor = TlsAcceptor::from(tls);
    let routes = routes(Arc::clone(&console));
    let connections = Arc::new(Connections::new(MOST_CONNECTIONS, MOST_FROM_NETWORK));
    let accepting = https::accept(
        &listener,
        &connections,
        |_| true,
        |stream, peer, place| {
            tokio::spawn(connection(stream, peer, acceptor.clone(), routes.clone(), place));
        },
    );
    tokio::join!(accepting, console.watch());
}

fn routes(console: Arc<Console>) -> Router {
    use routing::{get, post};
    Router::new()
        .route(page::STYLE, get(style))
        .route("/", get(login::overview))
        .route(visitor::LOGIN, get(login::form).post(login::sign_in))
        .route("/logout", post(login::sign_out))
        .route("/language/{code}", get(login::language))
        .route("/sessions", get(sessions::list))
        .route("/sessions/{number}", get(sessions::show))
        .route("/sessions/{number}/close", post(sessions::close))
        .route("/figures", get(figures::show))
        .route("/figures.pdf", get(figures::pdf))
        .route("/requests", get(requests::list))
        .route("/requests/new", get(requests::blank).post(requests::ask))
        .route("/requests/{number}", get(requests::show))
        .route("/requests/{number}/approve", post(requests::approve))
        .route("/requests/{number}/refuse", post(requests::refuse))
        .route("/requests/{number}/open", post(requests::open))
        .route("/requests/{number}/extract", post(requests::extract))
        .route("/requests/{number}/postpone", post(requests::postpone))
        .route("/notices", get(notices::blank).post(notices::give))
        .route("/record", get(record::show).post(record::verify))
        .route("/policy", get(policy::show))
        .route("/own", get(own::show))
        .route_layer(middleware::from_fn_with_state(Arc::clone(&console), visitor::count_refused))
        .fallback(visitor::nothing)
        .layer(middleware::from_fn(to_its_end))
        .layer(middleware::map_response(with_headers))
        .with_state(console)
}

/// Runs in a task of its own: a browser that goes away, or takes too long, leaves no step half done.
async fn to_its_end(request: Request, next: Next) -> Response {
    let answer = tokio::spawn(async move { next.run(request).await }).await;
    answer.unwrap_or_else(|error| {
        tracing::error!(%error, "a page could not be made");
        StatusCode::INTERNAL_SERVER_ERROR.into_response()
    })
}

/// What every answer carries: nothing is run, framed, kept or told to others.
async fn with_headers(mut response: Response) -> Response {
    let always = [
        (
            header::CONTENT_SECURITY_POLICY,
            "default-src 'none'; style-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'",
        ),
        (header::CACHE_CONTROL, "no-store"),
        (header::REFERRER_POLICY, "no-referrer"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::STRICT_TRANSPORT_SECURITY, "max-age=31536000"),
        (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
        (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
    ];
    for (name, said) in always {
        response.headers_mut().insert(name, HeaderValue::from_static(said));
    }
    response
}

/// The one file besides the pages.
async fn style() -> Response {
    const STYLE: &str = include_str!("console/style.css");
    (StatusCode::OK, [(header::CONTENT_TYPE, "text/css; charset=utf-8")], STYLE).into_response()
}

async fn connection(stream: TcpStream, peer: SocketAddr, acceptor: TlsAcceptor, routes: Router, _place: Place) {
    let Some(stream) = https::handshake(stream, &acceptor).await else { return };
    let service = TowerToHyperService::new(routes.layer(Extension(Peer(peer))));
    https::to_its_end(https::builder().serve_connection(TokioIo::new(stream), service)).await;
}
