//! One file per command.

pub(crate) mod advise;
pub(crate) mod audit;
pub(crate) mod backup;
pub(crate) mod completions;
pub(crate) mod gateway;
pub(crate) mod init;
pub(crate) mod man;
pub(crate) mod plan;
pub(crate) mod schema;
pub(crate) mod validate;

use crate::arguments::Command;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::screen::Screen;

/// Runs what was asked for.
pub(crate) fn run(command: &Command, screen: &mut Screen) -> Result<Exit, Failure> {
    match command {
        Command::Init(init) => init.run(screen),
        Command::Advise(advise) => advise.run(screen),
        Command::Validate(validate) => validate.run(screen),
        Command::Plan(plan) => plan.run(screen),
        Command::Schema(schema) => schema.run(screen),
        Command::Audit(audit) => audit.run(screen),
        Command::Backup(backup) => backup.run(screen),
        Command::Gateway(gateway) => gateway.run(screen),
        Command::GatewayServe(serve) => serve.run(),
        Command::Completions(completions) => completions.run(screen),
        Command::Man(man) => man.run(screen),
    }
}
