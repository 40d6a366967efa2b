//! The stats as metrics.

use std::sync::{Arc, Weak};

use opentelemetry::KeyValue;
use opentelemetry::metrics::{AsyncInstrument, Meter};

use super::names;
use super::stats::{DeliveryStats, Exporter, Processor};
use super::{DropReason, Signal};

/// Upper bounds of the buckets of durations, in seconds.
const DURATIONS: [f64; 14] =
    [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0];

/// Registers instruments that observe the stats. Nothing is counted twice: each collection reads the current counts. Counts of 0 have no
/// series.
///
/// | metric | of |
/// | --- | --- |
/// | `otel.sdk.span.started`, `otel.sdk.span.live`, `otel.sdk.log.created` | what the SDK made, if it [passes a processor](crate::ItemState::Processor) |
/// | `otel.sdk.processor.{span,log}.queue.size`, `.queue.capacity`, `.processed` | processors that [are known](DeliveryStats::set_processor) |
/// | `otel.sdk.exporter.{span,log,metric_data_point}.inflight`, `.exported` | what was handed over, in memory and on disk, and what became of it; `error.type` is a [`DropReason`] |
/// | `otel.sdk.exporter.operation.duration` | requests, from the first attempt to the last, in seconds |
/// | `llm_trace.delivery.spooled`, `.retries`, `.unsampled` | what waits on disk, requests that failed and are sent again, spans that the sampler left out |
pub fn observe(meter: &Meter, stats: &Arc<DeliveryStats>) {
    let durations = meter.f64_histogram(names::OPERATION_DURATION);
    let durations = durations.with_description("Duration of an export, with its retries.").with_unit("s");
    stats.set_durations(durations.with_boundaries(DURATIONS.to_vec()).build());
    let observed = Observed { meter, stats: Arc::downgrade(stats) };
    for signal in Signal::ALL {
        observed.exporter(signal);
        if signal != Signal::Metrics {
            observed.processor(signal);
        }
    }
    observed.sdk();
    observed.ours();
}

/// View of the stats for callbacks. Dropped stats are not observed.
struct Observed<'a> {
    meter: &'a Meter,
    stats: Weak<DeliveryStats>,
}

impl Observed<'_> {
    fn exporter(&self, signal: Signal) {
        let (item, unit) = names::item(signal);
        let of_exporter = move |stats: &DeliveryStats, out: &mut dyn FnMut(u64, Vec<KeyValue>)| {
            let Some(Exporter { attributes, .. }) = stats.exporter(signal) else { return };
            let counts = stats.counts_of(signal);
            out(counts.delivered(), attributes.clone());
            for &reason in DropReason::ALL {
                out(counts.dropped_by_exporter(reason), with(attributes, names::ERROR_TYPE, reason.as_str()));
            }
        };
        let name = format!("otel.sdk.exporter.{item}.exported");
        self.counter(name, "Export has finished, successful or failed.", unit, of_exporter);
        let name = format!("otel.sdk.exporter.{item}.inflight");
        self.level(
            name,
            "Handed to the exporter, and neither delivered nor dropped.",
            unit,
            move |stats, out| {
                let Some(Exporter { attributes, .. }) = stats.exporter(signal) else { return };
                let counts = stats.counts_of(signal);
                out(counts.in_exporter() + counts.spooled(), attributes.clone());
            },
        );
    }

    fn processor(&self, signal: Signal) {
        let (item, unit) = names::item(signal);
        let name = format!("otel.sdk.processor.{item}.processed");
        self.counter(name, "Handed to the exporter, or dropped before.", unit, move |stats, out| {
            let Some(Processor { attributes, .. }) = stats.processor(signal) else { return };
            let counts = stats.counts_of(signal);
            out(counts.processed(), attributes.to_vec());
            for &reason in DropReason::ALL {
                let error_type = match reason {
                    DropReason::AfterShutdown => "already_shutdown",
                    other => other.as_str(),
                };
                let attributes = with(attributes, names::ERROR_TYPE, error_type);
                out(counts.dropped_by_processor(reason), attributes);
            }
        });
        let name = format!("otel.sdk.processor.{item}.queue.size");
        self.level(name, "In the queue of the processor.", unit, move |stats, out| {
            let Some(Processor { attributes, .. }) = stats.processor(signal) else { return };
            out(stats.counts_of(signal).in_processor(), attributes.to_vec());
        });
        let name = format!("otel.sdk.processor.{item}.queue.capacity");
        self.level(name, "What the queue of the processor holds.", unit, move |stats, out| {
            let Some(Processor { attributes, capacity }) = stats.processor(signal) else { return };
            out(*capacity, attributes.to_vec());
        });
    }

    fn sdk(&self) {
        let counts_of = |stats: &DeliveryStats, signal| stats.counts_of(signal);
        self.counter(
            names::SPAN_STARTED.to_owned(),
            "Spans that were created.",
            "{span}",
            move |stats, out| {
                out(counts_of(stats, Signal::Traces).created(), Vec::new());
            },
        );
        self.level(names::SPAN_LIVE.to_owned(), "Spans that have not ended.", "{span}", move |stats, out| {
            let counts = counts_of(stats, Signal::Traces);
            if counts.created() > 0 {
                out(counts.open(), Vec::new());
            }
        });
        let description = "Log records that were emitted.";
        self.counter(names::LOG_CREATED.to_owned(), description, "{log_record}", move |stats, out| {
            out(counts_of(stats, Signal::Logs).created(), Vec::new());
        });
    }

    /// Counts without an OpenTelemetry name.
    fn ours(&self) {
        let label = |signal: Signal| vec![KeyValue::new(names::SIGNAL, signal.as_str())];
        let description = "Spans that the sampler left out.";
        self.counter(
            names::DELIVERY_UNSAMPLED.to_owned(),
            description,
            names::UNIT_ITEMS,
            move |stats, out| {
                out(stats.counts_of(Signal::Traces).unsampled(), label(Signal::Traces));
            },
        );
        let description = "Requests that failed and are sent again.";
        self.counter(
            names::DELIVERY_RETRIES.to_owned(),
            description,
            names::UNIT_REQUESTS,
            move |stats, out| {
                for signal in Signal::ALL {
                    out(stats.retries_of(signal), label(signal));
                }
            },
        );
        let description = "Telemetry that waits on disk.";
        self.level(names::DELIVERY_SPOOLED.to_owned(), description, names::UNIT_ITEMS, move |stats, out| {
            for signal in Signal::ALL {
                if stats.exporter(signal).is_some_and(|exporter| exporter.has_spool) {
                    out(stats.counts_of(signal).spooled(), label(signal));
                }
            }
        });
    }

    /// A count of 0 is left out.
    fn counter(
        &self,
        name: String,
        description: &'static str,
        unit: &'static str,
        read: impl Fn(&DeliveryStats, &mut dyn FnMut(u64, Vec<KeyValue>)) + Send + Sync + 'static,
    ) {
        let stats = Weak::clone(&self.stats);
        let observe = move |out: &dyn AsyncInstrument<u64>| {
            if let Some(stats) = stats.upgrade() {
                read(&stats, &mut |count, attributes| {
                    if count > 0 {
                        out.observe(count, &attributes);
                    }
                });
            }
        };
        let counter = self.meter.u64_observable_counter(name).with_description(description);
        counter.with_unit(unit).with_callback(observe).build();
    }

    fn level(
        &self,
        name: String,
        description: &'static str,
        unit: &'static str,
        read: impl Fn(&DeliveryStats, &mut dyn FnMut(u64, Vec<KeyValue>)) + Send + Sync + 'static,
    ) {
        let stats = Weak::clone(&self.stats);
        let observe = move |out: &dyn AsyncInstrument<i64>| {
            if let Some(stats) = stats.upgrade() {
                read(&stats, &mut |count, attributes| {
                    out.observe(i64::try_from(count).unwrap_or(i64::MAX), &attributes);
                });
            }
        };
        let level = self.meter.i64_observable_up_down_counter(name).with_description(description);
        level.with_unit(unit).with_callback(observe).build();
    }
}

fn with(attributes: &[KeyValue], key: &'static str, value: &'static str) -> Vec<KeyValue> {
    let mut attributes = attributes.to_vec();
    attributes.push(KeyValue::new(key, value));
    attributes
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::time::Duration;

    use opentelemetry::metrics::MeterProvider as _;
    use opentelemetry_sdk::metrics::data::{AggregatedMetrics, MetricData, ResourceMetrics, ScopeMetrics};
    use opentelemetry_sdk::metrics::{InMemoryMetricExporter, PeriodicReader, SdkMeterProvider};

    use super::*;
    use crate::ItemState;

    /// Name and labels of each series, and its value.
    fn measured(stats: &Arc<DeliveryStats>, work: impl FnOnce()) -> BTreeMap<String, i128> {
        let exporter = InMemoryMetricExporter::default();
        let reader = PeriodicReader::builder(exporter.clone()).build();
        let provider = SdkMeterProvider::builder().with_reader(reader).build();
        observe(&provider.meter("test"), stats);
        work();
        provider.force_flush().expect("in memory");
        let mut series = BTreeMap::new();
        let finished = exporter.get_finished_metrics().expect("in memory");
        for metric in finished.iter().flat_map(ResourceMetrics::scope_metrics).flat_map(ScopeMetrics::metrics)
        {
            let mut add = |attributes: &mut dyn Iterator<Item = &KeyValue>, value: i128| {
                let mut name = metric.name().to_owned();
                let mut labels: Vec<_> = attributes.collect();
                labels.sort_by_key(|label| label.key.as_str());
                for label in labels {
                    name = format!("{name} {}", label.value);
                }
                assert_eq!(series.insert(name, value), None, "{metric:?}");
            };
            match metric.data() {
                AggregatedMetrics::U64(MetricData::Sum(sum)) => {
                    sum.data_points().for_each(|point| add(&mut point.attributes(), point.value().into()));
                }
                AggregatedMetrics::I64(MetricData::Sum(sum)) => {
                    sum.data_points().for_each(|point| add(&mut point.attributes(), point.value().into()));
                }
                AggregatedMetrics::F64(MetricData::Histogram(histogram)) => {
                    histogram
                        .data_points()
                        .for_each(|point| add(&mut point.attributes(), point.count().into()));
                }
                other => panic!("{other:?}"),
            }
        }
        series
    }

    #[test]
    fn what_never_happened_has_no_series() {
        let stats = Arc::new(DeliveryStats::default());
        assert_eq!(measured(&stats, || ()), BTreeMap::new());
        stats.set_exporter(Signal::Logs, vec![KeyValue::new("t", "exporter")], false);
        let expected = BTreeMap::from([("otel.sdk.exporter.log.inflight exporter".to_owned(), 0)]);
        assert_eq!(measured(&stats, || ()), expected, "nothing is in flight, and that is known");
    }

    #[test]
    fn what_a_processor_loses_no_exporter_is_blamed_for() {
        let stats = Arc::new(DeliveryStats::default());
        let spans = Signal::Traces;
        stats.set_processor(spans, "p", 4);
        stats.set_exporter(spans, vec![KeyValue::new("t", "e")], true);
        let work = || {
            stats.entered(spans, ItemState::Unsampled, 1);
            stats.entered(spans, ItemState::Spooled, 2); // by an earlier process
            stats.entered(spans, ItemState::Open, 12);
            let full = ItemState::Dropped(DropReason::QueueFull);
            stats.moved(spans, 3, ItemState::Open, full);
            stats.moved(spans, 1, ItemState::Open, ItemState::Dropped(DropReason::AfterShutdown));
            stats.moved(spans, 7, ItemState::Open, ItemState::Processor);
            stats.moved(spans, 5, ItemState::Processor, ItemState::Queued);
            stats.moved(spans, 2, ItemState::Queued, full);
            stats.moved(spans, 2, ItemState::Queued, ItemState::Delivered);
            stats.retried(spans);
            stats.exported(spans, Duration::from_millis(7), None);
            stats.exported(spans, Duration::from_millis(7), Some(DropReason::Rejected));
        };
        let expected = [
            ("llm_trace.delivery.retries traces", 1),
            ("llm_trace.delivery.spooled traces", 2),
            ("llm_trace.delivery.unsampled traces", 1),
            ("otel.sdk.exporter.operation.duration e", 1),
            ("otel.sdk.exporter.operation.duration rejected e", 1),
            ("otel.sdk.exporter.span.exported e", 2),
            ("otel.sdk.exporter.span.exported queue_full e", 2),
            ("otel.sdk.exporter.span.inflight e", 3),
            ("otel.sdk.processor.span.processed p/0 p", 5),
            ("otel.sdk.processor.span.processed already_shutdown p/0 p", 1),
            ("otel.sdk.processor.span.processed queue_full p/0 p", 3),
            ("otel.sdk.processor.span.queue.capacity p/0 p", 4),
            ("otel.sdk.processor.span.queue.size p/0 p", 2),
            ("otel.sdk.span.live", 1),
            ("otel.sdk.span.started", 13),
        ];
        let expected = expected.map(|(name, value)| (name.to_owned(), value));
        assert_eq!(measured(&stats, work), BTreeMap::from(expected));
    }
}
