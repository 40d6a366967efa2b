//! In: the spans of one trace. Out: its text.

use std::fmt::Write as _;
use std::time::Duration;

use llm_trace_delivery::printable;
use opentelemetry::Value;
use opentelemetry::trace::{SpanId, Status};
use opentelemetry_sdk::trace::SpanData;

use super::traces::Trace;
use crate::semconv::{SCOPE_NAME, attribute};

/// One line of the tree, before the columns are aligned.
struct Line {
    label: String,
    duration: String,
    first: String,
    tokens: String,
    cost: String,
    problem: String,
}

pub(super) fn render(trace: &Trace, colour: bool) -> String {
    let mut lines = Vec::new();
    for root in children(trace, None) {
        add_lines(trace, root, "", "", &mut lines);
    }
    let width =
        |column: fn(&Line) -> &str| lines.iter().map(|line| column(line).chars().count()).max().unwrap_or(0);
    let widths = [
        width(|line| &line.label),
        width(|line| &line.duration),
        width(|line| &line.first),
        width(|line| &line.tokens),
    ];

    let mut text = String::new();
    for line in &lines {
        let Line { label, duration, first, tokens, cost, problem } = line;
        let [label_width, duration_width, first_width, tokens_width] = widths;
        let mut row = format!("{label:label_width$}  {duration:>duration_width$}");
        if first_width > 0 {
            let _ = write!(row, "  {first:>first_width$}");
        }
        if tokens_width > 0 {
            let _ = write!(row, "  {tokens:>tokens_width$}");
        }
        if !cost.is_empty() {
            let _ = write!(row, "  {}", paint(colour, "32", cost));
        }
        if !problem.is_empty() {
            let _ = write!(row, "  {}", paint(colour, "31", problem));
        }
        text.push_str(row.trim_end());
        text.push('\n');
    }
    text.push_str(&paint(colour, "2", &summary(trace)));
    text.push('\n');
    text
}

fn add_lines(trace: &Trace, span: &SpanData, branch: &str, indent: &str, lines: &mut Vec<Line>) {
    let children = children(trace, Some(span.span_context.span_id()));
    lines.push(Line {
        label: format!("{branch}{}", label(span)),
        duration: duration(elapsed(span).as_secs_f64()),
        first: double(span, attribute::RESPONSE_TIME_TO_FIRST_CHUNK)
            .map_or_else(String::new, |seconds| format!("first {}", duration(seconds))),
        tokens: usage(span).map_or_else(String::new, tokens),
        cost: double(span, attribute::USAGE_COST).map_or_else(String::new, dollars),
        problem: problem(span, &children),
    });
    let last = children.len().saturating_sub(1);
    for (index, child) in children.into_iter().enumerate() {
        let (branch, below) = if index == last { ("└─ ", "   ") } else { ("├─ ", "│  ") };
        add_lines(trace, child, &format!("{indent}{branch}"), &format!("{indent}{below}"), lines);
    }
}

/// The spans below `parent` in the order they started; without a parent, those whose parent is not here: it is
/// remote, still running, or was not kept.
fn children(trace: &Trace, parent: Option<SpanId>) -> Vec<&SpanData> {
    let is_here = |id: SpanId| trace.ended().iter().any(|span| span.span_context.span_id() == id);
    let mut children: Vec<_> = trace
        .ended()
        .iter()
        .filter(|span| match parent {
            Some(parent) => span.parent_span_id == parent,
            None => !is_here(span.parent_span_id),
        })
        .collect();
    children.sort_by_key(|span| span.start_time);
    children
}

/// Our spans' names begin with their kind; a task's does not, and other instrumentations' do not.
fn label(span: &SpanData) -> String {
    let is_ours = span.instrumentation_scope.name() == SCOPE_NAME;
    let name = printable(&span.name);
    match text(span, attribute::OPERATION_NAME) {
        Some(_) => name,
        None if is_ours => format!("task {name}"),
        None => format!("span {name}"),
    }
}

fn problem(span: &SpanData, children: &[&SpanData]) -> String {
    if let Status::Error { description } = &span.status {
        // A propagated error shows its message once, at its origin.
        let failed_below = children.iter().any(|child| matches!(child.status, Status::Error { .. }));
        let description = if failed_below { "" } else { description };
        let class = printable(text(span, attribute::ERROR_TYPE).unwrap_or("error"));
        let description = printable(description);
        return if description.is_empty() {
            format!("✗ {class}")
        } else {
            format!("✗ {class}: {description}")
        };
    }
    text(span, attribute::OUTCOME).map_or_else(String::new, |outcome| format!("✗ {}", printable(outcome)))
}

fn summary(trace: &Trace) -> String {
    let totals = trace.totals();
    let mut parts = vec![count(totals.spans, "span"), count(totals.model_calls, "model call")];
    parts.extend(totals.tokens.map(tokens));
    parts.extend(totals.dollars.map(dollars));
    if totals.failed > 0 {
        parts.push(format!("{} failed", totals.failed));
    }
    if trace.still_open() > 0 {
        parts.push(format!("{} still open", trace.still_open()));
    }
    if trace.not_shown() > 0 {
        parts.push(format!("{} not shown", trace.not_shown()));
    }
    if let Some(span) = trace.ended().first() {
        parts.push(format!("trace {}", span.span_context.trace_id()));
    }
    parts.join(" · ")
}

fn count(count: u64, what: &str) -> String {
    format!("{count} {what}{}", if count == 1 { "" } else { "s" })
}

pub(super) fn usage(span: &SpanData) -> Option<(i64, i64)> {
    let input = int(span, attribute::USAGE_INPUT_TOKENS);
    let output = int(span, attribute::USAGE_OUTPUT_TOKENS);
    (input.is_some() || output.is_some()).then(|| (input.unwrap_or(0), output.unwrap_or(0)))
}

fn tokens((input, output): (i64, i64)) -> String {
    format!("{input} → {output} tokens")
}

fn dollars(usd: f64) -> String {
    match usd {
        usd if usd >= 0.01 => format!("${usd:.4}"),
        usd if usd >= 1e-6 || usd == 0.0 => format!("${usd:.6}"),
        usd => format!("${usd:.1e}"),
    }
}

fn elapsed(span: &SpanData) -> Duration {
    span.end_time.duration_since(span.start_time).unwrap_or_default()
}

fn duration(seconds: f64) -> String {
    match seconds {
        seconds if seconds >= 1.0 => format!("{seconds:.2} s"),
        seconds => format!("{:.1} ms", seconds * 1e3),
    }
}

fn paint(colour: bool, code: &str, text: &str) -> String {
    if colour { format!("\x1b[{code}m{text}\x1b[0m") } else { text.to_owned() }
}

fn value<'a>(span: &'a SpanData, key: &str) -> Option<&'a Value> {
    span.attributes.iter().find(|attribute| attribute.key.as_str() == key).map(|attribute| &attribute.value)
}

pub(super) fn text<'a>(span: &'a SpanData, key: &str) -> Option<&'a str> {
    match value(span, key)? {
        Value::String(text) => Some(text.as_str()),
        _ => None,
    }
}

fn int(span: &SpanData, key: &str) -> Option<i64> {
    match value(span, key)? {
        Value::I64(int) => Some(*int),
        _ => None,
    }
}

pub(super) fn double(span: &SpanData, key: &str) -> Option<f64> {
    match value(span, key)? {
        Value::F64(double) => Some(*double),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn small_amounts_keep_their_meaning() {
        assert_eq!(
            [dollars(1.5), dollars(0.000_147), dollars(0.0), dollars(2.5e-8)],
            ["$1.5000", "$0.000147", "$0.000000", "$2.5e-8"]
        );
    }
}
