//! The ledger as metrics.

use std::sync::{Arc, Weak};

use opentelemetry::metrics::{AsyncInstrument, Meter};
use opentelemetry::{KeyValue, global};

use super::{DropReason, Signal, SignalCounts};
use crate::delivery::ledger::Ledger;
use crate::semconv::{attribute, metric};

/// Has the ledger observed by the meter provider that is global now, for the signals that are exported. Nothing is counted twice:
/// whoever collects reads what the ledger says at that time.
pub(crate) fn observe(ledger: &Arc<Ledger>, signals: &[Signal]) {
    let observed = Observed { ledger: Arc::downgrade(ledger), signals: signals.into() };
    let meter = global::meter_with_scope(crate::semconv::scope());
    let counters: [(_, _, Read); 3] = [
        (metric::DELIVERY_STARTED, "Telemetry that was begun.", SignalCounts::started),
        (metric::DELIVERY_UNSAMPLED, "Spans that the sampler left out.", SignalCounts::unsampled),
        (metric::DELIVERY_DELIVERED, "Telemetry that its receiver confirmed.", SignalCounts::delivered),
    ];
    for (name, description, read) in counters {
        observed.clone().counter(
            &meter,
            name,
            description,
            metric::UNIT_ITEMS,
            move |ledger, signal, out| {
                out.observe(read(&ledger.counts_of(signal)), &[label(signal)]);
            },
        );
    }
    let states: [(_, _, Read); 3] = [
        (metric::DELIVERY_OPEN, "Spans that have not ended.", SignalCounts::open),
        (metric::DELIVERY_QUEUED, "Telemetry that waits in memory.", SignalCounts::queued),
        (metric::DELIVERY_SPOOLED, "Telemetry that waits on disk.", SignalCounts::spooled),
    ];
    for (name, description, read) in states {
        observed.clone().state(&meter, name, description, read);
    }
    let description = "Telemetry that was lost.";
    observed.clone().counter(
        &meter,
        metric::DELIVERY_DROPPED,
        description,
        metric::UNIT_ITEMS,
        |ledger, signal, out| {
            let counts = ledger.counts_of(signal);
            // Each from the beginning: a series that begins with its first loss hides it from whoever asks for the increase.
            for reason in DropReason::ALL {
                let reason_label = KeyValue::new(attribute::DROP_REASON, reason.as_str());
                out.observe(counts.dropped_for(reason), &[reason_label, label(signal)]);
            }
        },
    );
    let description = "Requests that failed and are sent again.";
    observed.counter(
        &meter,
        metric::DELIVERY_RETRIES,
        description,
        metric::UNIT_REQUESTS,
        |ledger, signal, out| {
            out.observe(ledger.retries_of(signal), &[label(signal)]);
        },
    );
}

type Read = fn(&SignalCounts) -> u64;

/// What callbacks see. Of a ledger that is gone nothing is left to tell.
#[derive(Clone)]
struct Observed {
    ledger: Weak<Ledger>,
    signals: Arc<[Signal]>,
}

impl Observed {
    fn counter(
        self,
        meter: &Meter,
        name: &'static str,
        description: &'static str,
        unit: &'static str,
        observe: impl Fn(&Ledger, Signal, &dyn AsyncInstrument<u64>) + Send + Sync + 'static,
    ) {
        meter
            .u64_observable_counter(name)
            .with_description(description)
            .with_unit(unit)
            .with_callback(move |out| self.each(|ledger, signal| observe(ledger, signal, out)))
            .build();
    }

    fn state(self, meter: &Meter, name: &'static str, description: &'static str, read: Read) {
        let observe = move |out: &dyn AsyncInstrument<i64>| {
            self.each(|ledger, signal| {
                let count = i64::try_from(read(&ledger.counts_of(signal))).unwrap_or(i64::MAX);
                out.observe(count, &[label(signal)]);
            });
        };
        meter
            .i64_observable_up_down_counter(name)
            .with_description(description)
            .with_unit(metric::UNIT_ITEMS)
            .with_callback(observe)
            .build();
    }

    fn each(&self, mut observe: impl FnMut(&Ledger, Signal)) {
        if let Some(ledger) = self.ledger.upgrade() {
            for signal in self.signals.iter() {
                observe(&ledger, *signal);
            }
        }
    }
}

fn label(signal: Signal) -> KeyValue {
    KeyValue::new(attribute::SIGNAL, signal.as_str())
}
