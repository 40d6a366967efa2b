//! Spans through the OpenTelemetry API.

use opentelemetry::Context;
use opentelemetry::trace::{SpanBuilder, Status, TraceContextExt as _};

use super::attributes::{self, own_attributes};
use super::{Begun, OpenSpan, Started, Tracer};
use crate::content::openinference;
use crate::model::record::{CallRecord, Outcome};
use crate::sinks::Sinks;

/// A tracer of any provider.
pub(crate) struct ApiTracer<T>(pub(crate) T);

impl<T> Tracer for ApiTracer<T>
where
    T: opentelemetry::trace::Tracer + Send + Sync,
    T::Span: Send + Sync + 'static,
{
    fn start(&self, call: Begun<'_>, parent: &Context) -> Started {
        let span = self.0.build_with_context(builder(call), parent);
        Started { context: parent.with_span(span), span: OpenSpan::InContext }
    }
}

/// The span of a call that begins.
///
/// Attributes that samplers may read are set here, as the conventions require; the rest follows at the end, in one go.
fn builder(Begun { site, request, agent, speaks_openinference, at }: Begun<'_>) -> SpanBuilder {
    let mut attributes = attributes::start_attributes(site, request, agent);
    if speaks_openinference {
        attributes.push(openinference::span_kind(site.kind));
    }
    request.started(&attributes);
    request.note_evaluated();
    SpanBuilder::from_name(attributes::name(site, request, agent))
        .with_kind(site.kind.span_kind())
        .with_start_time(at)
        .with_attributes(attributes)
        .with_links(request.take_links())
}

/// Writes a finished call to the active span of its context, and ends it.
pub(crate) fn end(call: &CallRecord, sinks: &Sinks<'_>) {
    let span = sinks.context.span();
    if span.is_recording() {
        let agent = attributes::agent_name(call);
        let mut at_end = attributes::end_attributes(call, sinks.policy.on_spans(), sinks.names);
        if call.request.is_late {
            let late = attributes::start_attributes(&call.site, &call.request, agent).into_iter();
            at_end.extend(late.filter(|attribute| !call.request.is_on_span(&attribute.key)));
            span.update_name(attributes::name(&call.site, &call.request, agent));
        }
        at_end.extend(call.content.on_span(sinks.policy));
        if let Outcome::Failed(failure) = &call.outcome {
            span.set_status(Status::error(failure.message.clone().unwrap_or_default()));
        }
        span.set_attributes(own_attributes(call, &at_end).cloned());
        span.set_attributes(at_end);
    }
    span.end_with_timestamp(call.end());
}
