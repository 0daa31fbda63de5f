//! Measurements in the text format that Prometheus reads.
//!
//! Source: Prometheus, "Exposition formats", text format 0.0.4.

use std::fmt::Write;

/// What the content type of the text is.
pub const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// All samples of one name.
#[derive(Debug, Clone)]
pub struct Family {
    /// With its unit at the end, and `_total` behind it for a counter.
    pub name: &'static str,
    pub help: &'static str,
    pub kind: Kind,
    pub samples: Vec<Sample>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Counter,
    Gauge,
    Histogram,
}

#[derive(Debug, Clone)]
pub struct Sample {
    /// Of a histogram: `_bucket`, `_sum` or `_count`.
    pub suffix: &'static str,
    pub labels: Vec<(&'static str, String)>,
    pub value: f64,
}

impl Family {
    pub fn counter(name: &'static str, help: &'static str) -> Family {
        Family { name, help, kind: Kind::Counter, samples: Vec::new() }
    }

    pub fn gauge(name: &'static str, help: &'static str) -> Family {
        Family { name, help, kind: Kind::Gauge, samples: Vec::new() }
    }

    /// Adds a sample without labels.
    pub fn one(mut self, value: f64) -> Family {
        self.samples.push(Sample { suffix: "", labels: Vec::new(), value });
        self
    }

    /// Adds a sample for each value, with one label.
    pub fn each<'a>(mut self, label: &'static str, values: impl IntoIterator<Item = (&'a str, f64)>) -> Family {
        let sample = |(name, value): (&str, f64)| Sample { suffix: "", labels: vec![(label, name.to_owned())], value };
        self.samples.extend(values.into_iter().map(sample));
        self
    }
}

/// All of them as text. A family without samples is left out.
pub fn text(families: &[Family]) -> String {
    let mut out = String::new();
    for family in families.iter().filter(|family| !family.samples.is_empty()) {
        let kind = match family.kind {
            Kind::Counter => "counter",
            Kind::Gauge => "gauge",
            Kind::Histogram => "histogram",
        };
        let Family { name, help, .. } = family;
        // A String takes everything.
        let _ = writeln!(out, "# HELP {name} {help}\n# TYPE {name} {kind}");
        for Sample { suffix, labels, value } in &family.samples {
            let _ = write!(out, "{name}{suffix}");
            for (at, (label, text)) in labels.iter().enumerate() {
                let text = text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n");
                let _ = write!(out, "{}{label}=\"{text}\"", if at == 0 { '{' } else { ',' });
            }
            let _ = writeln!(out, "{} {value}", if labels.is_empty() { "" } else { "}" });
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn families_are_written_as_their_format_has_it() {
        let rows = Family::counter("headwater_stream_rows_total", "Rows that passed.");
        let rows = rows.each("stream", [("orders", 12.0), ("a\"b\\c\nd", 0.5)]);
        let empty = Family::gauge("headwater_view_rows", "Rows held.");
        let one = Family::gauge("headwater_uptime_seconds", "Time since the start.").one(1e9);
        let expected = "# HELP headwater_stream_rows_total Rows that passed.\n\
                        # TYPE headwater_stream_rows_total counter\n\
                        headwater_stream_rows_total{stream=\"orders\"} 12\n\
                        headwater_stream_rows_total{stream=\"a\\\"b\\\\c\\nd\"} 0.5\n\
                        # HELP headwater_uptime_seconds Time since the start.\n\
                        # TYPE headwater_uptime_seconds gauge\n\
                        headwater_uptime_seconds 1000000000\n";
        assert_eq!(text(&[rows, empty, one]), expected);
    }
}
