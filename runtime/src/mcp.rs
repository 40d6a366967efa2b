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
use std::time::Instant;

use crate::model::argument::Text;
use crate::model::request::{Request, replace_required, server_address, without_secrets};
use crate::model::site::Kind;
use crate::runtime;
use crate::semconv::attribute;
use crate::sinks::metrics;

/// A message of the Model Context Protocol.
impl Request {
    /// `mcp.method.name`: `tools/call`, `prompts/get`, `resources/read`, …
    pub fn method(&mut self, value: impl Text) {
        replace_required(&mut self.rest_mut().method, &value);
    }

    /// `mcp.session.id`: the session.
    pub fn session(&mut self, value: impl Text) {
        self.set_text(attribute::MCP_SESSION_ID, &value);
    }

    /// `mcp.resource.uri`: the resource that is read or subscribed to, without credentials and query.
    pub fn uri(&mut self, value: impl Text) {
        let uri = value.text().map(|uri| without_secrets(&uri));
        self.set_text(attribute::MCP_RESOURCE_URI, &uri);
    }

    /// `mcp.protocol.version`: `2025-06-18`.
    pub fn protocol_version(&mut self, value: impl Text) {
        self.set_text(attribute::MCP_PROTOCOL_VERSION, &value);
    }

    /// The transport of the message: `stdio` (`network.transport` is `pipe`), `http` or `websocket` (`tcp`, with that
    /// `network.protocol.name`), or the `network.transport` itself: `tcp`, `quic`, `unix`, …
    pub fn transport(&mut self, value: impl Text) {
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
    pub fn client(&mut self, value: impl Text) {
        let Some(text) = value.text() else { return };
        let (address, port) = server_address(&text);
        self.set_text(attribute::CLIENT_ADDRESS, address);
        self.set(attribute::CLIENT_PORT, port);
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
            runtime::with(|runtime| {
                let error_type = self.error_type.as_deref();
                metrics::record_mcp_session(
                    &runtime.calls,
                    &self.request,
                    self.started.elapsed(),
                    error_type,
                );
            });
        }
    }
}
