//! Failures as they come: many clients that mean no good, more requests than can be done, instances that come
//! and go, and all of them gone. Small by default, whole with `GLIDEPATH_FULL`.

use crate::site::*;
use gateway::admin::Admin;
use model::Span;
use std::io::{BufRead as _, BufReader, ErrorKind, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU16, AtomicUsize, Ordering};
use std::thread::{Builder, JoinHandle};
use std::time::Duration;
use tokio::time::Instant;
use wire::table::Breaker;

/// Where the child finds its instance.
const INSTANCE: &str = "GLIDEPATH_TEST_INSTANCE";
const GET: &str = "GET / HTTP/1.1|Host: shop||";
const OK: &str = "HTTP/1.1 200 OK|Content-Length: 2||ok";

pub(crate) fn of(few: usize, full: usize) -> usize {
    if std::env::var_os("GLIDEPATH_FULL").is_some() { full } else { few }
}

/// A gateway in a process of its own: what it holds can be told from what its clients hold.
pub(crate) struct Apart {
    child: Child,
    /// Kept open: what it says at its end is heard by nobody, and yet it can be said.
    output: BufReader<ChildStdout>,
    address: SocketAddr,
}

impl Apart {
    pub(crate) fn new(instance: SocketAddr) -> Self {
        let mut command = Command::new(std::env::current_exe().expect("the path of this program"));
        let arguments = ["drills::serves_as_a_child", "--exact", "--nocapture"];
        let begun = command.args(arguments).env(INSTANCE, instance.to_string());
        let mut child = begun.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("it begins");
        let mut output = BufReader::new(child.stdout.take().expect("its output"));
        let mut lines = output.by_ref().lines().map_while(Result::ok);
        let address = lines.find_map(|line| line.strip_prefix("listening ")?.parse().ok()).expect("its address");
        Self { child, output, address }
    }

    pub(crate) fn client(&self) -> TcpStream {
        let stream = TcpStream::connect(self.address).expect("it accepts");
        stream.set_read_timeout(Some(Duration::from_secs(60))).expect("a limit");
        stream
    }

    /// What of the memory is its own, in bytes.
    pub(crate) fn pss(&self) -> u64 {
        let path = format!("/proc/{}/smaps_rollup", self.child.id());
        let told = std::fs::read_to_string(path).expect("its memory");
        let line = told.lines().find_map(|line| line.strip_prefix("Pss:")).expect("a line for it");
        line.trim().trim_end_matches(" kB").parse::<u64>().expect("a number") << 10
    }
}

impl Drop for Apart {
    fn drop(&mut self) {
        // Its input ends, and so does it.
        drop(self.child.stdin.take());
        let _ = self.output.read_to_end(&mut Vec::new());
        let _ = self.child.wait();
    }
}

/// Not a test of its own: what the child of another test does.
#[test]
fn serves_as_a_child() {
    let Some(instance) = std::env::var(INSTANCE).ok().and_then(|text| text.parse().ok()) else { return };
    let mut table = table(1, &[instance]);
    // However long the others take to come.
    table.limits.keep_alive = Span::minutes(10);
    let site = Site::new(&table);
    println!("\nlistening {}", site.address);
    let _ = std::io::stdin().read(&mut [0]);
}

fn bytes(text: &str) -> Vec<u8> {
    text.replace('|', "\r\n").into_bytes()
}

/// Asks once on a kept connection: the status.
fn ask(client: &mut TcpStream, request: &str) -> std::io::Result<u16> {
    client.write_all(&bytes(request))?;
    let mut held = Vec::new();
    let mut room = [0; 1_024];
    loop {
        let read = client.read(&mut room)?;
        held.extend_from_slice(&room[..read]);
        let Some(end) = held.windows(4).position(|window| window == b"\r\n\r\n") else {
            if read == 0 {
                return Err(ErrorKind::UnexpectedEof.into());
            }
            continue;
        };
        let head = String::from_utf8_lossy(&held[..end]).into_owned();
        let length = head.lines().find_map(|line| line.strip_prefix("Content-Length: ")?.parse::<usize>().ok());
        if held.len() >= end + 4 + length.unwrap_or_default() {
            return Ok(head[9..12].parse().expect("a status"));
        }
        if read == 0 {
            return Err(ErrorKind::UnexpectedEof.into());
        }
    }
}

/// Ten thousand clients that say nothing cost little.
#[test]
fn idle_connections_cost_little() {
    let count = of(1_000, 10_000);
    let gateway = Apart::new(answering(OK));
    let mut first = gateway.client();
    assert_eq!(ask(&mut first, GET).expect("an answer"), 200);
    let before = gateway.pss();
    let mut clients: Vec<_> = (0..count).map(|_| gateway.client()).collect();
    // The last one is served, so all before it were accepted.
    assert_eq!(ask(clients.last_mut().expect("one"), GET).expect("an answer"), 200);
    let connected = gateway.pss() - before;
    for client in &mut clients {
        assert_eq!(ask(client, GET).expect("an answer"), 200);
    }
    let served = gateway.pss() - before;
    let each = |sum: u64| sum / count as u64;
    println!(
        "idle connections: {count}, {} bytes each new, {} bytes each after a request",
        each(connected),
        each(served)
    );
    assert!(each(served) <= 4 << 10, "{} bytes each", each(served));
}

/// Clients that never end their heads: others are served all the same, and each of them is let go in time.
#[test]
fn slow_clients_keep_nobody_from_being_served() {
    let count = of(500, 5_000);
    let gateway = Apart::new(answering(OK));
    let mut slow: Vec<_> = (0..count).map(|_| gateway.client()).collect();
    for client in &mut slow {
        client.write_all(b"GET / HTTP/1.1\r\nHost: shop\r\nX: ").expect("it is taken");
        client.set_nonblocking(true).expect("it is set");
    }
    let begun = Instant::now();
    let (mut good, mut served) = (gateway.client(), 0);
    let mut longest = Duration::ZERO;
    // Small, it is enough to see that others are served; whole, that all are let go.
    while of(usize::from(served < 200), slow.len()) > 0 {
        let asked = Instant::now();
        assert_eq!(ask(&mut good, GET).expect("an answer"), 200);
        assert_eq!(ask(&mut gateway.client(), GET).expect("an answer"), 200);
        longest = longest.max(asked.elapsed());
        served += 2;
        slow.retain_mut(|client| {
            let _ = client.write(b"x");
            let mut room = [0; 256];
            match client.read(&mut room) {
                Err(error) if error.kind() == ErrorKind::WouldBlock => true,
                // It may have written once more, and be reset for it.
                Ok(read) => {
                    assert!(read == 0 || room.starts_with(b"HTTP/1.1 408 "), "{}", plain(&room[..read]));
                    false
                }
                Err(_) => false,
            }
        });
    }
    println!("slow clients: {count}, {served} others served, the slowest in {longest:?}, after {:?}", begun.elapsed());
}

/// Clients that never rest, until they are stopped.
struct Crowd {
    stop: Arc<AtomicBool>,
    clients: Vec<JoinHandle<Vec<(u16, Duration)>>>,
}

impl Crowd {
    fn new(count: usize, address: SocketAddr, request: &'static str) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let client = |_| {
            let stop = Arc::clone(&stop);
            let work = move || {
                let mut heard = Vec::new();
                let mut client = TcpStream::connect(address).expect("it accepts");
                while !stop.load(Ordering::SeqCst) {
                    let begun = Instant::now();
                    let status = ask(&mut client, request).expect("an answer");
                    heard.push((status, begun.elapsed()));
                    if status != 200 {
                        // The gateway may close a connection whose request it has not read.
                        client = TcpStream::connect(address).expect("it accepts");
                    }
                }
                heard
            };
            Builder::new().spawn(work).expect("a thread")
        };
        let clients = (0..count).map(client).collect();
        Self { stop, clients }
    }

    /// What they heard, and how long it took.
    fn end(self) -> Vec<(u16, Duration)> {
        self.stop.store(true, Ordering::SeqCst);
        self.clients.into_iter().flat_map(|client| client.join().expect("every request was answered")).collect()
    }
}

/// How long the slowest of a hundred took.
fn p99(heard: &[(u16, Duration)], status: u16) -> Duration {
    let mut times: Vec<_> = heard.iter().filter(|(of, _)| *of == status).map(|(_, time)| *time).collect();
    times.sort_unstable();
    times.get(times.len() * 99 / 100).copied().unwrap_or_default()
}

/// Three times as many clients as there is room for: those that get in are served as quickly as ever, the others
/// hear at once that they are not, and whoever asks the gateway how it is hears that it is well.
#[test]
fn three_times_too_many_hear_at_once() {
    const ROOM: u32 = 8;
    let address = instance(|mut stream| {
        while read_request(&mut stream).is_some() {
            std::thread::sleep(Duration::from_millis(10));
            if stream.write_all(&bytes(OK)).is_err() {
                return;
            }
        }
    });
    let mut table = table(1, &[address]);
    table.care.breaker = Breaker { requests_max: ROOM / 2, pending_max: ROOM / 2, ..Breaker::default() };
    let site = Site::new(&table);
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let admin = Admin::start(listener, Arc::new(site.feed())).expect("it listens");
    let crowd = Crowd::new(3 * ROOM as usize, site.address, GET);
    let health = "GET /healthz HTTP/1.1|Host: gateway||";
    for _ in 0..of(20, 200) {
        let mut probe = TcpStream::connect(admin.address().expect("an address")).expect("it accepts");
        assert_eq!(ask(&mut probe, health).expect("an answer"), 200);
        let pool = site.report().pools.into_values().next().expect("a pool");
        assert!(pool.claims <= u64::from(ROOM / 2) && pool.waiting <= u64::from(ROOM / 2), "{pool:?}");
        std::thread::sleep(Duration::from_millis(50));
    }
    let heard = crowd.end();
    let count = |status: u16| heard.iter().filter(|(of, _)| *of == status).count();
    let (good, away) = (count(200), count(503));
    println!(
        "three times too many: {good} served (p99 {:?}), {away} sent away (p99 {:?})",
        p99(&heard, 200),
        p99(&heard, 503)
    );
    assert_eq!(good + away, heard.len());
    assert!(good > 100 && away > 100);
    assert!(p99(&heard, 200) < Duration::from_secs(1), "nobody waits behind a crowd");
}

/// An instance at a port that it keeps, and that can go and come back.
struct Flapping {
    address: SocketAddr,
    state: Arc<State>,
}

/// What it does.
struct State {
    up: AtomicBool,
    status: AtomicU16,
    served: AtomicUsize,
    open: AtomicUsize,
}

impl Flapping {
    fn new() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("an address");
        let none = || AtomicUsize::new(0);
        let state = State { up: AtomicBool::new(true), status: AtomicU16::new(200), served: none(), open: none() };
        let state = Arc::new(state);
        let shared = Arc::clone(&state);
        let accept = move || accept(Some(listener), address, &shared);
        Builder::new().name("flapping".into()).spawn(accept).expect("a thread");
        Self { address, state }
    }

    /// It goes, and is gone when this returns; or it comes back.
    fn is(&self, up: bool) {
        self.state.up.store(up, Ordering::SeqCst);
        let is_gone = || {
            let refuses = TcpStream::connect(self.address).is_err();
            refuses && self.state.open.load(Ordering::SeqCst) == 0
        };
        until(|| (up || is_gone()).then_some(()));
    }

    fn served(&self) -> usize {
        self.state.served.load(Ordering::SeqCst)
    }
}

fn accept(mut listener: Option<TcpListener>, address: SocketAddr, state: &Arc<State>) {
    loop {
        if !state.up.load(Ordering::SeqCst) {
            listener = None;
        } else {
            let listening = listener.get_or_insert_with(|| listen_again(address));
            listening.set_nonblocking(true).expect("it is set");
            if let Ok((stream, _)) = listening.accept() {
                state.open.fetch_add(1, Ordering::SeqCst);
                let state = Arc::clone(state);
                let serve = move || {
                    serve(stream, &state);
                    state.open.fetch_sub(1, Ordering::SeqCst);
                };
                Builder::new().spawn(serve).expect("a thread");
                continue;
            }
        }
        std::thread::sleep(Duration::from_millis(1));
    }
}

fn listen_again(address: SocketAddr) -> TcpListener {
    let socket = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).expect("a socket");
    socket.set_reuse_address(true).expect("it is set");
    socket.bind(&address.into()).expect("its own port");
    socket.listen(128).expect("it listens");
    socket.into()
}

/// Answers until it goes: what it has read it answers, and what rests it closes.
fn serve(mut stream: TcpStream, state: &State) {
    stream.set_nonblocking(false).expect("it is set");
    stream.set_read_timeout(Some(Duration::from_millis(5))).expect("a limit");
    let mut held = Vec::new();
    let mut room = [0; 4_096];
    while state.up.load(Ordering::SeqCst) || !held.is_empty() {
        match stream.read(&mut room) {
            Ok(0) => return,
            Ok(read) => held.extend_from_slice(&room[..read]),
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => continue,
            Err(_) => return,
        }
        if held.ends_with(b"\r\n\r\n") || held.ends_with(b"hello") {
            held.clear();
            state.served.fetch_add(1, Ordering::SeqCst);
            let status = state.status.load(Ordering::SeqCst);
            let answer = format!("HTTP/1.1 {status} So\r\nContent-Length: 2\r\n\r\nok");
            if stream.write_all(answer.as_bytes()).is_err() {
                return;
            }
        }
    }
}

/// Instances that restart again and again, and in the end all of them: what can be asked twice is always
/// answered, and what cannot is done at most once.
#[test]
fn instances_that_come_and_go_cost_no_answer() {
    let instances = [Flapping::new(), Flapping::new(), Flapping::new()];
    let addresses: Vec<_> = instances.iter().map(|instance| instance.address).collect();
    let mut table = table(1, &addresses);
    // They come back before anybody would look again.
    table.care.passive.eject = Span(50);
    table.care.passive.eject_max = Span(100);
    table.care.retries.per_second_min = 10_000;
    table.care.retries.tries_max = 3;
    let site = Site::of(2, &table);
    let gets = Crowd::new(4, site.address, GET);
    let posts = Crowd::new(2, site.address, "POST / HTTP/1.1|Host: shop|Content-Length: 5||hello");
    for round in 0..of(30, 300) {
        let instance = &instances[round % instances.len()];
        instance.is(false);
        instance.is(true);
        let before = instance.served();
        until(|| (instance.served() > before).then_some(()));
    }
    let (gets, posts) = (gets.end(), posts.end());
    let good = |heard: &[(u16, Duration)]| heard.iter().filter(|(status, _)| *status == 200).count();
    let served: usize = instances.iter().map(Flapping::served).sum();
    println!(
        "restarts: {} of {} GET and {} of {} POST answered, {served} done",
        good(&gets),
        gets.len(),
        good(&posts),
        posts.len()
    );
    assert_eq!(good(&gets), gets.len(), "whatever can be asked twice is answered");
    // Nobody knows of a POST without an answer whether it was done; it was not done twice.
    assert!(posts.iter().all(|(status, _)| matches!(status, 200 | 502)));
    assert!(served >= good(&gets) + good(&posts));
}

/// All are gone: clients hear so, quickly; and as soon as one is back, it is asked, whatever was thought of it.
#[test]
fn when_all_are_gone_the_first_that_is_back_serves() {
    let instances = [Flapping::new(), Flapping::new()];
    let mut table = table(1, &[instances[0].address, instances[1].address]);
    table.care.passive.failures = 1;
    table.care.passive.eject = Span::hours(1);
    let site = Site::new(&table);
    assert_eq!(ask(&mut site.client(), GET).expect("an answer"), 200);
    instances.iter().for_each(|instance| instance.is(false));
    for _ in 0..50 {
        assert_eq!(ask(&mut site.client(), GET).expect("an answer"), 502);
    }
    for instance in instances.iter().rev() {
        instance.is(true);
        until(|| (ask(&mut site.client(), GET).expect("an answer") == 200).then_some(()));
        instance.is(false);
    }
}

/// Instances that answer 500 to everybody, now this one and now that: none is let go for good, and no more of them
/// rest than may.
#[test]
fn instances_that_fail_in_turn_rest_in_turn() {
    let instances = [Flapping::new(), Flapping::new(), Flapping::new(), Flapping::new()];
    let addresses: Vec<_> = instances.iter().map(|instance| instance.address).collect();
    let mut table = table(1, &addresses);
    table.care.passive.eject = Span(100);
    table.care.passive.eject_max = Span(200);
    let site = Site::of(2, &table);
    let crowd = Crowd::new(4, site.address, GET);
    for round in 0..of(8, 80) {
        let instance = &instances[round % instances.len()];
        instance.state.status.store(500, Ordering::SeqCst);
        until(|| {
            let pool = site.report().pools.into_values().next().expect("a pool");
            let resting = pool.endpoints.values().filter(|endpoint| endpoint.ejected > 0).count();
            assert!(resting <= 4, "each worker lets at most half of them rest");
            (pool.endpoints[&instance.address].ejected > 0).then_some(())
        });
        instance.state.status.store(200, Ordering::SeqCst);
        let before = instance.served();
        until(|| (instance.served() > before).then_some(()));
    }
    let heard = crowd.end();
    assert!(heard.iter().all(|(status, _)| matches!(status, 200 | 500)), "what an instance says is passed on");
    assert!(heard.iter().filter(|(status, _)| *status == 200).count() * 2 > heard.len());
}
