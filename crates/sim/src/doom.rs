//! A controller's end at a chosen instant: right after its journal has become so long.

use crate::world::World;
use engine::store::Position;

/// What became of the effects that follow the last entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Fate {
    /// None was carried out.
    NotDone,
    /// All were carried out, and nobody heard of it.
    Unrecorded,
    /// As before, and each happens a second time later.
    Twice,
}

impl Fate {
    /// All of them.
    pub const ALL: &'static [Fate] = &[Fate::NotDone, Fate::Unrecorded, Fate::Twice];

    /// As written in the name of a case.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::NotDone => "lost",
            Self::Unrecorded => "unrecorded",
            Self::Twice => "twice",
        }
    }
}

/// A controller's end that is to come, or has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Doom {
    /// So long the journal becomes.
    pub at: Position,
    /// What becomes of what follows.
    pub fate: Fate,
    /// Whether the journal is so long.
    pub reached: bool,
    /// Whether the entry is not the last of its append: no store leaves that behind, and nothing was
    /// sent by then.
    pub torn: bool,
    /// Whether what follows has been sent.
    pub breathed_out: bool,
    /// How many effects that was, every router counted.
    pub sent: u32,
}

impl Doom {
    /// An end that is to come.
    pub fn new(at: Position, fate: Fate) -> Self {
        Self { at, fate, reached: false, torn: false, breathed_out: false, sent: 0 }
    }

    /// Whether the process ends now.
    pub fn is_due(&self) -> bool {
        self.reached && (self.breathed_out || self.torn || self.fate == Fate::NotDone)
    }
}

impl World {
    /// How many lines of an append are kept: a process that ends within it leaves the rest unwritten.
    pub fn lines_before_doom(&mut self, end: Position, lines: usize) -> usize {
        let Some(doom) = self.doom.as_mut().filter(|doom| !doom.reached && doom.at > end) else { return lines };
        let left = usize::try_from(doom.at.0 - end.0).unwrap_or(usize::MAX);
        doom.reached = left <= lines;
        doom.torn = left < lines;
        lines.min(left)
    }

    /// Whether the next answer of the store is the last thing that the controller hears.
    pub fn is_last_breath(&self) -> bool {
        self.doom.is_some_and(|doom| doom.reached && !doom.is_due())
    }

    /// Everything that followed has been sent.
    pub fn breathe_out(&mut self) {
        if let Some(doom) = &mut self.doom {
            doom.breathed_out = true;
        }
    }

    /// An effect is sent; whether it is to happen twice.
    pub fn happens_twice(&mut self) -> bool {
        if !self.is_last_breath() {
            return false;
        }
        let Some(doom) = &mut self.doom else { return false };
        doom.sent += 1;
        doom.fate == Fate::Twice
    }
}
