//! The only way for text of users into telemetry.
//!
//! Prompts, completions, queries, tool arguments: [`policy`] decides whether they are recorded; by default they are not, and are not read.
//! Recorded content is copied up to a budget ([`tree`]), brought into the conventions' form ([`messages`]), freed of personal data and
//! credentials ([`redact`]), and cut to the attribute's budget as a last step: [`content`], once for spans and events. An error's message
//! can quote all of that (a client that fails to parse a response often prints the response), so it has a policy of its own.

mod budget;
mod capture;
mod error_message;
#[cfg(test)]
mod fuzz;
mod measured;
mod messages;
pub(crate) mod openinference;
mod policy;
mod question;
mod recorded;
mod redact;
mod rules;
mod structure;
mod upload;

#[cfg(feature = "otlp")]
use crate::value;
pub(crate) use budget::{RequestBudget, RequestShare};
pub use capture::{AsContent, Capture, Hashed, Redacted};
pub use policy::ContentCapture;
pub(crate) use policy::ContentPolicy;
#[cfg(feature = "otlp")]
pub(crate) use policy::{CAPTURE_CONTENT, CAPTURE_ERROR_MESSAGES, CONTENT_WORDS};
pub(crate) use question::{hash_of_input, hash_of_request};
pub(crate) use recorded::explanation;
#[cfg(feature = "otlp")]
pub(crate) use rules::{Hook, PER_ATTRIBUTE, PER_REQUEST, PER_SPAN, Redaction, Rules};
#[cfg(feature = "otlp")]
pub use upload::ContentDirectory;
#[cfg(feature = "otlp")]
pub(crate) use upload::Uploader;
pub use upload::{ContentItem, ContentStore, ContentUpload};

/// A text cut to at most `budget` bytes, with a mark of how long it was; JSON stays JSON. `None` if it is short enough.
#[cfg(feature = "otlp")]
pub(crate) fn shortened(text: &str, budget: usize) -> Option<String> {
    if text.len() <= budget {
        return None;
    }
    if let Some((_, json)) = value::parse(text).and_then(|tree| value::fitted(tree, budget)) {
        return Some(json);
    }
    let beginning = value::Text { kept: value::prefix(text, budget).to_owned(), bytes: text.len() };
    Some(value::to_text(beginning, budget))
}

/// HMAC-SHA-256.
type KeyedHash = hmac::Hmac<sha2::Sha256>;

/// A digest that only the owner of the key can compute.
fn keyed_hash(key: &[u8]) -> KeyedHash {
    hmac::KeyInit::new_from_slice(key).expect("HMAC accepts keys of any length")
}
