"""Checks what the rotel collector received from one run of the example, as OTLP, before a backend interprets it.

Names, units, buckets, labels, types, resource and scope are compared with what we promise; token counts with what the
LLM server itself counted; and, when this run sent its spans here too, metrics with spans.
"""

import argparse
import sys
from dataclasses import dataclass
from pathlib import Path

from expect import Report, poll
from rotel_log import Metric, Point, Span, parse

SECONDS = [0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28, 2.56, 5.12, 10.24, 20.48, 40.96, 81.92]
TOKENS = [float(4**power) for power in range(14)]
DOLLARS = [1e-6, 1e-5, 1e-4, 5e-4, 1e-3, 5e-3, 0.01, 0.05, 0.1, 0.5, 1.0, 5.0, 10.0]

# name: unit, type, bucket bounds
METRICS = {
    "gen_ai.client.operation.duration": ("s", "Histogram", SECONDS),
    "gen_ai.client.token.usage": ("{token}", "Histogram", TOKENS),
    "gen_ai.usage.cost": ("USD", "Histogram", DOLLARS),
    "llm_trace.unpriced": ("{call}", "Sum", []),
}

# All labels that our metrics may have: each has few values in a deployment.
LABELS = {
    "gen_ai.operation.name", "gen_ai.provider.name", "gen_ai.request.model", "gen_ai.response.model",
    "gen_ai.token.type", "gen_ai.workflow.name", "gen_ai.tool.name", "gen_ai.tool.type", "gen_ai.data_source.id",
    "server.address", "server.port", "error.type", "llm_trace.outcome", "llm_trace.signal",
    "otel.component.type", "otel.component.name",
}


@dataclass
class Received:
    """The telemetry of one run: its spans, and its metrics as last exported."""

    spans: list[Span]
    metrics: dict[str, Metric]

    def points(self, metric: str, **labels: str) -> list[Point]:
        """Data points whose labels have these values."""
        keys = {
            "operation": "gen_ai.operation.name", "provider": "gen_ai.provider.name",
            "model": "gen_ai.request.model", "token": "gen_ai.token.type",
        }
        found = self.metrics[metric].points if metric in self.metrics else []
        return [p for p in found if all(label(p, keys[name]) == value for name, value in labels.items())]

    def total(self, metric: str, **labels: str) -> float:
        """The sum over these data points."""
        return sum(float(point.facts.get("Sum") or point.facts["Value"]) for point in self.points(metric, **labels))


def label(owner: Point | Span, key: str) -> str | None:
    """An attribute's text."""
    value = owner.attributes.get(key)
    return value.text if value else None


def received(log: Path, service: str, with_spans: bool) -> Received | None:
    """The telemetry of a service, once it is complete."""
    spans, metrics = parse(log)
    spans = [span for span in spans if span.resource.text("service.name") == service]
    # Totals are cumulative: of several exports the last one counts.
    named = {metric.facts["Name"]: metric for metric in metrics if metric.resource.text("service.name") == service}
    ended = any(span.facts["Parent ID"] == "" for span in spans)
    return Received(spans, named) if named and (ended or not with_spans) else None


def check_origin(report: Report, run: Received, environment: str) -> None:
    """Resource and instrumentation scope, of every span and metric."""
    everything = [*run.metrics.values(), *run.spans]
    report.equal(
        "deployment.environment.name", {one.resource.text("deployment.environment.name") for one in everything},
        {environment},
    )
    instances = {one.resource.text("service.instance.id") for one in everything}
    report.check("service.instance.id", instances, "one", len(instances) == 1 and None not in instances)
    report.equal("scope name", {one.scope.name for one in everything}, {"llm-trace"})
    versions = {one.scope.version for one in everything}
    report.check("scope version", versions, "one", len(versions) == 1 and "" not in versions)
    schemas = {one.scope.schema_url for one in everything}
    ok = len(schemas) == 1 and all(url.startswith("https://opentelemetry.io/schemas/") for url in schemas)
    report.check("scope schema URL", schemas, "one of opentelemetry.io", ok)


def check_metrics(report: Report, run: Received, operations: dict[str, str], priced: bool) -> None:
    """Every metric's definition, and one data point per operation with the labels dashboards group by."""
    absent = "llm_trace.unpriced" if priced else "gen_ai.usage.cost"
    report.equal(absent, "present" if absent in run.metrics else "absent", "absent")
    for name, (unit, kind, bounds) in METRICS.items():
        if name == absent:
            continue
        metric = run.metrics.get(name)
        if not metric:
            report.check(name, "absent", "present", False)
            continue
        found = [metric.facts.get("Unit"), metric.facts.get("DataType")]
        report.equal(f"{name}: unit, type", found, [unit, kind])
        if bounds:
            wrong = [point.bounds for point in metric.points if point.bounds != bounds]
            text = f"{len(bounds)} from {bounds[0]:g} to {bounds[-1]:g}"
            report.check(f"{name}: bucket bounds", wrong or text, text, not wrong)
        for operation, model in operations.items():
            total = run.total(name, operation=operation, provider="openai", model=model)
            report.positive(f"{name}: openai, {operation} {model}", total)
    labels = {key for metric in run.metrics.values() for point in metric.points for key in point.attributes}
    report.check("labels outside the closed set", labels - LABELS, "none", labels <= LABELS)


def check_tokens(report: Report, run: Received, before: Path, after: Path) -> None:
    """Our token counts against the counters of the LLM server."""
    start, end = counters(before), counters(after)
    spent = {name: end[name] - start[name] for name in end}
    name = "gen_ai.client.token.usage"
    report.equal(
        "input tokens: ours, the LLM server's", run.total(name, token="input"),
        spent["llamacpp:prompt_tokens_total"] + spent["llamacpp:prompt_tokens_cached_total"],
    )
    report.equal(
        "output tokens: ours, the LLM server's", run.total(name, token="output"),
        spent["llamacpp:tokens_predicted_total"],
    )


def counters(path: Path) -> dict[str, float]:
    """The plain samples of a Prometheus text page."""
    lines = (line.split() for line in path.read_text().splitlines() if not line.startswith("#"))
    return {words[0]: float(words[1]) for words in lines if len(words) == 2}


def check_spans(report: Report, run: Received, operations: dict[str, str]) -> None:
    """Names, parents, kinds and attribute types as they were on the wire, and agreement with the metrics."""
    chat = f"chat {operations['chat']}"
    expected = {
        "invoke_workflow rag": "INTERNAL, root",
        "retrieval llm-trace-docs": "CLIENT, invoke_workflow rag",
        "build_prompt": "INTERNAL, invoke_workflow rag",
        chat: "CLIENT, invoke_workflow rag",
    }
    if "embeddings" in operations:
        expected[f"embeddings {operations['embeddings']}"] = "CLIENT, retrieval llm-trace-docs"
    names = {span.facts["ID"]: span.facts["Name"] for span in run.spans}
    found = {}
    for span in run.spans:
        kind, parent = span.facts["Kind"].removeprefix("SPAN_KIND_"), names.get(span.facts["Parent ID"], "root")
        found[span.facts["Name"]] = f"{kind}, {parent}"
    for name in sorted(expected.keys() | found.keys()):
        report.equal(f"span {name}: kind, parent", found.get(name), expected.get(name))
    report.equal("traces", len({span.facts["Trace ID"] for span in run.spans}), 1)
    report.equal("span status", {span.facts["Status code"] for span in run.spans}, {"STATUS_CODE_UNSET"})

    types = {"input_tokens": "Int", "output_tokens": "Int", "cost": "Double"}
    for span in [span for span in run.spans if span.facts["Name"] == chat][:1]:
        for key, kind in types.items():
            value = span.attributes.get(f"gen_ai.usage.{key}")
            report.equal(f"{chat}: type of gen_ai.usage.{key}", value and value.kind, kind)
        reasons = span.attributes.get("gen_ai.response.finish_reasons")
        report.check(
            f"{chat}: finish reasons", reasons and f"{reasons.kind}({reasons.text})", "a list of strings",
            bool(reasons) and reasons.kind == "Slice" and reasons.text.startswith("Str("),
        )
        lasted = (int(span.facts["End time"]) - int(span.facts["Start time"])) / 1e9
        measured = run.total("gen_ai.client.operation.duration", operation="chat")
        near = abs(measured - lasted) < 0.01
        report.check("duration: metric, span", f"{measured:.4f}", f"{lasted:.4f} ± 0.01", near)
    for what, metric, labels in (
        ("input_tokens", "gen_ai.client.token.usage", {"token": "input"}),
        ("output_tokens", "gen_ai.client.token.usage", {"token": "output"}),
        ("cost", "gen_ai.usage.cost", {}),
    ):
        on_spans = sum(float(label(span, f"gen_ai.usage.{what}") or 0) for span in run.spans)
        report.close(f"{what}: metric, sum over spans", run.total(metric, **labels), on_spans)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--log", type=Path, required=True, help="rotel's output")
    parser.add_argument("--service", required=True, help="service.name of the run")
    parser.add_argument("--environment", required=True, help="deployment.environment.name of the run")
    parser.add_argument("--chat-model", required=True)
    parser.add_argument("--embedding-model")
    parser.add_argument("--priced", action="store_true", help="the models have a price")
    parser.add_argument("--spans", action="store_true", help="the run sent its spans here too")
    parser.add_argument("--llm-before", type=Path, required=True, help="the LLM server's metrics before the run")
    parser.add_argument("--llm-after", type=Path, required=True)
    parser.add_argument("--failures", type=Path, required=True, help="file to append failed expectations to")
    arguments = parser.parse_args()

    report = Report(f"rotel, {arguments.service}")
    run = poll(lambda: received(arguments.log, arguments.service, arguments.spans), seconds=15)
    report.check("telemetry arrived", "yes" if run else "not all in 15 s", "yes", run is not None)
    if run:
        operations = {"chat": arguments.chat_model}
        if arguments.embedding_model:
            operations["embeddings"] = arguments.embedding_model
        check_origin(report, run, arguments.environment)
        check_metrics(report, run, operations, arguments.priced)
        check_tokens(report, run, arguments.llm_before, arguments.llm_after)
        if arguments.spans:
            check_spans(report, run, operations)
    return report.finish(arguments.failures)


if __name__ == "__main__":
    sys.exit(main())
