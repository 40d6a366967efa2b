//! Traces across services that are built of [`tower`](https://docs.rs/tower) layers: axum, tonic, hyper and their clients. Feature
//! `tower`.
//!
//! [`ExtractLayer`] on a server continues the caller's trace in the handling of each request, and [`InjectLayer`] on a client writes the
//! current one into requests: [`propagation::extract`] and [`inject`](crate::propagation::inject) for every request. They make no spans,
//! read nothing but headers, and change neither answers nor errors. `OTEL_PROPAGATORS` and
//! [`with_baggage_keys`](crate::Builder::with_baggage_keys) select the fields that are propagated.
//!
//! ```
//! use axum::{Router, routing::post};
//! use llm_trace::{llm_trace, tower::ExtractLayer};
//!
//! #[llm_trace(workflow, name = "support-answer")]
//! async fn answer(question: String) -> String {
//!     format!("{question}? 42")
//! }
//!
//! // The workflow is a child of the span that the caller made the request in.
//! let app: Router = Router::new().route("/answer", post(answer)).layer(ExtractLayer);
//! # drop(app);
//! ```

use std::future::Future;
use std::pin::Pin;
use std::task::{Context as TaskContext, Poll};

use http::{Request, Response};
use http_body::{Body, Frame, SizeHint};
use opentelemetry::Context;
use opentelemetry::baggage::BaggageExt as _;
use opentelemetry::trace::TraceContextExt as _;
use pin_project_lite::pin_project;
use tower_layer::Layer;
use tower_service::Service;

use crate::propagation;
use crate::value::current_context;

/// Continues the callers' traces in a server.
///
/// While a request is handled, and while the body of its response is produced, the context from its headers is current: calls
/// in there are children of the caller's span. Where another layer outside of this one has made a span for the request, such
/// as that of tracing-opentelemetry, they are children of that, and this does nothing.
///
/// Tasks that a handler spawns need the context handed to them, as everywhere:
/// [`with_current_context`](opentelemetry::context::FutureExt::with_current_context).
#[derive(Clone, Copy, Debug, Default)]
pub struct ExtractLayer;

/// Writes the current trace into the requests of a client: the service that answers can continue it.
///
/// The current context is that in which the service is called, so this goes outside of layers that call it elsewhere, such as a
/// buffer. Headers that are there already are replaced; without a span or a propagator nothing is written.
///
/// ```
/// use llm_trace::tower::InjectLayer;
/// use tower_layer::Layer;
/// # #[derive(Clone)] struct Client;
///
/// let client = InjectLayer.layer(Client);
/// # drop(client);
/// ```
///
/// A client that is no `Service<http::Request<_>>`, such as reqwest, takes
/// [`propagation::inject(request.headers_mut())`](propagation::inject).
#[derive(Clone, Copy, Debug, Default)]
pub struct InjectLayer;

/// The service of [`ExtractLayer`].
#[derive(Clone, Copy, Debug)]
pub struct Extract<S> {
    inner: S,
}

/// The service of [`InjectLayer`].
#[derive(Clone, Copy, Debug)]
pub struct Inject<S> {
    inner: S,
}

impl<S> Layer<S> for ExtractLayer {
    type Service = Extract<S>;

    fn layer(&self, inner: S) -> Extract<S> {
        Extract { inner }
    }
}

impl<S> Layer<S> for InjectLayer {
    type Service = Inject<S>;

    fn layer(&self, inner: S) -> Inject<S> {
        Inject { inner }
    }
}

impl<S, B, R> Service<Request<B>> for Extract<S>
where
    S: Service<Request<B>, Response = Response<R>>,
{
    type Response = Response<InContext<R>>;
    type Error = S::Error;
    type Future = InContext<S::Future>;

    fn poll_ready(&mut self, task: &mut TaskContext<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(task)
    }

    fn call(&mut self, request: Request<B>) -> InContext<S::Future> {
        let context = callers_context(&request);
        let _attached = context.clone().map(current_context::attach);
        InContext { inner: self.inner.call(request), context }
    }
}

impl<S, B> Service<Request<B>> for Inject<S>
where
    S: Service<Request<B>>,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = S::Future;

    fn poll_ready(&mut self, task: &mut TaskContext<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(task)
    }

    fn call(&mut self, mut request: Request<B>) -> S::Future {
        propagation::inject(request.headers_mut());
        self.inner.call(request)
    }
}

pin_project! {
    /// A future that handles a request, or the body of its response, in the context that came with the request. That is current
    /// only while it is polled.
    // Layers outside of this one that answer by themselves need a `Default` body.
    #[derive(Debug, Default)]
    #[must_use = "futures do nothing unless polled"]
    pub struct InContext<T> {
        #[pin]
        inner: T,
        context: Option<Context>,
    }
}

impl<F, R, E> Future for InContext<F>
where
    F: Future<Output = Result<Response<R>, E>>,
{
    type Output = Result<Response<InContext<R>>, E>;

    fn poll(self: Pin<&mut Self>, task: &mut TaskContext<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let _attached = this.context.clone().map(current_context::attach);
        let answer = std::task::ready!(this.inner.poll(task))?;
        Poll::Ready(Ok(answer.map(|inner| InContext { inner, context: this.context.take() })))
    }
}

impl<B: Body> Body for InContext<B> {
    type Data = B::Data;
    type Error = B::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        task: &mut TaskContext<'_>,
    ) -> Poll<Option<Result<Frame<B::Data>, B::Error>>> {
        let this = self.project();
        let _attached = this.context.clone().map(current_context::attach);
        this.inner.poll_frame(task)
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}

/// Returns the caller's context; `None` if a local span is current, or if the request has neither a span context nor baggage.
fn callers_context<B>(request: &Request<B>) -> Option<Context> {
    if current_context::with(|current| {
        current.span().span_context().is_valid() && !current.span().span_context().is_remote()
    }) {
        return None; // the request has a span already
    }
    let context = propagation::extract(request.headers());
    let says_something = context.has_active_span() || !context.baggage().is_empty();
    says_something.then_some(context)
}
