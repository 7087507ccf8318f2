//! Journals in memory, for tests and the simulator: nothing outlives the process, everything else is
//! as the contract says. Its futures are ready at once.

use crate::bounds;
use engine::store::{
    Append, AppendError, Cursor, Epoch, Held, Pending, Position, READ_BYTES_MAX, READ_MAX, Record, Renewal, Store,
    StoreError, Taken, Taking,
};
use model::{Span, Subject};
use std::collections::BTreeMap;
use std::future::ready;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Journals in memory.
#[derive(Debug, Default)]
pub struct MemoryStore(Mutex<Kept>);

#[derive(Debug, Default)]
struct Kept {
    /// All entries in the order of commit: the cursor is the place here, from 1.
    entries: Vec<(Subject, Record)>,
    /// For each subject, the places of its entries.
    journals: BTreeMap<Subject, Vec<usize>>,
    checkpoints: BTreeMap<Subject, (Position, Epoch, String)>,
    leases: BTreeMap<String, Leased>,
}

#[derive(Clone, Debug)]
struct Leased {
    epoch: Epoch,
    holder: Option<String>,
    renewal: Renewal,
    length: Span,
}

impl MemoryStore {
    /// An empty one.
    pub fn new() -> Self {
        Self::default()
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Kept {
    fn append(&mut self, append: Append) -> Result<Position, AppendError> {
        bounds::append(&append).map_err(AppendError::Failed)?;
        let epoch = self.leases.get(&append.scope).map_or(Epoch(0), |held| held.epoch);
        if append.epoch != epoch {
            return Err(AppendError::Fenced(epoch));
        }
        let mut ends = self.journals.get(&append.subject).map_or(Position(0), |places| Position(places.len() as u64));
        if append.expected != ends {
            return Err(AppendError::Conflict(ends));
        }
        for line in append.lines {
            ends = ends.next();
            self.journals.entry(append.subject.clone()).or_default().push(self.entries.len());
            let cursor = Cursor(self.entries.len() as u64 + 1);
            self.entries.push((append.subject.clone(), Record { position: ends, cursor, epoch, line }));
        }
        Ok(ends)
    }

    fn read(&self, subject: &Subject, after: Position, limit: usize) -> Vec<Record> {
        let places = self.journals.get(subject).map_or(&[][..], Vec::as_slice);
        let entries = places.iter().skip(place(after.0)).map(|place| &self.entries[*place]);
        bounded(entries, limit).map(|(_, record)| record.clone()).collect()
    }

    fn follow(&self, after: Cursor, limit: usize) -> Vec<(Subject, Record)> {
        bounded(self.entries.iter().skip(place(after.0)), limit).cloned().collect()
    }

    fn checkpoint(
        &mut self,
        subject: Subject,
        position: Position,
        epoch: Epoch,
        body: String,
    ) -> Result<(), StoreError> {
        bounds::key("subject", subject.as_str())?;
        bounds::number("position", position.0)?;
        bounds::number("epoch", epoch.0)?;
        bounds::checkpoint(&body)?;
        let later = |kept: &(Position, Epoch, String)| kept.0 > position || kept.1 > epoch;
        if !self.checkpoints.get(&subject).is_some_and(later) {
            self.checkpoints.insert(subject, (position, epoch, body));
        }
        Ok(())
    }

    fn lease(&mut self, taking: Taking) -> Result<Taken, StoreError> {
        bounds::taking(&taking)?;
        let before = self.leases.get(&taking.scope);
        let epoch = match before {
            Some(Leased { holder: Some(holder), epoch, .. }) if *holder == taking.holder => *epoch,
            Some(Leased { holder: Some(holder), renewal, length, .. }) if taking.unrenewed != Some(*renewal) => {
                return Ok(Err(Held { holder: holder.clone(), renewal: *renewal, length: *length }));
            }
            Some(Leased { epoch, .. }) => Epoch(epoch.0 + 1),
            None => Epoch(1),
        };
        let renewal = Renewal(before.map_or(0, |leased| leased.renewal.0) + 1);
        let leased = Leased { epoch, holder: Some(taking.holder), renewal, length: taking.length };
        self.leases.insert(taking.scope, leased);
        Ok(Ok(epoch))
    }

    fn give_up(&mut self, scope: &str, holder: &str) {
        if let Some(held) = self.leases.get_mut(scope).filter(|held| held.holder.as_deref() == Some(holder)) {
            held.holder = None;
        }
    }
}

fn place(number: u64) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}

/// The first of these, up to the bounds of a read.
fn bounded<'a>(
    entries: impl Iterator<Item = &'a (Subject, Record)>,
    limit: usize,
) -> impl Iterator<Item = &'a (Subject, Record)> {
    let mut bytes = 0;
    entries.take(limit.min(READ_MAX)).take_while(move |(_, record)| {
        let fits = bytes < READ_BYTES_MAX;
        bytes += bounds::bytes(&record.line);
        fits
    })
}

impl Store for MemoryStore {
    fn append(&self, append: Append) -> Pending<'_, Result<Position, AppendError>> {
        Box::pin(ready(self.kept().append(append)))
    }

    fn read(&self, subject: Subject, after: Position, limit: usize) -> Pending<'_, Result<Vec<Record>, StoreError>> {
        Box::pin(ready(Ok(self.kept().read(&subject, after, limit))))
    }

    fn follow(&self, after: Cursor, limit: usize) -> Pending<'_, Result<Vec<(Subject, Record)>, StoreError>> {
        Box::pin(ready(Ok(self.kept().follow(after, limit))))
    }

    fn subjects(&self) -> Pending<'_, Result<Vec<(Subject, Position)>, StoreError>> {
        let kept = self.kept();
        let ends = kept.journals.iter().map(|(subject, places)| (subject.clone(), Position(places.len() as u64)));
        Box::pin(ready(Ok(ends.collect())))
    }

    fn checkpoint(
        &self,
        subject: Subject,
        position: Position,
        epoch: Epoch,
        body: String,
    ) -> Pending<'_, Result<(), StoreError>> {
        Box::pin(ready(self.kept().checkpoint(subject, position, epoch, body)))
    }

    fn checkpointed(&self, subject: Subject) -> Pending<'_, Result<Option<(Position, String)>, StoreError>> {
        let kept = self.kept().checkpoints.get(&subject).map(|(position, _, body)| (*position, body.clone()));
        Box::pin(ready(Ok(kept)))
    }

    fn lease(&self, taking: Taking) -> Pending<'_, Result<Taken, StoreError>> {
        Box::pin(ready(self.kept().lease(taking)))
    }

    fn give_up(&self, scope: String, holder: String) -> Pending<'_, Result<(), StoreError>> {
        self.kept().give_up(&scope, &holder);
        Box::pin(ready(Ok(())))
    }
}
