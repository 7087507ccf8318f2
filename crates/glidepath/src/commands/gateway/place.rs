//! Where a gateway is asked, and where it keeps its tables.

use super::papers::Papers;
use super::run;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::state;
use keeper::place::CONTROL_BYTES_MAX;
use model::Span;
use std::path::PathBuf;

/// Where a gateway is asked.
#[derive(Clone, Debug)]
pub(crate) enum Control {
    /// By a socket of this machine.
    Near(PathBuf),
    /// Over TCP: a host, and a port.
    Afar(String, u16),
}

/// The control socket.
#[derive(clap::Args)]
pub(crate) struct Place {
    /// The socket that the gateway is asked by: /run/glidepath/gateway.sock for root, else
    /// $XDG_RUNTIME_DIR/glidepath/gateway.sock, or gateway.sock in the state directory. Where one is asked on
    /// another machine: tcp://HOST:PORT.
    #[arg(long, value_name = "PATH", global = true, value_parser = parse_control, value_hint = clap::ValueHint::AnyPath)]
    control: Option<Control>,
    #[command(flatten)]
    pub(super) papers: Papers,
    /// How long an answer of a gateway that runs may take: 30s where nothing is said, 610s for `replace`.
    #[arg(long, value_name = "DURATION", global = true, value_parser = run::parse_span)]
    pub(super) within: Option<Span>,
    /// Where the gateway keeps its tables: /var/lib/glidepath/gateway for root, else
    /// $XDG_STATE_HOME/glidepath/gateway or ~/.local/state/glidepath/gateway.
    #[arg(long, value_name = "DIR", global = true)]
    state: Option<PathBuf>,
}

impl Place {
    /// Where it is asked.
    pub(crate) fn asked(&self) -> Result<Control, Failure> {
        let control = match &self.control {
            Some(control) => control.clone(),
            None => Control::Near(self.usual()?),
        };
        match &control {
            Control::Near(path) if path.as_os_str().len() > CONTROL_BYTES_MAX => {
                let message = "the path of the control socket is too long";
                let help = format!("name a shorter one with `--control PATH`: {CONTROL_BYTES_MAX} bytes at the most");
                Err(Failure::new(Exit::Usage, "path-too-long", message, help).at(path))
            }
            Control::Near(_) | Control::Afar(..) => Ok(control),
        }
    }

    /// Where it is to be asked on this machine.
    pub(crate) fn control(&self) -> Result<PathBuf, Failure> {
        match self.asked()? {
            Control::Near(path) => Ok(path),
            Control::Afar(..) => {
                let help = "say `--control-listen ADDRESS` for that, and `--control PATH` for the socket";
                let message = "a gateway that is started here cannot be asked there";
                Err(Failure::new(Exit::Usage, "bad-value", message, help))
            }
        }
    }

    fn usual(&self) -> Result<PathBuf, Failure> {
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

fn parse_control(text: &str) -> Result<Control, String> {
    let Some(place) = text.strip_prefix("tcp://") else { return Ok(Control::Near(text.into())) };
    let parsed = place.rsplit_once(':').and_then(|(host, port)| Some((host, port.parse().ok()?)));
    match parsed {
        // An address of IPv6 stands in brackets.
        Some((host, port)) if !host.is_empty() && (!host.contains(':') || host.starts_with('[')) => {
            Ok(Control::Afar(host.trim_matches(['[', ']']).to_owned(), port))
        }
        Some(_) | None => Err("write it as tcp://HOST:PORT".into()),
    }
}
