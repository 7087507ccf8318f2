//! A copy is made while the store is written to, and is whole.

use crate::folder::Folder;
use crate::given::{append, fill, read, subject};
use engine::store::{Position, Store};
use std::fs;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use store::backup::Existing;
use store::{Journals, SqliteStore, wait};

fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).expect("the folder");
    let mut names: Vec<_> =
        entries.map(|entry| entry.expect("an entry").file_name().to_string_lossy().into_owned()).collect();
    names.sort();
    names
}

#[test]
fn a_copy_made_beside_writers_is_whole_and_has_what_was_acknowledged_before() {
    let folder = Folder::new();
    let store = SqliteStore::open(folder.file("journal.db")).expect("a new store");
    fill(&store);
    let before = wait(store.subjects()).expect("a list");
    let done = AtomicBool::new(false);
    let mut pages = Vec::new();
    thread::scope(|scope| {
        let writer = scope.spawn(|| {
            let mut end = 0;
            while !done.load(Ordering::Relaxed) || end == 0 {
                end = append(&store, "busy", end, &[&"x".repeat(5_000), "{}"]).expect("an append").0;
            }
        });
        store.backup(&folder.file("copy.db"), Existing::Refuse, &mut |progress| pages.push(progress)).expect("a copy");
        done.store(true, Ordering::Relaxed);
        writer.join().expect("no panic");
    });
    assert!(pages.last().is_some_and(|last| last.done == last.all && last.all > 0), "{pages:?}");
    let copy = folder.path().join("restored");
    fs::create_dir(&copy).expect("a folder");
    fs::copy(folder.file("copy.db"), copy.join("journal.db")).expect("one file is all of it");
    let restored = SqliteStore::open(copy.join("journal.db")).expect("the copy opens as a store");
    for (subject, end) in before {
        let there = wait(restored.subjects()).expect("a list").into_iter().find(|(name, _)| *name == subject);
        assert_eq!(there, Some((subject, end)));
    }
    let busy = read(&restored, "busy").len();
    assert_eq!(busy % 2, 0, "no batch is half in it");
    assert_eq!(wait(restored.audit_verify()).expect("an answer").broken, []);
    assert_eq!(append(&restored, "s3", 40, &["{}"]), Ok(Position(41)), "and goes on");
}

#[test]
fn a_copy_replaces_only_what_it_may() {
    let folder = Folder::new();
    let file = folder.file("journal.db");
    let store = SqliteStore::open(&file).expect("a new store");
    fill(&store);
    let copy = folder.file("copy.db");
    fs::write(&copy, "precious").expect("a file");
    let backup = |to: &Path, existing| store.backup(to, existing, &mut |_| {}).map_err(|error| error.message);
    let refused = backup(&copy, Existing::Refuse).expect_err("it is there");
    assert!(refused.contains("already there"), "{refused}");
    assert_eq!(fs::read(&copy).expect("its bytes"), b"precious");
    assert_eq!(backup(&copy, Existing::Replace), Ok(()));
    let journals = Journals::open(&copy).expect("a copy");
    assert_eq!(journals.read(&subject("s3"), Position(38), 9).expect("a read").len(), 2);
    let refused = backup(&file, Existing::Replace).expect_err("itself");
    assert!(refused.contains("is the file that is to be copied"), "{refused}");
    let other = folder.file("other.db");
    let running = SqliteStore::open(&other).expect("another store");
    let refused = backup(&other, Existing::Replace).expect_err("in use");
    assert!(refused.contains("log beside it"), "{refused}");
    drop(running);
    let refused = backup(&folder.file("missing/copy.db"), Existing::Refuse).expect_err("there is no folder");
    assert!(refused.contains("the folder of") && refused.contains("Make the folder first"), "{refused}");
    drop(journals);
    let left = names(folder.path());
    assert!(left.iter().all(|name| !name.contains("partial")), "{left:?}");
}

#[test]
fn a_damaged_file_does_not_replace_a_good_copy() {
    let folder = Folder::new();
    let file = folder.file("journal.db");
    let store = SqliteStore::open(&file).expect("a new store");
    fill(&store);
    let copy = folder.file("copy.db");
    store.backup(&copy, Existing::Refuse, &mut |_| {}).expect("a good copy");
    let good = fs::read(&copy).expect("its bytes");
    let shell = rusqlite::Connection::open(&file).expect("a shell");
    shell.execute_batch("UPDATE entry SET who = 'mallory' WHERE cursor = 9").expect("the change");
    let journals = Journals::open(&file).expect("a reader");
    let error = journals.backup(&copy, Existing::Replace, &mut |_| {}).expect_err("it is damaged");
    assert!(error.message.contains("no copy was made"), "{error}");
    assert_eq!(fs::read(&copy).expect("its bytes"), good);
}

/// Whatever page it is that cannot be read, the file that is blamed is the one that has it.
#[test]
fn a_damaged_page_is_the_sources() {
    const PAGE: usize = 4_096;
    let folder = Folder::new();
    fill(&SqliteStore::open(folder.file("whole.db")).expect("a new store"));
    let bytes = fs::read(folder.file("whole.db")).expect("its bytes");
    for page in 1..bytes.len() / PAGE {
        let mut damaged = bytes.clone();
        damaged[page * PAGE..(page + 1) * PAGE].fill(0xff);
        fs::write(folder.file("damaged.db"), damaged).expect("the damaged file");
        let journals = Journals::open(folder.file("damaged.db")).expect("a reader");
        let Err(error) = journals.backup(&folder.file("copy.db"), Existing::Replace, &mut |_| {}) else { continue };
        assert!(error.message.contains("damaged.db") && !error.message.contains("copy.db"), "page {page}: {error}");
    }
}

#[test]
fn what_an_interrupted_copy_left_is_removed_by_the_next() {
    let folder = Folder::new();
    let store = SqliteStore::open(folder.file("journal.db")).expect("a new store");
    fill(&store);
    let held = folder.file("copy.db.partial-2-0");
    for left in ["copy.db.partial-1-0", "copy.db.partial-1-0-journal", "copy.db.partial-2-0", "copy.db.partial-old"] {
        fs::write(folder.file(left), "half").expect("a file");
    }
    let working = fs::File::open(&held).expect("it is there");
    working.try_lock().expect("nobody else has it");
    store.backup(&folder.file("copy.db"), Existing::Refuse, &mut |_| {}).expect("a copy");
    let left: Vec<String> = names(folder.path()).into_iter().filter(|name| name.contains("partial")).collect();
    assert_eq!(left, ["copy.db.partial-2-0", "copy.db.partial-old"], "a running copy's, and what is none, stay");
}
