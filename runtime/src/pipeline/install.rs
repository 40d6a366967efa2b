//! From what was built to what is installed, in one step.

use std::sync::Arc;

use opentelemetry::metrics::{Meter, MeterProvider, NoopMeterProvider};
use opentelemetry::{InstrumentationScope, global};
use opentelemetry_sdk::metrics::SdkMeterProvider;
use opentelemetry_sdk::trace::SpanLimits;

use super::span_processor::SpanPipe;
use crate::content::ContentPolicy;
use crate::enrich::quality::{QualitySignals, Topics};
use crate::runtime::{self, Providers, Runtime, TagRules};
use crate::semconv::version::Names;
use crate::settings::{ConfigError, Settings};
use crate::sinks::events::EventReceiver;
use crate::sinks::span::direct::DirectTracer;

/// The policies of one `init()`.
pub(super) struct Policies {
    pub(super) content: ContentPolicy,
    pub(super) names: &'static Names,
    pub(super) quality: QualitySignals,
    pub(super) topics: Option<Arc<Topics>>,
    pub(super) tags: Arc<TagRules>,
    pub(super) cardinality_limit: usize,
}

impl Policies {
    /// Without an upload, whose thread is not started yet.
    pub(super) fn new(settings: &Settings) -> Self {
        let content = &settings.content;
        Policies {
            content: ContentPolicy {
                capture: content.capture.value,
                are_events_received: false,
                error_messages: content.error_messages.value,
                openinference: content.openinference.value,
                rules: Arc::new(content.rules()),
                upload: None,
            },
            names: settings.semconv.value.names(),
            quality: settings.quality.value,
            topics: settings.topics.value.clone().map(Arc::new),
            tags: Arc::new(settings.tags.rules()),
            cardinality_limit: settings.cardinality_limit.value,
        }
    }

    /// Installs them with a receiver of events. Signals that are not sent (traces, metrics, events) stay with the provider that the
    /// program has named.
    pub(super) fn install(
        &self,
        receiver: Option<&EventReceiver>,
        spans: Option<(Arc<SpanPipe>, SpanLimits)>,
        meters: Option<&SdkMeterProvider>,
    ) {
        let tracer =
            spans.map(|(spans, limits)| DirectTracer::new(spans, limits, self.content.clone(), self.names));
        runtime::update(|earlier| {
            let calls = earlier.calls.renewed(self.names, self.cardinality_limit, tracer.clone(), meters);
            let events = receiver.cloned().or(earlier.events);
            let installed = Runtime {
                providers: Providers::Installed,
                names: self.names,
                content: self.content.clone(),
                quality: self.quality,
                topics: self.topics.clone(),
                tags: Arc::clone(&self.tags),
                calls: Arc::new(calls),
                events: None,
                is_claimed: earlier.is_claimed,
            };
            installed.with_events(events)
        });
    }
}

/// The right to be the one guard: a second set of global providers would silently cut off the first. Given back when dropped.
pub(super) struct Claim;

impl Claim {
    pub(super) fn take() -> Result<Self, ConfigError> {
        runtime::try_update(|runtime| {
            if runtime.is_claimed {
                return Err(ConfigError::AlreadyInitialised);
            }
            Ok(Runtime { is_claimed: true, ..runtime })
        })?;
        Ok(Claim)
    }

    /// For a guard, which [releases](Claim::of_guard) it when it has stopped.
    pub(super) fn keep(self) {
        std::mem::forget(self);
    }

    /// The one that a guard has kept.
    pub(super) fn of_guard() -> Self {
        Claim
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        runtime::update(|runtime| Runtime { is_claimed: false, ..runtime });
    }
}

/// The earlier global meter provider, which is restored on drop.
pub(super) struct GlobalMeters(Option<Arc<dyn MeterProvider + Send + Sync>>);

impl GlobalMeters {
    pub(super) fn set(provider: &SdkMeterProvider) -> Self {
        let earlier = GlobalMeters(Some(global::meter_provider()));
        global::set_meter_provider(provider.clone());
        earlier
    }

    /// Leaves the new one in place.
    pub(super) fn keep(mut self) {
        self.0 = None;
    }
}

impl Drop for GlobalMeters {
    fn drop(&mut self) {
        match self.0.take() {
            // The no-op provider has nothing inside, by which it is known.
            Some(earlier) if size_of_val(&*earlier) == 0 => {
                global::set_meter_provider(NoopMeterProvider::new());
            }
            Some(earlier) => global::set_meter_provider(Shared(earlier)),
            None => {}
        }
    }
}

struct Shared(Arc<dyn MeterProvider + Send + Sync>);

impl MeterProvider for Shared {
    fn meter_with_scope(&self, scope: InstrumentationScope) -> Meter {
        self.0.meter_with_scope(scope)
    }
}
