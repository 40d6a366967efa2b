//! Runs the examples as processes, with arguments, an environment, exit codes and two output streams.

#![expect(clippy::unwrap_used, reason = "helpers of tests: where they cannot go on, the test ends")]

mod delivery;
mod process;
mod traffic;
mod tree;

use std::time::Duration;

use llm_trace_examples::standin::Standin;
use llm_trace_test_support::otlp::{Receiver, unreachable_endpoint};
use opentelemetry_proto::tonic::{
    common::v1::{KeyValue, any_value::Value},
    trace::v1::{Span, span::SpanKind},
};

use process::{agent, doctor, rag, streaming};
use tree::Tree;

const QUESTION: &str = "How do I name a span?";

#[test]
fn without_configuration_it_answers_and_prints_the_tree() {
    let run = rag(&[QUESTION]).run();

    assert_eq!(run.code, Some(0), "{run}");
    assert!(run.stdout.contains("`name = "), "the answer names the argument:\n{run}");
    assert!(run.stderr.contains("stand-in"), "{run}");
    assert!(!run.stderr.contains('\u{1b}'), "no colour where there is no terminal:\n{run}");
    let tree = Tree::read(&run.stderr);
    let workflow = tree.line("rag");
    for child in ["llm-trace-docs", "build_prompt", "gpt-4o-mini"] {
        tree.assert_child(child, workflow);
    }
    assert!(tree.line("llm-trace-docs").text.contains("retrieval"), "{run}");
    let chat = &tree.line("gpt-4o-mini").text;
    assert!(chat.contains("chat") && chat.contains('$') && chat.contains("tokens"), "{run}");
    assert!(tree.summary().contains('$'), "{run}");
}

#[test]
#[cfg(target_os = "linux")]
fn a_stderr_on_a_full_disk_does_not_prevent_the_answer() {
    // Once with the tree, once with the report of lost telemetry.
    for variables in [&[][..], &[("OTEL_EXPORTER_OTLP_ENDPOINT", unreachable_endpoint())]] {
        let example =
            variables.iter().fold(rag(&[QUESTION]), |example, (name, value)| example.env(name, value));
        let run = example.run_with_full_stderr();
        assert_eq!(run.code, Some(0), "{run}");
        assert!(run.stdout.contains("`name = "), "{run}");
    }
}

#[test]
fn the_trace_and_the_metrics_arrive_before_it_exits() {
    let sink = Receiver::start();
    let run = rag(&[QUESTION])
        .env("OTEL_EXPORTER_OTLP_ENDPOINT", &sink.endpoint())
        .env("OTEL_EXPORTER_OTLP_HEADERS", "Authorization=Basic%20abc")
        .env("OTEL_RESOURCE_ATTRIBUTES", "deployment.environment.name=test")
        .run();

    assert_eq!(run.code, Some(0), "{run}");
    assert!(!run.stdout.trim().is_empty(), "{run}");
    assert_eq!(run.lines_after_notice(), Vec::<&str>::new(), "what is exported is not printed too");
    assert!(sink.received().iter().all(|request| request.header("authorization") == Some("Basic abc")));

    let spans = sink.spans();
    let named = |name: &str| {
        spans.iter().find(|span| span.name == name).unwrap_or_else(|| panic!("{name}: {spans:#?}"))
    };
    assert_eq!(spans.len(), 4, "{spans:#?}");
    let workflow = named("invoke_workflow rag");
    assert!(workflow.parent_span_id.is_empty());
    for (name, kind) in [
        ("retrieval llm-trace-docs", SpanKind::Client),
        ("build_prompt", SpanKind::Internal),
        ("chat gpt-4o-mini", SpanKind::Client),
    ] {
        let span = named(name);
        assert_eq!(span.trace_id, workflow.trace_id, "{name}");
        assert_eq!(span.parent_span_id, workflow.span_id, "{name}");
        assert_eq!(span.kind(), kind, "{name}");
    }
    let chat = named("chat gpt-4o-mini");
    assert_eq!(text(chat, "gen_ai.response.model"), "gpt-4o-mini-2024-07-18");
    assert_eq!(text(chat, "server.address"), "127.0.0.1");
    assert!(matches!(attribute(&chat.attributes, "gen_ai.usage.input_tokens"), Some(Value::IntValue(1..))));
    assert!(
        matches!(attribute(&chat.attributes, "gen_ai.usage.cost"), Some(Value::DoubleValue(cost)) if *cost > 0.0)
    );

    for name in ["gen_ai.client.operation.duration", "gen_ai.client.token.usage", "gen_ai.usage.cost"] {
        assert!(sink.metrics().iter().any(|metric| metric.name == name), "{name}: {:#?}", sink.metrics());
    }
    let resource = sink.traces().remove(0).resource_spans.remove(0).resource.unwrap().attributes;
    let service = attribute(&resource, "service.name");
    assert!(matches!(service, Some(Value::StringValue(name)) if name == "rag-example"), "{service:?}");
    let environment = attribute(&resource, "deployment.environment.name");
    assert!(matches!(environment, Some(Value::StringValue(name)) if name == "test"), "{environment:?}");
}

#[test]
fn an_unreachable_collector_causes_one_log_line_and_the_answer_is_given() {
    let run = rag(&[QUESTION]).env("OTEL_EXPORTER_OTLP_ENDPOINT", &unreachable_endpoint()).run();

    assert_eq!(run.code, Some(0), "{run}");
    assert!(!run.stdout.trim().is_empty(), "{run}");
    let lines = run.lines_after_notice();
    assert_eq!(lines.len(), 1, "{run}");
    assert!(lines[0].contains("4 spans"), "the line counts the undelivered spans:\n{run}");
    assert!(run.elapsed < Duration::from_secs(20), "{:?}", run.elapsed);
}

#[test]
fn a_rate_limit_is_an_error_in_the_program_and_in_the_trace() {
    let run = rag(&[QUESTION]).env("STANDIN_FAIL", "rate_limit").run();

    assert_eq!(run.code, Some(1), "{run}");
    assert_eq!(run.stdout, "");
    assert!(run.stderr.contains("rag: the model did not answer: 429"), "{run}");
    let tree = Tree::read(&run.stderr);
    tree.assert_child("gpt-4o-mini", tree.line("rag"));
    let line = &tree.line("gpt-4o-mini").text;
    assert!(line.ends_with("✗ rate_limit_exceeded"), "the class without the message: {run}");
    assert!(run.elapsed < Duration::from_secs(5), "no silent retries: {:?}", run.elapsed);
}

#[test]
fn the_message_of_an_error_is_in_the_tree_on_request() {
    let example = rag(&[QUESTION]).env("STANDIN_FAIL", "rate_limit");
    let run = example.env("LLM_TRACE_CAPTURE_ERROR_MESSAGES", "true").run();
    assert!(Tree::read(&run.stderr).line("gpt-4o-mini").text.contains("✗ rate_limit_exceeded: "), "{run}");
}

#[test]
fn other_failures_are_errors_too() {
    for (failure, class) in [("server_error", "500"), ("cut_stream", "connection_error")] {
        let run = rag(&[QUESTION]).env("STANDIN_FAIL", failure).run();
        assert_eq!(run.code, Some(1), "{failure}: {run}");
        assert!(Tree::read(&run.stderr).line("gpt-4o-mini").text.contains(class), "{failure}: {run}");
    }
    let run = rag(&[QUESTION]).env("STANDIN_FAIL", "teapot").run();
    assert_eq!(run.code, Some(1), "{run}");
    assert!(run.stderr.contains("`teapot`") && run.stderr.contains("`rate_limit`"), "{run}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_given_endpoint_is_used_instead_of_the_stand_in() {
    let standin = Standin::start().await.unwrap();
    let run =
        rag(&[QUESTION]).env("OPENAI_BASE_URL", &standin.base_url()).env("OPENAI_MODEL", "gpt-4.1").run();

    assert_eq!(run.code, Some(0), "{run}");
    assert_eq!(standin.requests(), 1);
    assert!(!run.stderr.contains("stand-in"), "{run}");
    assert!(Tree::read(&run.stderr).line("gpt-4.1").text.contains('$'), "{run}");
}

#[test]
fn an_embedding_model_ranks_inside_the_retrieval() {
    let run = rag(&[QUESTION]).env("OPENAI_EMBEDDING_MODEL", "text-embedding-3-small").run();

    assert_eq!(run.code, Some(0), "{run}");
    let tree = Tree::read(&run.stderr);
    tree.assert_child("text-embedding-3-small", tree.line("llm-trace-docs"));
    assert!(tree.line("text-embedding-3-small").text.contains("embeddings"), "{run}");
}

#[test]
fn without_a_question_the_usage_is_printed() {
    let run = rag(&[]).run();
    assert_eq!(run.code, Some(2), "{run}");
    assert!(run.stderr.starts_with("usage: "), "{run}");
    assert_eq!(run.stdout, "");
}

#[test]
fn a_streamed_answer_is_one_call_with_tokens_cost_and_the_time_to_the_first_of_them() {
    let run = streaming(&[QUESTION]).run();

    assert_eq!(run.code, Some(0), "{run}");
    assert!(run.stdout.contains("`name = "), "{run}");
    let tree = Tree::read(&run.stderr);
    let chat = tree.line("gpt-4o-mini");
    tree.assert_child("gpt-4o-mini", tree.line("streaming"));
    for part in ["chat", " first ", " ms", " tokens", "$"] {
        assert!(chat.text.contains(part), "{part}: {run}");
    }
    assert!(
        !tree.line("streaming").text.contains("first"),
        "only what was streamed has a first chunk: {run}"
    );
}

#[test]
fn a_stream_that_is_cut_is_an_error_of_the_call_that_opened_it() {
    let run = streaming(&[QUESTION]).env("STANDIN_FAIL", "cut_stream").run();

    assert_eq!(run.code, Some(1), "{run}");
    assert!(Tree::read(&run.stderr).line("gpt-4o-mini").text.contains('✗'), "{run}");
}

#[test]
fn the_doctor_checks_the_receiver_of_the_environment() {
    let receiver = Receiver::start();
    let run = doctor().env("OTEL_EXPORTER_OTLP_ENDPOINT", &receiver.endpoint()).run();
    assert_eq!((run.code, run.stderr.as_str()), (Some(0), ""), "{run}");
    assert!(run.stdout.contains("✓ traces: ") && run.stdout.contains("OTEL_EXPORTER_OTLP_ENDPOINT"), "{run}");

    let run = doctor().env("OTEL_EXPORTER_OTLP_ENDPOINT", &unreachable_endpoint()).run();
    assert_eq!(run.code, Some(1), "{run}");
    assert!(run.stdout.contains("connection refused\n    Nothing listens there."), "{run}");
}

#[test]
fn an_agent_calls_tools_and_answers_from_their_results() {
    let question = "How do I name a span, and which sections does the README have?";
    let run = agent(&[question]).run();

    assert_eq!(run.code, Some(0), "{run}");
    assert!(run.stdout.contains("`name = "), "{run}");
    let tree = Tree::read(&run.stderr);
    tree.assert_child("librarian", tree.line("agent"));
    for child in ["gpt-4o-mini", "search_docs", "table_of_contents"] {
        tree.assert_child(child, tree.line("librarian"));
    }
    tree.assert_child("llm-trace-docs", tree.line("search_docs"));
    assert!(tree.summary().contains("2 model calls"), "{run}");

    let sink = Receiver::start();
    let run = agent(&[question])
        .env("OTEL_EXPORTER_OTLP_ENDPOINT", &sink.endpoint())
        .env("LLM_TRACE_OPENINFERENCE", "true")
        .env("OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT", "SPAN_ONLY")
        .run();
    assert_eq!(run.code, Some(0), "{run}");
    let spans = sink.spans();
    assert_eq!(spans.len(), 7, "{spans:#?}");
    for span in &spans {
        assert!(text(span, "gen_ai.conversation.id").starts_with("agent-"));
        assert!(!text(span, "input.value").is_empty() && !text(span, "output.value").is_empty());
    }
    let named = |name: &str| spans.iter().filter(|span| span.name == name).collect::<Vec<_>>();
    let [first, last] = named("chat gpt-4o-mini")[..] else { panic!("{spans:#?}") };
    for tool in ["execute_tool search_docs", "execute_tool table_of_contents"] {
        let tool = named(tool)[0];
        let id = text(tool, "gen_ai.tool.call.id");
        assert!(text(first, "gen_ai.output.messages").contains(id), "the model requested it");
        assert!(text(last, "gen_ai.input.messages").contains(id), "the model received its result");
        assert_eq!(text(tool, "gen_ai.agent.name"), "librarian");
    }
    let document = named("retrieval llm-trace-docs")[0];
    assert!(text(document, "retrieval.documents.0.document.content").contains("span"));
}

#[test]
fn a_failed_turn_ends_the_agent() {
    let run = agent(&["How do I name a span?"]).env("STANDIN_FAIL", "rate_limit").run();

    assert_eq!(run.code, Some(1), "{run}");
    assert!(run.stderr.contains("agent: the model did not answer: 429"), "{run}");
    let tree = Tree::read(&run.stderr);
    for line in ["librarian", "gpt-4o-mini"] {
        assert!(tree.line(line).text.contains('✗'), "{run}");
    }
}

fn attribute<'a>(attributes: &'a [KeyValue], key: &str) -> Option<&'a Value> {
    attributes.iter().find(|attribute| attribute.key == key)?.value.as_ref()?.value.as_ref()
}

fn text<'a>(span: &'a Span, key: &str) -> &'a str {
    match attribute(&span.attributes, key) {
        Some(Value::StringValue(text)) => text,
        other => panic!("{key} is {other:?}"),
    }
}
