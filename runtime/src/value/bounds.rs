//! Bounds of values that come from outside: the ranges of numbers and the lengths of names, each defined here once.
//!
//! A value that is not believed is left out, counted in `llm_trace.implausible` by its kind, and the rest of what came with it
//! is kept. Names are left out and not cut: the beginning of a name is another name, and a text that is too long for a name is
//! somebody's content. Only descriptions are cut.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use opentelemetry::{Array, Value};
use smol_str::SmolStr;

use crate::semconv::attribute;

/// A number, by what it counts or measures.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Number {
    /// Tokens and other units of one call. The SDK adds them up in a `u64`, which so many of them cannot overflow.
    Tokens,
    /// Documents, attempts, dimensions.
    Count,
    /// Limits of a provider, and what remains of them.
    RateLimit,
    /// Seconds.
    Duration,
    /// Scores of documents and evaluations, on whatever scale.
    Score,
    /// US dollars of one call.
    #[cfg_attr(not(feature = "pricing"), allow(dead_code, reason = "without prices nothing costs"))]
    Cost,
    /// Parameters of a request. Some servers give a meaning to negative numbers.
    Parameter,
}

impl Number {
    /// The least and the most that is believed, both included.
    const fn range(self) -> (f64, f64) {
        const TEN_YEARS: f64 = 10.0 * 365.25 * 86400.0;
        match self {
            Number::Tokens | Number::Count => (0.0, 1e9),
            Number::RateLimit => (0.0, 1e12),
            Number::Duration => (0.0, TEN_YEARS),
            Number::Score => (-1e9, 1e9),
            Number::Cost => (0.0, 1e6),
            Number::Parameter => (-1e12, 1e12),
        }
    }

    /// The number, if it is within the range.
    pub(crate) fn check(self, value: f64) -> Option<f64> {
        let (least, most) = self.range();
        // Not a number is in no range.
        let is_plausible = (least..=most).contains(&value);
        if !is_plausible {
            left_out(self as usize);
        }
        is_plausible.then_some(value)
    }

    /// The same for a whole number.
    pub(crate) fn check_count(self, value: u64) -> Option<u64> {
        #[expect(clippy::cast_precision_loss, reason = "exact as far as the ranges go")]
        self.check(value as f64).map(|_| value)
    }

    /// A count that was read as any number.
    pub(crate) fn whole(self, value: f64) -> Option<u64> {
        let is_whole = value.fract() == 0.0 || !value.is_finite();
        if !is_whole {
            left_out(self as usize);
            return None;
        }
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "whole and in the range")]
        self.check(value).map(|value| value as u64)
    }
}

/// A number of seconds as a duration.
pub(crate) fn seconds(seconds: f64) -> Option<Duration> {
    Number::Duration.check(seconds).and_then(|seconds| Duration::try_from_secs_f64(seconds).ok())
}

/// A duration, if it is one that can be.
pub(crate) fn duration(duration: Duration) -> Option<Duration> {
    Number::Duration.check(duration.as_secs_f64()).map(|_| duration)
}

/// Bytes of a name: of a model, an id, a method, a reason, a tag.
pub(crate) const MAX_NAME: usize = 256;
/// Bytes of a URI or a path.
const MAX_ADDRESS: usize = 1024;
/// Bytes of a description of the program's own, which is cut.
const MAX_DESCRIPTION: usize = 4096;
/// Bytes of a word.
const MAX_WORD: usize = 64;
/// Elements of a list: as many as any provider offers choices.
pub(crate) const MAX_ITEMS: usize = 128;
/// The conventions' word for an unknown value of a required attribute.
pub(crate) const OTHER: &str = "_OTHER";

/// The values of `llm_trace.value.kind`: those of [`Number`] in its order, then names.
const KINDS: [&str; 8] = ["tokens", "count", "rate_limit", "duration", "score", "cost", "parameter", "name"];
const NAME: usize = KINDS.len() - 1;
/// How many values of each kind have been left out in this process.
static LEFT_OUT: [AtomicU64; KINDS.len()] = [const { AtomicU64::new(0) }; KINDS.len()];

/// How many values have been left out so far, by kind; nothing of a kind of which none has.
pub(crate) fn left_out_by_kind() -> impl Iterator<Item = (&'static str, u64)> {
    let counts = LEFT_OUT.iter().map(|count| count.load(Ordering::Relaxed));
    KINDS.into_iter().zip(counts).filter(|(_, count)| *count > 0)
}

/// A name, if it is short and on one line.
pub(crate) fn name(text: &str) -> Option<&str> {
    within(text, MAX_NAME)
}

/// The same for one that the conventions require.
pub(crate) fn required(text: &str) -> &str {
    name(text).unwrap_or(OTHER)
}

/// The text of an attribute that is not the user's own, by the attribute.
pub(crate) fn text<'t>(key: &str, text: &'t str) -> Option<&'t str> {
    match key {
        attribute::TOOL_DESCRIPTION | attribute::AGENT_DESCRIPTION | attribute::SKILL_DESCRIPTION => {
            Some(crate::value::prefix(text, MAX_DESCRIPTION))
        }
        attribute::MCP_RESOURCE_URI
        | attribute::SKILL_SOURCE_URI
        | attribute::SKILL_RESOURCE_NAME
        | attribute::PROCESS_EXECUTABLE_PATH => within(text, MAX_ADDRESS),
        _ => name(text),
    }
}

/// The beginning of a text that is cut further before it is recorded.
pub(crate) fn beginning(text: &str) -> &str {
    crate::value::prefix(text, MAX_DESCRIPTION)
}

/// An element of a list of texts that are no names: a stop sequence may be a line break.
pub(crate) fn item(text: &str) -> Option<&str> {
    let is_short = text.len() <= MAX_NAME;
    if !is_short {
        left_out(NAME);
    }
    is_short.then_some(text)
}

/// The elements of a list that are short, up to [`MAX_ITEMS`].
pub(crate) fn items(list: Vec<String>) -> Vec<String> {
    list.into_iter().filter(|text| item(text).is_some()).take(MAX_ITEMS).collect()
}

/// The value of a tag, which every call inside has too.
pub(crate) fn tag(value: Value) -> Option<Value> {
    match value {
        Value::String(text) => name(text.as_str()).is_some().then_some(Value::String(text)),
        Value::Array(Array::String(list)) => {
            let short = list.into_iter().filter(|text| item(text.as_str()).is_some());
            Some(Value::Array(Array::String(short.take(MAX_ITEMS).collect())))
        }
        value => number(value),
    }
}

/// A value of the user's own, unless it is not a number: no backend can show that.
pub(crate) fn number(value: Value) -> Option<Value> {
    if matches!(value, Value::F64(number) if !number.is_finite()) {
        left_out(Number::Parameter as usize);
        return None;
    }
    Some(value)
}

/// Whether a text is a word, as those are by which providers name reasons and states. Anything else that they say in its place
/// is free text, and content.
pub(crate) fn is_word(text: &str) -> bool {
    let is_of_word = |byte: u8| byte.is_ascii_alphanumeric() || b"_-.:".contains(&byte);
    (1..=MAX_WORD).contains(&text.len()) && text.bytes().all(is_of_word)
}

/// A name that is kept.
pub(crate) fn kept(text: &str) -> Option<SmolStr> {
    name(text).map(SmolStr::new)
}

fn within(text: &str, most: usize) -> Option<&str> {
    let is_name = text.len() <= most && !has_control(text);
    if !is_name {
        left_out(NAME);
    }
    is_name.then_some(text)
}

/// Counts a value that is not believed.
#[cold]
fn left_out(kind: usize) {
    static IS_SAID: AtomicBool = AtomicBool::new(false);
    LEFT_OUT[kind].fetch_add(1, Ordering::Relaxed);
    if !IS_SAID.swap(true, Ordering::Relaxed) {
        tracing::warn!(
            target: "llm_trace",
            "a value is left out as it cannot be: a {} out of its range (said once; llm_trace.implausible counts)",
            KINDS[kind],
        );
    }
}

fn has_control(text: &str) -> bool {
    // Most names are ASCII, and are not decoded.
    text.bytes().any(|byte| !(b' '..0x7f).contains(&byte)) && text.contains(char::is_control)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ends_of_a_range_are_in_it_and_what_is_no_number_is_in_none() {
        for number in [
            Number::Tokens,
            Number::Count,
            Number::RateLimit,
            Number::Duration,
            Number::Score,
            Number::Cost,
            Number::Parameter,
        ] {
            let (least, most) = number.range();
            assert_eq!((number.check(least), number.check(most)), (Some(least), Some(most)));
            let beyond = [least.next_down(), most.next_up(), f64::NAN, f64::INFINITY, f64::NEG_INFINITY];
            assert_eq!(beyond.map(|value| number.check(value)), [None; 5], "{number:?}");
        }
    }

    #[test]
    fn what_is_left_out_is_counted_by_its_kind() {
        let counted =
            |kind| left_out_by_kind().find(|(known, _)| *known == kind).map_or(0, |(_, count)| count);
        for (number, kind) in [
            (Number::Tokens, "tokens"),
            (Number::Count, "count"),
            (Number::RateLimit, "rate_limit"),
            (Number::Duration, "duration"),
            (Number::Score, "score"),
            (Number::Cost, "cost"),
            (Number::Parameter, "parameter"),
        ] {
            let before = counted(kind);
            number.check(f64::NAN);
            assert!(counted(kind) > before, "{kind}");
        }
        let before = counted("name");
        assert_eq!(name("two\nlines"), None);
        assert!(counted("name") > before);
    }

    #[test]
    fn a_count_is_whole() {
        let whole = |value| Number::Tokens.whole(value);
        assert_eq!([whole(0.0), whole(7.0), whole(1e9)], [Some(0), Some(7), Some(1_000_000_000)]);
        assert_eq!([whole(1.5), whole(-1.0), whole(1e19), whole(f64::NAN)], [None; 4]);
        assert_eq!(Number::Tokens.check_count(u64::MAX), None);
    }

    #[test]
    fn durations_are_of_a_lifetime_of_programs() {
        assert_eq!(seconds(0.5), Some(Duration::from_millis(500)));
        assert_eq!([seconds(-0.5), seconds(1e10), seconds(f64::NAN)], [None; 3]);
        assert_eq!(duration(Duration::MAX), None);
    }

    #[test]
    fn a_reason_is_a_word_and_a_sentence_is_not() {
        for word in ["stop", "END_TURN", "content_filter", "max-tokens", "a.b:c", &"x".repeat(64)] {
            assert!(is_word(word), "{word}");
        }
        for text in ["", "two words", "line\n", "é", &"x".repeat(65)] {
            assert!(!is_word(text), "{text}");
        }
    }

    #[test]
    fn descriptions_are_cut_between_characters_and_nothing_else_is() {
        let long = "é".repeat(MAX_DESCRIPTION);
        assert_eq!(text(attribute::TOOL_DESCRIPTION, &long).map(str::len), Some(MAX_DESCRIPTION));
        assert_eq!(text(attribute::RESPONSE_ID, &long), None);
        assert_eq!(text(attribute::MCP_RESOURCE_URI, &long[..MAX_ADDRESS]).map(str::len), Some(MAX_ADDRESS));
    }
}
