//! A connection, in the clear or through TLS. In the clear it costs one branch.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio_rustls::TlsStream;

/// A connection to a client or to an instance.
#[derive(Debug)]
pub enum Stream {
    /// In the clear.
    Plain(TcpStream),
    /// Through TLS. Few have it where many are idle, so that these stay small.
    Tls(Box<TlsStream<TcpStream>>),
}

impl Stream {
    /// Whether nothing came on a connection that owes nothing: whatever can be read means that it is over.
    pub(crate) fn is_silent(&mut self) -> bool {
        let mut byte = [0];
        let seen = match self {
            Self::Plain(stream) => stream.try_read(&mut byte),
            // Tickets for the next time come when they come: TLS takes them in, and nothing is read.
            Self::Tls(stream) => {
                let mut room = ReadBuf::new(&mut byte);
                match Pin::new(&mut **stream).poll_read(&mut Context::from_waker(Waker::noop()), &mut room) {
                    Poll::Ready(result) => result.map(|()| room.filled().len()),
                    Poll::Pending => return true,
                }
            }
        };
        seen.is_err_and(|error| error.kind() == io::ErrorKind::WouldBlock)
    }
}

impl Stream {
    /// Tells through TLS that nothing was cut off, as far as there is room to. In the clear nobody can.
    pub(crate) fn end_well(&mut self) {
        if let Self::Tls(stream) = self {
            // Whoever takes nothing any more does not wait for this either.
            let _ = Pin::new(&mut **stream).poll_shutdown(&mut Context::from_waker(Waker::noop()));
        }
    }
}

impl AsyncRead for Stream {
    fn poll_read(self: Pin<&mut Self>, context: &mut Context<'_>, room: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_read(context, room),
            Self::Tls(stream) => Pin::new(&mut **stream).poll_read(context, room),
        }
    }
}

impl AsyncWrite for Stream {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_write(context, bytes),
            Self::Tls(stream) => Pin::new(&mut **stream).poll_write(context, bytes),
        }
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        parts: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_write_vectored(context, parts),
            Self::Tls(stream) => Pin::new(&mut **stream).poll_write_vectored(context, parts),
        }
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    /// TLS keeps what the socket did not take: whoever has written all of something has to flush it.
    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_flush(context),
            Self::Tls(stream) => Pin::new(&mut **stream).poll_flush(context),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_shutdown(context),
            Self::Tls(stream) => Pin::new(&mut **stream).poll_shutdown(context),
        }
    }
}
