//! Where requests come from, where somebody stands in front.

use crate::site::*;
use expect_test::expect;
use model::ReleaseNumber;
use std::fmt::Write as _;
use std::io::{Read as _, Write as _};
use wire::Table;
use wire::table::{Lane, Listen, Match};

/// A site that is reached like this.
fn reached(proxy_protocol: bool, trusted: &[&str]) -> Site {
    let site = Site::new(&table(1, &[]));
    let trusted = trusted.iter().map(|network| (*network).to_owned()).collect();
    let listen = Listen { address: site.address.to_string(), proxy_protocol, trusted, ..Listen::default() };
    let mut table = Table { listen: vec![listen], ..table(2, &[mirror()]) };
    // Whoever comes from there is sent to another release: matches see the client, too.
    let instance = answering("HTTP/1.1 200 OK|Content-Length: 5||match");
    let mut lane =
        Lane::new(ReleaseNumber(2), model::Share::NONE, vec![wire::table::Endpoint::new(instance.to_string())]);
    lane.matches = vec![Match { networks: vec!["203.0.113.0/24".into()], ..Match::default() }];
    table.lanes.push(lane);
    site.take(&table).expect("it is live");
    site
}

/// What an instance was told of where a request came from.
fn told(answer: &str) -> String {
    let lines =
        answer.split('|').filter(|line| line.contains("orwarded") || line.starts_with("HTTP/1.1 ") || *line == "match");
    lines.collect::<Vec<_>>().join("|")
}

const GET: &str = "GET / HTTP/1.1\r\nHost: shop\r\nConnection: close\r\n\r\n";

#[test]
fn a_proxy_tells_whose_connection_it_is() {
    let signature = b"\r\n\r\n\0\r\nQUIT\n";
    let two = |rest: &[u8]| [signature, rest].concat();
    let v4 = [0x21, 0x11, 0, 12, 192, 0, 2, 9, 10, 0, 0, 1, 1, 1, 0, 80];
    let mut v6 = vec![0x21, 0x21, 0, 40, 0x20, 0x01, 0x0d, 0xb8];
    v6.extend([0; 11]);
    v6.push(9);
    v6.extend([0; 16]);
    // Ports, and something that it has to say besides.
    v6.extend([0, 1, 0, 80, 4, 0, 1, 0]);
    let long = format!("PROXY TCP4 192.0.2.9 10.0.0.1 {} 80\r\n", "1".repeat(90));
    let site = reached(true, &[]);
    let mut text = String::new();
    let cases: [(&str, Vec<u8>); 17] = [
        ("version 1", b"PROXY TCP4 192.0.2.9 10.0.0.1 1025 80\r\n".into()),
        ("version 1 of IPv6", b"PROXY TCP6 2001:db8::9 ::1 1025 80\r\n".into()),
        ("version 1 that is matched", b"PROXY TCP4 203.0.113.9 10.0.0.1 1025 80\r\n".into()),
        ("version 1 of nobody", b"PROXY UNKNOWN\r\n".into()),
        ("version 1 of nobody, at length", b"PROXY UNKNOWN ::1 ::1 1 1\r\n".into()),
        ("version 2", two(&v4)),
        ("version 2 of IPv6", two(&v6)),
        ("version 2 of the proxy itself", two(&[0x20, 0, 0, 0])),
        ("another family", b"PROXY TCP6 192.0.2.9 10.0.0.1 1025 80\r\n".into()),
        ("no port", b"PROXY TCP4 192.0.2.9 10.0.0.1 80\r\n".into()),
        ("a large port", b"PROXY TCP4 192.0.2.9 10.0.0.1 65536 80\r\n".into()),
        ("two spaces", b"PROXY  TCP4 192.0.2.9 10.0.0.1 1025 80\r\n".into()),
        ("a bare LF", b"PROXY TCP4 192.0.2.9 10.0.0.1 1025 80\n".into()),
        ("a long line", long.into_bytes()),
        ("version 3", two(&[0x31, 0x11, 0, 12, 192, 0, 2, 9, 10, 0, 0, 1, 1, 1, 0, 80])),
        ("too short", two(&[0x21, 0x11, 0, 4, 192, 0, 2, 9])),
        ("none", Vec::new()),
    ];
    for (what, header) in cases {
        let mut client = site.client();
        // Whoever is refused may be gone before all was said.
        let _ = client.write_all(&[&header, GET.as_bytes()].concat());
        let mut bytes = Vec::new();
        let _ = client.read_to_end(&mut bytes);
        writeln!(text, "{what}: {}", told(&plain(&bytes))).expect("a String takes everything");
    }
    expect![[r#"
        version 1: HTTP/1.1 200 OK|X-Forwarded-For: 192.0.2.9|X-Forwarded-Proto: http|X-Forwarded-Host: shop
        version 1 of IPv6: HTTP/1.1 200 OK|X-Forwarded-For: 2001:db8::9|X-Forwarded-Proto: http|X-Forwarded-Host: shop
        version 1 that is matched: HTTP/1.1 200 OK|match
        version 1 of nobody: HTTP/1.1 200 OK|X-Forwarded-For: 127.0.0.1|X-Forwarded-Proto: http|X-Forwarded-Host: shop
        version 1 of nobody, at length: HTTP/1.1 200 OK|X-Forwarded-For: 127.0.0.1|X-Forwarded-Proto: http|X-Forwarded-Host: shop
        version 2: HTTP/1.1 200 OK|X-Forwarded-For: 192.0.2.9|X-Forwarded-Proto: http|X-Forwarded-Host: shop
        version 2 of IPv6: HTTP/1.1 200 OK|X-Forwarded-For: 2001:db8::9|X-Forwarded-Proto: http|X-Forwarded-Host: shop
        version 2 of the proxy itself: HTTP/1.1 200 OK|X-Forwarded-For: 127.0.0.1|X-Forwarded-Proto: http|X-Forwarded-Host: shop
        another family: 
        no port: 
        a large port: 
        two spaces: 
        a bare LF: 
        a long line: 
        version 3: 
        too short: 
        none: 
    "#]].assert_eq(&text);
}

#[test]
fn who_is_believed_tells_where_a_request_came_from() {
    let cases = [
        "",
        "X-Forwarded-For: 192.0.2.9|X-Forwarded-Proto: https|X-Forwarded-Host: front.example|",
        "X-Forwarded-For: 203.0.113.9|",
        "X-Forwarded-For: 203.0.113.9, 192.0.2.9|",
        "X-Forwarded-For: 203.0.113.9, 10.1.1.1|",
        "X-Forwarded-For: 203.0.113.9|X-Forwarded-For: 10.1.1.1:4711|",
        "X-Forwarded-For: 203.0.113.9, unknown, 10.1.1.1|",
        "Forwarded: for=203.0.113.9;proto=https|",
        "Forwarded: for=\"[2001:db8::9]:4711\", for=10.1.1.1|",
        "X-Forwarded-Proto: gopher|X-Forwarded-Host: ev il|",
    ];
    let mut text = String::new();
    for (who, trusted) in [("believed", &["127.0.0.0/8", "10.0.0.0/8"][..]), ("not believed", &[])] {
        let site = reached(false, trusted);
        for case in cases {
            let answer = site.say(&format!("GET / HTTP/1.1|Host: shop|Connection: close|{case}|"));
            writeln!(text, "{who}: {case}\n    {}", told(&answer)).expect("a String takes everything");
        }
    }
    expect![[r#"
        believed: 
            HTTP/1.1 200 OK|X-Forwarded-For: 127.0.0.1|X-Forwarded-Proto: http|X-Forwarded-Host: shop
        believed: X-Forwarded-For: 192.0.2.9|X-Forwarded-Proto: https|X-Forwarded-Host: front.example|
            HTTP/1.1 200 OK|X-Forwarded-For: 192.0.2.9, 127.0.0.1|X-Forwarded-Proto: https|X-Forwarded-Host: front.example
        believed: X-Forwarded-For: 203.0.113.9|
            HTTP/1.1 200 OK|match
        believed: X-Forwarded-For: 203.0.113.9, 192.0.2.9|
            HTTP/1.1 200 OK|X-Forwarded-For: 203.0.113.9, 192.0.2.9, 127.0.0.1|X-Forwarded-Proto: http|X-Forwarded-Host: shop
        believed: X-Forwarded-For: 203.0.113.9, 10.1.1.1|
            HTTP/1.1 200 OK|match
        believed: X-Forwarded-For: 203.0.113.9|X-Forwarded-For: 10.1.1.1:4711|
            HTTP/1.1 200 OK|match
        believed: X-Forwarded-For: 203.0.113.9, unknown, 10.1.1.1|
            HTTP/1.1 200 OK|X-Forwarded-For: 203.0.113.9, unknown, 10.1.1.1, 127.0.0.1|X-Forwarded-Proto: http|X-Forwarded-Host: shop
        believed: Forwarded: for=203.0.113.9;proto=https|
            HTTP/1.1 200 OK|match
        believed: Forwarded: for="[2001:db8::9]:4711", for=10.1.1.1|
            HTTP/1.1 200 OK|X-Forwarded-For: 127.0.0.1|X-Forwarded-Proto: http|X-Forwarded-Host: shop|Forwarded: for="[2001:db8::9]:4711", for=10.1.1.1, for=127.0.0.1;proto=http
        believed: X-Forwarded-Proto: gopher|X-Forwarded-Host: ev il|
            HTTP/1.1 200 OK|X-Forwarded-For: 127.0.0.1|X-Forwarded-Proto: http|X-Forwarded-Host: shop
        not believed: 
            HTTP/1.1 200 OK|X-Forwarded-For: 127.0.0.1|X-Forwarded-Proto: http|X-Forwarded-Host: shop
        not believed: X-Forwarded-For: 192.0.2.9|X-Forwarded-Proto: https|X-Forwarded-Host: front.example|
            HTTP/1.1 200 OK|X-Forwarded-For: 127.0.0.1|X-Forwarded-Proto: http|X-Forwarded-Host: shop
        not believed: X-Forwarded-For: 203.0.113.9|
            HTTP/1.1 200 OK|X-Forwarded-For: 127.0.0.1|X-Forwarded-Proto: http|X-Forwarded-Host: shop
        not believed: X-Forwarded-For: 203.0.113.9, 192.0.2.9|
            HTTP/1.1 200 OK|X-Forwarded-For: 127.0.0.1|X-Forwarded-Proto: http|X-Forwarded-Host: shop
        not believed: X-Forwarded-For: 203.0.113.9, 10.1.1.1|
            HTTP/1.1 200 OK|X-Forwarded-For: 127.0.0.1|X-Forwarded-Proto: http|X-Forwarded-Host: shop
        not believed: X-Forwarded-For: 203.0.113.9|X-Forwarded-For: 10.1.1.1:4711|
            HTTP/1.1 200 OK|X-Forwarded-For: 127.0.0.1|X-Forwarded-Proto: http|X-Forwarded-Host: shop
        not believed: X-Forwarded-For: 203.0.113.9, unknown, 10.1.1.1|
            HTTP/1.1 200 OK|X-Forwarded-For: 127.0.0.1|X-Forwarded-Proto: http|X-Forwarded-Host: shop
        not believed: Forwarded: for=203.0.113.9;proto=https|
            HTTP/1.1 200 OK|X-Forwarded-For: 127.0.0.1|X-Forwarded-Proto: http|X-Forwarded-Host: shop
        not believed: Forwarded: for="[2001:db8::9]:4711", for=10.1.1.1|
            HTTP/1.1 200 OK|X-Forwarded-For: 127.0.0.1|X-Forwarded-Proto: http|X-Forwarded-Host: shop
        not believed: X-Forwarded-Proto: gopher|X-Forwarded-Host: ev il|
            HTTP/1.1 200 OK|X-Forwarded-For: 127.0.0.1|X-Forwarded-Proto: http|X-Forwarded-Host: shop
    "#]].assert_eq(&text);
}
