//! One worker that splits 90 to 10 over two instances: `cargo run --example split 127.0.0.1:8080 127.0.0.1:9001 127.0.0.1:9002`.

use gateway::fleet::{Fleet, listen};
use model::{ReleaseNumber, Share, Subject};
use wire::Table;
use wire::table::{Endpoint, Lane};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [address, stable, candidate] = arguments.as_slice() else {
        return Err("which address to listen at, and those of two instances?".into());
    };
    let lane = |release: u32, percent: u16, address: &str| {
        Lane::new(ReleaseNumber(release), Share::percent(percent), vec![Endpoint::new(address)])
    };
    let service = Subject::from_text("service/shop/production/local");
    let table = Table::new(service, 1, vec![lane(1, 90, stable), lane(2, 10, candidate)]);
    let fleet = Fleet::start(1, |_| {})?;
    fleet.listen(address.parse()?, &listen(address.parse()?, 1)?)?;
    fleet.take(table).map_err(|why| format!("{why:?}"))?;
    loop {
        std::thread::park();
    }
}
