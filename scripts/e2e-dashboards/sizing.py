"""Counts the telemetry of a million model calls: spans, events, sent bytes with and without compression, series."""

import argparse
import pathlib
import zlib

from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

CALLS = {"chat", "text_completion", "generate_content", "embeddings"}


def messages(folder, signal, request):
    for file in sorted(folder.glob(f"{signal}-*.pb")):
        yield file.read_bytes(), request.FromString(file.read_bytes())


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--received", type=pathlib.Path, required=True)
    arguments = parser.parse_args()

    spans = calls = traces = sent = packed = 0
    seen = set()
    for body, request in messages(arguments.received, "traces", ExportTraceServiceRequest):
        sent += len(body)
        packed += len(zlib.compress(body))
        for span in (span for resource in request.resource_spans for scope in resource.scope_spans for span in scope.spans):
            spans += 1
            seen.add(span.trace_id)
            operation = next((one.value.string_value for one in span.attributes if one.key == "gen_ai.operation.name"), "")
            calls += operation in CALLS
    traces = len(seen)
    events = event_bytes = event_packed = 0
    for body, request in messages(arguments.received, "logs", ExportLogsServiceRequest):
        event_bytes += len(body)
        event_packed += len(zlib.compress(body))
        events += sum(len(scope.log_records) for resource in request.resource_logs for scope in resource.scope_logs)
    largest, series, stored = 0, 0, 0
    for body, request in messages(arguments.received, "metrics", ExportMetricsServiceRequest):
        points = kept = 0
        for metric in (metric for resource in request.resource_metrics for scope in resource.scope_metrics for metric in scope.metrics):
            data = getattr(metric, metric.WhichOneof("data")).data_points
            points += len(data)
            # A histogram is a series for each bucket, one for the sum, one for the count.
            kept += sum(len(point.bucket_counts) + 2 if metric.HasField("histogram") else 1 for point in data)
        if len(body) > largest:
            largest, series, stored = len(body), points, kept

    million = 1e6 / calls
    rows = [
        ("calls to models", calls, "1,000,000"),
        ("traces", traces, f"{traces * million:,.0f}"),
        ("spans", spans, f"{spans * million:,.0f}"),
        ("bytes of spans, protobuf", sent, f"{sent * million / 1e9:.2f} GB"),
        ("bytes of spans, compressed (zlib)", packed, f"{packed * million / 1e9:.3f} GB"),
        ("events", events, f"{events * million:,.0f}"),
        ("bytes of events, protobuf", event_bytes, f"{event_bytes * million / 1e9:.2f} GB"),
        ("bytes of events, compressed (zlib)", event_packed, f"{event_packed * million / 1e9:.3f} GB"),
    ]
    print("| | measured | per million calls |\n| --- | --- | --- |")
    for name, measured, per_million in rows:
        print(f"| {name} | {measured:,} | {per_million} |")
    print(f"\nbytes per span: {sent / spans:.0f}, compressed {packed / spans:.0f}; spans per call: {spans / calls:.2f}")
    print(f"metrics of one process: {series} points, {stored} series in Prometheus, {largest:,} bytes per export, whatever the number of calls")


main()
