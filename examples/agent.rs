//! An agent that answers questions about this project: the model decides which tools to call.
//!
//! ```sh
//! cargo run --example agent -- "How do I name a span, and which sections does the README have?"
//! ```
//!
//! The trace shows the agent, its turns with the model, the tools it called, and the retrieval inside one of them. It is
//! printed to stderr, or goes to `OTEL_EXPORTER_OTLP_ENDPOINT`; the model is chosen by the same variables as for the
//! `rag` example. Without one, the stand-in calls the tools whose descriptions share words with the question.
//!
//! Exit code: 0 with an answer, 1 without one, 2 without a question.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a command-line program speaks through them")]

use std::{env, process::ExitCode};

use async_openai::{
    error::OpenAIError,
    types::chat::{
        ChatCompletionMessageToolCall as ToolCall, ChatCompletionMessageToolCalls as ToolCalls,
        ChatCompletionRequestAssistantMessage as Assistant, ChatCompletionRequestMessage as Message,
        ChatCompletionRequestSystemMessage as System, ChatCompletionRequestToolMessage as ToolResult,
        ChatCompletionRequestUserMessage as User, ChatCompletionTool, ChatCompletionTools,
        CreateChatCompletionRequest, CreateChatCompletionResponse, FunctionObject,
    },
};
use llm_trace::llm_trace;
use llm_trace_examples::{
    corpus::{Corpus, CorpusError, Document},
    endpoint::{Endpoint, EndpointError},
};
use serde::Deserialize;
use serde_json::json;

/// The maximum number of turns: limits a model that keeps calling tools.
const MAX_TURNS: usize = 5;

const INSTRUCTIONS: &str =
    "You answer questions about this library. Look things up with the tools before you answer.";

struct App {
    corpus: Corpus,
    endpoint: Endpoint,
    /// The id of the conversation: one per run of the program.
    conversation: String,
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
    #[error("the model still called tools after {MAX_TURNS} turns")]
    TooManyTurns,
}

/// The reason why a tool has no result. It is sent to the model, which may try again.
#[derive(Debug, thiserror::Error)]
enum ToolError {
    #[error("the arguments are not what the tool takes: {0}")]
    Arguments(#[from] serde_json::Error),
    #[error("there is no document `{0}`")]
    NoDocument(String),
}

#[llm_trace(workflow, name = "agent", conversation = app.conversation, input = question)]
async fn answer(app: &App, question: &str) -> Result<String, Error> {
    research(app, question).await
}

#[llm_trace(
    agent,
    name = "librarian",
    description = "answers questions from the documentation",
    model = app.endpoint.model,
    data_source = "llm-trace-docs",
    system = INSTRUCTIONS,
    input = question,
)]
async fn research(app: &App, question: &str) -> Result<String, Error> {
    let mut messages: Vec<Message> = vec![System::from(INSTRUCTIONS).into(), User::from(question).into()];
    for _ in 0..MAX_TURNS {
        let request = CreateChatCompletionRequest {
            model: app.endpoint.model.clone(),
            messages: messages.clone(),
            tools: Some(tools()),
            max_completion_tokens: Some(1000),
            ..Default::default()
        };
        let response = complete(app, request).await?;
        let message = response.choices.into_iter().next().ok_or(Error::NoText)?.message;
        let calls = message.tool_calls.unwrap_or_default();
        if calls.is_empty() {
            return message.content.filter(|text| !text.is_empty()).ok_or(Error::NoText);
        }
        messages.push(Assistant { tool_calls: Some(calls.clone()), ..Default::default() }.into());
        for call in calls {
            // The request offers functions only.
            let ToolCalls::Function(call) = call else { continue };
            let result = run_tool(app, &call);
            messages.push(ToolResult { content: result.into(), tool_call_id: call.id }.into());
        }
    }
    Err(Error::TooManyTurns)
}

#[llm_trace(chat, provider = "openai", request = request, server = app.endpoint.base_url)]
async fn complete(
    app: &App,
    request: CreateChatCompletionRequest,
) -> Result<CreateChatCompletionResponse, OpenAIError> {
    app.endpoint.client.chat().create(request).await
}

/// The result of a tool as sent to the model.
fn run_tool(app: &App, call: &ToolCall) -> String {
    let result = match call.function.name.as_str() {
        "search_docs" => search_docs(app, call),
        "table_of_contents" => table_of_contents(app, call),
        other => return format!("error: there is no tool `{other}`"),
    };
    result.unwrap_or_else(|error| format!("error: {error}"))
}

#[derive(Deserialize)]
struct Search {
    query: String,
}

#[llm_trace(tool, tool_type = "datastore", call_id = call.id, arguments = call.function.arguments)]
fn search_docs(app: &App, call: &ToolCall) -> Result<String, ToolError> {
    let Search { query } = serde_json::from_str(&call.function.arguments)?;
    let found = retrieve(app, &query, 3);
    Ok(found.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n\n"))
}

#[llm_trace(retrieval, data_source = "llm-trace-docs", query = query, top_k = top_k)]
fn retrieve(app: &App, query: &str, top_k: usize) -> Vec<Document> {
    app.corpus.search(query, top_k)
}

#[derive(Deserialize)]
struct Contents {
    document: String,
}

#[llm_trace(tool, tool_type = "function", call_id = call.id, arguments = call.function.arguments)]
fn table_of_contents(app: &App, call: &ToolCall) -> Result<String, ToolError> {
    let Contents { document } = serde_json::from_str(&call.function.arguments)?;
    let file = format!("{document}.md");
    let titles = app.corpus.titles().filter(|title| title.starts_with(&file));
    let mut lines: Vec<_> = titles.map(|title| format!("- {title}")).collect();
    lines.dedup(); // a long section is several documents
    if lines.is_empty() { Err(ToolError::NoDocument(document)) } else { Ok(lines.join("\n")) }
}

fn tools() -> Vec<ChatCompletionTools> {
    let tool = |name: &str, description: &str, properties: serde_json::Value| {
        let required: Vec<_> =
            properties.as_object().into_iter().flatten().map(|(name, _)| name.clone()).collect();
        let parameters = json!({
            "type": "object", "properties": properties, "required": required, "additionalProperties": false,
        });
        ChatCompletionTools::Function(ChatCompletionTool {
            function: FunctionObject {
                name: name.to_owned(),
                description: Some(description.to_owned()),
                parameters: Some(parameters),
                strict: Some(true),
            },
        })
    };
    vec![
        tool(
            "search_docs",
            "Searches the documentation of this tracing library: spans, metrics, cost, content, export.",
            json!({ "query": { "type": "string" } }),
        ),
        tool(
            "table_of_contents",
            "Lists the sections of a document.",
            json!({ "document": { "type": "string", "enum": ["README", "CHANGELOG", "docs/architecture"] } }),
        ),
    ]
}

async fn run(question: &str) -> Result<String, Error> {
    let service = env::var("OTEL_SERVICE_NAME").unwrap_or_else(|_| "agent-example".to_owned());
    let telemetry = llm_trace::builder().with_service_name(service).init()?;

    let app = App {
        corpus: Corpus::of_workspace()?,
        endpoint: Endpoint::from_env().await?,
        conversation: format!("agent-{}", std::process::id()),
    };
    app.endpoint.announce("agent");
    let answer = answer(&app, question).await;
    // Delivers the queue. A failed delivery is reported on stderr and does not change the exit code.
    let _receipt = telemetry.shutdown();
    answer
}

#[tokio::main]
async fn main() -> ExitCode {
    let question = env::args().skip(1).collect::<Vec<_>>().join(" ");
    if question.trim().is_empty() {
        eprintln!(
            "usage: cargo run --example agent -- \"How do I name a span, and which sections does the README have?\""
        );
        return ExitCode::from(2);
    }
    match run(&question).await {
        Ok(answer) => {
            println!("{answer}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("agent: {error}");
            ExitCode::FAILURE
        }
    }
}
