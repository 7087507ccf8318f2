//! What a strategy costs and what it gives, as people of the field put it.

use model::strategy::StrategyName;

/// A strategy's properties in a few words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Figures {
    /// Whether it is down.
    pub downtime: &'static str,
    /// How much is at risk.
    pub risk: &'static str,
    /// How fast it lands.
    pub speed: &'static str,
    /// What it costs while it lands.
    pub cost: &'static str,
    /// How much there is to understand.
    pub complexity: &'static str,
    /// How it goes back.
    pub way_back: &'static str,
    /// What it is best for.
    pub best_for: &'static str,
}

impl Figures {
    /// Name and words of each, in the order in which they are shown.
    pub fn rows(&self) -> [(&'static str, &'static str); 7] {
        [
            ("downtime", self.downtime),
            ("risk", self.risk),
            ("speed", self.speed),
            ("cost", self.cost),
            ("complexity", self.complexity),
            ("way back", self.way_back),
            ("best for", self.best_for),
        ]
    }
}

const fn row(words: [&'static str; 7]) -> Figures {
    let [downtime, risk, speed, cost, complexity, way_back, best_for] = words;
    Figures { downtime, risk, speed, cost, complexity, way_back, best_for }
}

/// The properties of a strategy.
pub const fn figures(strategy: StrategyName) -> Figures {
    match strategy {
        StrategyName::Recreate => row([
            "yes",
            "high",
            "fast",
            "low",
            "low",
            "slow: the old one is started again",
            "development and tests, versions that cannot run side by side, tight budgets",
        ]),
        StrategyName::Rolling => row([
            "none",
            "medium",
            "medium",
            "low: one instance more",
            "low to medium",
            "medium: one instance after another",
            "most stateless services whose versions are compatible",
        ]),
        StrategyName::BlueGreen => row([
            "none",
            "low",
            "fast",
            "twice the instances",
            "medium",
            "instant: one switch",
            "critical services, and a full test before the switch",
        ]),
        StrategyName::Canary => row([
            "none",
            "very low",
            "slow",
            "medium",
            "high",
            "fast: the weight goes to 0",
            "much traffic, and numbers that decide",
        ]),
        StrategyName::Ab => row([
            "none",
            "very low",
            "slow",
            "medium to high",
            "high",
            "fast: everybody sees stable again",
            "comparing versions by what users do",
        ]),
        StrategyName::Shadow => row([
            "none",
            "very low",
            "lands nothing",
            "high",
            "high",
            "not needed",
            "production load on code whose answers nobody sees",
        ]),
        StrategyName::Return => row([
            "none",
            "low",
            "fast",
            "low",
            "low",
            "another return",
            "going back to a release that was landed before",
        ]),
    }
}
