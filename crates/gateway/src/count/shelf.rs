//! The books of all services. Those of one that is served no more stay for a while: somebody may have to
//! read yet how its last requests ended, and if it comes back, its sums go on.

use super::Books;
use model::Subject;
use std::cell::RefCell;
use std::rc::Rc;
use tokio::time::Instant;
use wire::counts::Service;

/// Services that are served no more, and whose books stay.
pub const CLOSED_MAX: usize = 32;

/// The books of all services.
#[derive(Debug, Default)]
pub(crate) struct Shelf {
    /// In the order in which they were closed, those that are open last.
    all: RefCell<Vec<(Subject, Rc<Books>)>>,
}

impl Shelf {
    /// The books of a service that is to be served.
    pub(crate) fn open(&self, service: &Subject) -> Rc<Books> {
        let mut all = self.all.borrow_mut();
        let known = all.iter().position(|(of, _)| of == service).map(|place| all.remove(place).1);
        let books = known.unwrap_or_default();
        all.push((service.clone(), Rc::clone(&books)));
        books
    }

    /// The service is served no more. So many are still.
    pub(crate) fn close(&self, service: &Subject, served: usize) {
        let mut all = self.all.borrow_mut();
        let Some(place) = all.iter().position(|(of, _)| of == service) else { return };
        let closed = all.remove(place);
        let first_open = all.len().saturating_sub(served);
        all.insert(first_open, closed);
        if first_open >= CLOSED_MAX {
            all.remove(0);
        }
    }

    /// All that was counted, in the order of services.
    pub(crate) fn tell(&self, now: Instant) -> Vec<Service> {
        let mut told: Vec<_> = self.all.borrow().iter().map(|(of, books)| books.tell(of.clone(), now)).collect();
        told.sort_by(|one, other| one.service.cmp(&other.service));
        told
    }
}
