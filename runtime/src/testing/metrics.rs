//! Measurements, by metric and labels.

use opentelemetry::KeyValue;

use super::record::Record;

/// Everything that was measured by one metric with one set of labels.
#[derive(Clone, Debug)]
pub struct Point {
    name: String,
    unit: String,
    labels: Vec<KeyValue>,
    values: Vec<f64>,
}

impl Point {
    pub(super) fn all(record: &Record, name: &str) -> Vec<Point> {
        let mut points: Vec<Point> = Vec::new();
        let state = record.state();
        for measurement in state.measurements.iter().filter(|measurement| &*measurement.metric == name) {
            match points.iter_mut().find(|point| point.labels == measurement.labels) {
                Some(point) => point.values.push(measurement.value),
                None => points.push(Point {
                    name: name.to_owned(),
                    unit: measurement.unit.to_string(),
                    labels: measurement.labels.clone(),
                    values: vec![measurement.value],
                }),
            }
        }
        points.sort_by_key(Point::labels_as_text);
        points
    }

    pub(super) fn names(record: &Record) -> Vec<String> {
        let state = record.state();
        let mut names: Vec<String> =
            state.measurements.iter().map(|measurement| measurement.metric.to_string()).collect();
        names.sort_unstable();
        names.dedup();
        names
    }

    /// The metric's unit: `s`, `{token}`, `USD`, …
    pub fn unit(&self) -> &str {
        &self.unit
    }

    /// A label's value as text.
    pub fn label(&self, key: &str) -> Option<String> {
        self.labels.iter().find(|label| label.key.as_str() == key).map(|label| label.value.to_string())
    }

    /// The labels, sorted by key.
    pub fn labels(&self) -> &[KeyValue] {
        &self.labels
    }

    /// Returns the number of measurements.
    pub fn count(&self) -> usize {
        self.values.len()
    }

    /// The sum of all measurements: of a counter, its value.
    pub fn sum(&self) -> f64 {
        self.values.iter().sum()
    }

    /// Each measurement, in the order in which they were made.
    pub fn values(&self) -> &[f64] {
        &self.values
    }

    fn labels_as_text(&self) -> String {
        let labels: Vec<_> =
            self.labels.iter().map(|label| format!("{}={}", label.key, label.value)).collect();
        labels.join(", ")
    }
}

/// `gen_ai.client.token.usage{gen_ai.token.type=input}: 12 {token}`, the sum; for messages and snapshots.
impl std::fmt::Display for Point {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}{{{}}}: {} {}", self.name, self.labels_as_text(), self.sum(), self.unit)
    }
}
