//! The fence round the tunnel, as the daemon sees it: which ways of which session the kernel lets pass.
//!
//! The fence itself is an nftables table (`firewall`), and who changes it is a process of its own ([`keeper`]); here
//! the daemon asks, and waits for the answer. A session is admitted only once its ways are open, and they are shut as
//! soon as it ends. Without its keeper the daemon can open nothing: it says so, and no session begins any more until
//! the gateway is restarted, while those that are open go on.

mod keeper;
mod order;

use std::{
    collections::BTreeMap,
    net::IpAddr,
    os::unix::net::UnixStream,
    path::Path,
    process::{Child, Command, Stdio},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
};

use gateway_api::SessionNumber;
use gateway_core::granted;
use policy::Grant;
use tokio::{
    io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader},
    net::unix::{OwnedReadHalf, OwnedWriteHalf},
    sync::{mpsc, oneshot},
};

pub(crate) use keeper::run as keep;
use order::{Answer, Order, Ways};

use crate::{
    config::Config,
    firewall::{self, Table},
    stop::{self, Step},
    tun,
};

/// The keeper runs, and nothing is open yet.
#[derive(Debug)]
pub(crate) struct Raised {
    socket: UnixStream,
    keeper: Child,
}

/// Makes the table, and starts its keeper while there are rights to give it. None where the configuration wants no
/// firewall.
pub(crate) fn raise(config: &Config, file: &Path) -> Result<Option<Raised>, String> {
    // Its table has this device's name too, and is not ours to replace.
    if nix::net::if_::if_nametoindex(config.office.device.as_str()).is_ok() {
        return Err(tun::explain(&config.office.device, &nix::errno::Errno::EBUSY.into()));
    }
    if !config.office.firewall {
        if config.office.masquerade {
            firewall::run_nft(&Table::new(&config.office, config.tunnel.pools, 0).begin())
                .map_err(|error| explain(&error))?;
        }
        return Ok(None);
    }
    let failed = |error: std::io::Error| format!("cannot start the firewall's keeper: {error}");
    let (socket, its) = UnixStream::pair().map_err(failed)?;
    let mut keeper = Command::new("/proc/self/exe")
        .arg("fence")
        .arg("--config")
        .arg(file)
        .stdin(Stdio::from(std::os::fd::OwnedFd::from(its)))
        .stdout(Stdio::null())
        .spawn()
        .map_err(failed)?;
    match first_word(&socket) {
        Some(Answer::Ok) => Ok(Some(Raised { socket, keeper })),
        said => {
            let _ = keeper.wait();
            match said {
                Some(Answer::No(words)) => Err(words),
                _ => Err("the firewall's keeper ended without a word".to_owned()),
            }
        }
    }
}

/// Read byte by byte: what follows is for whoever reads next.
fn first_word(mut socket: &UnixStream) -> Option<Answer> {
    use std::io::Read as _;
    let mut line = Vec::new();
    let mut byte = [0];
    while socket.read(&mut byte).ok()? == 1 && byte != *b"\n" {
        line.extend(byte);
    }
    Answer::parse(std::str::from_utf8(&line).ok()?)
}

/// What nft said, with what to do about it.
fn explain(error: &str) -> String {
    format!(
        "cannot set the firewall with `nft`: {error}: install nftables and start the gateway with CAP_NET_ADMIN, or set \
         `firewall` and `masquerade` under `[office]` to false and route the pools yourself"
    )
}

impl Raised {
    /// Starts to pass orders on; to be called in the runtime. The second value is to be waited for at the very end, when
    /// nobody holds the fence any more.
    pub(crate) fn start(self) -> Result<(Fence, Ending), String> {
        let failed = |error: std::io::Error| format!("cannot talk to the firewall's keeper: {error}");
        self.socket.set_nonblocking(true).map_err(failed)?;
        let (reads, writes) = tokio::net::UnixStream::from_std(self.socket).map_err(failed)?.into_split();
        Ok((Fence::over(reads, writes), Ending(self.keeper)))
    }
}

/// A keeper that is to end.
#[derive(Debug)]
pub(crate) struct Ending(Child);

impl Ending {
    /// Waits until it has shut the fence, so that the next start meets no keeper of this one.
    pub(crate) fn wait(mut self) {
        stop::wait_for(Step::Keeper, || !matches!(self.0.try_wait(), Ok(None)));
    }
}

/// Why a session's ways are not open.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct NotOpen(pub(crate) String);

/// The handle to the fence.
#[derive(Debug, Clone, Default)]
pub(crate) struct Fence {
    /// None where the configuration wants no firewall.
    orders: Option<mpsc::UnboundedSender<Asked>>,
    open: Arc<Mutex<BTreeMap<SessionNumber, Ways>>>,
    /// The keeper is gone.
    unkept: Arc<AtomicBool>,
}

type Asked = (Order, oneshot::Sender<Answer>);

impl Fence {
    fn over(reads: OwnedReadHalf, writes: OwnedWriteHalf) -> Self {
        let (orders, asked) = mpsc::unbounded_channel();
        let (replies, awaited) = mpsc::unbounded_channel();
        tokio::spawn(pass_on(asked, writes, replies));
        let fence = Self { orders: Some(orders), ..Self::default() };
        tokio::spawn(hand_out(reads, awaited, Arc::clone(&fence.unkept)));
        fence
    }

    /// Opens the ways of a session that is about to begin, and no others.
    pub(crate) async fn open(
        &self,
        number: SessionNumber,
        source: IpAddr,
        workstation: IpAddr,
        grant: &Grant,
    ) -> Result<(), NotOpen> {
        let ways = Ways { source, workstation, ports: granted(grant) };
        self.put(number, |_| Some(ways)).await
    }

    /// Opens what another grant for the same workstation adds. What it takes away stays open until [`Self::narrow`]:
    /// flows that are to end must be told so.
    pub(crate) async fn widen(&self, number: SessionNumber, grant: &Grant) -> Result<(), NotOpen> {
        self.change(number, |mut before| {
            before.extend(granted(grant));
            before.sort_unstable();
            before.dedup();
            before
        })
        .await
    }

    /// Shuts what another grant took away.
    pub(crate) async fn narrow(&self, number: SessionNumber, grant: &Grant) -> Result<(), NotOpen> {
        self.change(number, |_| granted(grant)).await
    }

    /// Shuts the ways of a session that is over; waits for nobody.
    pub(crate) fn close(&self, number: SessionNumber) {
        let mut open = self.ways();
        if open.remove(&number).is_some() {
            // In the order of the lock, so that the end of a session never overtakes its beginning.
            drop(self.ask(Order::Remove(number.bits())));
        }
    }

    /// Whether its keeper runs; none where the configuration wants no firewall.
    pub(crate) fn is_kept(&self) -> Option<bool> {
        self.orders.as_ref().map(|_| !self.unkept.load(Ordering::Acquire))
    }

    /// How many sessions' ways are open.
    pub(crate) fn count(&self) -> usize {
        self.ways().len()
    }

    /// The policy's files say something else now.
    pub(crate) async fn policy_changed(&self) {
        if let Err(NotOpen(why)) = told(self.ask(Order::Policy)).await {
            tracing::error!(why, "the firewall's keeper goes by the policy before");
        }
    }

    async fn change(
        &self,
        number: SessionNumber,
        change: impl FnOnce(Vec<order::Port>) -> Vec<order::Port>,
    ) -> Result<(), NotOpen> {
        self.put(number, |before| {
            let Ways { source, workstation, ports } = before?.clone();
            Some(Ways { source, workstation, ports: change(ports) })
        })
        .await
    }

    async fn put(
        &self,
        number: SessionNumber,
        ways: impl FnOnce(Option<&Ways>) -> Option<Ways>,
    ) -> Result<(), NotOpen> {
        let (before, ways, answer) = {
            let mut open = self.ways();
            let before = open.get(&number).cloned();
            let Some(ways) = ways(before.as_ref()) else { return Ok(()) };
            // A grant without ports opens nothing, and so is nothing to put.
            if before.as_ref() == Some(&ways) || ways.ports.is_empty() && before.is_none() {
                return Ok(());
            }
            open.insert(number, ways.clone());
            let order = match ways.ports.is_empty() {
                true => Order::Remove(number.bits()),
                false => Order::Put(number.bits(), ways.clone()),
            };
            (before, ways, self.ask(order))
        };
        let told = told(answer).await;
        if told.is_err() {
            self.take_back(number, &ways, before);
        }
        told
    }

    /// What was refused is asked for again when it is wanted again: the keeper left everything as it was.
    fn take_back(&self, number: SessionNumber, refused: &Ways, before: Option<Ways>) {
        let mut open = self.ways();
        if open.get(&number) == Some(refused) {
            match before {
                Some(before) => open.insert(number, before),
                None => open.remove(&number),
            };
        }
    }

    /// Puts an order at once; its answer is awaited by [`told`]. None where there is no firewall.
    fn ask(&self, order: Order) -> Option<oneshot::Receiver<Answer>> {
        let (reply, answer) = oneshot::channel();
        let orders = self.orders.as_ref()?;
        // Without a keeper the reply is dropped, which is an answer too.
        let _ = orders.send((order, reply));
        Some(answer)
    }

    fn ways(&self) -> MutexGuard<'_, BTreeMap<SessionNumber, Ways>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn told(answer: Option<oneshot::Receiver<Answer>>) -> Result<(), NotOpen> {
    let Some(answer) = answer else { return Ok(()) };
    match answer.await {
        Ok(Answer::Ok | Answer::Note(_)) => Ok(()),
        Ok(Answer::No(why)) => Err(NotOpen(why)),
        Err(_) => Err(NotOpen("the firewall's keeper is gone: restart the gateway".to_owned())),
    }
}

/// Writes orders; ends with the keeper, or with the last handle. Apart from [`hand_out`], so that two full sockets never
/// wait for each other.
async fn pass_on(
    mut asked: mpsc::UnboundedReceiver<Asked>,
    mut writes: OwnedWriteHalf,
    awaited: mpsc::UnboundedSender<oneshot::Sender<Answer>>,
) {
    while let Some((order, reply)) = asked.recv().await {
        let mut said = format!("{order}\n");
        let mut there = awaited.send(reply).is_ok();
        // What waits goes along: the keeper makes one change of it.
        while let Ok((order, reply)) = asked.try_recv() {
            said += &format!("{order}\n");
            there &= awaited.send(reply).is_ok();
        }
        if !there || writes.write_all(said.as_bytes()).await.is_err() {
            return;
        }
    }
}

/// Hands answers out, which come in the order of the orders, until the keeper is gone.
async fn hand_out(
    reads: OwnedReadHalf,
    mut awaited: mpsc::UnboundedReceiver<oneshot::Sender<Answer>>,
    unkept: Arc<AtomicBool>,
) {
    let mut lines = BufReader::new(reads).lines();
    while let Ok(Some(line)) = lines.next_line().await {
        match Answer::parse(&line) {
            Some(Answer::Note(words)) => tracing::warn!(words, "the firewall's keeper says"),
            Some(answer) => drop(awaited.recv().await.map(|reply| reply.send(answer))),
            None => break,
        }
    }
    unkept.store(true, Ordering::Release);
    tracing::error!(
        "the firewall's keeper is gone: open sessions go on, and no other opens until the gateway is restarted"
    );
}

#[cfg(test)]
mod tests;
