//! Routers that move no traffic: they hold tables, fall silent, restart, and count open work.

use crate::delivery::deliver;
use crate::fault::Fault;
use crate::later::{later, never};
use crate::platform::cannot;
use crate::story::Teller;
use crate::target::Cause;
use crate::words::table_words;
use crate::world::{SharedWorld, World};
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
        let Act::Table(table) = &command.act else { return cannot(&self.world, &command) };
        let table = table.clone();
        let members = self.world.lock().members.len();
        let replies: Vec<_> = (0..members).map(|member| deliver(&self.world, &command, member)).collect();
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
        if world.are_drivers_stuck() {
            return never();
        }
        if world.strikes(Fault::Blind, 25) {
            drop(world);
            return later(&self.world, now + Span(2_000), Err(Blind("timed out".into())));
        }
        let at = now + Span(world.random.between(1, 40));
        let facts = world.facts.router.clone();
        let told = self.told.lock().unwrap_or_else(std::sync::PoisonError::into_inner).clone();
        let fence = facts.as_ref().map_or(Fence::Compare, |facts| facts.fence);
        let counts = facts.as_ref().is_some_and(|facts| facts.counts_open_work);
        let members = world.members.iter().map(|member| {
            let look = (member.silent_until <= now).then(|| MemberLook {
                // Without a tag to read back, the driver compares what is there with what it told.
                generation: match told.get(&member.name) {
                    _ if fence != Fence::None => world.shown(fence, &member.tag, &member.table),
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
        later(&self.world, at, Ok(look))
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
    pub fn take_table(&mut self, member: usize, command: &Command, cause: Cause) {
        let Act::Table(table) = &command.act else { return };
        let same = self.members[member].tag.generation == command.generation && self.members[member].table == *table;
        if same {
            return;
        }
        self.tell(Teller::Router, || {
            format!("{}: {} (generation {})", member_name(member), table_words(table), command.generation)
        });
        let before = std::mem::replace(&mut self.members[member].table, table.clone());
        if let Some((rollout, candidate)) =
            self.checker.state.rollout.as_deref().map(|rollout| (rollout.number, rollout.plan.candidate))
        {
            self.note_exposure(rollout, candidate);
        }
        let now = self.now;
        // Work that came by what strayed, and that no look could show, is the stray's own.
        let counted = self.releases.iter_mut().filter(|_| cause == Cause::Command);
        for (release, sim) in counted {
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
