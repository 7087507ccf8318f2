//! A store that keeps everything in memory, says so ambiguously now and then, and shows every append
//! to the checker.

use crate::fault::Fault;
use crate::later::{later, never};
use crate::world::Planted;
use crate::worlds::Worlds;
use engine::store::{
    Append, AppendError, Cursor, Epoch, Held, Pending, Position, Record, Renewal, Store, StoreError, Taken, Taking,
    Trouble,
};
use model::{Span, Subject, Time};
use std::collections::BTreeMap;
use std::sync::Mutex;

/// See the module.
pub struct SimStore {
    worlds: Worlds,
    kept: Mutex<Kept>,
}

#[derive(Default)]
struct Kept {
    journals: BTreeMap<Subject, Vec<Record>>,
    checkpoints: BTreeMap<Subject, (Position, Epoch, String)>,
    leases: BTreeMap<String, Leased>,
    cursor: u64,
}

#[derive(Clone)]
struct Leased {
    epoch: Epoch,
    /// Nobody, once it was given up.
    holder: Option<String>,
    renewal: Renewal,
    length: Span,
}

impl SimStore {
    /// An empty store, for the journals of these.
    pub fn new(worlds: &Worlds) -> Self {
        Self { worlds: worlds.clone(), kept: Mutex::default() }
    }

    fn kept(&self) -> std::sync::MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    /// The journal of a subject.
    pub fn journal(&self, subject: &Subject) -> Vec<Record> {
        self.kept().journals.get(subject).cloned().unwrap_or_default()
    }

    /// A journal that was written before this world began.
    pub fn preload(&self, subject: &Subject, journal: Vec<Record>) {
        let mut kept = self.kept();
        kept.cursor = journal.last().map_or(kept.cursor, |last| last.cursor.0.max(kept.cursor));
        kept.journals.insert(subject.clone(), journal);
    }

    fn commit(&self, append: &Append) -> Result<Position, AppendError> {
        let world = self.worlds.of(Some(&append.subject));
        let mut kept = self.kept();
        let leased = kept.leases.get(&append.scope);
        let (holder, epoch) =
            leased.map(|leased| (leased.holder.clone().unwrap_or_default(), leased.epoch)).unwrap_or_default();
        let unconditional = world.lock().planted.contains(&Planted::UnconditionalAppend);
        if epoch != append.epoch && !unconditional {
            return Err(AppendError::Fenced(epoch));
        }
        let end =
            kept.journals.get(&append.subject).and_then(|lines| lines.last()).map_or(Position(0), |line| line.position);
        if end != append.expected && !unconditional {
            return Err(AppendError::Conflict(end));
        }
        let mut position = end;
        let mut fresh = Vec::new();
        let whole = world.lock().lines_before_doom(end, append.lines.len());
        for line in append.lines.iter().take(whole) {
            position = position.next();
            kept.cursor += 1;
            let record = Record { position, cursor: Cursor(kept.cursor), epoch, line: line.clone() };
            kept.journals.entry(append.subject.clone()).or_default().push(record.clone());
            fresh.push(record);
        }
        drop(kept);
        world.lock().see_appended(&append.subject, &fresh, &holder);
        Ok(position)
    }
}

impl Store for SimStore {
    fn append(&self, append: Append) -> Pending<'_, Result<Position, AppendError>> {
        let shared = self.worlds.of(Some(&append.subject));
        let (at, ambiguous, failed, happens) = {
            let mut world = shared.lock();
            if world.is_journal_silent() {
                return never();
            }
            let at = world.now + Span(world.random.between(1, 15));
            let ambiguous = world.strikes(Fault::CommitAmbiguous, 12);
            let failed = world.is_journal_failing() || !ambiguous && world.strikes(Fault::StoreFailed, 8);
            (at, ambiguous, failed, world.random.percent(50))
        };
        let answer = if failed {
            Err(AppendError::Failed(full()))
        } else if ambiguous {
            if happens {
                let _ = self.commit(&append);
            }
            Err(AppendError::Ambiguous("the connection was lost".into()))
        } else {
            self.commit(&append)
        };
        later(shared, at, answer)
    }

    fn read(&self, subject: Subject, after: Position, limit: usize) -> Pending<'_, Result<Vec<Record>, StoreError>> {
        let world = self.worlds.of(Some(&subject));
        let at = {
            let world = world.lock();
            if world.is_journal_silent() {
                return never();
            }
            if world.is_journal_failing() {
                drop(world);
                return later(self.worlds.of(Some(&subject)), Time(0), Err(full()));
            }
            world.now + Span(2)
        };
        let records: Vec<Record> =
            self.journal(&subject).into_iter().filter(|record| record.position > after).take(limit).collect();
        later(world, at, Ok(records))
    }

    fn follow(&self, after: Cursor, limit: usize) -> Pending<'_, Result<Vec<(Subject, Record)>, StoreError>> {
        let at = self.worlds.now();
        let kept = self.kept();
        let mut all: Vec<(Subject, Record)> = kept
            .journals
            .iter()
            .flat_map(|(subject, lines)| lines.iter().map(move |line| (subject.clone(), line.clone())))
            .filter(|(_, line)| line.cursor > after)
            .collect();
        drop(kept);
        all.sort_by_key(|(_, line)| line.cursor);
        all.truncate(limit);
        later(self.worlds.of(None), at, Ok(all))
    }

    fn subjects(&self) -> Pending<'_, Result<Vec<(Subject, Position)>, StoreError>> {
        let at = self.worlds.now();
        let ends = self
            .kept()
            .journals
            .iter()
            .map(|(subject, lines)| (subject.clone(), lines.last().map_or(Position(0), |line| line.position)))
            .collect();
        later(self.worlds.of(None), at, Ok(ends))
    }

    fn checkpoint(
        &self,
        subject: Subject,
        position: Position,
        epoch: Epoch,
        body: String,
    ) -> Pending<'_, Result<(), StoreError>> {
        let world = self.worlds.of(Some(&subject));
        let at = world.lock().now;
        let mut kept = self.kept();
        if kept.checkpoints.get(&subject).is_none_or(|(known, by, _)| *by <= epoch && *known <= position) {
            kept.checkpoints.insert(subject.clone(), (position, epoch, body));
        }
        drop(kept);
        later(world, at, Ok(()))
    }

    fn checkpointed(&self, subject: Subject) -> Pending<'_, Result<Option<(Position, String)>, StoreError>> {
        let world = self.worlds.of(Some(&subject));
        let at = world.lock().now;
        let kept = self.kept().checkpoints.get(&subject).map(|(position, _, body)| (*position, body.clone()));
        later(world, at, Ok(kept))
    }

    fn lease(&self, taking: Taking) -> Pending<'_, Result<Taken, StoreError>> {
        let mut kept = self.kept();
        let before = kept.leases.get(&taking.scope).cloned();
        let renewal = Renewal(before.as_ref().map_or(0, |leased| leased.renewal.0) + 1);
        let answer = match before {
            Some(Leased { holder: Some(holder), epoch, .. }) if holder == taking.holder => Ok(epoch),
            Some(Leased { holder: Some(holder), renewal, length, .. }) if taking.unrenewed != Some(renewal) => {
                Err(Held { holder, renewal, length })
            }
            Some(Leased { epoch, .. }) => Ok(Epoch(epoch.0 + 1)),
            None => Ok(Epoch(1)),
        };
        if let Ok(epoch) = answer {
            let leased = Leased { epoch, holder: Some(taking.holder), renewal, length: taking.length };
            kept.leases.insert(taking.scope, leased);
        }
        drop(kept);
        later(self.worlds.of(None), self.worlds.now() + Span(3), Ok(answer))
    }

    fn give_up(&self, scope: String, holder: String) -> Pending<'_, Result<(), StoreError>> {
        let at = self.worlds.now();
        let mut kept = self.kept();
        if let Some(leased) = kept.leases.get_mut(&scope)
            && leased.holder.as_ref() == Some(&holder)
        {
            leased.holder = None;
        }
        drop(kept);
        later(self.worlds.of(None), at, Ok(()))
    }
}

fn full() -> StoreError {
    StoreError { trouble: Trouble::Full, message: "the disk is full".into() }
}
