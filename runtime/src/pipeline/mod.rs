//! In: spans and measurements from the global providers, and events. Out: OTLP over HTTP, or a tree on the terminal.

pub(crate) mod sdk_bridge;
pub(crate) mod span_encoder;
pub(crate) mod span_processor;
pub(crate) mod span_queue;
pub(crate) mod tail_sampling;

mod guard;
mod hooks;
mod install;
mod terminal;

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::{Arc, Mutex, mpsc};

use llm_trace_delivery::{DeliveryStats, Sender, SenderConfig, Signal, Spool, TransportConfig};
use opentelemetry::global;
use opentelemetry_otlp::{LogExporter, Protocol, WithExportConfig, WithHttpConfig};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::logs::{BatchLogProcessor, SdkLoggerProvider};
use opentelemetry_sdk::metrics::{Instrument, PeriodicReader, SdkMeterProvider, Temporality};
use opentelemetry_sdk::resource::TelemetryResourceDetector;
use opentelemetry_sdk::trace::{SdkTracerProvider, ShouldSample};

pub use guard::Telemetry;

use crate::content::Uploader;
use crate::enrich::pricing;
use crate::runtime;
use crate::settings::{
    Batches, Builder, ConfigError, DeliverySettings, Destination, Environment, Limits, MetricSettings,
    Sampling, SdkSettings, Settings, SignalSettings, SpoolSettings, Upload,
};
use crate::sinks::events::{EventLimits, EventReceiver};
use crate::{call, content, semconv};
use guard::{Exported, Loggers, Running, Tracers};
use install::{Claim, GlobalMeters, Policies};
use sdk_bridge::{Client, EventCounter, EventExporter, MetricExporter, SdkBridge};
use span_processor::{CountingSampler, PipeProcessor, SpanPipe, SpanPipeEnd};
use span_queue::SpanQueue;
use tail_sampling::RecordAll;
use terminal::TerminalTree;

/// The SDK's own threads: for metrics and events. It panics if it does not get them.
const SDK_THREADS: usize = 2;

impl Builder {
    /// Installs global OpenTelemetry providers that export as configured. Keep the returned guard until the program
    /// ends: dropping it delivers what is still queued.
    ///
    /// With `OTEL_SDK_DISABLED=true` nothing is installed, nothing else is read, and the guard does nothing.
    ///
    /// # Errors
    ///
    /// A [`ConfigError`] that names the parameter or variable and the value, if one is not valid, or if another
    /// guard is still alive, or if the system has no threads to export with. After an error it may be called again.
    pub fn init(self) -> Result<Telemetry, ConfigError> {
        match Settings::resolve(&self, &Environment)? {
            Some(settings) => install(settings),
            None => Ok(Telemetry::disabled()),
        }
    }
}

/// Builds the providers and makes them global.
fn install(settings: Settings) -> Result<Telemetry, ConfigError> {
    let claim = Claim::take()?;
    try_threads(SDK_THREADS)?;
    let built = catch_unwind(AssertUnwindSafe(|| build(settings))).unwrap_or_else(|panic| {
        // Another process may have taken the threads in the meantime; other panics are not hidden.
        try_threads(SDK_THREADS).map(|()| resume_unwind(panic))
    });
    built.inspect(|_| claim.keep())
}

/// Checks that the system can start so many threads at a time.
fn try_threads(count: usize) -> Result<(), ConfigError> {
    let (release, wait) = mpsc::channel::<()>();
    let wait = Arc::new(Mutex::new(wait));
    let threads: Result<Vec<_>, _> = (0..count)
        .map(|_| {
            let wait = Arc::clone(&wait);
            std::thread::Builder::new().spawn(move || drop(wait.lock().map(|wait| wait.recv())))
        })
        .collect();
    drop(release);
    // They end by themselves.
    threads
        .map(|threads| threads.into_iter().for_each(|thread| drop(thread.join())))
        .map_err(ConfigError::Thread)
}

fn build(settings: Settings) -> Result<Telemetry, ConfigError> {
    let (overview, mut policies) = (settings.overview(), Policies::new(&settings));
    let Settings {
        traces,
        metrics,
        events,
        are_events_asked_for,
        delivery,
        spool,
        sdk,
        resource,
        tags,
        content,
        ..
    } = settings;
    let SdkSettings { sampling, limits, batches, event_batches, metrics: metric_settings } = sdk;
    let stats = Arc::new(DeliveryStats::default());
    let resource = Resource::builder_empty()
        .with_detector(Box::new(TelemetryResourceDetector))
        .with_attributes(resource.into_iter().map(|attribute| attribute.value))
        .build();
    let is_sent = [&traces, &metrics, &events].into_iter().any(|signal| signal.value.otlp().is_some());
    // If nothing is sent, nothing is kept for later.
    let spool = spool.filter(|_| is_sent).map(|settings| open_spool(&settings, &stats));
    let is_cumulative = metric_settings.temporality.value == Temporality::Cumulative;
    let way = |signal, settings: SignalSettings, capacity| {
        // A difference that arrives twice counts twice.
        let spool = spool.clone().filter(|_| signal != Signal::Metrics || is_cumulative);
        let sender = sender(signal, settings.transport(), &delivery, spool, is_cumulative, &stats);
        SdkBridge::new(sender, Arc::clone(&stats), capacity)
    };

    // Nothing is installed unless everything can be built.
    let metric_pipeline = match metrics.value {
        Destination::Otlp(signal) => {
            Some(MetricPipeline::build(way(Signal::Metrics, signal, 0), metric_settings)?)
        }
        Destination::Terminal | Destination::Nowhere => None,
    };
    let span_end = match traces.value {
        Destination::Otlp(signal) => {
            let bridge = way(Signal::Traces, signal, batches.queue.value);
            let queue = SpanQueue::start(bridge, batches, &resource).map_err(ConfigError::Thread)?;
            Some(SpanPipeEnd::Queue(queue))
        }
        Destination::Terminal => Some(SpanPipeEnd::Terminal(TerminalTree::to_stderr(Arc::clone(&stats)))),
        Destination::Nowhere => None,
    };
    let event_pipeline = match events.value {
        Destination::Otlp(signal) => {
            let bridge = way(Signal::Logs, signal, event_batches.queue.value);
            Some(EventPipeline::build(bridge, are_events_asked_for.value)?)
        }
        Destination::Terminal | Destination::Nowhere => None,
    };

    let upload = content.upload.value.map(|Upload { store, upload }| Ok((Uploader::start(store)?, upload)));
    policies.content.upload = upload.transpose().map_err(ConfigError::Thread)?;
    let uploader = policies.content.upload.as_ref().map(|(uploader, _)| Arc::clone(uploader));
    policies.content.compile();
    let event_limits = limits.events();
    let meters =
        metric_pipeline.map(|pipeline| pipeline.build_provider(policies.cardinality_limit, resource.clone()));
    let loggers =
        event_pipeline.map(|pipeline| pipeline.build_provider(event_batches, event_limits, resource.clone()));
    let global_meters = meters.as_ref().map(|meters| GlobalMeters::set(&meters.provider));
    if delivery.self_metrics.value {
        // Calls views, which are functions of the program.
        llm_trace_delivery::observe(&global::meter_with_scope(semconv::scope()), &stats);
    }
    let span_limits = limits.spans();
    let tracers = span_end.map(|end| build_tracers(end, sampling.value, &limits, resource, &stats));

    // From here on nothing fails.
    global_meters.into_iter().for_each(GlobalMeters::keep);
    if let Some(tracers) = &tracers {
        global::set_tracer_provider(tracers.provider.clone());
    }
    tags.propagators.value.install();
    pricing::warm();
    let receiver = loggers.as_ref().map(|loggers| loggers.receiver.clone());
    let spans = tracers.as_ref().map(|tracers| (Arc::clone(&tracers.spans), span_limits));
    policies.install(receiver.as_ref(), spans, meters.as_ref().map(|meters| &meters.provider));
    if policies.content.capture.on_events() && runtime::with(|runtime| runtime.events.is_none()) {
        tracing::warn!(target: "llm_trace", "content is to be on events, but nobody receives events");
    }
    call::keep_open(true);
    Ok(Telemetry::new(Running {
        settings: overview,
        tracers,
        meters,
        loggers,
        spool,
        uploader,
        stats,
        report: Mutex::default(),
    }))
}

#[cfg(feature = "spool")]
fn open_spool(settings: &SpoolSettings, stats: &Arc<DeliveryStats>) -> Arc<dyn Spool> {
    Arc::new(llm_trace_delivery::DiskSpool::open(settings.config(), Arc::clone(stats)))
}

#[cfg(not(feature = "spool"))]
fn open_spool(settings: &SpoolSettings, _stats: &Arc<DeliveryStats>) -> Arc<dyn Spool> {
    match *settings {}
}

fn sender(
    signal: Signal,
    settings: TransportConfig,
    delivery: &DeliverySettings,
    spool: Option<Arc<dyn Spool>>,
    is_cumulative: bool,
    stats: &Arc<DeliveryStats>,
) -> Sender {
    Sender::new(SenderConfig {
        signal,
        destination: settings.destination(),
        attributes: settings.attributes(signal),
        stats: Arc::clone(stats),
        supersedes: signal == Signal::Metrics && is_cumulative,
        timeout: settings.timeout,
        shorten_text: content::shortened,
        transport: settings.into_factory(),
        max_bytes: delivery.max_queue_bytes.value,
        spool,
        backoff: delivery.backoff,
        max_retry_after: delivery.max_retry_after.value,
    })
}

struct MetricPipeline {
    exporter: MetricExporter<opentelemetry_otlp::MetricExporter>,
    bridge: Arc<SdkBridge>,
    settings: MetricSettings,
}

impl MetricPipeline {
    fn build(bridge: Arc<SdkBridge>, settings: MetricSettings) -> Result<Self, ConfigError> {
        let exporter =
            opentelemetry_otlp::MetricExporter::builder().with_temporality(settings.temporality.value);
        let exporter = encoder(exporter.with_http(), &bridge).build().map_err(ConfigError::Exporter)?;
        Ok(MetricPipeline { exporter: MetricExporter::new(exporter, Arc::clone(&bridge)), bridge, settings })
    }

    fn build_provider(self, cardinality_limit: usize, resource: Resource) -> Exported<SdkMeterProvider> {
        let MetricPipeline { exporter, bridge, settings } = self;
        let reader = PeriodicReader::builder(exporter).with_interval(settings.interval.value).build();
        let mut provider = SdkMeterProvider::builder().with_resource(resource).with_reader(reader);
        if let Some(view) = settings.default_view(cardinality_limit) {
            provider = provider.with_view(view);
        }
        for view in settings.views.value {
            provider = provider.with_view(move |instrument: &Instrument| view(instrument));
        }
        Exported { provider: provider.build(), bridge }
    }
}

struct EventPipeline {
    exporter: EventExporter<LogExporter>,
    bridge: Arc<SdkBridge>,
    asked_for: bool,
}

impl EventPipeline {
    fn build(bridge: Arc<SdkBridge>, asked_for: bool) -> Result<Self, ConfigError> {
        let exporter = encoder(LogExporter::builder().with_http(), &bridge);
        let exporter = exporter.build().map_err(ConfigError::Exporter)?;
        Ok(EventPipeline { exporter: EventExporter::new(exporter, Arc::clone(&bridge)), bridge, asked_for })
    }

    fn build_provider(self, batches: Batches, limits: EventLimits, resource: Resource) -> Loggers {
        let EventPipeline { exporter, bridge, asked_for } = self;
        let processor = BatchLogProcessor::builder(exporter).with_batch_config(batches.of_events()).build();
        let provider = SdkLoggerProvider::builder()
            .with_resource(resource)
            .with_log_processor(EventCounter::new(processor, Arc::clone(&bridge)))
            .build();
        let receiver = EventReceiver::with_limits(&provider, limits, asked_for);
        Loggers { exported: Exported { provider, bridge }, receiver }
    }
}

fn build_tracers(
    end: SpanPipeEnd,
    Sampling { head, tail, .. }: Sampling,
    limits: &Limits,
    resource: Resource,
    stats: &Arc<DeliveryStats>,
) -> Tracers {
    let provider = SdkTracerProvider::builder().with_resource(resource).with_span_limits(limits.spans());
    let (provider, sampler): (_, Box<dyn ShouldSample>) = if tail.is_some() {
        let sampler = RecordAll(head);
        (provider.with_sampler(sampler.clone()), Box::new(sampler))
    } else {
        let sampler = CountingSampler::new(head, Arc::clone(stats));
        (provider.with_sampler(sampler.clone()), Box::new(sampler))
    };
    let spans = SpanPipe::new(end, sampler, limits.span_text.value, tail);
    let provider = provider.with_span_processor(PipeProcessor(Arc::clone(&spans))).build();
    Tracers { provider, spans }
}

/// Everything is given explicitly: what the exporter would otherwise pick depends on the features that other crates in the build happen to
/// enable. Its endpoint is not used, and it must not compress: a request that is too large is split first.
fn encoder<B: WithExportConfig + WithHttpConfig>(exporter: B, bridge: &Arc<SdkBridge>) -> B {
    exporter
        .with_protocol(Protocol::HttpBinary)
        .with_endpoint("http://localhost")
        .with_max_request_body_size(usize::MAX)
        .with_http_client(Client(Arc::clone(bridge)))
}
