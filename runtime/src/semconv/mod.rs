//! Every attribute, metric, unit, bucket and event name this crate emits, once.
//!
//! Names are those of the OpenTelemetry GenAI semantic conventions as of August 2026, the version that backends and the OpenTelemetry
//! Python instrumentations support today, and, where noted, of October 2026; see [`SemconvVersion`](crate::SemconvVersion). Names under
//! `llm_trace.` and `gen_ai.usage.cost` are ours: the conventions have no name for them yet.
//!
//! Reference: <https://github.com/open-telemetry/semantic-conventions-genai>

pub mod attribute;
pub mod metric;
pub mod openinference;
pub(crate) mod version;

use opentelemetry::InstrumentationScope;

/// The instrumentation scope of our spans, metrics and events.
pub const SCOPE_NAME: &str = "llm-trace";

/// The schema the names follow, sent with the instrumentation scope. GenAI has no released schema; this is the core version the August 2026
/// GenAI registry depends on.
pub const SCHEMA_URL: &str = "https://opentelemetry.io/schemas/1.43.0";

pub(crate) fn scope() -> InstrumentationScope {
    InstrumentationScope::builder(SCOPE_NAME)
        .with_version(env!("CARGO_PKG_VERSION"))
        .with_schema_url(SCHEMA_URL)
        .build()
}

/// Names of events, which are log records.
pub mod event {
    /// Input and output of a call to a model, with the attributes of its span. DEBUG.
    pub const INFERENCE_DETAILS: &str = "gen_ai.client.inference.operation.details";
    /// The error that ended a call to a service. WARN.
    pub const OPERATION_EXCEPTION: &str = "gen_ai.client.operation.exception";
    /// The result of an evaluation. INFO.
    pub const EVALUATION_RESULT: &str = "gen_ai.evaluation.result";
}

/// Resource attribute keys.
pub mod resource {
    /// The application.
    pub const SERVICE_NAME: &str = "service.name";
    /// One running process of the application.
    pub const SERVICE_INSTANCE_ID: &str = "service.instance.id";
    /// `production`, `staging`, …
    pub const DEPLOYMENT_ENVIRONMENT_NAME: &str = "deployment.environment.name";
}
