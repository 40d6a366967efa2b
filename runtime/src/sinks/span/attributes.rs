//! The name and the attributes of the span of a call.

use std::sync::Arc;

use opentelemetry::{KeyValue, StringValue};
use smol_str::SmolStr;

use crate::content::ContentPolicy;
use crate::enrich::pricing;
use crate::model::record::{CallRecord, Outcome, Price, Signals};
use crate::model::request::Request;
use crate::model::site::{CallSite, Kind};
use crate::semconv::attribute;
use crate::semconv::version::Names;

/// Returns every attribute of the span of a finished call, without attributes that are content: for the event with the same facts.
pub(crate) fn attributes(call: &CallRecord, policy: &ContentPolicy, names: &Names) -> Vec<KeyValue> {
    let mut attributes = start_attributes(&call.site, &call.request, agent_name(call));
    let at_end = end_attributes(call, policy.on_events(), names);
    for new in own_attributes(call, &at_end).cloned().collect::<Vec<_>>().into_iter().chain(at_end) {
        attributes.retain(|attribute| attribute.key != new.key);
        attributes.push(new);
    }
    attributes
}

/// Returns the request's attributes beyond the start. An attribute set at the end replaces a user attribute with the same key.
pub(super) fn own_attributes<'a>(
    call: &'a CallRecord,
    at_end: &[KeyValue],
) -> impl Iterator<Item = &'a KeyValue> {
    let is_openai = is_openai(&call.request);
    let own = call.request.attributes.iter();
    own.filter(move |own| is_openai || !OPENAI_ONLY.contains(&own.key.as_str()))
        .filter(|own| at_end.iter().all(|later| later.key != own.key))
}

/// Returns the attributes that are known at the end only; a finish reason in free text only if the signal may have content.
pub(super) fn end_attributes(call: &CallRecord, has_content: bool, names: &Names) -> Vec<KeyValue> {
    let mut attributes = Vec::with_capacity(16);
    response_attributes(call, has_content, names, &mut attributes);
    for (key, time) in [
        (attribute::RESPONSE_TIME_TO_FIRST_CHUNK, call.timing.first_chunk),
        (attribute::RESPONSE_TIME_TO_FIRST_TEXT, call.timing.first_text),
    ] {
        attributes.extend(time.map(|time| KeyValue::new(key, time.as_secs_f64())));
    }
    if let Price::Known { usd, model } = &call.price {
        attributes.push(KeyValue::new(attribute::USAGE_COST, *usd));
        attributes.push(KeyValue::new(attribute::PRICE_SOURCE, pricing::SOURCE));
        attributes.push(KeyValue::new(attribute::PRICE_MODEL, Arc::clone(&model.name)));
    }
    if let Some(topic) = &call.topic {
        attributes.push(KeyValue::new(attribute::TOPIC, topic.clone()));
    }
    attributes.extend(signal_attributes(&call.signals));
    for (key, count, least) in [
        (attribute::ATTEMPT_COUNT, call.attempts.count, 2),
        (attribute::ATTEMPT_WASTED_TOKENS, call.attempts.wasted_tokens, 1),
    ] {
        if count >= least {
            attributes.push(KeyValue::new(key, i64::try_from(count).unwrap_or(i64::MAX)));
        }
    }
    if let Some(code) = call.mcp_status_code {
        attributes.push(KeyValue::new(attribute::RPC_RESPONSE_STATUS_CODE, code.to_string()));
    }
    if let Some(version) =
        call.response.rest().mcp.as_ref().and_then(|answer| answer.protocol_version.clone())
    {
        attributes.push(KeyValue::new(attribute::MCP_PROTOCOL_VERSION, version));
    }
    match &call.outcome {
        Outcome::Completed => {}
        Outcome::Failed(failure) => {
            attributes.push(KeyValue::new(attribute::ERROR_TYPE, text(&failure.error_type)));
        }
        Outcome::Cancelled => attributes.push(KeyValue::new(attribute::OUTCOME, "cancelled")),
        #[cfg(feature = "otlp")]
        Outcome::Shutdown => attributes.push(KeyValue::new(attribute::OUTCOME, "shutdown")),
    }
    attributes
}

fn signal_attributes(signals: &Signals) -> impl Iterator<Item = KeyValue> {
    let counts = [
        (attribute::RETRIEVAL_DOCUMENTS, signals.documents),
        (attribute::RETRIEVAL_DUPLICATES, signals.duplicates),
    ];
    let numbers = [
        (attribute::RETRIEVAL_TOP_SCORE, signals.top_score),
        (attribute::RETRIEVAL_SCORE_GAP, signals.score_gap),
        (attribute::ANSWER_CONTEXT_UTILIZATION, signals.context_utilization),
    ];
    let flags =
        [(attribute::ANSWER_TRUNCATED, signals.truncated), (attribute::ANSWER_REFUSED, signals.refused)];
    let int = |count| i64::try_from(count).unwrap_or(i64::MAX);
    let counts = counts.into_iter().filter_map(move |(key, value)| Some(KeyValue::new(key, int(value?))));
    let numbers = numbers.into_iter().filter_map(|(key, value)| Some(KeyValue::new(key, value?)));
    // Only flags that are set are on the span, so that a search for them finds nothing else.
    let flags = flags.into_iter().filter(|(_, value)| *value == Some(true));
    counts.chain(numbers).chain(flags.map(|(key, _)| KeyValue::new(key, true)))
}

const OPENAI_ONLY: &[&str] = &[
    attribute::OPENAI_REQUEST_SERVICE_TIER,
    attribute::OPENAI_RESPONSE_SERVICE_TIER,
    attribute::OPENAI_RESPONSE_SYSTEM_FINGERPRINT,
    attribute::OPENAI_API_TYPE,
];

fn is_openai(request: &Request) -> bool {
    matches!(request.provider.as_deref(), Some("openai" | "azure.ai.openai"))
}

/// `{operation} {what}` as the conventions define it per kind; a task is named after itself.
pub(super) fn name(site: &CallSite, request: &Request, agent: Option<&SmolStr>) -> String {
    let own_name = request.name.as_deref().unwrap_or(site.function);
    if let (true, Some(method)) = (site.kind.is_mcp(), request.rest().method.as_deref()) {
        // A resource's address would give every span a different name.
        return request.name.as_ref().map_or_else(|| method.to_owned(), |name| format!("{method} {name}"));
    }
    let Some(operation) = site.kind.operation() else { return own_name.to_owned() };
    let what = match site.kind {
        Kind::Tool => return tool_name(operation, own_name, request),
        Kind::Workflow | Kind::Agent | Kind::Guardrail | Kind::Evaluator => Some(own_name),
        Kind::RemoteAgent | Kind::CreateAgent => request.name.as_deref(),
        Kind::Plan => plan_agent(request, agent).map(|name| &**name),
        Kind::Retrieval => request.rest().data_source.as_deref(),
        Kind::Chat | Kind::TextCompletion | Kind::GenerateContent | Kind::Embeddings | Kind::Rerank => {
            request.model.as_deref()
        }
        // The ids of responses and records would give every span a different name.
        _ => None,
    };
    match what {
        Some(what) => [operation, " ", what].concat(),
        None => operation.to_owned(),
    }
}

/// With the skill it loads, the part of a skill that it reads or runs, or the program that it runs.
fn tool_name(operation: &str, own_name: &str, request: &Request) -> String {
    let text = |key| request.attribute_of(key).map(|attribute| attribute.value.as_str());
    let skill = text(attribute::SKILL_NAME);
    let (skill, what) = match (text(attribute::SKILL_RESOURCE_NAME), text(attribute::PROCESS_EXECUTABLE_NAME))
    {
        (Some(resource), _) => (skill, Some(resource)),
        (None, Some(executable)) => (None, Some(executable)),
        (None, None) => (skill, None),
    };
    let mut name = [operation, " ", own_name].concat();
    for part in [skill, what].into_iter().flatten() {
        name.push(' ');
        name.push_str(&part);
    }
    name
}

/// The agent that plans: as given, or the one the plan is made inside.
fn plan_agent<'a>(request: &'a Request, agent: Option<&'a SmolStr>) -> Option<&'a SmolStr> {
    request.name.as_ref().or(agent)
}

pub(super) fn agent_name(call: &CallRecord) -> Option<&SmolStr> {
    call.agent.as_ref().map(|agent| &agent.name)
}

pub(super) fn start_attributes(site: &CallSite, request: &Request, agent: Option<&SmolStr>) -> Vec<KeyValue> {
    // The SDK goes on with this list: there is room for what follows at the end.
    let mut attributes = Vec::with_capacity(16);
    if let Some(operation) = site.kind.operation() {
        attributes.push(KeyValue::new(attribute::OPERATION_NAME, operation));
    }
    if site.kind.is_mcp() {
        attributes.extend(mcp_attributes(request));
    }
    let shared = |name: &Option<SmolStr>| name.as_ref().map(text);
    let own_name = || Some(shared(&request.name).unwrap_or_else(|| StringValue::from(site.function)));
    let agent_name = match site.kind {
        Kind::Agent => own_name(),
        Kind::RemoteAgent | Kind::CreateAgent => shared(&request.name),
        Kind::Plan => plan_agent(request, agent).map(text),
        Kind::Tool => agent.map(text),
        _ => None,
    };
    let texts = [
        (attribute::PROVIDER_NAME, shared(&request.provider)),
        (attribute::REQUEST_MODEL, shared(&request.model)),
        (attribute::SERVER_ADDRESS, shared(&request.server_address)),
        (attribute::DATA_SOURCE_ID, shared(&request.rest().data_source)),
        (attribute::TOOL_NAME, (site.kind == Kind::Tool).then(own_name).flatten()),
        (attribute::AGENT_NAME, agent_name),
        (attribute::GUARDRAIL_NAME, (site.kind == Kind::Guardrail).then(own_name).flatten()),
        (attribute::EVALUATOR_NAME, (site.kind == Kind::Evaluator).then(own_name).flatten()),
        (attribute::WORKFLOW_NAME, (site.kind == Kind::Workflow).then(own_name).flatten()),
    ];
    for (key, value) in texts {
        if let Some(value) = value {
            attributes.push(KeyValue::new(key, value));
        }
    }
    if request.provider.as_deref().is_some_and(|provider| provider.starts_with("azure.ai.")) {
        let namespace = "Microsoft.CognitiveServices";
        attributes.push(KeyValue::new(attribute::AZURE_RESOURCE_PROVIDER_NAMESPACE, namespace));
    }
    if let Some(port) = request.server_port {
        attributes.push(KeyValue::new(attribute::SERVER_PORT, port));
    }
    attributes.extend(site.path().map(|path| KeyValue::new(attribute::CODE_FUNCTION_NAME, path)));
    attributes.push(KeyValue::new(attribute::CODE_FILE_PATH, site.file));
    attributes.push(KeyValue::new(attribute::CODE_LINE_NUMBER, i64::from(site.line)));
    attributes
}

/// A name as the value of an attribute.
pub(crate) fn text(name: &SmolStr) -> StringValue {
    Arc::<str>::from(name.clone()).into()
}

/// Returns the attributes of an MCP message, shared by its span and its duration.
pub(crate) fn mcp_attributes(request: &Request) -> impl Iterator<Item = KeyValue> {
    let operation = request.calls_tool().then_some(StringValue::from("execute_tool"));
    let shared = |name: &Option<SmolStr>| name.as_ref().map(text);
    let name = shared(&request.name);
    let (tool, prompt) = if request.gets_prompt() { (None, name) } else { (name, None) };
    let texts = [
        (attribute::OPERATION_NAME, operation),
        (attribute::MCP_METHOD_NAME, shared(&request.rest().method)),
        (attribute::TOOL_NAME, tool),
        (attribute::PROMPT_NAME, prompt),
    ];
    texts.into_iter().filter_map(|(key, text)| Some(KeyValue::new(key, text?)))
}

/// In the order of [`Modality::ALL`](crate::Modality).
const INPUT_BY_MODALITY: [&str; 3] = [
    attribute::USAGE_TEXT_INPUT_TOKENS,
    attribute::USAGE_IMAGE_INPUT_TOKENS,
    attribute::USAGE_AUDIO_INPUT_TOKENS,
];
const CACHE_READ_BY_MODALITY: [&str; 3] = [
    attribute::USAGE_TEXT_CACHE_READ_INPUT_TOKENS,
    attribute::USAGE_IMAGE_CACHE_READ_INPUT_TOKENS,
    attribute::USAGE_AUDIO_CACHE_READ_INPUT_TOKENS,
];
const OUTPUT_BY_MODALITY: [&str; 3] = [
    attribute::USAGE_TEXT_OUTPUT_TOKENS,
    attribute::USAGE_IMAGE_OUTPUT_TOKENS,
    attribute::USAGE_AUDIO_OUTPUT_TOKENS,
];

fn response_attributes(call: &CallRecord, has_content: bool, names: &Names, attributes: &mut Vec<KeyValue>) {
    let (kind, response) = (call.site.kind, &call.response);
    // Bodies have more than the conventions allow: a remote agent's are those of a model, and some servers count cached tokens for an
    // embedding. `service_tier` and the like are not only OpenAI's, but the names are.
    let is_inference = kind.is_inference();
    let is_openai = is_openai(&call.request);
    let has_api = is_inference || kind == Kind::FetchResponse;
    let texts = [
        (attribute::RESPONSE_MODEL, &response.model, true),
        (attribute::RESPONSE_ID, &response.id, true),
        (attribute::OPENAI_API_TYPE, &response.rest().api_type, is_openai && has_api),
        (attribute::OPENAI_RESPONSE_SERVICE_TIER, &response.rest().service_tier, is_openai),
        (
            attribute::OPENAI_RESPONSE_SYSTEM_FINGERPRINT,
            &response.rest().system_fingerprint,
            is_openai && is_inference,
        ),
    ];
    for (key, value, is_conventional) in texts {
        if let Some(value) = value.as_ref().filter(|_| is_conventional) {
            attributes.push(KeyValue::new(key, text(value)));
        }
    }
    if let Some(status) = response.rest().status.as_ref().filter(|_| kind == Kind::FetchResponse) {
        attributes.push(KeyValue::new(attribute::RESPONSE_STATUS, text(status)));
    }
    if response.rest().is_compacted && is_inference {
        attributes.push(KeyValue::new(attribute::CONVERSATION_COMPACTED, true));
    }
    let generates = !matches!(kind, Kind::Embeddings | Kind::Rerank);
    let free_reason = response.rest().free_reason.iter().filter(|_| has_content);
    let reasons = response.finish_reasons.iter().map(SmolStr::as_str).chain(free_reason.map(String::as_str));
    let reasons: Vec<_> = reasons.map(str::to_owned).collect();
    if generates && !reasons.is_empty() {
        let reasons = crate::model::argument::string_array(reasons);
        attributes.push(KeyValue::new(attribute::RESPONSE_FINISH_REASONS, reasons));
    }
    let usage = response.usage.unwrap_or_default();
    let has_cache = match kind {
        Kind::Embeddings | Kind::Rerank => false,
        Kind::Agent => names.agent_has_cache_tokens,
        _ => true,
    };
    let reasons = !matches!(kind, Kind::Embeddings | Kind::Rerank | Kind::Agent);
    let counts = [
        (attribute::USAGE_INPUT_TOKENS, usage.input_tokens, true),
        (attribute::USAGE_OUTPUT_TOKENS, usage.output_tokens, true),
        (attribute::USAGE_CACHE_READ_INPUT_TOKENS, usage.cache_read_input_tokens, has_cache),
        (names.usage_cache_write, usage.cache_creation_input_tokens, has_cache),
        (attribute::USAGE_REASONING_OUTPUT_TOKENS, usage.reasoning_output_tokens, reasons),
    ];
    for (key, count, is_conventional) in counts {
        if let Some(count) = count.filter(|_| is_conventional) {
            attributes.push(KeyValue::new(key, i64::try_from(count).unwrap_or(i64::MAX)));
        }
    }
    if names.has_modalities && (kind.is_inference() || kind == Kind::RemoteAgent) {
        let by_modality = usage.by_modality;
        for (keys, parts) in [
            (INPUT_BY_MODALITY, by_modality.input),
            (CACHE_READ_BY_MODALITY, by_modality.cache_read),
            (OUTPUT_BY_MODALITY, by_modality.output),
        ] {
            for (key, count) in keys.into_iter().zip(parts.all()) {
                if let Some(count) = count {
                    attributes.push(KeyValue::new(key, i64::try_from(count).unwrap_or(i64::MAX)));
                }
            }
        }
    }
    // A requested dimension is already among the request's attributes.
    let is_asked_for = call.request.attribute_of(attribute::EMBEDDINGS_DIMENSION_COUNT).is_some();
    if let Some(dimensions) = response.rest().dimensions.filter(|_| kind == Kind::Embeddings && !is_asked_for)
    {
        attributes.push(KeyValue::new(attribute::EMBEDDINGS_DIMENSION_COUNT, dimensions));
    }
}
