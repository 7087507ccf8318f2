//! What must never happen, where a plan lets it be seen coming. A concern refuses nothing: `plan`
//! prints it, and policy may refuse for it.

use crate::outline::Outline;
use model::check::Rule;
use model::gate::Gate;
use model::plan::Verb;
use model::service::{Hook, HookPoint};
use model::strategy::{Strategy, StrategyName};
use model::{Plan, Service, Share, Span, Time};
use std::collections::BTreeMap;

/// With less, nobody has looked at the numbers before the way back is gone.
const WINDOW_MIN: Span = Span::minutes(30);
/// From this on a first step is no small one any more.
const FIRST_STEP_MAX: Share = Share::percent(50);
/// With less, most requests of a slow day are cut.
const DRAIN_MIN: Span = Span::seconds(5);
/// Methods that change nothing.
const SAFE_METHODS: [&str; 4] = ["GET", "HEAD", "OPTIONS", "TRACE"];
/// On Fridays from this minute on nobody will be there to notice.
const FRIDAY_LATE: u16 = 14 * 60;
/// Day is from here ...
const DAY_FROM: u16 = 7 * 60;
/// ... to here.
const DAY_TO: u16 = 20 * 60;

/// When the landing would begin, also by the clock on the wall of those who look after the service.
/// The caller knows their time zone; nothing here reads a clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Moment {
    /// 1 for Monday to 7 for Sunday.
    pub weekday: u8,
    /// Minutes after midnight.
    pub minute: u16,
    /// The same moment everywhere.
    pub at: Time,
}

/// Something that a person should know before the plan is accepted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Concern {
    /// For programs and policies: stays the same when the sentences are bettered.
    pub code: &'static str,
    /// What could happen.
    pub message: String,
    /// What to do about it.
    pub help: String,
}

impl std::fmt::Display for Concern {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {}\n  help: {}", self.code, self.message, self.help)
    }
}

/// All that speaks for a second thought.
pub fn concerns(service: &Service, plan: &Plan, outline: &Outline, now: Option<Moment>) -> Vec<Concern> {
    let mut look = Look { service, plan, outline, found: Vec::new() };
    look.at_health();
    look.at_instances();
    look.at_checks();
    look.at_warm_ups();
    look.at_strategy();
    look.at_the_way_back();
    look.at_migrations();
    look.at_draining();
    look.at_people();
    look.at_hooks();
    look.at_secrets();
    if let Some(now) = now {
        look.at_the_clock(now);
        look.at_the_calendar(now.at);
    }
    look.found
}

struct Look<'a> {
    service: &'a Service,
    plan: &'a Plan,
    outline: &'a Outline,
    found: Vec<Concern>,
}

impl Look<'_> {
    fn say(&mut self, code: &'static str, message: impl Into<String>, help: impl Into<String>) {
        self.found.push(Concern { code, message: message.into(), help: help.into() });
    }

    fn at_health(&mut self) {
        if self.service.health.ready.is_none() {
            self.say(
                "no-health-check",
                "nothing asks an instance whether it is ready: it would get work as soon as its process runs",
                "set `health.ready`, as an HTTP path that answers once everything it needs is there",
            );
        }
    }

    fn at_instances(&mut self) {
        let instances = &self.service.instances;
        if self.outline.counted && instances.count == 1 && !instances.singleton && !instances.autoscaled {
            self.say(
                "one-instance",
                "one instance has nothing beside it: when it is gone, so is the service",
                "run at least two, or say `singleton: true` if there must never be more",
            );
        }
    }

    fn at_checks(&mut self) {
        if self.plan.strategy == StrategyName::Return {
            return;
        }
        let comparisons = self.service.checks.iter().filter(|check| matches!(check.rule, Rule::Comparison { .. }));
        let compared: Vec<&str> = comparisons.map(|check| check.name.as_str()).collect();
        let alone = matches!(self.plan.strategy, StrategyName::Recreate | StrategyName::BlueGreen);
        if self.plan.watches.is_empty() {
            let (code, name) = match self.plan.strategy {
                StrategyName::Canary => ("canary-without-checks", "a canary"),
                _ => ("no-checks", "a landing"),
            };
            self.say(
                code,
                format!("{name} without checks only takes longer to break everything: nothing would notice"),
                "add checks: errors and latency against stable, and the platform's health",
            );
        } else if alone && !compared.is_empty() && self.plan.stable().is_some() {
            self.say(
                "nothing-to-compare",
                format!("{} can never judge: old and new never serve at the same time here", compared.join(", ")),
                "use thresholds, or a `canary`, where both serve side by side",
            );
        }
    }

    /// A check judges nothing before its warm-up: a shorter hold always waits for it at the end.
    fn at_warm_ups(&mut self) {
        let mut exposed_for = Span::ZERO;
        for step in &self.plan.steps {
            let Verb::Observe { hold, checks, .. } = &step.verb else { continue };
            exposed_for = exposed_for + *hold;
            let cold = self.service.checks.iter().find(|c| checks.contains(&c.name) && c.warm_up > exposed_for);
            if let Some(check) = cold {
                let (name, warm_up) = (check.name.clone(), check.warm_up);
                return self.say(
                    "hold-within-warm-up",
                    format!("{name} is asked after {exposed_for}, and judges nothing in its first {warm_up}"),
                    format!("hold the step for longer than {warm_up}, or shorten the warm-up"),
                );
            }
        }
    }

    fn at_strategy(&mut self) {
        match &self.service.strategy {
            Strategy::Canary(_) if self.plan.strategy == StrategyName::Canary => self.at_the_first_step(),
            Strategy::Shadow(shadow) if self.plan.strategy == StrategyName::Shadow => {
                let unsafe_ones: Vec<&str> = shadow
                    .methods
                    .iter()
                    .map(String::as_str)
                    .filter(|method| !SAFE_METHODS.iter().any(|safe| safe.eq_ignore_ascii_case(method)))
                    .collect();
                if !unsafe_ones.is_empty() {
                    self.say(
                        "unsafe-shadow",
                        format!("copies of {} are done twice: orders, mails, payments", unsafe_ones.join(", ")),
                        "leave `methods` out (only safe ones are copied), or give the shadow a database of its own",
                    );
                }
            }
            _ => {}
        }
        let down = self.outline.steps.iter().filter(|step| step.exposure.held);
        let longest = down.fold(Span::ZERO, |sum, step| sum + step.takes.longest);
        if longest > Span::ZERO && !self.service.instances.singleton {
            self.say(
                "downtime",
                format!("nobody is served from the hold to the switch: up to {longest}"),
                "use `rolling`, `blue-green` or `canary` unless old and new must never meet",
            );
        }
    }

    fn at_the_first_step(&mut self) {
        let shares = self.outline.steps.iter().map(|step| step.exposure.share);
        let Some(first) = shares.into_iter().find(|share| !share.is_none()) else { return };
        if first == Share::ALL && self.plan.stable().is_some() {
            self.say(
                "everything-at-once",
                "the first step gives the candidate everything, everywhere, at once",
                "begin with 5 % or less, and let checks decide about more",
            );
        } else if first >= FIRST_STEP_MAX && self.plan.stable().is_some() {
            self.say(
                "big-first-step",
                format!("the first step already exposes {first} of the users"),
                "begin with 5 % or less, and let checks decide about more",
            );
        }
    }

    fn at_the_way_back(&mut self) {
        if self.plan.stable().is_none() || self.plan.strategy == StrategyName::Shadow {
            return;
        }
        let window = self.service.rollback.window;
        if window == Span::ZERO {
            self.say(
                "no-rollback-window",
                "the old release goes as soon as the new one has landed: the way back would be a new start",
                "set `rollback.window` to an hour or more",
            );
        } else if window < WINDOW_MIN {
            self.say(
                "short-rollback-window",
                format!("the old release goes {window} after the landing: few troubles show so soon"),
                format!("set `rollback.window` to {WINDOW_MIN} or more, and watch as long"),
            );
        }
    }

    fn at_migrations(&mut self) {
        let lost = self.outline.steps.iter().find(|step| self.outline.backs[step.back].steps.is_err());
        if let Some(step) = lost {
            let number = usize::from(step.number.0) + 1;
            self.say(
                "no-way-back",
                format!("from step {number} on there is no way back without losing data"),
                "split the migration: expand now, contract in a later release",
            );
        }
        let window = self.service.rollback.window;
        let contracts = self.plan.closings.iter().any(|work| match work {
            model::standing::ClosingWork::Contract { .. } => true,
            model::standing::ClosingWork::Retire(_) | model::standing::ClosingWork::Shrink { .. } => false,
        });
        if contracts && window < WINDOW_MIN {
            self.say(
                "contract-at-once",
                format!("the old shape of the database is taken away {window} after the landing"),
                "set a longer `rollback.window`, or contract with a later release",
            );
        }
    }

    fn at_draining(&mut self) {
        let drain = &self.service.drain;
        let cut = if self.service.traffic.is_some() { drain.deadline.min(drain.grace) } else { drain.grace };
        if cut < DRAIN_MIN {
            let time = if cut == Span::ZERO { "no time".into() } else { format!("only {cut}") };
            self.say(
                "no-drain-time",
                format!("open work gets {time} to end before its process is killed"),
                "set `drain.deadline` and `drain.grace` to what the slowest request needs, 30s or more",
            );
        }
    }

    fn at_people(&mut self) {
        let waits = self.plan.steps.iter().any(|step| match &step.verb {
            Verb::Approve { gate } => matches!(gate, Gate::Person { .. } | Gate::Decision { .. }),
            _ => false,
        });
        if waits && self.service.notifications.is_empty() {
            self.say(
                "nobody-is-told",
                "the plan waits for a person, and nobody is told",
                "add `notifications`, as a chat channel or an address",
            );
        }
    }

    fn at_hooks(&mut self) {
        if self.plan.strategy == StrategyName::Return {
            return;
        }
        let called = |hook: &&Hook| {
            hook.at == HookPoint::OnRollback
                || self.plan.steps.iter().any(|step| match &step.verb {
                    Verb::Hook { hook: one, .. } => one.name == hook.name,
                    _ => false,
                })
        };
        let idle: Vec<&str> = self.service.hooks.iter().filter(|h| !called(h)).map(|h| h.name.as_str()).collect();
        if !idle.is_empty() {
            self.say(
                "hook-never-called",
                format!("{} is never called: this plan does not come to that point", idle.join(", ")),
                "call it at another point, as `after-start`",
            );
        }
    }

    /// Names the variable, never its value.
    fn at_secrets(&mut self) {
        let leaking = leaking(&self.service.run.env, &self.service.run.command);
        if !leaking.is_empty() {
            self.say(
                "secret-in-plain-sight",
                format!("{} looks like a secret, and anybody who may read the configuration can", leaking.join(", ")),
                "store it with `secret set` and name it under `secrets`",
            );
        }
    }

    fn at_the_clock(&mut self, now: Moment) {
        let windows = self.service.gates.calendar.as_ref().is_some_and(|calendar| !calendar.windows.is_empty());
        if windows || self.plan.strategy == StrategyName::Return {
            return;
        }
        let help = "wait for a working day, or set `gates.calendar` so that it waits by itself";
        if now.weekday >= 6 || (now.weekday == 5 && now.minute >= FRIDAY_LATE) {
            self.say(
                "before-the-weekend",
                "it lands at, or just before, a weekend: who will notice, and who will come?",
                help,
            );
        } else if now.minute < DAY_FROM || now.minute >= DAY_TO {
            self.say("at-night", "it lands while those who could help are asleep", help);
        }
    }

    /// What waits for a time that never comes only goes around late.
    fn at_the_calendar(&mut self, now: Time) {
        let mut gates = self.plan.steps.iter().filter_map(|step| match &step.verb {
            Verb::Approve { gate: Gate::Calendar(calendar) } => Some((calendar.next_open(now), step.timeout)),
            _ => None,
        });
        let closed = gates.find(|(opens, patience)| opens.is_none_or(|opens| opens.since(now) > *patience));
        let message = match closed {
            None => return,
            Some((None, _)) => "the calendar allows no landing within a year".to_owned(),
            Some((Some(opens), patience)) => {
                let wait = opens.since(now);
                format!("the calendar opens in {wait}, and the rollout goes around after waiting for {patience}")
            }
        };
        let help = "look at `gates.calendar`: its windows must lie outside its freezes; or deploy when it is open";
        self.say("calendar-stays-closed", message, help);
    }
}

/// The names of what looks like a secret.
fn leaking(env: &BTreeMap<String, String>, command: &[String]) -> Vec<String> {
    let variables = env.iter().filter(|(name, value)| {
        let reference = value.is_empty() || value.starts_with('/') || value.starts_with("${");
        !reference && (sounds_secret(name) || carries_password(value))
    });
    let mut found: Vec<String> = variables.map(|(name, _)| name.clone()).collect();
    for argument in command {
        if let Some((name, value)) = argument.split_once('=')
            && name.starts_with('-')
            && !value.is_empty()
            && (sounds_secret(name) || carries_password(value))
        {
            found.push(name.to_owned());
        }
    }
    found
}

fn sounds_secret(name: &str) -> bool {
    let upper = name.to_ascii_uppercase().replace('-', "_");
    let words: Vec<&str> = upper.split('_').filter(|word| !word.is_empty()).collect();
    let secret = words.iter().any(|word| matches!(*word, "PASSWORD" | "PASSWD" | "SECRET" | "TOKEN" | "CREDENTIALS"));
    let key = words.windows(2).any(|pair| matches!(pair[0], "API" | "PRIVATE" | "ACCESS") && pair[1] == "KEY");
    let about = words.last().is_some_and(|last| matches!(*last, "FILE" | "PATH" | "NAME" | "TTL" | "SECONDS" | "URL"));
    (secret || key) && !about
}

/// As `postgres://shop:hunter2@db/shop`.
fn carries_password(value: &str) -> bool {
    value
        .split_once("://")
        .and_then(|(_, rest)| rest.split('/').next())
        .and_then(|authority| authority.rsplit_once('@'))
        .and_then(|(user, _)| user.split_once(':'))
        .is_some_and(|(_, password)| !password.is_empty() && !password.starts_with("${"))
}
