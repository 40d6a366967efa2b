//! Parents and children: across await points, joined and spawned tasks, threads, and `tracing` spans.

use llm_trace::llm_trace;
use llm_trace::opentelemetry::context::FutureExt as _;
use llm_trace_test_support::trace::Trace;
use tracing_subscriber::layer::SubscriberExt;

#[llm_trace(task)]
async fn leaf(name: &'static str) {
    tokio::task::yield_now().await;
    llm_trace::current().attribute("app.leaf", name);
    tokio::task::yield_now().await;
}

fn multi_thread() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).build().unwrap()
}

#[test]
fn calls_nest_across_await_points_and_joined_futures() {
    #[llm_trace(workflow)]
    async fn answer() {
        leaf("alone").await;
        tokio::join!(leaf("left"), leaf("right"));
    }
    let trace = Trace::new();
    multi_thread().block_on(answer().with_context(trace.context()));
    let workflow = trace.span("invoke_workflow answer");
    assert_eq!(workflow.parent(), trace.root());
    let leaves: Vec<_> = trace.spans().into_iter().filter(|span| span.0.name == "leaf").collect();
    assert!(leaves.iter().all(|leaf| leaf.parent() == workflow.id()));
    // Each span has the attributes of its leaf, though the leaves took turns on one thread.
    let mut names: Vec<_> = leaves.iter().filter_map(|leaf| leaf.text("app.leaf")).collect();
    names.sort_unstable();
    assert_eq!(names, ["alone", "left", "right"]);
}

#[test]
fn spawned_tasks_and_threads_are_children_with_the_context_helpers() {
    #[llm_trace(workflow)]
    async fn answer() {
        let task = tokio::spawn(leaf("task").with_current_context());
        let thread = std::thread::spawn(llm_trace::propagation::in_current_context(in_thread));
        task.await.unwrap();
        tokio::task::spawn_blocking(|| thread.join().unwrap()).await.unwrap();
    }
    #[llm_trace(task)]
    fn in_thread() {}
    let trace = Trace::new();
    multi_thread().block_on(answer().with_context(trace.context()));
    let workflow = trace.span("invoke_workflow answer").id();
    assert_eq!((trace.span("leaf").parent(), trace.span("in_thread").parent()), (workflow, workflow));
}

#[test]
fn many_tasks_on_many_threads_keep_their_own_parents() {
    #[llm_trace(workflow, attributes("app.n" = n))]
    async fn outer(n: usize) {
        tokio::task::yield_now().await;
        inner(n).await;
    }
    #[llm_trace(task, attributes("app.n" = n))]
    async fn inner(n: usize) {
        tokio::task::yield_now().await;
    }
    let trace = Trace::new();
    multi_thread().block_on(async {
        let tasks = (0..500).map(|n| tokio::spawn(outer(n).with_context(trace.context())));
        for task in tasks.collect::<Vec<_>>() {
            task.await.unwrap();
        }
    });
    let spans = trace.spans();
    assert_eq!(spans.len(), 1000);
    let outers = spans.iter().filter(|span| span.parent() == trace.root());
    let outers: std::collections::HashMap<_, _> = outers.map(|span| (span.id(), span.int("app.n"))).collect();
    assert_eq!(outers.len(), 500);
    for inner in spans.iter().filter(|span| span.0.name == "inner") {
        assert_eq!(outers.get(&inner.parent()), Some(&inner.int("app.n")));
    }
}

#[test]
fn tracing_spans_nest_under_ours_and_ours_under_theirs() {
    #[llm_trace(workflow)]
    async fn ours_outside() {
        theirs_between().await;
    }
    #[tracing::instrument]
    async fn theirs_between() {
        tokio::task::yield_now().await;
        ours_inside().await;
    }
    #[llm_trace(task)]
    async fn ours_inside() {
        tokio::task::yield_now().await;
        theirs_innermost();
    }
    #[tracing::instrument]
    fn theirs_innermost() {}

    let trace = Trace::new();
    let tracer = llm_trace::opentelemetry::global::tracer("tracing");
    let layer = tracing_opentelemetry::layer().with_tracer(tracer);
    let subscriber = tracing_subscriber::registry().with(layer);
    tracing::subscriber::with_default(subscriber, || {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(ours_outside().with_context(trace.context()));
    });
    let chain = ["invoke_workflow ours_outside", "theirs_between", "ours_inside", "theirs_innermost"];
    let spans = chain.map(|name| trace.span(name));
    assert_eq!(spans[0].parent(), trace.root());
    for pair in spans.windows(2) {
        assert_eq!(pair[1].parent(), pair[0].id(), "{} under {}", pair[1].0.name, pair[0].0.name);
    }
}
