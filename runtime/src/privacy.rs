//! The only door through which text of the user's making reaches telemetry.
//!
//! Prompts, completions and queries do not pass it at all. An error's message can quote them (a client that
//! fails to parse a response often prints the response), so it passes only when the application says so.

use std::fmt::{Display, Write};
use std::sync::atomic::{AtomicU8, Ordering};

/// The environment variable that lets error messages pass: `true` or `false`.
pub(crate) const CAPTURE_ERROR_MESSAGES: &str = "LLM_TRACE_CAPTURE_ERROR_MESSAGES";

/// Longer messages are cut: a message is a hint, not a payload.
const MAX_MESSAGE_BYTES: usize = 1024;

const UNDECIDED: u8 = 0;
const DENY: u8 = 1;
const ALLOW: u8 = 2;

static ERROR_MESSAGES: AtomicU8 = AtomicU8::new(UNDECIDED);

/// Sets whether error messages may be recorded, for the rest of the process.
#[cfg(feature = "otlp")]
pub(crate) fn allow_error_messages(allow: bool) {
    ERROR_MESSAGES.store(if allow { ALLOW } else { DENY }, Ordering::Relaxed);
}

/// The message of an error, if policy allows it to be recorded; otherwise it is not even formatted.
pub(crate) fn error_message(error: &dyn Display) -> Option<String> {
    if !error_messages_allowed() {
        return None;
    }
    let mut message = Bounded { text: String::new() };
    // Stops early when full; a Display impl that fails or panics keeps what it wrote.
    let _ = crate::quietly(|| write!(message, "{error}"));
    Some(message.text)
}

fn error_messages_allowed() -> bool {
    match ERROR_MESSAGES.load(Ordering::Relaxed) {
        ALLOW => true,
        DENY => false,
        _ => {
            // Without `init()` the variable alone decides, once.
            let allow =
                std::env::var(CAPTURE_ERROR_MESSAGES).is_ok_and(|value| value.eq_ignore_ascii_case("true"));
            ERROR_MESSAGES.store(if allow { ALLOW } else { DENY }, Ordering::Relaxed);
            allow
        }
    }
}

/// A writer that keeps the first [`MAX_MESSAGE_BYTES`], cut between characters.
struct Bounded {
    text: String,
}

impl Write for Bounded {
    fn write_str(&mut self, part: &str) -> std::fmt::Result {
        let room = MAX_MESSAGE_BYTES - self.text.len();
        if part.len() <= room {
            self.text.push_str(part);
            return Ok(());
        }
        let cut = (0..=room).rev().find(|&cut| part.is_char_boundary(cut)).unwrap_or(0);
        self.text.push_str(&part[..cut]);
        Err(std::fmt::Error)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_message_is_cut_between_characters() {
        let mut bounded = Bounded { text: String::new() };
        assert!(write!(bounded, "x{}", "é".repeat(MAX_MESSAGE_BYTES)).is_err());
        assert_eq!(bounded.text.len(), MAX_MESSAGE_BYTES - 1);
    }
}
