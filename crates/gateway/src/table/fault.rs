//! What is wrong with a table: all of it, each with its place, so that it is put right in one go.

use std::fmt;

/// The most faults that are told: whoever has more begins with these.
pub const FAULTS_MAX: usize = 32;

/// One thing that is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// Where in the table: `lanes[1].endpoints[0].address`.
    pub place: String,
    /// What is wrong, and what to do.
    pub what: String,
}

/// Why a table cannot be served by.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Faults {
    list: Vec<Fault>,
    /// How many more there are.
    further: usize,
}

impl Faults {
    /// One more.
    pub(crate) fn add(&mut self, place: impl Into<String>, what: impl Into<String>) {
        if self.list.len() < FAULTS_MAX {
            self.list.push(Fault { place: place.into(), what: what.into() });
        } else {
            self.further += 1;
        }
    }

    /// What was made, or the fault that it could not be.
    pub(crate) fn take<T>(&mut self, place: &str, made: Result<T, String>) -> Option<T> {
        made.map_err(|what| self.add(place, what)).ok()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// Those that are told.
    pub fn list(&self) -> &[Fault] {
        &self.list
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.place, self.what)
    }
}

impl fmt::Display for Faults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (number, fault) in self.list.iter().enumerate() {
            let line = if number == 0 { "" } else { "\n" };
            write!(f, "{line}{fault}")?;
        }
        match self.further {
            0 => Ok(()),
            further => write!(f, "\nand {further} more"),
        }
    }
}

impl std::error::Error for Faults {}
