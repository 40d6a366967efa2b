//! The content of one call, from where it is captured to the attributes it becomes.

use opentelemetry::logs::AnyValue;
use opentelemetry::{Key, KeyValue, StringValue};
use serde::Serialize;
use smol_str::SmolStr;

use super::budget::RequestShare;
use super::policy::ContentPolicy;
use super::rules::Rules;
use super::structure::structured;
use super::upload::{self, ContentUpload};
use super::{messages, openinference};
use crate::extract::transcript::Transcript;
use crate::model::argument::Text;
use crate::model::content::{Captured, ContentAttribute, ContentKind, Measured, RecordedContent};
use crate::model::record::{CallRecord, Outcome};
use crate::model::site::Kind;
use crate::semconv::attribute;
use crate::value::{self, ContentValue, Limits};

/// Returns whether the conventions have a kind of content on this kind of call.
fn belongs(kind: Kind, piece: ContentKind) -> bool {
    match kind {
        Kind::Chat | Kind::TextCompletion | Kind::GenerateContent => {
            matches!(
                piece,
                ContentKind::System
                    | ContentKind::Input
                    | ContentKind::Output
                    | ContentKind::Tools
                    | ContentKind::Variables
            )
        }
        Kind::Agent | Kind::RemoteAgent => {
            matches!(
                piece,
                ContentKind::System | ContentKind::Input | ContentKind::Output | ContentKind::Tools
            )
        }
        Kind::FetchResponse => {
            matches!(piece, ContentKind::System | ContentKind::Output | ContentKind::Tools)
        }
        Kind::CreateAgent => piece == ContentKind::System,
        Kind::Retrieval | Kind::SearchMemory => matches!(piece, ContentKind::Query | ContentKind::Output),
        Kind::CreateMemory | Kind::UpdateMemory | Kind::UpsertMemory => piece == ContentKind::Records,
        Kind::Tool | Kind::McpClient | Kind::McpServer => {
            matches!(piece, ContentKind::Arguments | ContentKind::Output)
        }
        Kind::Workflow => matches!(piece, ContentKind::Input | ContentKind::Output),
        Kind::Embeddings
        | Kind::Rerank
        | Kind::DeleteMemory
        | Kind::CreateMemoryStore
        | Kind::DeleteMemoryStore
        | Kind::Plan
        | Kind::Guardrail
        | Kind::Evaluator
        | Kind::Task => false,
    }
}

impl Captured {
    /// Returns whether a kind of content may be recorded. If not, it is not read.
    pub(crate) fn takes(&self, policy: &ContentPolicy, kind: Kind, piece: ContentKind) -> bool {
        let is_wanted =
            policy.allows_content_of(kind) || (policy.uploads() && upload::is_uploaded(kind, piece));
        is_wanted && belongs(kind, piece) && !self.skipped.contains(&piece)
    }

    /// Captures any value that may be recorded.
    pub(crate) fn capture<T: Serialize + ?Sized>(
        &mut self,
        policy: &ContentPolicy,
        kind: Kind,
        piece: ContentKind,
        value: &T,
    ) {
        if self.takes(policy, kind, piece)
            && let Some(tree) = value::capture(value, policy.limits())
        {
            self.set(piece, tree);
        }
    }

    /// Captures one argument of a tool, or one variable of a prompt, next to those captured before.
    pub(crate) fn capture_entry<T: Serialize + ?Sized>(
        &mut self,
        policy: &ContentPolicy,
        kind: Kind,
        piece: ContentKind,
        name: &'static str,
        value: &T,
    ) {
        if !self.takes(policy, kind, piece) {
            return;
        }
        let Some(value) = value::capture(value, policy.limits()) else { return };
        let known = self.pieces.iter_mut().find(|(known, _)| *known == piece);
        if let Some((_, ContentValue::Object(entries))) = known {
            entries.retain(|(known, _)| known != name);
            entries.push((name.into(), value));
        } else {
            self.set(piece, ContentValue::object([(name, Some(value))]));
        }
    }

    /// Captures a text that may be recorded.
    pub(crate) fn capture_text<T: Text + ?Sized>(
        &mut self,
        policy: &ContentPolicy,
        kind: Kind,
        piece: ContentKind,
        value: &T,
    ) {
        if self.takes(policy, kind, piece)
            && let Some(Some(text)) = crate::value::panic::catch_user_panic(|| value.text())
        {
            self.capture(policy, kind, piece, text.as_ref());
        }
    }

    /// Captures the content of a response before its kind is known: the policy is checked now, kind and `skip` at the end.
    pub(crate) fn capture_output<T: Serialize + ?Sized>(&mut self, policy: &ContentPolicy, value: &T) {
        self.capture(policy, Kind::Chat, ContentKind::Output, value);
    }

    /// The same for what was streamed, which may be measured as well.
    pub(crate) fn capture_transcript(
        &mut self,
        policy: &ContentPolicy,
        transcript: Transcript,
        is_measured: bool,
    ) -> Option<Measured> {
        let tree = transcript.into_tree()?;
        let measured = is_measured.then(|| Measured::of_tree(tree.clone()));
        if self.takes(policy, Kind::Chat, ContentKind::Output) {
            self.set(ContentKind::Output, tree);
        }
        measured
    }

    /// Captures messages, instructions and tools of a request body of any API.
    pub(crate) fn capture_request<T: Serialize + ?Sized>(
        &mut self,
        policy: &ContentPolicy,
        kind: Kind,
        body: &T,
    ) {
        if kind.is_mcp() {
            return self.capture_message(policy, kind, body);
        }
        let wanted = REQUEST_KEYS.iter().filter(|(piece, _)| self.takes(policy, kind, *piece));
        let keys: Vec<&str> = wanted.flat_map(|(_, keys)| keys.iter().copied()).collect();
        if keys.is_empty() {
            return;
        }
        let limits = Limits { keys: Some(&keys), ..policy.limits() };
        let Some(mut body) = value::capture(body, limits) else { return };
        for (piece, keys) in REQUEST_KEYS {
            if let Some(tree) = body.take(keys) {
                self.set(*piece, tree);
            }
        }
    }

    /// Captures a tool's arguments from an MCP message, or from its parameters.
    fn capture_message<T: Serialize + ?Sized>(&mut self, policy: &ContentPolicy, kind: Kind, body: &T) {
        if !self.takes(policy, kind, ContentKind::Arguments) {
            return;
        }
        let limits = Limits { keys: Some(&["params", "arguments"]), ..policy.limits() };
        let Some(mut body) = value::capture(body, limits) else { return };
        let mut params = body.take(&["params"]).unwrap_or(body);
        if let Some(arguments) = params.take(&["arguments"]) {
            self.set(ContentKind::Arguments, arguments);
        }
    }
}

pub(super) const INPUT_KEYS: &[&str] = &["messages", "input", "contents", "prompt"];

/// Keys of content in request bodies: OpenAI chat, responses and completions, Anthropic, Gemini, Bedrock.
const REQUEST_KEYS: &[(ContentKind, &[&str])] = &[
    (ContentKind::Input, INPUT_KEYS),
    (ContentKind::System, &["system", "instructions", "systemInstruction", "system_instruction"]),
    (ContentKind::Tools, &["tools", "toolConfig", "functions"]),
];

/// Inputs that determine the form of a call's content.
#[derive(Clone)]
pub(super) struct Form {
    pub(super) kind: Kind,
    finish_reasons: Vec<SmolStr>,
    is_completed: bool,
}

impl RecordedContent {
    /// Makes the content of `call`, whose request has the skipped kinds and whose response has the output. `share` is the call's share of
    /// the budget of the root call.
    pub(crate) fn of(call: &CallRecord, policy: &ContentPolicy, share: Option<RequestShare<'_>>) -> Self {
        let request = &call.request.rest().content;
        let of_prompt;
        let captured = request.pieces.iter().chain(&call.response.rest().content.pieces);
        let mut pieces: Vec<_> =
            captured.filter(|(piece, _)| request.takes(policy, call.site.kind, *piece)).collect();
        if call.site.kind.is_mcp() && !call.request.calls_tool() {
            // The arguments of a prompt request are its variables. Other messages have no content.
            let is_asked_for_with =
                |piece: ContentKind| piece == ContentKind::Arguments && call.request.gets_prompt();
            let arguments = pieces.iter().find(|(piece, _)| is_asked_for_with(*piece));
            of_prompt = arguments.map(|(_, tree)| (ContentKind::Variables, tree.clone()));
            pieces = of_prompt.iter().collect();
        }
        if pieces.is_empty() {
            return RecordedContent::default();
        }
        let rules = &policy.rules;
        // The small ones first: what they leave of the span's budget is for the messages.
        pieces.sort_by_key(|(piece, _)| match piece {
            ContentKind::Query | ContentKind::Arguments => 0,
            ContentKind::System | ContentKind::Variables => 1,
            ContentKind::Tools => 2,
            ContentKind::Output | ContentKind::Records => 3,
            ContentKind::Input => 4,
        });
        let kind = call.site.kind;
        let form = Form {
            kind,
            finish_reasons: call.response.finish_reasons.clone(),
            is_completed: matches!(call.outcome, Outcome::Completed),
        };
        let references = uploaded(call, &form, &mut pieces, policy);
        let mut left = share.map_or(rules.per_span, |share| share.take(rules.per_span));
        let written = |piece: ContentKind| 1 + openinference::number_of_copies(policy, kind, piece);
        let mut waiting: usize = pieces.iter().map(|(piece, _)| written(*piece)).sum();
        let mut recorded = Vec::with_capacity(pieces.len());
        for (piece, tree) in pieces {
            let budget = rules.per_attribute.min(left / waiting);
            let made = || {
                if *piece == ContentKind::Variables {
                    return variables(tree.clone(), rules, budget);
                }
                let Some(mut attribute) = attribute(&form, *piece, tree.clone(), rules, budget) else {
                    return Vec::new();
                };
                if written(*piece) > 1 {
                    attribute.copies = openinference::copies(kind, *piece, &attribute.tree, &attribute.text);
                }
                vec![attribute]
            };
            // Should this crate be wrong about some text, the content is lost, not the call.
            for attribute in crate::value::panic::catch_user_panic(made).unwrap_or_default() {
                left = left.saturating_sub(attribute.len());
                recorded.push(attribute);
            }
            waiting -= written(*piece);
        }
        if let Some(share) = share {
            share.give_back(left);
        }
        RecordedContent { attributes: recorded, references }
    }

    /// Attributes of a span, which can only be text; none if content may not be on spans.
    pub(crate) fn on_span(&self, policy: &ContentPolicy) -> impl Iterator<Item = KeyValue> + use<'_> {
        let attributes = if policy.on_spans() { &self.attributes[..] } else { &[] };
        let content = attributes.iter().flat_map(|attribute| {
            let own = KeyValue::new(attribute.key.clone(), StringValue::from(attribute.text.clone()));
            [own].into_iter().chain(attribute.copies.iter().cloned())
        });
        content.chain(self.references.iter().map(|(key, place)| KeyValue::new(*key, place.clone())))
    }

    /// Attributes of an event, as maps and lists; none if content may not be on events.
    pub(crate) fn on_event(&self, policy: &ContentPolicy) -> impl Iterator<Item = (Key, AnyValue)> + use<'_> {
        let attributes = if policy.on_events() { &self.attributes[..] } else { &[] };
        let content = attributes.iter().map(|attribute| (attribute.key.clone(), structured(&attribute.tree)));
        content.chain(
            self.references.iter().map(|(key, place)| (Key::from(*key), AnyValue::from(place.clone()))),
        )
    }
}

/// Returns a text about content, which may quote it: the explanation of a score. It is not read unless content may be on events.
pub(crate) fn explanation(text: &(impl Text + ?Sized), policy: &ContentPolicy) -> Option<String> {
    if !policy.on_events() {
        return None;
    }
    let text =
        crate::value::panic::catch_user_panic(|| text.text().map(std::borrow::Cow::into_owned)).flatten()?;
    let rules = &policy.rules;
    let mut tree = value::capture(&text, policy.limits())?;
    rules.settle(&mut tree);
    rules.redact(&mut tree);
    match tree {
        ContentValue::Text(text) => Some(value::to_text(text, rules.per_attribute)),
        _ => None,
    }
}

/// Hands over what is kept elsewhere, and takes it out of the pieces if it is to be nowhere else.
fn uploaded(
    call: &CallRecord,
    form: &Form,
    pieces: &mut Vec<&(ContentKind, ContentValue)>,
    policy: &ContentPolicy,
) -> Vec<(&'static str, String)> {
    let Some((uploader, upload)) = &policy.upload else { return Vec::new() };
    let ids = (call.ids.0.to_string(), call.ids.1.to_string());
    let uploads = pieces.iter().filter(|(piece, _)| upload::is_uploaded(form.kind, *piece));
    let references = uploads
        .filter_map(|(piece, tree)| uploader.upload(&ids, form, *piece, tree, &policy.rules))
        .collect();
    if *upload == ContentUpload::Instead {
        pieces.retain(|(piece, _)| !upload::is_uploaded(form.kind, *piece));
    }
    references
}

/// A whole piece in the form in which it is recorded, as JSON.
#[cfg(feature = "otlp")]
pub(super) fn formed(form: &Form, piece: ContentKind, tree: ContentValue, rules: &Rules) -> Option<String> {
    attribute(form, piece, tree, rules, rules.per_upload()).map(|attribute| attribute.text)
}

/// The attribute that a piece of a call becomes.
pub(super) fn attribute_key(piece: ContentKind, kind: Kind) -> &'static str {
    match (piece, kind) {
        (ContentKind::System, _) => attribute::SYSTEM_INSTRUCTIONS,
        (ContentKind::Input, _) => attribute::INPUT_MESSAGES,
        (ContentKind::Tools, _) => attribute::TOOL_DEFINITIONS,
        (ContentKind::Arguments, _) => attribute::TOOL_CALL_ARGUMENTS,
        (ContentKind::Variables, _) => attribute::PROMPT_VARIABLE,
        (ContentKind::Records, _) | (ContentKind::Output, Kind::SearchMemory) => attribute::MEMORY_RECORDS,
        (ContentKind::Output, Kind::Retrieval) => attribute::RETRIEVED_DOCUMENTS,
        (ContentKind::Output, Kind::Tool | Kind::McpClient | Kind::McpServer) => attribute::TOOL_CALL_RESULT,
        (ContentKind::Output, _) => attribute::OUTPUT_MESSAGES,
        (ContentKind::Query, Kind::SearchMemory) => attribute::MEMORY_QUERY_TEXT,
        (ContentKind::Query, _) => attribute::RETRIEVAL_QUERY_TEXT,
    }
}

fn attribute(
    form: &Form,
    piece: ContentKind,
    mut tree: ContentValue,
    rules: &Rules,
    budget: usize,
) -> Option<ContentAttribute> {
    rules.settle(&mut tree);
    let key = Key::from(attribute_key(piece, form.kind));
    let mut tree = match (piece, form.kind) {
        (ContentKind::System, _) => messages::system(tree),
        (ContentKind::Input, _) => messages::input(tree),
        (ContentKind::Tools, _) => messages::tools(tree),
        (ContentKind::Arguments, _) => messages::object(tree, "arguments"),
        (ContentKind::Records, _) | (ContentKind::Output, Kind::SearchMemory) => messages::records(tree)?,
        (ContentKind::Output, Kind::Retrieval) => messages::documents(tree)?,
        (ContentKind::Output, Kind::McpClient | Kind::McpServer) => {
            // Of a JSON-RPC response its result.
            let mut tree = tree;
            messages::object(tree.take(&["result"]).unwrap_or(tree), "result")
        }
        (ContentKind::Output, Kind::Tool) => messages::object(tree, "result"),
        (ContentKind::Output, _) => {
            // The schema demands a reason; what was returned in peace has stopped by itself.
            let otherwise = if form.is_completed { "stop" } else { "error" };
            messages::output(tree, &form.finish_reasons, otherwise)
        }
        (ContentKind::Query, _) => {
            rules.redact(&mut tree);
            let ContentValue::Text(text) = tree else { return None };
            return Some(ContentAttribute::text(key, value::to_text(text, budget)));
        }
        // Several attributes by themselves.
        (ContentKind::Variables, _) => return None,
    };
    // In the form that is recorded: text that was JSON has become a tree, and is still JSON when redacted.
    rules.redact(&mut tree);
    let (tree, text) = value::fitted_or_mark(tree, budget);
    Some(ContentAttribute { key, tree, text, copies: Vec::new() })
}

/// The attributes that a prompt's variables become: each is a text, or the JSON of what it is.
fn variables(mut tree: ContentValue, rules: &Rules, budget: usize) -> Vec<ContentAttribute> {
    rules.settle(&mut tree);
    let ContentValue::Object(variables) = messages::object(tree, "value") else { return Vec::new() };
    let (mut left, mut waiting) = (budget, variables.len());
    let mut attributes = Vec::with_capacity(waiting);
    for (name, mut value) in variables {
        rules.redact(&mut value);
        let text = match value {
            // Not given.
            ContentValue::Null => {
                waiting -= 1;
                continue;
            }
            ContentValue::Text(text) => value::to_text(text, left / waiting),
            other => value::fitted_or_mark(other, left / waiting).1,
        };
        left = left.saturating_sub(text.len());
        waiting -= 1;
        attributes
            .push(ContentAttribute::text(format!("{}.{name}", attribute::PROMPT_VARIABLE).into(), text));
    }
    attributes
}
