//! Which traces are exported.

use std::fmt;
use std::time::Duration;

use opentelemetry_sdk::trace;

use super::env::{self, Source};
use super::error::invalid;
use super::{Builder, Parameter, Resolved, Result};

const SAMPLER: Parameter = Parameter::new("with_sampler", &["OTEL_TRACES_SAMPLER"]);
const RATIO: Parameter = Parameter::of_variables(&["OTEL_TRACES_SAMPLER_ARG"]);

/// Which traces are exported: all, none, or a share of them; and, whatever the share, those with an error or a slow call.
///
/// Metrics do not depend on it: they count every call.
///
/// ```no_run
/// use std::time::Duration;
/// use llm_trace::Sampler;
///
/// # fn main() -> Result<(), llm_trace::ConfigError> {
/// // One trace in a hundred, and every one that failed or took longer than 20 seconds.
/// let sampler = Sampler::ratio(0.01).keeping_errors().keeping_slower_than(Duration::from_secs(20));
/// let telemetry = llm_trace::builder().with_sampler(sampler).init()?;
/// # drop(telemetry); Ok(()) }
/// ```
///
/// # What is kept for its end
///
/// [`keeping_errors`](Self::keeping_errors) and [`keeping_slower_than`](Self::keeping_slower_than) decide when it is known how
/// a trace ended. Until then the spans that the share leaves out wait in memory, trace by trace, while a span of the trace is open
/// in this process. One span that failed or was slow brings all of its trace's spans that wait, and those that end later. At
/// most 8,192 spans and 32 MiB wait; beyond that the trace that has waited longest is dropped.
///
/// The rule knows only this process: a called service receives the flag that the trace is not sampled, and will not
/// export its part of a trace that is kept here in the end.
#[derive(Clone, Debug, PartialEq)]
pub struct Sampler {
    base: Base,
    ignores_parent: bool,
    tail: TailSampling,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Base {
    On,
    Off,
    Ratio(f64),
}

/// Conditions that export a trace that was not sampled at its start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct TailSampling {
    pub(crate) errors: bool,
    pub(crate) slower_than: Option<Duration>,
}

impl Sampler {
    /// Every trace.
    #[must_use]
    pub fn always_on() -> Self {
        Sampler::new(Base::On)
    }

    /// No trace.
    #[must_use]
    pub fn always_off() -> Self {
        Sampler::new(Base::Off)
    }

    /// This share of traces, between 0 and 1, chosen by trace id: processes with the same share choose the same traces.
    #[must_use]
    pub fn ratio(ratio: f64) -> Self {
        Sampler::new(Base::Ratio(ratio))
    }

    fn new(base: Base) -> Self {
        Sampler { base, ignores_parent: false, tail: TailSampling::default() }
    }

    /// Decides for every span by itself. Otherwise a span is exported exactly if its parent is, be that in this process or
    /// in the one that called it, and only spans without a parent are decided about.
    #[must_use]
    pub fn ignoring_parent(mut self) -> Self {
        self.ignores_parent = true;
        self
    }

    /// Exports a trace in any case if one of its spans here ends in an error.
    #[must_use]
    pub fn keeping_errors(mut self) -> Self {
        self.tail.errors = true;
        self
    }

    /// Exports a trace in any case if one of its spans here takes longer than this.
    #[must_use]
    pub fn keeping_slower_than(mut self, duration: Duration) -> Self {
        self.tail.slower_than = Some(duration);
        self
    }
}

/// The sampler of the SDK, which decides at the start of a span, and the rule that decides at its end.
#[derive(Clone, Debug)]
pub(crate) struct Sampling {
    base: Base,
    pub(crate) head: trace::Sampler,
    pub(crate) tail: Option<TailSampling>,
}

impl Sampling {
    pub(super) fn resolve(builder: &Builder, source: &dyn Source) -> Result<Resolved<Self>> {
        // An invalid ratio is an error also where it has no effect: with another sampler of the variable.
        let ratio = match builder.sampler {
            Some(_) => 1.0,
            None => RATIO.resolve(None, source, parse_ratio, 1.0)?.value,
        };
        let samplers = [
            ("always_on", Sampler::always_on().ignoring_parent()),
            ("always_off", Sampler::always_off().ignoring_parent()),
            ("traceidratio", Sampler::ratio(ratio).ignoring_parent()),
            ("parentbased_always_on", Sampler::always_on()),
            ("parentbased_always_off", Sampler::always_off()),
            ("parentbased_traceidratio", Sampler::ratio(ratio)),
        ];
        let given = builder.sampler.clone();
        let sampler = SAMPLER.resolve(given, source, env::choice(&samplers), Sampler::always_on())?;
        match sampler.value.base {
            Base::Ratio(ratio) if !is_ratio(ratio) => {
                let parameter = sampler.origin.parameter();
                Err(invalid(parameter, ratio.to_string(), "expected a ratio between 0 and 1"))
            }
            _ => Ok(sampler.map(Sampling::from)),
        }
    }
}

impl From<Sampler> for Sampling {
    fn from(sampler: Sampler) -> Self {
        let head = match sampler.base {
            Base::On => trace::Sampler::AlwaysOn,
            Base::Off => trace::Sampler::AlwaysOff,
            Base::Ratio(ratio) => trace::Sampler::TraceIdRatioBased(ratio),
        };
        let head = if sampler.ignores_parent { head } else { trace::Sampler::ParentBased(Box::new(head)) };
        let has_rule = sampler.tail != TailSampling::default();
        Sampling { base: sampler.base, head, tail: has_rule.then_some(sampler.tail) }
    }
}

/// As it may be shown: `parentbased_traceidratio 0.01, keeping errors and what is slower than 20000 ms`.
impl fmt::Display for Sampling {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if matches!(self.head, trace::Sampler::ParentBased(_)) {
            f.write_str("parentbased_")?;
        }
        match self.base {
            Base::On => f.write_str("always_on")?,
            Base::Off => f.write_str("always_off")?,
            Base::Ratio(ratio) => write!(f, "traceidratio {ratio}")?,
        }
        let Some(TailSampling { errors, slower_than }) = self.tail else { return Ok(()) };
        f.write_str(", keeping ")?;
        f.write_str(match (errors, slower_than) {
            (true, Some(_)) => "errors and ",
            (true, None) => "errors",
            (false, _) => "",
        })?;
        match slower_than {
            Some(limit) => write!(f, "what is slower than {} ms", limit.as_millis()),
            None => Ok(()),
        }
    }
}

fn parse_ratio(variable: &'static str, text: String) -> Result<f64> {
    let ratio = text.trim().parse().ok().filter(|ratio| is_ratio(*ratio));
    ratio.ok_or_else(|| invalid(variable, text, "expected a number between 0 and 1"))
}

fn is_ratio(ratio: f64) -> bool {
    (0.0..=1.0).contains(&ratio)
}
