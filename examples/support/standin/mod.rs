//! An OpenAI-compatible server for programs and tests that must run without a model, a key or a network.
//!
//! It speaks real HTTP on a loopback port: chat completions (JSON and server-sent events), embeddings, the
//! list of models, rate-limit headers, errors. Its answers are not canned: it extracts from the prompt the
//! statements that match the question best; given tools, it first calls those whose description shares words with the
//! question. It counts tokens by its own simple rule and bills nobody.

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

/// A running stand-in. It stops when dropped.
pub struct Standin {
    address: SocketAddr,
    state: Arc<State>,
    server: JoinHandle<()>,
}

/// How a stand-in is to behave, before it starts.
#[derive(Debug, Default)]
#[must_use]
pub struct Builder {
    failure: Option<Failure>,
}

/// What the request handlers share.
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

    /// Where to say how it should fail.
    pub fn builder() -> Builder {
        Builder::default()
    }

    /// What to give a client as its base URL, such as `http://127.0.0.1:41234/v1`.
    pub fn base_url(&self) -> String {
        format!("http://{}/v1", self.address)
    }

    /// How many completions and embeddings it has been asked for.
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
            // `serve` retries failed accepts itself and does not return.
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
