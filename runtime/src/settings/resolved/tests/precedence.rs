//! Of every setting: what sets it, which of that wins, and what the doctor shows.

use std::collections::BTreeSet;

use crate::content::{ContentCapture, ContentItem, ContentStore, ContentUpload};
use crate::enrich::quality::{QualitySignals, Topics};
use crate::semconv::version::SemconvVersion;
use crate::settings::resolved::tests::*;

/// Each line has a row of the doctor, the variables that it needs, its value by default, and methods and variables that set it, with the
/// value then. Of these each wins over those that follow. Without a value there is no row, `*` is any; a line may go on in the next.
const SETTINGS: &str = "
service.name | | * | with_service_name → code | OTEL_SERVICE_NAME=env → env
    | OTEL_RESOURCE_ATTRIBUTES=service.name=list → list
service.instance.id | | * | OTEL_RESOURCE_ATTRIBUTES=service.instance.id=pod-7 → pod-7
deployment.environment.name | | | with_environment → code | with_resource_attribute → attribute
    | OTEL_RESOURCE_ATTRIBUTES=deployment.environment.name=env → env
traces | | the terminal | OTEL_TRACES_EXPORTER=console → the terminal | with_endpoint → http://code/v1/traces
traces | | the terminal | OTEL_TRACES_EXPORTER=none → nowhere
    | OTEL_EXPORTER_OTLP_ENDPOINT=http://env → http://env/v1/traces
events of calls | OTEL_EXPORTER_OTLP_ENDPOINT=http://env | false | with_events → false
    | OTEL_LOGS_EXPORTER=otlp → true | with_logs_endpoint → true
    | OTEL_EXPORTER_OTLP_LOGS_ENDPOINT=http://logs → true
waiting in memory | | 33554432 bytes per signal | with_max_queue_bytes → 4096 bytes per signal
longest Retry-After | | 300 s | with_max_retry_after → 7 s | LLM_TRACE_MAX_RETRY_AFTER=2m → 120 s
self-metrics | | true | with_self_metrics → true | LLM_TRACE_SELF_METRICS=false → false
proxy | OTEL_EXPORTER_OTLP_ENDPOINT=http://c | | ALL_PROXY=http://me:secret@a:1 → a:1 | all_proxy=b:2 → b:2
    | HTTPS_PROXY=c:3 → c:3 | https_proxy=d:4 → d:4 | HTTP_PROXY=e:5 → e:5 | http_proxy=f:6 → f:6
sampler | OTEL_TRACES_SAMPLER_ARG=0.25 | parentbased_always_on | with_sampler → parentbased_always_off
    | OTEL_TRACES_SAMPLER=traceidratio → traceidratio 0.25
span queue | | 8192 | OTEL_BSP_MAX_QUEUE_SIZE=4096 → 4096
span batch | | 512 | OTEL_BSP_MAX_EXPORT_BATCH_SIZE=50 → 50 | OTEL_BSP_MAX_QUEUE_SIZE=100 → 100
event queue | | 2048 | OTEL_BLRP_MAX_QUEUE_SIZE=4096 → 4096
event batch | | 512 | OTEL_BLRP_MAX_EXPORT_BATCH_SIZE=50 → 50 | OTEL_BLRP_MAX_QUEUE_SIZE=100 → 100
metric interval | | 60000 ms | OTEL_METRIC_EXPORT_INTERVAL=7 → 7 ms
metric temporality | | cumulative | OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE=DELTA → delta
metric histograms | | explicit_bucket_histogram
    | OTEL_EXPORTER_OTLP_METRICS_DEFAULT_HISTOGRAM_AGGREGATION=base2_exponential_bucket_histogram → base2_exponential_bucket_histogram
metric views | | 0 | with_view → 1
metric label sets | | 1000 | with_metric_cardinality_limit → 7 | LLM_TRACE_METRIC_CARDINALITY_LIMIT= 20  → 20
tag labels | | none | with_tag_labels → tenant, plan
baggage keys | | none | with_baggage_keys → tenant
propagators | | tracecontext | with_baggage_keys → tracecontext, baggage
propagators | | tracecontext | with_baggage_keys → baggage | OTEL_PROPAGATORS=none → none
propagators | | tracecontext | OTEL_PROPAGATORS=baggage, tracecontext → tracecontext, baggage
    | with_baggage_keys → tracecontext, baggage
conventions | | August2026 | with_semconv → August2026
    | OTEL_SEMCONV_STABILITY_OPT_IN=http,gen_ai_latest_experimental → October2026
span attributes | | 128 | OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT=1 → 1 | OTEL_ATTRIBUTE_COUNT_LIMIT=9 → 9
span texts | | whole | OTEL_SPAN_ATTRIBUTE_VALUE_LENGTH_LIMIT=1 → 1 characters
    | OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT=9 → 9 characters
events of a span | | 128 | OTEL_SPAN_EVENT_COUNT_LIMIT=1 → 1
links of a span | | 128 | OTEL_SPAN_LINK_COUNT_LIMIT=1 → 1
attributes of a span's event | | 128 | OTEL_EVENT_ATTRIBUTE_COUNT_LIMIT=1 → 1
    | OTEL_ATTRIBUTE_COUNT_LIMIT=9 → 9
attributes of a link | | 128 | OTEL_LINK_ATTRIBUTE_COUNT_LIMIT=1 → 1 | OTEL_ATTRIBUTE_COUNT_LIMIT=9 → 9
event attributes | | 128 | OTEL_LOGRECORD_ATTRIBUTE_COUNT_LIMIT=0 → 0 | OTEL_ATTRIBUTE_COUNT_LIMIT=9 → 9
event texts | | whole | OTEL_LOGRECORD_ATTRIBUTE_VALUE_LENGTH_LIMIT=1 → 1 characters
    | OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT=9 → 9 characters
content | | NoContent | with_content_capture → EventOnly
    | OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT=span_only → SpanOnly
content budget | | 16384 bytes per attribute, 65536 per span
    | OTEL_SPAN_ATTRIBUTE_VALUE_LENGTH_LIMIT=9 → 9 bytes per attribute, 2000 per span
    | with_content_budget → 1000 bytes per attribute, 2000 per span
    | OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT=5000 → 5000 bytes per attribute, 65536 per span
content of a request | | 1048576 bytes | with_request_content_budget → 7 bytes
content upload | | none | with_content_upload → Instead
salt of digests | | random | with_hash_salt → *** | LLM_TRACE_HASH_SALT=0123456789abcdef → ***
built-in redaction | | true | without_builtin_redaction → false
redaction patterns | | 0 | with_redaction → 1
redactor | | none | with_redactor → a function
error messages | | false | with_error_messages → false | LLM_TRACE_CAPTURE_ERROR_MESSAGES=true → true
openinference | | false | with_openinference → false | LLM_TRACE_OPENINFERENCE=true → true
quality signals | | * | with_quality_signals → *
topics | | none | with_topics → name of the prompt
";

#[cfg(feature = "spool")]
const SPOOL: &str = "
spool | OTEL_SERVICE_NAME=bot | none | with_spool → code/bot | LLM_TRACE_SPOOL_DIR=env → env/bot
spool size | LLM_TRACE_SPOOL_DIR=env | 268435456 bytes | with_spool_limits → 7 bytes
    | LLM_TRACE_SPOOL_MAX_BYTES=9 → 9 bytes
spool age | LLM_TRACE_SPOOL_DIR=env | 86400s | with_spool_limits → 8s | LLM_TRACE_SPOOL_MAX_AGE=2h → 7200s
spool mode | LLM_TRACE_SPOOL_DIR=env | on_failure | with_spool_mode → write_ahead
    | LLM_TRACE_SPOOL_MODE=on_failure → on_failure
span delay | LLM_TRACE_SPOOL_DIR=env | 5000 ms | OTEL_BSP_SCHEDULE_DELAY=7 → 7 ms | with_spool_mode → 100 ms
    | LLM_TRACE_SPOOL_MODE=write_ahead → 100 ms
event delay | LLM_TRACE_SPOOL_DIR=env | 1000 ms | OTEL_BLRP_SCHEDULE_DELAY=7 → 7 ms
    | with_spool_mode → 100 ms | LLM_TRACE_SPOOL_MODE=write_ahead → 100 ms
";

#[cfg(not(feature = "spool"))]
const SPOOL: &str = "
spool | | none: built without the feature `spool` |
span delay | | 5000 ms | OTEL_BSP_SCHEDULE_DELAY=7 → 7 ms
event delay | | 1000 ms | OTEL_BLRP_SCHEDULE_DELAY=7 → 7 ms
";

/// Of one signal: `events` of `logs` have the variables of `LOGS`, and of a processor.
const SIGNAL: &str = "
events | | * | with_logs_endpoint → http://own/…/v1/logs | with_endpoint → http://code/v1/logs
    | with_grafana_cloud → https://otlp-gateway-eu.grafana.net/otlp/v1/logs
    | OTEL_EXPORTER_OTLP_LOGS_ENDPOINT=http://me:secret@env?secret → http://env/?…
    | OTEL_EXPORTER_OTLP_ENDPOINT=http://all → http://all/v1/logs
    | OTEL_LOGS_EXPORTER=otlp → http://localhost:4318/v1/logs
events protocol | OTEL_LOGS_EXPORTER=otlp | http/protobuf | with_protocol → http/protobuf
    | OTEL_EXPORTER_OTLP_LOGS_PROTOCOL=http/protobuf → http/protobuf
    | OTEL_EXPORTER_OTLP_PROTOCOL=HTTP/Protobuf → http/protobuf
events compression | OTEL_LOGS_EXPORTER=otlp | none | with_compression → none
    | OTEL_EXPORTER_OTLP_LOGS_COMPRESSION=gzip → gzip | OTEL_EXPORTER_OTLP_COMPRESSION=none → none
events timeout | OTEL_LOGS_EXPORTER=otlp | 10000 ms | with_timeout → 60000 ms
    | PROCESSOR_EXPORT_TIMEOUT=1000 → 1000 ms | OTEL_EXPORTER_OTLP_LOGS_TIMEOUT=2000 → 2000 ms
    | OTEL_EXPORTER_OTLP_TIMEOUT=3000 → 3000 ms
events timeout | OTEL_LOGS_EXPORTER=otlp PROCESSOR_EXPORT_TIMEOUT=4000 | 4000 ms
    | OTEL_EXPORTER_OTLP_LOGS_TIMEOUT=2000 → 2000 ms
events timeout | OTEL_LOGS_EXPORTER=otlp PROCESSOR_EXPORT_TIMEOUT=0 | 10000 ms
    | OTEL_EXPORTER_OTLP_LOGS_TIMEOUT=2000 → 2000 ms
events header x-key | OTEL_LOGS_EXPORTER=otlp | | with_header → ***
    | OTEL_EXPORTER_OTLP_LOGS_HEADERS=x-key=secret → *** | OTEL_EXPORTER_OTLP_HEADERS=x-key=secret → ***
events header authorization | OTEL_LOGS_EXPORTER=otlp | | with_grafana_cloud → ***
    | OTEL_EXPORTER_OTLP_HEADERS=authorization=secret → ***
events certificate | OTEL_LOGS_EXPORTER=otlp | | OTEL_EXPORTER_OTLP_LOGS_CERTIFICATE=TLS/ca.pem → TLS/ca.pem
    | OTEL_EXPORTER_OTLP_CERTIFICATE=TLS/client.pem → TLS/client.pem
events client certificate
    | OTEL_LOGS_EXPORTER=otlp OTEL_EXPORTER_OTLP_CLIENT_KEY=TLS/client.key OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE=TLS/client.pem
    | * | OTEL_EXPORTER_OTLP_LOGS_CLIENT_CERTIFICATE=TLS/ca.pem → TLS/ca.pem
    | OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE=TLS/client.pem → TLS/client.pem
events client key
    | OTEL_LOGS_EXPORTER=otlp OTEL_EXPORTER_OTLP_CLIENT_KEY=TLS/client.key OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE=TLS/client.pem
    | * | OTEL_EXPORTER_OTLP_LOGS_CLIENT_KEY=TLS/server.key → TLS/server.key
    | OTEL_EXPORTER_OTLP_CLIENT_KEY=TLS/client.key → TLS/client.key
";

/// Variables that have an effect on other rows, or none.
const WITHOUT_ROW: &[&str] = &[
    "OTEL_SDK_DISABLED",
    "OTEL_CONFIG_FILE",
    "OTEL_EXPERIMENTAL_CONFIG_FILE",
    "OTEL_METRICS_EXEMPLAR_FILTER",
    "OTEL_EXPORTER_OTLP_INSECURE",
    "OTEL_EXPORTER_OTLP_TRACES_INSECURE",
    "OTEL_EXPORTER_OTLP_METRICS_INSECURE",
    "OTEL_EXPORTER_OTLP_LOGS_INSECURE",
    "OTEL_TRACES_SAMPLER_ARG",
    "NO_PROXY",
    "no_proxy",
    #[cfg(not(feature = "spool"))]
    "LLM_TRACE_SPOOL_DIR",
    #[cfg(not(feature = "spool"))]
    "LLM_TRACE_SPOOL_MAX_BYTES",
    #[cfg(not(feature = "spool"))]
    "LLM_TRACE_SPOOL_MAX_AGE",
    #[cfg(not(feature = "spool"))]
    "LLM_TRACE_SPOOL_MODE",
];

type Method = fn(Builder) -> Builder;

const METHODS: &[(&str, Method)] = &[
    ("with_service_name", |builder| builder.with_service_name("code")),
    ("with_environment", |builder| builder.with_environment("code")),
    ("with_resource_attribute", |builder| {
        builder.with_resource_attribute("deployment.environment.name", "attribute")
    }),
    ("with_endpoint", |builder| builder.with_endpoint("http://code")),
    ("with_traces_endpoint", |builder| builder.with_traces_endpoint("http://own/secret/v1/traces")),
    ("with_metrics_endpoint", |builder| builder.with_metrics_endpoint("http://own/secret/v1/metrics")),
    ("with_logs_endpoint", |builder| builder.with_logs_endpoint("http://own/secret/v1/logs")),
    ("with_grafana_cloud", |builder| builder.with_grafana_cloud("1", "eu", "secret")),
    ("with_protocol", |builder| builder.with_protocol(Protocol::HttpProtobuf)),
    ("with_compression", |builder| builder.with_compression(Compression::None)),
    ("with_header", |builder| builder.with_header("X-Key", "secret")),
    ("with_timeout", |builder| builder.with_timeout(Duration::from_secs(60))),
    ("with_events", |builder| builder.with_events(false)),
    ("with_max_queue_bytes", |builder| builder.with_max_queue_bytes(4096)),
    ("with_max_retry_after", |builder| builder.with_max_retry_after(Duration::from_secs(7))),
    ("with_self_metrics", |builder| builder.with_self_metrics(true)),
    #[cfg(feature = "spool")]
    ("with_spool", |builder| builder.with_spool("code")),
    #[cfg(feature = "spool")]
    ("with_spool_limits", |builder| builder.with_spool_limits(7, Duration::from_secs(8))),
    #[cfg(feature = "spool")]
    ("with_spool_mode", |builder| builder.with_spool_mode(crate::SpoolMode::WriteAhead)),
    ("with_sampler", |builder| builder.with_sampler(Sampler::always_off())),
    ("with_view", |builder| builder.with_view(|_| None)),
    ("with_metric_cardinality_limit", |builder| builder.with_metric_cardinality_limit(7)),
    ("with_tag_labels", |builder| builder.with_tag_labels(["tenant", "plan", "tenant"])),
    ("with_baggage_keys", |builder| builder.with_baggage_keys(["tenant"])),
    ("with_semconv", |builder| builder.with_semconv(SemconvVersion::August2026)),
    ("with_content_capture", |builder| builder.with_content_capture(ContentCapture::EventOnly)),
    ("with_content_budget", |builder| builder.with_content_budget(1000, 2000)),
    ("with_request_content_budget", |builder| builder.with_request_content_budget(7)),
    ("with_content_upload", |builder| builder.with_content_upload(NoStore, ContentUpload::Instead)),
    ("with_hash_salt", |builder| builder.with_hash_salt("secret secret secret")),
    ("without_builtin_redaction", Builder::without_builtin_redaction),
    ("with_redaction", |builder| builder.with_redaction("secret", "label")),
    ("with_redactor", |builder| builder.with_redactor(|_| None)),
    ("with_error_messages", |builder| builder.with_error_messages(false)),
    ("with_openinference", |builder| builder.with_openinference(false)),
    ("with_quality_signals", |builder| builder.with_quality_signals(QualitySignals::default())),
    ("with_topics", |builder| builder.with_topics(Topics::PromptName)),
];

struct NoStore;

impl ContentStore for NoStore {
    fn reference(&self, _piece: &ContentItem<'_>) -> String {
        String::new()
    }
    fn store(&self, _reference: &str, _json: &str) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
        Ok(())
    }
}

/// A line of the table.
pub(super) struct Case {
    name: String,
    needs: Vec<(String, String)>,
    pub(super) default: String,
    /// Method, or variable and value; and what is shown.
    ways: Vec<(String, Option<String>, String)>,
}

pub(super) fn cases() -> Vec<Case> {
    let tls = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/export/tls/");
    let signals = [("traces", "traces", "BSP"), ("metrics", "metrics", "METRIC"), ("events", "logs", "BLRP")];
    let signals = signals.map(|(row, name, processor)| {
        let text = SIGNAL.replace("events", row).replace("logs", name).replace("LOGS", &name.to_uppercase());
        text.replace("PROCESSOR", &format!("OTEL_{processor}")).replace("TLS/", tls)
    });
    let text = [SETTINGS, SPOOL, &signals.concat()].concat().replace("\n    |", " |");
    text.lines().filter(|line| !line.is_empty()).map(Case::parse).collect()
}

impl Case {
    fn parse(line: &str) -> Self {
        let assignment =
            |text: &str| text.split_once('=').map(|(name, value)| (name.to_owned(), value.to_owned()));
        let mut cells = line.split('|').map(str::trim);
        let mut cell = || cells.next().expect(line);
        let (name, needs, default) = (cell().to_owned(), cell(), cell().to_owned());
        let needs = needs.split_whitespace().map(|need| assignment(need).expect(line)).collect();
        let ways = cells.filter(|cell| !cell.is_empty()).map(|way| {
            let (by, shown) = way.split_once(" → ").expect(line);
            match assignment(by) {
                Some((variable, value)) => (variable, Some(value), shown.to_owned()),
                None => (by.to_owned(), None, shown.to_owned()),
            }
        });
        Case { name, needs, default, ways: ways.collect() }
    }

    /// The methods and variables that set it.
    pub(super) fn parameters(&self) -> impl Iterator<Item = &str> {
        self.ways.iter().map(|(parameter, ..)| parameter.as_str())
    }

    /// What is resolved if all ways but the first ones are set.
    fn resolve_without(&self, first: usize, source: &mut Variables) -> Settings {
        let mut builder = builder();
        source.values = self.needs.iter().cloned().collect();
        for (parameter, value, _) in self.ways[first..].iter().rev() {
            if let Some(value) = value {
                source.values.insert(parameter.clone(), value.clone());
                continue;
            }
            let (_, method) = METHODS.iter().find(|(name, _)| name == parameter).expect(parameter);
            builder = method(builder);
        }
        Settings::resolve(&builder, source).expect(&self.name).expect("on")
    }
}

#[test]
fn the_builder_wins_over_variables_and_these_over_the_default_and_the_doctor_names_which() {
    for case in cases() {
        for first in 0..=case.ways.len() {
            let settings = case.resolve_without(first, &mut Variables::default());
            let text = format!("{settings:?}");
            assert!(!text.contains("secret"), "{}: {text}", case.name);
            let mut rows = settings.overview().into_iter().filter(|row| row.name == case.name);
            let found = rows.next().map(|row| (row.value, row.origin.to_string()));
            assert!(rows.next().is_none(), "{} is there twice", case.name);
            let (value, origin) = match case.ways.get(first) {
                Some((parameter, _, shown)) => (shown, Some(parameter.as_str())),
                None => (&case.default, None),
            };
            let Some(found) = found else {
                assert!(value.is_empty() && origin.is_none(), "{}: no row for {origin:?}", case.name);
                continue;
            };
            assert!(*value == found.0 || value == "*", "{}, {origin:?}: {found:?}", case.name);
            // What the needs of a case set is of a variable.
            let is_default =
                origin.is_none() && (found.1 == "default" || case.needs.iter().any(|need| need.0 == found.1));
            assert!(is_default || origin == Some(&found.1), "{}, {origin:?}: {found:?}", case.name);
        }
    }
}

#[test]
fn no_setting_is_without_a_case() {
    let (mut rows, mut source) = (BTreeSet::new(), Variables::default());
    let cases = cases();
    for case in &cases {
        for first in 0..=case.ways.len() {
            let settings = case.resolve_without(first, &mut source);
            rows.extend(settings.overview().into_iter().map(|row| row.name));
        }
    }
    let named = cases.iter().map(|case| case.name.as_str());
    assert_same(rows.iter().map(String::as_str), named, "rows of the doctor");

    let (methods, variables): (Vec<_>, Vec<_>) =
        cases.iter().flat_map(Case::parameters).partition(|name| name.starts_with("with"));
    let read = source.read.into_inner().into_iter();
    assert_same(read, variables.into_iter().chain(WITHOUT_ROW.iter().copied()), "variables that are read");

    let code = [
        include_str!("../../builder.rs"),
        include_str!("../../builder/content.rs"),
        include_str!("../../builder/destination.rs"),
        #[cfg(feature = "spool")]
        include_str!("../../spool.rs"),
    ];
    let declared = code.iter().flat_map(|code| code.lines()).filter_map(|line| {
        let name = line.trim().strip_prefix("pub fn ")?.split(['(', '<']).next()?;
        name.starts_with("with").then_some(name)
    });
    // For tests only.
    let hidden = "with_retry_second";
    assert_same(declared, methods.iter().copied().chain([hidden]), "methods of the builder");
}

fn assert_same<'a>(left: impl Iterator<Item = &'a str>, right: impl Iterator<Item = &'a str>, what: &str) {
    let (left, right): (BTreeSet<_>, BTreeSet<_>) = (left.collect(), right.collect());
    let differences: Vec<_> = left.symmetric_difference(&right).collect();
    assert!(differences.is_empty(), "{what}, and cases: {differences:?}");
}
