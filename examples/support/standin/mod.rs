//! An OpenAI-compatible server for programs and tests that run without a model, a key or a network.
//!
//! Serves HTTP on a loopback port: chat completions (JSON and server-sent events), embeddings, the list of models,
//! rate-limit headers, errors. Extracts its answers from the prompt: the statements that match the question best. If
//! tools are offered, it first calls those whose description shares words with the question. Counts tokens by a simple
//! rule.

use std::{io, net::SocketAddr, sync::Arc};

use axum::{
    Json, Router,
    http::{Method, StatusCode, Uri},
    middleware,
    response::Response,
    routing::{get, post},
};
use tokio::{net::TcpListener, task::JoinHandle};

mod answer;
mod chat;
mod embeddings;
mod error;
mod failure;
mod limits;
mod models;
#[cfg(test)]
mod tests;

pub use failure::{Failure, ParseFailureError};

/// A running stand-in. Stops when dropped.
pub struct Standin {
    address: SocketAddr,
    state: Arc<State>,
    server: JoinHandle<()>,
}

/// Configures a stand-in before it starts.
#[derive(Debug, Default)]
#[must_use]
pub struct Builder {
    failure: Option<Failure>,
}

/// The state shared by the request handlers.
#[derive(Debug, Default)]
struct State {
    failure: Option<Failure>,
    limits: limits::Limits,
    prompts: chat::PromptCache,
}

impl Standin {
    /// A stand-in that answers every request.
    ///
    /// # Errors
    ///
    /// If no loopback port can be bound.
    pub async fn start() -> io::Result<Self> {
        Self::builder().start().await
    }

    /// A builder, to configure failures.
    pub fn builder() -> Builder {
        Builder::default()
    }

    /// The base URL for clients, such as `http://127.0.0.1:41234/v1`.
    pub fn base_url(&self) -> String {
        format!("http://{}/v1", self.address)
    }

    /// The number of requests for completions and embeddings.
    pub fn requests(&self) -> u64 {
        self.state.limits.requests()
    }
}

impl Builder {
    /// Makes every completion and embeddings request fail in this way.
    pub fn fail_with(mut self, failure: Failure) -> Self {
        self.failure = Some(failure);
        self
    }

    /// Binds a free port and serves on the current tokio runtime.
    ///
    /// # Errors
    ///
    /// If no loopback port can be bound.
    pub async fn start(self) -> io::Result<Standin> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let address = listener.local_addr()?;
        let state = Arc::new(State { failure: self.failure, ..State::default() });
        let router = router(Arc::clone(&state));
        let server = tokio::spawn(async move {
            // `serve` retries failed accepts and does not return.
            let _never = axum::serve(listener, router).await;
        });
        Ok(Standin { address, state, server })
    }
}

impl Drop for Standin {
    fn drop(&mut self) {
        self.server.abort();
    }
}

fn router(state: Arc<State>) -> Router {
    Router::new()
        .route("/v1/chat/completions", post(chat::complete))
        .route("/v1/embeddings", post(embeddings::embed))
        // Layers wrap the routes above them only: listing models neither fails nor counts against the limits.
        .layer(middleware::from_fn_with_state(Arc::clone(&state), failure::inject))
        .layer(middleware::from_fn_with_state(Arc::clone(&state), limits::report))
        .route("/v1/models", get(async || Json(models::list())))
        .fallback(unknown_url)
        .with_state(state)
}

async fn unknown_url(method: Method, uri: Uri) -> Response {
    error::response(
        StatusCode::NOT_FOUND,
        &format!("Unknown request URL: {method} {}", uri.path()),
        "invalid_request_error",
        Some("unknown_url"),
    )
}
