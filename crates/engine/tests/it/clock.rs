//! The engine's time against a wall clock that does what it likes.

use engine::runner::EngineClock;
use expect_test::{Expect, expect};
use model::{Span, Time};
use std::fmt::Write;

/// Wall and steady clock by seconds; what the engine goes by, and the jump that it tells of.
fn check(last_entry: u64, readings: &[(u64, u64)], wanted: &Expect) {
    let at = |seconds: u64| Time(seconds * 1_000);
    let ((wall, steady), rest) = readings.split_first().expect("a first reading");
    let mut clock = EngineClock::new(at(*wall), at(*steady), at(last_entry));
    let mut text = String::new();
    let first = clock.peek(at(*wall), at(*steady)).0 / 1_000;
    writeln!(text, "wall {wall:4}  steady {steady:3}  → {first:4}").expect("a String takes everything");
    for (wall, steady) in rest {
        let foreseen = clock.peek(at(*wall), at(*steady));
        let (now, jump) = clock.tick(at(*wall), at(*steady));
        assert_eq!(foreseen, now, "to peek is to see what a tick would");
        let told = jump.map(|by| format!("  jumped by {by}")).unwrap_or_default();
        writeln!(text, "wall {wall:4}  steady {steady:3}  → {:4}{told}", now.0 / 1_000)
            .expect("a String takes everything");
    }
    wanted.assert_eq(&text);
}

#[test]
fn both_clocks_agree() {
    check(
        0,
        &[(1000, 0), (1001, 1), (1060, 60)],
        &expect![[r#"
        wall 1000  steady   0  → 1000
        wall 1001  steady   1  → 1001
        wall 1060  steady  60  → 1060
    "#]],
    );
}

#[test]
fn a_jump_forward_is_told_once() {
    check(
        0,
        &[(1000, 0), (1010, 10), (4611, 11), (4612, 12)],
        &expect![[r#"
        wall 1000  steady   0  → 1000
        wall 1010  steady  10  → 1010
        wall 4611  steady  11  → 4611  jumped by 1h
        wall 4612  steady  12  → 4612
    "#]],
    );
}

/// Drift is no jump until it comes to two seconds: the engine goes on at the steady clock's pace.
#[test]
fn small_steps_are_not_jumps() {
    check(
        0,
        &[(1000, 0), (1011, 10), (1022, 20)],
        &expect![[r#"
        wall 1000  steady   0  → 1000
        wall 1011  steady  10  → 1010
        wall 1022  steady  20  → 1022  jumped by 2s
    "#]],
    );
}

#[test]
fn a_clock_that_was_put_back_is_waited_for() {
    check(
        0,
        &[(1000, 0), (1010, 10), (900, 11), (901, 12), (1012, 13), (1030, 14)],
        &expect![[r#"
        wall 1000  steady   0  → 1000
        wall 1010  steady  10  → 1010
        wall  900  steady  11  → 1011
        wall  901  steady  12  → 1012
        wall 1012  steady  13  → 1013
        wall 1030  steady  14  → 1030  jumped by 16s
    "#]],
    );
}

/// After a restart nothing is earlier than what was written last, whatever the wall clock says.
#[test]
fn across_a_restart() {
    check(
        5000,
        &[(1000, 0), (1001, 1), (5003, 2), (6000, 3)],
        &expect![[r#"
        wall 1000  steady   0  → 5000
        wall 1001  steady   1  → 5001
        wall 5003  steady   2  → 5002
        wall 6000  steady   3  → 6000  jumped by 16m37s
    "#]],
    );
    check(
        900,
        &[(1000, 700), (1001, 701)],
        &expect![[r#"
        wall 1000  steady 700  → 1000
        wall 1001  steady 701  → 1001
    "#]],
    );
}

/// A steady clock that is read a little earlier than before does not take the time back.
#[test]
fn a_steady_clock_read_out_of_order() {
    check(
        0,
        &[(1000, 10), (1001, 11), (1000, 10), (1002, 12)],
        &expect![[r#"
        wall 1000  steady  10  → 1000
        wall 1001  steady  11  → 1001
        wall 1000  steady  10  → 1001
        wall 1002  steady  12  → 1002
    "#]],
    );
}

#[test]
fn jumps_below_the_bound() {
    let mut clock = EngineClock::new(Time(0), Time(0), Time(0));
    assert_eq!(clock.tick(Time(1_999), Time(0)), (Time(0), None));
    assert_eq!(clock.tick(Time(2_000), Time(0)), (Time(2_000), Some(Span::seconds(2))));
}
