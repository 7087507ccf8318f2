//! Our own gateway, as it ships: split, counting, least requests, `X-Forwarded-*`, request id and trace
//! context are always on.

use super::process::{Process, on_core};
use super::proxies::Setup;
use model::{ReleaseNumber, Share, Subject};
use std::io::{BufRead, BufReader, Write};
use std::net::SocketAddr;
use std::process::{ChildStdin, ChildStdout, Command, Stdio};
use wire::Table;
use wire::table::{Endpoint, Key, Lane, Path as TablePath, Unit};

/// How many routes and instances make many.
pub(super) const MANY: u16 = 1_000;

/// What its tables say besides.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Shape {
    /// Nothing: one service, two releases, two instances of each.
    Plain,
    /// A thousand services, each with a path of its own, and the one that is asked has all others.
    Routes,
    /// A thousand instances.
    Endpoints,
    /// Sessions stick, and every request begins one.
    Sticky,
}

/// The gateway, and how it is given tables.
pub(super) struct Gateway {
    pub(super) process: Process,
    tables: ChildStdin,
    answers: BufReader<ChildStdout>,
}

/// Builds it with this profile.
pub(super) fn build(profile: &str) -> Result<(), String> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(cargo);
    command.args(["build", "--quiet", "--locked", "--package", "gateway", "--example", "serve", "--profile", profile]);
    match command.current_dir(super::root()).status() {
        Ok(status) if status.success() => Ok(()),
        other => Err(format!("the gateway was not built: {other:?}")),
    }
}

/// Starts it, with all its tables live.
pub(super) fn start(setup: &Setup<'_>, shape: Shape) -> Result<Gateway, String> {
    let program = super::root().join("target").join(setup.profile).join("examples").join("serve");
    let mut command = on_core(setup.core, program);
    let log = std::fs::File::create(setup.folder.join("gateway.log")).map_err(|error| error.to_string())?;
    command.arg(setup.plain.to_string()).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(log);
    let mut child = command.spawn().map_err(|error| format!("{command:?}: {error}"))?;
    let pipes = child.stdin.take().zip(child.stdout.take());
    let (tables, answers) = pipes.ok_or("the gateway has no pipes")?;
    let mut gateway = Gateway { process: Process { child }, tables, answers: BufReader::new(answers) };
    gateway.hear("listening")?;
    tables_of(setup, shape).iter().try_for_each(|table| gateway.take(table))?;
    Ok(gateway)
}

impl Gateway {
    /// Serves by a table; returns when it is live.
    pub(super) fn take(&mut self, table: &Table) -> Result<(), String> {
        let line = serde_json::to_string(table).map_err(|error| error.to_string())?;
        writeln!(self.tables, "{line}").map_err(|error| format!("the gateway takes no table: {error}"))?;
        self.hear("live")
    }

    fn hear(&mut self, wanted: &str) -> Result<(), String> {
        let mut line = String::new();
        let heard = self.answers.read_line(&mut line).map_err(|error| error.to_string())?;
        if heard > 0 && line.starts_with(wanted) { Ok(()) } else { Err(format!("the gateway said: {line}")) }
    }
}

/// The table that all the others differ from.
pub(super) fn table(generation: u64, stable: &[SocketAddr], candidate: &[SocketAddr]) -> Table {
    let lane = |release: u32, percent: u16, addresses: &[SocketAddr]| {
        let endpoints = addresses.iter().map(|address| Endpoint::new(address.to_string()));
        Lane::new(ReleaseNumber(release), Share::percent(percent), endpoints.collect())
    };
    let service = Subject::from_text("service/shop/production/local");
    let lanes = vec![lane(1, 90, stable), lane(2, 10, candidate)];
    Table { salt: "salt".into(), ..Table::new(service, generation, lanes) }
}

fn tables_of(setup: &Setup<'_>, shape: Shape) -> Vec<Table> {
    let (stable, candidate) = setup.releases();
    let plain = table(1, stable, candidate);
    match shape {
        Shape::Plain => vec![plain],
        Shape::Endpoints => {
            let many = setup.many.split_at(setup.many.len() * 9 / 10);
            vec![table(1, many.0, many.1)]
        }
        Shape::Sticky => {
            let unit = Unit::Cookie { name: "session".into(), key: Key([7; 16]) };
            vec![Table { unit: Some(unit), ..plain }]
        }
        Shape::Routes => {
            let others = (1..MANY).map(|number| Table {
                service: Subject::from_text(&format!("service/shop{number}/production/local")),
                paths: vec![TablePath::Prefix(format!("/shop{number}"))],
                ..plain.clone()
            });
            others.chain([plain.clone()]).collect()
        }
    }
}
