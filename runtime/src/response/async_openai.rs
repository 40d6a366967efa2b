//! The class of an async-openai error: the provider's code, else the HTTP status, else what went wrong on the way.

use std::borrow::Cow;

use ::async_openai::error::OpenAIError;

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

/// A code becomes a metric label: it must look like one of a few words, whatever a gateway puts there.
fn is_class(code: &str) -> bool {
    let is_word = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"_-.".contains(&byte);
    !code.is_empty() && code.len() <= 64 && code.bytes().all(is_word)
}
