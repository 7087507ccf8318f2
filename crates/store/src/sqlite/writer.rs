//! The one writer: it takes everything that waits, writes it in one transaction, syncs once, and then
//! answers all (group commit).
//!
//! It knows where every journal ends and who has which lease, so that an append is checked without
//! reading; what a round changes is kept apart until the round is committed. A conflict writes nothing,
//! so it fails nobody else in its round.
//!
//! **When the disk fails.** A transaction that failed before its commit has written nothing. When the
//! commit itself fails nobody knows, so the answer is *ambiguous*. Either way memory is not trusted any
//! more: every connection is closed, the file is opened anew, its log is moved into it and synced, and
//! the state is read again. Until that has worked nothing is read or written.

use super::open::{self, Place};
use super::rows::{Checkpoint, Head, LeaseRow, Ledger, Problem};
use super::shared::Shared;
use crate::oneshot::Answer;
use crate::{chain, error};
use engine::store::{Append, AppendError, Cursor, Epoch, Held, Position, Renewal, StoreError, Taken, Taking, Trouble};
use model::Subject;
use rusqlite::{Connection, TransactionBehavior, ffi, params};
use std::collections::BTreeMap;
use std::sync::Arc;

/// The most jobs that one transaction takes.
pub(crate) const ROUND_JOBS_MAX: usize = 256;

/// The pages in the log after which they are moved into the file.
const LOG_PAGES_MAX: u64 = 1_000;

/// Something to be written, and who asked.
pub(crate) enum Job {
    Append(Append, Answer<Result<Position, AppendError>>),
    Checkpoint(Subject, Checkpoint, Answer<Result<(), StoreError>>),
    Lease(Taking, Answer<Result<Taken, StoreError>>),
    GiveUp { scope: String, holder: String, answer: Answer<Result<(), StoreError>> },
}

/// What came of a job, if the round is committed.
enum Outcome {
    Appended(Result<Position, AppendError>),
    Done,
    Leased(Taken),
}

/// Why a round was not committed.
enum Failure {
    /// Nothing of it was written.
    Nothing { error: StoreError, state_trusted: bool },
    /// Nobody knows.
    Ambiguous(StoreError),
}

/// What the file says, as far as appends need it.
struct State {
    heads: BTreeMap<Subject, Head>,
    leases: BTreeMap<String, LeaseRow>,
    ledger: Ledger,
}

/// What a round changes, until it is committed.
struct Changes {
    heads: BTreeMap<Subject, Head>,
    leases: BTreeMap<String, LeaseRow>,
    ledger: Ledger,
}

/// The file, open for writing.
struct Open {
    connection: Connection,
    state: State,
}

pub(crate) struct Writer {
    place: Place,
    shared: Arc<Shared>,
    /// Nothing after a failure, until opening it anew has worked.
    open: Option<Open>,
}

impl Writer {
    pub(crate) fn open(place: Place, shared: Arc<Shared>) -> Result<Self, StoreError> {
        let open = Open::new(&place, false)?;
        Ok(Self { place, shared, open: Some(open) })
    }

    /// Writes these jobs and answers them.
    pub(crate) fn round(&mut self, jobs: Vec<Job>) {
        match self.commit(&jobs) {
            Ok(outcomes) => jobs.into_iter().zip(outcomes).for_each(|(job, outcome)| job.answer(outcome)),
            // Perhaps one of them alone is the reason: a large one on a full disk.
            Err(Failure::Nothing { state_trusted: true, .. }) if jobs.len() > 1 => {
                for job in jobs {
                    match self.commit(std::slice::from_ref(&job)).map(|mut outcomes| outcomes.pop()) {
                        Ok(Some(outcome)) => job.answer(outcome),
                        // Without an outcome the job is dropped, and whoever asked learns that.
                        Ok(None) => {}
                        Err(failure) => job.fail(&failure),
                    }
                }
            }
            Err(failure) => jobs.into_iter().for_each(|job| job.fail(&failure)),
        }
        self.shorten_log();
    }

    fn commit(&mut self, jobs: &[Job]) -> Result<Vec<Outcome>, Failure> {
        if self.open.is_none() {
            self.open_anew().map_err(|error| Failure::Nothing { error, state_trusted: false })?;
        }
        let Some(open) = &mut self.open else { return Ok(Vec::new()) };
        let result = open.commit(&self.place, jobs);
        if let Err(Failure::Ambiguous(error) | Failure::Nothing { error, state_trusted: false }) = &result {
            self.stop_trusting(error.clone());
        }
        result
    }

    /// Forgets everything that is in memory and reads it again. Where that fails nobody reads until a
    /// later round, for which the renewals of the leases are enough, has managed it.
    fn stop_trusting(&mut self, error: StoreError) {
        self.shared.stop(error);
        self.open = None;
        let _ = self.open_anew();
    }

    fn open_anew(&mut self) -> Result<(), StoreError> {
        match Open::new(&self.place, true) {
            Ok(open) => {
                self.open = Some(open);
                self.shared.go_on();
                Ok(())
            }
            Err(error) => {
                self.shared.stop(error.clone());
                Err(error)
            }
        }
    }

    /// Moves pages from the log into the file when there are many. Readers that still need the log are
    /// not waited for: the next round tries again.
    fn shorten_log(&mut self) {
        let Some(open) = &self.open else { return };
        let pages = |mode: &str| {
            let sql = format!("PRAGMA wal_checkpoint({mode})");
            open.connection.query_row(&sql, [], |row| row.get::<_, i64>(1))
        };
        let moved = pages("NOOP")
            .and_then(|there| if there.unsigned_abs() >= LOG_PAGES_MAX { pages("PASSIVE") } else { Ok(there) });
        if let Err(error) = moved
            && !matches!(error::trouble(&error), Trouble::Full | Trouble::Locked)
        {
            // Nothing is lost, it is in the log; but the disk has failed.
            self.stop_trusting(error::explain(&self.place.path, "moving its log into it", &error));
        }
    }
}

impl Open {
    fn new(place: &Place, after_failure: bool) -> Result<Self, StoreError> {
        let connection = open::for_writing(place, after_failure)?;
        let state =
            State::load(&connection).map_err(|problem| problem.explain(&place.path, "reading where it ends"))?;
        Ok(Self { connection, state })
    }

    fn commit(&mut self, place: &Place, jobs: &[Job]) -> Result<Vec<Outcome>, Failure> {
        let doing = "writing to it";
        let nothing = |problem: Problem| {
            let error = problem.explain(&place.path, doing);
            let state_trusted = matches!(error.trouble, Trouble::Full | Trouble::ReadOnly | Trouble::Locked);
            Failure::Nothing { error, state_trusted }
        };
        let begun = self.connection.transaction_with_behavior(TransactionBehavior::Immediate);
        let transaction = begun.map_err(|error| nothing(error.into()))?;
        let mut round = Round { connection: &transaction, state: &self.state, changes: self.state.unchanged() };
        let outcomes = jobs.iter().map(|job| round.perform(job)).collect::<Result<Vec<_>, _>>().map_err(nothing)?;
        let changes = round.finish().map_err(nothing)?;
        if let Err(error) = transaction.commit() {
            let explained = error::explain(&place.path, "committing to it", &error);
            return Err(match error.sqlite_error().map(|failure| failure.extended_code & 0xff) {
                // The log did not take the last page of the transaction, which is the one that commits it.
                Some(ffi::SQLITE_FULL | ffi::SQLITE_READONLY | ffi::SQLITE_BUSY) => {
                    Failure::Nothing { error: explained, state_trusted: true }
                }
                _ => Failure::Ambiguous(explained),
            });
        }
        self.state.take(changes);
        Ok(outcomes)
    }
}

impl State {
    fn load(connection: &Connection) -> Result<Self, Problem> {
        super::reading::snapshot(connection, |connection| {
            let heads = Head::all(connection)?;
            let leases = LeaseRow::all(connection)?;
            Ok(Self { heads, leases, ledger: Ledger::load(connection)? })
        })
    }

    fn unchanged(&self) -> Changes {
        Changes { heads: BTreeMap::new(), leases: BTreeMap::new(), ledger: self.ledger.clone() }
    }

    fn take(&mut self, changes: Changes) {
        self.heads.extend(changes.heads);
        self.leases.extend(changes.leases);
        self.ledger = changes.ledger;
    }
}

/// One transaction.
struct Round<'a> {
    connection: &'a Connection,
    state: &'a State,
    changes: Changes,
}

impl Round<'_> {
    fn perform(&mut self, job: &Job) -> Result<Outcome, Problem> {
        match job {
            Job::Append(append, _) => self.append(append).map(Outcome::Appended),
            Job::Checkpoint(subject, checkpoint, _) => self.checkpoint(subject, checkpoint),
            Job::Lease(taking, _) => Ok(Outcome::Leased(self.lease(taking))),
            Job::GiveUp { scope, holder, .. } => Ok(self.give_up(scope, holder)),
        }
    }

    fn append(&mut self, append: &Append) -> Result<Result<Position, AppendError>, Problem> {
        let epoch = self.lease_of(&append.scope).map_or(Epoch(0), |lease| lease.epoch);
        if append.epoch != epoch {
            return Ok(Err(AppendError::Fenced(epoch)));
        }
        let known = self.changes.heads.get(&append.subject).or_else(|| self.state.heads.get(&append.subject)).cloned();
        let ends = known.as_ref().map_or(Position(0), |head| head.position);
        if append.expected != ends {
            return Ok(Err(AppendError::Conflict(ends)));
        }
        if append.lines.is_empty() {
            return Ok(Ok(ends));
        }
        let mut head = known.unwrap_or_else(|| {
            self.changes.ledger.subjects += 1;
            Head { id: self.changes.ledger.subjects, position: Position(0), hash: chain::BEFORE_FIRST }
        });
        self.insert(append, &mut head)?;
        let ends = head.position;
        self.changes.heads.insert(append.subject.clone(), head);
        Ok(Ok(ends))
    }

    fn insert(&mut self, append: &Append, head: &mut Head) -> Result<(), Problem> {
        let sql = "INSERT INTO entry (cursor, subject, position, epoch, at, version, kind, who, origin, previous, hash,
                                      why, body)
                   VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13)";
        let mut statement = self.connection.prepare_cached(sql)?;
        for line in &append.lines {
            let cursor = Cursor(self.changes.ledger.cursor.0 + 1);
            let position = head.position.next();
            let hash = chain::entry(&head.hash, append.subject.as_str(), position, append.epoch, line);
            statement.execute(params![
                cursor.0,
                head.id,
                position.0,
                append.epoch.0,
                line.at.0,
                line.version,
                line.kind,
                line.by.who,
                line.by.from,
                head.hash,
                hash,
                line.by.why,
                line.body,
            ])?;
            (head.position, head.hash) = (position, hash);
            self.changes.ledger.cursor = cursor;
        }
        Ok(())
    }

    fn checkpoint(&mut self, subject: &Subject, checkpoint: &Checkpoint) -> Result<Outcome, Problem> {
        // A damaged checkpoint is worth nothing: it is overwritten like a lost one.
        let kept = match Checkpoint::find(self.connection, subject) {
            Err(Problem::Damaged(_)) => None,
            found => found?,
        };
        let later = |kept: &Checkpoint| kept.position > checkpoint.position || kept.epoch > checkpoint.epoch;
        if !kept.as_ref().is_some_and(later) {
            checkpoint.save(self.connection, subject)?;
        }
        Ok(Outcome::Done)
    }

    fn lease(&mut self, taking: &Taking) -> Taken {
        let epoch = match self.lease_of(&taking.scope) {
            Some(LeaseRow { holder: Some(holder), epoch, .. }) if *holder == taking.holder => *epoch,
            Some(LeaseRow { holder: Some(holder), renewal, length, .. }) if taking.unrenewed != Some(*renewal) => {
                return Err(Held { holder: holder.clone(), renewal: *renewal, length: *length });
            }
            Some(LeaseRow { epoch, .. }) => Epoch(epoch.0 + 1),
            None => {
                self.changes.ledger.leases += 1;
                Epoch(1)
            }
        };
        let renewal = Renewal(self.lease_of(&taking.scope).map_or(0, |lease| lease.renewal.0) + 1);
        let row = LeaseRow { epoch, holder: Some(taking.holder.clone()), renewal, length: taking.length };
        self.changes.leases.insert(taking.scope.clone(), row);
        Ok(epoch)
    }

    fn give_up(&mut self, scope: &str, holder: &str) -> Outcome {
        if let Some(lease) = self.lease_of(scope).filter(|lease| lease.holder.as_deref() == Some(holder)) {
            let nobody = LeaseRow { holder: None, ..lease.clone() };
            self.changes.leases.insert(scope.to_owned(), nobody);
        }
        Outcome::Done
    }

    fn lease_of(&self, scope: &str) -> Option<&LeaseRow> {
        self.changes.leases.get(scope).or_else(|| self.state.leases.get(scope))
    }

    /// Writes the rows that a round changes many times once.
    fn finish(self) -> Result<Changes, Problem> {
        for (subject, head) in &self.changes.heads {
            head.save(self.connection, subject)?;
        }
        for (scope, lease) in &self.changes.leases {
            lease.save(self.connection, scope)?;
        }
        if !self.changes.heads.is_empty() || !self.changes.leases.is_empty() {
            self.changes.ledger.save(self.connection)?;
        }
        Ok(self.changes)
    }
}

impl Job {
    fn answer(self, outcome: Outcome) {
        match (self, outcome) {
            (Self::Append(_, answer), Outcome::Appended(result)) => answer.send(result),
            (Self::Checkpoint(_, _, answer) | Self::GiveUp { answer, .. }, Outcome::Done) => answer.send(Ok(())),
            (Self::Lease(_, answer), Outcome::Leased(taken)) => answer.send(Ok(taken)),
            (Self::Append(..) | Self::Checkpoint(..) | Self::GiveUp { .. } | Self::Lease(..), _) => {
                debug_assert!(false, "a job was given the outcome of another kind");
            }
        }
    }

    fn fail(self, failure: &Failure) {
        match (self, failure) {
            (Self::Append(_, answer), Failure::Ambiguous(error)) => {
                answer.send(Err(AppendError::Ambiguous(error.to_string())));
            }
            (Self::Append(_, answer), Failure::Nothing { error, .. }) => {
                answer.send(Err(AppendError::Failed(error.clone())));
            }
            (Self::Lease(_, answer), Failure::Nothing { error, .. } | Failure::Ambiguous(error)) => {
                answer.send(Err(error.clone()));
            }
            (
                Self::Checkpoint(_, _, answer) | Self::GiveUp { answer, .. },
                Failure::Nothing { error, .. } | Failure::Ambiguous(error),
            ) => answer.send(Err(error.clone())),
        }
    }
}
