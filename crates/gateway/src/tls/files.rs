//! All files that tables name. Each is read once, whoever names it, and read again when it changes.

use super::authorities::Authorities;
use super::identity::Identity;
use super::kept::{Look, Outdated};
use super::upstream::Upstream;
use rustls::crypto::ring::Ticketer;
use rustls::server::ProducesTickets;
use std::collections::BTreeMap;
use std::io;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::thread::{Builder, JoinHandle};
use std::time::Duration;
use wire::table::{Certificate, ClientCertificates, Protocol, UpstreamTls};

/// How often files are looked at.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// The most news that wait to be heard. Further ones are not told; the files are read all the same.
const NEWS_MAX: usize = 64;

/// Files were read again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reread {
    /// Which.
    pub files: Vec<String>,
    /// Why they are used as they were before, if they are.
    pub problem: Option<String>,
}

/// All files that tables name.
#[derive(Debug)]
pub struct Files {
    known: Arc<Known>,
    tickets: Arc<dyn ProducesTickets>,
    news: Mutex<Option<Receiver<Reread>>>,
    /// Ends the looking when it is dropped.
    end: Option<SyncSender<()>>,
    looking: Option<JoinHandle<()>>,
}

#[derive(Debug, Default)]
struct Known {
    identities: Shelf<Identity>,
    authorities: Shelf<Authorities>,
    upstreams: Shelf<Upstream>,
    version: Arc<AtomicU64>,
}

/// What tables have in use, by what they say.
type Shelf<T> = Mutex<BTreeMap<Vec<String>, Weak<T>>>;

impl Files {
    /// None yet.
    pub fn new() -> io::Result<Self> {
        let known = Arc::new(Known::default());
        let tickets = Ticketer::new().map_err(io::Error::other)?;
        let (end, ended) = sync_channel(1);
        let (told, news) = sync_channel(NEWS_MAX);
        let looked_at = Arc::clone(&known);
        let looking = Builder::new().name("files".into()).spawn(move || {
            while ended.recv_timeout(LOOK_EVERY) == Err(RecvTimeoutError::Timeout) {
                looked_at.look(&told);
            }
        })?;
        Ok(Self { known, tickets, news: Mutex::new(Some(news)), end: Some(end), looking: Some(looking) })
    }

    /// What is read again. To be had once.
    pub fn news(&self) -> Option<Receiver<Reread>> {
        self.news.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    /// Those that have changed and could not be read again.
    pub fn outdated(&self) -> Vec<Outdated> {
        let mut outdated = Vec::new();
        self.known.each(|kept| outdated.extend(kept.outdated()));
        outdated
    }

    /// Grows with every file that was read again.
    pub(crate) fn version(&self) -> Arc<AtomicU64> {
        Arc::clone(&self.known.version)
    }

    /// Sessions of clients that show no certificate.
    pub(super) fn tickets(&self) -> Arc<dyn ProducesTickets> {
        Arc::clone(&self.tickets)
    }

    pub(super) fn identity(&self, of: &Certificate) -> Result<Arc<Identity>, String> {
        find(&self.known.identities, vec![of.chain.clone(), of.key.clone()], || Identity::new(of))
    }

    pub(super) fn authorities(&self, of: &ClientCertificates) -> Result<Arc<Authorities>, String> {
        let key = vec![of.authorities.clone(), of.optional.to_string()];
        find(&self.known.authorities, key, || Authorities::new(of))
    }

    pub(super) fn upstream(&self, of: &UpstreamTls, protocol: Protocol) -> Result<Arc<Upstream>, String> {
        let certificate = of.certificate.iter().flat_map(|of| [of.chain.clone(), of.key.clone()]);
        let mut key = vec![of.name.clone(), of.authorities.clone(), format!("{protocol:?}")];
        key.extend(certificate);
        find(&self.known.upstreams, key, || Upstream::new(of, protocol))
    }
}

impl Drop for Files {
    fn drop(&mut self) {
        drop(self.end.take());
        if let Some(looking) = self.looking.take() {
            let _ = looking.join();
        }
    }
}

/// What is in use already, or a new one.
fn find<T>(shelf: &Shelf<T>, key: Vec<String>, make: impl FnOnce() -> Result<T, String>) -> Result<Arc<T>, String> {
    let mut shelf = shelf.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(known) = shelf.get(&key).and_then(Weak::upgrade) {
        return Ok(known);
    }
    shelf.retain(|_, known| known.strong_count() > 0);
    let made = Arc::new(make()?);
    shelf.insert(key, Arc::downgrade(&made));
    Ok(made)
}

impl Known {
    fn look(&self, told: &SyncSender<Reread>) {
        self.each(|kept| {
            let Some(result) = kept.look() else { return };
            self.version.fetch_add(1, Ordering::Release);
            // Whoever has not listened for so long misses some.
            let _ = told.try_send(Reread { files: kept.files().to_vec(), problem: result.err() });
        });
    }

    fn each(&self, mut look: impl FnMut(&dyn Look)) {
        in_use(&self.identities).iter().for_each(|identity| look(&identity.kept));
        in_use(&self.authorities).iter().for_each(|authorities| look(&authorities.kept));
        in_use(&self.upstreams).iter().for_each(|upstream| look(&upstream.kept));
    }
}

fn in_use<T>(shelf: &Shelf<T>) -> Vec<Arc<T>> {
    shelf.lock().unwrap_or_else(PoisonError::into_inner).values().filter_map(Weak::upgrade).collect()
}
