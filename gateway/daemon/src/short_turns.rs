//! Short turns at the processor for the loops, so that whoever waits for one waits less.
//!
//! A loop that carries a copy always has something to do, and so have the programs at both ends of it: then a colleague's keystroke waits
//! for somebody's turn to end, on each of its hops. Since Linux 6.12 a thread may say how long its turns are to be (`sched_runtime` in
//! sched_setattr(2), 0.1 to 100 ms). One with short turns comes sooner and stays for a shorter time; its share of the processor stays the
//! same. Older kernels take the word and do nothing.
//!
//! `unsafe`, for neither nix nor rustix has the two calls, and a system call that writes into memory is never anything else.
#![allow(unsafe_code, reason = "the calls have no safe wrapper")]

use std::{io, time::Duration};

use nix::libc;

/// The shortest that Linux knows.
const TURN: Duration = Duration::from_micros(100);

/// Asks for short turns for the thread that calls. One that was given another policy than the usual keeps it, as it is.
pub(crate) fn ask_for_short_turns() -> io::Result<()> {
    let mut attributes = attributes()?;
    if attributes.sched_policy != libc::SCHED_OTHER.cast_unsigned() {
        return Ok(());
    }
    attributes.sched_runtime = u64::try_from(TURN.as_nanos()).unwrap_or(u64::MAX);
    // SAFETY: the kernel reads as many bytes as the struct says that it has, and keeps no pointer to it. 0 is this thread.
    let answer = unsafe { libc::syscall(libc::SYS_sched_setattr, 0, &raw const attributes, 0) };
    if answer == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// How the thread that calls is scheduled.
fn attributes() -> io::Result<libc::sched_attr> {
    let size = u32::try_from(size_of::<libc::sched_attr>()).map_err(io::Error::other)?;
    let mut attributes = libc::sched_attr {
        size,
        sched_policy: 0,
        sched_flags: 0,
        sched_nice: 0,
        sched_priority: 0,
        sched_runtime: 0,
        sched_deadline: 0,
        sched_period: 0,
    };
    // SAFETY: the kernel writes at most `size` bytes, which the struct has, and any bytes are a valid one of these integers.
    let answer = unsafe { libc::syscall(libc::SYS_sched_getattr, 0, &raw mut attributes, size, 0) };
    if answer == 0 { Ok(attributes) } else { Err(io::Error::last_os_error()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn turns_are_short_where_the_kernel_knows_them_and_nothing_else_changes() {
        let before = attributes().unwrap();
        ask_for_short_turns().unwrap();
        let after = attributes().unwrap();
        assert_eq!(
            (after.sched_policy, after.sched_nice, after.sched_flags),
            (before.sched_policy, before.sched_nice, before.sched_flags)
        );
        // A kernel before 6.12 says that there is no such thing.
        let known = before.sched_runtime != 0;
        assert_eq!(after.sched_runtime, if known { 100_000 } else { 0 });
    }
}
