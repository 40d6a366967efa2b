"""Draws the results of the dashboards' queries, panel by panel in the layout of the dashboards. Does not use Grafana."""

import argparse
import datetime
import io
import pathlib
import re

import matplotlib

matplotlib.use("Agg")
import matplotlib.dates
import matplotlib.pyplot as plt
from PIL import Image

import queries

UNITS = {"s": ("", " s"), "reqps": ("", "/s"), "percentunit": ("", " %"), "currencyUSD": ("$", ""), "short": ("", "")}


def formatted(value, unit):
    before, after = UNITS.get(unit, ("", ""))
    value *= 100 if unit == "percentunit" else 1
    return f"{before}{value:,.3g}{after}" if abs(value) < 1000 else f"{before}{value:,.0f}{after}"


def named(legend, labels):
    return re.sub(r"{{(\w+)}}", lambda found: labels.get(found.group(1), ""), legend)


def right_axis(axes, panel):
    """A separate axis for the line with an override, as in Grafana."""
    overrides = panel["fieldConfig"]["overrides"]
    if not overrides:
        return None, axes
    other = axes.twinx()
    other.tick_params(labelsize=6)
    return overrides[0]["matcher"]["options"], other


def draw(axes, panel, answers, unit):
    if not any(answers):
        raise SystemExit(f'{panel["title"]}: nothing to draw')
    kind = panel["type"]
    latest = [(named(legend, labels), points[-1][1]) for answer in answers for legend, labels, points in answer]
    if kind == "stat":
        axes.axis("off")
        axes.text(0.5, 0.4, formatted(latest[0][1], unit), ha="center", va="center", fontsize=15, color="#1f60c4")
    elif kind == "bargauge":
        latest = sorted(latest, key=lambda one: one[1])[-10:]
        axes.barh([name for name, _ in latest], [value for _, value in latest], color="#5794f2")
        for row, (_, value) in enumerate(latest):
            axes.text(value, row, " " + formatted(value, unit), va="center", fontsize=6)
        axes.margins(x=0.2)
        axes.set_xticks([])
    elif kind == "piechart":
        values = [(name, value) for name, value in latest if value > 0]
        axes.pie([value for _, value in values], labels=[name for name, _ in values], textprops={"fontsize": 6}, wedgeprops={"width": 0.5})
    elif kind == "heatmap":
        rows = sorted(((float(labels["le"]), points) for _, labels, points in answers[0] if labels["le"] != "+Inf"), key=lambda row: row[0])
        times = sorted({at for _, points in rows for at, _ in points})
        grid, below = [], dict.fromkeys(times, 0)
        for _, points in rows:
            here = dict(points)
            grid.append([max(here.get(at, below[at]) - below[at], 0) for at in times])
            below |= here
        at = [datetime.datetime.fromtimestamp(time) for time in times]
        axes.pcolormesh(at, range(len(rows)), grid, cmap="Blues", shading="nearest")
        axes.set_yticks(range(0, len(rows), 2), [f"{bound:g}" for bound, _ in rows][::2])
    else:
        apart, other = right_axis(axes, panel)
        for number, answer in enumerate(answers):
            for legend, labels, points in answer:
                on = other if legend == apart else axes
                at = [datetime.datetime.fromtimestamp(time) for time, _ in points]
                factor = 100 if unit == "percentunit" else 1
                colour = f"C{number}" if apart else None
                on.plot(at, [value * factor for _, value in points], linewidth=1, label=named(legend, labels), color=colour)
        for on in {axes, other}:
            on.set_ylim(bottom=0)
        handles, names = axes.get_legend_handles_labels()
        if apart:
            handles, names = (one + more for one, more in zip((handles, names), other.get_legend_handles_labels()))
        if len(names) <= 8 and any(names):
            axes.legend(handles, names, fontsize=5, loc="upper left", framealpha=0.6)
        before, after = UNITS.get(unit, ("", ""))
        axes.set_ylabel((before + after).strip(), fontsize=6)
    if kind in ("timeseries", "heatmap"):
        axes.xaxis.set_major_formatter(matplotlib.dates.DateFormatter("%H:%M"))
        axes.xaxis.set_major_locator(matplotlib.dates.AutoDateLocator(maxticks=5, minticks=2))
    axes.tick_params(labelsize=6)
    axes.set_title(panel["title"], fontsize=8, loc="left")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--url", required=True)
    parser.add_argument("--end", type=float, required=True)
    parser.add_argument("--hours", type=float, required=True)
    parser.add_argument("--into", type=pathlib.Path, required=True)
    arguments = parser.parse_args()
    store = queries.Store(arguments.url)
    begin = arguments.end - arguments.hours * 3600
    arguments.into.mkdir(parents=True, exist_ok=True)
    for dashboard in queries.dashboards():
        panels = [panel for panel in dashboard["panels"] if panel["type"] not in ("row", "table", "logs")]
        height = max(panel["gridPos"]["y"] + panel["gridPos"]["h"] for panel in panels)
        figure = plt.figure(figsize=(14, height * 0.28), dpi=75)
        for panel in panels:
            place = panel["gridPos"]
            axes = figure.add_axes((
                (place["x"] + 0.9 + (2.2 if panel["type"] == "bargauge" else 0)) / 24,
                1 - (place["y"] + place["h"] - 0.9) / height,
                (place["w"] - 1.2 - (2.2 if panel["type"] == "bargauge" else 0)) / 24,
                (place["h"] - 2.2) / height,
            ))
            answers = []
            for query in queries.of(dashboard | {"panels": [panel]}):
                found = store.series(query.filled("15m", f"{arguments.hours:g}h"), begin, arguments.end, "120s")
                answers.append([(query.legend, labels, points) for labels, points in found])
            draw(axes, panel, answers, panel["fieldConfig"]["defaults"]["unit"])
        picture = io.BytesIO()
        figure.savefig(picture)
        plt.close(figure)
        file = arguments.into / f'{dashboard["uid"]}.png'
        Image.open(picture).convert("RGB").quantize(48).save(file, optimize=True)
        print(f"  {file}: {len(panels)} panels, {file.stat().st_size // 1024} KiB")


main()
