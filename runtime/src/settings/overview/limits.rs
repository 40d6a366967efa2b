//! How much spans, events and metrics may hold.

use super::Rows;
use crate::settings::{Builder, ConfigError, Settings};
use crate::sinks::metrics;

pub(super) fn rows(rows: &mut Rows<'_>, builder: &Builder, settings: &Settings) -> Result<(), ConfigError> {
    const ATTRIBUTES: &str = "OTEL_ATTRIBUTE_COUNT_LIMIT";
    const TEXTS: &str = "OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT";
    let limits = &settings.sdk.limits;
    let spans = &limits.spans;
    let count = |limit: u32| limit.to_string();
    for (name, limit, variables) in [
        (
            "span attributes",
            count(spans.max_attributes_per_span),
            vec!["OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT", ATTRIBUTES],
        ),
        ("span texts", characters(limits.span_text), vec!["OTEL_SPAN_ATTRIBUTE_VALUE_LENGTH_LIMIT", TEXTS]),
        ("events of a span", count(spans.max_events_per_span), vec!["OTEL_SPAN_EVENT_COUNT_LIMIT"]),
        ("links of a span", count(spans.max_links_per_span), vec!["OTEL_SPAN_LINK_COUNT_LIMIT"]),
        (
            "attributes of a span's event",
            count(spans.max_attributes_per_event),
            vec!["OTEL_EVENT_ATTRIBUTE_COUNT_LIMIT", ATTRIBUTES],
        ),
        (
            "attributes of a link",
            count(spans.max_attributes_per_link),
            vec!["OTEL_LINK_ATTRIBUTE_COUNT_LIMIT", ATTRIBUTES],
        ),
        (
            "event attributes",
            limits.events.attributes.to_string(),
            vec!["OTEL_LOGRECORD_ATTRIBUTE_COUNT_LIMIT", ATTRIBUTES],
        ),
        (
            "event texts",
            characters(limits.events.text),
            vec!["OTEL_LOGRECORD_ATTRIBUTE_VALUE_LENGTH_LIMIT", TEXTS],
        ),
    ] {
        rows.push(name, limit, None, &variables)?;
    }
    let method = builder.cardinality_limit.map(|_| "with_metric_cardinality_limit");
    let limit = settings.cardinality_limit.to_string();
    rows.push("metric label sets", limit, method, &[metrics::LIMIT_VARIABLE])
}

fn characters(limit: Option<usize>) -> String {
    limit.map_or_else(|| "whole".to_owned(), |limit| format!("{limit} characters"))
}
