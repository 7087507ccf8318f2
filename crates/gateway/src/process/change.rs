//! Tables come, change and go: one change after the other, each in all workers of all members.

use super::Gateway;
use super::problems::Problems;
use crate::fleet::NotLive;
use crate::table::{Faults, Newcomer, addresses};
use crate::worker::Refused;
use model::Subject;
use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use wire::Table;
use wire::control::{Answer, Live, Request};
use wire::problem::Kind;

/// What a gateway serves by.
#[derive(Debug, Default)]
pub(crate) struct Tables {
    pub(crate) all: BTreeMap<Subject, Served>,
    /// The generations at which services were removed.
    pub(crate) removed: BTreeMap<Subject, u64>,
    pub(crate) problems: Problems,
    pub(crate) phase: Phase,
}

/// One service's table.
#[derive(Clone, Debug)]
pub(crate) struct Served {
    pub(crate) table: Arc<Table>,
    /// It was saved before the machine was started.
    pub(crate) unproven: bool,
}

/// What a member may do with tables.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Phase {
    /// It reads what was saved, and saves nothing.
    #[default]
    Starting,
    /// It takes tables from the controller, saves them, and passes them on.
    Leading,
    /// It takes them from the one that leads.
    Following,
}

impl Tables {
    /// Where all of them are to be served.
    pub(crate) fn addresses(&self) -> BTreeSet<SocketAddr> {
        // Each was checked when it came.
        self.all.values().flat_map(|served| addresses(&served.table).unwrap_or_default()).collect()
    }

    /// The newest generation of a service, whether it is served or was removed.
    pub(crate) fn newest(&self, service: &Subject) -> Option<u64> {
        let served = self.all.get(service).map(|served| served.table.generation);
        served.max(self.removed.get(service).copied())
    }
}

impl Gateway {
    /// Serves by a table; live in every worker of every member when it returns so.
    pub(crate) fn take(&self, table: Table) -> Answer {
        let mut tables = self.locked_tables();
        let (service, generation) = (table.service.clone(), table.generation);
        let apart = self.keeps_apart(&table).and_then(|()| self.stands_alone(&tables, &table));
        if let Err(answer) = self.answered(apart.and_then(|()| self.fleet.take(table.clone()))) {
            return answer;
        }
        let table = Arc::new(table);
        tables.removed.remove(&service);
        tables.problems.remove(Kind::TableUnserved, service.as_str());
        tables.all.insert(service.clone(), Served { table: Arc::clone(&table), unproven: false });
        let unsaved = self.open_and_save(&mut tables, &service, || self.saved.save(&table));
        if tables.phase == Phase::Leading {
            self.settings.log.info("serves by a table", &[("service", &service), ("generation", &generation)]);
        }
        self.everywhere(
            &tables,
            &Request::Table(Box::new((*table).clone())),
            Live { generation, unsaved, ..Live::default() },
        )
    }

    /// What a table from a controller may not say beside those that are live: it alone is refused. Those of a file
    /// were looked at together, and come one after the other; an older one is refused for its age.
    fn stands_alone(&self, tables: &Tables, table: &Table) -> Result<(), NotLive> {
        let is_old = tables.newest(&table.service).is_some_and(|newest| newest > table.generation);
        if tables.phase != Phase::Leading || self.settings.config.is_some() || is_old {
            return Ok(());
        }
        let (newcomer, mut faults) = (Newcomer::new(table), Faults::default());
        let others = tables.all.iter().filter(|(service, _)| **service != table.service);
        others.for_each(|(_, served)| newcomer.beside(&served.table, &mut faults));
        if faults.is_empty() { Ok(()) } else { Err(NotLive::Refused(Refused::Faulty(faults))) }
    }

    /// Serves a service no more.
    pub(crate) fn remove(&self, service: &Subject, generation: u64) -> Answer {
        let mut tables = self.locked_tables();
        if let Err(answer) = self.answered(self.fleet.remove(service, generation)) {
            return answer;
        }
        tables.all.remove(service);
        tables.removed.insert(service.clone(), generation);
        tables.problems.remove(Kind::TableUnserved, service.as_str());
        let unsaved = self.open_and_save(&mut tables, service, || self.saved.remove(service, generation));
        let request = Request::Remove { service: service.clone(), generation };
        self.everywhere(&tables, &request, Live { generation, unsaved, ..Live::default() })
    }

    fn answered(&self, result: Result<(), NotLive>) -> Result<(), Answer> {
        result.map_err(|not_live| match not_live {
            NotLive::Refused(Refused::Superseded(newer)) => Answer::Superseded(newer),
            NotLive::Refused(Refused::Faulty(faults)) => Answer::Faulty(faults.to_string()),
            NotLive::Unknown => Answer::Undecided(vec![self.run.clone()]),
        })
    }

    /// Listens where it is asked to, and writes down what is served before anybody hears that it is. Why
    /// it would not be served after a restart.
    fn open_and_save(
        &self,
        tables: &mut Tables,
        service: &Subject,
        save: impl FnOnce() -> io::Result<()>,
    ) -> Option<String> {
        if tables.phase == Phase::Following {
            return None;
        }
        if let Err(error) = self.sockets.want(self, self.wanted(tables)) {
            self.settings.log.error("the keeper was not asked to listen", &[("why", &error)]);
        }
        if tables.phase == Phase::Starting {
            return None;
        }
        self.note_saved(tables, service, save()).err().map(|error| error.to_string())
    }

    /// Whoever asks how the gateway is hears of what is not saved, until it is.
    fn note_saved(&self, tables: &mut Tables, service: &Subject, saved: io::Result<()>) -> io::Result<()> {
        let of = service.as_str();
        match &saved {
            Ok(()) => {
                tables.problems.remove(Kind::TableUnsaved, of);
                tables.problems.remove(Kind::TableUnreadable, &self.saved.file(service));
            }
            Err(error) => {
                self.settings.log.error("a table was not saved", &[("service", service), ("why", error)]);
                tables.problems.add(Kind::TableUnsaved, of.into(), error.to_string());
            }
        }
        saved
    }

    /// Saves what could not be saved when it came: whoever takes over begins with what is saved.
    pub(crate) fn save_again(&self, tables: &mut Tables) {
        let unsaved: Vec<Subject> = tables.problems.of(Kind::TableUnsaved).map(Subject::from_text).collect();
        for service in unsaved {
            let saved = match (tables.all.get(&service), tables.removed.get(&service)) {
                (Some(served), _) => self.saved.save(&served.table),
                (None, Some(generation)) => self.saved.remove(&service, *generation),
                (None, None) => Ok(()),
            };
            // It stands in the log already, where it fails again.
            let _ = self.note_saved(tables, &service, saved);
        }
    }

    /// Tells the members that go on for others, and waits for them.
    fn everywhere(&self, tables: &Tables, request: &Request, live: Live) -> Answer {
        // One that was adopted while others retired goes on to be the only one who can ask them.
        if tables.phase == Phase::Starting || (tables.phase == Phase::Following && !self.is_adopted()) {
            return Answer::Live(live);
        }
        let undecided = self.locked_siblings().tell(request);
        if !undecided.is_empty() {
            return Answer::Undecided(undecided);
        }
        let (_, deaf) = self.sockets.told();
        let asked: Vec<String> = match request {
            Request::Table(table) => addresses(table).unwrap_or_default().iter().map(ToString::to_string).collect(),
            _ => Vec::new(),
        };
        let deaf = deaf.into_iter().filter(|deaf| asked.contains(&deaf.address)).collect();
        Answer::Live(Live { deaf, ..live })
    }

    /// Takes what was saved since it was read last, as far as it is newer. What cannot be read concerns its
    /// own service alone.
    pub(crate) fn load(&self) {
        let log = self.settings.log;
        let found = self.saved.load();
        let mut tables = self.locked_tables();
        for (file, error) in &found.damaged {
            log.error("a saved table cannot be read", &[("file", file), ("why", error)]);
        }
        tables.problems.set(Kind::TableUnreadable, found.damaged);
        for (service, generation) in found.removed {
            if tables.newest(&service).is_none_or(|newest| newest < generation)
                && self.fleet.remove(&service, generation).is_ok()
            {
                tables.all.remove(&service);
                tables.removed.insert(service, generation);
            }
        }
        let mut unserved = BTreeMap::new();
        for (table, unproven) in found.tables {
            if tables.newest(&table.service).is_some_and(|newest| newest >= table.generation) {
                continue;
            }
            let service = table.service.clone();
            // After the machine has started anew, nobody serves already.
            let take = |table| if unproven { self.fleet.take(table) } else { self.fleet.take_up(table) };
            let taken = self.keeps_apart(&table).and_then(|()| take(table.clone()));
            match taken {
                Ok(()) => drop(tables.all.insert(service, Served { table: Arc::new(table), unproven })),
                Err(not_live) => {
                    log.error("a saved table cannot be served by", &[("service", &service), ("why", &not_live)]);
                    unserved.insert(service.to_string(), not_live.to_string());
                }
            }
        }
        tables.problems.set(Kind::TableUnserved, unserved);
    }
}
