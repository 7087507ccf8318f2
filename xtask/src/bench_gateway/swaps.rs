//! Whether answers wait while a table is swapped: windows of time with a swap in their middle, and as
//! many without, in turn.

use super::aims::SWAP;
use super::figures::{Figures, median};
use super::ours::{Shape, table};
use super::pace::{self, Answered, Pace};
use super::proxies::{Proxy, Stand};
use std::thread::{Builder, sleep};
use std::time::Duration;

/// One window.
const WINDOW: Duration = Duration::from_millis(250);
/// The rate at which is asked.
const PER_SECOND: u32 = 6_000;

/// Measures so many windows of each kind.
pub(super) fn measure(stand: &Stand<'_>, windows: u32, figures: &mut Figures) -> Result<(), String> {
    let mut running = stand.start(Proxy::Ours(Shape::Plain))?;
    let seconds = (WINDOW * windows * 2).as_secs_f64();
    let pace = Pace { per_second: PER_SECOND, seconds, path: "/1k" };
    let (address, begin) = (running.plain, super::now() + WINDOW);
    let asking = Builder::new().name("pace".into()).spawn(move || pace::ask(address, pace, begin));
    let asking = asking.map_err(|error| error.to_string())?;
    let gateway = running.gateway().ok_or("only ours takes tables")?;
    for pair in 0..windows {
        let middle = WINDOW * (pair * 2 + with_swap(pair)) + WINDOW / 2;
        sleep((begin + middle).saturating_duration_since(super::now()));
        let (stable, candidate) = stand.few.split_at(2);
        gateway.take(table(u64::from(pair) + 2, stable, candidate))?;
    }
    let answered = asking.join().map_err(|_| "the load has panicked")??;
    let (mut with, mut without) = halves(&answered, windows);
    let (with, without) = (median(&mut with).unwrap_or(f64::NAN), median(&mut without).unwrap_or(f64::NAN));
    figures.set("swap_p99_us_with", with);
    figures.set("swap_p99_us_without", without);
    figures.set(SWAP, with / without - 1.0);
    Ok(())
}

/// Which window of a pair has the swap: now the first, now the second, so that neither has a place of its own.
fn with_swap(pair: u32) -> u32 {
    pair % 2
}

/// The 99th of every hundred of each window: those with a swap, and those without.
fn halves(answered: &[Answered], windows: u32) -> (Vec<f64>, Vec<f64>) {
    let mut times = vec![Vec::new(); windows as usize * 2];
    for one in answered {
        let window = (one.due.as_nanos() / WINDOW.as_nanos()) as usize;
        if let Some(times) = times.get_mut(window) {
            times.push(one.took);
        }
    }
    let (mut with, mut without) = (Vec::new(), Vec::new());
    for (window, times) in (0_u32..).zip(&mut times) {
        let swapped = window % 2 == with_swap(window / 2);
        let half = if swapped { &mut with } else { &mut without };
        half.push(pace::quantile(times, 990));
    }
    (with, without)
}
