//! The limits that the policy is built for, at 100,000 agreements, and how each grows from 1,000 on.
//!
//! `cargo bench -p policy --bench limits`, or with the numbers of agreements to try as arguments. Each size runs in a
//! process of its own, so that its memory is its own. Fails if a limit is passed at 100,000.

use std::{
    hint::black_box,
    process::{Command, ExitCode},
    time::Duration,
};

use policy::{Device, Policy, Request, Sources};

mod town;

/// What holds at 100,000 agreements: parsing and checking, resident memory, one decision, the proof.
const LIMITS: (Duration, u64, Duration, Duration) =
    (Duration::from_secs(1), 200 << 20, Duration::from_micros(10), Duration::from_secs(60));

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|argument| !argument.starts_with("--")).collect();
    if let [kind, count] = arguments.as_slice()
        && let ("csv" | "toml", Ok(count)) = (kind.as_str(), count.parse())
    {
        return measure(kind, count);
    }
    println!(
        "{:>6} {:>8} {:>12} {:>10} {:>10} {:>12} {:>12} {:>12}",
        "as", "number", "parse", "peak", "resident", "permit", "refuse", "prove"
    );
    let sizes: Vec<String> = if arguments.is_empty() {
        [1_000, 10_000, 100_000].map(|size: u32| size.to_string()).to_vec()
    } else {
        arguments
    };
    let itself = std::env::current_exe().expect("this program");
    let mut kept = true;
    for kind in ["csv", "toml"] {
        for size in &sizes {
            kept &= Command::new(&itself).args([kind, size]).status().expect("a measurement").success();
        }
    }
    if kept { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn measure(kind: &str, count: usize) -> ExitCode {
    let sources = if kind == "csv" { town::in_csv(count) } else { town::in_toml(count) };
    let (policy, parse) = timed(|| parse(&sources));
    let (peak, resident) = (memory("VmHWM"), memory("VmRSS"));
    let permit = decide(&policy, count, "2026-03-05T12:00[Europe/Rome]");
    let refuse = decide(&policy, count, "2026-08-09T12:00[Europe/Rome]");
    let (proof, prove) = timed(|| policy.prove());
    assert_eq!(proof.counterexample, None, "the town is proved");
    let mib = |bytes: u64| format!("{} MiB", bytes >> 20);
    println!(
        "{kind:>6} {count:>8} {parse:>12.1?} {:>10} {:>10} {permit:>12.1?} {refuse:>12.1?} {prove:>12.1?}",
        mib(peak),
        mib(resident)
    );
    let passed = parse > LIMITS.0 || peak > LIMITS.1 || permit.max(refuse) > LIMITS.2 || prove > LIMITS.3;
    if count == 100_000 && passed {
        println!(
            "       a limit is passed: parse {:?}, memory {}, decide {:?}, prove {:?}",
            LIMITS.0,
            mib(LIMITS.1),
            LIMITS.2,
            LIMITS.3
        );
        return ExitCode::FAILURE;
    }
    ExitCode::SUCCESS
}

fn parse(sources: &Sources) -> Policy {
    match Policy::parse(sources) {
        Ok((policy, _)) => policy,
        Err(mistakes) => panic!("{}", mistakes.render(sources, policy::Style::Plain)),
    }
}

/// The mean of decisions about workers in an order that no cache foresees.
fn decide(policy: &Policy, count: usize, at: &str) -> Duration {
    const TIMES: u32 = 100_000;
    let groups = ["CN=Lavoro Agile,OU=Gruppi,DC=comune,DC=example".to_owned()];
    let at = at.parse::<jiff::Zoned>().expect("a moment").timestamp();
    let names: Vec<String> = (0..TIMES as usize).map(|turn| format!("Worker.{}", turn * 7_919 % count)).collect();
    let (_, all) = timed(|| {
        for name in &names {
            black_box(policy.decide(&Request::new(name, &groups, Device::Personal, at)));
        }
    });
    all / TIMES
}

/// How long work takes a processor that has nothing else to do: the time this thread ran, as the kernel counts it.
fn timed<T>(work: impl FnOnce() -> T) -> (T, Duration) {
    let start = on_processor();
    let result = work();
    (result, on_processor() - start)
}

fn on_processor() -> Duration {
    let stat = std::fs::read_to_string("/proc/thread-self/schedstat").expect("the kernel's count of processor time");
    let nanoseconds = stat.split(' ').next().and_then(|first| first.parse().ok()).expect("nanoseconds");
    Duration::from_nanos(nanoseconds)
}

/// A line of this process's status, in bytes.
fn memory(line: &str) -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let value = status
        .lines()
        .find_map(|text| text.strip_prefix(line)?.strip_prefix(':')?.trim().strip_suffix(" kB")?.parse::<u64>().ok());
    value.unwrap_or(0) << 10
}
