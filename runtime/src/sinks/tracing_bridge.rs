//! In: a call that begins, then the same call finished. Out: a `tracing` span for the layers of a subscriber that look
//! at them: fmt, consoles, tests.
//!
//! Telemetry does not come from here: it goes through the OpenTelemetry API, whatever a subscriber filters. The `tracing` span exists only
//! if a subscriber enables it, and is never exported as a second span of the same call.

use opentelemetry::Context;
use opentelemetry::trace::{SpanContext, TraceContextExt};
use tracing::field::Empty;
use tracing::level_filters::LevelFilter;
use tracing::{Level, Metadata, Span};

use crate::model::record::{CallRecord, Outcome, Price};
use crate::model::request::Request;
use crate::model::site::CallSite;
use crate::value::current_context;

const TARGET: &str = "llm_trace";

/// For the layer that exports the application's own `tracing` spans: `false` for the spans that mirror our calls, which
/// are exported already.
///
/// With target `llm_trace` at level `DEBUG` a subscriber receives each call as a span `llm_call`, with `operation`, `name`, `provider` and
/// `model`, with the `trace_id` and `span_id` it is exported under, at its end tokens, cost and `error.type`, and with everything that is
/// logged during the call inside it; never with content. A layer that turns such spans into OpenTelemetry spans would export every call a
/// second time. Without this filter, such a layer closes them at once, unrecorded and empty; with this filter it does not receive them, and
/// other layers do.
///
/// ```
/// use tracing_subscriber::filter::filter_fn;
/// use tracing_subscriber::prelude::*;
///
/// let tracer = llm_trace::opentelemetry::global::tracer("my-app");
/// let export = tracing_opentelemetry::layer().with_tracer(tracer);
/// let subscriber = tracing_subscriber::registry().with(export.with_filter(filter_fn(llm_trace::tracing_filter)));
/// # drop(subscriber);
/// ```
///
/// A tracing-opentelemetry layer on which `with_context_activation(false)` was called cannot be noticed: give it the
/// filter.
pub fn tracing_filter(metadata: &Metadata<'_>) -> bool {
    !(metadata.is_span() && metadata.target() == TARGET)
}

/// One comparison where no subscriber looks at anything so detailed.
///
/// Not `tracing::span_enabled!`: a check without a span leaves the results of per-layer filters behind, and tracing-subscriber applies them
/// to the next span, whichever it is.
#[inline]
pub(crate) fn can_be_wanted() -> bool {
    LevelFilter::current() >= Level::DEBUG
}

/// Opens the `tracing` span of a call, if a subscriber enables it.
pub(crate) fn start(site: &CallSite, request: &Request, exported_as: &SpanContext) -> Option<Span> {
    if !can_be_wanted() {
        return None;
    }
    let ids = exported_as.is_valid().then_some(exported_as);
    // Spans that a layer makes of this one have no parent, and the SDK does not record them.
    let _nowhere = current_context::attach(Context::new().with_telemetry_suppressed());
    let span = tracing::debug_span!(
        target: TARGET,
        "llm_call",
        operation = site.kind.operation(),
        name = request.name.as_deref().unwrap_or(site.function),
        provider = request.provider.as_deref(),
        model = request.model.as_deref(),
        trace_id = ids.map(|ids| display(ids.trace_id())),
        span_id = ids.map(|ids| display(ids.span_id())),
        input_tokens = Empty,
        output_tokens = Empty,
        cost = Empty,
        outcome = Empty,
        "error.type" = Empty,
    );
    // A layer that exports it shows by what it makes current. Its children would be lost below an unrecorded span,
    // and with a recorded one each call would be exported twice: then there is no mirror.
    let is_exported = span.in_scope(|| current_context::with(TraceContextExt::has_active_span));
    (!span.is_disabled() && !is_exported).then_some(span)
}

/// Writes the facts of a finished call to its `tracing` span, without content.
pub(crate) fn end(span: &Span, call: &CallRecord) {
    if call.request.is_late {
        span.record("provider", call.request.provider.as_deref());
        span.record("model", call.request.model.as_deref());
    }
    if let Some(usage) = &call.response.usage {
        span.record("input_tokens", usage.input_tokens);
        span.record("output_tokens", usage.output_tokens);
    }
    if let Price::Known { usd, .. } = &call.price {
        span.record("cost", usd);
    }
    match &call.outcome {
        Outcome::Completed => {}
        Outcome::Failed(failure) => {
            span.record("error.type", &*failure.error_type);
        }
        Outcome::Cancelled => {
            span.record("outcome", "cancelled");
        }
        #[cfg(feature = "otlp")]
        Outcome::Shutdown => {
            span.record("outcome", "shutdown");
        }
    }
}

#[cfg(all(test, feature = "pricing", not(feature = "off")))]
mod tests {
    use std::sync::Mutex;

    use tracing_subscriber::prelude::*;

    use super::*;
    use crate::__private::begin;
    use crate::model::response::{Response, Usage};
    use crate::model::site::Kind;

    static SITE: CallSite = CallSite::new(Kind::Chat, "ask", "tests", "mirror.rs", 1);

    #[derive(Clone, Default)]
    struct Log(std::sync::Arc<Mutex<Vec<u8>>>);

    impl std::io::Write for Log {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().expect("not poisoned").write(bytes)
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    /// A subscriber is enough: no OpenTelemetry provider is installed in this process.
    #[test]
    fn tokens_and_cost_are_in_the_log_where_nothing_is_exported() {
        let unseen = begin(&SITE, |_| {});
        assert!(unseen.run(|| Span::current().is_none()));
        assert!(!unseen.reads_response());
        unseen.succeed(Response::new());

        let log = Log::default();
        let writer = log.clone();
        let fmt = tracing_subscriber::fmt::layer()
            .with_ansi(false)
            .with_span_events(tracing_subscriber::fmt::format::FmtSpan::CLOSE)
            .with_writer(move || writer.clone());
        tracing::subscriber::with_default(tracing_subscriber::registry().with(fmt), || {
            let call = begin(&SITE, |request| {
                request.provider("openai");
                request.model("gpt-4o-mini");
            });
            assert!(call.reads_response());
            call.succeed(Response::new().with_usage(Usage::new(1_000_000, 0)));
        });
        let log = String::from_utf8(log.0.lock().expect("not poisoned").clone()).expect("UTF-8");
        assert!(
            log.contains("model=\"gpt-4o-mini\" input_tokens=1000000 output_tokens=0 cost=0.15}"),
            "{log}"
        );
    }
}
