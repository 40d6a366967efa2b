//! Context of other processes: W3C headers, and the `_meta` of MCP messages.

use llm_trace_fuzz::fuzz;
use opentelemetry::Context;
use opentelemetry::baggage::BaggageExt;
use opentelemetry::propagation::{Extractor, Injector, TextMapCompositePropagator, TextMapPropagator};
use opentelemetry::trace::TraceContextExt;
use opentelemetry_sdk::propagation::{BaggagePropagator, TraceContextPropagator};

#[derive(Debug, Default, PartialEq)]
struct Carrier(Vec<(String, String)>);

impl Extractor for Carrier {
    fn get(&self, key: &str) -> Option<&str> {
        self.0.iter().find(|(name, _)| name == key).map(|(_, value)| value.as_str())
    }

    fn keys(&self) -> Vec<&str> {
        self.0.iter().map(|(name, _)| name.as_str()).collect()
    }
}

impl Injector for Carrier {
    fn set(&mut self, key: &str, value: String) {
        self.0.push((key.to_owned(), value));
    }
}

/// `name: value` lines, or a JSON object, which is what MCP has.
fn carried(input: &str) -> Carrier {
    if let Ok(message) = serde_json::from_str::<serde_json::Value>(input) {
        let meta = message.pointer("/params/_meta").and_then(serde_json::Value::as_object);
        let texts = meta
            .into_iter()
            .flatten()
            .filter_map(|(key, value)| Some((key.clone(), value.as_str()?.to_owned())));
        Carrier(texts.collect())
    } else {
        let lines = input.lines().filter_map(|line| line.split_once(':'));
        Carrier(lines.map(|(name, value)| (name.trim().to_owned(), value.trim().to_owned())).collect())
    }
}

/// Those that `init()` installs.
fn propagator() -> TextMapCompositePropagator {
    TextMapCompositePropagator::new(vec![
        Box::new(TraceContextPropagator::new()),
        Box::new(BaggagePropagator::new()),
    ])
}

#[test]
fn baggage_and_context_beyond_the_limits_of_w3c_are_left_out() {
    let extracted = |headers: &str| propagator().extract_with_context(&Context::new(), &carried(headers));
    let entries = |count: usize| (0..count).map(|n| format!("k{n}=v")).collect::<Vec<_>>().join(",");
    let taken = |list: &str| extracted(&format!("baggage: {list}")).baggage().len();
    assert_eq!([taken(&entries(64)), taken(&entries(65))], [64, 64], "the first 64");
    let long = |bytes: usize| format!("a=b,k={}", "v".repeat(bytes - 6));
    assert_eq!([taken(&long(8000)), taken(&long(8193))], [2, 0], "of a longer header nothing");

    let trace = "traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    let context = extracted(&format!("{trace}\ntracestate: a=b"));
    assert_eq!(context.span().span_context().trace_state().header(), "a=b");
    let context = extracted(&format!("{trace}\ntracestate: no state"));
    assert!(context.span().span_context().is_valid(), "without the state the parent is the parent");
    assert_eq!(context.span().span_context().trace_state().header(), "");
    assert!(!extracted("traceparent: 00-00-00-01\ntracestate: a=b").span().span_context().is_valid());
}

#[test]
fn fuzz_context() {
    let propagator = propagator();
    fuzz("context", |input| {
        let extracted =
            propagator.extract_with_context(&Context::new(), &carried(&String::from_utf8_lossy(input)));
        let mut sent = Carrier::default();
        propagator.inject_context(&extracted, &mut sent);
        // W3C: 8192 bytes of baggage, each of which takes up to three when it is sent; it does not grow with what came in.
        let bytes: usize = sent.0.iter().map(|(name, value)| name.len() + value.len()).sum();
        assert!(bytes <= 28 << 10, "{bytes} bytes go on");
        let again = propagator.extract_with_context(&Context::new(), &sent);
        assert_eq!(again.span().span_context(), extracted.span().span_context());
        // The SDK sends more of it than it takes.
        assert!(again.baggage().len() <= extracted.baggage().len());
        format!("{:?} {:?}", extracted.span().span_context(), extracted.baggage())
    });
}
