//! Calls that no attribute can reach: begun, run and ended by hand. What happens in between is the same.

use std::borrow::Cow;
use std::error::Error;
use std::future::Future;
use std::panic::Location;
use std::sync::Arc;

use futures_core::Stream;
use serde::Serialize;

use super::{Call, CurrentCall, InCall, current, observed};
use crate::call::stream::{ReadChunk, TracedStream};
use crate::extract;
use crate::extract::error::{ErrorFacts, error_type_of, type_name};
use crate::model::request::Request;
use crate::model::site::Site;
use crate::model::site::{CallSite, Kind};

/// Compiled out, as annotated functions are.
const IS_OFF: bool = cfg!(feature = "off");

/// Builder for a call; see [`Call::builder`].
#[derive(Debug)]
#[must_use = "a call begins with `begin()`"]
pub struct CallBuilder {
    site: CallSite,
    request: Request,
}

impl CallBuilder {
    /// Sets request attributes, by the setters that the attribute's arguments are named after. The later of two values wins.
    pub fn with_request(mut self, set: impl FnOnce(&mut Request)) -> Self {
        if !IS_OFF {
            set(&mut self.request);
        }
        self
    }

    /// Reads a request body of any provider's API, as `request = …` does. Explicit values win if they come after it.
    pub fn with_request_body<T: Serialize + ?Sized>(mut self, body: &T) -> Self {
        if !IS_OFF {
            extract::read_request(body, &mut self.request);
            self.request.content_of(body);
        }
        self
    }

    /// Begins the call, as a child of the current span unless the request names another parent.
    pub fn begin(self) -> Call {
        let CallBuilder { mut site, request } = self;
        site.has_parent = request.rest().parent.is_some();
        let runtime = if observed::is_off() { None } else { observed::observing(&site) };
        match runtime {
            Some(runtime) => Call::begin(runtime, Site::Place(Arc::new(site)), request),
            None => Call { held: None },
        }
    }
}

/// By hand.
impl Call {
    /// Starts a call that `#[llm_trace]` cannot be put on: in a middleware, a loop, generated code, a client of your own.
    /// Span, metrics and events are those of an annotated function; `code.file.path` and `code.line.number` are where this
    /// is called.
    ///
    /// ```
    /// use llm_trace::{Call, Kind, Usage};
    ///
    /// # #[derive(Debug)] struct Reply { text: String, tokens: (u64, u64) }
    /// # async fn post(_: &str) -> Result<Reply, std::io::Error> { Ok(Reply { text: "42".into(), tokens: (7, 1) }) }
    /// async fn ask(question: &str) -> Result<String, std::io::Error> {
    ///     let call = Call::builder(Kind::Chat)
    ///         .with_request(|request| {
    ///             request.provider("openai");
    ///             request.model("gpt-4o-mini");
    ///             request.input(question); // content: recorded only if the application allows it
    ///         })
    ///         .begin();
    ///     match call.instrument(post(question)).await {
    ///         Ok(reply) => {
    ///             call.current().usage(Usage::new(reply.tokens.0, reply.tokens.1)).output(&reply.text);
    ///             call.finish();
    ///             Ok(reply.text)
    ///         }
    ///         Err(error) => {
    ///             call.fail(&error);
    ///             Err(error)
    ///         }
    ///     }
    /// }
    /// # futures_util::FutureExt::now_or_never(ask("why")).unwrap().unwrap();
    /// ```
    ///
    /// The conventions require a provider on calls of models, and a name on tools, agents, workflows and the like, which otherwise are
    /// `unnamed`.
    #[track_caller]
    pub fn builder(kind: Kind) -> CallBuilder {
        let place = Location::caller();
        let site = CallSite::new(kind, "unnamed", "", place.file(), place.line());
        CallBuilder { site, request: Request::new(kind) }
    }

    /// Returns a handle like [`current()`] inside of this call: records usage, response, output, attempts and headers, and returns the ids.
    pub fn current(&self) -> CurrentCall {
        self.run(current)
    }

    /// Runs a step of the call: calls inside are its children, and a panic that leaves it makes this a failed call.
    pub fn in_scope<R>(&self, step: impl FnOnce() -> R) -> R {
        self.run(step)
    }

    /// Polls a future inside the call. The call does not end with it, so that several may follow one another. Nothing is held
    /// while the future waits: it stays `Send`, and other tasks on the thread see nothing of the call.
    pub fn instrument<F: Future>(&self, future: F) -> impl Future<Output = F::Output> + use<F> {
        InCall::new(self.inside(), future)
    }

    /// Hands the call over to a stream: it ends when the stream ends, fails, or is dropped. `read` reads each item:
    /// [`Chunk::body`](crate::stream::Chunk::body), [`Chunk::result`](crate::stream::Chunk::result), or a closure.
    ///
    /// ```
    /// use llm_trace::{Call, Kind};
    ///
    /// let tokens = futures_util::stream::iter(["for", "ty", "-two"]);
    /// let call = Call::builder(Kind::Chat).with_request(|request| request.provider("ollama")).begin();
    /// let tokens = call.stream(tokens, |token, chunk| chunk.text(token));
    /// # drop(tokens);
    /// ```
    pub fn stream<S: Stream>(self, stream: S, read: ReadChunk<S::Item>) -> TracedStream<S> {
        TracedStream::new(self, stream, read)
    }

    /// Ends the call as completed, with what was recorded of it.
    pub fn finish(self) {
        self.complete();
    }

    /// Ends the call as failed. The class of the error is found as the attribute finds it: a provider's code or an HTTP status
    /// anywhere among the sources, `timeout`, or the name of the type.
    pub fn fail<E: Error + 'static>(self, error: &E) {
        let error_type = error_type_of(error).unwrap_or(Cow::Borrowed(type_name::<E>()));
        self.fail_with_facts(&ErrorFacts { error_type, message: Some(error) });
    }

    /// Ends the call as failed with an error of this class, such as `rate_limit_exceeded`: one of a few words, as it is a label of
    /// metrics.
    pub fn fail_as(self, error_type: impl Into<Cow<'static, str>>) {
        self.fail_with_facts(&ErrorFacts { error_type: error_type.into(), message: None });
    }
}
