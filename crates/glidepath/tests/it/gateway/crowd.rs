//! More clients than there are descriptors for.

use super::running::{Running, answering, free, get, ok};
use std::net::TcpStream;

/// Those who rest make room for those who ask, and there is always one left for the instance.
#[test]
fn clients_that_rest_take_no_descriptor_from_those_who_ask() {
    let (address, one) = (free(), answering("one"));
    let mut running = Running::new();
    running.config(&format!("listen: \"{address}\"\nendpoints: \"{one}\"\n"));
    running.start_with_files("--config gateway.yaml --workers 1", 256);
    let mut resting = Vec::new();
    for _ in 0..8 {
        resting.extend((0..50).map(|_| TcpStream::connect(address).expect("the backlog has room")));
        assert_eq!(get(address), ok("one"));
    }
    assert_eq!(running.status().workers, 1);
}
