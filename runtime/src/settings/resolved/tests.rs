mod invalid;
mod origins;
mod ranges;

use std::collections::HashMap;
use std::time::Duration;

use llm_trace_delivery::{Compression, Protocol, TransportConfig};

use crate::settings::resolved::*;
use crate::settings::{Limits, Sampler, builder};

struct Vars {
    values: HashMap<&'static str, &'static str>,
    terminal: bool,
}

impl Source for Vars {
    fn get(&self, variable: &'static str) -> Result<Option<String>, ConfigError> {
        Ok(self.values.get(variable).map(|value| (*value).to_owned()))
    }

    fn stderr_is_terminal(&self) -> bool {
        self.terminal
    }
}

type Pairs<'a> = &'a [(&'static str, &'static str)];

#[expect(clippy::needless_pass_by_value, reason = "tests build it in place")]
fn resolve(builder: Builder, vars: Pairs<'_>) -> Result<Settings, ConfigError> {
    let source = Vars { values: vars.iter().copied().collect(), terminal: false };
    Settings::resolve(&builder, &source).map(|settings| settings.expect("not disabled"))
}

fn traces(settings: &Settings) -> TransportConfig {
    settings.traces.value.otlp().expect("exported").transport()
}

fn metrics(settings: &Settings) -> TransportConfig {
    settings.metrics.value.otlp().expect("exported").transport()
}

fn events(settings: &Settings) -> Option<(TransportConfig, bool)> {
    Some((settings.events.value.otlp()?.transport(), settings.are_events_asked_for.value))
}

fn resource_value(settings: &Settings, key: &str) -> Option<String> {
    let attributes = settings.resource.iter().map(|attribute| &attribute.value);
    let mut found = attributes.filter(|attribute| attribute.key.as_str() == key);
    let value = found.next().map(|attribute| attribute.value.to_string());
    assert!(found.next().is_none(), "{key} occurs twice");
    value
}

#[test]
fn a_base_url_gets_the_signals_path_and_a_signals_own_url_is_left_alone() {
    let vars = [
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "https://otlp.example/otlp/"),
        ("OTEL_EXPORTER_OTLP_METRICS_ENDPOINT", "http://metrics.example/custom"),
    ];
    let settings = resolve(builder(), &vars).expect("valid");
    assert_eq!(traces(&settings).endpoint, "https://otlp.example/otlp/v1/traces");
    assert_eq!(metrics(&settings).endpoint, "http://metrics.example/custom");
}

#[test]
fn the_builder_wins_over_every_variable() {
    let vars = [
        ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "http://env.example/v1/traces"),
        ("OTEL_EXPORTER_OTLP_HEADERS", "x-key=env,x-other=env"),
        ("OTEL_EXPORTER_OTLP_TIMEOUT", "500"),
        ("OTEL_SERVICE_NAME", "from-env"),
    ];
    let builder = builder()
        .with_endpoint("http://code.example:4318")
        .with_header("x-key", "code")
        .with_timeout(Duration::from_secs(3))
        .with_service_name("from-code");
    let settings = resolve(builder, &vars).expect("valid");
    assert_eq!(resource_value(&settings, "service.name").as_deref(), Some("from-code"));
    let traces = traces(&settings);
    assert_eq!(traces.endpoint, "http://code.example:4318/v1/traces");
    assert_eq!(traces.timeout, Duration::from_secs(3));
    assert_eq!(
        (&traces.headers["x-key"], &traces.headers["x-other"]),
        (&"code".parse().expect("valid"), &"env".parse().expect("valid"))
    );
}

#[test]
fn a_signals_variable_wins_over_the_general_one() {
    let vars = [
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://c:4318"),
        ("OTEL_EXPORTER_OTLP_HEADERS", "a=general"),
        ("OTEL_EXPORTER_OTLP_TRACES_HEADERS", "a=own"),
        ("OTEL_EXPORTER_OTLP_TRACES_TIMEOUT", "1000"),
        ("OTEL_EXPORTER_OTLP_COMPRESSION", "gzip"),
        ("OTEL_EXPORTER_OTLP_METRICS_COMPRESSION", "none"),
    ];
    let settings = resolve(builder(), &vars).expect("valid");
    let (traces, metrics) = (traces(&settings), metrics(&settings));
    assert_eq!(
        (traces.headers["a"].as_bytes(), metrics.headers["a"].as_bytes()),
        (&b"own"[..], &b"general"[..])
    );
    assert_eq!((traces.timeout, metrics.timeout), (Duration::from_secs(1), Duration::from_secs(10)));
    assert_eq!((traces.compression, metrics.compression), (Compression::Gzip, Compression::None));
}

#[test]
fn the_service_name_variable_wins_over_the_resource_variable_and_values_are_decoded() {
    let vars = [
        ("OTEL_RESOURCE_ATTRIBUTES", "service.name=attr,team=a%20b,deployment.environment.name=staging"),
        ("OTEL_SERVICE_NAME", "name"),
    ];
    let settings = resolve(builder(), &vars).expect("valid");
    assert_eq!(resource_value(&settings, "service.name").as_deref(), Some("name"));
    assert_eq!(resource_value(&settings, "team").as_deref(), Some("a b"));
    assert_eq!(resource_value(&settings, "deployment.environment.name").as_deref(), Some("staging"));
}

#[test]
fn a_process_has_an_instance_id_of_its_own_unless_given() {
    let own = resource_value(&resolve(builder(), &[]).expect("valid"), "service.instance.id").expect("an id");
    assert_eq!(own.len(), 36);
    assert_ne!(Some(own), resource_value(&resolve(builder(), &[]).expect("valid"), "service.instance.id"));
    let given =
        resolve(builder(), &[("OTEL_RESOURCE_ATTRIBUTES", "service.instance.id=pod-7")]).expect("valid");
    assert_eq!(resource_value(&given, "service.instance.id").as_deref(), Some("pod-7"));
}

#[test]
fn error_messages_are_recorded_only_on_a_terminal_that_a_person_looks_at() {
    let recorded = |endpoint: Option<&str>, terminal, vars: Pairs<'_>| {
        let source = Vars { values: vars.iter().copied().collect(), terminal };
        let builder = endpoint.map_or_else(builder, |endpoint| builder().with_endpoint(endpoint));
        let settings = Settings::resolve(&builder, &source).expect("valid").expect("on");
        settings.content.error_messages.value
    };
    let exported = Some("http://c:4318");
    assert!(recorded(None, true, &[]));
    assert!(!recorded(None, false, &[]), "a log pipeline reads stderr");
    assert!(!recorded(exported, true, &[]));
    assert!(recorded(exported, true, &[("OTEL_TRACES_EXPORTER", "console")]));
    assert!(!recorded(None, true, &[("OTEL_TRACES_EXPORTER", "none")]));
    for (endpoint, terminal) in [(exported, false), (None, false)] {
        assert!(recorded(endpoint, terminal, &[("LLM_TRACE_CAPTURE_ERROR_MESSAGES", "true")]));
    }
    assert!(!recorded(None, true, &[("LLM_TRACE_CAPTURE_ERROR_MESSAGES", "false")]));
}

#[test]
fn the_kill_switch_wins_before_anything_else_is_read() {
    let source = |disabled| Vars {
        values: HashMap::from([("OTEL_SDK_DISABLED", disabled), ("OTEL_EXPORTER_OTLP_ENDPOINT", "nonsense")]),
        terminal: false,
    };
    for disabled in ["true", "TRUE", " True "] {
        assert!(Settings::resolve(&builder(), &source(disabled)).expect("disabled").is_none(), "{disabled}");
    }
    for enabled in ["1", "yes", "false"] {
        Settings::resolve(&builder(), &source(enabled)).expect_err("the endpoint is read");
    }
}

#[test]
fn an_exporter_can_be_chosen_for_each_signal() {
    let with = |vars: Pairs<'_>| resolve(builder(), vars).expect("valid");
    let endpoint = ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://c:4318");
    assert!(matches!(with(&[]).traces.value, Destination::Terminal));
    assert!(matches!(
        with(&[endpoint, ("OTEL_TRACES_EXPORTER", "console")]).traces.value,
        Destination::Terminal
    ));
    assert!(matches!(with(&[endpoint, ("OTEL_TRACES_EXPORTER", "none")]).traces.value, Destination::Nowhere));
    assert!(matches!(
        with(&[endpoint, ("OTEL_METRICS_EXPORTER", "none")]).metrics.value,
        Destination::Nowhere
    ));
    let named = with(&[("OTEL_TRACES_EXPORTER", "otlp")]);
    assert_eq!(traces(&named).endpoint, "http://localhost:4318/v1/traces");
    let named = with(&[("OTEL_METRICS_EXPORTER", "otlp")]);
    assert!(matches!(named.traces.value, Destination::Terminal));
    assert_eq!(metrics(&named).endpoint, "http://localhost:4318/v1/metrics");
}

#[test]
fn events_of_calls_are_for_receivers_that_were_named_for_them() {
    let endpoint = ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://h:4318");
    let own = ("OTEL_EXPORTER_OTLP_LOGS_ENDPOINT", "http://logs:4318/custom");
    let exporter = ("OTEL_LOGS_EXPORTER", "otlp");
    let with = |builder: Builder, vars: Pairs<'_>| {
        let events = events(&resolve(builder, vars).expect("valid"))?;
        Some((events.0.endpoint.to_string(), events.1))
    };
    let some = |endpoint: &str, asked_for| Some((endpoint.to_owned(), asked_for));
    assert_eq!(with(builder(), &[]), None);
    assert_eq!(with(builder(), &[endpoint]), some("http://h:4318/v1/logs", false));
    assert_eq!(with(builder(), &[endpoint, exporter]), some("http://h:4318/v1/logs", true));
    assert_eq!(with(builder(), &[endpoint, own]), some("http://logs:4318/custom", true));
    assert_eq!(with(builder(), &[exporter]), some("http://localhost:4318/v1/logs", true));
    assert_eq!(with(builder(), &[own, ("OTEL_LOGS_EXPORTER", "none")]), None);
    // The builder takes precedence over the variable, and over values derived from it.
    let in_code = || builder().with_endpoint("http://code:4318");
    assert_eq!(with(in_code(), &[own]), some("http://code:4318/v1/logs", false));
    assert_eq!(with(in_code().with_events(true), &[]), some("http://code:4318/v1/logs", true));
    assert_eq!(with(builder().with_events(false), &[own]), some("http://logs:4318/custom", false));
    assert_eq!(with(builder().with_events(true), &[]), None);
}

#[test]
fn sampling_batches_and_intervals_are_as_given() {
    let vars = [
        ("OTEL_TRACES_SAMPLER", "parentbased_traceidratio"),
        ("OTEL_TRACES_SAMPLER_ARG", "0.25"),
        ("OTEL_BSP_MAX_QUEUE_SIZE", "100"),
        ("OTEL_BLRP_MAX_QUEUE_SIZE", "50"),
        ("OTEL_BLRP_SCHEDULE_DELAY", "250"),
        ("OTEL_METRIC_EXPORT_INTERVAL", "1500"),
    ];
    let sdk = resolve(builder(), &vars).expect("valid").sdk;
    assert_eq!(format!("{:?}", sdk.sampling.value.head), "ParentBased(TraceIdRatioBased(0.25))");
    assert_eq!((sdk.batches.queue.value, sdk.batches.batch.value), (100, 100));
    let events = sdk.event_batches;
    assert_eq!(
        (events.queue.value, events.batch.value, events.delay.value),
        (50, 50, Duration::from_millis(250))
    );
    assert_eq!(sdk.metrics.interval.value, Duration::from_millis(1500));
    let default = resolve(builder(), &[]).expect("valid").sdk;
    assert_eq!(format!("{:?}", default.sampling.value.head), "ParentBased(AlwaysOn)");
}

/// Compiled-in values are valid; errors of others name the feature.
#[test]
fn protocols_and_compressions_are_there_with_their_features() {
    let endpoint = ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://c:4318");
    let cases = [
        ("OTEL_EXPORTER_OTLP_PROTOCOL", "http/json", cfg!(feature = "http-json"), "http-json"),
        ("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "grpc", cfg!(feature = "grpc"), "grpc"),
        ("OTEL_EXPORTER_OTLP_COMPRESSION", "zstd", cfg!(feature = "zstd"), "zstd"),
    ];
    for (variable, word, is_there, feature) in cases {
        let resolved = resolve(builder(), &[endpoint, (variable, word)]);
        if is_there {
            let traces = traces(&resolved.expect(word));
            let words = (traces.protocol.to_string(), traces.compression.to_string());
            assert!(words.0 == word || words.1 == word, "{words:?}");
        } else {
            let message = resolved.expect_err(word).to_string();
            let needs = format!("{variable}: `{word}` is not valid: needs the feature `{feature}`");
            assert!(message.starts_with(&needs), "{message}");
        }
    }
    let in_code = builder().with_protocol(Protocol::HttpProtobuf).with_compression(Compression::Gzip);
    let vars =
        [endpoint, ("OTEL_EXPORTER_OTLP_PROTOCOL", "bogus"), ("OTEL_EXPORTER_OTLP_COMPRESSION", "none")];
    let traces = traces(&resolve(in_code, &vars).expect("the builder wins"));
    assert_eq!((traces.protocol, traces.compression), (Protocol::HttpProtobuf, Compression::Gzip));
}

#[cfg(feature = "grpc")]
#[test]
fn a_grpc_endpoint_has_no_path_and_may_have_no_scheme() {
    let with = |vars: Pairs<'_>| {
        let vars = [&[("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc")], vars].concat();
        resolve(builder(), &vars).map(|settings| traces(&settings).endpoint.to_string())
    };
    let endpoint = |url| ("OTEL_EXPORTER_OTLP_ENDPOINT", url);
    let insecure = ("OTEL_EXPORTER_OTLP_INSECURE", "true");
    let secure = ("OTEL_EXPORTER_OTLP_TRACES_INSECURE", "false");
    assert_eq!(with(&[("OTEL_TRACES_EXPORTER", "otlp")]).expect("valid"), "http://localhost:4317/");
    assert_eq!(with(&[endpoint("http://c:4317/")]).expect("valid"), "http://c:4317/");
    assert_eq!(with(&[endpoint("c:4317")]).expect("valid"), "https://c:4317/");
    assert_eq!(with(&[endpoint("c:4317"), insecure]).expect("valid"), "http://c:4317/");
    assert_eq!(with(&[endpoint("c:4317"), insecure, secure]).expect("valid"), "https://c:4317/");
    assert_eq!(with(&[endpoint("https://c:4317"), insecure]).expect("valid"), "https://c:4317/");
    let message = with(&[endpoint("https://c/otlp")]).expect_err("a path").to_string();
    assert!(message.contains("expected no path, as gRPC has none"), "{message}");
    let cloud = builder().with_grafana_cloud("1", "eu", "token").with_protocol(Protocol::Grpc);
    assert!(resolve(cloud, &[]).expect_err("a path").to_string().starts_with("with_grafana_cloud: "));
}

#[test]
fn limits_are_the_signals_own_then_those_for_all_attributes_then_the_defaults() {
    let limits = |vars: Pairs<'_>| resolve(builder(), vars).expect("valid").sdk.limits;
    let counts = |limits: &Limits| {
        let spans = limits.spans();
        [
            spans.max_attributes_per_span,
            spans.max_events_per_span,
            spans.max_links_per_span,
            spans.max_attributes_per_event,
            spans.max_attributes_per_link,
            u32::try_from(limits.events().attributes).expect("small"),
        ]
    };
    let default = limits(&[]);
    assert_eq!((counts(&default), default.span_text.value, default.event_text.value), ([128; 6], None, None));
    let general = [("OTEL_ATTRIBUTE_COUNT_LIMIT", "9"), ("OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT", "100")];
    let both = limits(&general);
    assert_eq!(
        (counts(&both), both.span_text.value, both.event_text.value),
        ([9, 128, 128, 9, 9, 9], Some(100), Some(100))
    );
    let own = [
        ("OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT", "1"),
        ("OTEL_SPAN_EVENT_COUNT_LIMIT", "2"),
        ("OTEL_SPAN_LINK_COUNT_LIMIT", "3"),
        ("OTEL_EVENT_ATTRIBUTE_COUNT_LIMIT", "4"),
        ("OTEL_LINK_ATTRIBUTE_COUNT_LIMIT", "5"),
        ("OTEL_LOGRECORD_ATTRIBUTE_COUNT_LIMIT", "0"),
        ("OTEL_SPAN_ATTRIBUTE_VALUE_LENGTH_LIMIT", "7"),
        ("OTEL_LOGRECORD_ATTRIBUTE_VALUE_LENGTH_LIMIT", "8"),
    ];
    let own = limits(&[&general[..], &own].concat());
    assert_eq!(
        (counts(&own), own.span_text.value, own.event_text.value),
        ([1, 2, 3, 4, 5, 0], Some(7), Some(8))
    );
}

#[test]
fn an_exporter_takes_no_longer_than_its_processor_waits() {
    let timeouts = |vars: Pairs<'_>| {
        let endpoint = ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://c:4318");
        let settings = resolve(builder(), &[&[endpoint], vars].concat()).expect("valid");
        let events = events(&settings).expect("exported").0;
        [metrics(&settings), events, traces(&settings)].map(|signal| signal.timeout.as_millis())
    };
    let shorter = [
        ("OTEL_BSP_EXPORT_TIMEOUT", "1000"),
        ("OTEL_METRIC_EXPORT_TIMEOUT", "2000"),
        ("OTEL_BLRP_EXPORT_TIMEOUT", "3000"),
    ];
    assert_eq!(timeouts(&shorter), [2000, 3000, 1000]);
    let longer = [("OTEL_BSP_EXPORT_TIMEOUT", "60000"), ("OTEL_METRIC_EXPORT_TIMEOUT", "0")];
    assert_eq!(timeouts(&longer), [10_000; 3]);
}

#[test]
fn metrics_are_made_as_the_variables_say() {
    use opentelemetry_sdk::metrics::Temporality;
    let metrics = |vars: Pairs<'_>| resolve(builder(), vars).expect("valid").sdk.metrics;
    let default = metrics(&[]);
    assert_eq!((default.temporality.value, default.exponential.value), (Temporality::Cumulative, false));
    let chosen = metrics(&[
        ("OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE", "DELTA"),
        ("OTEL_EXPORTER_OTLP_METRICS_DEFAULT_HISTOGRAM_AGGREGATION", "base2_exponential_bucket_histogram"),
        ("OTEL_METRICS_EXEMPLAR_FILTER", "always_off"),
    ]);
    assert_eq!((chosen.temporality.value, chosen.exponential.value), (Temporality::Delta, true));
}

#[test]
fn a_signals_endpoint_in_code_is_used_as_it_is_and_wins() {
    let vars = [("OTEL_EXPORTER_OTLP_METRICS_ENDPOINT", "http://env:1/m")];
    let builder = builder()
        .with_endpoint("http://all:4318/base")
        .with_traces_endpoint("http://traces:1/own")
        .with_logs_endpoint("http://logs:2/own");
    let settings = resolve(builder, &vars).expect("valid");
    let (signal, asked_for) = events(&settings).expect("exported");
    assert_eq!((signal.endpoint.to_string().as_str(), asked_for), ("http://logs:2/own", true));
    assert_eq!(
        metrics(&settings).endpoint,
        "http://all:4318/base/v1/metrics",
        "the builder wins over variables"
    );
    assert_eq!(traces(&settings).endpoint, "http://traces:1/own");
}

#[test]
fn grafana_cloud_gets_its_gateway_and_basic_authentication_and_nobody_else_does() {
    let cloud = |place| builder().with_grafana_cloud("123456", place, "glc_secret");
    let header = "Basic MTIzNDU2OmdsY19zZWNyZXQ=";
    for place in ["prod-eu-west-2", "https://otlp-gateway-prod-eu-west-2.grafana.net/otlp"] {
        let traces = traces(&resolve(cloud(place), &[]).expect("valid"));
        assert_eq!(traces.endpoint, "https://otlp-gateway-prod-eu-west-2.grafana.net/otlp/v1/traces");
        assert_eq!(traces.headers["authorization"], header);
        assert!(traces.headers["authorization"].is_sensitive());
    }
    let elsewhere = cloud("prod-eu-west-2").with_traces_endpoint("http://own:4318/v1/traces");
    let settings = resolve(elsewhere, &[]).expect("valid");
    assert_eq!(metrics(&settings).headers["authorization"], header);
    assert!(traces(&settings).headers.is_empty(), "another host gets no token of Grafana's");
}

#[test]
fn what_is_set_for_the_logs_of_other_programs_is_no_mistake_unless_logs_are_asked_for() {
    let endpoint = ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://c:4318");
    let foreign = ("OTEL_EXPORTER_OTLP_LOGS_PROTOCOL", "smoke-signals");
    let settings = resolve(builder(), &[endpoint, foreign]).expect("valid");
    assert!(events(&settings).is_none());
    let asked = [
        (builder().with_events(true), None),
        (builder(), Some(("OTEL_LOGS_EXPORTER", "otlp"))),
        (builder(), Some(("OTEL_EXPORTER_OTLP_LOGS_ENDPOINT", "http://logs:4318/v1/logs"))),
        (builder(), Some(("OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT", "EVENT_ONLY"))),
    ];
    for (builder, variable) in asked {
        let vars: Vec<_> = [endpoint, foreign].into_iter().chain(variable).collect();
        let message = resolve(builder, &vars).expect_err("asked for").to_string();
        assert!(message.starts_with("OTEL_EXPORTER_OTLP_LOGS_PROTOCOL: `smoke-signals`"), "{message}");
    }
}

#[test]
fn a_configuration_file_is_not_read_and_no_mistake() {
    resolve(builder(), &[("OTEL_CONFIG_FILE", "/etc/otel.yaml")]).expect("valid");
}

#[test]
fn content_is_captured_if_the_builder_or_else_the_variable_says_so() {
    use crate::content::ContentCapture;
    assert_eq!(resolve(builder(), &[]).expect("valid").content.capture.value, ContentCapture::NoContent);
    let vars = [("OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT", "span_only")];
    assert_eq!(resolve(builder(), &vars).expect("valid").content.capture.value, ContentCapture::SpanOnly);
    let off = builder().with_content_capture(ContentCapture::NoContent);
    assert_eq!(resolve(off, &vars).expect("valid").content.capture.value, ContentCapture::NoContent);
}

#[test]
fn the_limit_of_label_sets_is_the_builders_then_the_variables_then_a_thousand() {
    let variable = ("LLM_TRACE_METRIC_CARDINALITY_LIMIT", " 20 ");
    let limit =
        |builder, vars: Pairs<'_>| resolve(builder, vars).map(|settings| settings.cardinality_limit.value);
    assert_eq!(limit(builder(), &[]).expect("valid"), 1000);
    assert_eq!(limit(builder(), &[variable]).expect("valid"), 20);
    assert_eq!(limit(builder().with_metric_cardinality_limit(5), &[variable]).expect("valid"), 5);
    let error = limit(builder().with_metric_cardinality_limit(0), &[]).expect_err("nothing to measure with");
    let expected = "with_metric_cardinality_limit: `0` is not valid: expected a number from 1 to 100000";
    assert_eq!(error.to_string(), expected);
    let error = limit(builder(), &[("LLM_TRACE_METRIC_CARDINALITY_LIMIT", "many")]).expect_err("no number");
    assert!(error.to_string().starts_with("LLM_TRACE_METRIC_CARDINALITY_LIMIT: `many`"), "{error}");
}

#[cfg(feature = "spool")]
#[test]
fn the_spool_is_the_builders_then_the_variables_and_each_service_has_its_folder() {
    use std::path::{Path, PathBuf};
    let dir = std::env::temp_dir();
    let dir_variable: &'static str = Box::leak(dir.display().to_string().into_boxed_str());
    let variables = [
        ("OTEL_SERVICE_NAME", "support-bot"),
        ("LLM_TRACE_SPOOL_DIR", dir_variable),
        ("LLM_TRACE_SPOOL_MAX_BYTES", "1000"),
        ("LLM_TRACE_SPOOL_MAX_AGE", "2h"),
        ("LLM_TRACE_SPOOL_MODE", "write_ahead"),
    ];
    let spool = |builder, vars: Pairs<'_>| {
        resolve(builder, vars).map(|settings| settings.spool.map(|spool| spool.config()))
    };
    assert_eq!(spool(builder(), &[]).expect("valid"), None);

    let found = spool(builder(), &variables).expect("valid").expect("a folder");
    assert_eq!(
        (found.max_bytes, found.max_age, found.writes_ahead()),
        (1000, Duration::from_secs(7200), true)
    );
    assert_eq!(found.folder, dir.join("support-bot"));

    let configured = builder()
        .with_service_name("other")
        .with_spool("elsewhere")
        .with_spool_limits(7, Duration::from_secs(8))
        .with_spool_mode(crate::SpoolMode::OnFailure);
    let found = spool(configured, &variables).expect("valid").expect("a folder");
    assert_eq!((found.max_bytes, found.max_age, found.writes_ahead()), (7, Duration::from_secs(8), false));
    assert_eq!(found.folder, Path::new("elsewhere").join("other"));

    let defaults = spool(builder().with_spool("d"), &[]).expect("valid").expect("a folder");
    assert_eq!((defaults.max_bytes, defaults.max_age), (256 << 20, Duration::from_secs(86_400)));
    assert!(!defaults.writes_ahead());

    let file = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml"));
    let cases = [
        (builder().with_spool(""), "with_spool: `` is not valid: expected a folder"),
        (builder().with_spool(file), "/Cargo.toml` is not valid: expected a folder"),
        (builder().with_spool_limits(0, Duration::from_secs(1)), "with_spool_limits: `0` is not valid"),
        (builder().with_spool_limits(1, Duration::ZERO), "with_spool_limits: `0s` is not valid"),
    ];
    for (builder, expected) in cases {
        let message = spool(builder, &[]).expect_err(expected).to_string();
        assert!(message.contains(expected), "{message}");
    }
    let cases = [
        ("LLM_TRACE_SPOOL_MAX_BYTES", "1 GB", "`1 GB` is not valid: expected a number of bytes from 1 to"),
        ("LLM_TRACE_SPOOL_MAX_AGE", "24", "`24` is not valid: expected a whole number above 0 with a unit"),
        (
            "LLM_TRACE_SPOOL_MODE",
            "always",
            "`always` is not valid: expected one of `on_failure`, `write_ahead`",
        ),
    ];
    for (variable, value, expected) in cases {
        let message = spool(builder(), &[(variable, value)]).expect_err(expected).to_string();
        assert!(message.starts_with(&format!("{variable}: {expected}")), "{message}");
    }
}

#[cfg(not(feature = "spool"))]
#[test]
fn who_asks_for_a_spool_that_is_not_built_in_is_told() {
    for variable in ["LLM_TRACE_SPOOL_DIR", "LLM_TRACE_SPOOL_MODE"] {
        let message = resolve(builder(), &[(variable, "x")]).expect_err("not built in").to_string();
        let expected = "`x` is not valid: this program was built without llm-trace's feature `spool`";
        assert_eq!(message, format!("{variable}: {expected}"));
    }
}
