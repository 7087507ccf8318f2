//! What the figures should come to.

use super::figures::Figures;

/// One aim.
struct Aim {
    case: &'static str,
    figure: &'static str,
    who: &'static str,
    /// Whose figure is the measure.
    of: &'static str,
    wanted: Wanted,
}

#[derive(Clone, Copy)]
enum Wanted {
    AtMost(f64),
    AtLeast(f64),
}

const fn aim(case: &'static str, figure: &'static str, who: &'static str, of: &'static str, wanted: Wanted) -> Aim {
    Aim { case, figure, who, of, wanted }
}

const AIMS: &[Aim] = &[
    aim("1kib", "cpu_us", "glidepath", "nginx", Wanted::AtMost(0.80)),
    aim("1kib", "cpu_us", "glidepath", "haproxy", Wanted::AtMost(0.80)),
    aim("1kib", "cpu_us", "glidepath", "envoy", Wanted::AtMost(0.50)),
    aim("1kib", "throughput", "glidepath", "nginx", Wanted::AtLeast(1.25)),
    aim("64kib", "cpu_us", "glidepath", "nginx", Wanted::AtMost(0.85)),
    aim("shapes", "cpu_us", "glidepath_1000_routes", "glidepath", Wanted::AtMost(1.05)),
    aim("tls", "cpu_us", "glidepath", "nginx", Wanted::AtMost(1.0)),
    aim("h2", "cpu_us", "glidepath", "nginx", Wanted::AtMost(1.0)),
];

/// The memory of a client's connection that is idle, in bytes.
pub(super) const IDLE_BYTES: &str = "idle_connection_bytes";
/// How far the median p99 of windows with a new table is from that of windows without, as a part of it.
pub(super) const SWAP: &str = "swap_p99_difference";

const SINGLE: &[(&str, &str, f64)] = &[(IDLE_BYTES, "idle", 4_096.0), (SWAP, "swaps", 0.05)];

/// How each aim about these cases stands in a line, and which were missed. One that was not measured is missed.
pub(super) fn judge(figures: &Figures, is_wanted: impl Fn(&str) -> bool) -> (Vec<String>, Vec<String>) {
    let (mut lines, mut missed) = (Vec::new(), Vec::new());
    for aim in AIMS.iter().filter(|aim| is_wanted(aim.case)) {
        let ratio = figures.ratio(aim.case, aim.figure, aim.who, aim.of);
        let name = format!("{} {} {} / {}", aim.case, aim.figure, aim.who, aim.of);
        let (word, bound) = match aim.wanted {
            Wanted::AtMost(bound) => ("at most", bound),
            Wanted::AtLeast(bound) => ("at least", bound),
        };
        let reached = ratio.is_some_and(|ratio| match aim.wanted {
            Wanted::AtMost(bound) => ratio.median <= bound,
            Wanted::AtLeast(bound) => ratio.median >= bound,
        });
        let told = ratio.map_or("not measured".to_owned(), |ratio| {
            format!("{:.3} (rounds from {:.3} to {:.3})", ratio.median, ratio.lowest, ratio.highest)
        });
        say(&mut lines, &mut missed, reached, format!("{name}: {told}, aim {word} {bound}"));
    }
    for (name, _, bound) in SINGLE.iter().filter(|(_, case, _)| is_wanted(case)) {
        let value = figures.single(name);
        let told = value.map_or("not measured".to_owned(), |value| format!("{value:.3}"));
        let reached = value.is_some_and(|value| value.abs() <= *bound);
        say(&mut lines, &mut missed, reached, format!("{name}: {told}, aim at most {bound}"));
    }
    (lines, missed)
}

fn say(lines: &mut Vec<String>, missed: &mut Vec<String>, reached: bool, line: String) {
    if !reached {
        missed.push(line.clone());
    }
    lines.push(format!("{} {line}", if reached { "reached" } else { "MISSED " }));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_measured_and_what_is_worse_is_missed() {
        let mut figures = Figures::default();
        let all = AIMS.len() + SINGLE.len();
        assert_eq!(judge(&figures, |_| true).1.len(), all);
        assert_eq!(judge(&figures, |case| case == "idle").1.len(), 1, "what nobody asked for is not judged");
        for (proxy, value) in [("glidepath", 8.0), ("nginx", 10.0), ("haproxy", 9.9), ("envoy", 16.1)] {
            figures.add("1kib", proxy, "cpu_us", value);
        }
        figures.set(SWAP, -0.06);
        figures.set(IDLE_BYTES, 4_096.0);
        let missed = judge(&figures, |_| true).1;
        assert_eq!(missed.len(), all - 3, "{missed:#?}");
        assert!(missed.iter().any(|line| line.starts_with("1kib cpu_us glidepath / haproxy: 0.808")), "{missed:#?}");
    }
}
