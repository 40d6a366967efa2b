"""Evaluates every PromQL query of the dashboards, and of the rules in the store; fails if one is empty or wrong."""

import argparse
import sys

import queries


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--url", required=True)
    parser.add_argument("--begin", type=float, required=True)
    parser.add_argument("--end", type=float, required=True)
    parser.add_argument("--step", default="60s")
    parser.add_argument("--rate-interval", default="5m")
    parser.add_argument("--shown", default="6h")
    parser.add_argument("--as-played", action="store_true", help="there are seconds where a dashboard expects minutes")
    parser.add_argument("--rules", action="store_true", help="also the rules that the store has loaded")
    arguments = parser.parse_args()
    store = queries.Store(arguments.url)

    asked = list(queries.variables())
    for dashboard in queries.dashboards():
        of_metrics = (query for query in queries.of(dashboard) if query.kind == "prometheus")
        asked += [(query.place, query.filled(arguments.rate_interval, arguments.shown, arguments.as_played)) for query in of_metrics]
    if arguments.rules:
        groups = store.get("/api/v1/rules")["data"]["groups"]
        rules = [rule for group in groups for rule in group["rules"]]
        # A recording rule is checked by its recorded series, an alert by the times at which it fires.
        asked += [(f'rule {rule["name"]}', rule["name"] if rule["type"] == "recording" else rule["query"]) for rule in rules]

    empty, wrong, points = [], [], 0
    for place, query in asked:
        try:
            found = store.series(query, arguments.begin, arguments.end, arguments.step)
        except ValueError as error:
            wrong.append(f"{place}: {query}: {error}")
            continue
        points += sum(len(values) for _, values in found)
        if not found:
            empty.append(f"{place}: {query}")
    print(f"{len(asked)} queries evaluated, {points} points, {len(empty)} empty, {len(wrong)} wrong")
    for kind, which in (("empty", empty), ("wrong", wrong)):
        for line in which:
            print(f"  {kind}: {line}")
    sys.exit(1 if empty or wrong else 0)


main()
