//! A gateway that runs, instances behind it, and clients before it.

use gateway::planted::{Bug, VARIABLE};
use model::{ReleaseNumber, Share, Subject};
use std::fs;
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::fd::OwnedFd;
use std::os::unix::fs::{chown, symlink};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::thread::{Builder, JoinHandle};
use std::time::Duration;
use wire::Table;
use wire::asking::Asking;
use wire::control::{Answer, Request, Status};
use wire::problem::Kind;
use wire::table::{Endpoint, Lane, Listen};

/// Nothing here takes so long unless it is broken.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);
const LOOK_EVERY: Duration = Duration::from_millis(10);

/// A gateway that runs in a folder of its own.
pub(crate) struct Running {
    pub(crate) folder: PathBuf,
    keeper: Option<Child>,
    bug: Option<Bug>,
}

/// Looks until there is something to be seen.
pub(crate) fn wait_for<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    for _ in 0..PATIENCE.as_millis() / LOOK_EVERY.as_millis() {
        if let Some(seen) = look() {
            return seen;
        }
        std::thread::sleep(LOOK_EVERY);
    }
    panic!("{what} never came");
}

impl Running {
    /// A folder, and nothing that runs yet.
    pub(crate) fn new() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let folder = std::env::temp_dir().join(format!("glidepath-gw-{}-{number}", std::process::id()));
        fs::create_dir_all(&folder).expect("a folder for the test");
        symlink(env!("CARGO_BIN_EXE_glidepath"), folder.join("glidepath")).expect("a way to the program");
        Self { folder, keeper: None, bug: None }
    }

    /// What is started from now on has this bug.
    pub(crate) fn plant(&mut self, bug: Bug) {
        self.bug = Some(bug);
    }

    pub(crate) fn with_config(text: &str) -> Self {
        let mut running = Self::new();
        running.config(text);
        running.start("--config gateway.yaml");
        running
    }

    /// Writes the configuration, all at once.
    pub(crate) fn config(&self, text: &str) {
        fs::write(self.folder.join("new.yaml"), text).expect("it is written");
        fs::rename(self.folder.join("new.yaml"), self.folder.join("gateway.yaml")).expect("it is renamed");
    }

    /// A file in its folder.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    /// Starts it, and waits until it leads.
    pub(crate) fn start(&mut self, words: &str) {
        self.spawn(words);
        self.status();
    }

    pub(crate) fn spawn(&mut self, words: &str) {
        let command = self.command(&format!("gateway {words}"));
        self.launch(command, Stdio::null());
    }

    /// In its folder, and with a log.
    fn launch(&mut self, mut command: Command, input: Stdio) {
        let log = fs::OpenOptions::new().create(true).append(true).open(self.folder.join("log")).expect("a log");
        command.current_dir(&self.folder).stdin(input).stdout(Stdio::null()).stderr(log);
        self.keeper = Some(command.spawn().expect("it starts"));
    }

    /// From a shell that does this first, and with this as its input; waits until it leads.
    fn start_after(&mut self, first: &str, words: &str, input: Stdio) {
        let script = format!("{first} exec ./glidepath gateway {words} --state state --control control");
        let mut command = Command::new("/bin/sh");
        command.env_clear().args(["-c", &script]);
        self.launch(command, input);
        self.status();
    }

    /// As a service manager starts it: with this socket open.
    pub(crate) fn start_with(&mut self, words: &str, socket: TcpListener) {
        let first = "exec 3<&0 </dev/null; LISTEN_PID=$$ LISTEN_FDS=1";
        self.start_after(first, words, Stdio::from(OwnedFd::from(socket)));
    }

    /// With so many descriptors at the most; waits until it leads.
    pub(crate) fn start_with_files(&mut self, words: &str, files: u32) {
        self.start_after(&format!("ulimit -n {files};"), words, Stdio::null());
    }

    /// Starts it as somebody who may do nothing but this, with the folder as theirs; waits until it leads.
    pub(crate) fn start_as_nobody(&mut self, words: &str, capability: &str) {
        const NOBODY: u32 = 65_534;
        // The way to the program may lead through folders that are not for everybody.
        fs::remove_file(self.path("glidepath")).expect("it was there");
        fs::copy(env!("CARGO_BIN_EXE_glidepath"), self.path("glidepath")).expect("it is copied");
        chown(&self.folder, Some(NOBODY), Some(NOBODY)).expect("it is given away");
        let mut command = Command::new("setpriv");
        command.args([format!("--reuid={NOBODY}"), format!("--regid={NOBODY}"), "--clear-groups".into()]);
        command.args(["--inh-caps", "--ambient-caps", "--bounding-set"].map(|of| format!("{of}=-all,+{capability}")));
        command.arg("./glidepath").env_clear().arg("gateway").args(words.split_whitespace());
        command.args(["--state", "state", "--control", "control"]);
        self.launch(command, Stdio::null());
        self.status();
    }

    fn command(&self, words: &str) -> Command {
        let mut command = self.program(words);
        command.args(["--state", "state", "--control", "control"]);
        command
    }

    /// The program, in its folder, and nothing said but this.
    fn program(&self, words: &str) -> Command {
        let mut command = Command::new(self.folder.join("glidepath"));
        command.current_dir(&self.folder).env_clear().args(words.split_whitespace());
        command.envs(self.bug.map(|bug| (VARIABLE, bug.name())));
        command
    }

    /// Runs a command that asks it; its exit code and all that it said.
    pub(crate) fn say(&self, words: &str) -> (Option<i32>, String) {
        said(&mut self.command(&format!("gateway {words}")))
    }

    /// The same without its control socket, as on another machine.
    pub(crate) fn say_from_afar(&self, words: &str) -> (Option<i32>, String) {
        said(&mut self.program(&format!("gateway {words}")))
    }

    pub(crate) fn asking(&self) -> Option<Asking> {
        Asking::connect(&self.folder.join("control"), PATIENCE).ok()
    }

    pub(crate) fn ask(&self, request: &Request) -> Answer {
        wait_for("an answer", || {
            let answer = self.asking()?.ask(request).ok()?;
            (answer != Answer::Moved).then_some(answer)
        })
    }

    pub(crate) fn status(&self) -> Status {
        match self.ask(&Request::Status) {
            Answer::Status(status) => *status,
            other => panic!("{other:?}"),
        }
    }

    /// Waits for a status like that.
    pub(crate) fn status_with(&self, what: &str, is: impl Fn(&Status) -> bool) -> Status {
        wait_for(what, || Some(self.status()).filter(|status| is(status)))
    }

    /// Waits until these are its problems, and no others.
    pub(crate) fn problems_are(&self, kinds: &[Kind]) -> Status {
        let are = |status: &Status| status.problems.iter().map(|problem| problem.kind).eq(kinds.iter().copied());
        self.status_with("its problems", are)
    }

    /// The program is another one from now on, as after an upgrade.
    pub(crate) fn upgrade(&self, to: &Path) {
        symlink(to, self.folder.join("next")).expect("a way to the program");
        fs::rename(self.folder.join("next"), self.folder.join("glidepath")).expect("it is renamed");
    }

    pub(crate) fn log(&self) -> String {
        fs::read_to_string(self.folder.join("log")).unwrap_or_default()
    }

    pub(crate) fn keeper_pid(&self) -> u32 {
        self.keeper.as_ref().expect("it runs").id()
    }

    /// Kills the keeper; what it started goes on.
    pub(crate) fn kill_keeper(&mut self) {
        let mut keeper = self.keeper.take().expect("it runs");
        keeper.kill().expect("it is sent");
        keeper.wait().expect("it ends");
    }

    /// Tells it to stop; its exit code.
    pub(crate) fn stop(&mut self) -> Option<i32> {
        let mut keeper = self.keeper.take().expect("it runs");
        signal(keeper.id(), "TERM");
        keeper.wait().expect("it ends").code()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if let Some(mut keeper) = self.keeper.take() {
            // Twice: at once.
            signal(keeper.id(), "TERM");
            signal(keeper.id(), "TERM");
            let _ = keeper.wait();
        }
        if std::thread::panicking() {
            let _ = std::io::stderr().write_all(self.log().as_bytes());
        }
        let _ = fs::remove_dir_all(&self.folder);
    }
}

/// What a command says, and how it ends.
pub(crate) fn said(command: &mut Command) -> (Option<i32>, String) {
    let output = command.output().expect("it runs");
    let text = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    (output.status.code(), text)
}

pub(crate) fn signal(pid: u32, name: &str) {
    let killed = Command::new("kill").args([format!("-{name}"), pid.to_string()]).stderr(Stdio::null()).status();
    killed.expect("it is sent");
}

/// A port that nobody has, and that no connection gets by chance: below those that the kernel gives out.
pub(crate) fn free() -> SocketAddr {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    wait_for("a port", || {
        let number = std::process::id().wrapping_mul(61).wrapping_add(NEXT.fetch_add(1, Ordering::Relaxed));
        let port = 12_000 + u16::try_from(number % 20_000).expect("a small number");
        TcpListener::bind(("127.0.0.1", port)).and_then(|socket| socket.local_addr()).ok()
    })
}

/// An instance that answers every request with this, after a while if it is told to wait.
pub(crate) fn instance(body: &'static str, wait: Arc<AtomicBool>) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("an address");
    let serve = move |mut stream: TcpStream| {
        while read_head(&mut stream).is_some() {
            while wait.load(Ordering::SeqCst) {
                std::thread::sleep(LOOK_EVERY);
            }
            let answer = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{body}", body.len());
            if stream.write_all(answer.as_bytes()).is_err() {
                return;
            }
        }
    };
    let accept = move || {
        for stream in listener.incoming() {
            let (stream, serve) = (stream.expect("a connection"), serve.clone());
            Builder::new().spawn(move || serve(stream)).expect("a thread");
        }
    };
    Builder::new().spawn(accept).expect("a thread");
    address
}

/// An instance that answers at once.
pub(crate) fn answering(body: &'static str) -> SocketAddr {
    instance(body, Arc::default())
}

fn read_head(stream: &mut TcpStream) -> Option<String> {
    let mut bytes = Vec::new();
    let mut byte = [0];
    while !bytes.ends_with(b"\r\n\r\n") {
        match stream.read(&mut byte) {
            Ok(1) => bytes.push(byte[0]),
            _ => return None,
        }
    }
    String::from_utf8(bytes).ok()
}

/// What a request got: a status and a body, or how far it came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Got {
    Answer(u16, String),
    Refused,
    Lost,
}

/// One connection of a client.
pub(crate) struct Client {
    address: SocketAddr,
    stream: Option<TcpStream>,
}

impl Client {
    pub(crate) fn new(address: SocketAddr) -> Self {
        Self { address, stream: None }
    }

    /// Asks, on the connection that it has, or on a new one.
    pub(crate) fn get(&mut self, host: &str) -> Got {
        if self.stream.is_none() {
            let Ok(stream) = TcpStream::connect(self.address) else { return Got::Refused };
            stream.set_read_timeout(Some(PATIENCE)).expect("a limit");
            self.stream = Some(stream);
        }
        let Some(stream) = &mut self.stream else { return Got::Refused };
        let heard = stream
            .write_all(format!("GET / HTTP/1.1\r\nHost: {host}\r\n\r\n").as_bytes())
            .ok()
            .and_then(|()| read_head(stream));
        let Some(head) = heard else {
            self.stream = None;
            return Got::Lost;
        };
        let status = head.get(9..12).and_then(|status| status.parse().ok()).expect("a status");
        let field = |name: &str| head.lines().find_map(|line| line.strip_prefix(name).map(str::to_owned));
        let length = field("Content-Length: ").and_then(|length| length.parse().ok()).expect("a length");
        let mut body = vec![0; length];
        if stream.read_exact(&mut body).is_err() {
            self.stream = None;
            return Got::Lost;
        }
        if field("Connection: ").is_some_and(|word| word == "close") {
            self.stream = None;
        }
        Got::Answer(status, String::from_utf8(body).expect("a text"))
    }
}

/// A service at this address, on one instance.
pub(crate) fn table(name: &str, generation: u64, listen: SocketAddr, endpoint: SocketAddr) -> Table {
    let lane = Lane::new(ReleaseNumber(1), Share::ALL, vec![Endpoint::new(endpoint.to_string())]);
    let service = Subject::from_text(&format!("service/{name}/production/local"));
    let listen = Listen { address: listen.to_string(), ..Listen::default() };
    Table { listen: vec![listen], salt: name.into(), ..Table::new(service, generation, vec![lane]) }
}

/// One request on a connection of its own.
pub(crate) fn get(address: SocketAddr) -> Got {
    Client::new(address).get("shop")
}

pub(crate) fn ok(body: &str) -> Got {
    Got::Answer(200, body.into())
}

/// What whoever watches is shown: a head and a page.
pub(crate) fn page(address: SocketAddr, path: &str) -> (String, String) {
    let mut stream = TcpStream::connect(address).expect("it accepts");
    stream.set_read_timeout(Some(PATIENCE)).expect("a limit");
    stream.write_all(format!("GET {path} HTTP/1.1\r\nHost: x\r\n\r\n").as_bytes()).expect("it is taken");
    let mut text = String::new();
    stream.read_to_string(&mut text).expect("a text");
    let (head, body) = text.split_once("\r\n\r\n").expect("a head");
    (head.to_owned(), body.to_owned())
}

/// Clients that never rest: some keep their connection, some open one for each request.
pub(crate) struct Load {
    stop: Arc<AtomicBool>,
    answered: Arc<AtomicU64>,
    clients: Vec<JoinHandle<Tally>>,
}

/// What clients got.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Tally {
    pub(crate) answered: u64,
    pub(crate) refused: u64,
    pub(crate) lost: u64,
    pub(crate) wrong: Vec<Got>,
}

impl Load {
    pub(crate) fn begin(address: SocketAddr, clients: usize) -> Self {
        let (stop, answered) = (Arc::<AtomicBool>::default(), Arc::<AtomicU64>::default());
        let clients = (0..clients).map(|number| {
            let (stop, answered) = (Arc::clone(&stop), Arc::clone(&answered));
            let work = move || {
                let (mut tally, mut client) = (Tally::default(), Client::new(address));
                while !stop.load(Ordering::SeqCst) {
                    match client.get("shop") {
                        Got::Answer(200, _) => {
                            tally.answered += 1;
                            answered.fetch_add(1, Ordering::SeqCst);
                        }
                        Got::Refused => tally.refused += 1,
                        Got::Lost => tally.lost += 1,
                        wrong @ Got::Answer(..) => tally.wrong.push(wrong),
                    }
                    if number % 2 == 0 {
                        client = Client::new(address);
                    }
                }
                tally
            };
            Builder::new().spawn(work).expect("a thread")
        });
        Self { clients: clients.collect(), stop, answered }
    }

    /// Waits until so many more requests were answered.
    pub(crate) fn answers(&self, more: u64) {
        let wanted = self.answered.load(Ordering::SeqCst) + more;
        wait_for("enough answers", || (self.answered.load(Ordering::SeqCst) >= wanted).then_some(()));
    }

    pub(crate) fn end(self) -> Tally {
        self.stop.store(true, Ordering::SeqCst);
        let mut sum = Tally::default();
        for client in self.clients {
            let tally = client.join().expect("it ends well");
            sum.answered += tally.answered;
            sum.refused += tally.refused;
            sum.lost += tally.lost;
            sum.wrong.extend(tally.wrong);
        }
        sum
    }
}
