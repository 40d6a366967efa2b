//! Outcome of an MCP message, which can differ from its function's outcome.

use crate::model::record::{Failure, Outcome};
use crate::model::response::Response;
use crate::model::site::Kind;
use crate::semconv::version::Names;

const TOOL_ERROR: &str = "tool_error";

/// Returns the outcome of a message whose function ended with `outcome`.
pub(crate) fn outcome(kind: Kind, response: &Response, outcome: Outcome, names: &Names) -> Outcome {
    let answer = response.rest().mcp.as_ref();
    match (&outcome, status_code(response, &outcome)) {
        // The function returned an error, but what was wrong is the caller's mistake.
        (Outcome::Failed(_), Some(code)) if !is_failure(kind, code, names) => Outcome::Completed,
        // The function returned an answer that reports a failure.
        (Outcome::Completed, Some(code)) if is_failure(kind, code, names) => {
            Failure::new(&code.to_string(), answer.and_then(|answer| answer.message.clone())).into()
        }
        (Outcome::Completed, None) if answer.is_some_and(|answer| answer.is_tool_error) => {
            Failure::new(TOOL_ERROR, None).into()
        }
        _ => outcome,
    }
}

/// Returns the error code of the answer, or the class of the error that the function returned.
pub(crate) fn status_code(response: &Response, outcome: &Outcome) -> Option<i64> {
    match outcome {
        // A number that is not negative is the status of HTTP below: the codes of JSON-RPC and MCP are negative.
        Outcome::Failed(failure) => failure.error_type.parse().ok().filter(|code| *code < 0),
        _ => response.rest().mcp.as_ref().and_then(|answer| answer.status_code),
    }
}

/// Parse error, invalid request, method not found, invalid parameters, resource not found: the caller's doing.
const CALLERS_MISTAKES: [i64; 5] = [-32700, -32600, -32601, -32602, -32002];

fn is_failure(kind: Kind, code: i64, names: &Names) -> bool {
    kind != Kind::McpServer
        || names.mcp_server_fails_for_callers_mistakes
        || !CALLERS_MISTAKES.contains(&code)
}
