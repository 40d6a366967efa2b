//! Interface for the macro. Exempt from semantic versioning: the macro crate is pinned to the same version.
//!
//! The macro cannot know types, so a value finds out by itself what can be read from it: each `Via*` trait is
//! implemented for a different number of references, and method resolution picks the first that applies. This is
//! autoref specialisation, on stable Rust.
#![allow(missing_docs, missing_debug_implementations, clippy::must_use_candidate, reason = "not an API")]

mod content;
mod errors;

use std::future::Future;
use std::pin::Pin;

use futures_core::Stream;
use serde::Serialize;
// Used by a derived `Capture`.
pub use serde::Serializer;
pub use serde::ser::{SerializeStruct, SerializeStructVariant, SerializeTupleStruct, SerializeTupleVariant};

pub use content::{
    ViaCapture, ViaCaptureContent, ViaCaptureField, ViaCaptureQuery, ViaNoContent, ViaNoField, ViaNoQuery,
    ViaSerializeContent, ViaSerializeField, ViaTextQuery, ViaUncaptured,
};
pub use errors::{ViaAnyError, ViaBoxedError, ViaBoxedSendError, ViaLlmError, ViaStdError};

pub use crate::call::stream::{
    Chunk, Tag, TracedIterator, TracedStream, ViaBoxedStream, ViaNamedStream, ViaWhole,
};
pub use crate::call::{Call, Deferred, Enter, InCall, InFuture};
pub use crate::content::{Capture, Hashed, Redacted};
use crate::extract;
use crate::extract::error::{ErrorFacts, LlmError};
pub use crate::model::content::ContentKind;
pub use crate::model::request::{LlmRequest, Request};
use crate::model::response::{LlmResponse, Response};
pub use crate::model::site::{CallSite, Kind};
pub use crate::{
    __llm_trace_finish as finish, __llm_trace_finish_iterator as finish_iterator,
    __llm_trace_finish_stream as finish_stream, __llm_trace_request as request,
};

/// Begins a call: `arguments` sets the attribute's arguments, and runs only if the call is observed.
#[inline]
pub fn begin(site: &'static CallSite, arguments: impl FnOnce(&mut Request)) -> Call {
    Call::begin_with(site, arguments)
}

/// Returns whether a kind of content may be recorded; if not, the argument is not evaluated.
pub fn captures(request: &Request, piece: ContentKind) -> bool {
    request.captures(piece)
}

/// `skip(…)`: this function does not record this kind of content, whatever the application allows.
pub fn skip(request: &mut Request, piece: ContentKind) {
    request.rest_mut().content.skip(piece);
}

/// Runs an async body inside the call's context, poll by poll.
#[inline]
pub fn in_call<F: Future>(call: &Call, body: F) -> InCall<F, &Call> {
    InCall::new(call, body)
}

/// A call that begins when the future of its function is polled first.
pub fn defer(site: &'static CallSite, arguments: impl FnOnce(&mut Request)) -> Deferred {
    Deferred::new(site, arguments)
}

/// Runs the body of a function that returns a future; a `return` in it leaves the body and not the function.
pub fn future_of<T, F: Future<Output = T>>(body: impl FnOnce() -> F) -> F {
    body()
}

/// The future of a function, with its call.
pub fn in_future<F, E, U>(deferred: Deferred, body: F, finish: E) -> InFuture<F, E>
where
    F: Future,
    E: FnOnce(Call, F::Output) -> U,
{
    InFuture::new(deferred, body, finish)
}

/// The same for a function that returns a boxed future.
pub fn in_boxed_future<F, E, U>(deferred: Deferred, body: F, finish: E) -> Pin<Box<InFuture<F, E>>>
where
    F: Future,
    E: FnOnce(Call, F::Output) -> U,
{
    Box::pin(in_future(deferred, body, finish))
}

/// Fixes the item type of a stream, where the function's signature has it and its body need not.
pub fn stream_of<T, S: Stream<Item = T>>(stream: S) -> S {
    stream
}

/// The same in a result.
pub fn stream_result_of<T, S: Stream<Item = T>, E>(stream: Result<S, E>) -> Result<S, E> {
    stream
}

/// Fixes the item type of an iterator.
pub fn iterator_of<T, I: Iterator<Item = T>>(iterator: I) -> I {
    iterator
}

/// The same in a result.
pub fn iterator_result_of<T, I: Iterator<Item = T>, E>(iterator: Result<I, E>) -> Result<I, E> {
    iterator
}

/// Runs a sync body inside the call's context.
pub fn in_scope<R>(call: &Call, body: impl FnOnce() -> R) -> R {
    call.run(body)
}

/// Never called: it gives the compiler the body's type, so that a type error is reported on the user's expression and not on the attribute.
pub fn expected<T>() -> T {
    unreachable!("only ever mentioned under `if false`")
}

/// Reads `request = …`.
#[macro_export]
#[doc(hidden)]
macro_rules! __llm_trace_request {
    ($into:expr, $request:expr $(,)?) => {{
        #[allow(unused_imports)]
        use $crate::__private::{
            ViaCapture as _, ViaCaptureRequest as _, ViaLlmRequest as _, ViaSerializeRequest as _,
            ViaUncaptured as _, ViaUnreadableRequest as _,
        };
        // A `match` lets temporaries in the expression live on.
        match $crate::__private::Probe($request) {
            probe => {
                let is_captured = (&&probe).capture_request($into);
                (&&&&probe).read_request($into, is_captured);
            }
        }
    }};
}

/// Ends a call with what its body returned, or hands it over to the stream that was returned. Evaluates to the value,
/// which has the type it had.
#[macro_export]
#[doc(hidden)]
macro_rules! __llm_trace_finish {
    ($call:expr, $out:expr $(, $adapter:expr)? $(,)?) => {
        $crate::__llm_trace_finish!(@ $call, $out, move |call, value| {
            #[allow(unused_imports)]
            use $crate::__private::{ViaBoxedStream as _, ViaNamedStream as _, ViaWhole as _};
            let tag = $crate::__private::Tag::of(&value);
            (&&&tag).end(call, value, $crate::__llm_trace_reader!($($adapter)?))
        })
    };
    (@ $call:expr, $out:expr, $end:expr) => {{
        #[allow(unused_imports)]
        use $crate::__private::{ViaPlainValue as _, ViaResultValue as _};
        let (call, out) = ($call, $out);
        let tag = $crate::__private::Tag::of(&out);
        (&&tag).finish(call, out, $end, |call, error| {
            #[allow(unused_imports)]
            use $crate::__private::{
                ViaAnyError as _, ViaBoxedError as _, ViaBoxedSendError as _, ViaLlmError as _, ViaStdError as _,
            };
            $crate::__private::fail(call, &(&&&&&$crate::__private::Probe(error)).facts())
        })
    }};
}

/// The same for a function with the return type `impl Stream`.
#[macro_export]
#[doc(hidden)]
macro_rules! __llm_trace_finish_stream {
    ($call:expr, $out:expr $(, $adapter:expr)? $(,)?) => {
        $crate::__llm_trace_finish!(@ $call, $out, move |call, value| {
            $crate::__private::stream(call, value, $crate::__llm_trace_reader!($($adapter)?))
        })
    };
}

/// The same for a call of a model with the return type `impl Iterator`.
#[macro_export]
#[doc(hidden)]
macro_rules! __llm_trace_finish_iterator {
    ($call:expr, $out:expr $(, $adapter:expr)? $(,)?) => {
        $crate::__llm_trace_finish!(@ $call, $out, move |call, value| {
            $crate::__private::iterator(call, value, $crate::__llm_trace_reader!($($adapter)?))
        })
    };
}

/// Reads an item, which may be the whole value, and which may be a result.
#[macro_export]
#[doc(hidden)]
macro_rules! __llm_trace_reader {
    () => {
        $crate::__llm_trace_reader!(@ value, chunk, {
            #[allow(unused_imports)]
            use $crate::__private::{
                ViaCapture as _, ViaCaptureResponse as _, ViaLlmResponse as _, ViaOpaque as _, ViaSerialize as _,
                ViaUncaptured as _,
            };
            (&&$crate::__private::Probe(value)).capture_output(chunk);
            (&&&&$crate::__private::Probe(value)).read(chunk)
        })
    };
    ($adapter:expr) => {
        $crate::__llm_trace_reader!(@ value, chunk, $crate::__private::adapt(value, chunk, $adapter))
    };
    (@ $value:ident, $chunk:ident, $read:expr) => {
        move |item, $chunk| {
            #[allow(unused_imports)]
            use $crate::__private::{
                ViaAnyError as _, ViaBoxedError as _, ViaBoxedSendError as _, ViaLlmError as _, ViaPlain as _,
                ViaResult as _, ViaStdError as _,
            };
            match (&&$crate::__private::Probe(item)).outcome() {
                $crate::__private::Outcome::Value($value) => $read,
                $crate::__private::Outcome::Error(error) => {
                    $crate::__private::failed($chunk, &(&&&&&$crate::__private::Probe(error)).facts())
                }
            }
        }
    };
}

/// A value about to find out what can be read from it.
pub struct Probe<'a, T: ?Sized>(pub &'a T);

/// Return value of a body.
pub enum Outcome<'a, T, E> {
    /// A value, or the `Ok` of a result.
    Value(&'a T),
    /// The `Err` of a result.
    Error(&'a E),
}

/// Reads a value with `response = …`; a closure's parameter type is inferred from here.
pub fn adapt<T: ?Sized>(value: &T, chunk: &mut Chunk<'_>, adapter: impl FnOnce(&T) -> Response) {
    chunk.opaque();
    chunk.fill(crate::value::panic::catch_user_panic(|| adapter(value)).unwrap_or_default());
}

/// Ends a call that returned an error.
pub fn fail(call: Call, error: &ErrorFacts<'_>) {
    call.fail_with_facts(error);
}

/// Marks a call as failed whose value goes on.
pub fn failed(chunk: &mut Chunk<'_>, error: &ErrorFacts<'_>) {
    chunk.failed(error);
}

/// Ends a call when the stream it returned ends.
pub fn stream<S, R>(call: Call, stream: S, read: R) -> TracedStream<S, R>
where
    S: Stream,
    R: FnMut(&S::Item, &mut Chunk<'_>),
{
    TracedStream::new(call, stream, read)
}

/// Ends a call when the iterator it returned ends.
pub fn iterator<I, R>(call: Call, iterator: I, read: R) -> TracedIterator<I, R>
where
    I: Iterator,
    R: FnMut(&I::Item, &mut Chunk<'_>),
{
    TracedIterator::new(call, iterator, read)
}

/// First: a `Result` is taken apart.
pub trait ViaResult<'a, T, E> {
    fn outcome(&self) -> Outcome<'a, T, E>;
}

impl<'a, T, E> ViaResult<'a, T, E> for &Probe<'a, Result<T, E>> {
    fn outcome(&self) -> Outcome<'a, T, E> {
        match self.0 {
            Ok(value) => Outcome::Value(value),
            Err(error) => Outcome::Error(error),
        }
    }
}

/// Anything else is a value.
pub trait ViaPlain<'a, T> {
    fn outcome(&self) -> Outcome<'a, T, std::convert::Infallible>;
}

impl<'a, T> ViaPlain<'a, T> for Probe<'a, T> {
    fn outcome(&self) -> Outcome<'a, T, std::convert::Infallible> {
        Outcome::Value(self.0)
    }
}

/// By value, first: a `Result` is taken apart and put together again.
pub trait ViaResultValue<T, E> {
    fn finish<U>(
        &self,
        call: Call,
        out: Result<T, E>,
        value: impl FnOnce(Call, T) -> U,
        error: impl FnOnce(Call, &E),
    ) -> Result<U, E>;
}

impl<T, E> ViaResultValue<T, E> for &Tag<Result<T, E>> {
    #[inline]
    fn finish<U>(
        &self,
        call: Call,
        out: Result<T, E>,
        value: impl FnOnce(Call, T) -> U,
        error: impl FnOnce(Call, &E),
    ) -> Result<U, E> {
        match out {
            Ok(out) => Ok(value(call, out)),
            Err(out) => {
                if call.is_open() {
                    error(call, &out);
                }
                Err(out)
            }
        }
    }
}

/// By value, last: anything else is a value.
pub trait ViaPlainValue<T> {
    fn finish<U>(
        &self,
        call: Call,
        out: T,
        value: impl FnOnce(Call, T) -> U,
        error: impl FnOnce(Call, &std::convert::Infallible),
    ) -> U;
}

impl<T> ViaPlainValue<T> for Tag<T> {
    #[inline]
    fn finish<U>(
        &self,
        call: Call,
        out: T,
        value: impl FnOnce(Call, T) -> U,
        _error: impl FnOnce(Call, &std::convert::Infallible),
    ) -> U {
        value(call, out)
    }
}

/// Response, first step: a type that describes itself.
pub trait ViaLlmResponse {
    fn read(&self, chunk: &mut Chunk<'_>);
}

impl<T: LlmResponse + ?Sized> ViaLlmResponse for &&&Probe<'_, T> {
    fn read(&self, chunk: &mut Chunk<'_>) {
        if chunk.is_read() {
            chunk.opaque();
            chunk.fill(crate::value::panic::catch_user_panic(|| self.0.describe()).unwrap_or_default());
        }
    }
}

/// Response, second step: the keys of a serializable body.
pub trait ViaSerialize {
    fn read(&self, chunk: &mut Chunk<'_>);
}

impl<T: Serialize + ?Sized> ViaSerialize for &&Probe<'_, T> {
    fn read(&self, chunk: &mut Chunk<'_>) {
        Chunk::body(self.0, chunk);
    }
}

/// Response, third step: only content that its `Capture` implementation selects.
pub trait ViaCaptureResponse {
    fn read(&self, chunk: &mut Chunk<'_>);
}

impl<T: Capture + ?Sized> ViaCaptureResponse for &Probe<'_, T> {
    fn read(&self, chunk: &mut Chunk<'_>) {
        Chunk::body(&self.0.as_content(), chunk);
    }
}

/// Response, last step: nothing can be read.
pub trait ViaOpaque {
    fn read(&self, chunk: &mut Chunk<'_>);
}

impl<T: ?Sized> ViaOpaque for Probe<'_, T> {
    fn read(&self, chunk: &mut Chunk<'_>) {
        chunk.opaque();
    }
}

/// Request, first step: a type that describes itself.
pub trait ViaLlmRequest {
    fn read_request(&self, into: &mut Request, is_captured: bool);
}

impl<T: LlmRequest + ?Sized> ViaLlmRequest for &&&Probe<'_, T> {
    fn read_request(&self, into: &mut Request, _is_captured: bool) {
        crate::value::panic::catch_user_panic(|| self.0.describe(into));
    }
}

/// Request, second step: the keys of a serializable body.
pub trait ViaSerializeRequest {
    fn read_request(&self, into: &mut Request, is_captured: bool);
}

impl<T: Serialize + ?Sized> ViaSerializeRequest for &&Probe<'_, T> {
    fn read_request(&self, into: &mut Request, is_captured: bool) {
        extract::read_request(self.0, into);
        if !is_captured {
            into.content_of(self.0);
        }
    }
}

/// Request, third step: only content that its `Capture` implementation selects.
pub trait ViaCaptureRequest {
    fn read_request(&self, into: &mut Request, is_captured: bool);
}

impl<T: Capture + ?Sized> ViaCaptureRequest for &Probe<'_, T> {
    fn read_request(&self, into: &mut Request, _is_captured: bool) {
        extract::read_request(&self.0.as_content(), into);
    }
}

/// Request, last step: a compile error that names the missing implementation. A `request = …` that silently read nothing would go
/// unnoticed.
pub trait ViaUnreadableRequest<T: ?Sized> {
    fn read_request(&self, into: &mut Request, is_captured: bool)
    where
        T: LlmRequest;
}

impl<T: ?Sized> ViaUnreadableRequest<T> for Probe<'_, T> {
    fn read_request(&self, into: &mut Request, _is_captured: bool)
    where
        T: LlmRequest,
    {
        self.0.describe(into);
    }
}
