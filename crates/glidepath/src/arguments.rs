//! The arguments as typed.

use crate::commands::{advise, audit, backup, completions, gateway, init, man, plan, schema, validate};
use crate::exit;
use crate::screen::Color;
use clap::{Parser, Subcommand};

/// Lands new versions of a service safely.
///
/// Glidepath starts a new version, moves traffic to it a little at a time, watches the evidence, and either
/// finishes the landing or goes around on its own. Begin with `glidepath advise` (which strategy suits me?) or
/// `glidepath init` (a file to begin with), then `glidepath plan`.
#[derive(Parser)]
#[command(name = "glidepath", version, propagate_version = true, after_help = exit::help())]
#[command(subcommand_required = true, infer_subcommands = false)]
pub(crate) struct Arguments {
    /// Colours: auto (on a terminal, unless NO_COLOR is set), always or never.
    #[arg(long, global = true, value_enum, default_value_t, value_name = "WHEN", hide_possible_values = true)]
    #[arg(help_heading = "Output", display_order = 900)]
    pub(crate) color: Color,
    /// For programs: one JSON document on standard output, failures included.
    #[arg(long, global = true, help_heading = "Output", display_order = 901)]
    pub(crate) json: bool,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// One file per command under `commands/`.
#[derive(Subcommand)]
pub(crate) enum Command {
    Init(init::Init),
    Advise(advise::Advise),
    Validate(validate::Validate),
    Plan(plan::Plan),
    Schema(schema::Schema),
    Audit(audit::Audit),
    Backup(backup::Backup),
    Gateway(gateway::Gateway),
    /// The gateway proper: its keeper starts it.
    #[command(hide = true)]
    GatewayServe(gateway::Serve),
    Completions(completions::Completions),
    Man(man::Man),
}
