//! More clients than there are descriptors for.

use super::running::{Client, Running, answering, free, ok};

/// Those who rest make room for those who ask, and there is always one left for the instance.
#[test]
fn clients_that_rest_take_no_descriptor_from_those_who_ask() {
    let (address, one) = (free(), answering("one"));
    let mut running = Running::new();
    running.config(&format!("listen: \"{address}\"\nendpoints: \"{one}\"\n"));
    running.start_with_files("--config gateway.yaml --workers 1", 256);
    let mut resting = Vec::new();
    // Twice as many as fit.
    for _ in 0..200 {
        let mut client = Client::new(address);
        assert_eq!(client.get("shop"), ok("one"));
        resting.push(client);
    }
    assert_eq!(running.status().workers, 1);
}
