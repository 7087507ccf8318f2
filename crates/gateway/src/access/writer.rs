//! The thread that writes. It may wait for a disk or a pipe for ever: nobody waits for it.

use super::line::{Form, Query, left_out};
use crate::number::Number;
use jiff::Timestamp;
use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::thread::Builder;
use std::time::Duration;
use tokio::time::Instant;
use wire::log::Log;

/// The most batches that wait to be written, of all workers.
const BATCHES_MAX: usize = 64;
/// How many of them may wait before only some requests are written.
const PRESSED_BATCHES: usize = BATCHES_MAX / 2;
/// One of so many is written then.
const PRESSED_ONE_IN: u64 = 16;
/// How often is looked whether the file is still the one of that name.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// How long the end waits for what is not written yet.
const LAST_WITHIN: Duration = Duration::from_secs(1);

/// Where lines are written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// To a file, or a pipe; one that was renamed is opened anew under its name.
    Path(PathBuf),
    /// To standard output.
    Output,
    /// To standard error.
    Error,
}

impl Place {
    /// Whether lines can be written there now.
    pub fn check(&self) -> io::Result<()> {
        match self {
            // Opening a pipe waits for whoever reads it.
            Self::Path(path) if path.metadata().is_ok_and(|of| of.file_type().is_fifo()) => Ok(()),
            Self::Path(_) | Self::Output | Self::Error => Open::new(self).map(drop),
        }
    }
}

/// What is said of an access log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// Where lines are written.
    pub place: Place,
    /// How they look.
    pub form: Form,
    /// How much of queries they tell.
    pub query: Query,
}

/// Lines on their way.
#[derive(Debug, Default)]
pub(super) struct Batch {
    pub(super) bytes: Vec<u8>,
    pub(super) lines: u64,
    /// Lines that it says are left out.
    pub(super) left_out: u64,
}

/// Where workers hand over their batches.
#[derive(Clone, Debug)]
pub struct Inlet {
    pub(super) form: Form,
    pub(super) query: Query,
    batches: SyncSender<Batch>,
    waiting: Arc<Number>,
}

impl Inlet {
    /// One request of so many is written now; none where there is no room.
    pub(super) fn one_in(&self) -> Option<u64> {
        match self.waiting.get() {
            ..PRESSED_BATCHES => Some(1),
            PRESSED_BATCHES..BATCHES_MAX => Some(PRESSED_ONE_IN),
            BATCHES_MAX.. => None,
        }
    }

    /// A batch that there is no room for comes back.
    pub(super) fn hand_over(&self, batch: Batch) -> Result<(), Batch> {
        self.waiting.raise();
        self.batches.try_send(batch).map_err(|refused| {
            self.waiting.lower();
            match refused {
                std::sync::mpsc::TrySendError::Full(batch) => batch,
                std::sync::mpsc::TrySendError::Disconnected(batch) => batch,
            }
        })
    }
}

/// An access log. When it is dropped, what was handed over is written, if that is soon done.
#[derive(Debug)]
pub struct AccessLog {
    inlet: Inlet,
    reopen: Arc<AtomicBool>,
}

impl AccessLog {
    /// Begins a log. Where it cannot be written, now or later, the log of the process says so.
    pub fn start(settings: Settings, log: Log) -> io::Result<Self> {
        let Settings { place, form, query } = settings;
        let (batches, receiver) = sync_channel(BATCHES_MAX);
        let waiting = Arc::new(Number::default());
        let reopen = Arc::new(AtomicBool::new(false));
        let mut writer = Writer {
            place,
            form,
            log,
            waiting: Arc::clone(&waiting),
            reopen: Arc::clone(&reopen),
            open: None,
            looked: Instant::now(),
            cut: false,
            left_out: 0,
        };
        Builder::new().name("access-log".into()).spawn(move || writer.run(&receiver))?;
        Ok(Self { inlet: Inlet { form, query, batches, waiting }, reopen })
    }

    /// The file was renamed: the next line is written to another one of that name.
    pub fn reopen(&self) {
        self.reopen.store(true, Ordering::Release);
    }

    pub(crate) fn inlet(&self) -> Inlet {
        self.inlet.clone()
    }

    /// Waits until all that was handed over is written, but not for long: a pipe may be stuck. Whether it is.
    pub fn finish(&self) -> bool {
        self.inlet.waiting.wait(LAST_WITHIN, |batches| batches == 0)
    }
}

impl Drop for AccessLog {
    fn drop(&mut self) {
        self.finish();
    }
}

struct Writer {
    place: Place,
    form: Form,
    log: Log,
    waiting: Arc<Number>,
    reopen: Arc<AtomicBool>,
    open: Option<Open>,
    /// When it was looked last whether the file is still the one of that name.
    looked: Instant,
    /// The last line was cut off in the middle.
    cut: bool,
    /// Lines that could not be written, and of which the log does not say so yet.
    left_out: u64,
}

impl Writer {
    fn run(&mut self, batches: &Receiver<Batch>) {
        loop {
            let batch = match batches.recv_timeout(LOOK_EVERY) {
                Ok(batch) => batch,
                Err(RecvTimeoutError::Timeout) => {
                    self.look();
                    continue;
                }
                Err(RecvTimeoutError::Disconnected) => return,
            };
            if self.looked.elapsed() >= LOOK_EVERY || self.reopen.load(Ordering::Acquire) {
                self.look();
            }
            self.write(&batch);
            self.waiting.lower();
        }
    }

    /// A file that was renamed, or that somebody asked to open anew, is closed.
    fn look(&mut self) {
        self.looked = Instant::now();
        let asked = self.reopen.swap(false, Ordering::AcqRel);
        if asked || self.open.as_ref().is_some_and(|open| !open.is_at(&self.place)) {
            self.open = None;
        }
    }

    fn write(&mut self, batch: &Batch) {
        let result = match &mut self.open {
            Some(open) => open.write(self.form, self.cut, self.left_out, batch),
            None => Open::new(&self.place)
                .and_then(|open| self.open.insert(open).write(self.form, self.cut, self.left_out, batch)),
        };
        match result {
            Ok(()) => (self.cut, self.left_out) = (false, 0),
            Err(error) => {
                if self.left_out == 0 {
                    self.log.warning("the access log cannot be written; everybody is served", &[("why", &error)]);
                }
                self.cut = true;
                self.left_out += batch.lines + batch.left_out;
            }
        }
    }
}

enum Open {
    File(File),
    Output(io::Stdout),
    Error(io::Stderr),
}

impl Open {
    fn new(place: &Place) -> io::Result<Self> {
        Ok(match place {
            Place::Path(path) => Self::File(OpenOptions::new().append(true).create(true).open(path)?),
            Place::Output => Self::Output(io::stdout()),
            Place::Error => Self::Error(io::stderr()),
        })
    }

    /// Whether it is still what has that name.
    fn is_at(&self, place: &Place) -> bool {
        match (self, place) {
            (Self::File(file), Place::Path(path)) => {
                let same = |of: std::fs::Metadata| (of.dev(), of.ino());
                file.metadata().map(same).ok() == path.metadata().map(same).ok()
            }
            _ => true,
        }
    }

    fn write(&mut self, form: Form, cut: bool, missing: u64, batch: &Batch) -> io::Result<()> {
        let mut before = Vec::new();
        if cut {
            before.push(b'\n');
        }
        if missing > 0 {
            let time = Timestamp::now().strftime("%Y-%m-%dT%H:%M:%S%.3fZ").to_string();
            left_out(&mut before, form, &time, missing);
        }
        let to: &mut dyn Write = match self {
            Self::File(file) => file,
            Self::Output(output) => output,
            Self::Error(error) => error,
        };
        if !before.is_empty() {
            to.write_all(&before)?;
        }
        to.write_all(&batch.bytes)?;
        to.flush()
    }
}
