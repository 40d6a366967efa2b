//! The settings in words, for the doctor. Every field is named, so that a new one cannot be forgotten.

use std::time::Duration;

use http::Uri;

use super::content::ContentSettings;
use super::limits::Limits;
use super::signal::{self, Signal};
use super::spool::SpoolSettings;
use super::tags::TagSettings;
use super::tls::Certificates;
use super::{
    Batches, DeliverySettings, Events, MetricSettings, Metrics, Resolved, SdkSettings, Setting, Settings,
    SignalSettings, Traces,
};
use crate::enrich::quality::Topics;

/// Parts of a URL's path that are no secret. Others may be a token.
const KNOWN_PARTS: [&str; 15] = [
    "",
    "api",
    "insert",
    "logs",
    "metrics",
    "opentelemetry",
    "otel",
    "otlp",
    "public",
    "traces",
    "v0.6",
    "v1",
    "v1.0",
    "v2",
    "write",
];

/// The URL of a receiver without what may be a secret in it: user, query, and unknown parts of the path.
pub(crate) fn shown(endpoint: &Uri) -> String {
    let parts = endpoint.path().split('/').map(|part| if KNOWN_PARTS.contains(&part) { part } else { "…" });
    let path = parts.collect::<Vec<_>>().join("/");
    let query = if endpoint.query().is_some() { "?…" } else { "" };
    format!("{}{path}{query}", llm_trace_delivery::destination(endpoint))
}

impl Settings {
    /// Every setting that is in force.
    pub(crate) fn overview(&self) -> Vec<Setting> {
        let mut rows = Rows(Vec::new());
        let Settings {
            traces,
            metrics,
            events,
            delivery,
            spool,
            sdk,
            cardinality_limit,
            resource,
            semconv,
            tags,
            content,
            quality,
            topics,
        } = self;
        for attribute in resource {
            rows.push(attribute.value.key.as_str(), attribute, |attribute| attribute.value.to_string());
        }
        let mut exported = Vec::new();
        for (signal, destination) in [
            (&signal::TRACES, traces.as_ref().map(Traces::signal)),
            (&signal::METRICS, metrics.as_ref().map(Metrics::signal)),
            (&signal::LOGS, events.as_ref().map(Events::signal)),
        ] {
            match destination.value {
                Ok(settings) => {
                    rows.signal(signal, settings);
                    exported.push(settings);
                }
                Err(place) => rows.push(signal.name, &destination, |_| place.to_owned()),
            }
        }
        if let Events::Otlp { asked_for, signal: _ } = &events.value {
            rows.push("events of calls", asked_for, ToString::to_string);
        }
        rows.delivery(delivery);
        rows.spool(spool.as_ref());
        if let Some(proxy) = exported.iter().find_map(|signal| signal.proxy.as_ref()) {
            rows.push("proxy", proxy, |proxy| format!("{}:{}", proxy.host(), proxy.port()));
        }
        let SdkSettings { sampling, limits, batches, event_batches, metrics } = sdk;
        rows.push("sampler", sampling, ToString::to_string);
        rows.batches("span", *batches);
        rows.batches("event", *event_batches);
        rows.metrics(metrics);
        rows.tags(tags);
        rows.push("conventions", semconv, |semconv| format!("{semconv:?}"));
        rows.limits(limits);
        rows.push("metric label sets", cardinality_limit, ToString::to_string);
        rows.content(content);
        rows.push("quality signals", quality, |quality| format!("{quality:?}"));
        rows.push("topics", topics, |topics| match topics {
            None => "none".to_owned(),
            Some(Topics::PromptName) => "name of the prompt".to_owned(),
            Some(Topics::QuestionHash { .. }) => "hash of the question".to_owned(),
        });
        rows.0
    }
}

impl Traces {
    fn signal(&self) -> Result<&SignalSettings, &'static str> {
        match self {
            Traces::Otlp(signal) => Ok(signal),
            Traces::Terminal => Err("the terminal"),
            Traces::Nowhere => Err("nowhere"),
        }
    }
}

impl Metrics {
    fn signal(&self) -> Result<&SignalSettings, &'static str> {
        match self {
            Metrics::Otlp(signal) => Ok(signal),
            Metrics::Nowhere => Err("nowhere"),
        }
    }
}

impl Events {
    fn signal(&self) -> Result<&SignalSettings, &'static str> {
        match self {
            Events::Otlp { signal, .. } => Ok(signal),
            Events::Nowhere => Err("nowhere"),
        }
    }
}

struct Rows(Vec<Setting>);

impl Rows {
    fn push<T>(&mut self, name: impl Into<String>, setting: &Resolved<T>, words: impl FnOnce(&T) -> String) {
        let (name, value) = (name.into(), words(&setting.value));
        self.0.push(Setting { name, value, origin: setting.origin });
    }

    fn signal(&mut self, Signal { name, .. }: &Signal, settings: &SignalSettings) {
        let SignalSettings { endpoint, protocol, compression, timeout, headers, certificates, proxy: _ } =
            settings;
        self.push(*name, endpoint, shown);
        self.push(format!("{name} protocol"), protocol, ToString::to_string);
        self.push(format!("{name} compression"), compression, ToString::to_string);
        self.push(format!("{name} timeout"), timeout, milliseconds);
        for (header, value) in headers {
            self.push(format!("{name} header {header}"), value, |_| "***".to_owned());
        }
        let Certificates { certificate, client_certificate, client_key, tls: _ } = certificates;
        for (what, path) in [
            ("certificate", certificate),
            ("client certificate", client_certificate),
            ("client key", client_key),
        ] {
            if let Some(path) = path {
                self.push(format!("{name} {what}"), path, Clone::clone);
            }
        }
    }

    fn delivery(&mut self, settings: &DeliverySettings) {
        // A retry's second is for tests.
        let DeliverySettings { max_queue_bytes, backoff: _, max_retry_after, self_metrics } = settings;
        self.push("waiting in memory", max_queue_bytes, |bytes| format!("{bytes} bytes per signal"));
        self.push("longest Retry-After", max_retry_after, |pause| format!("{} s", pause.as_secs_f64()));
        self.push("self-metrics", self_metrics, ToString::to_string);
    }

    #[cfg(feature = "spool")]
    fn spool(&mut self, settings: Option<&SpoolSettings>) {
        let Some(SpoolSettings { folder, max_bytes, max_age, mode }) = settings else {
            return self.push("spool", &Resolved::of_builder("", None, ()), |()| "none".to_owned());
        };
        self.push("spool", folder, |folder| folder.display().to_string());
        self.push("spool size", max_bytes, |bytes| format!("{bytes} bytes"));
        self.push("spool age", max_age, |age| format!("{age:?}"));
        self.push("spool mode", mode, |mode| mode.as_str().to_owned());
    }

    #[cfg(not(feature = "spool"))]
    fn spool(&mut self, _settings: Option<&SpoolSettings>) {
        let none = "none: built without the feature `spool`";
        self.push("spool", &Resolved::of_builder("", None, ()), |()| none.to_owned());
    }

    fn batches(&mut self, name: &str, Batches { queue, batch, delay }: Batches) {
        self.push(format!("{name} queue"), &queue, ToString::to_string);
        self.push(format!("{name} batch"), &batch, ToString::to_string);
        self.push(format!("{name} delay"), &delay, milliseconds);
    }

    fn metrics(&mut self, settings: &MetricSettings) {
        let MetricSettings { interval, temporality, views, exponential } = settings;
        self.push("metric interval", interval, milliseconds);
        self.push("metric temporality", temporality, |temporality| format!("{temporality:?}").to_lowercase());
        self.push("metric histograms", exponential, |exponential| {
            if *exponential { "exponential" } else { "explicit buckets" }.to_owned()
        });
        self.push("metric views", views, |views| views.len().to_string());
    }

    fn tags(&mut self, TagSettings { labels, baggage, propagators }: &TagSettings) {
        for (name, keys) in [("tag labels", labels), ("baggage keys", baggage)] {
            self.push(name, keys, |keys| {
                let keys: Vec<_> = keys.iter().map(opentelemetry::Key::as_str).collect();
                if keys.is_empty() { "none".to_owned() } else { keys.join(", ") }
            });
        }
        self.push("propagators", propagators, ToString::to_string);
    }

    fn limits(&mut self, limits: &Limits) {
        let Limits {
            span_attributes,
            span_text,
            span_events,
            span_links,
            span_event_attributes,
            link_attributes,
            event_attributes,
            event_text,
        } = limits;
        let characters = |limit: &Option<usize>| match limit {
            Some(limit) => format!("{limit} characters"),
            None => "whole".to_owned(),
        };
        self.push("span attributes", span_attributes, ToString::to_string);
        self.push("span texts", span_text, characters);
        self.push("events of a span", span_events, ToString::to_string);
        self.push("links of a span", span_links, ToString::to_string);
        self.push("attributes of a span's event", span_event_attributes, ToString::to_string);
        self.push("attributes of a link", link_attributes, ToString::to_string);
        self.push("event attributes", event_attributes, ToString::to_string);
        self.push("event texts", event_text, characters);
    }

    fn content(&mut self, settings: &ContentSettings) {
        let ContentSettings {
            capture,
            budget,
            request_budget,
            upload,
            salt,
            builtin_redaction,
            patterns,
            redactor,
            error_messages,
            openinference,
        } = settings;
        self.push("content", capture, |capture| format!("{capture:?}"));
        self.push("content budget", budget, |(per_attribute, per_span)| {
            format!("{per_attribute} bytes per attribute, {per_span} per span")
        });
        self.push("content of a request", request_budget, |bytes| format!("{bytes} bytes"));
        self.push("content upload", upload, |upload| match upload {
            Some(upload) => format!("{upload:?}"),
            None => "none".to_owned(),
        });
        self.push("salt of digests", salt, |salt| if salt.is_some() { "***" } else { "random" }.to_owned());
        self.push("built-in redaction", builtin_redaction, ToString::to_string);
        self.push("redaction patterns", patterns, |patterns| patterns.len().to_string());
        self.push("redactor", redactor, |redactor| {
            if redactor.is_some() { "a function" } else { "none" }.to_owned()
        });
        self.push("error messages", error_messages, ToString::to_string);
        self.push("openinference", openinference, ToString::to_string);
    }
}

fn milliseconds(duration: &Duration) -> String {
    format!("{} ms", duration.as_millis())
}
