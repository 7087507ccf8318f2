//! What whoever watches this gateway gets to see.

use super::Gateway;
use super::change::Phase;
use super::siblings::Hearing;
use crate::admin::{Admin, Watched};
use crate::count::Feed;
use std::fmt;
use std::io;
use std::net::TcpListener;
use std::sync::{Arc, Weak};
use wire::Counts;

/// Who answers whoever watches. One that takes over answers nobody before it knows what was counted until then:
/// its sums would seem to begin anew.
#[derive(Debug)]
pub(crate) struct Watchers {
    is_open: bool,
    /// Where those wait who may not be answered yet.
    waiting: Vec<TcpListener>,
    answering: Vec<Admin>,
}

impl Watchers {
    pub(crate) fn new(is_open: bool) -> Self {
        Self { is_open, waiting: Vec::new(), answering: Vec::new() }
    }

    /// Whoever watches is another's to answer.
    pub(crate) fn close(&mut self) {
        self.waiting.clear();
        self.answering.clear();
    }
}

impl Gateway {
    /// Answers whoever watches, at each of these sockets.
    pub(crate) fn watched_at(self: &Arc<Self>, sockets: Vec<TcpListener>) -> io::Result<()> {
        let mut watchers = self.locked_watchers();
        if watchers.is_open {
            watchers.answering = self.answer_at(sockets)?;
        } else {
            watchers.waiting = sockets;
        }
        Ok(())
    }

    /// Answers those who had to wait, too.
    pub(crate) fn open_to_watchers(self: &Arc<Self>) -> io::Result<()> {
        let mut watchers = self.locked_watchers();
        watchers.is_open = true;
        let waiting = std::mem::take(&mut watchers.waiting);
        if !waiting.is_empty() {
            watchers.answering = self.answer_at(waiting)?;
        }
        Ok(())
    }

    fn answer_at(self: &Arc<Self>, sockets: Vec<TcpListener>) -> io::Result<Vec<Admin>> {
        let (feed, hearing) = (self.fleet.feed(), self.locked_siblings().hearing());
        let watched: Arc<dyn Watched> = Arc::new(Watch { gateway: Arc::downgrade(self), feed, hearing });
        sockets.into_iter().map(|socket| Admin::start(socket, Arc::clone(&watched))).collect()
    }
}

/// A gateway, as whoever watches it sees it, and as long as it is there.
struct Watch {
    gateway: Weak<Gateway>,
    feed: Feed,
    hearing: Arc<Hearing>,
}

impl Watched for Watch {
    fn own(&self) -> Counts {
        self.feed.counts()
    }

    fn others(&self) -> Vec<Counts> {
        self.hearing.summed()
    }

    fn ready(&self) -> Result<(), String> {
        match self.gateway.upgrade().map(|gateway| gateway.locked_tables().phase) {
            Some(Phase::Leading) => Ok(()),
            Some(Phase::Starting) => Err("it is being started".to_owned()),
            Some(Phase::Following) | None => Err("another gateway has taken over".to_owned()),
        }
    }

    fn wrong(&self) -> Vec<(&'static str, usize)> {
        self.gateway.upgrade().map(|gateway| gateway.status().wrong()).unwrap_or_default()
    }
}

impl fmt::Debug for Watch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Watch").finish_non_exhaustive()
    }
}
