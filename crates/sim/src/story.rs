//! What happened, line by line, where somebody listens.

use model::{Span, Time};
use serde::Serialize;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

/// Who tells something.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Teller {
    /// What goes wrong.
    Fault,
    /// What was written.
    Journal,
    /// What people say.
    People,
    /// What a controller does or notices.
    Controller,
    /// What it sends.
    Command,
    /// What instances do.
    Platform,
    /// What a router does.
    Router,
    /// What hooks, databases and flags do.
    Target,
    /// What must never happen.
    Broken,
}

impl Teller {
    /// As shown.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Fault => "fault",
            Self::Journal => "journal",
            Self::People => "people",
            Self::Controller => "controller",
            Self::Command => "command",
            Self::Platform => "platform",
            Self::Router => "router",
            Self::Target => "target",
            Self::Broken => "BROKEN",
        }
    }
}

/// One line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Told {
    /// How long after the beginning, in milliseconds.
    #[serde(rename = "at_ms")]
    pub at: Time,
    /// Which service it is about; empty where there is only one.
    pub service: String,
    /// Who tells it.
    pub by: Teller,
    /// What happened.
    pub words: String,
}

impl fmt::Display for Told {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:>12}  ", Span(self.at.0).to_string())?;
        if !self.service.is_empty() {
            write!(f, "{:<7} ", self.service)?;
        }
        write!(f, "{:<10}  {}", self.by.as_str(), self.words)
    }
}

/// The lines of one run, told by all its worlds; or nobody listens.
#[derive(Clone, Default)]
pub struct Story(Option<Arc<Mutex<Vec<Told>>>>);

impl Story {
    /// A story that somebody listens to, or not.
    pub fn new(listens: bool) -> Self {
        Self(listens.then(Arc::default))
    }

    /// Whether somebody listens.
    pub fn is_told(&self) -> bool {
        self.0.is_some()
    }

    /// One more line, if somebody listens.
    pub fn tell(&self, told: impl FnOnce() -> Told) {
        if let Some(lines) = &self.0 {
            let told = told();
            lines.lock().unwrap_or_else(PoisonError::into_inner).push(told);
        }
    }

    /// All that was told.
    pub fn take(&self) -> Vec<Told> {
        let take =
            |lines: &Arc<Mutex<Vec<Told>>>| std::mem::take(&mut *lines.lock().unwrap_or_else(PoisonError::into_inner));
        self.0.as_ref().map(take).unwrap_or_default()
    }
}
