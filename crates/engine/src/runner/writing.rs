//! How a desk writes: one append at a time, whose answer may be late, lost or in doubt.

use super::clock::differ;
use super::desk::{Desk, STORE_PAUSE};
use super::{Effect, Refused};
use crate::journal::entry::{ENTRY_VERSION, Entry};
use crate::journal::fold;
use crate::store::{Append, AppendError, Attribution, Epoch, Line, Position, StoreError, Trouble};
use model::{Span, Time};

/// How long an append is waited for, before the journal is read again.
pub(crate) const APPEND_LIMIT: Span = Span::seconds(30);

#[derive(Debug)]
pub(super) struct Appending {
    pub(super) since: Time,
    pub(super) entries: Vec<(Time, Entry)>,
    pub(super) input: Option<String>,
}

impl Desk {
    pub(super) fn append(
        &mut self,
        now: Time,
        epoch: Epoch,
        scope: &str,
        entries: Vec<Entry>,
        input: Option<String>,
        out: &mut Vec<Effect>,
    ) {
        let Some(state) = &self.state else { return };
        let at = now.max(state.at);
        let lines: Result<Vec<Line>, StoreError> = entries.iter().map(|entry| line(at, entry)).collect();
        let (subject, expected) = (self.subject.clone(), state.position);
        self.appends += 1;
        self.appending =
            Some(Appending { since: now, entries: entries.into_iter().map(|entry| (at, entry)).collect(), input });
        match lines {
            Ok(lines) => {
                let append = Append { subject, expected, scope: scope.into(), epoch, lines };
                out.push(Effect::Append(append, self.appends));
            }
            Err(error) => self.take_in_append(now, Err(AppendError::Failed(error)), out),
        }
    }

    /// An append that nobody answered may have been written or not.
    pub(super) fn give_up_append(&mut self, now: Time, out: &mut Vec<Effect>) {
        if self.appending.as_ref().is_some_and(|appending| now.since(appending.since) >= APPEND_LIMIT) {
            let why = "the store did not answer".to_owned();
            self.take_in_append(now, Err(AppendError::Ambiguous(why)), out);
            self.appends += 1;
        }
    }

    pub(super) fn take_in_append(&mut self, now: Time, answer: Result<Position, AppendError>, out: &mut Vec<Effect>) {
        if let Err(AppendError::Ambiguous(_)) = &answer {
            self.doubt_jump();
        }
        let Some(appending) = self.appending.take() else { return };
        let refuse = |out: &mut Vec<Effect>, why: String| {
            if let Some(id) = appending.input.clone() {
                out.push(Effect::Answer(self.subject.clone(), id, Err(Refused::NotWritten(why))));
            }
        };
        match answer {
            Ok(position) => {
                let mut state = self.state.take().unwrap_or_default();
                for (at, entry) in &appending.entries {
                    match fold(std::mem::take(&mut state), *at, entry) {
                        Ok(next) => state = next,
                        Err(why) => {
                            // It was folded before it was appended: this cannot be. Read it anew.
                            out.push(Effect::Say(self.subject.clone(), why.to_string()));
                            self.reading = None;
                            return;
                        }
                    }
                }
                self.state = Some(state);
                if let Some(id) = appending.input {
                    out.push(Effect::Answer(self.subject.clone(), id, Ok(position)));
                }
            }
            Err(error @ (AppendError::Conflict(_) | AppendError::Ambiguous(_))) => {
                let written = matches!(error, AppendError::Ambiguous(_));
                refuse(out, "nobody knows whether it was written: ask again, with the same id".into());
                self.jumped = self.jumped + if written { Span::ZERO } else { unwritten_jump(&appending.entries) };
                self.state = None;
                self.reading = None;
            }
            Err(error @ AppendError::Fenced(_)) => {
                refuse(out, error.to_string());
                self.jumped = self.jumped + unwritten_jump(&appending.entries);
                self.state = None;
                self.reading = None;
            }
            Err(AppendError::Failed(error)) => {
                refuse(out, error.to_string());
                out.push(Effect::Say(self.subject.clone(), error.to_string()));
                self.jumped = self.jumped + unwritten_jump(&appending.entries);
                self.store_again = now + STORE_PAUSE;
            }
        }
    }

    /// The clock's jump is written before anything is decided by the new time. What is waited for is
    /// not waited for any longer by it.
    pub(super) fn jump(&mut self, by: Span) {
        self.sending.jump(by);
        self.store_again = self.store_again + by;
        if let Some(appending) = &mut self.appending {
            appending.since = appending.since + by;
        }
        if self.state.is_some() {
            self.jumped = self.jumped + by;
        }
    }

    /// Nobody knows whether the jump that is being written was: the journal will tell.
    pub(super) fn doubt_jump(&mut self) {
        let (Some(state), Some(appending)) = (&self.state, &self.appending) else { return };
        let by = unwritten_jump(&appending.entries);
        if by > Span::ZERO {
            self.doubtful = Some((state.jumped + by, by));
        }
    }

    /// Whether the clock has jumped, and the journal does not say so yet.
    pub(super) fn has_jumped(&self) -> bool {
        let written = self.state.as_ref().map_or(Span::ZERO, |state| state.behind);
        self.jumped > Span::ZERO || differ(self.behind, written)
    }
}

/// How far the clock jumped, by entries that were not written: it has to be said again.
fn unwritten_jump(entries: &[(Time, Entry)]) -> Span {
    entries.iter().fold(Span::ZERO, |sum, (_, entry)| match entry {
        Entry::ClockJumped { by_ms, .. } => sum + Span(*by_ms),
        _ => sum,
    })
}

/// An entry as a store keeps it.
fn line(at: Time, entry: &Entry) -> Result<Line, StoreError> {
    let by = match entry {
        Entry::Asked { input } => input.by.clone(),
        _ => Attribution::engine(),
    };
    let kind = entry.kind().as_str();
    let body = serde_json::to_string(entry).map_err(|why| StoreError {
        trouble: Trouble::Other,
        message: format!("an entry `{kind}` cannot be put in words: {why}; nothing was written"),
    })?;
    Ok(Line { at, by, kind: kind.into(), version: ENTRY_VERSION, body })
}
