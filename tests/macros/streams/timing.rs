//! Chunk times on the span and as metrics.

use std::time::{Duration, Instant};

use futures_util::stream::{self, BoxStream, Stream, StreamExt as _};
use llm_trace::llm_trace;
use llm_trace_test_support::trace::{Ended, Trace, points};

use super::{collect, next};

/// Spins, so that measured times are at least this long.
fn spend(milliseconds: u64) {
    let until = Instant::now() + Duration::from_millis(milliseconds);
    while Instant::now() < until {
        std::hint::spin_loop();
    }
}

fn seconds(span: &Ended) -> (f64, f64, f64) {
    let duration = span.0.end_time.duration_since(span.0.start_time).unwrap();
    let double = |key: &str| span.double(key).unwrap();
    (
        double("gen_ai.response.time_to_first_chunk"),
        double("llm_trace.response.time_to_first_text"),
        duration.as_secs_f64(),
    )
}

#[test]
fn times_count_from_the_call_to_the_first_output_and_the_first_text() {
    #[llm_trace(chat, provider = "openai", model = "timed")]
    fn chat() -> impl Stream<Item = serde_json::Value> {
        spend(5); // the request
        let delta = |delta| serde_json::json!({ "choices": [{ "index": 0, "delta": delta }] });
        let chunks = [
            delta(serde_json::json!({ "role": "assistant", "content": "" })),
            delta(serde_json::json!({ "reasoning_content": "hm" })),
            delta(serde_json::json!({ "content": "4" })),
            delta(serde_json::json!({ "content": "2" })),
        ];
        stream::iter(chunks).inspect(|_| spend(10))
    }
    let trace = Trace::new();
    collect(trace.run(chat));
    let (first_chunk, first_text, duration) = seconds(&trace.only());
    assert!(first_chunk >= 0.025, "the request and two frames took longer than {first_chunk}");
    assert!(first_text >= first_chunk + 0.010, "{first_text} after {first_chunk}");
    assert!(duration >= first_text + 0.010, "{duration} after {first_text}");

    let first = points("gen_ai.client.operation.time_to_first_chunk", "timed");
    assert_eq!((first.len(), first[0].count, first[0].unit.as_str()), (1, 1, "s"));
    assert!((first[0].sum - first_chunk).abs() < 1e-9, "metric and span agree");
    assert_eq!(first[0].bounds.first(), Some(&0.01));
    // Two frames with output after the first; the role-only frame is not output.
    let gaps = points("gen_ai.client.operation.time_per_output_chunk", "timed");
    assert_eq!((gaps.len(), gaps[0].count, gaps[0].unit.as_str()), (1, 2, "s"));
    assert!(gaps[0].sum >= 0.020 && gaps[0].sum <= duration - first_chunk + 1e-9);
    for point in first.iter().chain(&gaps) {
        assert_eq!(point.label("gen_ai.operation.name").as_deref(), Some("chat"));
        assert_eq!(point.label("gen_ai.provider.name").as_deref(), Some("openai"));
    }
}

#[test]
fn labels_have_the_model_that_answers_from_the_first_chunk_on() {
    #[llm_trace(chat, provider = "openai", model = "labelled")]
    fn chat() -> BoxStream<'static, serde_json::Value> {
        let chunk =
            serde_json::json!({ "model": "m-1", "choices": [{ "index": 0, "delta": { "content": "a" } }] });
        stream::iter([chunk.clone(), chunk]).boxed()
    }
    collect(Trace::new().run(chat));
    for metric in ["time_to_first_chunk", "time_per_output_chunk"] {
        let points = points(&format!("gen_ai.client.operation.{metric}"), "labelled");
        assert_eq!(points[0].label("gen_ai.response.model").as_deref(), Some("m-1"), "{metric}");
    }
}

#[test]
fn a_call_that_is_not_streamed_has_no_times() {
    #[llm_trace(chat, provider = "openai", model = "not streamed")]
    fn chat() -> String {
        "text".to_owned()
    }
    let trace = Trace::new();
    trace.run(chat);
    let span = trace.only();
    let streamed = ["time_to_first_chunk", "time_to_first_text", "stream"];
    assert!(!span.keys().iter().any(|key| streamed.iter().any(|name| key.ends_with(name))));
    assert!(points("gen_ai.client.operation.time_to_first_chunk", "not streamed").is_empty());
}

#[test]
fn a_waiting_stream_measures_from_its_call_and_not_from_its_first_poll() {
    #[llm_trace(chat, provider = "openai", model = "waits")]
    fn chat(stream: impl Stream<Item = &'static str> + Send + 'static) -> BoxStream<'static, &'static str> {
        stream.boxed()
    }
    let trace = Trace::new();
    let (sender, mut receiver) = tokio::sync::mpsc::unbounded_channel();
    let mut stream = trace.run(|| chat(stream::poll_fn(move |task| receiver.poll_recv(task))));
    spend(10);
    sender.send("a").unwrap();
    assert_eq!(next(&mut stream), Some("a"));
    drop(stream);
    assert!(seconds(&trace.only()).0 >= 0.010);
}
