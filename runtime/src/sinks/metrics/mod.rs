//! In: a finished call. Out: measurements on the global meter provider.
//!
//! Metrics are recorded for every call, sampled or not, with a closed set of labels: user attributes never become labels, tags only if the
//! application names them.

mod cardinality;
mod cells;
mod instruments;
mod labels;
mod mcp;
mod quality;
mod rate_limits;
mod stream;

use opentelemetry::KeyValue;
use opentelemetry::metrics::Histogram;

pub(crate) use cardinality::limit_from_environment;
#[cfg(feature = "otlp")]
pub(crate) use cardinality::{DEFAULT_LIMIT, LIMIT_VARIABLE, LIMIT_WORDS, is_limit, limit_from};
pub(crate) use cells::Cell;
pub(crate) use labels::Labels;
pub(crate) use mcp::record_session as record_mcp_session;
pub(crate) use quality::{answer_cell, record_score, record_text_signals, record_unmeasured};
pub(crate) use rate_limits::record as record_rate_limits;
pub(crate) use stream::ChunkMeter;

use crate::model::record::{CallRecord, Outcome, Price};
use crate::model::request::Request;
use crate::model::response::{Modality, Parts, Response, Usage};
use crate::model::site::Kind;
use crate::semconv::attribute;
use cardinality::Limited;
pub(crate) use instruments::Instruments;
use instruments::{TokenCounters, Tokens, TokensByType};
use quality::add_answer_labels;

/// Records what a finished call measured.
pub(crate) fn record(call: &CallRecord, instruments: &Instruments) {
    if call.site.kind.returns_documents() {
        quality::record_retrieval(call, &instruments.quality, &instruments.cells);
    }
    match call.site.kind {
        Kind::Tool => record_tool(call, instruments),
        Kind::McpClient | Kind::McpServer => mcp::record(call, instruments),
        Kind::Workflow => record_workflow(call, instruments),
        Kind::Agent => record_agent(call, instruments),
        kind if kind.is_client() => record_client(call, instruments),
        _ => {}
    }
}

fn record_client(call: &CallRecord, instruments: &Instruments) {
    let is_inference = call.site.kind.is_inference();
    let labels = || client_labels(call.site.kind, &call.labels, &call.request, &call.response);
    let duration = if is_inference { &instruments.inference_duration } else { &instruments.duration };
    instruments.cells.with(&labels(), |cell| {
        if is_inference {
            let of_answers = cell.shorter(|| answer_cell(call, instruments));
            quality::record_answer(call, &instruments.quality, of_answers);
        }
        match (&call.outcome, &call.topic, call.duration) {
            (Outcome::Completed, None, Some(took)) => duration.record(took.as_secs_f64(), cell),
            _ => record_duration(duration, call, labels(), instruments),
        }
        if let Some(usage) = call.response.usage {
            match &instruments.tokens {
                Tokens::ByType(tokens) => record_by_type(tokens, &usage, cell),
                Tokens::ByCount(counters) if is_inference => record_by_count(counters, &usage, cell),
                Tokens::ByCount(_) => {}
            }
        }
        match &call.price {
            Price::Known { usd, .. } => instruments.cost.record(*usd, cell),
            Price::Unknown => instruments.unpriced.record(1, cell),
            Price::None => {}
        }
    });
}

fn record_by_type(tokens: &TokensByType, usage: &Usage, cell: &Cell) {
    for (histogram, count) in [(&tokens.input, usage.input_tokens), (&tokens.output, usage.output_tokens)] {
        if let Some(count) = count {
            histogram.record(count, cell);
        }
    }
    for (counter, count) in [
        (&tokens.cache_read, usage.cache_read_input_tokens),
        (&tokens.cache_creation, usage.cache_creation_input_tokens),
        (&tokens.reasoning, usage.reasoning_output_tokens),
    ] {
        if let Some(count) = count {
            counter.record(count, cell);
        }
    }
}

fn record_by_count(counters: &TokenCounters, usage: &Usage, cell: &Cell) {
    let by_modality = &usage.by_modality;
    for (counter, count, parts) in [
        (&counters.input, usage.input_tokens, by_modality.input),
        (&counters.output, usage.output_tokens, by_modality.output),
        (&counters.cache_read, usage.cache_read_input_tokens, by_modality.cache_read),
        (&counters.cache_write, usage.cache_creation_input_tokens, Parts::default()),
        (&counters.reasoning, usage.reasoning_output_tokens, Parts::default()),
    ] {
        let Some(count) = count else { continue };
        if let Some(share) = share_of(None, count, &parts) {
            counter.unknown.record(share, cell);
        }
        for (modality, counter) in Modality::ALL.into_iter().zip(&counter.known) {
            if let Some(share) = share_of(Some(modality), count, &parts) {
                counter.record(share, cell);
            }
        }
    }
    for (histogram, count) in
        [(&counters.input_per_call, usage.input_tokens), (&counters.output_per_call, usage.output_tokens)]
    {
        if let Some(count) = count {
            histogram.record(count, cell);
        }
    }
}

/// Returns the part of a count that is of a modality, or of no known modality: providers break few counts down, and seldom all of one. The
/// sum of all parts is the count.
fn share_of(modality: Option<Modality>, count: u64, parts: &Parts) -> Option<u64> {
    let known = parts.all().iter().flatten().fold(0, |sum: u64, part| sum.saturating_add(*part));
    // Parts that exceed the whole are ignored.
    let is_believed = known <= count;
    match modality {
        Some(modality) => parts.get(modality).filter(|part| is_believed && *part > 0),
        None if is_believed => Some(count - known).filter(|rest| *rest > 0 || count == 0),
        None => Some(count),
    }
}

fn record_tool(call: &CallRecord, instruments: &Instruments) {
    let mut labels = Labels::of(call);
    labels.add(attribute::TOOL_NAME, Some(call.own_name()));
    labels.add_attribute(call.request.attribute_of(attribute::TOOL_TYPE));
    labels.add(attribute::AGENT_NAME, call.agent.as_ref().map(|agent| &*agent.name));
    record_duration(&instruments.tool_duration, call, labels, instruments);
}

fn record_workflow(call: &CallRecord, instruments: &Instruments) {
    let mut labels = Labels::of(call);
    labels.add(attribute::WORKFLOW_NAME, Some(call.own_name()));
    record_duration(&instruments.workflow_duration, call, labels, instruments);
}

fn record_agent(call: &CallRecord, instruments: &Instruments) {
    let mut labels = Labels::of(call);
    labels.add(attribute::AGENT_NAME, Some(call.own_name()));
    if let Some(agent) = &call.agent {
        instruments.cells.with(&labels, |cell| {
            instruments.agent_inference_calls.record(agent.inference_calls, cell);
            instruments.agent_tool_calls.record(agent.tool_calls, cell);
        });
    }
    labels.add(attribute::REQUEST_MODEL, call.request.model.as_deref());
    record_duration(&instruments.agent_duration, call, labels, instruments);
}

/// The labels of a duration are those of the call, its outcome unless it completed, and its topic if topics are recorded.
fn record_duration<'a>(
    histogram: &Limited<Histogram<f64>>,
    call: &'a CallRecord,
    mut labels: Labels<'a>,
    instruments: &Instruments,
) {
    let Some(duration) = call.duration else { return };
    add_outcome(&mut labels, call);
    instruments.cells.with(&labels, |cell| histogram.record(duration.as_secs_f64(), cell));
}

fn add_outcome<'a>(labels: &mut Labels<'a>, call: &'a CallRecord) {
    match &call.outcome {
        Outcome::Completed => {}
        Outcome::Failed(failure) => labels.add(attribute::ERROR_TYPE, Some(&failure.error_type)),
        Outcome::Cancelled => labels.add(attribute::OUTCOME, Some("cancelled")),
        #[cfg(feature = "otlp")]
        Outcome::Shutdown => labels.add(attribute::OUTCOME, Some("shutdown")),
    }
    if call.site.kind == Kind::Workflow || call.site.kind.is_inference() {
        labels.add(attribute::TOPIC, call.topic.as_deref());
    }
}

/// The labels every client metric has: those of answers, and more.
#[inline]
fn client_labels<'a>(
    kind: Kind,
    tags: &'a [KeyValue],
    request: &'a Request,
    response: &'a Response,
) -> Labels<'a> {
    let mut labels = Labels::beginning_with(tags);
    add_answer_labels(&mut labels, kind, request);
    labels.add(attribute::RESPONSE_MODEL, response.model.as_deref());
    labels.add(attribute::SERVER_ADDRESS, request.server_address.as_deref());
    labels.add_int(attribute::SERVER_PORT, request.server_port);
    labels
}
