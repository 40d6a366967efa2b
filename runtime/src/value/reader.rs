//! The few scalars of a `Serialize` value that a [`Reader`] asks for; everything else is skipped unread.

use serde::Serialize;

use super::bounds::Number;
use super::{ContentValue, Limits, capture, serializer};

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

/// What to look for in a body.
pub(crate) trait Reader {
    /// A position in the tree that is worth visiting.
    type Place: Copy;

    /// The place behind `key` of an object at `at`; `None` skips it.
    fn key(&self, at: Self::Place, key: &str) -> Option<Self::Place>;

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
    let _ = crate::value::panic::catch_user_panic(|| visit(reader, root, value, 0));
}

pub(crate) fn visit<R: Reader, T: Serialize + ?Sized>(
    reader: &mut R,
    at: R::Place,
    value: &T,
    depth: u8,
) -> Result<(), serializer::Ended> {
    if let Some(limits) = reader.takes_content(at) {
        if let Some(value) = capture(value, limits) {
            reader.content(at, value);
        }
        return Ok(());
    }
    value.serialize(serializer::Walk { reader, at, is_raw: false, depth })
}
