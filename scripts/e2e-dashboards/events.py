"""Evaluates every LogQL query of the dashboards on the received events. Supports the part of the language in use: a
selector of streams and filters of labels. Labels are what Loki makes of OTLP: the attributes of resource and record, with
underscores; of an event's name it makes none before Loki 3.7."""

import argparse
import pathlib
import re
import sys

from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest

import queries

MATCHER = re.compile(r'(\w+)\s*(=~|!=|!~|=|>|<)\s*("[^"]*"|[\d.]+)')


def read(folder):
    """The labels of every event."""
    for file in sorted(folder.glob("logs-*.pb")):
        request = ExportLogsServiceRequest.FromString(file.read_bytes())
        for resource in request.resource_logs:
            for record in (record for scope in resource.scope_logs for record in scope.log_records):
                attributes = (*resource.resource.attributes, *record.attributes)
                labels = {one.key.replace(".", "_"): getattr(one.value, one.value.WhichOneof("value")) for one in attributes}
                if record.trace_id:
                    labels["trace_id"] = record.trace_id.hex()
                yield labels


def parse(text):
    found = re.fullmatch(r"{(?P<selector>[^}]*)}(?P<filters>(\s*\|[^|]*)*)", text)
    if not found:
        raise ValueError(f"neither selector nor filters: {text}")
    parts = [*found.group("selector").split(","), *found.group("filters").split("|")[1:]]
    return [MATCHER.fullmatch(part.strip()).groups() for part in parts]


def holds(labels, label, op, value):
    if op in "<>":
        found = labels.get(label)
        return found is not None and (found < float(value) if op == "<" else found > float(value))
    found, value = str(labels.get(label, "")), value.strip('"')
    is_so = found == value if op in ("=", "!=") else re.fullmatch(value, found) is not None
    return is_so == (op in ("=", "=~"))


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--events", type=pathlib.Path, required=True)
    arguments = parser.parse_args()
    events = list(read(arguments.events))
    asked, failures = 0, []
    for dashboard in queries.dashboards():
        for query in (query for query in queries.of(dashboard) if query.kind == "loki"):
            asked += 1
            matchers = parse(query.filled())
            found = [labels for labels in events if all(holds(labels, *matcher) for matcher in matchers)]
            print(f"  {len(found):6} events: {query.place}")
            if not found:
                failures.append(f"empty: {query.place}: {query.filled()}")
            elif not all("trace_id" in labels for labels in found):
                failures.append(f"an event leads to no trace: {query.place}")
    print(f"{asked} LogQL queries evaluated on {len(events)} events, {len(failures)} failures")
    for failure in failures:
        print(f"  {failure}")
    sys.exit(1 if failures else 0)


main()
