//! What happens to instances and gateways while clients ask.

use super::checker::{Switch, Switched};
use super::gateway::Gateway;
use super::ledger::Ledger;
use super::now;
use super::origin::{Ending, Instance};
use model::{ReleaseNumber, Share, Subject};
use std::sync::Arc;
use std::thread::sleep;
use std::time::Duration;
use wire::Table;
use wire::table::{Care, Door, Endpoint, Lane, Retries};

/// How often each thing happens.
#[derive(Clone, Copy, Debug)]
pub(super) struct Course {
    pub(super) swaps: usize,
    pub(super) drains: usize,
    pub(super) replacements: usize,
    pub(super) kills: usize,
    pub(super) crashes: usize,
}

impl Course {
    /// Nothing happens.
    pub(super) const NONE: Course = Course { swaps: 0, drains: 0, replacements: 0, kills: 0, crashes: 0 };
}

/// Between two things that happen.
const PAUSE: Duration = Duration::from_millis(60);
/// How long an instance that crashed is away.
const AWAY: Duration = Duration::from_millis(100);
/// A drain that takes longer has gone wrong.
const DRAIN_LOOKS_MAX: u32 = 3_000;
const LOOK_EVERY: Duration = Duration::from_millis(20);
/// How many instances a release has.
const INSTANCES: usize = 2;
/// What each release gets by default.
const HALF: Share = Share::percent(50);

/// Two releases and what serves them.
pub(super) struct World {
    pub(super) gateway: Gateway,
    ledger: Arc<Ledger>,
    releases: [Vec<Instance>; 2],
    generation: u64,
    pub(super) switched: Vec<Switched>,
}

impl World {
    /// A gateway with two instances for each of two releases.
    pub(super) fn new(gateway: Gateway, ledger: Arc<Ledger>) -> Result<Self, String> {
        let releases = [fleet(&ledger)?, fleet(&ledger)?];
        let mut world = Self { gateway, ledger, releases, generation: 0, switched: Vec::new() };
        world.route(HALF, Door::Open)?;
        Ok(world)
    }

    /// Lets all of it happen, well mixed.
    pub(super) fn run(&mut self, course: Course) -> Result<(), String> {
        let each = [
            (Switch::Swap, course.swaps),
            (Switch::Replacement, course.replacements),
            (Switch::Drain, course.drains),
            (Switch::Kill, course.kills),
            (Switch::Crash, course.crashes),
        ];
        let steps = each.iter().map(|(_, count)| *count).max().unwrap_or_default();
        let mut begun = [0; 5];
        for step in 1..=steps {
            for ((what, count), begun) in each.iter().zip(&mut begun) {
                // Each is spread over the whole course; a drain follows a replacement whose one before still has work.
                while *begun < count * step / steps {
                    *begun += 1;
                    sleep(PAUSE);
                    self.happen(*what, *begun)?;
                }
            }
        }
        Ok(())
    }

    fn happen(&mut self, what: Switch, turn: usize) -> Result<(), String> {
        let from = now();
        let to = match what {
            Switch::Swap => {
                self.route(if turn.is_multiple_of(2) { HALF } else { Share::percent(30) }, Door::Open)?;
                now()
            }
            Switch::Drain => return self.drain(turn % 2),
            Switch::Replacement => {
                self.gateway.replace()?;
                now()
            }
            Switch::Crash => {
                self.crash(turn)?;
                now()
            }
            Switch::Kill => {
                let (from, to) = self.gateway.kill()?;
                self.switched.push(Switched { what, from, to });
                return Ok(());
            }
        };
        self.switched.push(Switched { what, from, to });
        Ok(())
    }

    /// Gives a release no new work, waits until what it has is over, stops its instances, and starts new ones.
    fn drain(&mut self, index: usize) -> Result<(), String> {
        let from = now();
        let first = if index == 0 { Share::NONE } else { Share::ALL };
        self.route(first, Door::Closed)?;
        self.switched.push(Switched { what: Switch::Drain, from, to: now() });
        let release = number(index);
        for look in 0.. {
            if self.gateway.claims(release)? == Some(0) {
                break;
            }
            if look == DRAIN_LOOKS_MAX {
                return Err(format!("the drain of release {release} has no end"));
            }
            sleep(LOOK_EVERY);
        }
        let new = fleet(&self.ledger)?;
        let old = std::mem::replace(&mut self.releases[index], new);
        old.into_iter().for_each(|instance| instance.end(Ending::Stopped));
        self.route(HALF, Door::Open)
    }

    /// An instance dies with all that it has, and comes back where it was.
    fn crash(&mut self, turn: usize) -> Result<(), String> {
        let instances = &mut self.releases[turn % 2];
        let instance = instances.remove(0);
        let port = instance.address.port();
        instance.end(Ending::Crashed);
        sleep(AWAY);
        instances.push(Instance::start(&self.ledger, port).map_err(|error| error.to_string())?);
        Ok(())
    }

    /// A new table: so much for the first release, the rest for the other one. Who gets nothing has this door.
    fn route(&mut self, first: Share, door: Door) -> Result<(), String> {
        self.generation += 1;
        let lanes = self.releases.iter().zip([first, first.rest()]).enumerate().map(|(index, (instances, share))| {
            let endpoints = instances.iter().map(|instance| Endpoint::new(instance.address.to_string()));
            let lane = Lane::new(ReleaseNumber(number(index)), share, endpoints.collect());
            Lane { door: if share.is_none() { door } else { Door::Open }, ..lane }
        });
        let service = Subject::from_text("service/shop/production/local");
        // A crash makes a fourth of all requests fail at once: the share that may be asked again is not what is
        // looked at here.
        let retries = Retries { budget: Share::ALL, per_second_min: 1_000, ..Retries::default() };
        let care = Care { retries, ..Care::default() };
        self.gateway.take(Table { salt: "salt".into(), care, ..Table::new(service, self.generation, lanes.collect()) })
    }
}

fn fleet(ledger: &Arc<Ledger>) -> Result<Vec<Instance>, String> {
    (0..INSTANCES).map(|_| Instance::start(ledger, 0).map_err(|error| error.to_string())).collect()
}

fn number(index: usize) -> u32 {
    index as u32 + 1
}
