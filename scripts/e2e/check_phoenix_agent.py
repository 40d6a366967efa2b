"""Checks how Phoenix shows a run of the example `agent`: kinds, messages, tools, documents, tokens and cost."""

import json
import sys

import agent_run
from check_phoenix import ask, attribute, spans_of
from expect import Report, check_cost, poll


def check_texts(report: Report, name: str, span: dict, question: str, answer: str) -> None:
    """Input and output, as texts."""
    report.equal(f"{name}: input", span["input"]["value"], question)
    report.equal(f"{name}: output", span["output"]["value"].strip(), answer)
    report.equal(f"{name}: form of input and output", {span["input"]["mimeType"], span["output"]["mimeType"]}, {"text"})


def messages(chat: dict, side: str) -> list[dict]:
    """The messages of one side of a chat, as the chat view shows them."""
    return [entry["message"] for entry in attribute(chat, f"llm.{side}_messages") or []]


def calls(message: dict) -> dict[str, str]:
    """The names of the tools that a message calls, by the ids of the calls."""
    found = [entry["tool_call"] for entry in message.get("tool_calls") or []]
    return {call["id"]: call["function"]["name"] for call in found}


def check_chats(report: Report, first: dict, last: dict, question: str, answer: str) -> dict[str, str]:
    """Messages, tools, tokens and cost of both turns. Returns the calls of tools."""
    called = calls(messages(first, "output")[0])
    report.equal("first chat: tools called", sorted(called.values()), agent_run.TOOLS)
    roles = [message["role"] for message in messages(first, "input")]
    report.equal("first chat: roles of its messages", roles, ["system", "user"])
    report.equal("first chat: question", messages(first, "input")[-1]["content"], question)
    schemas = [entry["tool"]["json_schema"] for entry in attribute(first, "llm.tools") or []]
    schemas = [json.loads(schema) if isinstance(schema, str) else schema for schema in schemas]
    offered = sorted(schema["function"]["name"] for schema in schemas)
    report.equal("first chat: tools offered", offered, agent_run.TOOLS)
    results = {message.get("tool_call_id") for message in messages(last, "input") if message["role"] == "tool"}
    report.equal("last chat: results of the calls", results, set(called))
    report.equal("last chat: answer", messages(last, "output")[0]["content"].strip(), answer)
    for name, chat in (("first", first), ("last", last)):
        for shown, ours in (("tokenCountPrompt", "input_tokens"), ("tokenCountCompletion", "output_tokens")):
            report.positive(f"{name} chat: {shown}", chat[shown])
            expected = attribute(chat, f"gen_ai.usage.{ours}")
            report.equal(f"{name} chat: {shown} is gen_ai.usage.{ours}", chat[shown], expected)
        theirs = chat["costSummary"] and chat["costSummary"]["total"]["cost"]
        check_cost(report, f"{name} chat", "Phoenix", attribute(chat, "gen_ai.usage.cost"), theirs)
    return called


def check_tools(report: Report, spans: list[dict], called: dict[str, str]) -> None:
    """Name, id, parameters and result of each tool."""
    for tool in [span for span in spans if span["spanKind"] == "tool"]:
        name = attribute(tool, "tool.name")
        report.equal(f"tool {name}: is the one called", called.get(str(attribute(tool, "tool.id"))), name)
        parameters = attribute(tool, "tool.parameters")
        parameters = json.loads(parameters) if isinstance(parameters, str) else parameters
        report.equal(f"tool {name}: parameters are its input", json.loads(tool["input"]["value"]), parameters)
        report.positive(f"tool {name}: length of its result", len(tool["output"]["value"]))


def check_documents(report: Report, retrieval: dict, question: str) -> None:
    """The found documents."""
    documents = [entry["document"] for entry in attribute(retrieval, "retrieval.documents") or []]
    report.equal("retrieval: query", retrieval["input"]["value"], question)
    report.equal("retrieval: documents", len(documents), 3)
    complete = all(document.get("id") and document.get("content") for document in documents)
    report.check("retrieval: each with id and content", "yes" if complete else documents, "yes", complete)
    scores = [document.get("score", 0) for document in documents]
    falling = scores == sorted(scores, reverse=True) and min(scores, default=0) > 0
    report.check("retrieval: scores", scores, "> 0, falling", falling)


def main() -> int:
    parser = agent_run.parser(__doc__.splitlines()[0])
    parser.add_argument("--project", required=True)
    arguments = parser.parse_args()
    answer = arguments.answer.read_text().strip()

    report = Report(f"Phoenix, {arguments.project}")
    expected = agent_run.expected(arguments.chat_model)
    project = poll(lambda: ask(arguments.url, arguments.project, len(expected)), seconds=60)
    report.check("all spans arrived", "yes" if project else "not in 60 s", "yes", project is not None)
    project = project or ask(arguments.url, arguments.project, 1)
    if not project:
        return report.finish(arguments.failures)

    spans = spans_of(project)
    names = {span["spanId"]: span["name"] for span in spans}
    found = [(span["name"], span["spanKind"].upper(), names.get(span["parentId"])) for span in spans]
    report.equal("traces", project["traceCount"], 1)
    for is_found, is_expected in zip(agent_run.in_order(found), expected):
        report.equal(f"span {is_expected[0]}: name, kind, parent", is_found, is_expected)
    report.equal("number of spans", len(found), len(expected))
    report.equal("spans with an error", [span["name"] for span in spans if span["statusCode"] == "ERROR"], [])
    sessions = {(span["trace"]["session"] or {}).get("sessionId") for span in spans}
    conversations = {attribute(span, "gen_ai.conversation.id") for span in spans}
    report.equal("session is gen_ai.conversation.id", sessions, conversations)

    for span in spans:
        if span["spanKind"] in ("chain", "agent"):
            check_texts(report, span["name"], span, arguments.question, answer)
    chats = sorted((span for span in spans if span["spanKind"] == "llm"), key=lambda span: span["startTime"])
    if len(chats) == 2:
        called = check_chats(report, *chats, arguments.question, answer)
        check_tools(report, spans, called)
        total = project["costSummary"]["total"]["cost"]
        report.close("cost of the trace is that of both chats", total, sum(
            chat["costSummary"]["total"]["cost"] for chat in chats if chat["costSummary"]
        ))
    for retrieval in [span for span in spans if span["spanKind"] == "retriever"]:
        check_documents(report, retrieval, arguments.question)
    return report.finish(arguments.failures)


if __name__ == "__main__":
    sys.exit(main())
