//! Whose a host and a path are, and who is taken by a match.

use crate::site::table;
use expect_test::{Expect, expect};
use gateway::table::{Asked, Checked, Faults, Ground, Matcher, Places, Site};
use model::Subject;
use std::fmt::Write as _;
use std::net::IpAddr;
use std::rc::Rc;
use wire::table::{Match, Path};

/// Services by name, hosts and paths; a path that ends with `!` is that one alone, one that begins with `~` an
/// expression.
fn places(sites: &[(&str, &[&str], &[&str])]) -> Places {
    let sites = sites.iter().map(|(name, hosts, paths)| {
        let mut table = table(1, &[]);
        table.service = Subject::from_text(name);
        table.hosts = hosts.iter().map(|host| (*host).to_owned()).collect();
        let path = |path: &&str| match (path.strip_suffix('!'), path.strip_prefix('~')) {
            (Some(exact), _) => Path::Exact(exact.into()),
            (None, Some(expression)) => Path::Regex(expression.into()),
            (None, None) => Path::Prefix((*path).into()),
        };
        table.paths = paths.iter().map(path).collect();
        Rc::new(Site::new(&Checked::new(table).expect("a table"), None, &Ground::default()))
    });
    Places::new(&sites.collect::<Vec<_>>())
}

#[test]
fn the_most_specific_has_it() {
    let places = places(&[
        ("any", &[], &[]),
        ("shop", &["shop.example"], &["/"]),
        ("cart", &["shop.example"], &["/cart/"]),
        ("cart-old", &["Shop.Example"], &["/cart/old"]),
        ("pay", &["shop.example"], &["/cart!"]),
        ("wild", &["*.example"], &[]),
        ("wilder", &["*.b.example"], &["/api"]),
        ("six", &["[::1]"], &[]),
        ("years", &["shop.example"], &["~/[0-9]{4}(/.*)?"]),
        ("late", &["shop.example"], &["~/.*/late", "~/2.*"]),
    ]);
    let mut text = String::new();
    for (host, path) in [
        ("shop.example", "/"),
        ("SHOP.example:8080", "/x"),
        ("shop.example.", "/x"),
        ("shop.example", "/cart"),
        ("shop.example", "/cart/"),
        ("shop.example", "/cart/1"),
        ("shop.example", "/cart/old/1"),
        ("shop.example", "/cart/older"),
        ("shop.example", "/carts"),
        ("shop.example", "/2026"),
        ("shop.example", "/2026/x"),
        ("shop.example", "/20261"),
        ("shop.example", "/x/late"),
        ("shop.example", "/cart/late"),
        ("shop.example", "/x/later"),
        ("a.example", "/"),
        ("a.b.example", "/"),
        ("a.b.example", "/api/1"),
        ("example", "/"),
        (".example", "/"),
        ("", "/"),
        ("[::1]:80", "/"),
        ("other", "*"),
    ] {
        let found = places.find(host.as_bytes(), path.as_bytes()).map(|site| site.service.to_string());
        writeln!(text, "{host:18} {path:12} {}", found.unwrap_or_default()).expect("a String takes everything");
    }
    expect![[r#"
        shop.example       /            shop
        SHOP.example:8080  /x           shop
        shop.example.      /x           shop
        shop.example       /cart        pay
        shop.example       /cart/       cart
        shop.example       /cart/1      cart
        shop.example       /cart/old/1  cart-old
        shop.example       /cart/older  cart
        shop.example       /carts       shop
        shop.example       /2026        years
        shop.example       /2026/x      years
        shop.example       /20261       late
        shop.example       /x/late      late
        shop.example       /cart/late   cart
        shop.example       /x/later     shop
        a.example          /            wild
        a.b.example        /            wild
        a.b.example        /api/1       wilder
        example            /            any
        .example           /            wild
                           /            any
        [::1]:80           /            six
        other              *            any
    "#]]
    .assert_eq(&text);
}

struct Request {
    method: &'static str,
    query: &'static str,
    headers: Vec<(&'static str, &'static str)>,
    cookies: Vec<(&'static str, &'static str)>,
    client: IpAddr,
}

fn find<'a>(list: &'a [(&'static str, &'static str)], name: &[u8]) -> Option<&'a [u8]> {
    list.iter().find(|(key, _)| key.as_bytes().eq_ignore_ascii_case(name)).map(|(_, value)| value.as_bytes())
}

impl Asked for Request {
    fn method(&self) -> &[u8] {
        self.method.as_bytes()
    }
    fn scheme(&self) -> &str {
        "http"
    }
    fn host(&self) -> &[u8] {
        b"shop"
    }
    fn path(&self) -> &[u8] {
        b"/"
    }
    fn query(&self) -> &[u8] {
        self.query.as_bytes()
    }
    fn header(&self, name: &[u8]) -> Option<&[u8]> {
        find(&self.headers, name)
    }
    fn cookie(&self, name: &[u8]) -> Option<&[u8]> {
        find(&self.cookies, name)
    }
    fn client(&self) -> IpAddr {
        self.client
    }
}

fn check(cases: &[(&str, Match)], wanted: &Expect) {
    let request = Request {
        method: "GET",
        query: "q=a%20b&beta&x=1+2",
        headers: vec![("X-Team", "staff"), ("Empty", "")],
        cookies: vec![("beta", "yes")],
        client: "10.1.2.3".parse().expect("an address"),
    };
    let mut text = String::new();
    for (what, of) in cases {
        let mut faults = Faults::default();
        let taken = match Matcher::new(of, "matches", &mut faults).takes(&request) {
            _ if !faults.is_empty() => faults.to_string(),
            true => "taken".to_owned(),
            false => "not taken".to_owned(),
        };
        writeln!(text, "{what:34} {taken}").expect("a String takes everything");
    }
    wanted.assert_eq(&text);
}

#[test]
fn matches() {
    let header = |name: &str, value: Option<&str>| Match {
        headers: vec![(name.into(), value.map(Into::into))],
        ..Match::default()
    };
    let query = |name: &str, value: Option<&str>| Match {
        query: vec![(name.into(), value.map(Into::into))],
        ..Match::default()
    };
    let network = |text: &str| Match { networks: vec![text.into()], ..Match::default() };
    let method = |text: &str| Match { methods: vec![text.into()], ..Match::default() };
    let cookie = |value: &str| Match { cookies: vec![("beta".into(), Some(value.into()))], ..Match::default() };
    check(
        &[
            ("a header with its value", header("x-team", Some("staff"))),
            ("a header with another value", header("x-team", Some("Staff"))),
            ("a header with any value", header("empty", None)),
            ("a header that is not there", header("x", None)),
            ("a parameter with a space", query("q", Some("a b"))),
            ("a parameter without a value", query("beta", None)),
            ("a parameter with a plus", query("x", Some("1 2"))),
            ("another parameter", query("bet", None)),
            ("a cookie", cookie("yes")),
            ("another cookie", cookie("no")),
            ("the method", method("GET")),
            ("another method", method("get")),
            ("the network", network("10.0.0.0/8")),
            ("another network", network("10.1.3.0/24")),
            ("everybody", network("0.0.0.0/0")),
            ("a network of the other kind", network("::/0")),
            ("no network", network("10.0.0.0")),
            ("no network either", network("10.0.0.0/33")),
            ("all must hold", Match { methods: vec!["POST".into()], ..header("x-team", Some("staff")) }),
        ],
        &expect![[r#"
            a header with its value            taken
            a header with another value        not taken
            a header with any value            taken
            a header that is not there         not taken
            a parameter with a space           taken
            a parameter without a value        taken
            a parameter with a plus            taken
            another parameter                  not taken
            a cookie                           taken
            another cookie                     not taken
            the method                         taken
            another method                     not taken
            the network                        taken
            another network                    not taken
            everybody                          taken
            a network of the other kind        not taken
            no network                         matches.networks[0]: `10.0.0.0` is no network: write it like 10.0.0.0/8
            no network either                  matches.networks[0]: `10.0.0.0/33` is no network: write it like 10.0.0.0/8
            all must hold                      not taken
        "#]],
    );
}
