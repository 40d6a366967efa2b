//! The builder's methods for where telemetry goes.

use std::fmt;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use llm_trace_delivery::{Compression, Protocol};

use crate::settings::endpoint::shown;
use crate::settings::error::invalid;
use crate::settings::{Builder, Result};

/// The receivers set by the builder, and the credentials for them.
#[derive(Clone, Debug, Default)]
pub(in crate::settings) struct Destination {
    base: Option<Base>,
    pub(in crate::settings) traces: Option<Url>,
    pub(in crate::settings) metrics: Option<Url>,
    pub(in crate::settings) logs: Option<Url>,
    headers: Vec<(String, Secret)>,
}

/// Base URL, to which the path of each signal is appended.
#[derive(Clone, Debug)]
enum Base {
    Url(Url),
    GrafanaCloud { instance: Secret, place: Url, token: Secret },
}

/// In all output without what may be a secret in it.
#[derive(Clone)]
pub(in crate::settings) struct Url(pub(in crate::settings) String);

/// Values hidden in all output.
#[derive(Clone)]
struct Secret(String);

const GRAFANA_CLOUD: &str = "with_grafana_cloud";

impl Builder {
    /// Base URL of an OTLP/HTTP receiver, such as `http://localhost:4318`; `/v1/traces`, `/v1/metrics` and, for
    /// events, `/v1/logs` are appended. Default: `OTEL_EXPORTER_OTLP_TRACES_ENDPOINT`, `OTEL_EXPORTER_OTLP_METRICS_ENDPOINT`
    /// and `OTEL_EXPORTER_OTLP_LOGS_ENDPOINT` (used as they are), then `OTEL_EXPORTER_OTLP_ENDPOINT`. Without any, finished
    /// traces are printed to stderr as a tree.
    ///
    /// `OTEL_TRACES_EXPORTER` (`otlp`, `console` for the tree, `none`), `OTEL_METRICS_EXPORTER` and `OTEL_LOGS_EXPORTER`
    /// (`otlp`, `none`) choose another exporter than that, whatever the endpoint is. The proxy named by `ALL_PROXY`, `HTTPS_PROXY` or
    /// `HTTP_PROXY` is used unless the host is in `NO_PROXY` or on this machine's loopback interface.
    pub fn with_endpoint(mut self, endpoint: impl Into<String>) -> Self {
        self.destination.base = Some(Base::Url(Url(endpoint.into())));
        self
    }

    /// The URL that spans are sent to, used as it is: `http://phoenix:6006/v1/traces`. It wins over
    /// [`with_endpoint`](Self::with_endpoint). Variable: `OTEL_EXPORTER_OTLP_TRACES_ENDPOINT`.
    pub fn with_traces_endpoint(mut self, url: impl Into<String>) -> Self {
        self.destination.traces = Some(Url(url.into()));
        self
    }

    /// The URL that metrics are sent to, used as it is: `http://prometheus:9090/api/v1/otlp/v1/metrics`. It wins over
    /// [`with_endpoint`](Self::with_endpoint). Variable: `OTEL_EXPORTER_OTLP_METRICS_ENDPOINT`.
    pub fn with_metrics_endpoint(mut self, url: impl Into<String>) -> Self {
        self.destination.metrics = Some(Url(url.into()));
        self
    }

    /// The URL that events are sent to, used as it is: `http://loki:3100/otlp/v1/logs`. It wins over
    /// [`with_endpoint`](Self::with_endpoint), and asks for events, as [`with_events`](Self::with_events) does. Variable:
    /// `OTEL_EXPORTER_OTLP_LOGS_ENDPOINT`.
    pub fn with_logs_endpoint(mut self, url: impl Into<String>) -> Self {
        self.destination.logs = Some(Url(url.into()));
        self
    }

    /// Sends everything to [Grafana Cloud's OTLP gateway]. `instance` is the number of the stack (*Instance ID* on the page
    /// *OpenTelemetry* of its details), `zone` where it is, `prod-eu-west-2` for example, or the whole endpoint shown there,
    /// `https://otlp-gateway-prod-eu-west-2.grafana.net/otlp`, and `token` an access token that may write metrics, logs and
    /// traces, `glc_…`. The token is in no log, error or `Debug` output. Takes the place of [`with_endpoint`](Self::with_endpoint):
    /// the later call counts.
    ///
    /// ```no_run
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let token = std::env::var("GRAFANA_CLOUD_TOKEN")?;
    /// let telemetry = llm_trace::builder().with_grafana_cloud("123456", "prod-eu-west-2", token).init()?;
    /// # drop(telemetry); Ok(()) }
    /// ```
    ///
    /// [Grafana Cloud's OTLP gateway]: https://grafana.com/docs/grafana-cloud/send-data/otlp/send-data-otlp/
    pub fn with_grafana_cloud(
        mut self,
        instance: impl Into<String>,
        zone: impl Into<String>,
        token: impl Into<String>,
    ) -> Self {
        let (instance, place, token) = (Secret(instance.into()), Url(zone.into()), Secret(token.into()));
        self.destination.base = Some(Base::GrafanaCloud { instance, place, token });
        self
    }

    /// How OTLP is spoken, to all receivers. Default: `OTEL_EXPORTER_OTLP_{TRACES,METRICS,LOGS}_PROTOCOL`, then
    /// `OTEL_EXPORTER_OTLP_PROTOCOL`, then protobuf over HTTP. With gRPC an endpoint has no path, and may have no scheme: then it
    /// is `https`, unless `OTEL_EXPORTER_OTLP_INSECURE` is `true`.
    pub fn with_protocol(mut self, protocol: Protocol) -> Self {
        self.protocol = Some(protocol);
        self
    }

    /// How requests are compressed. Default: `OTEL_EXPORTER_OTLP_{TRACES,METRICS,LOGS}_COMPRESSION`, then
    /// `OTEL_EXPORTER_OTLP_COMPRESSION`, then not at all.
    pub fn with_compression(mut self, compression: Compression) -> Self {
        self.compression = Some(compression);
        self
    }

    /// A header sent with every export, such as `Authorization`; the value is sent as it is. Headers that say how the
    /// request itself is made (`Content-Type`, `Content-Length`, `Host`, …) are refused. Default:
    /// `OTEL_EXPORTER_OTLP_{TRACES,METRICS,LOGS}_HEADERS`, then `OTEL_EXPORTER_OTLP_HEADERS`, whose values are percent-decoded.
    pub fn with_header(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.destination.headers.push((name.into(), Secret(value.into())));
        self
    }
}

impl Destination {
    /// The base URL, with the method that gave it.
    pub(in crate::settings) fn base(&self) -> Result<Option<(&'static str, String)>> {
        match &self.base {
            None => Ok(None),
            Some(Base::Url(url)) => Ok(Some(("with_endpoint", url.0.clone()))),
            Some(Base::GrafanaCloud { place, .. }) => gateway(&place.0).map(|url| Some((GRAFANA_CLOUD, url))),
        }
    }

    /// Every header, with the method that gave it. Credentials for the base URL are for signals that go there only.
    pub(in crate::settings) fn headers(
        &self,
        goes_to_base: bool,
    ) -> Result<Vec<(&'static str, &str, String)>> {
        let mut headers = Vec::new();
        if let Some(Base::GrafanaCloud { instance, token, .. }) = &self.base
            && goes_to_base
        {
            headers.push((GRAFANA_CLOUD, "authorization", basic(&instance.0, &token.0)?));
        }
        let given = self.headers.iter().map(|(name, value)| ("with_header", name.as_str(), value.0.clone()));
        headers.extend(given);
        Ok(headers)
    }
}

/// The gateway of a zone, unless it is given whole.
fn gateway(place: &str) -> Result<String> {
    let place = place.trim();
    if place.contains("://") {
        return Ok(place.to_owned());
    }
    let is_zone = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    if place.is_empty() || !place.chars().all(is_zone) {
        let expected = "expected a zone such as `prod-eu-west-2`, or the URL of the OTLP endpoint";
        return Err(invalid(GRAFANA_CLOUD, shown(place), expected));
    }
    Ok(format!("https://otlp-gateway-{place}.grafana.net/otlp"))
}

/// Checked here: inside base64 no mistake shows any more.
fn basic(instance: &str, token: &str) -> Result<String> {
    if instance.is_empty() || !instance.bytes().all(|byte| byte.is_ascii_digit()) {
        // Not the value: it may be a token in the wrong place.
        return Err(invalid(GRAFANA_CLOUD, "…".to_owned(), "expected the instance to be a number"));
    }
    if token.is_empty() || !token.bytes().all(|byte| byte.is_ascii_graphic()) {
        let expected = "expected the token to be letters, digits and signs, without spaces or line ends";
        return Err(invalid(GRAFANA_CLOUD, "***".to_owned(), expected));
    }
    Ok(format!("Basic {}", BASE64_STANDARD.encode(format!("{instance}:{token}"))))
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

impl fmt::Debug for Url {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&shown(&self.0))
    }
}
