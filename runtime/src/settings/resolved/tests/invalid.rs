//! Errors name invalid values, and never secrets.

use crate::settings::resolved::tests::*;

/// Variables of exported signals: name, invalid value, text of the error.
const INVALID_FOR_EXPORTS: &[(&str, &str, &str)] = &[
    (
        "OTEL_EXPORTER_OTLP_PROTOCOL",
        "http",
        "`http` is not valid: expected one of `http/protobuf`, `http/json`, `grpc`",
    ),
    ("OTEL_EXPORTER_OTLP_COMPRESSION", "lz4", "`lz4` is not valid: expected one of `gzip`, `zstd`, `none`"),
    ("OTEL_EXPORTER_OTLP_INSECURE", "1", "`1`"),
    ("OTEL_EXPORTER_OTLP_HEADERS", "glc secret=1", "`…` is not valid: expected the name of an HTTP header"),
    ("OTEL_EXPORTER_OTLP_HEADERS", "grpc-timeout=1S", "`grpc-timeout=***`"),
    ("OTEL_EXPORTER_OTLP_HEADERS", "te=gzip", "`te=***`"),
    ("OTEL_BSP_EXPORT_TIMEOUT", "x", "`x` is not valid: expected a number of milliseconds"),
    ("OTEL_METRIC_EXPORT_TIMEOUT", "-1", "`-1`"),
    ("OTEL_EXPORTER_OTLP_TIMEOUT", "10s", "`10s`"),
    ("OTEL_EXPORTER_OTLP_TIMEOUT", "0", "`0`"),
    ("OTEL_EXPORTER_OTLP_HEADERS", "auth=a%0Ab", "`auth=***`"),
    ("OTEL_EXPORTER_OTLP_HEADERS", "Content-Type=text/plain", "`Content-Type=***`"),
    ("OTEL_EXPORTER_OTLP_TRACES_HEADERS", "host=other", "`host=***`"),
    ("OTEL_EXPORTER_OTLP_METRICS_HEADERS", "content-length=1", "`content-length=***`"),
    ("OTEL_EXPORTER_OTLP_HEADERS", "transfer-encoding=chunked", "`transfer-encoding=***`"),
    ("OTEL_EXPORTER_OTLP_CERTIFICATE", "/no/such.pem", "`/no/such.pem` is not valid: expected a PEM file"),
    ("OTEL_EXPORTER_OTLP_CLIENT_KEY", "/key.pem", "`/key.pem` is not valid: needs its certificate too"),
    ("OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE", "/crt.pem", "`/crt.pem` is not valid: needs its key too"),
];

#[test]
fn invalid_values_are_named_with_what_is_allowed_and_without_secrets() {
    const ENDPOINT: (&str, &str) = ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://c:4318");
    let alone = [
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "localhost:4318", "`localhost:4318`"),
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "ftp://me:pw@host", "`ftp://***@host`"),
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:99999", "`http://127.0.0.1:99999`"),
        ("OTEL_EXPORTER_OTLP_METRICS_ENDPOINT", "http://:4318", "`http://:4318`"),
        ("LLM_TRACE_CAPTURE_ERROR_MESSAGES", "1", "`1`"),
        ("LLM_TRACE_OPENINFERENCE", "yes", "`yes`"),
        (
            "OTEL_TRACES_EXPORTER",
            "zipkin",
            "`zipkin` is not valid: expected one of `otlp`, `console`, `none`",
        ),
        ("OTEL_METRICS_EXPORTER", "console", "`console` is not valid: expected one of `otlp`, `none`"),
        ("OTEL_TRACES_SAMPLER", "bogus", "`bogus` is not valid: expected one of `always_on`, "),
        ("OTEL_TRACES_SAMPLER_ARG", "abc", "`abc`"),
        ("OTEL_TRACES_SAMPLER_ARG", "1.5", "`1.5`"),
        ("OTEL_TRACES_SAMPLER_ARG", "NaN", "`NaN`"),
        ("OTEL_BSP_MAX_QUEUE_SIZE", "abc", "`abc`"),
        ("OTEL_BSP_MAX_QUEUE_SIZE", "0", "`0`"),
        ("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", "-1", "`-1`"),
        ("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", "10000", "`10000`"),
        ("OTEL_BSP_SCHEDULE_DELAY", "5s", "`5s`"),
        ("OTEL_METRIC_EXPORT_INTERVAL", "xyz", "`xyz`"),
        ("OTEL_LOGS_EXPORTER", "console", "`console` is not valid: expected one of `otlp`, `none`"),
        ("OTEL_BLRP_MAX_EXPORT_BATCH_SIZE", "4096", "`4096`"),
        (
            "OTEL_METRICS_EXEMPLAR_FILTER",
            "sometimes",
            "`sometimes` is not valid: expected one of `always_on`",
        ),
        (
            "OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE",
            "both",
            "`both` is not valid: expected one of `cumulative`, `delta`, `lowmemory`",
        ),
        (
            "OTEL_EXPORTER_OTLP_METRICS_DEFAULT_HISTOGRAM_AGGREGATION",
            "explicit",
            "`explicit` is not valid: expected one of `explicit_bucket_histogram`, `base2_exponential_bucket_histogram`",
        ),
        (
            "OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT",
            "-1",
            "`-1` is not valid: expected a whole number from 0 to 4294967295",
        ),
        ("OTEL_ATTRIBUTE_COUNT_LIMIT", "many", "`many`"),
        ("OTEL_SPAN_ATTRIBUTE_VALUE_LENGTH_LIMIT", "1e3", "`1e3`"),
        ("OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT", "x", "`x`"),
        ("OTEL_SPAN_EVENT_COUNT_LIMIT", "x", "`x`"),
        ("OTEL_SPAN_LINK_COUNT_LIMIT", "x", "`x`"),
        ("OTEL_EVENT_ATTRIBUTE_COUNT_LIMIT", "x", "`x`"),
        ("OTEL_LINK_ATTRIBUTE_COUNT_LIMIT", "x", "`x`"),
        ("OTEL_LOGRECORD_ATTRIBUTE_VALUE_LENGTH_LIMIT", "x", "`x`"),
        ("OTEL_LOGRECORD_ATTRIBUTE_COUNT_LIMIT", "99999999999", "`99999999999`"),
        ("OTEL_RESOURCE_ATTRIBUTES", "team=a,=x", "`…`"),
        ("OTEL_PROPAGATORS", "tracecontext,b3", "`b3`"),
        #[cfg(feature = "spool")]
        (
            "LLM_TRACE_SPOOL_MODE",
            "always",
            "`always` is not valid: expected one of `on_failure`, `write_ahead`",
        ),
        (
            "OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT",
            "all",
            "`all` is not valid: expected `NO_CONTENT`, `SPAN_ONLY`",
        ),
    ];
    let alone = alone.map(|case| (vec![(case.0, case.1)], case));
    let with_endpoint = INVALID_FOR_EXPORTS.iter().map(|case| (vec![ENDPOINT, (case.0, case.1)], *case));
    for (vars, (variable, _, expected)) in alone.into_iter().chain(with_endpoint) {
        let message = resolve(builder(), &vars).expect_err(variable).to_string();
        assert!(message.starts_with(&format!("{variable}: {expected}")), "{message}");
        let says_what_is_allowed =
            ["expected", "must not", "needs"].iter().any(|word| message.contains(word));
        assert!(says_what_is_allowed, "{message}");
    }
}

#[test]
fn what_the_builder_is_given_is_checked_too() {
    let endpoint = || builder().with_endpoint("http://c:4318");
    let cases = [
        (builder().with_endpoint("c:4318"), "with_endpoint: `c:4318`"),
        (endpoint().with_timeout(Duration::ZERO), "with_timeout: `0s`"),
        (endpoint().with_header("Host", "secret"), "with_header: `Host=***`"),
        (endpoint().with_header("no header", "secret"), "with_header: `…`"),
        (builder().with_resource_attribute("", "x"), "with_resource_attribute: ``"),
        (builder().with_sampler(Sampler::ratio(1.5)), "with_sampler: `1.5`"),
        (builder().with_sampler(Sampler::ratio(f64::NAN)), "with_sampler: `NaN`"),
        (builder().with_traces_endpoint("me:secret@c"), "with_traces_endpoint: `***@c`"),
        (builder().with_metrics_endpoint("c"), "with_metrics_endpoint: `c`"),
        (builder().with_logs_endpoint("c"), "with_logs_endpoint: `c`"),
        (builder().with_grafana_cloud("1", "EU West", "glc_secret"), "with_grafana_cloud: `EU West`"),
        (builder().with_grafana_cloud("1", "", "glc_secret"), "with_grafana_cloud: ``"),
        (builder().with_grafana_cloud("glc_secret", "eu", "1"), "with_grafana_cloud: `…`"),
        (builder().with_grafana_cloud("1", "eu", "glc_secret\n"), "with_grafana_cloud: `***`"),
        (builder().with_grafana_cloud("1", "eu", ""), "with_grafana_cloud: `***`"),
    ];
    for (builder, expected) in cases {
        let message = resolve(builder, &[]).expect_err(expected).to_string();
        assert!(message.starts_with(expected) && !message.contains("secret"), "{message}");
    }
}

#[test]
fn a_certificate_file_must_have_what_it_is_for() {
    let manifest = concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml"); // a file, and no PEM
    let endpoint = ("OTEL_EXPORTER_OTLP_ENDPOINT", "https://c:4318");
    let error = resolve(builder(), &[endpoint, ("OTEL_EXPORTER_OTLP_TRACES_CERTIFICATE", manifest)]);
    let message = error.expect_err("no certificate").to_string();
    assert!(message.ends_with("expected a PEM file with a certificate"), "{message}");
}

#[test]
fn debug_output_shows_no_header_value() {
    let builder = builder().with_endpoint("http://c:4318").with_header("authorization", "glc_secret");
    assert!(!format!("{builder:?}").contains("glc_secret"));
    let settings = resolve(builder, &[]).expect("valid");
    assert!(!format!("{settings:?}").contains("glc_secret"));
}

#[test]
fn debug_output_shows_no_secret_of_a_url_and_no_token() {
    let urls = builder()
        .with_endpoint("http://me:SECRET@c:4318/otlp?token=SECRET")
        .with_traces_endpoint("http://c:4318/SECRET");
    let cloud = builder().with_grafana_cloud("1", "eu", "SECRET");
    for builder in [urls, cloud] {
        assert!(!format!("{builder:?}").contains("SECRET"), "{builder:?}");
        let settings = resolve(builder, &[]).expect("valid");
        assert!(!format!("{settings:?}").contains("SECRET"), "{settings:?}");
    }
}
