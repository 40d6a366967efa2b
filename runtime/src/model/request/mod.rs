//! The request: the attribute's arguments and the contents of a request body.

mod address;

use std::sync::Arc;

use opentelemetry::trace::{Link, SpanContext};
use opentelemetry::{Context, Key, KeyValue, StringValue, Value};
use smol_str::SmolStr;

use crate::model::argument::{AttributeValue, Double, Flag, Int, Text, TextList, string_array};
use crate::model::content::Captured;
use crate::model::site::Kind;
use crate::semconv::attribute;
use crate::value::bounds::{self, Number};

pub(crate) use address::{server_address, without_secrets};

/// The request side of a call. Every setter ignores a `None` and replaces what
/// was set before: explicit arguments come after the request body and win.
///
/// Implement [`LlmRequest`] to fill it from a request type that is not `Serialize`.
#[derive(Clone, Debug)]
pub struct Request {
    kind: Kind,
    pub(crate) provider: Option<SmolStr>,
    pub(crate) model: Option<SmolStr>,
    pub(crate) server_address: Option<SmolStr>,
    pub(crate) server_port: Option<i64>,
    /// The name given to a tool, workflow or task.
    pub(crate) name: Option<SmolStr>,
    /// Everything else, ready for the span; each key at most once.
    pub(crate) attributes: Vec<KeyValue>,
    /// Provider, model or server became known only after the start.
    pub(crate) is_late: bool,
    /// A request is moved often.
    rest: Option<Box<RequestRest>>,
}

/// What few requests have.
#[derive(Clone, Debug, Default)]
pub(crate) struct RequestRest {
    pub(crate) data_source: Option<SmolStr>,
    /// Of an MCP message.
    pub(crate) method: Option<SmolStr>,
    /// Keys of the attributes that calls inside have too.
    tags: Vec<Key>,
    pub(crate) content: Captured,
    /// The text that the topic is derived from, if topics are derived from the question.
    pub(crate) topic: Option<String>,
    pub(crate) parent: Option<Context>,
    pub(crate) links: Vec<Link>,
    /// The span that an evaluator judges, which its span links to.
    pub(crate) evaluated: Option<SpanContext>,
    /// Keys that the span has from its start: the SDK would keep both of two values for one key.
    on_span: Vec<Key>,
}

impl RequestRest {
    const NOTHING: RequestRest = RequestRest {
        data_source: None,
        method: None,
        tags: Vec::new(),
        content: Captured { pieces: Vec::new(), skipped: Vec::new() },
        topic: None,
        parent: None,
        links: Vec::new(),
        evaluated: None,
        on_span: Vec::new(),
    };
}

/// A request type that describes itself; the alternative to being `Serialize`.
///
/// ```
/// use llm_trace::{LlmRequest, Request};
///
/// struct Prompt { model: &'static str, creative: bool }
///
/// impl LlmRequest for Prompt {
///     fn describe(&self, request: &mut Request) {
///         request.model(self.model);
///         request.temperature(if self.creative { 1.0 } else { 0.0 });
///     }
/// }
/// ```
#[diagnostic::on_unimplemented(
    message = "`request = …` cannot read `{Self}`",
    label = "neither `serde::Serialize` nor `llm_trace::LlmRequest`",
    note = "derive `Serialize`, implement `LlmRequest`, or give the values one by one: `model = …, temperature = …`"
)]
pub trait LlmRequest {
    /// Sets the attributes of the request.
    fn describe(&self, request: &mut Request);
}

impl<T: LlmRequest + ?Sized> LlmRequest for &T {
    fn describe(&self, request: &mut Request) {
        (**self).describe(request);
    }
}

impl<T: LlmRequest + ?Sized> LlmRequest for Box<T> {
    fn describe(&self, request: &mut Request) {
        (**self).describe(request);
    }
}

impl<T: LlmRequest + ?Sized> LlmRequest for Arc<T> {
    fn describe(&self, request: &mut Request) {
        (**self).describe(request);
    }
}

impl Request {
    /// Creates an empty request, to test an [`LlmRequest`].
    ///
    /// ```
    /// use llm_trace::{Kind, Request};
    ///
    /// let mut request = Request::new(Kind::Chat);
    /// request.model("gpt-4o-mini");
    /// request.temperature(0.5);
    /// assert_eq!(request.get("gen_ai.request.model"), Some("gpt-4o-mini".into()));
    /// assert_eq!(request.get("gen_ai.request.temperature"), Some(0.5.into()));
    /// ```
    pub fn new(kind: Kind) -> Self {
        Request {
            kind,
            provider: None,
            model: None,
            server_address: None,
            server_port: None,
            name: None,
            attributes: Vec::new(),
            is_late: false,
            rest: None,
        }
    }

    /// What few requests have.
    pub(crate) fn rest(&self) -> &RequestRest {
        static NOTHING: RequestRest = RequestRest::NOTHING;
        self.rest.as_deref().unwrap_or(&NOTHING)
    }

    /// The same, to set some of it.
    pub(crate) fn rest_mut(&mut self) -> &mut RequestRest {
        self.rest.get_or_insert_default()
    }

    /// Adds to the content, of which most requests have none.
    pub(crate) fn change_content(&mut self, change: impl FnOnce(&mut Captured)) {
        let mut content =
            self.rest.as_deref_mut().map(|rest| std::mem::take(&mut rest.content)).unwrap_or_default();
        change(&mut content);
        if self.rest.is_some() || content != Captured::default() {
            self.rest_mut().content = content;
        }
    }

    #[cfg(feature = "otlp")]
    pub(crate) fn drop_content(&mut self) {
        if let Some(rest) = self.rest.as_deref_mut() {
            (rest.content, rest.topic) = (Captured::default(), None);
        }
    }

    /// The links of the span, which it takes over.
    pub(crate) fn take_links(&mut self) -> Vec<Link> {
        self.rest.as_deref_mut().map(|rest| std::mem::take(&mut rest.links)).unwrap_or_default()
    }

    /// The parent, if one was given.
    pub(crate) fn take_parent(&mut self) -> Option<Context> {
        self.rest.as_deref_mut()?.parent.take()
    }

    /// Notes the span that an evaluator judges.
    pub(crate) fn note_evaluated(&mut self) {
        if let Some(rest) = self.rest.as_deref_mut().filter(|_| self.kind == Kind::Evaluator) {
            rest.evaluated = rest.links.first().map(|link| link.span_context.clone());
        }
    }

    /// Sets or replaces an attribute; a `None` changes nothing.
    pub(crate) fn set(&mut self, key: &'static str, value: Option<impl Into<Value>>) {
        if let Some(value) = value.and_then(|value| bounds::number(value.into())) {
            self.set_attribute(KeyValue::new(key, value));
        }
    }

    /// The same for a whole number of a request's parameters.
    pub(crate) fn set_int(&mut self, key: &'static str, value: Option<i64>) {
        #[expect(clippy::cast_precision_loss, reason = "exact as far as the range goes")]
        let is_plausible = |value: &i64| match key {
            // Any number is a seed; one that did not fit would be another.
            attribute::REQUEST_SEED => !matches!(*value, i64::MIN | i64::MAX),
            _ => Number::Parameter.check(*value as f64).is_some(),
        };
        self.set(key, value.filter(is_plausible));
    }

    /// The same for any number of a request's parameters.
    pub(crate) fn set_double(&mut self, key: &'static str, value: Option<f64>) {
        self.set(key, value.and_then(|value| Number::Parameter.check(value)));
    }

    /// The same for a list of texts.
    fn set_list(&mut self, key: &'static str, list: Option<Vec<String>>) {
        let list = list.map(bounds::items).filter(|list| !list.is_empty());
        self.set(key, list.map(string_array));
    }

    /// The later of two values for one key replaces the earlier, unless the earlier is on the span already.
    pub(crate) fn set_attribute(&mut self, new: KeyValue) {
        if self.is_on_span(&new.key) {
            return;
        }
        match self.attributes.iter_mut().find(|attribute| attribute.key == new.key) {
            Some(attribute) => *attribute = new,
            None => self.attributes.push(new),
        }
    }

    /// Returns the tags that calls inside inherit.
    pub(crate) fn tags(&self) -> impl Iterator<Item = &KeyValue> {
        let is_tag = |key: &Key| {
            matches!(key.as_str(), attribute::CONVERSATION_ID | attribute::USER_ID)
                || self.rest().tags.contains(key)
        };
        self.attributes.iter().filter(move |attribute| is_tag(&attribute.key))
    }

    /// Takes over a tag that another process has given.
    pub(crate) fn take_tag(&mut self, key: Key, value: &str) {
        let Some(value) = bounds::name(value) else { return };
        let value = StringValue::from(value.to_owned());
        self.rest_mut().tags.push(key.clone());
        self.set_attribute(KeyValue::new(key, value));
    }

    /// Returns the kind of the call.
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// Returns a value that was set, by the name of the span's attribute: `gen_ai.request.model`, … Content cannot be read.
    pub fn get(&self, key: &str) -> Option<Value> {
        let text = |text: &Option<SmolStr>| text.as_ref().map(|text| Value::from(text.to_string()));
        match key {
            attribute::PROVIDER_NAME => text(&self.provider),
            attribute::REQUEST_MODEL => text(&self.model),
            attribute::DATA_SOURCE_ID => text(&self.rest().data_source),
            attribute::MCP_METHOD_NAME => text(&self.rest().method),
            attribute::SERVER_ADDRESS => text(&self.server_address),
            attribute::SERVER_PORT => self.server_port.map(Value::from),
            key => self.attribute_of(key).map(|attribute| attribute.value.clone()),
        }
    }

    /// The name that was given to a tool, an agent, a workflow or a task.
    pub fn given_name(&self) -> Option<&str> {
        self.name.as_deref()
    }

    /// Notes what the span starts with.
    pub(crate) fn started(&mut self, with: &[KeyValue]) {
        let on_span: Vec<_> = with.iter().map(|attribute| attribute.key.clone()).collect();
        self.attributes.retain(|attribute| !on_span.contains(&attribute.key));
        self.rest_mut().on_span = on_span;
    }

    pub(crate) fn is_on_span(&self, key: &Key) -> bool {
        self.rest().on_span.contains(key)
    }

    /// Adds the values of `later`; of those that name the span, only values that were missing at the start.
    pub(crate) fn add(&mut self, later: Request) {
        let mut is_late = self.is_late;
        let mut fill = |slot: &mut Option<SmolStr>, value: Option<SmolStr>| {
            if slot.is_none() && value.is_some() {
                *slot = value;
                is_late = true;
            }
        };
        fill(&mut self.provider, later.provider);
        fill(&mut self.model, later.model);
        fill(&mut self.server_address, later.server_address);
        if let Some(later) = later.rest {
            let rest = self.rest.get_or_insert_default();
            fill(&mut rest.data_source, later.data_source);
            fill(&mut rest.method, later.method);
            rest.content.replace_with(later.content);
            rest.topic = later.topic.or(rest.topic.take());
        }
        self.is_late = is_late;
        self.server_port = self.server_port.or(later.server_port);
        for attribute in later.attributes {
            self.set_attribute(attribute);
        }
    }

    pub(crate) fn attribute_of(&self, key: &str) -> Option<&KeyValue> {
        self.attributes.iter().find(|attribute| attribute.key.as_str() == key)
    }

    /// Returns whether the call gets a prompt, whose arguments are content: its variables.
    pub(crate) fn gets_prompt(&self) -> bool {
        self.rest().method.as_deref() == Some("prompts/get")
    }

    /// Returns whether the call runs a tool, whose arguments and result are content.
    pub(crate) fn calls_tool(&self) -> bool {
        self.rest().method.as_deref() == Some("tools/call")
    }

    pub(crate) fn set_text(&mut self, key: &'static str, value: &(impl Text + ?Sized)) {
        let Some(text) = value.text().filter(|text| !text.is_empty()) else { return };
        self.set(key, bounds::text(key, &text).map(|text| StringValue::from(text.to_owned())));
    }
}

pub(crate) fn replace(slot: &mut Option<SmolStr>, value: &(impl Text + ?Sized)) {
    if let Some(name) = value.text().filter(|text| !text.is_empty()).and_then(|text| bounds::kept(&text)) {
        *slot = Some(name);
    }
}

/// The same for a name that the conventions require.
pub(crate) fn replace_required(slot: &mut Option<SmolStr>, value: &(impl Text + ?Sized)) {
    if let Some(text) = value.text().filter(|text| !text.is_empty()) {
        *slot = Some(SmolStr::new(bounds::required(&text)));
    }
}

/// The server and model.
impl Request {
    /// `gen_ai.provider.name`: `openai`, `anthropic`, `gcp.gemini`, `aws.bedrock`, `azure.ai.openai`, `mistral_ai`,
    /// `cohere`, `groq`, `deepseek`, `x_ai`, `perplexity`, … or a name of your own, such as `ollama`.
    pub fn provider(&mut self, value: impl Text) {
        replace_required(&mut self.provider, &value);
    }

    /// `gen_ai.request.model`: the requested model.
    pub fn model(&mut self, value: impl Text) {
        replace(&mut self.model, &value);
    }

    /// `server.address` and `server.port`: a URL, `host:port`, or a host.
    pub fn server(&mut self, value: impl Text) {
        if let Some(text) = value.text().filter(|text| !text.is_empty()) {
            let (address, port) = server_address(&text);
            let Some(address) = bounds::kept(address).filter(|address| !address.is_empty()) else { return };
            self.server_address = Some(address);
            self.server_port = port;
        }
    }
}

/// Parameters of the response.
impl Request {
    /// `gen_ai.request.temperature`.
    pub fn temperature(&mut self, value: impl Double) {
        self.set_double(attribute::REQUEST_TEMPERATURE, value.double());
    }

    /// `gen_ai.request.top_p`.
    pub fn top_p(&mut self, value: impl Double) {
        self.set_double(attribute::REQUEST_TOP_P, value.double());
    }

    /// `gen_ai.request.top_k`; on a retrieval `gen_ai.retrieval.top_k`, the requested number of documents.
    pub fn top_k(&mut self, value: impl Int) {
        let key = match self.kind {
            Kind::Retrieval => attribute::RETRIEVAL_TOP_K,
            _ => attribute::REQUEST_TOP_K,
        };
        self.set_int(key, value.int());
    }

    /// `gen_ai.request.max_tokens`.
    pub fn max_tokens(&mut self, value: impl Int) {
        self.set_int(attribute::REQUEST_MAX_TOKENS, value.int());
    }

    /// `gen_ai.request.stop_sequences`.
    pub fn stop(&mut self, value: impl TextList) {
        self.set_list(attribute::REQUEST_STOP_SEQUENCES, value.list());
    }

    /// `gen_ai.request.seed`.
    pub fn seed(&mut self, value: impl Int) {
        self.set_int(attribute::REQUEST_SEED, value.int());
    }

    /// `gen_ai.request.frequency_penalty`.
    pub fn frequency_penalty(&mut self, value: impl Double) {
        self.set_double(attribute::REQUEST_FREQUENCY_PENALTY, value.double());
    }

    /// `gen_ai.request.presence_penalty`.
    pub fn presence_penalty(&mut self, value: impl Double) {
        self.set_double(attribute::REQUEST_PRESENCE_PENALTY, value.double());
    }

    /// `gen_ai.request.choice.count`, recorded if it is not 1, as the conventions require.
    pub fn choice_count(&mut self, value: impl Int) {
        self.set_int(attribute::REQUEST_CHOICE_COUNT, value.int().filter(|&count| count != 1));
    }

    /// `gen_ai.request.reasoning.level`: the exact string sent, `low`, `medium`, …
    pub fn reasoning_level(&mut self, value: impl Text) {
        self.set_text(attribute::REQUEST_REASONING_LEVEL, &value);
    }

    /// `gen_ai.output.type`: `text`, `json`, `image` or `speech`.
    pub fn output_type(&mut self, value: impl Text) {
        self.set_text(attribute::OUTPUT_TYPE, &value);
    }

    /// `gen_ai.request.stream`, recorded only if `true`, as the conventions require.
    pub fn stream(&mut self, value: impl Flag) {
        self.set(attribute::REQUEST_STREAM, value.flag().filter(|&stream| stream));
    }

    /// `openai.request.service_tier`, unless it is `auto`.
    pub fn service_tier(&mut self, value: impl Text) {
        let tier = value.text().filter(|tier| tier != "auto");
        self.set_text(attribute::OPENAI_REQUEST_SERVICE_TIER, &tier);
    }

    /// `gen_ai.prompt.name`: the prompt template.
    pub fn prompt_name(&mut self, value: impl Text) {
        self.set_text(attribute::PROMPT_NAME, &value);
    }

    /// `gen_ai.prompt.version`: the prompt template's version.
    pub fn prompt_version(&mut self, value: impl Text) {
        self.set_text(attribute::PROMPT_VERSION, &value);
    }

    /// `gen_ai.conversation.compacted`: the context of this call is a compacted view of the conversation, a summary of its beginning, say.
    /// Recorded only if `true`, as the conventions require. If the provider compacts, it is read from the response.
    pub fn compacted(&mut self, value: impl Flag) {
        self.set(attribute::CONVERSATION_COMPACTED, value.flag().filter(|&compacted| compacted));
    }

    /// `gen_ai.embeddings.dimension.count`: the requested vector length.
    pub fn dimensions(&mut self, value: impl Int) {
        self.set_int(attribute::EMBEDDINGS_DIMENSION_COUNT, value.int());
    }

    /// `gen_ai.request.encoding_formats`: `float`, `base64`, …
    pub fn encoding_formats(&mut self, value: impl TextList) {
        self.set_list(attribute::REQUEST_ENCODING_FORMATS, value.list());
    }
}

/// The step itself.
impl Request {
    /// `gen_ai.data_source.id`: the index, collection or table searched.
    pub fn data_source(&mut self, value: impl Text) {
        replace(&mut self.rest_mut().data_source, &value);
    }

    /// The tool's, agent's, workflow's or task's name; the function's name unless given. Of an MCP message the name of the tool or
    /// prompt that it is about. Keep it low in cardinality.
    pub fn name(&mut self, value: impl Text) {
        replace(&mut self.name, &value);
    }

    /// `gen_ai.tool.description`, on an agent `gen_ai.agent.description`.
    pub fn description(&mut self, value: impl Text) {
        let key = match self.kind {
            Kind::Tool => attribute::TOOL_DESCRIPTION,
            _ => attribute::AGENT_DESCRIPTION,
        };
        self.set_text(key, &value);
    }

    /// `gen_ai.agent.id`, the provider's id of the agent; of a fetched response `gen_ai.response.id`; of an MCP request
    /// `jsonrpc.request.id`.
    pub fn id(&mut self, value: impl Text) {
        let key = match self.kind {
            Kind::FetchResponse => attribute::RESPONSE_ID,
            Kind::McpClient | Kind::McpServer => attribute::JSONRPC_REQUEST_ID,
            _ => attribute::AGENT_ID,
        };
        self.set_text(key, &value);
    }

    /// `gen_ai.agent.version`.
    pub fn version(&mut self, value: impl Text) {
        self.set_text(attribute::AGENT_VERSION, &value);
    }

    /// `gen_ai.request.stream_cursor`: the position from which a streamed response is fetched.
    pub fn stream_cursor(&mut self, value: impl Text) {
        self.set_text(attribute::REQUEST_STREAM_CURSOR, &value);
    }

    /// `gen_ai.memory.store.id`: the memory.
    pub fn store(&mut self, value: impl Text) {
        self.set_text(attribute::MEMORY_STORE_ID, &value);
    }

    /// `gen_ai.memory.record.id`: the record.
    pub fn record(&mut self, value: impl Text) {
        self.set_text(attribute::MEMORY_RECORD_ID, &value);
    }

    /// `gen_ai.memory.record.count`: the number of records concerned. For a search, set it after it has run, through
    /// [`current()`](crate::current).
    pub fn record_count(&mut self, value: impl Int) {
        self.set_int(attribute::MEMORY_RECORD_COUNT, value.int());
    }

    /// `gen_ai.tool.call.id`: the id the model gave the call.
    pub fn call_id(&mut self, value: impl Text) {
        self.set_text(attribute::TOOL_CALL_ID, &value);
    }

    /// `gen_ai.tool.type`: `function`, `extension` or `datastore`.
    pub fn tool_type(&mut self, value: impl Text) {
        self.set_text(attribute::TOOL_TYPE, &value);
    }

    /// `gen_ai.conversation.id`: the conversation this call belongs to.
    pub fn conversation(&mut self, value: impl Text) {
        self.set_text(attribute::CONVERSATION_ID, &value);
    }

    /// `user.id`: the user on whose behalf the call is made.
    pub fn user(&mut self, value: impl Text) {
        self.set_text(attribute::USER_ID, &value);
    }

    /// An attribute of your own, on the span only: metric labels are a closed set.
    pub fn attribute(&mut self, key: &'static str, value: impl AttributeValue) {
        self.set(key, value.attribute());
    }

    /// A tag: an attribute of your own that every call inside has too. If its name is among
    /// [`with_tag_labels`](crate::Builder::with_tag_labels), it is a label of metrics as well.
    ///
    /// Set after the call has begun, it is on this call's span only.
    pub fn tag(&mut self, key: &'static str, value: impl AttributeValue) {
        self.set(key, value.attribute().and_then(bounds::tag));
        self.rest_mut().tags.push(Key::from_static_str(key));
    }

    /// Sets the parent, if it is not the current context: one extracted from a message's headers, for example.
    pub fn parent(&mut self, parent: &Context) {
        self.rest_mut().parent = Some(parent.clone());
    }

    /// Spans this call is related to without being their child: a slice, array or `Vec` of span contexts.
    pub fn links<L: AsRef<[SpanContext]> + ?Sized>(&mut self, links: &L) {
        self.rest_mut().links.extend(links.as_ref().iter().cloned().map(Link::with_context));
    }
}

#[cfg(test)]
mod tests;
