//! The guard that delivers what is queued before the program ends.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use opentelemetry_sdk::metrics::SdkMeterProvider;
use opentelemetry_sdk::trace::SdkTracerProvider;

use super::ledger::{Ledger, Receipt};

/// Keeps export running. Keep it until the program ends, then call [`shutdown`](Telemetry::shutdown) or drop it:
/// both deliver what is queued and stop.
#[derive(Debug)]
#[must_use = "dropping this stops the export; keep it until the program ends"]
pub struct Telemetry {
    /// `None` if telemetry is disabled.
    running: Option<Running>,
    stopped: bool,
}

#[derive(Debug)]
struct Running {
    tracers: SdkTracerProvider,
    meters: Option<SdkMeterProvider>,
    ledger: Arc<Ledger>,
}

impl Telemetry {
    pub(super) fn new(
        tracers: SdkTracerProvider,
        meters: Option<SdkMeterProvider>,
        ledger: Arc<Ledger>,
    ) -> Self {
        Telemetry { running: Some(Running { tracers, meters, ledger }), stopped: false }
    }

    pub(super) fn disabled() -> Self {
        Telemetry { running: None, stopped: false }
    }

    /// Delivers what is queued now and returns what has been delivered so far. Blocks until the receiver has
    /// answered or timed out: from async code call it in `spawn_blocking`.
    pub fn flush(&self) -> Receipt {
        let Some(running) = &self.running else { return Ledger::default().receipt() };
        // Failures are counted in the ledger, where the SDK's own result would only tell of the last batch.
        let _ = running.tracers.force_flush();
        if let Some(meters) = &running.meters {
            let _ = meters.force_flush();
        }
        running.ledger.receipt()
    }

    /// Delivers what is queued, stops, and returns what was delivered and what was not. If something was lost, that
    /// is said once: as a `tracing` error, or on stderr if no subscriber is set. Spans still open are lost.
    pub fn shutdown(mut self) -> Receipt {
        self.stop()
    }

    fn stop(&mut self) -> Receipt {
        self.stopped = true;
        let receipt = match self.running.take() {
            None => Ledger::default().receipt(),
            Some(Running { tracers, meters, ledger }) => {
                let _ = tracers.shutdown();
                if let Some(meters) = meters {
                    let _ = meters.shutdown();
                }
                ledger.receipt()
            }
        };
        super::INSTALLED.store(false, Ordering::Release);
        if !receipt.is_complete() {
            report(&receipt);
        }
        receipt
    }
}

impl Drop for Telemetry {
    fn drop(&mut self) {
        if !self.stopped {
            self.stop();
        }
    }
}

fn report(receipt: &Receipt) {
    if tracing::dispatcher::has_been_set() {
        tracing::error!(target: "llm_trace", "{receipt}");
    } else {
        #[expect(clippy::print_stderr, reason = "the program's last words; no subscriber would show them")]
        {
            eprintln!("llm-trace: {receipt}");
        }
    }
}
