//! Paths as they are compared, and as they are passed on: nobody walks around a rule by writing a path otherwise.

use crate::multiplexed::Http2;
use crate::site::*;
use expect_test::expect;
use gateway::table::tidied;
use std::fmt::Write as _;
use wire::Table;
use wire::table::{Action, Path, Rewrite, Rule};

#[test]
fn paths() {
    let mut text = String::new();
    for path in [
        "/",
        "/a",
        "/a/",
        "/a/b.c/d-e_f~g",
        "/.well-known/x",
        "/a/.b/..c/...",
        "/a%20b/%c3%a4",
        "/%41%2d%2E%5f%7E",
        "/a%zz%",
        "/a%2",
        "//",
        "//a///b//",
        "/./a/./b/.",
        "/a/../b",
        "/a/b/..",
        "/a/..",
        "/..",
        "/../../a",
        "/a/b/../../..//c/",
        "/%2e%2E/a/%2e/b",
        "/a%2fb",
        "/a%2F..%2Fb",
        "/%2fa",
        "/a\\b",
        "/a\\..\\b",
        "/a%5c..%5Cb",
        "/a%252e%252e/b",
        "/a/..;/b",
        "/a;x=1/b",
        "/a%2f%2e%2e%2fb%2f",
    ] {
        let tidy = tidied(path.as_bytes()).map(|tidy| String::from_utf8(tidy.path).expect("ASCII"));
        writeln!(text, "{path} {}", tidy.as_deref().unwrap_or("is")).expect("a String takes everything");
        if let Some(tidy) = tidy {
            assert_eq!(tidied(tidy.as_bytes()), None, "{path}");
        }
    }
    expect![[r#"
        / is
        /a is
        /a/ is
        /a/b.c/d-e_f~g is
        /.well-known/x is
        /a/.b/..c/... is
        /a%20b/%c3%a4 /a%20b/%C3%A4
        /%41%2d%2E%5f%7E /A-._~
        /a%zz% is
        /a%2 is
        // /
        //a///b// /a/b/
        /./a/./b/. /a/b/
        /a/../b /b
        /a/b/.. /a/
        /a/.. /
        /.. /
        /../../a /a
        /a/b/../../..//c/ /c/
        /%2e%2E/a/%2e/b /a/b
        /a%2fb /a/b
        /a%2F..%2Fb /b
        /%2fa /a
        /a\b /a/b
        /a\..\b /b
        /a%5c..%5Cb /b
        /a%252e%252e/b is
        /a/..;/b is
        /a;x=1/b is
        /a%2f%2e%2e%2fb%2f /b/
    "#]]
    .assert_eq(&text);
}

/// Whatever is sent, what is compared leads down from the root, step by step.
#[test]
fn every_path_leads_somewhere() {
    let pieces = ["/", "/", "..", ".", "%2e", "%2F", "\\", "%5C", "a", "%61", "%", "%%", ";", "%25", "~", "%c3"];
    let mut random = fastrand::Rng::with_seed(7);
    for _ in 0..50_000 {
        let rest: String = (0..random.usize(..12)).map(|_| pieces[random.usize(..pieces.len())]).collect();
        let path = format!("/{rest}");
        let Some(tidy) = tidied(path.as_bytes()) else { continue };
        for (led, follows) in [(&tidy.path, true), (tidy.unfollowed.as_ref().unwrap_or(&tidy.path), false)] {
            let text = String::from_utf8(led.clone()).expect("ASCII");
            let mut segments = text.strip_prefix('/').expect(&path).split('/').rev();
            assert!(segments.next().is_some_and(|last| last != "." && !(follows && last == "..")), "{path} {text}");
            assert!(segments.all(|one| !one.is_empty() && one != "." && !(follows && one == "..")), "{path} {text}");
        }
    }
}

fn on(paths: Vec<Path>) -> Rule {
    Rule { paths, ..Rule::default() }
}

/// A rule for a folder holds for all that leads there; what does not is passed on as it came.
#[test]
fn a_rule_for_a_folder_is_a_lock() {
    let no = Action::Answer { status: 403, headers: Vec::new(), body: "no".into() };
    let rules = vec![
        Rule { action: Some(no), ..on(vec![Path::Prefix("/admin".into()), Path::Regex("/[a-z]+/secret".into())]) },
        Rule { rewrite: Rewrite { host: None, path: Some("/new".into()) }, ..on(vec![Path::Prefix("/old".into())]) },
    ];
    let site = Site::new(&Table { rules, ..table(1, &[mirror()]) });
    let mut client = Http2::new(site.address);
    let mut text = String::new();
    for path in [
        "/admin",
        "/admin/",
        "/admin?/x",
        "/x/../admin",
        "//admin",
        "/./admin",
        "/%61dmin",
        "/x/%2e%2e/admin/users",
        "/admin%2fusers",
        "/x%2f..%2fadmin",
        "/\\admin",
        "/../admin",
        "/a/b/../secret",
        "/administrator",
        "/x/..//y?a=../b",
        "/admin/../x",
        "/a%2fb",
        "/old/a%2fb/../c?d",
        "/x/../old",
        "/old/a",
    ] {
        let said = site.say(&format!("GET {path} HTTP/1.1|Host: shop|Connection: close||"));
        let (head, body) = said.split_once("||").expect("a head");
        let line = if body == "no" || head.contains(" 400 ") {
            &head[9..12]
        } else {
            body.split('|').next().unwrap_or_default()
        };
        writeln!(text, "{path}: {line}").expect("a String takes everything");
        if !path.contains('\\') {
            assert!(client.ask(&format!("GET {path}|Host: shop||")).contains(line), "{path}");
        }
    }
    expect![[r#"
        /admin: 403
        /admin/: 403
        /admin?/x: 403
        /x/../admin: 400
        //admin: 403
        /./admin: 403
        /%61dmin: 403
        /x/%2e%2e/admin/users: 400
        /admin%2fusers: 403
        /x%2f..%2fadmin: 400
        /\admin: 403
        /../admin: 400
        /a/b/../secret: 400
        /administrator: GET /administrator HTTP/1.1
        /x/..//y?a=../b: GET /x/..//y?a=../b HTTP/1.1
        /admin/../x: 400
        /a%2fb: GET /a%2fb HTTP/1.1
        /old/a%2fb/../c?d: GET /new/a/c?d HTTP/1.1
        /x/../old: 400
        /old/a: GET /new/a HTTP/1.1
    "#]]
    .assert_eq(&text);
}

/// Whose a path is is seen in the same way.
#[test]
fn a_service_for_a_folder_gets_all_that_leads_there() {
    let site = Site::new(&table(1, &[answering("HTTP/1.1 200 OK|Content-Length: 4||rest")]));
    let mut admin = table(1, &[answering("HTTP/1.1 200 OK|Content-Length: 5||admin")]);
    admin.service = model::Subject::from_text("service/admin/production/local");
    admin.paths = vec![Path::Prefix("/admin/".into()), Path::Exact("/a%2Fb/%63".into())];
    site.take(&admin).expect("it is live");
    for (path, whose) in [
        ("/admin", "admin"),
        ("//admin/./y", "admin"),
        ("/admin/../x", "leads elsewhere than it says\n"),
        ("/b/../x", "rest"),
        ("/admin/a/../x", "admin"),
        ("/a/b/c", "admin"),
        ("/a/b", "rest"),
    ] {
        let said = site.say(&format!("GET {path} HTTP/1.1|Host: shop|Connection: close||"));
        assert!(said.ends_with(whose), "{path}: {said}");
    }
}
