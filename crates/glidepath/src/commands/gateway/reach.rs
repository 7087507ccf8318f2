//! Asking a gateway, here or on another machine, and what keeps one from it.

use super::papers::{Papers, incomplete};
use super::place::Control;
use crate::exit::Exit;
use crate::failure::Failure;
use gateway::remote::{Trouble, connect};
use std::io::{self, ErrorKind};
use std::path::Path;
use std::time::Duration;
use wire::asking::Asking;
use wire::control::{Answer, Request};
use wire::timed::Timed;

/// Asks once more where another gateway has taken over at that very moment.
pub(super) fn ask(control: &Control, papers: &Papers, request: &Request, within: Duration) -> Result<Answer, Failure> {
    let files = papers.files("asking a gateway over TCP")?;
    let asked = || match control {
        Control::Near(path) => {
            let asking = Asking::connect(path, within);
            asking.and_then(|asking| answer(asking, request)).map_err(|error| near(path, within, &error))
        }
        Control::Afar(host, port) => {
            let files = files.as_ref().ok_or_else(|| {
                incomplete(
                    "asking a gateway over TCP",
                    "--control-certificate, --control-key and --control-authorities",
                )
            })?;
            let asking = connect(host, *port, files, within);
            asking.and_then(|asking| answer(asking, request)).map_err(|error| afar(host, *port, within, &error))
        }
    };
    match asked()? {
        Answer::Moved => asked(),
        answered => Ok(answered),
    }
}

fn answer<S: Timed>(mut asking: Asking<S>, request: &Request) -> io::Result<Answer> {
    asking.ask(request)
}

fn near(control: &Path, within: Duration, error: &io::Error) -> Failure {
    let failure = common(within, error).unwrap_or_else(|| match error.kind() {
        ErrorKind::NotFound | ErrorKind::ConnectionRefused => {
            let help =
                "start one with `glidepath gateway --config FILE`, or say where it is asked with `--control PATH`";
            Failure::new(Exit::NoAccess, "no-gateway", "no gateway runs here", help)
        }
        _ => Failure::io(control, "asking the gateway", error),
    });
    failure.at(control)
}

fn afar(host: &str, port: u16, within: Duration, error: &io::Error) -> Failure {
    let place = format!("tcp://{host}:{port}");
    let no = |code, message: String, help: &str| Failure::new(Exit::NoAccess, code, message, help);
    let failure = match Trouble::of(error) {
        Some(Trouble::Foreign) => {
            let help = "name the address that the gateway was given as `--control-listen`";
            no("no-gateway", "what answers there is no gateway that can be asked".into(), help)
        }
        Some(Trouble::Mistrusted(why)) => {
            let help = "show one with `--control-certificate` and `--control-key` that one of the gateway's \
                        `--control-authorities` has signed for clients";
            no("not-believed", format!("the gateway does not believe your certificate: {why}"), help)
        }
        Some(trouble @ (Trouble::Nameless | Trouble::Stranger(_))) => {
            let help = "name its authority with `--control-authorities`; its certificate has to be valid for the host \
                        that you ask";
            no("not-believed", format!("the gateway is not believed: {trouble}"), help)
        }
        None => common(within, error).unwrap_or_else(|| match error.kind() {
            ErrorKind::InvalidInput => {
                let help = "correct the files, or the host, that you name";
                no("unusable-certificate", error.to_string(), help)
            }
            _ => {
                let help = "check the host and the port, and whether the gateway was started with `--control-listen`";
                no("no-gateway", format!("no gateway can be reached: {error}"), help)
            }
        }),
    };
    Failure { place: Some(place), ..failure }
}

/// What goes wrong here and elsewhere alike.
fn common(within: Duration, error: &io::Error) -> Option<Failure> {
    let no = |code, message: String, help: &str| Some(Failure::new(Exit::NoAccess, code, message, help));
    match error.kind() {
        ErrorKind::Unsupported => {
            let help = "use the program that the gateway is from, or start another gateway with SIGUSR2";
            no("no-common-version", error.to_string(), help)
        }
        ErrorKind::UnexpectedEof | ErrorKind::ConnectionReset | ErrorKind::BrokenPipe => {
            let help = "it may just be ending: ask again, and look into its log";
            no("no-answer", "the gateway hung up before it answered".into(), help)
        }
        ErrorKind::TimedOut => {
            let seconds = within.as_secs_f64();
            let help = "it may do as asked all the same. Ask again with a longer `--within`; if it hangs for good, end \
                        its process with SIGKILL: its keeper starts another one, and nobody is refused";
            no("no-answer-in-time", format!("the gateway did not answer within {seconds} s"), help)
        }
        _ => None,
    }
}
