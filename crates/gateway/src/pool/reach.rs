//! How instances are reached.

use crate::stream::Stream;
use crate::tls::Upstream;
use model::Span;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpStream;
use tokio::time::timeout;
use wire::table::Protocol;

/// How the instances of a release are reached.
#[derive(Clone, Debug, Default)]
pub struct Reach {
    /// Through TLS.
    pub tls: Option<Arc<Upstream>>,
    /// What they speak.
    pub protocol: Protocol,
}

/// A connection that was made in one way is none of another.
impl PartialEq for Reach {
    fn eq(&self, other: &Self) -> bool {
        let same = match (&self.tls, &other.tls) {
            (Some(one), Some(other)) => Arc::ptr_eq(one, other),
            (None, None) => true,
            (Some(_), None) | (None, Some(_)) => false,
        };
        same && self.protocol == other.protocol
    }
}

impl Eq for Reach {}

impl Reach {
    /// A new connection to an instance, ready to be spoken on.
    pub(crate) async fn connect(&self, address: SocketAddr, within: Span) -> Option<Stream> {
        timeout(Duration::from_millis(within.0), self.connect_at_leisure(address)).await.ok()?.ok()
    }

    /// The same, for whoever has a limit of their own.
    pub(crate) async fn connect_at_leisure(&self, address: SocketAddr) -> std::io::Result<Stream> {
        let stream = TcpStream::connect(address).await?;
        let _ = stream.set_nodelay(true);
        match &self.tls {
            None => Ok(Stream::Plain(stream)),
            // Most lanes have none, and need no room for this.
            Some(tls) => Box::pin(tls.connect(stream, address)).await,
        }
    }
}
