//! Decides whether a call is observed: asked first, so that an unobserved call costs next to nothing.

use std::sync::Arc;

use opentelemetry::trace::TraceContextExt;

use crate::model::site::CallSite;
use crate::runtime::{self, Providers, Runtime};
use crate::sinks::tracing_bridge;
use crate::value::current_context;

/// Returns whether no call is observed, without looking at what is installed.
#[inline]
pub(super) fn is_off() -> bool {
    #[cfg(feature = "otlp")]
    let is_disabled = runtime::is_disabled() && !tracing_bridge::can_be_wanted();
    #[cfg(not(feature = "otlp"))]
    let is_disabled = false;
    cfg!(feature = "off") || is_disabled
}

/// Returns the runtime that a call begins under, if it is observed.
pub(super) fn observing(site: &CallSite) -> Option<Arc<Runtime>> {
    runtime::current_if(|runtime| is_observed(runtime, site))
}

fn is_observed(runtime: &Runtime, site: &CallSite) -> bool {
    match runtime.providers {
        #[cfg(feature = "otlp")]
        Providers::Installed => true,
        #[cfg(feature = "testing")]
        Providers::Capturing => true,
        Providers::OfProgram => {
            tracing_bridge::can_be_wanted()
                || runtime.events.is_some()
                || runtime.calls.is_provided()
                || is_continued(site)
        }
        #[cfg(feature = "otlp")]
        Providers::Disabled => tracing_bridge::can_be_wanted(),
    }
}

/// Without a tracer provider, a program may still propagate the trace that it is part of.
fn is_continued(site: &CallSite) -> bool {
    site.has_parent || current_context::with(TraceContextExt::has_active_span)
}
