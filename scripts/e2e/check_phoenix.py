"""Checks how Phoenix shows one run of the example: the trace's shape, kinds, models, tokens and cost.

Phoenix translates `gen_ai.*` attributes to its own model when spans arrive. What it shows is therefore what a reader
of our telemetry understood, and is compared with what the spans themselves say.
"""

import argparse
import json
import sys
import urllib.request
from pathlib import Path

from expect import Report, check_cost, poll

QUERY = """
query ($project: String!) {
  getProjectByName(name: $project) {
    traceCount
    costSummary { total { cost } }
    spans(first: 100) {
      edges {
        node {
          name spanId parentId spanKind statusCode startTime attributes
          input { value mimeType }
          output { value mimeType }
          tokenCountPrompt tokenCountCompletion
          trace { session { sessionId } }
          costSummary { total { cost } }
        }
      }
    }
  }
}
"""


def ask(url: str, project: str, at_least: int) -> dict | None:
    """The project, once that many of its spans have been stored."""
    body = json.dumps({"query": QUERY, "variables": {"project": project}}).encode()
    request = urllib.request.Request(url + "/graphql", body, {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=10) as response:
        answer = json.load(response)
    if answer.get("errors"):
        raise SystemExit(f"Phoenix refused the query: {answer['errors']}")
    found = answer["data"]["getProjectByName"]
    return found if found and len(spans_of(found)) >= at_least else None


def spans_of(project: dict) -> list[dict]:
    """The project's spans, without the paging around them."""
    return [edge["node"] for edge in project["spans"]["edges"]]


def attribute(span: dict, key: str) -> object:
    """An attribute by its dotted name; Phoenix stores `a.b.c` as nested objects."""
    value: object = json.loads(span["attributes"])
    for part in key.split("."):
        value = value.get(part) if isinstance(value, dict) else None
    return value


def expected_spans(chat_model: str, embedding_model: str | None) -> dict[str, tuple[str, str | None]]:
    """By name: the kind that Phoenix shows and the name of the parent."""
    # Phoenix has no kind for a workflow, nor for a task.
    expected = {
        "invoke_workflow rag": ("unknown", None),
        "retrieval llm-trace-docs": ("retriever", "invoke_workflow rag"),
        "build_prompt": ("unknown", "invoke_workflow rag"),
        f"chat {chat_model}": ("llm", "invoke_workflow rag"),
    }
    if embedding_model:
        expected[f"embeddings {embedding_model}"] = ("embedding", "retrieval llm-trace-docs")
    return expected


def check_shape(report: Report, spans: list[dict], expected: dict[str, tuple[str, str | None]]) -> None:
    """Names, parents and kinds."""
    names = {span["spanId"]: span["name"] for span in spans}
    for name in sorted(expected.keys() | set(names.values())):
        found = [(span["spanKind"], names.get(span["parentId"])) for span in spans if span["name"] == name]
        report.equal(f"span {name}: kind, parent", found, [expected[name]] if name in expected else [])
    report.equal("spans with an error", [span["name"] for span in spans if span["statusCode"] == "ERROR"], [])


def check_call(report: Report, chat: dict, model: str, priced: bool, cached: bool) -> None:
    """Model, tokens and cost of the chat call."""
    report.equal("chat: model name", attribute(chat, "llm.model_name"), model)
    report.equal("chat: provider", attribute(chat, "llm.provider"), "openai")
    report.check(
        "chat: finish reason", attribute(chat, "llm.finish_reason"), "stop or length",
        attribute(chat, "llm.finish_reason") in ("stop", "length"),
    )
    for shown, ours in (("tokenCountPrompt", "input_tokens"), ("tokenCountCompletion", "output_tokens")):
        report.positive(f"chat: {shown}", chat[shown])
        report.equal(f"chat: {shown} is gen_ai.usage.{ours}", chat[shown], attribute(chat, f"gen_ai.usage.{ours}"))
    if cached:
        shown = attribute(chat, "llm.token_count.prompt_details.cache_read")
        report.positive("chat: prompt tokens read from the cache", shown)
        ours = attribute(chat, "gen_ai.usage.cache_read.input_tokens")
        report.equal("chat: … is gen_ai.usage.cache_read.input_tokens", shown, ours)
    report.equal(
        "chat: session is gen_ai.conversation.id",
        (chat["trace"]["session"] or {}).get("sessionId"), attribute(chat, "gen_ai.conversation.id"),
    )

    ours = attribute(chat, "gen_ai.usage.cost")
    theirs = chat["costSummary"] and chat["costSummary"]["total"]["cost"]
    if priced:
        check_cost(report, "chat", "Phoenix", ours, theirs)
    else:
        report.equal("chat: our cost in USD", ours, None)
        report.equal("chat: Phoenix's cost in USD", theirs, None)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--url", required=True)
    parser.add_argument("--project", required=True)
    parser.add_argument("--chat-model", required=True)
    parser.add_argument("--embedding-model")
    parser.add_argument("--priced", action="store_true", help="the chat model has a price")
    parser.add_argument("--cached", action="store_true", help="the LLM server has seen the prompt before")
    parser.add_argument("--failures", type=Path, required=True, help="file to append failed expectations to")
    arguments = parser.parse_args()

    report = Report(f"Phoenix, {arguments.project}")
    expected = expected_spans(arguments.chat_model, arguments.embedding_model)
    project = poll(lambda: ask(arguments.url, arguments.project, len(expected)), seconds=30)
    report.check("all spans arrived", "yes" if project else "not in 30 s", "yes", project is not None)
    project = project or ask(arguments.url, arguments.project, 1)
    if project:
        spans = spans_of(project)
        report.equal("traces", project["traceCount"], 1)
        check_shape(report, spans, expected)
        for chat in [span for span in spans if span["name"].startswith("chat ")][:1]:
            check_call(report, chat, arguments.chat_model, arguments.priced, arguments.cached)
        for embedding in [span for span in spans if span["name"].startswith("embeddings ")][:1]:
            model = attribute(embedding, "embedding.model_name")
            report.equal("embeddings: model name", model, arguments.embedding_model)
            report.positive("embeddings: prompt tokens", attribute(embedding, "llm.token_count.prompt"))
    return report.finish(arguments.failures)


if __name__ == "__main__":
    sys.exit(main())
