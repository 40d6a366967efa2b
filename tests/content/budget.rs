//! Budgets of content: bytes on spans, memory, time.

use std::time::{Duration, Instant};

use llm_trace::llm_trace;
use serde::Serialize;
use serde::ser::{SerializeSeq, Serializer};
use serde_json::{Value, json};

use crate::{captured, capturing, content, exported, text};

#[llm_trace(chat, provider = "acme", request = request)]
fn chat(request: &impl Serialize) {}

#[test]
fn attributes_and_spans_have_budgets_and_cut_content_has_its_original_length() {
    let body = json!({
        "system": "s".repeat(50_000),
        "messages": [{"role": "user", "content": "é".repeat(50_000)}, {"role": "user", "content": "short"}],
        "tools": [{"name": "t", "description": "d".repeat(50_000), "input_schema": {}}],
    });
    let span = captured(|| chat(&body));
    for key in ["gen_ai.input.messages", "gen_ai.system_instructions", "gen_ai.tool.definitions"] {
        let length = text(&span, key).unwrap().len();
        assert!((16_000..=16_384).contains(&length), "{key}: {length}");
        content(&span, key);
    }
    let input = content(&span, "gen_ai.input.messages");
    let cut = input[0]["parts"][0]["content"].as_str().unwrap();
    assert!(
        cut.starts_with("éé") && cut.ends_with("é…[truncated, 100000 bytes]"),
        "{}",
        &cut[cut.len() - 40..]
    );
    assert_eq!(input[1]["parts"][0]["content"], "short");

    let spans = exported(capturing().with_content_budget(4000, 6000), || chat(&body)).spans();
    let total: usize = spans[0]
        .attributes
        .iter()
        .filter(|a| a.key.contains("messages") || a.key.contains("instr") || a.key.contains("defin"))
        .map(|attribute| text(&spans[0], &attribute.key).unwrap().len())
        .sum();
    assert!((5000..=6000).contains(&total), "{total}");
}

#[test]
fn a_long_conversation_keeps_its_beginning_and_its_end() {
    let messages: Vec<_> = (0..5000)
        .map(|index| json!({"role": "user", "content": format!("message {index} {}", "x".repeat(200))}))
        .collect();
    let span = captured(|| chat(&json!({ "messages": messages })));
    let input = content(&span, "gen_ai.input.messages");
    let input = input.as_array().unwrap();
    let first = |message: &Value, part: usize| message["parts"][part]["content"].as_str().unwrap().to_owned();
    assert!(first(&input[0], 0).starts_with("message 0 "));
    assert!(first(input.last().unwrap(), 0).starts_with("message 4999 "));
    let mark = &input[1]["parts"][0];
    assert_eq!(mark["type"], "llm_trace.omitted");
    assert_eq!(mark["count"].as_u64().unwrap(), 5000 - input.len() as u64);
}

#[test]
fn a_request_has_a_budget_for_all_its_calls_and_omitted_content_is_marked() {
    #[llm_trace(workflow, input = question)]
    fn flow(question: &str, calls: usize) -> String {
        let body = json!({ "messages": [{ "role": "user", "content": "w".repeat(3000) }] });
        for _ in 0..calls {
            chat(&body);
            tool(&body, question);
        }
        question.to_owned()
    }
    #[llm_trace(tool, arguments = arguments)]
    fn tool(arguments: &Value, query: &str) {
        search(query);
    }
    #[llm_trace(retrieval, query = query)]
    fn search(query: &str) {}

    let budget = 50_000;
    let builder = || capturing().with_content_budget(4000, 8000).with_request_content_budget(budget);
    let content_of = |span: &opentelemetry_proto::tonic::trace::v1::Span| {
        let texts = crate::content_keys(span).into_iter().map(|key| text(span, key).unwrap());
        texts.collect::<Vec<_>>()
    };
    let length = |texts: &[String]| texts.iter().map(String::len).sum::<usize>();
    let question = "q".repeat(3000);
    // Two requests, one after the other: each has a separate budget.
    let spans = exported(builder(), || (0..2).for_each(|_| drop(flow(&question, 40)))).spans();
    assert_eq!(spans.len(), 2 * (1 + 3 * 40));
    for root in spans.iter().filter(|span| span.parent_span_id.is_empty()) {
        let inside: Vec<_> = spans.iter().filter(|span| span.trace_id == root.trace_id).collect();
        let texts: Vec<_> = inside.iter().flat_map(|span| content_of(span)).collect();
        let marks: Vec<_> = texts.iter().filter(|text| text.len() < 200).cloned().collect();
        let recorded = length(&texts) - length(&marks);
        assert!((budget - 8000..=budget).contains(&recorded), "{recorded}");
        // Every call with content at least marks its presence.
        assert_eq!(texts.len(), 2 + 3 * 40);
        assert!(marks.len() > 60, "{}", marks.len());
        let is_mark =
            |text: &String| ["llm_trace.omitted", "truncated"].iter().any(|mark| text.contains(mark));
        assert!(marks.iter().all(is_mark), "{marks:?}");
        // The content of the outermost call is complete.
        assert!(content(root, "gen_ai.input.messages")[0]["parts"][0]["content"] == question);
        assert!(content(root, "gen_ai.output.messages")[0]["parts"][0]["content"] == question);
        for span in inside {
            for key in crate::content_keys(span).into_iter().filter(|key| !key.contains("query")) {
                content(span, key);
            }
        }
    }
    // The default budget has room for a request like this.
    let spans = exported(capturing(), || drop(flow(&question, 10))).spans();
    assert!(spans.iter().flat_map(content_of).all(|text| text.len() > 2900));
    // The default is 1 MiB, of which the budget of one span is reserved for the outermost call.
    let spans = exported(capturing(), || drop(flow(&question, 150))).spans();
    let texts: Vec<_> = spans.iter().flat_map(content_of).collect();
    let recorded = texts.iter().map(String::len).filter(|length| *length >= 200).sum::<usize>();
    assert!(((1 << 20) - (64 << 10)..=1 << 20).contains(&recorded), "{recorded}");
}

/// A list of this length, produced while it is serialized: the only copies are those of llm-trace.
struct Endless {
    messages: usize,
    text: String,
}

#[derive(Serialize)]
struct Message<'a> {
    role: &'static str,
    content: &'a str,
}

impl Serialize for Endless {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut seq = serializer.serialize_seq(None)?;
        for _ in 0..self.messages {
            seq.serialize_element(&Message { role: "user", content: &self.text })?;
        }
        seq.end()
    }
}

#[derive(Serialize)]
struct Body {
    model: &'static str,
    messages: Endless,
    tools: Vec<u8>,
}

#[test]
fn fifty_megabytes_take_bounded_memory_and_time() {
    let bodies = [
        (
            "one text",
            Body {
                model: "m",
                messages: Endless { messages: 1, text: "words ".repeat((50 << 20) / 6) },
                tools: vec![],
            },
        ),
        (
            "many messages",
            Body {
                model: "m",
                messages: Endless { messages: 50_000, text: "y ".repeat(500) },
                tools: vec![],
            },
        ),
        (
            "a list of numbers",
            Body {
                model: "m",
                messages: Endless { messages: 0, text: String::new() },
                tools: vec![7; 5 << 20],
            },
        ),
    ];
    let _ = exported(capturing(), || {
        chat(&json!({})); // one-time allocations happen here
        for (what, body) in &bodies {
            let started = Instant::now();
            let allocated = allocation_counter::measure(|| chat(body));
            assert!(allocated.bytes_max < 1 << 20, "{what}: {allocated:?}");
            assert!(started.elapsed() < Duration::from_secs(20), "{what}: {:?}", started.elapsed());
        }
    });
}

#[test]
fn media_is_described_and_not_recorded() {
    let image = "iVBORw0KGgoAAAANSUhEUgAABAAAAAQACAIAAADwf7zU".repeat(100_000);
    let body = json!({"messages": [{"role": "user", "content": [
        {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": image}},
        {"type": "image_url", "image_url": {"url": format!("data:image/webp;base64,{image}")}},
    ]}], "tools": [{"name": "t", "input_schema": {"default": image}}]});
    let span = captured(|| chat(&body));
    let input = content(&span, "gen_ai.input.messages");
    for (part, mime) in [(0, "image/png"), (1, "image/webp")] {
        let part = &input[0]["parts"][part];
        assert_eq!(part["mime_type"], mime);
        assert!(part["content"].as_str().unwrap().starts_with("[3300000 bytes, sha256 "), "{part}");
    }
    assert!(text(&span, "gen_ai.tool.definitions").unwrap().len() < 300);
}
