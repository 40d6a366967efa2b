//! One call from begin to finish: the only state machine in this crate.
//!
//! begin → (record) → finish, exactly once. A call that is dropped unfinished was cancelled, or is being unwound
//! by a panic. Whatever ends it becomes a [`Finished`], the single input of the span and the metrics.

mod current;
mod site;
mod value;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use opentelemetry::Context;
use opentelemetry::trace::{TraceContextExt, TraceId};

pub use current::{CurrentCall, current};
pub use site::{CallSite, Kind};
pub use value::{AttributeValue, Double, Flag, Int, Text, TextList};
pub(crate) use value::{string_array, widen};

use crate::context::{Agent, Scope};
use crate::pricing::{self, Price};
use crate::request::Request;
use crate::response::{ErrorFacts, Response};
use crate::{metrics, mirror, privacy, span};

/// A call that has begun. Finish it, or drop it to report it cancelled.
#[derive(Debug)]
#[must_use = "a call that is dropped is reported as cancelled"]
pub struct Call {
    open: Arc<Open>,
    context: Context,
    finished: bool,
}

/// What is shared between the call and [`current()`].
#[derive(Debug)]
struct Open {
    site: &'static CallSite,
    /// Wall-clock start for the span; durations come from the monotonic clock, which no clock step can bend.
    start_time: SystemTime,
    started: Instant,
    trace_id: TraceId,
    scope: Arc<Scope>,
    /// The call as `tracing` sees it, if anybody looks.
    mirror: Option<tracing::Span>,
    /// A call begun while a panic already unwinds (in a destructor) is not ended by that panic.
    panicking: bool,
    facts: Mutex<Facts>,
}

#[derive(Debug)]
struct Facts {
    request: Request,
    response: Response,
    ended: bool,
}

/// A call that has ended, seen by span and metrics alike.
pub(crate) struct Finished<'a> {
    pub(crate) site: &'static CallSite,
    /// The agent on whose behalf the call ran; for an agent, itself.
    pub(crate) agent: Option<&'a Agent>,
    pub(crate) request: &'a Request,
    pub(crate) response: &'a Response,
    pub(crate) outcome: &'a Outcome<'a>,
    pub(crate) price: &'a Price,
    pub(crate) duration: Duration,
}

/// How a call ended.
#[derive(Debug)]
pub(crate) enum Outcome<'a> {
    Completed,
    Failed { error_type: &'a str, message: Option<String> },
    Cancelled,
}

impl Finished<'_> {
    /// The name of the tool, agent, workflow or task: as given, or the function's.
    pub(crate) fn own_name(&self) -> &str {
        self.request.name.as_deref().unwrap_or(self.site.function)
    }
}

impl Call {
    /// Starts the call's span and clock.
    pub(crate) fn begin(site: &'static CallSite, mut request: Request) -> Self {
        let start_time = SystemTime::now();
        let started = Instant::now();
        let parent = request.parent.take().unwrap_or_else(Context::current);
        let scope = Scope::enter(&CurrentCall::scope_of(&parent), site, &mut request);
        let context = span::start(site, &mut request, &scope, &parent, start_time);
        let span = context.span();
        let (is_recording, trace_id) = (span.is_recording(), span.span_context().trace_id());
        if site.kind.counts_usage() && is_recording {
            pricing::warm();
        }
        let mirror = mirror::start(site, &request);
        let open = Arc::new(Open {
            site,
            mirror,
            trace_id,
            start_time,
            started,
            scope,
            panicking: std::thread::panicking(),
            facts: Mutex::new(Facts { request, response: Response::new(), ended: false }),
        });
        let context = context.with_value(CurrentCall::new(&open));
        Call { open, context, finished: false }
    }

    /// The context in which the call's body must run, so that what it starts becomes its child.
    pub(crate) fn context(&self) -> &Context {
        &self.context
    }

    /// Whether the return value is read for usage: of calls of this kind, if anybody is there to be told.
    pub(crate) fn reads_response(&self) -> bool {
        self.open.site.kind.reads_response() && (metrics::are_wanted() || self.is_seen())
    }

    /// Whether anybody looks at this very call; metrics are made of all calls.
    fn is_seen(&self) -> bool {
        self.open.mirror.is_some() || self.context.span().is_recording()
    }

    /// Ends the call with the response it returned.
    pub(crate) fn succeed(mut self, response: Response) {
        self.end(response, &Outcome::Completed);
    }

    /// Ends the call with the error it returned.
    pub(crate) fn fail(mut self, error: &ErrorFacts<'_>) {
        let message = error.message.and_then(privacy::error_message);
        self.end(Response::new(), &Outcome::Failed { error_type: &error.error_type, message });
    }

    fn end(&mut self, response: Response, outcome: &Outcome<'_>) {
        self.finished = true;
        let open = &*self.open;
        let duration = open.started.elapsed();
        let mut facts = open.facts();
        facts.ended = true;
        // What was recorded by hand during the call overrides what its return value tells.
        facts.response.fill_from(response);
        // Usage on a workflow's span would be added to that of the calls inside it by whoever sums up spans.
        if !open.site.kind.counts_usage() && open.site.kind != Kind::Agent {
            facts.response.usage = None;
        }
        let is_measured = metrics::are_wanted();
        let is_observed = is_measured || self.is_seen();
        let price = if open.site.kind.counts_usage() && is_observed {
            pricing::price(&facts.request, &facts.response)
        } else {
            Price::None
        };
        if let Some(agent) = open.scope.agent() {
            agent.count(open.site.kind);
        }
        let finished = Finished {
            site: open.site,
            agent: open.scope.agent(),
            request: &facts.request,
            response: &facts.response,
            outcome,
            price: &price,
            duration,
        };
        if is_measured {
            // A call that is dropped can be far from its context, by which a test knows its measurements.
            #[cfg(feature = "testing")]
            let _attached = self.context.clone().attach();
            metrics::record(&finished);
        }
        if let Some(span) = &open.mirror {
            mirror::end(span, &finished);
        }
        let end_time = open.start_time.checked_add(duration).unwrap_or(open.start_time);
        span::end(&finished, &self.context, end_time);
    }
}

impl Drop for Call {
    fn drop(&mut self) {
        if self.finished {
            return;
        }
        let outcome = if std::thread::panicking() && !self.open.panicking {
            Outcome::Failed { error_type: "panic", message: None }
        } else {
            Outcome::Cancelled
        };
        self.end(Response::new(), &outcome);
    }
}

impl Open {
    fn facts(&self) -> MutexGuard<'_, Facts> {
        // Nothing that can panic runs under the lock but user code in conversions, before any write.
        self.facts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
