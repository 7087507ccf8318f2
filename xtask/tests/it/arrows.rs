//! Which crate may depend on which, and what never comes in.

use crate::metadata::{Dependency, Member, members};
use std::collections::BTreeSet;

/// A crate of the design.
struct Rule {
    name: &'static str,
    /// Where its arrows lead; what those may use, it may use too.
    may: &'static [&'static str],
    /// What from outside must not be built into it, by the first letters of its name.
    never: &'static [&'static [&'static str]],
}

const RUNTIMES: &[&str] = &["tokio", "async-std", "smol", "futures-executor", "mio"];
const DATABASES: &[&str] = &["rusqlite", "libsqlite3", "sqlx", "postgres", "redb"];
const HTTP: &[&str] = &["http", "hyper", "axum", "reqwest", "ureq", "h2", "tower"];
const CLUSTERS: &[&str] = &["kube", "k8s-openapi"];
const CLOCKS_AND_CHANCE: &[&str] = &["chrono", "time", "rand", "getrandom"];

/// The whole list: a crate that is not here has no place in the design yet.
const RULES: &[Rule] = &[
    Rule { name: "model", may: &[], never: &[RUNTIMES, DATABASES, HTTP, CLUSTERS, CLOCKS_AND_CHANCE] },
    Rule { name: "analysis", may: &["model"], never: &[RUNTIMES, DATABASES, HTTP, CLUSTERS, CLOCKS_AND_CHANCE] },
    Rule {
        name: "engine",
        may: &["model", "analysis"],
        never: &[RUNTIMES, DATABASES, HTTP, CLUSTERS, CLOCKS_AND_CHANCE],
    },
    Rule { name: "flags", may: &["model"], never: &[RUNTIMES, DATABASES, HTTP, CLUSTERS, CLOCKS_AND_CHANCE] },
    Rule { name: "wire", may: &["model"], never: &[RUNTIMES, DATABASES, HTTP, CLUSTERS] },
    Rule { name: "gateway", may: &["wire"], never: &[DATABASES, CLUSTERS] },
    Rule { name: "keeper", may: &["wire"], never: &[RUNTIMES, DATABASES, HTTP, CLUSTERS] },
    Rule { name: "migrate", may: &["model"], never: &[CLUSTERS] },
    Rule { name: "store", may: &["engine"], never: &[] },
    Rule { name: "drivers", may: &["engine", "wire"], never: &[] },
    Rule { name: "server", may: &["engine", "flags", "store"], never: &[] },
    Rule { name: "glidepath", may: &["drivers", "gateway", "keeper", "migrate", "server"], never: &[] },
    Rule { name: "sim", may: &["engine", "flags", "store"], never: &[RUNTIMES, DATABASES, HTTP, CLUSTERS] },
    Rule { name: "xtask", may: &["sim", "glidepath"], never: &[] },
];

/// Never part of what ships: others may use them for their tests only.
const DEVELOPMENT_ONLY: &[&str] = &["sim", "xtask"];
/// Bugs on demand: never part of what ships either.
const PLANTED: &str = "planted";

#[test]
fn every_arrow_is_one_of_the_design() {
    let broken = violations(&members());
    assert!(broken.is_empty(), "{}", broken.join("\n"));
}

fn violations(members: &[Member]) -> Vec<String> {
    let mut broken = Vec::new();
    for member in members {
        let Some(rule) = RULES.iter().find(|rule| rule.name == member.name) else {
            broken.push(format!("{} is not in the table of crates", member.name));
            continue;
        };
        let allowed = reachable(rule);
        let ships = !DEVELOPMENT_ONLY.contains(&rule.name);
        for dependency in member.dependencies.iter().filter(|dependency| dependency.ours) {
            broken.extend(violation(rule.name, dependency, &allowed, ships));
        }
        for name in &member.reaches {
            if rule.never.iter().copied().flatten().any(|banned| is_of_family(name, banned)) {
                broken.push(format!("{} has {name} built in, and must not", rule.name));
            }
        }
    }
    broken
}

fn violation(from: &str, to: &Dependency, allowed: &BTreeSet<&str>, ships: bool) -> Option<String> {
    let name = to.name.as_str();
    let plants = to.features.iter().any(|feature| feature == PLANTED);
    if ships && !to.dev && DEVELOPMENT_ONLY.contains(&name) {
        Some(format!("{from} would ship {name}, which is for development only"))
    } else if ships && !to.dev && plants {
        Some(format!("{from} would ship the bugs planted in {name}"))
    } else if allowed.contains(name) || to.dev && (name == from || name == "sim") {
        None
    } else {
        Some(format!("{from} must not know {name}"))
    }
}

/// Everything that a crate's arrows lead to.
fn reachable(rule: &Rule) -> BTreeSet<&'static str> {
    let mut seen = BTreeSet::new();
    let mut open: Vec<&str> = rule.may.to_vec();
    while let Some(name) = open.pop() {
        if seen.insert(name) {
            open.extend(RULES.iter().filter(|rule| rule.name == name).flat_map(|rule| rule.may));
        }
    }
    seen
}

/// `tokio` and `tokio-util`, but not `tokiox`.
fn is_of_family(name: &str, family: &str) -> bool {
    name.strip_prefix(family).is_some_and(|rest| rest.is_empty() || rest.starts_with(['-', '_']))
}

#[test]
fn planted_violations_are_caught() {
    let to = |name: &str| Dependency { name: name.into(), dev: false, ours: true, features: Vec::new() };
    let member = |name: &str, dependency: Dependency| Member {
        name: name.into(),
        dependencies: vec![dependency],
        ..Member::default()
    };
    let outside = |name: &str, reached: &str| Member {
        name: name.into(),
        reaches: [reached.to_owned()].into(),
        ..Member::default()
    };
    let planted = |name: &str| Dependency { features: vec![PLANTED.into()], ..to(name) };
    let for_tests = |name: &str| Dependency { dev: true, ..to(name) };
    let cases = [
        (member("model", to("engine")), "model must not know engine"),
        (member("gateway", to("engine")), "gateway must not know engine"),
        (member("drivers", to("store")), "drivers must not know store"),
        (member("store", to("sim")), "store would ship sim, which is for development only"),
        (member("store", planted("engine")), "store would ship the bugs planted in engine"),
        (member("model", for_tests("engine")), "model must not know engine"),
        (member("plugins", to("model")), "plugins is not in the table of crates"),
        (outside("engine", "tokio-util"), "engine has tokio-util built in, and must not"),
        (outside("keeper", "tokio"), "keeper has tokio built in, and must not"),
    ];
    for (member, want) in cases {
        assert_eq!(violations(&[member]), [want]);
    }
    let fine = [
        member("store", to("model")),
        member("store", for_tests("store")),
        member("engine", for_tests("sim")),
        member("sim", planted("engine")),
        outside("gateway", "tokio"),
    ];
    assert_eq!(violations(&fine), Vec::<String>::new());
}
