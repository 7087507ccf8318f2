//! What was counted, as Prometheus reads it. Names and labels stand in `docs/metrics.md`.

mod sum;
mod system;
mod text;

use model::Subject;
use sum::{Key, Sums};
use text::{Kind, Page};
use wire::Counts;
use wire::counts::{Mirror, Outcomes, Way};

/// The most rows that are told, a row being a service, a release, a route and a way: a series for each of
/// what a program made up would be the end of whoever stores them. What is left out is said.
pub const ROWS_MAX: usize = 10_000;

/// Where durations are cut, in microseconds: from what a cache answers to what nobody waits for.
const BOUNDS_MICROS: [u64; 17] = [
    250, 500, 1_000, 2_500, 5_000, 10_000, 25_000, 50_000, 100_000, 250_000, 500_000, 1_000_000, 2_500_000, 5_000_000,
    10_000_000, 30_000_000, 60_000_000,
];

/// The page that Prometheus reads: what this process and others of the same gateway have counted, and how much of
/// each kind is not in order.
pub fn page(own: &Counts, others: &[Counts], wrong: &[(&'static str, usize)]) -> String {
    let sums = Sums::of(own, others);
    let mut page = Page::default();
    requests(&mut page, &sums);
    releases(&mut page, &sums);
    mirrors(&mut page, &sums);
    front(&mut page, own, others, &sums);
    let name = "glidepath_problems";
    page.family(name, Kind::Gauge, "What is not in order, by its kind; `glidepath gateway status` says more.");
    for (kind, count) in wrong {
        page.sample(name, &[("kind", (*kind).to_owned())], *count as f64);
    }
    system::tell(&mut page);
    page.into_text()
}

fn labels_of(service: &Subject) -> [(&'static str, String); 3] {
    let parts: Vec<&str> = service.as_str().split('/').collect();
    let (name, environment, place) = match parts.as_slice() {
        ["service", name, environment, place] => (*name, *environment, *place),
        _ => (service.as_str(), "", ""),
    };
    [("service", name.to_owned()), ("environment", environment.to_owned()), ("place", place.to_owned())]
}

fn word(way: Way) -> &'static str {
    match way {
        Way::Split => "split",
        Way::Matched => "matched",
        Way::Pinned => "pinned",
        Way::Copied => "copied",
    }
}

fn labels(key: &Key) -> Vec<(&'static str, String)> {
    let release = key.release.map(|release| release.0.to_string()).unwrap_or_default();
    let own = [("release", release), ("route", key.class.clone()), ("way", word(key.way).to_owned())];
    labels_of(&key.service).into_iter().chain(own).collect()
}

/// One family with a value for each row.
fn rows(page: &mut Page, name: &str, kind: Kind, help: &str, sums: &Sums, value: fn(&Outcomes) -> u64) {
    page.family(name, kind, help);
    for (key, outcomes) in &sums.rows {
        page.sample(name, &labels(key), value(outcomes) as f64);
    }
}

fn requests(page: &mut Page, sums: &Sums) {
    page.family("http_requests_total", Kind::Counter, "Requests that have ended, by the class of their status.");
    for (key, outcomes) in &sums.rows {
        let classes = ["1xx", "2xx", "3xx", "4xx", "5xx"].into_iter().zip(outcomes.statuses);
        for (code, count) in classes.chain([("broken", outcomes.broken), ("left", outcomes.left)]) {
            let code = [("code", code.to_owned())];
            page.sample("http_requests_total", &[labels(key), code.to_vec()].concat(), count as f64);
        }
    }
    page.family("http_request_duration_seconds", Kind::Histogram, "How long answers took, to their end.");
    for (key, outcomes) in &sums.rows {
        page.histogram("http_request_duration_seconds", &labels(key), &outcomes.times, &BOUNDS_MICROS);
    }
    let mut rows = |name: &str, kind: Kind, help: &str, value: fn(&Outcomes) -> u64| {
        rows(page, name, kind, help, sums, value);
    };
    rows("http_requests_in_flight", Kind::Gauge, "Requests under way.", |of| of.open);
    rows("http_request_body_bytes_total", Kind::Counter, "Bytes of requests' bodies.", |of| of.received);
    rows("http_response_body_bytes_total", Kind::Counter, "Bytes of answers' bodies.", |of| of.sent);
    rows(
        "glidepath_requests_unanswered_total",
        Kind::Counter,
        "Requests that the gateway answered because no instance did.",
        |of| of.unanswered,
    );
    rows(
        "glidepath_requests_slow_total",
        Kind::Counter,
        "Requests that took longer than the bound of their table, open ones included.",
        |of| of.slow,
    );
    rows("glidepath_retries_total", Kind::Counter, "Further tries.", |of| of.retries);
}

fn releases(page: &mut Page, sums: &Sums) {
    type Value = fn(&sum::Instances) -> u64;
    let families: [(&str, &str, Value); 2] = [
        ("glidepath_upstream_connect_failures_total", "Connections that instances did not take.", |of| {
            of.connects_failed
        }),
        ("glidepath_upstream_ejections_total", "How often instances were ejected.", |of| of.ejections),
    ];
    for (name, help, value) in families {
        page.family(name, Kind::Counter, help);
        for ((service, release), instances) in &sums.instances {
            let release = [("release", release.0.to_string())];
            page.sample(name, &[&labels_of(service)[..], &release].concat(), value(instances) as f64);
        }
    }
    let name = "glidepath_table_generation";
    page.family(name, Kind::Gauge, "The table that is served by: the oldest, where workers differ.");
    for (service, generation) in &sums.generations {
        page.sample(name, &labels_of(service), *generation as f64);
    }
}

fn mirrors(page: &mut Page, sums: &Sums) {
    let name = "glidepath_mirror_copies_total";
    page.family(name, Kind::Counter, "What became of copies, or why there is none.");
    let mirrors = sums.mirrors.iter().flat_map(|(service, all)| all.iter().map(move |mirror| (service, mirror)));
    for (service, mirror) in mirrors {
        let Mirror { of, to, sent, answered, failed, too_large, too_many, unpaired, uncompared } = mirror;
        let outcomes = [
            ("sent", sent),
            ("answered", answered),
            ("failed", failed),
            ("too_large", too_large),
            ("too_many", too_many),
            ("unpaired", unpaired),
            ("uncompared", uncompared),
        ];
        for (outcome, count) in outcomes {
            let own = [("of", of.0.to_string()), ("to", to.0.to_string()), ("outcome", outcome.to_owned())];
            page.sample(name, &[&labels_of(service)[..], &own].concat(), *count as f64);
        }
    }
}

fn front(page: &mut Page, own: &Counts, others: &[Counts], sums: &Sums) {
    let workers = || others.iter().chain([own]).flat_map(|counts| &counts.workers);
    let sum = |of: fn(&wire::counts::Worker) -> u64| workers().map(of).sum::<u64>() as f64;
    let mut one = |name: &str, kind: Kind, help: &str, value: f64| {
        page.family(name, kind, help);
        page.sample(name, &[], value);
    };
    one("glidepath_connections", Kind::Gauge, "Connections that clients have open.", sum(|of| of.clients));
    one("glidepath_connections_accepted_total", Kind::Counter, "Connections accepted.", sum(|of| of.accepted));
    let help = "Requests that were none, and answered with an error.";
    one("glidepath_requests_refused_total", Kind::Counter, help, sum(|of| of.refused));
    let help = "Requests for which there is no service.";
    one("glidepath_requests_unserved_total", Kind::Counter, help, sum(|of| of.unserved));
    let help = "Requests that were sent away, because there was more to do than got done.";
    one("glidepath_requests_shed_total", Kind::Counter, help, sum(|of| of.shed));
    one("glidepath_workers", Kind::Gauge, "Workers that told what they counted.", own.workers.len() as f64);
    let help = "Workers that did not: what they counted is missing on this page.";
    one("glidepath_workers_silent", Kind::Gauge, help, own.silent.len() as f64);
    let help = "Rows that were left out of this page, because there are too many.";
    one("glidepath_metrics_rows_left_out", Kind::Gauge, help, sums.left_out as f64);
    let name = "glidepath_build_info";
    page.family(name, Kind::Gauge, "Always 1: what was built stands in the labels.");
    page.sample(name, &[("version", env!("CARGO_PKG_VERSION").to_owned())], 1.0);
}
