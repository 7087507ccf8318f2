//! Plans as JSON: copies at the edge, so that the engine's types may change without breaking readers.

use engine::compile::Reason;
use engine::concerns::Concern;
use engine::outline::{Duration, Exposure, Outline, StepOutline};
use model::{Plan, Service};
use serde_json::{Value, json};

/// What a plan is for.
pub(crate) fn service(service: &Service) -> Value {
    json!({
        "service": service.name,
        "environment": service.environment,
        "place": service.place,
        "version": service.run.version,
        "strategy": service.strategy.name().as_str(),
        "instances": service.instances.count,
    })
}

/// A plan that was made, with what speaks for a second thought.
pub(crate) fn plan(of: &Service, plan: &Plan, outline: &Outline, concerns: &[Concern]) -> Value {
    let backs = outline.backs.iter().map(|back| match &back.steps {
        Ok(steps) => json!({"steps": steps, "takes": takes(back.takes)}),
        Err(why) => json!({"none": why}),
    });
    let watches = outline.watches.iter().map(|watch| json!({"check": watch.check, "source": watch.source}));
    let warnings = concerns.iter().map(|one| json!({"code": one.code, "message": one.message, "help": one.help}));
    json!({
        "service": of.name,
        "environment": of.environment,
        "place": of.place,
        "strategy": outline.strategy.as_str(),
        "stable": outline.stable,
        "candidate": outline.candidate,
        "kept": outline.kept,
        "takes": takes(outline.takes),
        "peak_instances": outline.peak_instances,
        "watches": watches.collect::<Vec<_>>(),
        "afterwards": outline.afterwards,
        "steps": outline.steps.iter().map(step).collect::<Vec<_>>(),
        "ways_back": backs.collect::<Vec<_>>(),
        "warnings": warnings.collect::<Vec<_>>(),
        "digest": plan.digest(),
    })
}

/// Why there is none.
pub(crate) fn refusal(of: &Service, reasons: &[Reason]) -> Value {
    let reasons =
        reasons.iter().map(|one| json!({"code": one.code.as_str(), "message": one.message, "help": one.help}));
    json!({
        "service": of.name,
        "environment": of.environment,
        "place": of.place,
        "refused": reasons.collect::<Vec<_>>(),
    })
}

fn step(step: &StepOutline) -> Value {
    let running: serde_json::Map<String, Value> =
        step.running.iter().map(|(release, count)| (release.0.to_string(), json!(count))).collect();
    json!({
        // As people count.
        "number": step.number.0 + 1,
        "title": step.title,
        "only_if_kept": step.only_if,
        "exposed": exposed(&step.exposure),
        "takes": takes(step.takes),
        "running": running,
        // An index into `ways_back`.
        "way_back": step.back,
    })
}

fn exposed(exposure: &Exposure) -> Value {
    let percent = |share: model::Share| f64::from(share.basis_points()) / 100.0;
    json!({
        "percent": percent(exposure.share),
        "copies_percent": percent(exposure.copies),
        "cohorts": exposure.cohorts,
        "nobody_served": exposure.held,
    })
}

fn takes(takes: Duration) -> Value {
    json!({"shortest_ms": takes.shortest.0, "longest_ms": takes.longest.0, "waiting_ms": takes.waiting.0})
}
