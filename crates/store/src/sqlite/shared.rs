//! What the writer and the readers share: the readers' connections, and whether the file is trusted.

use super::open::{self, Place};
use engine::store::StoreError;
use rusqlite::Connection;
use std::sync::{Mutex, MutexGuard, PoisonError};

pub(crate) struct Shared {
    place: Place,
    /// One connection for each reader, open from its first read on.
    connections: Vec<Mutex<Option<Connection>>>,
    /// Why nothing may be read now, if so.
    stopped: Mutex<Option<StoreError>>,
}

impl Shared {
    pub(crate) fn new(place: Place, readers: usize) -> Self {
        let connections = std::iter::repeat_with(|| Mutex::new(None)).take(readers).collect();
        Self { place, connections, stopped: Mutex::new(None) }
    }

    /// Closes all connections once their reads have ended, and opens none until told to go on.
    pub(crate) fn stop(&self, error: StoreError) {
        *lock(&self.stopped) = Some(error);
        for connection in &self.connections {
            *lock(connection) = None;
        }
    }

    pub(crate) fn go_on(&self) {
        *lock(&self.stopped) = None;
    }

    /// Runs a read on one reader's connection.
    pub(crate) fn read<T>(
        &self,
        reader: usize,
        read: impl FnOnce(&Connection) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let mut slot = lock(&self.connections[reader]);
        // Asked while the slot is held: whoever stops us waits for the slot afterwards.
        if let Some(error) = lock(&self.stopped).clone() {
            return Err(error);
        }
        match &*slot {
            Some(connection) => read(connection),
            None => read(slot.insert(open::for_reading(&self.place)?)),
        }
    }

    pub(crate) fn place(&self) -> &Place {
        &self.place
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
