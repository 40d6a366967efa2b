//! The `serde::Serializer` behind the probe.

use std::fmt::{self, Display};

use serde::ser::{self, Serialize};

use super::is_tag;
use super::json::{Json, RAW_VALUE};
use super::reader::{Reader, Scalar, visit};

/// `serde_json` serializes a number as a struct of this name when its `arbitrary_precision` feature is on.
const ARBITRARY_PRECISION: &str = "$serde_json::private::Number";

/// Serializes one value that the reader wants to see at `at`.
pub(super) struct Walk<'r, R: Reader> {
    pub(super) reader: &'r mut R,
    pub(super) at: R::Place,
    /// A text is JSON.
    pub(super) is_raw: bool,
    /// How many values this one is inside of.
    pub(super) depth: u8,
}

/// What is deeper is not walked: the walk is a recursion, and how deep a value is comes from outside.
const MAX_DEPTH: u8 = 96;

/// The walk was ended by the value's own `Serialize` impl. It carries nothing: a message could hold content.
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

type Step = Result<(), Ended>;

/// A number beyond what OTLP has, whose integers are signed: it is told as what it is, about.
#[expect(clippy::cast_precision_loss, reason = "no number so large is believed")]
fn beyond_i64(value: u64) -> Scalar<'static> {
    i64::try_from(value).map_or(Scalar::Double(value as f64), Scalar::Int)
}

impl<R: Reader> Walk<'_, R> {
    /// One value further inside.
    fn deeper(mut self) -> Result<Self, Ended> {
        self.depth += 1;
        if self.depth < MAX_DEPTH { Ok(self) } else { Err(Ended) }
    }

    #[expect(clippy::unnecessary_wraps, reason = "every caller returns it as its own result")]
    fn scalar(self, value: Scalar<'_>) -> Step {
        self.reader.scalar(self.at, value);
        Ok(())
    }
}

impl<'r, R: Reader> ser::Serializer for Walk<'r, R> {
    type Ok = ();
    type Error = Ended;
    type SerializeSeq = List<'r, R>;
    type SerializeTuple = List<'r, R>;
    type SerializeTupleStruct = List<'r, R>;
    type SerializeTupleVariant = List<'r, R>;
    type SerializeMap = Object<'r, R>;
    type SerializeStruct = Object<'r, R>;
    type SerializeStructVariant = Object<'r, R>;

    fn serialize_bool(self, v: bool) -> Step {
        self.scalar(Scalar::Bool(v))
    }
    fn serialize_i8(self, v: i8) -> Step {
        self.scalar(Scalar::Int(v.into()))
    }
    fn serialize_i16(self, v: i16) -> Step {
        self.scalar(Scalar::Int(v.into()))
    }
    fn serialize_i32(self, v: i32) -> Step {
        self.scalar(Scalar::Int(v.into()))
    }
    fn serialize_i64(self, v: i64) -> Step {
        self.scalar(Scalar::Int(v))
    }
    fn serialize_u8(self, v: u8) -> Step {
        self.scalar(Scalar::Int(v.into()))
    }
    fn serialize_u16(self, v: u16) -> Step {
        self.scalar(Scalar::Int(v.into()))
    }
    fn serialize_u32(self, v: u32) -> Step {
        self.scalar(Scalar::Int(v.into()))
    }
    fn serialize_u64(self, v: u64) -> Step {
        self.scalar(beyond_i64(v))
    }
    #[expect(clippy::cast_precision_loss, reason = "no number so large is believed")]
    fn serialize_i128(self, v: i128) -> Step {
        self.scalar(i64::try_from(v).map_or(Scalar::Double(v as f64), Scalar::Int))
    }
    #[expect(clippy::cast_precision_loss, reason = "no number so large is believed")]
    fn serialize_u128(self, v: u128) -> Step {
        self.scalar(i64::try_from(v).map_or(Scalar::Double(v as f64), Scalar::Int))
    }
    fn serialize_f32(self, v: f32) -> Step {
        self.scalar(Scalar::Double(crate::value::widen(v)))
    }
    fn serialize_f64(self, v: f64) -> Step {
        self.scalar(Scalar::Double(v))
    }
    fn serialize_char(self, v: char) -> Step {
        self.scalar(Scalar::Text(v.encode_utf8(&mut [0; 4])))
    }
    fn serialize_str(self, v: &str) -> Step {
        if self.is_raw {
            return visit(self.reader, self.at, &Json(v), self.depth);
        }
        self.scalar(Scalar::Text(v))
    }
    fn serialize_bytes(self, _v: &[u8]) -> Step {
        Ok(())
    }
    fn serialize_none(self) -> Step {
        Ok(())
    }
    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Step {
        value.serialize(self.deeper()?)
    }
    fn serialize_unit(self) -> Step {
        Ok(())
    }
    fn serialize_unit_struct(self, _name: &'static str) -> Step {
        Ok(())
    }
    fn serialize_unit_variant(self, _name: &'static str, _index: u32, variant: &'static str) -> Step {
        self.scalar(Scalar::Text(variant))
    }
    fn serialize_newtype_struct<T: Serialize + ?Sized>(self, _name: &'static str, value: &T) -> Step {
        value.serialize(self.deeper()?)
    }
    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _name: &'static str,
        _index: u32,
        _variant: &'static str,
        value: &T,
    ) -> Step {
        value.serialize(self.deeper()?)
    }
    fn serialize_seq(self, len: Option<usize>) -> Result<Self::SerializeSeq, Ended> {
        let at = self.reader.element(self.at, len);
        let uncounted = (at.is_none() && len.is_none()).then_some((self.at, 0));
        Ok(List { at, uncounted, reader: self.reader, depth: self.depth })
    }
    fn serialize_tuple(self, _len: usize) -> Result<Self::SerializeTuple, Ended> {
        // `(Response, Duration)`: each element stands where the tuple stands.
        Ok(List { at: Some(self.at), uncounted: None, reader: self.reader, depth: self.depth })
    }
    fn serialize_tuple_struct(self, _name: &'static str, len: usize) -> Result<List<'r, R>, Ended> {
        self.serialize_tuple(len)
    }
    fn serialize_tuple_variant(
        self,
        _name: &'static str,
        _index: u32,
        _variant: &'static str,
        len: usize,
    ) -> Result<List<'r, R>, Ended> {
        self.serialize_tuple(len)
    }
    fn serialize_map(self, _len: Option<usize>) -> Result<Object<'r, R>, Ended> {
        Ok(Object::new(self, Form::Plain))
    }
    fn serialize_struct(self, name: &'static str, _len: usize) -> Result<Object<'r, R>, Ended> {
        let form = if name == RAW_VALUE { Form::Raw } else { Form::Plain };
        Ok(Object::new(self, form))
    }
    fn serialize_struct_variant(
        self,
        _name: &'static str,
        _index: u32,
        _variant: &'static str,
        _len: usize,
    ) -> Result<Object<'r, R>, Ended> {
        Ok(Object::new(self, Form::Plain))
    }
}

/// Visits what is inside of a value, unless that is too deep: then it is skipped, and what follows it is read.
fn inside<R: Reader, T: Serialize + ?Sized>(reader: &mut R, at: R::Place, value: &T, depth: u8) -> Step {
    if depth + 1 < MAX_DEPTH { visit(reader, at, value, depth + 1) } else { Ok(()) }
}

/// The fields of a struct or the entries of a map.
pub(super) struct Object<'r, R: Reader> {
    reader: &'r mut R,
    at: R::Place,
    next: Option<R::Place>,
    form: Form,
    depth: u8,
}

/// What kind of struct is being read.
#[derive(Clone, Copy)]
enum Form {
    Plain,
    /// The content of an adjacently tagged enum comes next: it stands where the enum stands.
    Tagged,
    /// JSON text.
    Raw,
}

/// Looks a map's key up without copying it. Not generic over the reader of the map, or there would be no end of readers.
struct KeyName<'f>(&'f mut dyn FnMut(&str));

impl Reader for KeyName<'_> {
    type Place = ();

    fn key(&self, _at: (), _key: &str) -> Option<()> {
        None
    }
    fn element(&mut self, _at: (), _len: Option<usize>) -> Option<()> {
        None
    }
    fn scalar(&mut self, _at: (), value: Scalar<'_>) {
        if let Scalar::Text(key) = value {
            (self.0)(key);
        }
    }
}

impl<'r, R: Reader> Object<'r, R> {
    fn new(walk: Walk<'r, R>, form: Form) -> Self {
        let Walk { reader, at, depth, .. } = walk;
        Object { reader, at, next: None, form, depth }
    }

    fn field<T: Serialize + ?Sized>(&mut self, key: &str, value: &T) -> Step {
        let form = self.form;
        self.form = if is_tag::<T>() { Form::Tagged } else { Form::Plain };
        let place = match form {
            Form::Raw if key == RAW_VALUE => {
                let raw = Walk { reader: self.reader, at: self.at, is_raw: true, depth: self.depth };
                return value.serialize(raw);
            }
            _ if key == ARBITRARY_PRECISION => Some(self.at),
            Form::Tagged => Some(self.reader.key(self.at, key).unwrap_or(self.at)),
            _ => self.reader.key(self.at, key),
        };
        match place {
            Some(at) => inside(self.reader, at, value, self.depth),
            None => Ok(()),
        }
    }

    #[expect(clippy::unnecessary_wraps, reason = "every caller returns it as its own result")]
    fn finish(self) -> Step {
        self.reader.end(self.at);
        Ok(())
    }
}

impl<R: Reader> ser::SerializeStruct for Object<'_, R> {
    type Ok = ();
    type Error = Ended;
    fn serialize_field<T: Serialize + ?Sized>(&mut self, key: &'static str, value: &T) -> Step {
        self.field(key, value)
    }
    fn end(self) -> Step {
        self.finish()
    }
}

impl<R: Reader> ser::SerializeStructVariant for Object<'_, R> {
    type Ok = ();
    type Error = Ended;
    fn serialize_field<T: Serialize + ?Sized>(&mut self, key: &'static str, value: &T) -> Step {
        self.field(key, value)
    }
    fn end(self) -> Step {
        self.finish()
    }
}

impl<R: Reader> ser::SerializeMap for Object<'_, R> {
    type Ok = ();
    type Error = Ended;
    fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> Step {
        let Object { ref reader, at, ref mut next, depth, .. } = *self;
        *next = None;
        let mut find = |key: &str| {
            *next = if key == ARBITRARY_PRECISION { Some(at) } else { reader.key(at, key) };
        };
        key.serialize(Walk { reader: &mut KeyName(&mut find), at: (), is_raw: false, depth })
    }
    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Step {
        match self.next.take() {
            Some(at) => inside(self.reader, at, value, self.depth),
            None => Ok(()),
        }
    }
    fn end(self) -> Step {
        self.finish()
    }
}

/// The elements of a list or tuple.
pub(super) struct List<'r, R: Reader> {
    reader: &'r mut R,
    at: Option<R::Place>,
    depth: u8,
    /// How long a list is that did not say so, and whose elements are not looked at.
    uncounted: Option<(R::Place, usize)>,
}

impl<R: Reader> List<'_, R> {
    fn element<T: Serialize + ?Sized>(&mut self, value: &T) -> Step {
        if let Some((_, len)) = &mut self.uncounted {
            *len += 1;
        }
        match self.at {
            Some(at) => inside(self.reader, at, value, self.depth),
            None => Ok(()),
        }
    }
}

impl<R: Reader> ser::SerializeSeq for List<'_, R> {
    type Ok = ();
    type Error = Ended;
    fn serialize_element<T: Serialize + ?Sized>(&mut self, value: &T) -> Step {
        if let Some(at) = self.at {
            self.reader.begin(at);
        }
        self.element(value)
    }
    fn end(self) -> Step {
        if let Some((at, len)) = self.uncounted {
            self.reader.counted(at, len);
        }
        Ok(())
    }
}

impl<R: Reader> ser::SerializeTuple for List<'_, R> {
    type Ok = ();
    type Error = Ended;
    fn serialize_element<T: Serialize + ?Sized>(&mut self, value: &T) -> Step {
        self.element(value)
    }
    fn end(self) -> Step {
        Ok(())
    }
}

impl<R: Reader> ser::SerializeTupleStruct for List<'_, R> {
    type Ok = ();
    type Error = Ended;
    fn serialize_field<T: Serialize + ?Sized>(&mut self, value: &T) -> Step {
        self.element(value)
    }
    fn end(self) -> Step {
        Ok(())
    }
}

impl<R: Reader> ser::SerializeTupleVariant for List<'_, R> {
    type Ok = ();
    type Error = Ended;
    fn serialize_field<T: Serialize + ?Sized>(&mut self, value: &T) -> Step {
        self.element(value)
    }
    fn end(self) -> Step {
        Ok(())
    }
}
