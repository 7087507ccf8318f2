//! How fast the store is here: `cargo run --profile proof -p store --example speed [folder]`.
#![allow(clippy::disallowed_methods, clippy::print_stdout)] // It measures, and says what it measured.

use engine::store::{Append, Attribution, Cursor, Epoch, Line, Position, READ_MAX, Store};
use model::{Subject, Time};
use std::path::PathBuf;
use std::thread;
use std::time::Instant;
use store::{SqliteStore, wait};

const SUBJECTS: u64 = 10_000;
const ENTRIES_EACH: u64 = 10;
const CALLERS: u64 = 64;
const APPENDS_EACH: u64 = 400;
const APPENDS_ALONE: u64 = 1_000;

fn append(subject: &str, expected: u64, lines: u64) -> Append {
    let body = format!("{{\"step\":{expected},\"evidence\":\"{}\"}}", "x".repeat(300));
    let line = Line { at: Time(1), by: Attribution::engine(), kind: "step-done".into(), version: 1, body };
    Append {
        subject: Subject::from_text(subject),
        expected: Position(expected),
        scope: "all".into(),
        epoch: Epoch(0),
        lines: vec![line; lines as usize],
    }
}

fn main() {
    let folder = std::env::args_os().nth(1).map_or_else(std::env::temp_dir, PathBuf::from);
    let folder = folder.join(format!("glidepath-speed-{}", std::process::id()));
    std::fs::create_dir_all(&folder).expect("a folder");
    let file = folder.join("journal.db");
    let store = SqliteStore::open(&file).expect("a new store");

    let begun = Instant::now();
    for n in 0..APPENDS_ALONE {
        wait(store.append(append("alone", n, 1))).expect("an append");
    }
    println!("one caller: {:.0} appends/s", APPENDS_ALONE as f64 / begun.elapsed().as_secs_f64());

    let begun = Instant::now();
    thread::scope(|scope| {
        for caller in 0..CALLERS {
            let store = &store;
            scope.spawn(move || {
                for n in 0..APPENDS_EACH {
                    wait(store.append(append(&format!("caller/{caller}"), n, 1))).expect("an append");
                }
            });
        }
    });
    let all = (CALLERS * APPENDS_EACH) as f64;
    println!("{CALLERS} callers: {:.0} appends/s", all / begun.elapsed().as_secs_f64());

    let begun = Instant::now();
    thread::scope(|scope| {
        for caller in 0..CALLERS {
            let store = &store;
            scope.spawn(move || {
                for n in (caller..SUBJECTS).step_by(CALLERS as usize) {
                    let subject = format!("service/s{n}/production/local");
                    wait(store.append(append(&subject, 0, ENTRIES_EACH))).expect("an append");
                }
            });
        }
    });
    println!("{SUBJECTS} new subjects of {ENTRIES_EACH} entries: {:.2} s", begun.elapsed().as_secs_f64());
    drop(store);

    let begun = Instant::now();
    let store = SqliteStore::open(&file).expect("the store");
    println!("opening with {SUBJECTS} subjects: {:.0} ms", begun.elapsed().as_secs_f64() * 1e3);
    let begun = Instant::now();
    let (mut after, mut count) = (Cursor(0), 0);
    loop {
        let some = wait(store.follow(after, READ_MAX)).expect("a read");
        let Some((_, last)) = some.last() else { break };
        (after, count) = (last.cursor, count + some.len());
    }
    let followed = begun.elapsed().as_secs_f64();
    println!("following {count} entries: {:.0} ms", followed * 1e3);
    println!("that is {:.0} ms for 100000", followed * 1e8 / count as f64);
    let begun = Instant::now();
    for n in 0..SUBJECTS {
        let subject = Subject::from_text(&format!("service/s{n}/production/local"));
        assert_eq!(wait(store.read(subject, Position(0), READ_MAX)).expect("a read").len() as u64, ENTRIES_EACH);
    }
    println!("reading {SUBJECTS} journals one by one: {:.0} ms", begun.elapsed().as_secs_f64() * 1e3);
    let begun = Instant::now();
    let verified = wait(store.audit_verify()).expect("an answer");
    println!("verifying {} entries: {:.0} ms", verified.entries, begun.elapsed().as_secs_f64() * 1e3);
    let begun = Instant::now();
    store.backup(&folder.join("copy.db"), store::backup::Existing::Refuse, &mut |_| {}).expect("a copy");
    println!("a copy of it, verified: {:.0} ms", begun.elapsed().as_secs_f64() * 1e3);
    drop(store);
    std::fs::remove_dir_all(&folder).expect("its end");
}
