//! In: a finished call. Out: measurements on the global meter provider.
//!
//! Metrics are recorded for every call, sampled or not, with a closed set of labels: user attributes never become labels, tags only if the
//! application names them.

mod cardinality;
mod instruments;
mod labels;
mod mcp;
mod quality;
mod rate_limits;
mod stream;

use std::sync::Arc;

use opentelemetry::KeyValue;
use opentelemetry::metrics::{Counter, Histogram};

pub(crate) use cardinality::limit_from_environment;
#[cfg(feature = "otlp")]
pub(crate) use cardinality::{DEFAULT_LIMIT, LIMIT_VARIABLE, LIMIT_WORDS, is_limit, limit_from};
pub(crate) use labels::Labels;
pub(crate) use mcp::record_session as record_mcp_session;
pub(crate) use quality::{answer_labels, record_score, record_text_signals, record_unmeasured};
pub(crate) use rate_limits::record as record_rate_limits;
pub(crate) use stream::ChunkMeter;

use crate::model::record::{CallRecord, Outcome, Price};
use crate::model::request::Request;
use crate::model::response::{ByModality, Modality, Parts, Response, Usage};
use crate::model::site::Kind;
use crate::semconv::attribute;
use cardinality::Limited;
pub(crate) use instruments::Instruments;
use instruments::{TokenCounters, Tokens};

/// Records what a finished call measured.
pub(crate) fn record(call: &CallRecord, instruments: &Instruments) {
    if call.site.kind.returns_documents() {
        quality::record_retrieval(call, &instruments.quality);
    }
    match call.site.kind {
        Kind::Tool => record_tool(call, instruments),
        Kind::McpClient | Kind::McpServer => mcp::record(call, &instruments.mcp),
        Kind::Workflow => record_workflow(call, instruments),
        Kind::Agent => record_agent(call, instruments),
        kind if kind.is_client() => record_client(call, instruments),
        _ => {}
    }
}

fn record_client(call: &CallRecord, instruments: &Instruments) {
    let is_inference = call.site.kind.is_inference();
    let mut labels = answer_labels(call.site.kind, &call.labels, &call.request);
    if is_inference {
        quality::record_answer(call, &instruments.quality, labels.set());
    }
    add_client_labels(&call.request, &call.response, &mut labels);
    let duration = if is_inference { &instruments.inference_duration } else { &instruments.duration };
    record_duration(duration, call, &mut labels);
    if let Some(usage) = call.response.usage {
        match &instruments.tokens {
            Tokens::ByType { usage: all, details } => record_by_type(all, details, &usage, &mut labels),
            Tokens::ByCount(counters) if is_inference => record_by_count(counters, &usage, &mut labels),
            Tokens::ByCount(_) => {}
        }
    }
    match &call.price {
        Price::Known { usd, .. } => instruments.cost.record(*usd, labels.set()),
        Price::Unknown => instruments.unpriced.record(1, labels.set()),
        Price::None => {}
    }
}

fn record_by_type(
    all: &Limited<Histogram<u64>>,
    details: &Limited<Counter<u64>>,
    usage: &Usage,
    labels: &mut Labels,
) {
    let of_type = |token_type| Some(KeyValue::new(attribute::TOKEN_TYPE, token_type));
    for (token_type, count) in [("input", usage.input_tokens), ("output", usage.output_tokens)] {
        if let Some(count) = count {
            labels.with(of_type(token_type), |labels| all.record(count, labels));
        }
    }
    for (token_type, count) in [
        ("cache_read", usage.cache_read_input_tokens),
        ("cache_creation", usage.cache_creation_input_tokens),
        ("reasoning", usage.reasoning_output_tokens),
    ] {
        if let Some(count) = count {
            labels.with(of_type(token_type), |labels| details.record(count, labels));
        }
    }
}

fn record_by_count(counters: &TokenCounters, usage: &Usage, labels: &mut Labels) {
    let by_modality = &usage.by_modality;
    let counts = [
        (&counters.input, usage.input_tokens, by_modality.input),
        (&counters.output, usage.output_tokens, by_modality.output),
        (&counters.cache_read, usage.cache_read_input_tokens, by_modality.cache_read),
        (&counters.cache_write, usage.cache_creation_input_tokens, Parts::default()),
        (&counters.reasoning, usage.reasoning_output_tokens, Parts::default()),
    ];
    let mut record = |modality: Option<Modality>| {
        let label = KeyValue::new(attribute::TOKEN_MODALITY, modality.map_or("unknown", Modality::word));
        labels.with(Some(label), |labels| {
            for (counter, count, parts) in &counts {
                if let Some(share) = count.and_then(|count| share_of(modality, count, parts)) {
                    counter.record(share, labels);
                }
            }
        });
    };
    record(None);
    if *by_modality != ByModality::default() {
        for modality in Modality::ALL {
            record(Some(modality));
        }
    }
    for (histogram, count) in
        [(&counters.input_per_call, usage.input_tokens), (&counters.output_per_call, usage.output_tokens)]
    {
        if let Some(count) = count {
            histogram.record(count, labels.set());
        }
    }
}

/// Returns the part of a count that is of a modality, or of no known modality: providers break few counts down, and seldom all of one. The
/// sum of all parts is the count.
fn share_of(modality: Option<Modality>, count: u64, parts: &Parts) -> Option<u64> {
    let known = parts.iter().flatten().fold(0, |sum: u64, part| sum.saturating_add(*part));
    // Parts that exceed the whole are ignored.
    let is_believed = known <= count;
    match modality {
        Some(modality) => parts[modality as usize].filter(|part| is_believed && *part > 0),
        None if is_believed => Some(count - known).filter(|rest| *rest > 0 || count == 0),
        None => Some(count),
    }
}

fn record_tool(call: &CallRecord, instruments: &Instruments) {
    let mut labels = Labels::of(call);
    labels.add_text(attribute::TOOL_NAME, Some(call.own_name()));
    labels.add(
        attribute::TOOL_TYPE,
        call.request.attribute_of(attribute::TOOL_TYPE).map(|label| label.value.clone()),
    );
    labels.add(attribute::AGENT_NAME, call.agent.as_ref().map(|agent| Arc::clone(&agent.name)));
    record_duration(&instruments.tool_duration, call, &mut labels);
}

fn record_workflow(call: &CallRecord, instruments: &Instruments) {
    let mut labels = Labels::of(call);
    labels.add_text(attribute::WORKFLOW_NAME, Some(call.own_name()));
    record_duration(&instruments.workflow_duration, call, &mut labels);
}

fn record_agent(call: &CallRecord, instruments: &Instruments) {
    let mut labels = Labels::of(call);
    labels.add_text(attribute::AGENT_NAME, Some(call.own_name()));
    if let Some(agent) = &call.agent {
        instruments.agent_inference_calls.record(agent.inference_calls, labels.set());
        instruments.agent_tool_calls.record(agent.tool_calls, labels.set());
    }
    labels.add(attribute::REQUEST_MODEL, call.request.model.clone());
    record_duration(&instruments.agent_duration, call, &mut labels);
}

/// The labels of a duration are those of the call, its outcome unless it completed, and its topic if topics are recorded.
fn record_duration(histogram: &Limited<Histogram<f64>>, call: &CallRecord, labels: &mut Labels) {
    let outcome = match &call.outcome {
        Outcome::Completed => None,
        Outcome::Failed(failure) => {
            Some(KeyValue::new(attribute::ERROR_TYPE, Arc::clone(&failure.error_type)))
        }
        Outcome::Cancelled => Some(KeyValue::new(attribute::OUTCOME, "cancelled")),
        #[cfg(feature = "otlp")]
        Outcome::Shutdown => Some(KeyValue::new(attribute::OUTCOME, "shutdown")),
    };
    let has_topic = call.site.kind == Kind::Workflow || call.site.kind.is_inference();
    let topic = call.topic.clone().filter(|_| has_topic).map(|topic| KeyValue::new(attribute::TOPIC, topic));
    let Some(duration) = call.duration else { return };
    labels.with(outcome.into_iter().chain(topic), |labels| {
        histogram.record(duration.as_secs_f64(), labels);
    });
}

/// The labels every client metric has.
fn client_labels(kind: Kind, tags: &[KeyValue], request: &Request, response: &Response) -> Labels {
    let mut labels = answer_labels(kind, tags, request);
    add_client_labels(request, response, &mut labels);
    labels
}

/// The labels every client metric has, beyond those of [`answer_labels`].
fn add_client_labels(request: &Request, response: &Response, labels: &mut Labels) {
    labels.add_text(attribute::RESPONSE_MODEL, response.model.as_deref());
    labels.add(attribute::SERVER_ADDRESS, request.server_address.clone());
    labels.add(attribute::SERVER_PORT, request.server_port);
}
