//! The `#[llm_trace]` attribute and `#[derive(Capture)]`. Use them through the `llm-trace` crate, which re-exports
//! them: the generated code calls that crate.
//!
//! The modules form a pipeline: `parse` → `validate` → `model` → `expand`, or `fallback` after a mistake.

mod capture;
mod error;
mod expand;
mod fallback;
mod model;
mod parse;
#[cfg(test)]
mod tests;
mod types;
mod validate;
mod vocabulary;

use proc_macro::TokenStream;

use crate::{error::Errors, model::TracedFn};

/// Traces a function that calls a model or runs a step around such a call. Records one OpenTelemetry GenAI span per
/// call, its metrics and its cost.
///
/// ```
/// use llm_trace::llm_trace;
/// # #[derive(serde::Serialize)] struct ChatRequest { model: String }
/// # #[derive(serde::Serialize)] struct ChatReply { model: String }
/// # type Error = std::io::Error;
/// # struct Client;
/// # impl Client { async fn post(&self, request: ChatRequest) -> Result<ChatReply, Error> { Ok(ChatReply { model: request.model }) } }
///
/// #[llm_trace(chat, provider = "openai", request = request)]
/// async fn chat(client: &Client, request: ChatRequest) -> Result<ChatReply, Error> {
///     client.post(request).await
/// }
/// ```
///
/// The first argument is the kind. Any number of `key = expression` follow, in any order:
///
/// ```text
/// #[llm_trace(KIND, key = expression, …, attributes("name" = expression, …))]
/// ```
///
/// The function keeps its signature, its result, its laziness and its `Send` bound. A returned `Err`, a panic, and a
/// future dropped before completion end the span and are recorded on it.
///
/// # Expressions
///
/// An expression can use the function's parameters, including `self`. It is evaluated before the body runs. It is
/// borrowed, so `request.model` does not move the model out of the request. An `Option` that is `None` records nothing.
/// The expression runs in a closure: `.await`, `?` and `return` do not work in it.
///
/// ```
/// # use llm_trace::llm_trace;
/// # type Error = std::io::Error;
/// # struct Document;
/// # struct Store;
/// # impl Store { async fn search(&self, _: &str, _: Option<usize>) -> Result<Vec<Document>, Error> { Ok(vec![]) } }
/// # struct Retriever { index: String, store: Store }
/// # impl Retriever {
/// #[llm_trace(retrieval, data_source = self.index, top_k = limit.unwrap_or(4))]
/// async fn retrieve(&self, question: &str, limit: Option<usize>) -> Result<Vec<Document>, Error> {
///     self.store.search(question, limit).await
/// }
/// # }
/// ```
///
/// # Kinds
///
/// | kind | is for | keys |
/// | --- | --- | --- |
/// | `chat`, `text_completion`, `generate_content` | a chat, a text completion, a call of a multimodal model | `provider` (required) `model` `request` `response` `server` `temperature` `top_p` `top_k` `max_tokens` `stop` `seed` `frequency_penalty` `presence_penalty` `choice_count` `reasoning_level` `output_type` `stream` `prompt_name` `prompt_version` `prompt_variables(…)` `compacted` `system` `input` `tools` `skip(…)` |
/// | `embeddings` | turning text into vectors | `provider` (required) `model` `request` `response` `server` `dimensions` `encoding_formats` |
/// | `rerank` | ordering documents with a model | `provider` (required) `model` `request` `response` `server` `top_k` |
/// | `retrieval` | a search in a vector store or an index | `data_source` `top_k` `provider` `model` `response` `server` `query` `skip(…)` |
/// | `memory(search)` | a search in a memory | `store` `record` `record_count` `provider` `server` `query` `skip(…)` |
/// | `memory(create)`, `memory(update)`, `memory(upsert)` | writing to a memory | `store` `record` `record_count` `provider` `server` `records` `skip(…)` |
/// | `memory(delete)`, `memory(create_store)`, `memory(delete_store)` | any other operation on a memory | `store` `record` `record_count` `provider` `server` |
/// | `fetch_response` | fetching a response that was generated earlier | `provider` (required) `id` `stream_cursor` `response` `server` `skip(…)` |
/// | `agent` | an agent in this process | `name` `description` `model` `data_source` `temperature` `top_p` `max_tokens` `stop` `seed` `frequency_penalty` `presence_penalty` `choice_count` `output_type` `system` `input` `tools` `skip(…)` |
/// | `agent(remote)` | an agent at a provider | `provider` (required) `id` `version` `server` `request` `response` `name` `description` `model` `data_source` `temperature` `top_p` `max_tokens` `stop` `seed` `frequency_penalty` `presence_penalty` `choice_count` `output_type` `system` `input` `tools` `skip(…)` |
/// | `create_agent` | creating an agent at a provider | `provider` (required) `name` `id` `description` `version` `model` `server` `system` `skip(…)` |
/// | `plan` | an agent's planning | `name` of the agent; default: that of the enclosing agent |
/// | `tool` | a tool requested by the model | `name` `description` `call_id` `tool_type` `skill` `skill_description` `skill_source` `skill_resource` `executable` `arguments(…)` `skip(…)` |
/// | `mcp(client)` | a message to an MCP server, or from it to its client | `method` or `request` (required) `name` `uri` `id` `session` `transport` `protocol_version` `server` `arguments(…)` `skip(…)` |
/// | `mcp(server)` | handling of such a message | `method` or `request` (required) `name` `uri` `id` `session` `transport` `protocol_version` `client` `arguments(…)` `skip(…)` |
/// | `guardrail`, `evaluator` | a check of a model's input or output; an assessment of an answer | `name` |
/// | `workflow` | a complete request, with its steps inside | `name` `input` `skip(…)` |
/// | `task`, the default | any other step | `name` |
/// | all of them | | `conversation` `user` `tags(…)` `attributes(…)` `parent` `links` `crate` |
///
/// A key that the kind does not take is a compile error, which lists the keys that it takes.
///
/// ## Models: `chat`, `text_completion`, `generate_content`
///
/// ```
/// # use llm_trace::llm_trace;
/// # type Error = std::io::Error;
/// # #[derive(serde::Serialize)] struct Reply;
/// #[llm_trace(chat, provider = "openai", model = model, temperature = 0.2, max_tokens = 500)]
/// async fn summarise(model: &str, text: &str) -> Result<Reply, Error> {
///     // …
///     # Ok(Reply)
/// }
/// ```
///
/// ## `embeddings`
///
/// ```
/// # use llm_trace::llm_trace;
/// # type Error = std::io::Error;
/// # #[derive(serde::Serialize)] struct EmbeddingReply;
/// #[llm_trace(embeddings, provider = "openai", model = "text-embedding-3-small", dimensions = 512)]
/// async fn embed(texts: &[String]) -> Result<EmbeddingReply, Error> {
///     // …
///     # Ok(EmbeddingReply)
/// }
/// ```
///
/// ## `retrieval`
///
/// ```
/// # use llm_trace::llm_trace;
/// # type Error = std::io::Error;
/// # struct Document;
/// #[llm_trace(retrieval, provider = "qdrant", data_source = "handbook", top_k = 4)]
/// async fn retrieve(question: &str) -> Result<Vec<Document>, Error> {
///     // …
///     # Ok(vec![])
/// }
/// ```
///
/// ## `tool`
///
/// ```
/// # use llm_trace::llm_trace;
/// # type Error = std::io::Error;
/// # struct ToolCall { id: String }
/// #[llm_trace(tool, name = "weather", call_id = call.id, tool_type = "function")]
/// fn weather(call: &ToolCall) -> Result<String, Error> {
///     // …
///     # Ok(String::new())
/// }
/// ```
///
/// ## `agent`
///
/// Counts its calls of models and tools; the calls of an agent inside it count for that agent.
///
/// ```
/// # use llm_trace::llm_trace;
/// # type Error = std::io::Error;
/// # struct Session { id: String }
/// # struct Report;
/// #[llm_trace(agent, name = "researcher", conversation = session.id)]
/// async fn research(session: &Session, question: &str) -> Result<Report, Error> {
///     // …
///     # Ok(Report)
/// }
/// ```
///
/// ## `memory`
///
/// The operation is one of `search`, `create`, `update`, `upsert`, `delete`, `create_store` and `delete_store`.
///
/// ```
/// # use llm_trace::llm_trace;
/// # type Error = std::io::Error;
/// # struct User;
/// # struct Note;
/// #[llm_trace(memory(search), store = "preferences")]
/// async fn recall(user: &User) -> Result<Vec<Note>, Error> {
///     // …
///     # Ok(vec![])
/// }
/// ```
///
/// ## `workflow` and `task`
///
/// Calls inside become children of the span if they run on the same task or in a future that it polls.
///
/// ```
/// # use llm_trace::llm_trace;
/// # type Error = std::io::Error;
/// # struct Document;
/// # struct ChatRequest;
/// # struct ChatReply { text: String }
/// # async fn retrieve(_: &str) -> Result<Vec<Document>, Error> { Ok(vec![]) }
/// # async fn chat(_: ChatRequest) -> Result<ChatReply, Error> { Ok(ChatReply { text: String::new() }) }
/// #[llm_trace(workflow, name = "support-answer")]
/// async fn answer(question: &str) -> Result<String, Error> {
///     let documents = retrieve(question).await?;
///     let reply = chat(prompt(question, &documents)).await?;
///     Ok(reply.text)
/// }
///
/// #[llm_trace]
/// fn prompt(question: &str, documents: &[Document]) -> ChatRequest {
///     // …
///     # ChatRequest
/// }
/// ```
///
/// # Arguments
///
/// ## The request and the response: `request`, `response`
///
/// `request` reads request attributes, such as the name of the model, the temperature and the token limit, from the
/// body sent to the model. Its type implements `serde::Serialize` with the provider's field names, or `LlmRequest`.
/// Explicit arguments override it.
///
/// Response attributes, such as the name of the model that answered, finish reasons and token counts, are read from the
/// function's result in the same way. `response` is for other result types, and for generic functions, whose result
/// type is not known. It is the path of a function, or a closure, from a reference to the result (the value inside
/// `Ok`, for a `Result`) to a `Response`.
///
/// ```
/// # use llm_trace::llm_trace;
/// # type Error = std::io::Error;
/// # #[derive(serde::Serialize)] struct AcmeRequest { model: String }
/// # struct AcmeReply { engine: String, sent: u64, received: u64 }
/// #[llm_trace(chat, provider = "acme", request = request, temperature = 0.0, response = read_reply)]
/// async fn chat(request: &AcmeRequest) -> Result<AcmeReply, Error> {
///     // …
///     # Ok(AcmeReply { engine: String::new(), sent: 0, received: 0 })
/// }
///
/// fn read_reply(reply: &AcmeReply) -> llm_trace::Response {
///     llm_trace::Response::new()
///         .with_model(&reply.engine)
///         .with_usage(llm_trace::Usage::new(reply.sent, reply.received))
/// }
/// ```
///
/// ## Provider and server: `provider`, `model`, `server`
///
/// `provider` is the value of `gen_ai.provider.name`: `openai`, `anthropic`, `aws.bedrock`, … `server` is the URL or
/// host of the provider.
///
/// ```
/// # use llm_trace::llm_trace;
/// # struct Client { provider: String, base_url: String }
/// # impl Client {
/// #[llm_trace(chat, provider = self.provider, model = "gpt-5", server = self.base_url)]
/// # fn chat(&self) {}
/// # }
/// ```
///
/// ## How: `temperature`, `top_p`, `top_k`, `max_tokens`, `stop`, `seed`, `frequency_penalty`, `presence_penalty`, `choice_count`, `reasoning_level`, `output_type`, `stream`
///
/// ```
/// # use llm_trace::llm_trace;
/// # struct Options { temperature: Option<f64> }
/// #[llm_trace(chat, provider = "openai", temperature = options.temperature, stop = ["END"], stream = true)]
/// # fn chat(options: &Options) {}
/// ```
///
/// ## The prompt's template: `prompt_name`, `prompt_version`, `prompt_variables`
///
/// The template variables are content. They are given as parameters and named values, or as a map or struct. Each
/// becomes the attribute `gen_ai.prompt.variable.{name}`.
///
/// ```
/// # use llm_trace::llm_trace;
/// #[llm_trace(
///     chat,
///     provider = "openai",
///     prompt_name = "summary",
///     prompt_version = "3",
///     prompt_variables(text, language = "French"),
/// )]
/// # fn chat(text: &str) {}
/// ```
///
/// ## Compacted conversations: `compacted`
///
/// `true` if the request has a compacted view of the conversation, such as a summary of its beginning. Compaction
/// reported by the provider (OpenAI, Anthropic) is read from the response.
///
/// ```
/// # use llm_trace::llm_trace;
/// # struct History { summary: Option<String> }
/// #[llm_trace(chat, provider = "openai", compacted = history.summary.is_some())]
/// # fn chat(history: &History) {}
/// ```
///
/// ## Embedding vectors: `dimensions`, `encoding_formats`
///
/// ```
/// # use llm_trace::llm_trace;
/// #[llm_trace(embeddings, provider = "openai", dimensions = 512, encoding_formats = ["float"])]
/// # fn embed() {}
/// ```
///
/// ## Searches: `data_source`, `top_k`
///
/// ```
/// # use llm_trace::llm_trace;
/// # struct Collection { name: String }
/// # struct Request { limit: usize }
/// #[llm_trace(retrieval, data_source = collection.name, top_k = request.limit)]
/// # fn retrieve(collection: &Collection, request: &Request) {}
/// ```
///
/// ## Steps: `name`, `description`, `call_id`, `tool_type`
///
/// `name` defaults to the name of the function. `call_id` is the id that the model gave the call.
///
/// ```
/// # use llm_trace::llm_trace;
/// # struct Call { id: String }
/// #[llm_trace(tool, name = "weather", description = "current weather in a city", call_id = call.id)]
/// # fn weather(call: &Call) {}
/// ```
///
/// ## Tools of an agent's skills, and tools that run a program: `skill`, `skill_description`, `skill_source`, `skill_resource`, `executable`
///
/// Recorded with the October 2026 conventions only; August's have no such attributes. `executable` is a name or a path.
/// Record the exit code of the program with `llm_trace::current().request(|request| request.exit_code(code))`.
///
/// ```
/// # use llm_trace::llm_trace;
/// # struct Skill { name: String, description: String, uri: String }
/// #[llm_trace(
///     tool,
///     name = "load_skill",
///     skill = skill.name,
///     skill_description = skill.description,
///     skill_source = skill.uri,
/// )]
/// # fn load(skill: &Skill) {}
/// #[llm_trace(tool, name = "shell", skill = skill.name, skill_resource = script, executable = "/usr/bin/python3")]
/// # fn run(skill: &Skill, script: &str) {}
/// ```
///
/// ## Content: `system`, `input`, `tools`, `query`, `records`, `arguments`
///
/// User input and the data sent to a model or a tool. Recorded only if the application captures content; otherwise
/// these expressions are not evaluated. `query` is text, the other values implement `serde::Serialize`. With `request`,
/// messages, instructions and tools are read from the request body. The function's result is content too: the messages
/// of a model, the result of a tool, the answer of a workflow, the documents of a retrieval, the records found in a
/// memory.
///
/// ```
/// # use llm_trace::llm_trace;
/// # const PERSONA: &str = "You answer briefly.";
/// # struct Bot { tools: Vec<String> }
/// #[llm_trace(workflow, name = "support-answer", input = question)]
/// # fn answer(question: &str) -> String { String::new() }
/// # impl Bot {
/// #[llm_trace(chat, provider = "acme", input = question, system = PERSONA, tools = self.tools)]
/// # fn chat(&self, question: &str) -> String { String::new() }
/// # }
/// #[llm_trace(retrieval, data_source = "handbook", query = question)]
/// # fn retrieve(question: &str) {}
/// #[llm_trace(memory(create), store = "profile", records = [fact])]
/// # fn remember(fact: &str) {}
/// ```
///
/// The `arguments` of a tool are an expression, or parameters and named values, which become an object:
///
/// ```
/// # use llm_trace::llm_trace;
/// # struct Call { arguments: String }
/// #[llm_trace(tool, arguments = call.arguments)]
/// # fn any(call: &Call) -> String { String::new() }
/// #[llm_trace(tool, arguments(city, days = days.unwrap_or(3)))]
/// # fn forecast(city: &str, days: Option<u8>) -> String { String::new() }
/// ```
///
/// ## Excluded content: `skip`
///
/// `skip(all)`, or one or more of these:
///
/// - of a model: `prompt_variables`, `system`, `input`, `tools` and `output`
/// - of an agent: `system`, `input`, `tools` and `output`; of `create_agent`: `system`
/// - of `fetch_response`: `system`, `tools` and `output`
/// - of a workflow: `input` and `output`
/// - of a tool or an MCP message: `arguments` and `output`
/// - of a retrieval or a search in a memory: `query` and `output`
/// - of the other operations that write to a memory: `records`
///
/// A function can only exclude content. The application decides in one place whether content is recorded.
///
/// ```
/// # use llm_trace::llm_trace;
/// # #[derive(serde::Serialize)] struct ChatRequest { model: String }
/// # #[derive(serde::Serialize)] struct ChatReply { model: String }
/// # type Error = std::io::Error;
/// #[llm_trace(chat, provider = "openai", request = request, skip(system, output))]
/// # fn chat(request: &ChatRequest) -> Result<ChatReply, Error> { Ok(ChatReply { model: String::new() }) }
/// #[llm_trace(tool, arguments(account), skip(output))]
/// # fn balance(account: &str) -> f64 { 0.0 }
/// ```
///
/// ## On every kind: `conversation`, `user`, `tags`
///
/// Inherited by calls inside. Tags are recorded as attributes; those selected by the application with `with_tag_labels`
/// are also recorded as labels of metrics.
///
/// ```
/// # use llm_trace::llm_trace;
/// # struct Session { id: String, user: String, tenant: String }
/// #[llm_trace(workflow, name = "support-answer", conversation = session.id, user = session.user, tags("tenant" = session.tenant))]
/// # fn answer(session: &Session) {}
/// ```
///
/// ## User-defined attributes: `attributes`
///
/// A value is a variable (`tier`), has a name (`tier = account.tier`), or has a name that is not an identifier
/// (`"app.tier" = account.tier`), as in `arguments` and `tags`. Values are text, numbers, `bool`s or lists of text.
///
/// ```
/// # use llm_trace::llm_trace;
/// # struct Account { tier: String }
/// #[llm_trace(workflow, attributes("app.tier" = account.tier, "app.beta" = true))]
/// # fn answer(account: &Account) {}
/// ```
///
/// ## Related spans: `parent`, `links`
///
/// `parent` is an `opentelemetry::Context` that contains the parent; default: the current context. `links` is a
/// collection of `SpanContext`s of related spans.
///
/// ```
/// # use llm_trace::llm_trace;
/// # use llm_trace::opentelemetry::{Context, trace::SpanContext};
/// # struct Job { context: Context, sources: Vec<SpanContext> }
/// #[llm_trace(task, parent = job.context, links = job.sources)]
/// # fn work(job: &Job) {}
/// ```
///
/// ## The path of the runtime: `crate`
///
/// For crates that re-export `llm_trace` to crates that do not depend on it. The path starts with `::` or `crate`.
///
/// ```
/// # use llm_trace::llm_trace;
/// # mod our_telemetry { pub use llm_trace; }
/// #[llm_trace(task, crate = crate::our_telemetry::llm_trace)]
/// # fn work() {}
/// # fn main() {}
/// ```
///
/// # Futures
///
/// A function that returns `impl Future`, `Pin<Box<dyn Future>>` or `BoxFuture`, as every method under `#[async_trait]`
/// does, is traced like an `async fn`: the call begins when the future is first polled. The body runs when the function
/// is called, as without the attribute. Arguments are evaluated at that time too, because the body may move the
/// parameters into the future.
///
/// ```
/// # use llm_trace::llm_trace;
/// # use async_trait::async_trait;
/// # #[derive(serde::Serialize)] struct ChatRequest { model: String }
/// # #[derive(serde::Serialize)] struct ChatReply { model: String }
/// # type Error = std::io::Error;
/// # #[async_trait]
/// # trait Model { async fn chat(&self, request: ChatRequest) -> Result<ChatReply, Error>; }
/// # struct OpenAi;
/// #[async_trait]
/// impl Model for OpenAi {
///     #[llm_trace(chat, provider = "openai", request = request)]
///     async fn chat(&self, request: ChatRequest) -> Result<ChatReply, Error> {
///         // …
///         # Ok(ChatReply { model: request.model })
///     }
/// }
/// ```
///
/// # Streams
///
/// If the result is a stream, the call ends when the stream ends or is dropped. An `impl Stream` is recognised in the
/// signature, also inside a `Result`; a boxed stream by the type of the value, also behind an alias. `response` then
/// reads each item. An `impl Iterator` is a stream for kinds that generate output, and a value for the others.
///
/// ```
/// # use llm_trace::llm_trace;
/// # #[derive(serde::Serialize)] struct ChatRequest { model: String }
/// # #[derive(serde::Serialize)] struct ChatReply { model: String }
/// # type Error = std::io::Error;
/// # type ReplyStream = std::pin::Pin<Box<dyn futures_core::Stream<Item = Result<ChatReply, Error>> + Send>>;
/// # struct Client;
/// # impl Client { async fn stream(&self, request: ChatRequest) -> Result<ReplyStream, Error> { Err(Error::other("no")) } }
/// #[llm_trace(chat, provider = "openai", request = request)]
/// async fn stream(client: &Client, request: ChatRequest) -> Result<ReplyStream, Error> {
///     client.stream(request).await
/// }
/// ```
///
/// For streams in a struct or of a custom type, call `.traced(…)` of `llm_trace::stream::StreamExt`.
///
/// # On an `impl`
///
/// The attribute applies to each method. An `#[llm_trace(…)]` attribute on a method replaces it, and
/// `#[llm_trace(skip)]` excludes the method. `const fn`, `unsafe fn` and `extern "C" fn` are excluded as well.
///
/// ```
/// # use llm_trace::llm_trace;
/// # #[derive(serde::Serialize)] struct ChatRequest { model: String }
/// # #[derive(serde::Serialize)] struct ChatReply { model: String }
/// # type Error = std::io::Error;
/// # struct Document;
/// # struct Pipeline { name: String }
/// #[llm_trace(task)]
/// impl Pipeline {
///     async fn retrieve(&self, question: &str) -> Vec<Document> {
///         // …
///         # vec![]
///     }
///
///     #[llm_trace(chat, provider = "openai", request = request)]
///     async fn ask(&self, request: ChatRequest) -> Result<ChatReply, Error> {
///         // …
///         # Ok(ChatReply { model: request.model })
///     }
///
///     #[llm_trace(skip)]
///     fn name(&self) -> &str {
///         &self.name
///     }
/// }
/// ```
///
/// # Limits
///
/// - Cannot be traced: `const fn`, `unsafe fn`, `extern "C" fn` and functions without a body.
/// - Cannot be traced: a future or an `impl Stream` inside an `Option` or the like, and a future inside a `Result`.
/// - A future behind a type alias is not recognised, because the attribute sees no types: the call ends when
///   the function returns. Write `Pin<Box<dyn Future<…>>>` or `BoxFuture`.
/// - An `impl Stream` keeps `Stream`, `FusedStream`, `Send`, `Sync` and `Unpin`, and loses other traits.
/// - `response` on a function that returns a boxed stream cannot borrow the function's parameters.
/// - In a generic function, the result is read through the bounds of its type only.
/// - Parameters that the body does not use are dropped after those that it uses.
#[proc_macro_attribute]
pub fn llm_trace(args: TokenStream, item: TokenStream) -> TokenStream {
    if cfg!(feature = "off") {
        return item;
    }
    traced(args.into(), &item.into()).into()
}

/// Implements `llm_trace::Capture`, whose documentation describes each `#[capture(…)]`: `redact`, `hash`, `skip` and
/// `rename = "…"` on a field, `rename = "…"` on a variant. The recorded form is that of a derived `serde::Serialize`.
/// On the type, `#[capture(crate = path)]` sets the path of the crate; default: `::llm_trace`.
///
/// ```
/// use llm_trace::Capture;
///
/// #[derive(Capture)]
/// enum Question<T> {
///     #[capture(rename = "text")]
///     Text(String),
///     Form { #[capture(hash)] user: String, #[capture(redact)] email: String, answers: Vec<T> },
/// }
/// # let form = Question::Form { user: "u".into(), email: "e".into(), answers: vec![1] };
/// # assert!(serde_json::to_string(&form.as_content()).unwrap().contains("[REDACTED]"));
/// # assert_eq!(serde_json::to_string(&Question::<u8>::Text("x".into()).as_content()).unwrap(), r#"{"text":"x"}"#);
/// ```
#[proc_macro_derive(Capture, attributes(capture))]
pub fn capture(item: TokenStream) -> TokenStream {
    capture::derive(item.into()).into()
}

// The expansion on `proc_macro2` streams, which exist outside a macro, for the tests.
fn traced(args: proc_macro2::TokenStream, item: &proc_macro2::TokenStream) -> proc_macro2::TokenStream {
    let errors = Errors::new();
    if let Some(block) = parse::block(item.clone()) {
        let given = parse::args(args.clone(), &errors);
        validate::check_on_impl(&given, &errors);
        return match errors.finish() {
            Ok(()) => expand::expand_block(&block, &args, given.root()),
            Err(errors) => fallback::expand(item, &errors),
        };
    }
    let args = parse::args(args, &errors);
    let function = parse::item(item.clone(), &errors);
    validate::check(&args, function.as_ref(), &errors);
    match (function, errors.finish()) {
        (Some(function), Ok(())) => expand::expand(&TracedFn::new(args, function)),
        (_, errors) => fallback::expand(item, &errors.err().unwrap_or_default()),
    }
}
