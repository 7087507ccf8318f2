//! What a part came to, kept until the page is written.

use serde_json::{Value, json};
use std::io;
use std::path::Path;

/// What one part came to.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Record {
    pub(super) part: String,
    /// The commit that it was run on; with a plus where there was more than was committed.
    pub(super) commit: String,
    /// The day, in UTC.
    pub(super) date: String,
    pub(super) seconds: u64,
    pub(super) passed: bool,
    /// In a few words.
    pub(super) figures: String,
    /// All of them, where the part hands them over.
    pub(super) details: Value,
}

impl Record {
    /// Keeps it, as a whole or not at all.
    pub(super) fn keep(&self, folder: &Path) -> io::Result<()> {
        std::fs::create_dir_all(folder)?;
        let text = self.json();
        let unfinished = folder.join(format!("{}.unfinished", self.part));
        std::fs::write(&unfinished, format!("{text:#}\n"))?;
        std::fs::rename(unfinished, folder.join(format!("{}.json", self.part)))
    }

    /// All of it, for programs and for the next run.
    pub(super) fn json(&self) -> Value {
        json!({
            "part": self.part, "commit": self.commit, "date": self.date, "seconds": self.seconds,
            "passed": self.passed, "figures": self.figures, "details": self.details,
        })
    }

    /// What was kept of a part, if anything was.
    pub(super) fn kept(folder: &Path, part: &str) -> Option<Self> {
        let text = std::fs::read_to_string(folder.join(format!("{part}.json"))).ok()?;
        let value: Value = serde_json::from_str(&text).ok()?;
        let word = |name: &str| value[name].as_str().map(str::to_owned);
        Some(Self {
            part: word("part")?,
            commit: word("commit")?,
            date: word("date")?,
            seconds: value["seconds"].as_u64()?,
            passed: value["passed"].as_bool()?,
            figures: word("figures")?,
            details: value["details"].clone(),
        })
    }

    /// Whether it need not be run again for this commit.
    pub(super) fn stands_for(&self, commit: &str) -> bool {
        self.passed && self.commit == commit && !commit.ends_with('+')
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(commit: &str, passed: bool) -> Record {
        Record {
            part: "sim".into(),
            commit: commit.into(),
            date: "2026-01-02".into(),
            seconds: 3,
            passed,
            figures: "9 seeds".into(),
            details: json!({"seeds": 9}),
        }
    }

    #[test]
    fn a_part_is_run_again_only_where_something_may_have_changed() {
        assert!(record("abc", true).stands_for("abc"));
        assert!(!record("abc", true).stands_for("abd"));
        assert!(!record("abc", false).stands_for("abc"));
        assert!(!record("abc+", true).stands_for("abc+"));
    }

    #[test]
    fn what_is_kept_is_read_back() {
        let folder = std::env::temp_dir().join(format!("glidepath-record-{}", std::process::id()));
        let kept = record("abc", true);
        kept.keep(&folder).expect("it can be written");
        assert_eq!(Record::kept(&folder, "sim"), Some(kept));
        assert_eq!(Record::kept(&folder, "kill"), None);
        std::fs::remove_dir_all(folder).expect("it is there");
    }
}
