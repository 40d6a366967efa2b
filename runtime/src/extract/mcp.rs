//! Reads the answer to an MCP message: a JSON-RPC response, or its result alone.

use serde::Serialize;

use crate::model::response::McpAnswer;
use crate::value::bounds;
use crate::value::reader::{Reader, Scalar, walk};

/// Reads how an MCP message ended. The message of an error is as it came: whether it is recorded is for the caller to decide.
pub(crate) fn read_mcp_answer<T: Serialize + ?Sized>(body: &T) -> McpAnswer {
    let mut reader = AnswerReader(McpAnswer::default());
    walk(&mut reader, Place::Root, body);
    reader.0
}

struct AnswerReader(McpAnswer);

#[derive(Clone, Copy)]
enum Place {
    Root,
    Result,
    Error,
    Code,
    Message,
    IsError,
    ProtocolVersion,
}

impl Reader for AnswerReader {
    type Place = Place;

    fn key(&self, at: Place, key: &str) -> Option<Place> {
        Some(match (at, key) {
            (Place::Root, "error") => Place::Error,
            (Place::Root, "result") => Place::Result,
            (Place::Error, "code") => Place::Code,
            (Place::Error, "message") => Place::Message,
            (Place::Root | Place::Result, "isError") => Place::IsError,
            (Place::Root | Place::Result, "protocolVersion") => Place::ProtocolVersion,
            _ => return None,
        })
    }

    fn element(&mut self, _at: Place, _len: Option<usize>) -> Option<Place> {
        None
    }

    fn scalar(&mut self, at: Place, value: Scalar<'_>) {
        match (at, value) {
            (Place::Code, value) => self.0.status_code = value.int(),
            (Place::Message, Scalar::Text(message)) => {
                self.0.message = Some(bounds::beginning(message).to_owned());
            }

            (Place::IsError, Scalar::Bool(is_error)) => self.0.is_tool_error = is_error,
            (Place::ProtocolVersion, Scalar::Text(version)) => {
                self.0.protocol_version = bounds::name(version).map(str::to_owned);
            }
            _ => {}
        }
    }
}
