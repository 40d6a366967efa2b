//! Where the spans and measurements of calls go: to providers that the program names, else to the global ones.

use std::cell::Cell;
use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, LazyLock, OnceLock, PoisonError, RwLock};

use opentelemetry::metrics::{Meter, MeterProvider};
use opentelemetry::trace::{
    Span as _, SpanBuilder, SpanContext, SpanId, TraceContextExt as _, TraceFlags, TraceId, TraceState,
    TracerProvider,
};
use opentelemetry::{Context, global};

#[cfg(feature = "otlp")]
use opentelemetry_sdk::metrics::SdkMeterProvider;

use super::metrics::Instruments;
use super::span::api::ApiTracer;
#[cfg(feature = "otlp")]
use super::span::direct::DirectTracer;
use super::span::{Begun, Started, Tracer};
use crate::semconv::version::Names;
use crate::value::panic::catch_user_panic;

pub(crate) struct CallSink {
    names: &'static Names,
    /// Label sets of one metric.
    cardinality_limit: usize,
    /// The tracer is that of an `init()`.
    is_direct: bool,
    /// The meter is that of an `init()`.
    is_bound: bool,
    /// `None`: the global one.
    tracer: Option<Arc<dyn Tracer>>,
    /// `None`: that of the global provider.
    meter: Option<Meter>,
    /// Those of `meter`.
    own: OnceLock<Arc<Instruments>>,
    /// A program may install its global provider after our first call, and a test may replace it, so instruments are kept
    /// together with the provider they belong to.
    of_global: RwLock<Option<(GlobalMeters, Arc<Instruments>)>>,
    /// There has been a provider. Should the program take it out again, its calls are no longer free.
    is_provided: AtomicBool,
}

type GlobalMeters = Arc<dyn MeterProvider + Send + Sync>;

impl CallSink {
    pub(crate) fn new(names: &'static Names, cardinality_limit: usize) -> Self {
        CallSink {
            names,
            cardinality_limit,
            is_direct: false,
            is_bound: false,
            tracer: None,
            meter: None,
            own: OnceLock::new(),
            of_global: RwLock::default(),
            is_provided: AtomicBool::new(false),
        }
    }

    /// The same with spans to a provider of the program's.
    pub(crate) fn with_tracers<P>(&self, provider: &P) -> Self
    where
        P: TracerProvider,
        P::Tracer: Send + Sync + 'static,
        <P::Tracer as opentelemetry::trace::Tracer>::Span: Send + Sync + 'static,
    {
        let tracer = ApiTracer(provider.tracer_with_scope(crate::semconv::scope()));
        self.with_tracer(Arc::new(tracer))
    }

    fn with_tracer(&self, tracer: Arc<dyn Tracer>) -> Self {
        CallSink {
            tracer: Some(tracer),
            meter: self.meter.clone(),
            is_bound: self.is_bound,
            ..CallSink::new(self.names, self.cardinality_limit)
        }
    }

    /// The same with measurements to a provider of the program's.
    pub(crate) fn with_meters(&self, provider: &impl MeterProvider) -> Self {
        CallSink {
            is_direct: self.is_direct,
            tracer: self.tracer.clone(),
            meter: Some(provider.meter_with_scope(crate::semconv::scope())),
            ..CallSink::new(self.names, self.cardinality_limit)
        }
    }

    /// The one of an `init()`, which leaves signals that it does not send to the provider that the program has named.
    #[cfg(feature = "otlp")]
    pub(crate) fn renewed(
        &self,
        names: &'static Names,
        cardinality_limit: usize,
        tracer: Option<DirectTracer>,
        meters: Option<&SdkMeterProvider>,
    ) -> Self {
        let sink = CallSink { names, cardinality_limit, ..self.without_init() };
        let sink = match tracer {
            Some(tracer) => CallSink { is_direct: true, ..sink.with_tracer(Arc::new(tracer)) },
            None => sink,
        };
        match meters {
            Some(meters) => CallSink { is_bound: true, ..sink.with_meters(meters) },
            None => sink,
        }
    }

    /// The same without what an `init()` has installed.
    #[cfg(feature = "otlp")]
    pub(crate) fn without_init(&self) -> Self {
        CallSink {
            tracer: self.tracer.clone().filter(|_| !self.is_direct),
            meter: self.meter.clone().filter(|_| !self.is_bound),
            ..CallSink::new(self.names, self.cardinality_limit)
        }
    }

    fn made(&self) -> Option<Arc<Instruments>> {
        let make =
            |meter| Arc::new(Instruments::new(meter, self.names, self.cardinality_limit, self.is_bound));
        if let Some(meter) = &self.meter {
            return Some(Arc::clone(self.own.get_or_init(|| make(meter.clone()))));
        }
        let provider = global::meter_provider();
        if is_noop_meter(&*provider) {
            return None;
        }
        let kept = self.of_global.read().unwrap_or_else(PoisonError::into_inner);
        if let Some((of, instruments)) = kept.as_ref()
            && Arc::ptr_eq(of, &provider)
        {
            return Some(Arc::clone(instruments));
        }
        drop(kept);
        let instruments = make(provider.meter_with_scope(crate::semconv::scope()));
        let kept = (provider, Arc::clone(&instruments));
        let earlier = self.of_global.write().unwrap_or_else(PoisonError::into_inner).replace(kept);
        // The last reference to a provider shuts it down, which must not happen under the lock.
        drop(earlier);
        Some(instruments)
    }

    /// Returns whether spans or measurements may be received.
    pub(crate) fn is_provided(&self) -> bool {
        if self.is_provided.load(Ordering::Relaxed) {
            return true;
        }
        let is_provided = self.tracer.is_some()
            || self.measures()
            || asks_tracer() && !is_noop_tracer(&global::tracer(crate::semconv::SCOPE_NAME));
        if is_provided {
            self.is_provided.store(true, Ordering::Relaxed);
        }
        is_provided
    }

    /// Returns whether measurements are received.
    pub(crate) fn measures(&self) -> bool {
        self.meter.is_some() || !is_noop_meter(&*global::meter_provider())
    }

    /// Starts the span of a call.
    pub(crate) fn start(&self, call: Begun<'_>, parent: &Context) -> Started {
        match &self.tracer {
            Some(tracer) => tracer.start(call, parent),
            None => ApiTracer(global::tracer_with_scope(crate::semconv::scope())).start(call, parent),
        }
    }

    /// Returns the instruments, if measurements are received.
    pub(crate) fn instruments(&self) -> Option<Arc<Instruments>> {
        // A provider that cannot make instruments measures nothing.
        catch_user_panic(|| self.made()).flatten()
    }
}

impl fmt::Debug for CallSink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CallSink").field("cardinality_limit", &self.cardinality_limit).finish_non_exhaustive()
    }
}

/// The API has no check for it, but its no-op provider, the global one until another is set, is a zero-sized type.
fn is_noop_meter(provider: &(dyn MeterProvider + Send + Sync)) -> bool {
    size_of_val(provider) == 0
}

/// Returns whether a call without a provider asks the global tracer. Unlike the meter provider it cannot be asked without an allocation, so
/// that a thread's first calls do, and then every sixteenth: of a tracer provider that a program installs late, without a meter provider,
/// a thread may notice fifteen calls later.
fn asks_tracer() -> bool {
    const ALWAYS: u32 = 64;
    const EVERY: u32 = 16;
    thread_local! {
        static CALLS: Cell<u32> = const { Cell::new(0) };
    }
    let calls = CALLS.get();
    CALLS.set(if calls < ALWAYS + EVERY - 1 { calls + 1 } else { ALWAYS });
    calls <= ALWAYS
}

/// The API has no check for it, but its no-op tracer returns the parent, also where telemetry is suppressed. There all other tracers start
/// nothing.
fn is_noop_tracer(tracer: &impl opentelemetry::trace::Tracer) -> bool {
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
    use opentelemetry::trace::noop::NoopTracerProvider;
    use opentelemetry_sdk::metrics::SdkMeterProvider;
    use opentelemetry_sdk::trace::{InMemorySpanExporterBuilder, Sampler, SdkTracerProvider};

    use super::*;

    #[test]
    fn asking_a_tracer_leaves_no_span_behind() {
        assert!(is_noop_tracer(&NoopTracerProvider::new().tracer("t")));
        for sampler in [Sampler::AlwaysOn, Sampler::AlwaysOff] {
            let spans = InMemorySpanExporterBuilder::new().build();
            let provider = SdkTracerProvider::builder()
                .with_sampler(sampler)
                .with_simple_exporter(spans.clone())
                .build();
            assert!(!is_noop_tracer(&provider.tracer("t")));
            assert_eq!(spans.get_finished_spans().expect("in memory").len(), 0);
            provider.shutdown().expect("in memory");
            assert!(!is_noop_tracer(&provider.tracer("t")), "another may take its place");
        }
    }

    #[test]
    fn nobody_measures_until_a_provider_is_set() {
        assert!(is_noop_meter(&*global::meter_provider()));
        assert!(!is_noop_meter(&SdkMeterProvider::builder().build()));
    }
}
