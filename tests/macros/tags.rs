//! Tags are inherited by every span inside, on any task or thread.

use llm_trace::llm_trace;
use llm_trace::propagation::in_current_context;
use llm_trace_test_support::trace::Trace;

#[llm_trace(workflow, tags("app.tenant" = tenant, "app.beta" = true), attributes("app.own" = 1))]
fn outer<R>(tenant: &str, inside: impl FnOnce() -> R) -> R {
    inside()
}

#[llm_trace(task)]
fn inner() {
    innermost();
}

#[llm_trace(task)]
fn innermost() {}

#[llm_trace(task, tags("app.tenant" = "other", "app.more" = 2))]
fn overriding() {
    innermost();
}

#[test]
fn a_tag_is_on_every_call_inside_and_an_attribute_is_not() {
    let trace = Trace::new();
    trace.run(|| outer("acme", inner));
    for name in ["invoke_workflow outer", "inner", "innermost"] {
        let span = trace.span(name);
        assert_eq!((span.text("app.tenant"), span.get("app.beta")), (Some("acme"), Some(&true.into())));
        assert_eq!(span.int("app.own").is_some(), name == "invoke_workflow outer");
    }
}

#[test]
fn an_inner_tag_overrides_for_its_call_and_those_inside() {
    let trace = Trace::new();
    trace.run(|| {
        outer("acme", overriding);
        outer("acme", || ());
    });
    let spans = trace.spans();
    let tenant = |name: &str| {
        let of_name = spans.iter().filter(|span| span.0.name == name);
        of_name.map(|span| span.text("app.tenant").unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!((tenant("overriding"), tenant("innermost")), (vec!["other".into()], vec!["other".to_owned()]));
    assert_eq!(tenant("invoke_workflow outer"), ["acme", "acme"]);
    let innermost = trace.span("innermost");
    assert_eq!((innermost.get("app.beta").is_some(), innermost.int("app.more")), (true, Some(2)));
}

#[test]
fn a_none_is_no_tag_and_a_late_tag_is_on_its_span_only() {
    #[llm_trace(task, tags("app.tenant" = None::<String>))]
    fn without() {
        llm_trace::current().request(|request| request.tag("app.late", "yes"));
        innermost();
    }
    let trace = Trace::new();
    trace.run(without);
    let (without, inside) = (trace.span("without"), trace.span("innermost"));
    assert_eq!((without.get("app.tenant"), without.text("app.late")), (None, Some("yes")));
    assert_eq!((inside.get("app.tenant"), inside.get("app.late")), (None, None));
}

#[test]
fn inherited_values_reach_blocking_tasks_threads_and_spawned_futures() {
    use llm_trace::opentelemetry::context::FutureExt as _;
    #[llm_trace(task)]
    async fn spawned() {}
    #[llm_trace(task)]
    fn blocking() {}
    #[llm_trace(task)]
    fn threaded() {}
    let trace = Trace::new();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).build().unwrap();
    trace.run(|| {
        outer("acme", || {
            runtime.block_on(async {
                tokio::task::spawn_blocking(in_current_context(blocking)).await.unwrap();
                tokio::spawn(spawned().with_current_context()).await.unwrap();
            });
            std::thread::spawn(in_current_context(threaded)).join().unwrap();
            // One closure for many runs, as in a thread pool: the context is attached in each.
            let context = llm_trace::opentelemetry::Context::current();
            let turn = || {
                let _attached = context.clone().attach();
                innermost();
            };
            std::thread::scope(|scope| {
                let threads = [scope.spawn(turn), scope.spawn(turn)];
                for thread in threads {
                    thread.join().unwrap();
                }
            });
        });
    });
    let outer = trace.span("invoke_workflow outer").id();
    let spans = trace.spans();
    let inside: Vec<_> = spans.iter().filter(|span| span.id() != outer).collect();
    assert_eq!(inside.len(), 5);
    for span in inside {
        assert_eq!((span.parent(), span.text("app.tenant")), (outer, Some("acme")), "{}", span.0.name);
    }
}
