//! JSON text → tree: tool arguments travel as a string of JSON, and are an object to whoever looks at them.

use std::borrow::Cow;
use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};

use super::media::Media;
use super::{ARBITRARY_PRECISION, ContentValue, Elements};

/// The tree of a text that is a JSON object or list, as a whole; a number or a word in quotes stays text.
pub(crate) fn parse(text: &str) -> Option<ContentValue> {
    let looks_like_it = text.trim_start().starts_with(['{', '[']);
    looks_like_it.then(|| serde_json::from_str(text).ok()).flatten()
}

impl<'de> Deserialize<'de> for ContentValue {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(TreeVisitor)
    }
}

struct TreeVisitor;

impl<'de> Visitor<'de> for TreeVisitor {
    type Value = ContentValue;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }
    fn visit_unit<E>(self) -> Result<ContentValue, E> {
        Ok(ContentValue::Null)
    }
    fn visit_bool<E>(self, value: bool) -> Result<ContentValue, E> {
        Ok(ContentValue::Bool(value))
    }
    fn visit_i64<E>(self, value: i64) -> Result<ContentValue, E> {
        Ok(ContentValue::Int(value.into()))
    }
    fn visit_u64<E>(self, value: u64) -> Result<ContentValue, E> {
        Ok(ContentValue::Int(value.into()))
    }
    fn visit_f64<E>(self, value: f64) -> Result<ContentValue, E> {
        Ok(ContentValue::Double(value))
    }
    fn visit_str<E>(self, value: &str) -> Result<ContentValue, E> {
        Ok(Media::of_text(value).map_or_else(|| ContentValue::text(value), ContentValue::Media))
    }
    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<ContentValue, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = seq.next_element()? {
            items.push(item);
        }
        Ok(ContentValue::list(Elements::Values, items))
    }
    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<ContentValue, A::Error> {
        let mut entries = Vec::new();
        while let Some((key, value)) = map.next_entry::<String, ContentValue>()? {
            if key == ARBITRARY_PRECISION {
                return Ok(number(value.as_str().unwrap_or_default()));
            }
            entries.push((Cow::Owned(key), value));
        }
        Ok(ContentValue::Object(entries))
    }
}

/// A number that `arbitrary_precision` passes on as its digits.
pub(super) fn number(digits: &str) -> ContentValue {
    digits
        .parse()
        .map(ContentValue::Int)
        .or_else(|_| digits.parse().map(ContentValue::Double))
        .unwrap_or_else(|_| ContentValue::text(digits))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn objects_and_lists_are_parsed_and_keep_their_order_and_other_text_stays_text() {
        for json in [r#"{"b":1,"a":[true,null,-0.5,"x"]}"#, "[1,2]", "{}"] {
            let tree = parse(json).expect("JSON");
            assert_eq!(serde_json::to_string(&tree).expect("valid"), json);
        }
        for text in ["42", "\"quoted\"", "{not json", "[1] and more", "null", ""] {
            assert_eq!(parse(text), None, "{text}");
        }
    }

    #[test]
    fn media_in_json_text_is_described_and_not_kept() {
        let tree =
            parse(r#"{"image": "data:image/png;base64,iVBORw0KGgo=", "note": "a cat"}"#).expect("JSON");
        let json = serde_json::to_string(&tree).expect("valid");
        assert!(!json.contains("iVBOR") && json.contains("image/png") && json.contains("a cat"), "{json}");
    }
}
