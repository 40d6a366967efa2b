//! Answers questions about this project from its own documentation:
//!
//! ```sh
//! cargo run --example rag -- "How do I name a span?"
//! ```
//!
//! The answer goes to stdout. The trace goes to the OpenTelemetry collector at `OTEL_EXPORTER_OTLP_ENDPOINT`,
//! or, when that is not set, to stderr as a tree. `OPENAI_BASE_URL`, `OPENAI_API_KEY` and `OPENAI_MODEL`
//! choose any OpenAI-compatible model; without the first two, a stand-in inside this process answers,
//! or fails as set by `STANDIN_FAIL` (`rate_limit`, `server_error`, `slow`, `cut_stream`). With
//! `OPENAI_EMBEDDING_MODEL`, documents are ranked by meaning as well as by words.
//!
//! Exit code: 0 with an answer, 1 without one, 2 without a question.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a command-line program speaks through them")]

use std::{env, process::ExitCode};

use async_openai::{
    error::OpenAIError,
    types::{
        chat::{
            ChatCompletionRequestSystemMessage as System, ChatCompletionRequestUserMessage as User,
            CreateChatCompletionRequest, CreateChatCompletionResponse,
        },
        embeddings::{CreateEmbeddingRequest, CreateEmbeddingResponse, EmbeddingInput},
    },
};
use llm_trace::llm_trace;
use llm_trace_examples::{
    corpus::{self, Corpus, CorpusError, Document},
    endpoint::{Endpoint, EndpointError},
};

struct App {
    corpus: Corpus,
    endpoint: Endpoint,
}

#[derive(Debug, thiserror::Error)]
enum Error {
    #[error("telemetry: {0}")]
    Telemetry(#[from] llm_trace::ConfigError),
    #[error("{0}")]
    Corpus(#[from] CorpusError),
    #[error("{0}")]
    Endpoint(#[from] EndpointError),
    #[error("the model did not answer: {0}")]
    Model(#[from] OpenAIError),
    #[error("the model's answer has no text")]
    NoText,
}

#[llm_trace(workflow, name = "rag", input = question)]
async fn answer(app: &App, question: &str) -> Result<String, Error> {
    let documents = retrieve(app, question, 4).await?;
    let request = build_prompt(&app.endpoint.model, question, &documents);
    let response = complete(app, request).await?;
    response.choices.into_iter().find_map(|choice| choice.message.content).ok_or(Error::NoText)
}

#[llm_trace(retrieval, data_source = "llm-trace-docs", query = question, top_k = top_k)]
async fn retrieve(app: &App, question: &str, top_k: usize) -> Result<Vec<Document>, Error> {
    let mut documents = app.corpus.search(question, 5 * top_k);
    if let Some(model) = &app.endpoint.embedding_model {
        let texts = documents.iter().map(|document| document.text.clone());
        let input = EmbeddingInput::StringArray([question.to_owned()].into_iter().chain(texts).collect());
        let request = CreateEmbeddingRequest { model: model.clone(), input, ..Default::default() };
        let response = embed(app, request).await?;
        let vectors: Vec<_> = response.data.into_iter().map(|entry| entry.embedding).collect();
        documents = corpus::fuse(documents, &vectors);
    }
    documents.truncate(top_k);
    Ok(documents)
}

#[llm_trace(embeddings, provider = "openai", request = request, server = app.endpoint.base_url)]
async fn embed(app: &App, request: CreateEmbeddingRequest) -> Result<CreateEmbeddingResponse, OpenAIError> {
    app.endpoint.client.embeddings().create(request).await
}

#[llm_trace(task)]
fn build_prompt(model: &str, question: &str, documents: &[Document]) -> CreateChatCompletionRequest {
    let context = documents.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n\n");
    CreateChatCompletionRequest {
        model: model.to_owned(),
        messages: vec![
            System::from("Answer briefly, from the given documentation only. If it does not say, say so.")
                .into(),
            User::from(format!("{context}\n\nQuestion: {question}")).into(),
        ],
        max_completion_tokens: Some(1000),
        ..Default::default()
    }
}

#[llm_trace(chat, provider = "openai", request = request, server = app.endpoint.base_url)]
async fn complete(
    app: &App,
    request: CreateChatCompletionRequest,
) -> Result<CreateChatCompletionResponse, OpenAIError> {
    app.endpoint.client.chat().create(request).await
}

async fn run(question: &str) -> Result<String, Error> {
    // The builder overrides the environment, so read the name from the environment first. Set the deployment
    // environment with `OTEL_RESOURCE_ATTRIBUTES=deployment.environment.name=…`.
    let service = env::var("OTEL_SERVICE_NAME").unwrap_or_else(|_| "rag-example".to_owned());
    let telemetry = llm_trace::builder().with_service_name(service).init()?;

    let app = App { corpus: Corpus::of_workspace()?, endpoint: Endpoint::from_env().await? };
    app.endpoint.announce("rag");
    let answer = answer(&app, question).await;
    // Delivers the queue. A failed delivery is reported on stderr and does not change the exit code.
    let _receipt = telemetry.shutdown();
    answer
}

#[tokio::main]
async fn main() -> ExitCode {
    let question = env::args().skip(1).collect::<Vec<_>>().join(" ");
    if question.trim().is_empty() {
        eprintln!("usage: cargo run --example rag -- \"How do I name a span?\"");
        return ExitCode::from(2);
    }
    match run(&question).await {
        Ok(answer) => {
            println!("{answer}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("rag: {error}");
            ExitCode::FAILURE
        }
    }
}
