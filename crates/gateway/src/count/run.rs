//! Which process this is, so that its sums are never taken for another's.

use model::Span;
use std::sync::LazyLock;
use tokio::time::Instant;
use wire::counts::Run;

static BEGAN: LazyLock<Instant> = LazyLock::new(Instant::now);

/// How long it is since this process began to count.
pub(crate) fn elapsed() -> Span {
    Span(BEGAN.elapsed().as_millis() as u64)
}

/// Which process this is.
pub fn this() -> Run {
    let boot = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default();
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    // The name comes before, in brackets, and may hold spaces; the start is the 22nd of all.
    let fields = stat.rsplit_once(')').map(|(_, fields)| fields).unwrap_or_default();
    let started = fields.split_ascii_whitespace().nth(19).and_then(|field| field.parse().ok());
    Run { boot: boot.trim().to_owned(), pid: std::process::id(), started: started.unwrap_or_default() }
}
