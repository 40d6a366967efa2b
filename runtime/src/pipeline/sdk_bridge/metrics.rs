//! Metrics: collected now and then, and exported at once.

use std::sync::Arc;
use std::time::Duration;

use llm_trace_delivery::{ItemState, Signal};
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::metrics::Temporality;
use opentelemetry_sdk::metrics::data::{AggregatedMetrics, MetricData, ResourceMetrics, ScopeMetrics};
use opentelemetry_sdk::metrics::exporter::PushMetricExporter;

use super::SdkBridge;

/// Hands over what the SDK collects.
#[derive(Debug)]
pub(in crate::pipeline) struct MetricExporter<E> {
    next: E,
    bridge: Arc<SdkBridge>,
}

impl<E> MetricExporter<E> {
    pub(in crate::pipeline) fn new(next: E, bridge: Arc<SdkBridge>) -> Self {
        MetricExporter { next, bridge }
    }
}

impl<E: PushMetricExporter> PushMetricExporter for MetricExporter<E> {
    async fn export(&self, metrics: &ResourceMetrics) -> OTelSdkResult {
        let points = data_points(metrics);
        self.bridge.stats.entered(Signal::Metrics, ItemState::Queued, points);
        self.bridge.encode(points, self.next.export(metrics)).await
    }

    fn force_flush(&self) -> OTelSdkResult {
        self.next.force_flush()
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        self.next.shutdown_with_timeout(timeout)
    }

    fn temporality(&self) -> Temporality {
        self.next.temporality()
    }
}

fn data_points(metrics: &ResourceMetrics) -> u64 {
    let metrics = metrics.scope_metrics().flat_map(ScopeMetrics::metrics);
    let points = metrics.map(|metric| match metric.data() {
        AggregatedMetrics::F64(data) => points_of(data),
        AggregatedMetrics::U64(data) => points_of(data),
        AggregatedMetrics::I64(data) => points_of(data),
    });
    points.sum::<usize>() as u64
}

fn points_of<T>(data: &MetricData<T>) -> usize {
    match data {
        MetricData::Gauge(gauge) => gauge.data_points().count(),
        MetricData::Sum(sum) => sum.data_points().count(),
        MetricData::Histogram(histogram) => histogram.data_points().count(),
        MetricData::ExponentialHistogram(histogram) => histogram.data_points().count(),
    }
}
