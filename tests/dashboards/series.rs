//! The emitted metrics by their names in Prometheus, and a check that queries read nothing else.
//!
//! The names are those of OpenTelemetry's translation to Prometheus with suffixes for unit and type
//! (`UnderscoreEscapingWithSuffixes`), which Prometheus, Mimir, Grafana Cloud, the Collector and `VictoriaMetrics` (with
//! `-opentelemetry.usePrometheusNaming`) share: `gen_ai.usage.cost` in USD, a histogram, is `gen_ai_usage_cost_USD_bucket`,
//! `_sum` and `_count`.

use std::collections::{BTreeMap, BTreeSet};

use llm_trace_test_support::semconv::{AUGUST, Metric, OCTOBER, Registry};

use crate::promql::{self, Name, Queried, Selector};
use crate::queries::{Language, Query};

/// Resource attributes that the store adds as labels to every series.
const RESOURCE: [&str; 3] = ["service_name", "deployment_environment_name", "service_instance_id"];

/// Series and their labels.
pub(crate) struct Series {
    labels: BTreeMap<String, BTreeSet<String>>,
}

impl Series {
    /// The metrics of the August 2026 conventions.
    pub(crate) fn of_august() -> Self {
        Series::emitted("August", &AUGUST)
    }

    /// The metrics of the October 2026 conventions.
    pub(crate) fn of_october() -> Self {
        Series::emitted("October", &OCTOBER)
    }

    /// The metrics of both versions.
    pub(crate) fn of_both() -> Self {
        let mut both = Series::of_august();
        for (name, labels) in Series::of_october().labels {
            both.labels.entry(name).or_default().extend(labels);
        }
        both
    }

    /// The metrics listed in `docs/semconv.md`, with the types, units and labels of the registry.
    fn emitted(vintage: &str, registry: &Registry) -> Self {
        let document = include_str!("../../docs/semconv.md");
        let section = document.split("\n## ").find(|section| section.starts_with(vintage)).unwrap();
        let table = section.split("### Metrics").nth(1).unwrap().split("### Events").next().unwrap();
        let names = table.lines().filter_map(|line| line.strip_prefix("| `")?.split('`').next());
        let mut series = Series { labels: BTreeMap::new() };
        for name in names {
            series.add(&registry.metric(name).unwrap_or_else(|| panic!("{name} is not in the registry")));
        }
        series
    }

    fn add(&mut self, metric: &Metric) {
        let base = base_name(metric);
        let suffixes: &[&str] = match metric.instrument.as_str() {
            "histogram" => &["_bucket", "_sum", "_count"],
            "counter" => &["_total"],
            "gauge" | "updowncounter" => &[""],
            other => panic!("{}: an instrument of type {other}", metric.name),
        };
        for suffix in suffixes {
            let mut labels: BTreeSet<_> = metric.labels.iter().map(|label| underscored(label)).collect();
            labels.extend(RESOURCE.map(str::to_owned));
            labels.extend((*suffix == "_bucket").then(|| "le".to_owned()));
            self.labels.insert(format!("{base}{suffix}"), labels);
        }
    }

    /// Adds the series recorded by the rules.
    pub(crate) fn with_recorded(mut self, queries: &[Query]) -> Self {
        for query in queries {
            if let Some(name) = &query.records {
                let kept = promql::parse(&query.text).map(|queried| queried.kept).unwrap_or_default();
                self.labels.insert(name.clone(), kept);
            }
        }
        self
    }

    /// The metrics, without suffixes of histograms, that have no series in this set.
    pub(crate) fn metrics_besides(&self, queried: &[Name]) -> Vec<String> {
        let metric = |series: &str| {
            let suffixes = ["_bucket", "_sum", "_count"].iter();
            suffixes.fold(series, |name, suffix| name.strip_suffix(suffix).unwrap_or(name)).to_owned()
        };
        let is_queried = |series: &&String| queried.iter().any(|name| name.matches(series));
        let queried: BTreeSet<_> =
            self.labels.keys().filter(is_queried).map(|series| metric(series)).collect();
        let all: BTreeSet<_> = self.labels.keys().map(|series| metric(series)).collect();
        all.difference(&queried).cloned().collect()
    }

    /// Whether a query can find anything, as far as names show.
    pub(crate) fn can_answer(&self, query: &Query) -> bool {
        let is_there = |name: &Name| self.labels.keys().any(|series| name.matches(series));
        promql::can_be_answered(&query.text, &is_there)
    }

    /// The names in a query that are not emitted.
    pub(crate) fn check(&self, query: &Query) -> Vec<String> {
        match query.language {
            Language::Metrics => match promql::parse(&query.text) {
                Ok(queried) => self.check_promql(&queried, &query.legend),
                Err(error) => vec![error],
            },
            Language::Traces => check_attributes(&query.text, "spans", |text| {
                let scoped = text.split(|letter: char| !(letter.is_alphanumeric() || "._".contains(letter)));
                scoped
                    .filter_map(|word| {
                        word.strip_prefix("span.").or(word.strip_prefix("resource.")).map(str::to_owned)
                    })
                    .collect()
            }),
            Language::Events => check_attributes(&query.text, "events", |text| {
                let words = text.split(|letter: char| !(letter.is_alphanumeric() || letter == '_'));
                let labels = words.filter(|word| {
                    ["gen_ai_", "service_", "deployment_"].iter().any(|start| word.starts_with(start))
                });
                labels.map(str::to_owned).collect()
            }),
        }
    }

    fn check_promql(&self, queried: &Queried, legend: &str) -> Vec<String> {
        let mut wrong = Vec::new();
        for Selector { metric, labels } in &queried.selectors {
            let found: Vec<_> = self.labels.iter().filter(|(series, _)| metric.matches(series)).collect();
            match metric {
                Name::Any => wrong.push("a selector without a metric".to_owned()),
                name if found.is_empty() => wrong.push(format!("no metric `{name}`")),
                _ => {}
            }
            for (series, known) in found {
                let unknown = labels.iter().filter(|label| !known.contains(*label));
                wrong.extend(unknown.map(|label| format!("`{label}` is no label of `{series}`")));
            }
        }
        let named = legend.split("{{").skip(1).filter_map(|rest| rest.split("}}").next());
        for label in named.filter(|label| !queried.kept.contains(*label)) {
            wrong.push(format!("the legend's `{label}` is no label of the result"));
        }
        wrong
    }
}

fn base_name(metric: &Metric) -> String {
    let name = underscored(&metric.name);
    match (metric.unit.as_str(), metric.instrument.as_str()) {
        ("s", _) => format!("{name}_seconds"),
        ("USD", _) => format!("{name}_USD"),
        ("1", "gauge") => format!("{name}_ratio"),
        ("1", _) => name,
        (annotation, _) if annotation.starts_with('{') => name,
        (unit, _) => panic!("{}: how is the unit {unit} called in Prometheus?", metric.name),
    }
}

fn underscored(name: &str) -> String {
    name.replace('.', "_")
}

/// Checks attributes, by their names in the query language, against the registry.
fn check_attributes(text: &str, of: &str, read: impl Fn(&str) -> Vec<String>) -> Vec<String> {
    let resource = ["service.name", "deployment.environment.name"];
    let known: BTreeSet<_> = AUGUST
        .attributes()
        .chain(resource)
        .map(|key| if of == "events" { underscored(key) } else { key.to_owned() })
        .collect();
    let queried = read(text).into_iter();
    queried.filter(|key| !known.contains(key)).map(|key| format!("`{key}` is no attribute of {of}")).collect()
}
