//! What it costs to find one of a thousand rules, in nanoseconds: `cargo run --profile proof --example rules`.

use gateway::table::{Asked, Checked, Ground, Rule, Site};
use model::{ReleaseNumber, Share, Subject};
use std::hint::black_box;
use std::io::Write as _;
use std::net::{IpAddr, Ipv4Addr};
use std::time::Instant;
use wire::Table;
use wire::table::{Lane, Path, Rule as Said};

/// How often each is looked for.
const ROUNDS: u32 = 1_000_000;

struct Request(&'static str);

impl Asked for Request {
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
        self.0.as_bytes()
    }
    fn query(&self) -> &[u8] {
        b""
    }
    fn header(&self, _: &[u8]) -> Option<&[u8]> {
        None
    }
    fn cookie(&self, _: &[u8]) -> Option<&[u8]> {
        None
    }
    fn client(&self) -> IpAddr {
        Ipv4Addr::LOCALHOST.into()
    }
}

#[expect(clippy::disallowed_methods, reason = "it measures")]
fn main() -> Result<(), Box<dyn std::error::Error>> {
    let path = |number: u32| match number % 3 {
        0 => Path::Exact(format!("/api/v1/route-{number:04}")),
        1 => Path::Prefix(format!("/api/v1/route-{number:04}")),
        _ => Path::Regex(format!("/api/v1/route-{number:04}/[0-9]+")),
    };
    let rule = |number: u32| Said { name: format!("route {number}"), paths: vec![path(number)], ..Said::default() };
    let mut out = std::io::stdout();
    for rules in [0, 1, 1_000, 10_000] {
        let lane = Lane::new(ReleaseNumber(1), Share::ALL, Vec::new());
        let table = Table::new(Subject::from_text("service/shop/production/local"), 1, vec![lane]);
        let table = Table { rules: (0..rules).map(rule).collect(), ..table };
        let site = Site::new(&Checked::new(table)?, None, &Ground::default());
        for path in ["/", "/api/v1/route-0999", "/api/v1/route-0997/a/b", "/api/v1/route-0998/17", "/a/b/c/d/e/f/g/h"] {
            let request = Request(path);
            let begun = Instant::now();
            for _ in 0..ROUNDS {
                black_box(site.turn(black_box(&request)).rule.map(Rule::host));
            }
            let nanoseconds = begun.elapsed().as_nanos() / u128::from(ROUNDS);
            writeln!(out, "{rules:6} rules  {path:24} {nanoseconds:4} ns")?;
        }
    }
    Ok(())
}
