//! In: spans and measurements from the global providers. Out: OTLP over HTTP, or a tree on the terminal.

mod counting;
mod guard;
mod http;
mod ledger;
mod terminal;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use opentelemetry::global;
use opentelemetry_otlp::{
    Compression, MetricExporter, Protocol, SpanExporter, WithExportConfig, WithHttpConfig,
};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::metrics::{PeriodicReader, SdkMeterProvider};
use opentelemetry_sdk::resource::TelemetryResourceDetector;
use opentelemetry_sdk::trace::{BatchSpanProcessor, SdkTracerProvider};

pub use guard::Telemetry;
pub use ledger::Receipt;

use crate::config::{ConfigError, Settings, SignalSettings};
use crate::{pricing, privacy};
use ledger::Ledger;

/// One guard at a time: a second set of global providers would silently cut off the first.
static INSTALLED: AtomicBool = AtomicBool::new(false);

/// Builds the providers and makes them global.
pub(crate) fn install(settings: Settings) -> Result<Telemetry, ConfigError> {
    if INSTALLED.swap(true, Ordering::AcqRel) {
        return Err(ConfigError::AlreadyInitialised);
    }
    build(settings).inspect_err(|_| INSTALLED.store(false, Ordering::Release))
}

fn build(settings: Settings) -> Result<Telemetry, ConfigError> {
    if settings.disabled {
        return Ok(Telemetry::disabled());
    }
    privacy::allow_error_messages(settings.error_messages);
    privacy::allow_content(settings.content);
    settings.content_rules.install();
    pricing::warm();
    let ledger = Arc::new(Ledger::default());
    let resource = Resource::builder_empty()
        .with_detector(Box::new(TelemetryResourceDetector))
        .with_attributes(settings.resource)
        .build();

    // Exporters first: nothing becomes global unless everything can be built. Metrics before traces, because the
    // span processor takes its own instruments from the meter provider that is global when it is made.
    let metric_exporter = settings.metrics.map(|signal| metric_exporter(signal, &ledger)).transpose()?;
    let span_exporter = settings.traces.map(|signal| span_exporter(signal, &ledger)).transpose()?;

    let meters = metric_exporter.map(|exporter| {
        let reader = PeriodicReader::builder(exporter).build();
        SdkMeterProvider::builder().with_resource(resource.clone()).with_reader(reader).build()
    });
    if let Some(meters) = &meters {
        global::set_meter_provider(meters.clone());
    }
    let tracers = SdkTracerProvider::builder().with_resource(resource);
    let tracers = match span_exporter {
        Some(exporter) => {
            let batches = BatchSpanProcessor::builder(exporter).build();
            tracers.with_span_processor(counting::SpanCounter::new(batches, Arc::clone(&ledger)))
        }
        None => tracers.with_span_processor(terminal::TerminalTree::to_stderr()),
    }
    .build();
    global::set_tracer_provider(tracers.clone());
    Ok(Telemetry::new(tracers, meters, ledger))
}

fn span_exporter(
    signal: SignalSettings,
    ledger: &Arc<Ledger>,
) -> Result<counting::CountingSpanExporter, ConfigError> {
    let destination = http::destination(&signal.endpoint);
    let exporter =
        configured(SpanExporter::builder().with_http(), signal).build().map_err(ConfigError::Exporter)?;
    Ok(counting::CountingSpanExporter::new(exporter, Arc::clone(ledger), destination))
}

fn metric_exporter(
    signal: SignalSettings,
    ledger: &Arc<Ledger>,
) -> Result<counting::CountingMetricExporter, ConfigError> {
    let destination = http::destination(&signal.endpoint);
    let exporter =
        configured(MetricExporter::builder().with_http(), signal).build().map_err(ConfigError::Exporter)?;
    Ok(counting::CountingMetricExporter::new(exporter, Arc::clone(ledger), destination))
}

/// Everything is given explicitly: what the exporter would otherwise pick depends on the features that other
/// crates in the build happen to enable.
fn configured<B: WithExportConfig + WithHttpConfig>(exporter: B, signal: SignalSettings) -> B {
    let exporter = exporter
        .with_protocol(Protocol::HttpBinary)
        .with_endpoint(signal.endpoint.to_string())
        .with_timeout(signal.timeout)
        .with_http_client(http::Client::new(signal.headers, signal.timeout));
    if signal.gzip { exporter.with_compression(Compression::Gzip) } else { exporter }
}
