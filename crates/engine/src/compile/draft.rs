//! A plan in the making: steps with their time limits, hooks at their points, gates, migrations and
//! flags, so that each strategy reads like the sentence that describes it.

use super::foretell::foretell;
use super::refusal::{Code, Reason};
use crate::facts::{Facts, RouterFacts};
use model::check::Rule;
use model::gate::Gate;
use model::intent::{Door, Hold};
use model::plan::{Capacity, DrainEnd, Phase, Step, Verb};
use model::service::{Hook, HookPoint, Migration};
use model::standing::ClosingWork;
use model::strategy::Amount;
use model::{CheckName, Intent, Lane, Name, Release, ReleaseNumber, Service, Share, Span, Standing, Strategy};
use std::collections::{BTreeMap, BTreeSet};

/// On top of the time that an instance may take to become ready: the command has to get there too.
const START_MARGIN: Span = Span::minutes(1);
/// A start that failed is not tried again: the same artifact would fail the same way, only later.
const START_ATTEMPTS: u32 = 1;
/// How long every router may take to confirm a table.
pub(super) const ROUTE_TIMEOUT: Span = Span::minutes(1);
/// Routers answer late more often than they refuse.
const ROUTE_ATTEMPTS: u32 = 3;
/// How long sources may be stale in all before an Observe is undecided.
const OBSERVE_TIMEOUT: Span = Span::minutes(10);
/// How long a drain may take beyond its own deadline.
const DRAIN_MARGIN: Span = Span::minutes(1);
const DRAIN_ATTEMPTS: u32 = 3;
/// How long instances may take to be gone beyond their grace.
const STOP_MARGIN: Span = Span::seconds(30);
const STOP_ATTEMPTS: u32 = 3;
/// Phases of a migration are idempotent, and a lock that was not free is often free a moment later.
const MIGRATE_ATTEMPTS: u32 = 3;
const FLAG_TIMEOUT: Span = Span::minutes(1);
const FLAG_ATTEMPTS: u32 = 3;
const NOTIFY_TIMEOUT: Span = Span::minutes(1);
/// How long a person is waited for where the service does not say.
const APPROVAL_TIMEOUT: Span = Span::hours(24);
/// How long the calendar is waited for: longer than any freeze should be.
const CALENDAR_TIMEOUT: Span = Span::hours(28 * 24);
/// How long a landing without a watching time of its own is watched: a minute to settle, then checks.
const SETTLE: Span = Span::minutes(1);
/// The same where there is no check to ask: long enough for a crash at once to show.
const SETTLE_UNCHECKED: Span = Span::seconds(10);

/// How far the draft has come; forked where a decision leads to different ends.
#[derive(Clone)]
struct Progress {
    /// What is wanted after the steps so far.
    now: Standing,
    /// What each release was last started with.
    started: BTreeMap<ReleaseNumber, Capacity>,
    /// Whether requests or their copies have reached the candidate.
    reached: bool,
    /// Whether stable and the candidate have served or answered side by side.
    side_by_side: bool,
    /// Whether the person who is asked before the promotion has been asked.
    asked: bool,
}

/// A plan in the making.
pub(super) struct Draft<'a> {
    pub(super) service: &'a Service,
    pub(super) release: &'a Release,
    pub(super) standing: &'a Standing,
    pub(super) facts: &'a Facts,
    /// The file of the release that serves, where one does.
    pub(super) serving: Option<&'a Service>,
    pub(super) steps: Vec<Step>,
    pub(super) reasons: Vec<Reason>,
    /// How many instances of the old release stay warm; `None` for all.
    pub(super) warm_capacity: Option<u32>,
    /// Whether the old release stays warm.
    pub(super) stays_warm: bool,
    /// Whether old and new must never run side by side.
    pub(super) exclusive: bool,
    /// The release that serves in the end.
    pub(super) kept: ReleaseNumber,
    /// The releases that a decision may keep.
    pub(super) choices: Vec<ReleaseNumber>,
    progress: Progress,
    only_if: Option<ReleaseNumber>,
}

impl<'a> Draft<'a> {
    pub(super) fn new(
        release: &'a Release,
        serving: Option<&'a Service>,
        standing: &'a Standing,
        facts: &'a Facts,
    ) -> Self {
        Self {
            service: &release.service,
            release,
            standing,
            facts,
            serving,
            steps: Vec::new(),
            reasons: Vec::new(),
            warm_capacity: None,
            stays_warm: false,
            exclusive: false,
            kept: release.number,
            choices: Vec::new(),
            progress: Progress {
                now: standing.clone(),
                started: BTreeMap::new(),
                reached: false,
                side_by_side: false,
                asked: false,
            },
            only_if: None,
        }
    }

    // What is known.

    pub(super) fn candidate(&self) -> ReleaseNumber {
        self.release.number
    }

    pub(super) fn stable(&self) -> Option<ReleaseNumber> {
        self.standing.release
    }

    /// What is wanted after the steps so far.
    pub(super) fn now(&self) -> &Standing {
        &self.progress.now
    }

    /// Whether a landing's old and new must never meet. That two versions cannot run side by side is said
    /// about the one that comes, and one that comes later may say otherwise; a singleton has the last word.
    pub(super) fn keeps_apart(&self) -> bool {
        keeps_apart(self.service) || self.serving.is_some_and(|serving| serving.instances.singleton)
    }

    /// The same of a return: what came as one that cannot run beside the old goes like that, too.
    pub(super) fn returns_apart(&self) -> bool {
        keeps_apart(self.service) || self.serving.is_some_and(keeps_apart)
    }

    /// How requests are held while old and new change places, where their strategy does not say.
    pub(super) fn hold_between(&self) -> Hold {
        let said = |service: &Service| match &service.strategy {
            Strategy::Recreate(recreate) => Some(recreate.hold),
            Strategy::Rolling(_)
            | Strategy::BlueGreen(_)
            | Strategy::Canary(_)
            | Strategy::Ab(_)
            | Strategy::Shadow(_) => None,
        };
        said(self.service).or_else(|| self.serving.and_then(said)).unwrap_or(Hold::Parking)
    }

    pub(super) fn has_traffic(&self) -> bool {
        self.service.traffic.is_some()
    }

    pub(super) fn is_sticky(&self) -> bool {
        self.service.traffic.as_ref().is_some_and(|traffic| traffic.sticky.is_some())
    }

    pub(super) fn router(&self) -> Option<&RouterFacts> {
        self.facts.router.as_ref().filter(|_| self.has_traffic())
    }

    /// How many instances it needs to take everything.
    pub(super) fn full_count(&self) -> u32 {
        if self.service.instances.singleton || !self.facts.platform.counted { 1 } else { self.service.instances.count }
    }

    /// The capacity to take everything: an autoscaler's number is stable's, whatever that is by then.
    pub(super) fn full(&self) -> Capacity {
        let autoscaled = self.service.instances.autoscaled && self.facts.platform.counted;
        match self.stable() {
            Some(_) if autoscaled => Capacity::OfStable(Share::ALL),
            _ => Capacity::Count(self.full_count()),
        }
    }

    /// Enough capacity for this share of traffic, and at least one instance.
    pub(super) fn enough_for(&self, share: Share) -> Capacity {
        match self.full() {
            Capacity::OfStable(_) if !share.is_none() => Capacity::OfStable(share),
            Capacity::OfStable(_) => Capacity::Count(1),
            Capacity::Count(full) => Capacity::Count(Amount::Share(share).of(full).max(1)),
        }
    }

    /// The capacity as somebody asked for it.
    pub(super) fn amount(&mut self, amount: Amount) -> Capacity {
        if !self.facts.platform.counted {
            self.refuse_uncounted("the strategy asks for a number of instances");
            return Capacity::Count(1);
        }
        match (self.full(), amount) {
            (Capacity::OfStable(_), Amount::Share(share)) => Capacity::OfStable(share),
            (_, amount) => Capacity::Count(amount.of(self.full_count()).max(1)),
        }
    }

    // Verbs.

    pub(super) fn push(&mut self, verb: Verb, timeout: Span, attempts: u32) {
        let stable = self.stable();
        foretell(&mut self.progress.now, stable, &verb);
        self.steps.push(Step { verb, timeout, attempts, only_if: self.only_if });
    }

    /// Brings a release to this capacity; never to less than it has, which is Drain and Stop's to do.
    pub(super) fn start(&mut self, release: ReleaseNumber, capacity: Capacity) {
        let capacity = match capacity {
            Capacity::Count(count) => Capacity::Count(count.max(self.progress.now.capacity(release))),
            Capacity::OfStable(share) => Capacity::OfStable(share),
        };
        let first = !self.progress.started.contains_key(&release);
        if self.progress.started.insert(release, capacity) == Some(capacity) {
            return;
        }
        let verb = Verb::Start { release, capacity, rise: self.rise() };
        self.push(verb, start_timeout(self.service), START_ATTEMPTS);
        if first && release == self.candidate() {
            self.hooks(HookPoint::AfterStart);
        }
    }

    /// Brings the release that is returned to back to its capacity; its hooks were called when it landed.
    pub(super) fn start_again(&mut self, capacity: Capacity) {
        let verb = Verb::Start { release: self.candidate(), capacity, rise: self.rise() };
        self.push(verb, start_timeout(self.service), START_ATTEMPTS);
        self.progress.reached = true;
    }

    /// Time passes; nothing is asked, and no source is waited for.
    pub(super) fn wait(&mut self, hold: Span) {
        self.push(Verb::Observe { hold, checks: Vec::new(), sources: Vec::new() }, OBSERVE_TIMEOUT, 1);
    }

    /// Sends traffic along these lanes. Sessions that older warm releases still serve keep their lane.
    pub(super) fn route(&mut self, lanes: Vec<Lane>) {
        self.route_with(lanes, None);
    }

    fn route_with(&mut self, mut lanes: Vec<Lane>, hold: Option<Hold>) {
        if !self.has_traffic() {
            return;
        }
        for lane in self.progress.now.intent.lanes() {
            let other = Some(lane.release) != self.stable() && lane.release != self.candidate();
            let listed = lanes.iter().any(|listed| listed.release == lane.release);
            if other && !listed && lane.door == Door::Pinned && self.progress.now.capacity(lane.release) > 0 {
                lanes.push(Lane::pinned(lane.release));
            }
        }
        match Intent::new(lanes, hold) {
            Ok(intent) => self.route_intent(intent),
            // Said already, and better: by the strategy, or because a release does not share with itself.
            Err(_)
                if self
                    .reasons
                    .iter()
                    .any(|reason| matches!(reason.code, Code::SharesDoNotSum | Code::AlreadyServing)) => {}
            Err(why) => self.refuse(
                Code::SharesDoNotSum,
                format!("the shares make no whole: {why}"),
                "let the shares of all variants sum to 100 %, and name each release once",
            ),
        }
    }

    fn route_intent(&mut self, intent: Intent) {
        if intent == self.progress.now.intent {
            return;
        }
        let reaches = intent.reaches(self.candidate());
        let first = reaches && !self.progress.reached;
        if first {
            self.hooks(HookPoint::BeforeRoute);
        }
        let mirrored = intent.lane(self.candidate()).is_some_and(|lane| !lane.mirror.is_none());
        let split = !intent.share(self.candidate()).is_none() && intent.share(self.candidate()) != Share::ALL;
        self.progress.side_by_side |= mirrored || split;
        self.push(Verb::Route { intent }, ROUTE_TIMEOUT, ROUTE_ATTEMPTS);
        if first {
            self.progress.reached = true;
            self.hooks(HookPoint::AfterRoute);
        }
    }

    /// Nobody is served from here on, under the lanes that stand.
    pub(super) fn hold_traffic(&mut self, hold: Hold) {
        if self.router().is_some_and(|router| !router.holds) {
            self.refuse(
                Code::RouterCannotHold,
                "the old release is stopped before the new one starts, and the router cannot hold requests meanwhile",
                "put the service behind the gateway, or use `rolling` or `blue-green`, which leave nobody waiting",
            );
        }
        if self.has_traffic() {
            self.route_intent(self.progress.now.intent.clone().with_hold(Some(hold)));
        }
    }

    /// Time passes under watch; then those checks must pass that can have measured something by now.
    pub(super) fn observe(&mut self, hold: Span, checks: &[CheckName]) {
        let checks = self.askable(checks);
        if hold == Span::ZERO && checks.is_empty() {
            return;
        }
        let mut sources: BTreeSet<Name> =
            self.service.checks.iter().filter(|c| checks.contains(&c.name)).map(|c| c.source.clone()).collect();
        if self.has_traffic() {
            sources.extend(self.facts.sources.iter().find(|source| source.as_str() == "gateway").cloned());
        }
        let verb = Verb::Observe { hold, checks, sources: sources.into_iter().collect() };
        self.push(verb, OBSERVE_TIMEOUT, 1);
    }

    /// As [`Draft::observe`]; a step that names no check asks them all.
    pub(super) fn observe_all_unless_named(&mut self, hold: Span, named: &[CheckName]) {
        if named.is_empty() {
            let all: Vec<CheckName> = self.service.checks.iter().map(|check| check.name.clone()).collect();
            self.observe(hold, &all);
        } else {
            self.observe(hold, named);
        }
    }

    /// A short watch at the end of a landing that has none of its own, long enough for every check.
    pub(super) fn settle(&mut self) {
        let warm_up = self.service.checks.iter().map(|check| check.warm_up).max();
        let hold = warm_up.map_or(SETTLE_UNCHECKED, |warm_up| SETTLE + warm_up);
        self.observe_all_unless_named(hold, &[]);
    }

    /// A check that cannot have measured anything is not asked: it would be undecided for ever. The
    /// gateway's own numbers need a share (matched requests are counted apart), and a comparison
    /// needs both sides.
    fn askable(&mut self, named: &[CheckName]) -> Vec<CheckName> {
        let candidate = self.candidate();
        let lane = self.progress.now.intent.lane(candidate);
        let exposed = !self.has_traffic() || lane.is_some_and(|lane| !lane.mirror.is_none() || !lane.share.is_none());
        let comparable = self.progress.side_by_side || (!self.has_traffic() && self.stable().is_some());
        let mut askable = Vec::new();
        for name in named {
            let Some(check) = self.demand_check(name) else { continue };
            let compares = matches!(check.rule, Rule::Comparison { .. });
            let measures_traffic = compares || check.source.as_str() == "gateway";
            let measured = (exposed || !measures_traffic) && (comparable || !compares);
            if measured && !check.dry_run && !askable.contains(name) {
                askable.push(name.clone());
            }
        }
        askable
    }

    /// Takes work away from a release's instances from this number on, then stops them.
    pub(super) fn drain_and_stop(&mut self, release: ReleaseNumber, keep: u32) {
        if self.progress.now.capacity(release) <= keep {
            return;
        }
        let end = drain_end(self.service, self.router());
        self.push(Verb::Drain { release, keep, end }, DRAIN_MARGIN, DRAIN_ATTEMPTS);
        self.push(Verb::Stop { release, keep }, stop_timeout(self.service), STOP_ATTEMPTS);
        self.progress.started.remove(&release);
    }

    pub(super) fn notify(&mut self, message: String) {
        if !self.service.notifications.is_empty() {
            self.push(Verb::Notify { message }, NOTIFY_TIMEOUT, 1);
        }
    }

    pub(super) fn hooks(&mut self, at: HookPoint) {
        let hooks: Vec<Hook> = self.service.hooks.iter().filter(|hook| hook.at == at).cloned().collect();
        for hook in hooks {
            let (timeout, attempts) = (hook.timeout, hook.attempts.max(1));
            self.push(Verb::Hook { hook, undo: false }, timeout, attempts);
        }
    }

    // Passages that several strategies share.

    /// What comes before anything: the calendar, webhooks, word to people, hooks.
    pub(super) fn open(&mut self) {
        let gates = &self.service.gates;
        if let Some(calendar) = &gates.calendar {
            self.push(Verb::Approve { gate: Gate::Calendar(calendar.clone()) }, CALENDAR_TIMEOUT, 1);
        }
        for webhook in &gates.webhooks {
            let gate = Gate::Webhook { name: webhook.name.clone(), url: webhook.url.clone() };
            self.push(Verb::Approve { gate }, webhook.timeout, 1);
        }
        let (name, strategy) = (&self.service.name, self.service.strategy.name().as_str());
        self.notify(format!("{name}{} begins to land by {strategy}", self.candidate()));
        self.hooks(HookPoint::Before);
    }

    /// The database gets the new shape beside the old one. What landed before is left alone: undoing
    /// it with this rollout would take it from the release that serves.
    pub(super) fn migrate(&mut self) {
        for migration in self.new_migrations() {
            let mut phases = vec![Phase::Expand];
            if migration.backfill {
                phases.extend([Phase::Backfill, Phase::Verify]);
            }
            for phase in phases {
                self.push_migrate(migration, phase);
            }
        }
    }

    /// Where the candidate is not kept, its migrations go too, unless that would lose what was written.
    pub(super) fn abort_migrations(&mut self) {
        for migration in self.new_migrations().into_iter().rev().filter(|migration| migration.reversible) {
            self.push_migrate(migration, Phase::Abort);
        }
    }

    fn push_migrate(&mut self, migration: &Migration, phase: Phase) {
        let verb = Verb::Migrate { migration: migration.name.clone(), phase, reversible: migration.reversible };
        self.push(verb, migration.timeout, MIGRATE_ATTEMPTS);
    }

    /// The migrations that no release before brought.
    pub(super) fn new_migrations(&self) -> Vec<&'a Migration> {
        self.migrations().iter().filter(|migration| !self.standing.migrated.contains(&migration.name)).collect()
    }

    fn migrations(&self) -> &'a [Migration] {
        self.service.database.as_ref().map_or(&[], |database| &database.migrations)
    }

    /// The migrations whose contraction is this landing's to see to: of those it brings, and of those that
    /// landed before and lost theirs to a return. Not of those whose contraction has begun, or is `pending`.
    pub(super) fn to_contract(&self, pending: &[ClosingWork]) -> Vec<&'a Migration> {
        let waits = |name: &Name| {
            pending.iter().any(|work| matches!(work, ClosingWork::Contract { migration, .. } if migration == name))
        };
        let all = self.migrations().iter().filter(|migration| migration.contract);
        all.filter(|migration| !self.standing.has_contracted(&migration.name) && !waits(&migration.name)).collect()
    }

    /// Waits for a person's yes.
    pub(super) fn approve(&mut self) {
        let approval = self.service.gates.approval.as_ref();
        let timeout = approval.map_or(APPROVAL_TIMEOUT, |approval| approval.timeout);
        let approvers = approval.map_or_else(Vec::new, |approval| approval.approvers.clone());
        let count = approval.map_or(1, |approval| approval.count.max(1));
        self.notify(format!("{}{} waits for a yes", self.service.name, self.candidate()));
        self.push(Verb::Approve { gate: Gate::Person { approvers, count } }, timeout, 1);
    }

    /// Waits for a person who keeps one of these.
    pub(super) fn decide(&mut self, choices: Vec<ReleaseNumber>, otherwise: ReleaseNumber, until: Span) {
        self.choices.clone_from(&choices);
        self.notify(format!("{}{} waits for a decision", self.service.name, self.candidate()));
        self.push(Verb::Approve { gate: Gate::Decision { choices, otherwise } }, until, 1);
    }

    /// The yes that the service asks for before the candidate gets everything, and that is given once.
    pub(super) fn approve_promotion(&mut self, strategy_asks: bool) {
        if (strategy_asks || self.service.gates.approval.is_some()) && !self.progress.asked {
            self.approve();
        }
        self.progress.asked = true;
    }

    /// The candidate gets everything; what stable gets meanwhile is in the lanes. The candidate has
    /// its full capacity by now, so that a yes takes effect within one Route.
    pub(super) fn promote(&mut self, lanes: Vec<Lane>, strategy_asks: bool) {
        self.hooks(HookPoint::BeforePromote);
        self.approve_promotion(strategy_asks);
        self.route(lanes);
    }

    /// The candidate has everything.
    pub(super) fn promoted(&mut self) {
        for change in &self.service.flags {
            let verb =
                Verb::Flag { flag: change.flag.clone(), to: change.to.clone(), only_from: Some(change.from.clone()) };
            self.push(verb, FLAG_TIMEOUT, FLAG_ATTEMPTS);
        }
        self.hooks(HookPoint::After);
    }

    /// Everything to one release; sessions of stable stay with it where it still runs.
    pub(super) fn all_to(&self, release: ReleaseNumber) -> Vec<Lane> {
        let mut lanes = vec![Lane::open(release, Share::ALL)];
        let old = self.stable().filter(|old| *old != release && self.progress.now.admitted(*old) > 0);
        lanes.extend(old.filter(|_| self.is_sticky()).map(Lane::pinned));
        lanes
    }

    /// The old release stays warm for the rollback window where that is wanted and possible; else it goes.
    /// Without traffic it cannot stand idle: it would go on working beside the new one.
    pub(super) fn part_with(&mut self, old: ReleaseNumber, idle: Option<Amount>) {
        let before = self.standing.capacity(old);
        let idle = idle.map(|idle| idle.of(before));
        let window = self.service.rollback.window > Span::ZERO;
        if window && self.has_traffic() && self.facts.platform.keeps_idle && idle != Some(0) {
            self.stays_warm = true;
            self.warm_capacity = idle.filter(|idle| *idle < before);
            self.drain_and_stop(old, idle.unwrap_or(before));
        } else {
            self.drain_and_stop(old, 0);
        }
    }

    /// What is done only where a decision kept this release.
    pub(super) fn only_if(&mut self, kept: ReleaseNumber, steps: impl FnOnce(&mut Self)) {
        let before = self.progress.clone();
        self.only_if = Some(kept);
        steps(self);
        self.only_if = None;
        self.progress = before;
    }

    fn rise(&self) -> u32 {
        rise(self.service)
    }
}

/// Whether a release of this file never runs beside another.
fn keeps_apart(service: &Service) -> bool {
    service.instances.singleton || matches!(service.strategy, Strategy::Recreate(_))
}

pub(super) fn rise(service: &Service) -> u32 {
    service.health.ready.as_ref().map_or(1, |probe| probe.rise.max(1))
}

pub(super) fn start_timeout(service: &Service) -> Span {
    service.health.deadline + START_MARGIN
}

pub(super) fn stop_timeout(service: &Service) -> Span {
    service.drain.grace + STOP_MARGIN
}

/// How the end of a drain is known. Where the router does not count, the whole deadline is waited for.
/// Without a router there is no work to take away from an instance; what it has begun, it ends in the
/// grace between SIGTERM and SIGKILL.
pub(super) fn drain_end(service: &Service, router: Option<&RouterFacts>) -> DrainEnd {
    match router {
        Some(router) if router.counts_open_work => DrainEnd::Counted { deadline: service.drain.deadline },
        Some(_) => DrainEnd::Timed { after: service.drain.spread + service.drain.deadline },
        None => DrainEnd::Timed { after: service.drain.spread },
    }
}
