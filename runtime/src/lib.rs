//! OpenTelemetry traces, metrics and cost for functions that call LLMs or do a step of a RAG pipeline.
//!
//! One attribute on a function gives a nested span, named and typed by the [GenAI semantic conventions], and the
//! metrics a dashboard needs; [`builder()`] sends them over OTLP. Content (prompts, completions, queries) is
//! recorded only if the application asks for it: see [`ContentCapture`].
//!
//! ```no_run
//! use llm_trace::llm_trace;
//! # #[derive(serde::Serialize)] struct Request { model: String }
//! # #[derive(serde::Serialize)] struct Reply { text: String }
//!
//! #[llm_trace(workflow, name = "support-answer")]
//! async fn answer(question: &str) -> std::io::Result<String> {
//!     let reply = chat(Request { model: "gpt-4o-mini".into() }).await?;
//!     Ok(reply.text)
//! }
//!
//! #[llm_trace(chat, provider = "openai", request = request)]
//! async fn chat(request: Request) -> std::io::Result<Reply> {
//! #   drop(request);
//! #   Ok(Reply { text: "…".into() })
//! }
//!
//! # async fn run() -> Result<(), Box<dyn std::error::Error>> {
//! let telemetry = llm_trace::builder().with_service_name("support-bot").init()?;
//! answer("How do I reset my password?").await?;
//! telemetry.shutdown();
//! # Ok(()) }
//! ```
//!
//! The [guide] has a page for each topic: [getting started](guide::getting_started), [arguments](guide::arguments),
//! [content](guide::content), [configuration](guide::configuration), [delivery](guide::delivery), [testing](guide::testing), …
//!
//! Reading order is the data path: [`call`](Kind) → [`Request`] → [`Response`] → price → span, metrics and events → export.
//!
//! [GenAI semantic conventions]: https://github.com/open-telemetry/semantic-conventions-genai

#[doc(hidden)]
pub mod __private;
mod bounds;
mod call;
#[cfg(feature = "otlp")]
mod config;
mod context;
mod current_context;
#[cfg(feature = "otlp")]
pub mod doctor;
mod events;
#[cfg(feature = "otlp")]
mod export;
#[cfg(test)]
mod fuzz;
#[cfg(any(doc, doctest))]
#[doc = include_str!("guide/links.md")]
#[doc = include_str!("../docs/guide/README.md")]
pub mod guide;
pub mod mcp;
mod metrics;
mod mirror;
mod openinference;
mod pricing;
mod privacy;
mod private_file;
mod probe;
#[cfg(feature = "otlp")]
pub mod propagation;
mod quality;
mod request;
mod response;
pub mod semconv;
mod span;
mod stream;
#[cfg(feature = "testing")]
pub mod testing;
#[cfg(feature = "tower")]
pub mod tower;
mod vintage;

pub use call::{
    AttributeValue, Call, CallBuilder, Content, CurrentCall, Double, Flag, Int, Kind, Text, TextList, current,
};
#[cfg(feature = "spool")]
pub use config::SpoolMode;
#[cfg(feature = "otlp")]
pub use config::{Builder, Compression, ConfigError, Protocol, Sampler, builder};
#[cfg(feature = "otlp")]
pub use doctor::doctor;
pub use events::{Score, score, set_logger_provider};
#[cfg(feature = "otlp")]
pub use export::{DropReason, Receipt, SignalCounts, Telemetry};
#[doc(inline)]
pub use llm_trace_macros::{Capture, llm_trace};
pub use mirror::tracing_filter;
/// Carries the current context into a task or thread: `tokio::spawn(work().with_current_context())`.
pub use opentelemetry::context::FutureExt;
pub use privacy::{
    AsContent, Capture, ContentCapture, ContentDirectory, ContentPiece, ContentStore, ContentUpload, Secret,
};
pub use quality::{QualitySignal, QualitySignals, Topics};
pub use request::{LlmRequest, Request};
pub use response::{LlmError, LlmResponse, Modality, Response, Usage};
pub use stream::{Chunk, ReadChunk, StreamExt, TracedIterator, TracedStream};
pub use vintage::Vintage;

/// The OpenTelemetry API this crate writes to. Two versions of it in one program have two sets of global
/// providers that do not see each other: use this one, or check with `cargo tree -i opentelemetry`.
pub use opentelemetry;

/// The SDK that [`builder`] installs: [`Builder::with_view`] takes its types.
#[cfg(feature = "otlp")]
pub use opentelemetry_sdk;

fn scope() -> opentelemetry::InstrumentationScope {
    opentelemetry::InstrumentationScope::builder(semconv::SCOPE_NAME)
        .with_version(env!("CARGO_PKG_VERSION"))
        .with_schema_url(semconv::SCHEMA_URL)
        .build()
}

/// Runs code that is not ours and that we call for information only, the user's (`Serialize`, `Display`, `describe`) or a
/// provider's (spans, measurements): a panic in it must not end a call that succeeded.
fn quietly<R>(read: impl FnOnce() -> R) -> Option<R> {
    #[cfg(feature = "otlp")]
    let _quiet = export::Quiet::begin();
    // Whatever the closure leaves half done is ours and only ever holds optional facts.
    let read = std::panic::catch_unwind(std::panic::AssertUnwindSafe(read));
    #[cfg(test)]
    if read.is_err() {
        fuzz::panic_was_swallowed();
    }
    read.ok()
}
