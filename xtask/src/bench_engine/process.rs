//! What the system says about this process.

use std::fs;

/// Private bytes: what would be free if this process ended.
pub(super) fn private_bytes() -> u64 {
    let text = fs::read_to_string("/proc/self/smaps_rollup").unwrap_or_default();
    let private = text.lines().filter(|line| line.starts_with("Private_Clean:") || line.starts_with("Private_Dirty:"));
    let kibibytes = private.filter_map(|line| line.split_whitespace().nth(1)?.parse::<u64>().ok());
    kibibytes.sum::<u64>() * 1_024
}

/// The time that all threads of this process have run, in nanoseconds. Threads that have ended are
/// not counted: the bench has none.
pub(super) fn cpu_nanoseconds() -> u64 {
    let Ok(threads) = fs::read_dir("/proc/self/task") else { return 0 };
    let times = threads.flatten().filter_map(|thread| {
        let text = fs::read_to_string(thread.path().join("schedstat")).ok()?;
        text.split_whitespace().next()?.parse::<u64>().ok()
    });
    times.sum()
}
