//! Reports the configuration, the source of each value, and whether the receivers answer.
//!
//! ```no_run
//! let report = llm_trace::builder().with_service_name("support-bot").doctor();
//! println!("{report}");
//! if !report.is_healthy() {
//!     std::process::exit(1);
//! }
//! ```
//!
//! For the environment alone there is `llm_trace::doctor()`, and `cargo run --example doctor` in this repository.

use llm_trace_delivery::{Signal, TransportConfig};

mod explain;
mod look;
mod probe;
mod report;
mod storage;

pub use explain::{Problem, ProblemKind};
pub use report::{Check, Report};
pub use storage::SpoolCheck;

pub use crate::settings::{Origin, Setting};

use crate::settings::{Builder, Environment, Settings, builder};

/// Examines what the environment configures; see [`Builder::doctor`].
pub fn doctor() -> Report {
    builder().doctor()
}

impl Builder {
    /// Examines the configuration that [`init`](Builder::init) would use, and sends an empty export to the receiver of each signal. Checks
    /// whether a spool can be written, and counts the requests stored in it. Installs nothing and changes nothing. The report shows no
    /// header's value, no user or query of a URL, and only common parts of its path.
    ///
    /// **Blocks** until the receivers have answered, at most for the timeout of one export (10 seconds unless configured) and
    /// a few more where the first answer needs a second look. In async code: `spawn_blocking`.
    pub fn doctor(self) -> Report {
        match Settings::resolve(&self, &Environment) {
            Ok(Some(settings)) => {
                Report::new(settings.overview(), checks(&settings), storage::check(settings.spool.as_ref()))
            }
            Ok(None) => Report::disabled(),
            Err(error) => Report::invalid(error),
        }
    }
}

/// All receivers at a time: one that hangs is waited for once.
fn checks(settings: &Settings) -> Vec<Check> {
    let exported = [
        (Signal::Traces, &settings.traces, true),
        (Signal::Metrics, &settings.metrics, true),
        (Signal::Logs, &settings.events, settings.are_events_asked_for.value),
    ];
    let exported = exported.into_iter().filter_map(|(signal, destination, is_needed)| {
        Some((signal, destination.value.otlp()?.transport(), is_needed))
    });
    let exported: Vec<_> = exported.collect();
    std::thread::scope(|scope| {
        let check = |one: &(Signal, TransportConfig, bool)| probe::check(one.0, &one.1, one.2);
        let spawned: Vec<_> = exported
            .iter()
            .map(|one| (one, std::thread::Builder::new().spawn_scoped(scope, move || check(one))))
            .collect();
        let finished =
            spawned.into_iter().map(|(one, thread)| match thread.map(std::thread::ScopedJoinHandle::join) {
                Ok(Ok(finished)) => finished,
                // No thread to be had, or one that panicked: here, then.
                Ok(Err(_)) | Err(_) => check(one),
            });
        finished.collect()
    })
}
