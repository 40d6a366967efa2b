//! The guard that delivers what is queued before the program ends.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError, mpsc};
use std::time::{Duration, Instant};

use llm_trace_delivery::{DeliveryStats, ExportReport, Signal, Spool};
use opentelemetry_sdk::logs::SdkLoggerProvider;
use opentelemetry_sdk::metrics::SdkMeterProvider;
use opentelemetry_sdk::trace::SdkTracerProvider;

use super::install::Claim;
use super::sdk_bridge::SdkBridge;
use super::span_processor::SpanPipe;
use crate::call;
use crate::content::Uploader;
use crate::enrich::pricing;
use crate::runtime::{self, Providers, Runtime};
use crate::settings::Setting;
use crate::sinks::events::EventReceiver;
use crate::sinks::texts;

/// Grace period for reporting a timeout.
const MARGIN: Duration = Duration::from_millis(500);

/// Time reserved for writing the spool during shutdown, at most half of the timeout.
const TIME_FOR_DISK: Duration = Duration::from_secs(2);

/// Time that metrics wait for the other signals at the end.
const HEAD_START: Duration = Duration::from_millis(250);

/// Time that `flush` waits for the SDK to hand over its items, which takes milliseconds.
const HANDOVER_TIME: Duration = Duration::from_secs(5);

/// Time to wait for calls that are just beginning, which takes microseconds.
const BEGIN_TIME: Duration = Duration::from_millis(250);

/// Time to wait for uploads without a receiver whose timeout applies.
const UPLOAD_TIME: Duration = Duration::from_secs(10);

/// A year: longer than any wait, and adding it to an instant does not overflow, unlike `Duration::MAX`.
const FOREVER: Duration = Duration::from_secs(365 * 24 * 60 * 60);

/// Keeps export running. Keep it until the program ends, then call [`shutdown`](Telemetry::shutdown) or drop it:
/// both deliver what is queued and stop.
///
/// Both **block** until the receiver has answered, like [`flush`](Telemetry::flush). Exports run on separate threads, so nothing deadlocks,
/// but a worker of an async runtime is blocked: call them where that does not matter, at the end of `main`, or on a blocking thread:
///
/// ```no_run
/// # async fn stop(telemetry: llm_trace::Telemetry) -> Result<(), tokio::task::JoinError> {
/// let report = tokio::task::spawn_blocking(move || telemetry.shutdown()).await?;
/// # drop(report); Ok(()) }
/// ```
#[must_use = "dropping this stops the export; keep it until the program ends"]
pub struct Telemetry {
    /// `None` if telemetry is disabled, or stopped.
    running: Option<Arc<Running>>,
}

pub(super) struct Running {
    /// As the doctor prints them.
    pub(super) settings: Vec<Setting>,
    pub(super) tracers: Option<Tracers>,
    pub(super) meters: Option<Exported<SdkMeterProvider>>,
    pub(super) loggers: Option<Loggers>,
    pub(super) spool: Option<Arc<dyn Spool>>,
    pub(super) uploader: Option<Arc<Uploader>>,
    pub(super) stats: Arc<DeliveryStats>,
    /// Once it has stopped.
    pub(super) report: Mutex<Option<ExportReport>>,
}

/// The provider of events, and how events find it.
#[derive(Debug)]
pub(super) struct Loggers {
    pub(super) exported: Exported<SdkLoggerProvider>,
    pub(super) receiver: EventReceiver,
}

/// The provider of spans, and what they pass.
#[derive(Debug)]
pub(super) struct Tracers {
    pub(super) provider: SdkTracerProvider,
    pub(super) spans: Arc<SpanPipe>,
}

/// A provider, and what is below its exporter.
#[derive(Debug)]
pub(super) struct Exported<P> {
    pub(super) provider: P,
    pub(super) bridge: Arc<SdkBridge>,
}

/// Prints each setting with its origin, and no secret.
impl fmt::Debug for Telemetry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let settings = self.running.as_ref().map(|running| &running.settings);
        f.debug_struct("Telemetry").field("settings", &settings).finish_non_exhaustive()
    }
}

impl Telemetry {
    pub(super) fn new(running: Running) -> Self {
        Telemetry { running: Some(Arc::new(running)) }
    }

    pub(crate) fn disabled() -> Self {
        runtime::update(|runtime| Runtime { providers: Providers::Disabled, ..runtime });
        Telemetry { running: None }
    }

    /// Tries to deliver everything that waits, now, and returns what has become of it so far: what could not be delivered
    /// goes on waiting, and is tried again later.
    ///
    /// Blocks until everything has been delivered, at most for the timeout of one request (10 seconds unless configured) and half a second,
    /// after up to 5 seconds in which calls are written and handed over. Until then requests to a busy receiver (408, 429, 502, 503, 504, their
    /// gRPC equivalents, a cut connection) are retried, with backoff of up to a second. One attempt is made in spite of an earlier
    /// `Retry-After`; a `Retry-After` in its response is respected. An address that refuses connections is given up after three attempts in
    /// a row, which takes less than half a second, and so is a receiver that refuses credentials or path. From async code call it in
    /// `spawn_blocking`, with the `Telemetry` in an `Arc`.
    pub fn flush(&self) -> ExportReport {
        let Some(running) = &self.running else { return DeliveryStats::default().report() };
        let timeout = running.patience().saturating_add(MARGIN);
        running.flush(HANDOVER_TIME, timeout)
    }

    /// Returns the counts of every item so far. Does not block.
    ///
    /// ```no_run
    /// # let telemetry = llm_trace::builder().init().unwrap();
    /// let spans = *telemetry.stats().spans();
    /// println!("{} delivered, {} waiting, {} lost", spans.delivered(), spans.queued(), spans.dropped());
    /// ```
    pub fn stats(&self) -> ExportReport {
        match &self.running {
            Some(running) => running.so_far(),
            None => DeliveryStats::default().report(),
        }
    }

    /// Returns the logger provider of events, for the application's log lines: they are delivered, counted and stored like events, each
    /// with the ids of the call it was logged in. `None` if no logs are sent: telemetry is off, or no receiver of logs is configured.
    ///
    /// With [opentelemetry-appender-tracing](https://docs.rs/opentelemetry-appender-tracing), which makes them of what a program
    /// logs through `tracing`:
    ///
    /// ```
    /// use opentelemetry_appender_tracing::layer::OpenTelemetryTracingBridge;
    /// use tracing_subscriber::filter::{LevelFilter, Targets};
    /// use tracing_subscriber::prelude::*;
    ///
    /// # let builder = llm_trace::builder().with_endpoint("http://localhost:4318");
    /// let telemetry = builder.init()?;
    /// // What OpenTelemetry logs while it exports would be exported as well.
    /// let wanted = Targets::new().with_default(LevelFilter::INFO).with_target("opentelemetry", LevelFilter::OFF);
    /// let logs = telemetry.logger_provider().map(OpenTelemetryTracingBridge::new);
    /// let subscriber = tracing_subscriber::registry().with(logs.with_filter(wanted));
    /// # drop(subscriber);
    /// # Ok::<(), llm_trace::ConfigError>(())
    /// ```
    ///
    /// Log records emitted after [`shutdown`](Telemetry::shutdown) are lost, and counted as dropped.
    pub fn logger_provider(&self) -> Option<&SdkLoggerProvider> {
        Some(&self.running.as_ref()?.loggers.as_ref()?.exported.provider)
    }

    /// Delivers waiting items, stops, and returns the counts of delivered and lost items. A loss is logged once: as a `tracing` error, or
    /// on stderr if no subscriber shows that.
    ///
    /// Calls that are still open end now, with what is known of them and `llm_trace.outcome = "shutdown"`; what their
    /// functions do later is not recorded, nor are calls that begin from then on. Other spans that are open, made by other means,
    /// never are exported: they are counted as open.
    ///
    /// Blocks until everything has been delivered, at most for the timeout of one request (10 seconds unless configured) and
    /// half a second. Receivers are tried as in [`flush`](Self::flush). What cannot be delivered goes to the spool, if there is
    /// one, in one transaction, for which up to 2 seconds of that time are kept. What is not stored when the time is over, because
    /// the disk is slow or full, is counted as lost. From async code: `spawn_blocking(move || telemetry.shutdown())`.
    pub fn shutdown(mut self) -> ExportReport {
        self.stop(None)
    }

    /// Like [`shutdown`](Self::shutdown), but takes no longer than `timeout` and half a second, whatever receiver and disk do: for programs
    /// that are killed some time after a request to terminate, as in Kubernetes or by systemd. Any `timeout` will do; more than a year is a
    /// year. With a spool, half of `timeout`, but no more than 2 seconds, is kept for writing what cannot be delivered.
    ///
    /// ```no_run
    /// # use std::time::Duration;
    /// # let telemetry = llm_trace::builder().init().unwrap();
    /// let report = telemetry.shutdown_within(Duration::from_secs(2));
    /// assert_eq!(report.spans().open(), 0, "every call has ended");
    /// ```
    pub fn shutdown_within(mut self, timeout: Duration) -> ExportReport {
        self.stop(Some(timeout))
    }

    fn stop(&mut self, timeout: Option<Duration>) -> ExportReport {
        match self.running.take() {
            Some(running) => running.stop_once(timeout, false),
            None => DeliveryStats::default().report(),
        }
    }

    pub(super) fn running(&self) -> Option<&Arc<Running>> {
        self.running.as_ref()
    }
}

/// Stops as [`shutdown`](Telemetry::shutdown) does, and blocks as long.
impl Drop for Telemetry {
    fn drop(&mut self) {
        let _ = self.stop(None);
    }
}

impl Running {
    // The results of the SDK's flushes and shutdowns cover the last batch only, or nothing. The stats are complete.

    /// Stops, if that has not been done already, and returns what became of everything.
    pub(super) fn stop_once(&self, timeout: Option<Duration>, from_panic: bool) -> ExportReport {
        let mut report = self.report.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(report) = &*report {
            return report.clone();
        }
        let _claim = Claim::of_guard();
        let timeout = timeout.unwrap_or_else(|| self.patience());
        self.stats.stopping();
        // Until the providers have stopped: a call that began meanwhile would be counted, and not be ended.
        let _closed = call::close(timeout.min(BEGIN_TIME));
        call::end_all(from_panic);
        call::keep_open(false);
        self.stop(timeout);
        let new = self.so_far();
        self.stats.log(&new);
        report.insert(new).clone()
    }

    /// Returns whether it has stopped, or is being stopped.
    pub(super) fn is_stopping(&self) -> bool {
        self.report.try_lock().map_or(true, |report| report.is_some())
    }

    pub(super) fn flush(&self, bridge: Duration, timeout: Duration) -> ExportReport {
        let spans = self.tracers.as_ref().map(|tracers| Arc::clone(&tracers.spans));
        let meters = self.meters.as_ref().map(|meters| meters.provider.clone());
        let loggers = self.loggers.as_ref().map(|loggers| loggers.exported.provider.clone());
        let until = after(bridge);
        settle_calls(bridge / 2);
        side_by_side(
            until,
            [
                spans.map(|spans| job(move || _ = spans.flush(bridge))),
                meters.map(|provider| job(move || drop(provider.force_flush()))),
                loggers.map(|provider| job(move || drop(provider.force_flush()))),
            ],
        );
        let until = after(timeout);
        let flushes: Vec<_> = self.handovers().map(|bridge| (bridge, bridge.sender().flush(until))).collect();
        let mut receiver_that_is_late = None;
        for (bridge, flush) in flushes {
            if !bridge.sender().wait_for_flush(flush, until) {
                receiver_that_is_late = Some(bridge.sender().destination());
            }
        }
        if let Some(uploader) = &self.uploader {
            uploader.wait(until);
        }
        let report = self.so_far();
        match receiver_that_is_late {
            Some(destination) => report.or_because(destination, "there is no answer yet"),
            None => report,
        }
    }

    /// Returns the counts so far.
    fn so_far(&self) -> ExportReport {
        let uploads = self.uploader.as_ref().map(|uploader| uploader.uploads()).unwrap_or_default();
        self.stats.report().with_uploads(uploads)
    }

    fn stop(&self, timeout: Duration) {
        let timeout = timeout.min(FOREVER);
        let end = after(timeout);
        // The disk is left some of the time, for what cannot be sent.
        let for_disk = self.spool.as_ref().map(|_| TIME_FOR_DISK.min(timeout / 2)).unwrap_or_default();
        let deadline = after(timeout.saturating_sub(for_disk));
        settle_calls(timeout / 2);
        runtime::update(|runtime| self.leave(runtime));
        if let Some(uploader) = &self.uploader {
            uploader.close();
        }
        self.handovers().for_each(|bridge| bridge.shut());
        let tracers = self.tracers.as_ref().map(|tracers| tracers.provider.clone());
        let meters = self.meters.as_ref().map(|meters| meters.provider.clone());
        let loggers = self.loggers.as_ref().map(|loggers| loggers.exported.provider.clone());
        side_by_side(
            deadline,
            [
                tracers.map(|provider| job(move || drop(provider.shutdown_with_timeout(timeout)))),
                loggers.map(|provider| job(move || drop(provider.shutdown_with_timeout(timeout)))),
            ],
        );
        // Metrics last: those of delivery cover the rest, if that is quick.
        let (metrics, others): (Vec<_>, Vec<_>) =
            self.handovers().partition(|bridge| bridge.sender().signal() == Signal::Metrics);
        for bridge in &others {
            bridge.sender().stop(deadline);
        }
        let soon = after(HEAD_START.min(timeout / 10));
        for bridge in others {
            bridge.sender().wait_for_stop(soon);
        }
        side_by_side(
            deadline,
            [meters.map(|provider| job(move || drop(provider.shutdown_with_timeout(timeout))))],
        );
        for bridge in metrics {
            bridge.sender().stop(deadline);
        }
        let senders: Vec<_> = self.handovers().map(|bridge| bridge.sender()).collect();
        let stopped_by = deadline + if self.spool.is_some() { MARGIN / 5 } else { MARGIN };
        // Items that the SDK has not handed over by now would come too late.
        self.handovers().for_each(|bridge| bridge.settle());
        llm_trace_delivery::close(&senders, self.spool.clone(), stopped_by, end + MARGIN);
        // It has worked all the while.
        if let Some(uploader) = &self.uploader {
            uploader.wait(end);
            uploader.give_up();
        }
    }

    /// Returns the runtime without the parts that stop, unless they have been replaced. Policies stay.
    fn leave(&self, mut runtime: Runtime) -> Runtime {
        let is_ours =
            |uploader: &Arc<Uploader>| self.uploader.as_ref().is_some_and(|ours| Arc::ptr_eq(ours, uploader));
        runtime.content.upload = runtime.content.upload.filter(|(uploader, _)| !is_ours(uploader));
        let receives =
            |receiver: &EventReceiver| self.loggers.as_ref().is_some_and(|ours| ours.receiver.is(receiver));
        let events = runtime.events.take().filter(|receiver| !receives(receiver));
        runtime.calls = Arc::new(runtime.calls.without_init());
        runtime.with_events(events)
    }

    /// The time that one request may take; where nothing is sent, that in which calls are written.
    fn patience(&self) -> Duration {
        let of_uploads = self.uploader.as_ref().map(|_| UPLOAD_TIME);
        self.handovers()
            .map(|bridge| bridge.sender().timeout())
            .chain(of_uploads)
            .max()
            .unwrap_or(HANDOVER_TIME)
    }

    fn handovers(&self) -> impl Iterator<Item = &Arc<SdkBridge>> {
        let tracers = self.tracers.as_ref().and_then(|tracers| tracers.spans.bridge());
        let meters = self.meters.as_ref().map(|meters| &meters.bridge);
        let loggers = self.loggers.as_ref().map(|loggers| &loggers.exported.bridge);
        [tracers, meters, loggers].into_iter().flatten()
    }
}

/// Waits for calls that end while their price, their content or their text is still worked on by other threads, in all no longer than this.
fn settle_calls(patience: Duration) {
    let until = after(patience);
    for settle in [pricing::settle, call::settle_content, texts::settle] {
        settle(until.saturating_duration_since(Instant::now()));
    }
}

type Job = Box<dyn FnOnce() + Send>;

fn job(work: impl FnOnce() + Send + 'static) -> Job {
    Box::new(work)
}

fn after(length: Duration) -> Instant {
    Instant::now() + length.min(FOREVER)
}

/// Does all jobs at a time, and waits until they are done, but no longer than until then: they run code of the program, such as the
/// callbacks of its instruments.
fn side_by_side<const N: usize>(until: Instant, jobs: [Option<Job>; N]) {
    let (done, all_done) = mpsc::channel::<()>();
    let jobs: Vec<_> = jobs.into_iter().flatten().map(|job| Mutex::new(Some(job))).map(Arc::new).collect();
    for job in &jobs {
        let (job, done) = (Arc::clone(job), done.clone());
        let work = {
            let job = Arc::clone(&job);
            move || {
                run(&job);
                drop(done);
            }
        };
        if std::thread::Builder::new().spawn(work).is_err() {
            // The system has no thread to give.
            run(&job);
        }
    }
    drop(done);
    // Ends with an error in either case: nothing is sent, and the last thread to finish disconnects.
    let _ = all_done.recv_timeout(until.saturating_duration_since(Instant::now()));
}

fn run(job: &Mutex<Option<Job>>) {
    let job = job.lock().unwrap_or_else(PoisonError::into_inner).take();
    if let Some(job) = job {
        job();
    }
}
