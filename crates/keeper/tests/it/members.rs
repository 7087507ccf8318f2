//! What follows from what becomes of gateways.

use expect_test::{Expect, expect};
use keeper::members::{Action, Bounds, Event, Members};
use std::fmt::Write as _;

const BOUNDS: Bounds = Bounds { ready_ms: 30_000, drain_ms: 30_000 };

/// What follows from each event at its time, and when time alone would make a difference afterwards.
fn check(events: &[(u64, Event)], expected: &Expect) {
    let mut members = Members::new(BOUNDS);
    let mut text = String::new();
    for (now, event) in events {
        let actions = members.on(*event, *now);
        let actions: Vec<String> = actions.iter().map(|action| format!("{action:?}")).collect();
        let wake = members.wake_at().map_or(String::new(), |at| format!(" until {at}"));
        let _ = writeln!(text, "{now} {event:?}: {}{wake}", actions.join(" "));
    }
    expected.assert_eq(&text);
}

#[test]
fn one_takes_over_from_another() {
    check(
        &[
            (0, Event::Time),
            (10, Event::Ready(1)),
            (100, Event::Replace),
            (110, Event::Ready(2)),
            (120, Event::Retired(1)),
            (130, Event::Replace),
            (140, Event::Ready(3)),
            (150, Event::Retired(2)),
            (160, Event::Reload),
            (170, Event::Died(1)),
            (180, Event::Died(2)),
        ],
        &expect![[r#"
            0 Time: Start(1) until 30000
            10 Ready(1): Lead(1)
            100 Replace: Start(2) until 30100
            110 Ready(2): Retire(1) until 5110
            120 Retired(1): Lead(2) HandOver(2, 1)
            130 Replace: Start(3) until 30130
            140 Ready(3): Retire(2) until 5140
            150 Retired(2): Lead(3) Introduce(3, 1) HandOver(3, 2)
            160 Reload: Reload(3)
            170 Died(1): Gone(3, 1)
            180 Died(2): Gone(3, 2)
        "#]],
    );
}

/// Whoever leads goes on to lead, whatever becomes of the next one.
#[test]
fn the_next_one_never_becomes_ready() {
    check(
        &[
            (0, Event::Time),
            (10, Event::Ready(1)),
            (100, Event::Replace),
            (110, Event::Replace),
            (30_099, Event::Time),
            (30_100, Event::Time),
            (30_110, Event::Died(2)),
            (30_200, Event::Replace),
            (30_210, Event::Died(3)),
        ],
        &expect![[r#"
            0 Time: Start(1) until 30000
            10 Ready(1): Lead(1)
            100 Replace: Start(2) until 30100
            110 Replace: NotReplaced(1, "another one is being started already") until 30100
            30099 Time:  until 30100
            30100 Time: Kill(2) NotReplaced(1, "it was not ready in time")
            30110 Died(2): Gone(1, 2)
            30200 Replace: Start(3) until 60200
            30210 Died(3): Gone(1, 3) NotReplaced(1, "it ended before it was ready")
        "#]],
    );
}

/// One that hangs while it should retire holds nobody up.
#[test]
fn the_old_one_does_not_say_that_it_retired() {
    check(
        &[
            (0, Event::Time),
            (10, Event::Ready(1)),
            (100, Event::Replace),
            (110, Event::Ready(2)),
            (5_109, Event::Time),
            (5_110, Event::Time),
            (5_120, Event::Retired(1)),
        ],
        &expect![[r#"
            0 Time: Start(1) until 30000
            10 Ready(1): Lead(1)
            100 Replace: Start(2) until 30100
            110 Ready(2): Retire(1) until 5110
            5109 Time:  until 5110
            5110 Time: Lead(2) HandOver(2, 1)
            5120 Retired(1): 
        "#]],
    );
}

#[test]
fn the_one_that_leads_dies() {
    check(
        &[
            (0, Event::Time),
            (10, Event::Ready(1)),
            (10_000, Event::Died(1)),
            (10_010, Event::Ready(2)),
            // While another is being started, that one takes over.
            (20_000, Event::Replace),
            (20_005, Event::Died(2)),
            (20_010, Event::Ready(3)),
            // Also where it only waits for the old one's word.
            (30_000, Event::Replace),
            (30_010, Event::Ready(4)),
            (30_020, Event::Died(3)),
        ],
        &expect![[r#"
            0 Time: Start(1) until 30000
            10 Ready(1): Lead(1)
            10000 Died(1): Start(2) until 40000
            10010 Ready(2): Lead(2)
            20000 Replace: Start(3) until 50000
            20005 Died(2):  until 50000
            20010 Ready(3): Lead(3)
            30000 Replace: Start(4) until 60000
            30010 Ready(4): Retire(3) until 35010
            30020 Died(3): Lead(4)
        "#]],
    );
}

#[test]
fn they_keep_dying() {
    let mut events = vec![(0, Event::Time)];
    let mut now = 0;
    for member in 1..=10 {
        now += 1;
        events.push((now, Event::Died(member)));
        now += 2_000;
        events.push((now, Event::Time));
    }
    check(
        &events,
        &expect![[r#"
        0 Time: Start(1) until 30000
        1 Died(1): Start(2) until 30001
        2001 Time:  until 30001
        2002 Died(2):  until 2052
        4002 Time: Start(3) until 34002
        4003 Died(3):  until 4103
        6003 Time: Start(4) until 36003
        6004 Died(4):  until 6204
        8004 Time: Start(5) until 38004
        8005 Died(5):  until 8405
        10005 Time: Start(6) until 40005
        10006 Died(6):  until 10806
        12006 Time: Start(7) until 42006
        12007 Died(7):  until 13607
        14007 Time: Start(8) until 44007
        14008 Died(8):  until 16008
        16008 Time: Start(9) until 46008
        16009 Died(9):  until 18009
        18009 Time: Start(10) until 48009
        18010 Died(10):  until 20010
        20010 Time: Start(11) until 50010
    "#]],
    );
}

#[test]
fn all_of_it_ends() {
    check(
        &[
            (0, Event::Time),
            (10, Event::Ready(1)),
            (100, Event::Replace),
            (110, Event::Stop),
            (120, Event::Died(2)),
            (130, Event::Replace),
            (140, Event::Died(1)),
        ],
        &expect![[r#"
            0 Time: Start(1) until 30000
            10 Ready(1): Lead(1)
            100 Replace: Start(2) until 30100
            110 Stop: Stop(1) Kill(2) until 30110
            120 Died(2):  until 30110
            130 Replace:  until 30110
            140 Died(1): Exit until 30110
        "#]],
    );
}

#[test]
fn all_of_it_ends_at_once_the_second_time_and_when_its_time_is_over() {
    check(
        &[(0, Event::Time), (10, Event::Ready(1)), (110, Event::Stop), (120, Event::Stop), (130, Event::Died(1))],
        &expect![[r#"
            0 Time: Start(1) until 30000
            10 Ready(1): Lead(1)
            110 Stop: Stop(1) until 30110
            120 Stop: Kill(1) until 5120
            130 Died(1): Exit until 5120
        "#]],
    );
    check(
        &[(0, Event::Time), (10, Event::Ready(1)), (110, Event::Stop), (30_110, Event::Time), (30_120, Event::Died(1))],
        &expect![[r#"
            0 Time: Start(1) until 30000
            10 Ready(1): Lead(1)
            110 Stop: Stop(1) until 30110
            30110 Time: Kill(1) until 35110
            30120 Died(1): Exit until 35110
        "#]],
    );
}

/// Clients that never go must not gather gateways without end.
#[test]
fn the_oldest_of_many_that_retire_ends() {
    let mut members = Members::new(BOUNDS);
    members.on(Event::Time, 0);
    members.on(Event::Ready(1), 0);
    let mut stopped = Vec::new();
    for member in 2..=20 {
        members.on(Event::Replace, 0);
        members.on(Event::Ready(member), 0);
        let actions = members.on(Event::Retired(member - 1), 0);
        stopped.extend(actions.into_iter().filter(|action| matches!(action, Action::Stop(_))));
    }
    expect!["[Stop(1), Stop(2), Stop(3)]"].assert_eq(&format!("{stopped:?}"));
}
