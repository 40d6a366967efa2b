//! The few scalars of a `Serialize` value that a [`Reader`] asks for; everything else is skipped unread.

use serde::Serialize;

use super::bounds::Number;
use super::panic::catch_user_panic;
use super::serializer::{Ended, Form, ListSink, ObjectSink, Sink, Step, Walk};
use super::{ContentValue, Limits, capture};

/// A scalar found at a place the reader asked for.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Scalar<'a> {
    Bool(bool),
    Int(i64),
    Double(f64),
    Text(&'a str),
}

impl Scalar<'_> {
    /// The scalar as a count of tokens, if it can be one.
    pub(crate) fn tokens(self) -> Option<u64> {
        Number::Tokens.whole(self.double()?)
    }

    /// The scalar as a parameter of a request. What is beyond all integers saturates, and is not believed.
    pub(crate) fn parameter(self) -> Option<i64> {
        #[expect(clippy::cast_possible_truncation, reason = "beyond all integers it saturates")]
        self.int().or_else(|| self.double().filter(|value| value.abs() >= 9e15).map(|value| value as i64))
    }

    pub(crate) fn int(self) -> Option<i64> {
        match self {
            Scalar::Int(value) => Some(value),
            #[expect(clippy::cast_possible_truncation, reason = "whole and within range, as checked")]
            Scalar::Double(value) if value.fract() == 0.0 && value.abs() < 9e15 => Some(value as i64),
            // serde_json's `arbitrary_precision` serializes numbers as text.
            Scalar::Text(text) => text.parse().ok(),
            _ => None,
        }
    }

    pub(crate) fn double(self) -> Option<f64> {
        match self {
            #[expect(clippy::cast_precision_loss, reason = "exact as far as any range of ours goes")]
            Scalar::Int(value) => Some(value as f64),
            Scalar::Double(value) => Some(value),
            Scalar::Text(text) => text.parse().ok(),
            Scalar::Bool(_) => None,
        }
    }
}

/// The fields to look for in a body.
pub(crate) trait Reader {
    /// A position in the tree that is worth visiting.
    type Place: Copy;

    /// The place behind `key` of an object at `at`; `None` skips it.
    fn key(&self, at: Self::Place, key: &str) -> Option<Self::Place>;

    /// The same for the name of a struct's field.
    fn field(&mut self, at: Self::Place, name: &'static str) -> Option<Self::Place> {
        self.key(at, name)
    }

    /// The place of the elements of a list at `at`; `None` skips them all.
    fn element(&mut self, at: Self::Place, len: Option<usize>) -> Option<Self::Place>;

    /// The next element of a list is about to be read; `at` is its place.
    fn begin(&mut self, _at: Self::Place) {}

    /// A scalar at `at`.
    fn scalar(&mut self, at: Self::Place, value: Scalar<'_>);

    /// The length of a list at `at` that did not say it before it was skipped.
    fn counted(&mut self, _at: Self::Place, _len: usize) {}

    /// The object at `at` has been read.
    fn end(&mut self, _at: Self::Place) {}

    /// Whether the value at `at` is wanted as it is, by [`Self::content`] and in place of what it consists of.
    fn takes_content(&self, _at: Self::Place) -> Option<Limits<'static>> {
        None
    }

    /// A value that is content, which a reader may ask for only where content may be recorded.
    fn content(&mut self, _at: Self::Place, _value: ContentValue) {}
}

/// Walks `value` from `root`. A `Serialize` impl that fails or panics ends the walk; what was read until then
/// counts, and the caller never notices.
pub(crate) fn walk<R: Reader, T: Serialize + ?Sized>(reader: &mut R, root: R::Place, value: &T) {
    let _ = catch_user_panic(|| Position { reader, at: root, depth: 0 }.visit(value));
}

/// Depth limit of the walk, which recurses. Deeper values are not read: their depth comes from outside.
const MAX_DEPTH: u8 = 96;

/// A value that the reader wants to see at `at`.
struct Position<'r, R: Reader> {
    reader: &'r mut R,
    at: R::Place,
    /// How many values this one is inside of.
    depth: u8,
}

impl<R: Reader> Position<'_, R> {
    fn visit<T: Serialize + ?Sized>(self, value: &T) -> Step {
        if let Some(limits) = self.reader.takes_content(self.at) {
            if let Some(value) = capture(value, limits) {
                self.reader.content(self.at, value);
            }
            return Ok(());
        }
        value.serialize(Walk::new(self))
    }

    /// A place inside of this one, unless that is too deep: then it is skipped, and what follows it is read.
    fn inner(&mut self, at: R::Place) -> Option<Position<'_, R>> {
        Position { reader: self.reader, at, depth: self.depth }.wrapped().ok()
    }

    #[expect(clippy::unnecessary_wraps, reason = "every caller returns it as its own result")]
    fn scalar(self, value: Scalar<'_>) -> Step {
        self.reader.scalar(self.at, value);
        Ok(())
    }
}

impl<'r, R: Reader> Sink for Position<'r, R> {
    type Value = ();
    type List = Items<'r, R>;
    type Object = Self;

    fn wrapped(mut self) -> Result<Self, Ended> {
        self.depth += 1;
        if self.depth < MAX_DEPTH { Ok(self) } else { Err(Ended) }
    }
    fn nothing(self) -> Step {
        Ok(())
    }
    fn bool(self, value: bool) -> Step {
        self.scalar(Scalar::Bool(value))
    }
    /// A number beyond what OTLP has, whose integers are signed, is passed on as an approximate double.
    #[expect(clippy::cast_precision_loss, reason = "no number so large is believed")]
    fn int(self, value: i128) -> Step {
        self.scalar(i64::try_from(value).map_or(Scalar::Double(value as f64), Scalar::Int))
    }
    fn double(self, value: f64) -> Step {
        self.scalar(Scalar::Double(value))
    }
    fn text(self, value: &str) -> Step {
        self.scalar(Scalar::Text(value))
    }
    fn word(self, value: &str) -> Step {
        self.scalar(Scalar::Text(value))
    }
    fn bytes(self, _: &[u8]) -> Step {
        Ok(())
    }
    fn list(self, len: Option<usize>) -> Result<Items<'r, R>, Ended> {
        let of = self.reader.element(self.at, len);
        let uncounted = (of.is_none() && len.is_none()).then_some(0);
        Ok(Items { list: self, of, is_tuple: false, uncounted })
    }
    /// `(Response, Duration)`: each element stands where the tuple stands.
    fn tuple(self, _: Option<&'static str>) -> Result<Items<'r, R>, Ended> {
        Ok(Items { of: Some(self.at), list: self, is_tuple: true, uncounted: None })
    }
    fn object(self, _: Option<&'static str>) -> Result<Self, Ended> {
        Ok(self)
    }
}

impl<R: Reader> ObjectSink for Position<'_, R> {
    type Value = ();
    type Entry = R::Place;

    fn key(&self, key: &str) -> Option<R::Place> {
        self.reader.key(self.at, key)
    }
    fn field(&mut self, name: &'static str) -> Option<R::Place> {
        self.reader.field(self.at, name)
    }
    fn entry<T: Serialize + ?Sized>(&mut self, at: R::Place, value: &T) -> Step {
        self.inner(at).map_or(Ok(()), |inner| inner.visit(value))
    }
    fn in_place<T: Serialize + ?Sized>(&mut self, value: &T, form: Form) -> Step {
        self.inner(self.at).map_or(Ok(()), |inner| value.serialize(Walk::in_place(inner, form)))
    }
    fn end(self) -> Step {
        self.reader.end(self.at);
        Ok(())
    }
}

/// The elements of a list or tuple.
struct Items<'r, R: Reader> {
    list: Position<'r, R>,
    of: Option<R::Place>,
    is_tuple: bool,
    /// How long a list is that did not say so, and whose elements are not looked at.
    uncounted: Option<usize>,
}

impl<R: Reader> ListSink for Items<'_, R> {
    type Value = ();

    fn element<T: Serialize + ?Sized>(&mut self, value: &T) -> Step {
        if let Some(len) = &mut self.uncounted {
            *len += 1;
        }
        let Some(of) = self.of else { return Ok(()) };
        if !self.is_tuple {
            self.list.reader.begin(of);
        }
        self.list.entry(of, value)
    }
    fn end(self) -> Step {
        if let Some(len) = self.uncounted {
            self.list.reader.counted(self.list.at, len);
        }
        Ok(())
    }
}
