//! The administrators' socket: one JSON object a line, both ways.
//!
//! Only root, the gateway's own user and members of the configured group are heard; the kernel says who is calling. Each
//! connection puts one question. What is asked with names is recorded before it is answered.

pub(crate) mod client;
mod drops;
mod log;
pub(crate) mod reviews;
mod shown;
mod traces;

use std::{path::PathBuf, sync::Arc, time::Duration};

use gateway_api::{CloseReason, SessionNumber};
use gateway_core::View;
use gateway_record::{Draft, Fields, Kind};
use jiff::Timestamp;
use nix::unistd::{Gid, Uid, User};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncBufReadExt as _, AsyncRead, AsyncReadExt as _, AsyncWriteExt as _, BufReader},
    net::{UnixListener, UnixStream, unix::OwnedWriteHalf},
    sync::mpsc,
};
use zeroize::Zeroizing;

pub(crate) use self::log::row_value;
use crate::{
    blocked::Blocked,
    checkpoints::Checkpoints,
    clock,
    control::{Api, Certificate, SignIn},
    devices::Devices,
    directory::{Directory, Person},
    export::Export,
    factor::{Factors, NotDone, Offered},
    leavers::Alarm,
    ledger::Ledger,
    mail::Mailer,
    norms::Adopted,
    notices::Notices,
    policy_change::{Consent, NotApplied, PolicyChange, Preview},
    review_commands,
    reviews::Reviews,
    store::{Query, StoreError},
    unix_socket::Named,
};

/// For a question to arrive.
const ASKING: Duration = Duration::from_secs(5);
/// The longest question, in bytes.
const LONGEST: u64 = 16 * 1024;

/// What may be asked.
#[derive(Debug, Serialize, Deserialize)]
#[serde(tag = "ask", rename_all = "snake_case", deny_unknown_fields)]
pub(crate) enum Question {
    /// How the gateway stands.
    Status,
    /// All sessions: number, structure, phase.
    SessionList,
    /// One session by its number.
    SessionShow {
        /// Which.
        number: SessionNumber,
    },
    /// The session of a worker. Recorded.
    SessionFind {
        /// The worker's name in the directory.
        worker: String,
    },
    /// The headers of a session's dropped packets; told one by one. Recorded.
    SessionDrops {
        /// Which.
        number: SessionNumber,
        /// For how long.
        seconds: u32,
    },
    /// End a session. Recorded.
    SessionClose {
        /// Which.
        number: SessionNumber,
    },
    /// End a worker's session and let them in no more. Recorded.
    WorkerBlock {
        /// The worker's name in the directory.
        worker: String,
    },
    /// Let a worker in again. Recorded.
    WorkerUnblock {
        /// As it was given.
        worker: String,
    },
    /// Who is blocked.
    WorkersBlocked,
    /// Who has read which notice.
    NoticesRead {
        /// Of this worker alone.
        #[serde(default)]
        worker: Option<String>,
    },
    /// A code with which a worker enrols a second factor. Recorded.
    FactorEnrol {
        /// The worker's name in the directory.
        worker: String,
    },
    /// Take a worker's second factor back, for another code. Recorded.
    FactorReset {
        /// The worker's name in the directory.
        worker: String,
    },
    /// Remove a worker's second factor. Recorded.
    FactorRemove {
        /// The worker's name in the directory, or as `factor list` shows it.
        worker: String,
    },
    /// Who has a second factor, or a code for one.
    FactorList,
    /// Make a one-time code for a home computer. Recorded.
    DeviceEnrol {
        /// The worker's name in the directory.
        worker: String,
        /// What the computer is called.
        name: String,
    },
    /// The computers that were enrolled.
    DeviceList,
    /// Revoke a home computer's certificate and end its sessions. Recorded.
    DeviceRevoke {
        /// Its name or a serial number.
        which: String,
    },
    /// Records; answered line by line. Recorded if names are asked for.
    LogShow {
        /// Which.
        query: Query,
    },
    /// Records as other programs get them; answered line by line. Recorded.
    LogExport {
        /// Which.
        query: Query,
        /// What they are made of there.
        format: String,
    },
    /// Note that both key holders open names, before they do.
    ReviewOpen {
        /// Places in the workers' journal.
        records: String,
        /// Fingerprints of the controllers' keys that they have.
        controllers: String,
        /// Of the reviewers'.
        reviewers: String,
    },
    /// A step of a review, by somebody who signs in for it. Recorded.
    Review {
        /// Who.
        sign_in: SignIn,
        /// Which.
        step: reviews::Step,
    },
    /// Record sizes and times of a session's packets; told step by step. Recorded.
    TraceRecord {
        /// Which.
        number: SessionNumber,
        /// For how long at most.
        seconds: u32,
    },
    /// The recordings that are kept.
    Traces,
    /// Delete one of them. Recorded.
    TraceDelete {
        /// Its name.
        trace: String,
    },
    /// What the policy folder, as it is now, would do to the live sessions. Recorded.
    PolicyPreview,
    /// Put the policy folder into force. Recorded.
    PolicyApply {
        /// Whatever it ends is meant.
        confirmed: bool,
    },
    /// Read certificate and policy again.
    Reload,
    /// Stop. Recorded.
    Stop {
        /// Whether that is the end of every session.
        end_sessions: bool,
        /// Seconds between warning workers and ending their sessions.
        warn_s: u32,
    },
}

/// A line of the answer.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Line {
    /// One of many.
    Row(Value),
    /// The answer, or the end of many rows.
    Done(Value),
    /// There is none; why, in words.
    Failed(String),
}

/// What questions are answered from.
#[derive(Debug)]
pub(crate) struct Desk {
    pub(crate) ledger: Ledger,
    pub(crate) change: Arc<PolicyChange>,
    pub(crate) certificate: Arc<Certificate>,
    pub(crate) alarm: Arc<Alarm>,
    /// How many threads carry packets.
    pub(crate) loops: u8,
    pub(crate) blocked: Arc<Blocked>,
    pub(crate) directory: Arc<Directory>,
    pub(crate) factors: Arc<Factors>,
    /// Where recordings of sessions are kept.
    pub(crate) traces: PathBuf,
    pub(crate) devices: Arc<Devices>,
    pub(crate) notices: Arc<Notices>,
    pub(crate) reviews: Arc<Reviews>,
    /// By which people of the office sign in.
    pub(crate) api: Arc<Api>,
    pub(crate) checkpoints: Arc<Checkpoints>,
    pub(crate) export: Arc<Export>,
    pub(crate) adopted: Arc<Adopted>,
    /// None: no mail is sent.
    pub(crate) mailer: Option<Arc<Mailer>>,
    pub(crate) started_at: Timestamp,
    pub(crate) group: Option<Gid>,
    /// Who stops the daemon.
    pub(crate) stop: mpsc::Sender<Parting>,
}

/// What becomes of sessions when the daemon stops.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Parting {
    /// They go on with the next run.
    Leave,
    /// They end.
    End,
}

/// What is said of the socket.
pub(crate) const SOCKET: Named = Named { what: "the administrators' socket", table: "admin" };

/// Answers until it is dropped.
pub(crate) async fn serve(listener: UnixListener, desk: Arc<Desk>) {
    loop {
        match listener.accept().await {
            Ok((stream, _)) => {
                let desk = Arc::clone(&desk);
                tokio::spawn(async move {
                    if let Err(error) = answer(stream, &desk).await {
                        tracing::debug!(%error, "administrator hung up");
                    }
                });
            }
            Err(error) => {
                tracing::warn!(%error, "administrators' socket does not accept");
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        }
    }
}

async fn answer(stream: UnixStream, desk: &Desk) -> std::io::Result<()> {
    let uid = Uid::from_raw(stream.peer_cred()?.uid());
    let gid = Gid::from_raw(stream.peer_cred()?.gid());
    let (reading, mut writing) = stream.into_split();
    // Read before anything is refused: whoever is cut off while still writing never sees why.
    // It may hold a password. With room for all of it, so that growing leaves no copy behind.
    let mut line = Zeroizing::new(String::with_capacity(usize::try_from(LONGEST).unwrap_or(0)));
    let mut reader = BufReader::new(reading.take(LONGEST));
    match tokio::time::timeout(ASKING, reader.read_line(&mut line)).await {
        Ok(Ok(read)) if read > 0 => {}
        Ok(Ok(_)) | Err(_) => return Ok(()),
        Ok(Err(error)) => return Err(error),
    }
    let group = desk.group;
    let admitted = tokio::task::spawn_blocking(move || may_ask(uid, gid, group)).await.unwrap_or(false);
    if !admitted {
        tracing::warn!(%uid, "administrators' socket refused a user");
        return say(
            &mut writing,
            &Line::Failed("you may not ask this gateway: be root, or in the group that [admin] names".to_owned()),
        )
        .await;
    }
    let line = match serde_json::from_str::<Question>(&line) {
        Ok(Question::LogShow { query }) => return log::show_log(&mut writing, desk, uid, query).await,
        Ok(Question::LogExport { query, format }) => {
            return log::export_log(&mut writing, desk, uid, (query, &format)).await;
        }
        Ok(Question::TraceRecord { number, seconds }) => {
            return traces::record(&mut writing, reader, desk, uid, (number, seconds)).await;
        }
        Ok(Question::SessionDrops { number, seconds }) => {
            return drops::tell(&mut writing, reader, desk, uid, (number, seconds)).await;
        }
        Ok(question) => match reply(desk, uid, question).await {
            Ok(value) => Line::Done(value),
            Err(why) => Line::Failed(why),
        },
        Err(error) => Line::Failed(format!(
            "this gateway does not understand the question ({error}): are program and gateway of one version?"
        )),
    };
    say(&mut writing, &line).await
}

/// Whether a user may ask: root, ourselves, or a member of the group.
fn may_ask(uid: Uid, gid: Gid, group: Option<Gid>) -> bool {
    if uid.is_root() || uid == Uid::effective() {
        return true;
    }
    let Some(group) = group else { return false };
    let member = || {
        let user = User::from_uid(uid).ok().flatten()?;
        let name = std::ffi::CString::new(user.name).ok()?;
        let groups = nix::unistd::getgrouplist(&name, user.gid).ok()?;
        Some(groups.contains(&group))
    };
    gid == group || member().unwrap_or(false)
}

/// Returns once the other end has nothing more to say, which it says by going.
async fn hung_up(mut reading: impl AsyncRead + Unpin) {
    let mut bytes = [0; 64];
    while reading.read(&mut bytes).await.is_ok_and(|read| read > 0) {}
}

async fn say(writing: &mut OwnedWriteHalf, line: &Line) -> std::io::Result<()> {
    let mut text = serde_json::to_vec(line)?;
    text.push(b'\n');
    writing.write_all(&text).await
}

async fn reply(desk: &Desk, uid: Uid, question: Question) -> Result<Value, String> {
    match question {
        Question::Status => shown::status(desk).await,
        Question::SessionList => {
            let assisting = desk.ledger.assisting();
            let listed = |view: &View| shown::listed(view, assisting.get(&view.number).copied());
            Ok(views(desk).await?.iter().map(listed).collect())
        }
        Question::SessionShow { number } => {
            let assists = desk.ledger.assisting().remove(&number);
            one(desk, number).await.map(|view| shown::shown(&view, assists))
        }
        Question::SessionFind { worker } => {
            let number = desk.ledger.session_of(&worker);
            act(desk, Kind::SessionLookedUp, uid, number).await?;
            let number = number.ok_or_else(|| format!("`{worker}` has no session"))?;
            let view = one(desk, number).await?;
            let mut value = shown::shown(&view, None);
            // Whoever names the worker knows whose it is; the workstation helps to find the cable.
            if let Value::Object(fields) = &mut value {
                fields.insert("workstation".to_owned(), json!(&*view.grant.workstation));
            }
            Ok(value)
        }
        Question::SessionClose { number } => {
            let fields = Fields::default().with("uid", i64::from(uid.as_raw()));
            let now = clock::now().wall;
            let by = Draft { session: Some(number), fields, ..Draft::new(Kind::SessionClosedByOrder, now) };
            let closed = close_session(desk, number, by).await;
            closed.map(|()| json!({ "number": number, "closed": true })).map_err(|error| error.to_string())
        }
        Question::WorkerBlock { worker } => block(desk, uid, worker.trim()).await,
        Question::WorkerUnblock { worker } => {
            let worker = worker.trim();
            act_on(desk, Kind::WorkerUnblocked, uid, worker).await?;
            match desk.blocked.unblock(worker)? {
                true => Ok(json!({ "worker": worker })),
                false => Err(format!("`{worker}` is not blocked: `worker list` shows who is")),
            }
        }
        Question::WorkersBlocked => Ok(json!(desk.blocked.all())),
        Question::NoticesRead { worker } => Ok(json!(desk.notices.all(worker.as_deref()))),
        Question::FactorEnrol { worker } => {
            let worker = named(desk, &worker).await?;
            let now = clock::now().wall;
            let draft = draft_on(Kind::FactorOffered, uid, &worker.name);
            offered(&worker, desk.factors.offer(&worker, now, draft).await)
        }
        Question::FactorReset { worker } => {
            let worker = named(desk, &worker).await?;
            let now = clock::now().wall;
            let draft = draft_on(Kind::FactorReset, uid, &worker.name);
            offered(&worker, desk.factors.reset(&worker, now, draft).await)
        }
        Question::FactorRemove { worker } => remove_factor(desk, uid, worker.trim()).await,
        Question::FactorList => Ok(json!(desk.factors.list(clock::now().wall).await)),
        Question::DeviceEnrol { worker, name } => {
            let (worker, name) = (worker.trim(), name.trim());
            act_on_device(desk, Kind::DeviceCodeMade, uid, Some(worker), name).await?;
            let (code, until) = desk.devices.code(worker, name, clock::now().wall)?;
            Ok(json!({ "code": code, "until": until }))
        }
        Question::DeviceList => Ok(json!(desk.devices.all())),
        Question::DeviceRevoke { which } => {
            act_on_device(desk, Kind::DeviceRevoked, uid, None, which.trim()).await?;
            let serials = desk.devices.revoke(&which, clock::now().wall)?;
            let ended = desk.devices.end_revoked(&desk.ledger).await?;
            Ok(json!({ "serials": serials, "ended": ended }))
        }
        Question::ReviewOpen { records, controllers, reviewers } => {
            let draft = review_commands::opening(uid.as_raw(), &records, &controllers, &reviewers);
            desk.ledger.store().note(draft).await.map_err(|error| error.to_string())?;
            Ok(Value::Null)
        }
        Question::Review { sign_in, step } => reviews::take(desk, sign_in, step).await,
        Question::Traces => traces::list(desk).await,
        Question::TraceDelete { trace } => traces::delete(desk, uid, &trace).await,
        Question::LogShow { .. }
        | Question::LogExport { .. }
        | Question::TraceRecord { .. }
        | Question::SessionDrops { .. } => Err("this is answered line by line".to_owned()),
        Question::PolicyPreview => {
            order(desk, uid, "preview").await?;
            outcome(desk.change.preview().await, false)
        }
        Question::PolicyApply { confirmed } => {
            order(desk, uid, if confirmed { "apply_confirmed" } else { "apply" }).await?;
            let consent = if confirmed { Consent::Given } else { Consent::NotGiven };
            outcome(desk.change.apply(consent).await, true)
        }
        Question::Stop { end_sessions, warn_s } => stop(desk, uid, end_sessions, warn_s).await,
        Question::Reload => {
            let certificate = desk.certificate.reload(clock::now().wall);
            let preview = desk.change.apply(Consent::NotGiven).await.map_err(|error| match error {
                NotApplied::Mistakes(full) => format!("{full}\nthe last good policy stays"),
                NotApplied::Braked(preview) => format!("the last good policy stays: {}", preview.braked()),
                NotApplied::Stopping => "the gateway is stopping".to_owned(),
            })?;
            certificate.map_err(|why| format!("{why}\nthe last good certificate stays"))?;
            Ok(json!({ "policy": preview.hash }))
        }
    }
}

/// Stops the daemon: at once, or once workers were warned.
async fn stop(desk: &Desk, uid: Uid, end_sessions: bool, warn_s: u32) -> Result<Value, String> {
    let fields = Fields::default()
        .with("uid", i64::from(uid.as_raw()))
        .with("end_sessions", if end_sessions { "yes" } else { "no" });
    let draft = Draft { fields, ..Draft::new(Kind::StopOrdered, clock::now().wall) };
    desk.ledger.store().note(draft).await.map_err(|error| error.to_string())?;
    let (stop, wait) = (desk.stop.clone(), Duration::from_secs(warn_s.into()));
    if end_sessions {
        desk.ledger.warn_of_stop(warn_s);
        tokio::spawn(async move {
            tokio::time::sleep(wait).await;
            let _ = stop.send(Parting::End).await;
        });
    } else {
        tokio::spawn(async move { stop.send(Parting::Leave).await });
    }
    Ok(json!({ "stopping": true, "end_sessions": end_sessions, "warn_s": warn_s }))
}

/// Why a session was not closed.
#[derive(Debug)]
pub(crate) enum NotClosed {
    /// It has ended, or never was.
    Gone(SessionNumber),
    /// So does every session.
    Stopping,
    /// Who wants it is not, and so nothing was done.
    NotRecorded(StoreError),
    /// It ends, and that is not recorded yet.
    Ending(SessionNumber),
}

impl std::fmt::Display for NotClosed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Gone(number) => write!(f, "there is no session {number}: it has ended, or never was"),
            Self::Stopping => f.write_str("the gateway is stopping"),
            Self::NotRecorded(error) => error.fmt(f),
            Self::Ending(number) => {
                write!(f, "session {number} is ending, and that is not recorded yet: see the gateway's log")
            }
        }
    }
}

/// Ends a session once it is recorded who wants it.
pub(crate) async fn close_session(desk: &Desk, number: SessionNumber, by: Draft) -> Result<(), NotClosed> {
    let views = desk.ledger.sessions().await.ok_or(NotClosed::Stopping)?;
    if !views.iter().any(|view| view.number == number) {
        return Err(NotClosed::Gone(number));
    }
    desk.ledger.store().note(by).await.map_err(NotClosed::NotRecorded)?;
    match desk.ledger.close(number, CloseReason::Administrator).await {
        true => Ok(()),
        false => Err(NotClosed::Ending(number)),
    }
}

/// Records what an administrator does, before it is done.
async fn act(desk: &Desk, kind: Kind, uid: Uid, session: Option<SessionNumber>) -> Result<(), String> {
    let fields = Fields::default().with("uid", i64::from(uid.as_raw()));
    let draft = Draft { session, fields, ..Draft::new(kind, clock::now().wall) };
    desk.ledger.store().note(draft).await.map_err(|error| error.to_string())
}

/// First nobody gets in any more, then whoever is in is out.
async fn block(desk: &Desk, uid: Uid, worker: &str) -> Result<Value, String> {
    if worker.is_empty() || worker.chars().any(char::is_control) {
        return Err("nobody has such a name".to_owned());
    }
    act_on(desk, Kind::WorkerBlocked, uid, worker).await?;
    let live = desk.ledger.sessions_of(worker).pop();
    let id = live.and_then(|number| desk.ledger.workers().remove(&number)).map(|worker| worker.id);
    desk.blocked.block(worker, id.as_deref(), clock::now().wall)?;
    let mut ended = 0;
    while let Some(number) = desk.ledger.sessions_of(worker).pop() {
        if !desk.ledger.close(number, CloseReason::Administrator).await {
            return Err(format!("`{worker}` is blocked; session {number} is ending, and that is not recorded yet"));
        }
        ended += 1;
    }
    Ok(json!({ "worker": worker, "ended": ended }))
}

/// Records what an administrator does to a worker, before it is done.
async fn act_on(desk: &Desk, kind: Kind, uid: Uid, worker: &str) -> Result<(), String> {
    let draft = draft_on(kind, uid, worker);
    desk.ledger.store().note(draft).await.map_err(|error| error.to_string())
}

fn draft_on(kind: Kind, uid: Uid, worker: &str) -> Draft {
    let fields = Fields::default().with("uid", i64::from(uid.as_raw()));
    let names = Fields::default().with("worker", worker);
    Draft { fields, names, ..Draft::new(kind, clock::now().wall) }
}

/// The worker of this name, as the directory knows them.
async fn named(desk: &Desk, worker: &str) -> Result<Person, String> {
    let found = desk.directory.person(worker.trim()).await;
    let found = found.map_err(|why| format!("the directory does not say who `{worker}` is: {why}"))?;
    found.ok_or_else(|| format!("nobody in the directory, or more than one, is called `{worker}`"))
}

/// What the office hands over. It is in this answer and nowhere else.
fn offered(worker: &Person, offered: Result<Offered, NotDone>) -> Result<Value, String> {
    let Offered { code, ends_at } = offered.map_err(|error| not_done(&worker.name, &error))?;
    Ok(json!({ "worker": &*worker.name, "code": code, "ends_at": ends_at }))
}

/// Also of somebody whom the directory no longer knows: then by the name that is listed.
async fn remove_factor(desk: &Desk, uid: Uid, worker: &str) -> Result<Value, String> {
    let found = desk.directory.person(worker).await;
    let (now, draft) = (clock::now().wall, draft_on(Kind::FactorRemoved, uid, worker));
    let removed = match found {
        Ok(Some(person)) => desk.factors.remove(&person.id, now, draft).await,
        Ok(None) | Err(_) => desk.factors.remove_listed(worker, now, draft).await,
    };
    removed.map_err(|error| not_done(worker, &error))?;
    Ok(json!({ "worker": worker }))
}

fn not_done(worker: &str, error: &NotDone) -> String {
    match error {
        NotDone::Enrolled => {
            format!("`{worker}` has a second factor: if another is needed, take this one back with `factor reset`")
        }
        NotDone::NotEnrolled => format!("`{worker}` has no second factor: `factor enrol` gives a code for one"),
        NotDone::Failed(error) => error.to_string(),
    }
}

/// Records what an administrator does about a home computer, before it is done.
async fn act_on_device(desk: &Desk, kind: Kind, uid: Uid, worker: Option<&str>, device: &str) -> Result<(), String> {
    let fields = Fields::default().with("uid", i64::from(uid.as_raw()));
    let names = Fields::default().with("device", device);
    let names = worker.into_iter().fold(names, |names, worker| names.with("worker", worker));
    let draft = Draft { fields, names, ..Draft::new(kind, clock::now().wall) };
    desk.ledger.store().note(draft).await.map_err(|error| error.to_string())
}

/// Records what an administrator wants of the policy, before it is done.
async fn order(desk: &Desk, uid: Uid, order: &str) -> Result<(), String> {
    let fields = Fields::default().with("uid", i64::from(uid.as_raw())).with("order", order);
    let draft = Draft { fields, ..Draft::new(Kind::PolicyOrdered, clock::now().wall) };
    desk.ledger.store().note(draft).await.map_err(|error| error.to_string())
}

/// What became of a policy. An unusable or a held one is an answer too, which the command tells apart by its exit code.
fn outcome(outcome: Result<Preview, NotApplied>, applied: bool) -> Result<Value, String> {
    match outcome {
        Ok(preview) => Ok(json!({ "applied": applied, "preview": preview })),
        Err(NotApplied::Braked(preview)) => {
            Ok(json!({ "applied": false, "held": preview.braked(), "preview": preview }))
        }
        Err(NotApplied::Mistakes(full)) => Ok(json!({ "applied": false, "mistakes": full })),
        Err(NotApplied::Stopping) => Err("the gateway is stopping".to_owned()),
    }
}

async fn views(desk: &Desk) -> Result<Vec<View>, String> {
    desk.ledger.sessions().await.ok_or_else(|| NotClosed::Stopping.to_string())
}

async fn one(desk: &Desk, number: SessionNumber) -> Result<View, String> {
    let views = views(desk).await?;
    views.into_iter().find(|view| view.number == number).ok_or_else(|| NotClosed::Gone(number).to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strangers_may_not_ask() {
        assert!(may_ask(Uid::from_raw(0), Gid::from_raw(0), None));
        assert!(may_ask(Uid::effective(), Gid::from_raw(77), None));
        assert!(!may_ask(Uid::from_raw(54_321), Gid::from_raw(54_321), None));
        assert!(!may_ask(Uid::from_raw(54_321), Gid::from_raw(54_321), Some(Gid::from_raw(7))));
        assert!(may_ask(Uid::from_raw(54_321), Gid::from_raw(7), Some(Gid::from_raw(7))));
    }
}
