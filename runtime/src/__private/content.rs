//! In: an argument, a query, a field, a request or a result. Out: what of it is content.

use serde::Serialize;

use super::{Capture, Chunk, Probe, Redacted, Request};
use crate::content::AsContent;
use crate::model::argument::{Content, Text};

/// Captured content of a request or a result, first step: by its `Capture` implementation.
pub trait ViaCapture {
    fn capture_request(&self, into: &mut Request) -> bool;
    fn capture_output(&self, chunk: &mut Chunk<'_>);
}

impl<T: Capture + ?Sized> ViaCapture for &Probe<'_, T> {
    fn capture_request(&self, into: &mut Request) -> bool {
        if !T::IS_PLAIN {
            into.content_of(&self.0.as_content());
        }
        !T::IS_PLAIN
    }

    fn capture_output(&self, chunk: &mut Chunk<'_>) {
        if !T::IS_PLAIN {
            chunk.content(&self.0.as_content());
        }
    }
}

/// Captured content of a request or a result, last step: left to the reader.
pub trait ViaUncaptured {
    fn capture_request(&self, _into: &mut Request) -> bool {
        false
    }
    fn capture_output(&self, _chunk: &mut Chunk<'_>) {}
}

impl<T: ?Sized> ViaUncaptured for Probe<'_, T> {}

/// A content argument, first step: a type that implements `Capture`.
pub trait ViaCaptureContent<'a, T: ?Sized> {
    fn content(&self) -> AsContent<'a, T>;
}

impl<'a, T: Capture + ?Sized> ViaCaptureContent<'a, T> for &&Probe<'a, T> {
    fn content(&self) -> AsContent<'a, T> {
        self.0.as_content()
    }
}

/// A content argument, second step: what it serializes to.
pub trait ViaSerializeContent<'a, T: ?Sized> {
    fn content(&self) -> &'a T;
}

impl<'a, T: Serialize + ?Sized> ViaSerializeContent<'a, T> for &Probe<'a, T> {
    fn content(&self) -> &'a T {
        self.0
    }
}

/// A content argument, last step: one compile error, as what is returned is content.
pub trait ViaNoContent<T: ?Sized> {
    fn content(&self) -> Redacted
    where
        T: Content;
}

impl<T: ?Sized> ViaNoContent<T> for Probe<'_, T> {
    fn content(&self) -> Redacted
    where
        T: Content,
    {
        Redacted
    }
}

/// A query, first step: text.
pub trait ViaTextQuery<'a, T: ?Sized> {
    fn query(&self) -> &'a T;
}

impl<'a, T: Text + ?Sized> ViaTextQuery<'a, T> for &&Probe<'a, T> {
    fn query(&self) -> &'a T {
        self.0
    }
}

/// A query, second step: a type that implements `Capture`.
pub trait ViaCaptureQuery<'a, T: ?Sized> {
    fn query(&self) -> AsContent<'a, T>;
}

impl<'a, T: Capture + ?Sized> ViaCaptureQuery<'a, T> for &Probe<'a, T> {
    fn query(&self) -> AsContent<'a, T> {
        self.0.as_content()
    }
}

/// A query, last step: one compile error.
pub trait ViaNoQuery<T: ?Sized> {
    fn query(&self) -> &'static str
    where
        T: Text;
}

impl<T: ?Sized> ViaNoQuery<T> for Probe<'_, T> {
    fn query(&self) -> &'static str
    where
        T: Text,
    {
        ""
    }
}

/// A field of a type that derives `Capture`, first step: a type that does so too.
pub trait ViaCaptureField<'a, T: ?Sized> {
    fn field(&self) -> AsContent<'a, T>;
}

impl<'a, T: Capture + ?Sized> ViaCaptureField<'a, T> for &&Probe<'a, T> {
    fn field(&self) -> AsContent<'a, T> {
        self.0.as_content()
    }
}

/// A field, second step: what it serializes to.
pub trait ViaSerializeField<'a, T: ?Sized> {
    fn field(&self) -> &'a T;
}

impl<'a, T: Serialize + ?Sized> ViaSerializeField<'a, T> for &Probe<'a, T> {
    fn field(&self) -> &'a T {
        self.0
    }
}

/// A field, last step: one compile error that names the missing implementation.
pub trait ViaNoField<T: ?Sized> {
    fn field(&self) -> Redacted
    where
        T: Capture;
}

impl<T: ?Sized> ViaNoField<T> for Probe<'_, T> {
    fn field(&self) -> Redacted
    where
        T: Capture,
    {
        Redacted
    }
}
