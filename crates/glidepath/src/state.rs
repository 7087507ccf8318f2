//! Where the controller keeps its journals.

use crate::exit::Exit;
use crate::failure::Failure;
use crate::file::no_file;
use std::fs::File;
use std::io;
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
    /// The file of the journals; it must be there, and this user must be able to read it.
    pub(crate) fn journals(&self) -> Result<PathBuf, Failure> {
        let folder = match &self.state {
            Some(folder) => folder.clone(),
            None => usual_here().ok_or_else(|| {
                let message = "neither $XDG_STATE_HOME nor $HOME says where the state directory is";
                let help = format!("say where it is with `--state DIR`{}", ignored());
                Failure::new(Exit::NoAccess, "no-state-directory", message, help)
            })?,
        };
        let file = folder.join(JOURNAL_FILE);
        match File::open(&file) {
            Ok(_) if file.is_dir() => Err(no_file(&file, "a journal is a file: say where it is with `--state DIR`")),
            Ok(_) => Ok(file),
            Err(error) => Err(self.unreadable(&file, &error)),
        }
    }

    fn unreadable(&self, file: &Path, error: &io::Error) -> Failure {
        match error.kind() {
            io::ErrorKind::NotFound => {
                let ignored = if self.state.is_none() { ignored() } else { String::new() };
                let help = format!(
                    "say where the controller keeps its state with `--state DIR`; before anything was deployed there is \
                     no journal{ignored}"
                );
                Failure::new(Exit::NoAccess, "no-journal", "there is no journal", help).at(file)
            }
            io::ErrorKind::PermissionDenied => {
                let message = format!("the journals cannot be read: {error}");
                let help = "run as the user of the controller or as root, or say where your own are with `--state DIR`";
                Failure::new(Exit::NoAccess, "no-permission", message, help).at(file)
            }
            _ => Failure::io(file, "reading the journals", error),
        }
    }
}

/// Relative paths are not valid there, says the XDG specification, and are to be ignored.
pub(crate) fn variable(name: &str) -> Option<PathBuf> {
    std::env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute())
}

/// What to say about a variable that was ignored.
fn ignored() -> String {
    let relative =
        |name: &&&str| std::env::var_os(name).is_some_and(|path| !path.is_empty() && Path::new(&path).is_relative());
    let named = ["XDG_STATE_HOME", "HOME"].iter().find(relative);
    named.map_or_else(String::new, |name| format!("\n${name} is ignored: a relative path is not valid there"))
}

/// The usual state directory of whoever this process acts as.
pub(crate) fn usual_here() -> Option<PathBuf> {
    usual(is_root(), variable("XDG_STATE_HOME"), variable("HOME"))
}

fn usual(root: bool, state: Option<PathBuf>, home: Option<PathBuf>) -> Option<PathBuf> {
    if root {
        return Some(PathBuf::from("/var/lib/glidepath"));
    }
    state.or_else(|| home.map(|home| home.join(".local/state"))).map(|folder| folder.join("glidepath"))
}

/// Whether this process acts as root.
pub(crate) fn is_root() -> bool {
    use std::os::unix::fs::MetadataExt as _;
    // The process's own entry belongs to the user it acts as.
    std::fs::metadata(Path::new("/proc/self")).is_ok_and(|entry| entry.uid() == 0)
}
