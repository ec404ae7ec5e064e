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

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    net::IpAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use gateway_api::{CloseReason, PresharedKey, PublicKey, SessionNumber, Token, probe::Nonce, session};
use gateway_core::{Event, INITIATION_SIZE, NotRestored, Open, OpenError, Opened, Restore, Traffic, View};
use gateway_record::{Draft, Fields, Hash, Kind, rounded};
use ipnet::Ipv4Net;
use policy::Grant;
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;
use tokio::{
    sync::{mpsc, watch},
    task::JoinSet,
};

use crate::{
    channel_queue::{self, Batch, Outgoing},
    clock,
    command::DataPlane,
    devices::Managed,
    directory::Person,
    fence::{Fence, NotOpen},
    kept_sessions::{self, KeptSession, KeptSessions},
    store::{self, Change, Store, StoreError, Written},
    traces::{Cause, Traces},
};

/// How often a fresh number is drawn before something must be wrong.
const DRAWS: usize = 8;
/// Between attempts to record a close while the store fails.
const RETRY: Duration = Duration::from_secs(1);
/// How long a close may take until it is recorded, before whoever asked for it is told that it failed.
const CLOSING: Duration = Duration::from_secs(10);
const HALF_A_SECOND: Duration = Duration::from_millis(500);
/// How many events wait for a channel that does not take them; the rest is dropped with the channel.
const CHANNEL_QUEUE: usize = 32;

/// The handle to all of it.
#[derive(Debug, Clone)]
pub(crate) struct Ledger {
    store: Store,
    kept: KeptSessions,
    data_plane: DataPlane,
    fence: Fence,
    traces: Traces,
    live: Arc<Mutex<Live>>,
}

#[derive(Debug, Default)]
struct Live {
    sessions: BTreeMap<SessionNumber, Session>,
    tokens: HashMap<TokenHash, SessionNumber>,
    next_channel: u64,
    /// No session opens any more.
    closing: bool,
}

type TokenHash = [u8; 32];

#[derive(Debug)]
struct Session {
    token: TokenHash,
    /// Who it is, whatever the account is called.
    worker_id: Arc<str>,
    /// The worker's name in the directory, for an administrator who is asked for help by name.
    worker: Arc<str>,
    /// Of those that the policy asked about when the directory was last asked.
    groups: Arc<[String]>,
    structure: Arc<str>,
    /// The managed computer it comes from.
    device: Option<Managed>,
    channel: Channel,
    closed: watch::Sender<Option<CloseReason>>,
}

/// A session's channel as the ledger knows it.
#[derive(Debug)]
enum Channel {
    /// There was none yet.
    Awaited,
    /// It is there: which, and where its events go.
    Attached(u64, mpsc::Sender<session::Event>),
    /// It was there and went.
    Lost,
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
    /// Where the login came from.
    pub(crate) from: IpAddr,
    /// The hash of the policy that granted it.
    pub(crate) policy: Hash,
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
    /// The record cannot be written.
    Store(StoreError),
    /// The gateway is stopping, or the session was ended before it began.
    Ended,
    /// The system gives no random bytes, or the same ones.
    Random(String),
}

/// A token that is some session's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Holder(SessionNumber);

/// A channel that was attached.
#[derive(Debug)]
pub(crate) struct Attached {
    id: u64,
    pub(crate) number: SessionNumber,
    /// Ends when another channel takes its place, or the session is closed.
    pub(crate) events: mpsc::Receiver<session::Event>,
    /// WireGuard datagrams for the client, where they take this way.
    pub(crate) outgoing: Outgoing,
    data_plane: DataPlane,
    traces: Traces,
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
        let ledger = Self { store, kept, data_plane, fence, traces: Traces::default(), live: Arc::default() };
        let task = tokio::spawn(ledger.clone().follow(events));
        (ledger, task)
    }

    /// Opens a session: holds a place, records it, and only then makes it true. Goes on by itself when nobody waits any more:
    /// such a session is closed by its grace.
    pub(crate) async fn open(&self, opening: Opening) -> Result<Admitted, NotOpened> {
        let ledger = self.clone();
        let opened = tokio::spawn(async move { ledger.open_now(opening).await }).await;
        opened.unwrap_or(Err(NotOpened::Ended))
    }

    async fn open_now(self, opening: Opening) -> Result<Admitted, NotOpened> {
        if self.live().closing {
            return Err(NotOpened::Ended);
        }
        for _ in 0..DRAWS {
            let number = SessionNumber::new(u64::from_be_bytes(random()?));
            let (token, preshared_key) = (random()?, random()?);
            let open = Open {
                number,
                worker: Arc::clone(&opening.person.id),
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
                token: Sha256::digest(token).into(),
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
            };
            let closed = self.enter(&keep, Channel::Awaited);
            if let Err(why) = self.kept.keep(kept_sessions::Change::Opened(Box::new(keep))).await {
                self.abandon(number).await;
                return Err(NotOpened::Store(StoreError(why)));
            }
            let fenced = self.fence.open(number, opened.address, opening.workstation, &opening.grant).await;
            if let Err(error) = fenced {
                self.abandon(number).await;
                return Err(NotOpened::Fence(error));
            }
            let recorded = match opening_draft(number, &opening, opened.address) {
                Ok(draft) => self.store.write(Change::Open, draft).await,
                Err(error) => Err(error),
            };
            match recorded {
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
                    return Err(NotOpened::Store(error));
                }
            }
            if !self.data_plane.admit(number).await.unwrap_or(false) {
                let reason = closed.borrow().unwrap_or(CloseReason::GatewayStopped);
                self.record_close(number, &opening.grant.structure, reason, Traffic::default()).await;
                self.forget(number, reason);
                return Err(NotOpened::Ended);
            }
            tracing::info!(session = %number, structure = &*opening.grant.structure, "session opened");
            let (token, preshared_key) = (Token::new(token), PresharedKey::new(preshared_key));
            return Ok(Admitted { number, token, preshared_key, opened });
        }
        Err(NotOpened::Random(format!("{DRAWS} random numbers or keys in a row were taken")))
    }

    fn enter(&self, kept: &KeptSession, channel: Channel) -> watch::Receiver<Option<CloseReason>> {
        let (closed, watch) = watch::channel(None);
        let session = Session {
            token: kept.token,
            worker_id: Arc::clone(&kept.worker_id),
            worker: Arc::clone(&kept.worker),
            groups: Arc::clone(&kept.groups),
            structure: Arc::clone(&kept.grant.structure),
            device: kept.device.clone(),
            channel,
            closed,
        };
        let mut live = self.live();
        live.tokens.insert(kept.token, kept.number);
        live.sessions.insert(kept.number, session);
        watch
    }

    /// Takes up what an earlier run left open, before anybody is answered: sessions that were kept go on, those whose grant
    /// ended meanwhile get the end that they had, the rest ended with their gateway. How many go on, and how many do not.
    pub(crate) async fn restore(
        &self,
        mut kept: Vec<KeptSession>,
        pool: Ipv4Net,
    ) -> Result<(usize, usize), StoreError> {
        let mut left: BTreeMap<SessionNumber, String> = self.store.left_open().await?.into_iter().collect();
        let (mut resumed, mut ended) = (0, 0);
        // Of two sessions of one worker, the later one stays: the gateway ended while it replaced the other.
        kept.sort_by_key(|session| std::cmp::Reverse(session.opened_at));
        let mut workers = BTreeSet::new();
        for session in kept {
            let number = session.number;
            if left.contains_key(&number) && !workers.insert(Arc::clone(&session.worker_id)) {
                left.remove(&number);
                let draft =
                    closing_draft(number, &session.grant.structure, CloseReason::Replaced, session.standing.traffic);
                self.store.write(Change::Close(CloseReason::Replaced), draft).await?;
                self.kept.note(kept_sessions::Change::Ended(number));
                ended += 1;
            } else if left.remove(&number).is_none() {
                self.kept.note(kept_sessions::Change::Ended(number));
            } else if self.restore_one(session, pool).await? {
                resumed += 1;
            } else {
                ended += 1;
            }
        }
        for (number, structure) in left {
            let draft = closing_draft(number, &structure, CloseReason::GatewayStopped, Traffic::default());
            self.store.write(Change::Close(CloseReason::GatewayStopped), draft).await?;
            ended += 1;
        }
        Ok((resumed, ended))
    }

    async fn restore_one(&self, session: KeptSession, pool: Ipv4Net) -> Result<bool, StoreError> {
        let (number, structure, ends_at) =
            (session.number, Arc::clone(&session.grant.structure), session.grant.ends_at);
        let traffic = session.standing.traffic;
        let _ = self.enter(&session, Channel::Lost);
        if let Err(NotOpen(why)) = self.fence.open(number, session.address, session.workstation, &session.grant).await {
            tracing::error!(session = %number, why, "the firewall lets nothing of this session pass");
        }
        let restored = self.data_plane.restore(restore(session), pool).await.map_err(|_| stopping())?;
        let (reason, ended_at) = match restored {
            Ok(()) => {
                self.store.note(draft(Kind::SessionResumed, number, &structure)).await?;
                tracing::info!(session = %number, "session goes on");
                return Ok(true);
            }
            Err(NotRestored::Over(reason)) => (reason, Some(ends_at)),
            Err(NotRestored::NoAddress | NotRestored::Taken) => {
                tracing::warn!(session = %number, "session ends: its tunnel address is no longer lent");
                (CloseReason::GatewayStopped, None)
            }
        };
        let mut draft = closing_draft(number, &structure, reason, traffic);
        if let Some(ended_at) = ended_at {
            draft.fields = draft.fields.with("ended_at", ended_at.to_string());
        }
        self.store.write(Change::Close(reason), draft).await?;
        tracing::info!(session = %number, reason = reason.word(), "session closed");
        self.forget(number, reason);
        Ok(false)
    }

    /// Gives back the place of a session that was never recorded.
    async fn abandon(&self, number: SessionNumber) {
        // Stopping or gone: there is no place to give back.
        let _ = self.data_plane.close(number, CloseReason::GatewayStopped).await;
        self.forget(number, CloseReason::GatewayStopped);
    }

    /// Whose token this is. Sessions that end leave none.
    pub(crate) fn holder(&self, token: &Token) -> Option<Holder> {
        let hash: TokenHash = Sha256::digest(token.expose()).into();
        let live = self.live();
        let number = live.tokens.get(&hash)?;
        let session = live.sessions.get(number)?;
        // The lookup is by hash, so that its time tells nothing about a token; the comparison tells nothing either way.
        bool::from(session.token.ct_eq(&hash)).then_some(Holder(*number))
    }

    /// Makes a channel the session's own, in the place of an earlier one. None if the session ended meanwhile.
    pub(crate) async fn attach(&self, Holder(number): Holder) -> Option<Attached> {
        let (sender, events) = mpsc::channel(CHANNEL_QUEUE);
        let (outlet, outgoing) = channel_queue::outlet();
        // Told under the lock, so that coming and going reach the data plane in the order they happened.
        let (id, resumed, told) = {
            let mut live = self.live();
            live.next_channel += 1;
            let id = live.next_channel;
            let session = live.sessions.get_mut(&number)?;
            let before = std::mem::replace(&mut session.channel, Channel::Attached(id, sender));
            let resumed = matches!(before, Channel::Lost).then(|| Arc::clone(&session.structure));
            (id, resumed, self.data_plane.channel(number, Some(outlet)))
        };
        if !told.await.unwrap_or(false) {
            return None;
        }
        if let Some(structure) = resumed {
            tracing::info!(session = %number, "channel resumed");
            self.note(draft(Kind::ChannelResumed, number, &structure)).await;
        }
        let traces = self.traces.clone();
        Some(Attached { id, number, events, outgoing, data_plane: self.data_plane.clone(), traces })
    }

    /// A channel is gone: if it was still the session's, its grace runs.
    pub(crate) async fn detach(&self, number: SessionNumber, channel: u64) {
        let (structure, told) = {
            let mut live = self.live();
            let Some(session) = live.sessions.get_mut(&number) else { return };
            match &session.channel {
                Channel::Attached(id, _) if *id == channel => {}
                Channel::Attached(..) | Channel::Awaited | Channel::Lost => return,
            }
            session.channel = Channel::Lost;
            (Arc::clone(&session.structure), self.data_plane.channel(number, None))
        };
        // Whoever cannot see that they are recorded, and cannot end it, is not.
        self.traces.end(number, Cause::ChannelLost);
        if told.await.unwrap_or(false) {
            tracing::info!(session = %number, "channel lost");
            self.note(draft(Kind::ChannelLost, number, &structure)).await;
        }
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
    pub(crate) async fn close_own(&self, Holder(number): Holder, reason: CloseReason) -> bool {
        self.close(number, reason).await
    }

    /// The live session of a worker, by the directory's name.
    pub(crate) fn session_of(&self, worker: &str) -> Option<SessionNumber> {
        let wanted = policy::folded(worker);
        let live = self.live();
        let found = live.sessions.iter().find(|(_, session)| policy::folded(&session.worker) == wanted);
        found.map(|(number, _)| *number)
    }

    /// Whose the live sessions are.
    pub(crate) fn workers(&self) -> BTreeMap<SessionNumber, Worker> {
        let worker = |session: &Session| Worker {
            id: Arc::clone(&session.worker_id),
            name: Arc::clone(&session.worker),
            groups: Arc::clone(&session.groups),
            device: session.device.clone(),
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
            tracing::error!(session = %number, why, "changed grant not kept");
        }
        // What is added opens before the data plane uses it, what is taken away shuts after its flows were reset.
        let widened = self.fence.widen(number, &grant).await;
        let changed = self.data_plane.change_grant(number, grant.clone()).await.unwrap_or(false);
        let narrowed = self.fence.narrow(number, &grant).await;
        if let Err(NotOpen(why)) = widened.and(narrowed) {
            tracing::error!(session = %number, why, "the firewall goes by the grant before");
        }
        changed
    }

    /// The fence round the sessions' ways.
    pub(crate) fn fence(&self) -> &Fence {
        &self.fence
    }

    /// All sessions as the data plane sees them.
    pub(crate) async fn sessions(&self) -> Option<Vec<View>> {
        self.data_plane.sessions().await.ok()
    }

    /// The gateway's packet counters.
    pub(crate) async fn counters(&self) -> Option<gateway_core::Counters> {
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
                Event::Moved { number, standing } => self.kept.note(kept_sessions::Change::Moved(number, standing)),
                Event::Traced { number, traced } => self.traces.piece(number, *traced),
                Event::Closed { number, reason, traffic } => {
                    // At once: a disk that is full keeps no way open.
                    self.fence.close(number);
                    let ledger = self.clone();
                    closing.spawn(async move { ledger.closed(number, reason, traffic).await });
                }
            }
            while closing.try_join_next().is_some() {}
        }
        while closing.join_next().await.is_some() {}
        if let Err(why) = self.kept.flush().await {
            tracing::error!(why, "where sessions stand was not kept");
        }
    }

    /// A client's handshake is answered once nobody can make a later run take it again.
    async fn answer(self, number: SessionNumber, initiation: Box<[u8; INITIATION_SIZE]>) {
        let handshaken = kept_sessions::Change::Handshaken(number, initiation.to_vec());
        if let Err(why) = self.kept.keep(handshaken).await {
            // A full disk cuts nobody: what a replay could do is make the gateway answer in vain.
            tracing::error!(session = %number, why, "handshake not kept");
        }
        // Stopping: then the client begins another with the next run.
        let _ = self.data_plane.release(number, initiation).await;
    }

    async fn closed(self, number: SessionNumber, reason: CloseReason, traffic: Traffic) {
        let structure = self.live().sessions.get(&number).map(|session| Arc::clone(&session.structure));
        let Some(structure) = structure else { return };
        self.record_close(number, &structure, reason, traffic).await;
        tracing::info!(session = %number, reason = reason.word(), "session closed");
        self.forget(number, reason);
    }

    /// Until it is on disk: a close is never lost, however long the disk stays full.
    async fn record_close(&self, number: SessionNumber, structure: &Arc<str>, reason: CloseReason, traffic: Traffic) {
        let draft = closing_draft(number, structure, reason, traffic);
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
        live.tokens.remove(&session.token);
        if let Channel::Attached(_, events) = &session.channel {
            // A channel that takes nothing learns it from its end.
            let _ = events.try_send(session::Event::Closed { reason });
        }
        session.closed.send_replace(Some(reason));
    }

    /// An event for a channel. False if there is none, or it takes nothing any more.
    pub(crate) fn tell(&self, number: SessionNumber, event: session::Event) -> bool {
        let live = self.live();
        let Some(Channel::Attached(id, events)) = live.sessions.get(&number).map(|session| &session.channel) else {
            return false;
        };
        let told = events.try_send(event).is_ok();
        if !told {
            tracing::debug!(session = %number, channel = id, "channel takes no events");
        }
        told
    }

    /// The recordings under way.
    pub(crate) fn traces(&self) -> &Traces {
        &self.traces
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

    /// Lets go of every channel, for the gateway stops and its sessions go on without it: their clients come back.
    pub(crate) fn let_go(&self) {
        for session in self.live().sessions.values_mut() {
            session.channel = Channel::Lost;
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

impl Attached {
    /// Which channel this is.
    pub(crate) fn id(&self) -> u64 {
        self.id
    }

    /// Hands WireGuard datagrams of the client to the data plane.
    pub(crate) fn inlet(&self) -> Inlet {
        Inlet { number: self.number, data_plane: self.data_plane.clone(), traces: self.traces.clone() }
    }
}

/// The way from a channel to its session in the data plane.
#[derive(Debug)]
pub(crate) struct Inlet {
    number: SessionNumber,
    data_plane: DataPlane,
    traces: Traces,
}

impl Inlet {
    /// The client says that a probe reached it. Returns once the data plane knows: nobody can make it wait for more than one.
    /// False when the data plane is gone.
    pub(crate) async fn confirm(&self, nonce: Nonce) -> bool {
        let confirmed = self.data_plane.confirm(self.number, nonce).await;
        tracing::debug!(session = %self.number, known = confirmed == Ok(true), "probe answered");
        confirmed.is_ok()
    }

    /// The worker's answer to a question whether they may be recorded.
    pub(crate) fn answer_trace(&self, question: u32, consent: bool) {
        self.traces.answer(self.number, question, consent);
    }

    /// The worker ends a recording.
    pub(crate) fn end_trace(&self) {
        self.traces.end(self.number, Cause::Worker);
    }

    /// False when the data plane is gone.
    pub(crate) fn carry(&self, batch: Batch) -> bool {
        self.data_plane.carry(self.number, batch).is_ok()
    }
}

fn restore(session: KeptSession) -> Restore {
    Restore {
        address: session.address,
        opened_at: session.opened_at,
        initiation: session.initiation.and_then(|bytes| bytes.try_into().ok()),
        standing: session.standing,
        open: Open {
            number: session.number,
            worker: session.worker_id,
            grant: session.grant,
            workstation: session.workstation,
            public_key: session.public_key,
            preshared_key: session.preshared_key,
        },
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

fn draft(kind: Kind, number: SessionNumber, structure: &str) -> Draft {
    Draft { session: Some(number), structure: Some(structure.to_owned()), ..Draft::new(kind, clock::now().wall) }
}

fn opening_draft(number: SessionNumber, opening: &Opening, address: IpAddr) -> Result<Draft, StoreError> {
    let grant = &opening.grant;
    let services: Vec<&str> = grant.services.iter().map(|service| &*service.name).collect();
    let fields = Fields::default()
        .with("profile", &*grant.profile)
        .with("device", if opening.device.is_some() { "managed" } else { "personal" })
        .with("services", services.join(" "))
        .with("ends_at", grant.ends_at.to_string())
        .with("policy", opening.policy.to_string());
    let names = Fields::default()
        .with("worker", &*opening.person.name)
        .with("worker_id", &*opening.person.id)
        .with("workstation", &*grant.workstation)
        .with("workstation_address", opening.workstation.to_string())
        .with("tunnel_address", address.to_string())
        .with("from", opening.from.to_string());
    let names = match &opening.device {
        Some(device) => names.with("device", &*device.name).with("serial", &*device.serial),
        None => names,
    };
    Ok(Draft { fields, private: store::private(names)?, ..draft(Kind::SessionOpened, number, &grant.structure) })
}

fn closing_draft(number: SessionNumber, structure: &str, reason: CloseReason, traffic: Traffic) -> Draft {
    let fields = Fields::default()
        .with("reason", reason.word())
        .with("bytes_to_office", rounded(traffic.bytes_to_office))
        .with("bytes_to_home", rounded(traffic.bytes_to_home));
    Draft { fields, ..draft(Kind::SessionClosed, number, structure) }
}

#[cfg(test)]
mod tests;
