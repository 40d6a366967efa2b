//! Implausible numbers cause no panic, reach no span and no metric, and are counted by kind.

use std::process::Command;

use llm_trace::{Call, Kind, Response, Usage, current, llm_trace, score};
use llm_trace_test_support::trace::{Trace, all_points, points, points_where};
use serde_json::{Value, json};

const TOKENS: &str = "gen_ai.client.token.usage";
const COST: &str = "gen_ai.usage.cost";

#[llm_trace(chat, provider = "openai", model = model)]
fn ask(model: &str, body: Value) -> Value {
    body
}

fn body(usage: &Value) -> Value {
    json!({"object": "chat.completion", "choices": [{"finish_reason": "stop"}], "usage": usage})
}

fn honest() -> Value {
    body(&json!({"prompt_tokens": 1000, "completion_tokens": 200}))
}

/// The number of omitted values of a kind in this process; other tests omit some too.
fn implausible(kind: &str) -> u64 {
    points_where("llm_trace.implausible", "llm_trace.value.kind", kind).iter().map(|point| point.count).sum()
}

/// Measurements and their sum, by token type.
fn tokens(model: &str) -> Vec<(String, u64, f64)> {
    let mut tokens: Vec<_> = points(TOKENS, model)
        .iter()
        .map(|point| (point.label("gen_ai.token.type").unwrap(), point.count, point.sum))
        .collect();
    tokens.sort_by(|a, b| a.0.cmp(&b.0));
    tokens
}

#[test]
fn absurd_token_counts_in_responses_do_not_panic_or_affect_later_calls() {
    let before = implausible("tokens");
    let trace = Trace::new();
    trace.run(|| {
        for _ in 0..3 {
            let usage = json!({"prompt_tokens": u64::MAX, "completion_tokens": 200});
            ask("gpt-4o-mini-2024-07-18", body(&usage));
        }
        ask("gpt-4o-mini-2024-07-18", honest());
    });
    let model = "gpt-4o-mini-2024-07-18";
    assert_eq!(tokens(model), [("input".to_owned(), 1, 1000.0), ("output".to_owned(), 4, 800.0)]);
    let [cost] = &points(COST, model)[..] else { panic!("one cost") };
    assert_eq!(cost.count, 1, "what is known in part has no price");
    assert!((cost.sum - (1000.0 * 0.15 + 200.0 * 0.6) / 1e6).abs() < 1e-12, "{}", cost.sum);
    assert_eq!(points("llm_trace.unpriced", model).len(), 0);
    assert!(implausible("tokens") >= before + 3);
    let spans = trace.spans();
    assert_eq!(spans[0].int("gen_ai.usage.input_tokens"), None);
    assert_eq!(spans[0].int("gen_ai.usage.output_tokens"), Some(200), "the rest of the response is kept");
    assert_eq!(spans[3].int("gen_ai.usage.input_tokens"), Some(1000));
}

#[test]
fn token_counts_must_be_numbers_under_any_name() {
    let absurd = [
        json!(-1),
        json!(-9_223_372_036_854_775_808_i64),
        json!(1.5),
        json!(1e300),
        json!(1_000_000_001),
        json!("18446744073709551616"),
        json!("NaN"),
    ];
    for value in absurd {
        for usage in [
            json!({"prompt_tokens": value, "completion_tokens": 7}),
            json!({"input_tokens": value, "output_tokens": 7}),
            json!({"input_tokens": 3, "cache_read_input_tokens": value, "output_tokens": 7}),
            json!({"promptTokenCount": value, "candidatesTokenCount": 7, "thoughtsTokenCount": null}),
            json!({"input_tokens": 3, "output_tokens": 7, "input_tokens_details": {"audio_tokens": value}}),
        ] {
            let before = implausible("tokens");
            let trace = Trace::new();
            trace.run(|| ask("absurd-counts", body(&usage)));
            let span = trace.only();
            assert_eq!(span.int("gen_ai.usage.output_tokens"), Some(7), "{usage}");
            let input = span.int("gen_ai.usage.input_tokens");
            assert!(input.is_none() || input == Some(3), "{usage}: {input:?}");
            assert_eq!(span.int("gen_ai.usage.cache_read.input_tokens"), None, "{usage}");
            assert!(implausible("tokens") > before, "{usage}");
        }
    }
}

fn absurd_model(request: &mut llm_trace::Request) {
    request.provider("openai");
    request.model("by-hand-absurd");
}

#[test]
fn absurd_token_counts_given_by_hand_and_in_streams_are_left_out_too() {
    let absurd = Usage::new(u64::MAX, 5).with_cache_read(u64::MAX).with_reasoning(1 << 40);
    let trace = Trace::new();
    trace.run(|| {
        for _ in 0..3 {
            let call = Call::builder(Kind::Chat).with_request(absurd_model).begin();
            call.current().usage(absurd).wasted(absurd).attempt(u64::MAX);
            call.finish();
            let chunks = [
                json!({"choices": [{"index": 0, "delta": {"content": "a"}}]}),
                body(&json!({"prompt_tokens": u64::MAX, "completion_tokens": 5})),
            ];
            let call = Call::builder(Kind::Chat).with_request(absurd_model).begin();
            let stream = call.stream(futures_util::stream::iter(chunks), llm_trace::stream::Chunk::body);
            let mut stream = std::pin::pin!(stream);
            while futures_util::FutureExt::now_or_never(futures_util::StreamExt::next(&mut stream))
                .unwrap()
                .is_some()
            {}
        }
    });
    assert_eq!(tokens("by-hand-absurd"), [("output".to_owned(), 6, 30.0)]);
    assert_eq!(points("llm_trace.token.details", "by-hand-absurd").len(), 0);
    let spans = trace.unchecked();
    assert_eq!(spans[0].int("llm_trace.attempt.count"), None);
    assert_eq!(spans[0].int("llm_trace.attempt.wasted_tokens"), Some(5));
    assert_eq!(spans[0].int("gen_ai.usage.input_tokens"), None);
}

#[test]
fn a_score_that_is_no_number_or_beyond_all_scales_is_no_score() {
    let before = implausible("score");
    Trace::new().run(|| {
        for value in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, f64::MAX, -1e10] {
            score("absurd-score").with_value(value).record();
            score("absurd-score").with_value(0.5).with_threshold(value).record();
        }
    });
    let of_score = points_where("llm_trace.evaluation.score", "gen_ai.evaluation.name", "absurd-score");
    assert_eq!(of_score.iter().map(|point| point.count).sum::<u64>(), 5);
    assert!((of_score.iter().map(|point| point.sum).sum::<f64>() - 2.5).abs() < 1e-9);
    assert!(of_score.iter().all(|point| point.label("gen_ai.evaluation.score.label").is_none()));
    assert!(implausible("score") >= before + 10);
}

#[test]
fn absurd_scores_of_documents_leave_the_others() {
    #[llm_trace(retrieval, data_source = "absurd-hits")]
    fn search() -> Value {
        json!([{"id": 1, "score": 1e300}, {"id": 2, "score": 0.75}, {"id": 3, "score": -1e300}, {"id": 4, "score": 0.25}])
    }
    #[llm_trace(retrieval, data_source = "absurd-hits")]
    fn by_hand() {
        current().retrieved(usize::MAX, [f64::INFINITY, 0.5]);
    }
    let before = (implausible("score"), implausible("count"));
    let trace = Trace::new();
    trace.run(|| {
        search();
        by_hand();
    });
    let [found, by_hand] = &trace.spans()[..] else { panic!("two spans") };
    assert_eq!(found.double("llm_trace.retrieval.top_score"), Some(0.75));
    assert_eq!(found.double("llm_trace.retrieval.score_gap"), Some(0.5));
    assert_eq!(found.int("llm_trace.retrieval.documents"), Some(4));
    assert_eq!(by_hand.double("llm_trace.retrieval.top_score"), Some(0.5));
    assert_eq!(by_hand.int("llm_trace.retrieval.documents"), None);
    assert!(implausible("score") >= before.0 + 3 && implausible("count") > before.1);
}

#[test]
fn rate_limits_of_centuries_are_left_out_and_the_unknown_is_not_counted() {
    #[llm_trace(chat, provider = "openai", model = model)]
    fn limited(model: &str, headers: &[(&str, &str)]) {
        current().response_headers(headers.iter().copied());
    }
    let before = (implausible("rate_limit"), implausible("duration"));
    Trace::new().run(|| {
        limited(
            "absurd-limits",
            &[
                ("x-ratelimit-limit-requests", "18446744073709551615"),
                ("x-ratelimit-remaining-requests", "7"),
                ("x-ratelimit-reset-requests", "99999999999h"),
                ("x-ratelimit-limit-tokens", "-5"),
                ("x-ratelimit-remaining-tokens", "1e300"),
                ("x-ratelimit-reset-tokens", "9999-12-31T00:00:00Z"),
            ],
        );
    });
    let of = |name: &str| points(&format!("llm_trace.ratelimit.{name}"), "absurd-limits").len();
    assert_eq!(of("requests.remaining"), 1);
    for name in ["requests.limit", "requests.reset", "tokens.limit", "tokens.remaining", "tokens.reset"] {
        assert_eq!(of(name), 0, "{name}");
    }
    assert_eq!(implausible("rate_limit"), before.0 + 3);
    assert_eq!(implausible("duration"), before.1 + 2);
    Trace::new().run(|| limited("unknown-limits", &[("x-ratelimit-remaining-requests", "-1")]));
    assert_eq!(implausible("rate_limit"), before.0 + 3, "-1 is Azure's word for unknown");
}

#[test]
fn parameters_of_requests_are_finite_and_no_integer_is_made_up() {
    let before = implausible("parameter");
    let trace = Trace::new();
    trace.run(|| {
        let request = json!({
            "model": "absurd-parameters", "temperature": "inf", "top_p": 1e300, "max_tokens": u64::MAX, "top_k": -1,
            "seed": u64::MAX, "frequency_penalty": 0.5, "n": 1e200,
        });
        let call = Call::builder(Kind::Chat).with_request(|request| request.provider("openai"));
            call.with_request_body(&request).begin().finish();
    });
    let span = &trace.unchecked()[0];
    for key in ["temperature", "top_p", "max_tokens", "seed", "choice.count"] {
        assert_eq!(span.get(&format!("gen_ai.request.{key}")), None, "{key}");
    }
    assert_eq!(span.int("gen_ai.request.top_k"), Some(-1), "some servers' word for all");
    assert_eq!(span.double("gen_ai.request.frequency_penalty"), Some(0.5));
    assert!(implausible("parameter") >= before + 3);
}

#[test]
fn the_response_of_a_rerank_or_an_evaluator_is_held_to_the_same() {
    #[llm_trace(evaluator, name = "absurd-evaluator")]
    fn judge(value: f64) -> f64 {
        value
    }
    #[llm_trace(embeddings, provider = "openai", model = "absurd-embedding")]
    fn embed(response: Response) -> Result<Response, std::io::Error> {
        Ok(response)
    }
    let trace = Trace::new();
    trace.run(|| {
        judge(f64::INFINITY);
        judge(1e200);
        judge(0.5);
    });
    let scores = points_where("llm_trace.evaluation.score", "gen_ai.evaluation.name", "absurd-evaluator");
    assert_eq!(scores.iter().map(|point| (point.count, point.sum)).collect::<Vec<_>>(), [(1, 0.5)]);
    let response = Response::new().with_usage(Usage::input(u64::MAX));
    trace.run(|| drop(embed(response)));
    assert_eq!(tokens("absurd-embedding"), []);
    assert!(all_points().iter().all(|(_, point)| point.sum.is_finite()));
}

/// Set in a child process, whose providers panic.
const CHILD: &str = "TEST_PROVIDERS_PANIC";

/// Runs in a separate process, because providers are global and those of other tests do not panic.
#[test]
fn providers_that_panic_reach_no_caller() {
    let name = "implausible::panicking::calls_succeed_with_panicking_providers";
    let output = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", name, "--nocapture", "--include-ignored"])
        .env(CHILD, "1")
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{text}{}", String::from_utf8_lossy(&output.stderr));
    assert!(text.contains("1 passed"), "{text}");
}

mod panicking {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU32, Ordering};
    use std::time::Duration;

    use futures_util::{FutureExt as _, StreamExt as _};
    use llm_trace::mcp::Session;
    use opentelemetry::metrics::{
        Counter, Gauge, Histogram, HistogramBuilder, InstrumentBuilder, InstrumentProvider, Meter,
        MeterProvider, SyncInstrument,
    };
    use opentelemetry::{Context, InstrumentationScope, KeyValue, global};
    use opentelemetry_sdk::error::OTelSdkResult;
    use opentelemetry_sdk::trace::{SdkTracerProvider, Span, SpanData, SpanProcessor};

    use super::*;

    static PANICS: AtomicU32 = AtomicU32::new(0);

    fn panics() -> ! {
        PANICS.fetch_add(1, Ordering::Relaxed);
        panic!("a provider panics");
    }

    #[derive(Debug)]
    struct Hostile;

    impl<T> SyncInstrument<T> for Hostile {
        fn measure(&self, _: T, _: &[KeyValue]) {
            panics();
        }
    }

    impl InstrumentProvider for Hostile {
        fn u64_counter(&self, _: InstrumentBuilder<'_, Counter<u64>>) -> Counter<u64> {
            Counter::new(Arc::new(Hostile))
        }
        fn u64_gauge(&self, _: InstrumentBuilder<'_, Gauge<u64>>) -> Gauge<u64> {
            Gauge::new(Arc::new(Hostile))
        }
        fn f64_gauge(&self, _: InstrumentBuilder<'_, Gauge<f64>>) -> Gauge<f64> {
            Gauge::new(Arc::new(Hostile))
        }
        fn f64_histogram(&self, _: HistogramBuilder<'_, Histogram<f64>>) -> Histogram<f64> {
            Histogram::new(Arc::new(Hostile))
        }
        fn u64_histogram(&self, _: HistogramBuilder<'_, Histogram<u64>>) -> Histogram<u64> {
            Histogram::new(Arc::new(Hostile))
        }
    }

    /// Not zero-sized, unlike the API's no-op provider.
    struct Meters(#[expect(dead_code, reason = "it has a size")] u8);

    impl MeterProvider for Meters {
        fn meter_with_scope(&self, _: InstrumentationScope) -> Meter {
            Meter::new(Arc::new(Hostile))
        }
    }

    /// Panics when a span starts if the flag is set, else when it ends. (A processor that did both would abort: the SDK
    /// ends the span during unwinding.)
    #[derive(Debug)]
    struct Processor(bool);

    impl SpanProcessor for Processor {
        fn on_start(&self, _: &mut Span, _: &Context) {
            if self.0 {
                panics();
            }
        }
        fn on_end(&self, _: SpanData) {
            if !self.0 {
                panics();
            }
        }
        fn force_flush(&self) -> OTelSdkResult {
            Ok(())
        }
        fn shutdown_with_timeout(&self, _: Duration) -> OTelSdkResult {
            Ok(())
        }
    }

    #[test]
    #[ignore = "run by `providers_that_panic_reach_no_caller`"]
    fn calls_succeed_with_panicking_providers() {
        if std::env::var_os(CHILD).is_none() {
            return;
        }
        global::set_meter_provider(Meters(0));
        for at_start in [false, true] {
            let provider = SdkTracerProvider::builder().with_span_processor(Processor(at_start)).build();
            global::set_tracer_provider(provider);
            calls();
        }
        assert!(PANICS.load(Ordering::Relaxed) > 20, "{PANICS:?}");
    }

    #[llm_trace(tool)]
    async fn tool() -> u8 {
        7
    }

    fn calls() {
        assert_eq!(ask("m", honest()), honest());
        ask("m", body(&json!({"prompt_tokens": -1, "completion_tokens": u64::MAX})));
        let call = Call::builder(Kind::Chat).begin();
        call.current().response_headers([("x-ratelimit-remaining-requests", "7")]);
        call.in_scope(|| score("s").with_value(1.0).record());
        let chunks = futures_util::stream::iter(vec![json!({"choices": [{"delta": {"content": "a"}}]}); 3]);
        let stream = call.stream(chunks, llm_trace::stream::Chunk::body);
        assert_eq!(stream.count().now_or_never(), Some(3));
        score("s").with_value(1.0).record();
        drop(Session::client(|request| request.server("h:1")));
        drop(Call::builder(Kind::Agent).begin());
        assert_eq!(tool().now_or_never(), Some(7));
    }
}
