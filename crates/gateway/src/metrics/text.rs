//! The text format of Prometheus, version 0.0.4.

use std::fmt::Write as _;

/// What kind of number it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Counter,
    Gauge,
    Histogram,
}

/// A page, while it is written.
#[derive(Debug, Default)]
pub(super) struct Page {
    text: String,
}

impl Page {
    /// What follows are samples of this.
    pub(super) fn family(&mut self, name: &str, kind: Kind, help: &str) {
        let kind = match kind {
            Kind::Counter => "counter",
            Kind::Gauge => "gauge",
            Kind::Histogram => "histogram",
        };
        self.write(format_args!("# HELP {name} {help}\n# TYPE {name} {kind}\n"));
    }

    pub(super) fn sample(&mut self, name: &str, labels: &[(&str, String)], value: f64) {
        self.text.push_str(name);
        self.labels(labels);
        self.write(format_args!(" {value}\n"));
    }

    /// How many took so long or less, for each bound. Their sum is as exact as the times are, to one percent.
    pub(super) fn histogram(
        &mut self,
        name: &str,
        labels: &[(&str, String)],
        times: &[(u64, u64)],
        bounds_micros: &[u64],
    ) {
        let bucket = format!("{name}_bucket");
        let mut labelled = labels.to_vec();
        let mut rest = times.iter().peekable();
        let mut count = 0;
        for bound in bounds_micros {
            while let Some((_, more)) = rest.next_if(|(micros, _)| micros <= bound) {
                count += more;
            }
            labelled.push(("le", (*bound as f64 / 1e6).to_string()));
            self.sample(&bucket, &labelled, count as f64);
            labelled.pop();
        }
        let all: u64 = times.iter().map(|(_, count)| count).sum();
        labelled.push(("le", "+Inf".into()));
        self.sample(&bucket, &labelled, all as f64);
        let sum: f64 = times.iter().map(|(micros, count)| *micros as f64 * *count as f64 / 1e6).sum();
        self.sample(&format!("{name}_sum"), labels, sum);
        self.sample(&format!("{name}_count"), labels, all as f64);
    }

    fn labels(&mut self, labels: &[(&str, String)]) {
        for (place, (name, value)) in labels.iter().enumerate() {
            let before = if place == 0 { '{' } else { ',' };
            self.write(format_args!("{before}{name}=\"{}\"", escaped(value)));
        }
        if !labels.is_empty() {
            self.text.push('}');
        }
    }

    pub(super) fn into_text(self) -> String {
        self.text
    }

    fn write(&mut self, what: std::fmt::Arguments<'_>) {
        // A String takes everything.
        let _ = self.text.write_fmt(what);
    }
}

fn escaped(value: &str) -> String {
    value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}
