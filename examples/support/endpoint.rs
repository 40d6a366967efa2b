//! An OpenAI-compatible endpoint from the usual environment variables, or the stand-in.

use std::env;
use std::io::{self, Write as _};

use async_openai::{Client, config::OpenAIConfig, middleware::ReqwestService};
use rustls::crypto::ring;

use crate::standin::{ParseFailureError, Standin};

/// An OpenAI-compatible endpoint and its models.
pub struct Endpoint {
    /// The client of the endpoint. Retries are disabled: the default of three would add seconds to a rate limit, and
    /// send four requests for one traced call.
    pub client: Client<OpenAIConfig>,
    /// Such as `https://api.openai.com/v1`.
    pub base_url: String,
    /// `OPENAI_MODEL`, or gpt-4o-mini.
    pub model: String,
    /// `OPENAI_EMBEDDING_MODEL`, if set.
    pub embedding_model: Option<String>,
    standin: Option<Standin>,
}

/// The reason why there is no endpoint.
#[derive(Debug, thiserror::Error)]
pub enum EndpointError {
    /// `STANDIN_FAIL` is not valid.
    #[error("STANDIN_FAIL: {0}")]
    Failure(#[from] ParseFailureError),
    /// The stand-in could not bind a port.
    #[error("cannot start the stand-in: {0}")]
    Standin(#[source] io::Error),
    /// The HTTP client could not be set up.
    #[error("cannot set up the HTTP client: {0}")]
    Client(#[from] reqwest::Error),
}

impl Endpoint {
    /// Reads `OPENAI_BASE_URL` and `OPENAI_API_KEY`. With neither, starts the stand-in, which fails on purpose if
    /// `STANDIN_FAIL` is set.
    ///
    /// # Errors
    ///
    /// If `STANDIN_FAIL` is not valid, or if the stand-in or the client cannot be set up.
    pub async fn from_env() -> Result<Self, EndpointError> {
        let key = variable("OPENAI_API_KEY");
        let (standin, base_url) = match (variable("OPENAI_BASE_URL"), &key) {
            (Some(url), _) => (None, url.trim_end_matches('/').to_owned()),
            (None, Some(_)) => (None, async_openai::config::OPENAI_API_BASE.to_owned()),
            (None, None) => {
                let standin = start_standin().await?;
                let url = standin.base_url();
                (Some(standin), url)
            }
        };
        let http = http_client(standin.is_some())?;
        let config = OpenAIConfig::new().with_api_base(&base_url).with_api_key(key.unwrap_or_default());
        Ok(Self {
            client: Client::build(http.clone(), config).with_http_service(ReqwestService::new(http)),
            base_url,
            model: variable("OPENAI_MODEL").unwrap_or_else(|| "gpt-4o-mini".to_owned()),
            embedding_model: variable("OPENAI_EMBEDDING_MODEL"),
            standin,
        })
    }

    /// Reports on stderr that the answers come from the stand-in, if they do.
    pub fn announce(&self, program: &str) {
        if self.standin.is_some() {
            // Not `eprintln!`, which panics where stderr cannot be written.
            let _ = writeln!(
                io::stderr(),
                "{program}: neither OPENAI_BASE_URL nor OPENAI_API_KEY is set: a built-in stand-in answers and counts the \
                 tokens; the cost is what {} would charge for them",
                self.model
            );
        }
    }
}

async fn start_standin() -> Result<Standin, EndpointError> {
    let mut builder = Standin::builder();
    if let Some(failure) = variable("STANDIN_FAIL") {
        builder = builder.fail_with(failure.parse()?);
    }
    builder.start().await.map_err(EndpointError::Standin)
}

fn http_client(loopback: bool) -> Result<reqwest::Client, reqwest::Error> {
    // rustls is built without aws-lc, its default, which takes minutes of C to compile, so a provider must be
    // installed. An error means that one is installed already.
    let _ = ring::default_provider().install_default();
    let builder = reqwest::Client::builder();
    // A proxy from the environment could not reach the loopback port.
    if loopback { builder.no_proxy() } else { builder }.build()
}

/// The value of a variable. An empty value counts as unset, as for OpenTelemetry's variables.
fn variable(name: &str) -> Option<String> {
    env::var(name).ok().filter(|value| !value.is_empty())
}
