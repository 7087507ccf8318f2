//! SIGKILL while appending at full speed: what was acknowledged is there afterwards.

use crate::child::{self, BATCH, CALLERS, body};
use crate::dice::Dice;
use crate::folder::Folder;
use crate::{given, runs};
use engine::store::{Position, READ_MAX, Store};
use std::collections::BTreeMap;
use std::io::BufRead as _;
use std::path::Path;
use store::{SqliteStore, wait};

const KILLS: u64 = 10;
const KILLS_FULL: u64 = 200;

/// How many acknowledgements a child may give before it is killed.
const ACKS_MAX: u64 = 400;

#[test]
fn a_kill_loses_nothing_acknowledged() {
    let kills = runs(KILLS, KILLS_FULL);
    let folder = Folder::new();
    let file = folder.file("journal.db");
    let mut dice = Dice::new(kills);
    let mut acknowledged: BTreeMap<String, u64> = BTreeMap::new();
    let mut count = 0;
    for kill in 0..kills {
        // Some are killed before they have acknowledged anything, while they open the file.
        let acks = if dice.one_in(8) { 0 } else { dice.below(ACKS_MAX) };
        for ack in acks_until_killed(&file, acks) {
            let (name, end) = ack.split_once(' ').expect("a name and a position");
            let end: u64 = end.parse().expect("a position");
            let known = acknowledged.entry(name.to_owned()).or_default();
            assert_eq!(end, (*known).max(end), "acknowledgements only go up");
            *known = end;
            count += 1;
        }
        look(&file, &mut acknowledged, kill);
    }
    println!("kill -9: {kills} kills, 0 lost, 0 half there ({count} appends acknowledged)");
    assert!(count > 0);
}

fn acks_until_killed(file: &Path, acks: u64) -> Vec<String> {
    let (mut process, mut output) = child::begin(child::this_program(), "append", file);
    let mut said = Vec::new();
    let mut line = String::new();
    while (said.len() as u64) < acks {
        line.clear();
        assert_ne!(output.read_line(&mut line).expect("its output"), 0, "the child ended by itself");
        said.extend(child::rest(line.trim_end(), "ack"));
    }
    process.kill().expect("a kill");
    said.extend(child::said(output, "ack"));
    process.wait().expect("its end");
    said
}

/// Opens what the child left, and continues from what is there: what was in doubt is settled.
fn look(file: &Path, acknowledged: &mut BTreeMap<String, u64>, kill: u64) {
    let store = SqliteStore::open(file).expect("the file opens after a kill");
    for (subject, end) in wait(store.subjects()).expect("a list") {
        assert_eq!(end.0 % BATCH, 0, "kill {kill}: half a batch of {subject}");
    }
    for caller in 0..CALLERS {
        let name = format!("s{caller}");
        let subject = given::subject(&name);
        let known = acknowledged.entry(name.clone()).or_default();
        let mut position = 0;
        loop {
            let records = wait(store.read(subject.clone(), Position(position), READ_MAX)).expect("a read");
            if records.is_empty() {
                break;
            }
            for record in records {
                position += 1;
                assert_eq!((record.position.0, record.line.body), (position, body(&name, position)));
            }
        }
        assert!(position >= *known, "kill {kill}: {subject} had {known} acknowledged, {position} are there");
        *known = position;
    }
    assert_eq!(wait(store.audit_verify()).expect("an answer").broken, []);
}
