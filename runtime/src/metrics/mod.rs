//! In: a finished call. Out: measurements on the global meter provider.
//!
//! Metrics are recorded for every call, sampled or not, with a closed set of labels: an attribute of the user's
//! own never becomes one.

mod instruments;
mod stream;

use opentelemetry::KeyValue;

pub(crate) use stream::ChunkMeter;

use crate::call::{Finished, Outcome};
use crate::pricing::Price;
use crate::semconv::attribute;

/// Records what a finished call measured.
pub(crate) fn record(call: &Finished<'_>) {
    if !call.site.kind.is_client() {
        return;
    }
    let instruments = instruments::current();
    let labels = labels(call);
    let mut timed = labels.clone();
    match call.outcome {
        Outcome::Completed => {}
        Outcome::Failed { error_type, .. } => {
            timed.push(KeyValue::new(attribute::ERROR_TYPE, (*error_type).to_owned()));
        }
        Outcome::Cancelled => timed.push(KeyValue::new(attribute::OUTCOME, "cancelled")),
    }
    instruments.duration.record(call.duration.as_secs_f64(), &timed);

    if let Some(usage) = call.response.usage {
        for (token_type, count) in [("input", usage.input_tokens), ("output", usage.output_tokens)] {
            if let Some(count) = count {
                let mut labels = labels.clone();
                labels.push(KeyValue::new(attribute::TOKEN_TYPE, token_type));
                instruments.tokens.record(count, &labels);
            }
        }
    }
    match call.price {
        Price::Known { usd, .. } => instruments.cost.record(*usd, &labels),
        Price::Unknown => instruments.unpriced.add(1, &labels),
        Price::None => {}
    }
}

/// The labels every client metric has.
fn labels(call: &Finished<'_>) -> Vec<KeyValue> {
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
    labels
}
