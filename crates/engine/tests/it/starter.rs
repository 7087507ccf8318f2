//! The texts that people begin with are good ones: they parse, plan, and worry nobody; and so they do
//! when all that is commented out is set.

use engine::compile::compile;
use engine::concerns::concerns;
use engine::facts::Facts;
use engine::outline::outline;
use engine::starter::{STRATEGIES, needs_requests, starter, suggested_name};
use engine::suppose;
use model::strategy::StrategyName;
use model::*;
use std::collections::BTreeMap;

/// A line that is a setting which is not set: `#version: 1`, `#  live: /health`. Prose has one space.
fn setting(line: &str) -> Option<&str> {
    let rest = line.strip_prefix('#')?;
    let prose = rest.is_empty() || (rest.starts_with(' ') && !rest.starts_with("  "));
    (!prose).then_some(rest)
}

fn all_set(text: &str) -> String {
    text.lines().map(|line| setting(line).unwrap_or(line)).collect::<Vec<_>>().join("\n")
}

fn service(text: &str) -> Service {
    text::parse_one(text).unwrap_or_else(|report| panic!("{report}\n{text}"))
}

#[test]
fn every_starter_plans_and_worries_nobody() {
    let mut facts = Facts::one_machine();
    let name = Name::new("shop").expect("a name");
    for strategy in STRATEGIES {
        for requests in [true, false] {
            let text = starter(&name, strategy, requests);
            let one = service(&text);
            let wanted = match strategy {
                strategy if needs_requests(strategy) && !requests => StrategyName::Rolling,
                strategy => strategy,
            };
            assert_eq!((one.strategy.name(), one.traffic.is_some()), (wanted, requests), "{text}");
            for standing in [Standing::default(), suppose::serving(&one, ReleaseNumber(1))] {
                let release = suppose::release(ReleaseNumber(2), &one, &BTreeMap::new());
                let plan = compile(&release, &standing, &facts).unwrap_or_else(|refusal| panic!("{refusal}\n{text}"));
                let mut codes: Vec<&str> =
                    concerns(&one, &plan, &outline(&plan, &facts), None).iter().map(|concern| concern.code).collect();
                if strategy == StrategyName::Recreate && requests {
                    codes.retain(|code| *code != "downtime");
                }
                assert_eq!(codes, [""; 0], "{strategy:?} {plan:#?} {text}");
            }
            let set = all_set(&text);
            let all = service(&set);
            assert!(!all.notifications.is_empty() && all.gates.approval.is_some(), "{set}");
            assert!(!all.run.secrets.is_empty() && all.health.live.is_some(), "{set}");
            facts.sources.insert(Name::new("prometheus").expect("a name"));
            let release = suppose::release(ReleaseNumber(2), &all, &BTreeMap::new());
            compile(&release, &suppose::serving(&all, ReleaseNumber(1)), &facts)
                .unwrap_or_else(|refusal| panic!("{refusal}\n{set}"));
            facts = Facts::one_machine();
        }
    }
}

#[test]
fn names_are_suggested() {
    for (from, want) in [
        ("shop", Some("shop")),
        ("My Shop (2)", Some("my-shop-2")),
        ("__init__", Some("init")),
        ("Größe", Some("gr-e")),
        ("日本", None),
        ("", None),
    ] {
        assert_eq!(suggested_name(from).map(|name| name.to_string()).as_deref(), want, "{from}");
    }
    assert_eq!(suggested_name(&"x-".repeat(60)).map(|name| name.as_str().len()), Some(63));
}

#[test]
fn what_has_landed_can_return() {
    let facts = Facts::one_machine();
    let name = Name::new("shop").expect("a name");
    let (old, new) = (ReleaseNumber(4), ReleaseNumber(9));
    for strategy in STRATEGIES {
        let one = service(&starter(&name, strategy, true));
        let standing = suppose::landed(&one, old, new, &facts).expect("it lands");
        let lands = strategy != StrategyName::Shadow;
        assert_eq!(standing.release, Some(if lands { new } else { old }), "{strategy:?}");
        let warm = matches!(strategy, StrategyName::BlueGreen | StrategyName::Canary | StrategyName::Ab);
        assert_eq!(standing.warm.map(|warm| warm.release), warm.then_some(old), "{strategy:?}");
        let back = engine::compile::compile_return(&suppose::release(old, &one, &BTreeMap::new()), &standing, &facts);
        assert_eq!(back.is_ok(), lands, "{strategy:?}");
    }
}
