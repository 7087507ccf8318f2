//! Tables: what is refused is refused in words, and what is served by gives every request to a release of
//! its own, whatever the next table says.

use gateway::table::{Asked, Checked, Ground, Site};
use std::net::{IpAddr, Ipv4Addr};
use wire::Table;

/// Checks one input.
pub fn check(input: &[u8]) {
    let Ok(table) = serde_json::from_slice::<Table>(input) else { return };
    let text = serde_json::to_string(&table).expect("a table can be written");
    assert_eq!(serde_json::from_str::<Table>(&text).expect("and read back"), table);
    let next = Table { generation: table.generation.saturating_add(1), ..table.clone() };
    let lanes: Vec<_> = table.lanes.iter().map(|lane| lane.release).collect();
    let checked = match Checked::new(table) {
        Ok(checked) => checked,
        Err(faults) => return assert!(!faults.to_string().is_empty(), "it is said why"),
    };
    let site = Site::new(&checked, None, &Ground::default());
    let after = Site::new(&Checked::new(next).expect("the same table"), Some(&site), &Ground::default());
    for site in [&site, &after] {
        let given = site.give(&Bare).expect("shares sum to everything: somebody gets it");
        assert!(lanes.contains(&given.pool.release()));
    }
}

struct Bare;

impl Asked for Bare {
    fn method(&self) -> &[u8] {
        b"GET"
    }

    fn scheme(&self) -> &str {
        "http"
    }

    fn host(&self) -> &[u8] {
        b"shop.example"
    }

    fn path(&self) -> &[u8] {
        b"/cart"
    }

    fn query(&self) -> &[u8] {
        b"a=b"
    }

    fn header(&self, _: &[u8]) -> Option<&[u8]> {
        Some(b"x")
    }

    fn cookie(&self, _: &[u8]) -> Option<&[u8]> {
        Some(b"y")
    }

    fn client(&self) -> IpAddr {
        Ipv4Addr::LOCALHOST.into()
    }
}
