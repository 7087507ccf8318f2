//! A file that is written for a person.

use crate::exit::Exit;
use crate::failure::Failure;
use engine::starter::suggested_name;
use model::Name;
use std::fs::OpenOptions;
use std::io::{self, Write};
use std::path::Path;

/// What a person describes a service in.
pub(crate) const GLIDEPATH_YAML: &str = "glidepath.yaml";

/// What to do with a file that was written.
pub(crate) const NEXT: &str = "set `run` to your command, then see what a landing would do with `glidepath plan`";

/// Refuses to replace a file that is there, before anybody is asked anything.
pub(crate) fn may_write(path: &Path, force: bool) -> Result<(), Failure> {
    if path.exists() && !force { Err(already_there(path)) } else { Ok(()) }
}

fn already_there(path: &Path) -> Failure {
    let help = "nothing was written; replace it with `--force`, or move it away";
    Failure::new(Exit::NoAccess, "already-there", "there is a file already", help).at(path)
}

/// Something stands where a file belongs: a folder, a pipe, a device.
pub(crate) fn no_file(path: &Path, help: &str) -> Failure {
    let what = if path.is_dir() { "this is a folder" } else { "this is no ordinary file" };
    Failure::new(Exit::NoAccess, "not-a-file", what, help).at(path)
}

/// Writes a file; one that is there is only replaced by `force`.
pub(crate) fn write(path: &Path, text: &str, force: bool) -> Result<(), Failure> {
    // A pipe would wait for somebody to read it, and a device is never meant.
    if std::fs::metadata(path).is_ok_and(|there| !there.is_file()) {
        return Err(no_file(path, "nothing was written; name another file"));
    }
    let mut options = OpenOptions::new();
    options.write(true).create_new(!force).create(force).truncate(force);
    let written = options.open(path).and_then(|mut file| file.write_all(text.as_bytes()));
    written.map_err(|error| {
        if error.kind() != io::ErrorKind::AlreadyExists {
            return Failure::io(path, "writing", &error);
        }
        already_there(path)
    })
}

/// The name that was given, or the folder's.
pub(crate) fn service_name(given: Option<&Name>) -> Name {
    let folder = std::env::current_dir().ok().and_then(|folder| suggested_name(&folder.file_name()?.to_string_lossy()));
    given.cloned().or(folder).unwrap_or_else(fallback)
}

/// For a folder like `/`.
fn fallback() -> Name {
    match Name::new("app") {
        Ok(name) => name,
        Err(_) => unreachable!("three letters are a name"),
    }
}

/// A name, for the parser of arguments.
pub(crate) fn parse_name(text: &str) -> Result<Name, String> {
    Name::new(text).map_err(|error| error.to_string())
}
