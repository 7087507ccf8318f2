//! `glidepath backup`.

use crate::exit::Exit;
use crate::failure::Failure;
use crate::file::no_file;
use crate::screen::{Screen, Tone};
use crate::state::State;
use serde_json::json;
use std::path::PathBuf;
use store::Journals;
use store::backup::Existing;

/// Copy the journals while they are being written, and verify the copy.
#[derive(clap::Args)]
pub(crate) struct Backup {
    /// The file of the copy.
    #[arg(value_name = "FILE")]
    to: PathBuf,
    /// Replace a copy that is there.
    #[arg(long)]
    replace: bool,
    #[command(flatten)]
    state: State,
}

impl Backup {
    pub(crate) fn run(&self, screen: &mut Screen) -> Result<Exit, Failure> {
        let journals = Journals::open(self.state.journals()?).map_err(|error| Failure::store(&error))?;
        if self.to.is_dir() {
            return Err(no_file(&self.to, "no copy was made; name the file of the copy"));
        }
        if self.to.exists() && !self.replace {
            let help = "no copy was made; replace it with `--replace`, or give the copy another name";
            return Err(Failure::new(Exit::NoAccess, "already-there", "there is a file already", help).at(&self.to));
        }
        let existing = if self.replace { Existing::Replace } else { Existing::Refuse };
        let copied = journals.backup(&self.to, existing, &mut |at| {
            let percent = at.done * 100 / at.all.max(1);
            screen.progress(&format!("copying: {percent} % of {} pages", at.all));
        });
        screen.progress("");
        copied.map_err(|error| Failure::store(&error))?;
        let bytes = std::fs::metadata(&self.to).map(|file| file.len()).unwrap_or_default();
        let path = self.to.display().to_string();
        if screen.is_json() {
            screen.json(&json!({"wrote": path, "bytes": bytes}));
        } else {
            let wrote = screen.paint(Tone::Good, "wrote");
            screen.line(format!("{wrote} {path}: {} KiB, verified", bytes.div_ceil(1024)));
        }
        Ok(Exit::Ok)
    }
}
