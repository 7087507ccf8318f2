//! One worker that splits 90 to 10 over two instances: `cargo run --example split 127.0.0.1:8080 127.0.0.1:9001 127.0.0.1:9002`.

use gateway::fleet::{Fleet, listen};
use model::{ReleaseNumber, Share, Subject};
use wire::Table;
use wire::table::{Balance, Door, Endpoint, Lane, Limits, Listen};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [address, stable, candidate] = arguments.as_slice() else {
        return Err("which address to listen at, and those of two instances?".into());
    };
    let lane = |release: u32, percent: u16, address: &str| Lane {
        release: ReleaseNumber(release),
        share: Share::percent(percent),
        door: Door::Open,
        matches: Vec::new(),
        endpoints: vec![Endpoint { address: address.into(), draining: false }],
        balance: Balance::LeastRequests,
    };
    let table = Table {
        service: Subject::from_text("service/shop/production/local"),
        generation: 1,
        listen: vec![Listen { address: address.clone() }],
        hosts: Vec::new(),
        paths: Vec::new(),
        unit: None,
        salt: "shop".into(),
        lanes: vec![lane(1, 90, stable), lane(2, 10, candidate)],
        hold: None,
        limits: Limits::default(),
    };
    let fleet = Fleet::start(vec![listen(address.parse()?, 1)?])?;
    fleet.take(table).map_err(|why| format!("{why:?}"))?;
    loop {
        std::thread::park();
    }
}
