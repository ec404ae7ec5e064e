//! The sessions of this run outside the data plane: whose token, which channel, and what is recorded of each life.
//!
//! ```text
//!                 open                 recorded                admitted
//!   login ─────► pending ────────────► durable ─────────────► open ───────► closed
//!             (data plane holds     (the store has        (the peer is    (the store has the close,
//!              address and worker)   the opening)           made)           then channel and token go)
//! ```
//!
//! What a session needs to go on after a restart is kept before its opening is recorded, and given up after its close is.
//! An opening is durable before the session exists for anybody, and a close before its token is forgotten. Each step is a task
//! of its own, so that nobody who hangs up in the middle leaves half a session. The store decides what counts: one opening,
//! one close.

mod assisting;
mod channel;
mod drafts;
mod ending;
mod restored;
mod tokens;
mod waking;

use std::{
    collections::{BTreeMap, HashMap},
    net::IpAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use gateway_api::{CloseReason, PresharedKey, PublicKey, SessionNumber, Token, proof, session};
use gateway_core::{Census, Counters, Event, INITIATION_SIZE, Open, OpenError, Opened, Traffic, View};
use gateway_record::{Draft, Hash};
use jiff::Timestamp;
use policy::Grant;
use tokio::{
    sync::{mpsc, watch},
    task::JoinSet,
};

pub(crate) use assisting::Assisted;
pub(crate) use channel::{Attached, Inlet};
use drafts::{closing_draft, draft, opening_draft};
pub(crate) use tokens::Holder;
use tokens::{TokenHash, hash};
use waking::Workstation;

use crate::{
    assistance::Assistances,
    clock,
    command::DataPlane,
    control::KeyExchange,
    devices::Managed,
    directory::Person,
    fence::{Fence, NotOpen},
    kept_sessions::{self, KeptSession, KeptSessions},
    store::{Change, Store, StoreError, Written},
    tally::Tally,
    traces::Traces,
};

/// How often a fresh number is drawn before something must be wrong.
const DRAWS: usize = 8;
/// Between attempts to record a close while the store fails.
const RETRY: Duration = Duration::from_secs(1);
/// How long a close may take until it is recorded, before whoever asked for it is told that it failed.
const CLOSING: Duration = Duration::from_secs(10);
const HALF_A_SECOND: Duration = Duration::from_millis(500);
/// The handle to all of it.
#[derive(Debug, Clone)]
pub(crate) struct Ledger {
    store: Store,
    kept: KeptSessions,
    data_plane: DataPlane,
    fence: Fence,
    traces: Traces,
    assistances: Assistances,
    closed: Arc<Tally>,
    live: Arc<Mutex<Live>>,
}

#[derive(Debug, Default)]
struct Live {
    sessions: BTreeMap<SessionNumber, Session>,
    /// Each token that counts, and whose it is.
    tokens: HashMap<TokenHash, SessionNumber>,
    next_channel: u64,
    /// No session opens any more.
    closing: bool,
}

#[derive(Debug)]
struct Session {
    /// Those that count, oldest first: the one that was used last, and what was given out since (see `tokens.rs`).
    tokens: Vec<TokenHash>,
    /// What each use of a token is proved with.
    key: proof::Public,
    /// Who it is, whatever the account is called.
    worker_id: Arc<str>,
    /// The worker's name in the directory, for an administrator who is asked for help by name.
    worker: Arc<str>,
    /// Of those that the policy asked about when the directory was last asked.
    groups: Arc<[String]>,
    structure: Arc<str>,
    /// The managed computer it comes from.
    device: Option<Managed>,
    /// A technician's: the session of the worker who consented to it.
    assists: Option<SessionNumber>,
    /// When its grant ends, and whether that is another moment than its client was told at the login.
    ends_at: Timestamp,
    has_moved: bool,
    /// It is over, and that is being recorded.
    is_over: bool,
    channel: Channel,
    workstation: Workstation,
    closed: watch::Sender<Option<CloseReason>>,
}

/// A session's channel as the ledger knows it.
#[derive(Debug)]
enum Channel {
    /// There was none yet.
    Awaited,
    /// It is there: which, and where its events go.
    Attached(u64, mpsc::Sender<session::Event>),
    /// It was there and went: which, by its number; one of an earlier run has none.
    Lost(u64),
}

/// Whom and what a session is for.
#[derive(Debug)]
pub(crate) struct Opening {
    pub(crate) person: Person,
    pub(crate) grant: Grant,
    /// The managed computer the login came from; none: a personal one.
    pub(crate) device: Option<Managed>,
    /// The granted workstation, resolved.
    pub(crate) workstation: IpAddr,
    pub(crate) public_key: PublicKey,
    /// What each use of the session's token will be proved with.
    pub(crate) session_key: proof::Public,
    /// How the keys were agreed on under which the pre-shared key travels.
    pub(crate) key_exchange: KeyExchange,
    /// Where the login came from.
    pub(crate) from: IpAddr,
    /// The hash of the policy that granted it.
    pub(crate) policy: Hash,
    /// A technician's: the session of the worker who consented to it.
    pub(crate) assists: Option<Assisted>,
}

/// Whose a session is, as far as a policy asks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Worker {
    /// Stays the same when the account is renamed.
    pub(crate) id: Arc<str>,
    /// The name in the directory at the login.
    pub(crate) name: Arc<str>,
    /// The groups the directory counted the worker in when it was last asked.
    pub(crate) groups: Arc<[String]>,
    /// The managed computer it comes from.
    pub(crate) device: Option<Managed>,
    /// A technician's: the session of the worker who consented to it.
    pub(crate) assists: Option<SessionNumber>,
}

/// A session that is open and recorded.
#[derive(Debug)]
pub(crate) struct Admitted {
    pub(crate) number: SessionNumber,
    pub(crate) token: Token,
    pub(crate) preshared_key: PresharedKey,
    pub(crate) opened: Opened,
}

/// Why no session opened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum NotOpened {
    /// The data plane's reason.
    Refused(OpenError),
    /// The firewall lets its packets through nowhere.
    Fence(NotOpen),
    /// There is no room on the disk for what would be recorded and kept of it.
    DiskFull,
    /// The record cannot be written.
    Store(StoreError),
    /// The gateway is stopping, or the session was ended before it began.
    Ended,
    /// The system gives no random bytes, or the same ones.
    Random(String),
}

impl Ledger {
    /// Over the store and the data plane. `events` are the data plane's; the task that the second value is ends with them,
    /// when the last close is recorded.
    pub(crate) fn start(
        store: Store,
        kept: KeptSessions,
        data_plane: DataPlane,
        fence: Fence,
        events: mpsc::UnboundedReceiver<Event>,
    ) -> (Self, tokio::task::JoinHandle<()>) {
        let ledger = Self {
            store,
            kept,
            data_plane,
            fence,
            traces: Traces::default(),
            assistances: Assistances::default(),
            closed: Arc::default(),
            live: Arc::default(),
        };
        let task = tokio::spawn(ledger.clone().follow(events));
        (ledger, task)
    }

    /// Opens a session: holds a place, records it, and only then makes it true. Goes on by itself when nobody waits any more.
    pub(crate) async fn open(&self, opening: Opening) -> Result<Admitted, NotOpened> {
        let ledger = self.clone();
        let opened = tokio::spawn(async move { ledger.open_now(opening).await }).await;
        opened.unwrap_or(Err(NotOpened::Ended))
    }

    async fn open_now(self, opening: Opening) -> Result<Admitted, NotOpened> {
        if self.live().closing {
            return Err(NotOpened::Ended);
        }
        if self.store.standing().full_since().is_some() {
            return Err(NotOpened::DiskFull);
        }
        for _ in 0..DRAWS {
            let number = SessionNumber::new(u64::from_be_bytes(random()?));
            let (token, preshared_key) = (random()?, random()?);
            let assists = opening.assists.as_ref().map(|assisted| assisted.session);
            let open = Open {
                number,
                worker: assisting::place(&opening.person.id, assists),
                grant: opening.grant.clone(),
                workstation: opening.workstation,
                public_key: opening.public_key,
                preshared_key: PresharedKey::new(preshared_key),
            };
            let opened = match self.data_plane.open(open).await {
                Ok(Ok(opened)) => opened,
                Ok(Err(OpenError::Taken)) => continue,
                Ok(Err(error)) => return Err(NotOpened::Refused(error)),
                Err(_) => return Err(NotOpened::Ended),
            };
            let keep = KeptSession {
                number,
                tokens: vec![hash(&token)],
                session_key: opening.session_key,
                worker_id: Arc::clone(&opening.person.id),
                worker: Arc::clone(&opening.person.name),
                groups: opening.person.groups.as_slice().into(),
                grant: opening.grant.clone(),
                workstation: opening.workstation,
                address: opened.address,
                public_key: opening.public_key,
                preshared_key: PresharedKey::new(preshared_key),
                opened_at: clock::now().wall,
                initiation: None,
                standing: gateway_core::Standing::default(),
                device: opening.device.clone(),
                assists,
            };
            let closed = self.enter(&keep, Channel::Awaited);
            // From here on an end of the worker's finds it; what came before is looked at.
            if assists.is_some_and(|session| !self.goes_on(session) || self.assistances.withdrawn(session).is_some()) {
                self.abandon(number).await;
                return Err(NotOpened::Ended);
            }
            if let Err(why) = self.kept.keep(kept_sessions::Change::Opened(Box::new(keep))).await {
                self.abandon(number).await;
                if why.is_disk_full() {
                    self.store.tell_disk_full().await;
                    return Err(NotOpened::DiskFull);
                }
                return Err(NotOpened::Store(StoreError(why.to_string())));
            }
            let fenced = self.fence.open(number, opened.address, opening.workstation, &opening.grant).await;
            if let Err(error) = fenced {
                self.abandon(number).await;
                return Err(NotOpened::Fence(error));
            }
            match self.store.write(Change::Open, opening_draft(number, &opening, opened.address)).await {
                Ok(Written::Recorded) => {}
                Ok(Written::NumberTaken | Written::NotOpen) => {
                    self.abandon(number).await;
                    continue;
                }
                Err(error) => {
                    self.abandon(number).await;
                    // A write that failed may have reached the disk all the same; then it gets its close.
                    let (ledger, structure) = (self.clone(), Arc::clone(&opening.grant.structure));
                    tokio::spawn(async move {
                        ledger.record_close(number, &structure, CloseReason::GatewayStopped, Traffic::default()).await;
                    });
                    let full = self.store.standing().full_since().is_some();
                    return Err(if full { NotOpened::DiskFull } else { NotOpened::Store(error) });
                }
            }
            if let Err(error) = self.record_assisted(number, &opening).await {
                self.abandon(number).await;
                let reason = CloseReason::GatewayStopped;
                self.record_close(number, &opening.grant.structure, reason, Traffic::default()).await;
                return Err(NotOpened::Store(error));
            }
            if !self.data_plane.admit(number).await.unwrap_or(false) {
                let reason = closed.borrow().unwrap_or(CloseReason::GatewayStopped);
                self.record_close(number, &opening.grant.structure, reason, Traffic::default()).await;
                self.forget(number, reason);
                return Err(NotOpened::Ended);
            }
            tracing::info!(session = %number, structure = &*opening.grant.structure, "session opened");
            // Nobody is assisted who does not see it.
            let is_withdrawn = |session| self.assistances.withdrawn(session).is_some();
            if assists.is_some_and(|session| is_withdrawn(session) || !self.tell_assisted(session)) {
                self.close(number, CloseReason::AssistanceEnded).await;
                return Err(NotOpened::Ended);
            }
            let (token, preshared_key) = (Token::new(token), PresharedKey::new(preshared_key));
            return Ok(Admitted { number, token, preshared_key, opened });
        }
        Err(NotOpened::Random(format!("{DRAWS} random numbers or keys in a row were taken")))
    }

    fn enter(&self, kept: &KeptSession, channel: Channel) -> watch::Receiver<Option<CloseReason>> {
        let (closed, watch) = watch::channel(None);
        let session = Session {
            tokens: kept.tokens.clone(),
            key: kept.session_key,
            worker_id: Arc::clone(&kept.worker_id),
            worker: Arc::clone(&kept.worker),
            groups: Arc::clone(&kept.groups),
            structure: Arc::clone(&kept.grant.structure),
            device: kept.device.clone(),
            assists: kept.assists,
            ends_at: kept.grant.ends_at,
            // Of an earlier run's nobody knows whether it did, and a client that knows its end says nothing of the same again.
            has_moved: matches!(channel, Channel::Lost(_)),
            is_over: false,
            channel,
            workstation: Workstation::Awake,
            closed,
        };
        let mut live = self.live();
        live.tokens.extend(kept.tokens.iter().map(|token| (*token, kept.number)));
        live.sessions.insert(kept.number, session);
        watch
    }

    /// Gives back the place of a session that was never recorded.
    async fn abandon(&self, number: SessionNumber) {
        // Stopping or gone: there is no place to give back.
        let _ = self.data_plane.close(number, CloseReason::GatewayStopped).await;
        self.forget(number, CloseReason::GatewayStopped);
    }

    /// Ends a session and returns once that is recorded. False if it could not be, or there is no such session.
    pub(crate) async fn close(&self, number: SessionNumber, reason: CloseReason) -> bool {
        let Some(mut closed) = self.live().sessions.get(&number).map(|session| session.closed.subscribe()) else {
            return false;
        };
        // False if it ended by itself just now: then its close is on the way as well.
        let _ = self.data_plane.close(number, reason).await;
        let recorded = async { closed.wait_for(Option::is_some).await.is_ok() };
        tokio::time::timeout(CLOSING, recorded).await.unwrap_or(false)
    }

    /// As [`Self::close`], for whoever shows the token.
    pub(crate) async fn close_own(&self, holder: Holder, reason: CloseReason) -> bool {
        self.close(holder.number(), reason).await
    }

    /// The live session of a worker, by the directory's name; none in which they assist another.
    pub(crate) fn session_of(&self, worker: &str) -> Option<SessionNumber> {
        let wanted = policy::folded(worker);
        let live = self.live();
        let mut own = live.sessions.iter().filter(|(_, session)| session.assists.is_none());
        own.find(|(_, session)| policy::folded(&session.worker) == wanted).map(|(number, _)| *number)
    }

    /// All live sessions of a person, by the directory's name: their own, and those in which they assist others.
    pub(crate) fn sessions_of(&self, person: &str) -> Vec<SessionNumber> {
        let wanted = policy::folded(person);
        let live = self.live();
        let theirs = live.sessions.iter().filter(|(_, session)| policy::folded(&session.worker) == wanted);
        theirs.map(|(number, _)| *number).collect()
    }

    /// Whose the live sessions are.
    pub(crate) fn workers(&self) -> BTreeMap<SessionNumber, Worker> {
        let worker = |session: &Session| Worker {
            id: Arc::clone(&session.worker_id),
            name: Arc::clone(&session.worker),
            groups: Arc::clone(&session.groups),
            device: session.device.clone(),
            assists: session.assists,
        };
        self.live().sessions.iter().map(|(number, session)| (*number, worker(session))).collect()
    }

    /// The directory counts a session's worker in these groups now.
    pub(crate) fn regroup(&self, number: SessionNumber, groups: Vec<String>) {
        if let Some(session) = self.live().sessions.get_mut(&number) {
            session.groups = groups.into();
        }
    }

    /// Puts a session under another grant for the same workstation. False if it has ended.
    pub(crate) async fn change_grant(&self, number: SessionNumber, grant: Grant) -> bool {
        let granted = kept_sessions::Change::Granted(number, Box::new(grant.clone()));
        if let Err(why) = self.kept.keep(granted).await {
            // What the policy says holds all the same; a restart looks at it again.
            tracing::error!(session = %number, %why, "changed grant not kept");
        }
        // What is added opens before the data plane uses it, what is taken away shuts after its flows were reset.
        let widened = self.fence.widen(number, &grant).await;
        let changed = self.data_plane.change_grant(number, grant.clone()).await.unwrap_or(false);
        self.note_end(number, grant.ends_at);
        let narrowed = self.fence.narrow(number, &grant).await;
        if let Err(NotOpen(why)) = widened.and(narrowed) {
            tracing::error!(session = %number, why, "the firewall goes by the grant before");
        }
        changed
    }

    /// How many sessions ended since the start, by reason.
    pub(crate) fn closed(&self) -> &Tally {
        &self.closed
    }

    /// The fence round the sessions' ways.
    pub(crate) fn fence(&self) -> &Fence {
        &self.fence
    }

    /// All sessions as the data plane sees them.
    pub(crate) async fn sessions(&self) -> Option<Vec<View>> {
        self.data_plane.sessions().await.ok()
    }

    /// The gateway's packet counters, and how many sessions there are.
    pub(crate) async fn counters(&self) -> Option<(Counters, Census)> {
        self.data_plane.counters().await.ok()
    }

    /// Where records go.
    pub(crate) fn store(&self) -> &Store {
        &self.store
    }

    /// What happens to sessions, from the data plane: recorded, then told to the channel.
    async fn follow(self, mut events: mpsc::UnboundedReceiver<Event>) {
        // Closes are recorded side by side, so that a hundred at once share their transactions.
        let mut closing = JoinSet::new();
        while let Some(event) = events.recv().await {
            match event {
                Event::Warning { number, limit, left } => {
                    // To the nearest second: a deadline is noticed a little late, and nobody is told of 29 seconds.
                    let seconds = u32::try_from((left + HALF_A_SECOND).as_secs()).unwrap_or(u32::MAX);
                    self.tell(number, session::Event::Warning { limit, seconds });
                }
                Event::WarningLifted { number, limit } => {
                    self.tell(number, session::Event::WarningLifted { limit });
                }
                Event::Handshaken { number, initiation } => {
                    tokio::spawn(self.clone().answer(number, initiation));
                }
                Event::Moved { number, standing } => {
                    // Whatever the workstation said in the session says that it is awake.
                    if standing.used && self.is_waking(number) {
                        let ledger = self.clone();
                        tokio::spawn(async move { ledger.woken(number).await });
                    }
                    self.kept.note(kept_sessions::Change::Moved(number, standing));
                }
                Event::Traced { number, traced } => self.traces.piece(number, *traced),
                Event::Closed { number, reason, traffic } => {
                    // At once: a disk that is full keeps no way open.
                    self.fence.close(number);
                    self.end_with(number);
                    let reason = self.true_end(number, reason);
                    self.closed.count(reason.word());
                    let ledger = self.clone();
                    closing.spawn(async move { ledger.record_end(number, reason, traffic).await });
                }
            }
            while closing.try_join_next().is_some() {}
        }
        // Before the last closes, which may wait for a disk until somebody loses patience, and after them.
        self.keep_standings().await;
        while closing.join_next().await.is_some() {}
        self.keep_standings().await;
    }

    async fn keep_standings(&self) {
        if let Err(why) = self.kept.flush().await {
            tracing::error!(%why, "where sessions stand was not kept");
        }
    }

    /// A client's handshake is answered once nobody can make a later run take it again.
    async fn answer(self, number: SessionNumber, initiation: Box<[u8; INITIATION_SIZE]>) {
        let handshaken = kept_sessions::Change::Handshaken(number, initiation.to_vec());
        if let Err(why) = self.kept.keep(handshaken).await {
            // A full disk cuts nobody: what a replay could do is make the gateway answer in vain.
            tracing::error!(session = %number, %why, "handshake not kept");
        }
        // Stopping: then the client begins another with the next run.
        let _ = self.data_plane.release(number, initiation).await;
    }

    async fn record_end(self, number: SessionNumber, reason: CloseReason, traffic: Traffic) {
        let known = self.live().sessions.get(&number).map(|session| (Arc::clone(&session.structure), session.assists));
        let Some((structure, assists)) = known else { return };
        self.record_close(number, &structure, reason, traffic).await;
        if let Some(assisted) = assists {
            self.record_assistance_ended(number, assisted, &structure, reason).await;
        }
        tracing::info!(session = %number, reason = reason.word(), "session closed");
        self.forget(number, reason);
    }

    /// Until it is on disk: a close is never lost, however long the disk stays full.
    async fn record_close(&self, number: SessionNumber, structure: &Arc<str>, reason: CloseReason, traffic: Traffic) {
        let draft = closing_draft(number, structure, reason, traffic);
        let _waits = self.store.wait_from(clock::now().instant);
        while let Err(error) = self.store.write(Change::Close(reason), draft.clone()).await {
            tracing::error!(session = %number, %error, "close not recorded yet");
            tokio::time::sleep(RETRY).await;
        }
    }

    /// Token and channel go; whoever waits for the close is told.
    fn forget(&self, number: SessionNumber, reason: CloseReason) {
        // A session that ended while its ways were being opened.
        self.fence.close(number);
        self.kept.note(kept_sessions::Change::Ended(number));
        let mut live = self.live();
        let Some(session) = live.sessions.remove(&number) else { return };
        for token in &session.tokens {
            live.tokens.remove(token);
        }
        if let Channel::Attached(_, events) = &session.channel {
            // A channel that takes nothing learns it from its end.
            let _ = events.try_send(session::Event::Closed { reason });
        }
        session.closed.send_replace(Some(reason));
    }

    /// The recordings under way.
    pub(crate) fn traces(&self) -> &Traces {
        &self.traces
    }

    /// What is asked of workers who may be assisted.
    pub(crate) fn assistances(&self) -> &Assistances {
        &self.assistances
    }

    /// The data plane, for what is recorded of a session.
    pub(crate) fn data_plane(&self) -> &DataPlane {
        &self.data_plane
    }

    /// Opens no session any more, and warns the workers of all that are open that theirs end with the gateway.
    pub(crate) fn warn_of_stop(&self, seconds: u32) {
        let numbers: Vec<SessionNumber> = {
            let mut live = self.live();
            live.closing = true;
            live.sessions.keys().copied().collect()
        };
        for number in numbers {
            self.tell(number, session::Event::Warning { limit: session::Limit::GatewayStopped, seconds });
        }
    }

    async fn note(&self, draft: Draft) {
        if let Err(error) = self.store.note(draft).await {
            tracing::error!(%error, "record not written");
        }
    }

    fn live(&self) -> MutexGuard<'_, Live> {
        self.live.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn stopping() -> StoreError {
    StoreError("the packet thread ended by itself".to_owned())
}

fn random<const N: usize>() -> Result<[u8; N], NotOpened> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).map_err(|error| NotOpened::Random(error.to_string()))?;
    Ok(bytes)
}

#[cfg(test)]
mod tests;
