//! Ends that come without a word: panics and signals.

use std::sync::{Arc, Weak};
use std::time::Duration;

use opentelemetry::Context;

use crate::value::panic;

use super::guard::{Running, Telemetry};
use crate::value::current_context;

impl Telemetry {
    /// Delivers what waits when a thread panics, before the message of the panic is printed: at most for `timeout`.
    ///
    /// It is for programs that end with a panic. Those with `panic = "abort"` never drop their `Telemetry`: for them this is
    /// [`shutdown_within`](Self::shutdown_within), and calls that are open are delivered too, as far as they got. Where panics
    /// unwind, it is a [`flush`](Self::flush); a `Telemetry` that lives in `main` is dropped by the panic of `main` anyway. Panics
    /// that are caught, as those of tasks, are held up all the same.
    ///
    /// It comes before the panic hook that is there, and does nothing once telemetry has been shut down.
    ///
    /// ```no_run
    /// # use std::time::Duration;
    /// let telemetry = llm_trace::builder().init()?;
    /// telemetry.deliver_on_panic(Duration::from_secs(2));
    /// # drop(telemetry); Ok::<(), llm_trace::ConfigError>(())
    /// ```
    pub fn deliver_on_panic(&self, timeout: Duration) {
        let Some(running) = self.running() else { return };
        let running = Arc::downgrade(running);
        let next = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            deliver(&running, timeout);
            next(panic);
        }));
    }

    /// Shuts down on `SIGTERM`, `SIGINT` (Ctrl-C) and `SIGQUIT`, within `timeout`, and then lets the signal end the program, as it would
    /// have done. A second signal ends the program at once. For programs that handle no signals: other programs call
    /// [`shutdown_within`](Self::shutdown_within) when their work is done.
    ///
    /// ```no_run
    /// # use std::time::Duration;
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let telemetry = llm_trace::builder().init()?;
    /// telemetry.shutdown_on_signals(Duration::from_secs(5))?;
    /// # drop(telemetry); Ok(()) }
    /// ```
    ///
    /// # Errors
    ///
    /// The system's error if it does not allow a signal handler, or cannot start a thread for it.
    #[cfg(all(unix, feature = "signals"))]
    pub fn shutdown_on_signals(&self, timeout: Duration) -> std::io::Result<()> {
        use signal_hook::consts::TERM_SIGNALS;
        use signal_hook::flag;
        use signal_hook::iterator::Signals;
        use signal_hook::low_level::emulate_default_handler;
        use std::sync::atomic::AtomicBool;

        let Some(running) = self.running() else { return Ok(()) };
        let running = Arc::downgrade(running);
        // In this order: the first signal finds it unset and sets it, the second ends the program.
        let is_ending = Arc::new(AtomicBool::new(false));
        for signal in TERM_SIGNALS {
            flag::register_conditional_default(*signal, Arc::clone(&is_ending))?;
            flag::register(*signal, Arc::clone(&is_ending))?;
        }
        let mut signals = Signals::new(TERM_SIGNALS)?;
        let work = move || {
            let Some(signal) = signals.forever().next() else { return };
            if let Some(running) = running.upgrade() {
                let _ = running.stop_once(Some(timeout), false);
            }
            // Ends the program. Of a signal that cannot be emulated nothing is known that could be done about it.
            let _ = emulate_default_handler(signal);
        };
        std::thread::Builder::new().name("llm-trace-signals".to_owned()).spawn(work).map(drop)
    }
}

fn deliver(running: &Weak<Running>, timeout: Duration) {
    // Our own threads survive their panics, and must not wait for themselves.
    if panic::is_catching() || current_context::with(Context::is_telemetry_suppressed) {
        return;
    }
    let Some(running) = running.upgrade().filter(|running| !running.is_stopping()) else { return };
    if cfg!(panic = "abort") {
        let _ = running.stop_once(Some(timeout), true);
    } else {
        let _ = running.flush(timeout, timeout);
    }
}
