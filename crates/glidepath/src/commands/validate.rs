//! `glidepath validate`.

use crate::exit::Exit;
use crate::failure::Failure;
use crate::input::{self, Files};
use crate::screen::{Screen, Tone, counted};
use crate::view;
use serde_json::{Value, json};

/// Say what is wrong with a glidepath.yaml, and where.
#[derive(clap::Args)]
pub(crate) struct Validate {
    #[command(flatten)]
    files: Files,
}

impl Validate {
    pub(crate) fn run(&self, screen: &mut Screen) -> Result<Exit, Failure> {
        let (services, files) = match input::services(&self.files) {
            Ok(found) => found,
            // For a program this is an answer, not a failure.
            Err(Failure { report: Some(report), .. }) if screen.is_json() => {
                screen.json(&json!({"valid": false, "problems": report.problems}));
                return Ok(Exit::NotInOrder);
            }
            Err(failure) => return Err(failure),
        };
        if screen.is_json() {
            let services: Vec<Value> = services.iter().map(view::service).collect();
            screen.json(&json!({"valid": true, "files": files, "services": services}));
            return Ok(Exit::Ok);
        }
        let good = screen.paint(Tone::Good, "in order");
        let verb = if files.len() == 1 { "is" } else { "are" };
        screen.line(format!("{} {verb} {good}", files.join(", ")));
        for service in &services {
            let (name, strategy) = (&service.name, service.strategy.name().as_str());
            let instances = counted(service.instances.count.into(), "instance", "instances");
            let place = format!("{} at {}", service.environment, service.place);
            screen.line(format!("  {name} ({place}): {strategy}, {instances}"));
        }
        Ok(Exit::Ok)
    }
}
