//! A unique word in every place with content, for every kind and every way to end a call, over a real connection. The
//! tests search the sent bytes for the word.

use std::panic::{AssertUnwindSafe, catch_unwind};

use llm_trace::{Builder, ContentCapture, Topics, llm_trace};
use llm_trace_test_support::otlp::Receiver;
use serde_json::{Value, json};

use crate::{capturing, content_keys, exported, openinference};

const CANARY: &str = "kanarienvogel-7c1f";

fn word(place: &str) -> String {
    format!("{CANARY}/{place}")
}

fn body() -> Value {
    json!({
        "model": "canary-model",
        "system": word("system"),
        "messages": [{"role": "user", "content": word("message")}],
        "tools": [{"name": "t", "description": word("tool"), "input_schema": {}}],
        "metadata": {"note": word("metadata")}, "user": word("end user"),
    })
}

fn answer() -> Value {
    json!({
        "id": "r-1", "model": "canary-model", "usage": {"prompt_tokens": 3, "completion_tokens": 4},
        "choices": [{"finish_reason": "stop", "message": {"role": "assistant", "content": word("answer")}}],
        "instructions": word("instructions"), "tools": [{"type": "function", "name": word("repeated tool")}],
    })
}

#[derive(Debug)]
struct Failure(String);

impl std::fmt::Display for Failure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "could not parse {}", self.0)
    }
}

impl std::error::Error for Failure {}

/// How a call ends.
#[derive(Clone, Copy, Debug)]
enum End {
    Returns,
    Fails,
    FailsBoxed,
    Panics,
}

impl End {
    fn result(self) -> Result<Value, Failure> {
        match self {
            End::Returns => Ok(answer()),
            End::Fails => Err(Failure(word("error"))),
            End::FailsBoxed => unreachable!("has a function of its own"),
            End::Panics => panic!("{}", word("panic")),
        }
    }

    fn boxed(self) -> Answer {
        match self {
            End::FailsBoxed => Err(word("boxed error").into()),
            other => Ok(other.result()?),
        }
    }
}

// The parameters' names are passed in: names written inside the macro would differ from those in the attribute by
// hygiene.
macro_rules! kinds {
    (|$body:ident| $($name:ident($($attribute:tt)*)),* $(,)?) => {
        $(
            #[llm_trace($($attribute)*)]
            fn $name($body: &Value, end: End) -> Answer {
                let _ = $body;
                end.boxed()
            }
        )*
        const CALLS: &[fn(&Value, End) -> Answer] = &[$($name),*];
    };
}

type Answer = Result<Value, Box<dyn std::error::Error + Send + Sync>>;

kinds! {
    |body|
    chat(chat, provider = "openai", request = body),
    chat_by_hand(chat, provider = "openai", model = "canary-model", input = body, system = word("system"), tools = body, prompt_variables(question = word("variable"))),
    completion(text_completion, provider = "openai", request = body),
    generation(generate_content, provider = "gcp.gemini", request = body),
    embedding(embeddings, provider = "openai", request = body),
    search(retrieval, data_source = "d", query = word("query")),
    tool(tool, arguments = body),
    sent(mcp(client), method = "tools/call", request = body, arguments = body),
    handled(mcp(server), request = &json!({"method": "tools/call", "params": {"name": "t", "arguments": body}})),
    read(mcp(client), method = "resources/read", arguments = body),
    recall(memory(search), store = "s", query = word("query")),
    remember(memory(create), store = "s", records = [word("record")]),
    agent(agent, input = body, system = word("system"), tools = body),
    remote_agent(agent(remote), provider = "openai", request = body),
    new_agent(create_agent, provider = "openai", system = word("system")),
    fetched(fetch_response, provider = "openai", id = "r1"),
    flow(workflow, input = body),
    step(task),
    skipping_chat(chat, provider = "openai", request = body, skip(all)),
    skipping_tool(tool, arguments = body, skip(all)),
    skipping_fetch(fetch_response, provider = "openai", id = "r1", skip(all)),
}

#[llm_trace(chat, provider = "openai", request = body)]
async fn never_done(body: Value) -> Result<Value, Failure> {
    std::future::pending::<()>().await;
    drop(body);
    Ok(answer())
}

#[llm_trace(chat, provider = "openai", model = "canary-model", response = |_reply: &Value| llm_trace::Response::new())]
fn adapted() -> Value {
    llm_trace::current().response_body(&answer());
    answer()
}

/// Streamed: text, reasoning and the arguments of a tool call.
#[llm_trace(chat, provider = "openai", model = "canary-model")]
fn streamed() -> impl Iterator<Item = Value> {
    let chunk = |delta: Value| json!({"id": "r-1", "choices": [{"index": 0, "delta": delta}]});
    let call = json!([{"index": 0, "id": "c", "function": {"name": "t", "arguments": word("arguments")}}]);
    let deltas = [
        json!({"reasoning_content": word("thought")}),
        json!({"content": word("streamed")}),
        json!({"tool_calls": call}),
    ];
    deltas.map(chunk).into_iter()
}

#[derive(serde::Serialize)]
#[serde(tag = "api", content = "body")]
enum Tagged {
    Body(Box<serde_json::value::RawValue>),
}

#[llm_trace(chat, provider = "openai", request = raw(&body()))]
fn raw_and_tagged() -> Tagged {
    raw(&answer())
}

fn raw(body: &Value) -> Tagged {
    Tagged::Body(serde_json::value::RawValue::from_string(body.to_string()).unwrap())
}

#[derive(llm_trace::Capture, serde::Serialize)]
struct Shown {
    role: &'static str,
    content: String,
    #[capture(hash)]
    name: String,
    #[capture(redact)]
    kept_to_itself: String,
    #[capture(skip)]
    left_out: String,
}

#[llm_trace(chat, provider = "openai", model = "canary-model", input = shown)]
fn derived(shown: &Shown) -> Shown {
    assert!(shown.left_out.contains(CANARY));
    self::shown()
}

/// A call made by hand, with content in every place, which fails with an error that contains more.
fn built() {
    let builder = llm_trace::Call::builder(llm_trace::Kind::Chat);
    let call = builder.with_request_body(&body()).with_request(|request| request.provider("openai")).begin();
    call.current().output(&word("built"));
    call.fail(&Failure(word("error")));
}

fn shown() -> Shown {
    let private = || word("private");
    Shown {
        role: "user",
        content: word("derived"),
        name: private(),
        kept_to_itself: private(),
        left_out: private(),
    }
}

/// Calls that end in one way only: adapted, streamed, raw, derived, built, and cancelled.
const OTHERS: usize = 6;

fn everything() {
    for call in CALLS {
        for end in [End::Returns, End::Fails, End::FailsBoxed, End::Panics] {
            // The test harness prints the message of the panic; it is not exported.
            let _ = catch_unwind(AssertUnwindSafe(|| drop(call(&body(), end))));
        }
    }
    adapted();
    assert_eq!(streamed().count(), 3);
    let Tagged::Body(_) = raw_and_tagged();
    derived(&shown());
    built();
    llm_trace::score("quality").with_value(0.5).with_explanation(word("why")).record();
    let mut dropped = std::pin::pin!(never_done(body()));
    let waker = std::task::Waker::noop();
    assert!(dropped.as_mut().poll(&mut std::task::Context::from_waker(waker)).is_pending());
}

/// The attributes with the content of model calls.
const PLACES: &[&str] =
    &["system", "message", "tool", "answer", "thought", "streamed", "arguments", "derived", "built"];

fn requests(receiver: &Receiver, path: &str) -> Vec<Vec<u8>> {
    let all = receiver.received();
    let bodies: Vec<_> =
        all.into_iter().filter(|request| request.path == path).map(|request| request.body).collect();
    assert!(!bodies.is_empty(), "nothing was sent to {path}");
    bodies
}

fn contains(bytes: &[u8], word: &str) -> bool {
    bytes.windows(word.len()).any(|window| window == word.as_bytes())
}

fn run(builder: Builder) -> Receiver {
    let receiver = exported(builder, everything);
    // Content skipped by its type is recorded in no mode.
    let all = receiver.received();
    assert!(all.iter().all(|request| !contains(&request.body, &word("private"))));
    receiver
}

fn assert_absent(receiver: &Receiver, path: &str) {
    assert!(requests(receiver, path).iter().all(|body| !contains(body, CANARY)), "the canary is in {path}");
}

/// Finds a canary where there is one, as a check of the search.
fn assert_present(receiver: &Receiver, place: &str) {
    assert_present_in(receiver, "/v1/traces", place);
}

fn assert_present_in(receiver: &Receiver, path: &str, place: &str) {
    let word = word(place);
    assert!(
        requests(receiver, path).iter().any(|body| contains(body, &word)),
        "{word} did not arrive at {path}"
    );
}

/// The score is always an event.
fn assert_nowhere_on_events(receiver: &Receiver) {
    assert_absent(receiver, "/v1/logs");
}

const CONTENT_OF_EVENTS: [&str; 6] = [
    "gen_ai.system_instructions",
    "gen_ai.input.messages",
    "gen_ai.output.messages",
    "gen_ai.tool.definitions",
    "gen_ai.prompt.variable.question",
    "gen_ai.evaluation.explanation",
];

#[test]
fn by_default_no_content_is_exported() {
    for builder in [
        llm_trace::builder(),
        llm_trace::builder().with_content_capture(ContentCapture::NoContent),
        llm_trace::builder().with_events(true),
        llm_trace::builder().with_openinference(true),
        llm_trace::builder().with_quality_signals(llm_trace::QualitySignals::all()),
        llm_trace::builder()
            .with_topics(Topics::QuestionHash { salt: "sixteen bytes or more".to_owned().into() }),
        llm_trace::builder().with_topics(Topics::PromptName),
    ] {
        let receiver = run(builder);
        assert_eq!(receiver.spans().len(), CALLS.len() * 4 + OTHERS);
        assert_absent(&receiver, "/v1/traces");
        assert_absent(&receiver, "/v1/metrics");
        assert_nowhere_on_events(&receiver);
    }
}

/// Model calls: four with content and one without, each ending in four ways, and the others.
const EVENTS_WITH_DETAILS: usize = 5 * 4 + OTHERS;

#[test]
fn content_captured_on_events_only_is_on_no_span() {
    for speaks_openinference in [true, false] {
        let builder = llm_trace::builder().with_content_capture(ContentCapture::EventOnly);
        let receiver = run(builder.with_openinference(speaks_openinference));
        assert_is_on_events_only(&receiver);
    }
}

fn assert_is_on_events_only(receiver: &Receiver) {
    assert_absent(receiver, "/v1/traces");
    assert_absent(receiver, "/v1/metrics");
    for place in ["why"].iter().chain(PLACES) {
        assert_present_in(receiver, "/v1/logs", place);
    }
    let mut details = 0;
    for mut record in receiver.logs() {
        details += usize::from(record.event_name == "gen_ai.client.inference.operation.details");
        let is_skipping = format!("{record:?}").contains("skipping");
        if !is_skipping {
            record.attributes.retain(|attribute| !CONTENT_OF_EVENTS.contains(&attribute.key.as_str()));
        }
        assert!(!format!("{record:?}").contains(CANARY), "outside of content attributes: {record:?}");
    }
    assert_eq!(details, EVENTS_WITH_DETAILS);
}

/// An upload target that discards content.
struct Nowhere(std::sync::Mutex<Vec<u8>>);

impl llm_trace::ContentStore for Nowhere {
    fn reference(&self, piece: &llm_trace::ContentItem<'_>) -> String {
        format!("nowhere:{}", piece.span_id())
    }

    fn store(&self, _: &str, json: &str) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
        self.0.lock().unwrap().extend_from_slice(json.as_bytes());
        Ok(())
    }
}

#[test]
fn uploaded_content_is_not_exported() {
    use llm_trace::ContentUpload::Instead;
    let store = std::sync::Arc::new(Nowhere(std::sync::Mutex::default()));
    let uploading = || llm_trace::builder().with_content_upload(std::sync::Arc::clone(&store), Instead);
    // More content arrives than the queue takes: the overflow is dropped, and not sent either.
    let (receiver, receipt) = crate::finished(uploading().with_events(true), everything);
    assert_eq!(receipt.spans().dropped(), 0);
    assert_absent(&receiver, "/v1/traces");
    assert_absent(&receiver, "/v1/metrics");
    assert_nowhere_on_events(&receiver);
    for place in PLACES {
        assert!(contains(&store.0.lock().unwrap(), &word(place)), "{place} is kept nowhere");
    }
    // Content captured in addition is on spans only if it is not uploaded.
    let builder = uploading().with_content_capture(ContentCapture::SpanAndEvent);
    let (receiver, _) = crate::finished(builder, everything);
    assert_present(&receiver, "query");
    let kept = &CONTENT_OF_EVENTS[..4];
    for span in receiver.spans() {
        assert!(content_keys(&span).iter().all(|key| !kept.contains(key)), "{span:?}");
    }
    for record in receiver.logs() {
        let is_kept = |key: &str| kept.contains(&key);
        assert!(!record.attributes.iter().any(|attribute| is_kept(&attribute.key)), "{record:?}");
    }
}

#[test]
fn content_captured_on_spans_and_events_is_on_both() {
    let receiver = run(llm_trace::builder().with_content_capture(ContentCapture::SpanAndEvent));
    for path in ["/v1/traces", "/v1/logs"] {
        for place in PLACES {
            assert_present_in(&receiver, path, place);
        }
    }
    assert_present(&receiver, "query");
    assert_absent(&receiver, "/v1/metrics");
}

#[test]
fn captured_content_is_in_its_attributes_and_nowhere_else() {
    assert_is_in_its_attributes(&run(capturing()), |_| false);
}

#[test]
fn captured_content_is_copied_to_openinferences_attributes_and_nowhere_else() {
    let receiver = run(capturing().with_openinference(true));
    assert_is_in_its_attributes(&receiver, openinference::is_content);
    // Skipped content has no copy either: there are copies only where there is content.
    for span in receiver.spans() {
        let copied: Vec<_> =
            span.attributes.iter().filter(|copy| openinference::is_content(&copy.key)).collect();
        let neither = ["gen_ai.system_instructions", "gen_ai.tool.definitions"];
        let is_content = content_keys(&span).iter().any(|key| !neither.contains(key));
        assert_eq!(!copied.is_empty(), is_content, "{span:?}");
    }
}

fn assert_is_in_its_attributes(receiver: &Receiver, is_copy: fn(&str) -> bool) {
    assert_nowhere_on_events(receiver);
    for place in ["query", "instructions", "repeated tool", "record", "variable"].iter().chain(PLACES) {
        assert_present(receiver, place);
    }
    assert_absent(receiver, "/v1/metrics");
    let mut with_content = 0;
    for mut span in receiver.spans() {
        let keys = content_keys(&span);
        with_content += usize::from(!keys.is_empty());
        let is_skipping = span.attributes.iter().any(|attribute| {
            attribute.key == "code.function.name" && format!("{:?}", attribute.value).contains("skipping")
        });
        assert!(!is_skipping || keys.is_empty(), "{keys:?}");
        span.attributes.retain(|attribute| {
            let key = attribute.key.as_str();
            !keys.contains(&key) && (is_skipping || !is_copy(key))
        });
        assert!(!format!("{span:?}").contains(CANARY), "outside of content attributes: {span:?}");
    }
    // All ways to end of all kinds with content, the completed fetched response, and the others; none of the skipping
    // calls.
    assert_eq!(with_content, 14 * 4 + 1 + OTHERS);
}

#[test]
fn error_messages_have_a_separate_setting() {
    let receiver = run(llm_trace::builder().with_error_messages(true).with_events(true));
    assert_present(&receiver, "error");
    assert_present_in(&receiver, "/v1/logs", "error");
    for mut record in receiver.logs() {
        record.attributes.retain(|attribute| attribute.key != "exception.message");
        assert!(!format!("{record:?}").contains(CANARY), "outside of the message: {record:?}");
    }
    assert_absent(&receiver, "/v1/metrics");
    for mut span in receiver.spans() {
        span.status = None;
        assert!(!format!("{span:?}").contains(CANARY), "outside of the status: {span:?}");
    }
}
