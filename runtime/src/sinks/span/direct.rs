//! Spans that need no provider: the exporter of `init()` receives finished calls, and makes spans of them on its own thread.
//!
//! The span in the context is one of ours. Like one of the SDK's it can be written to by anybody, within the SDK's limits, and what is
//! written is on the span. Only the call ends it.

use std::borrow::Cow;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

use opentelemetry::trace::{Event, Link, Span, SpanContext, SpanId, Status, TraceContextExt as _, TraceId};
use opentelemetry::{Array, Context, KeyValue, Value};
use opentelemetry_sdk::trace::{
    IdGenerator as _, RandomIdGenerator, SamplingDecision, SamplingResult, SpanData, SpanEvents, SpanLimits,
    SpanLinks,
};

use super::attributes::{self, own_attributes};
use super::{Begun, OpenSpan, Started, Tracer};
use crate::content::{ContentPolicy, openinference};
use crate::model::record::{CallRecord, Outcome};
use crate::semconv::version::Names;

/// Receives the spans of calls.
pub(crate) trait SpanReceiver: fmt::Debug + Send + Sync {
    /// Decides about a span that would start in `parent`. `None`: spans are no longer received.
    fn sample(&self, parent: &Context, trace: TraceId) -> Option<SamplingResult>;

    /// Counts a span that starts and is recorded: each [ends](Self::end).
    fn start(&self, span: &SpanContext);

    /// Takes a span that has ended. Never blocks.
    fn end(&self, span: EndedCall);
}

/// Starts spans for a receiver.
#[derive(Clone, Debug)]
pub(crate) struct DirectTracer(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    receiver: Arc<dyn SpanReceiver>,
    limits: SpanLimits,
    policy: ContentPolicy,
    names: &'static Names,
}

impl DirectTracer {
    pub(crate) fn new(
        receiver: Arc<dyn SpanReceiver>,
        limits: SpanLimits,
        policy: ContentPolicy,
        names: &'static Names,
    ) -> Self {
        DirectTracer(Arc::new(Shared { receiver, limits, policy, names }))
    }
}

impl Tracer for DirectTracer {
    fn start(&self, call: Begun<'_>, parent: &Context) -> Started {
        let nothing = || Started {
            context: parent.with_remote_span_context(SpanContext::empty_context()),
            span: OpenSpan::InContext,
        };
        if parent.is_telemetry_suppressed() {
            return nothing();
        }
        let ids = RandomIdGenerator::default();
        let active = parent.span();
        let outer = Some(active.span_context()).filter(|outer| outer.is_valid());
        let trace = outer.map_or_else(|| ids.new_trace_id(), SpanContext::trace_id);
        let Some(sampled) = self.0.receiver.sample(parent, trace) else { return nothing() };
        let (is_recorded, is_sampled) = match sampled.decision {
            SamplingDecision::Drop => (false, false),
            SamplingDecision::RecordOnly => (true, false),
            SamplingDecision::RecordAndSample => (true, true),
        };
        let flags = outer.filter(|_| is_recorded).map(SpanContext::trace_flags).unwrap_or_default();
        let flags = flags.with_sampled(is_sampled);
        let context = SpanContext::new(trace, ids.new_span_id(), flags, false, sampled.trace_state);
        call.request.note_evaluated();
        if !is_recorded {
            return Started { context: parent.with_remote_span_context(context), span: OpenSpan::InContext };
        }
        self.0.receiver.start(&context);
        let span = Arc::new(DirectSpan {
            tracer: self.clone(),
            context: context.clone(),
            parent: outer.map_or(SpanId::INVALID, SpanContext::span_id),
            is_parent_remote: outer.is_some_and(SpanContext::is_remote),
            written: Mutex::new(Some(Written::default())),
        });
        let in_context = InContext { span: Arc::clone(&span), context };
        Started { context: parent.with_span(in_context), span: OpenSpan::Direct(span) }
    }
}

/// The span of an open call.
#[derive(Debug)]
pub(crate) struct DirectSpan {
    tracer: DirectTracer,
    context: SpanContext,
    parent: SpanId,
    is_parent_remote: bool,
    /// By others than the call. `None` once it has ended.
    written: Mutex<Option<Written>>,
}

/// What is written to a span through the API; seldom anything.
#[derive(Debug, Default)]
struct Written(Option<Box<Changes>>);

#[derive(Debug, Default)]
struct Changes {
    name: Option<Cow<'static, str>>,
    attributes: Vec<KeyValue>,
    dropped_attributes: u32,
    events: SpanEvents,
    links: SpanLinks,
    status: Status,
}

impl DirectSpan {
    /// Hands over a finished call. A call ends once.
    pub(crate) fn end(&self, mut call: Box<CallRecord>) {
        let Some(Written(changes)) = self.written().take() else { return };
        call.keep_content_as_text();
        let DirectSpan { tracer, context, parent, is_parent_remote, .. } = self;
        tracer.0.receiver.end(EndedCall {
            tracer: tracer.clone(),
            context: context.clone(),
            parent: *parent,
            is_parent_remote: *is_parent_remote,
            changes,
            call,
        });
    }

    fn written(&self) -> MutexGuard<'_, Option<Written>> {
        self.written.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn change(&self, change: impl FnOnce(&mut Changes, &SpanLimits)) {
        if let Some(Written(changes)) = &mut *self.written() {
            change(changes.get_or_insert_default(), &self.tracer.0.limits);
        }
    }
}

/// The span as others see it.
#[derive(Debug)]
struct InContext {
    span: Arc<DirectSpan>,
    context: SpanContext,
}

impl Span for InContext {
    fn add_event_with_timestamp<T>(&mut self, name: T, at: SystemTime, mut attributes: Vec<KeyValue>)
    where
        T: Into<Cow<'static, str>>,
    {
        self.span.change(|changes, limits| {
            if changes.events.len() < limits.max_events_per_span as usize {
                let dropped = truncate(&mut attributes, limits.max_attributes_per_event);
                let events = &mut changes.events.events;
                events.push(Event::new(name, at, attributes, dropped));
            } else {
                changes.events.dropped_count = changes.events.dropped_count.saturating_add(1);
            }
        });
    }

    fn span_context(&self) -> &SpanContext {
        &self.context
    }

    fn is_recording(&self) -> bool {
        self.span.written().is_some()
    }

    fn set_attribute(&mut self, attribute: KeyValue) {
        self.span.change(|changes, limits| {
            if changes.attributes.len() < limits.max_attributes_per_span as usize {
                changes.attributes.push(attribute);
            } else {
                changes.dropped_attributes = changes.dropped_attributes.saturating_add(1);
            }
        });
    }

    fn set_status(&mut self, status: Status) {
        // In a total order: Ok > Error > Unset.
        self.span.change(|changes, _| {
            if status > changes.status {
                changes.status = status;
            }
        });
    }

    fn update_name<T>(&mut self, name: T)
    where
        T: Into<Cow<'static, str>>,
    {
        self.span.change(|changes, _| changes.name = Some(name.into()));
    }

    fn add_link(&mut self, span: SpanContext, mut attributes: Vec<KeyValue>) {
        self.span.change(|changes, limits| {
            if changes.links.len() < limits.max_links_per_span as usize {
                let dropped = truncate(&mut attributes, limits.max_attributes_per_link);
                changes.links.links.push(Link::new(span, attributes, dropped));
            } else {
                changes.links.dropped_count = changes.links.dropped_count.saturating_add(1);
            }
        });
    }

    /// Only the call ends its span.
    fn end_with_timestamp(&mut self, _at: SystemTime) {}
}

/// A finished call whose span is not made yet.
#[derive(Debug)]
pub(crate) struct EndedCall {
    tracer: DirectTracer,
    context: SpanContext,
    parent: SpanId,
    is_parent_remote: bool,
    changes: Option<Box<Changes>>,
    call: Box<CallRecord>,
}

impl EndedCall {
    pub(crate) fn span_context(&self) -> &SpanContext {
        &self.context
    }

    /// About what it takes in memory.
    pub(crate) fn bytes(&self) -> usize {
        let text = |attribute: &KeyValue| match &attribute.value {
            Value::String(text) => text.as_str().len(),
            Value::Array(Array::String(texts)) => texts.iter().map(|text| text.as_str().len()).sum(),
            _ => 0,
        };
        let texts = |attributes: &[KeyValue]| attributes.iter().map(text).sum::<usize>();
        let content = &self.call.content.attributes;
        let changes = self.changes.as_deref().map(|changes| {
            let events = changes.events.iter().map(|event| texts(&event.attributes)).sum::<usize>();
            texts(&changes.attributes) + events
        });
        let message = match &self.call.outcome {
            Outcome::Failed(failure) => failure.message.as_ref().map_or(0, String::len),
            _ => 0,
        };
        CALL_BYTES
            + message
            + content.iter().map(crate::model::content::ContentAttribute::len).sum::<usize>()
            + texts(&self.call.request.attributes)
            + changes.unwrap_or_default()
    }

    /// Makes the span, as the SDK would have.
    pub(crate) fn into_span(self) -> SpanData {
        let EndedCall { tracer, context, parent, is_parent_remote, changes, mut call } = self;
        let Shared { limits, policy, names, .. } = &*tracer.0;
        let Changes { name, attributes: written, dropped_attributes, events, links, mut status } =
            changes.map(|changes| *changes).unwrap_or_default();
        let agent = attributes::agent_name(&call);
        let own_name = || attributes::name(&call.site, &call.request, agent).into();
        // What is known late names the span once more.
        let name = name.filter(|_| !call.request.is_late).unwrap_or_else(own_name);
        let mut all =
            Limited { limit: limits.max_attributes_per_span as usize, dropped: 0, list: Vec::new() };
        all.list = attributes::start_attributes(&call.site, &call.request, agent);
        if policy.openinference {
            all.list.push(openinference::span_kind(call.site.kind));
        }
        let start = all.list.len();
        all.truncate();
        let mut at_end = attributes::end_attributes(&call, policy.on_spans(), names);
        at_end.extend(call.content.on_span(policy));
        all.extend(written);
        all.dropped += dropped_attributes;
        let own: Vec<_> = own_attributes(&call, &at_end)
            .filter(|own| all.list[..start.min(all.list.len())].iter().all(|known| known.key != own.key))
            .cloned()
            .collect();
        all.extend(own);
        all.extend(at_end);
        if let Outcome::Failed(failure) = &call.outcome {
            status = status.max_of(Status::error(failure.message.clone().unwrap_or_default()));
        }
        let own_links = call.request.take_links();
        SpanData {
            span_context: context,
            parent_span_id: parent,
            parent_span_is_remote: is_parent_remote,
            span_kind: call.site.kind.span_kind(),
            name,
            start_time: call.start,
            end_time: call.end(),
            attributes: all.list,
            dropped_attributes_count: all.dropped,
            events,
            links: with_links(own_links, links, limits),
            status,
            instrumentation_scope: crate::semconv::scope(),
        }
    }
}

/// Besides its texts.
const CALL_BYTES: usize = 1024;

/// Attributes up to the limit.
struct Limited {
    limit: usize,
    dropped: u32,
    list: Vec<KeyValue>,
}

impl Limited {
    fn truncate(&mut self) {
        let dropped = self.list.len().saturating_sub(self.limit);
        self.list.truncate(self.limit);
        self.dropped = self.dropped.saturating_add(count(dropped));
    }

    fn extend(&mut self, more: impl IntoIterator<Item = KeyValue>) {
        self.list.extend(more);
        self.truncate();
    }
}

/// The links of the call come before those that were added later.
fn with_links(own: Vec<Link>, added: SpanLinks, limits: &SpanLimits) -> SpanLinks {
    let mut links = SpanLinks::default();
    links.links = own;
    for link in &mut links.links {
        link.dropped_attributes_count = truncate(&mut link.attributes, limits.max_attributes_per_link);
    }
    links.links.extend(added.links);
    let dropped = links.links.len().saturating_sub(limits.max_links_per_span as usize);
    links.links.truncate(limits.max_links_per_span as usize);
    links.dropped_count = added.dropped_count.saturating_add(count(dropped));
    links
}

fn truncate(attributes: &mut Vec<KeyValue>, limit: u32) -> u32 {
    let dropped = attributes.len().saturating_sub(limit as usize);
    attributes.truncate(limit as usize);
    count(dropped)
}

fn count(count: usize) -> u32 {
    u32::try_from(count).unwrap_or(u32::MAX)
}

/// The status that the SDK keeps of two.
trait MaxOf {
    fn max_of(self, other: Self) -> Self;
}

impl MaxOf for Status {
    fn max_of(self, other: Status) -> Status {
        if other > self { other } else { self }
    }
}
