//! Processing of recorded content: redaction and budgets, the same for the whole process.

use std::fmt;
use std::sync::Arc;

#[cfg(feature = "otlp")]
use regex_automata::meta::Regex;

use super::capture::HashKey;
use super::redact;
use crate::value::{ContentValue, Limits};

/// So much more of a text is kept than may be recorded, for a secret across the cut to be seen as a whole.
const MARGIN: usize = 256;

/// Room for a page or two of each, and for a trace with hundreds of spans in a backend's limits.
pub(crate) const PER_ATTRIBUTE: usize = 16 << 10;
pub(crate) const PER_SPAN: usize = 64 << 10;

/// As much as sixteen spans: an agent that goes round and round sends its whole conversation every time.
pub(crate) const PER_REQUEST: usize = 1 << 20;

/// Limit on uploaded content, in bytes, independent of the limits on spans.
const PER_UPLOAD: usize = 1 << 20;

pub(crate) type Hook = Arc<dyn Fn(&str) -> Option<String> + Send + Sync>;

/// The rules in force.
#[derive(Debug)]
pub(crate) struct Rules {
    redaction: Redaction,
    pub(crate) per_attribute: usize,
    pub(crate) per_span: usize,
    /// An outermost call and all calls inside it.
    pub(crate) per_request: usize,
    pub(crate) hash_key: HashKey,
}

/// Redaction: built-in rules, patterns of the application, and a function of the application.
#[derive(Clone)]
pub(crate) struct Redaction {
    pub(crate) builtin: bool,
    #[cfg(feature = "otlp")]
    pub(crate) patterns: Vec<(Regex, String)>,
    pub(crate) hook: Option<Hook>,
}

impl Default for Redaction {
    fn default() -> Self {
        Redaction {
            builtin: true,
            #[cfg(feature = "otlp")]
            patterns: Vec::new(),
            hook: None,
        }
    }
}

impl fmt::Debug for Redaction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Redaction")
            .field("builtin", &self.builtin)
            .field("hook", &self.hook.is_some())
            .finish_non_exhaustive()
    }
}

impl Default for Rules {
    fn default() -> Self {
        Rules::new(Redaction::default(), None)
    }
}

impl Rules {
    pub(crate) fn new(redaction: Redaction, budget: Option<(usize, usize)>) -> Self {
        let (per_attribute, per_span) = budget.unwrap_or((PER_ATTRIBUTE, PER_SPAN));
        Rules {
            redaction,
            per_attribute,
            per_span,
            per_request: PER_REQUEST,
            hash_key: HashKey::of_process(),
        }
    }

    #[cfg(feature = "otlp")]
    pub(crate) fn with_request_budget(self, bytes: usize) -> Self {
        Rules { per_request: bytes, ..self }
    }

    /// Digests are the same wherever the salt is.
    #[cfg(feature = "otlp")]
    pub(crate) fn with_hash_salt(self, salt: &str) -> Self {
        Rules { hash_key: HashKey::of_salt(salt), ..self }
    }

    #[cfg(feature = "otlp")]
    pub(super) fn compile(&self) {
        if self.redaction.builtin {
            redact::compile();
        }
    }

    /// Returns the limit on an uploaded piece of content, in bytes.
    #[cfg(feature = "otlp")]
    pub(super) fn per_upload(&self) -> usize {
        self.per_attribute.max(PER_UPLOAD)
    }

    /// Returns the limits on copied values.
    pub(super) fn limits(&self, is_uploaded: bool) -> Limits<'static> {
        let whole = if is_uploaded { self.per_attribute.max(PER_UPLOAD) } else { self.per_attribute };
        let text = whole.saturating_add(MARGIN);
        Limits { text, total: text.saturating_mul(4), keys: None }
    }

    /// Redacts every text of a tree, keys and numbers included.
    pub(super) fn redact(&self, tree: &mut ContentValue) {
        match tree {
            ContentValue::Text(text) => {
                let was_whole = text.is_whole();
                text.kept = self.redacted(std::mem::take(&mut text.kept));
                text.bytes = if was_whole { text.kept.len() } else { text.bytes.max(text.kept.len() + 1) };
            }
            ContentValue::Int(number) => {
                // A card's number in a JSON number is a card's number.
                let digits = number.to_string();
                let redacted = if digits.len() < 12 { digits.clone() } else { self.redacted(digits.clone()) };
                if redacted != digits {
                    *tree = ContentValue::text(redacted);
                }
            }
            ContentValue::List(list) => list.items.iter_mut().for_each(|item| self.redact(item)),
            ContentValue::Object(entries) => {
                for (key, value) in entries {
                    self.redact_by_name(key, value);
                    if let std::borrow::Cow::Owned(name) = key {
                        *name = self.redacted(std::mem::take(name));
                    }
                    self.redact(value);
                }
            }
            ContentValue::Null | ContentValue::Bool(_) | ContentValue::Double(_) | ContentValue::Media(_) => {
            }
        }
    }

    /// `{"password": "…"}`: the name may reveal a secret where the value's form does not.
    fn redact_by_name(&self, name: &str, value: &mut ContentValue) {
        let is_secret = self.redaction.builtin
            && match value {
                ContentValue::Text(text) => redact::is_secret(name, &text.kept),
                ContentValue::Int(number) => redact::is_secret(name, &number.to_string()),
                _ => false,
            };
        if is_secret {
            *value = ContentValue::text(redact::SECRET.to_owned());
        }
    }

    /// Takes the margin off texts that were cut. What the cut went through may have been a secret, and too short to
    /// be seen as one; before this, only whole ones can be in what stays.
    pub(super) fn settle(&self, tree: &mut ContentValue) {
        tree.each_text(&mut |text| {
            if !text.is_whole() {
                let redacted = self.redacted(std::mem::take(&mut text.kept));
                crate::value::prefix(&redacted, redacted.len().saturating_sub(MARGIN))
                    .clone_into(&mut text.kept);
                text.bytes = text.bytes.max(text.kept.len() + 1);
            }
        });
    }

    /// A text without what must not be recorded.
    pub(super) fn redacted(&self, mut text: String) -> String {
        if self.redaction.builtin {
            text = redact::redact(text);
        }
        #[cfg(feature = "otlp")]
        for (pattern, label) in &self.redaction.patterns {
            text = replace_all(text, pattern, label);
        }
        if let Some(hook) = &self.redaction.hook {
            // A hook that panics has not released the text for recording.
            match crate::value::panic::catch_user_panic(|| hook(&text)) {
                Some(Some(changed)) => text = changed,
                Some(None) => {}
                None => "[REDACTED]".clone_into(&mut text),
            }
        }
        text
    }
}

#[cfg(feature = "otlp")]
fn replace_all(text: String, pattern: &Regex, label: &str) -> String {
    let mut out = String::new();
    let mut from = 0;
    for found in pattern.find_iter(&text).filter(|found| !found.is_empty()) {
        out.push_str(&text[from..found.start()]);
        out.push('[');
        out.push_str(label);
        out.push(']');
        from = found.end();
    }
    if from == 0 {
        return text;
    }
    out.push_str(&text[from..]);
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::value::{capture, fitted};

    fn recorded(rules: &Rules, value: &impl serde::Serialize) -> String {
        let mut tree = capture(value, rules.limits(false)).expect("captured");
        rules.settle(&mut tree);
        rules.redact(&mut tree);
        fitted(tree, rules.per_attribute).expect("fits").1
    }

    #[test]
    fn texts_keys_and_numbers_are_redacted() {
        let value = serde_json::json!({
            "ada@example.org": "write to ada@example.org", "card": 4_111_111_111_111_111_i64, "order": 4_111_111_111_111_112_i64
        });
        let json = recorded(&Rules::default(), &value);
        assert!(json.contains(r#""[EMAIL]":"write to [EMAIL]""#), "{json}");
        assert!(json.contains(r#""card":"[CARD]""#) && json.contains("4111111111111112"), "{json}");
    }

    #[test]
    fn a_secret_across_the_cut_is_not_recorded_in_part() {
        let rules = Rules::new(Redaction::default(), Some((1000, 1000)));
        for filler in 960..1300 {
            let text = format!("{}4111111111111111 {}", "x ".repeat(filler / 2), "y".repeat(5000));
            let json = recorded(&rules, &text);
            assert!(!json.contains("4111"), "{filler}: {json}");
            assert!(json.ends_with(&format!("…[truncated, {} bytes]\"", text.len())), "{json}");
        }
    }

    #[test]
    fn a_hook_runs_last_and_when_it_panics_nothing_passes() {
        let redaction = |hook: fn(&str) -> Option<String>| Redaction {
            hook: Some(Arc::new(hook)),
            ..Redaction::default()
        };
        let rules = Rules::new(
            redaction(|text| text.contains("[EMAIL]").then(|| text.replace("Ada", "[NAME]"))),
            None,
        );
        assert_eq!(rules.redacted("Ada <ada@example.org>".into()), "[NAME] <[EMAIL]>");
        assert_eq!(rules.redacted("Ada Lovelace".into()), "Ada Lovelace");
        let rules = Rules::new(redaction(|_| panic!("in a hook")), None);
        assert_eq!(rules.redacted("Ada Lovelace".into()), "[REDACTED]");
    }

    #[test]
    #[cfg(feature = "otlp")]
    fn patterns_are_replaced_by_their_label_and_the_built_in_rules_can_be_off() {
        let pattern = Regex::new(r"\bCASE-\d+\b").expect("valid");
        let redaction = Redaction { patterns: vec![(pattern, "CASE".into())], builtin: false, hook: None };
        let rules = Rules::new(redaction, None);
        assert_eq!(rules.redacted("CASE-17, CASE-x, a@b.org".into()), "[CASE], CASE-x, a@b.org");
    }
}
