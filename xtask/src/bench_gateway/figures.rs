//! What was measured, round by round, and what it comes to: medians, and ratios within a round with
//! their spread.

use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

/// Every value of every round, by case, proxy and figure.
#[derive(Default)]
pub(super) struct Figures {
    rounds: BTreeMap<(&'static str, &'static str, &'static str), Vec<f64>>,
    /// What is measured once, or in a way of its own.
    single: BTreeMap<String, f64>,
}

/// A ratio: of the median round, of the lowest and of the highest.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Ratio {
    pub(super) median: f64,
    pub(super) lowest: f64,
    pub(super) highest: f64,
}

impl Figures {
    /// One round's.
    pub(super) fn add(&mut self, case: &'static str, proxy: &'static str, figure: &'static str, value: f64) {
        self.rounds.entry((case, proxy, figure)).or_default().push(value);
    }

    /// What has no rounds.
    pub(super) fn set(&mut self, name: impl Into<String>, value: f64) {
        self.single.insert(name.into(), value);
    }

    /// What was measured once.
    pub(super) fn single(&self, name: &str) -> Option<f64> {
        self.single.get(name).copied()
    }

    /// One proxy's figure as a part of another's, round by round; none where one was not measured.
    pub(super) fn ratio(&self, case: &str, figure: &str, proxy: &str, of: &str) -> Option<Ratio> {
        let values = |wanted: &str| {
            let mut found = self.rounds.iter();
            found.find(|((one, who, what), _)| (*one, *who, *what) == (case, wanted, figure)).map(|(_, values)| values)
        };
        let mut ratios: Vec<f64> = values(proxy)?.iter().zip(values(of)?).map(|(one, other)| one / other).collect();
        let median = median(&mut ratios)?;
        Some(Ratio { median, lowest: *ratios.first()?, highest: *ratios.last()? })
    }

    /// Everything by name: medians, and what was measured once.
    pub(super) fn json(&self) -> Map<String, Value> {
        let medians = self.rounds.iter().filter_map(|((case, proxy, figure), values)| {
            let value = median(&mut values.clone())?;
            Some((format!("{case} {proxy} {figure}"), json!(value)))
        });
        medians.chain(self.single.iter().map(|(name, value)| (name.clone(), json!(value)))).collect()
    }

    /// One line for each proxy of each case.
    pub(super) fn lines(&self) -> Vec<String> {
        let mut rows: BTreeMap<(&str, &str), Vec<String>> = BTreeMap::new();
        for ((case, proxy, figure), values) in &self.rounds {
            let value = median(&mut values.clone()).unwrap_or(f64::NAN);
            rows.entry((case, proxy)).or_default().push(format!("{figure} {value:>9.1}"));
        }
        let rows = rows.into_iter().map(|((case, proxy), row)| format!("{case:<11} {proxy:<24} {}", row.join("  ")));
        rows.chain(self.single.iter().map(|(name, value)| format!("{name:<36} {value:>9.1}"))).collect()
    }
}

/// The one in the middle; sorts them.
pub(super) fn median(values: &mut [f64]) -> Option<f64> {
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    match values.len() {
        0 => None,
        even if even % 2 == 0 => Some((values[middle - 1] + values[middle]) / 2.0),
        _ => Some(values[middle]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ratio_is_taken_within_its_round() {
        let mut figures = Figures::default();
        for (ours, other) in [(1.0, 2.0), (8.0, 10.0), (3.0, 5.0)] {
            figures.add("1kib", "glidepath", "cpu_us", ours);
            figures.add("1kib", "nginx", "cpu_us", other);
        }
        let ratio = figures.ratio("1kib", "cpu_us", "glidepath", "nginx");
        assert_eq!(ratio, Some(Ratio { median: 0.6, lowest: 0.5, highest: 0.8 }));
        assert_eq!(figures.ratio("1kib", "cpu_us", "glidepath", "envoy"), None);
        assert_eq!(median(&mut [4.0, 1.0, 3.0, 2.0]), Some(2.5));
    }
}
