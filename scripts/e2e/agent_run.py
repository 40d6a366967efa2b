"""The expected spans of a run of the example `agent`, shared by the checks of all backends."""

import argparse
from pathlib import Path

TOOLS = ["search_docs", "table_of_contents"]

# Name, OpenInference kind, and the name of the parent. The model is called twice: it calls both tools, and answers from
# their results.
SPANS = [
    ("invoke_workflow agent", "CHAIN", None),
    ("invoke_agent librarian", "AGENT", "invoke_workflow agent"),
    ("chat {model}", "LLM", "invoke_agent librarian"),
    ("execute_tool search_docs", "TOOL", "invoke_agent librarian"),
    ("retrieval llm-trace-docs", "RETRIEVER", "execute_tool search_docs"),
    ("execute_tool table_of_contents", "TOOL", "invoke_agent librarian"),
    ("chat {model}", "LLM", "invoke_agent librarian"),
]


def expected(model: str) -> list[tuple[str, str, str | None]]:
    """The spans, sorted."""
    return in_order((name.format(model=model), kind, parent) for name, kind, parent in SPANS)


def in_order(spans) -> list[tuple[str, str, str | None]]:
    """Spans in a fixed order: backends list them in any."""
    return sorted(spans, key=str)


def parser(description: str) -> argparse.ArgumentParser:
    """The arguments of all checks of such a run."""
    result = argparse.ArgumentParser(description=description)
    result.add_argument("--url", required=True)
    result.add_argument("--chat-model", required=True)
    result.add_argument("--question", required=True)
    result.add_argument("--answer", type=Path, required=True, help="file with what the example printed")
    result.add_argument("--failures", type=Path, required=True, help="file to append failed expectations to")
    return result
