//! Tables from a file, for a gateway without a controller. A file that cannot be read changes nothing.

use super::Gateway;
use super::change::Phase;
use crate::file;
use crate::table::{Checked, Faults, Newcomer};
use model::text::{Code, Fault, Report, SOURCE_BYTES_MAX, Source, Yaml};
use model::{Name, Share, Subject};
use serde_json::json;
use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::{MutexGuard, PoisonError};
use wire::Table;
use wire::control::Answer;

/// What the one service of a file is called where it has no name.
const NAME: &str = "gateway";

/// What tells that a file has changed: when it was written, which file it is, and how large.
type Stamp = (i64, i64, u64, u64);

/// The file, as it was seen last.
#[derive(Debug)]
pub(crate) struct Config {
    path: Option<PathBuf>,
    /// As it was when it was read.
    seen: Option<Stamp>,
    /// As it was seen before, if that was another: it may be half written.
    fresh: Option<Stamp>,
    problem: Option<String>,
}

/// Why a file has no tables.
#[derive(Debug)]
pub enum Unreadable {
    /// It cannot be read.
    Io(io::Error),
    /// It can, and this is wrong with it.
    Report(Report),
}

impl std::fmt::Display for Unreadable {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Io(error) => error.fmt(f),
            Self::Report(report) => report.fmt(f),
        }
    }
}

impl Config {
    pub(crate) fn new(path: Option<PathBuf>) -> Self {
        Self { path, seen: None, fresh: None, problem: None }
    }

    /// What is wrong with the file since it was read last.
    pub(crate) fn problem(&self) -> Option<String> {
        self.problem.clone()
    }

    /// Whether the file is another than it was, and nobody is writing it any more: half of a file may be one
    /// that leaves services out.
    fn has_changed(&mut self) -> bool {
        let stamp = self.stamp();
        let changed = stamp != self.seen && stamp == self.fresh;
        self.fresh = stamp;
        changed
    }

    fn stamp(&self) -> Option<Stamp> {
        let file = fs::metadata(self.path.as_ref()?).ok()?;
        Some((file.mtime(), file.mtime_nsec(), file.ino(), file.len()))
    }
}

impl Gateway {
    pub(crate) fn locked_config(&self) -> MutexGuard<'_, Config> {
        self.config.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Reads the file again if it is another than it was.
    pub(crate) fn look_at_config(&self) {
        if self.locked_config().has_changed() {
            self.read_config();
        }
    }

    /// Reads the file, and serves by what it says.
    pub(crate) fn read_config(&self) {
        let mut config = self.locked_config();
        let Some(path) = config.path.clone() else { return };
        config.seen = config.stamp();
        let log = self.settings.log;
        config.problem = match read(&path) {
            Ok(tables) => self.serve_only(tables),
            Err(Unreadable::Io(error)) => {
                let problem = format!("{}: {error}", path.display());
                log.error("the configuration cannot be read; what was served before still is", &[("why", &problem)]);
                Some(problem)
            }
            Err(Unreadable::Report(report)) => {
                for problem in &report.problems {
                    let place = format!("{}:{}:{}", problem.file, problem.line, problem.column);
                    let fields: [(&str, &dyn std::fmt::Display); 4] =
                        [("at", &place), ("code", &problem.code), ("why", &problem.message), ("help", &problem.help)];
                    log.error("the configuration is not in order; what was served before still is", &fields);
                }
                let first = report.problems.first();
                first.map(|first| format!("{}:{}:{}: {}", first.file, first.line, first.column, first.message))
            }
        };
    }

    /// Serves by these tables and by no others. A service whose table is what it was keeps its generation.
    fn serve_only(&self, tables: Vec<Table>) -> Option<String> {
        let mut problem = None;
        let named: BTreeSet<Subject> = tables.iter().map(|table| table.service.clone()).collect();
        for mut table in tables {
            let (phase, known, newest) = {
                let tables = self.locked_tables();
                (tables.phase, tables.all.get(&table.service).cloned(), tables.newest(&table.service))
            };
            table.generation = newest.unwrap_or(0);
            let same = known.as_ref().is_some_and(|known| *known.table == table);
            if same && phase == Phase::Leading && known.is_some_and(|known| !known.unproven) && self.saved.has(&table) {
                continue;
            }
            table.generation += u64::from(!same);
            let service = table.service.clone();
            if let answer @ (Answer::Faulty(_) | Answer::Superseded(_) | Answer::Undecided(_)) = self.take(table) {
                self.settings.log.error("a table is not live", &[("service", &service), ("why", &why(&answer))]);
                problem = Some(format!("{service}: {}", why(&answer)));
            }
        }
        let unnamed: Vec<(Subject, u64)> = {
            let tables = self.locked_tables();
            let others = tables.all.iter().filter(|(service, _)| !named.contains(*service));
            others.map(|(service, served)| (service.clone(), served.table.generation + 1)).collect()
        };
        for (service, generation) in unnamed {
            self.remove(&service, generation);
        }
        problem
    }
}

/// Why a table is not live, for people.
fn why(answer: &Answer) -> String {
    match answer {
        Answer::Faulty(why) | Answer::Refused(why) => why.clone(),
        Answer::Superseded(newer) => format!("generation {newer} is newer"),
        other => format!("some do not answer: {other:?}"),
    }
}

/// The tables that a file describes.
pub fn read(path: &Path) -> Result<Vec<Table>, Unreadable> {
    let bytes = file::read(path, SOURCE_BYTES_MAX).map_err(Unreadable::Io)?;
    let text = String::from_utf8(bytes).map_err(|_| Unreadable::Io(io::Error::other("it is no text in UTF-8")))?;
    parse(Source { name: &path.display().to_string(), text: &text }).map_err(Unreadable::Report)
}

/// The tables that a text describes: one for each document, or for each item below `services:`.
pub fn parse(source: Source<'_>) -> Result<Vec<Table>, Report> {
    let mut services = Vec::new();
    let (mut faults, mut hidden) = (Vec::new(), Vec::new());
    for mut document in Yaml::documents(source)? {
        // The key that cookies are signed with.
        hidden.extend(document.hidden("key"));
        match document.take("services") {
            Some(listed) => {
                if let Some(key) = document.keys().first() {
                    let help = "it belongs to one of the services: indent it, or remove `services:`";
                    faults.push(document.fault(Code::ChooseOne, format!("`{key}` stands beside `services`"), help));
                }
                services.extend(listed.items());
            }
            None => services.push(document),
        }
    }
    let mut tables: Vec<Table> = Vec::new();
    for service in &mut services {
        match table(service) {
            Ok(table) if tables.iter().any(|known| known.service == table.service) => {
                let message = format!("`{}` is described twice", table.service);
                faults.push(service.fault(Code::DuplicateService, message, "give each its own name with `service:`"));
            }
            Ok(table) => match Checked::new(table.clone()) {
                Ok(_) => {
                    let (newcomer, mut wrong) = (Newcomer::new(&table), Faults::default());
                    tables.iter().for_each(|other| newcomer.beside(other, &mut wrong));
                    faults.extend(told(service, &wrong));
                    tables.push(table);
                }
                Err(wrong) => faults.extend(told(service, &wrong)),
            },
            Err(fault) => faults.push(fault),
        }
    }
    if tables.is_empty() && faults.is_empty() {
        // Nobody means to end everything by a file that has just been begun.
        let help = "the least that is needed:\nlisten: \":8080\"\nendpoints: \"127.0.0.1:9001\"";
        faults.push(Fault::of_all(Code::Empty, "there is no service in this file", help));
    }
    if faults.is_empty() { Ok(tables) } else { Err(Fault::report(source, &faults, &hidden)) }
}

/// What is wrong with a table, where it stands.
fn told(service: &Yaml, wrong: &Faults) -> Vec<Fault> {
    let help = "correct it; until then what was served before still is";
    wrong.list().iter().map(|wrong| service.fault_at(&wrong.place, Code::BadValue, &wrong.what, help)).collect()
}

/// What nobody has to write stands as everybody would have written it.
fn table(service: &mut Yaml) -> Result<Table, Fault> {
    let name = service.take("service").map(|name| name.read::<String>()).transpose()?;
    let name = name.unwrap_or_else(|| NAME.into());
    let subject = match Name::new(&name) {
        Ok(_) => format!("service/{name}/production/local"),
        Err(_) if name.contains('/') => name.clone(),
        Err(error) => return Err(service.fault(Code::BadName, error.to_string(), "write it as `service: shop`")),
    };
    service.set("service", &json!(subject));
    service.set("salt", &json!(name));
    service.set("generation", &json!(0));
    if !service.has("lanes")
        && let Some(endpoints) = service.take("endpoints")
    {
        service.set("lanes", &json!([{}]));
        let lanes = service.take("lanes").map(Yaml::items).unwrap_or_default();
        let lanes: Vec<Yaml> = lanes.into_iter().map(|lane| lane.with("endpoints", endpoints.clone())).collect();
        service.put("lanes", Yaml::list(lanes, &endpoints));
    }
    if let Some(lanes) = service.take("lanes") {
        let place = lanes.clone();
        service.put("lanes", Yaml::list(complete(lanes.items())?, &place));
    }
    service.read()
}

/// Releases are numbered as they stand, and those without a share have equal parts of what is left.
fn complete(mut lanes: Vec<Yaml>) -> Result<Vec<Yaml>, Fault> {
    let mut rest = Share::ALL.basis_points();
    let mut without = Vec::new();
    for (index, lane) in lanes.iter_mut().enumerate() {
        lane.set("release", &json!(index + 1));
        let open = lane.take("door").map(|door| {
            let open = door.read::<wire::table::Door>().map(|door| door == wire::table::Door::Open);
            lane.put("door", door);
            open
        });
        match lane.take("share") {
            Some(share) => {
                rest = rest.saturating_sub(share.read::<Share>()?.basis_points());
                lane.put("share", share);
            }
            None if open.transpose()?.unwrap_or(true) => without.push(index),
            None => lane.set("share", &json!("0%")),
        }
    }
    let count = u16::try_from(without.len()).unwrap_or(u16::MAX).max(1);
    for (nth, index) in without.into_iter().enumerate() {
        let odd = u16::from(u16::try_from(nth).unwrap_or(u16::MAX) < rest % count);
        let share = Share::from_basis_points(rest / count + odd).unwrap_or_default();
        if let Some(lane) = lanes.get_mut(index) {
            lane.set("share", &json!(share.to_string()));
        }
    }
    Ok(lanes)
}
