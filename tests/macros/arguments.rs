//! Every kind's name, span kind and attributes.

use llm_trace::llm_trace;
use llm_trace::opentelemetry::trace::{SpanKind, TraceContextExt};
use llm_trace_test_support::trace::{Ended, Trace};

fn span_of(call: impl FnOnce()) -> Ended {
    let trace = Trace::new();
    trace.run(call);
    trace.only()
}

fn identity(span: &Ended) -> (&str, SpanKind, Option<&str>) {
    (&span.0.name, span.0.span_kind.clone(), span.text("gen_ai.operation.name"))
}

#[test]
fn kinds_have_the_conventions_names_span_kinds_and_operations() {
    #[llm_trace(chat, provider = "openai", model = "m")]
    fn chat() {}
    #[llm_trace(text_completion, provider = "openai", model = "m")]
    fn complete() {}
    #[llm_trace(generate_content, provider = "gcp.gemini", model = "m")]
    fn generate() {}
    #[llm_trace(embeddings, provider = "openai", model = "m")]
    fn embed() {}
    #[llm_trace(retrieval, data_source = "handbook")]
    fn retrieve() {}
    #[llm_trace(tool, name = "search_web")]
    fn tool() {}
    #[llm_trace(workflow, name = "support")]
    fn workflow() {}
    #[llm_trace(task, name = "build prompt")]
    fn task() {}
    #[llm_trace]
    fn bare() {}
    let (client, internal) = (SpanKind::Client, SpanKind::Internal);
    let expected: [(fn(), _); 9] = [
        (chat, ("chat m", client.clone(), Some("chat"))),
        (complete, ("text_completion m", client.clone(), Some("text_completion"))),
        (generate, ("generate_content m", client.clone(), Some("generate_content"))),
        (embed, ("embeddings m", client.clone(), Some("embeddings"))),
        (retrieve, ("retrieval handbook", client, Some("retrieval"))),
        (tool, ("execute_tool search_web", internal.clone(), Some("execute_tool"))),
        (workflow, ("invoke_workflow support", internal.clone(), Some("invoke_workflow"))),
        (task, ("build prompt", internal.clone(), None)),
        (bare, ("bare", internal, None)),
    ];
    for (call, expected) in expected {
        assert_eq!(identity(&span_of(call)), expected);
    }
}

#[test]
fn the_name_of_a_span_is_an_attribute_and_defaults_to_the_function() {
    #[llm_trace(tool)]
    fn weather() {}
    #[llm_trace(workflow)]
    fn answer() {}
    #[llm_trace(retrieval)]
    fn anywhere() {}
    #[llm_trace(chat, provider = "openai")]
    fn whichever() {}
    assert_eq!(span_of(weather).text("gen_ai.tool.name"), Some("weather"));
    assert_eq!(span_of(answer).text("gen_ai.workflow.name"), Some("answer"));
    assert_eq!(
        (span_of(anywhere).0.name.as_ref(), span_of(whichever).0.name.as_ref()),
        ("retrieval", "chat")
    );
}

#[test]
fn arguments_of_inference_are_recorded_with_their_types() {
    #[llm_trace(
        chat,
        provider = "openai",
        model = options.model,
        server = "http://localhost:8089/v1",
        temperature = 0.5_f32,
        top_p = 1,
        top_k = 40_u8,
        max_tokens = options.limit,
        stop = ["a", "b"],
        seed = 7,
        frequency_penalty = 0.25,
        presence_penalty = None::<f64>,
        choice_count = 3,
        reasoning_level = "low",
        output_type = "json",
        stream = true,
        prompt_name = "support",
        prompt_version = String::from("v3"),
        conversation = options.conversation,
        user = "u-1",
        attributes("app.tier" = "gold", "app.retries" = 2, "app.flags" = vec!["x"], "app.absent" = None::<bool>),
    )]
    fn chat(options: &Options) {
        let _ = options;
    }
    struct Options {
        model: String,
        limit: Option<u32>,
        conversation: Option<String>,
    }
    let options = Options { model: "m".into(), limit: Some(99), conversation: Some("c-9".into()) };
    let span = span_of(|| chat(&options));
    assert_eq!((span.text("server.address"), span.int("server.port")), (Some("localhost"), Some(8089)));
    assert_eq!(span.double("gen_ai.request.temperature"), Some(0.5));
    assert_eq!(span.double("gen_ai.request.top_p"), Some(1.0));
    assert_eq!(span.int("gen_ai.request.top_k"), Some(40));
    assert_eq!(span.int("gen_ai.request.max_tokens"), Some(99));
    assert_eq!(span.list("gen_ai.request.stop_sequences").unwrap(), ["a", "b"]);
    assert_eq!(span.int("gen_ai.request.seed"), Some(7));
    assert_eq!(span.double("gen_ai.request.frequency_penalty"), Some(0.25));
    assert_eq!(span.get("gen_ai.request.presence_penalty"), None);
    assert_eq!(span.int("gen_ai.request.choice.count"), Some(3));
    assert_eq!(span.text("gen_ai.request.reasoning.level"), Some("low"));
    assert_eq!(span.text("gen_ai.output.type"), Some("json"));
    assert_eq!(span.get("gen_ai.request.stream"), Some(&true.into()));
    assert_eq!(
        (span.text("gen_ai.prompt.name"), span.text("gen_ai.prompt.version")),
        (Some("support"), Some("v3"))
    );
    assert_eq!((span.text("gen_ai.conversation.id"), span.text("user.id")), (Some("c-9"), Some("u-1")));
    assert_eq!((span.text("app.tier"), span.int("app.retries")), (Some("gold"), Some(2)));
    assert_eq!((span.list("app.flags").unwrap(), span.get("app.absent")), (vec!["x".to_owned()], None));
}

#[test]
fn arguments_of_the_other_kinds_are_recorded() {
    #[llm_trace(embeddings, provider = "openai", dimensions = 256, encoding_formats = "float")]
    fn embed() {}
    #[llm_trace(retrieval, provider = "qdrant", data_source = source, top_k = top_k)]
    fn retrieve(source: &str, top_k: usize) {
        let _ = (source, top_k);
    }
    #[llm_trace(tool, name = "t", description = "finds", call_id = "call_1", tool_type = "function")]
    fn tool() {}
    let span = span_of(embed);
    assert_eq!(span.int("gen_ai.embeddings.dimension.count"), Some(256));
    assert_eq!(span.list("gen_ai.request.encoding_formats").unwrap(), ["float"]);
    let span = span_of(|| retrieve("docs", 4));
    assert_eq!(
        (span.text("gen_ai.data_source.id"), span.int("gen_ai.retrieval.top_k")),
        (Some("docs"), Some(4))
    );
    assert_eq!(span.text("gen_ai.provider.name"), Some("qdrant"));
    let span = span_of(tool);
    assert_eq!(span.text("gen_ai.tool.description"), Some("finds"));
    assert_eq!(
        (span.text("gen_ai.tool.call.id"), span.text("gen_ai.tool.type")),
        (Some("call_1"), Some("function"))
    );
}

#[test]
fn an_argument_is_borrowed_so_the_body_can_still_use_it() {
    #[llm_trace(chat, provider = "openai", model = request.model, attributes("app.model" = request.model))]
    async fn chat(request: Owned) -> String {
        request.model
    }
    struct Owned {
        model: String,
    }
    let trace = Trace::new();
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let model = trace.run(|| runtime.block_on(chat(Owned { model: "m".into() })));
    assert_eq!((model.as_str(), trace.only().text("app.model")), ("m", Some("m")));
}

#[test]
fn a_parent_and_links_can_be_given() {
    #[llm_trace(task, parent = parent, links = links)]
    fn task(
        parent: &llm_trace::opentelemetry::Context,
        links: &[llm_trace::opentelemetry::trace::SpanContext],
    ) {
        let _ = (parent, links);
    }
    let (other, here) = (Trace::new(), Trace::new());
    let link = here.context().span().span_context().clone();
    here.run(|| task(&other.context(), std::slice::from_ref(&link)));
    let span = other.only();
    assert_eq!(span.parent(), other.root());
    assert_eq!(span.0.links.iter().map(|link| link.span_context.clone()).collect::<Vec<_>>(), [link]);
    assert_eq!(here.spans().len(), 0);
}

#[test]
fn the_code_behind_a_span_is_named() {
    #[llm_trace]
    fn here() {}
    let span = span_of(here);
    assert_eq!(span.text("code.function.name"), Some("macros::arguments::here"));
    assert!(span.text("code.file.path").unwrap().ends_with("arguments.rs"));
    assert!(span.int("code.line.number").unwrap() > 100);
}
