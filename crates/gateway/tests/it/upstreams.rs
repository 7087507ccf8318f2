//! Instances that speak HTTP/2.

use crate::certificates::Authority;
use crate::frames::Frames;
use crate::site::*;
use bytes::Bytes;
use expect_test::expect;
use http::{HeaderMap, Response};
use model::Span;
use socket2::{Domain, Socket, Type};
use std::fmt::Write as _;
use std::future::poll_fn;
use std::io::Write as _;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::Builder;
use std::time::Duration;
use tokio::time::Instant;
use wire::Table;
use wire::table::{Protocol, UpstreamTls};

/// An instance that speaks HTTP/2, and what it saw.
pub(crate) struct Instance {
    pub(crate) address: SocketAddr,
    pub(crate) connections: Arc<AtomicUsize>,
}

impl Instance {
    pub(crate) fn new() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("an address");
        let connections = Arc::new(AtomicUsize::new(0));
        let counter = Arc::clone(&connections);
        let serve = async move {
            listener.set_nonblocking(true).expect("it can be");
            let listener = tokio::net::TcpListener::from_std(listener).expect("a listener");
            while let Ok((stream, _)) = listener.accept().await {
                counter.fetch_add(1, Ordering::SeqCst);
                tokio::task::spawn_local(serve(stream));
            }
        };
        let run = move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build_local(Default::default());
            runtime.expect("a runtime").block_on(serve);
        };
        Builder::new().name("instance".into()).spawn(run).expect("a thread");
        Self { address, connections }
    }

    pub(crate) fn table(&self) -> Table {
        let mut table = table(1, &[self.address]);
        table.lanes[0].protocol = Protocol::Http2;
        table
    }
}

async fn serve(stream: tokio::net::TcpStream) {
    let Ok(mut connection) = h2::server::handshake(stream).await else { return };
    while let Some(Ok((request, respond))) = connection.accept().await {
        tokio::task::spawn_local(answer(request, respond));
    }
}

/// Shows what it was asked, or does what the path says.
async fn answer(request: http::Request<h2::RecvStream>, mut respond: h2::server::SendResponse<Bytes>) {
    let (parts, mut body) = request.into_parts();
    let mut text = format!("{} {}", parts.method, parts.uri);
    for (name, value) in &parts.headers {
        let value = if value.len() >= 32 { "..." } else { value.to_str().expect("text") };
        write!(text, "|{name}: {value}").expect("a String takes everything");
    }
    let send = |respond: &mut h2::server::SendResponse<Bytes>, status: u16, ended| {
        respond.send_response(Response::builder().status(status).body(()).expect("a head"), ended)
    };
    match parts.uri.path() {
        "/reset" => return respond.send_reset(h2::Reason::ENHANCE_YOUR_CALM),
        "/refuse" => return respond.send_reset(h2::Reason::REFUSED_STREAM),
        "/cut" => {
            let mut back = send(&mut respond, 200, false).expect("a head");
            back.send_data(Bytes::from_static(b"half"), false).expect("a piece");
            // What is not on its way yet would be thrown away.
            tokio::task::yield_now().await;
            return back.send_reset(h2::Reason::CANCEL);
        }
        "/only-trailers" => {
            let head = Response::builder().header("grpc-status", "5").body(()).expect("a head");
            return drop(respond.send_response(head, true));
        }
        "/hints" => {
            let head = Response::builder().status(103).header("link", "</a>").body(()).expect("a head");
            respond.send_informational(head).expect("it is told");
        }
        "/asks" => {
            let head = Response::builder().status(100).body(()).expect("a head");
            respond.send_informational(head).expect("it is told");
        }
        "/empty" => return drop(send(&mut respond, 204, true)),
        "/ticks" => return tick(send(&mut respond, 200, false).expect("a head")).await,
        "/endless" => return talk(send(&mut respond, 200, false).expect("a head")).await,
        _ => {}
    }
    while let Some(Ok(data)) = body.data().await {
        body.flow_control().release_capacity(data.len()).expect("it was taken");
        write!(text, "|{}", String::from_utf8_lossy(&data)).expect("a String takes everything");
    }
    if let Ok(Some(trailers)) = body.trailers().await {
        write!(text, "|{trailers:?}").expect("a String takes everything");
    }
    let Ok(mut back) = send(&mut respond, 200, false) else { return };
    let _ = back.send_data(Bytes::from(text), false);
    let mut trailers = HeaderMap::new();
    trailers.insert("grpc-status", "0".parse().expect("a value"));
    let _ = back.send_trailers(trailers);
}

/// Says more and more, until nobody wants to hear it.
async fn talk(mut back: h2::SendStream<Bytes>) {
    back.reserve_capacity(10_000);
    while let Some(Ok(room)) = poll_fn(|context| back.poll_capacity(context)).await {
        let _ = back.send_data(Bytes::from(vec![b'x'; room]), false);
        back.reserve_capacity(10_000);
    }
}

/// Says many small messages, each in a piece of its own.
async fn tick(mut back: h2::SendStream<Bytes>) {
    for number in (0..40_000).rev() {
        back.reserve_capacity(6);
        while back.capacity() < 6 {
            let Some(Ok(_)) = poll_fn(|context| back.poll_capacity(context)).await else { return };
        }
        let _ = back.send_data(Bytes::from_static(b"\0\0\0\0\x01x"), number == 0);
    }
}

const PATHS: [&str; 7] = ["/a?b", "/reset", "/refuse", "/cut", "/only-trailers", "/hints", "/empty"];

#[test]
fn clients_of_http2_reach_them() {
    let instance = Instance::new();
    let site = Site::new(&instance.table());
    let mut text = String::new();
    for path in PATHS {
        for body in [None, Some("hello")] {
            // How much of a body a reset meets is chance, and so is what can still be done.
            if body.is_some() && ["/reset", "/refuse"].contains(&path) {
                continue;
            }
            let mut client = Frames::new(site.client());
            let method = if body.is_some() { "POST" } else { "GET" };
            let fields =
                [(":method", method), (":scheme", "http"), (":path", path), (":authority", "shop"), ("te", "trailers")];
            client.headers(1, &fields, body.is_none());
            if let Some(body) = body {
                client.data(1, body.as_bytes(), false);
                client.headers(1, &[("x-sum", "5")], true);
            }
            // What a reset overtakes is thrown away, or not: a part of the body, or even the head.
            let said = client.hear(1).replace("half ", "").replace("200: RST_STREAM", "RST_STREAM");
            writeln!(text, "{method} {path}\n    {said}").expect("a String takes everything");
        }
    }
    expect![[r#"
        GET /a?b
            200: GET http://shop/a?b|x-forwarded-for: 127.0.0.1|x-forwarded-proto: http|x-forwarded-host: shop|x-request-id: ...|traceparent: ...|te: trailers trailers:
        POST /a?b
            200: POST http://shop/a?b|x-forwarded-for: 127.0.0.1|x-forwarded-proto: http|x-forwarded-host: shop|x-request-id: ...|traceparent: ...|te: trailers|hello|{"x-sum": "5"} trailers:
        GET /reset
            502: the instance hung up

        GET /refuse
            502: no instance took the request

        GET /cut
            RST_STREAM CANCEL
        POST /cut
            RST_STREAM CANCEL
        GET /only-trailers
            200:
        POST /only-trailers
            200:
        GET /hints
            103: 200: GET http://shop/hints|x-forwarded-for: 127.0.0.1|x-forwarded-proto: http|x-forwarded-host: shop|x-request-id: ...|traceparent: ...|te: trailers trailers:
        POST /hints
            103: 200: POST http://shop/hints|x-forwarded-for: 127.0.0.1|x-forwarded-proto: http|x-forwarded-host: shop|x-request-id: ...|traceparent: ...|te: trailers|hello|{"x-sum": "5"} trailers:
        GET /empty
            204:
        POST /empty
            204:
    "#]].assert_eq(&text);
    assert_eq!(instance.connections.load(Ordering::SeqCst), 1, "they share one connection");
    until(|| (site.claims() == 0).then_some(()));
}

#[test]
fn clients_of_http1_reach_them() {
    let instance = Instance::new();
    let site = Site::new(&instance.table());
    let mut text = String::new();
    for path in PATHS {
        for request in [
            format!("GET {path} HTTP/1.1|Host: shop||GET /next HTTP/1.1|Host: shop|Connection: close||"),
            format!("GET {path} HTTP/1.0|Host: shop||"),
        ] {
            writeln!(text, "{request}\n    {}", site.say(&request)).expect("a String takes everything");
        }
    }
    for request in [
        "POST / HTTP/1.1|Host: shop|Connection: close|Content-Length: 5||hello",
        "POST / HTTP/1.1|Host: shop|Connection: close|Transfer-Encoding: chunked||5|hello|0|A: b||",
        "POST /1 HTTP/1.1|Host: shop|Content-Length: 2||hiGET /2 HTTP/1.1|Host: shop|Connection: close||",
        "HEAD / HTTP/1.1|Host: shop|Connection: close||",
        "GET / HTTP/1.1|Host: shop|Connection: Upgrade, close|Upgrade: websocket||",
    ] {
        writeln!(text, "{request}\n    {}", site.say(request)).expect("a String takes everything");
    }
    expect![[r#"
        GET /a?b HTTP/1.1|Host: shop||GET /next HTTP/1.1|Host: shop|Connection: close||
            HTTP/1.1 200 OK|Transfer-Encoding: chunked||80|GET http://shop/a?b|x-forwarded-for: 127.0.0.1|x-forwarded-proto: http|x-forwarded-host: shop|x-request-id: ...|traceparent: ...|0|grpc-status: 0||HTTP/1.1 200 OK|Transfer-Encoding: chunked|Connection: close||81|GET http://shop/next|x-forwarded-for: 127.0.0.1|x-forwarded-proto: http|x-forwarded-host: shop|x-request-id: ...|traceparent: ...|0|grpc-status: 0||
        GET /a?b HTTP/1.0|Host: shop||
            HTTP/1.1 200 OK|Connection: close||GET http://shop/a?b|x-forwarded-for: 127.0.0.1|x-forwarded-proto: http|x-forwarded-host: shop|x-request-id: ...|traceparent: ...
        GET /reset HTTP/1.1|Host: shop||GET /next HTTP/1.1|Host: shop|Connection: close||
            HTTP/1.1 502 Bad Gateway|Content-Length: 21||the instance hung up
        HTTP/1.1 200 OK|Transfer-Encoding: chunked|Connection: close||81|GET http://shop/next|x-forwarded-for: 127.0.0.1|x-forwarded-proto: http|x-forwarded-host: shop|x-request-id: ...|traceparent: ...|0|grpc-status: 0||
        GET /reset HTTP/1.0|Host: shop||
            HTTP/1.1 502 Bad Gateway|Content-Length: 21|Connection: close||the instance hung up

        GET /refuse HTTP/1.1|Host: shop||GET /next HTTP/1.1|Host: shop|Connection: close||
            HTTP/1.1 502 Bad Gateway|Content-Length: 29||no instance took the request
        HTTP/1.1 200 OK|Transfer-Encoding: chunked|Connection: close||81|GET http://shop/next|x-forwarded-for: 127.0.0.1|x-forwarded-proto: http|x-forwarded-host: shop|x-request-id: ...|traceparent: ...|0|grpc-status: 0||
        GET /refuse HTTP/1.0|Host: shop||
            HTTP/1.1 502 Bad Gateway|Content-Length: 29|Connection: close||no instance took the request

        GET /cut HTTP/1.1|Host: shop||GET /next HTTP/1.1|Host: shop|Connection: close||
            HTTP/1.1 200 OK|Transfer-Encoding: chunked||4|half|
        GET /cut HTTP/1.0|Host: shop||
            HTTP/1.1 200 OK|Connection: close||half
        GET /only-trailers HTTP/1.1|Host: shop||GET /next HTTP/1.1|Host: shop|Connection: close||
            HTTP/1.1 200 OK|grpc-status: 5|Content-Length: 0||HTTP/1.1 200 OK|Transfer-Encoding: chunked|Connection: close||81|GET http://shop/next|x-forwarded-for: 127.0.0.1|x-forwarded-proto: http|x-forwarded-host: shop|x-request-id: ...|traceparent: ...|0|grpc-status: 0||
        GET /only-trailers HTTP/1.0|Host: shop||
            HTTP/1.1 200 OK|grpc-status: 5|Content-Length: 0|Connection: close||
        GET /hints HTTP/1.1|Host: shop||GET /next HTTP/1.1|Host: shop|Connection: close||
            HTTP/1.1 103 Early Hints|link: </a>||HTTP/1.1 200 OK|Transfer-Encoding: chunked||82|GET http://shop/hints|x-forwarded-for: 127.0.0.1|x-forwarded-proto: http|x-forwarded-host: shop|x-request-id: ...|traceparent: ...|0|grpc-status: 0||HTTP/1.1 200 OK|Transfer-Encoding: chunked|Connection: close||81|GET http://shop/next|x-forwarded-for: 127.0.0.1|x-forwarded-proto: http|x-forwarded-host: shop|x-request-id: ...|traceparent: ...|0|grpc-status: 0||
        GET /hints HTTP/1.0|Host: shop||
            HTTP/1.1 200 OK|Connection: close||GET http://shop/hints|x-forwarded-for: 127.0.0.1|x-forwarded-proto: http|x-forwarded-host: shop|x-request-id: ...|traceparent: ...
        GET /empty HTTP/1.1|Host: shop||GET /next HTTP/1.1|Host: shop|Connection: close||
            HTTP/1.1 204 No Content||HTTP/1.1 200 OK|Transfer-Encoding: chunked|Connection: close||81|GET http://shop/next|x-forwarded-for: 127.0.0.1|x-forwarded-proto: http|x-forwarded-host: shop|x-request-id: ...|traceparent: ...|0|grpc-status: 0||
        GET /empty HTTP/1.0|Host: shop||
            HTTP/1.1 204 No Content|Connection: close||
        POST / HTTP/1.1|Host: shop|Connection: close|Content-Length: 5||hello
            HTTP/1.1 200 OK|Transfer-Encoding: chunked|Connection: close||96|POST http://shop/|content-length: 5|x-forwarded-for: 127.0.0.1|x-forwarded-proto: http|x-forwarded-host: shop|x-request-id: ...|traceparent: ...|hello|0|grpc-status: 0||
        POST / HTTP/1.1|Host: shop|Connection: close|Transfer-Encoding: chunked||5|hello|0|A: b||
            HTTP/1.1 200 OK|Transfer-Encoding: chunked|Connection: close||8f|POST http://shop/|x-forwarded-for: 127.0.0.1|x-forwarded-proto: http|x-forwarded-host: shop|x-request-id: ...|traceparent: ...|hello|{"a": "b"}|0|grpc-status: 0||
        POST /1 HTTP/1.1|Host: shop|Content-Length: 2||hiGET /2 HTTP/1.1|Host: shop|Connection: close||
            HTTP/1.1 200 OK|Transfer-Encoding: chunked||94|POST http://shop/1|content-length: 2|x-forwarded-for: 127.0.0.1|x-forwarded-proto: http|x-forwarded-host: shop|x-request-id: ...|traceparent: ...|hi|0|grpc-status: 0||HTTP/1.1 200 OK|Transfer-Encoding: chunked|Connection: close||7e|GET http://shop/2|x-forwarded-for: 127.0.0.1|x-forwarded-proto: http|x-forwarded-host: shop|x-request-id: ...|traceparent: ...|0|grpc-status: 0||
        HEAD / HTTP/1.1|Host: shop|Connection: close||
            HTTP/1.1 200 OK|Transfer-Encoding: chunked|Connection: close||
        GET / HTTP/1.1|Host: shop|Connection: Upgrade, close|Upgrade: websocket||
            HTTP/1.1 200 OK|Transfer-Encoding: chunked|Connection: close||7d|GET http://shop/|x-forwarded-for: 127.0.0.1|x-forwarded-proto: http|x-forwarded-host: shop|x-request-id: ...|traceparent: ...|0|grpc-status: 0||
    "#]].assert_eq(&text);
    assert_eq!(instance.connections.load(Ordering::SeqCst), 1, "they share one connection");
}

/// One whose backlog is full: nobody takes a connection, and nobody refuses it. All who wait for one wait as long as
/// one does, not one after the other.
#[test]
fn nobody_waits_for_a_connection_in_a_queue() {
    let full = Socket::new(Domain::IPV4, Type::STREAM, None).expect("a socket");
    full.bind(&SocketAddr::from(([127, 0, 0, 1], 0)).into()).expect("a port");
    full.listen(0).expect("it listens");
    let address = full.local_addr().ok().and_then(|address| address.as_socket()).expect("an address");
    let _waiting = TcpStream::connect(address).expect("one is taken");
    let mut table = table(1, &[address]);
    (table.lanes[0].protocol, table.limits.connect) = (Protocol::Http2, Span(500));
    (table.care.passive.failures, table.care.retries.tries_max) = (0, 0);
    let site = Site::new(&table);
    let begun = Instant::now();
    let mut clients: Vec<_> = (0..60).map(|_| site.client()).collect();
    for client in &mut clients {
        client.write_all(b"GET / HTTP/1.1\r\nHost: shop\r\nConnection: close\r\n\r\n").expect("it is taken");
    }
    for client in &mut clients {
        let said = hear(client);
        assert!(said.starts_with("HTTP/1.1 502 "), "{said}");
    }
    // One after the other they would take half a minute.
    assert!(begun.elapsed() < Duration::from_secs(10), "{:?}", begun.elapsed());
}

/// An instance that speaks HTTP/1 is none of those: the client hears that it does not answer.
#[test]
fn who_speaks_another_protocol_is_told_so() {
    let mut table = table(1, &[answering("HTTP/1.1 400 Bad Request|Content-Length: 0||")]);
    table.lanes[0].protocol = Protocol::Http2;
    let said = Site::new(&table).say("GET / HTTP/1.1|Host: shop|Connection: close||");
    assert!(said.starts_with("HTTP/1.1 502"), "{said}");
}

/// A client that goes away takes its request with it.
#[test]
fn a_reset_is_passed_on() {
    let instance = Instance::new();
    let site = Site::new(&instance.table());
    let mut client = Frames::new(site.client());
    let fields = [(":method", "POST"), (":scheme", "http"), (":path", "/"), (":authority", "shop")];
    client.headers(1, &fields, false);
    client.data(1, b"hello", false);
    until(|| (site.claims() > 0).then_some(()));
    client.reset(1);
    until(|| (site.claims() == 0).then_some(()));
}

/// TLS and HTTP/2, on both sides.
#[test]
fn they_are_reached_through_tls() {
    let authority = Authority::new();
    let config = authority.server(&authority.sign("instance", &["instance.internal"]), false);
    let mut config = (*config).clone();
    config.alpn_protocols = vec![b"h2".to_vec()];
    let config = Arc::new(config);
    // What is said first in HTTP/2 is its settings: an instance that got the preface sends them.
    let address = instance(move |stream| {
        let mut stream = crate::certificates::accept(stream, &config);
        let mut preface = [0; 24];
        std::io::Read::read_exact(&mut stream, &mut preface).expect("a preface");
        assert_eq!(&preface, b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
        // It goes away at once: nothing was done.
        stream.write_all(&[0, 0, 0, 4, 0, 0, 0, 0, 0]).expect("it is taken");
        stream.write_all(&[0, 0, 8, 7, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]).expect("it is taken");
    });
    let mut table = table(1, &[address]);
    table.lanes[0].protocol = Protocol::Http2;
    let tls = UpstreamTls { name: "instance.internal".into(), authorities: authority.file(), certificate: None };
    table.lanes[0].tls = Some(tls);
    let said = Site::new(&table).say("GET / HTTP/1.1|Host: shop|Connection: close||");
    assert!(said.starts_with("HTTP/1.1 502"), "{said}");
}
