//! Question → keyed hash. The text is read, hashed and dropped.

use std::fmt::Write as _;

use hmac::Mac as _;
use serde::Serialize;

use super::recorded::INPUT_KEYS;
use super::{keyed_hash, messages};
use crate::value::{ContentValue, Limits, capture};

/// Length of the hash in bytes: enough to distinguish a program's questions, and short enough for a legend.
const KEPT: usize = 6;

/// Returns the hash of the question in a text, or in messages of any API: the last user message.
pub(crate) fn hash_of_input<T: Serialize + ?Sized>(
    value: &T,
    key: &[u8],
    limits: Limits<'_>,
) -> Option<String> {
    hash(capture(value, limits)?, key)
}

/// The same of a request body of any API.
pub(crate) fn hash_of_request<T: Serialize + ?Sized>(
    body: &T,
    key: &[u8],
    limits: Limits<'_>,
) -> Option<String> {
    let limits = Limits { keys: Some(INPUT_KEYS), ..limits };
    hash(capture(body, limits)?.take(INPUT_KEYS)?, key)
}

fn hash(tree: ContentValue, key: &[u8]) -> Option<String> {
    let messages = messages::input(tree).into_list().items;
    let from_users = messages
        .iter()
        .rev()
        .filter(|message| message.get("role").and_then(ContentValue::as_str) == Some("user"));
    // A message of a user's can have nothing but the results of tools.
    let question = from_users.map(normalised).find(|question| !question.is_empty())?;
    // With a key: who does not have it cannot try questions out.
    let mut hmac = keyed_hash(key);
    hmac.update(question.as_bytes());
    let digest = hmac.finalize().into_bytes();
    Some(digest[..KEPT].iter().fold(String::with_capacity(2 * KEPT), |mut hex, byte| {
        let _ = write!(hex, "{byte:02x}");
        hex
    }))
}

/// The words of a message in lower case, with one space between them: "Reset my password?" and "reset my  password" are one
/// question.
fn normalised(message: &ContentValue) -> String {
    let mut words = String::new();
    let Some(ContentValue::List(parts)) = message.get("parts") else { return words };
    let texts =
        parts.items.iter().filter(|part| part.get("type").and_then(ContentValue::as_str) == Some("text"));
    for text in texts.filter_map(|part| part.get("content")) {
        let ContentValue::Text(text) = text else { continue };
        for word in text.kept.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty()) {
            if !words.is_empty() {
                words.push(' ');
            }
            words.extend(word.chars().flat_map(char::to_lowercase));
        }
    }
    words
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::content::ContentPolicy;

    fn hashed_input<T: Serialize + ?Sized>(value: &T, key: &[u8]) -> Option<String> {
        hash_of_input(value, key, ContentPolicy::default().limits())
    }

    fn hashed_request<T: Serialize + ?Sized>(body: &T, key: &[u8]) -> Option<String> {
        hash_of_request(body, key, ContentPolicy::default().limits())
    }

    const KEY: &[u8] = b"a key of at least 16 bytes";

    #[test]
    fn case_punctuation_and_space_make_no_other_question_and_words_and_keys_do() {
        let of = |text: &str| hashed_input(text, KEY);
        let known = of("How do I reset my password?");
        assert_eq!(known.as_deref().map(str::len), Some(2 * KEPT));
        assert_eq!(of("  how do I\nreset my PASSWORD…"), known);
        assert_ne!(of("How do I reset my pass word?"), known);
        assert_ne!(hashed_input("How do I reset my password?", b"another key of 16 bytes"), known);
        assert_eq!(of(" ?! "), None);
    }

    #[test]
    fn the_question_is_what_the_user_said_last() {
        let known = hashed_input("why?", KEY);
        let messages = json!([
            {"role": "system", "content": "be brief"}, {"role": "user", "content": "hello"},
            {"role": "assistant", "content": "hi"}, {"role": "user", "content": [{"type": "text", "text": "Why?"}]},
            {"role": "assistant", "content": [{"type": "tool_use", "id": "1", "name": "t", "input": {}}]},
            {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "1", "content": "because"}]}
        ]);
        assert_eq!(hashed_input(&messages, KEY), known);
        assert_eq!(hashed_request(&json!({"model": "m", "messages": messages}), KEY), known);
        let gemini = json!({"contents": [{"role": "user", "parts": [{"text": "why"}]}]});
        assert_eq!(hashed_request(&gemini, KEY), known);
        assert_eq!(hashed_request(&json!({"model": "m", "input": "Why"}), KEY), known);
        assert_eq!(hashed_request(&json!({"model": "m"}), KEY), None);
    }
}
