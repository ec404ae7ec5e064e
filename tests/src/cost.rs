//! What a running process takes of its computer: processor and memory, as the kernel counts them.

use std::{fs, time::Duration};

use nix::unistd::Pid;

/// Its processor time so far, its own and the kernel's for it, in seconds (proc(5), fields 14 and 15, in ticks of a hundredth).
///
/// # Panics
/// When it has ended.
pub fn processor(pid: Pid) -> f64 {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).expect("it runs");
    let fields = stat.rsplit(')').next().unwrap_or_default().split_whitespace();
    fields.skip(11).take(2).filter_map(|ticks| ticks.parse::<f64>().ok()).sum::<f64>() / 100.0
}

/// The processor time that it takes within `span`, in seconds.
///
/// # Panics
/// When it ends meanwhile.
pub fn processor_over(pid: Pid, span: Duration) -> f64 {
    let before = processor(pid);
    std::thread::sleep(span);
    processor(pid) - before
}

/// Its resident memory, in MB.
///
/// # Panics
/// When it has ended.
pub fn resident(pid: Pid) -> f64 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).expect("it runs");
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap_or_default();
    line.trim().trim_end_matches(" kB").parse::<f64>().unwrap_or(f64::NAN) / 1000.0
}
