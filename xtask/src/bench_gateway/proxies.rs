//! Who is compared, and what all of them are given alike.

use super::ours::{Gateway, MANY, Shape};
use super::process::Process;
use super::{envoy, free_port, haproxy, nginx, ours, reached};
use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Who is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Proxy {
    Ours(Shape),
    Nginx,
    Haproxy,
    Envoy,
}

/// Ours and the others.
pub(super) const ALL: [Proxy; 4] = [Proxy::Ours(Shape::Plain), Proxy::Nginx, Proxy::Haproxy, Proxy::Envoy];

impl Proxy {
    /// What it is called in figures.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Ours(Shape::Plain) => "glidepath",
            Self::Ours(Shape::Routes) => "glidepath_1000_routes",
            Self::Ours(Shape::Endpoints) => "glidepath_1000_endpoints",
            Self::Ours(Shape::Sticky) => "glidepath_sticky",
            Self::Ours(Shape::Logged) => "glidepath_access_log",
            Self::Nginx => "nginx",
            Self::Haproxy => "haproxy",
            Self::Envoy => "envoy",
        }
    }

    /// Which one it is, in its own words.
    pub(super) fn version(self) -> Result<String, String> {
        let (program, arguments): (PathBuf, &[&str]) = match self {
            Self::Ours(_) => return Ok(env!("CARGO_PKG_VERSION").to_owned()),
            Self::Nginx => ("nginx".into(), &["-v"]),
            Self::Haproxy => ("haproxy".into(), &["-v"]),
            Self::Envoy => (envoy::program()?, &["--version"]),
        };
        let name = self.name();
        let hint = format!("{name} is not installed (Debian: apt install nginx haproxy)");
        let said = Command::new(program).args(arguments).stdin(Stdio::null()).output();
        let said = said.map_err(|error| format!("{hint}: {error}"))?;
        let text = [said.stdout, said.stderr].concat();
        let text = String::from_utf8_lossy(&text);
        // Envoy says first where it is.
        let words =
            text.trim().lines().next().unwrap_or_default().split_whitespace().filter(|word| !word.starts_with('/'));
        Ok(words.collect::<Vec<_>>().join(" "))
    }
}

/// What a proxy is given.
pub(super) struct Setup<'a> {
    /// For its files.
    pub(super) folder: &'a Path,
    /// Where it runs.
    pub(super) core: Option<usize>,
    /// Ours.
    pub(super) program: &'a Path,
    /// Where it listens.
    pub(super) plain: SocketAddr,
    /// Where it listens with TLS, for HTTP/1.1 and HTTP/2.
    pub(super) tls: SocketAddr,
    pub(super) certificate: &'a Path,
    pub(super) key: &'a Path,
    /// The instances: two for each of two releases.
    pub(super) few: &'a [SocketAddr],
    pub(super) many: &'a [SocketAddr],
}

impl Setup<'_> {
    /// The instances of the stable release and of the candidate.
    pub(super) fn releases(&self) -> (&[SocketAddr], &[SocketAddr]) {
        self.few.split_at(self.few.len() / 2)
    }

    /// Writes one of its files.
    pub(super) fn write(&self, name: &str, text: &str) -> Result<PathBuf, String> {
        let file = self.folder.join(name);
        fs::write(&file, text).map_err(|error| format!("{}: {error}", file.display()))?;
        Ok(file)
    }
}

/// A proxy that serves.
pub(super) struct Running {
    pub(super) proxy: Proxy,
    pub(super) plain: SocketAddr,
    pub(super) tls: SocketAddr,
    served: Served,
}

enum Served {
    Ours(Box<Gateway>),
    Others(Process),
}

/// What all proxies of one run have in common.
pub(super) struct Stand<'a> {
    pub(super) folder: &'a Path,
    pub(super) core: Option<usize>,
    pub(super) program: &'a Path,
    pub(super) certificate: PathBuf,
    pub(super) key: PathBuf,
    pub(super) few: Vec<SocketAddr>,
    pub(super) many: Vec<SocketAddr>,
}

impl<'a> Stand<'a> {
    /// A certificate for everybody, and these instances.
    pub(super) fn new(
        folder: &'a Path,
        core: Option<usize>,
        program: &'a Path,
        origin: &super::origin::Origin,
    ) -> Result<Self, String> {
        let (certificate, key) = (folder.join("certificate.pem"), folder.join("key.pem"));
        let mut command = Command::new("openssl");
        command.args(["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2"]);
        command.args(["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"]);
        command.arg("-out").arg(&certificate).arg("-keyout").arg(&key).stdout(Stdio::null()).stderr(Stdio::null());
        match command.stdin(Stdio::null()).status() {
            Ok(status) if status.success() => {}
            other => return Err(format!("openssl made no certificate (Debian: apt install openssl): {other:?}")),
        }
        let (few, many) = (origin.addresses(4), origin.addresses(MANY));
        Ok(Self { folder, core, program, certificate, key, few, many })
    }

    /// Starts a proxy, and waits until it serves.
    pub(super) fn start(&self, proxy: Proxy) -> Result<Running, String> {
        let (plain, tls) = (free_port()?, free_port()?);
        let [plain, tls] = [plain, tls].map(|port| SocketAddr::from(([127, 0, 0, 1], port)));
        let setup = Setup {
            folder: self.folder,
            core: self.core,
            program: self.program,
            plain,
            tls,
            certificate: &self.certificate,
            key: &self.key,
            few: &self.few,
            many: &self.many,
        };
        let served = match proxy {
            Proxy::Ours(shape) => Served::Ours(Box::new(ours::start(&setup, shape)?)),
            Proxy::Nginx => Served::Others(nginx::start(&setup)?),
            Proxy::Haproxy => Served::Others(haproxy::start(&setup)?),
            Proxy::Envoy => Served::Others(envoy::start(&setup)?),
        };
        reached(plain.port()).map_err(|why| {
            let log = fs::read_to_string(self.folder.join(format!("{}.log", proxy.name()))).unwrap_or_default();
            format!("{} does not serve: {why}\n{log}", proxy.name())
        })?;
        Ok(Running { proxy, plain, tls, served })
    }
}

impl Running {
    /// Its process.
    pub(super) fn process(&self) -> &Process {
        match &self.served {
            Served::Ours(gateway) => &gateway.process,
            Served::Others(process) => process,
        }
    }

    /// Ours, which takes tables.
    pub(super) fn gateway(&mut self) -> Option<&mut Gateway> {
        match &mut self.served {
            Served::Ours(gateway) => Some(gateway),
            Served::Others(_) => None,
        }
    }
}
