//! What was made of files, and is made again when they change.

use crate::clock::now;
use model::Time;
use std::fmt;
use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::sync::{Arc, Mutex, PoisonError, RwLock};

/// What was made of files. What cannot be made again stays as it was.
pub(crate) struct Kept<T> {
    files: Vec<String>,
    make: Box<dyn Fn() -> Result<T, String> + Send + Sync>,
    now: RwLock<Arc<T>>,
    seen: Mutex<Seen>,
}

/// How files looked: also whether somebody was let read them, which is no change to what is in them.
type Stamp = Vec<Option<(u64, i64, i64, u64)>>;

#[derive(Debug)]
struct Seen {
    /// When they were read.
    read: Stamp,
    /// When they were looked at last: what is being written is left alone until it rests.
    last: Stamp,
    /// Why they are used as they were, and since when.
    outdated: Option<(String, Time)>,
}

/// Files that have changed and could not be read again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outdated {
    /// Which.
    pub files: Vec<String>,
    /// Why they are used as they were.
    pub why: String,
    /// Since when they are.
    pub since: Time,
}

/// Looks whether files have changed.
pub(crate) trait Look: Send + Sync {
    /// Which they are.
    fn files(&self) -> &[String];

    /// What became of reading them again, where they have changed.
    fn look(&self) -> Option<Result<(), String>>;

    /// Whether they are used as they were.
    fn outdated(&self) -> Option<Outdated>;
}

impl<T> Kept<T> {
    pub(crate) fn new(
        files: Vec<String>,
        make: impl Fn() -> Result<T, String> + Send + Sync + 'static,
    ) -> Result<Self, String> {
        let read = stamp(&files);
        let now = RwLock::new(Arc::new(make()?));
        Ok(Self {
            files,
            make: Box::new(make),
            now,
            seen: Mutex::new(Seen { last: read.clone(), read, outdated: None }),
        })
    }

    /// As it is now.
    pub(crate) fn now(&self) -> Arc<T> {
        Arc::clone(&self.now.read().unwrap_or_else(PoisonError::into_inner))
    }
}

impl<T: Send + Sync> Look for Kept<T> {
    fn files(&self) -> &[String] {
        &self.files
    }

    fn look(&self) -> Option<Result<(), String>> {
        let stamp = stamp(&self.files);
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let rests = seen.last == stamp;
        seen.last.clone_from(&stamp);
        if !rests || seen.read == stamp {
            return None;
        }
        seen.read = stamp;
        let made = (self.make)();
        let since = seen.outdated.take().map_or_else(now, |(_, since)| since);
        seen.outdated = made.as_ref().err().map(|why| (why.clone(), since));
        Some(made.map(|made| *self.now.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(made)))
    }

    fn outdated(&self) -> Option<Outdated> {
        let seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let (why, since) = seen.outdated.clone()?;
        Some(Outdated { files: self.files.clone(), why, since })
    }
}

impl<T> fmt::Debug for Kept<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // What is in the files is shown to nobody.
        f.debug_struct("Kept").field("files", &self.files).finish_non_exhaustive()
    }
}

fn stamp(files: &[String]) -> Stamp {
    let look = |file: &String| {
        let data = fs::metadata(file).ok()?;
        Some((data.ino(), data.ctime(), data.ctime_nsec(), data.len()))
    };
    files.iter().map(look).collect()
}
