//! The guard that delivers what is queued before the program ends.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use opentelemetry_sdk::logs::SdkLoggerProvider;
use opentelemetry_sdk::metrics::SdkMeterProvider;
use opentelemetry_sdk::trace::SdkTracerProvider;

use super::exchange::no_answer_within;
use super::ledger::Ledger;
use super::receipt::Receipt;
use crate::call;
use crate::events::Installed;

/// An export that runs into its timeout is given this much longer to say so.
const MARGIN: Duration = Duration::from_secs(1);

/// Keeps export running. Keep it until the program ends, then call [`shutdown`](Telemetry::shutdown) or drop it:
/// both deliver what is queued and stop.
///
/// Both **block** until the receiver has answered, like [`flush`](Telemetry::flush). Exports run on threads of their
/// own, so nothing deadlocks, but a worker of an async runtime is held up: call them where that does not matter, at
/// the end of `main`, or move them away:
///
/// ```no_run
/// # async fn stop(telemetry: llm_trace::Telemetry) -> Result<(), tokio::task::JoinError> {
/// let receipt = tokio::task::spawn_blocking(move || telemetry.shutdown()).await?;
/// # drop(receipt); Ok(()) }
/// ```
#[derive(Debug)]
#[must_use = "dropping this stops the export; keep it until the program ends"]
pub struct Telemetry {
    /// `None` if telemetry is disabled, or stopped.
    running: Option<Running>,
}

#[derive(Debug)]
pub(super) struct Running {
    pub(super) tracers: Option<Exported<SdkTracerProvider>>,
    pub(super) meters: Option<Exported<SdkMeterProvider>>,
    pub(super) loggers: Option<Loggers>,
    pub(super) ledger: Arc<Ledger>,
}

/// The provider of events, and the place where events find it.
#[derive(Debug)]
pub(super) struct Loggers {
    pub(super) exported: Exported<SdkLoggerProvider>,
    pub(super) installed: Installed,
}

/// A provider, and where it exports to.
#[derive(Debug)]
pub(super) struct Exported<P> {
    pub(super) provider: P,
    pub(super) destination: String,
    /// For one export.
    pub(super) timeout: Duration,
}

impl Telemetry {
    pub(super) fn new(running: Running) -> Self {
        Telemetry { running: Some(running) }
    }

    pub(crate) fn disabled() -> Self {
        call::disabled();
        Telemetry { running: None }
    }

    /// Delivers what is queued now and returns what has been delivered so far.
    ///
    /// Blocks until the receiver has answered: at most 5 seconds for spans and events, and side by side with that at most the
    /// timeout of one export for metrics, or of two if one is under way already. From async code call it in
    /// `spawn_blocking`, with the `Telemetry` in an `Arc`.
    pub fn flush(&self) -> Receipt {
        let Some(running) = &self.running else { return Ledger::default().receipt() };
        running.flush()
    }

    /// Delivers what is queued, stops, and returns what was delivered and what was not. That something was lost is
    /// said once: as a `tracing` error, or on stderr if no subscriber shows that. Spans still open are lost.
    ///
    /// Blocks until the receiver has answered, at most for the timeout of one export (10 seconds unless configured) or
    /// 5 seconds, whichever is longer, and a second. From async code: `spawn_blocking(move || telemetry.shutdown())`.
    pub fn shutdown(mut self) -> Receipt {
        self.stop()
    }

    fn stop(&mut self) -> Receipt {
        let Some(running) = self.running.take() else { return Ledger::default().receipt() };
        running.ledger.stopping();
        running.stop();
        super::INSTALLED.store(false, Ordering::Release);
        let receipt = running.ledger.receipt();
        running.ledger.report(&receipt);
        receipt
    }
}

/// Stops as [`shutdown`](Telemetry::shutdown) does, and blocks as long.
impl Drop for Telemetry {
    fn drop(&mut self) {
        self.stop();
    }
}

impl Running {
    // Failures are counted in the ledger, where the SDK's own results would only tell of the last batch, or nothing.

    fn flush(&self) -> Receipt {
        let metrics = || {
            if let Some(meters) = &self.meters {
                let _ = meters.provider.force_flush();
            }
        };
        let unfinished_events = AtomicBool::new(false);
        let events = || {
            if let Some(Loggers { exported, .. }) = &self.loggers {
                unfinished_events.store(exported.provider.force_flush().is_err(), Ordering::Relaxed);
            }
        };
        let spans = || self.tracers.as_ref().filter(|tracers| tracers.provider.force_flush().is_err());
        let tracers = side_by_side(metrics, || side_by_side(events, spans));
        let loggers = self.loggers.as_ref().filter(|_| unfinished_events.load(Ordering::Relaxed));
        let unfinished = tracers.map(|tracers| &tracers.destination);
        let unfinished = unfinished.or(loggers.map(|loggers| &loggers.exported.destination));
        let receipt = self.ledger.receipt();
        match unfinished {
            Some(destination) => receipt.or_because(destination, "there is no answer yet"),
            None => receipt,
        }
    }

    fn stop(&self) {
        let metrics = || {
            let Some(Exported { provider, destination, timeout }) = &self.meters else { return };
            let patience = *timeout + MARGIN;
            let until = Instant::now() + patience;
            // The reader's own patience is fixed at 5 seconds; its last export goes on after that.
            if provider.shutdown().is_err() && !self.ledger.wait_for_metrics(until) {
                self.ledger.failed(destination, no_answer_within(patience));
            }
        };
        let events = || {
            if let Some(Loggers { exported, installed }) = &self.loggers {
                installed.remove();
                let _ = exported.provider.shutdown_with_timeout(exported.timeout + MARGIN);
            }
        };
        let spans = || {
            if let Some(tracers) = &self.tracers {
                let _ = tracers.provider.shutdown_with_timeout(tracers.timeout + MARGIN);
            }
        };
        side_by_side(metrics, || side_by_side(events, spans));
    }
}

/// Does both at a time, so that one receiver that hangs is waited for once; one after the other if the system has
/// no thread to give.
fn side_by_side<T>(one: impl Fn() + Sync, other: impl FnOnce() -> T) -> T {
    let one = &one;
    std::thread::scope(|scope| {
        let spawned = std::thread::Builder::new().spawn_scoped(scope, one);
        let result = other();
        match spawned {
            // A panic of a worker's has been printed; what it kept from arriving is in the ledger.
            Ok(thread) => drop(thread.join()),
            Err(_) => one(),
        }
        result
    })
}
