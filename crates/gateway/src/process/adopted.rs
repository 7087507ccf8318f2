//! A gateway whose keeper is dead, and the next keeper, which adopts it. Nobody who is served notices
//! either.

use super::{Gateway, Phase};
use std::io;
use std::os::fd::AsFd as _;
use std::os::unix::net::UnixStream;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Condvar, Mutex, PoisonError};
use std::time::Duration;
use wire::keeping::{ToKeeper, VERSIONS};
use wire::passing::{Line, hand_over};

/// How long it is waited for another keeper before anything else is looked after.
const COMES_WITHIN: Duration = Duration::from_millis(100);

/// Whether there is a keeper.
#[derive(Debug, Default)]
pub(crate) struct Keeping {
    alone: AtomicBool,
    adopted: AtomicBool,
    /// The line of a keeper that has just come.
    comes: Mutex<Option<Line>>,
    has_come: Condvar,
}

impl Gateway {
    /// Its keeper is dead.
    pub(crate) fn is_alone(&self) -> bool {
        self.keeping.alone.load(Ordering::SeqCst)
    }

    /// It has another keeper than the one that started it.
    pub(crate) fn is_adopted(&self) -> bool {
        self.keeping.adopted.load(Ordering::SeqCst)
    }

    /// Says something to the keeper.
    pub(crate) fn tell_keeper(&self, word: &ToKeeper) -> io::Result<()> {
        self.keeper.lock().unwrap_or_else(PoisonError::into_inner).say(word, &[])
    }

    /// The keeper is dead. Whoever is served goes on being served, until another keeper comes: its line. None
    /// comes for one that retires.
    pub(crate) fn go_on_alone(&self) -> io::Result<Option<Line>> {
        if self.locked_tables().phase == Phase::Starting {
            return Err(io::Error::other("the keeper died before this gateway was ready"));
        }
        if !self.keeping.alone.swap(true, Ordering::SeqCst) {
            self.settings.log.error("the keeper is dead: start `glidepath gateway` again, and nobody will notice", &[]);
        }
        // Whoever served this line is gone, too: so is whoever waits for another gateway.
        self.replaced(Err("the keeper is dead".into()));
        let comes = self.keeping.comes.lock().unwrap_or_else(PoisonError::into_inner);
        let waited = self.keeping.has_come.wait_timeout_while(comes, COMES_WITHIN, |line| line.is_none());
        let Some(line) = waited.unwrap_or_else(PoisonError::into_inner).0.take() else { return Ok(None) };
        self.keeping.alone.store(false, Ordering::SeqCst);
        self.settings.log.info("another keeper is there", &[]);
        Ok(Some(line))
    }

    /// Tells a keeper that comes all that it has to hold.
    pub(crate) fn be_adopted(&self, asked: &UnixStream) -> io::Result<()> {
        let (line, its) = Line::pair()?;
        hand_over(asked, its)?;
        let control = self.control.socket.lock().unwrap_or_else(PoisonError::into_inner);
        let control: Vec<_> = control.iter().map(|socket| socket.as_fd()).collect();
        line.say(&ToKeeper::Adopted { pid: self.run.pid }, &control)?;
        line.say(&ToKeeper::Begun { version: *VERSIONS.last().unwrap_or(&1) }, &[])?;
        self.sockets.hand_over(self, &line)?;
        line.say(&ToKeeper::Ready, &[])?;
        self.keeping.adopted.store(true, Ordering::SeqCst);
        *self.keeper.lock().unwrap_or_else(PoisonError::into_inner) = line.try_clone()?;
        *self.keeping.comes.lock().unwrap_or_else(PoisonError::into_inner) = Some(line);
        self.keeping.has_come.notify_all();
        Ok(())
    }
}
