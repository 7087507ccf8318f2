//! Copies of requests, for releases that answer nobody. Whatever becomes of a copy, the request that was
//! copied never waits for it and never changes by it: a copy is made of bytes that were on their way
//! anyhow, has connections and a time of its own, and is given up wherever a bound is reached.

mod copying;
mod kept;
mod pair;
mod shadow;
mod streamed;
mod tally;

pub use pair::{Answer, Missing, PAIRS_MAX, Pair, Shadowed};

pub(crate) use copying::{Copying, Tap};
pub(crate) use tally::Tally;

use crate::count::Class;
use crate::http1::{Body, Edited, Edits, write};
use crate::pool::Pool;
use crate::split::SLOTS;
use crate::table::Asked as _;
use crate::worker::answer::Asking;
use crate::worker::call::Call;
use model::{ReleaseNumber, Subject};
use std::rc::Rc;
use tally::Places;
use wire::table::Mirror as Plan;

/// The header that tells an application that it answers nobody: its value is the release's number. From
/// outside nobody is believed to say it.
pub const MIRROR_HEADER: &str = "Glidepath-Mirror";

/// Copies of one release's requests for another release.
#[derive(Debug)]
pub(crate) struct Mirror {
    service: Subject,
    generation: u64,
    plan: Plan,
    /// Whose requests are copied, and what its application is told.
    of: Side,
    /// Who gets the copies.
    to: Side,
    tally: Rc<Tally>,
}

/// A release that gets copies.
#[derive(Debug)]
pub(crate) struct Side {
    pub(crate) pool: Rc<Pool>,
    pub(crate) told: Option<Edits>,
}

impl Side {
    fn release(&self) -> ReleaseNumber {
        self.pool.release()
    }
}

impl Mirror {
    pub(crate) fn new(table: &wire::Table, plan: &Plan, of: Side, to: Side, tally: Rc<Tally>) -> Self {
        Self { service: table.service.clone(), generation: table.generation, plan: plan.clone(), of, to, tally }
    }

    /// The copy that is made of this request, if one is: by one mirror of its release at most.
    pub(crate) fn copy(mirrors: &[Rc<Self>], call: &Call, asking: &Asking<'_>, class: Class) -> Option<Rc<Copying>> {
        mirrors.iter().find(|mirror| mirror.wants(call))?.begin(call, asking, class)
    }

    fn wants(&self, call: &Call) -> bool {
        let wanted = match self.plan.methods.as_slice() {
            [] => matches!(call.method(), b"GET" | b"HEAD" | b"OPTIONS"),
            methods => methods.iter().any(|method| method.as_bytes() == call.method()),
        };
        // What is said after a change of protocol is no request and no answer.
        wanted && call.request.upgrade.is_none() && fastrand::u16(..SLOTS) < self.plan.share.basis_points()
    }

    fn begin(self: &Rc<Self>, call: &Call, asking: &Asking<'_>, class: Class) -> Option<Rc<Copying>> {
        if let Body::Length(length) = call.request.body
            && length > self.plan.body_bytes_max
        {
            self.tally.too_large();
            return None;
        }
        let copies = if self.plan.noise { 2 } else { 1 };
        let Some(places) = Places::take(&self.tally, copies, self.plan.in_flight_max) else {
            self.tally.too_many();
            return None;
        };
        Some(Rc::new(Copying::new(self, places, call, asking, class)))
    }

    /// The head of a copy for this side.
    fn head(side: &Side, call: &Call, asking: &Asking<'_>) -> Vec<u8> {
        let edits = Edited { told: side.told.as_ref(), ..asking.request_edits() };
        let mut head = Vec::new();
        write::request(&mut head, &call.held, &call.request, asking.about, asking.instead, edits);
        // The empty line comes after the last one.
        head.truncate(head.len().saturating_sub(2));
        head.extend_from_slice(format!("{MIRROR_HEADER}: {}\r\n\r\n", side.release().0).as_bytes());
        head
    }
}
