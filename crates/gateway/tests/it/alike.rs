//! What a table says holds in HTTP/2 as it does in HTTP/1: each request is asked in both, and heard alike.

use crate::certificates::{Authority, secure};
use crate::frames::Frames;
use crate::multiplexed::Http2;
use crate::site::*;
use expect_test::{Expect, expect};
use model::Span;
use std::fmt::Write as _;
use std::net::{SocketAddr, TcpListener};
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use wire::Table;
use wire::table::*;

const SHORT: Span = Span(300);
const GET: [(&str, &str); 4] = [(":method", "GET"), (":scheme", "http"), (":path", "/"), (":authority", "shop")];
const POST: [(&str, &str); 4] = [(":method", "POST"), GET[1], GET[2], GET[3]];

/// Requests like `GET / HTTP/1.1|Host: shop||`, in both protocols; what is heard in HTTP/2 is as wanted.
fn check(table: &Table, requests: &[&str], wanted: &Expect) {
    let site = Site::new(table);
    let mut client = Http2::new(site.address);
    let mut text = String::new();
    for request in requests {
        let (line, rest) = request.split_once('|').expect("a first line");
        let in_http2 = client.ask(request);
        let in_http1 = site.say(&format!("{line} HTTP/1.1|Connection: close|{rest}"));
        assert_eq!(essence(&in_http2), essence(&in_http1), "{request}");
        writeln!(text, "{request}\n    {in_http2}").expect("a String takes everything");
    }
    wanted.assert_eq(&text);
    until(|| (site.claims() == 0).then_some(()));
}

/// What both protocols say, whatever the case and the order of their fields.
fn essence(said: &str) -> String {
    let said = said.to_lowercase();
    let (head, body) = said.split_once("||").unwrap_or((&said, ""));
    let mut lines: Vec<_> = head.split('|').filter(|line| *line != "connection: close").collect();
    let status = lines.remove(0).split(' ').nth(1).unwrap_or_default();
    lines.sort_unstable();
    format!("{status}|{}||{body}", lines.join("|"))
}

fn on(path: &str) -> Rule {
    Rule { paths: vec![Path::Prefix(path.into())], ..Rule::default() }
}

fn pair(name: &str, value: &str) -> Vec<(String, String)> {
    vec![(name.to_owned(), value.to_owned())]
}

#[test]
fn rules() {
    let redirect = Action::Redirect { status: 308, to: "https://{host}{path}{query}".into() };
    let answer = Action::Answer { status: 418, headers: pair("X-Tea", "yes"), body: "tea".into() };
    let empty = Action::Answer { status: 204, headers: Vec::new(), body: String::new() };
    let rewrite = Rewrite { host: Some("inner:81".into()), path: Some("/new".into()) };
    let request = Edits { remove: vec!["X-Debug".into()], set: pair("X-Env", "blue"), add: pair("Via", "1.1 gateway") };
    let back = Edits { remove: vec!["Server".into()], set: pair("X-Frame-Options", "DENY"), add: pair("Vary", "A") };
    let rules = vec![
        Rule { action: Some(redirect), ..on("/redirect") },
        Rule { action: Some(answer), ..on("/tea") },
        Rule { action: Some(empty), ..on("/empty") },
        Rule { rewrite, ..on("/rewrite") },
        Rule { request, answer: back, ..on("/edit") },
    ];
    let told = Told { application: Some("X-Release".into()), client: Some("X-Variant".into()) };
    let table = Table { rules, told, hosts: vec!["shop".into()], ..table(1, &[mirror()]) };
    check(
        &table,
        &[
            "GET /redirect/a?b|Host: shop||",
            "GET /tea|Host: shop||",
            "HEAD /tea|Host: shop||",
            "POST /tea|Host: shop|Content-Length: 5||hello",
            "GET /empty|Host: shop||",
            "GET /rewrite/a?b|Host: shop||",
            "POST /edit|Host: shop|x-debug: 1|x-env: red|X-Release: 9|Content-Length: 5||hello",
            "GET /|Host: other||",
        ],
        &expect![[r#"
            GET /redirect/a?b|Host: shop||
                HTTP/2 308|location: https://shop/redirect/a?b|content-length: 0||
            GET /tea|Host: shop||
                HTTP/2 418|x-tea: yes|content-type: text/plain; charset=utf-8|content-length: 3||tea
            HEAD /tea|Host: shop||
                HTTP/2 418|x-tea: yes|content-type: text/plain; charset=utf-8|content-length: 3||
            POST /tea|Host: shop|Content-Length: 5||hello
                HTTP/2 418|x-tea: yes|content-type: text/plain; charset=utf-8|content-length: 3||tea
            GET /empty|Host: shop||
                HTTP/2 204||
            GET /rewrite/a?b|Host: shop||
                HTTP/2 200|content-length: 160|x-variant: 1||GET /new/a?b HTTP/1.1|Host: inner:81|X-Release: 1|X-Forwarded-For: 127.0.0.1|X-Forwarded-Proto: http|X-Forwarded-Host: shop|X-Request-Id: ...|traceparent: ...||
            POST /edit|Host: shop|x-debug: 1|x-env: red|X-Release: 9|Content-Length: 5||hello
                HTTP/2 200|content-length: 206|x-frame-options: DENY|vary: A|x-variant: 1||POST /edit HTTP/1.1|Host: shop|Content-Length: 5|X-Env: blue|Via: 1.1 gateway|X-Release: 1|X-Forwarded-For: 127.0.0.1|X-Forwarded-Proto: http|X-Forwarded-Host: shop|X-Request-Id: ...|traceparent: ...||hello
            GET /|Host: other||
                HTTP/2 404|content-length: 19||no service is here

        "#]],
    );
}

#[test]
fn bounds() {
    let limits = Limits { body_bytes_max: 4, ..Limits::default() };
    let large = format!("GET /|Host: shop|X-Large: {}||", "x".repeat(40_000));
    let many = format!("GET /|Host: shop|{}|", "X: y|".repeat(200));
    let long = format!("GET /{}|Host: shop||", "x".repeat(10_000));
    let site = Site::new(&Table { limits, ..table(1, &[mirror()]) });
    let mut client = Http2::new(site.address);
    let mut text = String::new();
    for (what, request) in [
        ("a body", "POST /|Host: shop|Content-Length: 5||hello"),
        ("a body of no length", "POST /|Host: shop||hello"),
        ("a field", &large),
        ("fields", &many),
        ("a target", &long),
        ("nothing", "GET /|Host: shop||"),
    ] {
        let said = client.ask(request);
        writeln!(text, "{what}: {said}").expect("a String takes everything");
    }
    expect![[r#"
        a body: HTTP/2 413|content-length: 22||the body is too large

        a body of no length: HTTP/2 413|content-length: 22||the body is too large

        a field: HTTP/2 431||
        fields: HTTP/2 431|content-type: text/plain|content-length: 16||too many fields

        a target: HTTP/2 414|content-type: text/plain|content-length: 23||the target is too long

        nothing: HTTP/2 200|content-length: 136||GET / HTTP/1.1|Host: shop|X-Forwarded-For: 127.0.0.1|X-Forwarded-Proto: http|X-Forwarded-Host: shop|X-Request-Id: ...|traceparent: ...||
    "#]].assert_eq(&text);
    until(|| (site.claims() == 0).then_some(()));
}

/// A body that is found to be too large when some of it was passed on: its stream ends, and the connection goes on.
#[test]
fn a_body_that_grows_too_large() {
    let mut table = table(1, &[mirror()]);
    table.limits.body_bytes_max = 8;
    let site = Site::new(&table);
    let mut client = Frames::new(site.client());
    client.headers(1, &POST, false);
    client.data(1, b"hello", false);
    until(|| (site.claims() == 1).then_some(()));
    client.data(1, b"more", false);
    let heard: Vec<_> = (0..3).map(|_| client.next()).collect();
    assert_eq!(heard, ["1 413", "1 22 bytes end", "1 RST_STREAM NO_ERROR"]);
    client.headers(3, &GET, true);
    assert!(client.hear(3).starts_with("200: GET / "));
    assert_eq!(site.claims(), 0);
}

/// Who sends too slowly, or stops, is told so; the connection goes on.
#[test]
fn bodies_have_to_come() {
    let site = Site::new(&table(1, &[mirror()]));
    let mut trickling = Frames::new(site.client());
    trickling.headers(1, &POST, false);
    until(|| (site.claims() == 1).then_some(()));
    while site.claims() == 1 {
        trickling.data(1, b"x", false);
        std::thread::sleep(Duration::from_millis(100));
    }
    assert_eq!(trickling.hear(1), "408: the body took too long\n");
    let mut hasty = table(2, &[mirror()]);
    hasty.limits.idle = SHORT;
    site.take(&hasty).expect("newer");
    let mut stopping = Frames::new(site.client());
    stopping.headers(1, &POST, false);
    stopping.data(1, b"hel", false);
    assert_eq!(stopping.hear(1), "408: the body took too long\n");
    stopping.headers(3, &GET, true);
    assert!(stopping.hear(3).contains("200: GET / "));
}

#[test]
fn a_hold_and_those_it_lets_in() {
    let staff = Match { headers: vec![("X-Team".into(), Some("staff".into()))], ..Match::default() };
    let hold = Hold { allow: vec![staff], content_type: "text/plain".into(), ..Hold::new(Span(1_500), "Soon") };
    check(
        &Table { hold: Some(hold), ..table(1, &[mirror()]) },
        &["GET /|Host: shop||", "HEAD /|Host: shop||", "GET /|Host: shop|X-Team: staff||"],
        &expect![[r#"
            GET /|Host: shop||
                HTTP/2 503|retry-after: 2|content-type: text/plain|content-length: 4||Soon
            HEAD /|Host: shop||
                HTTP/2 503|retry-after: 2|content-type: text/plain|content-length: 4||
            GET /|Host: shop|X-Team: staff||
                HTTP/2 200|content-length: 150||GET / HTTP/1.1|Host: shop|x-team: staff|X-Forwarded-For: 127.0.0.1|X-Forwarded-Proto: http|X-Forwarded-Host: shop|X-Request-Id: ...|traceparent: ...||
        "#]],
    );
}

/// Streams wait side by side; one that is taken back leaves the queue, and its neighbour does not.
#[test]
fn streams_are_parked() {
    let parking = Some(Parking { requests_max: 2, within: Span::minutes(1) });
    let hold = Hold { parking, ..Hold::new(Span::seconds(3), "Soon") };
    let site = Site::new(&Table { hold: Some(hold), ..table(1, &[mirror()]) });
    let parked = |count| until(|| (site.report().parked == count).then_some(()));
    let mut client = Frames::new(site.client());
    client.headers(1, &GET, true);
    client.headers(3, &POST, false);
    client.data(3, b"hello", true);
    parked(2);
    client.headers(5, &GET, true);
    assert_eq!(client.hear(5), "503: Soon");
    client.reset(1);
    parked(1);
    site.take(&table(2, &[mirror()])).expect("newer");
    let said = client.hear(3);
    assert!(said.starts_with("200: POST / ") && said.contains("||5|hello|0||"), "{said}");
}

#[test]
fn rates() {
    let mut table = table(1, &[mirror()]);
    let rate = Rate { per: RatePer::Client, rule: String::new(), requests: 2, every: Span::hours(1), burst: 1 };
    table.care.rates = vec![rate];
    let site = Site::new(&table);
    let mut client = Http2::new(site.address);
    assert!(client.ask("GET /|Host: shop||").starts_with("HTTP/2 200|"));
    let in_http2 = client.ask("GET /|Host: shop||");
    expect![[r#"
        HTTP/2 429|retry-after: 1800|ratelimit-policy: "client";q=2;w=3600|ratelimit: "client";r=0;t=1800|content-length: 18||too many requests
    "#]].assert_eq(&in_http2);
    let in_http1 = site.say("GET / HTTP/1.1|Host: shop|Connection: close||");
    assert_eq!(essence(&in_http2), essence(&in_http1));
}

/// An instance that hangs up on whatever it is asked, and how often that was.
fn hangs_up() -> (SocketAddr, Arc<AtomicUsize>) {
    let asked = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&asked);
    let address = instance(move |mut stream| {
        if read_request(&mut stream).is_some() {
            counter.fetch_add(1, Ordering::SeqCst);
        }
    });
    (address, asked)
}

/// Another instance is asked where the first took nothing, or where that does no harm.
#[test]
fn retries() {
    let dead = TcpListener::bind("127.0.0.1:0").and_then(|gone| gone.local_addr()).expect("a port");
    let (rude, asked) = hangs_up();
    for (first, post) in [(dead, "HTTP/2 200"), (rude, "HTTP/2 502")] {
        let mut said = Vec::new();
        for method in ["GET", "POST"] {
            let mut table = table(1, &[first, mirror()]);
            table.lanes[0].balance = Balance::RoundRobin;
            table.care.passive.failures = 0;
            let site = Site::new(&table);
            let mut client = Http2::new(site.address);
            let rest = if method == "GET" { "||" } else { "|Content-Length: 2||hi" };
            let ask = |_| client.ask(&format!("{method} /|Host: shop{rest}"))[..10].to_owned();
            let mut answers: Vec<_> = (0..4).map(ask).collect();
            answers.sort_unstable();
            said.push(answers);
        }
        assert_eq!(said[0], ["HTTP/2 200"; 4]);
        assert_eq!(said[1], ["HTTP/2 200", "HTTP/2 200", post, post]);
    }
    // Twice each: a GET of those was asked elsewhere then, and a POST was not.
    assert_eq!(asked.load(Ordering::SeqCst), 4);
}

#[test]
fn sessions_stay() {
    let lanes: [&[SocketAddr]; 2] = [
        &[answering("HTTP/1.1 200 OK|Content-Length: 3||one")],
        &[answering("HTTP/1.1 200 OK|Content-Length: 3||two")],
    ];
    let mut table = table_of(1, &[(1, 50, lanes[0]), (2, 50, lanes[1])]);
    table.unit = Some(Unit::Cookie { name: "unit".into(), key: Key([7; 16]) });
    let site = Site::new(&table);
    for _ in 0..20 {
        let mut client = Http2::new(site.address);
        let first = client.ask("GET /|Host: shop||");
        let cookie = first.split('|').find_map(|line| line.strip_prefix("set-cookie: ")?.split(';').next());
        let cookie = cookie.expect("it is told who it is");
        for _ in 0..3 {
            let again = client.ask(&format!("GET /|Host: shop|Cookie: a=b|Cookie: {cookie}||"));
            assert_eq!(again, "HTTP/2 200|content-length: 3||".to_owned() + &first[first.len() - 3..]);
        }
    }
}

/// Who has to show a certificate does; and a connection that was made for one service is none for another that
/// demands more.
#[test]
fn clients_show_certificates() {
    let (authority, staff) = (Authority::new(), Authority::new());
    let site = Site::new(&table(1, &[]));
    let certificate = authority.sign("all", &["open.example", "closed.example"]);
    for (name, host, clients) in
        [("open", "open.example", None), ("closed", "closed.example", Some(staff.demand(false)))]
    {
        let service = model::Subject::from_text(&format!("service/{name}/production/local"));
        let listen = vec![secure(site.address, std::slice::from_ref(&certificate), clients)];
        let hosts = vec![host.to_owned()];
        site.take(&Table { service, hosts, listen, ..table(2, &[mirror()]) }).expect("it is live");
    }
    let member = staff.sign("member", &["member"]);
    let mut text = String::new();
    for (who, shown) in [("nobody", None), ("a member", Some(&member))] {
        for name in ["open.example", "closed.example"] {
            let mut client = Http2::through_tls(site.address, name, &authority.client(shown, &["h2"]));
            let said = ["open.example", "closed.example"].map(|host| {
                let said = client.as_mut().map(|client| client.ask(&format!("GET /|Host: {host}||")));
                // Whether it is closed before the handshake ends or after it is chance.
                said.and_then(|said| said.strip_prefix("HTTP/2 ")?.get(..3)?.parse::<u16>().ok())
            });
            writeln!(text, "{who} through {name}: {said:?}").expect("a String takes everything");
        }
    }
    expect![[r#"
        nobody through open.example: [Some(200), Some(421)]
        nobody through closed.example: [None, None]
        a member through open.example: [Some(200), Some(421)]
        a member through closed.example: [Some(421), Some(200)]
    "#]]
    .assert_eq(&text);
}

/// Many at once, by a client that is made for it.
#[test]
fn h2load_is_served() {
    let site = Site::of(2, &table(1, &[answering("HTTP/1.1 200 OK|Content-Length: 2||ok")]));
    let mut load = Command::new("h2load");
    load.args(["-n", "4000", "-c", "8", "-m", "64", &format!("http://{}/", site.address)]);
    let told = load.output().expect("h2load runs");
    let told = String::from_utf8_lossy(&told.stdout);
    assert!(told.contains("4000 succeeded, 0 failed, 0 errored, 0 timeout"), "{told}");
    until(|| (site.claims() == 0).then_some(()));
}
