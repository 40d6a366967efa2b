//! All queries of the dashboards and the rules.

use std::fs;

use saphyr::{LoadableYamlNode as _, Yaml};
use serde_json::Value;

use crate::folder;
use crate::promql::{self, Name};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Language {
    /// `PromQL`.
    Metrics,
    /// `TraceQL`.
    Traces,
    /// `LogQL`.
    Events,
}

/// A query and where it was found.
pub(crate) struct Query {
    pub(crate) place: String,
    pub(crate) text: String,
    /// The legend, with labels as `{{label}}`.
    pub(crate) legend: String,
    pub(crate) language: Language,
    /// The series that a recording rule writes.
    pub(crate) records: Option<String>,
}

impl Query {
    /// The series that a `PromQL` query reads.
    pub(crate) fn metrics(&self) -> Vec<Name> {
        let queried = if self.language == Language::Metrics { promql::parse(&self.text).ok() } else { None };
        let names = queried.into_iter().flat_map(|queried| queried.selectors);
        names.map(|selector| selector.metric).collect()
    }
}

pub(crate) fn all() -> Vec<Query> {
    let mut queries = Vec::new();
    for path in files("grafana", "json") {
        let dashboard: Value = serde_json::from_str(&fs::read_to_string(&path).unwrap()).unwrap();
        of_dashboard(&dashboard, &mut queries);
    }
    for path in files("prometheus", "rules.yml") {
        let documents = Yaml::load_from_str(&fs::read_to_string(&path).unwrap()).unwrap();
        of_rules(&documents[0], &mut queries);
    }
    queries
}

fn files(of: &str, extension: &str) -> Vec<std::path::PathBuf> {
    let entries = fs::read_dir(folder().join(of)).unwrap().map(|entry| entry.unwrap().path());
    let mut files: Vec<_> =
        entries.filter(|path| path.to_string_lossy().ends_with(&format!(".{extension}"))).collect();
    files.sort();
    assert!(!files.is_empty(), "no .{extension} in {of}");
    files
}

fn of_dashboard(dashboard: &Value, queries: &mut Vec<Query>) {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let title = text(&dashboard["title"]);
    for variable in dashboard["templating"]["list"].as_array().unwrap() {
        // `label_values(series, label)` finds the same as `count by (label) (series)`.
        let definition = text(&variable["definition"]);
        let Some(arguments) =
            definition.strip_prefix("label_values(").and_then(|rest| rest.strip_suffix(')'))
        else {
            continue;
        };
        let (series, label) = arguments.split_once(", ").unwrap();
        queries.push(Query {
            place: format!("{title}, variable {}", variable["name"]),
            text: format!("count by ({label}) ({series})"),
            legend: String::new(),
            language: Language::Metrics,
            records: None,
        });
    }
    for panel in dashboard["panels"].as_array().unwrap() {
        for target in panel["targets"].as_array().into_iter().flatten() {
            let language = match target["datasource"]["type"].as_str().unwrap() {
                "prometheus" => Language::Metrics,
                "tempo" => Language::Traces,
                "loki" => Language::Events,
                other => panic!("a data source of type {other}"),
            };
            let query = if language == Language::Traces { &target["query"] } else { &target["expr"] };
            queries.push(Query {
                place: format!("{title}, {}, {}", text(&panel["title"]), text(&target["refId"])),
                text: text(query),
                legend: text(&target["legendFormat"]),
                language,
                records: None,
            });
        }
    }
}

fn of_rules(document: &Yaml<'_>, queries: &mut Vec<Query>) {
    for group in list(document, "groups") {
        for rule in list(group, "rules") {
            let records = text(rule, "record");
            let name = records.clone().or_else(|| text(rule, "alert")).unwrap();
            queries.push(Query {
                place: format!("rule {name}"),
                text: text(rule, "expr").unwrap(),
                legend: String::new(),
                language: Language::Metrics,
                records,
            });
        }
    }
}

pub(crate) fn list<'a, 'y>(node: &'a Yaml<'y>, key: &str) -> &'a [Yaml<'y>] {
    node.as_mapping_get(key).and_then(Yaml::as_sequence).map_or(&[], Vec::as_slice)
}

fn text(node: &Yaml<'_>, key: &str) -> Option<String> {
    node.as_mapping_get(key).and_then(Yaml::as_str).map(str::to_owned)
}
