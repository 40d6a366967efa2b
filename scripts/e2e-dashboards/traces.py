"""Evaluates every TraceQL query of the dashboards and of their links on the received spans. Supports the part of the language in use:
one spanset of conditions joined by &&, of which each may have alternatives, and the attributes it selects."""

import argparse
import pathlib
import re
import sys

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

import queries

CONDITION = re.compile(r'(?P<key>[\w.]+|"[^"]*")\s*(?P<op>=~|!=|=|>|<)\s*(?P<value>"[^"]*"|[\w.]+)')
UNITS = {"ms": 1e-3, "s": 1, "m": 60}


def value_of(any_value):
    kind = any_value.WhichOneof("value")
    return list(any_value.array_value.values) if kind == "array_value" else getattr(any_value, kind)


def read(folder):
    """Every span as a flat table of its TraceQL fields."""
    for file in sorted(folder.glob("traces-*.pb")):
        request = ExportTraceServiceRequest.FromString(file.read_bytes())
        for resource in request.resource_spans:
            of_resource = {f"resource.{one.key}": value_of(one.value) for one in resource.resource.attributes}
            for span in (span for scope in resource.scope_spans for span in scope.spans):
                fields = of_resource | {f"span.{one.key}": value_of(one.value) for one in span.attributes}
                fields["duration"] = (span.end_time_unix_nano - span.start_time_unix_nano) / 1e9
                fields["status"] = {0: "unset", 1: "ok", 2: "error"}[span.status.code]
                yield fields


def parse(text):
    spanset, *stages = [part.strip() for part in text.split("|")] if "=~" not in text else split(text)
    if not (spanset.startswith("{") and spanset.endswith("}")):
        raise ValueError(f"not one spanset: {spanset}")
    conditions = []
    for part in spanset[1:-1].split("&&"):
        alternatives = []
        for alternative in part.strip().removeprefix("(").removesuffix(")").split("||"):
            found = CONDITION.fullmatch(alternative.strip())
            if not found:
                raise ValueError(f"not a condition: {alternative.strip()}")
            alternatives.append(found.group("key", "op", "value"))
        conditions.append(alternatives)
    selected = []
    for stage in stages:
        found = re.fullmatch(r"select\((.*)\)", stage)
        if not found:
            raise ValueError(f"not a selection: {stage}")
        selected += [field.strip() for field in found.group(1).split(",")]
    return conditions, selected


def split(text):
    end = text.rindex("}") + 1
    return [text[:end].strip(), *(stage.strip() for stage in text[end:].split("|") if stage.strip())]


def number(text):
    found = re.fullmatch(r"([\d.]+)(ms|s|m)?", text)
    return float(found.group(1)) * UNITS.get(found.group(2), 1)


def holds(span, key, op, value):
    found = key.strip('"') if key.startswith('"') else span.get(key)
    if found is None:
        # As in TraceQL, a missing attribute equals nothing.
        return False
    if op == "=~":
        return re.fullmatch(value.strip('"'), str(found)) is not None
    if op in ("=", "!="):
        return (str(found) == value.strip('"')) == (op == "=")
    return found > number(value) if op == ">" else found < number(value)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--spans", type=pathlib.Path, required=True)
    arguments = parser.parse_args()
    spans = list(read(arguments.spans))
    present = {key for span in spans for key in span}
    asked, failures = 0, []
    for dashboard in queries.dashboards():
        for query in (query for query in queries.of(dashboard) if query.kind == "tempo"):
            asked += 1
            conditions, selected = parse(query.filled())
            found = [span for span in spans if all(any(holds(span, *one) for one in alternatives) for alternatives in conditions)]
            print(f"  {len(found):6} spans: {query.place}")
            if not found:
                failures.append(f"empty: {query.place}: {query.filled()}")
            missing = [field for field in selected if not any(field in span for span in found)]
            if found and missing:
                failures.append(f"selects what none of its spans has: {query.place}: {missing}")
        for query in queries.links(dashboard):
            asked += 1
            conditions, _ = parse(query.filled())
            if not any(all(any(holds(span, *one) for one in alternatives) for alternatives in conditions) for span in spans):
                failures.append(f"leads to nothing: {query.place}: {query.filled()}")
    print(f"{asked} TraceQL queries, with those of links, evaluated on {len(spans)} spans with {len(present)} fields, {len(failures)} failures")
    for failure in failures:
        print(f"  {failure}")
    sys.exit(1 if failures else 0)


main()
