use std::sync::Arc;
use std::time::Duration;

use opentelemetry::trace::{Span as _, SpanKind, Status, TraceContextExt, Tracer, TracerProvider};
use opentelemetry::{Context, KeyValue};
use opentelemetry_sdk::trace::{SdkTracer, SdkTracerProvider};

use super::traces::{MAX_SPANS, MAX_TRACES};
use crate::pipeline::span_processor::{PipeProcessor, SpanPipe, SpanPipeEnd};
use crate::pipeline::terminal::*;
use crate::semconv::attribute;

#[derive(Clone, Default)]
struct Screen(Arc<Mutex<Vec<u8>>>);

impl Write for Screen {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().expect("not poisoned").write(bytes)
    }
    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl Screen {
    fn text(&self) -> String {
        String::from_utf8(self.0.lock().expect("not poisoned").clone()).expect("UTF-8")
    }
}

fn processor(tree: TerminalTree) -> PipeProcessor {
    PipeProcessor(SpanPipe::new(SpanPipeEnd::Terminal(tree), None, None))
}

fn terminal(colour: bool) -> (Screen, SdkTracerProvider, SdkTracer) {
    let screen = Screen::default();
    let tree = TerminalTree::new(Box::new(screen.clone()), colour, Arc::default());
    let provider = SdkTracerProvider::builder().with_span_processor(processor(tree)).build();
    let tracer = provider.tracer_with_scope(crate::semconv::scope());
    (screen, provider, tracer)
}

/// Starts a span `at` milliseconds after the epoch.
fn start(
    tracer: &SdkTracer,
    parent: &Context,
    name: &'static str,
    at: u64,
    attributes: &[KeyValue],
) -> Context {
    let start = std::time::UNIX_EPOCH + Duration::from_millis(at);
    let builder = tracer.span_builder(name).with_start_time(start).with_attributes(attributes.to_vec());
    parent.with_span(builder.start_with_context(tracer, parent))
}

fn end(context: &Context, at: u64) {
    context.span().end_with_timestamp(std::time::UNIX_EPOCH + Duration::from_millis(at));
}

#[test]
fn a_trace_is_printed_once_it_has_ended_as_an_aligned_tree_with_a_summary() {
    let (screen, _provider, tracer) = terminal(false);
    let operation = |name: &'static str| KeyValue::new(attribute::OPERATION_NAME, name);
    let root = start(&tracer, &Context::new(), "invoke_workflow rag", 0, &[operation("invoke_workflow")]);
    let chat = [
        operation("chat"),
        KeyValue::new(attribute::REQUEST_MODEL, "gpt-4o-mini"),
        KeyValue::new(attribute::USAGE_INPUT_TOKENS, 812),
        KeyValue::new(attribute::USAGE_OUTPUT_TOKENS, 43),
        KeyValue::new(attribute::USAGE_COST, 0.000_147_6),
    ];
    // Ends in another order than it starts.
    let retrieval = start(&tracer, &root, "retrieval docs", 1, &[operation("retrieval")]);
    let chat = start(&tracer, &root, "chat gpt-4o-mini", 20, &chat);
    let inner = start(&tracer, &retrieval, "rank", 2, &[]);
    end(&chat, 1020);
    end(&inner, 4);
    end(&retrieval, 13);
    assert_eq!(screen.text(), "");
    end(&root, 1240);
    let trace_id = root.span().span_context().trace_id();
    let expected = format!(
        "\
invoke_workflow rag   1.24 s
├─ retrieval docs    12.0 ms
│  └─ task rank       2.0 ms
└─ chat gpt-4o-mini   1.00 s  812 → 43 tokens  $0.000148
4 spans · 1 model call · 812 → 43 tokens · $0.000148 · trace {trace_id}
"
    );
    assert_eq!(screen.text(), expected);
}

#[test]
fn errors_and_cancellations_are_shown_on_one_line_each() {
    let (screen, _provider, tracer) = terminal(false);
    let root = start(&tracer, &Context::new(), "work", 0, &[]);
    root.span().set_status(Status::error("the step failed: no answer after 10 s"));
    let failed = start(&tracer, &root, "a", 0, &[KeyValue::new(attribute::ERROR_TYPE, "timeout")]);
    failed.span().set_status(Status::error("no answer\n after 10 s"));
    end(&failed, 1);
    let cancelled = start(&tracer, &root, "b", 1, &[KeyValue::new(attribute::OUTCOME, "cancelled")]);
    end(&cancelled, 2);
    end(&root, 3);
    let text = screen.text();
    assert!(text.contains("1.0 ms  ✗ timeout: no answer after 10 s\n"), "{text}");
    assert!(text.contains("✗ cancelled\n"), "{text}");
    assert!(text.contains("· 2 failed ·"), "{text}");
    assert_eq!(text.matches("no answer").count(), 1, "the message is said where it comes from: {text}");
}

#[test]
fn colour_is_used_only_when_asked_for() {
    for colour in [false, true] {
        let (screen, _provider, tracer) = terminal(colour);
        end(&start(&tracer, &Context::new(), "work", 0, &[]), 1);
        assert_eq!(screen.text().contains('\u{1b}'), colour);
    }
}

#[test]
fn a_trace_whose_root_never_ends_is_shown_at_shutdown() {
    let (screen, provider, tracer) = terminal(false);
    let root = start(&tracer, &Context::new(), "root", 0, &[]);
    end(&start(&tracer, &root, "child", 0, &[]), 1);
    assert_eq!(screen.text(), "");
    provider.shutdown().expect("shuts down");
    assert!(
        screen.text().contains("task child") && screen.text().contains("1 still open"),
        "{}",
        screen.text()
    );
}

#[test]
fn a_huge_trace_is_shown_in_part_with_its_root() {
    let (screen, _provider, tracer) = terminal(false);
    let root = start(&tracer, &Context::new(), "root", 0, &[]);
    for _ in 0..MAX_SPANS * 2 {
        tracer.span_builder("child").start_with_context(&tracer, &root).end();
    }
    end(&root, 5);
    let text = screen.text();
    assert!(text.starts_with("task root"), "{text}");
    assert_eq!(text.lines().count(), MAX_SPANS + 2);
    assert!(text.contains(&format!("{} spans", MAX_SPANS * 2 + 1)), "{text}");
    assert!(text.contains(&format!("· {MAX_SPANS} not shown ·")), "{text}");
}

#[test]
fn spans_that_take_too_much_memory_are_counted_and_not_shown_until_there_is_room_again() {
    let (screen, _provider, tracer) = terminal(false);
    let text = [KeyValue::new("text", "x".repeat(12 << 20))];
    for trace in 0..2 {
        let root = start(&tracer, &Context::new(), "root", 0, &[]);
        for _ in 0..4 {
            end(&start(&tracer, &root, "child", 0, &text), 1);
        }
        end(&root, 5);
        let shown = screen.text().matches("child").count();
        assert_eq!((shown, screen.text().matches("· 2 not shown ·").count()), (2 * (trace + 1), trace + 1));
    }
}

/// Attributes of a call of 10 → 2 tokens for a tenth of a dollar.
fn call(operation: &'static str) -> Vec<KeyValue> {
    vec![
        KeyValue::new(attribute::OPERATION_NAME, operation),
        KeyValue::new(attribute::USAGE_INPUT_TOKENS, 10),
        KeyValue::new(attribute::USAGE_OUTPUT_TOKENS, 2),
        KeyValue::new(attribute::USAGE_COST, 0.1),
    ]
}

#[test]
fn totals_are_over_every_span_also_those_not_shown() {
    let (screen, _provider, tracer) = terminal(false);
    let root = start(&tracer, &Context::new(), "root", 0, &[]);
    for _ in 0..MAX_SPANS * 2 {
        let child = start(&tracer, &root, "chat", 0, &call("chat"));
        child.span().set_status(Status::error(""));
        end(&child, 1);
    }
    end(&root, 5);
    let summary = screen.text().lines().last().expect("a summary").to_owned();
    let calls = MAX_SPANS * 2;
    let expected =
        format!("{calls} model calls · {} → {} tokens · $40.0000 · {calls} failed", calls * 10, calls * 2);
    assert!(summary.contains(&expected), "{summary}");
}

#[test]
fn a_model_call_is_known_by_its_operation_not_by_the_name_of_a_model() {
    let summary = |kind: SpanKind, attributes: Vec<KeyValue>| {
        let (screen, _provider, tracer) = terminal(false);
        tracer.span_builder("x").with_kind(kind).with_attributes(attributes).start(&tracer).end();
        screen.text().lines().last().expect("a summary").to_owned()
    };
    for operation in ["chat", "text_completion", "generate_content", "embeddings", "rerank", "fetch_response"]
    {
        let summary = summary(SpanKind::Client, call(operation));
        assert!(summary.contains("1 model call · 10 → 2 tokens · $0.1000"), "{operation}: {summary}");
    }
    let model = vec![
        KeyValue::new(attribute::OPERATION_NAME, "retrieval"),
        KeyValue::new(attribute::REQUEST_MODEL, "text-embedding-3-small"),
    ];
    assert!(summary(SpanKind::Client, model).contains("0 model calls"));
    let agent = summary(SpanKind::Internal, call("invoke_agent"));
    assert!(
        agent.contains("0 model calls") && !agent.contains("tokens"),
        "its calls are spans themselves: {agent}"
    );
}

#[test]
fn nothing_that_is_printed_steers_the_terminal() {
    let (screen, _provider, tracer) = terminal(false);
    let root = start(&tracer, &Context::new(), "chat \u{1b}[2J\r\n\u{202e}x", 0, &[]);
    let class = KeyValue::new(attribute::ERROR_TYPE, "a\u{1b}]0;title\u{7}");
    let failed = start(&tracer, &root, "b", 0, &[class]);
    failed.span().set_status(Status::error("c\u{9b}1m\rd"));
    end(&failed, 1);
    let outcome = KeyValue::new(attribute::OUTCOME, "e\u{1b}");
    end(&start(&tracer, &root, "f", 0, &[outcome]), 1);
    end(&root, 2);
    let text = screen.text();
    let steers = |character: char| (character.is_control() && character != '\n') || character == '\u{202e}';
    assert!(!text.contains(steers), "{text:?}");
    assert_eq!(text.lines().count(), 4, "{text}");
}

#[test]
fn leaked_traces_do_not_silence_those_that_come_later() {
    let (screen, provider, tracer) = terminal(false);
    let leaked: Vec<_> =
        (0..=MAX_TRACES).map(|at| start(&tracer, &Context::new(), "leaked", at as u64, &[])).collect();
    assert_eq!(screen.text(), "", "of the oldest there was nothing to print");
    end(&start(&tracer, &leaked[1], "part", 0, &[]), 1);
    end(&start(&tracer, &Context::new(), "later", 0, &[]), 1);
    let text = screen.text();
    assert!(text.contains("task later"), "{text}");
    assert!(
        text.contains("task part") && text.contains("1 still open"),
        "what a trace had is printed: {text}"
    );
    end(&leaked[0], 5000);
    end(&start(&tracer, &leaked[0], "again", 0, &[]), 1);
    assert!(screen.text().contains("task again"), "a trace given up may go on: {}", screen.text());
    provider.shutdown().expect("shuts down");
}

#[test]
fn what_is_printed_is_counted_as_delivered_and_what_is_not_as_lost() {
    struct Closed;
    impl Write for Closed {
        fn write(&mut self, _bytes: &[u8]) -> std::io::Result<usize> {
            Err(std::io::ErrorKind::BrokenPipe.into())
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }
    let report = |out: Box<dyn Write + Send>| {
        let stats = Arc::new(DeliveryStats::default());
        let tree = TerminalTree::new(out, false, Arc::clone(&stats));
        let provider = SdkTracerProvider::builder().with_span_processor(processor(tree)).build();
        let tracer = provider.tracer_with_scope(crate::semconv::scope());
        let root = start(&tracer, &Context::new(), "root", 0, &[]);
        for _ in 0..MAX_SPANS * 2 {
            end(&start(&tracer, &root, "child", 0, &[]), 1);
        }
        end(&root, 1);
        let _open = start(&tracer, &Context::new(), "open", 0, &[]);
        provider.shutdown().expect("shuts down");
        stats.report()
    };
    let spans = MAX_SPANS as u64 * 2 + 1;
    let printed = report(Box::<Screen>::default());
    assert_eq!((printed.spans().ended(), printed.spans().delivered()), (spans, spans));
    let lost = report(Box::new(Closed));
    assert_eq!((lost.spans().ended(), lost.spans().dropped()), (spans, spans));
    assert_eq!(lost.to_string(), format!("{spans} spans not delivered to the terminal: broken pipe"));
}
