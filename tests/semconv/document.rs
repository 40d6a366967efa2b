//! Generates `docs/semconv.md` from emitted telemetry.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use llm_trace_test_support::semconv;
use llm_trace_test_support::trace::{Ended, all_points};
use opentelemetry_sdk::logs::SdkLogRecord;

/// The section of one semconv version, from the spans, events and metrics of this process.
pub(crate) fn section(spans: &[Ended], events: &[SdkLogRecord]) -> String {
    let mut text =
        String::from("### Spans\n\n| operation | kind | name | attributes |\n| --- | --- | --- | --- |\n");
    let mut rows: BTreeMap<(String, String), (String, BTreeSet<String>)> = BTreeMap::new();
    for span in spans {
        let operation = operation(span).to_owned();
        let kind = format!("{:?}", span.0.span_kind).to_uppercase();
        let name = name_format(span);
        let (longest, keys) = rows.entry((operation, kind)).or_default();
        if name.len() > longest.len() {
            *longest = name;
        }
        let of_ours = span.keys().into_iter().filter(|key| !key.starts_with("app."));
        keys.extend(of_ours.map(ToOwned::to_owned));
    }
    for ((operation, kind), (name, keys)) in rows {
        let keys: Vec<_> = keys.iter().map(|key| format!("`{key}`")).collect();
        let _ = writeln!(text, "| `{operation}` | {kind} | `{name}` | {} |", keys.join(" "));
    }

    text.push_str("\n### Metrics\n\n| metric | unit | buckets | labels |\n| --- | --- | --- | --- |\n");
    let mut metrics: BTreeMap<String, (String, String, BTreeSet<String>)> = BTreeMap::new();
    for (name, point) in all_points() {
        let bounds: Vec<_> = point.bounds.iter().map(ToString::to_string).collect();
        let buckets = match (bounds.first(), bounds.last()) {
            (Some(first), Some(last)) => format!("{first} … {last} ({})", bounds.len()),
            _ => point.instrument.to_owned(),
        };
        let entry = metrics.entry(name).or_insert_with(|| (point.unit.clone(), buckets, BTreeSet::new()));
        entry.2.extend(point.labels.iter().map(|label| format!("`{}`", label.key)));
    }
    for (name, (unit, buckets, labels)) in metrics {
        let labels: Vec<_> = labels.into_iter().collect();
        let _ = writeln!(text, "| `{name}` | `{unit}` | {buckets} | {} |", labels.join(" "));
    }

    text.push_str("\n### Events\n\n| event | severity | attributes |\n| --- | --- | --- |\n");
    let mut rows: BTreeMap<&str, (&str, BTreeSet<&str>)> = BTreeMap::new();
    for event in events {
        let severity = event.severity_number().map_or("", |severity| severity.name());
        let row = rows.entry(event.event_name().unwrap_or_default()).or_insert((severity, BTreeSet::new()));
        let keys = event.attributes_iter().map(|(key, _)| key.as_str());
        row.1.extend(keys.filter(|key| !key.starts_with("app.")));
    }
    for (name, (severity, keys)) in rows {
        let keys: Vec<_> = keys.iter().map(|key| format!("`{key}`")).collect();
        let _ = writeln!(text, "| `{name}` | {severity} | {} |", keys.join(" "));
    }
    text
}

/// The attributes that OpenInference adds if it is enabled and content is captured on spans.
pub(crate) fn openinference(spans: &[Ended]) -> String {
    let mut text = String::from("| operation | `openinference.span.kind` | content |\n| --- | --- | --- |\n");
    let registry = semconv::in_force();
    let mut defined = registry.group("attributes.openinference");
    defined.extend(registry.group("attributes.openinference.documents"));
    let mut rows: BTreeMap<(&str, &str), BTreeSet<String>> = BTreeMap::new();
    for span in spans {
        let Some(kind) = span.text("openinference.span.kind") else { continue };
        let operation = operation(span);
        let keys = span.keys().into_iter().map(semconv::numbered);
        let content = keys.filter(|key| defined.contains(key) && key != "openinference.span.kind");
        rows.entry((operation, kind)).or_default().extend(content);
    }
    for ((operation, kind), keys) in rows {
        let keys: Vec<_> = keys.iter().map(|key| format!("`{key}`")).collect();
        let _ = writeln!(text, "| `{operation}` | `{kind}` | {} |", keys.join(" "));
    }
    text
}

fn operation(span: &Ended) -> &str {
    let operation = span.text("mcp.method.name").map(|_| "(MCP)");
    operation.or_else(|| span.text("gen_ai.operation.name")).unwrap_or("(task)")
}

/// The format of a span name with its attribute: `chat {gen_ai.request.model}`.
fn name_format(span: &Ended) -> String {
    if let Some(method) = span.text("mcp.method.name") {
        let target =
            ["gen_ai.tool.name", "gen_ai.prompt.name"].into_iter().find(|key| span.text(key).is_some());
        let target = target.filter(|_| span.0.name != method).map(|key| format!(" {{{key}}}"));
        return format!("{{mcp.method.name}}{}", target.unwrap_or_default());
    }
    let Some(operation) = span.text("gen_ai.operation.name") else { return "{function}".to_owned() };
    let Some(what) = span.0.name.strip_prefix(operation).and_then(|rest| rest.strip_prefix(' ')) else {
        return operation.to_owned();
    };
    let named_by = [
        "gen_ai.request.model",
        "gen_ai.data_source.id",
        "gen_ai.tool.name",
        "gen_ai.workflow.name",
        "gen_ai.agent.name",
        "llm_trace.guardrail.name",
        "llm_trace.evaluator.name",
    ];
    let key = named_by.into_iter().find(|key| span.text(key) == Some(what)).unwrap_or("?");
    format!("{operation} {{{key}}}")
}

/// The whole document.
pub(crate) fn document(august: &str, october: &str, openinference: &str) -> String {
    format!(
        "\
# What is emitted

Generated by `tests/semconv` from calls of every kind with every attribute set: `UPDATE_DOCS=1 cargo test -p llm-trace-tests --test semconv`.
The same test validates each span, data point and event against the registry of the OpenTelemetry conventions and the extension in
`docs/semconv/`.

Custom attributes (`attributes(\"app.tier\" = …)`) are added to spans, and to the events with the span's attributes. Content is listed on
events (`EVENT_ONLY`); on spans it has the same names. Requirement levels, types and meanings are those of the
[conventions](https://github.com/open-telemetry/semantic-conventions-genai).

## August 2026, the default

{august}
## October 2026, `gen_ai_latest_experimental`

{october}
## OpenInference, `LLM_TRACE_OPENINFERENCE=true`

Attributes of [OpenInference](https://github.com/Arize-ai/openinference) on spans, with both versions of the conventions. The kind is always
set; the others are copies of the conventions' attributes, where content is captured on spans.

{openinference}"
    )
}
