//! What may be recorded at all, decided once per process: by the builder, else by the environment.

use std::sync::atomic::{AtomicU8, Ordering};

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
    /// As events. This crate does not emit events yet, so until then it records as little as `NoContent`.
    /// `EVENT_ONLY`.
    EventOnly,
    /// As attributes of spans, and as events once this crate emits them. `SPAN_AND_EVENT`.
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
}

/// Yes or no, or not decided yet: then the environment decides, once.
struct Switch(AtomicU8);

const UNDECIDED: u8 = 0;
const DENY: u8 = 1;
const ALLOW: u8 = 2;

static CONTENT: Switch = Switch(AtomicU8::new(UNDECIDED));
static ERROR_MESSAGES: Switch = Switch(AtomicU8::new(UNDECIDED));

impl Switch {
    #[cfg(any(feature = "otlp", test))]
    fn set(&self, allow: bool) {
        self.0.store(if allow { ALLOW } else { DENY }, Ordering::Relaxed);
    }

    fn get(&self, from_environment: fn() -> bool) -> bool {
        match self.0.load(Ordering::Relaxed) {
            ALLOW => true,
            DENY => false,
            _ => {
                let allow = from_environment();
                let decision = if allow { ALLOW } else { DENY };
                // `init()` on another thread may have decided meanwhile, and it wins.
                match self.0.compare_exchange(UNDECIDED, decision, Ordering::Relaxed, Ordering::Relaxed) {
                    Ok(_) => allow,
                    Err(decided) => decided == ALLOW,
                }
            }
        }
    }
}

/// Sets what content may be recorded, for the rest of the process.
#[cfg(feature = "otlp")]
pub(crate) fn allow_content(capture: ContentCapture) {
    CONTENT.set(capture.on_spans());
}

/// Sets whether error messages may be recorded, for the rest of the process.
#[cfg(feature = "otlp")]
pub(crate) fn allow_error_messages(allow: bool) {
    ERROR_MESSAGES.set(allow);
}

/// Whether content may be recorded: one atomic load, and when it says no, content is not looked at.
pub(crate) fn content_allowed() -> bool {
    CONTENT.get(|| {
        let Ok(value) = std::env::var(CAPTURE_CONTENT) else { return false };
        if value.trim().is_empty() {
            return false;
        }
        let Some(capture) = ContentCapture::from_word(&value) else {
            // Without `init()` there is nobody to return an error to, and when in doubt content stays private.
            tracing::warn!(
                "{CAPTURE_CONTENT}: `{value}` is not valid: {CONTENT_WORDS}; content is not recorded"
            );
            return false;
        };
        capture.on_spans()
    })
}

pub(super) fn error_messages_allowed() -> bool {
    ERROR_MESSAGES
        .get(|| std::env::var(CAPTURE_ERROR_MESSAGES).is_ok_and(|value| value.eq_ignore_ascii_case("true")))
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
    fn events_alone_record_nothing_on_spans() {
        assert!(!ContentCapture::EventOnly.on_spans() && !ContentCapture::default().on_spans());
        assert!(ContentCapture::SpanOnly.on_spans() && ContentCapture::SpanAndEvent.on_spans());
    }

    #[test]
    fn a_decision_is_not_taken_twice() {
        let switch = Switch(AtomicU8::new(UNDECIDED));
        assert!(switch.get(|| true));
        assert!(switch.get(|| unreachable!("decided already")));
        switch.set(false);
        assert!(!switch.get(|| unreachable!("decided already")));
    }
}
