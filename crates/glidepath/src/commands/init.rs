//! `glidepath init`.

use crate::exit::Exit;
use crate::failure::Failure;
use crate::file::{GLIDEPATH_YAML, NEXT, parse_name, service_name, write};
use crate::screen::{Screen, Tone};
use clap::builder::{PossibleValuesParser, TypedValueParser};
use engine::starter::{STRATEGIES, needs_requests, starter};
use model::Name;
use model::strategy::StrategyName;
use serde_json::json;
use std::path::PathBuf;

/// Write a commented glidepath.yaml to begin with.
#[derive(clap::Args)]
pub(crate) struct Init {
    /// How it lands: recreate, rolling, blue-green, canary, ab or shadow. `glidepath advise` says which.
    #[arg(long, default_value = "rolling", value_name = "STRATEGY", value_parser = strategies(), hide_possible_values = true)]
    strategy: StrategyName,
    /// The service's name; the folder's where it is not there.
    #[arg(short, long, value_name = "NAME", value_parser = parse_name)]
    service: Option<Name>,
    /// For a service without requests: a worker, a schedule.
    #[arg(long)]
    worker: bool,
    /// Where it is written; `-` for standard output.
    #[arg(short, long, value_name = "FILE", default_value = GLIDEPATH_YAML)]
    output: PathBuf,
    /// Replace a file that is there.
    #[arg(long)]
    force: bool,
}

impl Init {
    pub(crate) fn run(&self, screen: &mut Screen) -> Result<Exit, Failure> {
        if self.worker && needs_requests(self.strategy) {
            let message = format!("{} moves requests, and a worker has none", self.strategy.as_str());
            let help = "choose `rolling`, `canary` or `recreate`, or leave `--worker` out";
            return Err(Failure::new(Exit::Usage, "needs-requests", message, help));
        }
        let text = starter(&service_name(self.service.as_ref()), self.strategy, !self.worker);
        if self.output.as_os_str() == "-" {
            if screen.is_json() {
                screen.json(&json!({"strategy": self.strategy.as_str(), "text": text}));
            } else {
                screen.print(&text);
            }
            return Ok(Exit::Ok);
        }
        write(&self.output, &text, self.force)?;
        let path = self.output.display().to_string();
        if screen.is_json() {
            screen.json(&json!({"strategy": self.strategy.as_str(), "wrote": path}));
        } else {
            let wrote = screen.paint(Tone::Good, "wrote");
            screen.line(format!("{wrote} {path}: one service that lands by {}", self.strategy.as_str()));
            screen.sentences(0, "next:", NEXT);
        }
        Ok(Exit::Ok)
    }
}

/// The strategies that can be written, by name: shells complete them.
fn strategies() -> impl TypedValueParser<Value = StrategyName> {
    let named = |name: String| STRATEGIES.into_iter().find(|one| one.as_str() == name).ok_or("no strategy");
    PossibleValuesParser::new(STRATEGIES.map(StrategyName::as_str)).try_map(named)
}
