//! What a person deploys, as validated from `glidepath.yaml`.

use crate::check::Check;
use crate::gate::Gates;
use crate::id::Subject;
use crate::intent::Match;
use crate::plan::FlagSetting;
use crate::strategy::Strategy;
use crate::{Name, Share, Span};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// A service, its next release included.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Service {
    /// Its name.
    pub name: Name,
    /// Where in its life: `staging`, `production`.
    pub environment: Name,
    /// A machine, a cluster, a region.
    pub place: Name,
    /// What is to run.
    pub run: Run,
    /// How many of it.
    pub instances: Instances,
    /// How it proves that it is well.
    pub health: Health,
    /// How it stops.
    pub drain: Drain,
    /// What an instance may use.
    pub limits: Limits,
    /// The traffic it serves; none for workers and schedules.
    pub traffic: Option<Traffic>,
    /// How it lands.
    pub strategy: Strategy,
    /// Questions asked while it lands.
    pub checks: Vec<Check>,
    /// What is asked for before it lands.
    pub gates: Gates,
    /// What is called on the way.
    pub hooks: Vec<Hook>,
    /// Flags set on the way, once the candidate serves everything.
    pub flags: Vec<FlagChange>,
    /// How it goes back.
    pub rollback: Rollback,
    /// What undecided means in the end.
    pub undecided: UndecidedPolicy,
    /// What a newer release does to a rollout.
    pub interruption: Interruption,
    /// The database it uses.
    pub database: Option<Database>,
    /// Who is told.
    pub notifications: Vec<Notification>,
}

impl Service {
    /// The subject of its journal.
    pub fn subject(&self) -> Subject {
        Subject::service(&self.name, &self.environment, &self.place)
    }
}

/// What is to run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Run {
    /// What people call this version: `2.4.1`, a git revision.
    pub version: String,
    /// A file, folder, archive, git revision or image.
    pub artifact: Artifact,
    /// The command and its arguments; an image's own where empty. `$PORT` in them is filled in when an
    /// instance is started.
    pub command: Vec<String>,
    /// The environment it sees, besides what Glidepath sets.
    pub env: BTreeMap<String, String>,
    /// Environment variables whose values are secrets, by the secret's name.
    pub secrets: BTreeMap<String, Name>,
    /// The folder it runs in.
    pub directory: Option<String>,
    /// The user it runs as.
    pub user: Option<String>,
}

/// Where the bytes that run come from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Artifact {
    /// A file, folder or archive.
    Path(String),
    /// A git revision of the folder's repository.
    Git(String),
    /// A container image.
    Image(String),
    /// Nothing is unpacked: the command is on the machine.
    None,
}

/// How many instances run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Instances {
    /// So many; where an autoscaler owns the number, the first guess.
    pub count: u32,
    /// Never two at a time, not even of different releases.
    pub singleton: bool,
    /// An autoscaler owns the number.
    pub autoscaled: bool,
}

/// How a service proves that it is well.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Health {
    /// Asked until it passes once; then the others begin.
    pub startup: Option<Probe>,
    /// Whether it may get traffic.
    pub ready: Option<Probe>,
    /// Whether it must be restarted.
    pub live: Option<Probe>,
    /// How long a fresh instance is left alone before its failures count.
    pub grace: Span,
    /// How long a ready instance warms up before it counts in comparisons.
    pub warm_up: Span,
    /// How long it may take from start to ready.
    pub deadline: Span,
}

/// One question about an instance.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Probe {
    /// How it is asked.
    pub kind: ProbeKind,
    /// How often.
    pub every: Span,
    /// How long an answer may take.
    pub timeout: Span,
    /// How many good answers in a row make it well.
    pub rise: u32,
    /// How many bad answers in a row make it unwell.
    pub fall: u32,
}

/// How a probe asks.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ProbeKind {
    /// A GET of this path must be answered with 2xx or 3xx.
    Http(String),
    /// The port must accept a connection.
    Tcp,
    /// The command must exit with 0.
    Command(Vec<String>),
}

/// How an instance stops.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Drain {
    /// How long it takes until every balancer has heard that it leaves.
    pub spread: Span,
    /// How long its open work may take.
    pub deadline: Span,
    /// Between SIGTERM and SIGKILL.
    pub grace: Span,
}

/// What an instance may use.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Limits {
    /// Bytes of memory.
    pub memory_bytes: Option<u64>,
    /// Thousandths of a core.
    pub cpu_millicores: Option<u32>,
    /// Open files.
    pub open_files: Option<u32>,
    /// Restarts within ten minutes before it counts as a crash loop.
    pub restarts: u32,
}

/// The traffic a service serves.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Traffic {
    /// Where the gateway listens for it.
    pub listen: Vec<Listen>,
    /// The hosts that are its; every host where empty.
    pub hosts: Vec<String>,
    /// The path prefixes that are its; every path where empty.
    pub paths: Vec<String>,
    /// What a unit is, where it sticks.
    pub sticky: Option<Sticky>,
    /// Requests that are its whatever host and path.
    pub matches: Vec<Match>,
}

/// Where the gateway listens.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Listen {
    /// `host:port`, or `:port` for every address.
    pub address: String,
    /// With TLS.
    pub tls: Option<Tls>,
}

/// The certificate of a listener.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tls {
    /// The file of the certificate chain.
    pub certificate: String,
    /// The file of the key, or `secret:NAME` for a secret that holds it.
    pub key: String,
}

/// What makes a session.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Sticky {
    /// A cookie of this name, set by the gateway.
    Cookie(String),
    /// The value of this header.
    Header(String),
    /// The client's network.
    ClientNetwork,
}

/// A command or an HTTP call at a point of the plan.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hook {
    /// Its name.
    pub name: Name,
    /// When it is called.
    pub at: HookPoint,
    /// What is called.
    pub call: Call,
    /// How long it may take.
    pub timeout: Span,
    /// Whether it may be called again when nobody knows how the first call ended.
    pub repeat: Repeat,
    /// How often it may be tried when it fails.
    pub attempts: u32,
    /// What takes it back.
    pub undo: Option<Call>,
}

/// What a hook calls.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Call {
    /// A command with its arguments.
    Command(Vec<String>),
    /// A POST to this address.
    Http(String),
}

/// When a hook is called.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum HookPoint {
    /// Before anything else.
    Before,
    /// When the candidate's first instances are ready.
    AfterStart,
    /// Before the candidate's first traffic.
    BeforeRoute,
    /// After the candidate's first traffic.
    AfterRoute,
    /// Before the candidate gets everything.
    BeforePromote,
    /// When the candidate has everything.
    After,
    /// On the way back.
    OnRollback,
}

/// Whether a call may be repeated when nobody knows how it ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Repeat {
    /// Again does no harm.
    Safe,
    /// Again might do harm: a person decides.
    Never,
}

/// A flag set by a landing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FlagChange {
    /// The flag.
    pub flag: Name,
    /// What it is set to.
    pub to: FlagSetting,
    /// What it is expected to be before, and is set back to.
    pub from: FlagSetting,
}

/// How a service goes back.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rollback {
    /// How long the old release stays warm after a landing.
    pub window: Span,
    /// How traffic goes back.
    pub unwinding: UnwindingPolicy,
}

/// How traffic goes back.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum UnwindingPolicy {
    /// At once: weights already passed are not revisited.
    Sudden,
    /// In this many even parts, each held for a while, so that a cold stable is not overrun.
    Gradual {
        /// How many parts.
        parts: u16,
        /// How long each is held.
        hold: Span,
    },
}

/// What undecided means in the end.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct UndecidedPolicy {
    /// How long a person is waited for before the rollout goes around.
    pub wait: Span,
    /// Where the candidate has more than this share, nobody is waited for.
    pub exposure: Share,
}

/// What a newer release does to a rollout.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Interruption {
    /// The running rollout goes around first, then the newer one starts.
    GoAround,
    /// The newer one waits until the running one has ended.
    Queue,
}

/// The database a service uses.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Database {
    /// The name of the secret that holds its address.
    pub url: Name,
    /// The changes that this release needs, in order.
    pub migrations: Vec<Migration>,
}

/// One change of a database.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Migration {
    /// Its name.
    pub name: Name,
    /// The file that describes it.
    pub file: String,
    /// Whether it can be taken back without loss after the candidate wrote to it.
    pub reversible: bool,
    /// Whether old rows must be brought over.
    pub backfill: bool,
    /// Whether the old shape is taken away in the end.
    pub contract: bool,
    /// How long a phase may take.
    pub timeout: Span,
}

/// Somebody who is told.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Notification {
    /// The name of a notifier: `slack`, `email`, `webhook`.
    pub notifier: Name,
    /// Where to: a channel, an address.
    pub to: String,
    /// What about; everything where empty.
    pub about: Vec<Occasion>,
}

/// What people are told about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Occasion {
    /// A rollout was accepted.
    Started,
    /// Somebody is waited for.
    Waiting,
    /// It landed.
    Completed,
    /// It went around.
    RolledBack,
    /// It halted: somebody must come.
    Halted,
}
