//! In: a call that begins, then the same call finished. Out: one OpenTelemetry span.

use std::time::SystemTime;

use opentelemetry::trace::{SpanBuilder, Status, TraceContextExt, Tracer};
use opentelemetry::{Context, KeyValue, global};

use crate::call::{CallSite, Finished, Kind, Outcome};
use crate::pricing::{self, Price};
use crate::privacy;
use crate::request::Request;
use crate::response::Response;
use crate::semconv::attribute;

/// Starts the span of a call; the returned context has it as its active span.
///
/// What a sampler may want to see is set here, as the conventions ask; the rest follows at the end, in one go.
pub(crate) fn start(site: &'static CallSite, request: &mut Request, at: SystemTime) -> Context {
    let parent = request.parent.take().unwrap_or_else(Context::current);
    let tracer = global::tracer_with_scope(crate::scope());
    let builder = SpanBuilder::from_name(name(site, request))
        .with_kind(site.kind.span_kind())
        .with_start_time(at)
        .with_attributes(start_attributes(site, request))
        .with_links(std::mem::take(&mut request.links));
    let span = tracer.build_with_context(builder, &parent);
    parent.with_span(span)
}

/// Writes everything a finished call tells to its span, and ends it.
pub(crate) fn end(call: &Finished<'_>, context: &Context, at: SystemTime) {
    let span = context.span();
    if span.is_recording() {
        let mut attributes = call.request.attributes.clone();
        response_attributes(call.response, &mut attributes);
        privacy::attributes(call.site.kind, &call.request.content, call.response, &mut attributes);
        // `service_tier` and the like exist in other providers' bodies too, but the names are OpenAI's.
        if !matches!(call.request.provider.as_deref(), Some("openai" | "azure.ai.openai")) {
            attributes.retain(|attribute| !attribute.key.as_str().starts_with("openai."));
        }
        if let Price::Known { usd, model } = call.price {
            attributes.push(KeyValue::new(attribute::USAGE_COST, *usd));
            attributes.push(KeyValue::new(attribute::PRICE_SOURCE, pricing::SOURCE));
            attributes.push(KeyValue::new(attribute::PRICE_MODEL, model.clone()));
        }
        match call.outcome {
            Outcome::Completed => {}
            Outcome::Failed { error_type, message } => {
                attributes.push(KeyValue::new(attribute::ERROR_TYPE, (*error_type).to_owned()));
                span.set_status(Status::error(message.clone().unwrap_or_default()));
            }
            Outcome::Cancelled => attributes.push(KeyValue::new(attribute::OUTCOME, "cancelled")),
        }
        span.set_attributes(attributes);
    }
    span.end_with_timestamp(at);
}

/// `{operation} {what}` as the conventions define it per kind; a task is named after itself.
fn name(site: &CallSite, request: &Request) -> String {
    let own_name = request.name.as_deref().unwrap_or(site.function);
    let Some(operation) = site.kind.operation() else { return own_name.to_owned() };
    let what = match site.kind {
        Kind::Tool | Kind::Workflow => Some(own_name),
        Kind::Retrieval => request.data_source.as_deref(),
        _ => request.model.as_deref(),
    };
    match what {
        Some(what) => format!("{operation} {what}"),
        None => operation.to_owned(),
    }
}

fn start_attributes(site: &CallSite, request: &Request) -> Vec<KeyValue> {
    let mut attributes = Vec::with_capacity(8);
    if let Some(operation) = site.kind.operation() {
        attributes.push(KeyValue::new(attribute::OPERATION_NAME, operation));
    }
    let own_name = || Some(request.name.clone().unwrap_or_else(|| site.function.to_owned()));
    let texts = [
        (attribute::PROVIDER_NAME, request.provider.clone()),
        (attribute::REQUEST_MODEL, request.model.clone()),
        (attribute::SERVER_ADDRESS, request.server_address.clone()),
        (attribute::DATA_SOURCE_ID, request.data_source.clone()),
        (attribute::TOOL_NAME, (site.kind == Kind::Tool).then(own_name).flatten()),
        (attribute::WORKFLOW_NAME, (site.kind == Kind::Workflow).then(own_name).flatten()),
    ];
    for (key, value) in texts {
        if let Some(value) = value {
            attributes.push(KeyValue::new(key, value));
        }
    }
    if let Some(port) = request.server_port {
        attributes.push(KeyValue::new(attribute::SERVER_PORT, port));
    }
    attributes
        .push(KeyValue::new(attribute::CODE_FUNCTION_NAME, format!("{}::{}", site.module, site.function)));
    attributes.push(KeyValue::new(attribute::CODE_FILE_PATH, site.file));
    attributes.push(KeyValue::new(attribute::CODE_LINE_NUMBER, i64::from(site.line)));
    attributes
}

fn response_attributes(response: &Response, attributes: &mut Vec<KeyValue>) {
    let texts = [
        (attribute::RESPONSE_MODEL, &response.model),
        (attribute::RESPONSE_ID, &response.id),
        (attribute::OPENAI_RESPONSE_SERVICE_TIER, &response.service_tier),
        (attribute::OPENAI_RESPONSE_SYSTEM_FINGERPRINT, &response.system_fingerprint),
    ];
    for (key, value) in texts {
        if let Some(value) = value {
            attributes.push(KeyValue::new(key, value.clone()));
        }
    }
    if !response.finish_reasons.is_empty() {
        attributes.push(KeyValue::new(
            attribute::RESPONSE_FINISH_REASONS,
            crate::call::string_array(response.finish_reasons.clone()),
        ));
    }
    let usage = response.usage.unwrap_or_default();
    let counts = [
        (attribute::USAGE_INPUT_TOKENS, usage.input_tokens),
        (attribute::USAGE_OUTPUT_TOKENS, usage.output_tokens),
        (attribute::USAGE_CACHE_READ_INPUT_TOKENS, usage.cache_read_input_tokens),
        (attribute::USAGE_CACHE_CREATION_INPUT_TOKENS, usage.cache_creation_input_tokens),
        (attribute::USAGE_REASONING_OUTPUT_TOKENS, usage.reasoning_output_tokens),
    ];
    for (key, count) in counts {
        if let Some(count) = count {
            attributes.push(KeyValue::new(key, i64::try_from(count).unwrap_or(i64::MAX)));
        }
    }
    // A dimension the caller asked for is already among the request's attributes.
    let known = attributes.iter().any(|known| known.key.as_str() == attribute::EMBEDDINGS_DIMENSION_COUNT);
    if let Some(dimensions) = response.dimensions.filter(|_| !known) {
        attributes.push(KeyValue::new(attribute::EMBEDDINGS_DIMENSION_COUNT, dimensions));
    }
}
