mod invalid;
mod page;
mod precedence;
mod ranges;

use std::collections::BTreeSet;
use std::time::Duration;

use llm_trace_delivery::{Compression, Protocol, TransportConfig};

use crate::settings::env::Variables;
use crate::settings::resolved::*;
use crate::settings::{Batches, Sampler, builder};

type Pairs<'a> = &'a [(&'static str, &'static str)];

#[expect(clippy::needless_pass_by_value, reason = "tests build it in place")]
fn resolve(builder: Builder, vars: Pairs<'_>) -> Result<Settings> {
    let source: Variables = vars.iter().copied().collect();
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

fn assert_shown(builder: &Builder, vars: Pairs<'_>, name: &str, origin: &str) {
    let settings = resolve(builder.clone(), vars).expect("valid");
    let row = settings.overview().into_iter().find(|row| row.name == name).expect("a row");
    assert_eq!(row.origin.to_string(), origin, "{name}, {vars:?}: {row:?}");
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
fn error_messages_are_recorded_only_on_a_terminal_that_a_person_looks_at() {
    let recorded = |endpoint: Option<&str>, terminal, vars: Pairs<'_>| {
        let mut source: Variables = vars.iter().copied().collect();
        source.is_terminal = terminal;
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
    let source = |disabled| {
        let vars = [("OTEL_SDK_DISABLED", disabled), ("OTEL_EXPORTER_OTLP_ENDPOINT", "nonsense")];
        vars.into_iter().collect::<Variables>()
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

#[cfg(not(feature = "spool"))]
#[test]
fn who_asks_for_a_spool_that_is_not_built_in_is_told() {
    for variable in ["LLM_TRACE_SPOOL_DIR", "LLM_TRACE_SPOOL_MODE"] {
        let message = resolve(builder(), &[(variable, "x")]).expect_err("not built in").to_string();
        let expected = "`x` is not valid: this program was built without llm-trace's feature `spool`";
        assert_eq!(message, format!("{variable}: {expected}"));
    }
}

#[test]
fn headers_of_the_builder_are_added_to_those_of_the_most_specific_variable() {
    let vars = [
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://c:4318"),
        ("OTEL_EXPORTER_OTLP_HEADERS", "a=general,b=general"),
        ("OTEL_EXPORTER_OTLP_TRACES_HEADERS", "a=own,c=own"),
    ];
    let settings = resolve(builder().with_header("A", "code"), &vars).expect("valid");
    let headers = |signal: TransportConfig| {
        let headers =
            signal.headers.iter().map(|(name, value)| format!("{name}={}", value.to_str().expect("text")));
        headers.collect::<BTreeSet<_>>().into_iter().collect::<Vec<_>>()
    };
    assert_eq!(headers(traces(&settings)), ["a=code", "c=own"]);
    assert_eq!(headers(metrics(&settings)), ["a=code", "b=general"]);
}

#[test]
fn resource_attributes_are_decoded_and_a_process_has_an_id_of_its_own() {
    let settings = resolve(builder(), &[("OTEL_RESOURCE_ATTRIBUTES", "team=a%20b")]).expect("valid");
    assert_eq!(resource_value(&settings, "team").as_deref(), Some("a b"));
    let own = resource_value(&settings, "service.instance.id").expect("an id");
    assert_eq!(own.len(), 36);
    assert_ne!(Some(own), resource_value(&resolve(builder(), &[]).expect("valid"), "service.instance.id"));
}

#[test]
fn a_transport_and_the_rules_of_content_have_the_values_that_are_shown() {
    let vars = [
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://c:4318"),
        ("OTEL_EXPORTER_OTLP_TIMEOUT", "5000"),
        ("OTEL_EXPORTER_OTLP_COMPRESSION", "gzip"),
        ("ALL_PROXY", "http://proxy:3128"),
    ];
    let settings = resolve(builder().with_content_budget(1, 2).with_request_content_budget(3), &vars);
    let settings = settings.expect("valid");
    let traces = traces(&settings);
    assert_eq!((traces.timeout, traces.compression), (Duration::from_secs(5), Compression::Gzip));
    assert_eq!(traces.proxy.expect("a proxy").host(), "proxy");
    let rules = settings.content.rules();
    assert_eq!([rules.per_attribute, rules.per_span, rules.per_request], [1, 2, 3]);
}

#[test]
fn the_sdk_gets_the_sampler_batches_and_limits_that_are_shown() {
    let vars = [
        ("OTEL_TRACES_SAMPLER", "parentbased_traceidratio"),
        ("OTEL_TRACES_SAMPLER_ARG", "0.25"),
        ("OTEL_BSP_MAX_QUEUE_SIZE", "100"),
        ("OTEL_BSP_SCHEDULE_DELAY", "250"),
        ("OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT", "1"),
        ("OTEL_SPAN_EVENT_COUNT_LIMIT", "2"),
        ("OTEL_SPAN_LINK_COUNT_LIMIT", "3"),
        ("OTEL_EVENT_ATTRIBUTE_COUNT_LIMIT", "4"),
        ("OTEL_LINK_ATTRIBUTE_COUNT_LIMIT", "5"),
        ("OTEL_LOGRECORD_ATTRIBUTE_COUNT_LIMIT", "6"),
        ("OTEL_LOGRECORD_ATTRIBUTE_VALUE_LENGTH_LIMIT", "7"),
    ];
    let sdk = resolve(builder(), &vars).expect("valid").sdk;
    assert_eq!(format!("{:?}", sdk.sampling.value.head), "ParentBased(TraceIdRatioBased(0.25))");
    let Batches { queue, batch, delay } = sdk.batches;
    assert_eq!((queue.value, batch.value, delay.value), (100, 100, Duration::from_millis(250)));
    let (spans, events) = (sdk.limits.spans(), sdk.limits.events());
    assert_eq!(
        [spans.max_attributes_per_span, spans.max_events_per_span, spans.max_links_per_span],
        [1, 2, 3]
    );
    assert_eq!([spans.max_attributes_per_event, spans.max_attributes_per_link], [4, 5]);
    assert_eq!((events.attributes, events.text), (6, Some(7)));
}

#[cfg(feature = "spool")]
#[test]
fn a_spool_is_opened_as_it_is_shown_and_its_folder_must_be_one() {
    let spool = |builder| resolve(builder, &[("OTEL_SERVICE_NAME", "bot")]).map(|settings| settings.spool);
    let given = builder().with_spool("d").with_spool_limits(7, Duration::from_secs(8));
    let config =
        spool(given.with_spool_mode(crate::SpoolMode::WriteAhead)).expect("valid").expect("one").config();
    assert_eq!((config.max_bytes, config.max_age, config.writes_ahead()), (7, Duration::from_secs(8), true));
    assert_eq!(config.folder, std::path::Path::new("d").join("bot"));
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml");
    for (dir, expected) in
        [("", "with_spool: `` is not"), (file, "/Cargo.toml` is not valid: expected a folder")]
    {
        let message = spool(builder().with_spool(dir)).expect_err(expected).to_string();
        assert!(message.contains(expected), "{message}");
    }
}

#[test]
fn a_header_is_of_what_gave_it_to_this_signal() {
    let variable = "OTEL_EXPORTER_OTLP_HEADERS";
    let vars = [(variable, "authorization=secret")];
    let cloud = builder().with_grafana_cloud("1", "eu", "glc").with_traces_endpoint("http://own:4318");
    assert_shown(&cloud, &vars, "traces header authorization", variable);
    assert_shown(&cloud, &vars, "metrics header authorization", "with_grafana_cloud");
    let given = cloud.with_header("Authorization", "secret");
    assert_shown(&given, &vars, "metrics header authorization", "with_header");
}

#[test]
fn events_that_a_foreign_variable_prevents_are_of_that_variable() {
    let foreign = ("OTEL_EXPORTER_OTLP_LOGS_PROTOCOL", "smoke-signals");
    assert_shown(&builder().with_endpoint("http://c:4318"), &[foreign], "events", foreign.0);
}
