//! Load that keeps a proxy busy: `wrk` for HTTP/1.1, `h2load` for HTTP/2.

use super::process::on_core;
use super::proxies::Running;
use std::process::Command;

/// How many connections ask at once.
pub(super) const CONNECTIONS: u32 = 64;
/// HTTP/2 asks for several at once on each of its connections.
const STREAMS: u32 = 8;

/// What clients speak.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Spoken {
    /// HTTP/1.1.
    Plain,
    /// HTTP/1.1 through TLS.
    Tls,
    /// HTTP/2 through TLS.
    Http2,
}

/// What came of a while of load.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sample {
    /// Answers in a second.
    pub(super) throughput: f64,
    /// The proxy's processor time for one of them, in microseconds.
    pub(super) cpu_us: f64,
}

/// Asks as fast as it is answered for so many seconds. An answer that is not right ends it: figures of
/// wrong answers are worth nothing.
pub(super) fn saturate(
    proxy: &Running,
    spoken: Spoken,
    path: &str,
    seconds: u64,
    core: Option<usize>,
) -> Result<Sample, String> {
    let before = proxy.process().cpu_nanoseconds();
    let requests = match spoken {
        Spoken::Plain => wrk(&format!("http://{}{path}", proxy.plain), seconds, core),
        Spoken::Tls => wrk(&format!("https://{}{path}", proxy.tls), seconds, core),
        Spoken::Http2 => h2load(&format!("https://{}{path}", proxy.tls), seconds, core),
    };
    let requests = requests.map_err(|why| format!("{}: {why}", proxy.proxy.name()))?;
    let spent = proxy.process().cpu_nanoseconds() - before;
    Ok(Sample { throughput: requests / seconds as f64, cpu_us: spent as f64 / 1_000.0 / requests })
}

fn wrk(address: &str, seconds: u64, core: Option<usize>) -> Result<f64, String> {
    let (connections, duration) = (format!("-c{CONNECTIONS}"), format!("-d{seconds}s"));
    let said = said(on_core(core, "wrk").args(["-t1", &connections, &duration, address]))?;
    if said.contains("Non-2xx") || said.contains("Socket errors") {
        return Err(format!("not every answer was right:\n{said}"));
    }
    let count = said.lines().find_map(|line| line.split_once(" requests in ")).map(|(count, _)| count.trim());
    count.and_then(|count| count.parse().ok()).filter(|count| *count > 0.0).ok_or(format!("wrk said:\n{said}"))
}

fn h2load(address: &str, seconds: u64, core: Option<usize>) -> Result<f64, String> {
    let connections = format!("-c{}", CONNECTIONS / STREAMS);
    let (streams, duration) = (format!("-m{STREAMS}"), format!("-D{seconds}"));
    let said = said(on_core(core, "h2load").args(["-t1", &connections, &streams, &duration, address]))?;
    // `requests: 9 total, 9 started, 9 done, 9 succeeded, 0 failed, 0 errored, 0 timeout`
    let line = said.lines().find_map(|line| line.strip_prefix("requests: ")).unwrap_or_default();
    let count = |what: &str| {
        let words = line.split(", ").find_map(|part| part.strip_suffix(what))?;
        words.trim().parse::<f64>().ok()
    };
    // Those that are under way when the time is over are no failures.
    match (count("succeeded"), count("failed"), count("errored")) {
        (Some(succeeded), Some(failed), Some(errored)) if succeeded > 0.0 && failed <= errored && errored <= 64.0 => {
            Ok(succeeded)
        }
        _ => Err(format!("not every answer was right:\n{said}")),
    }
}

fn said(command: &mut Command) -> Result<String, String> {
    let hint = "(Debian: apt install wrk nghttp2-client)";
    let output = command.output().map_err(|error| format!("{command:?}: {error} {hint}"))?;
    let said = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    if output.status.success() { Ok(said) } else { Err(format!("{command:?} {hint}: {said}")) }
}
