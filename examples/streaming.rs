//! Streams an answer, token by token:
//!
//! ```sh
//! cargo run --example streaming -- "How do I name a span?"
//! ```
//!
//! The function that opens the stream returns as soon as the provider has accepted the request, but its span goes on
//! until the stream ends: it has the tokens, the cost and the time to the first token. The trace is printed to stderr,
//! or goes to `OTEL_EXPORTER_OTLP_ENDPOINT`; the model is chosen by the same variables as for the `rag` example.
//!
//! Exit code: 0 with an answer, 1 without one, 2 without a question.

#![expect(clippy::print_stderr, reason = "a command-line program speaks through it")]

use std::{
    env,
    io::{self, Write as _},
    process::ExitCode,
};

use async_openai::{
    error::OpenAIError,
    types::chat::{
        ChatCompletionRequestUserMessage as User, ChatCompletionResponseStream, ChatCompletionStreamOptions,
        CreateChatCompletionRequest,
    },
};
use futures_util::StreamExt as _;
use llm_trace::llm_trace;
use llm_trace_examples::{corpus::Corpus, endpoint::Endpoint};

#[llm_trace(workflow, name = "streaming")]
async fn answer(endpoint: &Endpoint, question: &str) -> Result<(), Box<dyn std::error::Error>> {
    let documents = Corpus::of_workspace()?.search(question, 4);
    let context = documents.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n\n");
    let request = CreateChatCompletionRequest {
        model: endpoint.model.clone(),
        messages: vec![User::from(format!("{context}\n\nQuestion: {question}")).into()],
        // Without it, OpenAI streams no token counts, and no cost can be computed.
        stream_options: Some(ChatCompletionStreamOptions { include_usage: Some(true), ..Default::default() }),
        ..Default::default()
    };
    let mut tokens = open(endpoint, request).await?;
    let mut stdout = io::stdout();
    while let Some(chunk) = tokens.next().await {
        for choice in chunk?.choices {
            write!(stdout, "{}", choice.delta.content.unwrap_or_default())?;
            stdout.flush()?;
        }
    }
    writeln!(stdout)?;
    Ok(())
}

#[llm_trace(chat, provider = "openai", request = request, server = endpoint.base_url)]
async fn open(
    endpoint: &Endpoint,
    request: CreateChatCompletionRequest,
) -> Result<ChatCompletionResponseStream, OpenAIError> {
    endpoint.client.chat().create_stream(request).await
}

async fn run(question: &str) -> Result<(), Box<dyn std::error::Error>> {
    let telemetry = llm_trace::builder().with_service_name("streaming-example").init()?;
    let endpoint = Endpoint::from_env().await?;
    let answered = answer(&endpoint, question).await;
    let _receipt = telemetry.shutdown();
    answered
}

#[tokio::main]
async fn main() -> ExitCode {
    let question = env::args().skip(1).collect::<Vec<_>>().join(" ");
    if question.trim().is_empty() {
        eprintln!("usage: cargo run --example streaming -- \"How do I name a span?\"");
        return ExitCode::from(2);
    }
    match run(&question).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("streaming: {error}");
            ExitCode::FAILURE
        }
    }
}
