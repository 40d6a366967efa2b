//! The running call, for facts that are in neither its arguments nor its return value.

use std::sync::{Arc, Weak};
use std::time::SystemTime;

use opentelemetry::trace::{SpanId, TraceContextExt, TraceId};
use opentelemetry::{Context, KeyValue};

use super::{Facts, Open};
use crate::call::context::Scope;
use crate::extract::rate_limits::RateLimits;
use crate::extract::request_id;
use crate::model::argument::{AttributeValue, Content};
use crate::model::content::ContentKind;
use crate::model::request::Request;
use crate::model::response::{LlmResponse, Response, Usage};
use crate::model::site::Kind;
use crate::runtime;
use crate::sinks::metrics;
use crate::value::current_context;

/// The annotated call this code runs in; see [`current()`].
#[derive(Clone, Debug)]
pub struct CurrentCall {
    /// Weak, so that a context kept by a detached task does not keep prompts alive.
    pub(super) open: Weak<Open>,
    scope: Arc<Scope>,
}

/// Returns the innermost running `#[llm_trace]` call, to record what its return value lacks: a function that returns only the text can
/// still report usage.
///
/// Outside of any call, and after the call has ended, recording does nothing.
///
/// ```
/// use llm_trace::{llm_trace, Usage};
///
/// #[llm_trace(chat, provider = "openai", model = "gpt-4o-mini")]
/// fn ask(question: &str) -> String {
///     let (text, tokens_in, tokens_out) = call_the_api(question);
///     llm_trace::current().usage(Usage::new(tokens_in, tokens_out));
///     text
/// }
/// # fn call_the_api(_: &str) -> (String, u64, u64) { ("42".into(), 7, 1) }
/// # ask("?");
/// ```
pub fn current() -> CurrentCall {
    current_context::with(|context| context.get::<CurrentCall>().cloned())
        .unwrap_or_else(|| CurrentCall { open: Weak::new(), scope: Scope::root() })
}

impl CurrentCall {
    pub(super) fn new(open: &Weak<Open>, scope: &Arc<Scope>) -> Self {
        CurrentCall { open: Weak::clone(open), scope: Arc::clone(scope) }
    }

    /// Returns the scope that a call begun in `context` inherits.
    pub(super) fn scope_of(context: &Context) -> Arc<Scope> {
        context.get::<CurrentCall>().map_or_else(Scope::root, |call| Arc::clone(&call.scope))
    }

    /// Records tokens used; overrides the return value.
    pub fn usage(&self, usage: Usage) -> &Self {
        self.response(&Response::new().with_usage(usage))
    }

    /// Records all facts of a response; overrides the return value. For a type that is `Serialize` but not [`LlmResponse`] use
    /// [`response_body`](Self::response_body).
    pub fn response<T: LlmResponse + ?Sized>(&self, response: &T) -> &Self {
        self.fill(response.describe())
    }

    /// Reads a provider's response body, of any shape the attribute reads from a return value.
    pub fn response_body<T: serde::Serialize + ?Sized>(&self, body: &T) -> &Self {
        let mut response = crate::extract::read_response(body);
        if self.open.upgrade().is_some_and(|open| open.captures_instructions()) {
            runtime::with(|runtime| {
                response.rest_mut().content.capture_request(&runtime.content, Kind::FetchResponse, body);
            });
        }
        self.fill(if self.looks_at_output() { response.with_output(body) } else { response })
    }

    /// Reads a provider's rate limits from the headers of its response: requests and tokens allowed, remaining, and the time until they are
    /// fully restored. They become gauges by provider, model and server, at once and also of a response that is an error:
    /// `llm_trace.ratelimit.requests.remaining` and the like. Read are `x-ratelimit-…` (`OpenAI`, Azure, Groq, Mistral, xAI, Cerebras,
    /// `OpenRouter`, …), `anthropic-ratelimit-…`, and `Retry-After` in seconds; of several limits of one thing, that of which the least is
    /// left.
    ///
    /// And reads the provider's id of the request, which goes on the span: `llm_trace.request.id` (`x-request-id`,
    /// `request-id`), `aws.request_id` (`x-amzn-requestid`), `azure.service.request.id` (`apim-request-id`). With it the
    /// provider finds the call in its logs. Of several responses the last counts.
    ///
    /// On steps that call no service this does nothing.
    ///
    /// Takes an `http::HeaderMap` (reqwest's, hyper's) by reference, or pairs of name and value.
    ///
    /// ```
    /// use llm_trace::llm_trace;
    ///
    /// #[llm_trace(chat, provider = "openai", model = "gpt-4o-mini")]
    /// fn ask(question: &str) -> String {
    ///     let (headers, body) = post("/v1/chat/completions", question);
    ///     llm_trace::current().response_headers(&headers);
    ///     body
    /// }
    /// # fn post(_: &str, _: &str) -> (http::HeaderMap, String) { Default::default() }
    /// # ask("?");
    ///
    /// #[llm_trace(chat, provider = "anthropic", model = "claude-sonnet-4-5")]
    /// fn ask_claude() {
    ///     llm_trace::current().response_headers([("anthropic-ratelimit-requests-remaining", "49")]);
    /// }
    /// # ask_claude();
    /// ```
    pub fn response_headers<N: AsRef<str>, V: AsRef<[u8]>>(
        &self,
        headers: impl IntoIterator<Item = (N, V)>,
    ) -> &Self {
        let Some(open) = self.open.upgrade().filter(|open| open.site.kind.is_client()) else { return self };
        let mut ids = Vec::new();
        let headers = headers
            .into_iter()
            .inspect(|(name, value)| ids.extend(request_id::read(name.as_ref(), value.as_ref())));
        let limits = RateLimits::read(headers, SystemTime::now());
        let mut slot = open.facts();
        let Some(facts) = slot.as_mut() else { return self };
        for id in ids {
            facts.request.set_attribute(id);
        }
        if let Some(limits) = limits
            && let Some(instruments) = open.runtime.calls.instruments()
        {
            crate::value::panic::catch_user_panic(|| {
                metrics::record_rate_limits(&limits, &facts.request, open.scope.labels(), &instruments);
            });
        }
        self
    }

    /// Records the output where the return value does not contain it: a text, a message, or a whole body of any API. Recorded only if the
    /// application captures content, measured only if it enables [signals](crate::QualitySignals) computed from texts; otherwise the value
    /// is not read.
    pub fn output<T: Content + ?Sized>(&self, output: &T) -> &Self {
        if self.looks_at_output() {
            self.fill(Response::new().with_output(output));
        }
        self
    }

    /// Records the result of a retrieval or a reranking where the return value does not contain it: the number of documents, and their
    /// scores in any order. Higher scores must be better: turn a distance into a similarity, or leave it out.
    ///
    /// ```
    /// use llm_trace::llm_trace;
    ///
    /// #[llm_trace(retrieval, data_source = "docs")]
    /// fn context_for(question: &str) -> String {
    ///     let hits: Vec<(String, f32)> = search(question);
    ///     llm_trace::current().retrieved(hits.len(), hits.iter().map(|(_, score)| *score));
    ///     hits.into_iter().map(|(text, _)| text).collect::<Vec<_>>().join("\n")
    /// }
    /// # fn search(_: &str) -> Vec<(String, f32)> { Vec::new() }
    /// # context_for("?");
    /// ```
    pub fn retrieved<S: Into<f64>>(&self, documents: usize, scores: impl IntoIterator<Item = S>) -> &Self {
        self.response(&Response::new().with_retrieved(documents, scores))
    }

    /// Records the number of the current attempt, counted from 1. A span covers all attempts, as the caller waits for all of them; with
    /// more than one, `llm_trace.attempt.count` is recorded.
    ///
    /// ```
    /// use llm_trace::{llm_trace, Usage};
    ///
    /// #[llm_trace(chat, provider = "openai", model = "gpt-4o-mini")]
    /// fn ask_for_json(question: &str) -> Option<String> {
    ///     for number in 1..=3 {
    ///         let (text, usage) = call_the_api(question);
    ///         if text.starts_with('{') {
    ///             llm_trace::current().attempt(number).usage(usage);
    ///             return Some(text);
    ///         }
    ///         llm_trace::current().attempt(number).wasted(usage); // paid for, and thrown away
    ///     }
    ///     None
    /// }
    /// # fn call_the_api(_: &str) -> (String, Usage) { ("{}".into(), Usage::new(1, 1)) }
    /// # ask_for_json("?");
    /// ```
    pub fn attempt(&self, number: u64) -> &Self {
        self.note(|facts| facts.attempts.count = number.max(facts.attempts.count))
    }

    /// Adds tokens used by an attempt whose answer is thrown away: `llm_trace.attempt.wasted_tokens`.
    pub fn wasted(&self, usage: Usage) -> &Self {
        let mut usage = usage;
        usage.keep_plausible();
        self.note(|facts| {
            let tokens = usage.input_tokens.unwrap_or(0).saturating_add(usage.output_tokens.unwrap_or(0));
            let wasted = &mut facts.attempts.wasted_tokens;
            *wasted = wasted.saturating_add(tokens);
        })
    }

    /// Sets a span attribute of your own.
    pub fn attribute(&self, key: &'static str, value: impl AttributeValue) -> &Self {
        self.request(|request| request.attribute(key, &value))
    }

    /// Sets request attributes that become known after the call began, such as a router's choice of provider and model. Provider, model,
    /// server and data source that the call began with are not replaced.
    ///
    /// ```
    /// use llm_trace::llm_trace;
    ///
    /// #[llm_trace(chat, provider = "openrouter")]
    /// fn ask(question: &str) -> String {
    ///     let model = if question.len() > 200 { "gpt-4o" } else { "gpt-4o-mini" };
    ///     llm_trace::current().request(|request| request.model(model));
    ///     format!("{model}: {question}")
    /// }
    /// # ask("?");
    /// ```
    pub fn request(&self, set: impl FnOnce(&mut Request)) -> &Self {
        let Some(open) = self.open.upgrade() else { return self };
        // The closure is the caller's: it must not run under the lock, where recording again would deadlock.
        let mut later = Request::new(open.site.kind);
        set(&mut later);
        self.note(|facts| facts.request.add(later))
    }

    /// The call's trace id in hex, to show to a user or to write into a log; `None` outside of any call.
    pub fn trace_id(&self) -> Option<String> {
        let trace_id = self.open.upgrade()?.context.span().span_context().trace_id();
        (trace_id != TraceId::INVALID).then(|| trace_id.to_string())
    }

    /// The id of the call's span in hex: with [`trace_id`](Self::trace_id) what a later [score](crate::Score::with_span) is
    /// about; `None` outside of any call.
    pub fn span_id(&self) -> Option<String> {
        let span_id = self.open.upgrade()?.context.span().span_context().span_id();
        (span_id != SpanId::INVALID).then(|| span_id.to_string())
    }

    /// Notes that a score was recorded inside the call.
    pub(crate) fn note_score(&self) {
        self.note(|facts| facts.is_scored = true);
    }

    /// Returns the tags that are labels of metrics.
    pub(crate) fn labels(&self) -> &[KeyValue] {
        self.scope.labels()
    }

    /// The id of the response, if there has been one only under the outermost call.
    pub(crate) fn only_response_id(&self) -> Option<String> {
        self.scope.outermost()?.only_response_id()
    }

    fn looks_at_output(&self) -> bool {
        let Some(open) = self.open.upgrade() else { return false };
        let is_measured = open.runtime.quality.reads_texts(open.site.kind);
        open.captures_output()
            || (is_measured && open.request_is(|request| !request.rest().content.skips(ContentKind::Output)))
    }

    fn fill(&self, response: Response) -> &Self {
        self.note(|facts| {
            let earlier = std::mem::replace(&mut facts.response, response);
            facts.response.fill_from(earlier);
        })
    }

    /// Writes to the call, unless it has ended. Anything that `write` drops or runs is dropped or run under the call's lock.
    fn note(&self, write: impl FnOnce(&mut Facts)) -> &Self {
        if let Some(open) = self.open.upgrade()
            && let Some(facts) = open.facts().as_mut()
        {
            write(facts);
        }
        self
    }
}
