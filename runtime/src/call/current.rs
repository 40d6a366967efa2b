//! The call that is running now, for facts that its arguments and return value do not tell.

use std::sync::{Arc, Weak};

use opentelemetry::Context;
use opentelemetry::trace::TraceContextExt;

use super::{AttributeValue, Content, Open};
use crate::privacy::{self, Piece};
use crate::request::Request;
use crate::response::{LlmResponse, Response, Usage};

/// The annotated call this code runs in; see [`current()`].
#[derive(Clone, Debug)]
pub struct CurrentCall {
    /// Weak, so that a context kept by a detached task does not keep prompts alive.
    open: Weak<Open>,
}

/// The innermost `#[llm_trace]` call that is running, to tell it what its return value does not: a function that
/// returns only the text can still report usage.
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
    Context::map_current(|context| context.get::<CurrentCall>().cloned())
        .unwrap_or(CurrentCall { open: Weak::new() })
}

impl CurrentCall {
    pub(super) fn new(open: &Arc<Open>) -> Self {
        CurrentCall { open: Arc::downgrade(open) }
    }

    /// Records tokens used; it overrides what the return value tells.
    pub fn usage(&self, usage: Usage) -> &Self {
        self.response(&Response::new().with_usage(usage))
    }

    /// Records everything a response tells; it overrides what the return value tells. For a type that is
    /// `Serialize` but not [`LlmResponse`] use [`response_body`](Self::response_body).
    pub fn response<T: LlmResponse + ?Sized>(&self, response: &T) -> &Self {
        self.fill(response.describe())
    }

    /// Reads a provider's response body, of any shape the attribute reads from a return value.
    pub fn response_body<T: serde::Serialize + ?Sized>(&self, body: &T) -> &Self {
        let response = crate::probe::read_response(body);
        self.fill(if self.captures_output() { response.with_output(body) } else { response })
    }

    /// What was answered, where the return value does not tell: a text, a message, or a whole body of any API. Recorded
    /// only if the application captures content; if it does not, the value is not looked at.
    pub fn output<T: Content + ?Sized>(&self, output: &T) -> &Self {
        if self.captures_output() {
            self.fill(Response::new().with_output(output));
        }
        self
    }

    /// Sets a span attribute of your own.
    pub fn attribute<T: AttributeValue + ?Sized>(&self, key: &'static str, value: &T) -> &Self {
        self.request(|request| request.attribute(key, value))
    }

    /// Sets request parameters that were not known when the call began. Provider, model and server are part of
    /// how the span starts and cannot change any more.
    pub fn request(&self, set: impl FnOnce(&mut Request)) -> &Self {
        let Some(open) = self.open.upgrade() else { return self };
        // The closure is the caller's: it must not run under the lock, where recording again would deadlock.
        let mut later = Request::new(open.site.kind);
        set(&mut later);
        let mut facts = open.facts();
        if !facts.ended {
            for attribute in later.attributes {
                facts.request.set_attribute(attribute);
            }
            facts.request.content.replace_with(later.content);
        }
        self
    }

    /// The call's trace id in hex, to show to a user or to write into a log; `None` outside of any call.
    pub fn trace_id(&self) -> Option<String> {
        let context = Context::current();
        let span = context.span();
        let span_context = span.span_context();
        (self.open.strong_count() > 0 && span_context.is_valid()).then(|| span_context.trace_id().to_string())
    }

    fn captures_output(&self) -> bool {
        let takes = |open: Arc<Open>| open.facts().request.captures(Piece::Output);
        privacy::content_allowed() && self.open.upgrade().is_some_and(takes)
    }

    fn fill(&self, response: Response) -> &Self {
        if let Some(open) = self.open.upgrade() {
            let mut facts = open.facts();
            if !facts.ended {
                let earlier = std::mem::replace(&mut facts.response, response);
                facts.response.fill_from(earlier);
            }
        }
        self
    }
}
