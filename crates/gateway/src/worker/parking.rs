//! A request that waits for the end of a hold. It has claimed nothing meanwhile.

use super::answer::Caller;
use crate::parking::{Lot, Parked};
use std::future::{Future as _, poll_fn};
use std::pin::pin;
use std::rc::Rc;
use std::task::Poll;
use wire::table::Hold;

/// Waits for another table, where the hold lets requests wait. A request that waited before keeps its place
/// and its time. Whether there is another table: else the time is over, the lot is full, the client has hung
/// up or the worker ends, and whoever is still there is told.
pub(super) async fn wait(caller: &mut impl Caller, lot: &Rc<Lot>, hold: &Hold, parked: &mut Option<Parked>) -> bool {
    let Some(parking) = &hold.parking else { return false };
    if parked.is_none() {
        *parked = lot.enter(parking.requests_max);
        caller.call().watch.allow(parking.within);
    }
    let Some(parked) = parked else { return false };
    let mut changed = pin!(parked.changed());
    poll_fn(|context| {
        if changed.as_mut().poll(context).is_ready() {
            return Poll::Ready(true);
        }
        let call = caller.call();
        if call.shared.hurrying.get() || call.watch.is_over(context) {
            return Poll::Ready(false);
        }
        caller.poll_gone(context).map(|()| false)
    })
    .await
}
