//! What is asked of a gateway and answered, byte for byte.

use expect_test::{Expect, expect};
use model::{ReleaseNumber, Share, Subject};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::fmt::Debug;
use std::io::{Cursor, ErrorKind};
use wire::control::*;
use wire::counts::Run;
use wire::frame::{self, FRAME_BYTES_MAX};
use wire::problem::{Kind, Problem};
use wire::table::Door;
use wire::{Counts, Table, keeping};

fn check<T: Serialize + DeserializeOwned + PartialEq + Debug>(all: &[T], expected: &Expect) {
    let mut text = String::new();
    for one in all {
        let mut bytes = Vec::new();
        frame::write(&mut bytes, one).expect("it is said");
        assert_eq!(frame::read::<T>(&mut Cursor::new(&bytes)).expect("it is heard").as_ref(), Some(one));
        text += &format!("{:02x?} {}\n", &bytes[..4], String::from_utf8_lossy(&bytes[4..]));
    }
    expected.assert_eq(&text);
}

fn service() -> Subject {
    Subject::from_text("service/shop/production/local")
}

fn run() -> Run {
    Run { boot: "b".into(), pid: 7, started: 9 }
}

#[test]
fn questions() {
    check(
        &[Hello { versions: vec![1, 2] }],
        &expect![[r#"
        [00, 00, 00, 12] {"versions":[1,2]}
    "#]],
    );
    check(
        &[Welcome::Version(1), Welcome::Versions(vec![1])],
        &expect![[r#"
        [00, 00, 00, 0d] {"version":1}
        [00, 00, 00, 10] {"versions":[1]}
    "#]],
    );
    check(
        &[
            Request::Table(Box::new(Table::new(service(), 3, Vec::new()))),
            Request::Remove { service: service(), generation: 4 },
            Request::Status,
            Request::Routes,
            Request::Endpoints,
            Request::Report,
            Request::Counts,
            Request::Watch { comparing: true },
            Request::Drain(Drain::Endpoint("127.0.0.1:1".into())),
            Request::Drain(Drain::Release { service: service(), release: ReleaseNumber(2) }),
            Request::Drain(Drain::Gateway),
            Request::Adopt,
            Request::Replace { workers: None },
            Request::Replace { workers: Some(4) },
        ],
        &expect![[r#"
            [00, 00, 00, fd] {"table":{"service":"service/shop/production/local","generation":3,"listen":[],"salt":"","lanes":[],"limits":{"connect":2000,"head":30000,"idle":60000,"keep_alive":75000,"body_bytes_max":1073741824,"stream_drain":30000,"body_bytes_per_second_min":240}}}
            [00, 00, 00, 45] {"remove":{"service":"service/shop/production/local","generation":4}}
            [00, 00, 00, 08] "status"
            [00, 00, 00, 08] "routes"
            [00, 00, 00, 0b] "endpoints"
            [00, 00, 00, 08] "report"
            [00, 00, 00, 08] "counts"
            [00, 00, 00, 1c] {"watch":{"comparing":true}}
            [00, 00, 00, 24] {"drain":{"endpoint":"127.0.0.1:1"}}
            [00, 00, 00, 4d] {"drain":{"release":{"service":"service/shop/production/local","release":2}}}
            [00, 00, 00, 13] {"drain":"gateway"}
            [00, 00, 00, 07] "adopt"
            [00, 00, 00, 0e] {"replace":{}}
            [00, 00, 00, 19] {"replace":{"workers":4}}
        "#]],
    );
}

#[test]
fn answers() {
    let deaf = Deaf { address: ":80".into(), why: "taken".into() };
    let status = Status {
        member: run(),
        version: "0.1.0".into(),
        workers: 2,
        config: Some("gateway.yaml".into()),
        config_problem: Some("line 3".into()),
        services: vec![ServiceState { service: service(), generation: 3, unproven: true }],
        listening: vec!["127.0.0.1:80".into()],
        deaf: vec![deaf.clone()],
        problems: vec![Problem {
            kind: Kind::TableUnsaved,
            of: "service/shop/production/local".into(),
            why: "disk full".into(),
            since: model::Time(7),
        }],
        retiring: vec![12],
        alone: true,
    };
    let route = Route {
        service: service(),
        listen: vec![":80".into()],
        hosts: vec!["shop.example".into()],
        paths: vec!["/cart".into()],
        hold: true,
        releases: vec![RouteRelease { release: ReleaseNumber(1), share: Share::ALL, door: Door::Open, endpoints: 2 }],
    };
    let endpoint = EndpointReport {
        address: "127.0.0.1:1".into(),
        claims: 2,
        health: Health::Sick,
        heard: Some("answered 500".into()),
    };
    let pool =
        PoolReport { service: service(), release: ReleaseNumber(1), claims: 2, endpoints: vec![endpoint.clone()] };
    let report = MemberReport {
        member: run(),
        retiring: true,
        workers: vec![Some(WorkerReport { clients: 3, pools: vec![pool] }), None],
    };
    check(
        &[
            Answer::Live(Live { generation: 3, deaf: vec![deaf], unsaved: Some("disk full".into()) }),
            Answer::Live(Live { generation: 3, ..Live::default() }),
            Answer::Superseded(4),
            Answer::Faulty("lanes".into()),
            Answer::Undecided(vec![run()]),
            Answer::Status(Box::new(status)),
            Answer::Routes(vec![route]),
            Answer::Endpoints(vec![EndpointState {
                service: service(),
                release: ReleaseNumber(1),
                draining: true,
                report: endpoint,
            }]),
            Answer::Report(vec![report]),
            Answer::Counts(vec![Counts { run: run(), ..Counts::default() }]),
            Answer::Begun,
            Answer::Replaced,
            Answer::Refused("why".into()),
            Answer::Moved,
        ],
        &expect![[r#"
            [00, 00, 00, 58] {"live":{"generation":3,"deaf":[{"address":":80","why":"taken"}],"unsaved":"disk full"}}
            [00, 00, 00, 19] {"live":{"generation":3}}
            [00, 00, 00, 10] {"superseded":4}
            [00, 00, 00, 12] {"faulty":"lanes"}
            [00, 00, 00, 30] {"undecided":[{"boot":"b","pid":7,"started":9}]}
            [00, 00, 01, a8] {"status":{"member":{"boot":"b","pid":7,"started":9},"version":"0.1.0","workers":2,"config":"gateway.yaml","config_problem":"line 3","services":[{"service":"service/shop/production/local","generation":3,"unproven":true}],"listening":["127.0.0.1:80"],"deaf":[{"address":":80","why":"taken"}],"problems":[{"kind":"table-unsaved","of":"service/shop/production/local","why":"disk full","since":7}],"retiring":[12],"alone":true}}
            [00, 00, 00, c5] {"routes":[{"service":"service/shop/production/local","listen":[":80"],"hosts":["shop.example"],"paths":["/cart"],"hold":true,"releases":[{"release":1,"share":10000,"door":"open","endpoints":2}]}]}
            [00, 00, 00, a1] {"endpoints":[{"service":"service/shop/production/local","release":1,"draining":true,"address":"127.0.0.1:1","claims":2,"health":"sick","heard":"answered 500"}]}
            [00, 00, 01, 0e] {"report":[{"member":{"boot":"b","pid":7,"started":9},"retiring":true,"workers":[{"clients":3,"pools":[{"service":"service/shop/production/local","release":1,"claims":2,"endpoints":[{"address":"127.0.0.1:1","claims":2,"health":"sick","heard":"answered 500"}]}]},null]}]}
            [00, 00, 00, 49] {"counts":[{"run":{"boot":"b","pid":7,"started":9},"at":0,"workers":[]}]}
            [00, 00, 00, 07] "begun"
            [00, 00, 00, 0a] "replaced"
            [00, 00, 00, 11] {"refused":"why"}
            [00, 00, 00, 07] "moved"
        "#]],
    );
}

#[test]
fn between_keeper_and_gateway() {
    use keeping::{ToGateway, ToKeeper};
    let address = "127.0.0.1:80".parse().expect("an address");
    check(
        &[
            ToGateway::Begin { versions: vec![1], member: 3, beside: false },
            ToGateway::Begin { versions: vec![1], member: 4, beside: true },
            ToGateway::Sockets { address, error: None },
            ToGateway::Sockets { address, error: Some("taken".into()) },
            ToGateway::Lead,
            ToGateway::Sibling { member: 2, pid: 7, led: false },
            ToGateway::Sibling { member: 2, pid: 7, led: true },
            ToGateway::Follow { member: 3 },
            ToGateway::Gone { member: 2 },
            ToGateway::Retire,
            ToGateway::Reload,
            ToGateway::NotReplaced { why: "late".into() },
            ToGateway::Stop { within_ms: 30 },
        ],
        &expect![[r#"
            [00, 00, 00, 25] {"begin":{"versions":[1],"member":3}}
            [00, 00, 00, 33] {"begin":{"versions":[1],"member":4,"beside":true}}
            [00, 00, 00, 26] {"sockets":{"address":"127.0.0.1:80"}}
            [00, 00, 00, 36] {"sockets":{"address":"127.0.0.1:80","error":"taken"}}
            [00, 00, 00, 06] "lead"
            [00, 00, 00, 20] {"sibling":{"member":2,"pid":7}}
            [00, 00, 00, 2b] {"sibling":{"member":2,"pid":7,"led":true}}
            [00, 00, 00, 17] {"follow":{"member":3}}
            [00, 00, 00, 15] {"gone":{"member":2}}
            [00, 00, 00, 08] "retire"
            [00, 00, 00, 08] "reload"
            [00, 00, 00, 1f] {"not-replaced":{"why":"late"}}
            [00, 00, 00, 19] {"stop":{"within_ms":30}}
        "#]],
    );
    check(
        &[
            ToKeeper::Begun { version: 1 },
            ToKeeper::Adopted { pid: 7 },
            ToKeeper::Held { address },
            ToKeeper::Listen { addresses: vec![address], workers: 2 },
            ToKeeper::Ready,
            ToKeeper::Retired,
            ToKeeper::Replace { workers: None },
            ToKeeper::Stop,
        ],
        &expect![[r#"
            [00, 00, 00, 17] {"begun":{"version":1}}
            [00, 00, 00, 15] {"adopted":{"pid":7}}
            [00, 00, 00, 23] {"held":{"address":"127.0.0.1:80"}}
            [00, 00, 00, 35] {"listen":{"addresses":["127.0.0.1:80"],"workers":2}}
            [00, 00, 00, 07] "ready"
            [00, 00, 00, 09] "retired"
            [00, 00, 00, 0e] {"replace":{}}
            [00, 00, 00, 06] "stop"
        "#]],
    );
}

#[test]
fn the_highest_version_of_both_is_spoken() {
    for (theirs, ours, spoken) in
        [(&[1][..], &[1][..], Some(1)), (&[1, 2, 3], &[2, 3, 4], Some(3)), (&[1], &[2], None), (&[], &[1], None)]
    {
        assert_eq!(common(theirs, ours), spoken);
    }
}

/// What is cut off, too long or no message is no message, and takes no room.
#[test]
fn what_is_no_message() {
    let read = |bytes: &[u8]| frame::read::<Request>(&mut Cursor::new(bytes)).map_err(|error| error.kind());
    assert_eq!(read(b""), Ok(None));
    assert_eq!(read(&[0, 0]), Err(ErrorKind::UnexpectedEof));
    assert_eq!(read(&[0, 0, 0, 9, b'"']), Err(ErrorKind::UnexpectedEof));
    assert_eq!(read(&[0xff, 0xff, 0xff, 0xff]), Err(ErrorKind::InvalidData));
    assert_eq!(read(&[0, 0, 0, 3, b'"', b'x', b'"']), Err(ErrorKind::InvalidData));
    let long = "x".repeat(FRAME_BYTES_MAX);
    assert_eq!(frame::write(&mut Vec::new(), &long).map_err(|error| error.kind()), Err(ErrorKind::InvalidInput));
}
