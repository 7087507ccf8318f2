//! What an attempt at a step has come to: one function per verb. Intent is not fact: each asks what
//! was observed.

use crate::command::{Reply, Target};
use crate::journal::entry::Judgement;
use crate::journal::state::{Doing, Rollout, State};
use crate::observe::{Observations, Reading};
use crate::planted::{self, Bug};
use crate::store::Position;
use model::gate::Gate;
use model::plan::{DrainEnd, Step, Verb};
use model::service::{Hook, Repeat};
use model::{CheckName, Name, ReleaseNumber, Span, Time, Verdict};

/// What an attempt has come to.
pub(super) enum Outcome {
    /// Nothing yet.
    Wait,
    /// Its effect was observed.
    Done { note: String, verdicts: Vec<Judgement> },
    /// The target said no, or was seen not to do it in time.
    Failed(String),
    /// A check failed: trying again would not help.
    FailedCheck(Judgement),
    /// Nobody decided in time.
    Choose(ReleaseNumber),
    /// Nobody can say.
    Unknown(String),
}

fn done(note: impl Into<String>) -> Outcome {
    Outcome::Done { note: note.into(), verdicts: Vec::new() }
}

/// One attempt, with all that it is judged by.
struct Attempt<'a> {
    state: &'a State,
    rollout: &'a Rollout,
    doing: &'a Doing,
    step: &'a Step,
    seen: &'a Observations,
    now: Time,
}

/// What the attempt that goes on has come to.
pub(super) fn judge(state: &State, rollout: &Rollout, seen: &Observations, now: Time) -> Outcome {
    let (Some(doing), Some(step)) = (&rollout.doing, rollout.step()) else { return Outcome::Wait };
    let attempt = Attempt { state, rollout, doing, step, seen, now };
    match &step.verb {
        Verb::Start { release, rise, .. } => attempt.start(*release, *rise),
        Verb::Route { .. } => attempt.route(),
        Verb::Observe { hold, checks, sources } => attempt.observe(*hold, checks, sources),
        Verb::Approve { gate } => attempt.approve(gate),
        Verb::Hook { hook, .. } => attempt.hook(hook),
        Verb::Migrate { migration, .. } => attempt.replied(&Target::Migration(migration.clone())),
        Verb::Flag { flag, .. } => attempt.flag(flag),
        Verb::Drain { release, end, .. } => attempt.drain(*release, *end),
        Verb::Stop { release, keep } => attempt.stop(*release, *keep),
        Verb::Notify { .. } => done(""),
    }
}

impl Attempt<'_> {
    fn generation(&self) -> Position {
        self.doing.generation
    }

    fn lasted(&self) -> Span {
        self.state.elapsed(self.now).since(self.doing.since)
    }

    /// Deadlines fire only once everything was looked at, and not while paused.
    fn overdue(&self, allowed: Span) -> bool {
        (self.seen.looked || planted::is(Bug::DeadlineBeforeLook))
            && self.rollout.paused.is_none()
            && self.lasted() >= allowed
    }

    fn start(&self, release: ReleaseNumber, rise: u32) -> Outcome {
        if planted::is(Bug::WeightBeforeReady) {
            return done("");
        }
        let wanted = self.state.standing.capacity(release);
        let look = self.seen.instances(release, self.now);
        if let Some(look) = &look
            && look.generation >= self.generation()
        {
            if look.ready >= wanted && self.seen.rise(release, self.generation()) >= rise {
                return done(format!("{} of {wanted} ready", look.ready));
            }
            if let Some(why) = &look.failing {
                return Outcome::Failed(why.clone());
            }
        }
        if let Some(why) = self.seen.refused(&Target::Instances(release), self.generation()) {
            return Outcome::Failed(why.to_owned());
        }
        if !self.overdue(self.step.timeout) {
            return Outcome::Wait;
        }
        match look {
            Some(look) if look.generation >= self.generation() => {
                Outcome::Failed(format!("{} of {wanted} were ready after {}", look.ready, self.step.timeout))
            }
            Some(_) => Outcome::Unknown("the platform has not acted on the command".into()),
            None => Outcome::Unknown("the platform does not answer".into()),
        }
    }

    fn route(&self) -> Outcome {
        if self.seen.table_live(self.generation(), self.now) || planted::is(Bug::RouteUnconfirmed) {
            return done("live in every router");
        }
        if let Some(why) = self.seen.refused(&Target::Routers, self.generation()) {
            return Outcome::Failed(why.to_owned());
        }
        if self.overdue(self.step.timeout) { Outcome::Unknown(self.silent_routers()) } else { Outcome::Wait }
    }

    fn silent_routers(&self) -> String {
        let Some(router) = self.seen.router(self.now) else { return "the routers do not answer".into() };
        let late: Vec<&str> = router
            .members
            .iter()
            .filter(|(_, look)| look.as_ref().is_none_or(|look| look.generation < self.state.generations.table))
            .map(|(name, _)| name.as_str())
            .collect();
        format!("not confirmed by {}", if late.is_empty() { "any router".into() } else { late.join(", ") })
    }

    fn observe(&self, hold: Span, checks: &[CheckName], sources: &[Name]) -> Outcome {
        let readings = || checks.iter().map(|check| (check, self.seen.reading(check, self.rollout.number, self.now)));
        let judgement = |check: &CheckName, reading: &Reading| Judgement {
            check: check.clone(),
            verdict: reading.verdict,
            evidence: reading.evidence.clone(),
        };
        for (check, reading) in readings() {
            if let Some(reading) = reading.filter(|reading| reading.verdict == Verdict::Fail) {
                return Outcome::FailedCheck(judgement(check, reading));
            }
        }
        let passes = readings().all(|(_, reading)| match reading {
            Some(reading) => reading.verdict == Verdict::Pass,
            None => planted::is(Bug::AbsentIsPass),
        });
        if self.rollout.paused.is_some() {
            return Outcome::Wait;
        }
        if self.rollout.promoted || self.rollout.skipped {
            return done("skipped");
        }
        let held = self.seen.held(self.generation());
        if held >= hold && passes {
            let verdicts = readings().filter_map(|(check, reading)| Some(judgement(check, reading?))).collect();
            return Outcome::Done { note: format!("held for {held}"), verdicts };
        }
        if !self.overdue(hold + self.step.timeout) {
            return Outcome::Wait;
        }
        let unsaid = readings().filter_map(|(check, reading)| match reading {
            None => Some(format!("{check} has not answered")),
            Some(reading) if reading.verdict == Verdict::Undecided => {
                Some(format!("{check}: {}", reading.evidence.summary))
            }
            Some(_) => None,
        });
        let mut missing: Vec<String> = unsaid.collect();
        if held < hold {
            let of = sources.iter().map(Name::as_str).collect::<Vec<_>>().join(", ");
            missing.insert(0, format!("only {held} of {hold} were observed (of {of} and the routers)"));
        }
        Outcome::Unknown(missing.join("; "))
    }

    fn approve(&self, gate: &Gate) -> Outcome {
        if self.rollout.paused.is_some() {
            return Outcome::Wait;
        }
        // Promoting hurries what only takes time; what somebody or something has to allow stays.
        let hurried = self.rollout.promoted && matches!(gate, Gate::Decision { .. });
        if hurried || self.rollout.skipped {
            return done("skipped");
        }
        match gate {
            Gate::Person { count, .. } => {
                if self.rollout.approvals.len() >= *count as usize {
                    return done(format!("approved by {}", self.rollout.approvals.join(", ")));
                }
            }
            Gate::Decision { otherwise, .. } => {
                if let Some(keep) = self.rollout.chosen {
                    return done(format!("release {keep} is kept"));
                }
                return if self.overdue(self.step.timeout) { Outcome::Choose(*otherwise) } else { Outcome::Wait };
            }
            Gate::Webhook { name, .. } => {
                if self.seen.gate == Some((self.generation(), true)) {
                    return done(format!("{name} said yes"));
                }
            }
            Gate::Calendar(calendar) => {
                if calendar.open_at(self.state.wall(self.now)) {
                    return done("the window is open");
                }
            }
        }
        if self.overdue(self.step.timeout) {
            let who = if matches!(gate, Gate::Calendar(_)) { "no window opened" } else { "nobody said yes" };
            return Outcome::Failed(format!("{who} within {}", self.step.timeout));
        }
        Outcome::Wait
    }

    fn reply(&self, target: &Target) -> Option<&Reply> {
        self.seen.reply(target, self.generation())
    }

    fn hook(&self, hook: &Hook) -> Outcome {
        let target = Target::Hook(self.generation());
        let never = hook.repeat == Repeat::Never;
        match self.reply(&target) {
            // Undecided would start a wait that ends by itself, and that nobody could resume from: a
            // paused rollout does not move.
            Some(Reply::Unknown(_)) | None if self.rollout.paused.is_some() => Outcome::Wait,
            Some(Reply::Unknown(why)) if never => Outcome::Unknown(format!("{}: {why}", hook.name)),
            None if never && self.generation() <= self.seen.recovered_at && !planted::is(Bug::NeverRepeated) => {
                Outcome::Unknown(format!("{} may have been called before the controller was gone", hook.name))
            }
            _ => self.replied(&target),
        }
    }

    /// For targets whose reply says that the work is done.
    fn replied(&self, target: &Target) -> Outcome {
        match self.reply(target) {
            Some(Reply::Accepted) => done(""),
            Some(Reply::Failed { why, .. }) => Outcome::Failed(why.clone()),
            Some(Reply::Superseded(_) | Reply::Unknown(_)) | None => {
                if self.overdue(self.step.timeout) && self.asked_for() >= self.step.timeout {
                    Outcome::Unknown("no answer".into())
                } else {
                    Outcome::Wait
                }
            }
        }
    }

    /// How long this controller could have heard an answer. No look shows what was answered to the one
    /// before it: it asks again, and until that had its time nobody knows less than before.
    fn asked_for(&self) -> Span {
        self.state.elapsed(self.now).since(self.doing.since.max(self.seen.recovered_since))
    }

    /// A kill always wins, and on the way back so does whoever changed the flag since.
    fn flag(&self, flag: &Name) -> Outcome {
        let target = Target::Flag(flag.clone());
        match (self.reply(&target), self.rollout.back.is_some()) {
            (Some(Reply::Superseded(_)), true) => done(format!("{flag} was changed since, and stays")),
            (Some(Reply::Superseded(_)), false) => Outcome::Failed(format!("{flag} was killed or changed")),
            _ => self.replied(&target),
        }
    }

    fn drain(&self, release: ReleaseNumber, end: DrainEnd) -> Outcome {
        if planted::is(Bug::DrainSkipped) {
            return done("");
        }
        let table = self.state.generations.table;
        let live = self.seen.table_live(table, self.now);
        let since = self.seen.drained_since.filter(|(generation, _)| live && *generation == table);
        let Some((_, since)) = since else {
            let overdue = self.overdue(self.step.timeout);
            return if overdue { Outcome::Unknown(self.silent_routers()) } else { Outcome::Wait };
        };
        let lasted = self.state.elapsed(self.now).since(since);
        match end {
            DrainEnd::Timed { after } if lasted >= after => done(format!("{after} passed; nobody counts")),
            DrainEnd::Timed { .. } => Outcome::Wait,
            DrainEnd::Counted { deadline } => match self.seen.leaving(release, self.now) {
                Some(0) => done("no open work"),
                Some(open) if lasted >= deadline => done(format!("{open} still open after {deadline} are cut")),
                None if self.overdue(self.step.timeout + deadline) => Outcome::Unknown(self.silent_routers()),
                Some(_) | None => Outcome::Wait,
            },
        }
    }

    fn stop(&self, release: ReleaseNumber, keep: u32) -> Outcome {
        let look = self.seen.instances(release, self.now);
        if look.as_ref().is_some_and(|look| look.generation >= self.generation() && look.running <= keep) {
            return done("");
        }
        if let Some(why) = self.seen.refused(&Target::Instances(release), self.generation()) {
            return Outcome::Failed(why.to_owned());
        }
        if !self.overdue(self.step.timeout) {
            return Outcome::Wait;
        }
        match look {
            Some(look) if look.generation >= self.generation() => {
                Outcome::Failed(format!("{} still run after {}", look.running - keep, self.step.timeout))
            }
            Some(_) => Outcome::Unknown("the platform has not acted on the command".into()),
            None => Outcome::Unknown("the platform does not answer".into()),
        }
    }
}
