//! One picture of a landing, drawn over the last one.

use super::paint::Paint;
use super::story::{self, Line, step_title};
use engine::journal::Phase;
use engine::journal::state::{Rollout, State};
use model::plan::{Plan, StepNumber, Verb};
use model::{ReleaseNumber, Span, Time, Verdict};
use sim::scene::Scene;
use sim::world::World;
use std::collections::VecDeque;
use std::io::{self, Write};

/// How wide the picture is.
const WIDTH: usize = 78;
/// How many lines the steps have.
const STEP_LINES: usize = 12;
/// How many lines the releases have.
const RELEASE_LINES: usize = 2;
/// How many lines of the journal are shown.
const STORY_LINES: usize = 4;
/// How wide everything is, as traffic.
const TRAFFIC_WIDTH: usize = 34;
/// How wide a whole time is.
const HOLD_WIDTH: usize = 16;

/// What has been drawn, and what is remembered for the next picture.
#[derive(Default)]
pub(super) struct Screen {
    story: VecDeque<(Span, Line)>,
    /// When the first picture was drawn: clocks count from there.
    begins: Time,
    /// The rollout as it last ran: it stays in sight after its end.
    last: Option<Last>,
    /// How many lines the last picture had; none where a new one begins below it.
    drawn: usize,
}

struct Last {
    rollout: Rollout,
    ended: bool,
    /// The step that it broke off at, if it went around.
    broke_at: Option<StepNumber>,
}

impl Screen {
    /// Another act: its picture takes the place of the last.
    pub(super) fn begin(&mut self) {
        self.last = None;
        self.story.clear();
    }

    /// A screen whose clocks count from then.
    pub(super) fn new(begins: Time) -> Self {
        Self { begins, ..Self::default() }
    }

    /// Something was written.
    pub(super) fn hear(&mut self, at: Span, line: Line) {
        self.story.push_back((at, line));
        while self.story.len() > STORY_LINES {
            self.story.pop_front();
        }
    }

    /// Draws the world as it is now.
    pub(super) fn draw(&mut self, out: &mut impl Write, paint: Paint, act: &str, scene: &Scene) -> io::Result<()> {
        let world = &*scene.world();
        self.remember(&world.checker.state);
        let mut lines = vec![head(paint, act, world.now.since(self.begins)), String::new()];
        let mut steps = self.steps(paint, world);
        steps.resize(STEP_LINES, String::new());
        lines.append(&mut steps);
        lines.push(String::new());
        let mut releases = releases(paint, world);
        releases.resize(RELEASE_LINES, String::new());
        lines.append(&mut releases);
        lines.push(watch(paint, &world.checker.state, scene));
        lines.push(String::new());
        for (at, line) in &self.story {
            let text = clipped(&line.text, WIDTH - 12);
            lines.push(format!(" {} {} {text}", paint.dim(&story::clock(*at)), line.mark(paint)));
        }
        lines.resize(5 + STEP_LINES + RELEASE_LINES + STORY_LINES, String::new());
        let mut frame = String::new();
        if self.drawn > 0 {
            frame.push_str(&format!("\u{1b}[{}A\r", self.drawn));
        }
        for line in &lines {
            frame.push_str(line);
            frame.push_str("\u{1b}[K\n");
        }
        frame.push_str("\u{1b}[J");
        self.drawn = lines.len();
        out.write_all(frame.as_bytes())?;
        out.flush()
    }

    fn remember(&mut self, state: &State) {
        match (&state.rollout, &mut self.last) {
            (Some(rollout), last) => {
                let known = last.as_ref().and_then(|last| last.broke_at);
                let doing = last.as_ref().filter(|last| last.rollout.doing.is_some()).map(|last| last.rollout.cursor);
                let broke_at = rollout.back.as_ref().and_then(|_| known.or(doing));
                *last = Some(Last { rollout: (**rollout).clone(), ended: false, broke_at });
            }
            (None, Some(last)) => last.ended = true,
            (None, None) => {}
        }
    }

    fn steps(&self, paint: Paint, world: &World) -> Vec<String> {
        let Some(Last { rollout, ended, broke_at }) = &self.last else { return vec![paint.dim("   no rollout yet")] };
        let state = &world.checker.state;
        let elapsed = state.elapsed(world.now);
        let mut lines = vec![heading(paint, rollout, *ended)];
        let Some(back) = &rollout.back else {
            lines.extend(rows(paint, rollout, &rollout.plan, *ended, elapsed));
            return lines;
        };
        let begun = rollout.started.iter().map(|number| {
            let text = clipped(&step_title(&rollout.plan, *number, rollout.plan.stable()), WIDTH - 6);
            let mark = if Some(*number) == *broke_at { paint.bad("✗") } else { paint.dim("✓") };
            format!("   {mark} {}", paint.dim(&text))
        });
        // Where there is not room for everything, what was done last says most.
        let room = STEP_LINES.saturating_sub(2 + back.plan.steps.len());
        lines.extend(begun.skip(rollout.started.len().saturating_sub(room)));
        lines.push(format!("   {}", paint.bold("the way back")));
        lines.extend(rows(paint, rollout, &back.plan, *ended, elapsed));
        lines
    }
}

fn head(paint: Paint, act: &str, now: Span) -> String {
    let name = "GLIDEPATH";
    let right = format!("simulated world, real engine {}", story::clock(now));
    let gap = WIDTH.saturating_sub(3 + name.len() + act.len() + right.len());
    format!(" {}  {}{}{}", paint.bold(name), paint.bold(act), " ".repeat(gap), paint.dim(&right))
}

/// What is under way, and how it stands with it.
fn heading(paint: Paint, rollout: &Rollout, ended: bool) -> String {
    let stands = match (rollout.back.is_some(), ended) {
        (false, false) => paint.candidate("landing"),
        (false, true) => paint.good("landed"),
        (true, false) => paint.open("going around"),
        (true, true) => paint.good("gone around"),
    };
    format!("   {}  {stands}", paint.bold(&story::heading(&rollout.plan)))
}

/// The steps of the plan that is done now, or of its way back.
fn rows(paint: Paint, rollout: &Rollout, plan: &Plan, ended: bool, elapsed: Time) -> Vec<String> {
    let mut lines = Vec::new();
    for (index, step) in plan.steps.iter().enumerate() {
        let number = StepNumber(u16::try_from(index).unwrap_or(u16::MAX));
        let text = clipped(&step_title(plan, number, rollout.plan.stable()), WIDTH - 6);
        lines.push(if ended || number < rollout.cursor {
            format!("   {} {text}", paint.good("✓"))
        } else if number > rollout.cursor {
            format!("   {} {}", paint.dim("·"), paint.dim(&text))
        } else {
            let bar = rollout.doing.as_ref().and_then(|doing| match &step.verb {
                Verb::Observe { hold, .. } => Some(hold_bar(paint, elapsed.since(doing.since), *hold)),
                _ => None,
            });
            let pad = 50_usize.saturating_sub(text.chars().count());
            format!("   {} {text}{}{}", paint.open("▸"), " ".repeat(pad), bar.unwrap_or_default())
        });
    }
    lines
}

fn hold_bar(paint: Paint, held: Span, hold: Span) -> String {
    let part = (held.0 as f64 / hold.0.max(1) as f64).min(1.0);
    let full = (part * HOLD_WIDTH as f64).round() as usize;
    let left = hold.0.saturating_sub(held.0) as f64 / 1_000.0;
    let rest = if left > 0.0 { format!("{left:>4.1} s") } else { "  asks".into() };
    format!("{}{} {}", paint.open(&"━".repeat(full)), paint.dim(&"─".repeat(HOLD_WIDTH - full)), paint.dim(&rest))
}

/// Each release: what the routers send to it, its instances, and what it is.
fn releases(paint: Paint, world: &World) -> Vec<String> {
    let state = &world.checker.state;
    let mut lines = Vec::new();
    for (number, sim) in &world.releases {
        if sim.instances.is_empty() {
            continue;
        }
        let share = share(world, *number);
        let (role, colour): (&str, fn(Paint, &str) -> String) = role(state, *number);
        let bar = bar(share);
        let rest = "·".repeat(TRAFFIC_WIDTH - bar.chars().count());
        let instances: Vec<&str> = sim
            .instances
            .values()
            .map(|instance| match (instance.gone_at, instance.ready(world.now)) {
                (Some(_), _) => "◌",
                (None, true) => "●",
                (None, false) => "○",
            })
            .collect();
        let dots = instances.join(" ");
        let pad = " ".repeat(9_usize.saturating_sub(dots.chars().count()));
        let percent = format!("{:>5.1} %", share * 100.0);
        lines.push(format!(
            "   {:<3}{percent} {}{}  {}{pad} {}",
            number.to_string(),
            colour(paint, &bar),
            paint.dim(&rest),
            colour(paint, &dots),
            role
        ));
    }
    lines.truncate(RELEASE_LINES);
    lines
}

/// What the routers send to a release now, whatever was intended.
fn share(world: &World, release: ReleaseNumber) -> f64 {
    let points = world.members.iter().map(|member| member.table.intent.share(release).basis_points());
    let sum: u64 = points.map(u64::from).sum();
    sum as f64 / (world.members.len().max(1) as f64 * 10_000.0)
}

fn role(state: &State, release: ReleaseNumber) -> (&'static str, fn(Paint, &str) -> String) {
    let rollout = state.rollout.as_deref();
    if state.standing.warm.is_some_and(|warm| warm.release == release) && state.closing.is_none() {
        return ("warm, to return to", Paint::dim);
    }
    match rollout {
        Some(rollout) if rollout.plan.candidate == release => match rollout.back {
            Some(_) => ("goes around", Paint::open),
            None => ("is landing", Paint::candidate),
        },
        _ if state.standing.release == Some(release) => ("serves", Paint::stable),
        _ => ("leaves", Paint::dim),
    }
}

/// A share as a bar, to an eighth of a character.
fn bar(share: f64) -> String {
    const PARTS: [char; 8] = [' ', '▏', '▎', '▍', '▌', '▋', '▊', '▉'];
    let eighths = (share.clamp(0.0, 1.0) * (TRAFFIC_WIDTH * 8) as f64).round() as usize;
    let mut bar = "█".repeat(eighths / 8);
    if !eighths.is_multiple_of(8) {
        bar.push(PARTS[eighths % 8]);
    }
    bar
}

/// What the checks said last, while they are asked.
fn watch(paint: Paint, state: &State, scene: &Scene) -> String {
    let Some(rollout) = state.rollout.as_deref() else { return String::new() };
    if state.phase() == Phase::Halted || rollout.plan.watches.is_empty() {
        return String::new();
    }
    let verdicts = scene.verdicts(rollout.number);
    let said = rollout.plan.watches.iter().map(|watch| {
        let verdict = match verdicts.get(&watch.check) {
            Some(Verdict::Pass) => paint.good("✓ pass"),
            Some(Verdict::Fail) => paint.bad("✗ fail"),
            Some(Verdict::Undecided) => paint.open("? undecided: too little seen yet"),
            None => paint.dim("not asked yet"),
        };
        format!("{} {verdict}", watch.check)
    });
    format!("   {} {}", paint.dim("watch"), said.collect::<Vec<_>>().join("  "))
}

fn clipped(text: &str, width: usize) -> String {
    if text.chars().count() <= width {
        return text.to_owned();
    }
    text.chars().take(width.saturating_sub(1)).chain(['…']).collect()
}

/// A line as it is seen.
#[cfg(test)]
pub(super) fn without_controls(line: &str) -> String {
    let mut shown = String::new();
    let mut characters = line.chars();
    while let Some(character) = characters.next() {
        if character == '\u{1b}' {
            characters.by_ref().find(char::is_ascii_alphabetic);
        } else if !character.is_control() {
            shown.push(character);
        }
    }
    shown
}
