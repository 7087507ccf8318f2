//! What a connection of HTTP/2 costs, and a stream on it.

use crate::drills::{Apart, of};
use crate::frames::Frames;
use crate::site::*;

const GET: [(&str, &str); 4] = [(":method", "GET"), (":scheme", "http"), (":path", "/"), (":authority", "shop")];
/// The most that a connection may cost which rests, and a stream whose answer is waited for.
const CONNECTION_BYTES_MAX: u64 = 32 << 10;
const STREAM_BYTES_MAX: u64 = 8 << 10;

#[test]
fn connections_and_streams_of_http2_cost_little() {
    let (connections, streams) = (of(300, 3_000), 100);
    let rests = Apart::new(answering("HTTP/1.1 200 OK|Content-Length: 2||ok"));
    let served = || {
        let mut client = Frames::new(rests.client());
        client.headers(1, &GET, true);
        assert_eq!(client.hear(1), "200: ok");
        client
    };
    let _first = served();
    let before = rests.pss();
    let clients: Vec<_> = (0..connections).map(|_| served()).collect();
    let connection = (rests.pss() - before) / clients.len() as u64;

    // Nobody is answered.
    let waits = Apart::new(instance(|mut stream| {
        let _ = read_request(&mut stream);
        let _ = read_request(&mut stream);
    }));
    let busy = |streams: u32| {
        let mut client = Frames::new(waits.client());
        for number in 0..streams {
            client.headers(1 + 2 * number, &GET, true);
        }
        // All of them were taken by the time that this one is refused.
        client.headers(1 + 2 * streams, &[(":method", "CONNECT"), (":authority", "shop:80")], true);
        assert!(client.hear(1 + 2 * streams).starts_with("405: "));
        client
    };
    let _first = busy(1);
    let before = waits.pss();
    let clients: Vec<_> = (0..of(2, 10)).map(|_| busy(streams)).collect();
    let stream = (waits.pss() - before) / (clients.len() as u64 * u64::from(streams));
    println!("HTTP/2: {connection} bytes for each connection that rests, {stream} for each stream that waits");
    assert!(connection <= CONNECTION_BYTES_MAX && stream <= STREAM_BYTES_MAX, "{connection} {stream}");
}
