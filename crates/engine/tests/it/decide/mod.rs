//! What is decided: one table per verb, one line per case.
//!
//! Each line shows every entry of the decision. Steps count from one.

mod answers;
mod calls;
mod capacity;
mod traffic;
mod turns;

use crate::scene::*;
use engine::command::Reply;
use engine::journal::entry::Ask;
use expect_test::Expect;
use model::Service;
use model::plan::Verb;

/// What is decided where the first step like this has begun, one line for each case.
fn check(service: &Service, is: fn(&Verb) -> bool, cases: &[Case], wanted: &Expect) {
    crate::scene::check(|| Scene::begun(service.clone(), is), cases, Scene::step, wanted);
}

fn is_start(verb: &Verb) -> bool {
    matches!(verb, Verb::Start { .. })
}

fn is_route(verb: &Verb) -> bool {
    matches!(verb, Verb::Route { .. })
}

fn is_observe(verb: &Verb) -> bool {
    matches!(verb, Verb::Observe { .. })
}

fn is_approve(verb: &Verb) -> bool {
    matches!(verb, Verb::Approve { .. })
}

fn is_hook(verb: &Verb) -> bool {
    matches!(verb, Verb::Hook { .. })
}

fn is_migrate(verb: &Verb) -> bool {
    matches!(verb, Verb::Migrate { .. })
}

fn is_flag(verb: &Verb) -> bool {
    matches!(verb, Verb::Flag { .. })
}

fn is_drain(verb: &Verb) -> bool {
    matches!(verb, Verb::Drain { .. })
}

fn is_stop(verb: &Verb) -> bool {
    matches!(verb, Verb::Stop { .. })
}

fn pause(scene: &mut Scene) {
    scene.ask(Ask::Pause);
}

fn no(retry: bool) -> Reply {
    Reply::Failed { why: "disk full".into(), retry }
}
