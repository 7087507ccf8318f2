//! HTTP/1, strictly: what two servers could read in two ways is refused, so that whoever stands behind
//! the gateway sees the same single request that the gateway saw.
//!
//! A head is read into stretches of the buffer it came in, so that it can be passed on in whole runs of
//! bytes. Nothing here does IO.

pub mod chunked;
pub mod edit;
mod extension;
pub mod field;
pub mod forwarded;
pub mod framing;
pub mod head;
pub mod refusal;
pub mod request;
pub mod response;
pub mod target;
pub mod write;

pub use chunked::{Chunked, Piece, Run};
pub use edit::{Edited, Edits};
pub use field::{Field, Known, Stretch};
pub use framing::Body;
pub use head::{FIELDS_MAX, Limits};
pub use refusal::Refusal;
pub use request::Request;
pub use response::Response;
