"""Checks how MLflow shows one run of an example: types, inputs and outputs, tools, tokens, cost and session."""

import json
import sys
import urllib.error
import urllib.parse
import urllib.request

import agent_run
from expect import Report, check_cost, poll


def post(url: str, path: str, body: dict) -> dict:
    """Calls MLflow's REST API."""
    request = urllib.request.Request(url + path, json.dumps(body).encode(), {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=30) as response:
        return json.load(response)


def ask(url: str, experiment: str, at_least: int) -> dict | None:
    """The only trace of an experiment, once that many of its spans have been stored."""
    place = {"type": "MLFLOW_EXPERIMENT", "mlflow_experiment": {"experiment_id": experiment}}
    found = post(url, "/api/3.0/mlflow/traces/search", {"locations": [place]}).get("traces", [])
    if len(found) != 1:
        return None
    query = urllib.parse.urlencode({"trace_id": found[0]["trace_id"]})
    try:
        with urllib.request.urlopen(f"{url}/api/3.0/mlflow/traces/get?{query}", timeout=30) as response:
            trace = json.load(response)["trace"]
    except urllib.error.HTTPError:  # the trace is known before its spans are
        return None
    spans = [simple(span) for span in trace["spans"]]
    return {"info": found[0], "spans": spans} if len(spans) >= at_least else None


def simple(span: dict) -> dict:
    """A span whose attributes are a dictionary of plain values."""
    return {**span, "attributes": {entry["key"]: plain(entry["value"]) for entry in span["attributes"]}}


def plain(value: dict) -> object:
    """An OTLP value without its type."""
    if "kvlist_value" in value:
        return {entry["key"]: plain(entry["value"]) for entry in value["kvlist_value"].get("values", [])}
    if "array_value" in value:
        return [plain(item) for item in value["array_value"].get("values", [])]
    return next(iter(value.values()), None)


def texts(messages: object) -> list[tuple[str, list[str]]]:
    """Role and types of the parts of each message."""
    if not isinstance(messages, list):
        return []
    return [(message["role"], [part["type"] for part in message["parts"]]) for message in messages]


def check_chat(report: Report, name: str, chat: dict, model: str) -> None:
    """Model, tokens and cost of a call to a model."""
    attributes = chat["attributes"]
    model_shown = attributes.get("mlflow.llm.model")
    # MLflow shows and prices the response model. The stand-in answers with a dated name, as OpenAI does.
    report.check(f"{name}: model", model_shown, f"{model}…", str(model_shown).startswith(model))
    usage = attributes.get("mlflow.chat.tokenUsage") or {}
    for key in ("input_tokens", "output_tokens"):
        report.positive(f"{name}: {key}", usage.get(key))
        report.equal(f"{name}: {key} is gen_ai.usage.{key}", usage.get(key), attributes.get(f"gen_ai.usage.{key}"))
    theirs = (attributes.get("mlflow.llm.cost") or {}).get("total_cost")
    check_cost(report, name, "MLflow", attributes.get("gen_ai.usage.cost"), theirs)


def check_trace(report: Report, trace: dict, chats: list[dict]) -> None:
    """The row in the list of traces: sums of tokens and cost, and the session."""
    metadata = trace["info"].get("trace_metadata", {})
    usage = json.loads(metadata.get("mlflow.trace.tokenUsage", "{}"))
    for key in ("input_tokens", "output_tokens"):
        expected = sum(chat["attributes"].get(f"gen_ai.usage.{key}", 0) for chat in chats)
        report.equal(f"trace: {key} of all chats", usage.get(key), expected)
    cost = json.loads(metadata.get("mlflow.trace.cost", "{}")).get("total_cost")
    costs = [(chat["attributes"].get("mlflow.llm.cost") or {}).get("total_cost", 0) for chat in chats]
    report.close("trace: cost of all chats", cost, sum(costs))
    conversations = {span["attributes"].get("gen_ai.conversation.id") for span in trace["spans"]}
    report.equal("trace: session is gen_ai.conversation.id", {metadata.get("mlflow.trace.session")}, conversations)


def check_agent(report: Report, trace: dict, chats: list[dict], question: str, answer: str) -> None:
    """The agent, its turns, its tools and the retrieval."""
    inputs, outputs = "mlflow.spanInputs", "mlflow.spanOutputs"
    of = {span["name"]: span["attributes"] for span in trace["spans"]}
    for name in ("invoke_workflow agent", "invoke_agent librarian"):
        report.equal(f"{name}: input", of.get(name, {}).get(inputs), question)
        report.equal(f"{name}: output", str(of.get(name, {}).get(outputs)).strip(), answer)
    if len(chats) == 2:
        first, last = (chat["attributes"] for chat in chats)
        tools = [tool.get("name") for tool in first.get("mlflow.chat.tools", [])]
        report.equal("first chat: tools offered", sorted(map(str, tools)), agent_run.TOOLS)
        report.equal("first chat: messages sent", texts(first.get(inputs)), [("system", ["text"]), ("user", ["text"])])
        report.equal(
            "first chat: message returned", texts(first.get(outputs)), [("assistant", ["tool_call", "tool_call"])]
        )
        report.equal(
            "last chat: messages sent", texts(last.get(inputs)),
            [("system", ["text"]), ("user", ["text"]), ("assistant", ["tool_call", "tool_call"])]
            + [("tool", ["tool_call_response"])] * 2,
        )
        report.equal("last chat: message returned", texts(last.get(outputs)), [("assistant", ["text"])])
    search, contents = (of.get(f"execute_tool {tool}", {}) for tool in agent_run.TOOLS)
    report.equal("tool search_docs: input", search.get(inputs), {"query": question})
    report.equal("tool table_of_contents: input", contents.get(inputs), {"document": "README"})
    for tool, attributes in zip(agent_run.TOOLS, (search, contents)):
        report.positive(f"tool {tool}: length of its result", len(str(attributes.get(outputs, ""))))
    retrieval = of.get("retrieval llm-trace-docs", {})
    report.equal("retrieval: query", retrieval.get(inputs), question)
    documents = retrieval.get(outputs) or []
    complete = len(documents) == 3 and all({"id", "score", "content"} <= document.keys() for document in documents)
    report.check("retrieval: documents with id, score, content", len(documents), 3, complete)


def rag_spans(model: str) -> list[tuple[str, str, str | None]]:
    """The spans of a run of the example `rag`."""
    root = "invoke_workflow rag"
    return agent_run.in_order([
        (root, "CHAIN", None),
        ("retrieval llm-trace-docs", "RETRIEVER", root),
        ("build_prompt", "CHAIN", root),
        (f"chat {model}", "LLM", root),
    ])


def main() -> int:
    parser = agent_run.parser(__doc__.splitlines()[0])
    parser.add_argument("--name", required=True, help="of the run")
    parser.add_argument("--experiment", required=True, help="the id of the run's experiment")
    parser.add_argument("--example", choices=("agent", "rag"), required=True)
    arguments = parser.parse_args()
    answer = arguments.answer.read_text().strip()
    is_agent = arguments.example == "agent"

    report = Report(f"MLflow, {arguments.name}")
    expected = agent_run.expected(arguments.chat_model) if is_agent else rag_spans(arguments.chat_model)
    trace = poll(lambda: ask(arguments.url, arguments.experiment, len(expected)), seconds=60)
    report.check("one trace with all spans arrived", "yes" if trace else "not in 60 s", "yes", trace is not None)
    if not trace:
        return report.finish(arguments.failures)

    names = {span["span_id"]: span["name"] for span in trace["spans"]}
    found = [
        (span["name"], str(span["attributes"].get("mlflow.spanType")), names.get(span.get("parent_span_id")))
        for span in trace["spans"]
    ]
    report.equal("number of spans", len(found), len(expected))
    for is_found, is_expected in zip(agent_run.in_order(found), expected):
        report.equal(f"span {is_expected[0]}: name, type, parent", is_found, is_expected)
    report.equal("state of the trace", trace["info"].get("state"), "OK")
    chats = [span for span in trace["spans"] if span["name"].startswith("chat ")]
    chats.sort(key=lambda span: int(span["start_time_unix_nano"]))
    for number, chat in enumerate(chats, 1):
        check_chat(report, f"chat {number}", chat, arguments.chat_model)
    check_trace(report, trace, chats)
    if is_agent:
        check_agent(report, trace, chats, arguments.question, answer)
    else:
        of = {span["name"]: span["attributes"] for span in trace["spans"]}
        workflow, chat = of.get("invoke_workflow rag", {}), chats[0]["attributes"] if chats else {}
        report.equal("invoke_workflow rag: input", workflow.get("mlflow.spanInputs"), arguments.question)
        report.equal("invoke_workflow rag: output", str(workflow.get("mlflow.spanOutputs")).strip(), answer)
        sent = [("system", ["text"]), ("user", ["text"])]
        report.equal("chat: messages sent", texts(chat.get("mlflow.spanInputs")), sent)
        report.equal("chat: message returned", texts(chat.get("mlflow.spanOutputs")), [("assistant", ["text"])])
        documents = of.get("retrieval llm-trace-docs", {}).get("mlflow.spanOutputs") or []
        report.equal("retrieval: documents", len(documents), 4)
    return report.finish(arguments.failures)


if __name__ == "__main__":
    sys.exit(main())
