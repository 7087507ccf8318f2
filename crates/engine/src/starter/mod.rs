//! A commented `glidepath.yaml` to begin with, for each strategy.

use model::Name;
use model::id::NAME_LENGTH_MAX;
use model::strategy::StrategyName;

/// The strategies that can be written.
pub const STRATEGIES: [StrategyName; 6] = [
    StrategyName::Recreate,
    StrategyName::Rolling,
    StrategyName::BlueGreen,
    StrategyName::Canary,
    StrategyName::Ab,
    StrategyName::Shadow,
];

/// Whether a strategy has something to move only where there are requests.
pub fn needs_requests(strategy: StrategyName) -> bool {
    match strategy {
        StrategyName::BlueGreen | StrategyName::Ab | StrategyName::Shadow => true,
        StrategyName::Recreate | StrategyName::Rolling | StrategyName::Canary | StrategyName::Return => false,
    }
}

/// The text. Where a strategy needs requests and there are none, it is one that rolls; and so it is for
/// the return, which nobody writes.
pub fn starter(service: &Name, strategy: StrategyName, requests: bool) -> String {
    let texts = match (strategy, requests) {
        (StrategyName::Recreate, true) => serving(include_str!("recreate.yaml"), ALONE),
        (StrategyName::Recreate, false) => working(include_str!("recreate-worker.yaml")),
        (StrategyName::BlueGreen, true) => serving(include_str!("blue-green.yaml"), ALONE),
        (StrategyName::Canary, true) => serving(include_str!("canary.yaml"), COMPARED),
        (StrategyName::Canary, false) => working(include_str!("canary-worker.yaml")),
        (StrategyName::Ab, true) => {
            [HEAD, REQUESTS, STICKY, HEALTH, include_str!("ab.yaml"), COMPARED, include_str!("tail-told.yaml")]
        }
        (StrategyName::Shadow, true) => serving(include_str!("shadow.yaml"), COMPARED),
        (StrategyName::Rolling | StrategyName::Return, true) => serving(include_str!("rolling.yaml"), COMPARED),
        (_, false) => working(include_str!("rolling.yaml")),
    };
    texts.concat().replace("{service}", service.as_str())
}

/// The name of a service that a folder's or a person's name suggests.
pub fn suggested_name(text: &str) -> Option<Name> {
    let mut name = String::new();
    for c in text.chars() {
        if c.is_ascii_alphanumeric() {
            name.push(c.to_ascii_lowercase());
        } else if !name.is_empty() && !name.ends_with('-') {
            name.push('-');
        }
    }
    name.truncate(NAME_LENGTH_MAX);
    Name::new(name.trim_end_matches('-')).ok()
}

const HEAD: &str = include_str!("head.yaml");
const REQUESTS: &str = include_str!("requests.yaml");
const LISTEN: &str = include_str!("listen.yaml");
const STICKY: &str = include_str!("sticky.yaml");
const HEALTH: &str = include_str!("health.yaml");
const WORKER: &str = include_str!("worker.yaml");
const COMPARED: &str = include_str!("checks-compared.yaml");
const ALONE: &str = include_str!("checks-alone.yaml");
const TAIL: &str = include_str!("tail.yaml");

fn serving(strategy: &'static str, checks: &'static str) -> [&'static str; 7] {
    [HEAD, REQUESTS, LISTEN, HEALTH, strategy, checks, TAIL]
}

fn working(strategy: &'static str) -> [&'static str; 7] {
    [HEAD, WORKER, strategy, include_str!("checks-worker.yaml"), TAIL, "", ""]
}
