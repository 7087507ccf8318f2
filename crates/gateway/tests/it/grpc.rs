//! gRPC through the gateway: the client and the server of its own interoperability suite, wherever Go can
//! build them.

use crate::go;
use crate::mirroring::{compared, mirrored, next};
use crate::site::*;
use model::Span;
use std::io::Read as _;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use wire::table::{Protocol, Rate, RatePer};

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
    for case in CASES {
        call(&client, site.address, case).expect(case);
    }
    until(|| (site.claims() == 0).then_some(()));
}

/// Makes a call of this kind; what the client tells where it does not go well.
fn call(client: &Path, address: SocketAddr, case: &str) -> Result<(), String> {
    let mut run = Command::new(client);
    run.args(["--server_host", "127.0.0.1", "--server_port", &address.port().to_string(), "--test_case", case]);
    let mut run = run.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().expect("it runs");
    let mut told = String::new();
    run.stderr.take().expect("it tells").read_to_string(&mut told).expect("text");
    if run.wait().expect("it ends").success() { Ok(()) } else { Err(told) }
}

/// Calls are copied to another server of the suite: its answers are the same, how they went included. A client that
/// calls too often hears so in the words of gRPC.
#[test]
fn calls_are_copied_and_counted() {
    let (Some(stable), Some(candidate), Some(client)) =
        (Server::start(), Server::start(), go::built("grpc", "google.golang.org/grpc/interop/client", "grpc-client"))
    else {
        return;
    };
    let mut table = mirrored(&[stable.address], candidate.address);
    table.lanes.iter_mut().for_each(|lane| lane.protocol = Protocol::Http2);
    let mirror = &mut table.mirrors[0];
    (mirror.methods, mirror.headers) = (vec!["POST".into()], vec!["content-type".into(), "grpc-status".into()]);
    (mirror.body_bytes_max, mirror.answer_bytes_max) = (1 << 20, 1 << 20);
    let (site, pairs) = compared(&table);
    for case in ["empty_unary", "large_unary", "client_streaming", "server_streaming", "ping_pong"] {
        call(&client, site.address, case).expect(case);
        let pair = next(&pairs);
        let shadow = pair.shadow.expect("an answer");
        let wanted = vec![
            ("content-type".to_owned(), vec!["application/grpc".to_owned()]),
            ("grpc-status".to_owned(), vec!["0".to_owned()]),
        ];
        assert_eq!((pair.answer.status, &pair.answer.headers, pair.answer.is_whole), (200, &wanted, true), "{case}");
        assert_eq!((shadow.headers, shadow.body), (pair.answer.headers, pair.answer.body), "{case}");
    }
    table.generation = 2;
    let rate = Rate { per: RatePer::Client, rule: String::new(), requests: 1, every: Span::hours(1), burst: 1 };
    table.care.rates = vec![rate];
    site.take(&table).expect("newer");
    call(&client, site.address, "empty_unary").expect("the first one");
    let told = call(&client, site.address, "empty_unary").expect_err("the second one");
    assert!(told.contains("Unavailable") && told.contains("429"), "{told}");
}
