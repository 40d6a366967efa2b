//! The global providers of a process that captures: each span and each measurement goes to its capture.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use opentelemetry::metrics::MeterProvider;
use opentelemetry::trace::{SpanId, TraceId};
use opentelemetry::{Context, global};
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::trace::{
    IdGenerator, RandomIdGenerator, Sampler, SdkTracerProvider, Span, SpanData, SpanProcessor,
};

use super::{event, meter, record};
use crate::runtime::{self, Providers, Runtime};
use crate::sinks::events::EventReceiver;

static INSTALLED: OnceLock<Arc<dyn MeterProvider + Send + Sync>> = OnceLock::new();

/// Installs the providers, once.
pub(super) fn install() {
    INSTALLED.get_or_init(|| {
        let tracers = SdkTracerProvider::builder()
            // Overrides OTEL_TRACES_SAMPLER; only an unsampled remote parent is respected.
            .with_sampler(Sampler::ParentBased(Box::new(Sampler::AlwaysOn)))
            .with_id_generator(Ids(RandomIdGenerator::default()))
            .with_span_processor(ToCapture)
            .build();
        global::set_tracer_provider(tracers);
        global::set_meter_provider(meter::Meters::default());
        runtime::update(|runtime| Runtime {
            providers: Providers::Capturing,
            ..runtime.with_events(Some(EventReceiver::capture(Arc::new(event::ToCapture))))
        });
        global::meter_provider()
    });
}

/// Hint for a message about missing telemetry: the one cause that the captured data cannot show.
pub(super) fn hint() -> &'static str {
    let ours = INSTALLED.get();
    if ours.is_some_and(|ours| Arc::ptr_eq(ours, &global::meter_provider())) {
        ""
    } else {
        "\nAnother OpenTelemetry provider has been installed since: code under test must not call `init()` or set \
         global providers."
    }
}

#[derive(Debug)]
struct Ids(RandomIdGenerator);

impl IdGenerator for Ids {
    fn new_trace_id(&self) -> TraceId {
        let counted = record::current().and_then(|record| record.next_trace_id());
        counted.unwrap_or_else(|| self.0.new_trace_id())
    }

    fn new_span_id(&self) -> SpanId {
        let counted = record::current().and_then(|record| record.next_span_id());
        counted.unwrap_or_else(|| self.0.new_span_id())
    }
}

#[derive(Debug)]
struct ToCapture;

impl SpanProcessor for ToCapture {
    fn on_start(&self, span: &mut Span, context: &Context) {
        let Some(data) = span.exported_data() else { return };
        // The parent first; a parent from elsewhere (a header, an explicit one) has no capture, but the code has.
        let record = record::of_context(context)
            .or_else(record::current)
            .or_else(|| record::of_trace(data.span_context.trace_id()));
        if let Some(record) = record {
            record.start(data);
        }
    }

    fn on_end(&self, span: SpanData) {
        if let Some(record) = record::of_trace(span.span_context.trace_id()) {
            record.end(span);
        }
    }

    fn force_flush(&self) -> OTelSdkResult {
        Ok(())
    }

    fn shutdown_with_timeout(&self, _timeout: Duration) -> OTelSdkResult {
        Ok(())
    }
}
