//! `cargo xtask demo`: a good release lands, a bad one goes around, in a simulated world.
//!
//! The engine, its journal and its way back are the real ones; instances, routers and evidence are the
//! simulator's. Drawn live where a terminal has the room for it, told line by line elsewhere.

mod paint;
mod screen;
mod story;

use clap::Args;
use engine::facts::Facts;
use engine::journal::Phase;
use engine::journal::entry::{Ending, Entry};
use engine::store::Position;
use model::{Digest, Release, ReleaseNumber, Service, Span, Time};
use paint::Paint;
use screen::Screen;
use sim::scene::Scene;
use sim::world::{Behaviour, World};
use std::collections::BTreeMap;
use std::io::{self, IsTerminal, Write};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;
use story::Narrator;

/// What is landed.
const TEXT: &str = include_str!("glidepath.yaml");
/// How much time one frame stands for, at speed 1.
const FRAME: Span = Span(50);
/// How long the world rests before the next release.
const REST: Span = Span(1_500);
/// No act takes longer, however slowly somebody looks.
const ACT_MAX: Span = Span::minutes(5);
/// What the simulated world follows from.
const SEED: u64 = 7;
/// What somebody who liked it may want to see.
const NEXT: [(&str, &str); 3] = [
    ("cargo xtask sim --seed 5", "a landing with much going wrong, line by line"),
    ("cargo xtask sim --seeds 1000", "a thousand of them, and the figures"),
    ("make test", "every test and every checker, small"),
];
/// The least that the drawing needs.
const ROOM: (usize, usize) = (80, 24);

/// What can be said to `cargo xtask demo`.
#[derive(Args)]
pub(crate) struct DemoArguments {
    /// How many times faster than real time.
    #[arg(long, default_value_t = 1.0, value_parser = speed)]
    speed: f64,
    /// Tell it line by line, even on a terminal.
    #[arg(long)]
    plain: bool,
    /// Figures for programs, and nothing else: nothing is shown, so nothing is waited for.
    #[arg(long)]
    json: bool,
    /// Exit with an error where it does not end as announced.
    #[arg(long)]
    check: bool,
}

fn speed(text: &str) -> Result<f64, String> {
    let speed: f64 = text.parse().map_err(|_| "not a number".to_owned())?;
    if (0.1..=1_000.0).contains(&speed) { Ok(speed) } else { Err("from 0.1 to 1000".into()) }
}

/// One release, and how it behaves.
struct Act {
    title: &'static str,
    version: &'static str,
    who: &'static str,
    behaviour: Behaviour,
}

const ACTS: [Act; 2] = [
    Act { title: "A good release lands", version: "1.1.0", who: "ann", behaviour: Behaviour::Good },
    Act {
        title: "A bad release goes around",
        version: "1.2.0",
        who: "bob",
        behaviour: Behaviour::BadAfter(Span(5_200)),
    },
];

/// Runs the task.
pub(crate) fn run(arguments: &DemoArguments) -> ExitCode {
    match if arguments.json { counted() } else { shown(arguments) } {
        Ok(figures) if arguments.check && !figures.as_announced() => ExitCode::FAILURE,
        Ok(_) => ExitCode::SUCCESS,
        // Whoever listened has gone.
        Err(why) if why.kind() == io::ErrorKind::BrokenPipe => ExitCode::SUCCESS,
        Err(why) => {
            let _ = writeln!(io::stderr(), "demo: {why}");
            ExitCode::FAILURE
        }
    }
}

/// Plays it for nobody to see, and says what came of it.
fn counted() -> io::Result<Figures> {
    let figures = Stage::new(io::sink(), Paint { colours: false }, false, FRAME, Duration::ZERO)?.play()?;
    writeln!(io::stdout(), "{}", figures.json())?;
    Ok(figures)
}

fn shown(arguments: &DemoArguments) -> io::Result<Figures> {
    let terminal = io::stdout().is_terminal() && std::env::var_os("TERM").is_some_and(|term| term != "dumb");
    let colours = terminal && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
    let drawn = terminal && !arguments.plain && has_room();
    let pause = Duration::from_millis(FRAME.0).div_f64(arguments.speed.max(1.0));
    let step = Span((FRAME.0 as f64 * arguments.speed.min(1.0)).max(1.0) as u64);
    Stage::new(io::stdout().lock(), Paint { colours }, drawn, step, pause)?.play()
}

/// Whether the terminal says that it is large enough; one that says nothing is believed to be.
fn has_room() -> bool {
    let size = std::process::Command::new("stty").arg("size").stdin(std::process::Stdio::inherit()).output();
    let Ok(size) = size else { return true };
    let numbers: Vec<usize> =
        String::from_utf8_lossy(&size.stdout).split_whitespace().filter_map(|word| word.parse().ok()).collect();
    match numbers[..] {
        [rows, columns] if rows > 0 && columns > 0 => columns >= ROOM.0 && rows >= ROOM.1,
        _ => true,
    }
}

/// Where it is shown.
struct Stage<W> {
    out: W,
    paint: Paint,
    screen: Option<Screen>,
    narrator: Narrator,
    service: Service,
    scene: Scene,
    begins: Time,
    written: Position,
    step: Span,
    pause: Duration,
    landed: u32,
    gone_around: u32,
}

impl<W: Write> Stage<W> {
    /// A service whose first release serves already.
    fn new(out: W, paint: Paint, drawn: bool, step: Span, pause: Duration) -> io::Result<Self> {
        let service = model::text::parse_one(TEXT).map_err(|report| io::Error::other(report.to_string()))?;
        let mut scene = Scene::new(SEED, service.clone(), Facts::one_machine());
        scene.advance_to(Time(1_000));
        scene.deploy("ann", release(&service, ReleaseNumber(1), "1.0.0"), Behaviour::Good);
        scene.advance_to(Time(1_000) + ACT_MAX);
        let begins = scene.now();
        let screen = drawn.then(|| Screen::new(begins));
        let written = scene.world().checker.state.position;
        let (narrator, landed, gone_around) = (Narrator::default(), 0, 0);
        Ok(Self { out, paint, screen, narrator, service, scene, begins, written, step, pause, landed, gone_around })
    }

    /// Plays it all, and says what came of it.
    fn play(&mut self) -> io::Result<Figures> {
        if self.screen.is_none() {
            writeln!(self.out, "The real engine in a simulated world: no process starts, no port opens.")?;
        }
        for (number, act) in (2..).zip(&ACTS) {
            let release = release(&self.service, ReleaseNumber(number), act.version);
            self.scene.deploy(act.who, release, act.behaviour);
            self.act(act)?;
        }
        self.closing()
    }

    fn act(&mut self, act: &Act) -> io::Result<()> {
        let begins = self.scene.now();
        let mut quiet_since = None;
        match &mut self.screen {
            Some(screen) => screen.begin(),
            None => writeln!(self.out, "\n{}", self.paint.bold(act.title))?,
        }
        while self.scene.now().since(begins) < ACT_MAX {
            let now = self.scene.now() + self.step;
            self.scene.advance_to(now);
            self.tell()?;
            if let Some(screen) = &mut self.screen {
                screen.draw(&mut self.out, self.paint, act.title, &self.scene)?;
            }
            if !quiet(&self.scene.world()) {
                quiet_since = None;
            } else if now.since(*quiet_since.get_or_insert(now)) >= REST {
                break;
            }
            std::thread::sleep(self.pause);
        }
        Ok(())
    }

    /// What was written since the last look.
    fn tell(&mut self) -> io::Result<()> {
        for (position, at, entry) in self.scene.written(self.written) {
            self.written = position;
            match &entry {
                Entry::Ended { ending: Ending::Completed { .. }, .. } => self.landed += 1,
                Entry::Ended { ending: Ending::RolledBack, .. } => self.gone_around += 1,
                _ => {}
            }
            let Some(line) = self.narrator.line(&entry) else { continue };
            let at = at.since(self.begins);
            match &mut self.screen {
                Some(screen) => screen.hear(at, line),
                None => writeln!(self.out, "{} {} {}", story::clock(at), line.mark(self.paint), line.text)?,
            }
        }
        Ok(())
    }

    fn closing(&mut self) -> io::Result<Figures> {
        let world = self.scene.world();
        let figures = Figures {
            serves: world.checker.state.standing.release,
            landed: self.landed,
            gone_around: self.gone_around,
            entries: world.checker.state.position,
            broken: world.checker.broken.clone(),
        };
        writeln!(self.out, "\nTry next:")?;
        for (command, what) in NEXT {
            writeln!(self.out, "  {command:<30} {}", self.paint.dim(what))?;
        }
        let verdict = if figures.as_announced() {
            "@2 landed; @3 went around on its own; every effect was checked."
        } else {
            "It should not have ended like this."
        };
        writeln!(self.out, "\n{}", self.paint.bold(verdict))?;
        for line in &figures.broken {
            writeln!(self.out, "broken: {line}")?;
        }
        writeln!(self.out, "{}", figures.line())?;
        Ok(figures)
    }
}

/// What came of it.
struct Figures {
    serves: Option<ReleaseNumber>,
    landed: u32,
    gone_around: u32,
    entries: Position,
    /// What the checkers of the simulated world say.
    broken: Vec<String>,
}

impl Figures {
    /// Whether the good one landed, the bad one did not, and nothing was broken meanwhile.
    fn as_announced(&self) -> bool {
        self.serves == Some(ReleaseNumber(2)) && (self.landed, self.gone_around) == (1, 1) && self.broken.is_empty()
    }

    fn line(&self) -> String {
        format!(
            "demo: {} releases, {} landed, {} went around, {} journal entries, {} broken",
            ACTS.len(),
            self.landed,
            self.gone_around,
            self.entries,
            self.broken.len()
        )
    }

    fn json(&self) -> serde_json::Value {
        serde_json::json!({
            "releases": ACTS.len(),
            "landed": self.landed,
            "gone_around": self.gone_around,
            "entries": self.entries,
            "broken": self.broken,
            "as_announced": self.as_announced(),
        })
    }
}

fn release(service: &Service, number: ReleaseNumber, version: &str) -> Arc<Release> {
    let mut service = service.clone();
    service.run.version = version.into();
    let artifact = Digest::of(version.as_bytes());
    Arc::new(Release { number, artifact, service, secrets: BTreeMap::new(), variants: BTreeMap::new() })
}

/// Nothing goes on, and nothing is due.
fn quiet(world: &World) -> bool {
    let state = &world.checker.state;
    state.standing.release.is_some()
        && state.phase() == Phase::Standing
        && state.waiting.is_none()
        && state.closing.is_none()
        && state.standing.closings.is_empty()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn played(drawn: bool) -> (String, Figures) {
        let paint = Paint { colours: false };
        let mut stage = Stage::new(Vec::new(), paint, drawn, FRAME, Duration::ZERO).expect("the service is good");
        let figures = stage.play().expect("memory takes everything");
        (String::from_utf8(stage.out).expect("it is text"), figures)
    }

    #[test]
    fn the_demo_ends_as_announced() {
        let (told, figures) = played(false);
        assert!(figures.as_announced(), "{told}");
        assert!(told.contains("errors failed: going around"), "{told}");
        assert_eq!(told.lines().last(), Some(figures.line().as_str()), "it ends with its figures");
        assert_eq!((&figures.json()["landed"], &figures.json()["gone_around"]), (&1.into(), &1.into()));
        assert!(!told.contains('\u{1b}'), "{told}");
    }

    #[test]
    fn no_picture_is_wider_or_higher_than_a_terminal() {
        let (drawn, figures) = played(true);
        assert!(figures.as_announced());
        for picture in drawn.split("\u{1b}[J") {
            let lines: Vec<String> = picture.lines().map(screen::without_controls).collect();
            assert!(lines.len() < ROOM.1, "{} lines:\n{picture}", lines.len());
            for line in lines {
                assert!(line.chars().count() < ROOM.0, "{line}");
            }
        }
    }
}
