//! The key of a map's entry, as JSON would have it.

use std::borrow::Cow;

use serde::ser::{self, Impossible, Serialize};

use super::Key;
use super::capture::Ended;

/// Longer ones than any real key are cut.
const MAX_KEY_BYTES: usize = 256;

/// Serializes a key to its text.
pub(super) struct KeyText;

macro_rules! key_from_display {
    ($($method:ident: $type:ty),*) => {$(
        fn $method(self, v: $type) -> Result<Key, Ended> {
            Ok(Cow::Owned(v.to_string()))
        }
    )*};
}

impl ser::Serializer for KeyText {
    type Ok = Key;
    type Error = Ended;
    type SerializeSeq = Impossible<Key, Ended>;
    type SerializeTuple = Impossible<Key, Ended>;
    type SerializeTupleStruct = Impossible<Key, Ended>;
    type SerializeTupleVariant = Impossible<Key, Ended>;
    type SerializeMap = Impossible<Key, Ended>;
    type SerializeStruct = Impossible<Key, Ended>;
    type SerializeStructVariant = Impossible<Key, Ended>;

    key_from_display! {
        serialize_bool: bool, serialize_i8: i8, serialize_i16: i16, serialize_i32: i32, serialize_i64: i64,
        serialize_i128: i128, serialize_u8: u8, serialize_u16: u16, serialize_u32: u32, serialize_u64: u64,
        serialize_u128: u128, serialize_f32: f32, serialize_f64: f64, serialize_char: char
    }

    fn serialize_str(self, v: &str) -> Result<Key, Ended> {
        Ok(Cow::Owned(crate::value::prefix(v, MAX_KEY_BYTES).to_owned()))
    }
    fn serialize_unit_variant(self, _: &'static str, _: u32, variant: &'static str) -> Result<Key, Ended> {
        Ok(Cow::Borrowed(variant))
    }
    fn serialize_newtype_struct<T: Serialize + ?Sized>(self, _: &'static str, v: &T) -> Result<Key, Ended> {
        v.serialize(self)
    }
    fn serialize_some<T: Serialize + ?Sized>(self, v: &T) -> Result<Key, Ended> {
        v.serialize(self)
    }
    fn serialize_bytes(self, _: &[u8]) -> Result<Key, Ended> {
        Err(Ended)
    }
    fn serialize_none(self) -> Result<Key, Ended> {
        Err(Ended)
    }
    fn serialize_unit(self) -> Result<Key, Ended> {
        Err(Ended)
    }
    fn serialize_unit_struct(self, _: &'static str) -> Result<Key, Ended> {
        Err(Ended)
    }
    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        _: u32,
        _: &'static str,
        _: &T,
    ) -> Result<Key, Ended> {
        Err(Ended)
    }
    fn serialize_seq(self, _: Option<usize>) -> Result<Self::SerializeSeq, Ended> {
        Err(Ended)
    }
    fn serialize_tuple(self, _: usize) -> Result<Self::SerializeTuple, Ended> {
        Err(Ended)
    }
    fn serialize_tuple_struct(self, _: &'static str, _: usize) -> Result<Self::SerializeTupleStruct, Ended> {
        Err(Ended)
    }
    fn serialize_tuple_variant(
        self,
        _: &'static str,
        _: u32,
        _: &'static str,
        _: usize,
    ) -> Result<Self::SerializeTupleVariant, Ended> {
        Err(Ended)
    }
    fn serialize_map(self, _: Option<usize>) -> Result<Self::SerializeMap, Ended> {
        Err(Ended)
    }
    fn serialize_struct(self, _: &'static str, _: usize) -> Result<Self::SerializeStruct, Ended> {
        Err(Ended)
    }
    fn serialize_struct_variant(
        self,
        _: &'static str,
        _: u32,
        _: &'static str,
        _: usize,
    ) -> Result<Self::SerializeStructVariant, Ended> {
        Err(Ended)
    }
}
