//! What comes before the first request: a proxy that tells whose connection it is, and TLS.

use super::call::{Greeted, Origin};
use super::entrance::{Threshold, Tls};
use super::{client, http2};
use crate::proxy::{self, Version};
use crate::stream::Stream;
use model::Span;
use std::io;
use std::net::IpAddr;
use std::rc::Rc;
use tokio::io::AsyncReadExt as _;
use tokio::net::TcpStream;
use tokio_rustls::{LazyConfigAcceptor, TlsStream};

/// How long it may take, all together.
const WITHIN: Span = Span::seconds(10);

/// Greets a client and serves it.
pub(crate) async fn serve(stream: TcpStream, mut origin: Origin, threshold: Rc<Threshold>) {
    let watch = origin.shared.watches.watch();
    watch.allow(WITHIN);
    // Those whose connections are open at once need no room for this.
    let greeted = watch.within(Box::pin(greet(stream, &mut origin, &threshold))).await;
    drop((watch, threshold));
    match greeted {
        Some(Ok((stream, true))) => Box::pin(http2::serve(stream, Vec::new(), origin)).await,
        Some(Ok((stream, false))) => client::serve(stream, origin).await,
        Some(Err(_)) | None => origin.shared.front.refused(),
    }
}

/// Whose the connection is, and whether HTTP/2 is spoken on it.
async fn greet(mut stream: TcpStream, origin: &mut Origin, threshold: &Threshold) -> io::Result<(Stream, bool)> {
    if threshold.proxy_protocol()
        && let Some(client) = read_proxy(&mut stream).await?
    {
        origin.peer = client;
        origin.believes = threshold.believes(client);
    }
    let Some(tls) = &threshold.tls else { return Ok((Stream::Plain(stream), false)) };
    shake_hands(stream, origin, tls).await
}

async fn shake_hands(stream: TcpStream, origin: &mut Origin, tls: &Tls) -> io::Result<(Stream, bool)> {
    let started = LazyConfigAcceptor::new(rustls::server::Acceptor::default(), stream).await?;
    let name = started.client_hello().server_name().map(str::to_owned);
    let demanded = match name.and_then(|name| origin.listening.find(name.as_bytes(), b"/")) {
        Some(site) => origin.listening.demanded(&site),
        None => tls.demanded_of_strangers(),
    };
    let config = tls.config(demanded.as_ref()).ok_or(io::ErrorKind::NotFound)?;
    let stream = started.into_stream(config).await?;
    let http2 = stream.get_ref().1.alpn_protocol() == Some(b"h2");
    origin.scheme = "https";
    origin.tls = Some(Rc::new(Greeted { demanded }));
    Ok((Stream::Tls(Box::new(TlsStream::Server(stream))), http2))
}

/// Reads no byte beyond the header: what follows may be TLS.
async fn read_proxy(stream: &mut TcpStream) -> io::Result<Option<IpAddr>> {
    let wrong = |_| io::Error::from(io::ErrorKind::InvalidData);
    let mut start = [0; proxy::START_BYTES];
    stream.read_exact(&mut start).await?;
    match Version::of(&start).map_err(wrong)? {
        Version::One => {
            let mut line = start.to_vec();
            while !line.ends_with(b"\n") {
                if line.len() == proxy::LINE_BYTES_MAX {
                    return Err(wrong(proxy::Wrong));
                }
                line.push(stream.read_u8().await?);
            }
            proxy::read_line(&line).map_err(wrong)
        }
        Version::Two => {
            let mut about = [0; 4];
            stream.read_exact(&mut about).await?;
            let (about, length) = proxy::read_about(about).map_err(wrong)?;
            let mut rest = vec![0; length];
            stream.read_exact(&mut rest).await?;
            proxy::read_rest(about, &rest).map_err(wrong)
        }
    }
}
