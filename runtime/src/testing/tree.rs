//! The spans of a capture as text.

use std::fmt::Write as _;

use opentelemetry::Value;
use opentelemetry::trace::Status;

use super::record::{Record, Recorded};
use crate::semconv::attribute;

pub(super) fn render(record: &Record) -> String {
    let state = record.state();
    let mut text = String::new();
    let is_here = |span: &Recorded| state.spans.iter().any(|other| is_child(span, other));
    for root in state.spans.iter().filter(|span| !is_here(span)) {
        add(&state.spans, root, "", "", &mut text);
    }
    text
}

fn add(all: &[Recorded], span: &Recorded, branch: &str, indent: &str, text: &mut String) {
    let _ = writeln!(text, "{branch}{}{}", span.data.name, facts(span));
    let children: Vec<_> = all.iter().filter(|other| is_child(other, span)).collect();
    let last = children.len().saturating_sub(1);
    for (index, child) in children.into_iter().enumerate() {
        let (branch, below) = if index == last { ("└─ ", "   ") } else { ("├─ ", "│  ") };
        add(all, child, &format!("{indent}{branch}"), &format!("{indent}{below}"), text);
    }
}

fn is_child(span: &Recorded, of: &Recorded) -> bool {
    span.data.parent_span_id == of.data.span_context.span_id()
        && span.data.span_context.trace_id() == of.data.span_context.trace_id()
}

fn facts(span: &Recorded) -> String {
    let mut facts = String::new();
    let get = |key: &str| span.data.attributes.iter().find(|found| found.key.as_str() == key);
    let count = |key| match get(key).map(|found| &found.value) {
        Some(Value::I64(count)) => Some(*count),
        _ => None,
    };
    match (count(attribute::USAGE_INPUT_TOKENS), count(attribute::USAGE_OUTPUT_TOKENS)) {
        (Some(input), Some(output)) => facts = format!("  {input} → {output} tokens"),
        (Some(tokens), None) | (None, Some(tokens)) => facts = format!("  {tokens} tokens"),
        (None, None) => {}
    }
    if matches!(span.data.status, Status::Error { .. }) {
        facts.push_str("  error");
        if let Some(error_type) = get(attribute::ERROR_TYPE) {
            let _ = write!(facts, " {}", error_type.value);
        }
    }
    if let Some(outcome) = get(attribute::OUTCOME) {
        let _ = write!(facts, "  {}", outcome.value);
    }
    if span.ended.is_none() {
        facts.push_str("  (not ended)");
    }
    facts
}
