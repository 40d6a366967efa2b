//! What the macro may call. Exempt from semantic versioning: the macro crate is pinned to the same version.
//!
//! The macro cannot know types, so a value finds out by itself what can be read from it: each `Via*` trait is
//! implemented for a different number of references, and method resolution picks the first that applies. This is
//! autoref specialisation, on stable Rust.
#![allow(missing_docs, missing_debug_implementations, clippy::must_use_candidate, reason = "not an API")]

use std::borrow::Cow;
use std::error::Error;
use std::fmt::Display;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context as TaskContext, Poll};

use opentelemetry::Context;
use pin_project_lite::pin_project;
use serde::Serialize;

pub use crate::call::{Call, CallSite, Kind};
pub use crate::request::{LlmRequest, Request};
use crate::response::{ErrorFacts, LlmError, LlmResponse, Response, error_type_of, type_name};
pub use crate::{__llm_trace_finish as finish, __llm_trace_request as request};
use crate::{mirror, probe};

/// Begins a call: `arguments` sets what the attribute says.
pub fn begin(site: &'static CallSite, arguments: impl FnOnce(&mut Request)) -> Call {
    let mut request = Request::new(site.kind);
    arguments(&mut request);
    Call::begin(site, request)
}

/// Runs an async body inside the call's context, poll by poll.
pub fn in_call<F: Future>(call: &Call, body: F) -> InCall<F> {
    InCall { body, context: call.context().clone() }
}

pin_project! {
    /// A future that is polled with its call's context attached: never held across an await, so the future stays
    /// `Send` and other tasks on the thread see nothing of it.
    #[must_use = "futures do nothing unless polled"]
    pub struct InCall<F> {
        #[pin]
        body: F,
        context: Context,
    }
}

impl<F: Future> Future for InCall<F> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, task: &mut TaskContext<'_>) -> Poll<F::Output> {
        let this = self.project();
        let _entered = mirror::enter(this.context);
        let _attached = this.context.clone().attach();
        this.body.poll(task)
    }
}

/// Runs a sync body inside the call's context.
pub fn in_scope<R>(call: &Call, body: impl FnOnce() -> R) -> R {
    let _entered = mirror::enter(call.context());
    let _attached = call.context().clone().attach();
    body()
}

/// Never called: it tells the compiler the body's type, so that a type error is reported on the user's own
/// expression and not on the attribute.
pub fn expected<T>() -> T {
    unreachable!("only ever mentioned under `if false`")
}

/// Reads `request = …`.
#[macro_export]
#[doc(hidden)]
macro_rules! __llm_trace_request {
    ($into:expr, $request:expr $(,)?) => {{
        #[allow(unused_imports)]
        use $crate::__private::{ViaLlmRequest as _, ViaSerializeRequest as _, ViaUnreadableRequest as _};
        (&&&$crate::__private::Probe($request)).read_request($into);
    }};
}

/// Ends a call with what its body returned.
#[macro_export]
#[doc(hidden)]
macro_rules! __llm_trace_finish {
    ($call:expr, $out:expr $(,)?) => {
        $crate::__llm_trace_finish!(@ $call, $out, |value| {
            #[allow(unused_imports)]
            use $crate::__private::{ViaLlmResponse as _, ViaOpaque as _, ViaSerialize as _};
            (&&&$crate::__private::Probe(value)).response()
        })
    };
    ($call:expr, $out:expr, $adapter:expr $(,)?) => {
        $crate::__llm_trace_finish!(@ $call, $out, |value| $crate::__private::adapt(value, $adapter))
    };
    (@ $call:expr, $out:expr, |$value:ident| $response:expr) => {{
        #[allow(unused_imports)]
        use $crate::__private::{
            ViaAnyError as _, ViaBoxedError as _, ViaBoxedSendError as _, ViaLlmError as _, ViaPlain as _,
            ViaResult as _, ViaStdError as _,
        };
        match (&&$crate::__private::Probe($out)).outcome() {
            $crate::__private::Outcome::Value($value) => {
                if $crate::__private::reads_response(&$call) {
                    $crate::__private::succeed($call, $response)
                } else {
                    $crate::__private::complete($call)
                }
            }
            $crate::__private::Outcome::Error(error) => {
                $crate::__private::fail($call, &(&&&&&$crate::__private::Probe(error)).facts())
            }
        }
    }};
}

/// A value about to find out what can be read from it.
pub struct Probe<'a, T: ?Sized>(pub &'a T);

/// What a body returned.
pub enum Outcome<'a, T, E> {
    /// A value, or the `Ok` of a result.
    Value(&'a T),
    /// The `Err` of a result.
    Error(&'a E),
}

/// Whether the call's return value is read.
pub fn reads_response(call: &Call) -> bool {
    call.reads_response()
}

/// Reads a value with `response = …`; a closure's parameter type is inferred from here.
pub fn adapt<T: ?Sized>(value: &T, adapter: impl FnOnce(&T) -> Response) -> Response {
    adapter(value)
}

/// Ends a call whose return value was read.
pub fn succeed(call: Call, response: Response) {
    call.succeed(response);
}

/// Ends a call whose return value tells nothing.
pub fn complete(call: Call) {
    call.succeed(Response::new());
}

/// Ends a call that returned an error.
pub fn fail(call: Call, error: &ErrorFacts<'_>) {
    call.fail(error);
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

/// Response, first step: a type that describes itself.
pub trait ViaLlmResponse {
    fn response(&self) -> Response;
}

impl<T: LlmResponse + ?Sized> ViaLlmResponse for &&Probe<'_, T> {
    fn response(&self) -> Response {
        crate::quietly(|| self.0.describe()).unwrap_or_default()
    }
}

/// Response, second step: the keys of a serializable body.
pub trait ViaSerialize {
    fn response(&self) -> Response;
}

impl<T: Serialize + ?Sized> ViaSerialize for &Probe<'_, T> {
    fn response(&self) -> Response {
        probe::read_response(self.0)
    }
}

/// Response, last step: nothing can be read.
pub trait ViaOpaque {
    fn response(&self) -> Response;
}

impl<T: ?Sized> ViaOpaque for Probe<'_, T> {
    fn response(&self) -> Response {
        Response::new()
    }
}

/// Request, first step: a type that describes itself.
pub trait ViaLlmRequest {
    fn read_request(&self, into: &mut Request);
}

impl<T: LlmRequest + ?Sized> ViaLlmRequest for &&Probe<'_, T> {
    fn read_request(&self, into: &mut Request) {
        self.0.describe(into);
    }
}

/// Request, second step: the keys of a serializable body.
pub trait ViaSerializeRequest {
    fn read_request(&self, into: &mut Request);
}

impl<T: Serialize + ?Sized> ViaSerializeRequest for &Probe<'_, T> {
    fn read_request(&self, into: &mut Request) {
        probe::read_request(self.0, into);
    }
}

/// Request, last step: a compile error that says what is missing. A `request = …` that silently read nothing would
/// be a mistake that nobody sees.
pub trait ViaUnreadableRequest<T: ?Sized> {
    fn read_request(&self, into: &mut Request)
    where
        T: LlmRequest;
}

impl<T: ?Sized> ViaUnreadableRequest<T> for Probe<'_, T> {
    fn read_request(&self, into: &mut Request)
    where
        T: LlmRequest,
    {
        self.0.describe(into);
    }
}

/// Error, first step: a type that names its own class.
pub trait ViaLlmError<'a> {
    fn facts(&self) -> ErrorFacts<'a>;
}

impl<'a, E: LlmError> ViaLlmError<'a> for &&&&Probe<'a, E> {
    fn facts(&self) -> ErrorFacts<'a> {
        ErrorFacts { error_type: self.0.error_type(), message: Some(self.0) }
    }
}

/// Error, second step: a standard error, with its sources.
pub trait ViaStdError<'a> {
    fn facts(&self) -> ErrorFacts<'a>;
}

impl<'a, E: Error + 'static> ViaStdError<'a> for &&&Probe<'a, E> {
    fn facts(&self) -> ErrorFacts<'a> {
        let error_type = error_type_of(self.0).unwrap_or(Cow::Borrowed(type_name::<E>()));
        ErrorFacts { error_type, message: Some(self.0) }
    }
}

/// Error, third step: `Box<dyn Error + Send + Sync>`, `anyhow::Error` and the like.
pub trait ViaBoxedSendError<'a> {
    fn facts(&self) -> ErrorFacts<'a>;
}

impl<'a, E: AsRef<dyn Error + Send + Sync> + Display> ViaBoxedSendError<'a> for &&Probe<'a, E> {
    fn facts(&self) -> ErrorFacts<'a> {
        ErrorFacts { error_type: boxed_error_type(self.0.as_ref()), message: Some(self.0) }
    }
}

/// Error, fourth step: `Box<dyn Error>`.
pub trait ViaBoxedError<'a> {
    fn facts(&self) -> ErrorFacts<'a>;
}

impl<'a, E: AsRef<dyn Error> + Display> ViaBoxedError<'a> for &Probe<'a, E> {
    fn facts(&self) -> ErrorFacts<'a> {
        ErrorFacts { error_type: boxed_error_type(self.0.as_ref()), message: Some(self.0) }
    }
}

/// The type inside a box is gone: `_OTHER` is the conventions' word for a class that cannot be told.
fn boxed_error_type(error: &(dyn Error + 'static)) -> Cow<'static, str> {
    error_type_of(error).unwrap_or(Cow::Borrowed("_OTHER"))
}

/// Error, last step: the type's name is all there is.
pub trait ViaAnyError<'a> {
    fn facts(&self) -> ErrorFacts<'a>;
}

impl<'a, E> ViaAnyError<'a> for Probe<'a, E> {
    fn facts(&self) -> ErrorFacts<'a> {
        ErrorFacts { error_type: Cow::Borrowed(type_name::<E>()), message: None }
    }
}
