//! Serving: the keeper, and the gateways that it starts.

use super::access::Access;
use super::papers::Papers;
use super::place::Place;
use crate::exit::Exit;
use crate::failure::Failure;
use gateway::process::{RemoteSettings, Settings, Unreadable, has_tables, read_config, serve};
use keeper::members::Bounds;
use keeper::place::{Control, Taken, claim, control};
use model::Span;
use std::ffi::OsString;
use std::fs::File;
use std::io;
use std::net::SocketAddr;
use std::os::fd::AsFd as _;
use std::path::{Path, PathBuf};
use wire::keeping::NO_COMMON_VERSION;
use wire::log::{Form, Log};
use wire::passing::{DESCRIPTORS_MAX, Line};

/// How a gateway serves.
#[derive(clap::Args)]
pub(crate) struct Run {
    /// The file of the tables, for a gateway without a controller. It is read again when it changes.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Where /metrics, /healthz and /readyz are answered.
    #[arg(long, value_name = "ADDRESS")]
    admin: Option<SocketAddr>,
    /// Where controllers and people of other machines may ask it, over TCP and TLS: only those who show a certificate
    /// that one of `--control-authorities` has signed.
    #[arg(long, value_name = "ADDRESS")]
    control_listen: Option<SocketAddr>,
    /// How many workers; as many as the machine has cores, where nothing is said.
    #[arg(long, value_name = "NUMBER", value_parser = workers())]
    workers: Option<u16>,
    /// How long what is under way has when the gateway is to stop.
    #[arg(long, value_name = "DURATION", default_value = "35s", value_parser = parse_span)]
    drain: Span,
    /// How long another gateway has until it serves, before this one goes on in its place.
    #[arg(long, value_name = "DURATION", default_value = "30s", value_parser = parse_span)]
    ready_within: Span,
    /// How the log's lines look, on standard error: text or json.
    #[arg(long, value_name = "FORM", value_enum, default_value_t, hide_possible_values = true)]
    log: Lines,
    #[command(flatten)]
    access: Access,
}

/// How the log's lines look.
#[derive(Clone, Copy, Debug, Default, clap::ValueEnum)]
pub(crate) enum Lines {
    /// For people.
    #[default]
    Text,
    /// For programs.
    Json,
}

impl Lines {
    fn form(self) -> Form {
        match self {
            Lines::Text => Form::Text,
            Lines::Json => Form::Json,
        }
    }
}

impl Run {
    pub(crate) fn run(&self, place: &Place) -> Result<Exit, Failure> {
        let (state, path) = (place.state()?, place.control()?);
        self.access.check()?;
        check(place.papers.listen(self.control_listen)?.as_ref(), self.admin)?;
        let (_claimed, control) = self.take_place(&state, &path)?;
        let log = Log::new(self.log.form(), "keeper");
        let settings = keeper::Settings {
            program: program().map_err(|error| broken("finding the program", &error))?,
            arguments: self.arguments(&state, place),
            workers: self.workers,
            bounds: Bounds { ready_ms: self.ready_within.0, drain_ms: self.drain.0 },
            log,
        };
        let kept = keeper::keep(settings, control);
        // Whoever asks now hears at once that nobody is there.
        let _ = std::fs::remove_file(&path);
        kept.map(|()| Exit::Ok).map_err(|error| broken("keeping the gateway", &error))
    }

    /// Takes the state directory and the control socket. A configuration that is wrong from the start is told to
    /// whoever starts it, where there is nothing to serve by. Where there is, a slip in a file must not keep a machine
    /// that was restarted from serving: the gateway tells of it.
    fn take_place(&self, state: &Path, path: &Path) -> Result<(File, Control), Failure> {
        let claimed = claim(state).map_err(|taken| told(taken, state, "keeping its state"));
        let taken = claimed.and_then(|claimed| {
            let control = control(path).map_err(|taken| told(taken, path, "opening the control socket"));
            Ok((claimed, control?))
        });
        match (taken, self.check_config()) {
            (Ok((_, Control::Fresh(_))), Err(wrong)) if !has_tables(state) => {
                let _ = std::fs::remove_file(path);
                Err(wrong)
            }
            (Err(_), Err(wrong)) => Err(wrong),
            (taken, _) => taken,
        }
    }

    fn check_config(&self) -> Result<(), Failure> {
        let Some(config) = &self.config else { return Ok(()) };
        read_config(config).map(drop).map_err(|error| match error {
            Unreadable::Io(error) => Failure::io(config, "reading", &error),
            Unreadable::Report(report) => Failure::problems(report),
        })
    }

    /// What each gateway that is started is told.
    fn arguments(&self, state: &Path, place: &Place) -> Vec<OsString> {
        let mut arguments: Vec<OsString> = vec!["gateway-serve".into(), "--state".into(), state.into()];
        if let Some(config) = &self.config {
            arguments.extend(["--config".into(), config.into()]);
        }
        if let Some(admin) = self.admin {
            arguments.extend(["--admin".into(), admin.to_string().into()]);
        }
        if let Some(listen) = self.control_listen {
            arguments.extend(["--control-listen".into(), listen.to_string().into()]);
            arguments.extend(place.papers.arguments());
        }
        let log = if self.log.form() == Form::Json { "json" } else { "text" };
        arguments.extend(["--log".into(), log.into()]);
        arguments.extend(self.access.arguments());
        arguments
    }
}

/// The gateway proper, started by its keeper and by nobody else.
#[derive(clap::Args)]
pub(crate) struct Serve {
    #[arg(long)]
    state: PathBuf,
    #[arg(long)]
    config: Option<PathBuf>,
    #[arg(long)]
    admin: Option<SocketAddr>,
    #[arg(long)]
    control_listen: Option<SocketAddr>,
    #[command(flatten)]
    papers: Papers,
    #[arg(long)]
    workers: Option<u16>,
    #[arg(long, value_enum, default_value_t)]
    log: Lines,
    #[command(flatten)]
    access: Access,
}

impl Serve {
    pub(crate) fn run(&self) -> Result<Exit, Failure> {
        let cores = || std::thread::available_parallelism().map_or(1, usize::from).min(DESCRIPTORS_MAX);
        let settings = Settings {
            state: self.state.clone(),
            config: self.config.clone(),
            admin: self.admin,
            remote: self.papers.listen(self.control_listen)?,
            access: self.access.settings(),
            workers: self.workers.map_or_else(cores, usize::from),
            version: env!("CARGO_PKG_VERSION"),
            log: Log::new(self.log.form(), "gateway"),
        };
        let line = io::stdin().as_fd().try_clone_to_owned().and_then(Line::of);
        let served = line.and_then(|line| serve(settings, line));
        served.map(|()| Exit::Ok).map_err(|error| broken("serving", &error))
    }
}

/// The program, by the name that it was called by: after an upgrade that name may lead to another file.
fn program() -> io::Result<PathBuf> {
    let called = std::env::args_os().next().map(PathBuf::from).unwrap_or_default();
    let found = if called.components().count() > 1 {
        Some(std::env::current_dir()?.join(called))
    } else {
        let path = std::env::var_os("PATH").unwrap_or_default();
        std::env::split_paths(&path).map(|folder| folder.join(&called)).find(|file| file.is_file())
    };
    found.filter(|file| file.is_file()).map_or_else(std::env::current_exe, Ok)
}

/// What is wrong from the start is told to whoever starts it.
fn check(remote: Option<&RemoteSettings>, admin: Option<SocketAddr>) -> Result<(), Failure> {
    let Some(remote) = remote else { return Ok(()) };
    if admin == Some(remote.address) {
        let message = format!("`--admin` and `--control-listen` both name {}", remote.address);
        return Err(Failure::new(Exit::Usage, "bad-value", message, "give each a port of its own"));
    }
    remote.papers.check().map_err(|why| {
        let help = "name three files in PEM with `--control-certificate`, `--control-key` and `--control-authorities`";
        Failure::new(Exit::NoAccess, "unusable-certificate", why, help)
    })
}

fn broken(doing: &str, error: &io::Error) -> Failure {
    let help = "a gateway is started by `glidepath gateway`; its log says more";
    Failure::new(Exit::NoAccess, "gateway-failed", format!("{doing} failed: {error}"), help)
}

fn told(taken: Taken, path: &Path, doing: &str) -> Failure {
    match taken {
        Taken::ByAnother => {
            let help = "ask it with `glidepath gateway status`, or give this one places of its own with `--state` and \
                        `--control`";
            Failure::new(Exit::NoAccess, "gateway-runs", "another gateway runs here already", help).at(path)
        }
        Taken::Io(error) if error.kind() == io::ErrorKind::Unsupported => {
            Failure::new(Exit::NoAccess, "no-common-version", error.to_string(), NO_COMMON_VERSION).at(path)
        }
        Taken::Io(error) if error.kind() == io::ErrorKind::TimedOut => {
            let help = "a gateway serves here and hangs: end its process with SIGKILL, and start this one again";
            Failure::new(Exit::NoAccess, "no-answer-in-time", "the gateway that is there does not answer", help)
                .at(path)
        }
        Taken::Io(error) => Failure::io(path, doing, &error),
    }
}

/// How many workers there may be: each of them wants a socket for every address.
pub(super) fn workers() -> clap::builder::RangedI64ValueParser<u16> {
    clap::value_parser!(u16).range(1..=DESCRIPTORS_MAX as i64)
}

pub(super) fn parse_span(text: &str) -> Result<Span, String> {
    Span::parse(text).map_err(|error| error.to_string())
}
