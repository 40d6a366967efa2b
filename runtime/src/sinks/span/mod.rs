//! In: a call that begins, then the same call finished. Out: one OpenTelemetry span.
//!
//! Through the API of any provider ([`api`]), or, with the exporter of `init()`, without a provider in between (`direct`).

mod attributes;

pub(crate) mod api;
#[cfg(feature = "otlp")]
pub(crate) mod direct;

#[cfg(feature = "otlp")]
use std::sync::Arc;
use std::time::SystemTime;

use opentelemetry::Context;
use smol_str::SmolStr;

pub(crate) use attributes::{attributes, mcp_attributes, text};

use crate::model::request::Request;
use crate::model::site::CallSite;

/// Starts the spans of calls.
pub(crate) trait Tracer: Send + Sync {
    /// Starts the span of a call that begins in `parent`.
    fn start(&self, call: Begun<'_>, parent: &Context) -> Started;
}

/// A call that begins.
pub(crate) struct Begun<'a> {
    pub(crate) site: &'a CallSite,
    pub(crate) request: &'a mut Request,
    pub(crate) agent: Option<&'a SmolStr>,
    pub(crate) speaks_openinference: bool,
    pub(crate) at: SystemTime,
}

/// A span that has started.
pub(crate) struct Started {
    /// With the span as its active one.
    pub(crate) context: Context,
    pub(crate) span: OpenSpan,
}

/// How the span of an open call is written when the call ends.
#[derive(Clone, Debug)]
pub(crate) enum OpenSpan {
    /// To the active span of its context.
    InContext,
    #[cfg(feature = "otlp")]
    Direct(Arc<direct::DirectSpan>),
}
