//! Compares the encoding with that of opentelemetry-proto, which opentelemetry-otlp uses, byte by byte.

use std::borrow::Cow;
use std::time::Duration;

use opentelemetry::trace::{SpanContext, TraceFlags, TraceId, TraceState};
use opentelemetry::{Key, StringValue};
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::transform::common::tonic::ResourceAttributesWithSchema;
use opentelemetry_proto::transform::trace::tonic::group_spans_by_resource_and_scope;
use opentelemetry_sdk::trace::{SpanEvents, SpanLinks};
use prost::Message;

use crate::pipeline::span_encoder::*;

fn encoded(resource: &Resource, batches: &[Vec<SpanData>]) -> Vec<Bytes> {
    let mut encoder = SpanEncoder::new(resource);
    let request = |batch: &Vec<SpanData>| {
        let mut request = encoder.begin();
        for span in batch {
            request.add(span);
        }
        request.finish()
    };
    batches.iter().map(request).collect()
}

fn reference(resource: &Resource, batch: &[SpanData]) -> ExportTraceServiceRequest {
    let resource = ResourceAttributesWithSchema::from(resource);
    ExportTraceServiceRequest { resource_spans: group_spans_by_resource_and_scope(batch.to_vec(), &resource) }
}

/// With one encoder for all batches, as in the pipeline.
fn assert_same(resource: &Resource, batches: &[Vec<SpanData>]) {
    for (found, batch) in encoded(resource, batches).iter().zip(batches) {
        let expected = reference(resource, batch);
        if *found != expected.encode_to_vec() {
            let decoded = ExportTraceServiceRequest::decode(&found[..]);
            panic!("of {batch:#?}\nfound {decoded:#?}\nexpected {expected:#?}");
        }
    }
}

fn plain() -> SpanData {
    SpanData {
        span_context: SpanContext::new(1.into(), 2.into(), TraceFlags::SAMPLED, false, TraceState::NONE),
        parent_span_id: SpanId::INVALID,
        parent_span_is_remote: false,
        span_kind: SpanKind::Internal,
        name: Cow::Borrowed("work"),
        start_time: UNIX_EPOCH + Duration::new(1_700_000_000, 123_456_789),
        end_time: UNIX_EPOCH + Duration::new(1_700_000_001, 1),
        attributes: Vec::new(),
        dropped_attributes_count: 0,
        events: SpanEvents::default(),
        links: SpanLinks::default(),
        status: Status::Unset,
        instrumentation_scope: InstrumentationScope::default(),
    }
}

fn event(timestamp: SystemTime, attributes: Vec<KeyValue>) -> SpanData {
    let mut span = plain();
    span.events.events.push(Event::new("e", timestamp, attributes, 3));
    span.events.dropped_count = 4;
    span
}

fn link(context: SpanContext, attributes: Vec<KeyValue>) -> SpanData {
    let mut span = plain();
    span.links.links.push(Link::new(context, attributes, 5));
    span.links.dropped_count = 6;
    span
}

/// Of every type, with what is special about each.
fn values() -> Vec<Value> {
    let integers = [0, 1, -1, 127, 128, 16_383, 16_384, i64::MAX, i64::MIN];
    let doubles = [0.0, -0.0, 0.7, f64::MAX, f64::MIN_POSITIVE, f64::NAN, -f64::NAN, f64::INFINITY];
    let texts = [0, 1, 127, 128, 129, 16_370, 16_384].map(|bytes| "x".repeat(bytes));
    let texts: Vec<_> = texts.into_iter().map(StringValue::from).chain(["ä€😀\0".into()]).collect();
    let mut values = vec![Value::Bool(false), Value::Bool(true)];
    values.extend(integers.map(Value::I64));
    values.extend(doubles.map(Value::F64));
    values.extend(texts.iter().cloned().map(Value::String));
    let arrays = [
        Array::Bool(vec![true, false, true]),
        Array::I64(integers.to_vec()),
        Array::F64(doubles.to_vec()),
        Array::String(texts),
        Array::Bool(Vec::new()),
        Array::I64(Vec::new()),
        Array::F64(Vec::new()),
        Array::String(Vec::new()),
        Array::Bool(vec![false; 200]),
    ];
    values.extend(arrays.map(Value::Array));
    values
}

fn scope(name: &'static str) -> opentelemetry::InstrumentationScopeBuilder {
    InstrumentationScope::builder(name)
}

fn resources() -> [Resource; 3] {
    let attributes =
        values().into_iter().enumerate().map(|(at, value)| KeyValue::new(format!("r{at}"), value));
    let service = KeyValue::new("service.name", "a service");
    [
        Resource::builder_empty().build(),
        Resource::builder_empty().with_attribute(service).build(),
        Resource::builder_empty().with_schema_url(attributes, "https://example.com/schema").build(),
    ]
}

#[test]
fn every_type_of_value_is_encoded_as_the_exporter_does_wherever_it_is() {
    let remote = SpanContext::new(3.into(), 4.into(), TraceFlags::default(), true, TraceState::NONE);
    let attributes =
        |value: &Value| vec![KeyValue::new("k", value.clone()), KeyValue::new("", value.clone())];
    let spans: Vec<_> = values()
        .iter()
        .enumerate()
        .flat_map(|(at, value)| {
            let on_span = SpanData { attributes: attributes(value), ..plain() };
            // Two scopes with 0.0 and -0.0 are equal, but their hashes differ.
            let scope =
                scope("a scope").with_version(at.to_string()).with_attributes(attributes(value)).build();
            let on_scope = SpanData { instrumentation_scope: scope, ..plain() };
            let on_event = event(UNIX_EPOCH, attributes(value));
            [on_span, on_scope, on_event, link(remote.clone(), attributes(value))]
        })
        .collect();
    let each: Vec<_> = spans.iter().cloned().map(|span| vec![span]).collect();
    assert_same(&resources()[1], &each);
    for resource in resources() {
        assert_same(&resource, std::slice::from_ref(&spans));
    }
    let longest = SpanData { attributes: attributes(&"x".repeat(1 << 21).into()), ..plain() };
    assert_same(&resources()[1], &[vec![plain(), longest]]);
}

#[test]
fn every_field_of_a_span_is_encoded_as_the_exporter_does() {
    let state = TraceState::from_key_value([("vendor", "value"), ("other", "")]).unwrap();
    let context = |trace: TraceId, span: SpanId, flags, is_remote| {
        SpanContext::new(trace, span, TraceFlags::new(flags), is_remote, state.clone())
    };
    let contexts = [
        SpanContext::empty_context(),
        context(TraceId::INVALID, 1.into(), 0, false),
        context(u128::MAX.into(), u64::MAX.into(), 0xff, true),
        context(1.into(), SpanId::INVALID, 1, true),
    ];
    let second = Duration::from_secs(1);
    let times = [
        UNIX_EPOCH,
        UNIX_EPOCH - second,
        UNIX_EPOCH + Duration::from_nanos(1),
        UNIX_EPOCH + Duration::from_nanos(u64::MAX),
        // Beyond the range of the field.
        UNIX_EPOCH + Duration::from_nanos(u64::MAX) + second,
        UNIX_EPOCH + Duration::from_secs(1 << 40),
    ];
    let kinds =
        [SpanKind::Client, SpanKind::Server, SpanKind::Producer, SpanKind::Consumer, SpanKind::Internal];
    let statuses = [Status::Unset, Status::Ok, Status::error(""), Status::error("x".repeat(200))];
    let names = [0, 1, 127, 128, 20_000].map(|length| "n".repeat(length));
    let scopes = [
        scope(""),
        scope("a scope").with_version("1.0"),
        scope("a scope").with_version("1.0").with_schema_url("https://example.com/s"),
        scope("a scope").with_attributes([KeyValue::new("a", 1), KeyValue::new("b", "text")]),
        // The same scope as before, with its attributes in another order.
        scope("a scope").with_attributes([KeyValue::new("b", "text"), KeyValue::new("a", 1)]),
        scope("a scope").with_version("1.0"),
    ];
    let mut spans = Vec::new();
    spans.extend(contexts.iter().cloned().map(|span_context| SpanData { span_context, ..plain() }));
    spans.extend(contexts.into_iter().map(|context| link(context, Vec::new())));
    spans.extend(times.map(|start_time| SpanData { start_time, ..plain() }));
    spans.extend(times.map(|end_time| SpanData { end_time, ..plain() }));
    spans.extend(times.map(|timestamp| event(timestamp, Vec::new())));
    spans.extend(kinds.map(|span_kind| SpanData { span_kind, ..plain() }));
    spans.extend(statuses.map(|status| SpanData { status, ..plain() }));
    spans.extend(names.map(|name| SpanData { name: Cow::Owned(name), ..plain() }));
    spans.extend([false, true].map(|is_remote| SpanData {
        parent_span_id: 7.into(),
        parent_span_is_remote: is_remote,
        ..plain()
    }));
    spans.extend([1, 127, 128, u32::MAX].map(|count| {
        let mut span = SpanData { dropped_attributes_count: count, ..plain() };
        (span.events.dropped_count, span.links.dropped_count) = (count, count);
        span
    }));
    spans.extend(scopes.map(|scope| SpanData { instrumentation_scope: scope.build(), ..plain() }));
    let each: Vec<_> = spans.iter().cloned().map(|span| vec![span]).collect();
    for resource in resources() {
        assert_same(&resource, &each);
        assert_same(&resource, std::slice::from_ref(&spans));
    }
}

/// A linear congruential generator.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).unwrap() % limit
    }

    fn number(&mut self) -> u64 {
        let bits = u32::try_from(self.below(64)).unwrap();
        ((self.below(1 << 31) as u64) << 33 | self.below(1 << 31) as u64) >> bits
    }

    fn text(&mut self) -> String {
        let length = [0, 3, 20, 130, 17_000][self.below(5) % (1 + self.below(5))];
        (0..length).map(|_| ['a', 'ä', '€', '😀'][self.below(4)]).collect()
    }

    fn value(&mut self) -> Value {
        let length = self.below(6);
        match self.below(8) {
            0 => Value::Bool(self.below(2) == 0),
            1 => Value::I64(self.number().cast_signed()),
            2 => Value::F64(f64::from_bits(self.number())),
            3 => Value::Array(Array::Bool((0..length).map(|_| self.below(2) == 0).collect())),
            4 => Value::Array(Array::I64((0..length).map(|_| self.number().cast_signed()).collect())),
            5 => Value::Array(Array::F64((0..length).map(|_| f64::from_bits(self.number())).collect())),
            6 => Value::Array(Array::String((0..length).map(|_| self.text().into()).collect())),
            _ => Value::String(self.text().into()),
        }
    }

    fn attributes(&mut self) -> Vec<KeyValue> {
        (0..self.below(12)).map(|_| KeyValue::new(Key::from(self.text()), self.value())).collect()
    }

    fn time(&mut self) -> SystemTime {
        UNIX_EPOCH + Duration::from_nanos(self.number())
    }

    fn context(&mut self) -> SpanContext {
        let trace = u128::from(self.number()) << 64 | u128::from(self.number());
        let flags = TraceFlags::new(self.number().to_le_bytes()[0]);
        let state = TraceState::from_key_value((0..self.below(3)).map(|at| (format!("k{at}"), "v"))).unwrap();
        SpanContext::new(trace.into(), self.number().into(), flags, self.below(2) == 0, state)
    }

    fn span(&mut self) -> SpanData {
        let names = ["one", "two", "three"];
        let scope = InstrumentationScope::builder(names[self.below(3)]).with_version(self.text()).build();
        let mut span = SpanData {
            span_context: self.context(),
            parent_span_id: self.number().into(),
            parent_span_is_remote: self.below(2) == 0,
            name: Cow::Owned(self.text()),
            start_time: self.time(),
            end_time: self.time(),
            attributes: self.attributes(),
            dropped_attributes_count: self.number().to_le_bytes()[0].into(),
            instrumentation_scope: scope,
            ..plain()
        };
        for _ in 0..self.below(3) {
            let (time, attributes) = (self.time(), self.attributes());
            span.events.events.push(Event::new(self.text(), time, attributes, 1));
            span.links.links.push(Link::new(self.context(), self.attributes(), 2));
        }
        span
    }
}

#[test]
fn random_batches_are_encoded_as_the_exporter_does() {
    for seed in 0..20 {
        let mut random = Random(seed);
        let attributes = random.attributes();
        let resource = Resource::builder_empty().with_attributes(attributes).build();
        let batches: Vec<Vec<_>> =
            (0..5).map(|_| (0..=random.below(30)).map(|_| random.span()).collect()).collect();
        assert_same(&resource, &batches);
    }
}

#[test]
fn nothing_is_encoded_of_no_spans() {
    assert_eq!(encoded(&resources()[1], &[Vec::new()]), [Bytes::new()]);
}
