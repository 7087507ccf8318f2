//! What befalls controllers and services, and when.

use super::{Run, Site};
use crate::fault::Fault;
use crate::random::Random;
use crate::world::Stuck;
use engine::journal::Phase;
use model::{Span, Time};

impl Run {
    /// Phases that seldom last are when things should happen.
    pub(super) fn hurry_where_it_is_rare(&mut self, index: usize, now: Time) {
        let Self { sites, random, .. } = self;
        let site = &mut sites[index];
        let mut world = site.world.lock();
        let (phase, position) = (world.checker.state.phase(), world.checker.state.position);
        let before = std::mem::replace(&mut site.phase, (phase, position));
        // A step that follows a step at once is a new moment too.
        let moved = if phase == Phase::BackDoing { before.1 != position } else { before.0 != phase };
        if !moved || now >= self.faults_until {
            return;
        }
        let troubled = site.people.are_troubled();
        let often = match phase {
            Phase::Standing | Phase::Doing => 2,
            Phase::BackDoing if troubled => 30,
            Phase::BackDoing => 3,
            Phase::Between | Phase::BackBetween => 90,
            Phase::Undecided | Phase::Paused | Phase::PausedDoing | Phase::BackUndecided | Phase::Halted => 60,
        };
        if troubled && random.percent(60) && world.holds_on_the_way_back() {
            // What is to get more traffic next is not ready then.
            world.flap_everything();
        }
        if phase == Phase::Between && random.percent(50) {
            world.crash_instance(100);
        }
        if phase == Phase::BackDoing && troubled && random.percent(3) {
            world.hide_a_start_on_the_way_back();
        }
        if phase == Phase::BackUndecided && random.percent(85) {
            world.flap_everything();
        }
        if random.percent(often) {
            site.people.hurry(now);
        }
        if random.percent(often) {
            self.next_disaster = self.next_disaster.min(now + Span(random.between(1, 60)));
            self.rare = (phase != Phase::Standing).then_some(index);
        }
    }

    pub(super) fn disasters(&mut self, now: Time) {
        if now < self.next_disaster || now >= self.faults_until {
            return;
        }
        // Several services have as much trouble each as one alone.
        let pause = self.random.between(1_500, 14_000) / self.sites.len() as u64;
        self.next_disaster = now + Span(pause);
        let host = usize::try_from(self.random.between(0, self.hosts.len() as u64 - 1)).unwrap_or(0);
        let anywhere = usize::try_from(self.random.between(0, self.sites.len() as u64 - 1)).unwrap_or(0);
        let (site, kind) = match self.rare.take() {
            Some(site) => (site, *self.random.pick(&[4, 4, 6, 6, 6, 6, 6, 6, 8, 9])),
            None => (anywhere, self.random.between(0, 15)),
        };
        match kind {
            0..=5 => self.controller_disaster(kind, host, site, now),
            _ => self.service_disaster(kind, site),
        }
    }

    /// It befalls a controller, and so every service.
    fn controller_disaster(&mut self, kind: u64, host: usize, site: usize, now: Time) {
        let world = self.sites[site].world.clone();
        match kind {
            0..=1 => {
                world.lock().inject(Fault::ControllerCrash);
                let back = now + Span(self.random.between(100, 20_000));
                self.hosts[host].crash(back);
            }
            2..=3 => {
                let until = now + Span(self.random.between(500, 60_000));
                world.lock().inject(Fault::ControllerHang);
                if self.hosts.len() > 1 && until.since(now) > Span::seconds(30) {
                    world.lock().inject(Fault::TwoControllers);
                }
                if self.random.percent(50) {
                    self.hosts[host].hang(now, until);
                } else {
                    self.hosts[host].hang_at_write(until.since(now));
                }
            }
            4 => {
                world.lock().inject(Fault::ClockForward);
                self.worlds.iter().for_each(|(_, world)| world.lock().checker.clock_was_put_forward());
                self.hosts[host].wall_offset += i64::try_from(self.random.between(3_000, 4_000_000)).unwrap_or(0);
            }
            _ => {
                world.lock().inject(Fault::ClockBack);
                self.hosts[host].wall_offset -= i64::try_from(self.random.between(3_000, 4_000_000)).unwrap_or(0);
            }
        }
    }

    /// It befalls what belongs to one service.
    fn service_disaster(&mut self, kind: u64, site: usize) {
        let mut world = self.sites[site].world.lock();
        match kind {
            6..=7 => world.crash_instance(50),
            8 => world.flap_instance(),
            9 => world.silence_member(),
            10 => world.restart_member(),
            11..=12 => world.hide_evidence(),
            13 => world.kill_flag(),
            _ => {
                if let Some(wanted) = world.autoscaled {
                    let other = u32::try_from(self.random.between(1, 8)).unwrap_or(wanted);
                    world.autoscaled = Some(other);
                }
            }
        }
    }
}

/// One of several is stuck for good from some time on.
pub(super) fn stick(sites: &mut [Site], random: &mut Random, faults_until: Time) {
    let index = usize::try_from(random.between(0, sites.len() as u64 - 1)).unwrap_or(0);
    let with = *random.pick(&[Stuck::Drivers, Stuck::JournalSilent, Stuck::JournalFailing]);
    let from = Time(random.between(0, faults_until.0));
    sites[index].stuck = Some(with);
    sites[index].world.lock().stuck = Some((with, from));
}
