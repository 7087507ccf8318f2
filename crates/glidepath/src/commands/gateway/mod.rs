//! `glidepath gateway`, and what can be asked of one that runs.

mod access;
mod ask;
mod papers;
mod place;
mod reach;
mod run;
mod show;

pub(crate) use run::Serve;

use crate::exit::Exit;
use crate::failure::Failure;
use crate::screen::Screen;
use place::Place;

/// Serve clients, or ask the gateway that does.
///
/// Without a command it serves, until it is told to stop: by the tables of a file, which is read again when it
/// changes, or by those that a controller pushes. SIGTERM and Ctrl-C let what is under way end, SIGHUP reads the
/// file again, and SIGUSR2 starts another gateway in place of this one without a client noticing: so is the
/// program upgraded.
#[derive(clap::Args)]
#[command(subcommand_negates_reqs = true)]
pub(crate) struct Gateway {
    #[command(flatten)]
    run: run::Run,
    #[command(flatten)]
    place: Place,
    #[command(subcommand)]
    question: Option<ask::Question>,
}

impl Gateway {
    pub(crate) fn run(&self, screen: &mut Screen) -> Result<Exit, Failure> {
        match &self.question {
            None => self.run.run(&self.place),
            Some(question) => question.run(&self.place, screen),
        }
    }
}
