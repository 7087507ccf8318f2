//! What is asked of a gateway that runs.

use super::place::Place;
use super::{run, show};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::screen::{Screen, Tone};
use model::{Name, ReleaseNumber, Subject};
use std::io;
use std::path::Path;
use wire::asking::Asking;
use wire::control::{Answer, Drain, Request};

/// What is asked.
#[derive(clap::Subcommand)]
pub(crate) enum Question {
    /// Show how the gateway is: where it listens, what it serves, and what is not in order.
    Status,
    /// Show who is served where, and by which releases.
    Routes,
    /// Show all instances, and what they have under way.
    Endpoints,
    /// Give no new work to an instance or a release, until its next table; or end the gateway.
    Drain(DrainWhat),
    /// Start another gateway in place of the one that runs; no client notices.
    Replace {
        /// With so many workers; with as many as before, where nothing is said.
        #[arg(long, value_name = "NUMBER", value_parser = run::workers())]
        workers: Option<u16>,
    },
}

/// What gets no new work.
#[derive(clap::Args)]
#[group(required = true, multiple = false)]
pub(crate) struct DrainWhat {
    /// The instance at this address, in every table that has it.
    #[arg(long, value_name = "ADDRESS")]
    endpoint: Option<String>,
    /// This release, as `shop@7`: the others share what was its.
    #[arg(long, value_name = "SERVICE@NUMBER", value_parser = parse_release)]
    release: Option<(String, u32)>,
    /// All of it: the gateway ends when what is under way has ended.
    #[arg(long)]
    all: bool,
}

impl DrainWhat {
    fn request(&self) -> Request {
        let what = match (&self.endpoint, &self.release) {
            (Some(address), _) => Drain::Endpoint(address.clone()),
            (None, Some((service, release))) => {
                Drain::Release { service: Subject::from_text(service), release: ReleaseNumber(*release) }
            }
            (None, None) => Drain::Gateway,
        };
        Request::Drain(what)
    }
}

impl Question {
    pub(crate) fn run(&self, place: &Place, screen: &mut Screen) -> Result<Exit, Failure> {
        let control = place.control()?;
        let request = match self {
            Self::Status => Request::Status,
            Self::Routes => Request::Routes,
            Self::Endpoints => Request::Endpoints,
            Self::Drain(what) => what.request(),
            Self::Replace { workers } => Request::Replace { workers: *workers },
        };
        let answer = ask(&control, &request)?;
        if screen.is_json() {
            screen.json(&answer);
            return Ok(exit(&answer));
        }
        match &answer {
            Answer::Status(status) => show::status(status, screen),
            Answer::Routes(routes) => show::routes(routes, screen),
            Answer::Endpoints(endpoints) => show::endpoints(endpoints, screen),
            Answer::Live(live) => screen.line(format!("{} (generation {})", done(screen, "live"), live.generation)),
            Answer::Replaced => screen.line(done(screen, "replaced")),
            Answer::Begun => screen.line("it ends when what is under way has ended"),
            other => return Err(refused(other)),
        }
        Ok(exit(&answer))
    }
}

fn done(screen: &Screen, word: &str) -> String {
    screen.paint(Tone::Good, word)
}

/// Whether what is said is in order.
fn exit(answer: &Answer) -> Exit {
    let fine = match answer {
        Answer::Status(status) => status.is_in_order(),
        Answer::Live(live) => live.unsaved.is_none(),
        Answer::Routes(_) | Answer::Endpoints(_) | Answer::Report(_) | Answer::Counts(_) => true,
        Answer::Begun | Answer::Replaced => true,
        Answer::Superseded(_) | Answer::Faulty(_) | Answer::Undecided(_) | Answer::Refused(_) | Answer::Moved => false,
    };
    if fine { Exit::Ok } else { Exit::NotInOrder }
}

/// Asks once more where another gateway has taken over at that very moment.
fn ask(control: &Path, request: &Request) -> Result<Answer, Failure> {
    let asked = || Asking::connect(control).and_then(|mut asking| asking.ask(request));
    let answer = match asked() {
        Ok(Answer::Moved) => asked(),
        answered => answered,
    };
    answer.map_err(|error| match error.kind() {
        io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused => {
            let help =
                "start one with `glidepath gateway --config FILE`, or say where it is asked with `--control PATH`";
            Failure::new(Exit::NoAccess, "no-gateway", "no gateway runs here", help).at(control)
        }
        io::ErrorKind::Unsupported => {
            let help = "use the program that the gateway is from, or start another gateway with SIGUSR2";
            Failure::new(Exit::NoAccess, "no-common-version", error.to_string(), help).at(control)
        }
        io::ErrorKind::UnexpectedEof => {
            let help = "it may just be ending: ask again, and look into its log";
            Failure::new(Exit::NoAccess, "no-answer", "the gateway hung up before it answered", help).at(control)
        }
        _ => Failure::io(control, "asking the gateway", &error),
    })
}

fn refused(answer: &Answer) -> Failure {
    let (code, message) = match answer {
        Answer::Superseded(newer) => ("superseded", format!("there is a newer table by now: generation {newer}")),
        Answer::Faulty(why) => ("faulty", why.clone()),
        Answer::Refused(why) => ("refused", why.clone()),
        Answer::Undecided(members) => {
            let pids: Vec<String> = members.iter().map(|member| member.pid.to_string()).collect();
            ("undecided", format!("did not answer: process {}", pids.join(", ")))
        }
        Answer::Moved => ("moved", "another gateway takes over just now".into()),
        other => ("unexpected", format!("the gateway answered something else: {other:?}")),
    };
    let help = "see how it is with `glidepath gateway status`";
    Failure::new(Exit::NotInOrder, code, message, help)
}

/// `shop@7`; a service with slashes is meant as it stands.
fn parse_release(text: &str) -> Result<(String, u32), String> {
    let wrong = || "write it as shop@7".to_owned();
    let (service, number) = text.rsplit_once('@').ok_or_else(wrong)?;
    let number = number.parse().map_err(|_| wrong())?;
    if service.contains('/') {
        return Ok((service.to_owned(), number));
    }
    let name = Name::new(service).map_err(|error| error.to_string())?;
    Ok((format!("service/{name}/production/local"), number))
}
