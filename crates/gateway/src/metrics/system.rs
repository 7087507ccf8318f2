//! What the kernel tells of this process, under the names that every dashboard knows.

use super::text::{Kind, Page};
use std::fs::read_to_string;

/// How many ticks the kernel counts in a second, for programs: it is the same on every Linux of today.
const TICKS_PER_SECOND: f64 = 100.0;

/// What cannot be read is left out.
pub(super) fn tell(page: &mut Page) {
    let mut one = |name: &str, kind: Kind, help: &str, value: Option<f64>| {
        if let Some(value) = value {
            page.family(name, kind, help);
            page.sample(name, &[], value);
        }
    };
    let status = read_to_string("/proc/self/status").unwrap_or_default();
    let kibibytes = |name: &str| Some(field(&status, name)? * 1024.0);
    one("process_resident_memory_bytes", Kind::Gauge, "Memory in use.", kibibytes("VmRSS:"));
    one("process_virtual_memory_bytes", Kind::Gauge, "Memory that was asked for.", kibibytes("VmSize:"));
    let open = std::fs::read_dir("/proc/self/fd").ok().map(|entries| entries.count() as f64);
    one("process_open_fds", Kind::Gauge, "Open file descriptors.", open);
    let limits = read_to_string("/proc/self/limits").unwrap_or_default();
    one("process_max_fds", Kind::Gauge, "How many may be open.", field(&limits, "Max open files"));
    let stat = read_to_string("/proc/self/stat").unwrap_or_default();
    let stat: Vec<&str> = stat.rsplit(')').next().unwrap_or_default().split_ascii_whitespace().collect();
    let ticks = |place: usize| stat.get(place)?.parse::<f64>().ok();
    let spent = ticks(11).zip(ticks(12)).map(|(user, system)| (user + system) / TICKS_PER_SECOND);
    one("process_cpu_seconds_total", Kind::Counter, "Processor time spent.", spent);
    let machine = read_to_string("/proc/stat").unwrap_or_default();
    let started = field(&machine, "btime").zip(ticks(19)).map(|(boot, ticks)| boot + ticks / TICKS_PER_SECOND);
    one("process_start_time_seconds", Kind::Gauge, "When the process began, since 1970.", started);
}

/// The first number after a name.
fn field(text: &str, name: &str) -> Option<f64> {
    text.lines().find_map(|line| line.strip_prefix(name)?.split_ascii_whitespace().next()?.parse().ok())
}
