//! A failed assertion names the expected and the actual value.

use std::panic::{AssertUnwindSafe, catch_unwind};

use llm_trace::testing::{capture, capture_with_seed};
use llm_trace::{Usage, llm_trace};

#[llm_trace(chat, provider = "openai", model = "gpt-4o-mini", temperature = 1)]
fn ask() {
    llm_trace::current().usage(Usage::new(11, 3));
}

pub(crate) fn message<R>(failing: impl FnOnce() -> R) -> String {
    let panic = catch_unwind(AssertUnwindSafe(failing)).err().expect("must fail");
    match panic.downcast::<String>() {
        Ok(message) => *message,
        Err(other) => (*other.downcast::<&str>().unwrap()).to_owned(),
    }
}

#[test]
fn a_span_that_is_not_there() {
    let telemetry = capture();
    assert_eq!(
        message(|| telemetry.span("chat gpt-5")),
        "no span `chat gpt-5` has ended. Nothing has started under this capture: use `run`, `run_async` or `context`."
    );
    telemetry.run(ask);
    assert_eq!(
        message(|| telemetry.span("chat gpt-5")),
        "no span `chat gpt-5` has ended. What is here:\nchat gpt-4o-mini  11 → 3 tokens\n"
    );
    telemetry.run(ask);
    let twice = message(|| telemetry.span("chat gpt-4o-mini"));
    assert!(twice.starts_with("2 spans are named `chat gpt-4o-mini`: use `spans()`."), "{twice}");
}

#[test]
fn an_attribute_that_is_another_one() {
    let telemetry = capture();
    telemetry.run(ask);
    let span = telemetry.span("chat gpt-4o-mini");
    let wrong = message(|| span.assert("gen_ai.usage.input_tokens", 12));
    assert!(
        wrong.starts_with("`gen_ai.usage.input_tokens` of `chat gpt-4o-mini` is 11, not 12. "),
        "{wrong}"
    );
    assert!(wrong.contains("gen_ai.provider.name: \"openai\",\n"), "{wrong}");
    // A number of the wrong type is shown with its type.
    let wrong = message(|| span.assert("gen_ai.request.temperature", 1));
    assert!(wrong.contains(" is 1.0, not 1. "), "{wrong}");
    let wrong = message(|| span.assert("gen_ai.request.seed", 1));
    assert!(wrong.contains(" is absent, not 1. "), "{wrong}");
    let wrong = message(|| span.assert_absent("gen_ai.request.model"));
    assert!(wrong.contains(" is \"gpt-4o-mini\", not absent. "), "{wrong}");
    let wrong = message(|| span.text("gen_ai.usage.input_tokens").map(str::to_owned));
    assert_eq!(wrong, "`gen_ai.usage.input_tokens` is not text: 11");
}

#[test]
fn a_metric_that_was_not_measured() {
    let telemetry = capture();
    assert_eq!(
        message(|| telemetry.metrics("gen_ai.duration")),
        "nothing was measured by `gen_ai.duration`. Metrics that were: none."
    );
    telemetry.run(ask);
    let wrong = message(|| telemetry.metrics("gen_ai.duration"));
    assert!(wrong.contains("gen_ai.client.operation.duration, gen_ai.client.token.usage"), "{wrong}");
}

#[test]
fn a_seed_that_is_in_use() {
    let _first = capture_with_seed(99);
    assert_eq!(
        message(|| capture_with_seed(99)),
        "another capture with the seed 99 is alive: every test needs a seed of its own"
    );
}
