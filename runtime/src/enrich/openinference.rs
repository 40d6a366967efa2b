//! Whether spans also speak OpenInference, for backends that show workflows and retrievals only then; and its name for
//! each kind of call. Its copies of content are made in `privacy/openinference.rs`.

use std::sync::atomic::{AtomicU8, Ordering};

use opentelemetry::KeyValue;

use crate::model::site::Kind;
use crate::semconv::openinference::{SPAN_KIND, span_kind};

/// The environment variable that switches it on: `true` or `false`.
pub(crate) const OPENINFERENCE: &str = "LLM_TRACE_OPENINFERENCE";

static CURRENT: AtomicU8 = AtomicU8::new(UNDECIDED);
const UNDECIDED: u8 = 0;
const OFF: u8 = 1;
const ON: u8 = 2;

/// Switches it on or off for the rest of the process.
#[cfg(feature = "otlp")]
pub(crate) fn set(on: bool) {
    CURRENT.store(if on { ON } else { OFF }, Ordering::Relaxed);
}

/// Whether it is on. Without `init()` the variable alone decides, once.
pub(crate) fn is_on() -> bool {
    match CURRENT.load(Ordering::Relaxed) {
        UNDECIDED => {
            let on = from_environment();
            let decision = if on { ON } else { OFF };
            // `init()` on another thread may have decided meanwhile, and it wins.
            match CURRENT.compare_exchange(UNDECIDED, decision, Ordering::Relaxed, Ordering::Relaxed) {
                Ok(_) => on,
                Err(decided) => decided == ON,
            }
        }
        decided => decided == ON,
    }
}

fn from_environment() -> bool {
    let value = std::env::var(OPENINFERENCE).unwrap_or_default();
    match value.trim().to_ascii_lowercase().as_str() {
        "true" => true,
        "false" | "" => false,
        // Without `init()` there is nobody to return an error to.
        _ => {
            tracing::warn!(
                "{OPENINFERENCE}: `{value}` is not valid: expected `true` or `false`; it stays off"
            );
            false
        }
    }
}

/// What OpenInference calls such a call, as an attribute of its span.
pub(crate) fn span_kind(kind: Kind) -> Option<KeyValue> {
    is_on().then(|| KeyValue::new(SPAN_KIND, name(kind)))
}

/// A kind that OpenInference has no word for is a step of a chain.
pub(crate) fn name(kind: Kind) -> &'static str {
    match kind {
        Kind::Chat | Kind::TextCompletion | Kind::GenerateContent | Kind::FetchResponse => span_kind::LLM,
        Kind::Embeddings => span_kind::EMBEDDING,
        Kind::Rerank => span_kind::RERANKER,
        Kind::Retrieval | Kind::SearchMemory => span_kind::RETRIEVER,
        Kind::Tool => span_kind::TOOL,
        Kind::Agent | Kind::RemoteAgent | Kind::CreateAgent => span_kind::AGENT,
        Kind::Guardrail => span_kind::GUARDRAIL,
        Kind::Evaluator => span_kind::EVALUATOR,
        Kind::Workflow
        | Kind::McpClient
        | Kind::McpServer
        | Kind::Task
        | Kind::Plan
        | Kind::CreateMemory
        | Kind::UpdateMemory
        | Kind::UpsertMemory
        | Kind::DeleteMemory
        | Kind::CreateMemoryStore
        | Kind::DeleteMemoryStore => span_kind::CHAIN,
    }
}
