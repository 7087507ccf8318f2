//! Where the controller keeps its journals.

use crate::exit::Exit;
use crate::failure::Failure;
use std::path::{Path, PathBuf};

/// The file of the journals within the state directory.
const JOURNAL_FILE: &str = "journal.db";

/// Which state directory.
#[derive(clap::Args)]
pub(crate) struct State {
    /// The controller's state directory: /var/lib/glidepath for root, else $XDG_STATE_HOME/glidepath or
    /// ~/.local/state/glidepath.
    #[arg(long, value_name = "DIR", global = true)]
    pub(crate) state: Option<PathBuf>,
}

impl State {
    /// The file of the journals; it must be there.
    pub(crate) fn journals(&self) -> Result<PathBuf, Failure> {
        let folder = match &self.state {
            Some(folder) => folder.clone(),
            None => usual(is_root(), variable("XDG_STATE_HOME"), variable("HOME")).ok_or_else(|| {
                let help = "say where it is with `--state DIR`";
                Failure::new(Exit::NoAccess, "no-state-directory", "neither $HOME nor $XDG_STATE_HOME is set", help)
            })?,
        };
        let file = folder.join(JOURNAL_FILE);
        if file.exists() {
            return Ok(file);
        }
        let help = "say where the controller keeps its state with `--state DIR`; before anything was deployed there is \
                    no journal";
        Err(Failure::new(Exit::NoAccess, "no-journal", "there is no journal", help).at(&file))
    }
}

/// Relative paths are not valid there, says the XDG specification.
fn variable(name: &str) -> Option<PathBuf> {
    std::env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute())
}

fn usual(root: bool, state: Option<PathBuf>, home: Option<PathBuf>) -> Option<PathBuf> {
    if root {
        return Some(PathBuf::from("/var/lib/glidepath"));
    }
    state.or_else(|| home.map(|home| home.join(".local/state"))).map(|folder| folder.join("glidepath"))
}

fn is_root() -> bool {
    use std::os::unix::fs::MetadataExt as _;
    // The process's own entry belongs to the user it acts as.
    std::fs::metadata(Path::new("/proc/self")).is_ok_and(|entry| entry.uid() == 0)
}
