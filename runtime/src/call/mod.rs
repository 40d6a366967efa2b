//! One call from begin to finish: the only state machine in this crate.
//!
//! begin → (record) → finish, exactly once. A call that is dropped unfinished was cancelled, or is being unwound by a panic. Its end is a
//! [`CallRecord`], the single input of the span, the metrics and the events.

pub(crate) mod context;

mod builder;
mod capture;
mod content;
mod current;
mod future;
mod inside;
mod observed;
#[cfg(all(feature = "otlp", feature = "pricing"))]
mod priced;
#[cfg(feature = "otlp")]
mod registry;
mod root;
mod score;
pub(crate) mod stream;
mod streamed;

use std::ops::{Deref, DerefMut};
use std::panic::{RefUnwindSafe, UnwindSafe};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Instant, SystemTime};

use opentelemetry::Context;
use opentelemetry::trace::{Link, TraceContextExt as _};

use crate::model::site::Site;
use crate::model::site::{CallSite, Kind};
pub use builder::CallBuilder;
#[cfg(feature = "otlp")]
pub(crate) use content::settle as settle_content;
pub use current::{CurrentCall, current};
pub use future::{Deferred, InCall, InFuture};
pub use inside::Enter;
#[cfg(feature = "otlp")]
pub(crate) use registry::{close, end_all, keep as keep_open};

use self::context::{Agent, Scope};
use crate::content::RequestShare;
use crate::enrich::mcp;
use crate::enrich::pricing;
use crate::enrich::quality;
use crate::extract::error::ErrorFacts;
use crate::model::content::{ContentKind, Measured};
use crate::model::record::{CallRecord, Failure, Outcome};
use crate::model::request::Request;
use crate::model::response::Response;
use crate::runtime::Runtime;
use crate::sinks::span::{Begun, OpenSpan, Started};
use crate::sinks::{Sinks, Wants, metrics, texts, tracing_bridge};
use crate::value::bounds::{self, Number};
use crate::value::current_context;
use crate::value::panic::catch_user_panic;

/// A call that has begun; made by hand with [`Call::builder`]. Finish it, or drop it to report it cancelled.
#[derive(Debug)]
#[must_use = "a call that is dropped is reported as cancelled"]
pub struct Call {
    /// `None` once finished, and always if the call is unobserved.
    held: Option<Held>,
}

/// A hold on an open call.
#[derive(Debug)]
struct Held {
    open: Arc<Open>,
    /// By a stream that took the call over while its function runs, see [`stream`].
    by_stream: bool,
}

/// State shared between the call and [`current()`].
#[derive(Debug)]
struct Open {
    /// The runtime that was installed when the call began.
    runtime: Arc<Runtime>,
    site: Site,
    /// By the monotonic clock, which no clock step can bend.
    started: Instant,
    scope: Arc<Scope>,
    /// The first call of those that share a budget for content.
    is_outermost: bool,
    /// A panic has left the body.
    panicked: AtomicBool,
    /// The context with the call's span, and with the call as the current one.
    context: Context,
    as_span: OpenSpan,
    /// The `tracing` span of the call, if `tracing` is enabled.
    mirror: Option<tracing::Span>,
    /// `None` once the call has ended.
    facts: Mutex<Option<Facts>>,
    #[cfg(feature = "otlp")]
    entry: registry::Entry,
}

/// What is known of an open call.
#[derive(Debug)]
struct Facts {
    /// In its place from the start: it has more than a kilobyte, which is not moved again.
    record: Box<CallRecord>,
    holders: streamed::Holders,
    /// A score was recorded by hand.
    is_scored: bool,
}

impl Deref for Facts {
    type Target = CallRecord;

    fn deref(&self) -> &CallRecord {
        &self.record
    }
}

impl DerefMut for Facts {
    fn deref_mut(&mut self) -> &mut CallRecord {
        &mut self.record
    }
}

impl Facts {
    /// Leaves out what cannot be and what may not be recorded, before anything is made of the rest.
    fn settle(&mut self, kind: Kind, runtime: &Runtime) {
        let CallRecord { request, response, attempts, .. } = &mut **self;
        // Usage on a workflow's span would be counted twice when spans are summed: the calls inside it report it too.
        if !kind.counts_usage() && kind != Kind::Agent {
            response.usage = None;
        }
        if let Some(usage) = &mut response.usage {
            usage.keep_plausible();
        }
        attempts.count = Number::Count.check_count(attempts.count).unwrap_or_default();
        if response.rest().free_reason.is_some()
            && let Some(reason) = response.rest_mut().free_reason.take()
            && request.captures_under(runtime, ContentKind::Output)
        {
            response.rest_mut().free_reason = Some(runtime.content.redacted(reason));
        }
    }
}

impl Call {
    /// Returns whether the call is recorded.
    #[inline]
    pub(crate) fn is_open(&self) -> bool {
        self.held.is_some()
    }

    /// Begins a call, if it is observed; `arguments` sets the attribute's arguments, and runs only then.
    #[inline]
    pub(crate) fn begin_with(site: &'static CallSite, arguments: impl FnOnce(&mut Request)) -> Self {
        if observed::is_off() {
            return Call { held: None };
        }
        Deferred::new(site, arguments).begin()
    }

    /// Starts the call's span and clock, unless telemetry ends now, or the thread is being taken down: what the call would need may
    /// be gone.
    pub(crate) fn begin(runtime: Arc<Runtime>, site: Site, mut request: Request) -> Self {
        if !current_context::is_available() {
            return Call { held: None };
        }
        #[cfg(feature = "otlp")]
        let Some(_beginning) = registry::Beginning::enter() else { return Call { held: None } };
        let start_time = SystemTime::now();
        let started = Instant::now();
        let parent = match request.take_parent() {
            // The transport's span is not lost where the message names another parent.
            Some(parent) if site.kind == Kind::McpServer => {
                request.rest_mut().links.extend(link_to_transport(&parent));
                parent
            }
            given => given.unwrap_or_else(current_context::get),
        };
        let outer = CurrentCall::scope_of(&parent);
        let (scope, parent) = Scope::enter(&runtime, &outer, &site, &mut request, parent);
        // Set now, so that calls inside have it, whichever ends first.
        let _ = scope.topic(&runtime, &request);
        let started_span = catch_user_panic(|| {
            let agent = scope.agent().map(Agent::name);
            let begun = Begun {
                site: &site,
                request: &mut request,
                agent,
                speaks_openinference: runtime.content.openinference,
                at: start_time,
            };
            runtime.calls.start(begun, &parent)
        });
        // Without a span, the call must not run in its parent's span, which it would end.
        let Started { context, span: as_span } = started_span.unwrap_or_else(|| {
            let outer = parent.span().span_context().clone();
            Started { context: parent.with_remote_span_context(outer), span: OpenSpan::InContext }
        });
        let span = context.span();
        let trace_id = span.span_context().trace_id();
        if site.kind.counts_usage() {
            pricing::warm();
        }
        let mirror =
            catch_user_panic(|| tracing_bridge::start(&site, &request, span.span_context())).flatten();
        let ids = (trace_id, span.span_context().span_id());
        let record =
            Box::new(CallRecord::new(site.clone(), Arc::clone(scope.labels()), request, start_time, ids));
        let facts = Facts { record, holders: streamed::Holders::default(), is_scored: false };
        let open = Arc::new_cyclic(|open| Open {
            context: context.with_value(CurrentCall::new(open, &scope)),
            runtime,
            site,
            mirror,
            started,
            is_outermost: outer.content_budget().is_none(),
            scope,
            panicked: AtomicBool::new(false),
            as_span,
            facts: Mutex::new(Some(facts)),
            #[cfg(feature = "otlp")]
            entry: registry::Entry::new(),
        });
        #[cfg(feature = "otlp")]
        registry::Entry::enter(&open);
        Call::of(open, false)
    }

    /// Returns whether the return value is read for facts about the call.
    pub(crate) fn reads_response(&self) -> bool {
        self.held.as_ref().is_some_and(|held| held.open.site.kind.reads_response() && held.is_observed())
    }

    /// Returns whether the return value is read for documents.
    pub(crate) fn reads_documents(&self) -> bool {
        self.held.as_ref().is_some_and(|held| {
            held.open.site.kind.returns_documents()
                && held.open.runtime.quality.reads_documents()
                && held.is_observed()
        })
    }

    /// Returns whether the return value is read for a score.
    pub(crate) fn reads_verdict(&self) -> bool {
        self.held.as_ref().is_some_and(|held| {
            held.open.site.kind == Kind::Evaluator
                && held.open.runtime.makes_events_or_measures()
                && held.open.facts().as_ref().is_some_and(|facts| !facts.is_scored)
        })
    }

    /// Returns whether the return value is read for the outcome of an MCP message.
    pub(crate) fn reads_mcp_answer(&self) -> bool {
        self.held.as_ref().is_some_and(|held| held.open.site.kind.is_mcp() && held.is_observed())
    }

    /// Returns whether the text of the return value is measured.
    pub(crate) fn reads_text(&self) -> bool {
        self.held.as_ref().is_some_and(|held| {
            held.open.runtime.quality.reads_texts(held.open.site.kind)
                && held.open.runtime.calls.measures()
                && held.open.request_is(|request| !request.rest().content.skips(ContentKind::Output))
        })
    }

    /// Returns whether the return value may be recorded.
    pub(crate) fn captures_output(&self) -> bool {
        self.held.as_ref().is_some_and(|held| held.open.captures_output())
    }

    /// Returns whether the instructions and tools that a fetched response repeats may be recorded.
    pub(crate) fn captures_instructions(&self) -> bool {
        self.held.as_ref().is_some_and(|held| held.open.captures_instructions())
    }

    /// Ends the call with the response it returned.
    pub(crate) fn succeed(mut self, response: Response) {
        self.end(response, Outcome::Completed);
    }

    /// Ends the call with the error it returned.
    pub(crate) fn fail_with_facts(mut self, error: &ErrorFacts<'_>) {
        if let Some(held) = &self.held {
            let failure = streamed::failure(error, &held.open.runtime);
            self.end(Response::new(), failure.into());
        }
    }

    /// Ends the call with a value that is not read.
    pub(crate) fn complete(self) {
        self.succeed(Response::new());
    }

    /// Returns the outcome if the call, or the stream that holds it, is dropped unfinished now.
    pub(crate) fn outcome_if_dropped(&self) -> Outcome {
        if self.held.as_ref().is_some_and(|held| held.open.panicked.load(Ordering::Relaxed)) {
            Failure::new("panic", None).into()
        } else {
            Outcome::Cancelled
        }
    }

    #[cold]
    fn end_unfinished(&mut self) {
        let outcome = self.outcome_if_dropped();
        self.end(Response::new(), outcome);
    }

    fn of(open: Arc<Open>, by_stream: bool) -> Self {
        Call { held: Some(Held { open, by_stream }) }
    }

    fn end(&mut self, response: Response, outcome: Outcome) {
        if let Some(held) = self.held.take() {
            held.end(response, outcome);
        }
    }
}

impl Held {
    fn is_observed(&self) -> bool {
        self.is_seen() || self.open.runtime.makes_events_or_measures()
    }

    /// Returns whether this call is recorded other than in metrics, which record all calls.
    fn is_seen(&self) -> bool {
        self.open.mirror.is_some() || self.open.context.span().is_recording()
    }

    fn end(self, response: Response, outcome: Outcome) {
        let mut slot = self.open.facts();
        let Some(facts) = slot.as_mut() else { return };
        // Facts recorded by hand during the call override the return value.
        facts.response.fill_from(response);
        if !facts.holders.keep_open(self.by_stream, &outcome) {
            self.finish(slot, outcome);
        }
    }

    /// Ends the call for good. The lock is held until all is written, or waits to be: telemetry that ends meanwhile waits for it.
    fn finish(&self, mut slot: MutexGuard<'_, Option<Facts>>, outcome: Outcome) {
        let open = &*self.open;
        let duration = bounds::duration(open.started.elapsed());
        let Some(facts) = slot.as_mut() else { return };
        facts.settle(open.site.kind, &open.runtime);
        let (outcome, mcp_status_code) = open.conclude(facts, outcome);
        let topic = open.scope.topic(&open.runtime, &facts.request);
        let Some(Facts { mut record, .. }) = slot.take() else { return };
        record.agent = open.scope.agent().map(Agent::run);
        (record.outcome, record.mcp_status_code) = (outcome, mcp_status_code);
        (record.duration, record.topic) = (duration, topic);
        let wants = self.sinks().wants(open.site.kind, record.has_content());
        #[cfg(all(feature = "otlp", feature = "pricing"))]
        if wants.numbers && priced::waits(&record, &open.runtime) {
            return self.write_when_priced(record, wants);
        }
        if wants.numbers {
            record.price = pricing::price(&record);
        }
        self.write(record, wants);
        drop(slot);
    }

    /// Writes a call that has its price.
    fn write(&self, mut record: Box<CallRecord>, wants: Wants) {
        let (open, runtime) = (&*self.open, &*self.open.runtime);
        if wants.numbers {
            record.signals = quality::signals(&record, runtime.quality);
        }
        // A call can be dropped far from its context.
        let is_current = runtime.providers.read_current_context();
        let _attached = is_current.then(|| current_context::attach(self.open.context.clone()));
        let sinks = self.sinks();
        if let (Some(text), Some(instruments)) = (&record.response.rest().text, &sinks.instruments) {
            catch_user_panic(|| measure_text(text, instruments, &record, open));
        }
        sinks.measure(&record);
        if wants.content {
            self.export_with_content(record);
        } else {
            sinks.export(record);
        }
    }

    fn sinks(&self) -> Sinks<'_> {
        self.open.runtime.sinks(&self.open.context, &self.open.as_span, self.open.mirror.as_ref())
    }
}

/// Hands the text of a finished call on to be measured, or keeps it for the answers that follow.
fn measure_text(text: &Measured, instruments: &Arc<metrics::Instruments>, call: &CallRecord, open: &Open) {
    let (wanted, outermost) = (open.runtime.quality, open.scope.outermost());
    let kind = call.site.kind;
    if !wanted.reads_texts(kind) || call.request.rest().content.skips(ContentKind::Output) {
        return;
    }
    if kind.returns_documents() {
        if let Some(outermost) = outermost {
            outermost.retrieved(text.clone());
        }
    } else {
        let documents = outermost.map(root::RootState::documents).unwrap_or_default();
        texts::submit(texts::Job {
            place: call.site.place(),
            answer: text.clone(),
            documents,
            cell: metrics::answer_cell(call, instruments),
            wanted,
            instruments: Arc::clone(instruments),
        });
    }
}

/// The span that a message arrives in, such as that of an HTTP request, if its parent is another.
fn link_to_transport(parent: &Context) -> Option<Link> {
    let ambient = current_context::with(|current| current.span().span_context().clone());
    let is_parent = ambient.span_id() == parent.span().span_context().span_id();
    (ambient.is_valid() && !is_parent).then(|| Link::with_context(ambient))
}

// After a panic, a call holds optional facts behind a lock that is not poisoned: a function is as unwind safe with the attribute as
// without.
impl UnwindSafe for Call {}
impl RefUnwindSafe for Call {}
impl UnwindSafe for inside::Inside {}
impl RefUnwindSafe for inside::Inside {}

impl Drop for Call {
    #[inline]
    fn drop(&mut self) {
        if self.is_open() {
            self.end_unfinished();
        }
    }
}

impl Open {
    fn content_share(&self) -> Option<RequestShare<'_>> {
        let budget = self.scope.content_budget()?;
        Some(RequestShare { budget, is_outermost: self.is_outermost })
    }

    fn captures_instructions(&self) -> bool {
        let pieces = [ContentKind::System, ContentKind::Tools];
        self.site.kind == Kind::FetchResponse
            && self.request_is(|request| {
                pieces.into_iter().any(|piece| request.captures_under(&self.runtime, piece))
            })
    }

    fn captures_output(&self) -> bool {
        self.runtime.content.allows_content()
            && self.request_is(|request| request.captures_under(&self.runtime, ContentKind::Output))
    }

    /// Evaluates `question` on the request; `false` once the call has ended.
    fn request_is(&self, question: impl FnOnce(&Request) -> bool) -> bool {
        self.facts().as_ref().is_some_and(|facts| question(&facts.request))
    }

    /// Counts the call for enclosing calls that count, and returns its outcome, with the error code of an MCP message.
    fn conclude(&self, facts: &Facts, outcome: Outcome) -> (Outcome, Option<i64>) {
        let kind = self.site.kind;
        if let Some(agent) = self.scope.agent() {
            agent.count(kind);
        }
        if let (true, Some(root)) = (kind.is_inference(), self.scope.outermost()) {
            root.answered(facts.response.id.as_deref());
        }
        if !kind.is_mcp() {
            return (outcome, None);
        }
        let status_code = mcp::status_code(&facts.response, &outcome);
        (mcp::outcome(kind, &facts.response, outcome, self.runtime.names), status_code)
    }

    fn facts(&self) -> MutexGuard<'_, Option<Facts>> {
        // Nothing that can panic runs under the lock but user code in conversions, before any write.
        self.facts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
