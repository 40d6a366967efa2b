//! The builder an application configures this crate with.

mod content;
mod destination;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use llm_trace_delivery::{Compression, Protocol};
use opentelemetry_sdk::metrics::{Instrument, Stream};

use super::Sampler;
use super::metrics::View;
use crate::content::{ContentCapture, Redaction};
use crate::enrich::quality::{QualitySignals, Topics};
use crate::model::argument::AttributeValue;
use crate::semconv::version::SemconvVersion;

pub(super) use content::Salt;
pub(crate) use content::Upload;
pub(super) use destination::{Destination, Url};

/// Configures export. Everything has a default, and every `OTEL_*` variable named here is read when the builder
/// does not say otherwise.
///
/// ```no_run
/// # fn main() -> Result<(), llm_trace::ConfigError> {
/// let telemetry = llm_trace::builder()
///     .with_service_name("support-bot")
///     .with_environment("production")
///     .with_endpoint("http://collector:4318")
///     .init()?;
/// // … run the program …
/// let report = telemetry.shutdown();
/// assert_eq!(report.spans().dropped(), 0);
/// # Ok(()) }
/// ```
#[derive(Clone, Debug, Default)]
#[must_use = "nothing is exported until `init()` is called"]
pub struct Builder {
    pub(super) service_name: Option<String>,
    pub(super) environment: Option<String>,
    pub(super) destination: Destination,
    pub(super) timeout: Option<Duration>,
    pub(super) max_queue_bytes: Option<usize>,
    pub(super) retry_second: Option<Duration>,
    pub(super) max_retry_after: Option<Duration>,
    pub(super) self_metrics: Option<bool>,
    pub(super) resource: Vec<(String, opentelemetry::Value)>,
    pub(super) error_messages: Option<bool>,
    pub(super) semconv: Option<SemconvVersion>,
    pub(super) events: Option<bool>,
    pub(super) content: Option<ContentCapture>,
    pub(super) content_budget: Option<(usize, usize)>,
    pub(super) request_content_budget: Option<usize>,
    pub(super) upload: Option<Upload>,
    pub(super) salt: Option<Salt>,
    pub(super) redaction: Redaction,
    pub(super) openinference: Option<bool>,
    pub(super) patterns: Vec<(String, String)>,
    #[cfg(feature = "spool")]
    pub(super) spool: super::spool::Wanted,
    pub(super) cardinality_limit: Option<usize>,
    pub(super) tag_labels: Vec<String>,
    pub(super) baggage_keys: Vec<String>,
    pub(super) sampler: Option<Sampler>,
    pub(super) protocol: Option<Protocol>,
    pub(super) compression: Option<Compression>,
    pub(super) views: Vec<OpaqueView>,
    pub(super) quality: Option<QualitySignals>,
    pub(super) topics: Option<Topics>,
}

/// A function, of which there is nothing to print.
#[derive(Clone)]
pub(super) struct OpaqueView(pub(super) View);

impl fmt::Debug for OpaqueView {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("view")
    }
}

/// Starts configuring export; see [`Builder`].
pub fn builder() -> Builder {
    Builder::default()
}

impl Builder {
    /// The application's name, `service.name`. Default: `OTEL_SERVICE_NAME`, then `service.name` in
    /// `OTEL_RESOURCE_ATTRIBUTES`, then `unknown_service:` and the executable's name.
    pub fn with_service_name(mut self, name: impl Into<String>) -> Self {
        self.service_name = Some(name.into());
        self
    }

    /// Where the application runs: `production`, `staging`, …; `deployment.environment.name`. Default: that key in
    /// `OTEL_RESOURCE_ATTRIBUTES`, then absent.
    pub fn with_environment(mut self, environment: impl Into<String>) -> Self {
        self.environment = Some(environment.into());
        self
    }

    /// How long to wait for the receiver's answer to a request. What is not answered is sent again, after a pause of up to a
    /// minute. Default: `OTEL_EXPORTER_OTLP_{TRACES,METRICS,LOGS}_TIMEOUT`, then `OTEL_EXPORTER_OTLP_TIMEOUT`, in
    /// milliseconds, then 10 seconds. Range: above 0, at most 2147483647 ms (24 days).
    pub fn with_timeout(mut self, timeout: Duration) -> Self {
        self.timeout = Some(timeout);
        self
    }

    /// How many bytes of encoded telemetry wait in memory, for each of traces, metrics and logs, while a receiver is away.
    /// Beyond it the oldest items are dropped and counted (`queue_full`). Default: 32 MiB. Range: 1 byte to 1 TiB.
    pub fn with_max_queue_bytes(mut self, bytes: usize) -> Self {
        self.max_queue_bytes = Some(bytes);
        self
    }

    /// The longest pause that a receiver may ask for (`Retry-After`, `RetryInfo`), 1 second to 24 hours. After a longer one is
    /// asked for, the next attempt is made after this one. [`flush`](crate::Telemetry::flush) and [`shutdown`](crate::Telemetry::shutdown) make
    /// one attempt whatever was asked for. Variable: `LLM_TRACE_MAX_RETRY_AFTER`, a number with a unit: `90s`, `5m`, `1h`.
    /// Default: 5 minutes. [`init`](Self::init) fails outside the range.
    pub fn with_max_retry_after(mut self, pause: Duration) -> Self {
        self.max_retry_after = Some(pause);
        self
    }

    /// Whether the delivery of telemetry is measured too: `otel.sdk.*` as OpenTelemetry names it, and `llm_trace.delivery.*`. Default:
    /// `LLM_TRACE_SELF_METRICS`, which is `true` or `false`; without it, `true`.
    pub fn with_self_metrics(mut self, emit: bool) -> Self {
        self.self_metrics = Some(emit);
        self
    }

    /// How long a second takes that a retry waits: for tests, which cannot wait for real ones.
    #[doc(hidden)]
    pub fn with_retry_second(mut self, second: Duration) -> Self {
        self.retry_second = Some(second);
        self
    }

    /// Which traces are exported; see [`Sampler`]. Default: `OTEL_TRACES_SAMPLER` and `OTEL_TRACES_SAMPLER_ARG`, then every
    /// trace whose caller's is.
    pub fn with_sampler(mut self, sampler: Sampler) -> Self {
        self.sampler = Some(sampler);
        self
    }

    /// A view of the metrics SDK: for instruments it returns a stream for, that stream is made instead of the usual one.
    /// Several may be given; each that takes an instrument makes a stream of its own.
    ///
    /// ```no_run
    /// use llm_trace::opentelemetry_sdk::metrics::{Aggregation, Instrument, Stream};
    ///
    /// # fn main() -> Result<(), llm_trace::ConfigError> {
    /// let buckets = |instrument: &Instrument| {
    ///     let seconds = Aggregation::ExplicitBucketHistogram { boundaries: vec![1.0, 10.0, 60.0], record_min_max: true };
    ///     (instrument.name() == "gen_ai.client.operation.duration")
    ///         .then(|| Stream::builder().with_aggregation(seconds).build().ok())
    ///         .flatten()
    /// };
    /// let telemetry = llm_trace::builder().with_view(buckets).init()?;
    /// # drop(telemetry); Ok(()) }
    /// ```
    pub fn with_view(mut self, view: impl Fn(&Instrument) -> Option<Stream> + Send + Sync + 'static) -> Self {
        self.views.push(OpaqueView(Arc::new(view)));
        self
    }

    /// An attribute of everything this process reports: `service.version`, `cloud.region`, … It wins over the same
    /// key in `OTEL_RESOURCE_ATTRIBUTES`.
    pub fn with_resource_attribute<V: AttributeValue>(mut self, key: impl Into<String>, value: V) -> Self {
        if let Some(value) = value.attribute() {
            self.resource.push((key.into(), value));
        }
        self
    }

    /// Whether the message of an error becomes the span's status description. Error messages can quote prompts and
    /// completions, so the default is `true` only where spans are printed and stderr is a terminal. Variable:
    /// `LLM_TRACE_CAPTURE_ERROR_MESSAGES`.
    pub fn with_error_messages(mut self, record: bool) -> Self {
        self.error_messages = Some(record);
        self
    }

    /// Which state of the GenAI conventions names follow. Default: the newest if `OTEL_SEMCONV_STABILITY_OPT_IN` has the
    /// word `gen_ai_latest_experimental`, else the one that backends know.
    pub fn with_semconv(mut self, semconv: SemconvVersion) -> Self {
        self.semconv = Some(semconv);
        self
    }

    /// Tags that are labels of metrics, besides being on spans: `with_tag_labels(["tenant"])` for functions with
    /// `tags("tenant" = …)` and all calls inside. Each value makes series of its own, so name those that have few; beyond the
    /// [limit](Self::with_metric_cardinality_limit) they are `other`. Default: none.
    pub fn with_tag_labels<K: Into<String>>(mut self, names: impl IntoIterator<Item = K>) -> Self {
        self.tag_labels.extend(names.into_iter().map(Into::into));
        self
    }

    /// Sets the W3C baggage keys that are sent and received: tags by their names, the conversation as `gen_ai.conversation.id` and the user as
    /// `user.id`. What a call says goes out with requests that it makes
    /// ([`propagation::inject`](crate::propagation::inject)), and what came in with a request
    /// ([`propagation::extract`](crate::propagation::extract)) is on all calls that do not say otherwise. Baggage goes to every
    /// service that is called and is believed whoever sends it: name what may be known and can be believed. Naming any adds
    /// `baggage` to `OTEL_PROPAGATORS`. Default: none.
    pub fn with_baggage_keys<K: Into<String>>(mut self, names: impl IntoIterator<Item = K>) -> Self {
        self.baggage_keys.extend(names.into_iter().map(Into::into));
        self
    }

    /// How many label sets each metric may have in the life of the process, 1 to 100,000. In those beyond, the model, server, data
    /// source, tool, agent and workflow are `other`, so that a name that comes from a user cannot make a series for each;
    /// operation, provider and error stay. `llm_trace.metrics.overflow` counts such measurements. Variable:
    /// `LLM_TRACE_METRIC_CARDINALITY_LIMIT`. Default: 1000.
    pub fn with_metric_cardinality_limit(mut self, label_sets: usize) -> Self {
        self.cardinality_limit = Some(label_sets);
        self
    }

    /// Whether calls emit events: the errors of calls to services (`gen_ai.client.operation.exception`), and in the newest
    /// [`SemconvVersion`] the details of calls to models. Default: only if a receiver of logs was named, by `OTEL_LOGS_EXPORTER`
    /// or `OTEL_EXPORTER_OTLP_LOGS_ENDPOINT`, as some receivers of spans take no logs. [Scores](crate::score), and events
    /// with content ([`with_content_capture`](Self::with_content_capture)), are emitted in any case.
    pub fn with_events(mut self, emit: bool) -> Self {
        self.events = Some(emit);
        self
    }

    /// Whether content is recorded, and where: prompts, completions, system instructions, tool definitions, the arguments and
    /// results of tools, queries. Default: `OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT`, which is `NO_CONTENT`,
    /// `SPAN_ONLY`, `EVENT_ONLY`, `SPAN_AND_EVENT`, `true` or `false`; without it, nothing is.
    pub fn with_content_capture(mut self, capture: ContentCapture) -> Self {
        self.content = Some(capture);
        self
    }

    /// Whether spans speak [OpenInference](https://github.com/Arize-ai/openinference) too, for backends that show workflows,
    /// retrievals, rerankers, guardrails and evaluators as such only then: Phoenix, MLflow, Langfuse. Every span has
    /// `openinference.span.kind` (`CHAIN`, `LLM`, `RETRIEVER`, …). Where content is captured on spans
    /// ([`with_content_capture`](Self::with_content_capture)), what went in and what came out is there a second time,
    /// as `input.value` and `output.value` with their MIME types, and the documents of a retrieval as
    /// `retrieval.documents.0.document.content` and so on: redacted as ever, and within the same budget. Default:
    /// `LLM_TRACE_OPENINFERENCE`, which is `true` or `false`; without it, `false`.
    ///
    /// ```no_run
    /// # fn main() -> Result<(), llm_trace::ConfigError> {
    /// use llm_trace::ContentCapture;
    ///
    /// let telemetry = llm_trace::builder()
    ///     .with_openinference(true)
    ///     .with_content_capture(ContentCapture::SpanOnly)
    ///     .init()?;
    /// # drop(telemetry); Ok(()) }
    /// ```
    pub fn with_openinference(mut self, emit: bool) -> Self {
        self.openinference = Some(emit);
        self
    }

    /// How many bytes of content one attribute and one span may have. What is longer is cut, and says how long it
    /// was. Default: 16 KiB and 64 KiB. Range of both: 0 to 1 GiB.
    pub fn with_content_budget(mut self, per_attribute: usize, per_span: usize) -> Self {
        self.content_budget = Some((per_attribute, per_span));
        self
    }

    /// A regular expression (in the syntax of the `regex` crate) for what must not be recorded. What it matches in
    /// content and error messages is replaced by the label in brackets: `with_redaction(r"CASE-\d+", "CASE")`. It
    /// comes on top of what is replaced anyway: e-mail addresses, telephone, card and account numbers, IP addresses,
    /// keys and tokens.
    pub fn with_redaction(mut self, pattern: impl Into<String>, label: impl Into<String>) -> Self {
        self.patterns.push((pattern.into(), label.into()));
        self
    }

    /// A function of your own that sees every text of content and every error message last, before it is recorded,
    /// and returns what to record instead, or `None` if the text is fine. If it panics, the text is not recorded.
    pub fn with_redactor(
        mut self,
        redactor: impl Fn(&str) -> Option<String> + Send + Sync + 'static,
    ) -> Self {
        self.redaction.hook = Some(std::sync::Arc::new(redactor));
        self
    }

    /// Records content without replacing e-mail addresses, telephone, card and account numbers, IP addresses, keys and
    /// tokens. Patterns and the function of your own still apply.
    pub fn without_builtin_redaction(mut self) -> Self {
        self.redaction.builtin = false;
        self
    }

    /// Tells what users ask about by a key that is not what they asked: `llm_trace.topic`, on every span under an outermost
    /// call once it is known, and as a label of the durations of workflows and calls to models, where beyond the
    /// [limit of label sets](Self::with_metric_cardinality_limit) it is `other`. Default: none.
    ///
    /// With [`Topics::QuestionHash`] what calls are asked is looked at, in memory: only its hash leaves. `skip(input)` holds.
    ///
    /// ```
    /// use llm_trace::Topics;
    ///
    /// let salt = std::env::var("TOPIC_SALT").unwrap_or_else(|_| "only for this example".into());
    /// let builder = llm_trace::builder().with_topics(Topics::QuestionHash { salt: salt.into() });
    /// ```
    pub fn with_topics(mut self, topics: Topics) -> Self {
        self.topics = Some(topics);
        self
    }

    /// Which [signals of quality](QualitySignals) are measured. Default: all that are known without looking at texts.
    ///
    /// ```
    /// use llm_trace::{QualitySignal, QualitySignals};
    ///
    /// let builder = llm_trace::builder()
    ///     .with_quality_signals(QualitySignals::default().without(QualitySignal::Duplicates));
    /// ```
    pub fn with_quality_signals(mut self, signals: QualitySignals) -> Self {
        self.quality = Some(signals);
        self
    }
}
