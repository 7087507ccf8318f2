//! One rate of a service, made ready.

use super::ledger::{Ledger, Pass};
use crate::table::{Asked, of_network};
use model::Subject;
use std::sync::Arc;
use wire::table::{Rate, RatePer};

/// A request that comes too often.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refused {
    /// When it may come again, in whole seconds.
    pub after_s: u64,
    /// What the rate is, as a header tells it: `"client";q=10;w=1`.
    pub policy: String,
    /// What is left of it: `"client";r=0;t=1`.
    pub left: String,
}

/// One rate of a service, made ready.
#[derive(Clone, Debug)]
pub struct Gate {
    ledger: Arc<Ledger>,
    rate: Rate,
    pass: Pass,
    /// What tells it from all others: the same rate counts on under the next table, another begins anew.
    seed: [u8; 8],
}

impl Gate {
    /// One rate of a service.
    pub fn new(service: &Subject, rate: &Rate, ledger: &Arc<Ledger>) -> Self {
        let seed = ledger.number(&[format!("{service} {rate:?}").as_bytes()]);
        // More than one in a microsecond is no rate that anybody means.
        let micros = (rate.every.0.saturating_mul(1_000) / u64::from(rate.requests.max(1))).max(1);
        let pass = Pass { micros, burst: u64::from(rate.burst.max(1)) };
        Self { ledger: Arc::clone(ledger), rate: rate.clone(), pass, seed: seed.to_be_bytes() }
    }

    /// One more request, which a rule of this name has; none where no rule has it.
    pub fn let_in(&self, asked: &dyn Asked, rule: Option<&str>) -> Result<(), Refused> {
        if !self.rate.rule.is_empty() && rule != Some(&self.rate.rule) {
            return Ok(());
        }
        let number = |key: &[u8]| self.ledger.number(&[&self.seed, key]);
        let key = match &self.rate.per {
            RatePer::Client => of_network(asked.client(), number),
            // Those without the header come together.
            RatePer::Header(name) => number(asked.header(name.as_bytes()).unwrap_or_default()),
            RatePer::All => number(b""),
        };
        self.ledger.pass(key, self.pass, self.ledger.now()).map_err(|micros| self.refused(micros))
    }

    fn refused(&self, micros: u64) -> Refused {
        let name = match &self.rate.per {
            RatePer::Client => "client",
            RatePer::Header(_) => "header",
            RatePer::All => "all",
        };
        let after_s = micros.div_ceil(1_000_000).max(1);
        let (requests, window_s) = (self.rate.requests, self.rate.every.0.div_ceil(1_000));
        Refused {
            after_s,
            policy: format!("\"{name}\";q={requests};w={window_s}"),
            left: format!("\"{name}\";r=0;t={after_s}"),
        }
    }
}
