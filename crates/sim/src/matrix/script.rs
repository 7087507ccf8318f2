//! What people do in a shape, always the same: they look at where the service stands and say what
//! has to be said there, until it was heard. Whichever controller is asked, and however often.

use engine::decide::current_aim;
use engine::journal::entry::{Ask, Input};
use engine::journal::state::{Rollout, State};
use engine::journal::table::Phase;
use engine::store::Attribution;
use model::gate::Gate;
use model::plan::Verb;
use model::{Release, ReleaseNumber, Span, Time};
use std::sync::Arc;

/// How often a person tries what nobody can say the end of, before it is left to its time limit.
const RETRIES_MAX: u32 = 3;

/// How long people look at an experiment before they decide.
const LOOKS_FOR: Span = Span(3_000);

/// Everything that people do.
#[derive(Clone, Debug, Default)]
pub struct Script {
    /// What they want, one after the other.
    pub moves: Vec<Move>,
    /// What they do while the rollout runs that is tested.
    pub meddling: Option<Meddling>,
    /// What they keep where a decision is asked for; nobody decides where none.
    pub keep: Option<ReleaseNumber>,
    /// What they say to each halt in turn; then they accept.
    pub halts: Vec<Ask>,
    /// Whether somebody tries again what is undecided.
    pub retries: bool,
}

/// Something that people want of a service that stands.
#[derive(Clone, Debug)]
pub enum Move {
    /// A release is to land.
    Deploy(Arc<Release>),
    /// A release that landed before is to come back; its instances gone first, or not.
    Return {
        /// Which.
        to: ReleaseNumber,
        /// Only once every closing is over.
        cold: bool,
    },
    /// So many instances.
    Scale(u32),
}

/// Something that people do to a rollout.
#[derive(Clone, Debug)]
pub struct Meddling {
    /// When.
    pub at: Point,
    /// What.
    pub ask: Ask,
}

/// A point of a rollout, as far as people can tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Point {
    /// Something was begun.
    Early,
    /// The candidate has, or may soon have, its first requests.
    Exposed,
    /// The last step has come.
    Last,
}

impl Point {
    fn has_come(self, rollout: &Rollout) -> bool {
        // Where a decision has several ends, the one that was chosen counts.
        let last = rollout.plan.steps.iter().rposition(|step| step.only_if.is_none_or(|kept| kept == rollout.kept()));
        match self {
            Self::Early => !rollout.started.is_empty(),
            Self::Exposed => rollout.exposed(),
            Self::Last => usize::from(rollout.cursor.0) >= last.unwrap_or(0),
        }
    }
}

impl Move {
    /// By which it is heard once only.
    pub fn id(&self) -> String {
        match self {
            Self::Deploy(release) => format!("deploy-{}", release.number.0),
            Self::Return { to, .. } => format!("return-{}", to.0),
            Self::Scale(count) => format!("scale-{count}"),
        }
    }

    fn is_done(&self, state: &State) -> bool {
        heard(state, &self.id())
            // It came back by itself: what was to be left has gone around.
            || matches!(self, Self::Return { to, .. } if state.standing.release == Some(*to))
    }

    fn may_be_asked(&self, state: &State) -> bool {
        let cold = matches!(self, Self::Return { cold: true, .. });
        let closed = state.standing.closings.is_empty() && state.closing.is_none();
        state.phase() == Phase::Standing && state.waiting.is_none() && (closed || !cold)
    }

    fn ask(&self) -> Ask {
        match self {
            Self::Deploy(release) => Ask::Deploy { release: Arc::clone(release) },
            Self::Return { to, .. } => Ask::Rollback { to: *to },
            Self::Scale(count) => Ask::Scale { count: *count },
        }
    }
}

impl Script {
    /// Whether nobody wants anything more.
    pub fn is_done(&self, state: &State) -> bool {
        self.moves.iter().all(|wanted| wanted.is_done(state))
    }

    /// What somebody says who sees this. `tested` is the rollout that is meddled with.
    pub fn speak(&self, state: &State, tested: &str, now: Time) -> Option<Input> {
        let said = match state.rollout.as_deref() {
            None => self.next_move(state),
            Some(rollout) if rollout.halted.is_some() => Some(self.answer_halt(state)),
            Some(rollout) => self.answer(state, rollout, now).or_else(|| self.meddle(state, rollout, tested)),
        };
        let (id, who, ask) = said.filter(|(id, ..)| !heard(state, id))?;
        let by = Attribution { who: who.into(), from: "cli".into(), why: String::new() };
        Some(Input { id, by, ask, aim: current_aim(state) })
    }

    fn next_move(&self, state: &State) -> Option<Said> {
        let next = self.moves.iter().find(|wanted| !wanted.is_done(state))?;
        next.may_be_asked(state).then(|| (next.id(), "ann", next.ask()))
    }

    fn answer_halt(&self, state: &State) -> Said {
        let accept = || Ask::Accept { observed: Box::default() };
        let mut number = 0;
        loop {
            let id = format!("halt-{number}");
            if !heard(state, &id) {
                return (id, "bob", self.halts.get(number).cloned().unwrap_or_else(accept));
            }
            number += 1;
        }
    }

    /// What the rollout waits for.
    fn answer(&self, state: &State, rollout: &Rollout, now: Time) -> Option<Said> {
        let doing = rollout.doing.as_ref()?;
        let (generation, waited) = (doing.generation, state.elapsed(now).since(doing.since));
        match state.phase() {
            Phase::Undecided | Phase::BackUndecided if self.retries => {
                let tried = (1..=RETRIES_MAX).find(|time| !heard(state, &format!("retry-{time}")))?;
                Some((format!("retry-{tried}"), "cem", Ask::Retry))
            }
            Phase::Doing => match &rollout.step()?.verb {
                Verb::Approve { gate: Gate::Person { .. } } => {
                    let who =
                        ["ann", "bob", "cem"].into_iter().find(|who| !rollout.approvals.iter().any(|by| by == who))?;
                    Some((format!("yes-{generation}-{who}"), who, Ask::Approve))
                }
                Verb::Approve { gate: Gate::Decision { .. } } if rollout.chosen.is_none() && waited >= LOOKS_FOR => {
                    let keep = self.keep?;
                    Some((format!("keep-{generation}"), "ann", Ask::Decide { keep }))
                }
                _ => None,
            },
            _ => None,
        }
    }

    fn meddle(&self, state: &State, rollout: &Rollout, tested: &str) -> Option<Said> {
        if rollout.paused.is_some() {
            return Some((format!("resume-{}", rollout.number), "ann", Ask::Resume));
        }
        let meddling = self.meddling.as_ref()?;
        let here = heard(state, tested) && rollout.back.is_none() && meddling.at.has_come(rollout);
        let id = match &meddling.ask {
            Ask::Deploy { release } => format!("deploy-{}", release.number.0),
            _ => "meddle".into(),
        };
        here.then(|| (id, "bob", meddling.ask.clone()))
    }
}

type Said = (String, &'static str, Ask);

fn heard(state: &State, id: &str) -> bool {
    state.heard.iter().any(|known| known == id)
}
