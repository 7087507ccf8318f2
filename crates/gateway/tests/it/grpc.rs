//! gRPC through the gateway: the client and the server of its own interoperability suite, wherever Go can
//! build them.

use crate::go;
use crate::site::*;
use std::io::Read as _;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use wire::table::Protocol;

/// Calls of one and of many messages in either direction, errors and details in trailers, deadlines, and
/// clients that change their mind.
const CASES: [&str; 13] = [
    "empty_unary",
    "large_unary",
    "client_streaming",
    "server_streaming",
    "ping_pong",
    "empty_stream",
    "timeout_on_sleeping_server",
    "cancel_after_begin",
    "cancel_after_first_response",
    "custom_metadata",
    "status_code_and_message",
    "special_status_message",
    "unimplemented_method",
];

/// A server of the suite, until it is dropped.
struct Server {
    address: SocketAddr,
    child: Child,
}

impl Server {
    fn start() -> Option<Self> {
        let program = go::built("grpc", "google.golang.org/grpc/interop/server", "grpc-server")?;
        // It takes a number, and so one is found that nobody has.
        let address = TcpListener::bind("127.0.0.1:0").and_then(|free| free.local_addr()).expect("a port");
        let mut server = Command::new(program);
        let child =
            server.args(["--port", &address.port().to_string()]).stderr(Stdio::null()).spawn().expect("it runs");
        let server = Self { address, child };
        until(|| TcpStream::connect(address).is_ok().then_some(()));
        Some(server)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn the_suite_of_grpc_passes() {
    let (Some(server), Some(client)) =
        (Server::start(), go::built("grpc", "google.golang.org/grpc/interop/client", "grpc-client"))
    else {
        return;
    };
    let mut table = table(1, &[server.address]);
    table.lanes[0].protocol = Protocol::Http2;
    let site = Site::new(&table);
    let port = site.address.port().to_string();
    for case in CASES {
        let mut run = Command::new(&client);
        run.args(["--server_host", "127.0.0.1", "--server_port", &port, "--test_case", case]);
        let mut run = run.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().expect("it runs");
        let mut told = String::new();
        run.stderr.take().expect("it tells").read_to_string(&mut told).expect("text");
        assert!(run.wait().expect("it ends").success(), "{case}: {told}");
    }
    until(|| (site.claims() == 0).then_some(()));
}
