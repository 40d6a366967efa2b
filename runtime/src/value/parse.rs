//! JSON text → tree: tool arguments travel as a string of JSON, and are an object to whoever looks at them.

use std::borrow::Cow;
use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};

use super::{ARBITRARY_PRECISION, Elements, Tree};

/// The tree of a text that is a JSON object or list, as a whole; a number or a word in quotes stays text.
pub(crate) fn parse(text: &str) -> Option<Tree> {
    let looks_like_it = text.trim_start().starts_with(['{', '[']);
    looks_like_it.then(|| serde_json::from_str(text).ok()).flatten()
}

impl<'de> Deserialize<'de> for Tree {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(TreeVisitor)
    }
}

struct TreeVisitor;

impl<'de> Visitor<'de> for TreeVisitor {
    type Value = Tree;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }
    fn visit_unit<E>(self) -> Result<Tree, E> {
        Ok(Tree::Null)
    }
    fn visit_bool<E>(self, value: bool) -> Result<Tree, E> {
        Ok(Tree::Bool(value))
    }
    fn visit_i64<E>(self, value: i64) -> Result<Tree, E> {
        Ok(Tree::Int(value.into()))
    }
    fn visit_u64<E>(self, value: u64) -> Result<Tree, E> {
        Ok(Tree::Int(value.into()))
    }
    fn visit_f64<E>(self, value: f64) -> Result<Tree, E> {
        Ok(Tree::Double(value))
    }
    fn visit_str<E>(self, value: &str) -> Result<Tree, E> {
        Ok(Tree::text(value))
    }
    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Tree, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = seq.next_element()? {
            items.push(item);
        }
        Ok(Tree::list(Elements::Values, items))
    }
    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Tree, A::Error> {
        let mut entries = Vec::new();
        while let Some((key, value)) = map.next_entry::<String, Tree>()? {
            if key == ARBITRARY_PRECISION {
                return Ok(number(value.as_str().unwrap_or_default()));
            }
            entries.push((Cow::Owned(key), value));
        }
        Ok(Tree::Object(entries))
    }
}

/// A number that `arbitrary_precision` passes on as its digits.
pub(super) fn number(digits: &str) -> Tree {
    digits
        .parse()
        .map(Tree::Int)
        .or_else(|_| digits.parse().map(Tree::Double))
        .unwrap_or_else(|_| Tree::text(digits))
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
}
