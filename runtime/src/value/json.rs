//! JSON text, serialized as what it says and not as a text: a `serde_json::value::RawValue`.
//!
//! It is parsed while it is serialized, so that what its serializer skips is skipped here too, and nothing is kept of it.

use std::cell::Cell;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error as _, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde::ser::{Error as _, Serialize, SerializeMap, SerializeSeq, Serializer};

/// `serde_json` serializes a `RawValue` as a struct of this name, whose only field has the name too.
pub(crate) const RAW_VALUE: &str = "$serde_json::private::RawValue";

/// A text that is JSON.
pub(crate) struct Json<'a>(pub(crate) &'a str);

impl Serialize for Json<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut parser = serde_json::Deserializer::from_str(self.0);
        // The parser's messages quote, so none is passed on.
        parser.deserialize_any(Pass(serializer)).map_err(|_| S::Error::custom("not JSON"))
    }
}

/// Hands what is parsed over to a serializer.
struct Pass<S>(S);

macro_rules! pass {
    ($($visit:ident => $serialize:ident: $type:ty),*) => {$(
        fn $visit<E: serde::de::Error>(self, value: $type) -> Result<S::Ok, E> {
            self.0.$serialize(value).map_err(E::custom)
        }
    )*};
}

impl<'de, S: Serializer> Visitor<'de> for Pass<S> {
    type Value = S::Ok;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    pass! {
        visit_bool => serialize_bool: bool, visit_i64 => serialize_i64: i64, visit_u64 => serialize_u64: u64,
        visit_f64 => serialize_f64: f64, visit_str => serialize_str: &str
    }

    fn visit_unit<E: serde::de::Error>(self) -> Result<S::Ok, E> {
        self.0.serialize_unit().map_err(E::custom)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<S::Ok, A::Error> {
        let mut seq = match self.0.serialize_seq(items.size_hint()) {
            Ok(seq) => seq,
            Err(error) => {
                // Read to its end, for what follows it to be read.
                while items.next_element::<IgnoredAny>()?.is_some() {}
                return Err(A::Error::custom(error));
            }
        };
        while items.next_element_seed(Element(&mut seq))?.is_some() {}
        seq.end().map_err(A::Error::custom)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<S::Ok, A::Error> {
        let mut map = match self.0.serialize_map(entries.size_hint()) {
            Ok(map) => map,
            Err(error) => {
                while entries.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
                return Err(A::Error::custom(error));
            }
        };
        while let Some(key) = entries.next_key::<String>()? {
            map.serialize_key(&key).map_err(A::Error::custom)?;
            entries.next_value_seed(Entry(&mut map))?;
        }
        map.end().map_err(A::Error::custom)
    }
}

struct Element<'s, S>(&'s mut S);

impl<'de, S: SerializeSeq> DeserializeSeed<'de> for Element<'_, S> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, parser: D) -> Result<(), D::Error> {
        let later = Later(Cell::new(Some(parser)));
        self.0.serialize_element(&later).map_err(D::Error::custom)?;
        later.skip()
    }
}

struct Entry<'s, S>(&'s mut S);

impl<'de, S: SerializeMap> DeserializeSeed<'de> for Entry<'_, S> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, parser: D) -> Result<(), D::Error> {
        let later = Later(Cell::new(Some(parser)));
        self.0.serialize_value(&later).map_err(D::Error::custom)?;
        later.skip()
    }
}

/// A value that is parsed on demand.
struct Later<D>(Cell<Option<D>>);

impl<'de, D: Deserializer<'de>> Later<D> {
    fn skip(self) -> Result<(), D::Error> {
        match self.0.into_inner() {
            Some(parser) => parser.deserialize_ignored_any(IgnoredAny).map(drop),
            None => Ok(()),
        }
    }
}

impl<'de, D: Deserializer<'de>> Serialize for Later<D> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Some(parser) = self.0.take() else { return Err(S::Error::custom("read twice")) };
        parser.deserialize_any(Pass(serializer)).map_err(|_| S::Error::custom("not JSON"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_is_serialized_as_what_it_says_and_its_order_is_kept() {
        let json = r#"{"b":[1,-2,0.5,true,null,"x\n\"y"],"a":{"deep":[[{}]]},"n":18446744073709551615}"#;
        assert_eq!(serde_json::to_string(&Json(json)).expect("JSON"), json);
        for not in ["", "{", "[1,", "{\"a\" 1}", "nul"] {
            assert!(serde_json::to_string(&Json(not)).is_err(), "{not}");
        }
    }
}
