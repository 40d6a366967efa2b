//! The stats as metrics.

use std::sync::{Arc, Weak};

use opentelemetry::KeyValue;
use opentelemetry::metrics::{AsyncInstrument, Meter};

use super::names;
use super::stats::DeliveryStats;
use super::{DropReason, Signal, SignalCounts};

/// Has the stats observed by a meter, for the signals that are exported: the metrics `llm_trace.delivery.*`. Nothing is counted
/// twice: whoever collects reads what the stats say at that time.
pub fn observe(meter: &Meter, stats: &Arc<DeliveryStats>, signals: &[Signal]) {
    let observed = Observed { stats: Arc::downgrade(stats), signals: signals.into() };
    let counters: [(_, _, Read); 3] = [
        (names::DELIVERY_STARTED, "Telemetry that was begun.", SignalCounts::started),
        (names::DELIVERY_UNSAMPLED, "Spans that the sampler left out.", SignalCounts::unsampled),
        (names::DELIVERY_DELIVERED, "Telemetry that its receiver confirmed.", SignalCounts::delivered),
    ];
    for (name, description, read) in counters {
        observed.clone().counter(meter, name, description, names::UNIT_ITEMS, move |stats, signal, out| {
            out.observe(read(&stats.counts_of(signal)), &[label(signal)]);
        });
    }
    let readers: [(_, _, Read); 3] = [
        (names::DELIVERY_OPEN, "Spans that have not ended.", SignalCounts::open),
        (names::DELIVERY_QUEUED, "Telemetry that waits in memory.", SignalCounts::queued),
        (names::DELIVERY_SPOOLED, "Telemetry that waits on disk.", SignalCounts::spooled),
    ];
    for (name, description, read) in readers {
        observed.clone().state(meter, name, description, read);
    }
    let description = "Telemetry that was lost.";
    observed.clone().counter(
        meter,
        names::DELIVERY_DROPPED,
        description,
        names::UNIT_ITEMS,
        |stats, signal, out| {
            let counts = stats.counts_of(signal);
            // Each from the beginning: a series that begins with its first loss hides it from whoever asks for the increase.
            for reason in DropReason::ALL {
                let reason_label = KeyValue::new(names::DROP_REASON, reason.as_str());
                out.observe(counts.dropped_for(reason), &[reason_label, label(signal)]);
            }
        },
    );
    let description = "Requests that failed and are sent again.";
    observed.counter(
        meter,
        names::DELIVERY_RETRIES,
        description,
        names::UNIT_REQUESTS,
        |stats, signal, out| {
            out.observe(stats.retries_of(signal), &[label(signal)]);
        },
    );
}

type Read = fn(&SignalCounts) -> u64;

/// What callbacks see. Of a stats that is gone nothing is left to tell.
#[derive(Clone)]
struct Observed {
    stats: Weak<DeliveryStats>,
    signals: Arc<[Signal]>,
}

impl Observed {
    fn counter(
        self,
        meter: &Meter,
        name: &'static str,
        description: &'static str,
        unit: &'static str,
        observe: impl Fn(&DeliveryStats, Signal, &dyn AsyncInstrument<u64>) + Send + Sync + 'static,
    ) {
        meter
            .u64_observable_counter(name)
            .with_description(description)
            .with_unit(unit)
            .with_callback(move |out| self.each(|stats, signal| observe(stats, signal, out)))
            .build();
    }

    fn state(self, meter: &Meter, name: &'static str, description: &'static str, read: Read) {
        let observe = move |out: &dyn AsyncInstrument<i64>| {
            self.each(|stats, signal| {
                let count = i64::try_from(read(&stats.counts_of(signal))).unwrap_or(i64::MAX);
                out.observe(count, &[label(signal)]);
            });
        };
        meter
            .i64_observable_up_down_counter(name)
            .with_description(description)
            .with_unit(names::UNIT_ITEMS)
            .with_callback(observe)
            .build();
    }

    fn each(&self, mut observe: impl FnMut(&DeliveryStats, Signal)) {
        if let Some(stats) = self.stats.upgrade() {
            for signal in self.signals.iter() {
                observe(&stats, *signal);
            }
        }
    }
}

fn label(signal: Signal) -> KeyValue {
    KeyValue::new(names::SIGNAL, signal.as_str())
}
