//! Where a gateway is asked, and where it keeps its tables.

use crate::exit::Exit;
use crate::failure::Failure;
use crate::state;
use std::path::PathBuf;

/// The control socket.
#[derive(clap::Args)]
pub(crate) struct Place {
    /// The socket that the gateway is asked by: /run/glidepath/gateway.sock for root, else
    /// $XDG_RUNTIME_DIR/glidepath/gateway.sock, or gateway.sock in the state directory.
    #[arg(long, value_name = "PATH", global = true)]
    control: Option<PathBuf>,
    /// Where the gateway keeps its tables: /var/lib/glidepath/gateway for root, else
    /// $XDG_STATE_HOME/glidepath/gateway or ~/.local/state/glidepath/gateway.
    #[arg(long, value_name = "DIR", global = true)]
    state: Option<PathBuf>,
}

impl Place {
    pub(crate) fn control(&self) -> Result<PathBuf, Failure> {
        if let Some(path) = &self.control {
            return Ok(path.clone());
        }
        if state::is_root() {
            return Ok(PathBuf::from("/run/glidepath/gateway.sock"));
        }
        match state::variable("XDG_RUNTIME_DIR") {
            Some(folder) => Ok(folder.join("glidepath/gateway.sock")),
            None => Ok(self.state()?.join("gateway.sock")),
        }
    }

    pub(crate) fn state(&self) -> Result<PathBuf, Failure> {
        if let Some(folder) = &self.state {
            return Ok(folder.clone());
        }
        state::usual_here().map(|folder| folder.join("gateway")).ok_or_else(|| {
            let message = "neither $XDG_STATE_HOME nor $HOME says where the state directory is";
            Failure::new(Exit::NoAccess, "no-state-directory", message, "say where it is with `--state DIR`")
        })
    }
}
