//! A client of HTTP/2 that is a library's. What it asks and hears is written like HTTP/1, so that both can be compared.

use crate::site::plain;
use bytes::Bytes;
use h2::RecvStream;
use h2::client::SendRequest;
use http::{Request, Response};
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use std::io::Write as _;
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::sync::mpsc::sync_channel;
use std::thread::Builder;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::runtime::Runtime;
use tokio_rustls::TlsConnector;

/// A connection, until it is dropped.
pub(crate) struct Http2 {
    runtime: Runtime,
    sender: SendRequest<Bytes>,
}

fn runtime() -> Runtime {
    tokio::runtime::Builder::new_current_thread().enable_io().build().expect("a runtime")
}

async fn connected(address: SocketAddr) -> tokio::net::TcpStream {
    let stream = TcpStream::connect(address).expect("it accepts");
    stream.set_nonblocking(true).expect("it can be");
    tokio::net::TcpStream::from_std(stream).expect("a stream")
}

impl Http2 {
    pub(crate) fn new(address: SocketAddr) -> Self {
        Self::over(async move || Some(connected(address).await)).expect("a connection")
    }

    /// The same through TLS; none where there is no connection.
    pub(crate) fn through_tls(address: SocketAddr, name: &'static str, config: &Arc<ClientConfig>) -> Option<Self> {
        let config = Arc::clone(config);
        let name = ServerName::try_from(name).expect("a name");
        Self::over(async move || TlsConnector::from(config).connect(name, connected(address).await).await.ok())
    }

    fn over<S: AsyncRead + AsyncWrite + Unpin>(open: impl AsyncFnOnce() -> Option<S> + Send + 'static) -> Option<Self> {
        let (sender, receiver) = sync_channel(1);
        let drive = async move || {
            let stream = open().await;
            let shaken = match stream {
                Some(stream) => h2::client::handshake(stream).await.ok(),
                None => None,
            };
            match shaken {
                Some((opened, connection)) => {
                    let _ = sender.send(Some(opened));
                    let _ = connection.await;
                }
                None => drop(sender.send(None)),
            }
        };
        Builder::new().name("client".into()).spawn(move || runtime().block_on(drive())).expect("a thread");
        let sender = receiver.recv().expect("it connects")?;
        Some(Self { runtime: runtime(), sender })
    }

    /// Asks like `POST /a?b HTTP/1.1|Host: shop|X: y||body`, and hears likewise: `HTTP/2 200|x: y||body`.
    pub(crate) fn ask(&mut self, request: &str) -> String {
        self.try_ask(request).unwrap_or_else(|error| error.to_string())
    }

    fn try_ask(&mut self, request: &str) -> Result<String, h2::Error> {
        let (request, body) = parsed(request);
        self.runtime.block_on(async {
            let (answer, mut rest) = self.sender.send_request(request, body.is_empty())?;
            if !body.is_empty() {
                rest.send_data(body, true)?;
            }
            hear(answer.await?).await
        })
    }
}

fn parsed(text: &str) -> (Request<()>, Bytes) {
    let (head, body) = text.split_once("||").expect("an empty line");
    let mut lines = head.split('|');
    let (method, path) = lines.next().and_then(|line| line.split_once(' ')).expect("a first line");
    let path = path.trim_end_matches(" HTTP/1.1");
    let mut request = Request::builder().method(method).version(http::Version::HTTP_2);
    let mut host = "";
    for (name, value) in lines.filter_map(|line| line.split_once(": ")) {
        match name {
            "Host" => host = value,
            "Connection" => {}
            _ => request = request.header(name, value),
        }
    }
    (request.uri(format!("http://{host}{path}")).body(()).expect("a request"), Bytes::from(body.to_owned()))
}

async fn hear(answer: Response<RecvStream>) -> Result<String, h2::Error> {
    let (parts, mut body) = answer.into_parts();
    let mut text = format!("HTTP/2 {}\r\n", parts.status.as_u16()).into_bytes();
    for (name, value) in &parts.headers {
        write!(text, "{name}: {}\r\n", String::from_utf8_lossy(value.as_bytes())).expect("a Vec takes everything");
    }
    text.extend_from_slice(b"\r\n");
    while let Some(data) = body.data().await {
        let data = data?;
        body.flow_control().release_capacity(data.len())?;
        text.extend_from_slice(&data);
    }
    if let Some(trailers) = body.trailers().await? {
        write!(text, "\r\n{trailers:?}").expect("a Vec takes everything");
    }
    Ok(plain(&text))
}
