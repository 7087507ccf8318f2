//! `glidepath completions`.

use crate::arguments::Arguments;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::screen::Screen;
use clap::CommandFactory;
use clap_complete::Shell;
use serde_json::json;

/// Print what a shell needs to complete commands and flags.
///
/// bash: `glidepath completions bash > ~/.local/share/bash-completion/completions/glidepath`;
/// zsh: `glidepath completions zsh > ~/.zfunc/_glidepath`, with that folder in $fpath;
/// fish: `glidepath completions fish > ~/.config/fish/completions/glidepath.fish`.
#[derive(clap::Args)]
pub(crate) struct Completions {
    /// For which shell.
    #[arg(value_enum)]
    shell: Shell,
}

impl Completions {
    pub(crate) fn run(&self, screen: &mut Screen) -> Result<Exit, Failure> {
        let mut text = Vec::new();
        clap_complete::generate(self.shell, &mut Arguments::command(), "glidepath", &mut text);
        let text = String::from_utf8_lossy(&text);
        if screen.is_json() {
            screen.json(&json!({"shell": self.shell.to_string(), "text": text}));
        } else {
            screen.print(&text);
        }
        Ok(Exit::Ok)
    }
}
