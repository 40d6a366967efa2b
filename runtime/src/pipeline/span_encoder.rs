//! Encodes spans as an `ExportTraceServiceRequest`: protobuf is written directly, without the message structs of opentelemetry-proto, which
//! take ten times as long. The bytes are the same as theirs, which a test compares.

mod protobuf;

use std::collections::HashMap;
use std::time::{SystemTime, UNIX_EPOCH};

use opentelemetry::trace::{Event, Link, SpanId, SpanKind, Status};
use opentelemetry::{Array, InstrumentationScope, KeyValue, Value};
use opentelemetry_http::Bytes;
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::SpanData;

use protobuf::{
    MAX_HEADER, Wire, begin, end, message_len, put_bytes, put_header, put_key, put_text, put_uint,
    put_varint, varint_len,
};

/// The encoded resource, with which every request begins.
#[derive(Debug, Default)]
pub(super) struct SpanEncoder {
    /// `ResourceSpans.resource`.
    resource: Vec<u8>,
    /// `ResourceSpans.schema_url`.
    schema_url: Vec<u8>,
    /// Size of the latest request, which is about the size of the next.
    latest_bytes: usize,
}

/// A request under construction.
#[derive(Debug)]
pub(super) struct SpanRequest<'a> {
    encoder: &'a mut SpanEncoder,
    scopes: Vec<ScopeSpans>,
    /// The index in `scopes`, once there is more than one.
    by_scope: HashMap<InstrumentationScope, usize>,
    latest: usize,
}

#[derive(Debug)]
struct ScopeSpans {
    scope: InstrumentationScope,
    /// `ScopeSpans.scope`.
    header: Vec<u8>,
    /// `ScopeSpans.spans`, after `room` bytes for what comes first in the request.
    spans: Vec<u8>,
    room: usize,
}

impl SpanEncoder {
    pub(super) fn new(resource: &Resource) -> Self {
        let mut encoded = Vec::new();
        let start = begin(&mut encoded, 1);
        for (key, value) in resource {
            put_entry(&mut encoded, 1, key.as_str(), value);
        }
        end(&mut encoded, start);
        let mut schema_url = Vec::new();
        put_text(&mut schema_url, 3, resource.schema_url().unwrap_or_default());
        SpanEncoder { resource: encoded, schema_url, latest_bytes: 0 }
    }

    pub(super) fn begin(&mut self) -> SpanRequest<'_> {
        SpanRequest { encoder: self, scopes: Vec::new(), by_scope: HashMap::new(), latest: 0 }
    }
}

impl SpanRequest<'_> {
    pub(super) fn add(&mut self, span: &SpanData) {
        let scope = &span.instrumentation_scope;
        let is_latest = self.scopes.get(self.latest).is_some_and(|latest| latest.scope == *scope);
        if !is_latest {
            self.latest = self.index_of(scope);
        }
        if let Some(latest) = self.scopes.get_mut(self.latest) {
            put_span(&mut latest.spans, span);
        }
    }

    /// Returns the encoded request, which is empty if it has no spans.
    pub(super) fn finish(self) -> Bytes {
        let SpanRequest { encoder, scopes, .. } = self;
        let scopes: Vec<_> = scopes.into_iter().map(ScopeSpans::finish).collect();
        let of_scopes: usize = scopes.iter().map(|scope| message_len(scope.len())).sum();
        let len = encoder.resource.len() + of_scopes + encoder.schema_url.len();
        let mut scopes = scopes.into_iter();
        let Some(first) = scopes.next() else { return Bytes::new() };

        // What precedes the first span is written into the room before it.
        let mut start = Vec::with_capacity(first.room);
        put_header(&mut start, 1, len);
        start.extend_from_slice(&encoder.resource);
        put_header(&mut start, 2, first.len());
        start.extend_from_slice(&first.header);
        let unused = first.room.saturating_sub(start.len());
        let mut request = first.spans;
        request.splice(unused..first.room, start);
        for scope in scopes {
            put_header(&mut request, 2, scope.len());
            request.extend_from_slice(&scope.header);
            request.extend_from_slice(&scope.spans);
        }
        request.extend_from_slice(&encoder.schema_url);
        encoder.latest_bytes = request.len();
        Bytes::from(request).slice(unused..)
    }

    fn index_of(&mut self, scope: &InstrumentationScope) -> usize {
        let next = self.scopes.len();
        let index = *self.by_scope.entry(scope.clone()).or_insert(next);
        if index == next {
            let is_first = next == 0;
            let (resource, bytes) = (self.encoder.resource.len(), self.encoder.latest_bytes);
            self.scopes.push(ScopeSpans::new(scope, is_first.then_some(resource), bytes));
        }
        index
    }
}

impl ScopeSpans {
    /// Leaves room for the resource if this is the first scope of a request, for which about so many bytes are expected.
    fn new(scope: &InstrumentationScope, resource: Option<usize>, bytes: usize) -> Self {
        let mut header = Vec::new();
        let start = begin(&mut header, 1);
        put_text(&mut header, 1, scope.name());
        put_text(&mut header, 2, scope.version().unwrap_or_default());
        scope.attributes().for_each(|attribute| put_attribute(&mut header, 3, attribute));
        end(&mut header, start);
        let room = resource.map_or(0, |resource| 2 * MAX_HEADER + resource + header.len());
        let mut spans = Vec::with_capacity(if room == 0 { 0 } else { room + bytes + bytes / 8 });
        spans.resize(room, 0);
        ScopeSpans { scope: scope.clone(), header, spans, room }
    }

    fn len(&self) -> usize {
        self.header.len() + self.spans.len() - self.room
    }

    fn finish(mut self) -> Self {
        put_text(&mut self.spans, 3, self.scope.schema_url().unwrap_or_default());
        self
    }
}

fn put_span(out: &mut Vec<u8>, span: &SpanData) {
    let start = begin(out, 2);
    let context = &span.span_context;
    put_bytes(out, 1, &context.trace_id().to_bytes());
    put_bytes(out, 2, &context.span_id().to_bytes());
    put_text(out, 3, &context.trace_state().header());
    if span.parent_span_id != SpanId::INVALID {
        put_bytes(out, 4, &span.parent_span_id.to_bytes());
    }
    put_text(out, 5, &span.name);
    put_uint(out, 6, kind(&span.span_kind));
    put_time(out, 7, span.start_time);
    put_time(out, 8, span.end_time);
    span.attributes.iter().for_each(|attribute| put_attribute(out, 9, attribute));
    put_uint(out, 10, span.dropped_attributes_count);
    span.events.events.iter().for_each(|event| put_event(out, event));
    put_uint(out, 12, span.events.dropped_count);
    span.links.links.iter().for_each(|link| put_link(out, link));
    put_uint(out, 14, span.links.dropped_count);
    put_status(out, &span.status);
    put_flags(out, 16, span.parent_span_is_remote, context.trace_flags().to_u8());
    end(out, start);
}

fn kind(kind: &SpanKind) -> u32 {
    match kind {
        SpanKind::Internal => 1,
        SpanKind::Server => 2,
        SpanKind::Client => 3,
        SpanKind::Producer => 4,
        SpanKind::Consumer => 5,
    }
}

fn put_event(out: &mut Vec<u8>, event: &Event) {
    let start = begin(out, 11);
    put_time(out, 1, event.timestamp);
    put_text(out, 2, &event.name);
    event.attributes.iter().for_each(|attribute| put_attribute(out, 3, attribute));
    put_uint(out, 4, event.dropped_attributes_count);
    end(out, start);
}

fn put_link(out: &mut Vec<u8>, link: &Link) {
    let start = begin(out, 13);
    let context = &link.span_context;
    put_bytes(out, 1, &context.trace_id().to_bytes());
    put_bytes(out, 2, &context.span_id().to_bytes());
    put_text(out, 3, &context.trace_state().header());
    link.attributes.iter().for_each(|attribute| put_attribute(out, 4, attribute));
    put_uint(out, 5, link.dropped_attributes_count);
    put_flags(out, 6, context.is_remote(), context.trace_flags().to_u8());
    end(out, start);
}

fn put_status(out: &mut Vec<u8>, status: &Status) {
    let code_len = 2;
    match status {
        Status::Unset => put_header(out, 15, 0),
        Status::Ok => {
            put_header(out, 15, code_len);
            put_uint(out, 3, 1);
        }
        Status::Error { description } => {
            let text_len = if description.is_empty() { 0 } else { message_len(description.len()) };
            put_header(out, 15, text_len + code_len);
            put_text(out, 2, description);
            put_uint(out, 3, 2);
        }
    }
}

/// W3C flags, and whether the context they are about (a link's, or that of the parent) is remote, which is always known.
fn put_flags(out: &mut Vec<u8>, field: u32, is_remote: bool, w3c: u8) {
    const HAS_IS_REMOTE: u32 = 0x100;
    const IS_REMOTE: u32 = 0x200;
    let flags = u32::from(w3c) | HAS_IS_REMOTE | if is_remote { IS_REMOTE } else { 0 };
    put_key(out, field, Wire::Fixed32);
    out.extend_from_slice(&flags.to_le_bytes());
}

fn put_attribute(out: &mut Vec<u8>, field: u32, KeyValue { key, value, .. }: &KeyValue) {
    put_entry(out, field, key.as_str(), value);
}

/// A `KeyValue`.
fn put_entry(out: &mut Vec<u8>, field: u32, key: &str, value: &Value) {
    let key_len = if key.is_empty() { 0 } else { message_len(key.len()) };
    let value_len = value_len(value);
    put_header(out, field, key_len + message_len(value_len));
    put_text(out, 1, key);
    put_header(out, 2, value_len);
    put_value(out, value);
}

/// The fields of an `AnyValue`, which are there even if they are 0 or empty.
fn put_value(out: &mut Vec<u8>, value: &Value) {
    match value {
        Value::String(text) => put_bytes(out, 1, text.as_str().as_bytes()),
        Value::Bool(value) => put_bool(out, *value),
        Value::I64(value) => put_int(out, *value),
        Value::F64(value) => put_double(out, *value),
        Value::Array(array) => {
            put_header(out, 5, array_len(array));
            put_items(out, array);
        }
        // There are no others: the type allows for more in a later version.
        _ => {}
    }
}

/// The length of what [`put_value`] writes.
fn value_len(value: &Value) -> usize {
    match value {
        Value::String(text) => message_len(text.as_str().len()),
        Value::Bool(_) => BOOL_LEN,
        Value::I64(value) => int_len(*value),
        Value::F64(_) => DOUBLE_LEN,
        Value::Array(array) => message_len(array_len(array)),
        _ => 0,
    }
}

/// `ArrayValue.values`.
fn put_items(out: &mut Vec<u8>, array: &Array) {
    match array {
        Array::Bool(items) => items.iter().for_each(|item| {
            put_header(out, 1, BOOL_LEN);
            put_bool(out, *item);
        }),
        Array::I64(items) => items.iter().for_each(|item| {
            put_header(out, 1, int_len(*item));
            put_int(out, *item);
        }),
        Array::F64(items) => items.iter().for_each(|item| {
            put_header(out, 1, DOUBLE_LEN);
            put_double(out, *item);
        }),
        Array::String(items) => items.iter().for_each(|item| {
            put_header(out, 1, message_len(item.as_str().len()));
            put_bytes(out, 1, item.as_str().as_bytes());
        }),
        _ => {}
    }
}

/// The length of what [`put_items`] writes.
fn array_len(array: &Array) -> usize {
    match array {
        Array::Bool(items) => items.len() * message_len(BOOL_LEN),
        Array::I64(items) => items.iter().map(|item| message_len(int_len(*item))).sum(),
        Array::F64(items) => items.len() * message_len(DOUBLE_LEN),
        Array::String(items) => items.iter().map(|item| message_len(message_len(item.as_str().len()))).sum(),
        _ => 0,
    }
}

const BOOL_LEN: usize = 2;
const DOUBLE_LEN: usize = 9;

fn int_len(value: i64) -> usize {
    1 + varint_len(value.cast_unsigned())
}

fn put_bool(out: &mut Vec<u8>, value: bool) {
    put_key(out, 2, Wire::Varint);
    out.push(value.into());
}

fn put_int(out: &mut Vec<u8>, value: i64) {
    put_key(out, 3, Wire::Varint);
    put_varint(out, value.cast_unsigned());
}

fn put_double(out: &mut Vec<u8>, value: f64) {
    put_key(out, 4, Wire::Fixed64);
    out.extend_from_slice(&value.to_le_bytes());
}

/// Nanoseconds since 1970, where 0 stands for any time before.
fn put_time(out: &mut Vec<u8>, field: u32, time: SystemTime) {
    let nanos = time.duration_since(UNIX_EPOCH).unwrap_or_default().as_nanos();
    #[expect(clippy::cast_possible_truncation, reason = "until 2554; opentelemetry-proto does the same")]
    let nanos = nanos as u64;
    if nanos != 0 {
        put_key(out, field, Wire::Fixed64);
        out.extend_from_slice(&nanos.to_le_bytes());
    }
}

#[cfg(test)]
mod tests;
