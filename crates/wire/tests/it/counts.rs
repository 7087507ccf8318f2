//! What a gateway tells, byte for byte.

use expect_test::expect;
use model::{ReleaseNumber, Share, Span, Subject};
use wire::counts::*;

/// Counts with everything in them.
fn full() -> Counts {
    let outcomes = Outcomes {
        class: "cart".into(),
        way: Way::Matched,
        open: 1,
        statuses: [0, 20, 3, 2, 1],
        unanswered: 1,
        broken: 2,
        left: 3,
        retries: 4,
        slow: 5,
        received: 6,
        sent: 7,
        times: vec![(17, 20), (1_028, 6)],
    };
    let release = Release {
        release: Some(ReleaseNumber(6)),
        share: Share::percent(95),
        connects_failed: 8,
        ejections: 9,
        outcomes: vec![outcomes, Outcomes::default()],
    };
    let table = Table {
        generation: 41,
        slow_micros: Some(250_000),
        releases: vec![release, Release { outcomes: Vec::new(), ..Release::default() }],
    };
    let event = UnitEvent { unit: u64::MAX, bad: Bad::Error, at: Span(12), generation: 41, release: ReleaseNumber(6) };
    let mirror = Mirror {
        of: ReleaseNumber(6),
        to: ReleaseNumber(7),
        sent: 10,
        answered: 7,
        failed: 3,
        too_large: 1,
        too_many: 2,
        unpaired: 4,
        uncompared: 5,
    };
    let service = Service {
        service: Subject::from_text("service/shop/production/local"),
        generation: 41,
        tables: vec![table],
        older: Some(Table { generation: 33, ..Table::default() }),
        forgotten: 100,
        units: vec![event, UnitEvent { bad: Bad::Slow, ..event }],
        units_lost: 3,
        mirrors: vec![mirror],
    };
    let worker =
        Worker { number: 1, clients: 2, accepted: 3, refused: 4, unserved: 5, shed: 6, services: vec![service] };
    let run = Run { boot: "0f".into(), pid: 77, started: 123_456 };
    Counts { run, at: Span(2_000), silent: vec![0], workers: vec![worker] }
}

#[test]
fn counts_with_everything() {
    let said = serde_json::to_string(&full()).expect("JSON");
    expect![[r#"{"run":{"boot":"0f","pid":77,"started":123456},"at":2000,"silent":[0],"workers":[{"number":1,"clients":2,"accepted":3,"refused":4,"unserved":5,"shed":6,"services":[{"service":"service/shop/production/local","generation":41,"tables":[{"generation":41,"slow_micros":250000,"releases":[{"release":6,"share":9500,"connects_failed":8,"ejections":9,"outcomes":[{"class":"cart","way":"matched","open":1,"statuses":[0,20,3,2,1],"unanswered":1,"broken":2,"left":3,"retries":4,"slow":5,"received":6,"sent":7,"times":[[17,20],[1028,6]]},{"statuses":[0,0,0,0,0]}]},{"outcomes":[]}]}],"older":{"generation":33,"releases":[]},"forgotten":100,"units":[{"unit":18446744073709551615,"bad":"error","at":12,"generation":41,"release":6},{"unit":18446744073709551615,"bad":"slow","at":12,"generation":41,"release":6}],"units_lost":3,"mirrors":[{"of":6,"to":7,"sent":10,"answered":7,"failed":3,"too_large":1,"too_many":2,"unpaired":4,"uncompared":5}]}]}]}"#]].assert_eq(&said);
    assert_eq!(serde_json::from_str::<Counts>(&said).expect("counts"), full());
}

/// An older reader of a newer gateway's counts misses what it cannot know, and nothing else.
#[test]
fn further_sums_are_passed_over() {
    let said = serde_json::to_string(&full()).expect("JSON").replace("\"retries\":4", "\"retries\":4,\"weather\":1");
    assert_eq!(serde_json::from_str::<Counts>(&said).expect("counts"), full());
}

#[test]
fn counts_with_nothing_but_what_they_must_have() {
    let said = r#"{"workers":[{"services":[{"service":"service/shop/production/local","generation":1}]}]}"#;
    let counts: Counts = serde_json::from_str(said).expect("counts");
    assert_eq!(counts.workers[0].services[0].tables, []);
}
