//! Every change behind the store's back is found, and said where.

use crate::folder::Folder;
use crate::given::{append, fill, line, lines, subject};
use engine::store::{Attribution, Cursor, Line, Position, Store};
use model::Time;
use rusqlite::Connection;
use std::fs;
use std::path::PathBuf;
use store::audit::{self, Anchor, Filter};
use store::{Journals, SqliteStore, wait};

/// The part of a statement that finds a subject.
const S3: &str = "subject = (SELECT id FROM subject WHERE name = 'service/s3/production/local')";
const S4: &str = "subject = (SELECT id FROM subject WHERE name = 'service/s4/production/local')";

fn filled(folder: &Folder) -> PathBuf {
    let file = folder.file("journal.db");
    fill(&SqliteStore::open(&file).expect("a new store"));
    file
}

/// What verifying says after somebody ran these statements.
fn after(statements: &str) -> Vec<String> {
    let folder = Folder::new();
    let file = filled(&folder);
    Connection::open(&file).expect("a shell").execute_batch(statements).expect("the change");
    let verified = audit::verify(&Journals::open(&file).expect("a reader")).expect("an answer");
    verified.broken.iter().map(ToString::to_string).collect()
}

fn first(statements: &str) -> String {
    after(statements).into_iter().next().unwrap_or_default()
}

#[test]
fn whole_journals_verify() {
    let folder = Folder::new();
    let verified = audit::verify(&Journals::open(filled(&folder)).expect("a reader")).expect("an answer");
    assert_eq!((verified.subjects, verified.entries, verified.broken), (10, 400, Vec::new()));
}

/// Damage ends nothing but the reading of what is damaged: the other journals are followed, and those that
/// cannot be read are named.
#[test]
fn a_damaged_page_breaks_only_what_is_on_it() {
    const PAGE: usize = 4_096;
    let folder = Folder::new();
    let bytes = fs::read(filled(&folder)).expect("its bytes");
    let file = folder.file("damaged.db");
    let (mut some_named, mut all_named) = (0, 0);
    // The first page says what is where: without it nothing can be opened.
    for page in 1..bytes.len() / PAGE {
        let mut damaged = bytes.clone();
        damaged[page * PAGE..(page + 1) * PAGE].fill(0xff);
        fs::write(&file, damaged).expect("the damaged file");
        let journals = Journals::open(&file).expect("a reader");
        let verified = audit::verify(&journals).unwrap_or_else(|error| panic!("page {page}: {error}"));
        let named = verified.broken.iter().filter(|broken| broken.subject.is_some()).count();
        some_named += usize::from((1..10).contains(&named));
        all_named += usize::from(named == 10);
    }
    assert!(some_named > 10, "a page has entries of some journals only: {some_named}, {all_named}");
}

#[test]
fn an_edit_is_found() {
    let edits = [
        "body = '{}'",
        "who = 'mallory'",
        "origin = 'api'",
        "why = 'because'",
        "kind = 'other'",
        "version = 2",
        "at = at + 1",
        "epoch = 1",
        "hash = zeroblob(32)",
    ];
    for edit in edits {
        let found = first(&format!("UPDATE entry SET {edit} WHERE {S3} AND position = 7"));
        assert!(
            found.starts_with("service/s3/production/local, entry 7: it is not what was written"),
            "{edit}: {found}"
        );
    }
}

#[test]
fn a_removed_entry_is_found() {
    let found = after(&format!("DELETE FROM entry WHERE {S3} AND position = 7"));
    assert_eq!(found[0], "service/s3/production/local, entry 7: it is missing: the next one there is 8");
    assert_eq!(found.len(), 2, "and the whole does not add up: {found:?}");
    let closed = format!(
        "DELETE FROM entry WHERE {S3} AND position = 7;
         UPDATE entry SET position = -position WHERE {S3} AND position > 7;
         UPDATE entry SET position = -position - 1 WHERE {S3} AND position < 0"
    );
    assert!(
        first(&closed).starts_with("service/s3/production/local, entry 7: it does not follow"),
        "{}",
        first(&closed)
    );
}

#[test]
fn a_cut_off_end_is_found() {
    let found = first(&format!("DELETE FROM entry WHERE {S3} AND position > 35"));
    assert_eq!(found, "service/s3/production/local, entry 36: the journal ends at 35, but had ended at 40");
    let hidden = format!(
        "DELETE FROM entry WHERE {S3} AND position > 35;
         UPDATE subject SET position = 35, hash = (SELECT hash FROM entry WHERE {S3} AND position = 35)
         WHERE name = 'service/s3/production/local'"
    );
    let found = first(&hidden);
    assert!(found.contains("the row that says where the journal ends was changed"), "{found}");
}

#[test]
fn a_reordering_is_found() {
    let swapped = format!(
        "UPDATE entry SET position = -1 WHERE {S3} AND position = 7;
         UPDATE entry SET position = 7 WHERE {S3} AND position = 8;
         UPDATE entry SET position = 8 WHERE {S3} AND position = -1"
    );
    assert!(first(&swapped).starts_with("service/s3/production/local, entry 7:"), "{}", first(&swapped));
}

#[test]
fn entries_put_into_another_journal_are_found() {
    let swapped = format!(
        "UPDATE entry SET position = -1 WHERE {S3} AND position = 1;
         UPDATE entry SET subject = (SELECT id FROM subject WHERE name = 'service/s3/production/local')
         WHERE {S4} AND position = 1;
         UPDATE entry SET subject = (SELECT id FROM subject WHERE name = 'service/s4/production/local'), position = 1
         WHERE {S3} AND position = -1"
    );
    let found = after(&swapped);
    assert!(found[0].starts_with("service/s3/production/local, entry 1: it is not what was written"), "{found:?}");
    assert!(found[1].starts_with("service/s4/production/local, entry 1: it is not what was written"), "{found:?}");
}

#[test]
fn an_invented_entry_is_found() {
    let invented = format!(
        "INSERT INTO entry SELECT 1000, subject, 41, epoch, at, version, kind, 'mallory', origin, hash, zeroblob(32), why,
         body FROM entry WHERE {S3} AND position = 40"
    );
    assert!(first(&invented).starts_with("service/s3/production/local, entry 41:"), "{}", first(&invented));
}

#[test]
fn a_removed_subject_is_found() {
    let found = after(&format!("DELETE FROM entry WHERE {S3}; DELETE FROM subject WHERE name LIKE 'service/s3/%'"));
    assert_eq!(found.len(), 2, "{found:?}");
    assert!(found[1].contains("9 subjects are left of 10"), "{found:?}");
    let orphans = first("DELETE FROM subject WHERE name LIKE 'service/s3/%'");
    assert!(orphans.contains("400 entries are there, but 360 belong"), "{orphans}");
}

#[test]
fn an_anchor_kept_elsewhere_stays_the_same_while_journals_grow() {
    let folder = Folder::new();
    let file = filled(&folder);
    let store = SqliteStore::open(&file).expect("the store");
    let kept = wait(store.audit_anchor(None)).expect("an anchor");
    assert_eq!(kept.cursor, Cursor(400));
    assert_eq!(kept.to_string().parse(), Ok(kept.clone()));
    assert!("400:abc".parse::<Anchor>().is_err());
    assert_eq!(append(&store, "s3", 40, &["{}"]), Ok(Position(41)));
    assert_eq!(append(&store, "new", 0, &["{}"]), Ok(Position(1)));
    assert_eq!(wait(store.audit_anchor(Some(kept.cursor))).expect("an anchor"), kept);
    let now = wait(store.audit_anchor(None)).expect("an anchor");
    assert_ne!(now.digest, kept.digest);
    assert_eq!(wait(store.audit_verify()).expect("an answer").anchor, Some(now));
}

#[test]
fn a_view_shows_who_did_what() {
    let folder = Folder::new();
    let store = SqliteStore::open(folder.file("journal.db")).expect("a new store");
    let entry = |at, who: &str, kind: &str| {
        let by = Attribution { who: who.into(), from: "api".into(), why: "asked".into() };
        Line { at: Time(at), by, kind: kind.into(), ..line("{}") }
    };
    let shop = vec![entry(10, "ann", "began"), entry(20, "glidepath", "routed"), entry(30, "bob", "paused")];
    wait(store.append(lines("shop", 0, shop))).expect("an append");
    wait(store.append(lines("mail", 0, vec![entry(40, "ann", "paused")]))).expect("an append");
    let view = |filter: Filter| {
        let rows = wait(store.audit_view(filter)).expect("a view");
        rows.iter().map(|(subject, record)| format!("{subject} {}", record.position)).collect::<Vec<_>>()
    };
    let all = ["mail 1", "shop 3", "shop 2", "shop 1"].map(|row| {
        let (name, position) = row.split_once(' ').expect("two words");
        format!("{} {position}", subject(name))
    });
    let none = Filter::default;
    assert_eq!(view(none()), all, "the newest first");
    assert_eq!(view(Filter { limit: Some(2), ..none() }), all[..2]);
    assert_eq!(view(Filter { before: Some(Cursor(3)), ..none() }), all[2..]);
    assert_eq!(view(Filter { subject: Some(subject("shop")), ..none() }), all[1..]);
    assert_eq!(view(Filter { subject: Some(subject("nobody")), ..none() }), all[..0]);
    assert_eq!(view(Filter { who: Some("ann".into()), ..none() }), [all[0].clone(), all[3].clone()]);
    assert_eq!(view(Filter { kind: Some("paused".into()), ..none() }), all[..2]);
    assert_eq!(view(Filter { since: Some(Time(20)), until: Some(Time(40)), ..none() }), all[1..3]);
    let both = Filter { who: Some("ann".into()), subject: Some(subject("shop")), ..none() };
    assert_eq!(view(both), all[3..]);
}
