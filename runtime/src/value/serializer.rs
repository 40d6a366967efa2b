//! The `serde::Serializer` under all that is read of a value: the fields that a [`Reader`](super::reader::Reader) asks for, and content.
//!
//! It knows what `serde` and `serde_json` do (enum tags, `RawValue`, `arbitrary_precision`, keys of maps); a [`Sink`] decides what
//! is looked at and kept.

use std::fmt::{self, Display};

use serde::ser::{self, Serialize};

use super::json::{Json, RAW_VALUE};
use super::{ARBITRARY_PRECISION, is_tag};

/// A place that a value is serialized to.
pub(super) trait Sink: Sized {
    /// Result of a value.
    type Value;
    type List: ListSink<Value = Self::Value>;
    type Object: ObjectSink<Value = Self::Value>;

    /// The same place, one recursion further: of an option or a newtype.
    fn wrapped(self) -> Result<Self, Ended>;

    fn nothing(self) -> Result<Self::Value, Ended>;
    fn bool(self, value: bool) -> Result<Self::Value, Ended>;
    fn int(self, value: i128) -> Result<Self::Value, Ended>;
    fn double(self, value: f64) -> Result<Self::Value, Ended>;
    fn text(self, value: &str) -> Result<Self::Value, Ended>;
    /// A text that is short: a character, digits, the name of an enum's variant.
    fn word(self, value: &str) -> Result<Self::Value, Ended>;
    fn bytes(self, value: &[u8]) -> Result<Self::Value, Ended>;

    /// A newtype variant.
    fn variant<T: Serialize + ?Sized>(self, _variant: &'static str, value: &T) -> Result<Self::Value, Ended> {
        value.serialize(Walk::new(self.wrapped()?))
    }

    fn list(self, len: Option<usize>) -> Result<Self::List, Ended>;
    /// A tuple, which may be an enum's variant.
    fn tuple(self, variant: Option<&'static str>) -> Result<Self::List, Ended>;
    /// A map or struct, which may be an enum's variant.
    fn object(self, variant: Option<&'static str>) -> Result<Self::Object, Ended>;
}

/// Where the elements of a list or tuple go.
pub(super) trait ListSink {
    type Value;

    fn element<T: Serialize + ?Sized>(&mut self, value: &T) -> Step;
    fn end(self) -> Result<Self::Value, Ended>;
}

/// Where the entries of a map or the fields of a struct go.
pub(super) trait ObjectSink {
    type Value;
    /// Result of looking up a key.
    type Entry;

    /// Looks up the key of a map's entry; `None` skips the value, which is not serialized then.
    fn key(&self, key: &str) -> Option<Self::Entry>;

    /// Looks up the name of a struct's field.
    fn field(&mut self, name: &'static str) -> Option<Self::Entry> {
        self.key(name)
    }

    fn entry<T: Serialize + ?Sized>(&mut self, entry: Self::Entry, value: &T) -> Step;

    /// A value that stands where the object stands.
    fn in_place<T: Serialize + ?Sized>(&mut self, value: &T, form: Form) -> Step;

    fn end(self) -> Result<Self::Value, Ended>;
}

/// Kinds of objects.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    Plain,
    /// An adjacently tagged enum whose content comes next.
    Tagged,
    /// JSON in a text.
    Raw,
    /// The digits of a number.
    Number,
}

/// The value could not be serialized. It carries nothing: a message could hold content.
#[derive(Debug)]
pub(crate) struct Ended;

impl Display for Ended {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the value could not be serialized")
    }
}

impl std::error::Error for Ended {}

impl ser::Error for Ended {
    fn custom<T: Display>(_message: T) -> Self {
        Ended
    }
}

pub(super) type Step = Result<(), Ended>;

/// Serializes a value to a sink.
pub(super) struct Walk<S> {
    sink: S,
    /// A text is JSON.
    is_raw: bool,
}

impl<S: Sink> Walk<S> {
    pub(super) fn new(sink: S) -> Self {
        Walk { sink, is_raw: false }
    }

    /// Serializes a value that takes the place of an object of this form.
    pub(super) fn in_place(sink: S, form: Form) -> Self {
        Walk { sink, is_raw: form == Form::Raw }
    }

    fn wrapped(self) -> Result<Self, Ended> {
        Ok(Walk { sink: self.sink.wrapped()?, ..self })
    }
}

macro_rules! numbers {
    ($($method:ident: $type:ty => $sink:ident),*) => {$(
        fn $method(self, v: $type) -> Result<S::Value, Ended> {
            self.sink.$sink(v.into())
        }
    )*};
}

impl<S: Sink> ser::Serializer for Walk<S> {
    type Ok = S::Value;
    type Error = Ended;
    type SerializeSeq = List<S::List>;
    type SerializeTuple = List<S::List>;
    type SerializeTupleStruct = List<S::List>;
    type SerializeTupleVariant = List<S::List>;
    type SerializeMap = Object<S::Object>;
    type SerializeStruct = Object<S::Object>;
    type SerializeStructVariant = Object<S::Object>;

    numbers! {
        serialize_bool: bool => bool, serialize_i8: i8 => int, serialize_i16: i16 => int, serialize_i32: i32 => int,
        serialize_i64: i64 => int, serialize_i128: i128 => int, serialize_u8: u8 => int, serialize_u16: u16 => int,
        serialize_u32: u32 => int, serialize_u64: u64 => int, serialize_f64: f64 => double
    }

    fn serialize_u128(self, v: u128) -> Result<S::Value, Ended> {
        match i128::try_from(v) {
            Ok(v) => self.sink.int(v),
            Err(_) => self.sink.word(&v.to_string()),
        }
    }
    fn serialize_f32(self, v: f32) -> Result<S::Value, Ended> {
        self.sink.double(super::widen(v))
    }
    fn serialize_char(self, v: char) -> Result<S::Value, Ended> {
        self.sink.word(v.encode_utf8(&mut [0; 4]))
    }
    fn serialize_str(self, v: &str) -> Result<S::Value, Ended> {
        if self.is_raw {
            return Json(v).serialize(Walk::new(self.sink));
        }
        self.sink.text(v)
    }
    fn serialize_bytes(self, v: &[u8]) -> Result<S::Value, Ended> {
        self.sink.bytes(v)
    }
    fn serialize_none(self) -> Result<S::Value, Ended> {
        self.sink.nothing()
    }
    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<S::Value, Ended> {
        value.serialize(self.wrapped()?)
    }
    fn serialize_unit(self) -> Result<S::Value, Ended> {
        self.sink.nothing()
    }
    fn serialize_unit_struct(self, _: &'static str) -> Result<S::Value, Ended> {
        self.sink.nothing()
    }
    fn serialize_unit_variant(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
    ) -> Result<S::Value, Ended> {
        self.sink.word(variant)
    }
    fn serialize_newtype_struct<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        value: &T,
    ) -> Result<S::Value, Ended> {
        value.serialize(self.wrapped()?)
    }
    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        value: &T,
    ) -> Result<S::Value, Ended> {
        self.sink.variant(variant, value)
    }
    fn serialize_seq(self, len: Option<usize>) -> Result<List<S::List>, Ended> {
        self.sink.list(len).map(List)
    }
    fn serialize_tuple(self, _: usize) -> Result<List<S::List>, Ended> {
        self.sink.tuple(None).map(List)
    }
    fn serialize_tuple_struct(self, _: &'static str, _: usize) -> Result<List<S::List>, Ended> {
        self.sink.tuple(None).map(List)
    }
    fn serialize_tuple_variant(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        _: usize,
    ) -> Result<List<S::List>, Ended> {
        self.sink.tuple(Some(variant)).map(List)
    }
    fn serialize_map(self, _: Option<usize>) -> Result<Object<S::Object>, Ended> {
        self.sink.object(None).map(|sink| Object { sink, next: None, form: Form::Plain })
    }
    fn serialize_struct(self, name: &'static str, _: usize) -> Result<Object<S::Object>, Ended> {
        let form = match name {
            RAW_VALUE => Form::Raw,
            ARBITRARY_PRECISION => Form::Number,
            _ => Form::Plain,
        };
        self.sink.object(None).map(|sink| Object { sink, next: None, form })
    }
    fn serialize_struct_variant(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        _: usize,
    ) -> Result<Object<S::Object>, Ended> {
        self.sink.object(Some(variant)).map(|sink| Object { sink, next: None, form: Form::Plain })
    }
}

/// The elements of a list or tuple.
pub(super) struct List<L>(L);

macro_rules! elements {
    ($($trait:ident::$method:ident),*) => {$(
        impl<L: ListSink> ser::$trait for List<L> {
            type Ok = L::Value;
            type Error = Ended;
            fn $method<T: Serialize + ?Sized>(&mut self, value: &T) -> Step {
                self.0.element(value)
            }
            fn end(self) -> Result<L::Value, Ended> {
                self.0.end()
            }
        }
    )*};
}

elements! {
    SerializeSeq::serialize_element, SerializeTuple::serialize_element,
    SerializeTupleStruct::serialize_field, SerializeTupleVariant::serialize_field
}

/// The entries of a map or the fields of a struct.
pub(super) struct Object<O: ObjectSink> {
    sink: O,
    /// Of a map, whose keys come before their values.
    next: Option<Next<O::Entry>>,
    form: Form,
}

/// Use of a map's next value.
enum Next<E> {
    Entry(E),
    /// The map is a number.
    Digits,
}

impl<O: ObjectSink> Object<O> {
    fn field<T: Serialize + ?Sized>(&mut self, name: &'static str, value: &T) -> Step {
        let form = self.form;
        self.form = if is_tag::<T>() { Form::Tagged } else { Form::Plain };
        if matches!(form, Form::Raw | Form::Number) {
            return self.sink.in_place(value, form);
        }
        match self.sink.field(name) {
            Some(entry) => self.sink.entry(entry, value),
            None if form == Form::Tagged => self.sink.in_place(value, form),
            None => Ok(()),
        }
    }
}

macro_rules! fields {
    ($($trait:ident),*) => {$(
        impl<O: ObjectSink> ser::$trait for Object<O> {
            type Ok = O::Value;
            type Error = Ended;
            fn serialize_field<T: Serialize + ?Sized>(&mut self, name: &'static str, value: &T) -> Step {
                self.field(name, value)
            }
            fn end(self) -> Result<O::Value, Ended> {
                self.sink.end()
            }
        }
    )*};
}

fields!(SerializeStruct, SerializeStructVariant);

impl<O: ObjectSink> ser::SerializeMap for Object<O> {
    type Ok = O::Value;
    type Error = Ended;
    fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> Step {
        let Object { sink, next, .. } = self;
        *next = None;
        let mut find = |key: &str| {
            *next = match key {
                ARBITRARY_PRECISION => Some(Next::Digits),
                key => sink.key(key).map(Next::Entry),
            };
        };
        // A key that is no text, as JSON would have it, has no value either.
        let _ = key.serialize(Walk::new(KeyText { found: &mut find, wrappers: 0 }));
        Ok(())
    }
    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Step {
        match self.next.take() {
            Some(Next::Entry(entry)) => self.sink.entry(entry, value),
            Some(Next::Digits) => self.sink.in_place(value, Form::Number),
            None => Ok(()),
        }
    }
    fn end(self) -> Result<O::Value, Ended> {
        self.sink.end()
    }
}

/// The key of a map's entry, without a copy of it. Not generic over the sink of the map, or there would be no end of sinks.
struct KeyText<'f> {
    found: &'f mut dyn FnMut(&str),
    wrappers: u8,
}

/// Options and newtypes around a key.
const MAX_KEY_WRAPPERS: u8 = 96;

impl Sink for KeyText<'_> {
    type Value = ();
    type List = Never;
    type Object = Never;

    fn wrapped(mut self) -> Result<Self, Ended> {
        self.wrappers += 1;
        if self.wrappers < MAX_KEY_WRAPPERS { Ok(self) } else { Err(Ended) }
    }
    fn nothing(self) -> Step {
        Err(Ended)
    }
    fn bool(self, value: bool) -> Step {
        self.word(if value { "true" } else { "false" })
    }
    fn int(self, value: i128) -> Step {
        self.word(&value.to_string())
    }
    fn double(self, value: f64) -> Step {
        self.word(&value.to_string())
    }
    fn text(self, value: &str) -> Step {
        self.word(value)
    }
    fn word(self, value: &str) -> Step {
        (self.found)(value);
        Ok(())
    }
    fn bytes(self, _: &[u8]) -> Step {
        Err(Ended)
    }
    fn list(self, _: Option<usize>) -> Result<Never, Ended> {
        Err(Ended)
    }
    fn tuple(self, _: Option<&'static str>) -> Result<Never, Ended> {
        Err(Ended)
    }
    fn object(self, _: Option<&'static str>) -> Result<Never, Ended> {
        Err(Ended)
    }
}

/// No key is a list or an object.
enum Never {}

impl ListSink for Never {
    type Value = ();
    fn element<T: Serialize + ?Sized>(&mut self, _: &T) -> Step {
        match *self {}
    }
    fn end(self) -> Step {
        match self {}
    }
}

impl ObjectSink for Never {
    type Value = ();
    type Entry = ();
    fn key(&self, _: &str) -> Option<()> {
        match *self {}
    }
    fn entry<T: Serialize + ?Sized>(&mut self, (): (), _: &T) -> Step {
        match *self {}
    }
    fn in_place<T: Serialize + ?Sized>(&mut self, _: &T, _: Form) -> Step {
        match *self {}
    }
    fn end(self) -> Step {
        match self {}
    }
}
