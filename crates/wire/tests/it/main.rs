//! What is said, byte for byte: what one version wrote, every later one that knows it has to read.

use expect_test::expect;
use model::{ReleaseNumber, Share, Span, Subject};
use wire::Table;
use wire::table::{Balance, Door, Endpoint, Hold, Lane, Limits, Listen, Match, Path, Unit};

/// A table with everything in it.
fn full() -> Table {
    let some = |name: &str, value: Option<&str>| vec![(name.to_owned(), value.map(ToOwned::to_owned))];
    Table {
        service: Subject::from_text("service/shop/production/local"),
        generation: 41,
        listen: vec![Listen { address: ":8080".into() }],
        hosts: vec!["shop.example".into(), "*.shop.example".into()],
        paths: vec![Path::Exact("/cart".into()), Path::Prefix("/api/".into())],
        unit: Some(Unit::Header("X-User".into())),
        salt: "shop/12".into(),
        lanes: vec![
            Lane {
                release: ReleaseNumber(6),
                share: Share::percent(95),
                door: Door::Open,
                matches: Vec::new(),
                endpoints: vec![
                    Endpoint { address: "127.0.0.1:20001".into(), draining: false },
                    Endpoint { address: "[::1]:20002".into(), draining: true },
                ],
                balance: Balance::LeastRequests,
            },
            Lane {
                release: ReleaseNumber(5),
                share: Share::NONE,
                door: Door::Pinned,
                matches: Vec::new(),
                endpoints: Vec::new(),
                balance: Balance::Random,
            },
            Lane {
                release: ReleaseNumber(7),
                share: Share::percent(5),
                door: Door::Open,
                matches: vec![Match {
                    headers: some("X-Team", None),
                    cookies: some("beta", Some("yes")),
                    query: some("preview", Some("7")),
                    methods: vec!["GET".into()],
                    networks: vec!["10.0.0.0/8".into()],
                }],
                endpoints: Vec::new(),
                balance: Balance::RoundRobin,
            },
        ],
        hold: Some(Hold { retry_after: Span::seconds(30), page: "<h1>Soon</h1>".into() }),
        limits: Limits::default(),
    }
}

#[test]
fn a_table_with_everything() {
    let said = serde_json::to_string(&full()).expect("JSON");
    expect![[r#"{"service":"service/shop/production/local","generation":41,"listen":[{"address":":8080"}],"hosts":["shop.example","*.shop.example"],"paths":[{"exact":"/cart"},{"prefix":"/api/"}],"unit":{"header":"X-User"},"salt":"shop/12","lanes":[{"release":6,"share":9500,"endpoints":[{"address":"127.0.0.1:20001"},{"address":"[::1]:20002","draining":true}],"balance":"least-requests"},{"release":5,"share":0,"door":"pinned","endpoints":[],"balance":"random"},{"release":7,"share":500,"matches":[{"headers":[["X-Team",null]],"cookies":[["beta","yes"]],"query":[["preview","7"]],"methods":["GET"],"networks":["10.0.0.0/8"]}],"endpoints":[],"balance":"round-robin"}],"hold":{"retry_after":30000,"page":"<h1>Soon</h1>"},"limits":{"connect":2000,"head":30000,"idle":60000,"keep_alive":75000,"body_bytes_max":1073741824}}"#]].assert_eq(&said);
    assert_eq!(serde_json::from_str::<Table>(&said).expect("a table"), full());
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
        ("\"generation\":41", "\"generation\":41,\"mirror\":1"),
        ("\"draining\":true", "\"weight\":2"),
        ("\"round-robin\"", "\"by-weather\""),
        ("\"share\":500", "\"share\":10001"),
        ("\"prefix\":\"/api/\"", "\"glob\":\"/api/*\""),
    ] {
        let said = serde_json::to_string(&full()).expect("JSON");
        assert!(said.contains(from), "{said}");
        assert!(serde_json::from_str::<Table>(&said.replace(from, to)).is_err(), "{to}");
    }
}
