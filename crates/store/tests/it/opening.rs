//! Which files are opened, and which are left exactly as they are.

use crate::disk::{self, Disk};
use crate::folder::Folder;
use crate::given::{append, read};
use engine::store::{Position, Trouble};
use rusqlite::Connection;
use std::fs;
use std::path::Path;
use store::{Durability, Journals, Opening, SqliteStore, wait};

/// The files beside a journal that belong to it.
const PARTS: [&str; 2] = ["", "-wal"];

fn parts(file: &Path) -> Vec<Option<Vec<u8>>> {
    PARTS.iter().map(|suffix| fs::read(format!("{}{suffix}", file.display())).ok()).collect()
}

/// A file and its log as a process that was killed left them.
fn left_by_a_kill(from: &Path, to: &Path, change: &str) {
    let connection = Connection::open(from).expect("the file");
    connection.execute_batch(change).expect("the change");
    for suffix in PARTS {
        fs::copy(format!("{}{suffix}", from.display()), format!("{}{suffix}", to.display())).expect("a copy");
    }
}

#[test]
fn a_newer_file_is_refused_and_not_touched() {
    let folder = Folder::new();
    let (file, newer) = (folder.file("journal.db"), folder.file("newer.db"));
    drop(SqliteStore::open(&file).expect("a new store"));
    left_by_a_kill(&file, &newer, "CREATE TABLE later (a); PRAGMA user_version = 2");
    let before = parts(&newer);
    assert!(before[1].as_ref().is_some_and(|log| !log.is_empty()), "the newer version is only in the log yet");
    let error = SqliteStore::open(&newer).err().expect("it is newer");
    assert_eq!(error.trouble, Trouble::Newer, "{error}");
    assert!(error.message.contains("newer.db") && error.message.contains("version is 2"), "{error}");
    let error = Journals::open(&newer).err().expect("it is newer for readers too");
    assert_eq!(error.trouble, Trouble::Newer);
    assert_eq!(parts(&newer), before);
}

#[test]
fn a_file_of_somebody_else_is_refused_and_not_touched() {
    let folder = Folder::new();
    let (file, theirs) = (folder.file("file.db"), folder.file("theirs.db"));
    left_by_a_kill_of_theirs(&file, &theirs);
    let before = parts(&theirs);
    let error = SqliteStore::open(&theirs).err().expect("it is not ours");
    assert!(error.message.contains("not of Glidepath"), "{error}");
    assert_eq!(parts(&theirs), before);
    let text = folder.file("notes.txt");
    fs::write(&text, "These are somebody's notes, and no database at all. ".repeat(100)).expect("a file");
    let before = fs::read(&text).expect("its bytes");
    let error = SqliteStore::open(&text).err().expect("it is no database");
    assert_eq!(error.trouble, Trouble::Corrupt, "{error}");
    assert_eq!(fs::read(&text).expect("its bytes"), before);
}

fn left_by_a_kill_of_theirs(file: &Path, theirs: &Path) {
    let connection = Connection::open(file).expect("a database");
    connection.execute_batch("PRAGMA journal_mode = WAL; CREATE TABLE a (b)").expect("theirs");
    left_by_a_kill(file, theirs, "INSERT INTO a VALUES (1)");
}

#[test]
fn a_missing_folder_and_a_missing_file_are_told() {
    let folder = Folder::new();
    let error = SqliteStore::open(folder.file("missing/journal.db")).err().expect("there is no folder");
    assert!(error.message.contains("Make the folder"), "{error}");
    let error = Journals::open(folder.file("journal.db")).err().expect("there is no file");
    assert!(error.message.contains("journal.db"), "{error}");
    assert!(!folder.file("journal.db").exists(), "a reader makes no file");
    fs::create_dir(folder.file("folder.db")).expect("a folder");
    for error in [SqliteStore::open(folder.file("folder.db")).err(), Journals::open(folder.file("folder.db")).err()] {
        let error = error.expect("it is a folder");
        assert!(error.message.contains("folder.db is a folder"), "{error}");
    }
    fs::write(folder.file("file"), "no folder").expect("a file");
    let error = Journals::open(folder.file("file/journal.db")).err().expect("a file is no folder");
    assert!(error.message.contains("file, and no folder"), "{error}");
}

#[test]
fn a_reader_of_another_process_sees_what_was_acknowledged() {
    let folder = Folder::new();
    let file = folder.file("journal.db");
    let store = SqliteStore::open(&file).expect("a new store");
    assert_eq!(append(&store, "shop", 0, &["{}"]), Ok(Position(1)));
    let journals = Journals::open(&file).expect("a reader");
    assert_eq!(journals.subjects().expect("a list").len(), 1);
    assert_eq!(append(&store, "other", 0, &["{}"]), Ok(Position(1)));
    assert_eq!(journals.subjects().expect("a list").len(), 2);
    drop(store);
    drop(journals);
    let journals = Journals::open(&file).expect("a reader without a writer");
    assert_eq!(journals.subjects().expect("a list").len(), 2);
}

/// Every step of the first opening can be the last one: the next opening makes up for it.
#[test]
fn an_opening_can_be_cut_off_anywhere() {
    let opening = Opening { vfs: Some(disk::NAME.into()), durability: Durability::Full, stepped: false };
    let mut whole = false;
    for step in 0..100 {
        for syncs in [None, Some(step / 4)] {
            let disk = Disk::new(step);
            let path = disk::install(&disk);
            match syncs {
                None => disk.cut_after(step),
                Some(syncs) => disk.fail_sync_after(syncs),
            }
            let acknowledged = SqliteStore::open_as(&path, opening.clone())
                .is_ok_and(|store| append(&store, "shop", 0, &["{}"]) == Ok(Position(1)));
            whole |= acknowledged && syncs.is_none();
            disk.cut();
            disk.restart();
            let store = SqliteStore::open_as(&path, opening.clone()).expect("the next opening");
            let there = read(&store, "shop").len();
            assert!(there == 1 || !acknowledged, "step {step}, sync {syncs:?}");
            assert_eq!(append(&store, "shop", there as u64, &["{}"]), Ok(Position(there as u64 + 1)));
            assert_eq!(wait(store.audit_verify()).expect("an answer").broken, []);
        }
    }
    assert!(whole, "the last steps come after the whole opening");
}
