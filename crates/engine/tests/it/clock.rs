//! The engine's time against a wall clock that does what it likes.

use engine::runner::{EngineClock, Jump};
use expect_test::{Expect, expect};
use model::{Span, Time};
use std::fmt::Write;

/// Wall and steady clock by seconds; what the engine goes by, and the jump that it tells of.
fn check(readings: &[(u64, u64)], wanted: &Expect) {
    let at = |seconds: u64| Time(seconds * 1_000);
    let ((wall, steady), rest) = readings.split_first().expect("a first reading");
    let mut clock = EngineClock::new(at(*wall), at(*steady));
    let mut text = String::new();
    let first = clock.peek(at(*wall), at(*steady)).0 / 1_000;
    writeln!(text, "wall {wall:4}  steady {steady:3}  → {first:4}").expect("a String takes everything");
    for (wall, steady) in rest {
        let foreseen = clock.peek(at(*wall), at(*steady));
        let (now, jump) = clock.tick(at(*wall), at(*steady));
        assert_eq!(foreseen, now, "to peek is to see what a tick would");
        let told = jump.map(|jump| format!("  jumped by {}, {} behind", jump.by, jump.behind)).unwrap_or_default();
        writeln!(text, "wall {wall:4}  steady {steady:3}  → {:4}{told}", now.0 / 1_000)
            .expect("a String takes everything");
    }
    wanted.assert_eq(&text);
}

#[test]
fn both_clocks_agree() {
    check(
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
        &[(1000, 0), (1010, 10), (4611, 11), (4612, 12)],
        &expect![[r#"
            wall 1000  steady   0  → 1000
            wall 1010  steady  10  → 1010
            wall 4611  steady  11  → 4611  jumped by 1h, 0s behind
            wall 4612  steady  12  → 4612
        "#]],
    );
}

/// Drift is no jump until it comes to two seconds: the engine goes on at the steady clock's pace.
#[test]
fn small_steps_are_not_jumps() {
    check(
        &[(1000, 0), (1011, 10), (1022, 20)],
        &expect![[r#"
            wall 1000  steady   0  → 1000
            wall 1011  steady  10  → 1010
            wall 1022  steady  20  → 1022  jumped by 2s, 0s behind
        "#]],
    );
}

#[test]
fn a_clock_that_was_put_back_is_waited_for() {
    check(
        &[(1000, 0), (1010, 10), (900, 11), (901, 12), (1012, 13), (1030, 14)],
        &expect![[r#"
            wall 1000  steady   0  → 1000
            wall 1010  steady  10  → 1010
            wall  900  steady  11  → 1011  jumped by 0s, 1m51s behind
            wall  901  steady  12  → 1012
            wall 1012  steady  13  → 1013  jumped by 0s, 1s behind
            wall 1030  steady  14  → 1030  jumped by 16s, 0s behind
        "#]],
    );
}

/// A steady clock that is read a little earlier than before does not take the time back.
#[test]
fn a_steady_clock_read_out_of_order() {
    check(
        &[(1000, 10), (1001, 11), (1000, 10), (1002, 12)],
        &expect![[r#"
        wall 1000  steady  10  → 1000
        wall 1001  steady  11  → 1001
        wall 1000  steady  10  → 1001
        wall 1002  steady  12  → 1002
    "#]],
    );
}

/// Drift of a clock that was put back is told only once it comes to two seconds, and so is its return.
#[test]
fn a_clock_that_was_put_back_and_returns() {
    check(
        &[(1000, 0), (900, 1), (902, 2), (903, 4), (904, 6), (1004, 7), (1006, 8), (1008, 9)],
        &expect![[r#"
        wall 1000  steady   0  → 1000
        wall  900  steady   1  → 1001  jumped by 0s, 1m41s behind
        wall  902  steady   2  → 1002
        wall  903  steady   4  → 1004
        wall  904  steady   6  → 1006
        wall 1004  steady   7  → 1007  jumped by 0s, 3s behind
        wall 1006  steady   8  → 1008
        wall 1008  steady   9  → 1009  jumped by 0s, 1s behind
    "#]],
    );
}

#[test]
fn jumps_below_the_bound() {
    let mut clock = EngineClock::new(Time(10_000), Time(0));
    assert_eq!(clock.tick(Time(11_999), Time(0)), (Time(10_000), None));
    let forward = Jump { by: Span::seconds(2), behind: Span::ZERO };
    assert_eq!(clock.tick(Time(12_000), Time(0)), (Time(12_000), Some(forward)));
    assert_eq!(clock.tick(Time(10_001), Time(0)), (Time(12_000), None));
    let back = Jump { by: Span::ZERO, behind: Span::seconds(2) };
    assert_eq!(clock.tick(Time(10_000), Time(0)), (Time(12_000), Some(back)));
}
