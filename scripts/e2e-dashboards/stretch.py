"""Stretches the minutes of a run to the hours that they simulate.

Reads two runs, each from its VictoriaMetrics, and writes them as OpenMetrics: the second as the last hours, the first, in which nothing
goes wrong, as the same hours a week ago. Values stay as they were received; only time is stretched.
"""

import argparse
import json
import sys
import urllib.parse
import urllib.request

WEEK = 7 * 86400


def export(url, begin, end):
    query = urllib.parse.urlencode({"match[]": '{__name__!=""}', "start": begin, "end": end})
    with urllib.request.urlopen(f"{url}/api/v1/export?{query}", timeout=120) as answer:
        for line in answer:
            yield json.loads(line)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--run", nargs=4, action="append", required=True, metavar=("URL", "BEGIN", "PLAYED", "END"))
    parser.add_argument("--hours", type=float, required=True)
    parser.add_argument("--now", type=float, required=True)
    arguments = parser.parse_args()

    calm, eventful = arguments.run
    families = {}
    for (url, *times), shift in ((calm, WEEK), (eventful, 0)):
        begin, played, end = map(float, times)
        # Data after the last request is cut off, because the simulated hours are over.
        factor = arguments.hours * 3600 / played
        for series in export(url, begin, end):
            name = series["metric"].pop("__name__")
            labels = ",".join(f"{key}={json.dumps(value)}" for key, value in sorted(series["metric"].items()))
            last = 0
            for at, value in zip(series["timestamps"], series["values"]):
                hence = (at / 1000 - begin) * factor
                at = round(arguments.now - arguments.hours * 3600 - shift + hence, 3)
                if value is None or at > arguments.now - shift or at <= last:
                    continue
                last = at
                families.setdefault(name, []).append(f"{name}{{{labels}}} {value} {at}")
    for lines in families.values():
        sys.stdout.write("\n".join(lines) + "\n")
    print("# EOF")


main()
