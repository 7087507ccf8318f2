//! What answers say of themselves: when they were given, and what their cookies are good for.

use crate::certificates::{Authority, secure};
use crate::multiplexed::Http2;
use crate::site::*;
use jiff::Timestamp;
use jiff::fmt::rfc2822;
use std::io::Read as _;
use std::io::Write as _;
use wire::Table;
use wire::table::{Hold, Key, Listen, Unit};

/// The bytes of an answer, as they came.
fn bytes(site: &Site, request: &str) -> String {
    let mut client = site.client();
    client.write_all(request.replace('|', "\r\n").as_bytes()).expect("it is taken");
    let mut bytes = Vec::new();
    client.read_to_end(&mut bytes).expect("an end");
    String::from_utf8(bytes).expect("text")
}

/// An answer of the gateway's own says when; that of an instance says what its instance said.
#[test]
fn answers_have_a_date() {
    let hold = Some(Hold::new(model::Span::seconds(3), "Soon"));
    let held = Site::new(&Table { hold, ..table(1, &[]) });
    let get = "GET / HTTP/1.1|Host: shop|Connection: close||";
    let own = [bytes(&held, get), bytes(&held, "GET / HTTP/1.1|Host: a b||"), bytes(&held, "GET / HTTP/1.2||")];
    for said in own {
        let dates: Vec<_> = said.lines().filter_map(|line| line.strip_prefix("Date: ")).collect();
        let [date] = dates[..] else { panic!("{said}") };
        let told = rfc2822::parse(date).expect("a date").timestamp();
        assert!((Timestamp::now() - told).get_seconds().abs() < 20, "{date}");
        assert!(date.len() == 29 && date.ends_with(" GMT"), "{date}");
    }
    let dated = "HTTP/1.1 200 OK|Date: Sun, 06 Nov 1994 08:49:37 GMT|Content-Length: 2||ok";
    for (answer, wanted) in [(dated, 1), ("HTTP/1.1 200 OK|Content-Length: 2||ok", 0)] {
        let said = bytes(&Site::new(&table(1, &[answering(answer)])), get);
        assert_eq!(said.matches("Date: Sun, 06 Nov 1994 08:49:37 GMT\r\n").count(), wanted);
        assert_eq!(said.matches("Date: ").count(), wanted);
    }
}

/// A cookie that came through TLS goes through nothing else.
#[test]
fn cookies_are_as_secret_as_their_connection() {
    let sticky = Table {
        unit: Some(Unit::Cookie { name: "unit".into(), key: Key([7; 16]) }),
        ..table(1, &[answering("HTTP/1.1 200 OK|Content-Length: 2||ok")])
    };
    let cookie = |said: &str| {
        let line =
            said.split('|').find(|line| line.to_ascii_lowercase().starts_with("set-cookie: ")).expect("a cookie");
        line.split_once("; ").expect("its attributes").1.to_owned()
    };
    let site = Site::new(&sticky);
    let plain = "Path=/; Max-Age=2592000; HttpOnly; SameSite=Lax";
    let secret = "Path=/; Max-Age=2592000; HttpOnly; SameSite=Lax; Secure";
    assert_eq!(cookie(&Http2::new(site.address).ask("GET /|Host: shop||")), plain);
    // Nobody is believed to have come through TLS but by whom the table says so.
    let told = "GET / HTTP/1.1|Host: shop|X-Forwarded-Proto: https|Connection: close||";
    assert_eq!(cookie(&site.say(told)), plain);
    let listen = Listen { address: site.address.to_string(), trusted: vec!["127.0.0.0/8".into()], ..Listen::default() };
    site.take(&Table { generation: 2, listen: vec![listen], ..sticky.clone() }).expect("newer");
    assert_eq!(cookie(&site.say(told)), secret);
    let authority = Authority::new();
    let listen = secure(site.address, &[authority.sign("shop", &["shop.example"])], None);
    site.take(&Table { generation: 3, listen: vec![listen], ..sticky }).expect("newer");
    let mut client =
        Http2::through_tls(site.address, "shop.example", &authority.client(None, &["h2"])).expect("shaken");
    assert_eq!(cookie(&client.ask("GET /|Host: shop.example||")), secret);
}
