//! The settings in words, for the doctor and for `Debug`.

use std::time::Duration;

use http::Uri;

use super::signal::{self, Destination, Signal};
use super::tags::TagSettings;
use super::{
    Batches, ContentSettings, DeliverySettings, Limits, MetricSettings, Resolved, Setting, Settings,
    SpoolSettings,
};
use crate::enrich::quality::Topics;

/// Parts of a URL's path that are no secret. Others may be a token.
const KNOWN_PARTS: &str =
    " api insert logs metrics opentelemetry otel otlp public traces v0.6 v1 v1.0 v2 write";

/// The URL of a receiver without what may be a secret in it: user, query, and unknown parts of the path.
pub(crate) fn shown(endpoint: &Uri) -> String {
    let is_known = |part: &str| KNOWN_PARTS.split(' ').any(|known| known == part);
    let parts = endpoint.path().split('/').map(|part| if is_known(part) { part } else { "…" });
    let path = parts.collect::<Vec<_>>().join("/");
    let query = if endpoint.query().is_some() { "?…" } else { "" };
    format!("{}{path}{query}", llm_trace_delivery::destination(endpoint))
}

impl Settings {
    /// Every setting that is in force.
    pub(crate) fn overview(&self) -> Vec<Setting> {
        let mut rows = Rows(Vec::new());
        for attribute in &self.resource {
            rows.push(attribute.value.key.as_str(), attribute, |attribute| attribute.value.to_string());
        }
        rows.destination(&signal::TRACES, &self.traces);
        rows.destination(&signal::METRICS, &self.metrics);
        rows.destination(&signal::LOGS, &self.events);
        rows.push("events of calls", &self.are_events_asked_for, ToString::to_string);
        rows.delivery(&self.delivery);
        rows.spool(self.spool.as_ref());
        let mut exported =
            [&self.traces, &self.metrics, &self.events].into_iter().filter_map(|to| to.value.otlp());
        if let Some(proxy) = exported.find_map(|signal| signal.proxy.as_ref()) {
            rows.push("proxy", proxy, |proxy| format!("{}:{}", proxy.host(), proxy.port()));
        }
        rows.push("sampler", &self.sdk.sampling, ToString::to_string);
        rows.batches("span", self.sdk.batches);
        rows.batches("event", self.sdk.event_batches);
        rows.metrics(&self.sdk.metrics);
        rows.tags(&self.tags);
        rows.push("conventions", &self.semconv, |semconv| format!("{semconv:?}"));
        rows.limits(&self.sdk.limits);
        rows.push("metric label sets", &self.cardinality_limit, ToString::to_string);
        rows.content(&self.content);
        rows.push("quality signals", &self.quality, |quality| format!("{quality:?}"));
        let topics = |topics: &Option<Topics>| match topics {
            None => "none",
            Some(Topics::PromptName) => "name of the prompt",
            Some(Topics::QuestionHash { .. }) => "hash of the question",
        };
        rows.push("topics", &self.topics, |value| topics(value).to_owned());
        rows.0
    }
}

struct Rows(Vec<Setting>);

impl Rows {
    fn push<T>(&mut self, name: impl Into<String>, setting: &Resolved<T>, words: impl FnOnce(&T) -> String) {
        let (name, value) = (name.into(), words(&setting.value));
        self.0.push(Setting { name, value, origin: setting.origin });
    }

    fn destination(&mut self, Signal { name, .. }: &Signal, destination: &Resolved<Destination>) {
        let settings = match &destination.value {
            Destination::Otlp(settings) => settings,
            Destination::Terminal => return self.push(*name, destination, |_| "the terminal".to_owned()),
            Destination::Nowhere => return self.push(*name, destination, |_| "nowhere".to_owned()),
        };
        self.push(*name, &settings.endpoint, shown);
        self.push(format!("{name} protocol"), &settings.protocol, ToString::to_string);
        self.push(format!("{name} compression"), &settings.compression, ToString::to_string);
        self.push(format!("{name} timeout"), &settings.timeout, milliseconds);
        for (header, value) in &settings.headers {
            self.push(format!("{name} header {header}"), value, |_| "***".to_owned());
        }
        let certificates = &settings.certificates;
        for (what, path) in [
            ("certificate", &certificates.certificate),
            ("client certificate", &certificates.client_certificate),
            ("client key", &certificates.client_key),
        ] {
            if let Some(path) = path {
                self.push(format!("{name} {what}"), path, Clone::clone);
            }
        }
    }

    fn delivery(&mut self, settings: &DeliverySettings) {
        self.push("waiting in memory", &settings.max_queue_bytes, |bytes| {
            format!("{bytes} bytes per signal")
        });
        self.push("longest Retry-After", &settings.max_retry_after, |pause| {
            format!("{} s", pause.as_secs_f64())
        });
        self.push("self-metrics", &settings.self_metrics, ToString::to_string);
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
        self.push("metric interval", &settings.interval, milliseconds);
        self.push("metric temporality", &settings.temporality, |temporality| {
            format!("{temporality:?}").to_lowercase()
        });
        self.push("metric histograms", &settings.exponential, |exponential| {
            if *exponential { "base2_exponential_bucket_histogram" } else { "explicit_bucket_histogram" }
                .to_owned()
        });
        self.push("metric views", &settings.views, |views| views.len().to_string());
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
        let characters = |limit: &Option<usize>| match limit {
            Some(limit) => format!("{limit} characters"),
            None => "whole".to_owned(),
        };
        self.push("span attributes", &limits.span_attributes, ToString::to_string);
        self.push("span texts", &limits.span_text, characters);
        self.push("events of a span", &limits.span_events, ToString::to_string);
        self.push("links of a span", &limits.span_links, ToString::to_string);
        self.push("attributes of a span's event", &limits.span_event_attributes, ToString::to_string);
        self.push("attributes of a link", &limits.link_attributes, ToString::to_string);
        self.push("event attributes", &limits.event_attributes, ToString::to_string);
        self.push("event texts", &limits.event_text, characters);
    }

    fn content(&mut self, settings: &ContentSettings) {
        self.push("content", &settings.capture, |capture| format!("{capture:?}"));
        self.push("content budget", &settings.budget, |(per_attribute, per_span)| {
            format!("{per_attribute} bytes per attribute, {per_span} per span")
        });
        self.push("content of a request", &settings.request_budget, |bytes| format!("{bytes} bytes"));
        self.push("content upload", &settings.upload, |upload| match upload {
            Some(upload) => format!("{upload:?}"),
            None => "none".to_owned(),
        });
        self.push("salt of digests", &settings.salt, |salt| {
            if salt.is_some() { "***" } else { "random" }.to_owned()
        });
        self.push("built-in redaction", &settings.builtin_redaction, ToString::to_string);
        self.push("redaction patterns", &settings.patterns, |patterns| patterns.len().to_string());
        self.push("redactor", &settings.redactor, |redactor| {
            if redactor.is_some() { "a function" } else { "none" }.to_owned()
        });
        self.push("error messages", &settings.error_messages, ToString::to_string);
        self.push("openinference", &settings.openinference, ToString::to_string);
    }
}

fn milliseconds(duration: &Duration) -> String {
    format!("{} ms", duration.as_millis())
}
