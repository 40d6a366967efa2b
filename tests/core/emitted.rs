//! The telemetry of the suite, in one form for both ways of export.

use std::collections::BTreeMap;

/// Attributes as text.
pub type Attributes = BTreeMap<String, String>;

/// A finished span.
#[derive(Debug)]
pub struct Span {
    pub name: String,
    pub id: Vec<u8>,
    pub parent: Vec<u8>,
    pub trace: Vec<u8>,
    pub attributes: Attributes,
    pub is_error: bool,
}

impl Span {
    /// The value of an attribute, if present.
    pub fn get(&self, key: &str) -> Option<&str> {
        self.attributes.get(key).map(String::as_str)
    }
}

/// One series of a metric.
#[derive(Debug)]
pub struct Point {
    pub metric: String,
    pub labels: Attributes,
    pub count: u64,
    pub sum: f64,
}

/// The complete telemetry.
#[derive(Debug)]
pub struct Emitted {
    pub spans: Vec<Span>,
    pub points: Vec<Point>,
}

impl Emitted {
    /// The spans with this name, the earliest first.
    pub fn spans(&self, name: &str) -> Vec<&Span> {
        self.spans.iter().filter(|span| span.name == name).collect()
    }

    /// The only span with this name.
    pub fn span(&self, name: &str) -> &Span {
        let found = self.spans(name);
        assert_eq!(found.len(), 1, "{name} in {:?}", self.spans);
        found[0]
    }

    /// Sum and count of a metric's series with this label.
    pub fn total(&self, metric: &str, label: &str, value: &str) -> (f64, u64) {
        let series = self.points.iter().filter(|point| {
            point.metric == metric && point.labels.get(label).is_some_and(|found| found == value)
        });
        series.fold((0.0, 0), |(sum, count), point| (sum + point.sum, count + point.count))
    }
}
