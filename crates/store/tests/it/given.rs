//! What the tests put into a store.

use engine::store::{
    Append, AppendError, Attribution, Epoch, Line, Position, READ_MAX, Record, Renewal, Store, Taking,
};
use model::{Span, Subject, Time};
use store::wait;

pub(crate) fn subject(name: &str) -> Subject {
    Subject::from_text(&format!("service/{name}/production/local"))
}

pub(crate) fn line(body: &str) -> Line {
    let by = Attribution { who: "ann".into(), from: "cli".into(), why: String::new() };
    Line { at: Time(1_000), by, kind: "noted".into(), version: 1, body: body.into() }
}

/// Lines to append to a journal without a lease.
pub(crate) fn lines(name: &str, expected: u64, lines: Vec<Line>) -> Append {
    Append { subject: subject(name), expected: Position(expected), scope: "none".into(), epoch: Epoch(0), lines }
}

pub(crate) fn append(store: &dyn Store, name: &str, expected: u64, bodies: &[&str]) -> Result<Position, AppendError> {
    wait(store.append(lines(name, expected, bodies.iter().map(|body| line(body)).collect())))
}

pub(crate) fn read(store: &dyn Store, name: &str) -> Vec<Record> {
    wait(store.read(subject(name), Position(0), READ_MAX)).expect("a read")
}

/// Somebody who wants the lease, having seen that one renewal of it was the last.
pub(crate) fn taking(holder: &str, unrenewed: Option<Renewal>) -> Taking {
    Taking { scope: "all".into(), holder: holder.into(), length: Span(10), unrenewed }
}

/// A few journals of several entries, a lease and a checkpoint.
pub(crate) fn fill(store: &dyn Store) {
    for n in 0..200_u64 {
        let name = format!("s{}", n % 10);
        let body = format!("{{\"entry\":{n},\"text\":\"{}\"}}", "lorem ipsum ".repeat((n % 40) as usize));
        let appended = append(store, &name, n / 10 * 2, &[&body, "{}"]);
        assert_eq!(appended, Ok(Position(n / 10 * 2 + 2)));
    }
    for (holder, unrenewed, epoch) in [("first", None, 1), ("second", Some(Renewal(1)), 2)] {
        let taken = wait(store.lease(taking(holder, unrenewed))).expect("an answer");
        assert_eq!(taken, Ok(Epoch(epoch)));
    }
    wait(store.checkpoint(subject("s1"), Position(4), Epoch(1), "numbers".into())).expect("kept");
}
