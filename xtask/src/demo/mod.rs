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
    let terminal = io::stdout().is_terminal() && std::env::var_os("TERM").is_some_and(|term| term != "dumb");
    let colours = terminal && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
    let drawn = terminal && !arguments.plain && has_room();
    let pause = Duration::from_millis(FRAME.0).div_f64(arguments.speed.max(1.0));
    let step = Span((FRAME.0 as f64 * arguments.speed.min(1.0)).max(1.0) as u64);
    let shown =
        Stage::new(io::stdout().lock(), Paint { colours }, drawn, step, pause).and_then(|mut stage| stage.play());
    match shown {
        // Whoever listened has gone.
        Err(why) if why.kind() != io::ErrorKind::BrokenPipe => {
            let _ = writeln!(io::stderr(), "demo: {why}");
            ExitCode::FAILURE
        }
        Ok(false) => ExitCode::FAILURE,
        Ok(true) | Err(_) => ExitCode::SUCCESS,
    }
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
        Ok(Self { out, paint, screen, narrator: Narrator::default(), service, scene, begins, written, step, pause })
    }

    /// Plays it all; whether everything ended as announced.
    fn play(&mut self) -> io::Result<bool> {
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
            let Some(line) = self.narrator.line(&entry) else { continue };
            let at = at.since(self.begins);
            match &mut self.screen {
                Some(screen) => screen.hear(at, line),
                None => writeln!(self.out, "{} {} {}", story::clock(at), line.mark(self.paint), line.text)?,
            }
        }
        Ok(())
    }

    fn closing(&mut self) -> io::Result<bool> {
        let world = self.scene.world();
        let state = &world.checker.state;
        let well = state.standing.release == Some(ReleaseNumber(2)) && world.checker.broken.is_empty();
        let verdict =
            if well { "@2 landed; @3 went around on its own." } else { "It should not have ended like this." };
        let count = state.position;
        writeln!(self.out, "\n{} {count} journal entries, every effect checked.", self.paint.bold(verdict))?;
        for line in &world.checker.broken {
            writeln!(self.out, "broken: {line}")?;
        }
        writeln!(self.out, "\nTry next:")?;
        for (command, what) in NEXT {
            writeln!(self.out, "  {command:<30} {}", self.paint.dim(what))?;
        }
        Ok(well)
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

    fn played(drawn: bool) -> (String, bool) {
        let paint = Paint { colours: false };
        let mut stage = Stage::new(Vec::new(), paint, drawn, FRAME, Duration::ZERO).expect("the service is good");
        let well = stage.play().expect("memory takes everything");
        (String::from_utf8(stage.out).expect("it is text"), well)
    }

    #[test]
    fn the_demo_ends_as_announced() {
        let (told, well) = played(false);
        assert!(well, "{told}");
        assert!(told.contains("errors failed: going around"), "{told}");
        assert!(!told.contains('\u{1b}'), "{told}");
    }

    #[test]
    fn no_picture_is_wider_or_higher_than_a_terminal() {
        let (drawn, well) = played(true);
        assert!(well);
        for picture in drawn.split("\u{1b}[J") {
            let lines: Vec<String> = picture.lines().map(screen::without_controls).collect();
            assert!(lines.len() < ROOM.1, "{} lines:\n{picture}", lines.len());
            for line in lines {
                assert!(line.chars().count() < ROOM.0, "{line}");
            }
        }
    }
}
