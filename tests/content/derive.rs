//! Types that define which of their fields are content.
#![allow(dead_code, reason = "skipped fields are never read")]

use std::collections::HashMap;
use std::marker::PhantomData;

use futures_util::stream::{self, Stream};
use llm_trace::secrecy::SecretString;
use llm_trace::{Capture, LlmRequest, LlmResponse, Request, Response, Usage, llm_trace};
use serde::Serialize;
use serde_json::{Value, json};

use crate::streams::drain;
use crate::{captured, capturing, content, content_keys, exported, text};

/// The recorded form of a value, before it is cut and redacted.
fn shown<T: Capture>(value: &T) -> Value {
    serde_json::to_value(value.as_content()).unwrap()
}

#[derive(Capture)]
struct Unit;

#[derive(Capture)]
struct Newtype(u8);

#[derive(Capture)]
struct Pair(u8, #[capture(redact)] Unserializable);

#[derive(Capture)]
struct OnlySkipped(#[capture(skip)] Unserializable);

struct Unserializable;

#[derive(Serialize)]
struct Plain {
    x: u8,
}

#[derive(Capture)]
struct Everything<'a, T, const N: usize>
where
    T: Clone,
{
    text: &'a str,
    r#type: String,
    plain: Plain,
    list: Vec<Newtype>,
    nested: Option<Box<Everything<'a, T, N>>>,
    by_name: HashMap<String, Pair>,
    generic: [T; N],
    #[capture(skip)]
    secret: SecretString,
    #[capture(redact)]
    #[capture(rename = "seen")]
    opaque: Unserializable,
    marker: PhantomData<Unserializable>,
}

fn everything(nested: Option<Box<Everything<'_, i64, 2>>>) -> Everything<'_, i64, 2> {
    Everything {
        text: "t",
        r#type: "x".into(),
        plain: Plain { x: 1 },
        list: vec![Newtype(2), Newtype(3)],
        nested,
        by_name: HashMap::from([("p".to_owned(), Pair(4, Unserializable))]),
        generic: [5, 6],
        secret: "7".to_owned().into(),
        opaque: Unserializable,
        marker: PhantomData,
    }
}

#[test]
fn a_struct_is_recorded_like_a_derived_serialize_except_for_field_attributes() {
    let of = |nested: Value| {
        json!({
            "text": "t", "type": "x", "plain": { "x": 1 }, "list": [2, 3], "nested": nested,
            "by_name": { "p": [4, "[REDACTED]"] }, "generic": [5, 6], "seen": "[REDACTED]", "marker": null,
        })
    };
    assert_eq!(shown(&everything(Some(Box::new(everything(None))))), of(of(Value::Null)));
    assert_eq!((shown(&Unit), shown(&Newtype(1))), (Value::Null, json!(1)));
    assert_eq!(shown(&OnlySkipped(Unserializable)), Value::Null);
}

#[derive(Capture)]
enum Event<I: Iterator> {
    Nothing,
    #[capture(rename = "one")]
    One(I::Item),
    Two(u8, #[capture(skip)] Unserializable, String),
    Named {
        #[capture(rename = "it")]
        item: I::Item,
        #[capture(redact)]
        source: I,
    },
    Silent(#[capture(skip)] Unserializable),
}

#[test]
fn an_enum_is_recorded_as_its_variant_and_content() {
    type Events = Event<std::vec::IntoIter<u8>>;
    assert_eq!(shown(&Events::Nothing), json!("Nothing"));
    assert_eq!(shown(&Events::One(1)), json!({ "one": 1 }));
    assert_eq!(shown(&Events::Two(1, Unserializable, "x".into())), json!({ "Two": [1, "x"] }));
    let named = Events::Named { item: 2, source: vec![].into_iter() };
    assert_eq!(shown(&named), json!({ "Named": { "it": 2, "source": "[REDACTED]" } }));
    assert_eq!(shown(&Events::Silent(Unserializable)), json!("Silent"));
    #[derive(Capture)]
    enum Never {}
    assert_eq!(shown(&None::<Never>), Value::Null);
}

#[derive(Capture)]
struct Customer {
    #[capture(hash)]
    email: Option<String>,
    #[capture(hash)]
    tags: HashMap<String, u8>,
}

fn customer(email: &str) -> Customer {
    let tags = (0..8).map(|tag| (format!("tag{tag}"), tag)).collect();
    Customer { email: Some(email.to_owned()), tags }
}

#[llm_trace(tool, arguments = customer)]
fn tool(customer: &Customer) {}

/// The recorded form of a customer.
fn digests(builder: llm_trace::Builder, customer: &Customer) -> Value {
    content(&exported(builder, || tool(customer)).spans()[0], "gen_ai.tool.call.arguments")
}

#[test]
fn the_same_value_has_the_same_digest_while_the_salt_is_the_same() {
    let salted = |salt: &str| capturing().with_hash_salt(salt);
    let ada = digests(salted("a salt of sixteen"), &customer("ada@example.org"));
    assert_eq!(ada, digests(salted("a salt of sixteen"), &customer("ada@example.org")));
    assert!(ada["email"].as_str().unwrap().starts_with("[hash "), "{ada}");
    let grace = digests(salted("a salt of sixteen"), &customer("grace@example.org"));
    assert_eq!((ada["tags"] == grace["tags"], ada["email"] == grace["email"]), (true, false));
    let other = digests(salted("another of sixteen"), &customer("ada@example.org"));
    assert_ne!(ada["email"], other["email"]);
    // Without a salt, the random one of the process.
    let random = digests(capturing(), &customer("ada@example.org"));
    assert_eq!(random, digests(capturing(), &customer("ada@example.org")));
    assert!(random["email"] != ada["email"] && random["email"] != other["email"]);
    let empty = digests(capturing(), &Customer { email: None, tags: HashMap::new() });
    assert_eq!(empty["email"], Value::Null);
}

/// Serializes everything for peers, and content without the token.
#[derive(Capture, Serialize)]
struct Message {
    role: String,
    content: String,
    #[capture(skip)]
    token: String,
}

fn message(role: &str) -> Message {
    Message { role: role.into(), content: format!("from {role}"), token: "private".into() }
}

#[derive(Capture, Serialize)]
struct Body {
    model: String,
    messages: Vec<Message>,
    #[capture(redact)]
    system: String,
}

#[derive(Capture, Serialize)]
struct Reply {
    model: String,
    choices: Vec<Choice>,
    usage: Tokens,
}

#[derive(Capture, Serialize)]
struct Choice {
    finish_reason: String,
    message: Message,
}

#[derive(Serialize)]
struct Tokens {
    prompt_tokens: u64,
}

fn body() -> Body {
    Body { model: "m".into(), messages: vec![message("user")], system: "private".into() }
}

fn reply() -> Reply {
    let choice = Choice { finish_reason: "length".into(), message: message("assistant") };
    Reply { model: "m-1".into(), choices: vec![choice], usage: Tokens { prompt_tokens: 7 } }
}

fn messages(role: &str) -> Value {
    json!([{ "role": role, "parts": [{ "type": "text", "content": format!("from {role}") }] }])
}

#[test]
fn capture_goes_before_serialize_in_requests_and_results_and_facts_are_read_all_the_same() {
    #[llm_trace(chat, provider = "acme", request = body)]
    fn chat(body: Body) -> Result<Reply, String> {
        drop(body);
        Ok(reply())
    }
    let span = captured(|| drop(chat(body())));
    assert_eq!(
        (text(&span, "gen_ai.request.model"), text(&span, "gen_ai.response.model")),
        (Some("m".into()), Some("m-1".into()))
    );
    assert!(span.attributes.iter().any(|attribute| attribute.key == "gen_ai.usage.input_tokens"));
    assert_eq!(content(&span, "gen_ai.input.messages"), messages("user"));
    assert_eq!(
        content(&span, "gen_ai.system_instructions"),
        json!([{ "type": "text", "content": "[REDACTED]" }])
    );
    let mut answer = messages("assistant");
    answer[0]["finish_reason"] = json!("length");
    assert_eq!(content(&span, "gen_ai.output.messages"), answer);
    assert!(!format!("{span:?}").contains("private"));
}

#[test]
fn capture_goes_before_serialize_in_every_argument() {
    #[llm_trace(workflow, input = [&messages[0], &messages[1]])]
    fn flow(messages: Vec<Message>) -> Option<Vec<Message>> {
        Some(messages)
    }
    #[llm_trace(tool, arguments(first, days = 3), skip(output))]
    fn tool(first: &Message) {}
    #[llm_trace(retrieval, query = question)]
    fn search(question: Message) -> usize {
        question.token.len()
    }
    #[llm_trace(retrieval, query = text)]
    fn search_text(text: &str) {}
    let span = captured(|| drop(flow(vec![message("user"), message("user")])));
    let both: Vec<_> = [messages("user"), messages("user")].concat_all();
    assert_eq!(content(&span, "gen_ai.input.messages"), json!(both));
    assert!(!format!("{span:?}").contains("private"));
    let span = captured(|| tool(&message("user")));
    let first = json!({ "role": "user", "content": "from user" });
    assert_eq!(content(&span, "gen_ai.tool.call.arguments"), json!({ "first": first, "days": 3 }));
    let span = captured(|| assert_eq!(search(message("user")), 7));
    assert_eq!(
        text(&span, "gen_ai.retrieval.query.text").unwrap(),
        r#"{"content":"from user","role":"user"}"#
    );
    assert_eq!(text(&captured(|| search_text("why")), "gen_ai.retrieval.query.text").unwrap(), "why");
}

trait ConcatAll {
    fn concat_all(self) -> Vec<Value>;
}

impl<const N: usize> ConcatAll for [Value; N] {
    fn concat_all(self) -> Vec<Value> {
        self.into_iter().flat_map(|list| list.as_array().unwrap().clone()).collect()
    }
}

/// Describes its request attributes and defines its content.
#[derive(Capture)]
struct Described {
    messages: Vec<Message>,
    #[capture(rename = "content")]
    answer: String,
    role: &'static str,
    #[capture(skip)]
    tokens: u64,
}

impl LlmRequest for Described {
    fn describe(&self, request: &mut Request) {
        request.model("described");
    }
}

impl LlmResponse for Described {
    fn describe(&self) -> Response {
        Response::new().with_usage(Usage::new(self.tokens, 1))
    }
}

#[test]
fn a_type_that_describes_itself_need_not_describe_its_content() {
    #[llm_trace(chat, provider = "acme", request = described)]
    fn chat(described: Described) -> Described {
        described
    }
    let described =
        Described { messages: vec![message("user")], answer: "42".into(), role: "assistant", tokens: 5 };
    let span = captured(|| drop(chat(described)));
    assert_eq!(text(&span, "gen_ai.request.model").unwrap(), "described");
    assert_eq!(content(&span, "gen_ai.input.messages"), messages("user"));
    assert_eq!(content(&span, "gen_ai.output.messages")[0]["parts"][0]["content"], "42");
    assert!(!format!("{span:?}").contains("private"));
}

#[derive(Capture, Serialize)]
struct Delta {
    choices: Vec<DeltaChoice>,
}

#[derive(Capture, Serialize)]
struct DeltaChoice {
    delta: DeltaText,
    finish_reason: Option<String>,
}

#[derive(Capture, Serialize)]
struct DeltaText {
    content: String,
    #[capture(redact)]
    reasoning_content: String,
}

#[test]
fn items_of_a_stream_are_captured_and_their_facts_read() {
    #[llm_trace(chat, provider = "acme", model = "m")]
    fn chat() -> impl Stream<Item = Result<Delta, String>> {
        let delta = |text: &str, reason: Option<&str>| {
            let delta = DeltaText { content: text.into(), reasoning_content: "private".into() };
            Ok(Delta { choices: vec![DeltaChoice { delta, finish_reason: reason.map(Into::into) }] })
        };
        stream::iter([delta("Hello ", None), delta("Ada", Some("length"))])
    }
    let span = captured(|| drain(chat()));
    let messages = content(&span, "gen_ai.output.messages");
    let parts = messages[0]["parts"].as_array().unwrap();
    let texts: Vec<_> = parts
        .iter()
        .filter(|part| part["type"] == "text")
        .map(|part| part["content"].as_str().unwrap())
        .collect();
    assert_eq!((texts.concat().as_str(), &messages[0]["finish_reason"]), ("Hello Ada", &json!("length")));
    assert!(span.attributes.iter().any(|attribute| attribute.key == "gen_ai.response.time_to_first_chunk"));
    assert!(!format!("{span:?}").contains("private"));
}

#[test]
fn captured_content_is_redacted_and_bounded_like_any_other() {
    #[derive(Capture)]
    struct Long {
        contact: String,
        text: String,
    }
    #[llm_trace(tool, arguments = long)]
    fn tool(long: &Long) {}
    let span = captured(|| tool(&Long { contact: "ada@example.org".into(), text: "x ".repeat(50_000) }));
    let arguments = content(&span, "gen_ai.tool.call.arguments");
    assert_eq!(arguments["contact"], "[EMAIL]");
    assert!(arguments["text"].as_str().unwrap().ends_with("…[truncated, 100000 bytes]"));
}

#[test]
fn capture_is_not_called_unless_content_is_recorded() {
    let looked = std::cell::Cell::new(false);
    #[derive(Capture)]
    struct Looked<'a> {
        at: Look<'a>,
    }
    struct Look<'a>(&'a std::cell::Cell<bool>);
    impl Capture for Look<'_> {
        fn capture<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
            self.0.set(true);
            serializer.serialize_unit()
        }
    }
    #[llm_trace(chat, provider = "acme", input = looked)]
    fn chat(looked: &Looked<'_>) {}
    let spans = exported(llm_trace::builder(), || chat(&Looked { at: Look(&looked) })).spans();
    assert!(content_keys(&spans[0]).is_empty() && !looked.get());
    captured(|| chat(&Looked { at: Look(&looked) }));
    assert!(looked.get(), "it is looked at where it may be recorded");
}
