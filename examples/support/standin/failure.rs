//! The failures that the stand-in can simulate.

use std::{str::FromStr, sync::Arc, time::Duration};

use axum::{
    body::{Body, Bytes},
    extract::{Request, State},
    http::{HeaderMap, HeaderValue, StatusCode, header},
    middleware::Next,
    response::{IntoResponse as _, Response},
};
use futures_util::{StreamExt as _, TryStreamExt as _, stream};

use super::{error, limits};

/// A failure of every request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Failure {
    /// 429 with `retry-after` and exhausted `x-ratelimit-…` headers.
    RateLimited,
    /// 500.
    ServerError,
    /// Delays the response by this duration; two seconds when parsed from a string.
    Slow(Duration),
    /// Closes the connection halfway through the response, for a stream as for a JSON body.
    CutStream,
}

/// The error for a string that names no [`Failure`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a way to fail; allowed are `rate_limit`, `server_error`, `slow` and `cut_stream`")]
pub struct ParseFailureError(String);

impl FromStr for Failure {
    type Err = ParseFailureError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "rate_limit" => Ok(Self::RateLimited),
            "server_error" => Ok(Self::ServerError),
            "slow" => Ok(Self::Slow(Duration::from_secs(2))),
            "cut_stream" => Ok(Self::CutStream),
            other => Err(ParseFailureError(other.to_owned())),
        }
    }
}

/// Middleware between the router and the handlers.
pub(super) async fn inject(State(state): State<Arc<super::State>>, request: Request, next: Next) -> Response {
    match state.failure {
        None => next.run(request).await,
        Some(Failure::RateLimited) => rate_limited(),
        Some(Failure::ServerError) => {
            let message = "The server had an error while processing your request. Sorry about that!";
            error::response(StatusCode::INTERNAL_SERVER_ERROR, message, "server_error", None)
        }
        Some(Failure::Slow(delay)) => {
            tokio::time::sleep(delay).await;
            next.run(request).await
        }
        Some(Failure::CutStream) => cut(next.run(request).await).await,
    }
}

fn rate_limited() -> Response {
    let message = "Rate limit reached for requests. Please try again in 1s.";
    let mut response =
        error::response(StatusCode::TOO_MANY_REQUESTS, message, "requests", Some("rate_limit_exceeded"));
    let headers: &mut HeaderMap = response.headers_mut();
    headers.insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
    limits::exhausted(headers);
    response
}

/// Sends the first half of the body, then an error, on which the server drops the connection.
async fn cut(response: Response) -> Response {
    let (parts, body) = response.into_parts();
    let chunks: Vec<Bytes> = body.into_data_stream().try_collect().await.unwrap_or_default();
    let whole = chunks.concat();
    let half = Bytes::copy_from_slice(&whole[..whole.len() / 2]);
    let rest = stream::once(async {
        // Yields so that the server sends the first half before the connection breaks.
        tokio::task::yield_now().await;
        Err(std::io::Error::other("cut as requested"))
    });
    (parts, Body::from_stream(stream::iter([Ok(half)]).chain(rest))).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_is_parsed_or_the_error_names_what_is_allowed() {
        assert_eq!("rate_limit".parse(), Ok(Failure::RateLimited));
        assert_eq!("cut_stream".parse(), Ok(Failure::CutStream));
        let error = "teapot".parse::<Failure>().unwrap_err().to_string();
        for allowed in ["teapot", "rate_limit", "server_error", "slow", "cut_stream"] {
            assert!(error.contains(allowed), "{error}");
        }
    }
}
