//! A disk in memory that forgets what was not synced.
//!
//! A write goes to what a program reads at once, and is *pending* until a sync makes it durable. When
//! the power is cut, each pending change survives or not, whole or torn; so do the creation and the
//! removal of files, until the folder is synced. The disk can also be full, read-only, or fail a sync
//! the way Linux does: the error is told once, the pages count as clean, and what they held is on the
//! disk or not.
//!
//! `vfs` makes a file layer of SQLite out of it.

mod vfs;

pub(crate) use vfs::{NAME, install};

use crate::dice::Dice;
use rusqlite::ffi;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// What one of SQLite's calls answers when it fails.
pub(crate) type Code = i32;

/// The locks of SQLite's shared memory.
const SHM_LOCKS: u32 = ffi::SQLITE_SHM_NLOCK as u32;

/// The words in one region of shared memory; SQLite asks for 32 KiB.
const REGION_WORDS: usize = 4_096;

type Region = Box<[u64; REGION_WORDS]>;

#[derive(Default)]
struct Inode {
    current: Vec<u8>,
    durable: Vec<u8>,
    pending: Vec<Change>,
}

#[derive(Clone)]
enum Change {
    Write { at: usize, bytes: Vec<u8> },
    Truncate(usize),
}

impl Change {
    fn apply(&self, to: &mut Vec<u8>) {
        match self {
            Self::Write { at, bytes } => {
                let end = at + bytes.len();
                if to.len() < end {
                    to.resize(end, 0);
                }
                to[*at..end].copy_from_slice(bytes);
            }
            Self::Truncate(length) => to.truncate(*length),
        }
    }
}

#[derive(Clone)]
enum Naming {
    Create(String, u64),
    Remove(String),
}

/// The locks on one file's shared memory, and the memory.
#[derive(Default)]
struct Shared {
    regions: Vec<Region>,
    /// For each open file: the locks it shares, the locks it has alone.
    holders: BTreeMap<u64, (u32, u32)>,
}

struct Inner {
    dice: Dice,
    names: BTreeMap<String, u64>,
    durable_names: BTreeMap<String, u64>,
    pending_names: Vec<Naming>,
    inodes: BTreeMap<u64, Inode>,
    next: u64,
    /// How often power came back: a file opened before is of no use.
    life: u64,
    on: bool,
    /// The changes and syncs so far in this life, and the one that the power does not outlive.
    steps: u64,
    cut_at: Option<u64>,
    /// The syncs until one fails.
    failing_sync: Option<u64>,
    failed_a_sync: bool,
    /// The bytes that all files together may have.
    room: Option<usize>,
    read_only: bool,
    locks: BTreeMap<String, BTreeMap<u64, i32>>,
    shared: BTreeMap<String, Shared>,
    /// What was being done when the power went.
    cut_in: Option<String>,
}

/// A disk.
pub(crate) struct Disk {
    inner: Mutex<Inner>,
}

/// An open file.
pub(crate) struct Handle {
    id: u64,
    inode: u64,
    name: String,
    life: u64,
    /// Whether the first sync has to make the name durable too, as SQLite does for its logs.
    syncs_folder: Mutex<bool>,
    delete_on_close: bool,
}

impl Disk {
    pub(crate) fn new(seed: u64) -> Arc<Self> {
        let inner = Inner {
            dice: Dice::new(seed),
            names: BTreeMap::new(),
            durable_names: BTreeMap::new(),
            pending_names: Vec::new(),
            inodes: BTreeMap::new(),
            next: 0,
            life: 0,
            on: true,
            steps: 0,
            cut_at: None,
            failing_sync: None,
            failed_a_sync: false,
            room: None,
            read_only: false,
            locks: BTreeMap::new(),
            shared: BTreeMap::new(),
            cut_in: None,
        };
        Arc::new(Self { inner: Mutex::new(inner) })
    }

    /// Cuts the power in the step after so many more.
    pub(crate) fn cut_after(&self, steps: u64) {
        let mut inner = self.lock();
        inner.cut_at = Some(inner.steps + steps);
    }

    /// Cuts the power now, if it is on.
    pub(crate) fn cut(&self) {
        let mut inner = self.lock();
        if inner.on {
            inner.lose_power("nothing");
        }
    }

    /// Power is back: only what survived is there.
    pub(crate) fn restart(&self) {
        let mut inner = self.lock();
        assert!(!inner.on, "the power was not cut");
        inner.on = true;
        inner.life += 1;
        inner.steps = 0;
        inner.cut_at = None;
        inner.failing_sync = None;
        inner.failed_a_sync = false;
        inner.cut_in = None;
        inner.locks.clear();
        inner.shared.clear();
        for inode in inner.inodes.values_mut() {
            inode.current = inode.durable.clone();
        }
        inner.names = inner.durable_names.clone();
    }

    /// Fails the sync after so many more.
    pub(crate) fn fail_sync_after(&self, syncs: u64) {
        self.lock().failing_sync = Some(syncs);
    }

    /// Bounds the bytes of all files together, from now on.
    pub(crate) fn set_room(&self, room: Option<usize>) {
        self.lock().room = room;
    }

    pub(crate) fn set_read_only(&self, read_only: bool) {
        self.lock().read_only = read_only;
    }

    /// The bytes of all files together.
    pub(crate) fn used(&self) -> usize {
        self.lock().used()
    }

    /// Whether the sync that was to fail has failed in this life.
    pub(crate) fn has_failed_a_sync(&self) -> bool {
        self.lock().failed_a_sync
    }

    pub(crate) fn is_on(&self) -> bool {
        self.lock().on
    }

    /// What was being done when the power went.
    pub(crate) fn cut_in(&self) -> Option<String> {
        self.lock().cut_in.clone()
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn alive(&self, handle: &Handle, failed: Code) -> Result<MutexGuard<'_, Inner>, Code> {
        let inner = self.lock();
        if inner.on && inner.life == handle.life { Ok(inner) } else { Err(failed) }
    }

    /// Opens a file; says whether it can only be read.
    fn open(&self, name: &str, flags: i32) -> Result<(Handle, bool), Code> {
        let mut inner = self.lock();
        if !inner.on {
            return Err(ffi::SQLITE_CANTOPEN);
        }
        let inode = match inner.names.get(name) {
            Some(inode) => *inode,
            None if flags & ffi::SQLITE_OPEN_CREATE == 0 || inner.read_only => return Err(ffi::SQLITE_CANTOPEN),
            None => {
                let inode = inner.number();
                inner.inodes.insert(inode, Inode::default());
                inner.names.insert(name.to_owned(), inode);
                inner.pending_names.push(Naming::Create(name.to_owned(), inode));
                inner.step("create", name, ffi::SQLITE_CANTOPEN)?;
                inode
            }
        };
        let logs = ffi::SQLITE_OPEN_WAL | ffi::SQLITE_OPEN_MAIN_JOURNAL | ffi::SQLITE_OPEN_SUPER_JOURNAL;
        let handle = Handle {
            id: inner.number(),
            inode,
            name: name.to_owned(),
            life: inner.life,
            syncs_folder: Mutex::new(flags & ffi::SQLITE_OPEN_CREATE != 0 && flags & logs != 0),
            delete_on_close: flags & ffi::SQLITE_OPEN_DELETEONCLOSE != 0,
        };
        Ok((handle, inner.read_only))
    }

    fn close(&self, handle: &Handle) {
        let _ = self.set_lock(handle, ffi::SQLITE_LOCK_NONE);
        self.unmap(handle);
        if handle.delete_on_close {
            let _ = self.delete(&handle.name, false);
        }
    }

    /// Reads what there is; the number of bytes read.
    fn read(&self, handle: &Handle, at: usize, to: &mut [u8]) -> Result<usize, Code> {
        let inner = self.alive(handle, ffi::SQLITE_IOERR_READ)?;
        let bytes = inner.inodes.get(&handle.inode).map_or(&[][..], |inode| &inode.current);
        let there = bytes.get(at..).unwrap_or_default();
        let count = there.len().min(to.len());
        to[..count].copy_from_slice(&there[..count]);
        Ok(count)
    }

    fn write(&self, handle: &Handle, at: usize, bytes: &[u8]) -> Result<(), Code> {
        let mut inner = self.alive(handle, ffi::SQLITE_IOERR_WRITE)?;
        if inner.read_only {
            return Err(ffi::SQLITE_IOERR_WRITE);
        }
        let length = inner.length(handle);
        let growth = (at + bytes.len()).saturating_sub(length);
        let free = inner.room.map_or(usize::MAX, |room| room.saturating_sub(inner.used()));
        // As a real disk does: what still fits is written, then it is full.
        let fits = bytes.len() - growth.saturating_sub(free).min(bytes.len());
        inner.change(handle, Change::Write { at, bytes: bytes[..fits].to_vec() });
        inner.step("write", &handle.name, ffi::SQLITE_IOERR_WRITE)?;
        if fits < bytes.len() { Err(ffi::SQLITE_FULL) } else { Ok(()) }
    }

    fn truncate(&self, handle: &Handle, length: usize) -> Result<(), Code> {
        let mut inner = self.alive(handle, ffi::SQLITE_IOERR_TRUNCATE)?;
        inner.change(handle, Change::Truncate(length));
        inner.step("truncate", &handle.name, ffi::SQLITE_IOERR_TRUNCATE)
    }

    fn sync(&self, handle: &Handle) -> Result<(), Code> {
        let mut inner = self.alive(handle, ffi::SQLITE_IOERR_FSYNC)?;
        inner.step("sync", &handle.name, ffi::SQLITE_IOERR_FSYNC)?;
        match inner.failing_sync {
            Some(0) => {
                inner.failing_sync = None;
                inner.failed_a_sync = true;
                // The pages count as clean now: no later sync writes them again.
                inner.survive(handle.inode);
                return Err(ffi::SQLITE_IOERR_FSYNC);
            }
            Some(syncs) => inner.failing_sync = Some(syncs - 1),
            None => {}
        }
        if let Some(inode) = inner.inodes.get_mut(&handle.inode) {
            for change in std::mem::take(&mut inode.pending) {
                change.apply(&mut inode.durable);
            }
        }
        let mut syncs_folder = handle.syncs_folder.lock().unwrap_or_else(PoisonError::into_inner);
        if std::mem::take(&mut *syncs_folder) {
            inner.sync_folder();
        }
        Ok(())
    }

    fn length(&self, handle: &Handle) -> Result<usize, Code> {
        Ok(self.alive(handle, ffi::SQLITE_IOERR_FSTAT)?.length(handle))
    }

    fn delete(&self, name: &str, sync: bool) -> Result<(), Code> {
        let mut inner = self.lock();
        if !inner.on {
            return Err(ffi::SQLITE_IOERR_DELETE);
        }
        if inner.names.remove(name).is_none() {
            return Err(ffi::SQLITE_IOERR_DELETE_NOENT);
        }
        inner.pending_names.push(Naming::Remove(name.to_owned()));
        inner.step("delete", name, ffi::SQLITE_IOERR_DELETE)?;
        if sync {
            inner.sync_folder();
        }
        Ok(())
    }

    fn exists(&self, name: &str) -> bool {
        let inner = self.lock();
        let inode = inner.names.get(name).and_then(|inode| inner.inodes.get(inode));
        inode.is_some_and(|inode| !inode.current.is_empty())
    }

    /// SQLite's locks, from none to exclusive, among the open files of one name.
    fn take_lock(&self, handle: &Handle, wanted: i32) -> Result<(), Code> {
        let mut inner = self.alive(handle, ffi::SQLITE_IOERR_LOCK)?;
        let locks = inner.locks.entry(handle.name.clone()).or_default();
        let own = locks.get(&handle.id).copied().unwrap_or(ffi::SQLITE_LOCK_NONE);
        if own >= wanted {
            return Ok(());
        }
        let others = locks.iter().filter(|(id, _)| **id != handle.id).map(|(_, lock)| *lock).max().unwrap_or(0);
        let (bar, waiting) = match wanted {
            ffi::SQLITE_LOCK_SHARED => (ffi::SQLITE_LOCK_PENDING, own),
            ffi::SQLITE_LOCK_RESERVED => (ffi::SQLITE_LOCK_RESERVED, own),
            _ if others < ffi::SQLITE_LOCK_RESERVED => (ffi::SQLITE_LOCK_SHARED, ffi::SQLITE_LOCK_PENDING),
            _ => (ffi::SQLITE_LOCK_SHARED, own),
        };
        let granted = others < bar;
        locks.insert(handle.id, if granted { wanted } else { waiting });
        if granted { Ok(()) } else { Err(ffi::SQLITE_BUSY) }
    }

    fn set_lock(&self, handle: &Handle, lock: i32) -> Result<(), Code> {
        let mut inner = self.alive(handle, ffi::SQLITE_IOERR_UNLOCK)?;
        let locks = inner.locks.entry(handle.name.clone()).or_default();
        if lock == ffi::SQLITE_LOCK_NONE {
            locks.remove(&handle.id);
        } else {
            locks.insert(handle.id, lock);
        }
        Ok(())
    }

    fn is_reserved(&self, handle: &Handle) -> bool {
        let inner = self.lock();
        let locks = inner.locks.get(&handle.name);
        locks.is_some_and(|locks| locks.values().any(|lock| *lock >= ffi::SQLITE_LOCK_RESERVED))
    }

    /// A region of the memory that all open files of one name share, if it is there or may be made.
    fn map(&self, handle: &Handle, region: usize, make: bool) -> Result<Option<*mut u64>, Code> {
        let mut inner = self.alive(handle, ffi::SQLITE_IOERR_SHMMAP)?;
        let shared = inner.shared.entry(handle.name.clone()).or_default();
        shared.holders.entry(handle.id).or_default();
        while make && shared.regions.len() <= region {
            shared.regions.push(Box::new([0; REGION_WORDS]));
        }
        Ok(shared.regions.get_mut(region).map(|region| region.as_mut_ptr()))
    }

    fn lock_shared(&self, handle: &Handle, first: u32, count: u32, flags: i32) -> Result<(), Code> {
        let mut inner = self.alive(handle, ffi::SQLITE_IOERR_SHMLOCK)?;
        assert!(first + count <= SHM_LOCKS, "SQLite has no such lock");
        let mask = ((1 << count) - 1) << first;
        let shared = inner.shared.entry(handle.name.clone()).or_default();
        let others = shared.holders.iter().filter(|(id, _)| **id != handle.id).map(|(_, locks)| *locks);
        let (others_share, others_have) = others.fold((0, 0), |all, one| (all.0 | one.0, all.1 | one.1));
        let own = shared.holders.entry(handle.id).or_default();
        if flags & ffi::SQLITE_SHM_UNLOCK != 0 {
            *own = (own.0 & !mask, own.1 & !mask);
        } else if flags & ffi::SQLITE_SHM_SHARED != 0 {
            if others_have & mask != 0 {
                return Err(ffi::SQLITE_BUSY);
            }
            own.0 |= mask;
        } else {
            if (others_have | others_share) & mask != 0 {
                return Err(ffi::SQLITE_BUSY);
            }
            own.1 |= mask;
        }
        Ok(())
    }

    fn unmap(&self, handle: &Handle) {
        let Ok(mut inner) = self.alive(handle, ffi::SQLITE_IOERR) else { return };
        if let Some(shared) = inner.shared.get_mut(&handle.name) {
            shared.holders.remove(&handle.id);
            if shared.holders.is_empty() {
                inner.shared.remove(&handle.name);
            }
        }
    }
}

impl Inner {
    fn number(&mut self) -> u64 {
        self.next += 1;
        self.next
    }

    fn used(&self) -> usize {
        self.names.values().filter_map(|inode| self.inodes.get(inode)).map(|inode| inode.current.len()).sum()
    }

    fn length(&self, handle: &Handle) -> usize {
        self.inodes.get(&handle.inode).map_or(0, |inode| inode.current.len())
    }

    fn change(&mut self, handle: &Handle, change: Change) {
        if let Some(inode) = self.inodes.get_mut(&handle.inode) {
            change.apply(&mut inode.current);
            inode.pending.push(change);
        }
    }

    fn sync_folder(&mut self) {
        self.durable_names = self.names.clone();
        self.pending_names.clear();
    }

    /// Counts a change or a sync, and cuts the power in it if it is the one.
    fn step(&mut self, what: &str, name: &str, failed: Code) -> Result<(), Code> {
        self.steps += 1;
        if self.cut_at.is_some_and(|cut_at| self.steps > cut_at) {
            let part = if name.ends_with("-wal") { "log" } else { "file" };
            self.lose_power(&format!("{what} {part}"));
            return Err(failed);
        }
        Ok(())
    }

    fn lose_power(&mut self, cut_in: &str) {
        self.on = false;
        self.cut_in = Some(cut_in.to_owned());
        let inodes: Vec<u64> = self.inodes.keys().copied().collect();
        for inode in inodes {
            self.survive(inode);
        }
        for naming in std::mem::take(&mut self.pending_names) {
            if self.dice.one_in(2) {
                match naming {
                    Naming::Create(name, inode) => drop(self.durable_names.insert(name, inode)),
                    Naming::Remove(name) => drop(self.durable_names.remove(&name)),
                }
            }
        }
    }

    /// Decides which of a file's pending changes reach the disk: none, all, the first few, or any;
    /// each write whole or torn.
    fn survive(&mut self, inode: u64) {
        let Some(inode) = self.inodes.get_mut(&inode) else { return };
        let pending = std::mem::take(&mut inode.pending);
        let manner = self.dice.below(4);
        let first = self.dice.below(pending.len() as u64 + 1) as usize;
        for (number, change) in pending.into_iter().enumerate() {
            let survives = match manner {
                0 => false,
                1 => true,
                2 => number < first,
                _ => self.dice.one_in(2),
            };
            if !survives {
                continue;
            }
            match change {
                Change::Write { at, bytes } if manner > 1 && self.dice.one_in(4) => {
                    let (from, to) = torn(&mut self.dice, bytes.len());
                    Change::Write { at: at + from, bytes: bytes[from..to].to_vec() }.apply(&mut inode.durable);
                }
                change => change.apply(&mut inode.durable),
            }
        }
    }
}

/// The part of a torn write that reaches the disk: its beginning, or its end.
fn torn(dice: &mut Dice, length: usize) -> (usize, usize) {
    let at = dice.below(length as u64 + 1) as usize;
    if dice.one_in(2) { (0, at) } else { (at, length) }
}
