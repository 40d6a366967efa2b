"""Parses the telemetry printed by the rotel collector (`--debug-log-verbosity detailed`).

The output is for people: one line per fact, in the order resource > scope > span or metric > data point. A value may
hold line breaks; it ends with the parenthesis that closes it.
"""

import re
from dataclasses import dataclass, field
from pathlib import Path

Attributes = dict[str, "Value"]


@dataclass
class Value:
    """An attribute value as received: its OTLP type (`Str`, `Int`, `Double`, `Bool`, `Slice`) and its text."""

    kind: str
    text: str


@dataclass
class Resource:
    """The resource that a span or metric came with."""

    attributes: Attributes = field(default_factory=dict)

    def text(self, key: str) -> str | None:
        """The text of an attribute, if present."""
        value = self.attributes.get(key)
        return value.text if value else None


@dataclass
class Scope:
    """The instrumentation scope that a span or metric came with."""

    name: str = ""
    version: str = ""
    schema_url: str = ""


@dataclass
class Span:
    """A finished span."""

    resource: Resource
    scope: Scope
    attributes: Attributes = field(default_factory=dict)
    facts: dict[str, str] = field(default_factory=dict)  # "Name", "Kind", "Trace ID", "Parent ID", "Status code", …


@dataclass
class Point:
    """One data point of a metric."""

    attributes: Attributes = field(default_factory=dict)
    facts: dict[str, str] = field(default_factory=dict)  # "Count", "Sum", "Value", …
    bounds: list[float] = field(default_factory=list)


@dataclass
class Metric:
    """A metric as exported once; a later export of the same process repeats its totals."""

    resource: Resource
    scope: Scope
    facts: dict[str, str] = field(default_factory=dict)  # "Name", "Unit", "DataType", …
    points: list[Point] = field(default_factory=list)


HEADING = re.compile(r"(\w+) #\d+$")
SCHEMA = re.compile(r"Scope\w+ SchemaURL: ?(.*)$")
SCOPE = re.compile(r"InstrumentationScope (\S+) ?(\S*)$")
ATTRIBUTE = re.compile(r"\s+-> ([^:]+): (\w+)\((.*)$")
BOUND = re.compile(r"ExplicitBounds #\d+: (\S+)$")
FACT = re.compile(r"(?:\s+-> )?\s*([A-Z][A-Za-z ]*?)\s*: ?(.*)$")


def parse(path: Path) -> tuple[list[Span], list[Metric]]:
    """All spans and metrics printed so far."""
    spans: list[Span] = []
    metrics: list[Metric] = []
    resource, scope, point = Resource(), Scope(), Point()
    # The target of the following lines. Unused parts (events, exemplars) go to a separate dictionary.
    facts: dict[str, str] = {}
    attributes: Attributes = {}

    lines = iter(path.read_text(errors="replace").splitlines())
    for line in lines:
        if attribute := ATTRIBUTE.match(line):
            text = attribute[3]
            while not text.endswith(")") and (more := next(lines, None)) is not None:
                text += "\n" + more
            attributes[attribute[1]] = Value(attribute[2], text.removesuffix(")"))
        elif bound := BOUND.match(line):
            point.bounds.append(float(bound[1]))
        elif heading := HEADING.match(line):
            facts, attributes = {}, {}
            match heading[1]:
                case "ResourceSpans" | "ResourceMetrics":
                    resource = Resource()
                    attributes = resource.attributes
                case "ScopeSpans" | "ScopeMetrics":
                    scope = Scope()
                case "Span":
                    spans.append(span := Span(resource, scope))
                    facts, attributes = span.facts, span.attributes
                case "Metric":
                    metrics.append(metric := Metric(resource, scope))
                    facts = metric.facts
                case kind if kind.endswith("DataPoints"):
                    metrics[-1].points.append(point := Point())
                    facts, attributes = point.facts, point.attributes
        elif schema := SCHEMA.match(line):
            scope.schema_url = schema[1]
        elif line == "InstrumentationScope attributes:":
            attributes = {}
        elif named := SCOPE.match(line):
            scope.name, scope.version = named[1], named[2]
        elif fact := FACT.match(line):
            facts[fact[1]] = fact[2]
    return spans, metrics
