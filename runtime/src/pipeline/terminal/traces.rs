//! In: spans as they start and end. Out: whole traces, once their last span has ended.

use std::collections::{BTreeMap, HashMap, HashSet};

use opentelemetry::trace::{SpanContext, SpanId, SpanKind, Status, TraceId};
use opentelemetry_sdk::trace::SpanData;

use super::tree;
use crate::pipeline::tail_sampling::size;
use crate::semconv::{SCOPE_NAME, attribute};

/// A trace with more spans than a person reads is shown in part.
pub(super) const MAX_SPANS: usize = 200;

/// Approximate limit on the bytes of the spans held for all traces: beyond it traces are shown in part too.
const MAX_BYTES: usize = 32 << 20;

/// A leaked span keeps its trace open for ever. Beyond this many the oldest is given up: printed as far as it got.
pub(super) const MAX_TRACES: usize = 1000;

/// Operations that are a call to a model by their very name.
const MODEL_OPERATIONS: [&str; 5] = ["chat", "text_completion", "generate_content", "embeddings", "rerank"];

/// The traces that have open spans.
#[derive(Default)]
pub(super) struct Traces {
    open: HashMap<TraceId, Trace>,
    by_age: BTreeMap<u64, TraceId>,
    started: u64,
    bytes: usize,
}

/// The effect of a span's end on its trace.
pub(super) enum End {
    OthersAreOpen,
    WasTheLast(Trace),
    OfATraceGivenUp,
}

/// The spans of one trace.
#[derive(Default)]
pub(super) struct Trace {
    age: u64,
    open: HashSet<SpanId>,
    ended: Vec<SpanData>,
    bytes: usize,
    totals: Totals,
}

/// Sums over every span that ended, shown or not.
#[derive(Default)]
pub(super) struct Totals {
    pub(super) spans: u64,
    pub(super) model_calls: u64,
    pub(super) failed: u64,
    /// Input and output, of the calls that reported any.
    pub(super) tokens: Option<(i64, i64)>,
    pub(super) dollars: Option<f64>,
}

impl Traces {
    /// Records a span that starts; returns the trace that is evicted for its trace, if there are too many.
    pub(super) fn start(&mut self, span: &SpanContext) -> Option<Trace> {
        let id = span.trace_id();
        if let Some(trace) = self.open.get_mut(&id) {
            trace.open.insert(span.span_id());
            return None;
        }
        let oldest = if self.open.len() < MAX_TRACES { None } else { self.by_age.pop_first() };
        self.started += 1;
        self.by_age.insert(self.started, id);
        let trace = Trace { age: self.started, open: HashSet::from([span.span_id()]), ..Trace::default() };
        self.open.insert(id, trace);
        let oldest = oldest.and_then(|(_, oldest)| self.open.remove(&oldest));
        self.bytes -= oldest.as_ref().map_or(0, |trace| trace.bytes);
        oldest
    }

    /// Notes a span that has ended.
    pub(super) fn end(&mut self, span: SpanData) -> End {
        let id = span.span_context.trace_id();
        // A trace can have been given up and begun again by a later span: what belongs to the first is not known here.
        let span_id = span.span_context.span_id();
        let Some(trace) = self.open.get_mut(&id).filter(|trace| trace.open.contains(&span_id)) else {
            return End::OfATraceGivenUp;
        };
        trace.open.remove(&span_id);
        if span.span_context.is_sampled() {
            trace.totals.add(&span);
            let bytes = size(&span);
            let has_room = trace.ended.len() < MAX_SPANS && self.bytes + bytes <= MAX_BYTES;
            // The root ends last and must be kept, so the cap leaves room for it.
            if has_room || trace.open.is_empty() {
                self.bytes += bytes;
                trace.bytes += bytes;
                trace.ended.push(span);
            }
        }
        if !trace.open.is_empty() {
            return End::OthersAreOpen;
        }
        self.open.remove(&id).map_or(End::OthersAreOpen, |trace| {
            self.by_age.remove(&trace.age);
            self.bytes -= trace.bytes;
            End::WasTheLast(trace)
        })
    }

    /// Returns the remaining traces, in the order they began.
    pub(super) fn into_oldest_first(mut self) -> impl Iterator<Item = Trace> {
        self.by_age.into_values().filter_map(move |id| self.open.remove(&id))
    }
}

impl Trace {
    /// The spans that are shown.
    pub(super) fn ended(&self) -> &[SpanData] {
        &self.ended
    }

    pub(super) fn still_open(&self) -> usize {
        self.open.len()
    }

    pub(super) fn not_shown(&self) -> u64 {
        self.totals.spans - self.ended.len() as u64
    }

    pub(super) fn totals(&self) -> &Totals {
        &self.totals
    }
}

impl Totals {
    fn add(&mut self, span: &SpanData) {
        self.spans += 1;
        if matches!(span.status, Status::Error { .. }) {
            self.failed += 1;
        }
        if !is_model_call(span) {
            return;
        }
        self.model_calls += 1;
        if let Some((input, output)) = tree::usage(span) {
            let (inputs, outputs) = self.tokens.unwrap_or_default();
            self.tokens = Some((inputs.saturating_add(input), outputs.saturating_add(output)));
        }
        if let Some(cost) = tree::double(span, attribute::USAGE_COST) {
            self.dollars = Some(self.dollars.unwrap_or_default() + cost);
        }
    }
}

/// Returns whether a span is a call to a model: by its operation, or because a remote party reported usage. Spans inside the process, such
/// as an agent's, may repeat the usage of the calls below them.
fn is_model_call(span: &SpanData) -> bool {
    if span.instrumentation_scope.name() != SCOPE_NAME {
        return false;
    }
    let operation = tree::text(span, attribute::OPERATION_NAME);
    operation.is_some_and(|operation| MODEL_OPERATIONS.contains(&operation))
        || (span.span_kind == SpanKind::Client && tree::usage(span).is_some())
}
