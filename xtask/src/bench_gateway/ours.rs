//! Our own gateway, as it ships: split, counting, least requests, `X-Forwarded-*`, request id and trace
//! context are always on.

use super::process::{Process, on_core};
use super::proxies::Setup;
use model::{ReleaseNumber, Share, Subject};
use std::net::SocketAddr;
use std::time::Duration;
use wire::Table;
use wire::asking::Asking;
use wire::control::{Answer, Request};
use wire::table::{Certificate, Endpoint, Key, Lane, Listen, Path as TablePath, Tls, Unit};

/// How many routes and instances make many.
pub(super) const MANY: u16 = 1_000;

/// No answer takes so long unless something hangs.
const ANSWERED_WITHIN: Duration = Duration::from_secs(60);

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
    /// The same as plain, and each request has a line in the access log.
    Logged,
}

/// The gateway, and how it is given tables.
pub(super) struct Gateway {
    pub(super) process: Process,
    asking: Asking,
    listen: Vec<Listen>,
}

/// Starts it with its keeper, and with all its tables live.
pub(super) fn start(setup: &Setup<'_>, shape: Shape) -> Result<Gateway, String> {
    // Each has a place of its own: several run beside one another.
    let folder = setup.folder.join(format!("gateway-{}", setup.plain.port()));
    std::fs::create_dir_all(&folder).map_err(|error| error.to_string())?;
    let control = folder.join("control");
    let mut command = on_core(setup.core, setup.program);
    command.args(["gateway", "--workers", "1", "--control"]).arg(&control).arg("--state").arg(folder.join("state"));
    if shape == Shape::Logged {
        // What a disk does with gigabytes of lines is not what is measured.
        command.args(["--access-log", "/dev/null"]);
    }
    let process = Process::start(&mut command, &setup.folder.join("glidepath.log"))?;
    let certificate =
        Certificate { chain: setup.certificate.display().to_string(), key: setup.key.display().to_string() };
    let tls = Tls { certificates: vec![certificate], clients: None };
    let listen = vec![
        Listen { address: setup.plain.to_string(), ..Listen::default() },
        Listen { address: setup.tls.to_string(), tls: Some(tls), ..Listen::default() },
    ];
    let asking =
        super::until(|| Asking::connect(&control, ANSWERED_WITHIN).ok()).ok_or("the gateway cannot be asked")?;
    let mut gateway = Gateway { process, asking, listen };
    tables_of(setup, shape).into_iter().try_for_each(|table| gateway.take(table))?;
    Ok(gateway)
}

impl Gateway {
    /// Serves by a table; returns when it is live.
    pub(super) fn take(&mut self, table: Table) -> Result<(), String> {
        let table = Table { listen: self.listen.clone(), ..table };
        match self.asking.ask(&Request::Table(Box::new(table))) {
            Ok(Answer::Live(live)) if live.deaf.is_empty() => Ok(()),
            other => Err(format!("a table is not live: {other:?}")),
        }
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
        Shape::Plain | Shape::Logged => vec![plain],
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
