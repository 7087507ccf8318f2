//! What a seed stands for: a service, its releases and how they behave, what the drivers can do.

mod service;

use crate::random::Random;
use crate::router::member_name;
use crate::services::{make_an_alias, name};
use crate::target::Tag;
use crate::world::{Behaviour, Member, SimFlag, World};
use engine::command::Table;
use engine::facts::{Facts, Fence};
use model::plan::FlagSetting;
use model::service::{Service, UnwindingPolicy};
use model::{Digest, Release, ReleaseNumber, Share, Span, Time};
use service::{Traffics, service, strategy};
use std::collections::BTreeMap;
use std::sync::Arc;

/// What a seed stands for.
pub struct Scenario {
    /// The service, as its first release was configured.
    pub service: Service,
    /// What the drivers can do.
    pub facts: Facts,
    /// How many routers there are.
    pub members: u64,
    /// Whether an autoscaler owns the number of instances.
    pub autoscaled: bool,
    /// Whether the seed is about what seldom happens: halts, pauses, waits on the way back.
    pub troubled: bool,
}

impl Scenario {
    /// The scenario of a seed, for a service of this name.
    pub fn new(service_name: &str, random: &mut Random) -> Self {
        let autoscaled = random.percent(15);
        let mut facts = facts(random);
        facts.sources.insert(name("numbers"));
        let mut service = service(service_name, random, autoscaled);
        if service.traffic.is_none() {
            facts.router = None;
        }
        if facts.router.as_ref().is_some_and(|router| !router.sticks)
            && let Some(traffic) = &mut service.traffic
        {
            traffic.sticky = None;
        }
        if facts.migrations == Some(Fence::None) {
            // Without a fence a longer one is refused.
            let migrations = service.database.iter_mut().flat_map(|database| &mut database.migrations);
            migrations.for_each(|migration| migration.timeout = Span::seconds(20));
        }
        let members = if facts.router.is_some() { random.between(1, 3) } else { 0 };
        let troubled = random.percent(72);
        if troubled {
            trouble(&mut service, random);
        }
        Self { service, facts, members, autoscaled, troubled }
    }

    /// Puts the scenario into a world.
    pub fn furnish(&self, world: &mut World) {
        for number in 0..self.members {
            world.members.push(Member {
                name: member_name(usize::try_from(number).unwrap_or(0)),
                tag: Tag::default(),
                table: Table::default(),
                silent_until: Time(0),
            });
        }
        world.troubled = self.troubled;
        if self.autoscaled {
            world.autoscaled = Some(self.service.instances.count);
        }
        for change in &self.service.flags {
            let flag = SimFlag { setting: change.from.clone(), killed: false, tag: Tag::default() };
            world.flags.insert(change.flag.clone(), flag);
        }
    }

    /// A release of the service: a little different each time.
    pub fn release(&self, number: u32, random: &mut Random, world: &mut World) -> Arc<Release> {
        let release = ReleaseNumber(number);
        let behaviour = if number == 1 {
            Behaviour::Good
        } else {
            match random.between(0, 19) {
                0..=11 => Behaviour::Good,
                12..=13 => Behaviour::NeverReady,
                14 => Behaviour::CrashLoop,
                15..=16 => Behaviour::Bad,
                _ => Behaviour::BadAfter(Span(random.between(2_000, 20_000))),
            }
        };
        world.behaviours.insert(release, behaviour);
        let mut service = self.service.clone();
        service.run.version = format!("1.{number}.0");
        if number > 1 && random.percent(60) {
            service.strategy = strategy(random, Traffics::of(service.traffic.as_ref()));
        }
        if let Some(database) = &mut service.database {
            for migration in &mut database.migrations {
                migration.name = name(&format!("change-{number}"));
            }
        }
        for flag in &mut service.flags {
            flag.from = match world.flags.get(&flag.flag) {
                Some(sim) if !sim.killed => sim.setting.clone(),
                Some(_) | None => flag.from.clone(),
            };
            flag.to = FlagSetting { variant: name(&format!("v{number}")), share: Share::ALL };
        }
        let artifact = Digest::of(format!("artifact {number}").as_bytes());
        Arc::new(Release { number: release, artifact, service, secrets: BTreeMap::new(), variants: BTreeMap::new() })
    }
}

/// A service whose landings often wait, halt and go back slowly.
fn trouble(service: &mut Service, random: &mut Random) {
    if random.percent(60) {
        let hold = Span(random.between(2_000, 6_000));
        service.rollback.unwinding = UnwindingPolicy::Gradual { parts: 4, hold };
    }
    service.undecided.wait = Span(random.between(40_000, 90_000));
    service.undecided.exposure = Share::ALL;
    for migration in service.database.iter_mut().flat_map(|database| &mut database.migrations) {
        migration.reversible = random.percent(25);
    }
}

fn facts(random: &mut Random) -> Facts {
    let mut facts = Facts::one_machine();
    let fences = [Fence::Compare, Fence::Compare, Fence::Tagged, Fence::Tagged, Fence::None];
    facts.platform.fence = *random.pick(&fences);
    if let Some(router) = &mut facts.router {
        router.fence = *random.pick(&fences);
        if random.percent(25) {
            router.counts_open_work = false;
        }
    }
    if random.percent(12) {
        make_an_alias(&mut facts);
    }
    facts.hooks = Some(*random.pick(&fences));
    facts.migrations = Some(*random.pick(&fences));
    facts.flags = Some(*random.pick(&fences));
    facts
}
