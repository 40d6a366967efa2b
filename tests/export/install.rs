//! Installation: all of an `init()` or nothing, providers that the program names, and what open calls keep. Each test is a process
//! of its own, as what is installed is the whole process's.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::Command;

use llm_trace::opentelemetry::global;
use llm_trace::opentelemetry::trace::{Span as _, Tracer as _};
use llm_trace::{ContentCapture, QualitySignals, SemconvVersion, Topics, Usage, llm_trace};
use llm_trace_test_support::otlp::Receiver;
use opentelemetry_proto::tonic::common::v1::any_value;
use opentelemetry_proto::tonic::trace::v1::Span;
use opentelemetry_sdk::metrics::data::{ResourceMetrics, ScopeMetrics};
use opentelemetry_sdk::metrics::{InMemoryMetricExporter, PeriodicReader, SdkMeterProvider};
use opentelemetry_sdk::trace::{InMemorySpanExporter, SdkTracerProvider, SpanData};

const PROGRAM: &str = "TEST_INSTALL";

#[llm_trace(chat, provider = "acme", model = "m", input = question, prompt_name = "p", tags("tenant" = "t"))]
fn ask(question: &str) -> Result<llm_trace::Response, std::io::Error> {
    let usage = Usage::new(7, 1).with_cache_creation(3);
    match question {
        "fail" => Err(std::io::Error::other("a message")),
        _ => Ok(llm_trace::Response::new().with_usage(usage).with_output("an answer")),
    }
}

/// Runs a part of [`program`] in a process of its own.
fn run(part: &str) {
    let output = Command::new(std::env::current_exe().unwrap())
        .args(["--ignored", "--exact", "install::program"])
        .env(PROGRAM, part)
        .output()
        .unwrap();
    assert!(output.status.success(), "{part}: {}", String::from_utf8_lossy(&output.stdout));
    assert!(String::from_utf8_lossy(&output.stdout).contains("1 passed"));
}

#[test]
#[ignore = "a program that other tests start"]
fn program() {
    match std::env::var(PROGRAM).expect("another test starts this").as_str() {
        "fails late" => fails_late(),
        "providers" => providers_of_the_program(),
        "open call" => open_call(),
        "unread content" => unread_content(),
        "first calls" => first_calls(),
        "after shutdown" => after_shutdown(),
        other => panic!("no such part: {other}"),
    }
}

#[test]
fn an_init_that_fails_half_way_leaves_nothing_installed_and_a_later_one_works() {
    run("fails late");
}

#[test]
fn spans_and_measurements_go_to_the_providers_that_the_program_names_and_to_no_others() {
    run("providers");
}

#[test]
fn an_open_call_keeps_the_policies_that_it_began_with() {
    run("open call");
}

#[test]
fn content_that_no_sink_reads_is_not_made() {
    run("unread content");
}

#[test]
fn calls_after_a_shutdown_go_to_the_providers_that_the_program_installs_then() {
    run("after shutdown");
}

#[test]
fn the_first_calls_after_init_have_their_price_like_all_later_ones() {
    run("first calls");
}

#[llm_trace(chat, provider = "openai", model = "gpt-4o-mini")]
fn priced() -> llm_trace::Response {
    llm_trace::Response::new().with_usage(Usage::new(1_000_000, 0))
}

fn first_calls() {
    let receiver = Receiver::start();
    let telemetry = llm_trace::builder().with_endpoint(receiver.endpoint()).init().unwrap();
    // The price table is being decoded.
    (0..10).for_each(|_| drop(priced()));
    let report = telemetry.flush();
    assert_eq!(report.spans().delivered(), 10, "a flush waits for calls that wait for their price");
    drop(priced());
    let _ = telemetry.shutdown();
    let costs: Vec<_> = receiver.spans().iter().map(|span| format!("{:?}", cost_of(span))).collect();
    assert_eq!(costs, vec!["Some(DoubleValue(0.15))"; 11]);
    let metrics = format!("{:?}", receiver.metrics());
    assert!(metrics.contains("gen_ai.usage.cost") && !metrics.contains("llm_trace.unpriced"), "{metrics}");
}

fn cost_of(span: &Span) -> Option<any_value::Value> {
    let cost = span.attributes.iter().find(|attribute| attribute.key == "gen_ai.usage.cost");
    cost?.value.clone()?.value
}

fn has(span: &SpanData, key: &str) -> bool {
    span.attributes.iter().any(|attribute| attribute.key.as_str() == key)
}

fn in_memory() -> (InMemorySpanExporter, SdkTracerProvider) {
    let spans = InMemorySpanExporter::default();
    let provider = SdkTracerProvider::builder().with_simple_exporter(spans.clone()).build();
    (spans, provider)
}

fn fails_late() {
    let receiver = Receiver::start();
    let builder = || {
        llm_trace::builder()
            .with_endpoint(receiver.endpoint())
            .with_content_capture(ContentCapture::SpanAndEvent)
            .with_error_messages(true)
            .with_openinference(true)
            .with_semconv(SemconvVersion::October2026)
            .with_tag_labels(["tenant"])
            .with_topics(Topics::PromptName)
            .with_quality_signals(QualitySignals::none())
    };
    // The last thing that can go wrong: instruments of the pipeline's own.
    let failing = builder().with_view(|_| panic!("in a view of the program's"));
    assert!(catch_unwind(AssertUnwindSafe(|| failing.init())).is_err());

    assert_eq!(size_of_val(&*global::meter_provider()), 0, "the provider that does nothing");
    assert!(!global::tracer("t").start("probe").span_context().is_valid());

    // Providers that the program installs itself are used as if there had been no `init()`.
    let (spans, provider) = in_memory();
    llm_trace::set_tracer_provider(&provider);
    let _ = ask("why").unwrap();
    ask("fail").unwrap_err();
    let spans = spans.get_finished_spans().unwrap();
    assert!(!has(&spans[0], "gen_ai.input.messages"), "{:?}", spans[0]);
    assert!(!has(&spans[0], "openinference.span.kind"), "{:?}", spans[0]);
    assert!(!has(&spans[0], "llm_trace.topic"), "{:?}", spans[0]);
    assert!(has(&spans[0], "gen_ai.usage.cache_creation.input_tokens"), "August: {:?}", spans[0]);
    assert_eq!(format!("{:?}", spans[1].status), r#"Error { description: "" }"#);

    let telemetry = builder().init().unwrap();
    let _ = ask("why").unwrap();
    let report = telemetry.shutdown();
    assert!(report.is_complete(), "{report}");
    let sent = receiver.spans();
    assert_eq!(sent.len(), 1);
    for key in ["gen_ai.input.messages", "openinference.span.kind", "llm_trace.topic"] {
        assert!(sent[0].attributes.iter().any(|attribute| attribute.key == key), "{key}: {:?}", sent[0]);
    }
}

fn providers_of_the_program() {
    // Those that are global do not see a call.
    let (unseen, provider) = in_memory();
    global::set_tracer_provider(provider);
    let unmeasured = InMemoryMetricExporter::default();
    let reader = PeriodicReader::builder(unmeasured.clone()).build();
    let of_others = SdkMeterProvider::builder().with_reader(reader).build();
    global::set_meter_provider(of_others.clone());

    let (spans, provider) = in_memory();
    let metrics = InMemoryMetricExporter::default();
    let meters =
        SdkMeterProvider::builder().with_reader(PeriodicReader::builder(metrics.clone()).build()).build();
    llm_trace::set_tracer_provider(&provider);
    llm_trace::set_meter_provider(&meters);
    let _ = ask("why").unwrap();
    llm_trace::score("fit").with_value(0.5).record();

    meters.force_flush().unwrap();
    of_others.force_flush().unwrap();
    let spans = spans.get_finished_spans().unwrap();
    assert_eq!((spans.len(), &*spans[0].name), (1, "chat m"));
    let names: Vec<String> = metrics
        .get_finished_metrics()
        .unwrap()
        .iter()
        .flat_map(|resource| resource.scope_metrics().flat_map(ScopeMetrics::metrics))
        .map(|metric| metric.name().to_owned())
        .collect();
    for name in ["gen_ai.client.operation.duration", "llm_trace.evaluation.score"] {
        assert!(names.iter().any(|known| known == name), "{name}: {names:?}");
    }
    assert!(unseen.get_finished_spans().unwrap().is_empty());
    // The SDK's processors count the spans of a program there.
    let seen = unmeasured.get_finished_metrics().unwrap();
    let mut scopes =
        seen.iter().flat_map(ResourceMetrics::scope_metrics).map(|metrics| metrics.scope().name());
    assert!(scopes.all(|scope| scope == "otel.sdk"));

    // Another takes the place of the first.
    let (others, provider) = in_memory();
    llm_trace::set_tracer_provider(&provider);
    let _ = ask("why").unwrap();
    assert_eq!(others.get_finished_spans().unwrap().len(), 1);
}

fn after_shutdown() {
    let receiver = Receiver::start();
    let telemetry = llm_trace::builder().with_endpoint(receiver.endpoint()).init().unwrap();
    let _ = ask("why").unwrap();
    let report = telemetry.shutdown();
    assert_eq!(report.spans().delivered(), 1);

    let (spans, provider) = in_memory();
    global::set_tracer_provider(provider);
    let metrics = InMemoryMetricExporter::default();
    let reader = PeriodicReader::builder(metrics.clone()).build();
    let meters = SdkMeterProvider::builder().with_reader(reader).build();
    global::set_meter_provider(meters.clone());
    let _ = ask("why").unwrap();
    meters.force_flush().unwrap();
    assert_eq!(spans.get_finished_spans().unwrap().len(), 1);
    assert!(!metrics.get_finished_metrics().unwrap().is_empty());
    assert_eq!(receiver.spans().len(), 1);
}

fn open_call() {
    let (spans, provider) = in_memory();
    llm_trace::set_tracer_provider(&provider);
    let call = llm_trace::Call::builder(llm_trace::Kind::Chat)
        .with_request(|request| {
            request.provider("acme");
            request.input("hello");
        })
        .begin();
    let telemetry = llm_trace::builder()
        .with_content_capture(ContentCapture::SpanOnly)
        .with_openinference(true)
        .init()
        .unwrap();
    // Asked for the policy of the call: content is off, and the value is not looked at.
    call.current().request(|request| request.system("be kind")).output("an answer");
    call.finish();
    let spans = spans.get_finished_spans().unwrap();
    assert_eq!(spans.len(), 1, "it goes where it began");
    for key in ["gen_ai.input.messages", "gen_ai.output.messages", "gen_ai.system_instructions"] {
        assert!(!has(&spans[0], key), "{key}: {:?}", spans[0]);
    }
    drop(telemetry);
}

fn unread_content() {
    static REDACTED: std::sync::atomic::AtomicUsize = std::sync::atomic::AtomicUsize::new(0);
    use std::sync::atomic::Ordering::Relaxed;
    // Spans are not recorded, content may be on them.
    let telemetry = llm_trace::builder()
        .with_sampler(llm_trace::Sampler::always_off())
        .with_content_capture(ContentCapture::SpanOnly)
        .with_redactor(|_| {
            REDACTED.fetch_add(1, Relaxed);
            None
        })
        .init()
        .unwrap();
    let _ = ask("why").unwrap();
    assert_eq!(REDACTED.load(Relaxed), 0);
    drop(telemetry);
}
