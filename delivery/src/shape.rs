//! Requests that are too large: taken apart, and at last a single item without most of its content.

use bytes::Bytes;
use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue};
use opentelemetry_proto::tonic::logs::v1::{LogRecord, ResourceLogs, ScopeLogs};
use opentelemetry_proto::tonic::metrics::v1::metric::Data;
use opentelemetry_proto::tonic::metrics::v1::{
    AggregationTemporality, Metric, ResourceMetrics, ScopeMetrics,
};
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span};
use prost::Message;

use super::names;
use super::{ExportRequest, Signal};

/// Cuts a text to at most so many bytes. `None` if it is short enough.
pub type ShortenText = fn(&str, usize) -> Option<String>;

/// Receivers take 4 MiB over gRPC and often over HTTP; the request has a little around it.
pub(crate) const MAX_REQUEST_BYTES: usize = 3 * 1024 * 1024 + 512 * 1024;

/// Limit on texts and structures of an item that is too large by itself, in bytes.
const MAX_SHORT_BYTES: usize = 1024;

/// A request in parts of at most so many bytes each, in order; or of a single item, however large that is.
pub(crate) fn fitted(encoded: ExportRequest, max_bytes: usize) -> Vec<ExportRequest> {
    if encoded.body.len() <= max_bytes {
        return vec![encoded];
    }
    match halved(&encoded) {
        Some(halves) => halves.into_iter().flat_map(|half| fitted(half, max_bytes)).collect(),
        None => vec![encoded],
    }
}

/// Contents of a request.
pub(crate) struct Found {
    pub(crate) items: u64,
    /// Metrics of delta temporality.
    pub(crate) has_deltas: bool,
}

/// Looks into the body of a request. `None` if it is none of the signal.
pub(crate) fn look(signal: Signal, body: &[u8]) -> Option<Found> {
    let items = |items| Found { items, has_deltas: false };
    match signal {
        Signal::Traces => ExportTraceServiceRequest::decode(body).ok().map(|request| items(request.items())),
        Signal::Logs => ExportLogsServiceRequest::decode(body).ok().map(|request| items(request.items())),
        Signal::Metrics => {
            let request = ExportMetricsServiceRequest::decode(body).ok()?;
            let scopes = request.resource_metrics.iter().flat_map(|resource| &resource.scope_metrics);
            let has_deltas = scopes.flat_map(|scope| &scope.metrics).any(is_delta);
            Some(Found { items: request.items(), has_deltas })
        }
    }
}

/// A request in two of about half its items each. `None` if it has one item only, or cannot be read.
pub(crate) fn halved(encoded: &ExportRequest) -> Option<[ExportRequest; 2]> {
    match encoded.signal {
        Signal::Traces => halves::<ExportTraceServiceRequest>(encoded),
        Signal::Metrics => halves::<ExportMetricsServiceRequest>(encoded),
        Signal::Logs => halves::<ExportLogsServiceRequest>(encoded),
    }
}

fn halves<R: Request>(encoded: &ExportRequest) -> Option<[ExportRequest; 2]> {
    let request = R::decode(&encoded.body[..]).ok()?;
    let units = request.units();
    if units < 2 {
        return None;
    }
    let [first, second] = request.split(units / 2);
    // The second half has all items that the first has not, whatever the count is: no item is lost.
    let first_items = first.items().min(encoded.item_count);
    let part = |request: &R, item_count| ExportRequest {
        signal: encoded.signal,
        body: Bytes::from(request.encode_to_vec()),
        item_count,
        created: encoded.created,
    };
    Some([part(&first, first_items), part(&second, encoded.item_count - first_items)])
}

/// Truncates a text, and appends its original length.
pub fn shorten_text(text: &str, max_bytes: usize) -> Option<String> {
    if text.len() <= max_bytes {
        return None;
    }
    let mark = format!("…[truncated, {} bytes]", text.len());
    let most = max_bytes.saturating_sub(mark.len());
    let end = (0..=most).rev().find(|end| text.is_char_boundary(*end)).unwrap_or_default();
    Some(format!("{}{mark}", &text[..end]))
}

/// A request of one item with every long text and structure in it cut. `None` if there is nothing to cut: metrics have no
/// content, and what was cut once stays as it is.
pub(crate) fn shortened(encoded: &ExportRequest, shorten_text: ShortenText) -> Option<ExportRequest> {
    let body = match encoded.signal {
        Signal::Traces => {
            let mut request = ExportTraceServiceRequest::decode(&encoded.body[..]).ok()?;
            let spans = request.resource_spans.iter_mut().flat_map(|resource| &mut resource.scope_spans);
            spans.flat_map(|scope| &mut scope.spans).for_each(|span| shorten_span(span, shorten_text));
            request.encode_to_vec()
        }
        Signal::Logs => {
            let mut request = ExportLogsServiceRequest::decode(&encoded.body[..]).ok()?;
            let records = request.resource_logs.iter_mut().flat_map(|resource| &mut resource.scope_logs);
            records
                .flat_map(|scope| &mut scope.log_records)
                .for_each(|record| shorten_record(record, shorten_text));
            request.encode_to_vec()
        }
        Signal::Metrics => return None,
    };
    (body.len() < encoded.body.len()).then(|| ExportRequest { body: Bytes::from(body), ..encoded.clone() })
}

fn shorten_span(span: &mut Span, shorten_text: ShortenText) {
    let bytes = span.encoded_len();
    span.attributes.iter_mut().for_each(|attribute| shorten_value(attribute, shorten_text));
    span.events
        .iter_mut()
        .flat_map(|event| &mut event.attributes)
        .for_each(|attribute| shorten_value(attribute, shorten_text));
    if let Some(status) = &mut span.status
        && let Some(short) = shorten_text(&status.message, MAX_SHORT_BYTES)
    {
        status.message = short;
    }
    if span.encoded_len() < bytes {
        span.attributes.push(mark(bytes));
    }
}

fn shorten_record(record: &mut LogRecord, shorten_text: ShortenText) {
    let bytes = record.encoded_len();
    record.attributes.iter_mut().for_each(|attribute| shorten_value(attribute, shorten_text));
    if let Some(body) = &mut record.body {
        shorten(body, shorten_text);
    }
    if record.encoded_len() < bytes {
        record.attributes.push(mark(bytes));
    }
}

/// Attribute with the original size of an item.
fn mark(bytes: usize) -> KeyValue {
    let bytes = Value::IntValue(i64::try_from(bytes).unwrap_or(i64::MAX));
    KeyValue {
        key: names::OVERSIZE_BYTES.to_owned(),
        value: Some(AnyValue { value: Some(bytes) }),
        ..KeyValue::default()
    }
}

fn shorten_value(attribute: &mut KeyValue, shorten_text: ShortenText) {
    if let Some(value) = &mut attribute.value {
        shorten(value, shorten_text);
    }
}

fn shorten(value: &mut AnyValue, shorten_text: ShortenText) {
    let bytes = value.encoded_len();
    if bytes <= MAX_SHORT_BYTES {
        return;
    }
    let short = match &value.value {
        Some(Value::StringValue(text)) => shorten_text(text, MAX_SHORT_BYTES),
        // Structured content cannot be cut by length; its original size is recorded.
        Some(_) => Some(format!("…[truncated, {bytes} bytes]")),
        None => None,
    };
    if let Some(short) = short {
        value.value = Some(Value::StringValue(short));
    }
}

/// An export request of any signal.
trait Request: Message + Default {
    /// Units of a split: spans, metrics, log records.
    fn units(&self) -> usize;
    /// Counted items: spans, data points, log records.
    fn items(&self) -> u64;
    /// The first so many units, and the rest.
    fn split(self, at: usize) -> [Self; 2];
}

/// The three requests differ in names only.
macro_rules! request {
    ($request:ident { $resources:ident: $resource:ident { $scopes:ident: $scope:ident { $units:ident: $unit:ident } } }, $items:expr) => {
        impl Request for $request {
            fn units(&self) -> usize {
                let scopes = self.$resources.iter().flat_map(|resource| &resource.$scopes);
                scopes.map(|scope| scope.$units.len()).sum()
            }

            fn items(&self) -> u64 {
                let scopes = self.$resources.iter().flat_map(|resource| &resource.$scopes);
                let items: fn(&$unit) -> u64 = $items;
                scopes.flat_map(|scope| &scope.$units).map(items).sum()
            }

            fn split(self, at: usize) -> [Self; 2] {
                let mut left = at;
                let [mut first, mut second] = [Self::default(), Self::default()];
                for resource in self.$resources {
                    let [mut before, mut after] = [Vec::new(), Vec::new()];
                    for mut scope in resource.$scopes {
                        let rest = scope.$units.split_off(left.min(scope.$units.len()));
                        left -= scope.$units.len();
                        if !rest.is_empty() {
                            after.push($scope {
                                scope: scope.scope.clone(),
                                $units: rest,
                                schema_url: scope.schema_url.clone(),
                            });
                        }
                        if !scope.$units.is_empty() {
                            before.push(scope);
                        }
                    }
                    for (request, scopes) in [(&mut first, before), (&mut second, after)] {
                        if !scopes.is_empty() {
                            request.$resources.push($resource {
                                resource: resource.resource.clone(),
                                $scopes: scopes,
                                schema_url: resource.schema_url.clone(),
                            });
                        }
                    }
                }
                [first, second]
            }
        }
    };
}

request!(
    ExportTraceServiceRequest { resource_spans: ResourceSpans { scope_spans: ScopeSpans { spans: Span } } },
    |_| 1
);
request!(
    ExportLogsServiceRequest {
        resource_logs: ResourceLogs { scope_logs: ScopeLogs { log_records: LogRecord } }
    },
    |_| 1
);
request!(
    ExportMetricsServiceRequest {
        resource_metrics: ResourceMetrics { scope_metrics: ScopeMetrics { metrics: Metric } }
    },
    data_points
);

fn is_delta(metric: &Metric) -> bool {
    let temporality = match &metric.data {
        Some(Data::Sum(sum)) => sum.aggregation_temporality,
        Some(Data::Histogram(histogram)) => histogram.aggregation_temporality,
        Some(Data::ExponentialHistogram(histogram)) => histogram.aggregation_temporality,
        Some(Data::Gauge(_) | Data::Summary(_)) | None => return false,
    };
    temporality == AggregationTemporality::Delta as i32
}

fn data_points(metric: &Metric) -> u64 {
    let points = match &metric.data {
        Some(Data::Gauge(gauge)) => gauge.data_points.len(),
        Some(Data::Sum(sum)) => sum.data_points.len(),
        Some(Data::Histogram(histogram)) => histogram.data_points.len(),
        Some(Data::ExponentialHistogram(histogram)) => histogram.data_points.len(),
        Some(Data::Summary(summary)) => summary.data_points.len(),
        None => 0,
    };
    points as u64
}

#[cfg(test)]
mod tests {
    use std::time::SystemTime;

    use opentelemetry_proto::tonic::metrics::v1::{Gauge, NumberDataPoint};

    use super::*;

    fn encoded<R: Request>(signal: Signal, request: &R) -> ExportRequest {
        let body = Bytes::from(request.encode_to_vec());
        ExportRequest { signal, body, item_count: request.items(), created: SystemTime::UNIX_EPOCH }
    }

    fn spans(names: std::ops::Range<u32>, attribute: &str) -> Vec<Span> {
        let value = Some(AnyValue { value: Some(Value::StringValue(attribute.to_owned())) });
        let attributes = vec![KeyValue { key: "k".to_owned(), value, ..KeyValue::default() }];
        let span =
            |name: u32| Span { name: name.to_string(), attributes: attributes.clone(), ..Span::default() };
        names.map(span).collect()
    }

    fn scope(url: &str, spans: Vec<Span>) -> ScopeSpans {
        ScopeSpans { scope: None, spans, schema_url: url.to_owned() }
    }

    fn two_scopes(attribute: &str) -> ExportRequest {
        let scopes = vec![scope("a", spans(0..3, attribute)), scope("b", spans(3..7, attribute))];
        let resource = ResourceSpans { resource: None, scope_spans: scopes, schema_url: "r".to_owned() };
        encoded(Signal::Traces, &ExportTraceServiceRequest { resource_spans: vec![resource] })
    }

    /// Scope and name of every span.
    fn contents(encoded: &ExportRequest) -> Vec<String> {
        let request = ExportTraceServiceRequest::decode(&encoded.body[..]).expect("decodes");
        assert_eq!(request.items(), encoded.item_count);
        let scopes = request.resource_spans.iter().flat_map(|resource| &resource.scope_spans);
        let named = |scope: &ScopeSpans| {
            let url = scope.schema_url.clone();
            scope.spans.iter().map(move |span| format!("{url}{}", span.name)).collect::<Vec<_>>()
        };
        scopes.flat_map(named).collect()
    }

    #[test]
    fn halves_have_everything_once_in_order_and_under_its_scope() {
        let [first, second] = halved(&two_scopes("x")).expect("seven spans");
        assert_eq!(contents(&first), ["a0", "a1", "a2"]);
        assert_eq!(contents(&second), ["b3", "b4", "b5", "b6"]);
        let [first, second] = halved(&second).expect("four spans");
        assert_eq!(
            (contents(&first), contents(&second)),
            (vec!["b3".into(), "b4".into()], vec!["b5".into(), "b6".into()])
        );
        let [first, _] = halved(&first).expect("two spans");
        assert_eq!(halved(&first), None);
    }

    #[test]
    fn parcels_are_cut_to_size_down_to_one_item() {
        let encoded = two_scopes(&"x".repeat(1000));
        let parts = fitted(encoded.clone(), 2500);
        assert!(parts.iter().all(|part| part.body.len() <= 2500), "{parts:?}");
        assert_eq!(parts.iter().flat_map(contents).collect::<Vec<_>>(), contents(&encoded));
        assert_eq!(fitted(encoded.clone(), 10).len(), 7, "a span is not divisible");
        assert_eq!(fitted(encoded.clone(), encoded.body.len()), vec![encoded]);
    }

    #[test]
    fn what_cannot_be_read_stays_whole() {
        let garbage = ExportRequest { body: Bytes::from_static(&[0xff; 64]), ..two_scopes("x") };
        assert_eq!(fitted(garbage.clone(), 10), vec![garbage.clone()]);
        assert_eq!(shortened(&garbage, crate::shape::shorten_text), None);
    }

    #[test]
    fn data_points_go_with_their_metric() {
        let metric = |points: usize| {
            let data = Data::Gauge(Gauge { data_points: vec![NumberDataPoint::default(); points] });
            Metric { data: Some(data), ..Metric::default() }
        };
        let scope =
            ScopeMetrics { metrics: vec![metric(5), metric(2), metric(4)], ..ScopeMetrics::default() };
        let resource = ResourceMetrics { scope_metrics: vec![scope], ..ResourceMetrics::default() };
        let encoded =
            encoded(Signal::Metrics, &ExportMetricsServiceRequest { resource_metrics: vec![resource] });
        let [first, second] = halved(&encoded).expect("three metrics");
        assert_eq!((encoded.item_count, first.item_count, second.item_count), (11, 5, 6));
        assert_eq!(shortened(&encoded, crate::shape::shorten_text), None);
    }

    #[test]
    fn an_item_that_is_too_large_keeps_the_beginning_of_its_texts_and_says_how_large_it_was() {
        let long = "é".repeat(5000);
        let mut span = spans(0..1, &long).remove(0);
        span.attributes.extend(spans(0..1, "short").remove(0).attributes);
        let bytes = span.encoded_len();
        let resource =
            ResourceSpans { scope_spans: vec![scope("a", vec![span])], ..ResourceSpans::default() };
        let encoded = encoded(Signal::Traces, &ExportTraceServiceRequest { resource_spans: vec![resource] });

        let short = shortened(&encoded, crate::shape::shorten_text).expect("shorter");
        assert!(short.body.len() < 3000, "{short:?}");
        assert_eq!((short.item_count, short.created), (encoded.item_count, encoded.created));
        let request = ExportTraceServiceRequest::decode(&short.body[..]).expect("decodes");
        let attributes = &request.resource_spans[0].scope_spans[0].spans[0].attributes;
        let values: Vec<_> = attributes.iter().map(|attribute| attribute.value.clone()?.value).collect();
        let [Some(Value::StringValue(text)), Some(Value::StringValue(kept)), Some(Value::IntValue(was))] =
            &values[..]
        else {
            panic!("{values:?}")
        };
        assert!(text.starts_with("éé") && text.ends_with("…[truncated, 10000 bytes]"), "{text}");
        assert_eq!((kept.as_str(), usize::try_from(*was)), ("short", Ok(bytes)));
        assert_eq!(attributes[2].key, names::OVERSIZE_BYTES);
        assert_eq!(shortened(&short, crate::shape::shorten_text), None, "once is enough");
    }
}
