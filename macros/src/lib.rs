//! The `#[llm_trace]` attribute and `#[derive(Capture)]`. Use them through the `llm-trace` crate, which re-exports them: what
//! they write are calls of that crate.
//!
//! Reading order is the pipeline: `parse` → `validate` → `model` → `expand`, or `fallback` after a mistake.

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

/// Traces a function that calls a model or does a step around it: one OpenTelemetry GenAI span per call, the
/// metrics that go with it, and its cost.
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
/// First comes the kind, then any number of `key = expression`, in any order:
///
/// ```text
/// #[llm_trace(KIND, key = expression, …, attributes("name" = expression, …))]
/// ```
///
/// The function's signature, result, laziness and `Send`-ness stay as they are. An `Err` that it returns, a
/// panic, and a future that is dropped before it is done each end the span, as what they are.
///
/// # Expressions
///
/// An expression sees the function's parameters, `self` too, and is evaluated before the body runs. It is
/// borrowed, so `request.model` does not move the model out of the request, and an `Option` that is `None` is
/// left out. It is evaluated in a closure: `.await`, `?` and `return` do not work in it.
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
/// | `chat`, `text_completion`, `generate_content` | a chat with a model, a completion in the older style, a call of a multimodal model | `provider` (required) `model` `request` `response` `server` `temperature` `top_p` `top_k` `max_tokens` `stop` `seed` `frequency_penalty` `presence_penalty` `choice_count` `reasoning_level` `output_type` `stream` `prompt_name` `prompt_version` `prompt_variables(…)` `compacted` `system` `input` `tools` `skip(…)` |
/// | `embeddings` | turning text into vectors | `provider` (required) `model` `request` `response` `server` `dimensions` `encoding_formats` |
/// | `rerank` | ordering documents with a model | `provider` (required) `model` `request` `response` `server` `top_k` |
/// | `retrieval` | a search in a vector store or an index | `data_source` `top_k` `provider` `model` `response` `server` `query` `skip(…)` |
/// | `memory(search)` | a search in a memory | `store` `record` `record_count` `provider` `server` `query` `skip(…)` |
/// | `memory(create)`, `memory(update)`, `memory(upsert)` | keeping something in a memory | `store` `record` `record_count` `provider` `server` `records` `skip(…)` |
/// | `memory(delete)`, `memory(create_store)`, `memory(delete_store)` | any other operation on a memory | `store` `record` `record_count` `provider` `server` |
/// | `fetch_response` | fetching a response that was generated earlier | `provider` (required) `id` `stream_cursor` `response` `server` `skip(…)` |
/// | `agent` | an agent in this process | `name` `description` `model` `data_source` `temperature` `top_p` `max_tokens` `stop` `seed` `frequency_penalty` `presence_penalty` `choice_count` `output_type` `system` `input` `tools` `skip(…)` |
/// | `agent(remote)` | an agent at a provider | `provider` (required) `id` `version` `server` `request` `response` `name` `description` `model` `data_source` `temperature` `top_p` `max_tokens` `stop` `seed` `frequency_penalty` `presence_penalty` `choice_count` `output_type` `system` `input` `tools` `skip(…)` |
/// | `create_agent` | creating an agent at a provider | `provider` (required) `name` `id` `description` `version` `model` `server` `system` `skip(…)` |
/// | `plan` | an agent's planning | `name`, the agent's; of the one it runs in unless given |
/// | `tool` | a tool the model asked for | `name` `description` `call_id` `tool_type` `skill` `skill_description` `skill_source` `skill_resource` `executable` `arguments(…)` `skip(…)` |
/// | `mcp(client)` | a message to an MCP server, or from it to its client | `method` or `request` (required) `name` `uri` `id` `session` `transport` `protocol_version` `server` `arguments(…)` `skip(…)` |
/// | `mcp(server)` | the handling of such a message | `method` or `request` (required) `name` `uri` `id` `session` `transport` `protocol_version` `client` `arguments(…)` `skip(…)` |
/// | `guardrail`, `evaluator` | a check of what goes into or comes out of a model; a judgement of an answer | `name` |
/// | `workflow` | the whole of an answer, with its steps inside | `name` `input` `skip(…)` |
/// | `task`, the default | any other step | `name` |
/// | all of them | | `conversation` `user` `tags(…)` `attributes(…)` `parent` `links` `crate` |
///
/// A key where it does not belong is a compile error that names those that do.
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
/// It counts the models and tools it calls itself; what an agent inside it does counts for that one.
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
/// What runs inside, on the same task or in a future polled by it, becomes a child of the span.
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
/// `request` reads what it can from the body that goes to the model: the model's name, temperature, token
/// limit and so on. Its type is `serde::Serialize` with the provider's field names, or implements
/// `LlmRequest`. Arguments written next to it win.
///
/// The result of the function is read without being asked to, in the same way: the model that answered,
/// finish reasons, token counts. `response` is for results that say nothing by themselves, and for generic
/// functions, where the type is not known: the path of a function, or a closure, from a reference to the result
/// (what is in the `Ok`, if it is a `Result`) to a `Response`.
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
/// ## Who answers: `provider`, `model`, `server`
///
/// `provider` is the conventions' `gen_ai.provider.name`: `openai`, `anthropic`, `aws.bedrock`, … `server` is
/// the URL or host that is called.
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
/// What the template is filled in with is content: parameters and named values, or a map or struct. Each entry becomes
/// `gen_ai.prompt.variable.{name}`.
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
/// ## A conversation that was cut short: `compacted`
///
/// `true` if what is sent is a compacted view of the conversation, a summary of its beginning, say. What providers tell of
/// compacting by themselves (OpenAI, Anthropic) is read.
///
/// ```
/// # use llm_trace::llm_trace;
/// # struct History { summary: Option<String> }
/// #[llm_trace(chat, provider = "openai", compacted = history.summary.is_some())]
/// # fn chat(history: &History) {}
/// ```
///
/// ## Vectors: `dimensions`, `encoding_formats`
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
/// `name` is the function's own unless given. `call_id` is the one the model made up for its request.
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
/// The October vintage of the conventions has them; in August's they are not recorded. `executable` is a name or a path. What the
/// program exited with is told by `llm_trace::current().request(|request| request.exit_code(code))`.
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
/// What users typed and what goes to a model or a tool. It is recorded only if the application captures content;
/// where it does not, these expressions are not even evaluated. `query` is text, the others are anything that is
/// `serde::Serialize`. With `request`, messages, instructions and tools are read from there. What the function returns is
/// content too: the messages of a model, the result of a tool, the answer of a workflow, the documents of a retrieval, the
/// records that a memory finds.
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
/// `arguments` of a tool are an expression, or parameters and named values, which become an object:
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
/// ## Content this function keeps to itself: `skip`
///
/// `prompt_variables`, `system`, `input`, `tools` and `output` of a model, `input` and `output` of a workflow, `arguments` and
/// `result` of a tool, `query` and `output` of a retrieval or a search in a memory, `records` that a memory is to keep, or `all`. There is no opposite: that content is recorded at all is for the
/// application to decide, in one place.
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
/// Said once, they are on every call inside. Tags are attributes of your own otherwise; those that the application names in
/// `with_tag_labels` are labels of metrics too.
///
/// ```
/// # use llm_trace::llm_trace;
/// # struct Session { id: String, user: String, tenant: String }
/// #[llm_trace(workflow, name = "support-answer", conversation = session.id, user = session.user, tags("tenant" = session.tenant))]
/// # fn answer(session: &Session) {}
/// ```
///
/// ## Your own: `attributes`
///
/// As in `arguments` and `tags`, a value is a variable of that name (`tier`), has a name (`tier = account.tier`), or a name that is
/// no identifier (`"app.tier" = account.tier`). Values are text, numbers, `bool`s or lists of text.
///
/// ```
/// # use llm_trace::llm_trace;
/// # struct Account { tier: String }
/// #[llm_trace(workflow, attributes("app.tier" = account.tier, "app.beta" = true))]
/// # fn answer(account: &Account) {}
/// ```
///
/// ## Other spans: `parent`, `links`
///
/// The parent is the current span, unless `parent` is an `opentelemetry::Context` with another. `links` is a
/// collection of `SpanContext`s that are related without being the parent.
///
/// ```
/// # use llm_trace::llm_trace;
/// # use llm_trace::opentelemetry::{Context, trace::SpanContext};
/// # struct Job { context: Context, sources: Vec<SpanContext> }
/// #[llm_trace(task, parent = job.context, links = job.sources)]
/// # fn work(job: &Job) {}
/// ```
///
/// ## Where the runtime is: `crate`
///
/// For crates that re-export `llm_trace` to others that do not depend on it. Starts with `::` or `crate`.
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
/// A function that returns `impl Future`, `Pin<Box<dyn Future>>` or `BoxFuture`, as every method under
/// `#[async_trait]` does, is traced like an `async fn`: the call begins when the future is polled first. The body
/// runs when it did before, which is when the function is called, and so are the arguments evaluated, as the body may
/// move the parameters into the future.
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
/// A call whose result is a stream goes on until the stream has ended or is dropped. That is so for `impl Stream`, also
/// in a `Result`, and by the type of the value for boxed streams, whatever alias they hide behind. `response` then reads
/// each item. An `impl Iterator` is a stream where a model generates, and a value elsewhere.
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
/// Streams in a struct, or of a type of their own, are tied to the call with `.traced(…)` of `llm_trace::stream::StreamExt`.
///
/// # On an `impl`
///
/// The attribute stands for one on each method. A method's own `#[llm_trace(…)]` replaces it, `#[llm_trace(skip)]` leaves
/// the method out, and so are left out `const fn`, `unsafe fn` and `extern "C" fn`.
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
/// - Not at all: `const fn`, `unsafe fn`, `extern "C" fn` and functions without a body.
/// - A future or an `impl Stream` inside an `Option` or the like, and a future inside a `Result`, cannot be followed.
/// - A future behind an alias of the user's own is not recognised, as the attribute sees no types: the call would end when
///   the function returns. Write `Pin<Box<dyn Future<…>>>` or `BoxFuture`.
/// - Of an `impl Stream` come `Stream`, `FusedStream`, `Send`, `Sync` and `Unpin` through, other traits do not.
/// - `response` on a function that returns a boxed stream cannot borrow the function's parameters.
/// - In a generic function only what its bounds promise can be read from the result.
/// - Parameters the body does not use are dropped after those it does use.
#[proc_macro_attribute]
pub fn llm_trace(args: TokenStream, item: TokenStream) -> TokenStream {
    if cfg!(feature = "off") {
        return item;
    }
    traced(args.into(), &item.into()).into()
}

/// Implements `llm_trace::Capture`, whose documentation tells what each `#[capture(…)]` does: `redact`, `hash`, `skip` and
/// `rename = "…"` on a field, `rename = "…"` on a variant. What is recorded has the form that a derived `serde::Serialize`
/// would give it. On the type, `#[capture(crate = path)]` says where the crate is, if not at `::llm_trace`.
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

// The same on streams that also exist outside a macro, for the tests.
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
