//! OpenTelemetry traces, metrics and cost for functions that call LLMs or do a step of a RAG pipeline.
//!
//! One attribute on a function gives a nested span, named and typed by the [GenAI semantic conventions], and the metrics a dashboard needs;
//! [`builder()`] sends them over OTLP. Content (prompts, completions, queries) is recorded only if the application enables it: see
//! [`ContentCapture`].
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
//! println!("{}", telemetry.shutdown()); // `1 span delivered`, or what was lost and why
//! # Ok(()) }
//! ```
//!
//! The [guide] has a page for each topic: [getting started](guide::getting_started), [arguments](guide::arguments),
//! [content](guide::content), [configuration](guide::configuration), [delivery](guide::delivery), [testing](guide::testing), …
//!
//! Reading order is the data path: [`call`](Kind) → [`Request`] → [`Response`] → price → span, metrics and events → export.
//!
//! [GenAI semantic conventions]: https://github.com/open-telemetry/semantic-conventions-genai
#![cfg_attr(docsrs, feature(doc_cfg))]

#[doc(hidden)]
pub mod __private;
mod call;
mod content;
#[cfg(feature = "otlp")]
pub mod doctor;
mod enrich;
mod extract;
#[cfg(any(doc, doctest))]
#[doc = include_str!("guide/links.md")]
#[doc = include_str!("../docs/guide/README.md")]
pub mod guide;
pub mod mcp;
mod model;
#[cfg(feature = "otlp")]
mod pipeline;
#[cfg(feature = "otlp")]
pub mod propagation;
mod runtime;
pub mod semconv;
#[cfg(feature = "otlp")]
mod settings;
mod sinks;
#[cfg(feature = "testing")]
pub mod testing;
#[cfg(feature = "tower")]
pub mod tower;
mod value;

/// Value traits of arguments, attributes and setters: text, numbers, flags, lists, content.
pub mod argument {
    pub use crate::model::argument::{AttributeValue, Content, Double, Flag, Int, Text, TextList};
}

/// Streams that carry a call: see [`StreamExt::traced`](stream::StreamExt::traced).
pub mod stream {
    pub use crate::call::stream::{Chunk, ReadChunk, StreamExt, TracedIterator, TracedStream};
}

pub use call::{Call, CallBuilder, CurrentCall, current};
#[cfg(feature = "otlp")]
pub use content::ContentDirectory;
pub use content::{AsContent, Capture, ContentCapture, ContentItem, ContentStore, ContentUpload};
#[cfg(feature = "otlp")]
pub use doctor::doctor;
pub use enrich::quality::{QualitySignal, QualitySignals, Topics};
pub use extract::error::LlmError;
#[cfg(feature = "spool")]
#[doc(inline)]
pub use llm_trace_delivery::SpoolMode;
#[cfg(feature = "otlp")]
#[doc(inline)]
pub use llm_trace_delivery::{Compression, DropReason, ExportReport, Protocol, SignalCounts};
#[doc(inline)]
pub use llm_trace_macros::{Capture, llm_trace};
pub use model::request::{LlmRequest, Request};
pub use model::response::{LlmResponse, Modality, Response, Usage};
pub use model::site::Kind;
#[cfg(feature = "otlp")]
pub use pipeline::Telemetry;
pub use runtime::{set_logger_provider, set_meter_provider, set_tracer_provider};
pub use semconv::version::SemconvVersion;
#[cfg(feature = "otlp")]
pub use settings::{Builder, ConfigError, Sampler, builder};
pub use sinks::events::{Score, score};
pub use sinks::tracing_bridge::tracing_filter;

/// The OpenTelemetry API this crate writes to. Two versions of it in one program have two sets of global
/// providers that do not see each other: use this one, or check with `cargo tree -i opentelemetry`.
pub use opentelemetry;

/// Values that are neither printed nor recorded: a [`SecretString`](secrecy::SecretString) as content does not compile.
///
/// ```compile_fail
/// #[llm_trace::llm_trace(tool, arguments(key))]
/// fn call(key: llm_trace::secrecy::SecretString) {}
/// ```
pub use secrecy;

/// The SDK that [`builder`] installs: [`Builder::with_view`] takes its types.
#[cfg(feature = "otlp")]
pub use opentelemetry_sdk;
