//! Messages to the program's operators.

use std::fmt::{self, Display};
use std::io::Write;
use std::sync::atomic::{AtomicBool, Ordering};

/// One line without characters that steer a terminal or reorder what is read: a model's name or an error's message
/// must not be able to move the cursor, set the title or hide what follows.
pub fn printable(text: &str) -> String {
    let words: Vec<_> = text.split_ascii_whitespace().collect();
    let mut printable = String::with_capacity(text.len());
    for character in words.join(" ").chars() {
        if character.is_control() || reorders_or_breaks(character) {
            printable.extend(character.escape_default());
        } else {
            printable.push(character);
        }
    }
    printable
}

/// Bidirectional controls, line and paragraph separators, and the byte order mark.
fn reorders_or_breaks(character: char) -> bool {
    matches!(
        character,
        '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}'
    )
}

/// Emits the message as a `tracing` error, and returns whether a subscriber displayed it.
///
/// An installed subscriber, even one that enables the event, does not show that it is displayed: a filter may drop it, and a registry
/// without a layer accepts everything and displays nothing. A subscriber that displays the event formats its message, so the message
/// records whether it was formatted.
pub(super) fn to_subscriber(message: &dyn Display) -> bool {
    let witness = Witness { message, formatted: AtomicBool::new(false) };
    tracing::error!(target: "llm_trace_delivery", "{witness}");
    witness.formatted.into_inner()
}

/// Writes the message to stderr. Unlike `eprintln!`, does not panic if stderr is closed.
pub(super) fn to_stderr(message: &dyn Display) {
    let _ = writeln!(std::io::stderr().lock(), "llm-trace: {message}");
}

struct Witness<'a> {
    message: &'a dyn Display,
    formatted: AtomicBool,
}

impl Display for Witness<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.formatted.store(true, Ordering::Relaxed);
        self.message.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_steers_a_terminal_is_shown_instead_of_obeyed() {
        let cases = [
            ("red \x1b[31m", "red \\u{1b}[31m"),
            ("title \x1b]0;x\x07", "title \\u{1b}]0;x\\u{7}"),
            ("over\rwrite\n and\ttab", "over write and tab"),
            ("c1 \u{9b}31m", "c1 \\u{9b}31m"),
            ("bidi \u{202e}gnp", "bidi \\u{202e}gnp"),
            ("isolate \u{2067}", "isolate \\u{2067}"),
            ("line\u{2028}", "line\\u{2028}"),
            ("gpt-4o → „größer“ 日本 👩‍💻", "gpt-4o → „größer“ 日本 👩‍💻"),
        ];
        for (text, expected) in cases {
            assert_eq!(printable(text), expected);
        }
    }
}
