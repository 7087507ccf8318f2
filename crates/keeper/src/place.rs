//! Where a gateway can be asked, and where it keeps what it has to know: one gateway for each.

use crate::adopted::{Adopted, HANDED_OVER_WITHIN, adopt};
use std::fs::{self, DirBuilder, File, Permissions, TryLockError};
use std::io;
use std::os::unix::fs::{DirBuilderExt as _, PermissionsExt as _};
use std::os::unix::net::UnixListener;
use std::path::Path;
use wire::timed::Bounded;

/// What a control socket is called, after its name, until it has its rights.
const PARTIAL: &str = ".partial";
/// The most bytes of a socket's path, without the zero at its end.
const SOCKET_BYTES_MAX: usize = 107;
/// The most bytes of a control socket's path: it is called something longer first.
pub const CONTROL_BYTES_MAX: usize = SOCKET_BYTES_MAX - PARTIAL.len();

/// Why a place cannot be had.
#[derive(Debug)]
pub enum Taken {
    /// Another gateway has it.
    ByAnother,
    /// It cannot be used at all.
    Io(io::Error),
}

impl From<io::Error> for Taken {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

/// The socket that a gateway is asked by.
#[derive(Debug)]
pub enum Control {
    /// Nobody had it.
    Fresh(UnixListener),
    /// A gateway without a keeper has it, and everything else.
    Adopted(Box<Adopted>),
}

/// Claims a state directory, for as long as the file is open.
pub fn claim(state: &Path) -> Result<File, Taken> {
    create(state)?;
    let file = File::create(state.join("lock"))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(Taken::ByAnother),
        Err(TryLockError::Error(error)) => Err(Taken::Io(error)),
    }
}

/// Opens a control socket that only this user may connect to. One that nobody answers any more is
/// replaced, and a gateway that answers but has no keeper is adopted.
pub fn control(path: &Path) -> Result<Control, Taken> {
    if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        create(folder)?;
    }
    match Bounded::connect(path, HANDED_OVER_WITHIN) {
        Ok(answers) => {
            return adopt(answers)?.map(|adopted| Control::Adopted(Box::new(adopted))).ok_or(Taken::ByAnother);
        }
        // Somebody is there, and hangs.
        Err(error) if error.kind() == io::ErrorKind::TimedOut => return Err(error.into()),
        Err(_) => {}
    }
    // It has its name only when it has its rights, and nobody else could have connected before.
    let mut partial = path.as_os_str().to_owned();
    partial.push(PARTIAL);
    let _ = fs::remove_file(&partial);
    let socket = UnixListener::bind(Path::new(&partial))?;
    fs::set_permissions(&partial, Permissions::from_mode(0o600))?;
    fs::rename(&partial, path)?;
    Ok(Control::Fresh(socket))
}

fn create(folder: &Path) -> io::Result<()> {
    if folder.is_dir() {
        return Ok(());
    }
    DirBuilder::new().recursive(true).mode(0o700).create(folder)
}
