//! Sessions: that they stay where they are, move one way, and cannot be made up.

use crate::site::*;
use gateway::session::Session;
use model::Share;
use std::net::SocketAddr;
use wire::Table;
use wire::table::{Door, Key, Unit};

const KEY: Key = Key([7; 16]);

#[test]
fn only_what_was_signed_is_read() {
    let session = Session { unit: 0xabc, release: 7 };
    let line = session.cookie("unit", &KEY, false);
    let value = line.split(['=', ';']).nth(1).expect("a value");
    assert_eq!(Session::read(value.as_bytes(), &KEY), Some(session));
    assert_eq!(Session::read(value.as_bytes(), &Key([8; 16])), None);
    for (at, _) in value.char_indices() {
        for other in ["0", "1", "f", ".", "", "x"] {
            let changed = format!("{}{other}{}", &value[..at], &value[at + 1..]);
            assert!(changed == value || Session::read(changed.as_bytes(), &KEY).is_none(), "{changed}");
        }
    }
    for wrong in ["", ".", "..", "...", &format!("{value}."), &format!("{value}.1"), &value.to_uppercase()] {
        assert_eq!(Session::read(wrong.as_bytes(), &KEY), None, "{wrong}");
    }
}

/// A client with a jar for one cookie.
struct Browser<'a> {
    site: &'a Site,
    cookie: Option<String>,
}

impl Browser<'_> {
    /// Who answers, and whether the cookie was set anew.
    fn ask(&mut self) -> (String, bool) {
        let cookie = self.cookie.as_ref().map(|cookie| format!("Cookie: other=1; {cookie}|")).unwrap_or_default();
        let answer = self.site.say(&format!("GET / HTTP/1.1|Host: shop|{cookie}Connection: close||"));
        let set = answer.split('|').find_map(|line| line.strip_prefix("Set-Cookie: ")?.split(';').next());
        if let Some(set) = set {
            self.cookie = Some(set.to_owned());
        }
        (answer.rsplit('|').next().unwrap_or_default().to_owned(), set.is_some())
    }
}

fn sticky(generation: u64, lanes: &[(u32, u16, Door, &[SocketAddr])]) -> Table {
    let plain: Vec<_> = lanes.iter().map(|(release, percent, _, endpoints)| (*release, *percent, *endpoints)).collect();
    let mut table = table_of(generation, &plain);
    for (lane, (_, _, door, _)) in table.lanes.iter_mut().zip(lanes) {
        lane.door = *door;
    }
    table.unit = Some(Unit::Cookie { name: "unit".into(), key: KEY });
    table
}

#[test]
fn sessions_stay_move_one_way_and_are_let_go() {
    let one = answering("HTTP/1.1 200 OK|Content-Length: 3||one");
    let two = answering("HTTP/1.1 200 OK|Content-Length: 3||two");
    let table = |generation, percent, stable| {
        sticky(generation, &[(1, 100 - percent, stable, &[one]), (2, percent, Door::Open, &[two])])
    };
    let site = Site::new(&table(1, 0, Door::Open));
    let mut browsers: Vec<_> = (0..40).map(|_| Browser { site: &site, cookie: None }).collect();
    let mut ask = || browsers.iter_mut().map(Browser::ask).collect::<Vec<_>>();
    assert!(ask().iter().all(|(who, set)| who == "one" && *set), "everybody is told once");
    assert!(ask().iter().all(|(who, set)| who == "one" && !set));
    let mut moved = vec![false; 40];
    for (generation, percent) in [(2, 25), (3, 50), (4, 75)] {
        site.take(&table(generation, percent, Door::Open)).expect("newer");
        for ((who, set), moved) in ask().iter().zip(&mut moved) {
            assert!(!*moved || who == "two", "nobody comes back");
            assert_eq!(*set, who == "two" && !*moved, "whoever moves is told");
            *moved = who == "two";
        }
    }
    assert!(moved.contains(&true) && moved.contains(&false), "{moved:?}");
    // All new units go to the second; those that are with the first stay.
    site.take(&table(5, 100, Door::Pinned)).expect("newer");
    for ((who, set), moved) in ask().iter().zip(&moved) {
        assert_eq!((who.as_str(), *set), (if *moved { "two" } else { "one" }, false));
    }
    assert_eq!(Browser { site: &site, cookie: None }.ask().0, "two");
    // Until it is closed: they move once.
    site.take(&table(6, 100, Door::Closed)).expect("newer");
    for ((who, set), moved) in ask().iter().zip(&moved) {
        assert_eq!((who.as_str(), *set), ("two", !*moved));
    }
    assert!(ask().iter().all(|(who, set)| who == "two" && !set));
}

#[test]
fn a_closed_door_has_no_share() {
    let mut table = table_of(1, &[(1, 90, &[]), (2, 10, &[])]);
    table.lanes[1].door = Door::Closed;
    assert!(gateway::table::Checked::new(table.clone()).is_err());
    (table.lanes[0].share, table.lanes[1].share) = (Share::ALL, Share::NONE);
    assert!(gateway::table::Checked::new(table).is_ok());
}
