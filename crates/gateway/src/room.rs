//! How many clients there is room for. Every connection takes a descriptor, and a process that has none left serves
//! nobody: it cannot even ask the instances for those who are there.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// The most client connections of one worker.
const CLIENTS_MAX: usize = 65_536;
/// Descriptors that are for nobody's connection: what is listened at, files, whoever asks the gateway.
const OTHERS: usize = 64;
/// Of all the others so many fifths are for clients, and the rest for the instances that answer them.
const FIFTHS_FOR_CLIENTS: usize = 3;

/// Lets this process have as many descriptors as it may: what is usual is for programs that have few.
pub(crate) fn make() -> std::io::Result<()> {
    let Rlimit { maximum, .. } = getrlimit(Resource::Nofile);
    Ok(setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum })?)
}

/// How many clients each of so many workers has room for.
pub(crate) fn for_clients(workers: usize) -> usize {
    let most = getrlimit(Resource::Nofile).current.and_then(|most| usize::try_from(most).ok()).unwrap_or(usize::MAX);
    let all = most.saturating_sub(OTHERS) / 5 * FIFTHS_FOR_CLIENTS;
    (all / workers.max(1)).clamp(1, CLIENTS_MAX)
}
