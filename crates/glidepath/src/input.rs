//! The files that describe services: found, read within bounds, parsed.

use crate::exit::Exit;
use crate::failure::Failure;
use crate::file::no_file;
use model::Service;
use model::text::{self, SOURCE_BYTES_MAX, Source};
use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

/// The most files of one folder.
const FILES_MAX: usize = 200;

/// Where a service is described when nobody says where, in this order.
const USUAL: [&str; 3] = ["glidepath.yaml", "glidepath.yml", "glidepath"];

/// Which files.
#[derive(clap::Args)]
pub(crate) struct Files {
    /// A file, a folder with `.yaml` files, or `-` for standard input; may be given several times.
    /// `glidepath.yaml`, or the folder `glidepath`, where it is not there.
    #[arg(short, long, value_name = "PATH")]
    pub(crate) file: Vec<PathBuf>,
    /// Only the service of this name.
    #[arg(short, long, value_name = "NAME")]
    pub(crate) service: Option<String>,
}

struct Text {
    name: String,
    text: String,
}

/// The services that are described; the names of the files.
pub(crate) fn services(files: &Files) -> Result<(Vec<Service>, Vec<String>), Failure> {
    let texts = texts(&files.file)?;
    let sources: Vec<Source<'_>> = texts.iter().map(|one| Source { name: &one.name, text: &one.text }).collect();
    let services = text::parse_all(&sources, &|name| std::env::var(name)).map_err(Failure::problems)?;
    let names = texts.into_iter().map(|one| one.name).collect();
    let Some(wanted) = &files.service else { return Ok((services, names)) };
    let known: Vec<String> = services.iter().map(|service| service.name.to_string()).collect();
    let found: Vec<Service> = services.into_iter().filter(|service| service.name.as_str() == wanted).collect();
    if found.is_empty() {
        let message = format!("no service `{wanted}` is described");
        return Err(Failure::new(
            Exit::Usage,
            "unknown-service",
            message,
            format!("the services there: {}", known.join(", ")),
        ));
    }
    Ok((found, names))
}

fn texts(paths: &[PathBuf]) -> Result<Vec<Text>, Failure> {
    let usual = [PathBuf::from(usual())];
    let mut texts = Vec::new();
    for path in if paths.is_empty() { &usual[..] } else { paths } {
        if path.as_os_str() == "-" {
            texts.push(read(&mut io::stdin().lock(), Path::new("standard input"))?);
        } else if path.is_dir() {
            for file in yaml_files(path)? {
                texts.push(open(&file)?);
            }
        } else {
            texts.push(open(path)?);
        }
    }
    Ok(texts)
}

/// The first of the usual places that is there, or the first one, to be missed.
fn usual() -> &'static str {
    USUAL.into_iter().find(|name| Path::new(name).exists()).unwrap_or(USUAL[0])
}

/// What this process has open already, as `<(...)` of a shell gives it: opening it waits for nobody.
const OPEN_ALREADY: [&str; 3] = ["/dev/fd", "/dev/stdin", "/proc/self/fd"];

fn open(path: &Path) -> Result<Text, Failure> {
    // A pipe that nobody writes to would be waited for without end, and a device may never end.
    let ordinary = fs::metadata(path).map_or(true, |there| there.is_file());
    if !ordinary && !OPEN_ALREADY.iter().any(|open| path.starts_with(open)) {
        return Err(no_file(path, "name a file or a folder, or read standard input with `-f -`"));
    }
    let mut file = File::open(path).map_err(|error| {
        if error.kind() != io::ErrorKind::NotFound {
            return Failure::io(path, "reading", &error);
        }
        let help = "write one with `glidepath init`, or say where it is with `-f`";
        Failure::new(Exit::NoAccess, "file-not-found", "there is no such file", help).at(path)
    })?;
    read(&mut file, path)
}

/// No more than may be; the rest is not even read.
fn read(from: &mut dyn Read, path: &Path) -> Result<Text, Failure> {
    let mut bytes = Vec::new();
    let limit = SOURCE_BYTES_MAX as u64 + 1;
    from.take(limit).read_to_end(&mut bytes).map_err(|error| Failure::io(path, "reading", &error))?;
    if bytes.len() > SOURCE_BYTES_MAX {
        let message = format!("the file is larger than {} KiB", SOURCE_BYTES_MAX >> 10);
        let help = "a described service needs a few KiB: is it the right file?";
        return Err(Failure::new(Exit::NotInOrder, "too-much", message, help).at(path));
    }
    match String::from_utf8(bytes) {
        Ok(text) => Ok(Text { name: path.display().to_string(), text }),
        Err(error) => {
            let good = error.utf8_error().valid_up_to();
            let line = error.as_bytes()[..good].iter().filter(|byte| **byte == b'\n').count() + 1;
            let message = format!("line {line} is no UTF-8 text (byte {good} of the file)");
            let help = "save the file as UTF-8";
            Err(Failure::new(Exit::NotInOrder, "not-utf-8", message, help).at(path))
        }
    }
}

/// The YAML files of a folder, not of those within it, in the order of their names.
fn yaml_files(folder: &Path) -> Result<Vec<PathBuf>, Failure> {
    let unreadable = |error: io::Error| Failure::io(folder, "listing the folder", &error);
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).map_err(unreadable)? {
        let path = entry.map_err(unreadable)?.path();
        let hidden = path.file_name().is_some_and(|name| name.as_encoded_bytes().starts_with(b"."));
        let yaml = path.extension().is_some_and(|extension| extension == "yaml" || extension == "yml");
        if yaml && !hidden && !path.is_dir() {
            files.push(path);
        }
        if files.len() > FILES_MAX {
            let message = format!("the folder has more than {FILES_MAX} YAML files");
            let help = "name the files with `-f`, or split the folder";
            return Err(Failure::new(Exit::NotInOrder, "too-much", message, help).at(folder));
        }
    }
    if files.is_empty() {
        let help = "name a folder with `.yaml` files, or write one with `glidepath init`";
        return Err(Failure::new(Exit::NoAccess, "no-files", "the folder has no YAML file", help).at(folder));
    }
    files.sort();
    Ok(files)
}
