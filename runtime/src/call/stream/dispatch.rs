//! Handling of a returned value by its type, which an alias cannot hide: a boxed stream is boxed again with its call inside, and has the
//! same type as before; other values are complete on return.
//!
//! The same technique as in [`crate::__private`], by value: a [`Tag`] finds the step, which then takes the value.

use std::marker::PhantomData;
use std::pin::Pin;

use futures_core::Stream;

use super::item::{Chunk, Reading, Wanted};
use super::{TracedIterator, TracedStream};
use crate::call::Call;

/// Stands for the type of a value that is about to be moved.
#[derive(Debug)]
pub struct Tag<T>(PhantomData<fn(T)>);

impl<T> Tag<T> {
    /// The type of `value`.
    pub fn of(_value: &T) -> Self {
        Tag(PhantomData)
    }
}

/// First: a boxed stream.
pub trait ViaBoxedStream {
    /// The value.
    type Value;
    /// Type of the items.
    type Item;

    /// Hands the call over to the stream.
    fn end<R>(&self, call: Call, value: Self::Value, read: R) -> Self::Value
    where
        R: FnMut(&Self::Item, &mut Chunk<'_>) + Send + Sync + 'static;
}

macro_rules! boxed {
    ($($value:ty, $inner:ident => $boxed:expr;)*) => {$(
        impl<'a, I: 'a> ViaBoxedStream for &&Tag<$value> {
            type Value = $value;
            type Item = I;

            fn end<R>(&self, call: Call, $inner: $value, read: R) -> $value
            where
                R: FnMut(&I, &mut Chunk<'_>) + Send + Sync + 'static,
            {
                if !call.goes_on_with_stream() {
                    call.complete();
                    return $inner;
                }
                let $inner = ($inner, call, read);
                $boxed
            }
        }
    )*};
}

boxed! {
    Pin<Box<dyn Stream<Item = I> + 'a>>, s => Box::pin(TracedStream::new(s.1, s.0, s.2));
    Pin<Box<dyn Stream<Item = I> + Send + 'a>>, s => Box::pin(TracedStream::new(s.1, s.0, s.2));
    Pin<Box<dyn Stream<Item = I> + Send + Sync + 'a>>, s => Box::pin(TracedStream::new(s.1, s.0, s.2));
    Box<dyn Stream<Item = I> + 'a>, s => Box::new(TracedStream::new(s.1, Box::into_pin(s.0), s.2));
    Box<dyn Stream<Item = I> + Send + 'a>, s => Box::new(TracedStream::new(s.1, Box::into_pin(s.0), s.2));
    Box<dyn Stream<Item = I> + Unpin + 'a>, s => Box::new(TracedStream::new(s.1, s.0, s.2));
    Box<dyn Stream<Item = I> + Send + Unpin + 'a>, s => Box::new(TracedStream::new(s.1, s.0, s.2));
    Box<dyn Iterator<Item = I> + 'a>, s => if s.1.is_generation() {
        Box::new(TracedIterator::new(s.1, s.0, s.2))
    } else {
        s.1.complete();
        s.0
    };
    Box<dyn Iterator<Item = I> + Send + 'a>, s => if s.1.is_generation() {
        Box::new(TracedIterator::new(s.1, s.0, s.2))
    } else {
        s.1.complete();
        s.0
    };
}

/// Second: a named stream type, which cannot be wrapped.
pub trait ViaNamedStream {
    /// The stream.
    type Value;
    /// Type of the items.
    type Item;

    /// Ends the call, unless the stream was tied to it inside the function.
    fn end<R: FnMut(&Self::Item, &mut Chunk<'_>)>(
        &self,
        call: Call,
        value: Self::Value,
        read: R,
    ) -> Self::Value;
}

impl<S: Stream> ViaNamedStream for &Tag<S> {
    type Value = S;
    type Item = S::Item;

    fn end<R: FnMut(&S::Item, &mut Chunk<'_>)>(&self, call: Call, value: S, _read: R) -> S {
        if call.reads_response()
            && call.goes_on_with_stream()
            && let Some((file, line)) = call.place()
        {
            tracing::warn!(
                target: "llm_trace",
                file,
                line,
                "this function's call ended before its stream began: return `impl Stream` or a boxed stream, or \
                 tie the stream to the call with `.traced(…)`"
            );
        }
        call.complete();
        value
    }
}

/// Last: a value that is all there.
pub trait ViaWhole {
    /// The value.
    type Value;

    /// Ends the call with the facts read from the value.
    fn end<R: FnMut(&Self::Value, &mut Chunk<'_>)>(
        &self,
        call: Call,
        value: Self::Value,
        read: R,
    ) -> Self::Value;
}

impl<T> ViaWhole for Tag<T> {
    type Value = T;

    #[inline]
    fn end<R: FnMut(&T, &mut Chunk<'_>)>(&self, call: Call, value: T, mut read: R) -> T {
        if call.is_open() {
            end_whole(call, &mut |chunk| read(&value, chunk));
        }
        value
    }
}

/// Ends a call with what `read` reads of its value. Not generic: there is one for all functions.
fn end_whole(call: Call, read: &mut dyn FnMut(&mut Chunk<'_>)) {
    let wanted = Wanted {
        facts: call.reads_response(),
        documents: call.reads_documents(),
        verdict: call.reads_verdict(),
        mcp: call.reads_mcp_answer(),
        text: call.reads_text(),
        output: call.captures_output(),
        instructions: call.captures_instructions(),
    };
    if !wanted.anything() {
        return call.complete();
    }
    let mut reading = Reading::of_whole(call.runtime(), wanted);
    reading.item(read);
    match reading.finish() {
        (response, None) => call.succeed(response),
        (response, Some(failure)) => call.fail_with(response, failure),
    }
}
