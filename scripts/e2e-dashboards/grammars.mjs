// Parses the TraceQL and LogQL queries that come as JSON; the grammars are in the folder that is named.

import { readFileSync } from "node:fs";
import { createRequire } from "node:module";

const installed = createRequire(`${process.argv[2]}/`);
const languages = {
  tempo: { name: "TraceQL", parser: installed("@grafana/lezer-traceql").parser },
  loki: { name: "LogQL", parser: installed("@grafana/lezer-logql").parser },
};

function errors(kind, text) {
  const found = [];
  languages[kind].parser.parse(text).iterate({
    enter: (node) => void (node.type.isError && found.push(text.slice(Math.max(node.from - 20, 0), node.to + 20))),
  });
  // Loki's own rule, which no grammar has: a selector of streams must not match what has none of its labels.
  if (kind === "loki") {
    for (const [, matchers] of text.matchAll(/\{([^}]*)\}/g)) {
      const all = [...matchers.matchAll(/(=~|!=|!~|=)\s*["`]([^"`]*)["`]/g)];
      const needs = ([, how, value]) => (how === "=" ? value !== "" : how === "=~" ? !new RegExp(`^(?:${value})$`).test("") : how === "!=" && value === "");
      if (!all.some(needs)) found.push(`${matchers}: matches everything`);
    }
  }
  return found;
}

// A parser that finds no fault with these would find none with ours.
for (const [kind, text] of [
  ["tempo", '{ span.a =~ "x" && status = error } | select span.b'],
  ["tempo", "{ duration >> 5s } | select(span.b)"],
  ["loki", '{a="b"} | c <'],
  ["loki", '{a=~".*"} | c < 1'],
  ["loki", 'sum by (a) rate({a="b"}[5m]'],
]) {
  if (!errors(kind, text).length) throw new Error(`${languages[kind].name} takes ${text}`);
}

const count = { tempo: 0, loki: 0 };
const wrong = [];
for (const { kind, place, text } of JSON.parse(readFileSync(0, "utf8"))) {
  if (!(kind in languages)) continue;
  count[kind] += 1;
  for (const near of errors(kind, text)) wrong.push(`  ${place}: ${text}: near ${near}`);
}
console.log(`${count.tempo} TraceQL and ${count.loki} LogQL queries parsed by Grafana's grammars, ${wrong.length} errors`);
wrong.forEach((line) => console.log(line));
process.exit(wrong.length || !count.tempo || !count.loki ? 1 : 0);
