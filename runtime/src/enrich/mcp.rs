//! How an MCP message ended, which is not always how its function did.

use crate::model::record::{Failure, Outcome};
use crate::model::response::Response;
use crate::model::site::Kind;
use crate::semconv::version;

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
