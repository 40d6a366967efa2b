//! Layers of services: the trace context is sent with a request and continued by its handler.

use std::convert::Infallible;
use std::future::{Future, Ready, ready};
use std::pin::Pin;
use std::sync::LazyLock;
use std::task::{Context as TaskContext, Poll, Waker};

use axum::Router;
use axum::body::{Body, Bytes, to_bytes};
use axum::extract::Path;
use axum::http::{Request, Response, StatusCode};
use axum::routing::get;
use futures_util::{FutureExt as _, StreamExt as _, future, stream};
use llm_trace::llm_trace;
use llm_trace::opentelemetry::context::FutureExt as _;
use llm_trace::opentelemetry::trace::{TraceContextExt as _, Tracer as _};
use llm_trace::opentelemetry::{Context, global};
use llm_trace::tower::{ExtractLayer, InjectLayer};
use llm_trace_test_support::trace::Trace;
use opentelemetry_sdk::propagation::TraceContextPropagator;
use tower_layer::Layer as _;
use tower_service::Service;

/// A call in a handler, with a name that identifies the test.
#[llm_trace(task, name = name)]
async fn step(name: &str) {
    tokio::task::yield_now().await;
}

fn app() -> Router {
    static PROPAGATOR: LazyLock<()> =
        LazyLock::new(|| global::set_text_map_propagator(TraceContextPropagator::new()));
    LazyLock::force(&PROPAGATOR);
    let streamed = async |Path(name): Path<String>| {
        let pieces = stream::iter(0..2).then(move |number| {
            let name = name.clone();
            async move {
                step(&name).await;
                Ok::<_, Infallible>(Bytes::from(number.to_string()))
            }
        });
        Body::from_stream(pieces)
    };
    Router::new()
        .route(
            "/step/{name}",
            get(async |Path(name): Path<String>| {
                tokio::task::yield_now().await;
                step(&name).await;
                name
            }),
        )
        .route("/stream/{name}", get(streamed))
        .route("/fails", get(async || StatusCode::TOO_MANY_REQUESTS))
        .layer(ExtractLayer)
}

/// The connection to another process: only the headers of the request are passed on.
#[derive(Clone)]
struct Network(Router);

impl Service<Request<Body>> for Network {
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Response<Body>, Infallible>>>>;

    fn poll_ready(&mut self, task: &mut TaskContext<'_>) -> Poll<Result<(), Infallible>> {
        Service::<Request<Body>>::poll_ready(&mut self.0, task)
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let mut app = self.0.clone();
        let handled = tokio::spawn(async move {
            let (head, body) = app.call(request).await.unwrap().into_parts();
            let body = to_bytes(body, usize::MAX).await.unwrap();
            Response::from_parts(head, Body::from(body))
        });
        Box::pin(handled.map(|response| Ok(response.unwrap())))
    }
}

#[llm_trace(tool, name = "fetch")]
async fn fetch(path: &str) -> (StatusCode, Bytes) {
    let mut client = InjectLayer.layer(Network(app()));
    let response = client.call(Request::get(path).body(Body::empty()).unwrap()).await.unwrap();
    let (head, body) = response.into_parts();
    (head.status, to_bytes(body, usize::MAX).await.unwrap())
}

fn run<F: Future>(future: F) -> F::Output {
    tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(future)
}

#[test]
fn calls_in_a_handler_continue_the_callers_trace() {
    let trace = Trace::new();
    let (status, body) = run(fetch("/step/continued").with_context(trace.context()));
    assert_eq!((status, &body[..]), (StatusCode::OK, &b"continued"[..]));
    assert_eq!(trace.span("continued").parent(), trace.span("execute_tool fetch").id());
}

#[test]
fn a_streamed_response_body_continues_the_callers_trace() {
    let trace = Trace::new();
    let (_, body) = run(fetch("/stream/piece").with_context(trace.context()));
    assert_eq!(&body[..], b"01");
    let caller = trace.span("execute_tool fetch").id();
    let spans = trace.spans();
    let pieces: Vec<_> = spans.iter().filter(|span| span.0.name == "piece").collect();
    assert_eq!(pieces.len(), 2);
    assert!(pieces.iter().all(|piece| piece.parent() == caller));
}

#[test]
fn requests_on_one_thread_do_not_see_each_others_traces() {
    let traces = [Trace::new(), Trace::new()];
    run(future::join_all(traces.iter().map(|trace| fetch("/step/one_of_two").with_context(trace.context()))));
    for trace in &traces {
        assert_eq!(trace.spans().len(), 2, "the caller and the called");
        assert_eq!(trace.span("one_of_two").parent(), trace.span("execute_tool fetch").id());
    }
}

#[test]
fn a_span_made_by_another_layer_is_the_parent() {
    let trace = Trace::new();
    let elsewhere = Trace::new();
    let context = elsewhere.context();
    let ids = context.span().span_context().clone();
    let header = format!("00-{}-{}-01", ids.trace_id(), ids.span_id());
    let request = Request::get("/step/inside").header("traceparent", header).body(Body::empty()).unwrap();
    let tracer = global::tracer("server");
    let server = trace.run(|| Context::current_with_span(tracer.start("GET /step")));
    run(app().call(request).with_context(server)).unwrap();
    assert_eq!(trace.span("inside").parent(), trace.span("GET /step").id());
    assert_eq!(elsewhere.spans().len(), 0);
}

#[test]
fn without_headers_a_request_is_handled_in_no_trace_and_answers_are_left_alone() {
    let mut response =
        run(app().call(Request::get("/fails").body(Body::empty()).unwrap()).map(Result::unwrap));
    assert_eq!(response.status(), StatusCode::TOO_MANY_REQUESTS);
    assert!(run(to_bytes(std::mem::take(response.body_mut()), usize::MAX)).unwrap().is_empty());
    let broken = Request::get("/step/broken").header("traceparent", "nonsense").body(Body::empty()).unwrap();
    assert_eq!(run(app().call(broken)).unwrap().status(), StatusCode::OK);
}

/// A service that is not ready, and fails.
#[derive(Clone)]
struct Busy;

impl Service<Request<()>> for Busy {
    type Response = Response<()>;
    type Error = &'static str;
    type Future = Ready<Result<Response<()>, &'static str>>;

    fn poll_ready(&mut self, _: &mut TaskContext<'_>) -> Poll<Result<(), &'static str>> {
        Poll::Pending
    }

    fn call(&mut self, request: Request<()>) -> Self::Future {
        assert!(!request.headers().contains_key("traceparent"), "there is no span");
        ready(Err("busy"))
    }
}

#[test]
fn readiness_and_errors_of_the_service_pass_through() {
    let mut task = TaskContext::from_waker(Waker::noop());
    let (mut client, mut server) = (InjectLayer.layer(Busy), ExtractLayer.layer(Busy));
    assert!(client.poll_ready(&mut task).is_pending() && server.poll_ready(&mut task).is_pending());
    assert_eq!(client.call(Request::new(())).now_or_never().unwrap().unwrap_err(), "busy");
    assert_eq!(server.call(Request::new(())).now_or_never().unwrap().unwrap_err(), "busy");
}
