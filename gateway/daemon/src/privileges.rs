//! Gives up what is not needed once sockets, device and firewall are up.
//!
//! Capabilities belong to threads, not to processes: each thread that lives on must give up its own, and threads started
//! later inherit what is left. So the data plane's thread gives up when it begins, the main thread before it starts any other, and
//! [`leftovers`] looks at all of them afterwards.

use caps::{CapSet, Capability, CapsHashSet};

/// How nice threads are that carry no packets: a third of a packet loop's weight where both want the same processor (sched(7)).
const BEHIND_PACKETS: i32 = 5;

/// Gives up every capability of this thread, for good: also what a program it starts could gain.
pub(crate) fn give_up() -> Result<(), String> {
    let failed = |what: &str, error: &dyn std::fmt::Display| format!("cannot give up {what}: {error}");
    nix::sys::prctl::set_no_new_privs().map_err(|error| failed("new privileges", &error))?;
    // What is dropped from the bounding set can never come back. Only who holds CAP_SETPCAP may drop from it; without it
    // the other sets and no_new_privs bar the way.
    if caps::has_cap(None, CapSet::Effective, Capability::CAP_SETPCAP).unwrap_or(false) {
        caps::clear(None, CapSet::Bounding).map_err(|error| failed("the bounding set", &error))?;
    }
    // Kernels without ambient capabilities have none to give up.
    let _ = caps::clear(None, CapSet::Ambient);
    for set in [CapSet::Inheritable, CapSet::Effective, CapSet::Permitted] {
        caps::set(None, set, &CapsHashSet::new()).map_err(|error| failed("capabilities", &error))?;
    }
    Ok(())
}

/// Gives up everything but the right to change the network, which a program it starts gains as well: for the process
/// that keeps the firewall.
pub(crate) fn keep_firewall_only() -> Result<(), String> {
    let failed = |what: &str, error: &dyn std::fmt::Display| format!("cannot keep {what} alone: {error}");
    nix::sys::prctl::set_no_new_privs().map_err(|error| failed("old privileges", &error))?;
    let kept = CapsHashSet::from_iter([Capability::CAP_NET_ADMIN]);
    if caps::has_cap(None, CapSet::Effective, Capability::CAP_SETPCAP).unwrap_or(false) {
        for other in caps::all().difference(&kept) {
            // A kernel that does not know it has nothing to drop.
            let _ = caps::drop(None, CapSet::Bounding, *other);
        }
    }
    let _ = caps::clear(None, CapSet::Ambient);
    for set in [CapSet::Inheritable, CapSet::Effective, CapSet::Permitted] {
        caps::set(None, set, &kept).map_err(|error| failed("CAP_NET_ADMIN", &error))?;
    }
    caps::set(None, CapSet::Ambient, &kept).map_err(|error| failed("CAP_NET_ADMIN", &error))
}

/// For threads to call that carry no packets: gives them less of a busy processor than this thread has, and the packet loops, so that
/// strangers who knock do not slow down whoever works. On Linux each thread has a niceness of its own, setpriority(2).
pub(crate) fn behind_packets() -> impl Fn() {
    let own = rustix::process::getpriority_process(None).unwrap_or_default();
    // A system that does not let us be modest serves all the same.
    move || {
        let _ = rustix::process::setpriority_process(None, own + BEHIND_PACKETS);
    }
}

/// Keeps passwords and keys out of core dumps, and other processes of the same user out of this one's memory.
pub(crate) fn hide_memory() -> Result<(), String> {
    nix::sys::prctl::set_dumpable(false).map_err(|error| format!("cannot switch core dumps off: {error}"))
}

/// The threads of this process that still hold capabilities.
pub(crate) fn leftovers() -> Vec<String> {
    let threads = std::fs::read_dir("/proc/self/task").into_iter().flatten().flatten();
    let holds = |status: &str| {
        let effective = status.lines().find_map(|line| line.strip_prefix("CapPrm:"));
        effective.is_some_and(|mask| mask.trim().bytes().any(|digit| digit != b'0'))
    };
    let name =
        |status: &str| status.lines().find_map(|line| line.strip_prefix("Name:")).unwrap_or_default().trim().to_owned();
    threads
        .filter_map(|thread| std::fs::read_to_string(thread.path().join("status")).ok())
        .filter(|status| holds(status))
        .map(|status| name(&status))
        .collect()
}
