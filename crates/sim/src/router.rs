//! Routers that move no traffic: they hold tables, fall silent, restart, and count open work.

use crate::delivery::deliver;
use crate::fault::Fault;
use crate::later::Later;
use crate::platform::never;
use crate::world::{Happening, SharedWorld, World};
use engine::command::{Act, Command, Reply, Table};
use engine::driver::{Blind, Router};
use engine::facts::{Fence, RouterFacts};
use engine::few::Few;
use engine::observe::{MemberLook, OpenWork, RouterLook};
use engine::store::{Pending, Position};
use model::{ReleaseNumber, Span, Subject};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

/// The driver of one controller.
pub struct SimRouter {
    world: SharedWorld,
    told: Arc<Mutex<BTreeMap<String, (Position, Table)>>>,
}

impl SimRouter {
    /// A driver in a fresh process.
    pub fn new(world: SharedWorld) -> Self {
        Self { world, told: Arc::default() }
    }
}

impl Router for SimRouter {
    fn facts(&self) -> RouterFacts {
        let facts = self.world.lock().facts.router.clone();
        facts
            .unwrap_or_else(|| engine::facts::Facts::one_machine().router.unwrap_or_else(|| unreachable!("it has one")))
    }

    fn ensure(&self, command: Command) -> Pending<'static, Reply> {
        let Act::Table(table) = &command.act else { return never(&self.world, &command) };
        let table = table.clone();
        let (members, fence) = {
            let world = self.world.lock();
            (world.members.len(), world.facts.router.as_ref().map_or(Fence::Compare, |router| router.fence))
        };
        let mut replies = Vec::new();
        for member in 0..members {
            let generation = command.generation;
            let happening = move |command| Happening::Table(member, command);
            let reply = deliver(&self.world, &command, fence, happening, move |world| {
                let seen = &world.members[member];
                if seen.silent_until > world.now {
                    return Reply::Unknown(format!("{} is silent", seen.name));
                }
                if world.fence_admits(fence, seen.generation, generation) {
                    Reply::Accepted
                } else {
                    Reply::Superseded(seen.generation)
                }
            });
            replies.push(reply);
        }
        let told = Arc::clone(&self.told);
        let generation = command.generation;
        Box::pin(async move {
            let mut all = Reply::Accepted;
            for (member, reply) in replies.into_iter().enumerate() {
                match reply.await {
                    Reply::Accepted => {
                        let mut told = told.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
                        told.insert(member_name(member), (generation, table.clone()));
                    }
                    other => all = other,
                }
            }
            all
        })
    }

    fn observe(&self, _: Subject) -> Pending<'static, Result<RouterLook, Blind>> {
        let mut world = self.world.lock();
        let now = world.now;
        if world.strikes(Fault::Blind, 25) {
            drop(world);
            return Later::at(&self.world, now + Span(2_000), Err(Blind("timed out".into())));
        }
        let at = now + Span(world.random.between(1, 40));
        let facts = world.facts.router.clone();
        let told = self.told.lock().unwrap_or_else(std::sync::PoisonError::into_inner).clone();
        let unfenced = facts.as_ref().is_some_and(|facts| facts.fence == Fence::None);
        let counts = facts.as_ref().is_some_and(|facts| facts.counts_open_work);
        let members = world.members.iter().map(|member| {
            let look = (member.silent_until <= now).then(|| MemberLook {
                // Without a tag to read back, the driver compares what is there with what it told.
                generation: match told.get(&member.name) {
                    _ if !unfenced => member.generation,
                    Some((generation, table)) if *table == member.table => *generation,
                    Some(_) | None => Position(0),
                },
                intent: Some(member.table.intent.clone()),
                open: if counts { world.open_work(&member.table) } else { Few::new() },
            });
            (member.name.clone(), look)
        });
        let look = RouterLook { members: members.collect() };
        drop(world);
        Later::at(&self.world, at, Ok(look))
    }
}

/// The name of a router by its number.
pub fn member_name(number: usize) -> String {
    format!("gateway-{number}")
}

impl World {
    /// Whether a table lets a router send work to an instance.
    pub fn sends(table: &Table, release: ReleaseNumber, number: u32) -> bool {
        table.intent.hold().is_none()
            && table.intent.reaches(release)
            && table.drained_from.get(&release).is_none_or(|from| number < *from)
    }

    fn open_work(&self, table: &Table) -> Few<ReleaseNumber, OpenWork> {
        let mut open = Few::new();
        for (release, sim) in &self.releases {
            let mut work = OpenWork::default();
            for (number, instance) in &sim.instances {
                let sends = World::sends(table, *release, *number);
                let busy = sends || instance.left_at.is_some_and(|left| self.now.since(left) < instance.tail);
                let leaving = table.drained_from.get(release).is_some_and(|from| number >= from);
                work.all += u64::from(busy);
                work.leaving += u64::from(busy && leaving);
            }
            open.insert(*release, work);
        }
        open
    }

    /// A router takes a table.
    pub fn take_table(&mut self, member: usize, command: &Command) {
        let Act::Table(table) = &command.act else { return };
        self.check_written(command);
        let fence = self.facts.router.as_ref().map_or(Fence::Compare, |router| router.fence);
        let (newest, silent) = (self.members[member].generation, self.members[member].silent_until > self.now);
        if silent || !self.fence_admits(fence, newest, command.generation) {
            return;
        }
        if command.generation < newest && fence != Fence::None {
            self.broken(format!("{} took generation {} after {newest}", member_name(member), command.generation));
        }
        if self.members[member].generation == command.generation && self.members[member].table == *table {
            return;
        }
        self.tell(|| format!("{}: table {} {}", member_name(member), command.generation, words(table)));
        let before = std::mem::replace(&mut self.members[member].table, table.clone());
        self.members[member].generation = command.generation;
        let now = self.now;
        for (release, sim) in &mut self.releases {
            for (number, instance) in &mut sim.instances {
                if World::sends(&before, *release, *number) && !World::sends(table, *release, *number) {
                    instance.left_at = Some(now);
                }
            }
        }
        self.check_tables();
    }

    /// A router says nothing for a while.
    pub fn silence_member(&mut self) {
        if self.members.is_empty() {
            return;
        }
        let long = self.troubled && self.random.percent(30);
        let lasts = if long { self.random.between(90_000, 250_000) } else { self.random.between(1_000, 25_000) };
        let until = self.now + Span(lasts);
        let member = usize::try_from(self.random.between(0, self.members.len() as u64 - 1)).unwrap_or(0);
        self.inject(Fault::RouterSilent);
        self.members[member].silent_until = until;
    }

    /// A router restarts with the table that it saved.
    pub fn restart_member(&mut self) {
        if self.members.is_empty() {
            return;
        }
        let until = self.now + Span(self.random.between(50, 2_000));
        let member = usize::try_from(self.random.between(0, self.members.len() as u64 - 1)).unwrap_or(0);
        self.inject(Fault::RouterRestart);
        self.members[member].silent_until = until;
    }
}

/// A table in a few words.
pub fn words(table: &Table) -> String {
    let mut words: Vec<String> =
        table.intent.lanes().iter().map(|lane| format!("{}={}", lane.release, lane.share)).collect();
    words.extend(table.intent.hold().map(|hold| format!("{hold:?}")));
    words.extend(table.drained_from.iter().map(|(release, from)| format!("{release} drains from {from}")));
    words.join(" ")
}
