//! In: a finished call. Out: measurements on the global meter provider.
//!
//! Metrics are recorded for every call, sampled or not, with a closed set of labels: an attribute of the user's
//! own never becomes one.

mod instruments;
mod stream;

use opentelemetry::metrics::{Histogram, MeterProvider};
use opentelemetry::{KeyValue, global};

pub(crate) use stream::ChunkMeter;

use crate::call::{Finished, Kind, Outcome};
use crate::pricing::Price;
use crate::response::Usage;
use crate::semconv::attribute;
use instruments::{TokenCounters, Tokens};

/// Whether anybody measures: without a meter provider there is nothing to price and to count.
pub(crate) fn are_wanted() -> bool {
    !is_noop(&*global::meter_provider())
}

/// The API does not tell, but its no-op provider, the global one until another is set, has nothing inside.
fn is_noop(provider: &(dyn MeterProvider + Send + Sync)) -> bool {
    size_of_val(provider) == 0
}

/// Records what a finished call measured.
pub(crate) fn record(call: &Finished<'_>) {
    match call.site.kind {
        Kind::Tool => record_tool(call),
        Kind::Workflow => record_workflow(call),
        Kind::Agent => record_agent(call),
        kind if kind.is_client() => record_client(call),
        _ => {}
    }
}

fn record_client(call: &Finished<'_>) {
    let instruments = instruments::current();
    let mut labels = client_labels(call);
    let is_inference = call.site.kind.is_inference();
    let duration = if is_inference { &instruments.inference_duration } else { &instruments.duration };
    record_duration(duration, call, &mut labels);
    if let Some(usage) = call.response.usage {
        match &instruments.tokens {
            Tokens::ByType(histogram) => record_by_type(histogram, &usage, &mut labels),
            Tokens::ByCount(counters) if is_inference => record_by_count(counters, &usage, &mut labels),
            Tokens::ByCount(_) => {}
        }
    }
    match call.price {
        Price::Known { usd, .. } => labels.with(None, |labels| instruments.cost.record(*usd, labels)),
        Price::Unknown => labels.with(None, |labels| instruments.unpriced.add(1, labels)),
        Price::None => {}
    }
}

fn record_by_type(histogram: &Histogram<u64>, usage: &Usage, labels: &mut Labels) {
    for (token_type, count) in [("input", usage.input_tokens), ("output", usage.output_tokens)] {
        if let Some(count) = count {
            let token_type = KeyValue::new(attribute::TOKEN_TYPE, token_type);
            labels.with(Some(token_type), |labels| histogram.record(count, labels));
        }
    }
}

fn record_by_count(counters: &TokenCounters, usage: &Usage, labels: &mut Labels) {
    // Providers break few counts down by modality, and never all of them.
    labels.with(Some(KeyValue::new(attribute::TOKEN_MODALITY, "unknown")), |by_modality| {
        for (counter, count) in [
            (&counters.input, usage.input_tokens),
            (&counters.output, usage.output_tokens),
            (&counters.cache_read, usage.cache_read_input_tokens),
            (&counters.cache_write, usage.cache_creation_input_tokens),
            (&counters.reasoning, usage.reasoning_output_tokens),
        ] {
            if let Some(count) = count {
                counter.add(count, by_modality);
            }
        }
    });
    for (histogram, count) in
        [(&counters.input_per_call, usage.input_tokens), (&counters.output_per_call, usage.output_tokens)]
    {
        if let Some(count) = count {
            labels.with(None, |labels| histogram.record(count, labels));
        }
    }
}

fn record_tool(call: &Finished<'_>) {
    let mut labels = Labels(vec![KeyValue::new(attribute::TOOL_NAME, call.own_name().to_owned())]);
    labels.0.extend(call.request.get(attribute::TOOL_TYPE).cloned());
    labels.0.extend(call.agent.map(|agent| KeyValue::new(attribute::AGENT_NAME, agent.name().to_owned())));
    record_duration(&instruments::current().tool_duration, call, &mut labels);
}

fn record_workflow(call: &Finished<'_>) {
    let mut labels = Labels(vec![KeyValue::new(attribute::WORKFLOW_NAME, call.own_name().to_owned())]);
    record_duration(&instruments::current().workflow_duration, call, &mut labels);
}

fn record_agent(call: &Finished<'_>) {
    let instruments = instruments::current();
    let mut labels = Labels(vec![KeyValue::new(attribute::AGENT_NAME, call.own_name().to_owned())]);
    if let Some(agent) = call.agent {
        instruments.agent_inference_calls.record(agent.inference_calls(), &labels.0);
        instruments.agent_tool_calls.record(agent.tool_calls(), &labels.0);
    }
    labels.0.extend(call.request.model.clone().map(|model| KeyValue::new(attribute::REQUEST_MODEL, model)));
    record_duration(&instruments.agent_duration, call, &mut labels);
}

/// The labels of a duration are those of the call, and how it ended unless it completed.
fn record_duration(histogram: &Histogram<f64>, call: &Finished<'_>, labels: &mut Labels) {
    let outcome = match call.outcome {
        Outcome::Completed => None,
        Outcome::Failed { error_type, .. } => {
            Some(KeyValue::new(attribute::ERROR_TYPE, (*error_type).to_owned()))
        }
        Outcome::Cancelled => Some(KeyValue::new(attribute::OUTCOME, "cancelled")),
    };
    labels.with(outcome, |labels| histogram.record(call.duration.as_secs_f64(), labels));
}

/// The labels that all measurements of a call share. They are built once: each is text of its own.
struct Labels(Vec<KeyValue>);

impl Labels {
    /// Records with one label more, if there is one.
    fn with(&mut self, one_more: Option<KeyValue>, record: impl FnOnce(&[KeyValue])) {
        let shared = self.0.len();
        self.0.extend(one_more);
        record(&self.0);
        self.0.truncate(shared);
    }
}

/// The labels every client metric has.
fn client_labels(call: &Finished<'_>) -> Labels {
    let mut labels = Vec::with_capacity(8);
    if let Some(operation) = call.site.kind.operation() {
        labels.push(KeyValue::new(attribute::OPERATION_NAME, operation));
    }
    let texts = [
        (attribute::PROVIDER_NAME, &call.request.provider),
        (attribute::REQUEST_MODEL, &call.request.model),
        (attribute::RESPONSE_MODEL, &call.response.model),
        (attribute::SERVER_ADDRESS, &call.request.server_address),
    ];
    for (key, value) in texts {
        if let Some(value) = value {
            labels.push(KeyValue::new(key, value.clone()));
        }
    }
    if let Some(port) = call.request.server_port {
        labels.push(KeyValue::new(attribute::SERVER_PORT, port));
    }
    Labels(labels)
}

#[cfg(all(test, feature = "otlp"))]
mod tests {
    use super::*;

    #[test]
    fn nobody_measures_until_a_provider_is_set() {
        assert!(is_noop(&*global::meter_provider()));
        assert!(!is_noop(&opentelemetry_sdk::metrics::SdkMeterProvider::builder().build()));
    }
}
