"""Checks the dashboards against Grafana's schema, as defined in its Foundation SDK: that it knows each key, and each value is of
its type or one of its words. The types of panels and queries are defined by the plugins."""

import copy
import enum
import json
import sys
import typing

import grafana_foundation_sdk.models.dashboard as schema
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.cog.plugins import register_default_plugins

import queries

# Grafana writes it next to a variable's query, though its dashboard schema does not contain it.
NOT_IN_THE_SCHEMA = "definition"


def faults(dashboard):
    model = schema.Dashboard.from_json(dashboard)
    found = list(of_object(model, "dashboard"))
    found += unknown(dashboard, json.loads(json.dumps(model, cls=JSONEncoder)), "dashboard")
    return found


def of_object(value, place):
    for name, hint in typing.get_type_hints(type(value)).items():
        yield from of_value(getattr(value, name), hint, f"{place}.{name}")


def of_value(value, hint, place):
    arguments = typing.get_args(hint)
    match typing.get_origin(hint):
        case typing.Union:
            choices = [list(of_value(value, argument, place)) for argument in arguments]
            yield from min(choices, key=len)
            return
        case origin if origin is list or origin is dict:
            if not isinstance(value, origin):
                yield f"{place} is no {origin.__name__}: {value!r}"
                return
            entries = enumerate(value) if origin is list else value.items()
            for key, entry in entries:
                yield from of_value(entry, arguments[-1], f"{place}[{key}]")
            return
        case typing.Literal:
            if value not in arguments:
                yield f"{place} is none of {arguments}: {value!r}"
            return
    if hint in (object, typing.Any):
        # A type of a plugin: known by the type it was parsed into.
        if hasattr(value, "to_json"):
            yield from of_object(value, place)
    elif issubclass(hint, enum.Enum):
        if value not in list(hint):
            yield f"{place} is none of {[str(one) for one in hint]}: {value!r}"
    elif hint is float:
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            yield f"{place} is no number: {value!r}"
    elif hint in (int, str, bool, type(None)):
        if type(value) is not hint:
            yield f"{place} is no {hint.__name__}: {value!r}"
    elif isinstance(value, hint):
        yield from of_object(value, place)
    else:
        yield f"{place} is no {hint.__name__}: {value!r}"


def unknown(given, kept, place):
    """Keys that the schema dropped."""
    if isinstance(given, dict):
        for key, value in given.items():
            if key in kept:
                yield from unknown(value, kept[key], f"{place}.{key}")
            elif key != NOT_IN_THE_SCHEMA:
                yield f"{place}.{key} is not in the schema"
    elif isinstance(given, list):
        for number, (one, other) in enumerate(zip(given, kept, strict=True)):
            yield from unknown(one, other, f"{place}[{number}]")
    elif given != kept:
        yield f"{place} became {kept!r}: {given!r}"


def panel(dashboard, kind):
    return next(one for one in dashboard["panels"] if one["type"] == kind)


def has_teeth(dashboard):
    """Whether injected faults are found."""
    put = [
        lambda one: one.update(refreshInterval="1m"),
        lambda one: one.update(title=7),
        lambda one: panel(one, "timeseries")["options"]["legend"].update(displayMode="tables"),
        lambda one: panel(one, "timeseries")["fieldConfig"]["defaults"]["custom"].update(showPoints="sometimes"),
        lambda one: panel(one, "timeseries")["targets"][0].update(expression="up"),
        lambda one: panel(one, "piechart")["options"].update(pieType="ring"),
        lambda one: panel(one, "table")["targets"][0].update(limit="20"),
    ]
    for number, fault in enumerate(put):
        wrong = copy.deepcopy(dashboard)
        fault(wrong)
        if not faults(wrong):
            sys.exit(f"fault {number} is not found")
    return len(put)


def main():
    register_default_plugins()
    dashboards = queries.dashboards()
    overview = next(one for one in dashboards if one["uid"] == "llm-trace-overview")
    put = has_teeth(overview)
    found = [f'{one["title"]}: {fault}' for one in dashboards for fault in faults(one)]
    panels = sum(len(one["panels"]) for one in dashboards)
    print(f"{len(dashboards)} dashboards with {panels} panels held against Grafana's schema, {len(found)} faults ({put} of {put} put in are found)")
    for fault in found:
        print(f"  {fault}")
    sys.exit(1 if found else 0)


main()
