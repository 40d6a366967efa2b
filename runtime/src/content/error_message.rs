//! The message of an error, which can quote a prompt or a completion.

use std::fmt::{Display, Write};

use super::policy::ContentPolicy;

/// Longer messages are cut: a message is a hint, not a payload.
const MAX_MESSAGE_BYTES: usize = 1024;

impl ContentPolicy {
    /// The message of an error, if it may be recorded; otherwise it is not even formatted.
    pub(crate) fn error_message(&self, error: &dyn Display) -> Option<String> {
        if !self.error_messages {
            return None;
        }
        let mut message = Bounded { text: String::new() };
        // Stops early when full; a Display impl that fails or panics keeps what it wrote.
        let _ = crate::value::panic::catch_user_panic(|| write!(message, "{error}"));
        Some(self.redacted(message.text))
    }

    /// A text without what must not be recorded.
    pub(crate) fn redacted(&self, text: String) -> String {
        self.rules.redacted(text)
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
        self.text.push_str(crate::value::prefix(part, room));
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
