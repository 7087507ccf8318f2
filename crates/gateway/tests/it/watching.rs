//! What whoever watches a gateway gets to see.

use crate::site::*;
use expect_test::expect;
use gateway::admin::{Admin, Watched};
use gateway::count::Feed;
use gateway::metrics;
use model::{ReleaseNumber, Share, Subject};
use std::collections::BTreeSet;
use std::io::Write as _;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use wire::Counts;
use wire::counts::{Mirror, Outcomes, Release, Service, Table, Way, Worker};

/// What is not in order.
const WRONG: &[(&str, usize)] = &[("address-deaf", 2), ("table-unsaved", 0)];

/// Counts of two workers that add up, with whatever can go wrong in a label.
fn counts() -> Counts {
    let outcomes = Outcomes {
        class: "a \"b\" \\ c\nd".into(),
        way: Way::Matched,
        open: 1,
        statuses: [0, 3, 0, 0, 1],
        broken: 1,
        left: 2,
        slow: 2,
        received: 10,
        sent: 20,
        times: vec![(700, 3), (70_000_000, 1)],
        ..Outcomes::default()
    };
    let release = Release {
        release: Some(ReleaseNumber(7)),
        share: Share::percent(5),
        connects_failed: 2,
        ejections: 1,
        outcomes: vec![outcomes],
    };
    let table = Table { generation: 4, releases: vec![release.clone()], ..Table::default() };
    let older = Table { generation: 3, releases: vec![release], ..Table::default() };
    let mirror = Mirror {
        of: ReleaseNumber(6),
        to: ReleaseNumber(7),
        sent: 4,
        answered: 3,
        failed: 1,
        too_large: 0,
        too_many: 0,
        unpaired: 0,
        uncompared: 0,
    };
    let service = |generation| Service {
        service: Subject::from_text("service/shop/production/local"),
        generation,
        tables: vec![table.clone()],
        older: Some(older.clone()),
        forgotten: 0,
        units: Vec::new(),
        units_lost: 0,
        mirrors: vec![mirror],
    };
    let worker = |number| Worker {
        number,
        clients: 3,
        accepted: 5,
        services: vec![service(4 + u64::from(number))],
        ..Worker::default()
    };
    Counts { workers: vec![worker(0), worker(1)], silent: vec![2], ..Counts::default() }
}

#[test]
fn sums_of_all_workers_are_told() {
    let page = metrics::page(&counts(), &[], WRONG);
    let own = page.lines().filter(|line| !line.starts_with('#') && !line.starts_with("process_"));
    let own: String = own.map(|line| format!("{line}\n")).collect();
    expect![[r#"
        http_requests_total{SHOP,release="7",route="a \"b\" \\ c\nd",way="matched",code="1xx"} 0
        http_requests_total{SHOP,release="7",route="a \"b\" \\ c\nd",way="matched",code="2xx"} 12
        http_requests_total{SHOP,release="7",route="a \"b\" \\ c\nd",way="matched",code="3xx"} 0
        http_requests_total{SHOP,release="7",route="a \"b\" \\ c\nd",way="matched",code="4xx"} 0
        http_requests_total{SHOP,release="7",route="a \"b\" \\ c\nd",way="matched",code="5xx"} 4
        http_requests_total{SHOP,release="7",route="a \"b\" \\ c\nd",way="matched",code="broken"} 4
        http_requests_total{SHOP,release="7",route="a \"b\" \\ c\nd",way="matched",code="left"} 8
        http_request_duration_seconds_bucket{SHOP,release="7",route="a \"b\" \\ c\nd",way="matched",le="0.00025"} 0
        http_request_duration_seconds_bucket{SHOP,release="7",route="a \"b\" \\ c\nd",way="matched",le="0.0005"} 0
        http_request_duration_seconds_bucket{SHOP,release="7",route="a \"b\" \\ c\nd",way="matched",le="0.001"} 12
        http_request_duration_seconds_bucket{SHOP,release="7",route="a \"b\" \\ c\nd",way="matched",le="0.0025"} 12
        http_request_duration_seconds_bucket{SHOP,release="7",route="a \"b\" \\ c\nd",way="matched",le="0.005"} 12
        http_request_duration_seconds_bucket{SHOP,release="7",route="a \"b\" \\ c\nd",way="matched",le="0.01"} 12
        http_request_duration_seconds_bucket{SHOP,release="7",route="a \"b\" \\ c\nd",way="matched",le="0.025"} 12
        http_request_duration_seconds_bucket{SHOP,release="7",route="a \"b\" \\ c\nd",way="matched",le="0.05"} 12
        http_request_duration_seconds_bucket{SHOP,release="7",route="a \"b\" \\ c\nd",way="matched",le="0.1"} 12
        http_request_duration_seconds_bucket{SHOP,release="7",route="a \"b\" \\ c\nd",way="matched",le="0.25"} 12
        http_request_duration_seconds_bucket{SHOP,release="7",route="a \"b\" \\ c\nd",way="matched",le="0.5"} 12
        http_request_duration_seconds_bucket{SHOP,release="7",route="a \"b\" \\ c\nd",way="matched",le="1"} 12
        http_request_duration_seconds_bucket{SHOP,release="7",route="a \"b\" \\ c\nd",way="matched",le="2.5"} 12
        http_request_duration_seconds_bucket{SHOP,release="7",route="a \"b\" \\ c\nd",way="matched",le="5"} 12
        http_request_duration_seconds_bucket{SHOP,release="7",route="a \"b\" \\ c\nd",way="matched",le="10"} 12
        http_request_duration_seconds_bucket{SHOP,release="7",route="a \"b\" \\ c\nd",way="matched",le="30"} 12
        http_request_duration_seconds_bucket{SHOP,release="7",route="a \"b\" \\ c\nd",way="matched",le="60"} 12
        http_request_duration_seconds_bucket{SHOP,release="7",route="a \"b\" \\ c\nd",way="matched",le="+Inf"} 16
        http_request_duration_seconds_sum{SHOP,release="7",route="a \"b\" \\ c\nd",way="matched"} 280.0084
        http_request_duration_seconds_count{SHOP,release="7",route="a \"b\" \\ c\nd",way="matched"} 16
        http_requests_in_flight{SHOP,release="7",route="a \"b\" \\ c\nd",way="matched"} 4
        http_request_body_bytes_total{SHOP,release="7",route="a \"b\" \\ c\nd",way="matched"} 40
        http_response_body_bytes_total{SHOP,release="7",route="a \"b\" \\ c\nd",way="matched"} 80
        glidepath_requests_unanswered_total{SHOP,release="7",route="a \"b\" \\ c\nd",way="matched"} 0
        glidepath_requests_slow_total{SHOP,release="7",route="a \"b\" \\ c\nd",way="matched"} 8
        glidepath_retries_total{SHOP,release="7",route="a \"b\" \\ c\nd",way="matched"} 0
        glidepath_upstream_connect_failures_total{SHOP,release="7"} 8
        glidepath_upstream_ejections_total{SHOP,release="7"} 4
        glidepath_table_generation{SHOP} 4
        glidepath_mirror_copies_total{SHOP,of="6",to="7",outcome="sent"} 8
        glidepath_mirror_copies_total{SHOP,of="6",to="7",outcome="answered"} 6
        glidepath_mirror_copies_total{SHOP,of="6",to="7",outcome="failed"} 2
        glidepath_mirror_copies_total{SHOP,of="6",to="7",outcome="too_large"} 0
        glidepath_mirror_copies_total{SHOP,of="6",to="7",outcome="too_many"} 0
        glidepath_mirror_copies_total{SHOP,of="6",to="7",outcome="unpaired"} 0
        glidepath_mirror_copies_total{SHOP,of="6",to="7",outcome="uncompared"} 0
        glidepath_connections 6
        glidepath_connections_accepted_total 10
        glidepath_requests_refused_total 0
        glidepath_requests_unserved_total 0
        glidepath_requests_shed_total 0
        glidepath_workers 2
        glidepath_workers_silent 1
        glidepath_metrics_rows_left_out 0
        glidepath_build_info{version="0.1.0"} 1
        glidepath_problems{kind="address-deaf"} 2
        glidepath_problems{kind="table-unsaved"} 0
    "#]]
    .assert_eq(&own.replace("service=\"shop\",environment=\"production\",place=\"local\"", "SHOP"));
}

/// The very tool that people check their metrics with.
#[test]
fn the_page_is_as_prometheus_wants_it() {
    let mut tool = Command::new("promtool")
        .args(["check", "metrics"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("promtool is there: `make tools` says how it is installed");
    tool.stdin.take().expect("a pipe").write_all(metrics::page(&counts(), &[], WRONG).as_bytes()).expect("it reads");
    let told = tool.wait_with_output().expect("it ends");
    let words = String::from_utf8_lossy(&told.stdout) + String::from_utf8_lossy(&told.stderr);
    assert!(told.status.success() && words.trim().is_empty(), "{words}");
}

#[test]
fn every_metric_is_documented() {
    let named = |line: &str| line.strip_prefix("# TYPE ").and_then(|rest| rest.split(' ').next().map(str::to_owned));
    let page = metrics::page(&counts(), &[], WRONG);
    let names: BTreeSet<String> = page.lines().filter_map(named).collect();
    let text = include_str!("../../../../docs/metrics.md");
    let first = |line: &str| line.strip_prefix("| `").and_then(|rest| rest.split('`').next().map(str::to_owned));
    let documented: BTreeSet<String> = text.lines().filter_map(first).collect();
    assert_eq!(names, documented);
}

/// Whatever rules are called, and however many there are: a page has an end.
#[test]
fn what_is_too_much_is_left_out_and_said() {
    let outcomes = |number: usize| Outcomes { class: number.to_string(), ..Outcomes::default() };
    let mut counts = counts();
    counts.workers.truncate(1);
    let service = &mut counts.workers[0].services[0];
    service.older = None;
    service.tables[0].releases[0].outcomes = (0..metrics::ROWS_MAX + 5).map(outcomes).collect();
    let page = metrics::page(&counts, &[], WRONG);
    assert_eq!(page.matches("http_requests_in_flight{").count(), metrics::ROWS_MAX);
    assert!(page.contains("\nglidepath_metrics_rows_left_out 5\n"), "{page}");
}

fn ask(address: SocketAddr, request: &str) -> String {
    let mut client = TcpStream::connect(address).expect("it accepts");
    client.write_all(request.replace('|', "\r\n").as_bytes()).expect("it is taken");
    hear(&mut client)
}

/// One that is not ready from the start.
#[derive(Debug)]
struct Beginning {
    feed: Feed,
    is_ready: AtomicBool,
}

impl Watched for Beginning {
    fn own(&self) -> Counts {
        self.feed.counts()
    }

    fn others(&self) -> Vec<Counts> {
        Vec::new()
    }

    fn ready(&self) -> Result<(), String> {
        self.is_ready.load(Ordering::Relaxed).then_some(()).ok_or("no table is live yet".into())
    }

    fn wrong(&self) -> Vec<(&'static str, usize)> {
        WRONG.to_vec()
    }
}

#[test]
fn whoever_watches_is_answered() {
    let site = Site::of(2, &table(1, &[answering("HTTP/1.1 200 OK|Content-Length: 2||ok")]));
    let watched = Arc::new(Beginning { feed: site.feed(), is_ready: AtomicBool::new(false) });
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let admin = Admin::start(listener, Arc::clone(&watched) as _).expect("a thread");
    let address = admin.address().expect("an address");
    let get = |path: &str| ask(address, &format!("GET {path} HTTP/1.1|Host: admin||"));
    let mut told = vec![get("/healthz"), get("/readyz")];
    watched.is_ready.store(true, Ordering::Relaxed);
    told.extend([
        get("/readyz?verbose"),
        get("/"),
        ask(address, "POST /metrics HTTP/1.1|Host: a||"),
        ask(address, "x||"),
    ]);
    told.push(ask(address, "HEAD /healthz HTTP/1.1|Host: admin||"));
    expect![[r#"
        HTTP/1.1 200 OK|Content-Type: text/plain; charset=utf-8|Content-Length: 3|Connection: close||ok

        HTTP/1.1 503 Service Unavailable|Content-Type: text/plain; charset=utf-8|Content-Length: 21|Connection: close||no table is live yet

        HTTP/1.1 200 OK|Content-Type: text/plain; charset=utf-8|Content-Length: 3|Connection: close||ok

        HTTP/1.1 404 Not Found|Content-Type: text/plain; charset=utf-8|Content-Length: 41|Connection: close||there are /metrics, /healthz and /readyz

        HTTP/1.1 405 Method Not Allowed|Content-Type: text/plain; charset=utf-8|Content-Length: 30|Connection: close||GET and HEAD are all there is

        HTTP/1.1 400 Bad Request|Content-Type: text/plain; charset=utf-8|Content-Length: 31|Connection: close||the first line is none of HTTP

        HTTP/1.1 200 OK|Content-Type: text/plain; charset=utf-8|Content-Length: 3|Connection: close||"#]].assert_eq(&told.join("\n"));
    site.say("GET / HTTP/1.1|Host: shop|Connection: close||");
    let page = get("/metrics");
    let sample = r#"http_requests_total{service="shop",environment="production",place="local",release="1",route="",way="split",code="2xx"} 1"#;
    assert!(page.contains(&format!("\n{sample}\n")) && page.contains("\nprocess_open_fds "), "{page}");
    // Workers that answer no more are no health.
    site.stop();
    let sick = get("/healthz");
    assert!(sick.starts_with("HTTP/1.1 503 ") && sick.ends_with("workers that do not answer: [0, 1]\n"), "{sick}");
    drop(admin);
    assert!(TcpStream::connect(address).is_err(), "it is gone");
}
