//! In: spans and measurements from the global providers, and events. Out: OTLP over HTTP, or a tree on the terminal.

mod answer;
mod counting;
mod counting_events;
mod delivery;
mod exchange;
mod gate;
mod guard;
mod http;
mod ledger;
mod printable;
mod receipt;
mod report;
mod tail;
mod terminal;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use opentelemetry::global;
use opentelemetry_otlp::{
    Compression, LogExporter, MetricExporter, Protocol, SpanExporter, WithExportConfig, WithHttpConfig,
};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::logs::{BatchConfig, BatchLogProcessor, SdkLoggerProvider};
use opentelemetry_sdk::metrics::{Instrument, PeriodicReader, SdkMeterProvider};
use opentelemetry_sdk::resource::TelemetryResourceDetector;
use opentelemetry_sdk::trace::{
    self, BatchSpanProcessor, SdkTracerProvider, SpanProcessor, TracerProviderBuilder,
};

pub use delivery::{DropReason, SignalCounts};
pub use guard::Telemetry;
pub(crate) use http::{agent, destination};
pub(crate) use printable::printable;
pub use receipt::Receipt;

use crate::config::{
    ConfigError, Events, Limits, MetricSettings, Metrics, Sampling, Settings, SignalSettings, Traces,
};
use crate::events::EventLimits;
use crate::{call, events, metrics, openinference, pricing, privacy, propagation, quality, vintage};
use counting::{CountingMetricExporter, CountingSpanExporter, Route, SpanCounter};
use counting_events::{CountingLogExporter, EventCounter};
use exchange::Exchange;
use gate::SpanGate;
use guard::{Exported, Loggers, Running};
use ledger::Ledger;
use tail::RecordAll;

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
    let Settings {
        traces,
        metrics,
        events,
        sdk,
        resource,
        error_messages,
        vintage,
        propagators,
        content,
        content_rules,
        cardinality_limit,
        quality: quality_signals,
        openinference: speaks_openinference,
    } = settings;
    let ledger = Arc::new(Ledger::default());
    let resource = Resource::builder_empty()
        .with_detector(Box::new(TelemetryResourceDetector))
        .with_attributes(resource)
        .build();

    // Exporters first: nothing becomes global unless everything can be built. Metrics before traces, because the
    // span processor takes its own instruments from the meter provider that is global when it is made.
    let metric_pipeline = match metrics {
        Metrics::Otlp(signal) => Some(MetricPipeline::build(signal, sdk.metrics, &ledger)?),
        Metrics::Nowhere => None,
    };
    let span_pipeline = match traces {
        Traces::Otlp(signal) => SpanPipeline::otlp(signal, &ledger)?,
        Traces::Terminal => SpanPipeline::Terminal,
        Traces::Nowhere => SpanPipeline::Nowhere,
    };

    let event_pipeline = match events {
        Events::Otlp { signal, asked_for } => Some(EventPipeline::build(signal, asked_for, &ledger)?),
        Events::Nowhere => None,
    };

    call::installed();
    privacy::allow_error_messages(error_messages);
    privacy::allow_content(content);
    content_rules.install();
    quality::set(quality_signals);
    openinference::set(speaks_openinference);
    vintage::set(vintage);
    metrics::set_limit(cardinality_limit);
    propagation::install(propagators);
    pricing::warm();
    let meters = metric_pipeline.map(|pipeline| pipeline.install(cardinality_limit, resource.clone()));
    let loggers = event_pipeline
        .map(|pipeline| pipeline.install(sdk.event_batches.of_events(), sdk.limits.events, resource.clone()));
    let tracers = span_pipeline.install(
        SpanRules { sampling: sdk.sampling, limits: sdk.limits },
        sdk.batches.of_spans(),
        resource,
        &ledger,
    );
    if content.on_events() && !events::are_received() {
        tracing::warn!(target: "llm_trace", "content is to be on events, but nobody receives events");
    }
    Ok(Telemetry::new(Running { tracers, meters, loggers, ledger }))
}

struct MetricPipeline {
    exporter: CountingMetricExporter,
    settings: MetricSettings,
    destination: String,
    timeout: Duration,
}

impl MetricPipeline {
    fn build(
        signal: SignalSettings,
        settings: MetricSettings,
        ledger: &Arc<Ledger>,
    ) -> Result<Self, ConfigError> {
        let (route, timeout) = (route(&signal, ledger), signal.timeout);
        let exporter = MetricExporter::builder().with_temporality(settings.temporality).with_http();
        let exporter = configured(exporter, signal, &route);
        let exporter = exporter.build().map_err(ConfigError::Exporter)?;
        let destination = route.destination.clone();
        let exporter = CountingMetricExporter::new(exporter, route);
        Ok(MetricPipeline { exporter, settings, destination, timeout })
    }

    fn install(self, cardinality_limit: usize, resource: Resource) -> Exported<SdkMeterProvider> {
        let MetricPipeline { exporter, settings, destination, timeout } = self;
        let reader = PeriodicReader::builder(exporter).with_interval(settings.interval).build();
        let mut provider = SdkMeterProvider::builder().with_resource(resource).with_reader(reader);
        if let Some(view) = settings.default_view(cardinality_limit) {
            provider = provider.with_view(view);
        }
        for view in settings.views {
            provider = provider.with_view(move |instrument: &Instrument| view(instrument));
        }
        let provider = provider.build();
        global::set_meter_provider(provider.clone());
        Exported { provider, destination, timeout }
    }
}

struct EventPipeline {
    exporter: CountingLogExporter,
    route: Route,
    timeout: Duration,
    asked_for: bool,
}

impl EventPipeline {
    fn build(signal: SignalSettings, asked_for: bool, ledger: &Arc<Ledger>) -> Result<Self, ConfigError> {
        let (route, timeout) = (route(&signal, ledger), signal.timeout);
        let exporter = configured(LogExporter::builder().with_http(), signal, &route);
        let exporter = exporter.build().map_err(ConfigError::Exporter)?;
        let exporter = CountingLogExporter::new(exporter, route.clone());
        Ok(EventPipeline { exporter, route, timeout, asked_for })
    }

    fn install(self, batches: BatchConfig, limits: EventLimits, resource: Resource) -> Loggers {
        let EventPipeline { exporter, route, timeout, asked_for } = self;
        let destination = route.destination.clone();
        let processor = BatchLogProcessor::builder(exporter).with_batch_config(batches).build();
        let provider = SdkLoggerProvider::builder()
            .with_resource(resource)
            .with_log_processor(EventCounter::new(processor, route))
            .build();
        let installed = events::install(&provider, limits, asked_for);
        Loggers { exported: Exported { provider, destination, timeout }, installed }
    }
}

#[expect(clippy::large_enum_variant, reason = "there is one, and it is moved once")]
enum SpanPipeline {
    Otlp { exporter: CountingSpanExporter, route: Route, timeout: Duration },
    Terminal,
    Nowhere,
}

impl SpanPipeline {
    fn otlp(signal: SignalSettings, ledger: &Arc<Ledger>) -> Result<Self, ConfigError> {
        let (route, timeout) = (route(&signal, ledger), signal.timeout);
        let exporter = configured(SpanExporter::builder().with_http(), signal, &route);
        let exporter = exporter.build().map_err(ConfigError::Exporter)?;
        let exporter = CountingSpanExporter::new(exporter, route.clone());
        Ok(SpanPipeline::Otlp { exporter, route, timeout })
    }

    fn install(
        self,
        rules: SpanRules,
        batches: trace::BatchConfig,
        resource: Resource,
        ledger: &Arc<Ledger>,
    ) -> Option<Exported<SdkTracerProvider>> {
        let provider = SdkTracerProvider::builder().with_resource(resource);
        let (provider, destination, timeout) = match self {
            SpanPipeline::Otlp { exporter, route, timeout } => {
                let processor = BatchSpanProcessor::builder(exporter).with_batch_config(batches).build();
                let destination = route.destination.clone();
                (rules.apply(provider, SpanCounter::new(processor, route)), destination, timeout)
            }
            SpanPipeline::Terminal => {
                let tree = terminal::TerminalTree::to_stderr(Arc::clone(ledger));
                (rules.apply(provider, tree), terminal::DESTINATION.to_owned(), Duration::ZERO)
            }
            SpanPipeline::Nowhere => return None,
        };
        let provider = provider.build();
        global::set_tracer_provider(provider.clone());
        Some(Exported { provider, destination, timeout })
    }
}

/// Which spans are recorded, and how much of them.
struct SpanRules {
    sampling: Sampling,
    limits: Limits,
}

impl SpanRules {
    fn apply<P: SpanProcessor + 'static>(
        self,
        provider: TracerProviderBuilder,
        processor: P,
    ) -> TracerProviderBuilder {
        let SpanRules { sampling: Sampling { head, tail, .. }, limits } = self;
        let provider = provider.with_span_limits(limits.spans);
        let provider = match tail {
            Some(_) => provider.with_sampler(RecordAll(head)),
            None => provider.with_sampler(head),
        };
        provider.with_span_processor(SpanGate::new(processor, limits.span_text, tail))
    }
}

fn route(signal: &SignalSettings, ledger: &Arc<Ledger>) -> Route {
    Route {
        ledger: Arc::clone(ledger),
        exchange: Arc::new(Exchange::new(signal.timeout)),
        destination: http::destination(&signal.endpoint),
    }
}

/// Everything is given explicitly: what the exporter would otherwise pick depends on the features that other
/// crates in the build happen to enable.
fn configured<B: WithExportConfig + WithHttpConfig>(exporter: B, signal: SignalSettings, route: &Route) -> B {
    let SignalSettings { endpoint, headers, timeout, gzip, tls } = signal;
    let client = http::Client::new(&endpoint, headers, tls, Arc::clone(&route.exchange));
    let exporter = exporter
        .with_protocol(Protocol::HttpBinary)
        .with_endpoint(endpoint.to_string())
        .with_timeout(timeout)
        .with_http_client(client);
    if gzip { exporter.with_compression(Compression::Gzip) } else { exporter }
}
