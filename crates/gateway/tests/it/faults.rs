//! What is wrong with a table: all of it is told at once, each with its place and what to do.

use crate::site::table;
use expect_test::{Expect, expect};
use gateway::table::{Checked, FAULTS_MAX};
use model::{ReleaseNumber, Share, Span};
use wire::Table;
use wire::table::*;

fn check(change: impl FnOnce(&mut Table), wanted: &Expect) {
    let mut table = table(1, &["127.0.0.1:9000".parse().expect("an address")]);
    change(&mut table);
    let told = match Checked::new(table) {
        Ok(_) => "nothing is wrong".to_owned(),
        Err(faults) => faults.to_string(),
    };
    wanted.assert_eq(&told);
}

fn pairs(list: &[(&str, &str)]) -> Vec<(String, String)> {
    list.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

fn texts(list: &[&str]) -> Vec<String> {
    list.iter().map(|text| (*text).to_owned()).collect()
}

#[test]
fn nothing() {
    check(|_| {}, &expect!["nothing is wrong"]);
}

#[test]
fn places() {
    check(
        |table| {
            table.listen = ["", ":80", "127.0.0.1:80", "[::1]:80", "shop:80", ":99999"]
                .map(|address| Listen { address: address.into(), ..Listen::default() })
                .into();
            table.listen[1].trusted = texts(&["10.0.0.0/8", "10.0.0.0"]);
            table.listen[2].tls = Some(Tls { certificates: Vec::new(), clients: None });
            table.hosts = texts(&[
                "shop.example",
                "*.shop.example",
                "[::1]",
                "localhost",
                "a_b.example",
                "*",
                "a.*.example",
                "*shop",
                "bücher.example",
                "shop.example:80",
                "[::1]:80",
                "shop.example.",
                "a..b",
                "a b",
                "",
            ]);
            table.paths = [
                Path::Exact("/a".into()),
                Path::Exact("a".into()),
                Path::Prefix("/a?b".into()),
                Path::Prefix("/a b".into()),
                Path::Regex("/[0-9]+".into()),
                Path::Regex("/a)|(b".into()),
                Path::Regex("/(?:[a-z]{1000}){1000}".into()),
                Path::Regex(r"/\p{Greek}".into()),
            ]
            .into();
        },
        &expect![[r#"
            listen[0].address: `` is no address to listen at: write it like :8080 or 127.0.0.1:8080
            listen[1].trusted[1]: `10.0.0.0` is no network: write it like 10.0.0.0/8
            listen[2].tls.certificates: there is none: name a `chain` and a `key`, or leave `tls` out
            listen[4].address: `shop:80` is no address to listen at: write it like :8080 or 127.0.0.1:8080
            listen[5].address: `:99999` is no address to listen at: write it like :8080 or 127.0.0.1:8080
            hosts[5]: `*` has a `*` that is not its first part: write it like *.shop.example
            hosts[6]: `a.*.example` has a `*` that is not its first part: write it like *.shop.example
            hosts[7]: `*shop` has a `*` that is not its first part: write it like *.shop.example
            hosts[8]: `bücher.example` is not written as it is asked for: write it in ASCII, `xn--...` for each such part
            hosts[9]: `shop.example:80` has a port: `listen` says that, so leave it out
            hosts[10]: `[::1]:80` has a port: `listen` says that, so leave it out
            hosts[11]: `shop.example.` ends with a dot: hosts are the same with and without, so leave it out
            hosts[12]: `a..b` is no host: write it like shop.example or *.shop.example
            hosts[13]: `a b` is no host: write it like shop.example or *.shop.example
            hosts[14]: `` is no host: write it like shop.example or *.shop.example
            paths[1]: `a` is no path: it begins with `/`
            paths[2]: `/a?b` has a query: a match on `query` looks at that
            paths[3]: `/a b` has what no path has: write it like %20
            paths[5]: `/a)|(b` is no expression: unopened group
            paths[6]: `/(?:[a-z]{1000}){1000}` is no expression: it takes more than 1048576 bytes: write a smaller one
            paths[7]: `/\p{Greek}` is no expression: Unicode not allowed here"#]],
    );
}

#[test]
fn lanes() {
    check(
        |table| {
            table.lanes[0].endpoints =
                ["127.0.0.1:1", "127.0.0.1:1", "localhost:1", "127.0.0.1", "127.0.0.1:0"].map(Endpoint::new).into();
            table.lanes.push(Lane {
                door: Door::Pinned,
                slow_start: Some(Span::ZERO),
                ..Lane::new(ReleaseNumber(1), Share::percent(10), Vec::new())
            });
            table.lanes[1].matches.push(Match {
                headers: vec![("X Y".into(), None)],
                cookies: vec![(String::new(), None)],
                methods: texts(&["GET", "G T"]),
                networks: texts(&["::/129"]),
                ..Match::default()
            });
            table.mirrors = vec![Mirror {
                of: ReleaseNumber(1),
                to: ReleaseNumber(9),
                share: Share::ALL,
                noise: false,
                methods: texts(&[""]),
                body_bytes_max: 0,
                in_flight_max: 0,
                within: Span::ZERO,
                headers: texts(&["A:"]),
                answer_bytes_max: 0,
            }];
        },
        &expect![[r#"
            lanes[1].door: release @1 keeps sessions, but there are none: set `unit` to a cookie
            lanes[1].release: release @1 has a lane already: write what it gets once
            lanes[1].share: release @1 takes no new units but has a share of them: open its door, or give the share to another
            lanes: the shares sum to 110.00 %: they have to sum to 100 %
            lanes[0].endpoints[1].address: `127.0.0.1:1` is there already: it would get twice its part
            lanes[0].endpoints[2].address: `localhost:1` is no address with a port: write it like 127.0.0.1:20001
            lanes[0].endpoints[3].address: `127.0.0.1` is no address with a port: write it like 127.0.0.1:20001
            lanes[0].endpoints[4].address: `127.0.0.1:0` is no address with a port: write it like 127.0.0.1:20001
            lanes[1].slow_start: it takes no time: leave it out
            lanes[1].matches[0].headers[0]: `X Y` is no name: write letters, digits and `-`
            lanes[1].matches[0].cookies[0]: `` is no name: write letters, digits and `-`
            lanes[1].matches[0].methods[1]: `G T` is no method: write it like GET
            lanes[1].matches[0].networks[0]: `::/129` is no network: write it like 10.0.0.0/8
            mirrors[0].to: release @9 has no lane: add one, with a share of 0 if it serves nobody
            mirrors[0].methods[0]: `` is no method: write it like GET
            mirrors[0].headers[0]: `A:` is no name of a header
            mirrors[0].in_flight_max: it is 0, so nothing would ever be done: write more, or leave it out
            mirrors[0].within: it is 0, so nothing would ever be done: write more, or leave it out"#]],
    );
}

#[test]
fn rules() {
    check(
        |table| {
            let of = |rule: Rule| rule;
            table.rules = vec![
                of(Rule { name: "ä".into(), paths: vec![Path::Exact("b".into())], ..Rule::default() }),
                of(Rule {
                    action: Some(Action::Redirect { status: 200, to: "https://{hots}/".into() }),
                    ..Rule::default()
                }),
                of(Rule {
                    action: Some(Action::Redirect { status: 301, to: "a\r\nSet-Cookie: b".into() }),
                    ..Rule::default()
                }),
                of(Rule {
                    action: Some(Action::Answer {
                        status: 204,
                        headers: pairs(&[("Content-Length", "5"), ("A", "b\r\nC: d"), ("A\r\nB", "c")]),
                        body: "x".into(),
                    }),
                    rewrite: Rewrite { host: Some("a".into()), path: None },
                    answer: Edits { remove: texts(&["Server"]), ..Edits::default() },
                    ..Rule::default()
                }),
                of(Rule {
                    action: Some(Action::Answer { status: 101, headers: Vec::new(), body: String::new() }),
                    ..Rule::default()
                }),
                of(Rule { rewrite: Rewrite { host: Some("a/b".into()), path: Some("/$x".into()) }, ..Rule::default() }),
                of(Rule {
                    paths: vec![Path::Regex("/(a)/(b)".into())],
                    rewrite: Rewrite { host: None, path: Some("/$1/$2/$3".into()) },
                    ..Rule::default()
                }),
                of(Rule { rewrite: Rewrite { host: None, path: Some("/$1".into()) }, ..Rule::default() }),
                of(Rule { rewrite: Rewrite { host: None, path: Some("v2 ".into()) }, ..Rule::default() }),
                of(Rule {
                    request: Edits {
                        remove: texts(&["Host", "connection", "TE", "Transfer_Encoding"]),
                        set: pairs(&[("X-Forwarded-For", "a"), ("Expect", "b"), ("Upgrade", "c")]),
                        add: pairs(&[("Keep-Alive", "a"), ("A", " b")]),
                    },
                    answer: Edits { set: pairs(&[("Trailer", "a"), ("Date", "b")]), ..Edits::default() },
                    limits: Some(Limits { idle: Span::ZERO, ..Limits::default() }),
                    ..Rule::default()
                }),
            ];
        },
        &expect![[r#"
            rules[0].paths[0]: `b` is no path: it begins with `/`
            rules[1].action.redirect.status: 200 sends nobody elsewhere: write 301, 302, 303, 307 or 308
            rules[1].action.redirect.to: nothing stands for `{hots}`: write scheme, host, path or query
            rules[2].action.redirect.to: `a\r\nSet-Cookie: b` is no address: it has letters of ASCII and no space
            rules[3].action.answer.body: an answer with the status 204 has no body: leave it out
            rules[3].action.answer.headers[0]: `Content-Length` says where a message ends, and is nobody's to change: leave it out
            rules[3].action.answer.headers[1]: the value has a control character: a header is one line
            rules[3].action.answer.headers[2]: `A\r\nB` is no name of a header: write letters, digits and `-`
            rules[3]: the gateway answers itself, so there is no request to change: leave `rewrite` and `request` out
            rules[4].action.answer.status: 101 is no answer's status: write one from 200 to 599
            rules[5].rewrite.host: `a/b` is no host: write it like shop.internal or shop.internal:8080
            rules[5].rewrite.path: `/$x` has a `$` before no group: write $1 to $9, or $$ for a dollar
            rules[6].rewrite.path: $3 is no group of every path of the rule: only expressions have them
            rules[7].rewrite.path: $1 is no group of every path of the rule: only expressions have them
            rules[8].rewrite.path: `v2 ` is no path: it begins with `/`
            rules[9].request.remove[0]: `Host` is not changed here: `rewrite.host` says what host is asked for
            rules[9].request.remove[1]: `connection` is about one connection, and never passed on: leave it out
            rules[9].request.remove[2]: `TE` is about one connection, and never passed on: leave it out
            rules[9].request.remove[3]: `Transfer_Encoding` says where a message ends, and is nobody's to change: leave it out
            rules[9].request.set[0]: `X-Forwarded-For` is not changed here: the gateway says itself where a request came from
            rules[9].request.set[1]: `Expect` is not changed here: the client and the instance settle between them when the body comes
            rules[9].request.set[2]: `Upgrade` is about one connection, and never passed on: leave it out
            rules[9].request.add[0]: `Keep-Alive` is about one connection, and never passed on: leave it out
            rules[9].request.add[1]: the value begins or ends with space, which nobody would see: leave it out
            rules[9].answer.set[0]: `Trailer` says where a message ends, and is nobody's to change: leave it out
            rules[0].name: `ä` is no name: it has at most 128 letters of ASCII
            rules[3].answer: the gateway answers itself: its fields are said in `action`
            rules[9].limits.idle: it is 0, so nothing would ever be done: write more, or leave it out"#]],
    );
}

#[test]
fn the_rest() {
    check(
        |table| {
            table.unit = Some(Unit::Header("a b".into()));
            table.told = Told { application: Some("Host:".into()), client: Some("Content-Length".into()) };
            table.hold = Some(Hold {
                content_type: "a\nb".into(),
                allow: vec![Match { networks: texts(&["x"]), ..Match::default() }],
                parking: Some(Parking { requests_max: 0, within: Span::ZERO }),
                ..Hold::new(Span::seconds(1), "")
            });
            table.care.active = Some(Active {
                path: "health".into(),
                host: "a b".into(),
                every: Span::ZERO,
                rise: 0,
                ..Active::default()
            });
            table.care.passive.outlier = Some(Share::NONE);
            table.care.breaker.requests_max = 0;
            table.care.rates = vec![Rate {
                per: RatePer::Header(String::new()),
                rule: "nobody".into(),
                requests: 0,
                every: Span::ZERO,
                burst: 0,
            }];
            table.limits =
                Limits { connect: Span::ZERO, head: Span::ZERO, request: Some(Span::ZERO), ..Limits::default() };
        },
        &expect![[r#"
            unit.header: `a b` is no name of a header: write letters, digits and `-`
            hold.content_type: the value has a control character: a header is one line
            hold.parking.requests_max: it is 0, so nothing would ever be done: write more, or leave it out
            hold.parking.within: it is 0, so nothing would ever be done: write more, or leave it out
            hold.allow[0].networks[0]: `x` is no network: write it like 10.0.0.0/8
            told.application: `Host:` is no name of a header: write letters, digits and `-`
            told.client: `Content-Length` says where a message ends, and is nobody's to change: leave it out
            care.active.path: `health` is no path: it begins with `/`
            care.active.host: `a b` is no host: write it like shop.internal
            care.active.every: it is 0, so nothing would ever be done: write more, or leave it out
            care.active.rise: it is 0, so nothing would ever be done: write more, or leave it out
            care.passive.outlier: nobody answers well 0 % less often: leave it out, or write a share
            care.breaker.requests_max: it is 0, so nothing would ever be done: write more, or leave it out
            care.rates[0].rule: no rule is called `nobody`: name one, or leave it out for all requests
            care.rates[0].per.header: `` is no name of a header
            care.rates[0].requests: it is 0, so nothing would ever be done: write more, or leave it out
            care.rates[0].every: it is 0, so nothing would ever be done: write more, or leave it out
            care.rates[0].burst: it is 0, so nothing would ever be done: write more, or leave it out
            limits.connect: it is 0, so nothing would ever be done: write more, or leave it out
            limits.head: it is 0, so nothing would ever be done: write more, or leave it out
            limits.request: it is 0, so nothing would ever be done: write more, or leave it out"#]],
    );
}

/// Whoever has a thousand faults is told where to begin.
#[test]
fn a_thousand() {
    let mut many = table(1, &[]);
    many.hosts = vec!["*".into(); 1_000];
    let told = Checked::new(many).expect_err("faults").to_string();
    assert_eq!(told.lines().count(), FAULTS_MAX + 1);
    assert!(told.ends_with("\nand 968 more"), "{told}");
}
