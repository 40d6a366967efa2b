//! Content as a small owned tree: what lies between a value of the user's and the JSON on a span.
//!
//! Its size is bounded while it is built ([`capture`]), it is rewritten in place (messages, redaction, truncation),
//! and it serializes to JSON that is valid whatever was cut away.

pub(crate) mod bounds;
pub(crate) mod current_context;
pub(crate) mod json;
pub(crate) mod media;
pub(crate) mod panic;
pub(crate) mod reader;
mod serializer;
pub(crate) mod worker;

mod capture;
mod parse;
mod shrink;

use std::borrow::Cow;
use std::collections::VecDeque;

use serde::ser::{Serialize, SerializeMap, SerializeSeq, Serializer};

use self::media::Media;

use capture::NODE;
pub(crate) use capture::{Limits, capture};
pub(crate) use parse::parse;
#[cfg(any(feature = "otlp", test))]
pub(crate) use shrink::fitted;
pub(crate) use shrink::{fitted_or_mark, to_text};

/// `serde_json` serializes a number as a struct of this name when its `arbitrary_precision` feature is on.
const ARBITRARY_PRECISION: &str = "$serde_json::private::Number";

pub(crate) type Key = Cow<'static, str>;

/// The `f64` that prints like `value`: `0.7_f32` becomes 0.7, not 0.699999988079071.
pub(crate) fn widen(value: f32) -> f64 {
    value.to_string().parse().unwrap_or_else(|_| f64::from(value))
}

/// A value of the user's, as far as its budget went.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum ContentValue {
    Null,
    Bool(bool),
    Int(i128),
    Double(f64),
    Text(Text),
    Media(Media),
    List(List),
    Object(Vec<(Key, ContentValue)>),
}

/// A string, or as much of its beginning as is kept.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Text {
    pub(crate) kept: String,
    /// The length of the whole string in bytes.
    pub(crate) bytes: usize,
}

impl Text {
    /// As much of a text as the limit allows.
    pub(crate) fn cut(text: &str, limit: usize) -> Self {
        Text { kept: crate::value::prefix(text, limit).to_owned(), bytes: text.len() }
    }

    /// Adds to the end as long as that is not cut, up to `limit` bytes in all; the rest is only counted. Returns how many
    /// bytes were added.
    pub(crate) fn push(&mut self, more: &Text, limit: usize) -> usize {
        let room = if self.is_whole() { limit.saturating_sub(self.kept.len()) } else { 0 };
        let added = crate::value::prefix(&more.kept, room);
        self.kept.push_str(added);
        self.bytes += more.bytes;
        added.len()
    }

    pub(crate) fn is_whole(&self) -> bool {
        self.kept.len() == self.bytes
    }

    /// The text, with a mark of how long it was if it is not whole.
    pub(crate) fn shown(&self) -> Cow<'_, str> {
        if self.is_whole() {
            Cow::Borrowed(&self.kept)
        } else {
            Cow::Owned(format!("{}{}", self.kept, self.mark()))
        }
    }

    pub(crate) fn mark(&self) -> String {
        format!("…[truncated, {} bytes]", self.bytes)
    }
}

/// A list, or as much of it as is kept: its first element and its last ones.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct List {
    pub(crate) items: VecDeque<ContentValue>,
    /// How many elements are missing behind the first.
    pub(crate) omitted: usize,
    pub(crate) of: Elements,
}

/// Form of the elements of a list. The mark of omitted elements has the same form.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Elements {
    #[default]
    Values,
    Messages,
    Parts,
    Tools,
    /// Best first.
    Documents,
}

impl ContentValue {
    pub(crate) fn text(text: impl Into<String>) -> Self {
        let kept = text.into();
        ContentValue::Text(Text { bytes: kept.len(), kept })
    }

    pub(crate) fn list(of: Elements, items: impl IntoIterator<Item = ContentValue>) -> Self {
        ContentValue::List(List { items: items.into_iter().collect(), omitted: 0, of })
    }

    /// An object of those entries that have a value.
    pub(crate) fn object<const N: usize>(entries: [(&'static str, Option<ContentValue>); N]) -> Self {
        ContentValue::Object(
            entries
                .into_iter()
                .filter_map(|(key, value)| {
                    value
                        .filter(|value| *value != ContentValue::Null)
                        .map(|value| (Cow::Borrowed(key), value))
                })
                .collect(),
        )
    }

    pub(crate) fn as_str(&self) -> Option<&str> {
        match self {
            ContentValue::Text(text) => Some(&text.kept),
            _ => None,
        }
    }

    /// A text as it is recorded.
    pub(crate) fn shown(&self) -> Option<Cow<'_, str>> {
        match self {
            ContentValue::Text(text) => Some(text.shown()),
            _ => None,
        }
    }

    pub(crate) fn get(&self, key: &str) -> Option<&ContentValue> {
        match self {
            ContentValue::Object(entries) => {
                entries.iter().find(|(name, _)| name == key).map(|(_, value)| value)
            }
            _ => None,
        }
    }

    pub(crate) fn has(&self, key: &str) -> bool {
        self.get(key).is_some()
    }

    /// Takes the value of the first of `keys` that has one out of an object.
    pub(crate) fn take(&mut self, keys: &[&str]) -> Option<ContentValue> {
        let ContentValue::Object(entries) = self else { return None };
        for key in keys {
            let found = entries.iter().position(|(name, value)| name == key && *value != ContentValue::Null);
            if let Some(index) = found {
                return Some(entries.remove(index).1);
            }
        }
        None
    }

    /// The elements of a list; anything else is its own only element.
    pub(crate) fn into_list(self) -> List {
        match self {
            ContentValue::List(list) => list,
            ContentValue::Null => List::default(),
            other => List { items: VecDeque::from([other]), ..List::default() },
        }
    }

    /// How much of a budget this takes, roughly.
    pub(crate) fn cost(&self) -> usize {
        let inner = match self {
            ContentValue::Text(text) => text.kept.len(),
            ContentValue::List(list) => list.items.iter().map(ContentValue::cost).sum(),
            ContentValue::Object(entries) => {
                entries.iter().map(|(key, value)| key.len() + value.cost()).sum()
            }
            ContentValue::Null
            | ContentValue::Bool(_)
            | ContentValue::Int(_)
            | ContentValue::Double(_)
            | ContentValue::Media(_) => 0,
        };
        NODE + inner
    }

    /// Calls `visit` for every text, object keys not included.
    pub(crate) fn each_text(&mut self, visit: &mut impl FnMut(&mut Text)) {
        match self {
            ContentValue::Text(text) => visit(text),
            ContentValue::List(list) => list.items.iter_mut().for_each(|item| item.each_text(visit)),
            ContentValue::Object(entries) => entries.iter_mut().for_each(|(_, value)| value.each_text(visit)),
            ContentValue::Null
            | ContentValue::Bool(_)
            | ContentValue::Int(_)
            | ContentValue::Double(_)
            | ContentValue::Media(_) => {}
        }
    }
}

impl Serialize for ContentValue {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            ContentValue::Null => serializer.serialize_unit(),
            ContentValue::Bool(value) => serializer.serialize_bool(*value),
            ContentValue::Int(value) => match i64::try_from(*value) {
                Ok(value) => serializer.serialize_i64(value),
                Err(_) => serializer.serialize_i128(*value),
            },
            ContentValue::Double(value) => serializer.serialize_f64(*value),
            ContentValue::Text(text) => serializer.serialize_str(&text.shown()),
            ContentValue::Media(media) => media.serialize(serializer),
            ContentValue::List(list) => {
                let mut seq = serializer.serialize_seq(Some(list.items.len()))?;
                for item in &list.items {
                    seq.serialize_element(item)?;
                }
                seq.end()
            }
            ContentValue::Object(entries) => {
                let mut map = serializer.serialize_map(Some(entries.len()))?;
                for (key, value) in entries {
                    map.serialize_entry(key, value)?;
                }
                map.end()
            }
        }
    }
}

/// Whether this is the type that `serde` serializes the tag of an adjacently tagged enum as (`#[serde(tag = "kind", content = "value")]`).
/// It is a struct whose first field is the tag, in a type of its own that no program can name.
fn is_tag<T: ?Sized>() -> bool {
    std::any::type_name::<T>().ends_with("::AdjacentlyTaggedEnumVariant")
}

/// The longest beginning of a text that is at most `limit` bytes and ends between characters.
pub(crate) fn prefix(text: &str, limit: usize) -> &str {
    &text[..prefix_end(text, limit)]
}

/// The first `limit` characters of a text that has more.
pub(crate) fn prefix_of_chars(text: &str, limit: usize) -> Option<&str> {
    if text.len() <= limit {
        return None; // no character is less than a byte
    }
    text.char_indices().nth(limit).map(|(end, _)| &text[..end])
}

pub(crate) fn prefix_end(text: &str, limit: usize) -> usize {
    if limit >= text.len() {
        return text.len();
    }
    (0..=limit).rev().find(|end| text.is_char_boundary(*end)).unwrap_or(0)
}
