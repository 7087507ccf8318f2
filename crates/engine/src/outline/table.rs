//! An outline as a table for people.

use super::look::{JOINED, Look, Tone, broken, pad};
use super::title::matches;
use super::{BackOutline, Exposure, Outline, StepOutline};
use model::{ReleaseNumber, Share};
use std::collections::BTreeMap;
use std::fmt::{self, Write as _};

/// Where the titles of steps are broken at the latest.
const TITLE_WIDTH: usize = 58;
/// Where titles become so narrow that a table is harder to read than two lines per step.
const TITLE_WIDTH_MIN: usize = 22;
/// How wide the columns exposed, takes and running may be where there is little room.
const NARROW: [usize; 3] = [14, 12, 15];
/// Where other lines are broken, if nothing is said.
const LINE_WIDTH: usize = 118;

/// The names of the columns.
const COLUMNS: [&str; 6] = ["#", "step", "exposed", "takes", "running", "back"];
/// The space between two columns.
const GAP: usize = 2;

impl fmt::Display for Outline {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.render(None, false))
    }
}

impl Outline {
    /// The outline for a terminal of so many columns (unlimited where that is not known), with colours
    /// or without.
    pub fn render(&self, width: Option<usize>, colour: bool) -> String {
        let look = Look { width, line: width.unwrap_or(LINE_WIDTH), colour };
        let mut text = String::new();
        self.head(look, &mut text);
        text.push('\n');
        match table(self, look) {
            Some(table) => text.push_str(&table),
            None => self.steps.iter().for_each(|step| in_two_lines(self, step, look, &mut text)),
        }
        let _ = writeln!(text, "\n  {}", look.paint(Tone::Faint, "ways back"));
        for (index, back) in self.backs.iter().enumerate() {
            way_back(index, back, look, &mut text);
        }
        text
    }

    fn head(&self, look: Look, text: &mut String) {
        let title = match self.stable {
            Some(stable) => format!("{} from {stable} to {}", self.strategy.as_str(), self.candidate),
            None => format!("{}: {} is the first release", self.strategy.as_str(), self.candidate),
        };
        let _ = writeln!(text, "{}", look.paint(Tone::Strong, &title));
        look.line(text, "keeps", &self.keeps());
        look.line(text, "takes", &self.takes.to_string());
        look.line(text, "peak", &self.peak());
        let watches = self.watches.iter().map(|watch| format!("{} ({})", watch.check, watch.source));
        let watches = watches.collect::<Vec<_>>().join(", ");
        look.line(text, "watches", if watches.is_empty() { "nothing" } else { &watches });
        for (index, after) in self.afterwards.iter().enumerate() {
            look.line(text, if index == 0 { "later" } else { "" }, after);
        }
    }

    fn keeps(&self) -> String {
        let mut choices: Vec<ReleaseNumber> = self.steps.iter().filter_map(|step| step.only_if).collect();
        choices.dedup();
        if !choices.is_empty() {
            let choices = choices.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
            format!("what is decided: one of {choices}")
        } else if self.kept == self.candidate {
            self.kept.to_string()
        } else {
            format!("{}: nothing lands", self.kept)
        }
    }

    fn peak(&self) -> String {
        if self.counted {
            return super::title::instances(self.peak_instances);
        }
        let releases = self.steps.iter().map(|step| step.running.len()).max().unwrap_or_default();
        format!("{releases} releases side by side; their instances are not counted")
    }
}

/// The cells of a step, or of the line before a branch.
struct Row {
    cells: [String; 6],
    /// How the exposure is shown.
    tone: Tone,
}

/// The table, if there is room for one.
fn table(outline: &Outline, look: Look) -> Option<String> {
    let rows = rows(outline);
    let natural = |column: usize| {
        let cells = rows.iter().map(|row| row.cells[column].chars().count());
        cells.max().unwrap_or_default().max(COLUMNS[column].len())
    };
    let mut widths: [usize; 6] = std::array::from_fn(natural);
    widths[1] = widths[1].min(TITLE_WIDTH);
    if let Some(width) = look.width {
        let around = |widths: &[usize; 6]| widths.iter().sum::<usize>() - widths[1] + 6 * GAP;
        if around(&widths) + widths[1] > width {
            for (column, narrow) in NARROW.iter().enumerate() {
                widths[column + 2] = widths[column + 2].min(*narrow);
            }
        }
        widths[1] = widths[1].min(width.saturating_sub(around(&widths)));
        if widths[1] < TITLE_WIDTH_MIN.min(natural(1)) {
            return None;
        }
    }
    // No wider than what stands in it once it is broken.
    for (column, width) in widths.iter_mut().enumerate() {
        let lines = rows.iter().flat_map(|row| broken(&row.cells[column], *width));
        let widest = lines.map(|line| line.chars().count()).max().unwrap_or_default();
        *width = widest.max(COLUMNS[column].len());
    }
    let mut text = String::new();
    write_row(&mut text, &COLUMNS.map(str::to_owned), &widths, look, [Tone::Faint; 6]);
    for row in &rows {
        let title = if row.cells[0].is_empty() { Tone::Strong } else { Tone::Plain };
        let tones = [Tone::Faint, title, row.tone, Tone::Plain, Tone::Plain, Tone::Letter];
        write_row(&mut text, &row.cells, &widths, look, tones);
    }
    Some(text)
}

fn rows(outline: &Outline) -> Vec<Row> {
    let mut rows = Vec::new();
    let mut branch = None;
    for step in &outline.steps {
        if step.only_if != branch {
            branch = step.only_if;
            let mut cells: [String; 6] = std::array::from_fn(|_| String::new());
            cells[1] = branch_title(branch);
            rows.push(Row { cells, tone: Tone::Plain });
        }
        rows.push(Row { cells: cells(step, outline.counted), tone: tone(&step.exposure) });
    }
    rows
}

fn branch_title(branch: Option<ReleaseNumber>) -> String {
    branch.map(|kept| format!("— if {kept} is kept —")).unwrap_or_default()
}

fn cells(step: &StepOutline, counted: bool) -> [String; 6] {
    let number = (usize::from(step.number.0) + 1).to_string();
    let takes = step.takes.to_string();
    // What belongs together is not torn apart: `5m – 15m`, `@6 × 4`.
    let takes = takes.split(", ").map(unbroken).collect::<Vec<_>>().join(", ");
    [number, step.title.clone(), exposed(&step.exposure), takes, running(&step.running, counted), letter(step.back)]
}

/// One row, on as many lines as its cells need.
fn write_row(text: &mut String, cells: &[String; 6], widths: &[usize; 6], look: Look, tones: [Tone; 6]) {
    let lines: Vec<Vec<String>> = cells.iter().zip(widths).map(|(cell, width)| broken(cell, *width)).collect();
    let height = lines.iter().map(Vec::len).max().unwrap_or_default();
    for line in 0..height {
        let mut row = String::new();
        let last = (0..6).rev().find(|column| lines[*column].get(line).is_some_and(|cell| !cell.is_empty()));
        for column in 0..=last.unwrap_or_default() {
            let cell = lines[column].get(line).map_or("", String::as_str);
            let space = pad(cell, widths[column]);
            let painted = look.paint(tones[column], cell);
            let _ = match column {
                0 => write!(row, "  {space}{painted}"),
                _ if Some(column) == last => write!(row, "  {painted}"),
                _ => write!(row, "  {painted}{space}"),
            };
        }
        let _ = writeln!(text, "{}", row.trim_end());
    }
}

/// A step where there is no room for a table.
fn in_two_lines(outline: &Outline, step: &StepOutline, look: Look, text: &mut String) {
    let before = usize::from(step.number.0).checked_sub(1).and_then(|index| outline.steps.get(index));
    if step.only_if != before.and_then(|before| before.only_if) {
        let _ = writeln!(text, "  {}", look.paint(Tone::Strong, &branch_title(step.only_if)));
    }
    let [number, title, exposed, takes, running, back] = cells(step, outline.counted);
    let indent = 5;
    for (index, part) in broken(&title, look.line.saturating_sub(indent)).iter().enumerate() {
        let number = if index == 0 { number.as_str() } else { "" };
        let _ = writeln!(text, "{}{}  {part}", pad(number, indent - 2), look.paint(Tone::Faint, number));
    }
    let about = [unbroken(&format!("exposed {exposed}")), takes, running, unbroken(&format!("back {back}"))];
    for part in broken(&about.join(" · "), look.line.saturating_sub(indent)) {
        let _ = writeln!(text, "{}{}", " ".repeat(indent), look.paint(Tone::Faint, &part));
    }
}

/// The same text, never broken.
fn unbroken(text: &str) -> String {
    text.replace(' ', &JOINED.to_string())
}

fn tone(exposure: &Exposure) -> Tone {
    if exposure.held {
        Tone::Bad
    } else if exposure.share.is_none() && exposure.cohorts.is_empty() {
        Tone::Plain
    } else {
        Tone::Notable
    }
}

fn exposed(exposure: &Exposure) -> String {
    if exposure.held {
        return "nobody served".into();
    }
    let mut text = unbroken(&exposure.share.to_string());
    if !exposure.cohorts.is_empty() && exposure.share != Share::ALL {
        let _ = write!(text, " + {}", matches(&exposure.cohorts));
    }
    if !exposure.copies.is_none() {
        let _ = write!(text, " (copies)");
    }
    text
}

fn running(running: &BTreeMap<ReleaseNumber, u32>, counted: bool) -> String {
    let one = |(release, count): (&ReleaseNumber, &u32)| match counted {
        true => unbroken(&format!("{release} × {count}")),
        false => release.to_string(),
    };
    let all = running.iter().map(one).collect::<Vec<_>>().join(", ");
    if all.is_empty() { "nothing".into() } else { all }
}

fn way_back(index: usize, back: &BackOutline, look: Look, text: &mut String) {
    let (tone, way) = match &back.steps {
        Err(why) => (Tone::Bad, format!("none, the rollout would halt: {why}")),
        Ok(steps) if steps.is_empty() => (Tone::Plain, "nothing to take back".into()),
        Ok(steps) => (Tone::Plain, format!("{} ({})", steps.join(" → "), unbroken(&back.takes.to_string()))),
    };
    let letter = letter(index);
    for (index, part) in broken(&way, look.line.saturating_sub(10)).iter().enumerate() {
        let letter = if index == 0 { letter.as_str() } else { "" };
        let _ = writeln!(text, "  {}{}  {}", pad(letter, 3), look.paint(Tone::Letter, letter), look.paint(tone, part));
    }
}

/// `A` to `Z`, then `AA`.
pub(super) fn letter(index: usize) -> String {
    // The remainder is below 26.
    let last = char::from(b'A' + (index % 26) as u8);
    if index < 26 { last.to_string() } else { format!("{}{last}", letter(index / 26 - 1)) }
}
