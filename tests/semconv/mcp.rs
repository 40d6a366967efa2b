//! Messages of the Model Context Protocol, with all their attributes.

use llm_trace::llm_trace;
use llm_trace::mcp::Session;
use serde_json::{Value, json};

#[llm_trace(
    mcp(client),
    request = message,
    server = "https://mcp.example.com",
    session = "s-1",
    transport = "http",
    protocol_version = "2025-06-18",
    attributes("network.protocol.version" = "2", "jsonrpc.protocol.version" = "2.1"),
)]
fn send(message: &Value) -> Value {
    handle(message)
}

#[llm_trace(
    mcp(server), request = message, client = "10.0.0.1:4711", session = "s-1", transport = "http",
    protocol_version = "2025-06-18", attributes("network.protocol.version" = "2", "jsonrpc.protocol.version" = "2.1"),
)]
fn handle(message: &Value) -> Value {
    let id = &message["id"];
    match message["method"].as_str() {
        Some("tools/call") if message["params"]["name"] == "broken" => {
            json!({"jsonrpc": "2.0", "id": id, "result": {"content": [], "isError": true}})
        }
        Some("tools/call") => {
            json!({"jsonrpc": "2.0", "id": id, "result": {"content": [{"type": "text", "text": "42"}]}})
        }
        Some("initialize") => {
            json!({"jsonrpc": "2.0", "id": id, "result": {"protocolVersion": "2025-03-26"}})
        }
        Some("resources/read") => {
            json!({"jsonrpc": "2.0", "id": id, "error": {"code": -32002, "message": "there is none"}})
        }
        _ => json!({"jsonrpc": "2.0", "id": id, "result": {}}),
    }
}

#[llm_trace(mcp(client), method = "notifications/cancelled", transport = "stdio")]
fn notify() {}

pub(crate) fn calls() {
    let session = Session::client(|request| {
        request.server("https://mcp.example.com");
        request.transport("http");
        request.protocol_version("2025-06-18");
    });
    for (method, params) in [
        ("initialize", json!({"protocolVersion": "2025-06-18", "clientInfo": {"name": "c"}})),
        ("tools/call", json!({"name": "search", "arguments": {"q": "x"}})),
        ("tools/call", json!({"name": "broken"})),
        ("prompts/get", json!({"name": "support", "arguments": {"tone": "kind"}})),
        ("resources/read", json!({"uri": "file:///a"})),
        ("tools/list", json!({})),
    ] {
        send(&json!({"jsonrpc": "2.0", "id": 7, "method": method, "params": params}));
    }
    notify();
    drop(session);
    Session::server(|request| request.transport("stdio")).fail("connection_reset");
}
