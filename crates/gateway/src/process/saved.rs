//! Tables on disk, a file for each service: what a gateway serves by when it is started and nobody is
//! there to tell it.

use crate::count::run;
use model::{Digest, Subject};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use wire::Table;
use wire::frame::FRAME_BYTES_MAX;

/// The folder of the tables within the state directory.
const FOLDER: &str = "tables";
const ENDING: &str = ".table";

/// Tables on disk.
#[derive(Debug)]
pub(crate) struct Saved {
    folder: PathBuf,
}

/// The versions of files that are read.
const VERSIONS: &[u32] = &[1];
/// The one that is written.
const WRITTEN: u32 = 1;

/// What a file says of its service.
#[derive(Debug, Serialize, Deserialize)]
struct Record {
    /// The version; files of the first say none.
    #[serde(default = "first", skip_serializing_if = "is_first")]
    version: u32,
    /// The machine's start at which it was written.
    boot: String,
    #[serde(flatten)]
    what: What,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum What {
    Table(Box<Table>),
    Removed { service: Subject, generation: u64 },
}

/// What every version of a file says, whatever else it does.
#[derive(Deserialize)]
struct Version {
    #[serde(default = "first")]
    version: u32,
}

/// What was found.
#[derive(Debug, Default)]
pub(crate) struct Found {
    /// Tables, and whether each was saved before the machine was started.
    pub(crate) tables: Vec<(Table, bool)>,
    /// Services that were removed, and when.
    pub(crate) removed: Vec<(Subject, u64)>,
    /// Files that cannot be read, and why.
    pub(crate) damaged: BTreeMap<String, String>,
}

/// Whether a gateway that keeps its tables there has any to serve by, whatever its configuration says.
pub fn has_tables(state: &Path) -> bool {
    !Saved::new(state).load().tables.is_empty()
}

impl Saved {
    pub(crate) fn new(state: &Path) -> Self {
        Self { folder: state.join(FOLDER) }
    }

    /// Everything there is.
    pub(crate) fn load(&self) -> Found {
        let mut found = Found::default();
        let boot = run::this().boot;
        let entries = match fs::read_dir(&self.folder) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return found,
            Err(error) => {
                found.damaged.insert(self.folder.display().to_string(), error.to_string());
                return found;
            }
        };
        let mut paths: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
        paths.sort();
        for path in paths.iter().filter(|path| path.to_string_lossy().ends_with(ENDING)) {
            match read(path) {
                Ok(Record { boot: written, what: What::Table(table), .. }) => {
                    found.tables.push((*table, written != boot))
                }
                Ok(Record { what: What::Removed { service, generation }, .. }) => {
                    found.removed.push((service, generation));
                }
                Err(error) => drop(found.damaged.insert(path.display().to_string(), error.to_string())),
            }
        }
        found
    }

    /// Whether this very table is kept.
    pub(crate) fn has(&self, table: &Table) -> bool {
        read(&self.path(&table.service)).is_ok_and(|record| match record.what {
            What::Table(kept) => *kept == *table,
            What::Removed { .. } => false,
        })
    }

    /// Keeps a table: when it returns, it is there after a loss of power.
    pub(crate) fn save(&self, table: &Table) -> io::Result<()> {
        self.write(&table.service, What::Table(Box::new(table.clone())))
    }

    /// Keeps in mind that a service was removed, so that no older table brings it back.
    pub(crate) fn remove(&self, service: &Subject, generation: u64) -> io::Result<()> {
        self.write(service, What::Removed { service: service.clone(), generation })
    }

    /// The file of a service, for people.
    pub(crate) fn file(&self, service: &Subject) -> String {
        self.path(service).display().to_string()
    }

    /// A subject may be longer than a file's name, and have anything in it.
    fn path(&self, service: &Subject) -> PathBuf {
        self.folder.join(format!("{}{ENDING}", Digest::of(service.as_str().as_bytes()).as_str()))
    }

    fn write(&self, service: &Subject, what: What) -> io::Result<()> {
        fs::create_dir_all(&self.folder)?;
        let json = serde_json::to_string(&Record { version: WRITTEN, boot: run::this().boot, what })?;
        let text = format!("{}\n{json}\n", Digest::of(json.as_bytes()).as_str());
        let path = self.path(service);
        let partial = path.with_extension("partial");
        // Keys of cookies are in there.
        let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&partial)?;
        file.write_all(text.as_bytes())?;
        file.sync_all()?;
        fs::rename(&partial, &path)?;
        File::open(&self.folder)?.sync_all()
    }
}

fn read(path: &Path) -> io::Result<Record> {
    if fs::metadata(path)?.len() > FRAME_BYTES_MAX as u64 {
        return Err(io::Error::other("it is too large"));
    }
    let text = fs::read_to_string(path)?;
    let (digest, json) = text.trim_end().split_once('\n').ok_or_else(|| io::Error::other("it ends too early"))?;
    if Digest::of(json.as_bytes()).as_str() != digest {
        return Err(io::Error::other("it is not what was written"));
    }
    let Version { version } = serde_json::from_str(json)?;
    if !VERSIONS.contains(&version) {
        let what = "start the program that wrote it, or push the table again";
        let why = format!("it is of version {version}, and this program reads {VERSIONS:?}: {what}");
        return Err(io::Error::new(io::ErrorKind::Unsupported, why));
    }
    Ok(serde_json::from_str(json)?)
}

fn first() -> u32 {
    1
}

fn is_first(version: &u32) -> bool {
    *version == first()
}
