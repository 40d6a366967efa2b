"""The queries of the dashboards and rules, with values for Grafana's variables."""

import json
import pathlib
import re
import urllib.parse
import urllib.request

ROOT = pathlib.Path(__file__).resolve().parents[2]


class Query:
    def __init__(self, dashboard, panel, target):
        self.dashboard = dashboard
        self.panel = panel
        self.kind = target["datasource"]["type"]
        self.text = target["query"] if self.kind == "tempo" else target["expr"]
        self.legend = target.get("legendFormat", "")
        self.place = f'{dashboard["title"]}, {panel["title"]}, {target["refId"]}'

    def filled(self, rate_interval="5m", shown="1h", as_played=False):
        """The query for all applications and models: the default of the dashboard."""
        text = self.text
        if as_played:
            # Fixed durations in the dashboard's queries are longer than the run.
            text = re.sub(r"\[\d+[mhd](:\d+m)?\]", lambda found: "[20s:1s]" if found.group(1) else "[10s]", text)
        text = text.replace("$__rate_interval", rate_interval).replace("$__range", shown)
        for variable in self.dashboard["templating"]["list"]:
            value = variable["query"] if variable["type"] == "textbox" else variable.get("allValue")
            if value:
                text = re.sub(rf'\$({variable["name"]}\b|{{{variable["name"]}(:\w+)?}})', lambda _, value=value: value, text)
        return text


def dashboards():
    files = sorted((ROOT / "dashboards/grafana").glob("*.json"))
    return [json.loads(file.read_text()) for file in files]


def of(dashboard):
    for panel in dashboard["panels"]:
        for target in panel.get("targets", []):
            yield Query(dashboard, panel, target)


def variables():
    """The series of the filters' values."""
    for dashboard in dashboards():
        for variable in dashboard["templating"]["list"]:
            found = re.fullmatch(r"label_values\({(.+)}, (\w+)\)", variable.get("definition", ""))
            if found:
                matcher, label = found.groups()
                place = f'{dashboard["title"]}, variable {variable["name"]}'
                yield place, f'count by ({label}) ({{{matcher}, {label}!=""}})'


def links(dashboard):
    """The queries of links to Explore, with the kind of data source."""
    for panel in dashboard["panels"]:
        for link in panel.get("fieldConfig", {}).get("defaults", {}).get("links", []):
            pane = json.loads(urllib.parse.parse_qs(urllib.parse.urlsplit(link["url"]).query)["panes"][0])
            for target in pane["traces"]["queries"]:
                if "query" in target:
                    # Any line of the panel.
                    query = re.sub(r'="\${__field\.labels\.\w+}"', '=~".+"', target["query"])
                    target = {"query": query, "refId": link["title"], "datasource": {"type": "tempo"}}
                    yield Query(dashboard, panel, target)


class Store:
    """A server of PromQL over HTTP."""

    def __init__(self, url):
        self.url = url

    def get(self, path, **parameters):
        try:
            with urllib.request.urlopen(f"{self.url}{path}?{urllib.parse.urlencode(parameters)}", timeout=60) as answer:
                return json.load(answer)
        except urllib.error.HTTPError as error:
            raise ValueError(f"{error.code}: {error.read().decode()[:300]}") from None

    def series(self, query, begin, end, step):
        """Label sets with their points, without NaN."""
        answer = self.get("/api/v1/query_range", query=query, start=begin, end=end, step=step)
        found = []
        for series in answer["data"]["result"]:
            points = [(float(at), float(value)) for at, value in series["values"] if value != "NaN"]
            if points:
                found.append((series["metric"], points))
        return found


if __name__ == "__main__":
    every = [query for dashboard in dashboards() for query in (*of(dashboard), *links(dashboard))]
    print(json.dumps([{"kind": query.kind, "place": query.place, "text": query.filled()} for query in every]))
