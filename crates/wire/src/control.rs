//! What is asked of a gateway, by a controller or by a person, and what it answers.
//!
//! Whoever connects says [`Hello`] first and hears [`Welcome`]; then each [`Request`] gets one
//! [`Answer`], in order.
//!
//! A version has its questions and answers for good, and the fields that each must have. A field may come with
//! what stands where nothing is said, and whoever does not know it passes it over. Only a table is taken
//! whole or not at all: half of one would serve the wrong users. What cannot be said like this needs another
//! version.

use crate::Table;
use crate::counts::{Counts, Run};
use crate::problem::Problem;
use model::{ReleaseNumber, Share, Subject};
use serde::{Deserialize, Serialize};

/// The versions that are spoken, the highest last.
pub const VERSIONS: &[u32] = &[1];

/// The first word of whoever connects.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hello {
    /// The versions that it speaks.
    pub versions: Vec<u32>,
}

/// The first word of the gateway.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Welcome {
    /// This version is spoken from now on.
    Version(u32),
    /// There is none that both speak. These are the gateway's.
    Versions(Vec<u32>),
}

/// The highest version that both sides speak.
pub fn common(theirs: &[u32], ours: &[u32]) -> Option<u32> {
    ours.iter().filter(|version| theirs.contains(version)).max().copied()
}

/// What is asked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Request {
    /// Serve by this from now on.
    Table(Box<Table>),
    /// Serve this service no more.
    Remove {
        /// Which.
        service: Subject,
        /// The position in the service's journal that it follows from.
        generation: u64,
    },
    /// How are you?
    Status,
    /// Who is served where?
    Routes,
    /// Which instances are there?
    Endpoints,
    /// What is under way?
    Report,
    /// What became of requests until now?
    Counts,
    /// And from now on? It is answered with [`Answer::Counts`] again and again, until another member leads.
    Watch {
        /// Every 200 ms, while somebody compares; each second otherwise.
        comparing: bool,
    },
    /// Give no new work to something.
    Drain(Drain),
    /// A keeper asks for a gateway whose own keeper is dead. After [`Answer::Begun`] comes the end of a line,
    /// on which it is told all that a keeper has to hold.
    Adopt,
    /// Another gateway takes this one's place, and no client notices.
    Replace {
        /// With so many workers; with as many as before, where nothing is said.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        workers: Option<u16>,
    },
}

/// What gets no new work.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Drain {
    /// An instance, until the next table of its service.
    Endpoint(String),
    /// A release of a service, until the service's next table: the others share what was its.
    Release {
        /// The service.
        service: Subject,
        /// The release.
        release: ReleaseNumber,
    },
    /// All of it: the gateway ends when what is under way has ended.
    Gateway,
}

/// What is answered.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Answer {
    /// It is so in every worker of every member.
    Live(Live),
    /// There is a newer table: its generation.
    Superseded(u64),
    /// It cannot be served by. What was served before still is.
    Faulty(String),
    /// Some did not answer: they may do as asked, or as before.
    Undecided(Vec<Run>),
    /// To [`Request::Status`].
    Status(Box<Status>),
    /// To [`Request::Routes`].
    Routes(Vec<Route>),
    /// To [`Request::Endpoints`].
    Endpoints(Vec<EndpointState>),
    /// To [`Request::Report`].
    Report(Vec<MemberReport>),
    /// To [`Request::Counts`], and again and again to [`Request::Watch`]: what each member has counted.
    Counts(Vec<Counts>),
    /// It is being done.
    Begun,
    /// Another gateway has taken over.
    Replaced,
    /// It is not done, and nothing has changed.
    Refused(String),
    /// Another member leads by now, and nothing was done here: connect again.
    Moved,
}

/// It is so in every worker of every member.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Live {
    /// The generation that is served.
    pub generation: u64,
    /// Where it cannot be listened, though the table asks for it; it is tried again.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub deaf: Vec<Deaf>,
    /// Why it would not be served after a restart.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unsaved: Option<String>,
}

/// An address that cannot be listened at.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Deaf {
    /// The address.
    pub address: String,
    /// Why.
    pub why: String,
}

/// How a gateway is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Status {
    /// The member that answers.
    pub member: Run,
    /// The program's version.
    pub version: String,
    /// How many workers it has.
    pub workers: usize,
    /// Where its tables come from: a file, or nowhere but the controller.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub config: Option<String>,
    /// What is wrong with that file since it was read last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub config_problem: Option<String>,
    /// The services, by name.
    pub services: Vec<ServiceState>,
    /// Where it listens.
    pub listening: Vec<String>,
    /// Where it cannot.
    pub deaf: Vec<Deaf>,
    /// What else is not as it should be.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub problems: Vec<Problem>,
    /// Members that go on for those who are there.
    pub retiring: Vec<u32>,
    /// Its keeper is dead: nobody would start another one.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub alone: bool,
}

/// How a service stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServiceState {
    /// The service.
    pub service: Subject,
    /// Its generation.
    pub generation: u64,
    /// The table was saved before the machine was started: nobody knows yet whether its instances still are.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub unproven: bool,
}

/// Who is served where.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Route {
    /// The service.
    pub service: Subject,
    /// Where.
    pub listen: Vec<String>,
    /// As what; every host where empty.
    pub hosts: Vec<String>,
    /// Which paths; every one where empty.
    pub paths: Vec<String>,
    /// Nobody is served.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub hold: bool,
    /// By whom.
    pub releases: Vec<RouteRelease>,
}

/// A release's part.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RouteRelease {
    /// The release.
    pub release: ReleaseNumber,
    /// Its share.
    pub share: Share,
    /// Who may come in.
    pub door: crate::table::Door,
    /// How many instances take work.
    pub endpoints: usize,
}

/// How an instance stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EndpointState {
    /// The service.
    pub service: Subject,
    /// The release.
    pub release: ReleaseNumber,
    /// It gets no new work.
    pub draining: bool,
    /// What all workers of all members see of it.
    #[serde(flatten)]
    pub report: EndpointReport,
}

/// What is seen of an instance.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct EndpointReport {
    /// Its address.
    pub address: String,
    /// Requests that it has under way.
    pub claims: u64,
    /// How it does: the worst that is seen.
    #[serde(default)]
    pub health: Health,
    /// What it said when it was asked last how it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub heard: Option<String>,
}

impl EndpointReport {
    /// Together with what another worker sees.
    pub fn add(&mut self, other: &Self) {
        self.claims += other.claims;
        if other.health > self.health {
            self.health = other.health;
        }
        if self.heard.is_none() {
            self.heard.clone_from(&other.heard);
        }
    }
}

/// How an instance does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Health {
    /// It is given work.
    #[default]
    Good,
    /// It was asked how it is, and has not answered well yet.
    Unproven,
    /// It answered well once, and does so no more.
    Sick,
    /// Its answers to clients were bad: it rests for a while.
    Ejected,
}

/// What a member has under way.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MemberReport {
    /// The member.
    pub member: Run,
    /// It takes no new clients.
    pub retiring: bool,
    /// What each of its workers has; nothing for one that did not answer.
    pub workers: Vec<Option<WorkerReport>>,
}

/// What a worker has under way.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct WorkerReport {
    /// The connections of clients.
    pub clients: usize,
    /// What each release has.
    pub pools: Vec<PoolReport>,
}

/// What a release has under way at a worker.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PoolReport {
    /// The service.
    pub service: Subject,
    /// The release.
    pub release: ReleaseNumber,
    /// Requests under way, under whatever table they began.
    pub claims: u64,
    /// Of them, by instance of the table that is served by.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub endpoints: Vec<EndpointReport>,
}
