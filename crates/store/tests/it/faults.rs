//! A full disk, a read-only one, a damaged file, a file that somebody else has: each is told clearly,
//! and none loses what was acknowledged.

use crate::child;
use crate::dice::Dice;
use crate::disk::{self, Disk};
use crate::folder::Folder;
use crate::given::{append, fill, line, lines, read};
use engine::store::{AppendError, Cursor, Epoch, Position, READ_MAX, Record, Renewal, Store, StoreError, Trouble};
use model::Subject;
use rusqlite::Connection;
use std::fs;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::task::{Context, Waker};
use store::{Durability, Opening, SqliteStore, wait};

/// The user that nobody is.
const NOBODY: u32 = 65_534;

fn on(disk: &Arc<Disk>, stepped: bool) -> Result<SqliteStore, StoreError> {
    let opening = Opening { vfs: Some(disk::NAME.into()), durability: Durability::Full, stepped };
    SqliteStore::open_as(disk::install(disk), opening)
}

fn failed(result: Result<Position, AppendError>) -> StoreError {
    match result {
        Err(AppendError::Failed(error)) => error,
        other => panic!("expected a failure: {other:?}"),
    }
}

#[test]
fn a_full_disk_is_told_and_loses_nothing() {
    let disk = Disk::new(1);
    let store = on(&disk, false).expect("a new store");
    disk.set_room(Some(disk.used() + (400 << 10)));
    let mut acknowledged = 0;
    let error = loop {
        match append(&store, "shop", acknowledged, &[&"x".repeat(10_000)]) {
            Ok(position) => acknowledged = position.0,
            other => break failed(other),
        }
    };
    assert_eq!(error.trouble, Trouble::Full);
    assert!(error.message.contains("journal.db") && error.message.contains("Free some space"), "{error}");
    assert!(acknowledged > 5);
    assert_eq!(read(&store, "shop").len() as u64, acknowledged, "what was acknowledged can be read meanwhile");
    disk.set_room(None);
    assert_eq!(append(&store, "shop", acknowledged, &["{}"]), Ok(Position(acknowledged + 1)), "and then it goes on");
    disk.cut();
    drop(store);
    disk.restart();
    let store = on(&disk, false).expect("it opens");
    assert_eq!(read(&store, "shop").len() as u64, acknowledged + 1);
}

#[test]
fn on_a_nearly_full_disk_a_large_append_does_not_fail_a_small_one() {
    let disk = Disk::new(2);
    let store = on(&disk, true).expect("a new store");
    disk.set_room(Some(disk.used() + (100 << 10)));
    let mut large = store.append(lines("large", 0, vec![line(&"x".repeat(500 << 10))]));
    let mut small = store.append(lines("small", 0, vec![line("{}")]));
    let mut context = Context::from_waker(Waker::noop());
    assert!(large.as_mut().poll(&mut context).is_pending() && small.as_mut().poll(&mut context).is_pending());
    store.round();
    assert_eq!(failed(wait(large)).trouble, Trouble::Full);
    assert_eq!(wait(small), Ok(Position(1)));
    assert_eq!((read(&store, "large").len(), read(&store, "small").len()), (0, 1));
}

#[test]
fn a_disk_that_refuses_writes_loses_nothing() {
    let folder = Folder::new();
    let file = folder.file("journal.db");
    drop(SqliteStore::open(&file).expect("a new store"));
    // A limit on the size of files, in blocks of 512 bytes or of a kilobyte: the log cannot grow on.
    let mut shell = Command::new("sh");
    shell.args(["-c", "trap '' XFSZ; ulimit -f 2000; exec \"$0\" \"$@\""]);
    shell.arg(std::env::current_exe().expect("this program"));
    let (mut process, output) = child::begin(shell, "append", &file);
    let said = child::said_any(output);
    process.wait().expect("its end");
    let acks: Vec<_> = said.iter().filter_map(|line| child::rest(line, "ack")).collect();
    let ends = said.iter().filter(|line| line.starts_with("doubt") || line.starts_with("error")).count();
    assert_eq!(ends as u64, child::CALLERS, "{:?}", said.iter().rev().take(9).collect::<Vec<_>>());
    assert!(acks.len() > 100, "{}", acks.len());
    let store = SqliteStore::open(&file).expect("it opens where there is room");
    for ack in acks {
        let (name, end) = ack.split_once(' ').expect("a name and a position");
        let position = Position(end.parse::<u64>().expect("a position") - 1);
        let there = wait(store.read(crate::given::subject(name), position, 1)).expect("a read");
        assert_eq!(there.first().map(|record| record.line.body.clone()), Some(child::body(name, position.0 + 1)));
    }
    assert_eq!(wait(store.audit_verify()).expect("an answer").broken, []);
}

#[test]
fn a_read_only_disk_is_told() {
    let disk = Disk::new(3);
    drop(on(&disk, false).expect("a new store"));
    disk.set_read_only(true);
    let error = on(&disk, false).err().expect("it cannot be written");
    assert_eq!(error.trouble, Trouble::ReadOnly, "{error}");
}

#[test]
fn a_file_or_a_folder_without_the_right_to_write_is_told() {
    let folder = Folder::new();
    let program = folder.file("program");
    fs::copy(std::env::current_exe().expect("this program"), &program).expect("a copy that everybody may run");
    let run = |what: &str, file: &Path| {
        let mut command = Command::new(&program);
        // The rights of files do not hold root up: be somebody else.
        if fs::metadata("/proc/self").expect("this process").uid() == 0 {
            command.uid(NOBODY);
        }
        let (mut process, output) = child::begin(command, what, file);
        let said = child::said(output, "error");
        process.wait().expect("its end");
        said.first().cloned().unwrap_or_default()
    };
    let open = |file: &Path| run("open", file);
    let set = |path: &Path, mode| fs::set_permissions(path, fs::Permissions::from_mode(mode)).expect("new rights");
    set(folder.path(), 0o555);
    assert!(open(&folder.file("new.db")).ends_with("[store-read-only]"), "a folder: {}", open(&folder.file("new.db")));
    set(folder.path(), 0o777);
    let file = folder.file("journal.db");
    drop(SqliteStore::open(&file).expect("a new store"));
    set(&file, 0o444);
    set(&folder.file("journal.db.lock"), 0o666);
    let said = open(&file);
    assert!(said.ends_with("[store-read-only]") && said.contains("journal.db"), "a file: {said}");
    // Who only reads needs the log beside the file, and may not be able to make it.
    set(folder.path(), 0o755);
    for suffix in ["-wal", "-shm"] {
        let _ = fs::remove_file(folder.file(&format!("journal.db{suffix}")));
    }
    let said = run("read", &file);
    assert!(said.contains("this user may not use the log beside it"), "a reader: {said}");
    set(&file, 0o000);
    let said = run("read", &file);
    assert!(said.contains("journal.db failed while") && said.contains("Permission denied"), "a reader: {said}");
}

/// Everything that a store says it keeps.
type All = (Vec<(Subject, Vec<Record>)>, Vec<(Subject, Record)>, Option<(Position, String)>, Epoch);

fn all(path: &Path) -> Result<All, StoreError> {
    let store = SqliteStore::open(path)?;
    let mut journals = Vec::new();
    for n in 0..10 {
        let subject = crate::given::subject(&format!("s{n}"));
        journals.push((subject.clone(), wait(store.read(subject, Position(0), READ_MAX))?));
    }
    let listed = wait(store.subjects())?;
    let ends: Vec<_> = journals.iter().map(|(subject, all)| (subject.clone(), Position(all.len() as u64))).collect();
    assert_eq!(listed, ends, "the list fits the journals");
    let followed = wait(store.follow(Cursor(0), READ_MAX))?;
    let checkpoint = wait(store.checkpointed(crate::given::subject("s1")))?;
    let taken = wait(store.lease(crate::given::taking("third", Some(Renewal(2)))))?;
    Ok((journals, followed, checkpoint, taken.expect("it has ended")))
}

const DAMAGES: u64 = 150;
const DAMAGES_FULL: u64 = 3_000;

/// Whatever is done to the bytes of the file, an answer is either what was written or an error.
#[test]
fn a_damaged_file_is_told_and_never_read_as_something_else() {
    let folder = Folder::new();
    let whole = folder.file("whole.db");
    let store = SqliteStore::open(&whole).expect("a new store");
    fill(&store);
    drop(store);
    let bytes = fs::read(&whole).expect("its bytes");
    let expected = all(&whole).expect("a whole file");
    let damages = crate::runs(DAMAGES, DAMAGES_FULL);
    let (mut told, mut harmless, mut lost_checkpoints) = (0, 0, 0);
    for seed in 0..damages {
        let file = folder.file("damaged.db");
        for suffix in ["", "-wal", "-shm"] {
            let _ = fs::remove_file(folder.file(&format!("damaged.db{suffix}")));
        }
        let (what, damaged) = damage(seed, &bytes);
        fs::write(&file, &damaged).expect("the damaged file");
        // Its first hundred bytes say whose it is and which version.
        let head = damaged.get(..100) != bytes.get(..100);
        match all(&file) {
            Ok(found) if found == expected => harmless += 1,
            // A checkpoint may be lost, it only saves work; but it is not another one.
            Ok(found) if found.2.is_none() => {
                assert_eq!((&found.0, &found.1, found.3), (&expected.0, &expected.1, expected.3), "seed {seed}");
                lost_checkpoints += 1;
            }
            Ok(_) => panic!("seed {seed}, {}: something else was read", what),
            Err(error) => {
                assert!(error.trouble == Trouble::Corrupt || head, "seed {seed}, {}: {error}", what);
                assert!(error.message.contains("damaged.db"), "{error}");
                assert!(head || error.message.contains("glidepath backup"), "{error}");
                told += 1;
            }
        }
    }
    println!("damage: {damages} files, {told} told, {harmless} harmless, {lost_checkpoints} lost a checkpoint");
    assert!(told > damages / 4);
}

fn damage(seed: u64, bytes: &[u8]) -> (String, Vec<u8>) {
    const PAGE: usize = 4_096;
    let mut dice = Dice::new(seed);
    let mut damaged = bytes.to_vec();
    let pages = (bytes.len() / PAGE) as u64;
    let page = dice.below(pages) as usize;
    let range = page * PAGE..(page + 1) * PAGE;
    let what = match dice.below(6) {
        0 => {
            damaged[range].fill(0);
            format!("page {page} zeroed")
        }
        1 => {
            damaged[range].iter_mut().for_each(|byte| *byte = dice.next() as u8);
            format!("page {page} filled with noise")
        }
        2 => {
            let other = dice.below(pages) as usize * PAGE;
            let copy = bytes[other..other + PAGE].to_vec();
            damaged[range].copy_from_slice(&copy);
            format!("page {page} replaced by page {}", other / PAGE)
        }
        3 => {
            damaged.truncate(1 + dice.below(bytes.len() as u64 - 1) as usize);
            "cut off".to_owned()
        }
        _ => {
            let at = page * PAGE + dice.below(PAGE as u64) as usize;
            damaged[at] ^= 1 << dice.below(8);
            format!("bit of byte {at} flipped")
        }
    };
    (what, damaged)
}

#[test]
fn a_second_controller_is_told_who_has_the_file() {
    let folder = Folder::new();
    let file = folder.file("journal.db");
    let store = SqliteStore::open(&file).expect("a new store");
    let error = SqliteStore::open(&file).err().expect("it is held");
    assert_eq!(error.trouble, Trouble::Locked);
    assert!(error.message.contains(&format!("the process {}", std::process::id())), "{error}");
    std::os::unix::fs::symlink(&file, folder.file("other.db")).expect("a link");
    let error = SqliteStore::open(folder.file("other.db")).err().expect("another name is the same file");
    assert_eq!(error.trouble, Trouble::Locked);
    let (mut process, output) = child::begin(child::this_program(), "open", &file);
    let said = child::said(output, "error");
    process.wait().expect("its end");
    assert!(said.iter().any(|error| error.ends_with("[store-locked]")), "{said:?}");
    drop(store);
    SqliteStore::open(&file).expect("it is free again");
}

#[test]
fn a_file_that_another_program_has_locked_is_told_and_loses_nothing() {
    let folder = Folder::new();
    let file = folder.file("journal.db");
    let store = SqliteStore::open(&file).expect("a new store");
    assert_eq!(append(&store, "shop", 0, &["{}"]), Ok(Position(1)));
    let other = Connection::open(&file).expect("another program");
    other.execute_batch("BEGIN IMMEDIATE").expect("its lock");
    let error = failed(append(&store, "shop", 1, &["{}"]));
    assert_eq!(error.trouble, Trouble::Locked, "{error}");
    assert_eq!(read(&store, "shop").len(), 1, "reading goes on");
    other.execute_batch("ROLLBACK").expect("it lets go");
    assert_eq!(append(&store, "shop", 1, &["{}"]), Ok(Position(2)));
}

/// After a sync that failed the store knows no more than the disk does: it says so, and reads it anew.
#[test]
fn a_failed_sync_is_ambiguous_and_then_settled() {
    for syncs in 0..6 {
        let disk = Disk::new(syncs);
        let store = on(&disk, false).expect("a new store");
        disk.fail_sync_after(syncs);
        let mut known = 0;
        let mut doubts = 0;
        for _ in 0..20 {
            match append(&store, "shop", known, &["{}"]) {
                Ok(position) => known = position.0,
                Err(AppendError::Ambiguous(_)) => {
                    doubts += 1;
                    known = read(&store, "shop").len() as u64;
                }
                Err(other) => panic!("{other}"),
            }
        }
        assert_eq!(doubts, 1, "the failed sync was told");
        disk.cut();
        drop(store);
        disk.restart();
        assert_eq!(read(&on(&disk, false).expect("it opens"), "shop").len() as u64, known);
    }
}

/// What a reader was told after a doubt is what the disk keeps, also if the power goes at once: without
/// reading everything anew, an append that was told to be absent could appear later.
#[test]
fn what_was_read_after_a_doubt_stays() {
    for seed in 0..40 {
        let disk = Disk::new(seed);
        let store = on(&disk, false).expect("a new store");
        assert_eq!(append(&store, "shop", 0, &["{}"]), Ok(Position(1)));
        disk.fail_sync_after(0);
        assert!(matches!(append(&store, "shop", 1, &["{}"]), Err(AppendError::Ambiguous(_))));
        let told = read(&store, "shop").len();
        disk.cut();
        drop(store);
        disk.restart();
        assert_eq!(read(&on(&disk, false).expect("it opens"), "shop").len(), told, "seed {seed}");
    }
}
