//! What is asked of a gateway that runs.

use super::place::Place;
use super::reach::ask;
use super::{run, show};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::screen::{Screen, Tone};
use model::{Name, ReleaseNumber, Subject};
use std::time::Duration;
use wire::control::{Answer, Drain, Request};

/// The members that go on for clients of before are waited for, each question of a drain in its turn.
const ANSWERED_WITHIN: Duration = Duration::from_secs(30);
/// The gateway itself gives up on another one after ten minutes.
const REPLACED_WITHIN: Duration = Duration::from_secs(610);

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
    /// How long its answer takes at the longest, where nothing hangs.
    fn usually_within(&self) -> Duration {
        match self {
            Self::Replace { .. } => REPLACED_WITHIN,
            Self::Status | Self::Routes | Self::Endpoints | Self::Drain(_) => ANSWERED_WITHIN,
        }
    }

    pub(crate) fn run(&self, place: &Place, screen: &mut Screen) -> Result<Exit, Failure> {
        let control = place.asked()?;
        let request = match self {
            Self::Status => Request::Status,
            Self::Routes => Request::Routes,
            Self::Endpoints => Request::Endpoints,
            Self::Drain(what) => what.request(),
            Self::Replace { workers } => Request::Replace { workers: *workers },
        };
        let within = place.within.map_or(self.usually_within(), |within| Duration::from_millis(within.0));
        let answer = ask(&control, &place.papers, &request, within)?;
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
