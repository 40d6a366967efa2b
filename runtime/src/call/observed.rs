//! Whether anybody would see a call: asked first, so that a call that nobody sees costs next to nothing.

use std::sync::LazyLock;
use std::sync::atomic::{AtomicU8, Ordering};

use opentelemetry::trace::{
    Span as _, SpanBuilder, SpanContext, SpanId, TraceContextExt, TraceFlags, TraceId, TraceState, Tracer,
};
use opentelemetry::{Context, global};

use crate::model::site::CallSite;
use crate::sinks::{events, metrics, tracing_bridge};
use crate::value::current_context;

static PROVIDERS: AtomicU8 = AtomicU8::new(NONE_SO_FAR);

/// No provider has been met: the program may install one at any time.
const NONE_SO_FAR: u8 = 0;
/// There are providers. Should the program take them out again, its calls are no longer free.
const INSTALLED: u8 = 1;
/// `init()` found telemetry switched off.
#[cfg(feature = "otlp")]
const DISABLED: u8 = 2;

/// Says that there are providers now.
#[cfg(any(feature = "otlp", feature = "testing"))]
pub(crate) fn installed() {
    PROVIDERS.store(INSTALLED, Ordering::Relaxed);
}

/// Says that telemetry is switched off, whatever the program installs itself.
#[cfg(feature = "otlp")]
pub(crate) fn disabled() {
    PROVIDERS.store(DISABLED, Ordering::Relaxed);
}

pub(super) fn is_observed(site: &CallSite) -> bool {
    match PROVIDERS.load(Ordering::Relaxed) {
        _ if cfg!(feature = "off") => false,
        INSTALLED => true,
        NONE_SO_FAR => {
            tracing_bridge::can_be_wanted() || events::are_received() || is_provided() || is_continued(site)
        }
        _ => tracing_bridge::can_be_wanted(),
    }
}

/// Whether the program has installed a provider by now.
fn is_provided() -> bool {
    let is_provided = metrics::are_wanted() || !is_noop(&global::tracer_with_scope(crate::semconv::scope()));
    if is_provided {
        PROVIDERS.store(INSTALLED, Ordering::Relaxed);
    }
    is_provided
}

/// Without a provider of its own a program may still hand on the trace that it is part of.
fn is_continued(site: &CallSite) -> bool {
    site.has_parent || current_context::with(TraceContextExt::has_active_span)
}

/// The API does not tell, but its tracer that does nothing hands the parent on, also where telemetry is suppressed. There
/// all others start nothing.
fn is_noop(tracer: &impl Tracer) -> bool {
    static PARENT: LazyLock<(SpanContext, Context)> = LazyLock::new(|| {
        let (trace, span) = (TraceId::from_bytes([1; 16]), SpanId::from_bytes([1; 8]));
        let parent = SpanContext::new(trace, span, TraceFlags::NOT_SAMPLED, true, TraceState::default());
        let context = Context::new().with_remote_span_context(parent.clone());
        (parent, context.with_telemetry_suppressed())
    });
    let (parent, context) = &*PARENT;
    tracer.build_with_context(SpanBuilder::from_name(""), context).span_context() == parent
}

#[cfg(all(test, feature = "otlp"))]
mod tests {
    use opentelemetry::trace::TracerProvider;
    use opentelemetry::trace::noop::NoopTracerProvider;
    use opentelemetry_sdk::trace::{InMemorySpanExporterBuilder, Sampler, SdkTracerProvider};

    use super::*;

    #[test]
    fn asking_a_tracer_leaves_no_span_behind() {
        assert!(is_noop(&NoopTracerProvider::new().tracer("t")));
        for sampler in [Sampler::AlwaysOn, Sampler::AlwaysOff] {
            let spans = InMemorySpanExporterBuilder::new().build();
            let provider = SdkTracerProvider::builder()
                .with_sampler(sampler)
                .with_simple_exporter(spans.clone())
                .build();
            assert!(!is_noop(&provider.tracer("t")));
            assert_eq!(spans.get_finished_spans().expect("in memory").len(), 0);
            provider.shutdown().expect("in memory");
            assert!(!is_noop(&provider.tracer("t")), "another may take its place");
        }
    }
}
