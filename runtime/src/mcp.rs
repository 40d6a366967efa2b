//! The Model Context Protocol: messages between a client and a server that offers tools, prompts and resources.
//!
//! A function that sends a message is annotated with `mcp(client)`, one that handles it with `mcp(server)`. Of a `request` are read
//! the method, the id, and the name or address of what it is about; of what the function returns whether it is an error: a
//! JSON-RPC message and its parameters or result alone will both do, so that the types of rmcp do.
//!
//! ```
//! use llm_trace::{llm_trace, propagation};
//! use serde_json::{Value, json};
//!
//! #[llm_trace(mcp(client), request = &*message, transport = "stdio", server = "search-server")]
//! fn send(message: &mut Value) -> Value {
//!     // The server continues the trace of this call.
//!     let meta = &mut message["params"]["_meta"];
//!     propagation::inject_with(|key, value| meta[key] = value.into());
//!     handle(message) // … write it, and wait for the answer …
//! }
//!
//! #[llm_trace(mcp(server), request = message, transport = "stdio", parent = &parent(message))]
//! fn handle(message: &Value) -> Value {
//!     json!({"jsonrpc": "2.0", "id": message["id"], "result": {"content": [], "isError": false}})
//! }
//!
//! fn parent(message: &Value) -> llm_trace::opentelemetry::Context {
//!     propagation::extract_with(|key| message["params"]["_meta"][key].as_str())
//! }
//!
//! let mut message = json!({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": "search", "arguments": {}}});
//! send(&mut message); // `tools/call search` on both sides, the server's below the client's
//! ```
//!
//! See the [conventions](https://github.com/open-telemetry/semantic-conventions-genai/blob/main/docs/mcp/mcp.md).

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Instant;

use opentelemetry::trace::{Link, TraceContextExt as _};
use opentelemetry::{Context, KeyValue, StringValue};

use crate::call::{Failure, Outcome};
use crate::model::argument::Text;
use crate::model::request::{Request, replace_required, server_address, without_secrets};
use crate::model::response::Response;
use crate::model::site::Kind;
use crate::semconv::attribute;
use crate::semconv::version;
use crate::sinks::metrics;
use crate::value::current_context;

/// A message of the Model Context Protocol.
impl Request {
    /// `mcp.method.name`: `tools/call`, `prompts/get`, `resources/read`, …
    pub fn method<T: Text + ?Sized>(&mut self, value: &T) {
        replace_required(&mut self.method, value);
    }

    /// `mcp.session.id`: the session.
    pub fn session<T: Text + ?Sized>(&mut self, value: &T) {
        self.set_text(attribute::MCP_SESSION_ID, value);
    }

    /// `mcp.resource.uri`: the resource that is read or subscribed to, without credentials and query.
    pub fn uri<T: Text + ?Sized>(&mut self, value: &T) {
        let uri = value.text().map(|uri| without_secrets(&uri));
        self.set_text(attribute::MCP_RESOURCE_URI, &uri);
    }

    /// `mcp.protocol.version`: `2025-06-18`.
    pub fn protocol_version<T: Text + ?Sized>(&mut self, value: &T) {
        self.set_text(attribute::MCP_PROTOCOL_VERSION, value);
    }

    /// How messages travel: `stdio` (`network.transport` is `pipe`), `http` or `websocket` (`tcp`, with that
    /// `network.protocol.name`), or the `network.transport` itself: `tcp`, `quic`, `unix`, …
    pub fn transport<T: Text + ?Sized>(&mut self, value: &T) {
        let Some(text) = value.text().filter(|text| !text.is_empty()) else { return };
        let (transport, protocol) = match &*text {
            "stdio" => ("pipe", None),
            protocol @ ("http" | "websocket") => ("tcp", Some(protocol)),
            transport => (transport, None),
        };
        self.set_text(attribute::NETWORK_TRANSPORT, transport);
        self.set_text(attribute::NETWORK_PROTOCOL_NAME, &protocol);
    }

    /// `client.address` and `client.port`: who the message comes from, `host:port` or a host.
    pub fn client<T: Text + ?Sized>(&mut self, value: &T) {
        let Some(text) = value.text() else { return };
        let (address, port) = server_address(&text);
        self.set_text(attribute::CLIENT_ADDRESS, address);
        self.set(attribute::CLIENT_PORT, port);
    }

    /// Whether a prompt is asked for, whose arguments are content: its variables.
    pub(crate) fn gets_prompt(&self) -> bool {
        self.method.as_deref() == Some("prompts/get")
    }

    /// Whether a tool is called, whose arguments and result are content.
    pub(crate) fn calls_tool(&self) -> bool {
        self.method.as_deref() == Some("tools/call")
    }
}

/// A session between a client and a server, from its `initialize` to its end. It is measured when it is dropped
/// (`mcp.client.session.duration` or `mcp.server.session.duration`), and has no span: it may last for days.
///
/// ```
/// use llm_trace::mcp::Session;
///
/// let session = Session::client(|request| {
///     request.server("https://mcp.example.com");
///     request.transport("http");
///     request.protocol_version("2025-06-18");
/// });
/// // … exchange messages …
/// session.fail("connection_reset"); // or drop it
/// ```
#[derive(Debug)]
#[must_use = "a session ends when it is dropped"]
pub struct Session {
    request: Request,
    started: Instant,
    error_type: Option<Cow<'static, str>>,
}

impl Session {
    /// Begins a session of a client.
    pub fn client(describe: impl FnOnce(&mut Request)) -> Self {
        Session::begin(Kind::McpClient, describe)
    }

    /// Begins a session of a server.
    pub fn server(describe: impl FnOnce(&mut Request)) -> Self {
        Session::begin(Kind::McpServer, describe)
    }

    /// Ends the session with an error of this class: one of a few words, as it is a label.
    pub fn fail(mut self, error_type: impl Into<Cow<'static, str>>) {
        self.error_type = Some(error_type.into());
    }

    fn begin(kind: Kind, describe: impl FnOnce(&mut Request)) -> Self {
        let mut request = Request::new(kind);
        describe(&mut request);
        Session { request, started: Instant::now(), error_type: None }
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        if !cfg!(feature = "off") {
            metrics::record_mcp_session(&self.request, self.started.elapsed(), self.error_type.as_deref());
        }
    }
}

/// What an answer says.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Answer {
    /// The error code of JSON-RPC.
    pub(crate) status_code: Option<i64>,
    /// Its message, if messages of errors may be recorded.
    pub(crate) message: Option<String>,
    /// The tool ran, and failed.
    pub(crate) is_tool_error: bool,
    pub(crate) protocol_version: Option<String>,
}

/// How a message ended, which is not always how its function did.
pub(crate) enum Ended {
    /// As its function.
    Alike,
    /// The function returned an error, but what was wrong is the caller's mistake.
    Completed,
    /// The function returned an answer that says that it failed.
    Failed(Failure),
}

const TOOL_ERROR: &str = "tool_error";

impl Ended {
    pub(crate) fn of(kind: Kind, response: &Response, outcome: &Outcome<'_>) -> Self {
        let answer = response.mcp.as_ref();
        match (outcome, status_code(response, outcome)) {
            (Outcome::Failed { .. }, Some(code)) if !is_failure(kind, code) => Ended::Completed,
            (Outcome::Completed, Some(code)) if is_failure(kind, code) => Ended::Failed(Failure {
                error_type: code.to_string().into(),
                message: answer.and_then(|answer| answer.message.clone()),
            }),
            (Outcome::Completed, None) if answer.is_some_and(|answer| answer.is_tool_error) => {
                Ended::Failed(Failure { error_type: TOOL_ERROR.into(), message: None })
            }
            _ => Ended::Alike,
        }
    }

    pub(crate) fn outcome(&self) -> Option<Outcome<'_>> {
        match self {
            Ended::Alike => None,
            Ended::Completed => Some(Outcome::Completed),
            Ended::Failed(failure) => Some(failure.outcome()),
        }
    }
}

/// The error code of the answer: as it says, or the class of the error that the function returned.
pub(crate) fn status_code(response: &Response, outcome: &Outcome<'_>) -> Option<i64> {
    match outcome {
        // A number that is not negative is the status of HTTP below: the codes of JSON-RPC and MCP are negative.
        Outcome::Failed { error_type, .. } => error_type.parse().ok().filter(|code| *code < 0),
        _ => response.mcp.as_ref().and_then(|answer| answer.status_code),
    }
}

/// Parse error, invalid request, method not found, invalid parameters, resource not found: the caller's doing.
const CALLERS_MISTAKES: [i64; 5] = [-32700, -32600, -32601, -32602, -32002];

fn is_failure(kind: Kind, code: i64) -> bool {
    kind != Kind::McpServer
        || version::names().mcp_server_fails_for_callers_mistakes
        || !CALLERS_MISTAKES.contains(&code)
}

/// The span that a message arrives in, such as that of an HTTP request, if its parent is another.
pub(crate) fn link_to_transport(parent: &Context) -> Option<Link> {
    let ambient = current_context::with(|current| current.span().span_context().clone());
    let is_parent = ambient.span_id() == parent.span().span_context().span_id();
    (ambient.is_valid() && !is_parent).then(|| Link::with_context(ambient))
}

/// What a message is, for its span and its duration alike.
pub(crate) fn attributes(request: &Request) -> impl Iterator<Item = KeyValue> {
    let operation = request.calls_tool().then_some(StringValue::from("execute_tool"));
    let shared = |text: &Option<Arc<str>>| text.clone().map(StringValue::from);
    let name = shared(&request.name);
    let (tool, prompt) = if request.gets_prompt() { (None, name) } else { (name, None) };
    let texts = [
        (attribute::OPERATION_NAME, operation),
        (attribute::MCP_METHOD_NAME, shared(&request.method)),
        (attribute::TOOL_NAME, tool),
        (attribute::PROMPT_NAME, prompt),
    ];
    texts.into_iter().filter_map(|(key, text)| Some(KeyValue::new(key, text?)))
}
