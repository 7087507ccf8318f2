//! What is said, byte for byte: what one version wrote, every later one that knows it has to read.

mod control;
mod counts;
mod passing;
mod timed;
mod versions;

use expect_test::expect;
use model::{ReleaseNumber, Share, Span, Subject};
use wire::Table;
use wire::table::*;

/// A table with everything in it.
fn full() -> Table {
    let some = |name: &str, value: Option<&str>| vec![(name.to_owned(), value.map(ToOwned::to_owned))];
    let pair = |name: &str, value: &str| vec![(name.to_owned(), value.to_owned())];
    let certificate = |name: &str| Certificate { chain: format!("{name}.pem"), key: format!("{name}.key") };
    let staff = Match {
        headers: some("X-Team", None),
        cookies: some("beta", Some("yes")),
        query: some("preview", Some("7")),
        methods: vec!["GET".into()],
        networks: vec!["10.0.0.0/8".into()],
    };
    let endpoints = vec![Endpoint::new("127.0.0.1:20001"), Endpoint { address: "[::1]:20002".into(), draining: true }];
    let lanes = vec![
        Lane::new(ReleaseNumber(6), Share::percent(95), endpoints),
        Lane {
            door: Door::Pinned,
            balance: Balance::Random,
            slow_start: Some(Span::seconds(30)),
            protocol: Protocol::Http2,
            tls: Some(UpstreamTls {
                name: "shop.internal".into(),
                authorities: "ca.pem".into(),
                certificate: Some(certificate("gateway")),
            }),
            ..Lane::new(ReleaseNumber(5), Share::NONE, Vec::new())
        },
        Lane {
            matches: vec![staff.clone()],
            balance: Balance::ConsistentHash,
            ..Lane::new(ReleaseNumber(7), Share::percent(5), Vec::new())
        },
    ];
    let rules = vec![
        Rule {
            name: "old".into(),
            paths: vec![Path::Regex("/old/(.*)".into()), Path::Exact("/cart".into())],
            matches: vec![staff.clone()],
            action: Some(Action::Redirect { status: 308, to: "https://{host}/new{query}".into() }),
            ..Rule::default()
        },
        Rule {
            name: "robots".into(),
            action: Some(Action::Answer {
                status: 200,
                headers: pair("Content-Type", "text/plain"),
                body: "no".into(),
            }),
            ..Rule::default()
        },
        Rule {
            rewrite: Rewrite { host: Some("inner".into()), path: Some("/v2/".into()) },
            request: Edits { remove: vec!["X-Debug".into()], set: pair("X-Env", "blue"), add: pair("Via", "1.1 gw") },
            answer: Edits { remove: vec!["Server".into()], ..Edits::default() },
            limits: Some(Limits { request: Some(Span::seconds(5)), ..Limits::default() }),
            ..Rule::default()
        },
    ];
    Table {
        listen: vec![
            Listen { address: ":8080".into(), ..Listen::default() },
            Listen {
                address: ":8443".into(),
                tls: Some(Tls {
                    certificates: vec![certificate("shop")],
                    clients: Some(ClientCertificates { authorities: "clients.pem".into(), optional: true }),
                }),
                proxy_protocol: true,
                trusted: vec!["192.168.0.0/16".into()],
            },
        ],
        hosts: vec!["shop.example".into(), "*.shop.example".into()],
        paths: vec![Path::Exact("/cart".into()), Path::Prefix("/api/".into())],
        unit: Some(Unit::Header("X-User".into())),
        salt: "shop/12".into(),
        rules,
        mirrors: vec![Mirror {
            of: ReleaseNumber(6),
            to: ReleaseNumber(7),
            share: Share::percent(10),
            noise: true,
            methods: vec!["GET".into()],
            body_bytes_max: 1,
            in_flight_max: 2,
            within: Span::seconds(3),
            headers: vec!["Content-Type".into()],
            answer_bytes_max: 4,
        }],
        hold: Some(Hold {
            retry_after: Span::seconds(30),
            page: "<h1>Soon</h1>".into(),
            content_type: "text/plain".into(),
            allow: vec![staff],
            parking: Some(Parking { requests_max: 100, within: Span::seconds(20) }),
        }),
        told: Told { application: Some("X-Release".into()), client: Some("X-Variant".into()) },
        care: Care {
            active: Some(Active { path: "/health".into(), ..Active::default() }),
            passive: Passive { outlier: Some(Share::percent(10)), ..Passive::default() },
            breaker: Breaker { connections_max: 10, ..Breaker::default() },
            retries: Retries { tries_max: 0, ..Retries::default() },
            rates: vec![Rate {
                per: RatePer::Header("X-Key".into()),
                rule: "old".into(),
                requests: 10,
                every: Span::seconds(1),
                burst: 20,
            }],
        },
        limits: Limits { stream: Some(Span::minutes(60)), ..Limits::default() },
        slow_micros: Some(250_000),
        ..Table::new(Subject::from_text("service/shop/production/local"), 41, lanes)
    }
}

#[test]
fn a_table_with_everything() {
    let said = serde_json::to_string(&full()).expect("JSON");
    expect![[r#"{"service":"service/shop/production/local","generation":41,"listen":[{"address":":8080"},{"address":":8443","tls":{"certificates":[{"chain":"shop.pem","key":"shop.key"}],"clients":{"authorities":"clients.pem","optional":true}},"proxy_protocol":true,"trusted":["192.168.0.0/16"]}],"hosts":["shop.example","*.shop.example"],"paths":[{"exact":"/cart"},{"prefix":"/api/"}],"unit":{"header":"X-User"},"salt":"shop/12","lanes":[{"release":6,"share":9500,"endpoints":[{"address":"127.0.0.1:20001"},{"address":"[::1]:20002","draining":true}],"balance":"least-requests"},{"release":5,"share":0,"door":"pinned","endpoints":[],"balance":"random","slow_start":30000,"protocol":"http2","tls":{"name":"shop.internal","authorities":"ca.pem","certificate":{"chain":"gateway.pem","key":"gateway.key"}}},{"release":7,"share":500,"matches":[{"headers":[["X-Team",null]],"cookies":[["beta","yes"]],"query":[["preview","7"]],"methods":["GET"],"networks":["10.0.0.0/8"]}],"endpoints":[],"balance":"consistent-hash"}],"rules":[{"name":"old","paths":[{"regex":"/old/(.*)"},{"exact":"/cart"}],"matches":[{"headers":[["X-Team",null]],"cookies":[["beta","yes"]],"query":[["preview","7"]],"methods":["GET"],"networks":["10.0.0.0/8"]}],"action":{"redirect":{"status":308,"to":"https://{host}/new{query}"}}},{"name":"robots","action":{"answer":{"status":200,"headers":[["Content-Type","text/plain"]],"body":"no"}}},{"name":"","rewrite":{"host":"inner","path":"/v2/"},"request":{"remove":["X-Debug"],"set":[["X-Env","blue"]],"add":[["Via","1.1 gw"]]},"answer":{"remove":["Server"]},"limits":{"connect":2000,"head":30000,"idle":60000,"keep_alive":75000,"body_bytes_max":1073741824,"request":5000,"stream_drain":30000,"body_bytes_per_second_min":240}}],"mirrors":[{"of":6,"to":7,"share":1000,"noise":true,"methods":["GET"],"body_bytes_max":1,"in_flight_max":2,"within":3000,"headers":["Content-Type"],"answer_bytes_max":4}],"hold":{"retry_after":30000,"page":"<h1>Soon</h1>","content_type":"text/plain","allow":[{"headers":[["X-Team",null]],"cookies":[["beta","yes"]],"query":[["preview","7"]],"methods":["GET"],"networks":["10.0.0.0/8"]}],"parking":{"requests_max":100,"within":20000}},"told":{"application":"X-Release","client":"X-Variant"},"care":{"active":{"path":"/health","every":5000,"within":2000,"rise":2,"fall":3},"passive":{"failures":5,"outlier":1000,"eject":10000,"eject_max":300000,"ejected_max":5000,"panic":5000},"breaker":{"connections_max":10,"requests_max":4096,"pool_requests_max":65536,"pending_max":1024},"retries":{"tries_max":0,"budget":2000,"per_second_min":10},"rates":[{"per":{"header":"X-Key"},"rule":"old","requests":10,"every":1000,"burst":20}]},"limits":{"connect":2000,"head":30000,"idle":60000,"keep_alive":75000,"body_bytes_max":1073741824,"stream":3600000,"stream_drain":30000,"body_bytes_per_second_min":240},"slow_micros":250000}"#]].assert_eq(&said);
    assert_eq!(serde_json::from_str::<Table>(&said).expect("a table"), full());
}

/// What the first version wrote.
#[test]
fn a_table_of_the_first_version() {
    let said = r#"{"service":"service/shop/production/local","generation":41,"listen":[{"address":":8080"}],"hosts":["shop.example","*.shop.example"],"paths":[{"exact":"/cart"},{"prefix":"/api/"}],"unit":{"header":"X-User"},"salt":"shop/12","lanes":[{"release":6,"share":9500,"endpoints":[{"address":"127.0.0.1:20001"},{"address":"[::1]:20002","draining":true}],"balance":"least-requests"},{"release":5,"share":0,"door":"pinned","endpoints":[],"balance":"random"},{"release":7,"share":500,"matches":[{"headers":[["X-Team",null]],"cookies":[["beta","yes"]],"query":[["preview","7"]],"methods":["GET"],"networks":["10.0.0.0/8"]}],"endpoints":[],"balance":"round-robin"}],"hold":{"retry_after":30000,"page":"<h1>Soon</h1>"},"limits":{"connect":2000,"head":30000,"idle":60000,"keep_alive":75000,"body_bytes_max":1073741824}}"#;
    let table: Table = serde_json::from_str(said).expect("a table");
    assert_eq!((table.lanes.len(), table.care, table.limits.stream), (3, Care::default(), None));
}

#[test]
fn a_table_with_nothing_but_what_it_must_have() {
    let text = r#"{"service":"service/shop/production/local","generation":1,"listen":[{"address":":80"}],"salt":"",
        "lanes":[{"release":1,"share":10000,"endpoints":[{"address":"127.0.0.1:9000"}]}]}"#;
    let table: Table = serde_json::from_str(text).expect("a table");
    assert_eq!(table.lanes[0].balance, Balance::LeastRequests);
    assert_eq!(table.limits, Limits::default());
}

/// A key is said to whoever serves by it, and shown to nobody.
#[test]
fn a_key_is_not_shown() {
    let text = "000102030405060708090a0b0c0d0eff";
    let unit: Unit =
        serde_json::from_value(serde_json::json!({"cookie": {"name": "unit", "key": text}})).expect("a unit");
    assert!(serde_json::to_string(&unit).expect("JSON").contains(text));
    assert_eq!(format!("{unit:?}"), "Cookie { name: \"unit\", key: Key(..) }");
    for wrong in ["", "00", "+00102030405060708090a0b0c0d0eff", "x00102030405060708090a0b0c0d0eff"] {
        let read = serde_json::from_value::<Unit>(serde_json::json!({"cookie": {"name": "unit", "key": wrong}}));
        let error = read.expect_err("no key").to_string();
        assert!(wrong.is_empty() || !error.contains(wrong), "{error}");
    }
}

/// What this version does not know is refused, not passed over: half a table would serve the wrong users.
#[test]
fn what_nobody_knows_is_refused() {
    for (from, to) in [
        ("\"generation\":41", "\"generation\":41,\"weather\":1"),
        ("\"draining\":true", "\"weight\":2"),
        ("\"consistent-hash\"", "\"by-weather\""),
        ("\"share\":500", "\"share\":10001"),
        ("\"prefix\":\"/api/\"", "\"glob\":\"/api/*\""),
    ] {
        let said = serde_json::to_string(&full()).expect("JSON");
        assert!(said.contains(from), "{said}");
        assert!(serde_json::from_str::<Table>(&said.replace(from, to)).is_err(), "{to}");
    }
}
