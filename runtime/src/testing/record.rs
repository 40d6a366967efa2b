//! The record of one capture, and the assignment of telemetry to captures.
//!
//! A capture is a value in the OpenTelemetry context, so it is propagated with the context. A span that has ended has a trace id only, and
//! a server under test only receives a `traceparent` header: for these, the trace ids of a capture are recorded too.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::{Duration, SystemTime};

use opentelemetry::trace::{SpanContext, SpanId, TraceId};
use opentelemetry::{Context, KeyValue};
use opentelemetry_sdk::trace::SpanData;

use super::event::Emitted;
use crate::sinks::events;
use crate::value::current_context;

/// The context value by which code runs under a capture.
#[derive(Clone, Debug)]
pub(super) struct Active(pub(super) Arc<Record>);

pub(super) struct Record {
    seed: Option<u32>,
    began: SystemTime,
    state: Mutex<State>,
}

#[derive(Default)]
pub(super) struct State {
    pub(super) spans: Vec<Recorded>,
    pub(super) measurements: Vec<Measurement>,
    pub(super) events: Vec<Emitted>,
    ticks: u64,
    trace_ids: u64,
    span_ids: u64,
}

/// A span that has started.
#[derive(Clone, Debug)]
pub(super) struct Recorded {
    /// As it was at the start, until it has ended.
    pub(super) data: SpanData,
    /// Since the capture began.
    pub(super) started: Duration,
    pub(super) ended: Option<Duration>,
}

/// One value that was given to an instrument.
#[derive(Clone, Debug)]
pub(super) struct Measurement {
    pub(super) metric: Arc<str>,
    pub(super) unit: Arc<str>,
    /// Sorted by key.
    pub(super) labels: Vec<KeyValue>,
    pub(super) value: f64,
}

static TRACES: Mutex<Option<HashMap<TraceId, Weak<Record>>>> = Mutex::new(None);
static SEEDS: Mutex<Option<HashSet<u32>>> = Mutex::new(None);

/// The capture that the current context is under.
pub(super) fn current() -> Option<Arc<Record>> {
    current_context::with(of_context)
}

/// The capture that `context` is under.
pub(super) fn of_context(context: &Context) -> Option<Arc<Record>> {
    context.get::<Active>().map(|active| Arc::clone(&active.0))
}

/// The capture that a trace is part of.
pub(super) fn of_trace(trace_id: TraceId) -> Option<Arc<Record>> {
    lock(&TRACES).as_ref()?.get(&trace_id)?.upgrade()
}

/// Reserves a seed; returns whether it was free.
pub(super) fn take_seed(seed: u32) -> bool {
    lock(&SEEDS).get_or_insert_default().insert(seed)
}

/// Removes the records of a capture whose handle is dropped.
pub(super) fn forget(record: &Arc<Record>) {
    if let Some(traces) = lock(&TRACES).as_mut() {
        traces.retain(|_, of| !std::ptr::eq(of.as_ptr(), Arc::as_ptr(record)));
    }
    if let Some(seeds) = lock(&SEEDS).as_mut().filter(|_| record.seed.is_some()) {
        seeds.retain(|seed| Some(*seed) != record.seed);
    }
}

/// A test that fails while it holds a lock must not fail the others.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl std::fmt::Debug for Record {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Record").field("seed", &self.seed).finish_non_exhaustive()
    }
}

impl Record {
    pub(super) fn new(seed: Option<u32>) -> Self {
        Record { seed, began: SystemTime::now(), state: Mutex::default() }
    }

    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        lock(&self.state)
    }

    pub(super) fn next_trace_id(&self) -> Option<TraceId> {
        let seed = u128::from(self.seed?) << 96;
        let number = count_up(&mut self.state().trace_ids);
        Some(TraceId::from(seed | u128::from(number)))
    }

    pub(super) fn next_span_id(&self) -> Option<SpanId> {
        let seed = u64::from(self.seed?) << 32;
        let number = count_up(&mut self.state().span_ids);
        Some(SpanId::from(seed | number))
    }

    pub(super) fn start(self: &Arc<Self>, data: SpanData) {
        let trace_id = data.span_context.trace_id();
        lock(&TRACES).get_or_insert_default().insert(trace_id, Arc::downgrade(self));
        let mut state = self.state();
        let started = self.offset(data.start_time, &mut state);
        state.spans.push(Recorded { data, started, ended: None });
    }

    pub(super) fn end(&self, data: SpanData) {
        let mut state = self.state();
        let ended = self.offset(data.end_time, &mut state);
        let is_it = |span: &&mut Recorded| same_span(&span.data.span_context, &data.span_context);
        if let Some(span) = state.spans.iter_mut().rev().find(is_it) {
            span.ended = Some(ended);
            span.data = data;
        }
    }

    pub(super) fn measure(&self, mut measurement: Measurement) {
        if self.seed.is_some() && &*measurement.unit == "s" {
            measurement.value = 0.0;
        }
        self.state().measurements.push(measurement);
    }

    pub(super) fn emit(&self, event: events::Event) {
        let mut state = self.state();
        let at = match self.seed {
            None => event.at.duration_since(self.began).unwrap_or_default(),
            Some(_) => Duration::from_millis(state.ticks),
        };
        state.events.push(Emitted { event, at });
    }

    fn offset(&self, at: SystemTime, state: &mut State) -> Duration {
        if self.seed.is_none() {
            return at.duration_since(self.began).unwrap_or_default();
        }
        Duration::from_millis(count_up(&mut state.ticks))
    }
}

fn count_up(counter: &mut u64) -> u64 {
    *counter += 1;
    *counter
}

fn same_span(a: &SpanContext, b: &SpanContext) -> bool {
    (a.trace_id(), a.span_id()) == (b.trace_id(), b.span_id())
}
