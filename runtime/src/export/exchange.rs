//! What an exporter and the HTTP client below it tell each other about one export.
//!
//! Between them is opentelemetry-otlp, which passes on neither how much time is left nor what exactly went wrong. The
//! SDK exports one batch of a signal at a time, so each signal has one exchange.

use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// The export under way, and what its newest attempt came to.
#[derive(Debug)]
pub(super) struct Exchange {
    timeout: Duration,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    deadline: Instant,
    outcome: Outcome,
}

/// What an attempt came to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) enum Outcome {
    /// Nothing was sent: the exporter itself could not go on.
    #[default]
    Unsent,
    Accepted,
    /// The receiver took the request and refused so many of its items.
    Rejected {
        items: u64,
        message: String,
    },
    Failed(String),
}

impl Exchange {
    pub(super) fn new(timeout: Duration) -> Self {
        Exchange {
            timeout,
            state: Mutex::new(State { deadline: Instant::now(), outcome: Outcome::default() }),
        }
    }

    /// A new export: its time starts now, and is for all its attempts together.
    pub(super) fn begin(&self) {
        *self.state() = State { deadline: Instant::now() + self.timeout, outcome: Outcome::default() };
    }

    /// The time that is left for another attempt.
    pub(super) fn time_left(&self) -> Option<Duration> {
        self.state().deadline.checked_duration_since(Instant::now()).filter(|left| !left.is_zero())
    }

    /// Notes what an attempt came to; a later one has the last word.
    pub(super) fn note(&self, outcome: Outcome) {
        self.state().outcome = outcome;
    }

    /// What the export came to.
    pub(super) fn outcome(&self) -> Outcome {
        self.state().outcome.clone()
    }

    /// The reason when nobody answers in time.
    pub(super) fn timed_out(&self) -> String {
        no_answer_within(self.timeout)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The reason when nobody answers in time.
pub(super) fn no_answer_within(timeout: Duration) -> String {
    format!("timeout: no answer within {}", Spoken(timeout))
}

struct Spoken(Duration);

impl fmt::Display for Spoken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.subsec_millis() {
            0 => write!(f, "{} s", self.0.as_secs()),
            _ => write!(f, "{} ms", self.0.as_millis()),
        }
    }
}
