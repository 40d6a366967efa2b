//! Checks every query of `dashboards/grafana` and of the rules in `dashboards/prometheus` against the emitted metrics.
//! `cargo xtask dashboards` writes the dashboards.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod promql;
mod queries;
mod series;
mod stack;

use std::path::{Path, PathBuf};

use queries::{Language, Query};
use series::Series;
use xtask::dashboards;

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../dashboards")
}

#[test]
fn the_dashboards_are_as_they_are_generated() {
    for dashboard in dashboards::all() {
        let found = std::fs::read_to_string(dashboard.path()).unwrap_or_default();
        let path = dashboard.path();
        assert!(found == dashboard.text(), "{} is out of date: cargo xtask dashboards", path.display());
    }
}

#[test]
fn every_query_reads_emitted_series() {
    let queries = queries::all();
    let series = Series::of_both().with_recorded(&queries);
    let wrong: Vec<_> = queries
        .iter()
        .flat_map(|query| series.check(query).into_iter().map(move |what| format!("{}: {what}", query.place)))
        .collect();
    let count = |language| queries.iter().filter(|query| query.language == language).count();
    println!(
        "checked {} queries: {} PromQL, {} TraceQL, {} LogQL; wrong: {}",
        queries.len(),
        count(Language::Metrics),
        count(Language::Traces),
        count(Language::Events),
        wrong.len()
    );
    assert_eq!(wrong, Vec::<String>::new());
    assert!(count(Language::Metrics) >= 100, "queries got lost on the way here");
}

#[test]
fn every_query_has_a_result_in_either_version() {
    let queries = queries::all();
    for (name, vintage) in [("August", Series::of_august()), ("October", Series::of_october())] {
        let series = vintage.with_recorded(&queries);
        let metric_queries = queries.iter().filter(|query| query.language == Language::Metrics);
        let unanswered: Vec<_> =
            metric_queries.filter(|query| !series.can_answer(query)).map(|query| &query.place).collect();
        assert_eq!(unanswered, Vec::<&String>::new(), "with the names of {name} alone");
    }
}

#[test]
fn every_metric_that_is_emitted_is_on_a_dashboard() {
    let queries = queries::all();
    let on_dashboards = queries.iter().filter(|query| !query.place.starts_with("rule "));
    let covered: Vec<_> = on_dashboards.flat_map(Query::metrics).collect();
    let missing: Vec<_> = Series::of_both().metrics_besides(&covered);
    assert_eq!(missing, Vec::<String>::new());
}

#[test]
fn every_panel_has_a_description_and_a_query() {
    for dashboard in dashboards::all() {
        let json = dashboard.json();
        let panels = json["panels"].as_array().unwrap();
        for panel in panels.iter().filter(|panel| panel["type"] != "row") {
            let title = panel["title"].as_str().unwrap();
            assert!(!panel["description"].as_str().unwrap().is_empty(), "{}: {title}", dashboard.uid);
            assert!(!panel["targets"].as_array().unwrap().is_empty(), "{}: {title}", dashboard.uid);
            let end = panel["gridPos"]["x"].as_u64().unwrap() + panel["gridPos"]["w"].as_u64().unwrap();
            assert!(end <= 24, "{}: {title} is cut off", dashboard.uid);
        }
    }
}

#[test]
fn the_check_finds_violations() {
    let series = Series::of_both();
    let wrong = |language, text: &str, legend: &str| {
        let query = Query {
            place: String::new(),
            text: text.to_owned(),
            legend: legend.to_owned(),
            language,
            records: None,
        };
        series.check(&query)
    };
    let promql = |text: &str, legend: &str| wrong(Language::Metrics, text, legend);
    assert_eq!(
        promql(
            "sum by (gen_ai_request_model) (rate(gen_ai_usage_cost_USD_sum[5m]))",
            "{{gen_ai_request_model}}"
        ),
        Vec::<String>::new()
    );
    for (text, legend, expected) in [
        ("sum(rate(gen_ai_usage_cost_sum[5m]))", "", "no metric `gen_ai_usage_cost_sum`"),
        ("sum(rate(gen_ai_requests_total[5m]))", "", "no metric `gen_ai_requests_total`"),
        (
            "sum(gen_ai_client_token_usage_sum{gen_ai_system=\"openai\"})",
            "",
            "`gen_ai_system` is no label of",
        ),
        (
            "sum by (gen_ai_application) (gen_ai_client_token_usage_sum)",
            "",
            "`gen_ai_application` is no label of",
        ),
        ("sum by (le) (gen_ai_client_token_usage_sum)", "", "`le` is no label of"),
        ("sum(gen_ai_usage_cost_USD_sum)", "{{gen_ai_request_model}}", "the legend's `gen_ai_request_model`"),
        ("sum(rate(gen_ai_usage_cost_USD_sum[5m])", "", "is no PromQL"),
        ("rate(gen_ai_usage_cost_USD_sum)", "", "is no PromQL"),
        ("{service_name=\"a\"}", "", "a selector without a metric"),
        ("{__name__=~\"gen_ai_client_requests.*\"}", "", "no metric `gen_ai_client_requests.*`"),
        ("sum by (gen_ai_token_type) (gen_ai_usage_cost_USD_sum)", "", "`gen_ai_token_type` is no label of"),
    ] {
        let found = promql(text, legend);
        assert!(found.iter().any(|what| what.contains(expected)), "{text}: {found:?}");
    }
    let tokens = "gen_ai_client_inference_usage_input_tokens_total";
    for (text, is_answered) in [
        (
            format!(
                "sum by (gen_ai_token_type) (label_replace({tokens}, \"gen_ai_token_type\", \"input\", \"\", \"\"))"
            ),
            false,
        ),
        (format!("sum(gen_ai_client_token_usage_sum or {tokens})"), true),
        (format!("sum(gen_ai_client_token_usage_sum) / sum({tokens})"), false),
        (format!("sum({tokens}) or vector(0)"), false),
        ("max({__name__=~\"gen_ai_client_(operation|inference)_duration_seconds_count\"})".to_owned(), true),
    ] {
        assert_eq!(promql(&text, ""), Vec::<String>::new());
        let query = Query {
            place: String::new(),
            text,
            legend: String::new(),
            language: Language::Metrics,
            records: None,
        };
        assert_eq!(Series::of_august().can_answer(&query), is_answered, "{}", query.text);
    }
    let found = wrong(Language::Traces, "{ span.gen_ai.system = \"openai\" && span.user.id != nil }", "");
    assert_eq!(found, ["`gen_ai.system` is no attribute of spans"]);
    let found = wrong(Language::Events, "{service_name=\"a\"} | gen_ai_evaluation_mark < 1", "");
    assert_eq!(found, ["`gen_ai_evaluation_mark` is no attribute of events"]);
}
