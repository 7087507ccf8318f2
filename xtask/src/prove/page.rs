//! `docs/proof.md`, from what was kept of every part.

use super::part::Part;
use super::record::Record;
use std::fmt::Write as _;

/// The page.
pub(super) fn page(date: &str, commit: &str, cores: usize, parts: &[(&Part, Option<Record>)]) -> String {
    let mut text = format!(
        "# Proof\n\nWritten by `make prove` on {date}, at commit `{commit}`, on a machine with {cores} cores. \
         Every part can be run alone:\n`cargo xtask prove PART`.\n\n\
         | part | shows | figures | took |\n|---|---|---|---|\n"
    );
    for (part, record) in parts {
        let (figures, took) = match record {
            None => ("not run yet".to_owned(), String::new()),
            Some(record) => {
                let passed = if record.passed { "" } else { "**failed:** " };
                let other = if record.commit == commit { String::new() } else { format!(" (at `{}`)", record.commit) };
                let figures = record.figures.replace('|', "\\|");
                (format!("{passed}{figures}{other}"), duration(record.seconds))
            }
        };
        let _ = writeln!(text, "| {} | {} | {figures} | {took} |", part.name, part.shows);
    }
    text
}

/// A time in the words of the page.
pub(super) fn duration(seconds: u64) -> String {
    if seconds < 60 { format!("{seconds} s") } else { format!("{} min {} s", seconds / 60, seconds % 60) }
}

#[cfg(test)]
mod tests {
    use super::super::part::PARTS;
    use super::*;

    #[test]
    fn a_page_tells_what_failed_what_is_older_and_what_is_missing() {
        let record = |passed, commit: &str| Record {
            part: String::new(),
            commit: commit.into(),
            date: String::new(),
            seconds: 61,
            passed,
            figures: "1|2".into(),
            details: serde_json::Value::Null,
        };
        let parts =
            [(&PARTS[0], Some(record(false, "abc"))), (&PARTS[1], Some(record(true, "old"))), (&PARTS[2], None)];
        let page = page("2026-01-02", "abc", 2, &parts);
        let rows: Vec<&str> = page.lines().filter(|line| line.starts_with("| ")).skip(1).collect();
        assert!(rows[0].ends_with("| **failed:** 1\\|2 | 1 min 1 s |"), "{page}");
        assert!(rows[1].ends_with("| 1\\|2 (at `old`) | 1 min 1 s |"), "{page}");
        assert!(rows[2].ends_with("| not run yet |  |"), "{page}");
    }
}
