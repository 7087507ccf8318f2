//! The access log: a line for each request, written by a thread of its own. Workers gather lines in batches
//! and hand them over if there is room; whatever becomes of the file or the pipe at the other end, no
//! request waits for it. Where lines come faster than they are taken, only some are written, and the log
//! says how many are left out.

mod facts;
mod line;
mod pen;
mod writer;

pub use line::{Entry, Form, Query};
pub use writer::{AccessLog, Inlet, Place, Settings};

pub(crate) use facts::Facts;
pub(crate) use pen::Pen;
