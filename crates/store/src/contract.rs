//! The suite that every implementation of [`Store`] must pass: the trait's words, as cases.
//!
//! A case gets a new, empty store, and no case waits for a clock; where cases race,
//! every outcome of the race is checked, and none depends on who is faster.

use crate::wait;
use engine::store::{
    Append, AppendError, Attribution, CHECKPOINT_BYTES_MAX, Cursor, ENTRY_BYTES_MAX, Epoch, Journal, KEY_BYTES_MAX,
    Line, NUMBER_MAX, Position, READ_BYTES_MAX, READ_MAX, Record, Renewal, Store, Taking, Trouble,
};
use model::{Span, Subject, Time};
use std::collections::BTreeMap;
use std::thread;

/// A case and its name.
pub type Case = (&'static str, fn(&dyn Store));

/// All cases.
pub const CASES: &[Case] = &[
    ("an append on the expected position is kept as it was given", append_on_expected),
    ("an append on another position is a conflict and writes nothing", conflict),
    ("an append under another epoch is fenced and writes nothing", fenced),
    ("a batch is written whole or not at all", batch),
    ("an append without lines writes nothing and is still checked", empty_append),
    ("of two writers that race exactly one wins each position", race),
    ("a read keeps to its range and its limits", ranges),
    ("a read stops before large entries fill the memory", large_reads),
    ("a follower misses nothing and sees nothing twice", follow),
    ("a follower beside concurrent appends sees each journal in order", follow_beside_appends),
    ("subjects are listed once, sorted, with where they end", subjects),
    ("a checkpoint gives way only to one that is not earlier", checkpoints),
    ("a checkpoint is no journal", checkpoint_is_no_journal),
    ("a journal is taken over with its checkpoint", take_over),
    ("a lease is taken, renewed, refused, and taken from a holder that was seen not to renew it", lease),
    ("a lease that was given up is free at once, under the next epoch", give_up),
    ("leases of other scopes are none of ours", scopes),
    ("an epoch lasts until the next holder, and only goes up", epochs),
    ("of many that want a lease exactly one gets it", lease_race),
    ("an entry fits up to the bound and not beyond", large),
    ("numbers and names beyond the bounds are refused", bounds),
    ("every text comes back as it was", unicode),
];

/// Runs every case on a new store; a case that fails panics under its name.
pub fn check(make: &dyn Fn() -> Box<dyn Store>) {
    for (name, case) in CASES {
        let store = make();
        let named = Named(name);
        case(&*store);
        std::mem::forget(named);
    }
}

/// Says which case it was, if the case panics.
struct Named(&'static str);

impl Drop for Named {
    #[allow(clippy::print_stderr)] // A test's last words.
    fn drop(&mut self) {
        eprintln!("the contract is broken: {}", self.0);
    }
}

const SCOPE: &str = "all";

/// How long leases last here: no store looks at it.
const LENGTH: Span = Span::seconds(30);

fn subject(name: &str) -> Subject {
    Subject::from_text(&format!("service/{name}/production/local"))
}

fn line(body: &str) -> Line {
    let by = Attribution { who: "ann".into(), from: "cli".into(), why: "a test".into() };
    Line { at: Time(1_000), by, kind: "noted".into(), version: 1, body: body.into() }
}

fn lines(count: usize) -> Vec<Line> {
    (1..=count).map(|n| line(&format!("{{\"n\":{n}}}"))).collect()
}

fn try_append(store: &dyn Store, name: &str, expected: u64, lines: Vec<Line>) -> Result<Position, AppendError> {
    append_under(store, name, expected, SCOPE, 0, lines)
}

fn append_under(
    store: &dyn Store,
    name: &str,
    expected: u64,
    scope: &str,
    epoch: u64,
    lines: Vec<Line>,
) -> Result<Position, AppendError> {
    let (subject, scope, epoch) = (subject(name), scope.to_owned(), Epoch(epoch));
    wait(store.append(Append { subject, expected: Position(expected), scope, epoch, lines }))
}

fn read(store: &dyn Store, name: &str, after: u64, limit: usize) -> Vec<Record> {
    wait(store.read(subject(name), Position(after), limit)).expect("a read")
}

fn bodies(records: &[Record]) -> Vec<&str> {
    records.iter().map(|record| record.line.body.as_str()).collect()
}

fn positions(records: &[Record]) -> Vec<u64> {
    records.iter().map(|record| record.position.0).collect()
}

/// Asks for a lease, and gets its epoch, or who has it by which renewal.
fn take(store: &dyn Store, scope: &str, holder: &str) -> Result<u64, (String, u64)> {
    take_after(store, scope, holder, None)
}

/// The same, by somebody who says which renewal nothing followed.
fn take_after(
    store: &dyn Store,
    scope: &str,
    holder: &str,
    unrenewed: impl Into<Option<u64>>,
) -> Result<u64, (String, u64)> {
    let unrenewed = unrenewed.into().map(Renewal);
    let taking = Taking { scope: scope.into(), holder: holder.into(), length: LENGTH, unrenewed };
    let taken = wait(store.lease(taking)).expect("an answer");
    taken.map(|epoch| epoch.0).map_err(|held| {
        assert_eq!(held.length, LENGTH);
        (held.holder, held.renewal.0)
    })
}

fn append_on_expected(store: &dyn Store) {
    let first = line("{\"first\":true}");
    assert_eq!(try_append(store, "shop", 0, vec![first.clone()]), Ok(Position(1)));
    let second = Line { at: Time(0), version: u16::MAX, kind: "other".into(), ..line("") };
    assert_eq!(try_append(store, "shop", 1, vec![second.clone()]), Ok(Position(2)));
    let records = read(store, "shop", 0, READ_MAX);
    assert_eq!(positions(&records), [1, 2]);
    assert_eq!(records.iter().map(|record| record.epoch).collect::<Vec<_>>(), [Epoch(0), Epoch(0)]);
    assert_eq!(records.into_iter().map(|record| record.line).collect::<Vec<_>>(), [first, second]);
}

fn conflict(store: &dyn Store) {
    assert_eq!(try_append(store, "shop", 1, lines(1)), Err(AppendError::Conflict(Position(0))));
    assert_eq!(try_append(store, "shop", 0, lines(2)), Ok(Position(2)));
    for wrong in [0, 1, 3, NUMBER_MAX] {
        assert_eq!(try_append(store, "shop", wrong, lines(1)), Err(AppendError::Conflict(Position(2))));
    }
    assert_eq!(read(store, "shop", 0, READ_MAX).len(), 2);
    assert_eq!(wait(store.subjects()).expect("a list").len(), 1, "a conflict makes no journal");
}

fn fenced(store: &dyn Store) {
    assert_eq!(append_under(store, "shop", 0, SCOPE, 1, lines(1)), Err(AppendError::Fenced(Epoch(0))));
    assert_eq!(take(store, SCOPE, "a"), Ok(1));
    assert_eq!(append_under(store, "shop", 0, SCOPE, 1, lines(1)), Ok(Position(1)));
    assert_eq!(take_after(store, SCOPE, "b", 1), Ok(2));
    for wrong in [0, 1, 3] {
        let refused = append_under(store, "shop", 1, SCOPE, wrong, lines(1));
        assert_eq!(refused, Err(AppendError::Fenced(Epoch(2))));
        let refused = append_under(store, "shop", 7, SCOPE, wrong, lines(1));
        assert_eq!(refused, Err(AppendError::Fenced(Epoch(2))), "the fence comes before the position");
    }
    assert_eq!(append_under(store, "shop", 1, SCOPE, 2, lines(1)), Ok(Position(2)));
    let epochs: Vec<u64> = read(store, "shop", 0, READ_MAX).iter().map(|record| record.epoch.0).collect();
    assert_eq!(epochs, [1, 2]);
}

fn batch(store: &dyn Store) {
    assert_eq!(try_append(store, "shop", 0, lines(500)), Ok(Position(500)));
    let records = read(store, "shop", 0, READ_MAX);
    assert_eq!(positions(&records), (1..=500).collect::<Vec<_>>());
    let mut half = lines(3);
    half[2].body = "x".repeat(ENTRY_BYTES_MAX + 1);
    assert!(matches!(try_append(store, "shop", 500, half), Err(AppendError::Failed(_))));
    assert_eq!(try_append(store, "shop", 499, lines(3)), Err(AppendError::Conflict(Position(500))));
    assert_eq!(read(store, "shop", 500, READ_MAX), []);
}

fn empty_append(store: &dyn Store) {
    assert_eq!(try_append(store, "shop", 0, Vec::new()), Ok(Position(0)));
    assert_eq!(wait(store.subjects()).expect("a list"), []);
    assert_eq!(try_append(store, "shop", 0, lines(2)), Ok(Position(2)));
    assert_eq!(try_append(store, "shop", 2, Vec::new()), Ok(Position(2)));
    assert_eq!(try_append(store, "shop", 1, Vec::new()), Err(AppendError::Conflict(Position(2))));
    assert_eq!(append_under(store, "shop", 2, SCOPE, 9, Vec::new()), Err(AppendError::Fenced(Epoch(0))));
    assert_eq!(read(store, "shop", 0, READ_MAX).len(), 2);
}

const RACES: u64 = 50;

fn race(store: &dyn Store) {
    let run = |name: &'static str| {
        move || {
            let tries = (0..RACES).map(|expected| {
                // Whoever loses a position goes on to the next, as the winner does.
                let won = match try_append(store, "shop", expected, vec![line(name)]) {
                    Ok(position) => {
                        assert_eq!(position.0, expected + 1);
                        true
                    }
                    Err(AppendError::Conflict(position)) => {
                        assert!(position.0 > expected);
                        false
                    }
                    Err(other) => panic!("{other}"),
                };
                u64::from(won)
            });
            tries.sum::<u64>()
        }
    };
    let (ours, theirs) = thread::scope(|scope| {
        let threads = (scope.spawn(run("a")), scope.spawn(run("b")));
        (threads.0.join().expect("no panic"), threads.1.join().expect("no panic"))
    });
    assert_eq!(ours + theirs, RACES);
    let records = read(store, "shop", 0, READ_MAX);
    assert_eq!(positions(&records), (1..=RACES).collect::<Vec<_>>());
    assert_eq!(bodies(&records).iter().filter(|body| **body == "a").count() as u64, ours);
}

fn ranges(store: &dyn Store) {
    assert_eq!(read(store, "shop", 0, READ_MAX), []);
    let mut ends = 0;
    for _ in 0..3 {
        ends = try_append(store, "shop", ends, lines(400)).expect("an append").0;
    }
    assert_eq!(try_append(store, "other", 0, lines(5)), Ok(Position(5)));
    assert_eq!(positions(&read(store, "shop", 0, 3)), [1, 2, 3]);
    assert_eq!(positions(&read(store, "shop", 1_198, 10)), [1_199, 1_200]);
    assert_eq!(read(store, "shop", 7, 0), []);
    assert_eq!(read(store, "shop", 1_200, 10), []);
    assert_eq!(read(store, "shop", NUMBER_MAX, 10), []);
    assert_eq!(read(store, "shop", 0, usize::MAX).len(), READ_MAX);
    assert_eq!(read(store, "nobody", 0, READ_MAX), []);
    assert_eq!(wait(store.follow(Cursor(0), usize::MAX)).expect("a read").len(), READ_MAX);
    assert_eq!(wait(store.follow(Cursor(NUMBER_MAX), 10)).expect("a read"), []);
}

fn large_reads(store: &dyn Store) {
    let size = ENTRY_BYTES_MAX / 2;
    let count = READ_BYTES_MAX / size + 8;
    for n in 0..count as u64 {
        assert_eq!(try_append(store, "shop", n, vec![line(&"x".repeat(size))]), Ok(Position(n + 1)));
    }
    let some = read(store, "shop", 0, READ_MAX);
    assert!(!some.is_empty() && some.len() < count, "{} of {count}", some.len());
    let rest = read(store, "shop", some.len() as u64, READ_MAX);
    assert_eq!(some.len() + rest.len(), count);
    let (all, bound) = (follow_all(store, Cursor(0)), wait(store.follow(Cursor(0), READ_MAX)).expect("a read").len());
    assert_eq!(all.len(), count);
    assert!(bound < count);
}

/// Everything after a cursor, read as a follower reads: until there is nothing more.
fn follow_all(store: &dyn Store, mut after: Cursor) -> Vec<(Subject, Record)> {
    let mut all = Vec::new();
    loop {
        let some = wait(store.follow(after, READ_MAX)).expect("a read");
        let Some((_, last)) = some.last() else { return all };
        after = last.cursor;
        all.extend(some);
    }
}

fn follow(store: &dyn Store) {
    assert_eq!(wait(store.follow(Cursor(0), 10)).expect("a read"), []);
    for n in 0..20 {
        let name = ["a", "b", "c"][n as usize % 3];
        assert_eq!(try_append(store, name, n / 3 * 2, lines(2)), Ok(Position(n / 3 * 2 + 2)));
    }
    let all = wait(store.follow(Cursor(0), READ_MAX)).expect("a read");
    assert_eq!(all.len(), 40);
    assert!(all.windows(2).all(|pair| pair[0].1.cursor < pair[1].1.cursor));
    assert!(all.chunks(2).all(|batch| batch[0].0 == batch[1].0), "a batch stays together");
    let mut one_by_one = Vec::new();
    let mut after = Cursor(0);
    while let Some(next) = wait(store.follow(after, 1)).expect("a read").pop() {
        after = next.1.cursor;
        one_by_one.push(next);
    }
    assert_eq!(one_by_one, all);
    let own: Vec<Record> =
        all.into_iter().filter(|(name, _)| *name == subject("b")).map(|(_, record)| record).collect();
    assert_eq!(own, read(store, "b", 0, READ_MAX), "a read and a follower see the same records");
}

const WRITERS: u64 = 4;
const APPENDS: u64 = 60;

fn follow_beside_appends(store: &dyn Store) {
    let write = |writer: u64| {
        move || {
            for n in 0..APPENDS {
                let appended = try_append(store, &format!("w{writer}"), n * 2, lines(2));
                assert_eq!(appended, Ok(Position(n * 2 + 2)));
            }
        }
    };
    let seen = thread::scope(|scope| {
        for writer in 0..WRITERS {
            scope.spawn(write(writer));
        }
        let mut seen: Vec<(Subject, Record)> = Vec::new();
        while (seen.len() as u64) < WRITERS * APPENDS * 2 {
            let after = seen.last().map_or(Cursor(0), |(_, record)| record.cursor);
            seen.extend(wait(store.follow(after, 7)).expect("a read"));
        }
        seen
    });
    let mut ends: BTreeMap<Subject, Position> = BTreeMap::new();
    for (subject, record) in &seen {
        let ends = ends.entry(subject.clone()).or_default();
        assert_eq!(record.position, ends.next(), "{subject}");
        *ends = record.position;
    }
    assert!(seen.windows(2).all(|pair| pair[0].1.cursor < pair[1].1.cursor));
    assert_eq!(seen, follow_all(store, Cursor(0)), "nothing appeared behind the follower");
}

fn subjects(store: &dyn Store) {
    assert_eq!(wait(store.subjects()).expect("a list"), []);
    let mut expected = Vec::new();
    for n in (0..300).rev() {
        let name = format!("s{n}");
        assert_eq!(try_append(store, &name, 0, lines(1 + n % 3)), Ok(Position(1 + n as u64 % 3)));
        expected.push((subject(&name), Position(1 + n as u64 % 3)));
    }
    expected.sort();
    assert_eq!(wait(store.subjects()).expect("a list"), expected);
}

fn checkpoints(store: &dyn Store) {
    let keep = |position, epoch, body: &str| {
        wait(store.checkpoint(subject("shop"), Position(position), Epoch(epoch), body.into())).expect("kept or not");
        wait(store.checkpointed(subject("shop"))).expect("an answer").expect("one")
    };
    assert_eq!(wait(store.checkpointed(subject("shop"))), Ok(None));
    assert_eq!(keep(3, 1, "a"), (Position(3), "a".into()));
    assert_eq!(keep(3, 1, "b"), (Position(3), "b".into()), "the same place: the newer text");
    assert_eq!(keep(2, 1, "c"), (Position(3), "b".into()), "an earlier position");
    assert_eq!(keep(4, 0, "d"), (Position(3), "b".into()), "an earlier epoch");
    assert_eq!(keep(3, 2, "e"), (Position(3), "e".into()));
    assert_eq!(keep(9, 1, "f"), (Position(3), "e".into()), "an earlier epoch, however far it got");
    assert_eq!(keep(9, 2, ""), (Position(9), String::new()));
    assert_eq!(wait(store.checkpointed(subject("other"))), Ok(None));
}

fn take_over(store: &dyn Store) {
    let take = |after: u64| wait(store.take_over(subject("shop"), Position(after))).expect("a journal");
    assert_eq!(take(0), Journal { whole: true, ..Journal::default() });
    assert_eq!(try_append(store, "shop", 0, lines(5)), Ok(Position(5)));
    wait(store.checkpoint(subject("shop"), Position(5), Epoch(0), "kept".into())).expect("kept");
    let (mut after, mut records) = (0, Vec::new());
    loop {
        let part = take(after);
        records.extend(part.records);
        after = records.len() as u64;
        if part.whole {
            assert_eq!(part.checkpoint.as_deref(), Some("kept"));
            break;
        }
        assert_eq!(part.checkpoint, None);
    }
    assert_eq!(records, wait(store.read(subject("shop"), Position(0), READ_MAX)).expect("the same"));
    assert_eq!(take(5), Journal { whole: true, checkpoint: Some("kept".into()), ..Journal::default() });
}

fn checkpoint_is_no_journal(store: &dyn Store) {
    wait(store.checkpoint(subject("shop"), Position(0), Epoch(0), "x".into())).expect("kept");
    assert_eq!(wait(store.subjects()).expect("a list"), []);
    assert_eq!(follow_all(store, Cursor(0)), []);
    assert_eq!(try_append(store, "shop", 0, lines(1)), Ok(Position(1)));
    let most = "x".repeat(CHECKPOINT_BYTES_MAX);
    wait(store.checkpoint(subject("shop"), Position(1), Epoch(0), most.clone())).expect("kept");
    let error =
        wait(store.checkpoint(subject("shop"), Position(1), Epoch(0), most.clone() + "x")).expect_err("too large");
    assert_eq!(error.trouble, Trouble::TooLarge);
    assert_eq!(wait(store.checkpointed(subject("shop"))), Ok(Some((Position(1), most))));
}

fn lease(store: &dyn Store) {
    assert_eq!(take(store, SCOPE, "a"), Ok(1));
    assert_eq!(take(store, SCOPE, "b"), Err(("a".into(), 1)));
    assert_eq!(take(store, SCOPE, "a"), Ok(1), "a renewal keeps the epoch");
    assert_eq!(take(store, SCOPE, "b"), Err(("a".into(), 2)), "and is told apart from the one before");
    assert_eq!(take_after(store, SCOPE, "b", 1), Err(("a".into(), 2)), "it was renewed after all");
    assert_eq!(take_after(store, SCOPE, "b", 3), Err(("a".into(), 2)), "nobody can have seen that one");
    assert_eq!(take_after(store, SCOPE, "b", 2), Ok(2), "it has ended");
    assert_eq!(take_after(store, SCOPE, "c", 2), Err(("b".into(), 3)), "somebody else was faster");
    assert_eq!(take(store, SCOPE, "a"), Err(("b".into(), 3)), "whoever lost it asks like anybody else");
    assert_eq!(take_after(store, SCOPE, "b", 1), Ok(2), "its holder need not have watched anything");
}

fn give_up(store: &dyn Store) {
    let give_up = |holder: &str| wait(store.give_up(SCOPE.into(), holder.into())).expect("an answer");
    give_up("a");
    assert_eq!(take(store, SCOPE, "a"), Ok(1));
    give_up("b");
    assert_eq!(take(store, SCOPE, "b"), Err(("a".into(), 1)), "only its holder gives a lease up");
    give_up("a");
    give_up("a");
    assert_eq!(append_under(store, "shop", 0, SCOPE, 1, lines(1)), Ok(Position(1)), "nobody came after it");
    assert_eq!(take(store, SCOPE, "b"), Ok(2));
    give_up("b");
    assert_eq!(take(store, SCOPE, "b"), Ok(3), "whoever gave it up is a new holder");
    assert_eq!(take_after(store, SCOPE, "c", 1), Err(("b".into(), 3)), "no renewal comes twice");
    assert_eq!(append_under(store, "shop", 1, SCOPE, 2, lines(1)), Err(AppendError::Fenced(Epoch(3))));
}

fn scopes(store: &dyn Store) {
    assert_eq!(take(store, "one", "a"), Ok(1));
    assert_eq!(take_after(store, "one", "b", 1), Ok(2));
    assert_eq!(take(store, "two", "a"), Ok(1));
    assert_eq!(append_under(store, "shop", 0, "one", 2, lines(1)), Ok(Position(1)));
    assert_eq!(append_under(store, "shop", 1, "two", 1, lines(1)), Ok(Position(2)));
    assert_eq!(append_under(store, "shop", 2, "two", 2, lines(1)), Err(AppendError::Fenced(Epoch(1))));
    assert_eq!(append_under(store, "shop", 2, "three", 0, lines(1)), Ok(Position(3)));
    wait(store.give_up("one".into(), "a".into())).expect("an answer");
    assert_eq!(take(store, "two", "b"), Err(("a".into(), 1)));
}

fn epochs(store: &dyn Store) {
    let mut last = 0;
    for n in 0..40_u64 {
        let holder = ["a", "b", "c"][n as usize % 3];
        let epoch = take_after(store, SCOPE, holder, n).expect("it has ended");
        assert_eq!(epoch, last + 1);
        assert_eq!(append_under(store, "shop", n, SCOPE, last, lines(1)), Err(AppendError::Fenced(Epoch(epoch))));
        assert_eq!(append_under(store, "shop", n, SCOPE, epoch, lines(1)), Ok(Position(n + 1)));
        last = epoch;
    }
}

fn lease_race(store: &dyn Store) {
    for round in 0..10 {
        let winners = thread::scope(|scope| {
            let threads: Vec<_> = (0..4)
                .map(|n| scope.spawn(move || take_after(store, SCOPE, &format!("{round}-{n}"), round).ok()))
                .collect();
            threads.into_iter().filter_map(|thread| thread.join().expect("no panic")).collect::<Vec<_>>()
        });
        assert_eq!(winners, [round + 1]);
    }
}

fn large(store: &dyn Store) {
    let rest: usize = "ann".len() + "cli".len() + "a test".len() + "noted".len();
    let most = "y".repeat(ENTRY_BYTES_MAX - rest);
    let beyond = try_append(store, "shop", 0, vec![line(&(most.clone() + "y"))]);
    assert!(matches!(beyond, Err(AppendError::Failed(error)) if error.trouble == Trouble::TooLarge));
    assert_eq!(read(store, "shop", 0, READ_MAX), []);
    assert_eq!(try_append(store, "shop", 0, vec![line(&most)]), Ok(Position(1)));
    assert_eq!(bodies(&read(store, "shop", 0, 1)), [most.as_str()]);
    let together = vec![line(&most); engine::store::APPEND_BYTES_MAX / ENTRY_BYTES_MAX + 1];
    let together = try_append(store, "shop", 1, together);
    assert!(matches!(together, Err(AppendError::Failed(error)) if error.trouble == Trouble::TooLarge));
    let many = try_append(store, "shop", 1, lines(engine::store::APPEND_LINES_MAX + 1));
    assert!(matches!(many, Err(AppendError::Failed(error)) if error.trouble == Trouble::TooLarge));
    let most = try_append(store, "shop", 1, lines(engine::store::APPEND_LINES_MAX));
    assert_eq!(most, Ok(Position(1 + engine::store::APPEND_LINES_MAX as u64)));
}

fn bounds(store: &dyn Store) {
    let late = Line { at: Time(NUMBER_MAX + 1), ..line("{}") };
    assert!(matches!(try_append(store, "shop", 0, vec![late]), Err(AppendError::Failed(_))));
    let latest = Line { at: Time(NUMBER_MAX), ..line("{}") };
    assert_eq!(try_append(store, "shop", 0, vec![latest.clone()]), Ok(Position(1)));
    assert_eq!(read(store, "shop", 0, 1)[0].line, latest);
    let name = "n".repeat(KEY_BYTES_MAX);
    assert!(matches!(try_append(store, &name, 0, lines(1)), Err(AppendError::Failed(_))));
    let taking = Taking { scope: name.clone(), holder: name.clone(), length: Span(NUMBER_MAX), unrenewed: None };
    let too_large = [
        Taking { scope: name.clone() + "n", ..taking.clone() },
        Taking { holder: name + "n", ..taking.clone() },
        Taking { length: Span(NUMBER_MAX + 1), ..taking.clone() },
    ];
    for taking in too_large {
        let error = wait(store.lease(taking)).expect_err("too large");
        assert_eq!(error.trouble, Trouble::TooLarge);
    }
    assert_eq!(wait(store.lease(taking)), Ok(Ok(Epoch(1))));
}

fn unicode(store: &dyn Store) {
    let texts = ["", "é", "日本語", "🛬", "a\0b", "'; DROP TABLE entry; --", "\u{202e}rtl", "line\r\nline"];
    for (n, text) in (0..).zip(texts) {
        let by = Attribution { who: text.into(), from: text.into(), why: text.into() };
        let given = Line { at: Time(n), by, kind: text.into(), version: 0, body: text.into() };
        let subject = Subject::from_text(text);
        let append = Append {
            subject: subject.clone(),
            expected: Position(0),
            scope: text.into(),
            epoch: Epoch(0),
            lines: vec![given.clone()],
        };
        assert_eq!(wait(store.append(append)), Ok(Position(1)), "{text:?}");
        let records = wait(store.read(subject.clone(), Position(0), 9)).expect("a read");
        assert_eq!(records.into_iter().map(|record| record.line).collect::<Vec<_>>(), [given]);
        wait(store.checkpoint(subject.clone(), Position(1), Epoch(0), text.into())).expect("kept");
        assert_eq!(wait(store.checkpointed(subject)), Ok(Some((Position(1), text.into()))));
        assert_eq!(take(store, text, text), Ok(1));
        assert_eq!(take(store, text, "another"), Err((text.into(), 1)));
    }
    assert_eq!(wait(store.subjects()).expect("a list").len(), texts.len());
}
