//! What must hold, whatever was switched meanwhile.

use super::ledger::{Done, Heard, Kind, Outcome};
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// What is switched under requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Switch {
    /// A table takes another's place.
    Swap,
    /// A release is drained and stopped.
    Drain,
    /// A gateway takes another's place.
    Replacement,
    /// A gateway is killed.
    Kill,
    /// An instance crashes and comes back.
    Crash,
}

impl Switch {
    /// What it is called in figures.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Swap => "swap",
            Self::Drain => "drain",
            Self::Replacement => "replacement",
            Self::Kill => "kill",
            Self::Crash => "crash",
        }
    }
}

/// When something was switched.
#[derive(Clone, Copy, Debug)]
pub(super) struct Switched {
    pub(super) what: Switch,
    pub(super) from: Instant,
    pub(super) to: Instant,
}

/// Whoever is broken off by a death hears of it within this.
const NEWS_WITHIN: Duration = Duration::from_secs(2);

/// What the run came to.
#[derive(Debug, Default)]
pub(super) struct Verdict {
    /// What must not be.
    pub(super) broken: Vec<String>,
    /// Requests that were under way across each kind of switch.
    pub(super) straddled: BTreeMap<Switch, u64>,
    /// Requests of each kind that were answered as they should.
    pub(super) answered: BTreeMap<Kind, u64>,
    /// Requests that a killed gateway or a crashed instance had, and that nobody can answer any more.
    pub(super) died_with: u64,
}

/// Compares what clients heard with what instances did.
pub(super) fn check(started: u64, heard: &[Heard], done: &BTreeMap<u64, Done>, switched: &[Switched]) -> Verdict {
    let mut verdict = Verdict::default();
    if heard.len() as u64 != started {
        verdict.broken.push(format!("{started} requests were begun, and {} have ended", heard.len()));
    }
    for one in heard {
        let nothing = Done::default();
        let known = done.get(&one.id).unwrap_or(&nothing);
        if one.kind.happens_once() && known.times > 1 {
            verdict.broken.push(format!("{:?} {} was carried out {} times", one.kind, one.id, known.times));
        }
        let broken_off = one.behind.and_then(|before| done.get(&before)).is_some_and(|before| before.crashed);
        match judge(one, known, broken_off, switched) {
            Judged::Right => *verdict.answered.entry(one.kind).or_default() += 1,
            Judged::DiedWith => verdict.died_with += 1,
            Judged::Wrong(why) => verdict.broken.push(format!("{:?} {}: {why}", one.kind, one.id)),
        }
    }
    for switch in switched {
        let across = heard.iter().filter(|one| one.began < switch.from && one.ended > switch.to);
        *verdict.straddled.entry(switch.what).or_default() += across.count() as u64;
    }
    verdict
}

enum Judged {
    Right,
    /// It was with somebody who was killed.
    DiedWith,
    Wrong(String),
}

fn judge(one: &Heard, known: &Done, broken_off: bool, switched: &[Switched]) -> Judged {
    match &one.outcome {
        Outcome::Answered(200 | 101, body) => {
            if known.times == 0 {
                Judged::Wrong("was answered, and no instance had it".into())
            } else if *body != known.sent {
                Judged::Wrong(format!("heard {body:?}, and the instance said {:?}", known.sent))
            } else if one.sent != known.received {
                Judged::Wrong(format!("sent {:?}, and the instance got {:?}", one.sent, known.received))
            } else {
                Judged::Right
            }
        }
        // Every socket here ends by itself long before the time is over that a drain leaves it.
        Outcome::GoingAway => Judged::Wrong("was told that the server goes away".into()),
        // Whoever comes while a gateway is dead waits: that is what the listening sockets are kept for.
        Outcome::Refused(why) => Judged::Wrong(format!("was refused a connection: {why}")),
        Outcome::Lost(_) if broken_off => Judged::DiedWith,
        Outcome::Answered(..) | Outcome::Lost(_) if known.crashed || died_with(one, switched) => Judged::DiedWith,
        Outcome::Answered(status, _) => Judged::Wrong(format!("was answered with {status}")),
        Outcome::Lost(why) => Judged::Wrong(format!("was lost: {why}")),
    }
}

/// Whether somebody died who may have had it: a gateway that had its connection, or an instance that had
/// not read it yet and that only a request which may be repeated can be taken from.
fn died_with(one: &Heard, switched: &[Switched]) -> bool {
    switched.iter().any(|switch| match switch.what {
        // Whoever came when it was dead already waits for the next one, and is served by it.
        Switch::Kill => one.connected <= switch.to && one.ended >= switch.from && one.ended <= switch.to + NEWS_WITHIN,
        Switch::Crash => {
            let at_once = one.ended >= switch.from && one.began <= switch.to && one.ended <= switch.to + NEWS_WITHIN;
            at_once && one.kind.happens_once() && matches!(one.outcome, Outcome::Answered(502 | 504, _))
        }
        Switch::Swap | Switch::Drain | Switch::Replacement => false,
    })
}

#[cfg(test)]
mod tests {
    use super::super::message::{Digest, Summing};
    use super::*;

    const BEGUN: Duration = Duration::from_secs(1);

    fn body(text: &str) -> Digest {
        let mut sum = Summing::default();
        sum.add(text.as_bytes());
        sum.digest()
    }

    /// One request from the first second to the third, and a switch in the second.
    fn judged(kind: Kind, outcome: Outcome, done: Option<Done>, what: Switch) -> Verdict {
        let start = super::super::now();
        let (began, ended) = (start + BEGUN, start + BEGUN * 3);
        let heard = Heard { id: 7, kind, behind: None, connected: began, began, ended, sent: body("asked"), outcome };
        let switched = Switched { what, from: start + BEGUN * 2, to: start + BEGUN * 2 };
        check(1, &[heard], &done.map(|done| (7, done)).into_iter().collect(), &[switched])
    }

    fn done(times: u32) -> Done {
        Done { times, received: body("asked"), sent: body("answered"), crashed: false }
    }

    #[test]
    fn a_whole_answer_is_right_whatever_was_switched() {
        let verdict = judged(Kind::Post, Outcome::Answered(200, body("answered")), Some(done(1)), Switch::Swap);
        assert_eq!(verdict.broken, [""; 0]);
        assert_eq!(verdict.answered.get(&Kind::Post), Some(&1));
        assert_eq!(verdict.straddled.get(&Switch::Swap), Some(&1));
    }

    #[test]
    fn what_must_not_be_is_seen() {
        let lost = || Outcome::Lost("end of file".into());
        let answered = |text: &str| Outcome::Answered(200, body(text));
        let other = Done { received: body("something else"), ..done(1) };
        let cases = [
            (Kind::Kept, answered("half"), Some(done(1)), "another body"),
            (Kind::Post, answered("answered"), Some(other), "another body was received"),
            (Kind::Kept, answered("answered"), None, "nobody did it"),
            (Kind::Order, answered("answered"), Some(done(2)), "it was done twice"),
            (Kind::Kept, Outcome::Answered(502, body("")), Some(done(0)), "an error"),
            (Kind::Kept, lost(), Some(done(1)), "no answer"),
            (Kind::Kept, Outcome::Refused("refused".into()), None, "no connection"),
            (Kind::WebSocket, Outcome::GoingAway, Some(done(1)), "ended before its time"),
            (Kind::Ahead, lost(), None, "nothing was said of an end"),
        ];
        for (kind, outcome, done, why) in cases {
            for what in [Switch::Swap, Switch::Drain, Switch::Replacement] {
                assert_eq!(judged(kind, outcome.clone(), done, what).broken.len(), 1, "{why} across a {what:?}");
            }
        }
        assert_eq!(check(1, &[], &BTreeMap::new(), &[]).broken.len(), 1, "one that never ended");
    }

    /// An answer that breaks off takes the connection with it, and whoever waits behind it there.
    #[test]
    fn whoever_is_behind_one_that_crashed_is_lost_with_it() {
        let now = super::super::now();
        let outcome = Outcome::Lost("end of file".into());
        let ahead = Heard {
            id: 8,
            kind: Kind::Ahead,
            behind: Some(7),
            connected: now,
            began: now,
            ended: now,
            sent: body("asked"),
            outcome,
        };
        for (crashed, broken) in [(true, 0), (false, 1)] {
            let before = BTreeMap::from([(7, Done { crashed, ..done(1) })]);
            assert_eq!(check(1, std::slice::from_ref(&ahead), &before, &[]).broken.len(), broken);
        }
    }

    #[test]
    fn whoever_is_killed_takes_along_what_it_had_and_no_more() {
        let lost = || Outcome::Lost("end of file".into());
        assert_eq!(judged(Kind::Post, lost(), Some(done(1)), Switch::Kill).died_with, 1);
        let refused = Outcome::Refused("refused".into());
        assert_eq!(judged(Kind::Fresh, refused, None, Switch::Kill).broken.len(), 1, "the sockets are the keeper's");
        let crashed = Done { crashed: true, ..done(1) };
        assert_eq!(judged(Kind::Post, Outcome::Answered(502, body("")), Some(crashed), Switch::Crash).died_with, 1);
        assert_eq!(judged(Kind::Kept, lost(), Some(done(1)), Switch::Crash).broken.len(), 1, "it was not its own");
        let twice = Done { crashed: true, ..done(2) };
        assert_eq!(judged(Kind::Order, lost(), Some(twice), Switch::Crash).broken.len(), 1, "crashed, and done twice");
    }
}
