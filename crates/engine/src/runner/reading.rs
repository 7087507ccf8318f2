//! How a desk comes to its state: the journal is read, folded, and time is held to what it says.

use super::desk::{Desk, STORE_PAUSE};
use super::looking::LOOK_LIMIT;
use super::{Effect, Event, Refused};
use crate::journal::entry::{ENTRY_VERSION, Entry};
use crate::journal::fold;
use crate::journal::state::State;
use crate::observe::{Counted, Observations};
use crate::store::{Journal, Position, Record, StoreError};
use model::Time;

/// Why a journal cannot be gone by.
#[derive(Clone, Debug)]
pub(super) struct Unreadable {
    pub(super) why: String,
    /// A newer Glidepath wrote it: another controller may understand it.
    pub(super) newer: bool,
}

impl Desk {
    /// No time is earlier than the last entry's, whoever's clock wrote that.
    pub(super) fn catch_up(&mut self, now: Time, event: Option<&Event>) {
        let Some(Event::Read(_, Ok(journal))) = event else { return };
        let last = journal.records.iter().map(|record| record.line.at).max().unwrap_or_default();
        let by = last.since(now + self.ahead);
        self.ahead = self.ahead + by;
        self.sending.jump(by);
    }

    /// Whether the journal has to be read, and nobody reads it.
    pub(super) fn wants_to_read(&self) -> bool {
        self.state.is_none() && self.read_asked.is_none() && self.unreadable.is_none()
    }

    /// Whether its journal is being read.
    pub(super) fn reads(&self) -> bool {
        self.state.is_none() && self.read_asked.is_some()
    }

    /// Whether the store has not answered yet.
    pub(super) fn awaits_the_store(&self) -> bool {
        self.reads() || self.appending.is_some()
    }

    pub(super) fn read_on(&mut self, now: Time, may_read: bool, out: &mut Vec<Effect>) {
        if self.read_asked.take_if(|asked| now.since(*asked) >= LOOK_LIMIT).is_some() {
            // Whoever waits behind it has its turn first.
        } else if may_read && self.read_asked.is_none() && now >= self.store_again {
            self.read_asked = Some(now);
            let after = self.reading.as_ref().map_or(Position(0), |state| state.position);
            out.push(Effect::Read(self.subject.clone(), after));
        }
        self.wake_at = now + STORE_PAUSE;
    }

    pub(super) fn take_in_read(&mut self, now: Time, read: Result<Journal, StoreError>, out: &mut Vec<Effect>) {
        self.read_asked = None;
        if self.state.is_some() {
            return;
        }
        let Journal { records, whole, checkpoint } = match read {
            Ok(read) => read,
            Err(error) => {
                self.store_again = now + STORE_PAUSE;
                out.push(Effect::Say(self.subject.clone(), error.to_string()));
                self.refuse_all(&Refused::NotWritten(error.to_string()), out);
                return;
            }
        };
        let mut state = self.reading.take().map(|state| *state).unwrap_or_default();
        for record in records {
            if record.position <= state.position {
                continue;
            }
            match replay(std::mem::take(&mut state), &record) {
                Ok(next) => state = next,
                Err(unreadable) => {
                    let why = format!("entry {} of {}: {}", record.position, self.subject, unreadable.why);
                    out.push(Effect::Say(self.subject.clone(), why.clone()));
                    self.unreadable = Some(Unreadable { why, ..unreadable });
                    return;
                }
            }
        }
        if !whole {
            self.reading = Some(Box::new(state));
            return;
        }
        let counted: Counted = checkpoint.and_then(|text| serde_json::from_str(&text).ok()).unwrap_or_default();
        self.seen = Observations::recovered(counted, self.facts.router.is_some(), state.position, state.elapsed(now));
        if let Some((_, by)) = self.doubtful.take().filter(|(sum, _)| state.jumped < *sum) {
            self.jumped = self.jumped + by;
        }
        self.taken_over_at = now;
        self.asked.clear();
        self.state = Some(state);
    }
}

/// The state after a record that was read.
fn replay(state: State, record: &Record) -> Result<State, Unreadable> {
    let version = record.line.version;
    if version > ENTRY_VERSION {
        let why = format!(
            "it was written by a newer Glidepath (entry version {version}, this one knows {ENTRY_VERSION}): update this controller"
        );
        return Err(Unreadable { why, newer: true });
    }
    let damaged = |why: String| Unreadable { why, newer: false };
    let entry: Entry =
        serde_json::from_str(&record.line.body).map_err(|why| damaged(format!("it cannot be read: {why}")))?;
    fold(state, record.line.at, &entry).map_err(|why| damaged(why.to_string()))
}
