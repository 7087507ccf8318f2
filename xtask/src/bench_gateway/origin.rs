//! The instances behind every proxy: one process that answers at once, whatever address it is asked at.

use super::process::{Process, on_core};
use clap::Args;
use std::net::{Ipv4Addr, SocketAddr, TcpListener as Bound};
use std::path::Path;
use std::rc::Rc;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

/// What the process is told.
#[derive(Args)]
pub(crate) struct OriginArguments {
    /// Where it listens, at every address of this machine.
    #[arg(long)]
    port: u16,
}

/// The sizes of its answers, by the path that asks for them.
pub(super) const SIZES: [(&str, usize); 2] = [("/1k", 1 << 10), ("/64k", 64 << 10)];

/// The process, and how it is reached.
pub(super) struct Origin {
    _process: Process,
    port: u16,
}

impl Origin {
    /// Starts it on this core.
    pub(super) fn start(folder: &Path, core: Option<usize>) -> Result<Self, String> {
        let port = super::free_port()?;
        let program = std::env::current_exe().map_err(|error| error.to_string())?;
        let mut command = on_core(core, program);
        command.args(["bench-gateway-origin", "--port", &port.to_string()]);
        let process = Process::start(&mut command, &folder.join("origin.log"))?;
        super::reached(port)?;
        Ok(Self { _process: process, port })
    }

    /// So many addresses, each of which is an instance.
    pub(super) fn addresses(&self, count: u16) -> Vec<SocketAddr> {
        let address = |number: u16| {
            let [high, low] = (number + 1).to_be_bytes();
            SocketAddr::from(([127, 1, high, low], self.port))
        };
        (0..count).map(address).collect()
    }
}

/// Runs the process.
pub(crate) fn run(arguments: &OriginArguments) -> std::io::Result<()> {
    let bound = Bound::bind((Ipv4Addr::UNSPECIFIED, arguments.port))?;
    bound.set_nonblocking(true)?;
    let answers = Rc::new(SIZES.map(|(path, size)| (format!("GET {path} ").into_bytes(), answer(size))));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build()?;
    tokio::task::LocalSet::new().block_on(&runtime, async {
        let listener = TcpListener::from_std(bound)?;
        loop {
            // One that broke before it was accepted concerns nobody.
            let Ok((stream, _)) = listener.accept().await else { continue };
            let _ = stream.set_nodelay(true);
            tokio::task::spawn_local(serve(stream, Rc::clone(&answers)));
        }
    })
}

fn answer(size: usize) -> Vec<u8> {
    let head = format!("HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: {size}\r\n\r\n");
    head.into_bytes().into_iter().chain(std::iter::repeat_n(b'x', size)).collect()
}

/// Requests without bodies, one after the other: what every proxy here sends.
async fn serve(mut stream: TcpStream, answers: Rc<[(Vec<u8>, Vec<u8>); 2]>) {
    let mut held = Vec::with_capacity(4_096);
    loop {
        while let Some(end) = held.windows(4).position(|window| window == b"\r\n\r\n") {
            let asked = answers.iter().find(|(asked, _)| held.starts_with(asked));
            let (_, answer) = asked.unwrap_or(&answers[0]);
            if stream.write_all(answer).await.is_err() {
                return;
            }
            held.drain(..end + 4);
        }
        match stream.read_buf(&mut held).await {
            Ok(read) if read > 0 => {}
            Ok(_) | Err(_) => return,
        }
    }
}
