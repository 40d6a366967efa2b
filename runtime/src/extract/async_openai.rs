//! The class of an async-openai error: the provider's code, else the HTTP status, else what went wrong on the way.

use std::borrow::Cow;

use ::async_openai::error::OpenAIError;

use super::error::is_class;

#[allow(
    unreachable_patterns,
    clippy::match_wildcard_for_single_variants,
    reason = "its variants are features"
)]
pub(super) fn class(error: &OpenAIError) -> Option<Cow<'static, str>> {
    Some(match error {
        OpenAIError::ApiError(response) => match &response.api_error.code {
            Some(code) if is_class(code) => Cow::Owned(code.clone()),
            _ => Cow::Owned(response.status_code.as_str().to_owned()),
        },
        OpenAIError::Reqwest(error) if error.is_timeout() => Cow::Borrowed("timeout"),
        OpenAIError::Reqwest(error) if error.is_connect() => Cow::Borrowed("connection_failed"),
        OpenAIError::Reqwest(error) => match error.status() {
            Some(status) => Cow::Owned(status.as_str().to_owned()),
            None => Cow::Borrowed("connection_error"),
        },
        OpenAIError::JSONDeserialize(..) => Cow::Borrowed("invalid_response"),
        OpenAIError::StreamError(_) => Cow::Borrowed("stream_error"),
        OpenAIError::InvalidArgument(_) => Cow::Borrowed("invalid_argument"),
        OpenAIError::FileReadError(_) | OpenAIError::FileSaveError(_) => Cow::Borrowed("file_error"),
        // The variant that exists only with async-openai's `middleware` feature: what it wraps is next in the chain.
        _ => return None,
    })
}
