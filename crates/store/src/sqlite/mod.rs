//! Journals in one SQLite file: a log that is synced before anything is acknowledged, one thread that
//! writes, a few that read.

mod holder;
mod migrations;
mod open;
pub(crate) mod reading;
pub(crate) mod rows;
mod shared;
mod writer;

pub(crate) use holder::{Holder, beside};
pub(crate) use open::{Place, for_reading, sync_folder};

#[cfg(feature = "contract")]
pub use open::Durability;

use crate::audit::{self, Anchor, Filter, Verified};
use crate::backup::{self, Existing, Progress};
use crate::bounds;
use crate::oneshot::{Answer, oneshot};
use crate::queue::Queue;
use engine::store::{
    Append, AppendError, Cursor, Epoch, Journal, Pending, Position, Record, Store, StoreError, Taken, Taking, Trouble,
};
use model::Subject;
use rows::{Checkpoint, Problem};
use rusqlite::Connection;
use shared::Shared;
use std::path::Path;
use std::sync::Arc;
use std::thread::{Builder, JoinHandle};
use writer::{Job, ROUND_JOBS_MAX, Writer};

/// The writes that can wait; whoever comes later waits for a place.
const WRITES_WAITING_MAX: usize = 4_096;

/// The reads that can wait.
const READS_WAITING_MAX: usize = 256;

/// The threads that read: enough that one long read does not hold up a short one.
const READERS: usize = 2;

type Read = Box<dyn FnOnce(usize) + Send>;

/// Journals in one file, written by this process alone.
///
/// A future of its begins when it is first polled. Dropped after that, its write may still happen.
pub struct SqliteStore {
    shared: Arc<Shared>,
    writes: Arc<Queue<Job>>,
    reads: Arc<Queue<Read>>,
    threads: Vec<JoinHandle<()>>,
    /// The writer, where no thread has it.
    #[cfg(feature = "contract")]
    stepped: Option<std::sync::Mutex<Writer>>,
    /// Let go after the threads have ended.
    _holder: Option<Holder>,
}

/// How a test opens a store.
#[cfg(feature = "contract")]
#[doc(hidden)]
#[derive(Clone, Debug)]
pub struct Opening {
    /// The file layer; the operating system's without one.
    pub vfs: Option<String>,
    /// `Full`, or a planted fault.
    pub durability: Durability,
    /// Whether the caller runs each round itself, so that a seed decides what is in it.
    pub stepped: bool,
}

impl SqliteStore {
    /// Opens a file, or makes it. One process at a time can have it.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, StoreError> {
        let place = Place::of(path.as_ref())?;
        let holder = Holder::take(&place.path)?;
        let (mut store, writer) = Self::assemble(place, Some(holder))?;
        store.start(writer)?;
        Ok(store)
    }

    /// Opens a file as only a test would.
    #[cfg(feature = "contract")]
    #[doc(hidden)]
    pub fn open_as(path: impl AsRef<Path>, opening: Opening) -> Result<Self, StoreError> {
        let Opening { vfs, durability, stepped } = opening;
        let (place, holder) = if vfs.is_some() {
            (Place { path: path.as_ref().to_owned(), vfs, durability }, None)
        } else {
            let place = Place { durability, ..Place::of(path.as_ref())? };
            let holder = Holder::take(&place.path)?;
            (place, Some(holder))
        };
        let (mut store, writer) = Self::assemble(place, holder)?;
        if stepped {
            store.stepped = Some(std::sync::Mutex::new(writer));
        } else {
            store.start(writer)?;
        }
        Ok(store)
    }

    fn assemble(place: Place, holder: Option<Holder>) -> Result<(Self, Writer), StoreError> {
        let shared = Arc::new(Shared::new(place.clone(), READERS));
        let writer = Writer::open(place, shared.clone())?;
        let store = Self {
            shared,
            writes: Arc::new(Queue::new(WRITES_WAITING_MAX)),
            reads: Arc::new(Queue::new(READS_WAITING_MAX)),
            threads: Vec::new(),
            #[cfg(feature = "contract")]
            stepped: None,
            _holder: holder,
        };
        Ok((store, writer))
    }

    fn start(&mut self, mut writer: Writer) -> Result<(), StoreError> {
        let writes = Abandoned(self.writes.clone());
        self.spawn("store-writer".into(), move || {
            loop {
                let jobs = writes.0.take(ROUND_JOBS_MAX);
                if jobs.is_empty() {
                    return;
                }
                writer.round(jobs);
            }
        })?;
        for reader in 0..READERS {
            let reads = Abandoned(self.reads.clone());
            self.spawn(format!("store-reader-{reader}"), move || {
                while let Some(read) = reads.0.take(1).pop() {
                    read(reader);
                }
            })?;
        }
        Ok(())
    }

    fn spawn(&mut self, name: String, work: impl FnOnce() + Send + 'static) -> Result<(), StoreError> {
        let path = &self.shared.place().path;
        let spawned = Builder::new().name(name).spawn(work);
        let thread = spawned.map_err(|error| crate::error::explain_io(path, "starting its threads", &error))?;
        self.threads.push(thread);
        Ok(())
    }

    /// Writes what waits, in one round.
    #[cfg(feature = "contract")]
    #[doc(hidden)]
    pub fn round(&self) {
        if let Some(writer) = &self.stepped {
            let jobs = self.writes.take_now(ROUND_JOBS_MAX);
            if !jobs.is_empty() {
                writer.lock().unwrap_or_else(std::sync::PoisonError::into_inner).round(jobs);
            }
        }
    }

    /// The file.
    pub fn path(&self) -> &Path {
        &self.shared.place().path
    }

    /// The entries that a filter lets through; see [`audit::view`].
    pub fn audit_view(&self, filter: Filter) -> Pending<'_, Result<Vec<(Subject, Record)>, StoreError>> {
        self.read_with("reading its audit", move |connection| audit::view_in(connection, &filter))
    }

    /// Checks every chain; see [`audit::verify`].
    pub fn audit_verify(&self) -> Pending<'_, Result<Verified, StoreError>> {
        self.read_with("verifying it", audit::verify_in)
    }

    /// The digest of where every journal ended; see [`audit::anchor`].
    pub fn audit_anchor(&self, at: Option<Cursor>) -> Pending<'_, Result<Anchor, StoreError>> {
        self.read_with("reading its anchor", move |connection| audit::anchor_in(connection, at))
    }

    /// Copies the file while it is being written, on the calling thread; see [`backup`].
    pub fn backup(&self, to: &Path, existing: Existing, progress: &mut dyn FnMut(Progress)) -> Result<(), StoreError> {
        backup::copy(self.shared.place(), to, existing, progress)
    }

    fn read_with<T: Send + 'static>(
        &self,
        doing: &'static str,
        read: impl FnOnce(&Connection) -> Result<T, Problem> + Send + 'static,
    ) -> Pending<'_, Result<T, StoreError>> {
        let shared = self.shared.clone();
        let run = move |reader| {
            shared.read(reader, |connection| {
                reading::snapshot(connection, read).map_err(|problem| problem.explain(&shared.place().path, doing))
            })
        };
        #[cfg(feature = "contract")]
        if self.stepped.is_some() {
            return Box::pin(async move { run(0) });
        }
        Box::pin(async move {
            let (answer, asked) = oneshot();
            let read: Read = Box::new(move |reader| answer.send(run(reader)));
            if self.reads.push(read).await.is_err() {
                return Err(self.gone());
            }
            asked.await.unwrap_or_else(|| Err(self.gone()))
        })
    }

    /// Hands a job to the writer; nothing where the writer is gone.
    async fn write<T>(&self, job: impl FnOnce(Answer<T>) -> Job) -> Option<T> {
        let (answer, asked) = oneshot();
        self.writes.push(job(answer)).await.ok()?;
        asked.await
    }

    fn gone(&self) -> StoreError {
        let path = self.path().display();
        StoreError {
            trouble: Trouble::Other,
            message: format!("the threads that keep {path} have ended: start the controller again"),
        }
    }
}

impl Store for SqliteStore {
    fn append(&self, append: Append) -> Pending<'_, Result<Position, AppendError>> {
        Box::pin(async move {
            bounds::append(&append).map_err(AppendError::Failed)?;
            let written = self.write(|answer| Job::Append(append, answer)).await;
            written.unwrap_or_else(|| Err(AppendError::Ambiguous(self.gone().to_string())))
        })
    }

    fn read(&self, subject: Subject, after: Position, limit: usize) -> Pending<'_, Result<Vec<Record>, StoreError>> {
        self.read_with("reading it", move |connection| reading::read(connection, &subject, after, limit))
    }

    fn follow(&self, after: Cursor, limit: usize) -> Pending<'_, Result<Vec<(Subject, Record)>, StoreError>> {
        self.read_with("following it", move |connection| reading::follow(connection, after, limit))
    }

    fn subjects(&self) -> Pending<'_, Result<Vec<(Subject, Position)>, StoreError>> {
        self.read_with("listing its subjects", reading::subjects)
    }

    fn checkpoint(
        &self,
        subject: Subject,
        position: Position,
        epoch: Epoch,
        body: String,
    ) -> Pending<'_, Result<(), StoreError>> {
        Box::pin(async move {
            bounds::key("subject", subject.as_str())?;
            bounds::number("position", position.0)?;
            bounds::number("epoch", epoch.0)?;
            bounds::checkpoint(&body)?;
            let checkpoint = Checkpoint { position, epoch, body };
            let written = self.write(|answer| Job::Checkpoint(subject, checkpoint, answer)).await;
            written.unwrap_or_else(|| Err(self.gone()))
        })
    }

    fn checkpointed(&self, subject: Subject) -> Pending<'_, Result<Option<(Position, String)>, StoreError>> {
        self.read_with("reading a checkpoint", move |connection| reading::checkpointed(connection, &subject))
    }

    fn take_over(&self, subject: Subject, after: Position) -> Pending<'_, Result<Journal, StoreError>> {
        self.read_with("reading it", move |connection| reading::take_over(connection, &subject, after))
    }

    fn lease(&self, taking: Taking) -> Pending<'_, Result<Taken, StoreError>> {
        Box::pin(async move {
            bounds::taking(&taking)?;
            let written = self.write(|answer| Job::Lease(taking, answer)).await;
            written.unwrap_or_else(|| Err(self.gone()))
        })
    }

    fn give_up(&self, scope: String, holder: String) -> Pending<'_, Result<(), StoreError>> {
        Box::pin(async move {
            let written = self.write(|answer| Job::GiveUp { scope, holder, answer }).await;
            written.unwrap_or_else(|| Err(self.gone()))
        })
    }
}

impl Drop for SqliteStore {
    /// What was handed in is still written and answered.
    fn drop(&mut self) {
        self.writes.close();
        self.reads.close();
        for thread in self.threads.drain(..) {
            let _ = thread.join();
        }
    }
}

/// A queue whose thread may end, by a panic too: whoever waits then is told so.
struct Abandoned<T>(Arc<Queue<T>>);

impl<T> Drop for Abandoned<T> {
    fn drop(&mut self) {
        self.0.abandon();
    }
}

/// Journals opened to be read only, while another process may be writing them.
pub struct Journals {
    place: Place,
    connection: Connection,
}

impl Journals {
    /// Opens a file that a controller made; changes nothing in it.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, StoreError> {
        let place = Place::of(path.as_ref())?;
        let connection = for_reading(&place)?;
        Ok(Self { place, connection })
    }

    /// The entries of one subject after a position, as [`Store::read`].
    pub fn read(&self, subject: &Subject, after: Position, limit: usize) -> Result<Vec<Record>, StoreError> {
        self.snapshot("reading it", |connection| reading::read(connection, subject, after, limit))
    }

    /// All subjects with where their journals end, as [`Store::subjects`].
    pub fn subjects(&self) -> Result<Vec<(Subject, Position)>, StoreError> {
        self.snapshot("listing its subjects", reading::subjects)
    }

    /// Copies the file while it is being written; see [`backup`].
    pub fn backup(&self, to: &Path, existing: Existing, progress: &mut dyn FnMut(Progress)) -> Result<(), StoreError> {
        backup::copy(&self.place, to, existing, progress)
    }

    pub(crate) fn snapshot<T>(
        &self,
        doing: &str,
        reads: impl FnOnce(&Connection) -> Result<T, Problem>,
    ) -> Result<T, StoreError> {
        reading::snapshot(&self.connection, reads).map_err(|problem| problem.explain(&self.place.path, doing))
    }
}
