//! What becomes known of a request on its way, and is told at its end.

use crate::count::{Class, End, Ended};
use crate::table::Site;
use model::ReleaseNumber;
use std::cell::{Cell, RefCell};
use std::net::SocketAddr;
use std::rc::Rc;

/// What became known of a request. Few of these cost anything, so they are noted whether somebody wants
/// them or not.
#[derive(Debug, Default)]
pub(crate) struct Facts {
    pub(crate) is_http2: Cell<bool>,
    pub(super) status: Cell<u16>,
    pub(super) end: Cell<&'static str>,
    pub(super) sent: Cell<u64>,
    pub(super) received: Cell<u64>,
    pub(super) release: Cell<Option<u32>>,
    /// The instance that was asked last.
    pub(crate) instance: Cell<Option<SocketAddr>>,
    pub(super) retries: Cell<u64>,
    pub(super) id: Cell<Option<u128>>,
    site: RefCell<Option<Rc<Site>>>,
    class: Cell<Class>,
}

impl Facts {
    /// Whose it is. Only where it is written does a site stay for longer than its requests.
    pub(crate) fn belongs_to(&self, site: &Rc<Site>, class: Class) {
        self.site.replace(Some(Rc::clone(site)));
        self.class.set(class);
    }

    /// The gateway answers itself.
    pub(crate) fn says(&self, status: u16, bytes: usize) {
        self.status.set(status);
        self.sent.set(bytes as u64);
        if self.end.get().is_empty() {
            self.end.set("own");
        }
    }

    /// A release was given it, and this became of it.
    pub(crate) fn given(&self, release: ReleaseNumber, id: u128, ended: &Ended, status: u16) {
        let (end, status) = match ended.end {
            End::Answered(status) => ("answered", status),
            End::Unanswered(status) => ("unanswered", status),
            End::Broken => ("broken", status),
            End::Left => ("left", status),
        };
        self.end.set(end);
        self.status.set(status);
        self.release.set(Some(release.0));
        self.id.set(Some(id));
        self.retries.set(ended.retries);
        self.received.set(ended.received);
        self.sent.set(ended.sent);
    }

    /// Its site, and the name of its rule. The site is let go: a connection may rest for long.
    pub(super) fn whose(&self) -> Option<(Rc<Site>, Rc<str>)> {
        let site = self.site.take()?;
        let route = site.books.class_name(self.class.get());
        Some((site, route))
    }

    pub(super) fn protocol(&self, old: bool) -> &'static str {
        match (self.is_http2.get(), old) {
            (true, _) => "HTTP/2.0",
            (false, true) => "HTTP/1.0",
            (false, false) => "HTTP/1.1",
        }
    }

    /// Gets ready for the next request.
    pub(crate) fn forget(&self) {
        self.status.take();
        self.end.take();
        self.sent.take();
        self.received.take();
        self.release.take();
        self.instance.take();
        self.retries.take();
        self.id.take();
    }
}
