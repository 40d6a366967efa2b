//! Calls that end before the price table is there: they are written when it is, and their callers do not wait.

use super::Held;
use crate::enrich::pricing::{self, Lookup};
use crate::model::record::{CallRecord, Price};
use crate::runtime::{Providers, Runtime};
use crate::sinks::Wants;

/// Returns whether a call waits for its price.
///
/// Only under `init()`, whose flush and shutdown write the calls that wait. The providers of a program may be shut down at any time, which
/// would lose the calls: there the caller waits for the table.
pub(super) fn waits(record: &CallRecord, runtime: &Runtime) -> bool {
    !pricing::table().is_loaded() && runtime.providers == Providers::Installed && pricing::is_in_table(record)
}

impl Held {
    /// Has a call written when the table is there, by its thread; at once and unpriced if too many wait.
    pub(super) fn write_when_priced(&self, mut record: Box<CallRecord>, wants: Wants) {
        let held = self.another();
        let bytes = record.bytes();
        let write = move |lookup| {
            record.price = match lookup {
                Lookup::Possible => pricing::price(&record),
                Lookup::Impossible => Price::Unknown,
            };
            held.write(record, wants);
        };
        pricing::table().write_when_loaded(bytes, Box::new(write));
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::{Duration, Instant};

    use opentelemetry_sdk::metrics::data::{AggregatedMetrics, Metric, MetricData, ScopeMetrics};
    use opentelemetry_sdk::metrics::{InMemoryMetricExporter, PeriodicReader, SdkMeterProvider};
    use opentelemetry_sdk::trace::{InMemorySpanExporter, SdkTracerProvider, SpanData};

    use super::*;
    use crate::call::Call;
    use crate::enrich::pricing::table::tests::{OF_THREAD, held_back};
    use crate::model::request::Request;
    use crate::model::response::{Response, Usage};
    use crate::model::site::{CallSite, Kind, Site};
    use crate::runtime;
    use crate::semconv::metric;

    static SITE: CallSite = CallSite::new(Kind::Chat, "ask", "tests", "priced.rs", 1);

    /// What `init()` installs, with exporters in memory.
    struct Installed {
        runtime: Arc<Runtime>,
        spans: InMemorySpanExporter,
        tracers: SdkTracerProvider,
        metrics: InMemoryMetricExporter,
        meters: SdkMeterProvider,
    }

    impl Installed {
        fn new() -> Self {
            let (spans, metrics) = (InMemorySpanExporter::default(), InMemoryMetricExporter::default());
            let tracers = SdkTracerProvider::builder().with_simple_exporter(spans.clone()).build();
            let reader = PeriodicReader::builder(metrics.clone()).build();
            let meters = SdkMeterProvider::builder().with_reader(reader).build();
            let current = runtime::current();
            let calls = Arc::new(current.calls.with_tracers(&tracers).with_meters(&meters));
            let runtime = Arc::new(Runtime { providers: Providers::Installed, calls, ..(*current).clone() });
            Installed { runtime, spans, tracers, metrics, meters }
        }

        fn call(&self) {
            let mut request = Request::new(Kind::Chat);
            request.provider("openai");
            request.model("gpt-4o-mini");
            let call = Call::begin(Arc::clone(&self.runtime), Site::Function(&SITE), request);
            call.succeed(Response::new().with_usage(Usage::new(1_000_000, 0)));
        }

        fn spans(&self) -> Vec<SpanData> {
            self.tracers.force_flush().expect("in memory");
            self.spans.get_finished_spans().expect("in memory")
        }

        /// The count and the sum of the costs.
        fn costs(&self) -> (u64, f64) {
            self.meters.force_flush().expect("in memory");
            let metrics = self.metrics.get_finished_metrics().expect("in memory");
            let all = metrics.last().expect("a collection").scope_metrics();
            let cost = all.flat_map(ScopeMetrics::metrics).find(|found| found.name() == metric::COST);
            match cost.map(Metric::data) {
                Some(AggregatedMetrics::F64(MetricData::Histogram(costs))) => costs
                    .data_points()
                    .fold((0, 0.0), |(count, sum), point| (count + point.count(), sum + point.sum())),
                other => panic!("{other:?}"),
            }
        }
    }

    /// Everything but ids and times.
    fn comparable(span: &SpanData) -> String {
        format!("{} {:?} {:?}", span.name, span.attributes, span.status)
    }

    #[test]
    fn a_call_that_ends_before_the_table_is_there_returns_and_is_priced_afterwards() {
        let installed = Installed::new();
        let (table, release) = held_back();
        OF_THREAD.set(Some(table));
        installed.call();
        assert_eq!(installed.spans().len(), 0, "it waits for its price");
        drop(release);
        let begun = Instant::now();
        while installed.spans().is_empty() {
            assert!(begun.elapsed() < Duration::from_secs(60), "written by the table's thread");
            std::thread::sleep(Duration::from_millis(5));
        }
        installed.call();
        table.settle(Duration::from_secs(60));
        let spans: Vec<_> = installed.spans().iter().map(comparable).collect();
        assert!(spans[0].contains("gen_ai.usage.cost") && spans[0].contains("0.15"), "{}", spans[0]);
        assert_eq!(spans[0], spans[1], "as one that ends later");
        let (count, sum) = installed.costs();
        assert!(count == 2 && (sum - 0.3).abs() < 1e-9, "{count} {sum}");
    }

    #[test]
    fn a_call_without_a_bill_does_not_wait_for_the_table() {
        let installed = Installed::new();
        let (table, _release) = held_back();
        OF_THREAD.set(Some(table));
        let request = Request::new(Kind::Chat);
        Call::begin(Arc::clone(&installed.runtime), Site::Function(&SITE), request).complete();
        assert_eq!(installed.spans().len(), 1);
    }

    #[test]
    fn a_call_that_still_waits_at_the_end_is_written_and_counted_as_unpriced() {
        let installed = Installed::new();
        let (table, _release) = held_back();
        OF_THREAD.set(Some(table));
        installed.call();
        table.settle(Duration::ZERO);
        assert_eq!(installed.spans().len(), 1);
        installed.meters.force_flush().expect("in memory");
        let metrics = format!("{:?}", installed.metrics.get_finished_metrics());
        assert!(metrics.contains(metric::UNPRICED), "{metrics}");
    }
}
