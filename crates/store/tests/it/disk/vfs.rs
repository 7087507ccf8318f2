//! The disk as a file layer of SQLite.
//!
//! SQLite calls a file layer through a table of C functions, so this file, and no other of the crate,
//! has unsafe code: it turns pointers into slices and calls [`Disk`], which is safe and decides all.
#![allow(unsafe_code)]

use super::{Code, Disk, Handle};
use rusqlite::ffi::{self, sqlite3_file, sqlite3_io_methods, sqlite3_vfs};
use std::collections::BTreeMap;
use std::ffi::{CStr, c_char, c_int, c_void};
use std::path::{Path, PathBuf};
use std::ptr::null_mut;
use std::slice;
use std::sync::{Arc, Mutex, Once, PoisonError, Weak};

/// The name under which SQLite knows the file layer.
pub(crate) const NAME: &str = "forgetful";

/// The disks by the first part of their paths.
static DISKS: Mutex<BTreeMap<String, Weak<Disk>>> = Mutex::new(BTreeMap::new());

/// The longest path.
const PATH_LENGTH_MAX: c_int = 256;

/// Makes a disk reachable: the path of a file on it.
pub(crate) fn install(disk: &Arc<Disk>) -> PathBuf {
    static REGISTERED: Once = Once::new();
    REGISTERED.call_once(register);
    let mut disks = DISKS.lock().unwrap_or_else(PoisonError::into_inner);
    disks.retain(|_, disk| disk.strong_count() > 0);
    let name = format!("disk-{:p}", Arc::as_ptr(disk));
    disks.insert(name.clone(), Arc::downgrade(disk));
    Path::new("/").join(name).join("journal.db")
}

fn register() {
    let vfs = Box::leak(Box::new(sqlite3_vfs {
        iVersion: 2,
        szOsFile: size_of::<OpenFile>() as c_int,
        mxPathname: PATH_LENGTH_MAX,
        pNext: null_mut(),
        zName: c"forgetful".as_ptr(),
        pAppData: null_mut(),
        xOpen: Some(open),
        xDelete: Some(delete),
        xAccess: Some(access),
        xFullPathname: Some(full_pathname),
        xDlOpen: None,
        xDlError: None,
        xDlSym: None,
        xDlClose: None,
        xRandomness: Some(randomness),
        xSleep: Some(sleep),
        xCurrentTime: Some(current_time),
        xGetLastError: None,
        xCurrentTimeInt64: Some(current_time_int64),
        xSetSystemCall: None,
        xGetSystemCall: None,
        xNextSystemCall: None,
    }));
    // SAFETY: the table lives for ever, and its functions keep to SQLite's documentation.
    let code = unsafe { ffi::sqlite3_vfs_register(vfs, 0) };
    assert_eq!(code, ffi::SQLITE_OK);
}

static METHODS: sqlite3_io_methods = sqlite3_io_methods {
    iVersion: 2,
    xClose: Some(close),
    xRead: Some(read),
    xWrite: Some(write),
    xTruncate: Some(truncate),
    xSync: Some(sync),
    xFileSize: Some(file_size),
    xLock: Some(lock),
    xUnlock: Some(unlock),
    xCheckReservedLock: Some(check_reserved_lock),
    xFileControl: Some(file_control),
    xSectorSize: Some(sector_size),
    xDeviceCharacteristics: Some(device_characteristics),
    xShmMap: Some(shm_map),
    xShmLock: Some(shm_lock),
    xShmBarrier: Some(shm_barrier),
    xShmUnmap: Some(shm_unmap),
    xFetch: None,
    xUnfetch: None,
};

/// What SQLite reserves for an open file: its header, then ours.
#[repr(C)]
struct OpenFile {
    header: sqlite3_file,
    file: *mut (Arc<Disk>, Handle),
}

fn code(result: Result<(), Code>) -> c_int {
    result.err().unwrap_or(ffi::SQLITE_OK)
}

/// # Safety
/// SQLite passes a name that ends with a zero, or null.
unsafe fn disk_of(name: *const c_char) -> Option<(Arc<Disk>, String)> {
    if name.is_null() {
        return None;
    }
    // SAFETY: see above.
    let name = unsafe { CStr::from_ptr(name) }.to_str().ok()?.to_owned();
    let disk = name.split('/').nth(1)?;
    let disk = DISKS.lock().unwrap_or_else(PoisonError::into_inner).get(disk)?.upgrade()?;
    Some((disk, name))
}

/// # Safety
/// SQLite passes a file that `open` filled in and `close` has not emptied.
unsafe fn file_of<'a>(file: *mut sqlite3_file) -> (&'a Disk, &'a Handle) {
    // SAFETY: see above; the box lives until `close`.
    let (disk, handle) = unsafe { &*(*file.cast::<OpenFile>()).file };
    (disk, handle)
}

unsafe extern "C" fn open(
    _: *mut sqlite3_vfs,
    name: ffi::sqlite3_filename,
    file: *mut sqlite3_file,
    flags: c_int,
    flags_given: *mut c_int,
) -> c_int {
    let open = file.cast::<OpenFile>();
    // SAFETY: SQLite reserved `szOsFile` bytes there; without methods it will not call `close`.
    unsafe { (*open).header.pMethods = std::ptr::null() };
    // SAFETY: the name comes from SQLite.
    let Some((disk, name)) = (unsafe { disk_of(name) }) else { return ffi::SQLITE_CANTOPEN };
    let (handle, read_only) = match disk.open(&name, flags) {
        Ok(opened) => opened,
        Err(code) => return code,
    };
    // SAFETY: as above; `flags_given` is null or a place for a number.
    unsafe {
        (*open).file = Box::into_raw(Box::new((disk, handle)));
        (*open).header.pMethods = &raw const METHODS;
        if !flags_given.is_null() {
            let given = flags & !(ffi::SQLITE_OPEN_READWRITE | ffi::SQLITE_OPEN_CREATE) | ffi::SQLITE_OPEN_READONLY;
            *flags_given = if read_only { given } else { flags };
        }
    }
    ffi::SQLITE_OK
}

unsafe extern "C" fn close(file: *mut sqlite3_file) -> c_int {
    // SAFETY: `open` put the box there, and SQLite closes once.
    let opened = unsafe { Box::from_raw((*file.cast::<OpenFile>()).file) };
    opened.0.close(&opened.1);
    ffi::SQLITE_OK
}

unsafe extern "C" fn read(file: *mut sqlite3_file, to: *mut c_void, count: c_int, at: i64) -> c_int {
    // SAFETY: SQLite's file, and its buffer of `count` bytes.
    let ((disk, handle), to) = unsafe { (file_of(file), slice::from_raw_parts_mut(to.cast::<u8>(), count as usize)) };
    match disk.read(handle, at as usize, to) {
        Ok(read) if read == to.len() => ffi::SQLITE_OK,
        Ok(read) => {
            to[read..].fill(0);
            ffi::SQLITE_IOERR_SHORT_READ
        }
        Err(code) => code,
    }
}

unsafe extern "C" fn write(file: *mut sqlite3_file, from: *const c_void, count: c_int, at: i64) -> c_int {
    // SAFETY: SQLite's file, and its buffer of `count` bytes.
    let ((disk, handle), from) = unsafe { (file_of(file), slice::from_raw_parts(from.cast::<u8>(), count as usize)) };
    code(disk.write(handle, at as usize, from))
}

unsafe extern "C" fn truncate(file: *mut sqlite3_file, length: i64) -> c_int {
    // SAFETY: SQLite's file.
    let (disk, handle) = unsafe { file_of(file) };
    code(disk.truncate(handle, length as usize))
}

unsafe extern "C" fn sync(file: *mut sqlite3_file, _: c_int) -> c_int {
    // SAFETY: SQLite's file.
    let (disk, handle) = unsafe { file_of(file) };
    code(disk.sync(handle))
}

unsafe extern "C" fn file_size(file: *mut sqlite3_file, size: *mut i64) -> c_int {
    // SAFETY: SQLite's file.
    let (disk, handle) = unsafe { file_of(file) };
    match disk.length(handle) {
        Ok(length) => {
            // SAFETY: SQLite passes a place for the number.
            unsafe { *size = length as i64 };
            ffi::SQLITE_OK
        }
        Err(code) => code,
    }
}

unsafe extern "C" fn lock(file: *mut sqlite3_file, wanted: c_int) -> c_int {
    // SAFETY: SQLite's file.
    let (disk, handle) = unsafe { file_of(file) };
    code(disk.take_lock(handle, wanted))
}

unsafe extern "C" fn unlock(file: *mut sqlite3_file, left: c_int) -> c_int {
    // SAFETY: SQLite's file.
    let (disk, handle) = unsafe { file_of(file) };
    code(disk.set_lock(handle, left))
}

unsafe extern "C" fn check_reserved_lock(file: *mut sqlite3_file, reserved: *mut c_int) -> c_int {
    // SAFETY: SQLite's file, and a place for the answer.
    unsafe {
        let (disk, handle) = file_of(file);
        *reserved = disk.is_reserved(handle).into();
    }
    ffi::SQLITE_OK
}

unsafe extern "C" fn file_control(_: *mut sqlite3_file, _: c_int, _: *mut c_void) -> c_int {
    ffi::SQLITE_NOTFOUND
}

unsafe extern "C" fn sector_size(_: *mut sqlite3_file) -> c_int {
    4_096
}

/// What SQLite assumes of every disk under Unix: a write damages nothing beside it.
unsafe extern "C" fn device_characteristics(_: *mut sqlite3_file) -> c_int {
    ffi::SQLITE_IOCAP_POWERSAFE_OVERWRITE
}

unsafe extern "C" fn shm_map(
    file: *mut sqlite3_file,
    region: c_int,
    size: c_int,
    make: c_int,
    to: *mut *mut c_void,
) -> c_int {
    assert_eq!(size as usize, size_of::<[u64; super::REGION_WORDS]>());
    // SAFETY: SQLite's file.
    let (disk, handle) = unsafe { file_of(file) };
    match disk.map(handle, region as usize, make != 0) {
        Ok(region) => {
            // SAFETY: SQLite passes a place for the pointer. The region stays where it is until the
            // last file that maps it has let go.
            unsafe { *to = region.map_or(null_mut(), <*mut u64>::cast) };
            ffi::SQLITE_OK
        }
        Err(code) => code,
    }
}

unsafe extern "C" fn shm_lock(file: *mut sqlite3_file, first: c_int, count: c_int, flags: c_int) -> c_int {
    // SAFETY: SQLite's file.
    let (disk, handle) = unsafe { file_of(file) };
    code(disk.lock_shared(handle, first as u32, count as u32, flags))
}

unsafe extern "C" fn shm_barrier(_: *mut sqlite3_file) {
    std::sync::atomic::fence(std::sync::atomic::Ordering::SeqCst);
}

unsafe extern "C" fn shm_unmap(file: *mut sqlite3_file, _: c_int) -> c_int {
    // SAFETY: SQLite's file.
    let (disk, handle) = unsafe { file_of(file) };
    disk.unmap(handle);
    ffi::SQLITE_OK
}

unsafe extern "C" fn delete(_: *mut sqlite3_vfs, name: *const c_char, sync: c_int) -> c_int {
    // SAFETY: the name comes from SQLite.
    match unsafe { disk_of(name) } {
        Some((disk, name)) => code(disk.delete(&name, sync != 0)),
        None => ffi::SQLITE_IOERR_DELETE,
    }
}

unsafe extern "C" fn access(_: *mut sqlite3_vfs, name: *const c_char, _: c_int, found: *mut c_int) -> c_int {
    // SAFETY: the name comes from SQLite, and so does the place for the answer.
    unsafe {
        let exists = disk_of(name).is_some_and(|(disk, name)| disk.exists(&name));
        *found = exists.into();
    }
    ffi::SQLITE_OK
}

unsafe extern "C" fn full_pathname(_: *mut sqlite3_vfs, name: *const c_char, room: c_int, to: *mut c_char) -> c_int {
    // SAFETY: the name ends with a zero, and `to` has place for `room` bytes.
    unsafe {
        let name = CStr::from_ptr(name).to_bytes_with_nul();
        if name.len() > room as usize {
            return ffi::SQLITE_CANTOPEN;
        }
        to.copy_from_nonoverlapping(name.as_ptr().cast(), name.len());
    }
    ffi::SQLITE_OK
}

unsafe extern "C" fn randomness(_: *mut sqlite3_vfs, count: c_int, to: *mut c_char) -> c_int {
    // SAFETY: SQLite's buffer of `count` bytes.
    unsafe { to.write_bytes(4, count as usize) };
    count
}

/// Who waits for a lock here waits for another thread of this process.
unsafe extern "C" fn sleep(_: *mut sqlite3_vfs, microseconds: c_int) -> c_int {
    std::thread::yield_now();
    microseconds
}

unsafe extern "C" fn current_time(_: *mut sqlite3_vfs, time: *mut f64) -> c_int {
    // SAFETY: SQLite passes a place for the number.
    unsafe { *time = 2_460_000.5 };
    ffi::SQLITE_OK
}

unsafe extern "C" fn current_time_int64(_: *mut sqlite3_vfs, time: *mut i64) -> c_int {
    // SAFETY: SQLite passes a place for the number.
    unsafe { *time = 212_544_043_200_000 };
    ffi::SQLITE_OK
}
