//! The fence's keeper: a small process of its own that alone keeps the right to change the firewall.
//!
//! The daemon starts it before it gives up its rights, on one end of a pair of sockets, and afterwards can do no more
//! than ask. The keeper answers each order, and believes none: a session's tuples must begin in the tunnel's pool and
//! end in one of the policy's `workstation_networks`, which the keeper reads from the policy's files by itself. So a
//! daemon that was taken over opens no way that the policy could not have granted.
//!
//! Orders that wait are carried out in one transaction, so that a Monday morning costs a few of them. When the daemon
//! ends, however it ends, the keeper takes every tuple out and ends as well: the table that stays lets nothing through.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    io::{self, Read as _, Write as _},
    net::IpAddr,
    os::{fd::AsFd as _, unix::net::UnixStream},
    path::PathBuf,
    process::ExitCode,
    time::Duration,
};

use gateway_core::{Family, Pools};
use nix::sys::signal::{SigSet, Signal};
use policy::Network;

use super::order::{Answer, LONGEST, Order, Ways};
use crate::{
    Failure,
    config::Config,
    firewall::{self, Table, Tuple},
    policy_files, privileges,
};

/// How often the keeper looks whether its table is still there: a reload of the system's firewall empties every table.
const LOOK: Duration = Duration::from_secs(10);
/// The most ports of a session. A desktop has one.
const MOST_PORTS: usize = 4096;

/// Runs as the keeper until the daemon ends.
pub(crate) fn run(config: &Config) -> Result<ExitCode, Failure> {
    let stdin = io::stdin().as_fd().try_clone_to_owned();
    let socket = stdin.map_err(|error| Failure::Failed(format!("cannot use the standard input: {error}")))?;
    if nix::sys::socket::getsockname::<nix::sys::socket::UnixAddr>(std::os::fd::AsRawFd::as_raw_fd(&socket)).is_err() {
        return Err(Failure::Unusable("the gateway starts this by itself: use `serve`".to_owned()));
    }
    let mut socket = UnixStream::from(socket);
    let keeper = prepare().and_then(|()| Keeper::begin(config));
    let said = match &keeper {
        Ok(_) => Answer::Ok,
        Err(error) => Answer::No(error.clone()),
    };
    // The daemon tells it; one that is gone needs no telling.
    let _ = writeln!(socket, "{said}");
    let Ok(mut keeper) = keeper else { return Ok(ExitCode::FAILURE) };
    let outcome = keeper.keep(&mut socket);
    let shut = keeper.shut();
    outcome.and(shut).map(|()| ExitCode::SUCCESS).map_err(Failure::Failed)
}

/// Gives up everything but the one right. A stop of the whole service reaches the keeper as well: it outlives the
/// daemon by a moment, so it heeds the daemon's end alone.
fn prepare() -> Result<(), String> {
    privileges::hide_memory()?;
    privileges::keep_firewall_only()?;
    let heeded: SigSet = [Signal::SIGTERM, Signal::SIGINT, Signal::SIGHUP].into_iter().collect();
    heeded.thread_block().map_err(|error| format!("cannot set signals aside: {error}"))
}

struct Keeper {
    table: Table,
    pools: Pools,
    policy: PathBuf,
    networks: Vec<Network>,
    sessions: HashMap<u64, Ways>,
    /// A tunnel address is one session's at a time.
    by_source: BTreeMap<IpAddr, u64>,
    /// What the kernel holds may be something else: a change failed, and so did making the table again.
    in_doubt: bool,
}

impl Keeper {
    /// Makes the table.
    fn begin(config: &Config) -> Result<Self, String> {
        let mut run = [0; 4];
        getrandom::fill(&mut run).map_err(|error| format!("the system gives no random bytes: {error}"))?;
        let table = Table::new(&config.office, config.tunnel.pools, u32::from_be_bytes(run));
        let mut keeper = Self {
            table,
            pools: config.tunnel.pools,
            policy: config.policy.clone(),
            networks: Vec::new(),
            sessions: HashMap::new(),
            by_source: BTreeMap::new(),
            in_doubt: false,
        };
        keeper.read_policy()?;
        firewall::run_nft(&keeper.table.begin()).map_err(|error| super::explain(&error))?;
        Ok(keeper)
    }

    fn read_policy(&mut self) -> Result<(), String> {
        let loaded = policy_files::load(&self.policy).map_err(|error| error.to_string())?;
        self.networks = loaded.policy.workstation_networks().to_vec();
        Ok(())
    }

    /// Carries out orders until nobody gives any more. An error is one of the daemon's that no daemon of ours makes.
    fn keep(&mut self, socket: &mut UnixStream) -> Result<(), String> {
        let failed = |error: io::Error| format!("the daemon cannot be heard: {error}");
        socket.set_read_timeout(Some(LOOK)).map_err(failed)?;
        let mut chunk = vec![0; 64 * 1024];
        let mut unread = Vec::new();
        loop {
            let answers = match socket.read(&mut chunk) {
                Ok(0) => return Ok(()),
                Ok(length) => {
                    unread.extend_from_slice(chunk.get(..length).unwrap_or_default());
                    let orders = take_orders(&mut unread)?;
                    if orders.is_empty() {
                        continue;
                    }
                    self.carry_out(orders)
                }
                Err(error) if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut) => {
                    self.look().into_iter().collect()
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(failed(error)),
            };
            let said: String = answers.iter().map(|answer| format!("{answer}\n")).collect();
            // Its end is met at the next reading.
            let _ = socket.write_all(said.as_bytes());
        }
    }

    /// Carries out all orders in one transaction.
    fn carry_out(&mut self, orders: Vec<Order>) -> Vec<Answer> {
        let mut changes = Changes::default();
        let mut opened = Vec::new();
        let mut answers = Vec::with_capacity(orders.len());
        for order in orders {
            let outcome = match order {
                Order::Put(number, ways) => self.check(&ways).map(|()| {
                    opened.push((answers.len(), number, self.sessions.get(&number).cloned()));
                    self.put(number, ways, &mut changes);
                }),
                Order::Remove(number) => {
                    // It is over, whatever becomes of what was asked before.
                    opened.iter_mut().filter(|(_, of, _)| *of == number).for_each(|(.., before)| *before = None);
                    self.remove(number, &mut changes);
                    Ok(())
                }
                Order::Policy => self.read_policy(),
            };
            answers.push(outcome.map_or_else(Answer::No, |()| Answer::Ok));
        }
        let (out, into) = changes.net();
        if !self.in_doubt
            && (out.is_empty() && into.is_empty() || firewall::run_nft(&self.table.change(out, into)).is_ok())
        {
            return answers;
        }
        match self.again() {
            Ok(()) => answers.push(Answer::Note(self.made_again())),
            Err(error) => {
                // The newest first, so that what a session had before all of them stays.
                for (place, number, before) in opened.into_iter().rev() {
                    self.forget(number);
                    if let Some(before) = before {
                        self.by_source.insert(before.source, number);
                        self.sessions.insert(number, before);
                    }
                    if let Some(answer) = answers.get_mut(place) {
                        *answer = Answer::No(error.clone());
                    }
                }
            }
        }
        answers
    }

    /// Whether the policy could have granted it.
    fn check(&self, Ways { source, workstation, ports }: &Ways) -> Result<(), String> {
        if !self.pools.lends(*source) {
            return Err(format!("{source} is no session's address"));
        }
        let is_ours = self.pools.contains(*workstation);
        if Family::of(*source) != Family::of(*workstation) || is_ours || !crate::workstation::is_reachable(workstation)
        {
            return Err(format!("{workstation} is no workstation's address"));
        }
        if !self.networks.is_empty() && !self.networks.iter().any(|network| network.contains(*workstation)) {
            return Err(format!("{workstation} lies in none of the policy's `workstation_networks`"));
        }
        if ports.len() > MOST_PORTS {
            return Err(format!("{} ports are more than the {MOST_PORTS} that a session may have", ports.len()));
        }
        Ok(())
    }

    fn put(&mut self, number: u64, ways: Ways, changes: &mut Changes) {
        self.remove(number, changes);
        if let Some(other) = self.by_source.get(&ways.source).copied() {
            // Its session ended, or the address would not have been lent again.
            self.remove(other, changes);
        }
        changes.add(tuples(&ways));
        self.by_source.insert(ways.source, number);
        self.sessions.insert(number, ways);
    }

    fn remove(&mut self, number: u64, changes: &mut Changes) {
        if let Some(ways) = self.forget(number) {
            changes.take(tuples(&ways));
        }
    }

    fn forget(&mut self, number: u64) -> Option<Ways> {
        let ways = self.sessions.remove(&number)?;
        self.by_source.remove(&ways.source);
        Some(ways)
    }

    /// Whether the table is there; puts it up again where somebody took it away.
    fn look(&mut self) -> Option<Answer> {
        if !self.in_doubt && firewall::run_nft(&self.table.change([], [])).is_ok() {
            return None;
        }
        let said = match self.again() {
            Ok(()) => self.made_again(),
            Err(error) => {
                format!("the table `inet {}` cannot be made again ({error}): restart the gateway", self.table.name())
            }
        };
        Some(Answer::Note(said))
    }

    /// Makes the table again with all that it should hold: where it was taken away, or in the place of our own. Never in
    /// the place of another gateway's.
    fn again(&mut self) -> Result<(), String> {
        let tuples = || self.sessions.values().flat_map(tuples);
        let made = firewall::run_nft(&self.table.again(tuples()))
            .or_else(|_| firewall::run_nft(&self.table.instead(tuples())));
        self.in_doubt = made.is_err();
        made
    }

    fn made_again(&self) -> String {
        format!("somebody changed the table `inet {}` or took it away: made again", self.table.name())
    }

    fn shut(&self) -> Result<(), String> {
        // Another gateway may have put its own table there already, which is then not ours to empty.
        firewall::run_nft(&self.table.shut()).map_err(|error| format!("cannot shut the fence: {error}"))
    }
}

fn tuples(ways: &Ways) -> impl Iterator<Item = Tuple> + use<'_> {
    let Ways { source, workstation, ports } = ways;
    ports.iter().map(|(protocol, port)| Tuple {
        source: *source,
        workstation: *workstation,
        protocol: *protocol,
        port: *port,
    })
}

/// What a batch of orders comes to: a tuple that was taken out and put in again is not touched at all.
#[derive(Debug, Default)]
struct Changes {
    /// Whether each tuple that was touched is there in the kernel, and whether it is to be.
    touched: BTreeMap<Tuple, (bool, bool)>,
}

impl Changes {
    fn add(&mut self, tuples: impl Iterator<Item = Tuple>) {
        tuples.for_each(|tuple| self.touched.entry(tuple).or_insert((false, true)).1 = true);
    }

    fn take(&mut self, tuples: impl Iterator<Item = Tuple>) {
        tuples.for_each(|tuple| self.touched.entry(tuple).or_insert((true, false)).1 = false);
    }

    /// What goes out, what comes in.
    fn net(self) -> (BTreeSet<Tuple>, BTreeSet<Tuple>) {
        let of = |wanted| self.touched.iter().filter(move |(_, is)| **is == wanted).map(|(tuple, _)| *tuple);
        (of((true, false)).collect(), of((false, true)).collect())
    }
}

/// Takes every whole line.
fn take_orders(unread: &mut Vec<u8>) -> Result<Vec<Order>, String> {
    let whole = unread.iter().rposition(|byte| *byte == b'\n').map_or(0, |end| end + 1);
    if unread.len() - whole > LONGEST {
        return Err("the daemon speaks without end".to_owned());
    }
    let lines: Vec<u8> = unread.drain(..whole).collect();
    let order = |line: &[u8]| std::str::from_utf8(line).ok().and_then(Order::parse);
    let orders: Option<Vec<Order>> =
        lines.split_inclusive(|byte| *byte == b'\n').map(|line| order(line.strip_suffix(b"\n")?)).collect();
    orders.ok_or_else(|| "the daemon says what is no order".to_owned())
}

#[cfg(test)]
mod tests {
    use gateway_core::Protocol;

    use super::*;

    fn network(text: &str) -> Network {
        let (address, length) = text.split_once('/').unwrap();
        Network { address: address.parse().unwrap(), length: length.parse().unwrap() }
    }

    fn keeper(networks: &[&str]) -> Keeper {
        let office = crate::config::Office { device: "desk0".into(), masquerade: false, firewall: true };
        let pools = Pools { v4: "100.96.0.0/20".parse().unwrap(), v6: Some("fd64::/64".parse().unwrap()) };
        Keeper {
            table: Table::new(&office, pools, 7),
            pools,
            policy: PathBuf::new(),
            networks: networks.iter().map(|text| network(text)).collect(),
            sessions: HashMap::new(),
            by_source: BTreeMap::new(),
            in_doubt: false,
        }
    }

    fn ways(source: &str, workstation: &str, ports: &[u16]) -> Ways {
        Ways {
            source: source.parse().unwrap(),
            workstation: workstation.parse().unwrap(),
            ports: ports.iter().map(|port| (Protocol::Tcp, *port)).collect(),
        }
    }

    #[test]
    fn only_a_session_s_way_to_a_workstation_is_opened() {
        let keeper = keeper(&["10.20.3.0/24", "fd20:3::/64"]);
        assert_eq!(keeper.check(&ways("100.96.0.2", "10.20.3.47", &[3389])), Ok(()));
        assert_eq!(keeper.check(&ways("fd64::2", "fd20:3::47", &[3389])), Ok(()));
        for (source, workstation) in [
            ("100.96.0.1", "10.20.3.47"),
            ("100.97.0.2", "10.20.3.47"),
            ("10.20.3.48", "10.20.3.47"),
            ("fd00::2", "10.20.3.47"),
            ("100.96.0.2", "10.20.4.47"),
            ("100.96.0.2", "100.96.0.3"),
            ("100.96.0.2", "127.0.0.1"),
            ("100.96.0.2", "255.255.255.255"),
            ("100.96.0.2", "fd20:3::47"),
            ("fd64::2", "10.20.3.47"),
            ("fd64::1", "fd20:3::47"),
            ("fd64::", "fd20:3::47"),
            ("fd64::1:0", "fd20:3::47"),
            ("fd20:3::48", "fd20:3::47"),
            ("fd64::2", "fd20:4::47"),
            ("fd64::2", "fd64::3"),
            ("fd64::2", "fe80::47"),
            ("fd64::2", "::1"),
            ("fd64::2", "ff02::1"),
        ] {
            assert!(keeper.check(&ways(source, workstation, &[3389])).is_err(), "{source} {workstation}");
        }
    }

    #[test]
    fn without_networks_in_the_policy_a_workstation_may_be_anywhere_but_here() {
        let keeper = keeper(&[]);
        assert_eq!(keeper.check(&ways("100.96.0.2", "192.0.2.9", &[3389])), Ok(()));
        assert!(keeper.check(&ways("100.96.0.2", "100.96.0.3", &[3389])).is_err());
        assert!(keeper.check(&ways("100.96.0.2", "127.0.0.1", &[3389])).is_err());
    }

    #[test]
    fn a_batch_changes_only_what_is_different_at_its_end() {
        let mut keeper = keeper(&[]);
        let mut changes = Changes::default();
        keeper.put(1, ways("100.96.0.2", "10.20.3.47", &[1, 2]), &mut changes);
        keeper.put(2, ways("100.96.0.3", "10.20.3.48", &[1]), &mut changes);
        keeper.remove(2, &mut changes);
        let (out, into) = changes.net();
        assert!(out.is_empty());
        assert_eq!(into.len(), 2);

        let mut changes = Changes::default();
        keeper.put(1, ways("100.96.0.2", "10.20.3.47", &[2, 3]), &mut changes);
        let (out, into) = changes.net();
        assert_eq!(out.iter().map(|tuple| tuple.port).collect::<Vec<_>>(), [1]);
        assert_eq!(into.iter().map(|tuple| tuple.port).collect::<Vec<_>>(), [3]);
    }

    #[test]
    fn an_address_that_is_lent_again_is_the_last_session_s_alone() {
        let mut keeper = keeper(&[]);
        keeper.put(1, ways("100.96.0.2", "10.20.3.47", &[1]), &mut Changes::default());
        let mut changes = Changes::default();
        keeper.put(2, ways("100.96.0.2", "10.20.3.48", &[1]), &mut changes);
        // The end of the first comes late.
        keeper.remove(1, &mut changes);
        let (out, into) = changes.net();
        assert_eq!(out.iter().map(|tuple| tuple.workstation.to_string()).collect::<Vec<_>>(), ["10.20.3.47"]);
        assert_eq!(into.iter().map(|tuple| tuple.workstation.to_string()).collect::<Vec<_>>(), ["10.20.3.48"]);
        assert_eq!(keeper.sessions.keys().collect::<Vec<_>>(), [&2]);
    }

    #[test]
    fn lines_are_taken_when_they_are_whole() {
        let mut unread = b"remove 1\npolicy\nremo".to_vec();
        assert_eq!(take_orders(&mut unread), Ok(vec![Order::Remove(1), Order::Policy]));
        unread.extend(b"ve 2\n");
        assert_eq!(take_orders(&mut unread), Ok(vec![Order::Remove(2)]));
        assert_eq!(take_orders(&mut unread), Ok(Vec::new()));
        assert!(take_orders(&mut b"open sesame\n".to_vec()).is_err());
        assert!(take_orders(&mut vec![b'a'; LONGEST + 1]).is_err());
    }
}
