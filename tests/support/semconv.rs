//! The semantic conventions as YAML, and checks of emitted spans, metrics and events against them.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::LazyLock;
use std::sync::atomic::{AtomicUsize, Ordering};

use opentelemetry::logs::{AnyValue, Severity};
use opentelemetry::trace::{SpanKind, Status};
use opentelemetry::{Key, Value};
use opentelemetry_sdk::trace::SpanData;
use saphyr::{LoadableYamlNode, Yaml};

/// The prefix of user-defined attributes in tests.
const USERS_OWN: &str = "app.";

/// The conventions of August 2026 with the extension of llm-trace.
pub static AUGUST: LazyLock<Registry> = LazyLock::new(|| Registry::load("genai-2026-08"));
/// The conventions of October 2026 with the extension of llm-trace.
pub static OCTOBER: LazyLock<Registry> = LazyLock::new(|| Registry::load("genai-2026-10"));

/// The conventions selected for this process.
pub fn in_force() -> &'static Registry {
    let opted_in = std::env::var("OTEL_SEMCONV_STABILITY_OPT_IN").unwrap_or_default();
    if opted_in.contains("gen_ai_latest_experimental") { &OCTOBER } else { &AUGUST }
}

/// The span types of the extension's attribute groups.
const OURS: [(&str, &str); 3] =
    [("retrieval", "retrieval"), ("rerank", "retrieval"), ("inference", "answer")];

/// The durations with the topic as a label, if topics are enabled. In August the duration of inferences is that of all
/// calls.
const DURATIONS_WITH_TOPIC: [&str; 4] = [
    "gen_ai.client.operation.duration",
    "gen_ai.client.inference.duration",
    "gen_ai.workflow.duration",
    "gen_ai.invoke_workflow.duration",
];

/// The attributes that name a tool span, in this order.
const NAMES_OF_TOOLS: [&str; 4] =
    ["gen_ai.tool.name", "gen_ai.skill.name", "gen_ai.skill.resource.name", "process.executable.name"];

static SPANS: AtomicUsize = AtomicUsize::new(0);
static ATTRIBUTES: AtomicUsize = AtomicUsize::new(0);
static POINTS: AtomicUsize = AtomicUsize::new(0);
static EVENTS: AtomicUsize = AtomicUsize::new(0);

/// The number of items checked in this process.
pub struct Checked {
    /// Spans.
    pub spans: usize,
    /// Their attributes.
    pub attributes: usize,
    /// Data points of metrics.
    pub points: usize,
    /// Events.
    pub events: usize,
}

impl Checked {
    /// The current numbers.
    pub fn so_far() -> Self {
        Checked {
            spans: SPANS.load(Ordering::Relaxed),
            attributes: ATTRIBUTES.load(Ordering::Relaxed),
            points: POINTS.load(Ordering::Relaxed),
            events: EVENTS.load(Ordering::Relaxed),
        }
    }
}

/// The definitions of one version of the conventions.
pub struct Registry {
    attributes: BTreeMap<String, Type>,
    groups: BTreeMap<String, Vec<Entry>>,
    spans: BTreeMap<String, Signal>,
    metrics: BTreeMap<String, Signal>,
    events: BTreeMap<String, Signal>,
}

/// The type of an attribute.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Type {
    Text,
    Int,
    Double,
    Bool,
    TextList,
    /// Structured; on spans a JSON string.
    Any,
    /// One attribute per key: `gen_ai.prompt.variable.<key>`.
    Template,
}

#[derive(Clone, Debug)]
enum Entry {
    Group(String),
    Attribute { key: String, required: bool },
}

#[derive(Debug, Default)]
struct Signal {
    kind: String,
    instrument: String,
    unit: String,
    attributes: Vec<Entry>,
}

/// Whether OpenInference is enabled in this process.
fn openinference_is_on() -> bool {
    std::env::var("LLM_TRACE_OPENINFERENCE").is_ok_and(|value| value == "true")
}

/// The key in the form of the registry: `retrieval.documents.3.document.id` becomes
/// `retrieval.documents.<n>.document.id`.
pub fn numbered(key: &str) -> String {
    let part = |part: &str| if part.parse::<usize>().is_ok() { "<n>".to_owned() } else { part.to_owned() };
    key.split('.').map(part).collect::<Vec<_>>().join(".")
}

/// A metric as the registry defines it.
pub struct Metric {
    /// Its name.
    pub name: String,
    /// `histogram`, `counter`, `gauge` or `updowncounter`.
    pub instrument: String,
    /// Its unit.
    pub unit: String,
    /// The attributes it may have.
    pub labels: BTreeSet<String>,
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

impl Registry {
    fn load(vintage: &str) -> Self {
        let mut registry = Registry {
            attributes: BTreeMap::new(),
            groups: BTreeMap::new(),
            spans: BTreeMap::new(),
            metrics: BTreeMap::new(),
            events: BTreeMap::new(),
        };
        let registries = folder().join("semconv/registry");
        let mut files = yaml_files(&registries.join(vintage));
        files.extend(yaml_files(&registries.join("upstream")));
        files.push(folder().join("../docs/semconv/llm-trace.yaml"));
        files.push(folder().join("../docs/semconv/openinference.yaml"));
        for file in files {
            let text = std::fs::read_to_string(&file).unwrap();
            for document in
                Yaml::load_from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", file.display()))
            {
                registry.add(&document);
            }
        }
        registry
    }

    fn add(&mut self, document: &Yaml<'_>) {
        for attribute in list(document, "attributes") {
            self.attributes.insert(text(attribute, "key").unwrap(), Type::of(attribute));
        }
        // The core conventions use the first format of the registry.
        for group in list(document, "groups") {
            for attribute in list(group, "attributes") {
                if let Some(key) = text(attribute, "id") {
                    self.attributes.insert(key, Type::of(attribute));
                }
            }
            if let Some(name) = text(group, "metric_name") {
                self.metrics.insert(name, Signal::of(group));
            }
        }
        for group in list(document, "attribute_groups") {
            self.groups.insert(text(group, "id").unwrap(), entries(group));
        }
        for span in list(document, "spans") {
            self.spans.insert(text(span, "type").unwrap(), Signal::of(span));
        }
        for metric in list(document, "metrics") {
            self.metrics.insert(text(metric, "name").unwrap(), Signal::of(metric));
        }
        for event in list(document, "events") {
            self.events.insert(text(event, "name").unwrap(), Signal::of(event));
        }
        // The attributes of a provider's refinement are added to the refined span.
        for refinement in list(document, "span_refinements") {
            let refined = text(refinement, "ref").unwrap();
            self.spans.entry(refined).or_default().attributes.extend(optional(entries(refinement)));
        }
    }

    /// The defined span types, without those of the extension.
    pub fn span_types(&self) -> BTreeSet<&str> {
        self.spans.keys().map(String::as_str).filter(|name| !name.starts_with("llm_trace.")).collect()
    }

    /// The attributes of a span type in the conventions, with all refinements.
    pub fn span_attributes(&self, span_type: &str) -> BTreeSet<String> {
        let signal = self.spans.get(span_type).unwrap_or_else(|| panic!("no span type `{span_type}`"));
        self.resolve(signal.attributes.iter()).into_keys().collect()
    }

    /// The key as defined: for `gen_ai.prompt.variable.language` the template `gen_ai.prompt.variable`.
    pub fn defined<'k>(&self, key: &'k str) -> &'k str {
        let template = key.rsplit_once('.').map(|(template, _)| template);
        let is_template = |key: &&str| self.attributes.get(*key) == Some(&Type::Template);
        template.filter(is_template).unwrap_or(key)
    }

    /// The attributes of a group.
    pub fn group(&self, name: &str) -> BTreeSet<String> {
        self.resolve([Entry::Group(name.to_owned())].iter()).into_keys().collect()
    }

    /// The keys of all attributes.
    pub fn attributes(&self) -> impl Iterator<Item = &str> {
        self.attributes.keys().map(String::as_str)
    }

    /// The definition of a metric.
    pub fn metric(&self, name: &str) -> Option<Metric> {
        let signal = self.metrics.get(name)?;
        let mut labels: BTreeSet<_> = self.resolve(signal.attributes.iter()).into_keys().collect();
        labels.insert("llm_trace.outcome".to_owned());
        let Signal { instrument, unit, .. } = signal;
        Some(Metric { name: name.to_owned(), instrument: instrument.clone(), unit: unit.clone(), labels })
    }

    /// The span type of an operation.
    pub fn span_type(&self, operation: &str, kind: &SpanKind) -> Option<&str> {
        let name = match (operation, kind) {
            // All methods of MCP except two have a slash.
            ("initialize" | "ping", SpanKind::Client) => "mcp.client",
            ("initialize" | "ping", _) => "mcp.server",
            (method, SpanKind::Client) if method.contains('/') => "mcp.client",
            (method, _) if method.contains('/') => "mcp.server",
            ("chat" | "text_completion" | "generate_content", _) => {
                return self
                    .spans
                    .keys()
                    .find(|name| name.starts_with("gen_ai.") && name.contains("inference"))
                    .map(String::as_str);
            }
            ("rerank", _) => "llm_trace.rerank.client",
            ("apply_guardrail", _) => "llm_trace.guardrail.internal",
            ("evaluate", _) => "llm_trace.evaluator.internal",
            ("invoke_agent", SpanKind::Client) => "gen_ai.invoke_agent.client",
            ("invoke_agent", _) => "gen_ai.invoke_agent.internal",
            ("execute_tool", _) => "gen_ai.execute_tool.internal",
            ("invoke_workflow", _) => "gen_ai.invoke_workflow.internal",
            ("plan", _) => "gen_ai.plan.internal",
            ("embeddings", _) => "gen_ai.embeddings.client",
            ("retrieval", _) => "gen_ai.retrieval.client",
            ("fetch_response", _) => "gen_ai.fetch_response.client",
            ("create_agent", _) => "gen_ai.create_agent.client",
            (memory, _) if memory.contains("memory") => "gen_ai.memory.client",
            _ => return None,
        };
        self.spans.get_key_value(name).map(|(name, _)| name.as_str())
    }

    /// The violations in a span of llm-trace.
    pub fn check_span(&self, span: &SpanData) -> Vec<String> {
        SPANS.fetch_add(1, Ordering::Relaxed);
        ATTRIBUTES.fetch_add(span.attributes.len(), Ordering::Relaxed);
        let mut wrong = Vec::new();
        let mut say = |what: String| wrong.push(format!("span `{}`: {what}", span.name));
        let text_of = |key: &str| {
            let found = span.attributes.iter().find(|attribute| attribute.key.as_str() == key);
            found.map(|attribute| attribute.value.to_string())
        };
        let mut groups = vec!["attributes.llm_trace.common"];
        if openinference_is_on() {
            groups.push("attributes.openinference");
            if text_of("gen_ai.operation.name").as_deref() == Some("retrieval") {
                groups.push("attributes.openinference.documents");
            }
            if text_of("openinference.span.kind").is_none() {
                say("`openinference.span.kind` is required".to_owned());
            }
        }
        let groups: Vec<_> = groups.into_iter().map(|group| Entry::Group(group.to_owned())).collect();
        let mut allowed = self.resolve(groups.iter());
        let method = text_of("mcp.method.name");
        match method.or_else(|| text_of("gen_ai.operation.name")) {
            None => {} // a task
            Some(operation) => match self.span_type(&operation, &span.span_kind) {
                None => say(format!("no span type for operation `{operation}`")),
                Some(name) => {
                    let signal = &self.spans[name];
                    let kind = format!("{:?}", span.span_kind).to_lowercase();
                    if kind != signal.kind {
                        say(format!("kind is {kind}, `{name}` says {}", signal.kind));
                    }
                    allowed.extend(self.resolve(signal.attributes.iter()));
                    if ["inference", "embeddings", "rerank", "invoke_agent.client"]
                        .iter()
                        .any(|part| name.contains(part))
                    {
                        allowed.extend(
                            self.resolve([Entry::Group("attributes.llm_trace.cost".to_owned())].iter()),
                        );
                        allowed.extend(
                            self.resolve([Entry::Group("attributes.llm_trace.usage".to_owned())].iter()),
                        );
                    }
                    for (part, group) in OURS {
                        if name.contains(part) {
                            let group = Entry::Group(format!("attributes.llm_trace.{group}"));
                            allowed.extend(self.resolve([group].iter()));
                        }
                    }
                    let rest = span.name.strip_prefix(&operation);
                    let keyed = |rest: &str| {
                        rest.strip_prefix(' ').is_some_and(|rest| {
                            span.attributes.iter().any(|attribute| attribute.value.to_string() == rest)
                        })
                    };
                    // A tool span may also be named after its skill, its resource or its program.
                    let of_tool = |rest: &str| {
                        let parts = NAMES_OF_TOOLS.into_iter().filter_map(text_of);
                        let rest = parts
                            .fold(rest, |rest, part| rest.strip_prefix(&format!(" {part}")).unwrap_or(rest));
                        operation == "execute_tool" && rest.is_empty()
                    };
                    if !rest.is_some_and(|rest| rest.is_empty() || keyed(rest) || of_tool(rest)) {
                        say("the name is not the operation, or the operation and an attribute".to_owned());
                    }
                }
            },
        }
        let required = allowed.iter().filter(|(_, required)| **required);
        for (key, _) in required.filter(|(key, _)| text_of(key).is_none()) {
            say(format!("`{key}` is required"));
        }
        for attribute in
            span.attributes.iter().filter(|attribute| !attribute.key.as_str().starts_with(USERS_OWN))
        {
            let key = &*numbered(attribute.key.as_str());
            let key = self.defined(key);
            match self.attributes.get(key) {
                None => say(format!("`{key}` is not defined")),
                Some(_) if !is_allowed(&allowed, key) => say(format!("`{key}` is not for this span type")),
                Some(expected) if !expected.fits(&attribute.value) => {
                    say(format!("`{key}` should be {expected:?}, is {:?}", attribute.value));
                }
                Some(_) => {}
            }
        }
        let failed = matches!(span.status, Status::Error { .. });
        if failed != text_of("error.type").is_some() || matches!(span.status, Status::Ok) {
            say(format!("status {:?} with error.type {:?}", span.status, text_of("error.type")));
        }
        wrong
    }

    /// The violations in a data point of a metric of llm-trace.
    pub fn check_point<'a>(
        &self,
        name: &str,
        unit: &str,
        instrument: &str,
        labels: impl IntoIterator<Item = &'a str>,
    ) -> Vec<String> {
        let Some(signal) = self.metrics.get(name) else {
            return vec![format!("metric `{name}` is not defined")];
        };
        POINTS.fetch_add(1, Ordering::Relaxed);
        let mut wrong = Vec::new();
        if signal.unit != unit {
            wrong.push(format!("metric `{name}`: unit is `{unit}`, should be `{}`", signal.unit));
        }
        if signal.instrument != instrument {
            wrong.push(format!("metric `{name}`: is a {instrument}, should be a {}", signal.instrument));
        }
        let mut allowed = self.resolve(signal.attributes.iter());
        allowed.insert("llm_trace.outcome".to_owned(), false);
        if DURATIONS_WITH_TOPIC.contains(&name) {
            allowed.insert("llm_trace.topic".to_owned(), false);
        }
        let labels: BTreeSet<_> = labels.into_iter().collect();
        let is_allowed = |label: &str| allowed.contains_key(label) || label.starts_with(USERS_OWN);
        for label in labels.iter().filter(|label| !is_allowed(label)) {
            wrong.push(format!("metric `{name}`: `{label}` is not one of its labels"));
        }
        for (label, _) in
            allowed.iter().filter(|(label, required)| **required && !labels.contains(label.as_str()))
        {
            wrong.push(format!("metric `{name}`: `{label}` is required"));
        }
        wrong
    }

    /// The events defined.
    pub fn events(&self) -> BTreeSet<&str> {
        self.events.keys().map(String::as_str).collect()
    }

    /// The violations in an event of llm-trace.
    pub fn check_event(
        &self,
        name: &str,
        severity: Option<Severity>,
        attributes: &[(Key, AnyValue)],
    ) -> Vec<String> {
        let Some(signal) = self.events.get(name) else {
            return vec![format!("event `{name}` is not defined")];
        };
        EVENTS.fetch_add(1, Ordering::Relaxed);
        let mut wrong = Vec::new();
        let mut say = |what: String| wrong.push(format!("event `{name}`: {what}"));
        let mut allowed = self.resolve(signal.attributes.iter());
        let expected = match name {
            "gen_ai.client.operation.exception" => Severity::Warn,
            "gen_ai.client.inference.operation.details" => {
                let ours = ["common", "cost", "usage", "answer"];
                let ours = ours.map(|group| Entry::Group(format!("attributes.llm_trace.{group}")));
                allowed.extend(self.resolve(ours.iter()));
                Severity::Debug
            }
            _ => Severity::Info,
        };
        if severity != Some(expected) {
            say(format!("severity is {severity:?}, should be {expected:?}"));
        }
        let has = |key: &str| attributes.iter().any(|(known, _)| known.as_str() == key);
        for (key, _) in allowed.iter().filter(|(key, required)| **required && !has(key)) {
            say(format!("`{key}` is required"));
        }
        for (key, value) in attributes.iter().filter(|(key, _)| !key.as_str().starts_with(USERS_OWN)) {
            let key = self.defined(key.as_str());
            match self.attributes.get(key) {
                None => say(format!("`{key}` is not defined")),
                Some(_) if !is_allowed(&allowed, key) => {
                    say(format!("`{key}` is not for this event"));
                }
                Some(expected) if !expected.fits_event(value) => {
                    say(format!("`{key}` should be {expected:?}, is {value:?}"));
                }
                Some(_) => {}
            }
        }
        wrong
    }

    /// The attributes of a list of entries, and whether each is required; a later entry overrides.
    fn resolve<'a>(&self, entries: impl Iterator<Item = &'a Entry>) -> BTreeMap<String, bool> {
        let mut resolved = BTreeMap::new();
        for entry in entries {
            match entry {
                Entry::Group(group) => {
                    // `span.` and a span type: all attributes of those spans.
                    let of_span = group.strip_prefix("span.").and_then(|name| self.spans.get(name));
                    let entries = of_span.map(|span| &span.attributes).or_else(|| self.groups.get(group));
                    let entries = entries.unwrap_or_else(|| panic!("no group `{group}`"));
                    resolved.extend(self.resolve(entries.iter()));
                }
                Entry::Attribute { key, required } => {
                    resolved.insert(key.clone(), *required);
                }
            }
        }
        resolved
    }
}

impl Type {
    fn of(attribute: &Yaml<'_>) -> Self {
        match text(attribute, "type").as_deref() {
            Some("int") => Type::Int,
            Some("double") => Type::Double,
            Some("boolean") => Type::Bool,
            Some("string[]") => Type::TextList,
            Some("any") => Type::Any,
            Some(template) if template.starts_with("template") => Type::Template,
            // An enumeration is text: it is open to other values.
            _ => Type::Text,
        }
    }

    fn fits(self, value: &Value) -> bool {
        matches!(
            (self, value),
            (Type::Text | Type::Any | Type::Template, Value::String(_))
                | (Type::Int, Value::I64(_))
                | (Type::Double, Value::F64(_))
                | (Type::Bool, Value::Bool(_))
                | (Type::TextList, Value::Array(opentelemetry::Array::String(_)))
        )
    }
}

impl Type {
    /// Structured values are not JSON strings on events.
    fn fits_event(self, value: &AnyValue) -> bool {
        match (self, value) {
            (Type::TextList, AnyValue::ListAny(items)) => {
                items.iter().all(|item| matches!(item, AnyValue::String(_)))
            }
            (Type::Text | Type::Template, AnyValue::String(_))
            | (Type::Int, AnyValue::Int(_))
            | (Type::Double, AnyValue::Double(_))
            | (Type::Bool, AnyValue::Boolean(_))
            | (Type::Any, AnyValue::ListAny(_) | AnyValue::Map(_)) => true,
            _ => false,
        }
    }
}

impl Signal {
    fn of(node: &Yaml<'_>) -> Self {
        Signal {
            kind: text(node, "kind").unwrap_or_default(),
            instrument: text(node, "instrument").unwrap_or_default(),
            unit: text(node, "unit").unwrap_or_default(),
            attributes: entries(node),
        }
    }
}

fn entries(node: &Yaml<'_>) -> Vec<Entry> {
    let entry = |node: &Yaml<'_>| {
        if let Some(group) = text(node, "ref_group") {
            return Entry::Group(group);
        }
        let required = text(node, "requirement_level").as_deref() == Some("required");
        Entry::Attribute { key: text(node, "ref").unwrap(), required }
    };
    list(node, "attributes").iter().map(entry).collect()
}

/// Entries required only for one provider, made optional.
fn optional(entries: Vec<Entry>) -> Vec<Entry> {
    let entries = entries.into_iter().filter(|entry| {
        // Repeated only for another description; the base definition states whether it is required.
        !matches!(entry, Entry::Attribute { key, .. } if key == "gen_ai.provider.name" || key == "gen_ai.operation.name")
    });
    entries
        .map(|entry| match entry {
            Entry::Attribute { key, .. } => Entry::Attribute { key, required: false },
            group @ Entry::Group(_) => group,
        })
        .collect()
}

fn list<'a, 'y>(node: &'a Yaml<'y>, key: &str) -> &'a [Yaml<'y>] {
    node.as_mapping_get(key).and_then(Yaml::as_sequence).map_or(&[], Vec::as_slice)
}

fn text(node: &Yaml<'_>, key: &str) -> Option<String> {
    node.as_mapping_get(key).and_then(Yaml::as_str).map(str::to_owned)
}

fn yaml_files(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display())) {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files.extend(yaml_files(&path));
        } else if path.extension().is_some_and(|extension| extension == "yaml")
            && !path.ends_with("manifest.yaml")
        {
            files.push(path);
        }
    }
    files.sort();
    files
}

/// A reference to content is allowed where the content is.
fn is_allowed(allowed: &BTreeMap<String, bool>, key: &str) -> bool {
    let content = key.strip_prefix("llm_trace.").and_then(|key| key.strip_suffix("_ref"));
    allowed.contains_key(key) || content.is_some_and(|key| allowed.contains_key(&format!("gen_ai.{key}")))
}
