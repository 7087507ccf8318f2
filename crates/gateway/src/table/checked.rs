//! Tables that were checked: what of them takes time to make ready is made ready once for all workers.

use super::{Faults, Matcher, Pattern, Rules, check};
use crate::pool::Reach;
use crate::split::Split;
use crate::tls::{Files, Opened};
use std::net::SocketAddr;
use std::ops::Deref;
use wire::Table;

/// A table without a fault, and what of it takes time to make ready: that is done once for all workers.
#[derive(Debug)]
pub struct Checked {
    pub(super) table: Table,
    /// Its releases served before this process began.
    pub serves: bool,
    /// Where it asks to be served, each once.
    pub addresses: Vec<SocketAddr>,
    pub(super) split: Split,
    pub(super) paths: Vec<Pattern>,
    pub(super) lanes: Vec<CheckedLane>,
    pub(super) rules: Rules,
    pub(super) allow: Vec<Matcher>,
    pub(super) opened: Opened,
}

/// What of a lane was made ready.
#[derive(Debug)]
pub(super) struct CheckedLane {
    pub(super) matchers: Vec<Matcher>,
    pub(super) addresses: Vec<SocketAddr>,
}

impl Checked {
    /// A table, or all that is wrong with it.
    pub fn new(table: Table) -> Result<Self, Faults> {
        check::check(table)
    }

    /// How the instances of each lane are reached.
    pub(crate) fn reaches(&self) -> impl Iterator<Item = Reach> {
        let reach = |(number, lane): (usize, &wire::table::Lane)| Reach {
            tls: self.opened.lanes.get(number).cloned().flatten(),
            protocol: lane.protocol,
        };
        self.table.lanes.iter().enumerate().map(reach)
    }

    /// Reads the files that it names. A table that is not asked to speak TLS needs none.
    pub fn open(&mut self, files: &Files) -> Result<(), Faults> {
        self.opened = Opened::new(&self.table, files)?;
        Ok(())
    }
}

impl Deref for Checked {
    type Target = Table;

    fn deref(&self) -> &Table {
        &self.table
    }
}
