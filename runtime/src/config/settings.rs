//! Builder and environment resolved into one value per setting.

use std::time::Duration;

use http::{HeaderMap, HeaderName, HeaderValue, Uri};
use opentelemetry::{KeyValue, Value};
use regex_automata::meta::Regex;

use super::env::{self, Source, invalid};
use super::{Builder, ConfigError};
use crate::privacy::{self, CAPTURE_CONTENT, CAPTURE_ERROR_MESSAGES, ContentCapture, Rules};
use crate::semconv::resource;

const DEFAULT_TIMEOUT: Duration = Duration::from_secs(10);

/// The effective configuration.
#[derive(Debug)]
pub(crate) struct Settings {
    pub(crate) disabled: bool,
    pub(crate) traces: Option<SignalSettings>,
    pub(crate) metrics: Option<SignalSettings>,
    pub(crate) resource: Vec<KeyValue>,
    pub(crate) error_messages: bool,
    pub(crate) content: ContentCapture,
    pub(crate) content_rules: Rules,
}

/// Where and how one signal is sent.
#[derive(Debug)]
pub(crate) struct SignalSettings {
    pub(crate) endpoint: Uri,
    pub(crate) headers: HeaderMap,
    pub(crate) timeout: Duration,
    pub(crate) gzip: bool,
}

/// The variables of one signal; each falls back to the general one.
struct Variables {
    endpoint: &'static str,
    headers: &'static str,
    timeout: &'static str,
    compression: &'static str,
    protocol: &'static str,
}

const GENERAL: Variables = Variables {
    endpoint: "OTEL_EXPORTER_OTLP_ENDPOINT",
    headers: "OTEL_EXPORTER_OTLP_HEADERS",
    timeout: "OTEL_EXPORTER_OTLP_TIMEOUT",
    compression: "OTEL_EXPORTER_OTLP_COMPRESSION",
    protocol: "OTEL_EXPORTER_OTLP_PROTOCOL",
};

const TRACES: Variables = Variables {
    endpoint: "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT",
    headers: "OTEL_EXPORTER_OTLP_TRACES_HEADERS",
    timeout: "OTEL_EXPORTER_OTLP_TRACES_TIMEOUT",
    compression: "OTEL_EXPORTER_OTLP_TRACES_COMPRESSION",
    protocol: "OTEL_EXPORTER_OTLP_TRACES_PROTOCOL",
};

const METRICS: Variables = Variables {
    endpoint: "OTEL_EXPORTER_OTLP_METRICS_ENDPOINT",
    headers: "OTEL_EXPORTER_OTLP_METRICS_HEADERS",
    timeout: "OTEL_EXPORTER_OTLP_METRICS_TIMEOUT",
    compression: "OTEL_EXPORTER_OTLP_METRICS_COMPRESSION",
    protocol: "OTEL_EXPORTER_OTLP_METRICS_PROTOCOL",
};

impl Settings {
    /// The one place where precedence is decided.
    pub(super) fn resolve(builder: Builder, source: &dyn Source) -> Result<Self, ConfigError> {
        let disabled = env::flag(source, "OTEL_SDK_DISABLED")?.unwrap_or(false);
        let traces = signal(&builder, source, &TRACES, "/v1/traces")?;
        let metrics = signal(&builder, source, &METRICS, "/v1/metrics")?;
        let error_messages = match builder.error_messages {
            Some(record) => record,
            // Printed to the developer's own terminal, a message leaves for nowhere.
            None => env::flag(source, CAPTURE_ERROR_MESSAGES)?.unwrap_or(traces.is_none()),
        };
        let content = match builder.content {
            Some(capture) => capture,
            None => content_capture(source)?,
        };
        Ok(Settings {
            disabled,
            traces,
            metrics,
            error_messages,
            content,
            content_rules: content_rules(&builder)?,
            resource: resource_of(builder, source)?,
        })
    }
}

fn content_capture(source: &dyn Source) -> Result<ContentCapture, ConfigError> {
    let Some(word) = source.get(CAPTURE_CONTENT) else { return Ok(ContentCapture::default()) };
    ContentCapture::from_word(&word).ok_or_else(|| invalid(CAPTURE_CONTENT, word, privacy::CONTENT_WORDS))
}

/// Patterns are compiled here, where a mistake in one still has somebody to be told to.
fn content_rules(builder: &Builder) -> Result<Rules, ConfigError> {
    let mut redaction = builder.redaction.clone();
    for (pattern, label) in &builder.patterns {
        let compiled = Regex::new(pattern).map_err(|why| {
            let why = why.syntax_error().map_or_else(|| why.to_string(), ToString::to_string);
            invalid("with_redaction", pattern.clone(), format!("expected a regular expression: {why}"))
        })?;
        redaction.patterns.push((compiled, label.clone()));
    }
    Ok(Rules::new(redaction, builder.content_budget))
}

/// A signal without any endpoint is not exported.
fn signal(
    builder: &Builder,
    source: &dyn Source,
    own: &Variables,
    path: &str,
) -> Result<Option<SignalSettings>, ConfigError> {
    let Some(endpoint) = endpoint(builder, source, own, path)? else { return Ok(None) };
    check_protocol(source, own)?;
    let timeout = match builder.timeout {
        Some(timeout) => timeout,
        None => env::milliseconds(source, own.timeout)?
            .or(env::milliseconds(source, GENERAL.timeout)?)
            .unwrap_or(DEFAULT_TIMEOUT),
    };
    Ok(Some(SignalSettings {
        endpoint,
        headers: headers(builder, source, own)?,
        timeout,
        gzip: gzip(source, own)?,
    }))
}

fn endpoint(
    builder: &Builder,
    source: &dyn Source,
    own: &Variables,
    path: &str,
) -> Result<Option<Uri>, ConfigError> {
    if let Some(base) = &builder.endpoint {
        return parse_endpoint("with_endpoint", base, path).map(Some);
    }
    if let Some(url) = source.get(own.endpoint) {
        // The specification: a signal's own URL is used as it is.
        return parse_endpoint(own.endpoint, &url, "").map(Some);
    }
    match source.get(GENERAL.endpoint) {
        Some(base) => parse_endpoint(GENERAL.endpoint, &base, path).map(Some),
        None => Ok(None),
    }
}

fn parse_endpoint(parameter: &'static str, base: &str, path: &str) -> Result<Uri, ConfigError> {
    let base = base.trim();
    let url = if path.is_empty() { base.to_owned() } else { format!("{}{path}", base.trim_end_matches('/')) };
    let parsed = url.parse::<Uri>().ok();
    parsed
        .filter(|uri| matches!(uri.scheme_str(), Some("http" | "https")) && uri.host().is_some())
        .ok_or_else(|| {
            invalid(parameter, without_credentials(base), "expected a URL such as `http://localhost:4318`")
        })
}

fn without_credentials(url: &str) -> String {
    match url.split_once('@') {
        Some((_, host)) => format!("***@{host}"),
        None => url.to_owned(),
    }
}

fn check_protocol(source: &dyn Source, own: &Variables) -> Result<(), ConfigError> {
    for variable in [own.protocol, GENERAL.protocol] {
        match source.get(variable) {
            None => {}
            Some(protocol) if protocol.trim() == "http/protobuf" => return Ok(()),
            Some(protocol) => {
                let expected = "expected `http/protobuf`; collectors receive it on port 4318";
                return Err(invalid(variable, protocol, expected));
            }
        }
    }
    Ok(())
}

fn gzip(source: &dyn Source, own: &Variables) -> Result<bool, ConfigError> {
    for variable in [own.compression, GENERAL.compression] {
        match source.get(variable).as_deref().map(str::trim) {
            None => {}
            Some("gzip") => return Ok(true),
            Some("none") => return Ok(false),
            Some(other) => return Err(invalid(variable, other.to_owned(), "expected `gzip` or `none`")),
        }
    }
    Ok(false)
}

fn headers(builder: &Builder, source: &dyn Source, own: &Variables) -> Result<HeaderMap, ConfigError> {
    let mut headers = HeaderMap::new();
    let variable = if source.get(own.headers).is_some() { own.headers } else { GENERAL.headers };
    for (name, value) in env::pairs(source, variable)? {
        insert_header(&mut headers, variable, &name, &value)?;
    }
    for (name, value) in &builder.headers {
        insert_header(&mut headers, "with_header", name, &value.0)?;
    }
    Ok(headers)
}

fn insert_header(
    headers: &mut HeaderMap,
    parameter: &'static str,
    name: &str,
    value: &str,
) -> Result<(), ConfigError> {
    let Ok(header) = HeaderName::try_from(name) else {
        return Err(invalid(parameter, name.to_owned(), "expected an HTTP header name"));
    };
    let Ok(mut secret) = HeaderValue::try_from(value) else {
        let expected = format!("the value of `{name}` has characters that a header must not have");
        return Err(invalid(parameter, format!("{name}=***"), expected));
    };
    secret.set_sensitive(true); // keeps it out of Debug output and logs
    headers.insert(header, secret);
    Ok(())
}

fn resource_of(builder: Builder, source: &dyn Source) -> Result<Vec<KeyValue>, ConfigError> {
    let mut attributes = Vec::new();
    set(&mut attributes, resource::SERVICE_NAME, default_service_name().into());
    set(&mut attributes, resource::SERVICE_INSTANCE_ID, new_instance_id().into());
    for (key, value) in env::pairs(source, "OTEL_RESOURCE_ATTRIBUTES")? {
        set(&mut attributes, &key, value.into());
    }
    // Wins over `service.name` among the resource attributes, as the specification has it.
    if let Some(name) = source.get("OTEL_SERVICE_NAME") {
        set(&mut attributes, resource::SERVICE_NAME, name.into());
    }
    for (key, value) in builder.resource {
        set(&mut attributes, &key, value);
    }
    if let Some(name) = builder.service_name {
        set(&mut attributes, resource::SERVICE_NAME, name.into());
    }
    if let Some(environment) = builder.environment {
        set(&mut attributes, resource::DEPLOYMENT_ENVIRONMENT_NAME, environment.into());
    }
    Ok(attributes)
}

fn set(attributes: &mut Vec<KeyValue>, key: &str, value: Value) {
    attributes.retain(|attribute| attribute.key.as_str() != key);
    attributes.push(KeyValue::new(key.to_owned(), value));
}

fn default_service_name() -> String {
    let executable = std::env::current_exe().ok();
    match executable.as_deref().and_then(std::path::Path::file_stem) {
        Some(name) => format!("unknown_service:{}", name.to_string_lossy()),
        None => "unknown_service".to_owned(),
    }
}

/// A random UUID, as the conventions ask for a process that has no id of its own. The SDK's id generator already
/// has the randomness.
fn new_instance_id() -> String {
    use opentelemetry_sdk::trace::{IdGenerator, RandomIdGenerator};
    let mut bytes = RandomIdGenerator::default().new_trace_id().to_bytes();
    bytes[6] = (bytes[6] & 0x0f) | 0x40; // version 4
    bytes[8] = (bytes[8] & 0x3f) | 0x80; // variant 1
    let hex = format!("{:032x}", u128::from_be_bytes(bytes));
    format!("{}-{}-{}-{}-{}", &hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..])
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::super::builder;
    use super::*;

    struct Vars(HashMap<&'static str, &'static str>);

    impl Source for Vars {
        fn get(&self, variable: &'static str) -> Option<String> {
            self.0.get(variable).map(|value| (*value).to_owned())
        }
    }

    fn resolve(builder: Builder, vars: &[(&'static str, &'static str)]) -> Result<Settings, ConfigError> {
        Settings::resolve(builder, &Vars(vars.iter().copied().collect()))
    }

    fn resource_value(settings: &Settings, key: &str) -> Option<String> {
        let mut found = settings.resource.iter().filter(|attribute| attribute.key.as_str() == key);
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
        assert_eq!(settings.traces.expect("traces").endpoint, "https://otlp.example/otlp/v1/traces");
        assert_eq!(settings.metrics.expect("metrics").endpoint, "http://metrics.example/custom");
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
        let traces = settings.traces.expect("traces");
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
        let (traces, metrics) = (settings.traces.expect("traces"), settings.metrics.expect("metrics"));
        assert_eq!(
            (traces.headers["a"].as_bytes(), metrics.headers["a"].as_bytes()),
            (&b"own"[..], &b"general"[..])
        );
        assert_eq!((traces.timeout, metrics.timeout), (Duration::from_secs(1), DEFAULT_TIMEOUT));
        assert_eq!((traces.gzip, metrics.gzip), (true, false));
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
        let own =
            resource_value(&resolve(builder(), &[]).expect("valid"), "service.instance.id").expect("an id");
        assert_eq!(own.len(), 36);
        assert_ne!(
            Some(own),
            resource_value(&resolve(builder(), &[]).expect("valid"), "service.instance.id")
        );
        let given =
            resolve(builder(), &[("OTEL_RESOURCE_ATTRIBUTES", "service.instance.id=pod-7")]).expect("valid");
        assert_eq!(resource_value(&given, "service.instance.id").as_deref(), Some("pod-7"));
    }

    #[test]
    fn error_messages_are_recorded_only_where_nothing_leaves_the_process() {
        let local = resolve(builder(), &[]).expect("valid");
        let exported = resolve(builder().with_endpoint("http://c:4318"), &[]).expect("valid");
        assert!(local.error_messages && !exported.error_messages);
        let vars = [("LLM_TRACE_CAPTURE_ERROR_MESSAGES", "true")];
        assert!(resolve(builder().with_endpoint("http://c:4318"), &vars).expect("valid").error_messages);
    }

    #[test]
    fn content_is_captured_if_the_builder_or_else_the_variable_says_so() {
        assert_eq!(resolve(builder(), &[]).expect("valid").content, ContentCapture::NoContent);
        let vars = [("OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT", "span_only")];
        assert_eq!(resolve(builder(), &vars).expect("valid").content, ContentCapture::SpanOnly);
        let off = builder().with_content_capture(ContentCapture::NoContent);
        assert_eq!(resolve(off, &vars).expect("valid").content, ContentCapture::NoContent);
    }

    #[test]
    fn invalid_values_are_named_with_what_is_allowed_and_without_secrets() {
        let cases: [(&[(&'static str, &'static str)], &str); 6] = [
            (
                &[("OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT", "all")],
                "OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT: `all` is not valid: expected `NO_CONTENT`, `SPAN_ONLY`",
            ),
            (
                &[("OTEL_EXPORTER_OTLP_ENDPOINT", "localhost:4318")],
                "OTEL_EXPORTER_OTLP_ENDPOINT: `localhost:4318`",
            ),
            (
                &[("OTEL_EXPORTER_OTLP_ENDPOINT", "ftp://me:pw@host")],
                "OTEL_EXPORTER_OTLP_ENDPOINT: `***@host`",
            ),
            (
                &[("OTEL_EXPORTER_OTLP_ENDPOINT", "http://c:4317"), ("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc")],
                "OTEL_EXPORTER_OTLP_PROTOCOL: `grpc`",
            ),
            (
                &[
                    ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://c:4318"),
                    ("OTEL_EXPORTER_OTLP_HEADERS", "auth=a%0Ab"),
                ],
                "OTEL_EXPORTER_OTLP_HEADERS: `auth=***`",
            ),
            (&[("OTEL_SDK_DISABLED", "1")], "OTEL_SDK_DISABLED: `1`"),
        ];
        for (vars, expected) in cases {
            let message = resolve(builder(), vars).expect_err("invalid").to_string();
            assert!(message.starts_with(expected), "{message}");
            assert!(message.contains("expected") || message.contains("must not"), "{message}");
        }
    }

    #[test]
    fn debug_output_shows_no_header_value() {
        let builder = builder().with_endpoint("http://c:4318").with_header("authorization", "glc_secret");
        assert!(!format!("{builder:?}").contains("glc_secret"));
        let settings = resolve(builder, &[]).expect("valid");
        assert!(!format!("{settings:?}").contains("glc_secret"));
    }
}
