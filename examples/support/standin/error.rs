//! Errors in OpenAI's format.

use axum::{
    Json,
    extract::rejection::JsonRejection,
    http::StatusCode,
    response::{IntoResponse as _, Response},
};
use serde_json::json;

pub(super) fn response(status: StatusCode, message: &str, kind: &str, code: Option<&str>) -> Response {
    (status, Json(json!({ "error": { "message": message, "type": kind, "param": null, "code": code } })))
        .into_response()
}

pub(super) fn invalid_request(message: &str) -> Response {
    response(StatusCode::BAD_REQUEST, message, "invalid_request_error", None)
}

/// The error for a body that is not a valid request.
pub(super) fn rejected(rejection: &JsonRejection) -> Response {
    response(rejection.status(), &rejection.body_text(), "invalid_request_error", None)
}
