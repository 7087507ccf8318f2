//! A gateway's answers, for people.

use crate::clock;
use crate::screen::{Screen, Tone, counted, visible};
use wire::control::{EndpointState, Health, Route, Status};
use wire::problem::{Kind, Problem};
use wire::table::Door;

pub(crate) fn status(status: &Status, screen: &mut Screen) {
    let word = if status.is_in_order() {
        screen.paint(Tone::Good, "in order")
    } else {
        screen.paint(Tone::Bad, "not in order")
    };
    let workers = counted(status.workers as u64, "worker", "workers");
    screen.line(format!("gateway {}: {word}, process {}, {workers}", status.version, status.member.pid));
    if let Some(config) = &status.config {
        screen.line(format!("  tables from {}", visible(config)));
    }
    if let Some(problem) = &status.config_problem {
        screen.line(format!("  {} {}", screen.paint(Tone::Bad, "the file is not in order:"), visible(problem)));
        screen.line("  what was served before still is");
    }
    for address in &status.listening {
        screen.line(format!("  listens at {address}"));
    }
    for deaf in &status.deaf {
        let cannot = screen.paint(Tone::Bad, "cannot listen at");
        screen.line(format!("  {cannot} {}: {}", deaf.address, visible(&deaf.why)));
    }
    for problem in &status.problems {
        tell(problem, screen);
    }
    if status.alone {
        screen.line(format!("  {} start `glidepath gateway` again", screen.paint(Tone::Bad, "its keeper is dead:")));
    }
    for pid in &status.retiring {
        screen.line(format!("  process {pid} goes on for its last clients"));
    }
    if status.services.is_empty() {
        screen.line("  no service has a table");
    }
    let rows = status.services.iter().map(|service| {
        let unproven = if service.unproven { "unproven: saved before the machine was started" } else { "" };
        vec![short(service.service.as_str()), format!("generation {}", service.generation), unproven.to_owned()]
    });
    columns(rows.collect(), screen);
}

fn tell(problem: &Problem, screen: &mut Screen) {
    let Problem { kind, of, why, since } = problem;
    let (of, what, then) = match kind {
        Kind::TableUnreadable => (visible(of), "cannot be read", "its table is not served after a restart"),
        Kind::TableUnserved => (short(of), "cannot be served by its saved table", "it is tried again"),
        Kind::TableUnsaved => {
            (short(of), "is not saved", "after a restart it would stand as it was before; it is tried again")
        }
        Kind::FilesOutdated => {
            (visible(of), "cannot be read again", "what was in there is used on; it is read when it changes")
        }
        Kind::WorkerBroken => (visible(of), "has broken down", "the others serve; another process takes over"),
        Kind::Other => (visible(of), "is not in order", "the gateway is newer than this program, which knows no more"),
    };
    screen.line(format!("  {of} {} since {}: {}", screen.paint(Tone::Bad, what), clock::utc(*since), visible(why)));
    screen.line(format!("    {then}"));
}

pub(crate) fn routes(routes: &[Route], screen: &mut Screen) {
    let mut rows = vec![vec!["SERVICE".into(), "LISTEN".into(), "HOSTS".into(), "PATHS".into(), "RELEASES".into()]];
    for route in routes {
        let releases = route.releases.iter().map(|release| {
            let door = match release.door {
                Door::Open => "",
                Door::Pinned => " pinned",
                Door::Closed => " closed",
            };
            format!("{} {}{door} ({})", release.release, release.share, release.endpoints)
        });
        let releases = if route.hold { "held".into() } else { releases.collect::<Vec<_>>().join(", ") };
        let or_all = |list: &[String]| if list.is_empty() { "*".to_owned() } else { list.join(" ") };
        rows.push(vec![
            short(route.service.as_str()),
            or_all(&route.listen),
            or_all(&route.hosts),
            or_all(&route.paths),
            releases,
        ]);
    }
    columns(rows, screen);
}

pub(crate) fn endpoints(endpoints: &[EndpointState], screen: &mut Screen) {
    let mut rows = vec![vec!["SERVICE".into(), "RELEASE".into(), "ADDRESS".into(), "STATE".into(), "UNDER WAY".into()]];
    for endpoint in endpoints {
        let report = &endpoint.report;
        let mut state = match report.health {
            Health::Good if endpoint.draining => String::new(),
            Health::Good => "good".into(),
            Health::Unproven => "unproven".into(),
            Health::Sick => "sick".into(),
            Health::Ejected => "ejected".into(),
        };
        if endpoint.draining {
            state += if state.is_empty() { "draining" } else { ", draining" };
        }
        if let Some(heard) = report.heard.as_ref().filter(|_| report.health != Health::Good) {
            state += &format!(" ({heard})");
        }
        let (release, claims) = (endpoint.release.to_string(), report.claims.to_string());
        rows.push(vec![short(endpoint.service.as_str()), release, report.address.clone(), state, claims]);
    }
    columns(rows, screen);
}

/// The usual environment and place go without saying.
fn short(text: &str) -> String {
    let name = text.strip_prefix("service/").and_then(|rest| rest.strip_suffix("/production/local"));
    visible(name.unwrap_or(text))
}

/// Each column is as wide as its widest entry.
fn columns(rows: Vec<Vec<String>>, screen: &mut Screen) {
    let mut widths: Vec<usize> = Vec::new();
    for row in &rows {
        widths.resize(widths.len().max(row.len()), 0);
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.chars().count());
        }
    }
    for row in rows {
        let cells = row
            .iter()
            .zip(&widths)
            .map(|(cell, width)| format!("{}{}", visible(cell), " ".repeat(width - cell.chars().count())));
        screen.line(format!("  {}", cells.collect::<Vec<_>>().join("  ").trim_end()));
    }
}
