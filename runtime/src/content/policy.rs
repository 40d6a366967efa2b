//! What may be recorded at all, decided once per process: by the builder, else by the environment.

use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};

use super::upload;
use crate::model::site::Kind;

/// The environment variable that lets content pass.
pub(crate) const CAPTURE_CONTENT: &str = "OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT";
/// The environment variable that lets error messages pass: `true` or `false`.
pub(crate) const CAPTURE_ERROR_MESSAGES: &str = "LLM_TRACE_CAPTURE_ERROR_MESSAGES";

/// What a value of [`CAPTURE_CONTENT`] may be, for messages.
pub(crate) const CONTENT_WORDS: &str =
    "expected `NO_CONTENT`, `SPAN_ONLY`, `EVENT_ONLY`, `SPAN_AND_EVENT`, `true` or `false`";

/// Where the content of calls is recorded: prompts, completions, system instructions, tool definitions, the arguments
/// and results of tools, and queries.
///
/// Content is what users typed and what models answered, so nothing of it is recorded unless the application says
/// so, with [`Builder::with_content_capture`](crate::Builder::with_content_capture) or the variable
/// `OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT`. A single function can be excepted with `skip(…)`; none can
/// record more than this allows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum ContentCapture {
    /// Nothing: content is not serialized, not copied, not looked at. `NO_CONTENT`, `false`.
    #[default]
    NoContent,
    /// As attributes of spans. `SPAN_ONLY`, `true`.
    SpanOnly,
    /// On events, and on no span: `gen_ai.client.inference.operation.details` has what calls to models sent and got,
    /// as structured values. There are no such events of other calls, nor are there any where nobody receives events;
    /// there content is not looked at. `EVENT_ONLY`.
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

    /// One bit for each signal.
    fn decision(self) -> u8 {
        DENY | if self.on_spans() { SPANS } else { 0 } | if self.on_events() { EVENTS } else { 0 }
    }
}

/// What is allowed, or not decided yet: then the environment decides, once.
struct Switch(AtomicU8);

const UNDECIDED: u8 = 0;
const DENY: u8 = 1;
const ALLOW: u8 = 2;
/// What content is allowed on, next to [`DENY`], which is every decision's.
const SPANS: u8 = 2;
const EVENTS: u8 = 4;

static CONTENT: Switch = Switch(AtomicU8::new(UNDECIDED));
/// Whether somebody receives events, as the sink of events last said.
static EVENTS_RECEIVED: AtomicBool = AtomicBool::new(false);
static ERROR_MESSAGES: Switch = Switch(AtomicU8::new(UNDECIDED));

impl Switch {
    #[cfg(any(feature = "otlp", test))]
    fn set(&self, decision: u8) {
        self.0.store(decision, Ordering::Relaxed);
    }

    fn get(&self, from_environment: fn() -> u8) -> u8 {
        match self.0.load(Ordering::Relaxed) {
            UNDECIDED => {
                let decision = from_environment();
                // `init()` on another thread may have decided meanwhile, and it wins.
                match self.0.compare_exchange(UNDECIDED, decision, Ordering::Relaxed, Ordering::Relaxed) {
                    Ok(_) => decision,
                    Err(decided) => decided,
                }
            }
            decided => decided,
        }
    }
}

/// Sets what content may be recorded, for the rest of the process.
#[cfg(feature = "otlp")]
pub(crate) fn allow_content(capture: ContentCapture) {
    CONTENT.set(capture.decision());
}

/// Sets whether error messages may be recorded, for the rest of the process.
#[cfg(feature = "otlp")]
pub(crate) fn allow_error_messages(allow: bool) {
    ERROR_MESSAGES.set(if allow { ALLOW } else { DENY });
}

/// Says whether somebody receives events: content is recorded on none that nobody receives.
pub(crate) fn set_events_received(are_received: bool) {
    EVENTS_RECEIVED.store(are_received, Ordering::Relaxed);
}

/// Whether any content may be recorded: one atomic load or two, and when it says no, content is not looked at.
pub(crate) fn content_allowed() -> bool {
    content_on_spans() || content_on_events() || upload::is_on()
}

/// Whether content of such a call may be recorded anywhere. Only calls to models have an event for it.
pub(super) fn content_allowed_of(kind: Kind) -> bool {
    content_on_spans() || (kind.is_inference() && content_on_events())
}

/// Whether content may be recorded on spans.
pub(crate) fn content_on_spans() -> bool {
    content() & SPANS != 0
}

/// Whether content may be recorded on events, and somebody receives them.
pub(crate) fn content_on_events() -> bool {
    content() & EVENTS != 0 && EVENTS_RECEIVED.load(Ordering::Relaxed)
}

fn content() -> u8 {
    CONTENT.get(|| {
        let Ok(value) = std::env::var(CAPTURE_CONTENT) else { return DENY };
        if value.trim().is_empty() {
            return DENY;
        }
        let Some(capture) = ContentCapture::from_word(&value) else {
            // Without `init()` there is nobody to return an error to, and when in doubt content stays private.
            tracing::warn!(
                "{CAPTURE_CONTENT}: `{value}` is not valid: {CONTENT_WORDS}; content is not recorded"
            );
            return DENY;
        };
        capture.decision()
    })
}

pub(super) fn error_messages_allowed() -> bool {
    let from_environment = || {
        let allow =
            std::env::var(CAPTURE_ERROR_MESSAGES).is_ok_and(|value| value.eq_ignore_ascii_case("true"));
        if allow { ALLOW } else { DENY }
    };
    ERROR_MESSAGES.get(from_environment) == ALLOW
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
        let signals = |capture: ContentCapture| {
            let decision = capture.decision();
            (decision & SPANS != 0, decision & EVENTS != 0)
        };
        assert_eq!(signals(ContentCapture::NoContent), (false, false));
        assert_eq!(signals(ContentCapture::SpanOnly), (true, false));
        assert_eq!(signals(ContentCapture::EventOnly), (false, true));
        assert_eq!(signals(ContentCapture::SpanAndEvent), (true, true));
        assert_ne!(ContentCapture::NoContent.decision(), UNDECIDED);
    }

    #[test]
    fn a_decision_is_not_taken_twice() {
        let switch = Switch(AtomicU8::new(UNDECIDED));
        assert_eq!(switch.get(|| ALLOW), ALLOW);
        assert_eq!(switch.get(|| unreachable!("decided already")), ALLOW);
        switch.set(DENY);
        assert_eq!(switch.get(|| unreachable!("decided already")), DENY);
    }
}
