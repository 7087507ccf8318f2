//! What is special about some requests, through a worker to a real instance.

use crate::site::{Site, answering, mirror, table};
use expect_test::{Expect, expect};
use model::Span;
use std::fmt::Write as _;
use std::net::SocketAddr;
use wire::Table;
use wire::table::*;

/// Requests against a service with these rules, with `|` for the end of a line.
fn check(instance: SocketAddr, rules: Vec<Rule>, requests: &[&str], wanted: &Expect) {
    check_table(Table { rules, ..table(1, &[instance]) }, requests, wanted);
}

fn check_table(table: Table, requests: &[&str], wanted: &Expect) {
    let site = Site::new(&table);
    let mut text = String::new();
    for request in requests {
        let (line, fields) = request.split_once('|').unwrap_or((request, ""));
        let host = if fields.contains("Host:") || line.ends_with("HTTP/1.0") { "" } else { "Host: shop|" };
        let version = if line.contains(" HTTP/") { "" } else { " HTTP/1.1" };
        let heard = site.say(&format!("{line}{version}|{host}Connection: close|{fields}|"));
        // What every request brings along is shown elsewhere.
        let heard: Vec<_> = heard.split('|').filter(|line| !is_everywhere(line)).collect();
        writeln!(text, "{request}\n    {}", heard.join("|")).expect("a String takes everything");
    }
    wanted.assert_eq(&text);
}

fn is_everywhere(line: &str) -> bool {
    ["X-Forwarded-For", "X-Forwarded-Proto", "X-Request-Id", "traceparent", "Connection: close", "Content-Length"]
        .iter()
        .any(|name| line.starts_with(name))
}

fn on(path: Path) -> Rule {
    Rule { paths: vec![path], ..Rule::default() }
}

fn exact(path: &str) -> Path {
    Path::Exact(path.into())
}

fn prefix(path: &str) -> Path {
    Path::Prefix(path.into())
}

fn regex(path: &str) -> Path {
    Path::Regex(path.into())
}

/// A rule that says its number.
fn says(text: &str, rule: Rule) -> Rule {
    Rule { action: Some(Action::Answer { status: 200, headers: Vec::new(), body: text.into() }), ..rule }
}

#[test]
fn the_first_that_takes_a_request_has_it() {
    let only = |method: &str| vec![Match { methods: vec![method.into()], ..Match::default() }];
    let header = |name: &str| vec![Match { headers: vec![(name.into(), None)], ..Match::default() }];
    check(
        mirror(),
        vec![
            says("0", Rule { matches: only("PUT"), ..on(prefix("/a")) }),
            says("1", on(exact("/a/b"))),
            says("2", on(regex("/a/[0-9]+"))),
            says("3", on(prefix("/a/"))),
            says("4", on(exact("/a/late"))),
            says("5", Rule { matches: header("X-All"), ..Rule::default() }),
            says("6", Rule { paths: vec![exact("/b"), regex("/(b|c)/.*"), prefix("/d")], ..Rule::default() }),
            says("7", on(regex("/optional?"))),
            says("8", on(prefix("/"))),
        ],
        &[
            "GET /a",
            "GET /a/b",
            "PUT /a/b",
            "GET /a/b?c",
            "GET /a/12",
            "GET /a/12/x",
            "GET /a/late",
            "GET /ab",
            "GET /ab|X-All: 1|",
            "GET /a/b|X-All: 1|",
            "GET /b",
            "GET /b/",
            "GET /bb",
            "GET /c/x",
            "GET /d/e/f",
            "GET /optiona",
            "GET /optional",
            "GET /optional/",
            "OPTIONS *",
        ],
        &expect![[r#"
            GET /a
                HTTP/1.1 200 OK|Content-Type: text/plain; charset=utf-8||3
            GET /a/b
                HTTP/1.1 200 OK|Content-Type: text/plain; charset=utf-8||1
            PUT /a/b
                HTTP/1.1 200 OK|Content-Type: text/plain; charset=utf-8||0
            GET /a/b?c
                HTTP/1.1 200 OK|Content-Type: text/plain; charset=utf-8||1
            GET /a/12
                HTTP/1.1 200 OK|Content-Type: text/plain; charset=utf-8||2
            GET /a/12/x
                HTTP/1.1 200 OK|Content-Type: text/plain; charset=utf-8||3
            GET /a/late
                HTTP/1.1 200 OK|Content-Type: text/plain; charset=utf-8||3
            GET /ab
                HTTP/1.1 200 OK|Content-Type: text/plain; charset=utf-8||8
            GET /ab|X-All: 1|
                HTTP/1.1 200 OK|Content-Type: text/plain; charset=utf-8||5
            GET /a/b|X-All: 1|
                HTTP/1.1 200 OK|Content-Type: text/plain; charset=utf-8||1
            GET /b
                HTTP/1.1 200 OK|Content-Type: text/plain; charset=utf-8||6
            GET /b/
                HTTP/1.1 200 OK|Content-Type: text/plain; charset=utf-8||6
            GET /bb
                HTTP/1.1 200 OK|Content-Type: text/plain; charset=utf-8||8
            GET /c/x
                HTTP/1.1 200 OK|Content-Type: text/plain; charset=utf-8||6
            GET /d/e/f
                HTTP/1.1 200 OK|Content-Type: text/plain; charset=utf-8||6
            GET /optiona
                HTTP/1.1 200 OK|Content-Type: text/plain; charset=utf-8||7
            GET /optional
                HTTP/1.1 200 OK|Content-Type: text/plain; charset=utf-8||7
            GET /optional/
                HTTP/1.1 200 OK|Content-Type: text/plain; charset=utf-8||8
            OPTIONS *
                HTTP/1.1 200 OK|Content-Type: text/plain; charset=utf-8||8
        "#]],
    );
}

#[test]
fn redirects() {
    let to = |path: &str, status: u16, to: &str| Rule {
        action: Some(Action::Redirect { status, to: to.into() }),
        ..on(prefix(path))
    };
    check(
        mirror(),
        vec![
            to("/https", 301, "https://{host}{path}{query}"),
            to("/same", 308, "{scheme}://{host}/there"),
            to("/fixed", 302, "https://other.example/a?b={path}"),
            to("/", 307, "{path}{query}"),
        ],
        &[
            "GET /https/a?b=c",
            "HEAD /https",
            "POST /https|Content-Length: 0|",
            "GET /https|Host: shop.example.:8080|",
            "GET /https|Host: [::1]:80|",
            "GET /https HTTP/1.0",
            "GET http://other/https",
            "GET /same?x",
            "GET /fixed/%0d%0aX:%20y",
            "GET //evil.example/a",
            "GET /\\evil.example",
            "GET ///",
            "GET /<\">`{}^|",
        ],
        &expect![[r#"
            GET /https/a?b=c
                HTTP/1.1 301 Moved Permanently|Location: https://shop/https/a?b=c||
            HEAD /https
                HTTP/1.1 301 Moved Permanently|Location: https://shop/https||
            POST /https|Content-Length: 0|
                HTTP/1.1 301 Moved Permanently|Location: https://shop/https||
            GET /https|Host: shop.example.:8080|
                HTTP/1.1 301 Moved Permanently|Location: https://shop.example/https||
            GET /https|Host: [::1]:80|
                HTTP/1.1 301 Moved Permanently|Location: https://[::1]/https||
            GET /https HTTP/1.0
                HTTP/1.1 400 Bad Request||Host is missing

            GET http://other/https
                HTTP/1.1 301 Moved Permanently|Location: https://other/https||
            GET /same?x
                HTTP/1.1 308 Permanent Redirect|Location: http://shop/there||
            GET /fixed/%0d%0aX:%20y
                HTTP/1.1 302 Found|Location: https://other.example/a?b=/fixed/%0d%0aX:%20y||
            GET //evil.example/a
                HTTP/1.1 307 Temporary Redirect|Location: /evil.example/a||
            GET /\evil.example
                HTTP/1.1 307 Temporary Redirect|Location: /evil.example||
            GET ///
                HTTP/1.1 307 Temporary Redirect|Location: /||
            GET /<">`{}^|
                HTTP/1.1 307 Temporary Redirect|Location: /%3C%22%3E%60%7B%7D%5E||
        "#]],
    );
}

#[test]
fn fixed_answers() {
    let answer = |path: &str, status: u16, headers: &[(&str, &str)], body: &str| Rule {
        action: Some(Action::Answer {
            status,
            headers: headers.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect(),
            body: body.into(),
        }),
        ..on(exact(path))
    };
    check(
        mirror(),
        vec![
            answer("/robots.txt", 200, &[("Cache-Control", "max-age=60")], "no"),
            answer("/json", 418, &[("content-type", "application/json")], "{}"),
            answer("/none", 204, &[], ""),
            answer("/empty", 404, &[], ""),
        ],
        &["GET /robots.txt", "HEAD /robots.txt", "GET /json", "GET /none", "GET /empty"],
        &expect![[r#"
            GET /robots.txt
                HTTP/1.1 200 OK|Cache-Control: max-age=60|Content-Type: text/plain; charset=utf-8||no
            HEAD /robots.txt
                HTTP/1.1 200 OK|Cache-Control: max-age=60|Content-Type: text/plain; charset=utf-8||
            GET /json
                HTTP/1.1 418 |content-type: application/json||{}
            GET /none
                HTTP/1.1 204 No Content||
            GET /empty
                HTTP/1.1 404 Not Found||
        "#]],
    );
}

#[test]
fn rewrites() {
    let path = |rule: Rule, to: &str| Rule { rewrite: Rewrite { host: None, path: Some(to.into()) }, ..rule };
    check(
        mirror(),
        vec![
            path(on(prefix("/foo")), "/xyz"),
            path(on(prefix("/bar/")), "/xyz/"),
            path(on(prefix("/cut")), "/"),
            path(on(exact("/exact")), "/other$$"),
            path(on(regex("/u/([a-z]+)/(.*)")), "/$2/of/$1"),
            path(on(regex("/opt(/x)?")), "/v$1"),
            Rule { rewrite: Rewrite { host: Some("inner:81".into()), path: None }, ..on(exact("/host")) },
            path(
                Rule {
                    matches: vec![Match { headers: vec![("X-All".into(), None)], ..Match::default() }],
                    ..Rule::default()
                },
                "/all/",
            ),
        ],
        &[
            "GET /foo",
            "GET /foo/",
            "GET /foo/bar?x=/foo",
            "GET /bar",
            "GET /bar/",
            "GET /bar/baz",
            "GET /cut",
            "GET /cut/",
            "GET /cut/a",
            "GET /exact?q",
            "GET /u/ann/a/b%20c?d",
            "GET /u/A/b",
            "GET /opt",
            "GET /opt/x",
            "GET /host",
            "GET http://outer/host",
            "GET /a|X-All: 1|",
            "OPTIONS *|X-All: 1|",
            "GET http://outer|X-All: 1|",
        ],
        &expect![[r#"
            GET /foo
                HTTP/1.1 200 OK||GET /xyz HTTP/1.1|Host: shop|X-Forwarded-Host: shop||
            GET /foo/
                HTTP/1.1 200 OK||GET /xyz/ HTTP/1.1|Host: shop|X-Forwarded-Host: shop||
            GET /foo/bar?x=/foo
                HTTP/1.1 200 OK||GET /xyz/bar?x=/foo HTTP/1.1|Host: shop|X-Forwarded-Host: shop||
            GET /bar
                HTTP/1.1 200 OK||GET /xyz/ HTTP/1.1|Host: shop|X-Forwarded-Host: shop||
            GET /bar/
                HTTP/1.1 200 OK||GET /xyz/ HTTP/1.1|Host: shop|X-Forwarded-Host: shop||
            GET /bar/baz
                HTTP/1.1 200 OK||GET /xyz/baz HTTP/1.1|Host: shop|X-Forwarded-Host: shop||
            GET /cut
                HTTP/1.1 200 OK||GET / HTTP/1.1|Host: shop|X-Forwarded-Host: shop||
            GET /cut/
                HTTP/1.1 200 OK||GET / HTTP/1.1|Host: shop|X-Forwarded-Host: shop||
            GET /cut/a
                HTTP/1.1 200 OK||GET /a HTTP/1.1|Host: shop|X-Forwarded-Host: shop||
            GET /exact?q
                HTTP/1.1 200 OK||GET /other$?q HTTP/1.1|Host: shop|X-Forwarded-Host: shop||
            GET /u/ann/a/b%20c?d
                HTTP/1.1 200 OK||GET /a/b%20c/of/ann?d HTTP/1.1|Host: shop|X-Forwarded-Host: shop||
            GET /u/A/b
                HTTP/1.1 200 OK||GET /u/A/b HTTP/1.1|Host: shop|X-Forwarded-Host: shop||
            GET /opt
                HTTP/1.1 200 OK||GET /v HTTP/1.1|Host: shop|X-Forwarded-Host: shop||
            GET /opt/x
                HTTP/1.1 200 OK||GET /v/x HTTP/1.1|Host: shop|X-Forwarded-Host: shop||
            GET /host
                HTTP/1.1 200 OK||GET /host HTTP/1.1|Host: inner:81|X-Forwarded-Host: shop||
            GET http://outer/host
                HTTP/1.1 200 OK||GET /host HTTP/1.1|Host: inner:81|X-Forwarded-Host: outer||
            GET /a|X-All: 1|
                HTTP/1.1 200 OK||GET /all/a HTTP/1.1|Host: shop|X-All: 1|X-Forwarded-Host: shop||
            OPTIONS *|X-All: 1|
                HTTP/1.1 200 OK||OPTIONS * HTTP/1.1|Host: shop|X-All: 1|X-Forwarded-Host: shop||
            GET http://outer|X-All: 1|
                HTTP/1.1 200 OK||GET / HTTP/1.1|Host: outer|X-All: 1|X-Forwarded-Host: outer||
        "#]],
    );
}

#[test]
fn edits_of_requests() {
    let pair = |name: &str, value: &str| vec![(name.to_owned(), value.to_owned())];
    let edits = Edits { remove: vec!["X-Debug".into()], set: pair("X-Env", "blue"), add: pair("Via", "1.1 gateway") };
    check(
        mirror(),
        vec![Rule { request: edits, ..Rule::default() }],
        &["GET /", "GET /|x-debug: 1|X-Env: red|x_env: green|Via: 1.0 other|X-Debug-Not: 2|"],
        &expect![[r#"
            GET /
                HTTP/1.1 200 OK||GET / HTTP/1.1|Host: shop|X-Env: blue|Via: 1.1 gateway|X-Forwarded-Host: shop||
            GET /|x-debug: 1|X-Env: red|x_env: green|Via: 1.0 other|X-Debug-Not: 2|
                HTTP/1.1 200 OK||GET / HTTP/1.1|Host: shop|Via: 1.0 other|X-Debug-Not: 2|X-Env: blue|Via: 1.1 gateway|X-Forwarded-Host: shop||
        "#]],
    );
}

#[test]
fn edits_of_answers() {
    let pair = |name: &str, value: &str| vec![(name.to_owned(), value.to_owned())];
    let edits =
        Edits { remove: vec!["Server".into()], set: pair("X-Frame-Options", "DENY"), add: pair("Vary", "Origin") };
    check(
        answering(
            "HTTP/1.1 103 Early Hints|Server: a|Link: b||HTTP/1.1 200 OK|Server: a|Vary: c|x-frame-options: no|Content-Length: 2||ok",
        ),
        vec![Rule { answer: edits, ..Rule::default() }],
        &["GET /", "HEAD /"],
        &expect![[r#"
            GET /
                HTTP/1.1 103 Early Hints|Link: b||HTTP/1.1 200 OK|Vary: c|X-Frame-Options: DENY|Vary: Origin||ok
            HEAD /
                HTTP/1.1 103 Early Hints|Link: b||HTTP/1.1 200 OK|Vary: c|X-Frame-Options: DENY|Vary: Origin||
        "#]],
    );
}

/// Nobody pretends to be another release.
#[test]
fn the_release_is_told() {
    let told = Told { application: Some("X-Release".into()), client: Some("X-Variant".into()) };
    let answer = "HTTP/1.1 200 OK|X-Variant: 99|Content-Length: 2||ok";
    for (instance, wanted) in [
        (
            mirror(),
            expect![[r#"
        GET /|x-release: 99|X_Release: 98|
            HTTP/1.1 200 OK|X-Variant: 1||GET / HTTP/1.1|Host: shop|X-Release: 1|X-Forwarded-Host: shop||
    "#]],
        ),
        (
            answering(answer),
            expect![[r#"
        GET /|x-release: 99|X_Release: 98|
            HTTP/1.1 200 OK|X-Variant: 1||ok
    "#]],
        ),
    ] {
        check_table(
            Table { told: told.clone(), ..table(1, &[instance]) },
            &["GET /|x-release: 99|X_Release: 98|"],
            &wanted,
        );
    }
}

#[test]
fn limits_of_its_own() {
    let limits = Limits { body_bytes_max: 4, head: Span::seconds(1), ..Limits::default() };
    check(
        mirror(),
        vec![Rule { limits: Some(limits), ..on(prefix("/small")) }],
        &["POST /|Content-Length: 5||hello", "POST /small|Content-Length: 5||hello"],
        &expect![[r#"
            POST /|Content-Length: 5||hello
                HTTP/1.1 200 OK||POST / HTTP/1.1|Host: shop|X-Forwarded-Host: shop||hello
            POST /small|Content-Length: 5||hello
                HTTP/1.1 413 Content Too Large||the body is too large

        "#]],
    );
}

#[test]
fn a_hold_and_those_it_lets_in() {
    let staff = Match { headers: vec![("X-Team".into(), Some("staff".into()))], ..Match::default() };
    let hold = Hold { allow: vec![staff], content_type: "text/plain".into(), ..Hold::new(Span(1_500), "Soon") };
    let rules = vec![says("up", on(exact("/up")))];
    check_table(
        Table { hold: Some(hold), rules, ..table(1, &[mirror()]) },
        &["GET /", "HEAD /", "GET /|X-Team: staff|", "GET /up"],
        &expect![[r#"
            GET /
                HTTP/1.1 503 Service Unavailable|Retry-After: 2|Content-Type: text/plain||Soon
            HEAD /
                HTTP/1.1 503 Service Unavailable|Retry-After: 2|Content-Type: text/plain||
            GET /|X-Team: staff|
                HTTP/1.1 200 OK||GET / HTTP/1.1|Host: shop|X-Team: staff|X-Forwarded-Host: shop||
            GET /up
                HTTP/1.1 200 OK|Content-Type: text/plain; charset=utf-8||up
        "#]],
    );
}

/// A thousand rules find the same as one after the other would.
#[test]
fn a_thousand_rules() {
    let rules = (0..1_000).map(|number| {
        says(
            &number.to_string(),
            on(match number % 3 {
                0 => exact(&format!("/r/{number}")),
                1 => prefix(&format!("/r/{number}")),
                _ => regex(&format!("/r/{number}/[a-z]*")),
            }),
        )
    });
    let site = Site::new(&Table { rules: rules.collect(), ..table(1, &[mirror()]) });
    for (number, rest, found) in
        [(999, "", true), (999, "/", false), (1, "/x/y", true), (998, "/abc", true), (998, "/1", false)]
    {
        let heard = site.say(&format!("GET /r/{number}{rest} HTTP/1.1|Host: shop|Connection: close||"));
        assert_eq!(heard.ends_with(&format!("||{number}")), found, "{heard}");
    }
}
