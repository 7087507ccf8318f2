//! An outline as a table for people.

use super::title::matches;
use super::{BackOutline, Exposure, Outline, StepOutline};
use model::{ReleaseNumber, Share};
use std::collections::BTreeMap;
use std::fmt::{self, Write as _};

/// Where the titles of steps are broken.
const TITLE_WIDTH: usize = 58;
/// Where other lines are broken.
const LINE_WIDTH: usize = 108;

impl fmt::Display for Outline {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.head(f)?;
        writeln!(f)?;
        table(f, self)?;
        writeln!(f, "\n  ways back")?;
        for (index, back) in self.backs.iter().enumerate() {
            way_back(f, index, back)?;
        }
        Ok(())
    }
}

impl Outline {
    fn head(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.stable {
            Some(stable) => writeln!(f, "{} from {stable} to {}", self.strategy.as_str(), self.candidate)?,
            None => writeln!(f, "{}: {} is the first release", self.strategy.as_str(), self.candidate)?,
        }
        line(f, "keeps", &self.keeps())?;
        line(f, "takes", &self.takes.to_string())?;
        line(f, "peak", &self.peak())?;
        let watches = self.watches.iter().map(|watch| format!("{} ({})", watch.check, watch.source));
        let watches = watches.collect::<Vec<_>>().join(", ");
        line(f, "watches", if watches.is_empty() { "nothing" } else { &watches })?;
        for (index, after) in self.afterwards.iter().enumerate() {
            line(f, if index == 0 { "later" } else { "" }, after)?;
        }
        Ok(())
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

fn line(f: &mut fmt::Formatter<'_>, name: &str, text: &str) -> fmt::Result {
    for (index, part) in broken(text, LINE_WIDTH).iter().enumerate() {
        writeln!(f, "  {:<8}{part}", if index == 0 { name } else { "" })?;
    }
    Ok(())
}

fn table(f: &mut fmt::Formatter<'_>, outline: &Outline) -> fmt::Result {
    let mut rows = vec![["#", "step", "exposed", "takes", "running", "back"].map(str::to_owned)];
    let mut branch = None;
    for step in &outline.steps {
        if step.only_if != branch {
            branch = step.only_if;
            let kept = branch.map(|kept| format!("— if {kept} is kept —")).unwrap_or_default();
            rows.push([String::new(), kept, String::new(), String::new(), String::new(), String::new()]);
        }
        rows.extend(row(step, outline.counted));
    }
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or_default();
    let widths: Vec<usize> = (0..6).map(width).collect();
    for row in &rows {
        let mut text = String::new();
        for (column, cell) in row.iter().enumerate() {
            let pad = widths[column] - cell.chars().count();
            if column == 0 {
                let _ = write!(text, "  {}{cell}", " ".repeat(pad));
            } else {
                let _ = write!(text, "  {cell}{}", " ".repeat(pad));
            }
        }
        writeln!(f, "{}", text.trim_end())?;
    }
    Ok(())
}

/// A step, on as many lines as its title needs.
fn row(step: &StepOutline, counted: bool) -> Vec<[String; 6]> {
    let number = (usize::from(step.number.0) + 1).to_string();
    let (running, back) = (running(&step.running, counted), letter(step.back));
    let mut cells = Some((number, exposed(&step.exposure), step.takes.to_string(), running, back));
    let lines = broken(&step.title, TITLE_WIDTH).into_iter();
    lines
        .map(|title| {
            let (number, exposed, takes, running, back) = cells.take().unwrap_or_default();
            [number, title, exposed, takes, running, back]
        })
        .collect()
}

fn exposed(exposure: &Exposure) -> String {
    if exposure.held {
        return "nobody served".into();
    }
    let mut text = exposure.share.to_string();
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
        true => format!("{release} × {count}"),
        false => release.to_string(),
    };
    let all = running.iter().map(one).collect::<Vec<_>>().join(", ");
    if all.is_empty() { "nothing".into() } else { all }
}

fn way_back(f: &mut fmt::Formatter<'_>, index: usize, back: &BackOutline) -> fmt::Result {
    let text = match &back.steps {
        Err(why) => format!("none, the rollout would halt: {why}"),
        Ok(steps) if steps.is_empty() => "nothing to take back".into(),
        Ok(steps) => format!("{} ({})", steps.join(" → "), back.takes),
    };
    line_with_letter(f, &letter(index), &text)
}

fn line_with_letter(f: &mut fmt::Formatter<'_>, letter: &str, text: &str) -> fmt::Result {
    for (index, part) in broken(text, LINE_WIDTH).iter().enumerate() {
        writeln!(f, "  {:>3}  {part}", if index == 0 { letter } else { "" })?;
    }
    Ok(())
}

/// `A` to `Z`, then `AA`.
fn letter(index: usize) -> String {
    // The remainder is below 26.
    let last = char::from(b'A' + (index % 26) as u8);
    if index < 26 { last.to_string() } else { format!("{}{last}", letter(index / 26 - 1)) }
}

/// Broken between words; a word that is too long stays whole.
fn broken(text: &str, width: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in text.split(' ') {
        let line = lines.last().map_or(0, |line| line.chars().count());
        if line > 0 && line + 1 + word.chars().count() > width {
            lines.push(word.to_owned());
        } else if let Some(last) = lines.last_mut() {
            if line > 0 {
                last.push(' ');
            }
            last.push_str(word);
        }
    }
    lines
}
