//! Messages of the Model Context Protocol, between a client and a server.

use std::borrow::Cow;
use std::fmt;

use llm_trace::mcp::Session;
use llm_trace::opentelemetry::trace::{TraceContextExt as _, Tracer as _};
use llm_trace::opentelemetry::{Context, global};
use llm_trace::{LlmError, llm_trace, propagation};
use llm_trace_test_support::trace::{Trace, points_where};
use opentelemetry_sdk::propagation::TraceContextPropagator;
use serde_json::{Value, json};

#[llm_trace(mcp(client), request = &*message, transport = "stdio", server = server)]
fn send(message: &mut Value, server: &str) -> Value {
    global::set_text_map_propagator(TraceContextPropagator::new());
    let meta = &mut message["params"]["_meta"];
    propagation::inject_with(|key, value| meta[key] = value.into());
    // The server runs in another process.
    let _elsewhere = Context::new().attach();
    handle(message)
}

#[llm_trace(mcp(server), request = message, transport = "stdio", parent = &sender(message))]
fn handle(message: &Value) -> Value {
    let name = message["params"]["name"].as_str().unwrap_or_default();
    search();
    match name {
        "broken" => json!({"id": 1, "result": {"content": [], "isError": true}}),
        "unknown" => json!({"id": 1, "error": {"code": -32602, "message": "there is no such tool"}}),
        _ => json!({"id": 1, "result": {"content": [{"type": "text", "text": "42"}]}}),
    }
}

fn sender(message: &Value) -> Context {
    propagation::extract_with(|key| message["params"]["_meta"][key].as_str())
}

#[llm_trace(task)]
fn search() {}

fn call(tool: &str) -> Value {
    json!({"jsonrpc": "2.0", "id": 7, "method": "tools/call", "params": {"name": tool, "arguments": {"q": "x"}}})
}

#[test]
fn the_server_continues_the_trace_of_the_client_through_the_message() {
    let trace = Trace::new();
    trace.run(|| send(&mut call("search"), "mcp.example.com:443"));
    let spans = trace.spans();
    let of = |kind: &str| spans.iter().find(|span| format!("{:?}", span.0.span_kind) == kind).unwrap();
    let (client, server) = (of("Client"), of("Server"));
    for span in [client, server] {
        assert_eq!(span.0.name, "tools/call search");
        assert_eq!(span.text("gen_ai.operation.name"), Some("execute_tool"));
        assert_eq!(span.text("gen_ai.tool.name"), Some("search"));
        assert_eq!(span.text("jsonrpc.request.id"), Some("7"));
        assert_eq!(span.text("network.transport"), Some("pipe"));
        assert_eq!(span.text("error.type"), None);
    }
    assert_eq!(client.parent(), trace.root());
    assert_eq!(server.parent(), client.id());
    assert_eq!(trace.span("search").parent(), server.id());
}

#[test]
fn errors_in_answers_are_errors_of_their_calls_and_of_their_durations() {
    for (tool, error_type, code) in [("broken", "tool_error", None), ("unknown", "-32602", Some("-32602"))] {
        let trace = Trace::new();
        let server = format!("{tool}.example.com");
        let answer = trace.run(|| send(&mut call(tool), &server));
        assert_eq!(answer["id"], 1, "the answer is what it was");
        for span in trace.spans().iter().filter(|span| span.0.name.starts_with("tools/call")) {
            assert_eq!(span.text("error.type"), Some(error_type), "{tool}");
            assert_eq!(span.text("rpc.response.status_code"), code, "{tool}");
        }
        let points = points_where("mcp.client.operation.duration", "server.address", &server);
        assert_eq!(points.len(), 1);
        let label = |key: &str| points[0].label(key);
        assert_eq!(label("error.type").as_deref(), Some(error_type));
        assert_eq!(label("mcp.method.name").as_deref(), Some("tools/call"));
        assert_eq!(label("rpc.response.status_code").as_deref(), code);
    }
}

/// An error type like that of rmcp.
#[derive(Debug)]
struct Refused(i32);

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

impl LlmError for Refused {
    fn error_type(&self) -> Cow<'_, str> {
        self.0.to_string().into()
    }
}

#[test]
fn an_error_that_is_a_code_is_the_status_of_the_response() {
    #[llm_trace(mcp(client), method = "resources/read", uri = "file:///a")]
    fn read() -> Result<Value, Refused> {
        Err(Refused(-32002))
    }
    let trace = Trace::new();
    assert!(trace.run(read).is_err());
    let span = trace.span("resources/read");
    assert_eq!(span.text("error.type"), Some("-32002"));
    assert_eq!(span.text("rpc.response.status_code"), Some("-32002"));
    assert_eq!(span.text("mcp.resource.uri"), Some("file:///a"));
}

#[test]
fn an_error_that_is_the_status_of_http_is_no_code_of_an_answer() {
    #[llm_trace(mcp(client), method = "ping")]
    fn ping() -> Result<Value, Refused> {
        Err(Refused(503))
    }
    let trace = Trace::new();
    assert!(trace.run(ping).is_err());
    let span = trace.span("ping");
    assert_eq!((span.text("error.type"), span.text("rpc.response.status_code")), (Some("503"), None));
}

#[test]
fn the_span_a_message_arrives_in_is_linked_where_it_is_not_the_parent() {
    let (sender, transport) = (Trace::new(), Trace::new());
    let ids = sender.context().span().span_context().clone();
    let mut message = call("linked");
    message["params"]["_meta"] =
        json!({"traceparent": format!("00-{}-{}-01", ids.trace_id(), ids.span_id())});
    global::set_text_map_propagator(TraceContextPropagator::new());
    let post = transport.run(|| Context::current_with_span(global::tracer("http").start("POST /mcp")));
    let arrived_in = post.span().span_context().span_id();
    {
        let _attached = post.attach();
        handle(&message);
    }
    let span = sender.span("tools/call linked");
    assert_eq!(span.parent(), sender.root());
    let links: Vec<_> = span.0.links.iter().map(|link| link.span_context.span_id()).collect();
    assert_eq!(links, [arrived_in]);
}

#[test]
fn sessions_are_measured_when_they_end() {
    let session = Session::client(|request| {
        request.server("sessions.example.com:8443");
        request.transport("http");
    });
    let measured = || points_where("mcp.client.session.duration", "server.address", "sessions.example.com");
    let _ = Trace::new(); // its providers
    assert!(measured().is_empty());
    session.fail("connection_reset");
    let points = measured();
    let labels: Vec<_> =
        points[0].labels.iter().map(|label| format!("{}={}", label.key, label.value)).collect();
    for label in [
        "error.type=connection_reset",
        "network.transport=tcp",
        "network.protocol.name=http",
        "server.port=8443",
    ] {
        assert!(labels.iter().any(|found| found == label), "{label}: {labels:?}");
    }
}
