//! `cargo xtask splits`: claims fall as the shares say, units move one way only as a share rises, and a
//! request that is tried again stays on the account of the release that it was given to. A bug planted in
//! each must be caught.

mod charged;
mod claims;
mod sticking;
mod visitor;

use clap::Args;
use gateway::planted::{Bug, plant};
use gateway::table::{Checked, Ground, Site};
use model::{ReleaseNumber, Share, Subject};
use std::io::Write;
use std::process::ExitCode;
use visitor::{COOKIE, HEADER};
use wire::Table;
use wire::table::{Endpoint, Key, Lane, Unit};

/// What can be said to `cargo xtask splits`.
#[derive(Args)]
pub(crate) struct SplitsArguments {
    /// How many claims of each kind.
    #[arg(long, default_value_t = 10_000_000)]
    claims: u64,
    /// A twentieth of them.
    #[arg(long)]
    small: bool,
    /// Figures for programs.
    #[arg(long)]
    json: bool,
    /// Exit with an error where something is not as it should be, or a bug is not caught.
    #[arg(long)]
    check: bool,
}

/// A bug, and whose eyes it must not escape.
const PLANTED: &[(Bug, Check)] = &[
    (Bug::SharesRounded, claims::check),
    (Bug::SlotsCoarse, claims::check),
    (Bug::UnitsDealtAnew, |_| sticking::check()),
    (Bug::UnitForgotten, |_| sticking::check()),
    (Bug::RetryUncharged, |_| charged::check()),
];

/// Looks, by so many claims.
type Check = fn(u64) -> Found;
/// How much was looked at, or what is wrong.
type Found = Result<u64, String>;

/// Runs the task.
pub(crate) fn run(arguments: &SplitsArguments) -> ExitCode {
    let claims = if arguments.small { arguments.claims / 20 } else { arguments.claims };
    let mut out = std::io::stdout().lock();
    let mut figures = serde_json::Map::new();
    let mut wrong = Vec::new();
    plant(None);
    for (name, found) in
        [("claims", claims::check(claims)), ("units", sticking::check()), ("requests_charged", charged::check())]
    {
        match found {
            Ok(count) => drop(figures.insert(name.into(), count.into())),
            Err(why) => wrong.push(why),
        }
    }
    let mut caught = 0;
    for (bug, check) in PLANTED {
        plant(Some(*bug));
        let found = check(claims);
        plant(None);
        match found {
            Err(why) => {
                caught += 1;
                if !arguments.json {
                    let _ = writeln!(out, "  caught: {}\n      {why}", bug.as_str());
                }
            }
            Ok(_) => wrong.push(format!("not caught: {}", bug.as_str())),
        }
    }
    figures.insert("planted".into(), PLANTED.len().into());
    figures.insert("caught".into(), caught.into());
    figures.insert("wrong".into(), wrong.clone().into());
    if arguments.json {
        let _ = writeln!(out, "{}", serde_json::Value::Object(figures));
    } else {
        wrong.iter().for_each(|why| drop(writeln!(out, "  WRONG: {why}")));
        let (planted, wrong) = (PLANTED.len(), wrong.len());
        let _ = writeln!(out, "splits: {claims} claims of each kind, {wrong} wrong, {caught} of {planted} bugs caught");
    }
    if arguments.check && !wrong.is_empty() { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}

/// Every kind of unit that sticks.
fn units() -> impl Iterator<Item = Unit> {
    let session = Unit::Cookie { name: COOKIE.into(), key: Key([3; 16]) };
    [session, Unit::Header(HEADER.into()), Unit::ClientNetwork].into_iter()
}

/// A service as a worker serves it, with one instance for each release.
fn site(shares: &[u16], unit: Option<Unit>) -> Result<Site, String> {
    let table = table(1, shares, |index| vec![format!("127.0.0.1:{}", 20_000 + index)])?;
    let checked = Checked::new(Table { unit, ..table }).map_err(|faults| faults.to_string())?;
    Ok(Site::new(&checked, None, &Ground::default()))
}

/// A table of releases with these shares, in hundredths of a percent, each with its instances.
fn table(generation: u64, shares: &[u16], endpoints: impl Fn(usize) -> Vec<String>) -> Result<Table, String> {
    let lanes = shares.iter().enumerate().map(|(index, points)| {
        let share = Share::from_basis_points(*points).ok_or("a share is too large")?;
        let endpoints = endpoints(index).into_iter().map(Endpoint::new).collect();
        Ok(Lane::new(ReleaseNumber(number(index)), share, endpoints))
    });
    let service = Subject::from_text("service/shop/production/local");
    let lanes = lanes.collect::<Result<_, String>>()?;
    Ok(Table { salt: "rollout 7".into(), ..Table::new(service, generation, lanes) })
}

/// The number of the release at this place.
fn number(index: usize) -> u32 {
    index as u32 + 1
}
