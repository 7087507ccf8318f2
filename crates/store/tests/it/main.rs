//! The store as a whole: its contract, and what it does when the disk, the power or the process goes.

mod audit;
mod backup;
mod child;
mod contract;
mod dice;
mod disk;
mod faults;
mod folder;
mod given;
mod kill;
mod opening;
mod power_loss;

/// How many runs a test of chance makes: few by default, all with `GLIDEPATH_FULL`, or as many as
/// `GLIDEPATH_RUNS` says.
fn runs(few: u64, full: u64) -> u64 {
    let set = std::env::var("GLIDEPATH_RUNS").ok().and_then(|runs| runs.parse().ok());
    set.unwrap_or(if std::env::var_os("GLIDEPATH_FULL").is_some() { full } else { few })
}
