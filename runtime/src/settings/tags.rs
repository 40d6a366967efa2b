//! Which tags are labels of metrics, and which travel.

use opentelemetry::Key;

use super::env::invalid;
use super::{Builder, ConfigError};
use crate::runtime::TagRules;

/// Reserved prefixes: of the conventions and of llm-trace.
const TAKEN: &[&str] = &["gen_ai.", "llm_trace.", "error.", "server.", "mcp."];

pub(super) fn rules(builder: &Builder) -> Result<TagRules, ConfigError> {
    let (mut labels, mut baggage) = (Vec::new(), Vec::new());
    for name in &builder.tag_labels {
        if name.is_empty() || TAKEN.iter().any(|taken| name.starts_with(taken)) {
            let taken: Vec<_> = TAKEN.iter().map(|taken| format!("`{taken}`")).collect();
            let expected =
                format!("expected the name of a tag, which does not begin with {}", taken.join(", "));
            return Err(invalid("with_tag_labels", name.clone(), expected));
        }
        put(&mut labels, name);
    }
    for name in &builder.baggage_keys {
        if name.is_empty() || !name.bytes().all(is_token) {
            let expected = "expected a name that fits into a header: letters, digits and `!#$%&'*+-.^_`|~`";
            return Err(invalid("with_baggage_keys", name.clone(), expected));
        }
        put(&mut baggage, name);
    }
    Ok(TagRules { labels, baggage })
}

fn put(keys: &mut Vec<Key>, name: &str) {
    if keys.iter().all(|key| key.as_str() != name) {
        keys.push(Key::from(name.to_owned()));
    }
}

/// Of a token as RFC 7230 defines it, which keys of baggage are.
fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}
