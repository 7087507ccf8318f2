//! Files that people write.

use std::fs::{self, File};
use std::io::{self, Read as _};
use std::path::Path;

/// All of a regular file, or one byte more than the most where it is longer: whoever asked says that it is too
/// large. A pipe that nobody writes to would be waited for, and everything else with it.
pub(crate) fn read(path: &Path, bytes_max: usize) -> io::Result<Vec<u8>> {
    if !fs::metadata(path)?.is_file() {
        return Err(io::Error::other("it is no regular file"));
    }
    let mut bytes = Vec::new();
    File::open(path)?.take(bytes_max as u64 + 1).read_to_end(&mut bytes)?;
    Ok(bytes)
}
