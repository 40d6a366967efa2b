//! Agents, tools, memories and kinds outside the conventions: spans, metrics, inherited attributes.

use llm_trace::llm_trace;
use llm_trace::opentelemetry::trace::SpanKind;
use llm_trace_test_support::trace::{Ended, Point, Trace, points_where};
use serde_json::{Value, json};

fn span_of<R>(call: impl FnOnce() -> R) -> Ended {
    let trace = Trace::new();
    trace.run(|| drop(call()));
    trace.only()
}

fn identity(span: &Ended) -> (&str, SpanKind, Option<&str>) {
    (&span.0.name, span.0.span_kind.clone(), span.text("gen_ai.operation.name"))
}

#[test]
fn the_rest_of_the_kinds_have_their_names_span_kinds_and_operations() {
    #[llm_trace(rerank, provider = "cohere", model = "rerank-v3.5", top_k = 3)]
    fn rerank() {}
    #[llm_trace(fetch_response, provider = "openai", id = "resp_1", stream_cursor = "7")]
    fn fetch() {}
    #[llm_trace(memory(search), store = "users", record_count = 2)]
    fn search() {}
    #[llm_trace(memory(upsert), provider = "mem0", store = "users", record = "r-1")]
    fn upsert() {}
    #[llm_trace(memory(delete_store), store = "users")]
    fn delete_store() {}
    #[llm_trace(agent, name = "planner", description = "plans")]
    fn agent() {}
    #[llm_trace(agent(remote), provider = "aws.bedrock", name = "support", id = "AG1", version = "3")]
    fn remote() {}
    #[llm_trace(create_agent, provider = "openai", name = "support", model = "gpt-4o")]
    fn create() {}
    #[llm_trace(plan)]
    fn plan() {}
    #[llm_trace(guardrail, name = "pii")]
    fn guardrail() {}
    #[llm_trace(evaluator, name = "helpfulness")]
    fn evaluator() {}
    let (client, internal) = (SpanKind::Client, SpanKind::Internal);
    let expected: [(fn(), _); 11] = [
        (rerank, ("rerank rerank-v3.5", client.clone(), Some("rerank"))),
        (fetch, ("fetch_response", client.clone(), Some("fetch_response"))),
        (search, ("search_memory", client.clone(), Some("search_memory"))),
        (upsert, ("upsert_memory", client.clone(), Some("upsert_memory"))),
        (delete_store, ("delete_memory_store", client.clone(), Some("delete_memory_store"))),
        (agent, ("invoke_agent planner", internal.clone(), Some("invoke_agent"))),
        (remote, ("invoke_agent support", client.clone(), Some("invoke_agent"))),
        (create, ("create_agent support", client, Some("create_agent"))),
        (plan, ("plan", internal.clone(), Some("plan"))),
        (guardrail, ("apply_guardrail pii", internal.clone(), Some("apply_guardrail"))),
        (evaluator, ("evaluate helpfulness", internal, Some("evaluate"))),
    ];
    for (call, expected) in expected {
        assert_eq!(identity(&span_of(call)), expected);
    }
    let span = span_of(fetch);
    assert_eq!(span.text("gen_ai.response.id"), Some("resp_1"));
    assert_eq!(span.text("gen_ai.request.stream_cursor"), Some("7"));
    let span = span_of(search);
    assert_eq!(
        (span.text("gen_ai.memory.store.id"), span.int("gen_ai.memory.record.count")),
        (Some("users"), Some(2))
    );
    assert_eq!(span_of(upsert).text("gen_ai.memory.record.id"), Some("r-1"));
    let span = span_of(remote);
    assert_eq!((span.text("gen_ai.agent.id"), span.text("gen_ai.agent.version")), (Some("AG1"), Some("3")));
    assert_eq!(span_of(agent).text("gen_ai.agent.description"), Some("plans"));
    assert_eq!(span_of(guardrail).text("llm_trace.guardrail.name"), Some("pii"));
    assert_eq!(span_of(evaluator).text("llm_trace.evaluator.name"), Some("helpfulness"));
}

#[test]
fn a_fetched_response_is_identified_and_not_counted_again() {
    #[llm_trace(fetch_response, provider = "openai", id = id)]
    fn fetch(id: &str) -> Value {
        json!({"id": id, "object": "response", "status": "completed", "model": "gpt-5", "output": [],
               "usage": {"input_tokens": 10, "output_tokens": 5}})
    }
    let span = span_of(|| fetch("resp_9"));
    assert_eq!(
        (span.text("gen_ai.response.id"), span.text("gen_ai.response.model")),
        (Some("resp_9"), Some("gpt-5"))
    );
    assert_eq!(span.text("gen_ai.response.status"), Some("completed"));
    assert_eq!(span.list("gen_ai.response.finish_reasons").unwrap(), ["stop"]);
    assert_eq!((span.get("gen_ai.usage.input_tokens"), span.get("gen_ai.usage.cost")), (None, None));
}

#[test]
fn a_remote_agent_is_counted_like_a_call_to_a_model() {
    #[llm_trace(agent(remote), provider = "openai", name = "support", model = "gpt-4o-mini")]
    fn remote() -> Value {
        json!({"usage": {"input_tokens": 100, "output_tokens": 10}})
    }
    let span = span_of(remote);
    assert_eq!(span.int("gen_ai.usage.input_tokens"), Some(100));
    assert!(span.double("gen_ai.usage.cost").unwrap() > 0.0);
}

#[llm_trace(chat, provider = "openai", model = "gpt-4o-mini")]
fn chat() -> Result<(), String> {
    Err("no".into())
}

#[llm_trace(tool, name = tool, tool_type = "function")]
fn tool(tool: &str) {
    let _ = tool;
}

fn only(metric: &str, label: &str, value: &str) -> Point {
    let mut points = points_where(metric, label, value);
    assert_eq!(points.len(), 1, "{metric} where {label} is {value}: {points:?}");
    points.remove(0)
}

#[test]
fn an_agent_counts_its_calls_without_those_of_sub_agents() {
    #[llm_trace(agent, name = "lead-agent")]
    fn lead() {
        let _ = chat();
        let _ = chat();
        tool("search");
        plan();
        sub();
    }
    #[llm_trace(agent, name = "sub-agent", model = "gpt-4o-mini")]
    fn sub() {
        let _ = chat();
    }
    #[llm_trace(plan)]
    fn plan() {
        let _ = chat(); // the planning call is the agent's own
    }
    let trace = Trace::new();
    trace.run(lead);
    let name = "gen_ai.agent.name";
    let calls = |agent| {
        let inference = only("gen_ai.invoke_agent.inference_calls", name, agent);
        let tools = only("gen_ai.invoke_agent.tool_calls", name, agent);
        assert_eq!((inference.unit.as_str(), tools.unit.as_str()), ("{inference_call}", "{tool_call}"));
        assert_eq!(inference.bounds, [1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0]);
        (inference.sum, tools.sum)
    };
    assert_eq!((calls("lead-agent"), calls("sub-agent")), ((3.0, 1.0), (1.0, 0.0)));
    let duration = only("gen_ai.invoke_agent.duration", name, "sub-agent");
    assert_eq!((duration.unit.as_str(), duration.bounds.last()), ("s", Some(&409.6)));
    assert_eq!(duration.label("gen_ai.request.model").as_deref(), Some("gpt-4o-mini"));
    assert_eq!(trace.span("plan lead-agent").text(name), Some("lead-agent"));
    assert_eq!(trace.span("execute_tool search").text(name), Some("lead-agent"));
}

#[test]
fn tools_and_workflows_have_separate_durations() {
    #[llm_trace(tool, name = "failing-tool")]
    fn failing() -> Result<(), std::io::Error> {
        Err(std::io::ErrorKind::TimedOut.into())
    }
    #[llm_trace(workflow, name = "measured-workflow")]
    fn workflow() {
        tool("measured-tool");
        let _ = failing();
    }
    Trace::new().run(workflow);
    let duration = only("gen_ai.execute_tool.duration", "gen_ai.tool.name", "measured-tool");
    assert_eq!(duration.label("gen_ai.tool.type").as_deref(), Some("function"));
    assert_eq!((duration.label("gen_ai.agent.name"), duration.label("error.type")), (None, None));
    let duration = only("gen_ai.execute_tool.duration", "gen_ai.tool.name", "failing-tool");
    assert_eq!(duration.label("error.type").as_deref(), Some("timeout"));
    let duration = only("gen_ai.workflow.duration", "gen_ai.workflow.name", "measured-workflow");
    assert_eq!(
        (duration.unit.as_str(), duration.bounds.first(), duration.bounds.last()),
        ("s", Some(&1.0), Some(&7200.0))
    );
}

#[test]
fn conversation_and_user_are_inherited_by_every_call_inside() {
    #[llm_trace(workflow, conversation = "c-1", user = user)]
    async fn answer(user: &str) {
        tokio::task::yield_now().await;
        step();
        other_conversation();
    }
    #[llm_trace(task)]
    fn step() {
        let _ = chat();
    }
    #[llm_trace(task, conversation = "c-2")]
    fn other_conversation() {
        tool("inner");
    }
    let trace = Trace::new();
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    trace.run(|| runtime.block_on(answer("u-1")));
    let recorded = |name: &str| {
        let span = trace.span(name);
        (span.text("gen_ai.conversation.id").map(str::to_owned), span.text("user.id").map(str::to_owned))
    };
    let expected = |conversation: &str| (Some(conversation.to_owned()), Some("u-1".to_owned()));
    for (name, conversation) in [
        ("invoke_workflow answer", "c-1"),
        ("step", "c-1"),
        ("chat gpt-4o-mini", "c-1"),
        ("other_conversation", "c-2"),
        ("execute_tool inner", "c-2"),
    ] {
        assert_eq!(recorded(name), expected(conversation), "{name}");
    }
    // Values set inside do not leak out, and the thread keeps none.
    assert_eq!(span_of(|| tool("outside")).get("gen_ai.conversation.id"), None);
}

#[test]
fn azure_and_openai_calls_have_the_attributes_of_their_refinement() {
    #[llm_trace(chat, provider = "azure.ai.openai", model = "gpt-4o")]
    fn azure() -> Value {
        json!({"object": "chat.completion", "model": "gpt-4o"})
    }
    #[llm_trace(chat, provider = "openai", model = "gpt-5")]
    fn responses() -> Value {
        json!({"object": "response", "status": "completed"})
    }
    let span = span_of(azure);
    assert_eq!(span.text("azure.resource_provider.namespace"), Some("Microsoft.CognitiveServices"));
    assert_eq!(span.text("openai.api.type"), Some("chat_completions"));
    assert_eq!(span_of(responses).text("openai.api.type"), Some("responses"));
}
