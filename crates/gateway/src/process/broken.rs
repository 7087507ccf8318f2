//! A worker that has broken down. The others serve on, and have what came for it; as a whole the process is what
//! another one takes the place of, as soon as one can: whoever has panicked once may be no more what it was.

use super::change::Phase;
use super::{BROKEN, Gateway};
use crate::fleet::Ended;
use std::io;
use std::sync::Arc;
use std::sync::mpsc::Receiver;
use std::thread::Builder;
use wire::keeping::ToKeeper;
use wire::problem::Kind;

impl Gateway {
    /// Does what there is to do when workers end that were not told to.
    pub(crate) fn look_after_workers(self: &Arc<Self>, ended: Receiver<Ended>) -> io::Result<()> {
        let gateway = Arc::clone(self);
        Builder::new().name("workers".into()).spawn(move || {
            for ended in ended.into_iter().filter(|ended| ended.broken) {
                gateway.make_do_without(ended.worker);
            }
        })?;
        Ok(())
    }

    fn make_do_without(&self, worker: usize) {
        let log = self.settings.log;
        log.error("a worker has broken down, and what it held is lost", &[("worker", &worker)]);
        let nobody_is_left = self.fleet.count_living() == 0;
        if nobody_is_left || self.sockets.share_out(self).is_err() {
            // Whoever comes would wait for nobody; the keeper has another one there in a moment.
            std::process::exit(BROKEN);
        }
        let mut tables = self.locked_tables();
        if tables.phase == Phase::Starting {
            // It has never been ready, and nobody needs it.
            std::process::exit(BROKEN);
        }
        let why = "it panicked; the log says where".to_owned();
        tables.problems.add(Kind::WorkerBroken, format!("worker {worker}"), why);
    }

    /// Asks for another process in place of one that has lost a worker: not at once, so that one that breaks down
    /// again and again does not fill the machine with processes.
    pub(crate) fn give_way(&self) {
        let tables = self.locked_tables();
        if tables.phase == Phase::Leading && tables.problems.has(Kind::WorkerBroken) {
            // A keeper that is dead starts nobody; the next one does.
            let _ = self.tell_keeper(&ToKeeper::Replace { workers: None });
        }
    }
}
