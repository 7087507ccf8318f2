//! A connection of which something was read before it was known what it is. What reads it in HTTP/2 keeps it to
//! itself: whoever keeps its time looks at it from here.

use crate::stream::Stream;
use std::cell::{Cell, RefCell};
use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// How much is read at once of what nobody wants to know.
const DISCARDED_AT_ONCE_BYTES: usize = 1 << 10;

/// A connection, and what has moved on it.
pub(super) struct Line {
    stream: RefCell<Stream>,
    read: Cell<u64>,
    written: Cell<u64>,
    hung_up: Cell<bool>,
}

impl Line {
    pub(super) fn new(stream: Stream) -> Rc<Self> {
        let (read, written) = (Cell::default(), Cell::default());
        Rc::new(Self { stream: RefCell::new(stream), read, written, hung_up: Cell::new(false) })
    }

    /// The bytes that have come and gone.
    pub(super) fn moved(&self) -> u64 {
        self.read.get() + self.written.get()
    }

    /// The bytes that have gone.
    pub(super) fn written(&self) -> u64 {
        self.written.get()
    }

    /// Whether nothing comes any more, and nobody is there to take anything.
    pub(super) fn is_hung_up(&self) -> bool {
        self.hung_up.get()
    }

    /// Reads what nobody wants to know: how much of it, and nothing where no more comes.
    pub(super) fn poll_discard(&self, context: &mut Context<'_>) -> Poll<usize> {
        let mut room = [0; DISCARDED_AT_ONCE_BYTES];
        let mut room = ReadBuf::new(&mut room);
        let polled = Pin::new(&mut *self.stream.borrow_mut()).poll_read(context, &mut room);
        polled.map(|_| room.filled().len())
    }

    fn poll_write(
        &self,
        context: &mut Context<'_>,
        write: impl FnOnce(Pin<&mut Stream>, &mut Context<'_>) -> Poll<io::Result<usize>>,
    ) -> Poll<io::Result<usize>> {
        let polled = write(Pin::new(&mut *self.stream.borrow_mut()), context);
        match &polled {
            Poll::Ready(Ok(written)) => self.written.set(self.written.get() + *written as u64),
            Poll::Ready(Err(_)) => self.hung_up.set(true),
            Poll::Pending => {}
        }
        polled
    }
}

/// The same for whoever speaks HTTP/2 on it.
pub(super) struct Rewound {
    ahead: Vec<u8>,
    at: usize,
    line: Rc<Line>,
}

impl Rewound {
    /// These bytes were read already.
    pub(super) fn new(ahead: Vec<u8>, line: &Rc<Line>) -> Self {
        Self { ahead, at: 0, line: Rc::clone(line) }
    }
}

impl AsyncRead for Rewound {
    fn poll_read(self: Pin<&mut Self>, context: &mut Context<'_>, room: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let rest = this.ahead.get(this.at..).unwrap_or_default();
        if rest.is_empty() {
            let before = room.filled().len();
            let polled = Pin::new(&mut *this.line.stream.borrow_mut()).poll_read(context, room);
            let here = room.filled().len() - before;
            this.line.read.set(this.line.read.get() + here as u64);
            if polled.is_ready() && here == 0 {
                this.line.hung_up.set(true);
            }
            return polled;
        }
        let here = rest.len().min(room.remaining());
        room.put_slice(rest.get(..here).unwrap_or_default());
        this.at += here;
        if this.at == this.ahead.len() {
            (this.ahead, this.at) = (Vec::new(), 0);
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Rewound {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.line.poll_write(context, |stream, context| stream.poll_write(context, bytes))
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        parts: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.line.poll_write(context, |stream, context| stream.poll_write_vectored(context, parts))
    }

    fn is_write_vectored(&self) -> bool {
        self.line.stream.borrow().is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut *self.line.stream.borrow_mut()).poll_flush(context)
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut *self.line.stream.borrow_mut()).poll_shutdown(context)
    }
}
