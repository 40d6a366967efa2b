//! Policy on recording content: from the builder, or else the environment.

use std::sync::Arc;

use super::openinference;
use super::rules::Rules;
use super::upload::{ContentUpload, Uploader};
use crate::model::site::Kind;
use crate::value::Limits;

/// The environment variable that lets content pass.
pub(crate) const CAPTURE_CONTENT: &str = "OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT";
/// The environment variable that lets error messages pass: `true` or `false`.
pub(crate) const CAPTURE_ERROR_MESSAGES: &str = "LLM_TRACE_CAPTURE_ERROR_MESSAGES";

/// Allowed values of [`CAPTURE_CONTENT`], for messages.
pub(crate) const CONTENT_WORDS: &str =
    "expected `NO_CONTENT`, `SPAN_ONLY`, `EVENT_ONLY`, `SPAN_AND_EVENT`, `true` or `false`";

/// Where content of calls is recorded: prompts, completions, system instructions, tool definitions, the arguments and results of tools, and
/// queries.
///
/// Content is typed by users and answered by models, so none of it is recorded unless the application enables it, with
/// [`Builder::with_content_capture`](crate::Builder::with_content_capture) or the variable
/// `OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT`. A single function can be excepted with `skip(…)`; none can record more than this
/// allows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum ContentCapture {
    /// Nothing: content is not serialized, not copied, not looked at. `NO_CONTENT`, `false`.
    #[default]
    NoContent,
    /// As attributes of spans. `SPAN_ONLY`, `true`.
    SpanOnly,
    /// On events, and on no span: `gen_ai.client.inference.operation.details` has the input and output of calls to models, as structured
    /// values. Other calls have no such events. Without a receiver of events, none are made, and content is not read. `EVENT_ONLY`.
    EventOnly,
    /// As attributes of spans, and on the events of calls to models. `SPAN_AND_EVENT`.
    SpanAndEvent,
}

impl ContentCapture {
    /// Reads a value of the environment variable, in any case.
    pub(crate) fn from_word(word: &str) -> Option<Self> {
        Some(match word.trim().to_ascii_lowercase().as_str() {
            "no_content" | "false" => ContentCapture::NoContent,
            "span_only" | "true" => ContentCapture::SpanOnly,
            "event_only" => ContentCapture::EventOnly,
            "span_and_event" => ContentCapture::SpanAndEvent,
            _ => return None,
        })
    }

    fn on_spans(self) -> bool {
        matches!(self, ContentCapture::SpanOnly | ContentCapture::SpanAndEvent)
    }

    pub(crate) fn on_events(self) -> bool {
        matches!(self, ContentCapture::EventOnly | ContentCapture::SpanAndEvent)
    }

    /// Without `init()` the variable alone decides.
    fn from_environment() -> Self {
        let Ok(value) = std::env::var(CAPTURE_CONTENT) else { return ContentCapture::NoContent };
        if value.trim().is_empty() {
            return ContentCapture::NoContent;
        }
        ContentCapture::from_word(&value).unwrap_or_else(|| {
            // Without `init()` no error can be returned, and content stays private by default.
            tracing::warn!(
                "{CAPTURE_CONTENT}: `{value}` is not valid: {CONTENT_WORDS}; content is not recorded"
            );
            ContentCapture::NoContent
        })
    }
}

/// Policy on content: whether, where, and in which form it is recorded.
#[derive(Clone, Debug, Default)]
pub(crate) struct ContentPolicy {
    pub(crate) capture: ContentCapture,
    /// Without a receiver of events, no content is recorded on events.
    pub(crate) are_events_received: bool,
    pub(crate) error_messages: bool,
    /// Whether spans have OpenInference attributes too.
    pub(crate) openinference: bool,
    pub(crate) rules: Arc<Rules>,
    /// The uploader of content, and whether content is uploaded only.
    pub(crate) upload: Option<(Arc<Uploader>, ContentUpload)>,
}

impl ContentPolicy {
    /// The policy of a process without `init()`.
    pub(crate) fn from_environment() -> Self {
        let error_messages = std::env::var(CAPTURE_ERROR_MESSAGES);
        ContentPolicy {
            capture: ContentCapture::from_environment(),
            error_messages: error_messages.is_ok_and(|value| value.eq_ignore_ascii_case("true")),
            openinference: openinference::from_environment(),
            ..ContentPolicy::default()
        }
    }

    /// Returns whether any content may be recorded. If not, content is not read.
    pub(crate) fn allows_content(&self) -> bool {
        self.on_spans() || self.on_events() || self.uploads()
    }

    /// Returns whether content of such a call may be recorded anywhere. Only calls to models have an event for it.
    pub(super) fn allows_content_of(&self, kind: Kind) -> bool {
        self.on_spans() || (kind.is_inference() && self.on_events())
    }

    /// Returns whether content may be recorded on spans.
    pub(crate) fn on_spans(&self) -> bool {
        self.capture.on_spans()
    }

    /// Returns whether content may be recorded on events that are received.
    pub(crate) fn on_events(&self) -> bool {
        self.are_events_received && self.capture.on_events()
    }

    /// Returns whether content is uploaded, including that of calls that are not recorded.
    pub(crate) fn uploads(&self) -> bool {
        self.upload.is_some()
    }

    /// Returns the limits on copied values.
    pub(crate) fn limits(&self) -> Limits<'static> {
        self.rules.limits(self.uploads())
    }

    /// Compiles the rules now where they are going to be needed: no call waits for that.
    #[cfg(feature = "otlp")]
    pub(crate) fn compile(&self) {
        if self.error_messages || self.capture != ContentCapture::NoContent || self.uploads() {
            self.rules.compile();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_variables_words_are_read_in_any_case() {
        for (word, capture) in [
            ("NO_CONTENT", ContentCapture::NoContent),
            ("False", ContentCapture::NoContent),
            ("span_only", ContentCapture::SpanOnly),
            (" TRUE ", ContentCapture::SpanOnly),
            ("Event_Only", ContentCapture::EventOnly),
            ("SPAN_AND_EVENT", ContentCapture::SpanAndEvent),
        ] {
            assert_eq!(ContentCapture::from_word(word), Some(capture), "{word}");
        }
        for word in ["", "1", "yes", "span", "SPAN-ONLY"] {
            assert_eq!(ContentCapture::from_word(word), None, "{word}");
        }
    }

    #[test]
    fn each_signal_is_decided_by_itself() {
        let signals = |capture, are_events_received| {
            let policy = ContentPolicy { capture, are_events_received, ..ContentPolicy::default() };
            (policy.on_spans(), policy.on_events())
        };
        assert_eq!(signals(ContentCapture::NoContent, true), (false, false));
        assert_eq!(signals(ContentCapture::SpanOnly, true), (true, false));
        assert_eq!(signals(ContentCapture::EventOnly, true), (false, true));
        assert_eq!(signals(ContentCapture::SpanAndEvent, true), (true, true));
        assert_eq!(signals(ContentCapture::SpanAndEvent, false), (true, false), "nobody receives events");
    }
}
