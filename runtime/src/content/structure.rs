//! Content as events carry it: maps and lists instead of JSON in a text.

use std::collections::HashMap;

use opentelemetry::Key;
use opentelemetry::logs::AnyValue;

use crate::value::ContentValue;

/// A level of maps is three messages inside each other in protobuf, and most receivers read a hundred: what lies
/// deeper than this is JSON, or they would refuse the whole request.
const MAX_DEPTH: usize = 24;

/// The value of an attribute of an event.
pub(super) fn structured(tree: &ContentValue) -> AnyValue {
    value(tree, 0)
}

fn value(tree: &ContentValue, depth: usize) -> AnyValue {
    match tree {
        // Reached in lists only, where leaving it out would move what follows.
        ContentValue::Null => AnyValue::from("null"),
        ContentValue::Bool(value) => AnyValue::Boolean(*value),
        // As text what no integer of OTLP holds: a double would be another number.
        ContentValue::Int(value) => {
            i64::try_from(*value).map_or_else(|_| AnyValue::from(value.to_string()), AnyValue::Int)
        }
        ContentValue::Double(value) => AnyValue::Double(*value),
        ContentValue::Text(text) => AnyValue::from(text.shown().into_owned()),
        ContentValue::Media(media) => AnyValue::from(media.to_string()),
        ContentValue::List(_) | ContentValue::Object(_) if depth == MAX_DEPTH => {
            AnyValue::from(serde_json::to_string(tree).unwrap_or_default())
        }
        ContentValue::List(list) => list.items.iter().map(|item| value(item, depth + 1)).collect(),
        ContentValue::Object(entries) => {
            let known = entries.iter().filter(|(_, entry)| *entry != ContentValue::Null);
            let map: HashMap<Key, AnyValue> =
                known.map(|(key, entry)| (Key::from(key.clone()), value(entry, depth + 1))).collect();
            AnyValue::Map(Box::new(map))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::content::rules::Rules;
    use crate::value::capture;

    fn of(json: &serde_json::Value) -> AnyValue {
        structured(&capture(json, Rules::default().limits(false)).expect("a tree"))
    }

    fn entry(map: &AnyValue, key: &'static str) -> Option<AnyValue> {
        let AnyValue::Map(map) = map else { panic!("not a map: {map:?}") };
        map.get(&Key::from(key)).cloned()
    }

    #[test]
    fn every_type_stays_what_it_is() {
        let value = of(&serde_json::json!({
            "text": "x", "int": -7, "large": u64::MAX, "double": 0.5, "flag": true, "list": [1, null], "nothing": null
        }));
        assert_eq!(entry(&value, "text"), Some(AnyValue::from("x")));
        assert_eq!(entry(&value, "int"), Some(AnyValue::Int(-7)));
        assert_eq!(entry(&value, "large"), Some(AnyValue::from("18446744073709551615")));
        assert_eq!(entry(&value, "double"), Some(AnyValue::Double(0.5)));
        assert_eq!(entry(&value, "flag"), Some(AnyValue::Boolean(true)));
        let list = vec![AnyValue::Int(1), AnyValue::from("null")];
        assert_eq!(entry(&value, "list"), Some(AnyValue::ListAny(Box::new(list))));
        assert_eq!(entry(&value, "nothing"), None);
    }

    #[test]
    fn what_is_nested_deeper_than_receivers_read_is_json() {
        let mut json = serde_json::json!("core");
        for _ in 0..MAX_DEPTH + 2 {
            json = serde_json::json!({ "in": json });
        }
        let mut value = of(&json);
        for _ in 0..MAX_DEPTH {
            value = entry(&value, "in").expect("a map inside");
        }
        assert_eq!(value, AnyValue::from(r#"{"in":{"in":"core"}}"#));
    }
}
