//! Random services, standings and facts, the same for the same seed.

use crate::services::*;
use engine::facts::{Facts, RouterFacts};
use model::gate::Gates;
use model::intent::{Hold, Lane};
use model::service::*;
use model::standing::Standing;
use model::strategy::*;
use model::*;

/// A small generator (SplitMix64): enough to reach every corner, and repeatable.
pub(crate) struct Dice(pub(crate) u64);

impl Dice {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// From `low` to `high`, both inside.
    pub(crate) fn within(&mut self, low: u32, high: u32) -> u32 {
        low + (self.next() % u64::from(high - low + 1)) as u32
    }

    /// Once in so many times.
    pub(crate) fn once_in(&mut self, times: u32) -> bool {
        self.within(1, times) == 1
    }

    fn percent(&mut self) -> u16 {
        self.within(0, 100) as u16
    }

    fn amount(&mut self, most: u32) -> Amount {
        if self.once_in(2) {
            Amount::Count(self.within(0, most))
        } else {
            Amount::Share(Share::percent(self.percent()))
        }
    }

    fn some_checks(&mut self) -> Vec<CheckName> {
        ["errors", "latency", "health"].into_iter().filter(|_| self.once_in(3)).map(name).collect()
    }

    pub(crate) fn release(&mut self) -> Release {
        let mut service = if self.once_in(4) { mailer() } else { shop() };
        service.instances.count = if self.once_in(12) { self.within(50, 400) } else { self.within(1, 12) };
        service.instances.autoscaled = self.once_in(6);
        if self.once_in(8) {
            service.instances.singleton = true;
            service.instances.count = 1;
        }
        service.strategy = self.strategy();
        if self.once_in(2) || matches!(service.strategy, Strategy::Ab(_)) {
            sticky(&mut service);
        }
        service.checks.retain(|_| !self.once_in(8));
        self.ornaments(&mut service);
        if self.once_in(4) {
            service.rollback.window = Span::ZERO;
        }
        if self.once_in(4) {
            let parts = self.within(1, 4) as u16;
            service.rollback.unwinding = UnwindingPolicy::Gradual { parts, hold: Span::minutes(1) };
        }
        let mut release = release(8, service);
        release.variants.insert(name("newer"), number(self.within(5, 7)));
        release
    }

    fn ornaments(&mut self, service: &mut Service) {
        let points = [
            HookPoint::Before,
            HookPoint::AfterStart,
            HookPoint::BeforeRoute,
            HookPoint::AfterRoute,
            HookPoint::BeforePromote,
            HookPoint::After,
            HookPoint::OnRollback,
        ];
        for (index, point) in points.into_iter().enumerate() {
            if self.once_in(4) {
                service.hooks.push(hook(&format!("hook-{index}"), point));
            }
        }
        service.flags = if self.once_in(4) { vec![flag("new-cart")] } else { Vec::new() };
        service.notifications = if self.once_in(3) { people() } else { Vec::new() };
        service.gates = Gates {
            approval: approval().filter(|_| self.once_in(4)),
            calendar: Some(office_hours()).filter(|_| self.once_in(5)),
            webhooks: if self.once_in(5) { vec![webhook("board")] } else { Vec::new() },
        };
        if self.once_in(3) {
            let mut one = migration("split-name");
            one.backfill = self.once_in(2);
            one.contract = self.once_in(2);
            service.database = database(vec![one]);
        }
    }

    fn strategy(&mut self) -> Strategy {
        match self.within(0, 6) {
            0 => Strategy::Recreate(Recreate { hold: if self.once_in(2) { Hold::Parking } else { Hold::Maintenance } }),
            1 | 2 => Strategy::Rolling(Rolling {
                surge: self.amount(4),
                unavailable: self.amount(4),
                batch: self.amount(5),
                min_ready: Span::seconds(15),
                checks: self.some_checks(),
            }),
            3 => Strategy::BlueGreen(BlueGreen {
                preview: if self.once_in(2) { vec![cohort("staff")] } else { Vec::new() },
                approve: self.once_in(2),
                idle: Some(self.amount(4)).filter(|_| self.once_in(2)),
                checks: self.some_checks(),
                ..blue_green()
            }),
            4 => Strategy::Canary(Canary {
                growth: self.growth(),
                baseline: Some(self.amount(2)).filter(|_| self.once_in(4)),
            }),
            5 => self.experiment(),
            _ => Strategy::Shadow(Shadow {
                instances: Some(self.amount(6)).filter(|_| self.once_in(2)),
                checks: self.some_checks(),
                ..shadow(self.within(1, 100) as u16)
            }),
        }
    }

    fn growth(&mut self) -> Growth {
        if self.once_in(3) {
            let from = self.within(1, 30) as u16;
            return ramp(from, self.within(u32::from(from), 100) as u16, self.within(1, 40) as u16);
        }
        let mut at = 0;
        let steps = (0..self.within(1, 5)).map(|_| {
            at = (at + self.within(0, 40) as u16).min(100);
            CanaryStep {
                weight: Some(Share::percent(at)).filter(|_| !self.once_in(6)),
                instances: Some(self.amount(4)).filter(|_| self.once_in(6)),
                cohort: if self.once_in(5) { vec![cohort("beta")] } else { Vec::new() },
                approve: self.once_in(6),
                checks: self.some_checks(),
                ..weight(0)
            }
        });
        Growth::Steps(steps.collect())
    }

    fn experiment(&mut self) -> Strategy {
        let stable = self.percent().min(90);
        if self.once_in(2) {
            let two = vec![variant("old", Plays::Stable, stable), variant("new", Plays::Candidate, 100 - stable)];
            return ab(two, if self.once_in(2) { "old" } else { "new" });
        }
        let other = self.within(0, u32::from(100 - stable)) as u16;
        let three = vec![
            variant("old", Plays::Stable, stable),
            variant("new", Plays::Candidate, 100 - stable - other),
            variant("newer", Plays::Other, other),
        ];
        ab(three, ["old", "new", "newer"][self.within(0, 2) as usize])
    }

    pub(crate) fn standing(&mut self, service: &Service) -> Standing {
        if self.once_in(10) {
            return Standing::default();
        }
        if self.once_in(4) && service.traffic.is_some() && !service.instances.singleton {
            let mut standing = standing_with_warm(service, self.within(1, service.instances.count));
            if self.once_in(2) && service.traffic.as_ref().is_some_and(|traffic| traffic.sticky.is_some()) {
                let lanes = vec![Lane::open(number(6), Share::ALL), Lane::pinned(number(5))];
                standing.intent = Intent::new(lanes, None).expect("a whole");
            }
            return standing;
        }
        let mut standing = standing(service);
        if self.once_in(3) && !service.instances.singleton {
            standing.set_capacity(number(6), self.within(1, 14));
        }
        standing
    }

    pub(crate) fn facts(&mut self) -> Facts {
        let mut facts = if self.once_in(10) { serverless() } else { Facts::one_machine() };
        let rarely = 12;
        facts.platform.keeps_idle &= !self.once_in(rarely);
        facts.platform.releases_max = if self.once_in(rarely) { self.within(1, 3) } else { 16 };
        facts.platform.instances_max = Some(self.within(2, 30)).filter(|_| self.once_in(rarely));
        facts.hooks = facts.hooks.filter(|_| !self.once_in(rarely));
        facts.migrations = facts.migrations.filter(|_| !self.once_in(rarely));
        if self.once_in(2 * rarely) {
            facts.router = None;
        }
        if let Some(router) = &mut facts.router {
            let weight_step = if self.once_in(rarely) { Share::percent(5) } else { router.weight_step };
            *router = RouterFacts {
                releases_max: if self.once_in(rarely) { self.within(1, 3) } else { router.releases_max },
                weight_step,
                sticks: router.sticks && !self.once_in(rarely),
                matches: router.matches && !self.once_in(rarely),
                mirrors: router.mirrors && !self.once_in(rarely),
                holds: router.holds && !self.once_in(rarely),
                counts_open_work: router.counts_open_work && !self.once_in(rarely),
                ..router.clone()
            };
        }
        facts
    }
}
