//! What is measured, in rounds: everybody's turn comes once in each, so that whatever else the machine
//! does meanwhile falls on all alike.

use super::figures::Figures;
use super::load::{Spoken, saturate};
use super::ours::Shape;
use super::pace::{self, Pace};
use super::proxies::{ALL, Proxy, Running, Stand};

/// One question, put to several proxies.
pub(super) struct Case {
    /// The first word of its figures.
    pub(super) name: &'static str,
    load: Load,
    who: &'static [Proxy],
}

#[derive(Clone, Copy)]
enum Load {
    /// As fast as it is answered: throughput, and processor time for each request.
    Saturated(Spoken, &'static str),
    /// At a fixed rate: how long answers take.
    Paced(&'static str),
}

/// So many requests in a second are far below what any of them can do.
const PACE_PER_SECOND: u32 = 5_000;

const OURS: Proxy = Proxy::Ours(Shape::Plain);

/// All of them.
pub(super) const CASES: &[Case] = &[
    Case { name: "1kib", load: Load::Saturated(Spoken::Plain, "/1k"), who: &ALL },
    Case { name: "64kib", load: Load::Saturated(Spoken::Plain, "/64k"), who: &ALL },
    Case { name: "paced_1kib", load: Load::Paced("/1k"), who: &ALL },
    Case {
        name: "shapes",
        load: Load::Saturated(Spoken::Plain, "/1k"),
        who: &[OURS, Proxy::Ours(Shape::Routes), Proxy::Ours(Shape::Endpoints), Proxy::Ours(Shape::Sticky)],
    },
    Case { name: "access_log", load: Load::Saturated(Spoken::Plain, "/1k"), who: &[OURS, Proxy::Ours(Shape::Logged)] },
    Case { name: "tls", load: Load::Saturated(Spoken::Tls, "/1k"), who: &ALL },
    Case { name: "h2", load: Load::Saturated(Spoken::Http2, "/1k"), who: &ALL },
];

/// How much is measured.
#[derive(Clone, Copy)]
pub(super) struct Effort {
    pub(super) rounds: usize,
    /// One proxy's turn.
    pub(super) seconds: u64,
}

impl Case {
    /// Puts the question, round by round.
    pub(super) fn measure(
        &self,
        stand: &Stand<'_>,
        effort: Effort,
        load_core: Option<usize>,
        only: fn(Proxy) -> bool,
        figures: &mut Figures,
    ) -> Result<(), String> {
        let who = self.who.iter().filter(|proxy| only(**proxy));
        let running = who.map(|proxy| stand.start(*proxy)).collect::<Result<Vec<_>, _>>()?;
        // The first second fills caches and pools, and counts for nobody.
        for proxy in &running {
            self.turn(proxy, 1, load_core)?;
        }
        for round in 0..effort.rounds {
            for place in 0..running.len() {
                let proxy = &running[(round + place) % running.len()];
                for (figure, value) in self.turn(proxy, effort.seconds, load_core)? {
                    figures.add(self.name, proxy.proxy.name(), figure, value);
                }
            }
        }
        Ok(())
    }

    fn turn(
        &self,
        proxy: &Running,
        seconds: u64,
        load_core: Option<usize>,
    ) -> Result<Vec<(&'static str, f64)>, String> {
        match self.load {
            Load::Saturated(spoken, path) => {
                let sample = saturate(proxy, spoken, path, seconds, load_core)?;
                Ok(vec![("cpu_us", sample.cpu_us), ("throughput", sample.throughput)])
            }
            Load::Paced(path) => {
                let pace = Pace { per_second: PACE_PER_SECOND, seconds: seconds as f64, path };
                let before = proxy.process().cpu_nanoseconds();
                let answered = pace::ask(proxy.plain, pace, super::now())?;
                let spent = proxy.process().cpu_nanoseconds() - before;
                let mut times: Vec<_> = answered.iter().map(|one| one.took).collect();
                let cpu_us = spent as f64 / 1_000.0 / times.len() as f64;
                let (p50, p99) = (pace::quantile(&mut times, 500), pace::quantile(&mut times, 990));
                Ok(vec![("p50_us", p50), ("p99_us", p99), ("cpu_us", cpu_us)])
            }
        }
    }
}
