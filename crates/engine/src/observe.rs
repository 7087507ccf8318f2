//! What was seen of the world, and how long ago.

use crate::command::{Reply, Target};
use crate::few::Few;
use crate::journal::State;
use crate::journal::state::Unanswered;
use crate::journal::table::Phase;
use crate::planted::{self, Bug};
use crate::store::Position;
use model::plan::Verb;
use model::{CheckName, Evidence, Intent, Name, ReleaseNumber, RolloutNumber, Span, Time, Verdict};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// How old a look may be before it counts as blindness.
pub const FRESH_FOR: Span = Span::seconds(5);
/// The longest stretch between two looks that counts as observed: a longer one was a gap.
pub const COUNTED_GAP_MAX: Span = Span::seconds(5);
/// The longest that work which an older table let in is waited for, once the right one is live again.
pub const WENT_BACK_MAX: Span = Span::seconds(30);
/// How many replies are remembered per service.
pub const REPLIES_MAX: usize = 64;

/// Something seen, and when.
#[derive(Clone, Debug, PartialEq)]
pub struct Look<T> {
    /// When it was asked for: it is at least as new as this.
    pub at: Time,
    /// What was seen.
    pub seen: T,
}

/// What a platform shows.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PlatformLook {
    /// Every release that has instances or was ever told to have some.
    pub releases: Few<ReleaseNumber, InstancesLook>,
}

/// What a platform shows of one release.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct InstancesLook {
    /// The newest generation it acted on.
    pub generation: Position,
    /// Instances that run, leaving ones included.
    pub running: u32,
    /// Instances that are ready.
    pub ready: u32,
    /// The number that an autoscaler wants now, where one owns it.
    pub autoscaled: Option<u32>,
    /// The platform's word that this will not become ready: a crash loop, an image that is not there.
    pub failing: Option<String>,
}

/// What the routers show: every member that may still route, whether it answered or not.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RouterLook {
    /// The members.
    pub members: Few<String, Option<MemberLook>>,
}

/// What one router shows.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MemberLook {
    /// The generation of the table that is live in every worker of it.
    pub generation: Position,
    /// What that table says, where it can be read back.
    pub intent: Option<Intent>,
    /// Open work by release, where it counts.
    pub open: Few<ReleaseNumber, OpenWork>,
}

/// Open work on one release.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct OpenWork {
    /// On all its instances.
    pub all: u64,
    /// On those of its instances that get no new work.
    pub leaving: u64,
}

/// A check's answer, for the rollout and step it was asked for.
#[derive(Clone, Debug, PartialEq)]
pub struct Reading {
    /// The rollout that it is about.
    pub rollout: RolloutNumber,
    /// The answer.
    pub verdict: Verdict,
    /// What it rests on.
    pub evidence: Evidence,
}

/// Holding time that counts. It outlives a controller by checkpoints, so that a crash during a long
/// hold costs seconds of it and not all.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counted {
    /// For the attempt that began here.
    pub generation: Position,
    /// How much.
    pub span: Span,
}

/// All that was seen of one service. Looks change nothing, so none of this is in the journal.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Observations {
    /// The platform, when it last answered.
    pub platform: Option<Look<PlatformLook>>,
    /// The routers, when their driver last answered.
    pub router: Option<Look<RouterLook>>,
    /// What each member's table said when it last answered, however long ago.
    pub tables: Few<String, Intent>,
    /// Sources, when they last answered.
    pub sources: Few<Name, Time>,
    /// The checks' last answers.
    pub readings: Few<CheckName, Look<Reading>>,
    /// Webhooks' and calendars' last answers, by the attempt that asks.
    pub gate: Option<(Position, bool)>,
    /// Replies to commands, by target, with the generation they are about.
    pub replies: Few<Target, (Position, Reply)>,
    /// A router was seen to go back to an older table, and what it sent by that may go on.
    pub went_back: bool,
    /// Calls that this controller has sent, and when last, on the clock that deadlines count: those that
    /// must not be repeated are not sent again, and none is undone while it may still run.
    pub called: BTreeMap<Position, Time>,
    /// Holding time that counts.
    pub counted: Counted,
    /// When counting last went on.
    pub counted_at: Option<Time>,
    /// How many platform looks in a row showed each release ready as wanted, under which generation.
    pub rises: Few<ReleaseNumber, (Position, u32)>,
    /// When a drain's table was first seen live everywhere, by generation.
    pub drained_since: Option<(Position, Time)>,
    /// Since this controller took over the service, everything was seen once: deadlines may fire.
    pub looked: bool,
    /// Whether the service has routers at all.
    pub routed: bool,
    /// Where the journal ended when this controller took the service over: what began before may
    /// have been commanded, and nobody knows.
    pub recovered_at: Position,
    /// When that was, on the clock that deadlines count.
    pub recovered_since: Time,
}

impl Observations {
    /// What a controller starts with: nothing seen, and the counted time of the last checkpoint.
    pub fn recovered(counted: Counted, routed: bool, recovered_at: Position, recovered_since: Time) -> Self {
        Self { counted, routed, recovered_at, recovered_since, ..Self::default() }
    }

    /// The platform, if it was seen lately.
    pub fn platform(&self, now: Time) -> Option<&PlatformLook> {
        self.platform.as_ref().filter(|look| is_fresh(look.at, now)).map(|look| &look.seen)
    }

    /// The routers, if their driver answered lately.
    pub fn router(&self, now: Time) -> Option<&RouterLook> {
        self.router.as_ref().filter(|look| is_fresh(look.at, now)).map(|look| &look.seen)
    }

    /// A check's answer about this rollout, if it was given lately.
    pub fn reading(&self, check: &CheckName, rollout: RolloutNumber, now: Time) -> Option<&Reading> {
        let look = self.readings.get(check)?;
        (is_fresh(look.at, now) && look.seen.rollout == rollout).then_some(&look.seen)
    }

    /// The reply to the command of this generation.
    pub fn reply(&self, target: &Target, generation: Position) -> Option<&Reply> {
        self.replies.get(target).filter(|(about, _)| *about == generation).map(|(_, reply)| reply)
    }

    /// Why a target said no for good to the command of this generation, if it did.
    pub fn refused(&self, target: &Target, generation: Position) -> Option<&str> {
        match self.reply(target, generation)? {
            Reply::Failed { why, retry: false } => Some(why),
            Reply::Failed { retry: true, .. } | Reply::Accepted | Reply::Superseded(_) | Reply::Unknown(_) => None,
        }
    }

    /// Whether a call that was given up has ended all the same: it was answered, or its time limit has
    /// passed since it can last have been sent.
    pub fn has_ended(&self, call: &Unanswered, elapsed: Time) -> bool {
        match self.reply(&call.target, call.generation) {
            Some(Reply::Accepted | Reply::Superseded(_) | Reply::Failed { .. }) => return true,
            Some(Reply::Unknown(_)) | None => {}
        }
        let sent = match self.called.get(&call.generation) {
            Some(sent) => *sent,
            // The controller before this one may have sent it to its last moment.
            None if call.generation <= self.recovered_at => call.given_up.min(self.recovered_since),
            None => return true,
        };
        elapsed >= sent + call.limit
    }

    /// Whether every member has confirmed a table at least as new.
    pub fn table_live(&self, generation: Position, now: Time) -> bool {
        let restored = planted::is(Bug::RestoredTable) && self.recovered_at > Position(0) && self.router.is_some();
        !self.routed
            || restored
            || self.router(now).is_some_and(|router| {
                !router.members.is_empty()
                    && router
                        .members
                        .values()
                        .all(|member| member.as_ref().is_some_and(|seen| seen.generation >= generation))
            })
    }

    /// Whether a member that answers shows another table: what it sent there since is new work.
    fn table_was_lost(&self, generation: Position, now: Time) -> bool {
        let members = self.router(now).map(|router| &router.members);
        members.is_some_and(|members| members.values().flatten().any(|seen| seen.generation < generation))
    }

    /// Whether every member had confirmed a table at least as new when last looked at, however long
    /// ago that is: no reason to send it again.
    pub fn table_was_live(&self, generation: Position) -> bool {
        let restored = planted::is(Bug::RestoredTable) && self.recovered_at > Position(0) && self.router.is_some();
        !self.routed
            || restored
            || self.router.as_ref().is_some_and(|look| {
                let members = &look.seen.members;
                !members.is_empty()
                    && members.values().all(|member| member.as_ref().is_some_and(|seen| seen.generation >= generation))
            })
    }

    /// Whether the platform had acted on this generation when last looked at, however long ago.
    pub fn capacity_was_taken(&self, release: ReleaseNumber, generation: Position) -> bool {
        let look = self.platform.as_ref().and_then(|look| look.seen.releases.get(&release));
        look.is_some_and(|look| look.generation >= generation)
    }

    /// A platform's answer comes in.
    pub fn see_platform(&mut self, at: Time, seen: PlatformLook, state: &State) {
        for (release, wanted) in &state.standing.capacity {
            let look = seen.releases.get(release);
            let generation = state.generations.capacity.get(release).copied().unwrap_or_default();
            let ready = look.is_some_and(|look| look.ready >= *wanted && look.generation >= generation);
            let before = self.rises.get(release).filter(|(about, _)| *about == generation).map_or(0, |(_, rise)| *rise);
            self.rises.insert(*release, (generation, if ready { before.saturating_add(1) } else { 0 }));
        }
        self.rises.retain(|release, _| state.standing.capacity.contains_key(release));
        self.platform = Some(Look { at, seen });
    }

    /// The routers' answer comes in. A member that has gone back to an older table may have sent new work
    /// to what was drained.
    pub fn see_router(&mut self, at: Time, seen: RouterLook) {
        let generation = |member: &Option<MemberLook>| member.as_ref().map(|look| look.generation);
        let before = self.router.iter().flat_map(|look| &look.seen.members);
        let mut pairs = before
            .filter_map(|(name, member)| Some((generation(member)?, seen.members.get(name).and_then(generation)?)));
        self.went_back |= pairs.any(|(before, now)| now < before);
        self.tables.retain(|member, _| seen.members.get(member).is_some());
        for (member, look) in &seen.members {
            if let Some(table) = look.as_ref().and_then(|look| look.intent.as_ref())
                && self.tables.get(member) != Some(table)
            {
                self.tables.insert(member.clone(), table.clone());
            }
        }
        self.router = Some(Look { at, seen });
    }

    /// Whether a member that may still route does not answer; so it is where none can be seen at all.
    pub fn router_silent(&self, now: Time) -> bool {
        self.routed && self.router(now).is_none_or(|router| router.members.values().any(Option::is_none))
    }

    /// A reply comes in. Only the newest generation of each target is of interest.
    pub fn see_reply(&mut self, target: Target, generation: Position, reply: Reply) {
        if self.replies.get(&target).is_none_or(|(known, _)| *known <= generation) {
            self.replies.insert(target, (generation, reply));
        }
        while self.replies.len() > REPLIES_MAX {
            let oldest = self.replies.iter().min_by_key(|(_, (generation, _))| *generation);
            let Some(oldest) = oldest.map(|(target, _)| target.clone()) else { return };
            self.replies.remove(&oldest);
        }
    }

    /// Whether instances of this release may have work that came after their drain.
    pub fn may_have_new_work(&self, release: ReleaseNumber) -> bool {
        let running = self.platform.as_ref().and_then(|look| look.seen.releases.get(&release));
        self.went_back && running.is_some_and(|look| look.running > 0)
    }

    /// What came by an older table has ended, or had its time.
    fn forgive_going_back(&mut self, state: &State, now: Time) {
        let table = state.generations.table;
        let live = self.drained_since.filter(|(generation, _)| *generation == table && self.table_live(table, now));
        let Some((_, since)) = live.filter(|_| self.went_back) else { return };
        let Some(router) = self.router(now) else { return };
        // Where nobody counts, nobody knows.
        let idle = |member: &MemberLook, release| member.open.get(release).is_some_and(|open| open.all == 0);
        let mut gone = state.generations.capacity.keys().filter(|release| state.standing.capacity(**release) == 0);
        let ended = gone.all(|release| router.members.values().flatten().all(|member| idle(member, release)));
        self.went_back = !ended && state.elapsed(now).since(since) < WENT_BACK_MAX;
    }

    /// Time goes on: holding time counts if everything that is needed for it was seen, and a drain's
    /// clock runs from the moment its table was live everywhere.
    pub fn pass(&mut self, state: &State, now: Time) {
        let elapsed = state.elapsed(now);
        self.pass_hold(state, now, elapsed);
        self.forget_calls(state);
        let table = state.generations.table;
        if self.table_was_lost(table, now) {
            self.drained_since = None;
        }
        if self.drained_since.is_none_or(|(generation, _)| generation != table) && self.table_live(table, now) {
            self.drained_since = Some((table, elapsed));
        }
        self.forgive_going_back(state, now);
    }

    /// Calls are remembered as long as an attempt or its undo depends on them.
    fn forget_calls(&mut self, state: &State) {
        let rollout = state.rollout.as_deref();
        let current = rollout.and_then(|rollout| Some(rollout.doing.as_ref()?.generation));
        let given_up = rollout.and_then(|rollout| Some(rollout.unanswered.as_ref()?.generation));
        self.called.retain(|call, _| Some(*call) == current || Some(*call) == given_up);
    }

    fn pass_hold(&mut self, state: &State, now: Time, elapsed: Time) {
        let before = self.counted_at.replace(elapsed);
        let Some(rollout) = &state.rollout else { return };
        let (Some(doing), Some(step)) = (&rollout.doing, rollout.step()) else { return };
        let Verb::Observe { sources, .. } = &step.verb else { return };
        if self.counted.generation != doing.generation {
            self.counted = Counted { generation: doing.generation, span: Span::ZERO };
        }
        let counts = match state.phase() {
            Phase::Doing | Phase::Undecided | Phase::BackDoing | Phase::BackUndecided => true,
            Phase::Standing
            | Phase::Between
            | Phase::Paused
            | Phase::PausedDoing
            | Phase::BackBetween
            | Phase::Halted => false,
        };
        let seen = sources.iter().all(|source| self.sources.get(source).is_some_and(|at| is_fresh(*at, now)));
        let live = self.table_live(state.generations.table, now);
        let from = before.map(|before| before.max(doing.since));
        if let Some(from) = from
            && counts
            && (seen && live || planted::is(Bug::BlindHold))
        {
            let span = elapsed.since(from);
            // A longer gap was not observed: nothing is known about it.
            if span <= COUNTED_GAP_MAX {
                self.counted.span = self.counted.span + span;
            }
        }
    }

    /// How many looks in a row showed a release ready under this generation.
    pub fn rise(&self, release: ReleaseNumber, generation: Position) -> u32 {
        self.rises.get(&release).filter(|(about, _)| *about == generation).map_or(0, |(_, rise)| *rise)
    }

    /// What the platform shows of a release, if it was seen lately.
    pub fn instances(&self, release: ReleaseNumber, now: Time) -> Option<InstancesLook> {
        self.platform(now).map(|look| look.releases.get(&release).cloned().unwrap_or_default())
    }

    /// Open work on the instances of a release that get no new work; none where a router is silent.
    pub fn leaving(&self, release: ReleaseNumber, now: Time) -> Option<u64> {
        let members = &self.router(now)?.members;
        let mut sum = 0;
        for member in members.values() {
            sum += member.as_ref()?.open.get(&release).map_or(0, |open| open.leaving);
        }
        Some(sum)
    }

    /// The holding time that counts for the current attempt.
    pub fn held(&self, generation: Position) -> Span {
        if self.counted.generation == generation { self.counted.span } else { Span::ZERO }
    }
}

/// Whether something seen at `at` is still news.
pub fn is_fresh(at: Time, now: Time) -> bool {
    now.since(at) <= FRESH_FOR
}
