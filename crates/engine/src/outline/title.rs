//! What a verb does, in words for people.

use model::check::CheckName;
use model::gate::Gate;
use model::intent::{Door, Hold, Match};
use model::plan::{Capacity, DrainEnd, Phase, Verb};
use model::service::Call;
use model::{Intent, Lane, ReleaseNumber, Share, Span, Standing};

/// One sentence without its full stop, said from what stands before the verb.
pub fn title(verb: &Verb, before: &Standing, counted: bool) -> String {
    match verb {
        Verb::Start { release, capacity, .. } => start(*release, *capacity, before, counted),
        Verb::Route { intent } => route(intent, before),
        Verb::Observe { hold, checks, .. } => observe(*hold, checks),
        Verb::Approve { gate } => approve(gate),
        Verb::Hook { hook, undo: false } => format!("call {} ({})", hook.name, call(&hook.call)),
        Verb::Hook { hook, undo: true } => {
            let undo = hook.undo.as_ref().map(call).unwrap_or_default();
            format!("take back {} ({undo})", hook.name)
        }
        Verb::Migrate { migration, phase, reversible } => {
            let one_way = *phase == Phase::Expand && !reversible;
            format!("{} migration {migration}{}", phase_word(*phase), if one_way { " (one way once used)" } else { "" })
        }
        Verb::Flag { flag, to, only_from } => {
            let guard = only_from.as_ref().map(|from| format!(" (was {} for {})", from.variant, from.share));
            format!("set flag {flag} to {} for {}{}", to.variant, to.share, guard.unwrap_or_default())
        }
        Verb::Drain { release, keep, end } => format!("drain {release}{}, {}", down_to(*keep), drain_end(*end)),
        Verb::Stop { release, keep } => format!("stop {release}{}", down_to(*keep)),
        Verb::Notify { message } => format!("tell people: {message}"),
    }
}

fn start(release: ReleaseNumber, capacity: Capacity, before: &Standing, counted: bool) -> String {
    let has = before.capacity(release);
    match capacity {
        Capacity::OfStable(_) if before.release == Some(release) => format!("see that {release} is ready"),
        Capacity::OfStable(share) => {
            let stable = before.release.map(|stable| stable.to_string()).unwrap_or_default();
            let verb = if has == 0 { "start" } else { "bring" };
            format!("{verb} {release} {} {share} of what {stable} has", if has == 0 { "with" } else { "to" })
        }
        Capacity::Count(_) if !counted => format!("start {release}"),
        Capacity::Count(count) if has == 0 => format!("start {release} with {}", instances(count)),
        Capacity::Count(count) if has == count && before.admitted(release) == count => {
            format!("see that {release} is ready with {}", instances(count))
        }
        Capacity::Count(count) => format!("bring {release} to {}", instances(count)),
    }
}

/// So many instances.
pub(super) fn instances(count: u32) -> String {
    if count == 1 { "1 instance".into() } else { format!("{count} instances") }
}

fn down_to(keep: u32) -> String {
    if keep == 0 { String::new() } else { format!(" down to {}", instances(keep)) }
}

fn drain_end(end: DrainEnd) -> String {
    match end {
        DrainEnd::Counted { deadline } => format!("{deadline} at most"),
        DrainEnd::Timed { after } => format!("{after} by the clock"),
    }
}

fn route(intent: &Intent, before: &Standing) -> String {
    match intent.hold() {
        Some(Hold::Maintenance) => return "hold all requests: the maintenance page".into(),
        Some(Hold::Parking) => return "hold all requests: they wait in line".into(),
        None => {}
    }
    if intent.lanes().is_empty() {
        return "send nothing anywhere, as before".into();
    }
    let stable = before.release;
    let mut lanes: Vec<&Lane> = intent.lanes().iter().collect();
    // What is new comes first: that is what the step is about.
    lanes.sort_by_key(|lane| (Some(lane.release) == stable, std::cmp::Reverse(lane.release)));
    let mut parts = Vec::new();
    let shares = lanes.iter().filter(|lane| !lane.share.is_none()).map(|lane| match lane.share {
        Share::ALL => format!("everything to {}", lane.release),
        share => format!("{share} to {}", lane.release),
    });
    parts.push(format!("send {}", shares.collect::<Vec<_>>().join(", ")));
    for lane in &lanes {
        if !lane.matches.is_empty() {
            parts.push(format!("{} to {}", matches(&lane.matches), lane.release));
        }
        if !lane.mirror.is_none() {
            parts.push(format!("copy {} of {} requests to {}", lane.mirror, methods(lane), lane.release));
        }
        match lane.door {
            Door::Pinned => parts.push(format!("sessions on {} stay there", lane.release)),
            Door::Closed => parts.push(format!("close {}", lane.release)),
            Door::Open => {}
        }
    }
    parts.join("; ")
}

fn methods(lane: &Lane) -> String {
    if lane.mirror_methods.is_empty() { "safe".into() } else { lane.mirror_methods.join("/") }
}

/// Who is matched, in the words of whoever wrote the matches.
pub(super) fn matches(matches: &[Match]) -> String {
    matches.iter().map(match_text).collect::<Vec<_>>().join(" and ")
}

fn match_text(one: &Match) -> String {
    if let Some(cohort) = &one.cohort {
        return cohort.clone();
    }
    let pair = |kind: &str, (name, value): &(String, Option<String>)| match value {
        Some(value) => format!("{kind} {name}={value}"),
        None => format!("{kind} {name}"),
    };
    let mut parts: Vec<String> = Vec::new();
    parts.extend(one.headers.iter().map(|header| pair("header", header)));
    parts.extend(one.cookies.iter().map(|cookie| pair("cookie", cookie)));
    parts.extend(one.query.iter().map(|query| pair("query", query)));
    if !one.methods.is_empty() {
        parts.push(one.methods.join("/"));
    }
    if !one.networks.is_empty() {
        parts.push(format!("from {}", one.networks.join(", ")));
    }
    if parts.is_empty() { "all requests".into() } else { parts.join(" with ") }
}

fn observe(hold: Span, checks: &[CheckName]) -> String {
    let names = checks.iter().map(|check| check.as_str()).collect::<Vec<_>>().join(", ");
    match (hold, checks.is_empty()) {
        (Span::ZERO, _) => format!("ask {names}: must pass"),
        (hold, true) => format!("watch for {hold}"),
        (hold, false) => format!("watch for {hold}; then {names} must pass"),
    }
}

fn approve(gate: &Gate) -> String {
    match gate {
        Gate::Person { approvers, count } => {
            let people = if *count == 1 { "a yes".to_owned() } else { format!("the yes of {count} people") };
            match approvers.split_last() {
                None if *count == 1 => "wait for a person's yes".into(),
                None => format!("wait for {people}"),
                Some((only, [])) => format!("wait for {people} from {only}"),
                Some((last, others)) => format!("wait for {people} from {} or {last}", others.join(", ")),
            }
        }
        Gate::Decision { choices, otherwise } => {
            let choices = choices.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
            format!("wait for a decision between {choices}; without one {otherwise} is kept")
        }
        Gate::Webhook { name, .. } => format!("wait for a yes from {name}"),
        Gate::Calendar(calendar) => format!("wait until the calendar allows it ({})", calendar.time_zone),
    }
}

fn call(call: &Call) -> String {
    match call {
        Call::Command(command) => command.join(" "),
        Call::Http(address) => format!("POST {address}"),
    }
}

fn phase_word(phase: Phase) -> &'static str {
    match phase {
        Phase::Expand => "expand",
        Phase::Backfill => "backfill",
        Phase::Verify => "verify",
        Phase::Abort => "abort",
        Phase::Contract => "contract",
    }
}
