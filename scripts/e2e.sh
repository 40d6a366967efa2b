#!/usr/bin/env bash
# Runs the RAG example against a real language model and real trace backends, and the agent example against the same
# backends, and checks what the backends received. The agent's model is the examples' stand-in: the real one is too
# small to call tools. Not part of `cargo test`: it installs about two gigabytes (once) and takes minutes. Everything
# listens on loopback.
set -euo pipefail

usage() {
    cat <<'END'
usage: scripts/e2e.sh [--keep] [--help]

Installs a local LLM server (llama.cpp with a 270M model), Phoenix, MLflow and the rotel collector into a cache, starts
them on free ports, runs the example `rag` against them and the example `agent`, whose model is the stand-in (270M
parameters do not call tools), against the backends, and checks what they received. Exit status 0 if all is as
expected; 1 with a list of what is not.

  --keep   keep the logs and the backends' data, and say where they are

LLM_TRACE_E2E_CACHE   where to install (default: llm-trace-e2e in the user's cache folder); delete it to start afresh
LLM_TRACE_E2E_QUESTION   what to ask the example `rag`

Needs bash, curl, GNU timeout, Python 3.10 or later with venv, cargo, and access to PyPI the first time.
END
}

keep=false
for argument in "$@"; do
    case $argument in
        --keep) keep=true ;;
        --help | -h) usage; exit 0 ;;
        *) echo "e2e: unknown argument $argument" >&2; usage >&2; exit 2 ;;
    esac
done

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
here=$root/scripts/e2e
cache=${LLM_TRACE_E2E_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/llm-trace-e2e}
question=${LLM_TRACE_E2E_QUESTION:-How do I name a span?}
# Its words make the stand-in call both tools, one of them for the README.
agent_question="How do I name a span, and which sections does the README have?"
data=$(mktemp -d "${TMPDIR:-/tmp}/llm-trace-e2e.XXXXXX")
failures=$data/failures # one line per failed expectation
as_expected=true
python=$cache/venv/bin/python
environment=e2e
free_model=gemma-3-270m
paid_model=gpt-4o-mini
embedding_model=text-embedding-3-small
groups=() # process groups we started, which are named after their leaders
ports=()

say() { printf '%s\n' "e2e: $*"; }
die() { printf '%s\n' "e2e: $*" >&2; exit 1; }

# Starts a command in the background, in a separate process group so that it can be stopped with all its children. Sets
# $group to the group.
start() {
    set -m
    "$@" </dev/null &
    set +m
    group=$!
    groups+=("$group")
}

# Runs a command with a time limit. In the background, because bash acts on a signal only between foreground commands.
bounded() {
    local seconds=$1 status=0
    shift
    start timeout --kill-after=5 "$seconds" "$@"
    wait "$group" || status=$?
    unset 'groups[-1]' # it is gone, and its number may come to mean another process
    ((status != 124)) || say "gave up after $seconds s: $*" >&2
    return "$status"
}

cleanup() {
    local status=$? group port
    trap - EXIT INT TERM
    for group in "${groups[@]}"; do kill -TERM -- "-$group" 2>/dev/null || true; done
    for group in "${groups[@]}"; do
        for _ in {1..50}; do
            kill -0 -- "-$group" 2>/dev/null || break
            sleep 0.1
        done
        kill -KILL -- "-$group" 2>/dev/null || true
    done
    for port in "${ports[@]}"; do
        if (: <"/dev/tcp/127.0.0.1/$port") 2>/dev/null; then
            say "something still listens on port $port" >&2
            ((status)) || status=1
        fi
    done
    if $keep; then say "logs and data are in $data"; else rm -rf "$data"; fi
    exit "$status"
}
trap cleanup EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

install() {
    # Inside the cache, so that one directory holds everything, and on one file system, so that uv can link.
    export UV_CACHE_DIR=$cache/uv-cache UV_PYTHON_DOWNLOADS=never
    mkdir -p "$cache"
    if ! cmp -s "$here/requirements.txt" "$cache/installed"; then
        local uv=uv
        if ! command -v uv >/dev/null; then
            uv=$cache/uv/bin/uv
            [[ -x $uv ]] || { python3 -m venv "$cache/uv" && bounded 300 "$cache/uv/bin/pip" install --quiet uv; }
        fi
        rm -rf "$cache/venv"
        bounded 60 "$uv" venv --quiet --python "$(command -v python3)" "$cache/venv"
        # pip's resolver takes minutes for this, uv's seconds.
        bounded 900 "$uv" pip install --quiet --python "$python" -r "$here/requirements.txt"
        cp "$here/requirements.txt" "$cache/installed"
    fi
    rotel=$("$python" -c 'import pathlib, rotel; print(pathlib.Path(rotel.__file__).with_name("rotel-agent"))')
}

# Chosen together, so that no two are equal.
choose_ports() {
    "$python" - <<'END'
import socket
sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(7)]
print(*(one.getsockname()[1] for one in sockets))
END
}

# Waits until a server answers a request with success; the arguments are those of curl.
await() {
    local name=$1 group=$2 seconds=$3 deadline
    shift 3
    deadline=$((SECONDS + seconds))
    until curl --silent --fail --max-time 5 --output /dev/null "$@"; do
        local reason=
        kill -0 "$group" 2>/dev/null || reason="ended"
        ((SECONDS < deadline)) || reason="did not answer within $seconds s"
        if [[ $reason ]]; then
            tail -n 30 "$data/$name.log" >&2
            die "$name $reason; above is the end of its log"
        fi
        sleep 0.3
    done
}

start_servers() {
    read -r -a ports < <(choose_ports)
    local phoenix_http phoenix_grpc rotel_http rotel_grpc mlflow_http
    read -r free_port paid_port phoenix_http phoenix_grpc rotel_http rotel_grpc mlflow_http <<<"${ports[*]}"
    phoenix=http://127.0.0.1:$phoenix_http
    collector=http://127.0.0.1:$rotel_http
    mlflow=http://127.0.0.1:$mlflow_http

    start "$python" "$here/llm_server.py" --weights "$cache/gemma-3-270m.gguf" \
        --serve "$free_model=$free_port" --serve "$paid_model=$paid_port" >"$data/llm.log" 2>&1
    llm_group=$group
    # Disable Phoenix's usage reports, web fonts and logging of set-up statements.
    start env PHOENIX_HOST=127.0.0.1 PHOENIX_PORT="$phoenix_http" PHOENIX_GRPC_PORT="$phoenix_grpc" \
        PHOENIX_WORKING_DIR="$data/phoenix" PHOENIX_TELEMETRY_ENABLED=false PHOENIX_ALLOW_EXTERNAL_RESOURCES=false \
        PHOENIX_DISABLE_AGENT_ASSISTANT=true PHOENIX_LOG_MIGRATIONS=false \
        "$python" "$here/phoenix_server.py" >"$data/phoenix.log" 2>&1
    phoenix_group=$group
    # With job execution it starts seven workers that outlive it. Disable its usage reports too.
    start env MLFLOW_DISABLE_TELEMETRY=true MLFLOW_SERVER_ENABLE_JOB_EXECUTION=false \
        "$python" -m mlflow server --host 127.0.0.1 --port "$mlflow_http" --workers 1 \
        --backend-store-uri "sqlite:///$data/mlflow.db" --artifacts-destination "$data/mlflow" >"$data/mlflow.log" 2>&1
    mlflow_group=$group
    start "$rotel" start --otlp-http-endpoint "127.0.0.1:$rotel_http" --otlp-grpc-endpoint "127.0.0.1:$rotel_grpc" \
        --exporter blackhole --debug-log traces --debug-log metrics --debug-log logs --debug-log-verbosity detailed \
        --pid-file "$data/rotel.pid" >"$data/rotel.log" 2>&1
    rotel_group=$group

    local empty_export=(--header 'Content-Type: application/x-protobuf' --data-binary '')
    await rotel "$rotel_group" 30 "$collector/v1/traces" "${empty_export[@]}"
    await llm "$llm_group" 120 "http://127.0.0.1:$free_port/health"
    await llm "$llm_group" 120 "http://127.0.0.1:$paid_port/health"
    await phoenix "$phoenix_group" 300 "$phoenix/healthz"
    await mlflow "$mlflow_group" 300 "$mlflow/health"
}

# Runs an example once: the name of the run, the example, the question, and variables. Its telemetry is identified by
# the service name and, in Phoenix, by the project.
run_example() {
    local name=$1 example=$2 asked=$3
    shift 3
    say "run $name"
    bounded 600 env OTEL_SERVICE_NAME="$name" \
        OTEL_RESOURCE_ATTRIBUTES="deployment.environment.name=$environment,openinference.project.name=$name" "$@" \
        cargo run --quiet --package llm-trace-examples --example "$example" -- "$asked" \
        >"$data/$name.out" 2>"$data/$name.err" || {
        tail -n 30 "$data/$name.err" >&2
        die "the example failed in run $name; its output is above"
    }
}

# Runs the example `rag` against the LLM server on a port. Records the counters of the server before and after.
run_rag() {
    local name=$1 llm=http://127.0.0.1:$2
    shift 2
    curl --silent --fail --max-time 30 "$llm/metrics" >"$data/$name.before"
    run_example "$name" rag "$question" OPENAI_BASE_URL="$llm/v1" OPENAI_API_KEY=unused "$@"
    curl --silent --fail --max-time 30 "$llm/metrics" >"$data/$name.after"
}

# Creates an MLflow experiment for one run, and prints its id.
experiment() {
    curl --silent --fail --max-time 60 --header 'Content-Type: application/json' --data "{\"name\": \"$1\"}" \
        "$mlflow/api/2.0/mlflow/experiments/create" |
        "$python" -c 'import json, sys; print(json.load(sys.stdin)["experiment_id"])'
}

check_phoenix() {
    "$python" "$here/check_phoenix.py" --url "$phoenix" --failures "$failures" --project "$@" || as_expected=false
}

check_phoenix_agent() {
    "$python" "$here/check_phoenix_agent.py" --url "$phoenix" --failures "$failures" --project "$1" \
        --answer "$data/$1.out" --question "$agent_question" --chat-model "$paid_model" || as_expected=false
}

check_mlflow() {
    local name=$1 example=$2 asked=$3 experiment=$4
    "$python" "$here/check_mlflow.py" --url "$mlflow" --failures "$failures" --name "$name" --experiment "$experiment" \
        --example "$example" --answer "$data/$name.out" --question "$asked" --chat-model "$paid_model" ||
        as_expected=false
}

check_rotel() {
    local name=$1
    shift
    "$python" "$here/check_rotel.py" --log "$data/rotel.log" --failures "$failures" --environment "$environment" \
        --service "$name" --llm-before "$data/$name.before" --llm-after "$data/$name.after" "$@" || as_expected=false
}

# Adds up the peaks of a process group: servers with child processes do not use all memory in the first one.
memory() {
    "$python" - "$1" <<'END'
import os, pathlib, re, sys
peaks = []
for status in pathlib.Path("/proc").glob("[0-9]*/status"):
    try:
        if os.getpgid(int(status.parent.name)) == int(sys.argv[1]):
            peaks += re.findall(r"^VmHWM:\s+(\d+) kB", status.read_text(), re.MULTILINE)
    except OSError:
        pass  # it ended meanwhile
print(f"{sum(map(int, peaks)) // 1024} MB" if peaks else "unknown")
END
}

# Isolates the test from the environment of the caller; nothing on loopback goes through a proxy.
unset "${!OTEL_@}" "${!OPENAI_@}" "${!PHOENIX_@}" "${!MLFLOW_@}" "${!ROTEL_@}" "${!STANDIN_@}"
export NO_PROXY=127.0.0.1 no_proxy=127.0.0.1 PYTHONDONTWRITEBYTECODE=1
cd "$root"

install
installed=$SECONDS
say "installed in $cache ($installed s)"

bounded 1800 cargo build --quiet --package llm-trace-examples --example rag --example agent
built=$SECONDS
say "examples built ($((built - installed)) s)"

start_servers
started=$SECONDS
say "servers up ($((started - built)) s)"

# The same model under two names: one without a known price, and one that all price lists contain.
to_both=(
    OTEL_EXPORTER_OTLP_TRACES_ENDPOINT="$phoenix/v1/traces"
    OTEL_EXPORTER_OTLP_METRICS_ENDPOINT="$collector/v1/metrics" # Phoenix takes no metrics
)
run_rag e2e-unpriced "$free_port" OPENAI_MODEL="$free_model" "${to_both[@]}"
run_rag e2e-priced "$paid_port" OPENAI_MODEL="$paid_model" OPENAI_EMBEDDING_MODEL="$embedding_model" "${to_both[@]}"
run_rag e2e-collector "$paid_port" OPENAI_MODEL="$paid_model" OTEL_EXPORTER_OTLP_ENDPOINT="$collector"
# Repeats the previous prompt, so that the LLM server has it in its cache and reports cached tokens.
run_rag e2e-cached "$paid_port" OPENAI_MODEL="$paid_model" "${to_both[@]}"

# With content and OpenInference, which MLflow needs to recognise workflow and retrieval.
shown=(
    OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT=SPAN_ONLY
    LLM_TRACE_OPENINFERENCE=true
    OTEL_EXPORTER_OTLP_METRICS_ENDPOINT="$collector/v1/metrics" # neither of the two takes metrics
)
rag_experiment=$(experiment e2e-mlflow)
agent_experiment=$(experiment e2e-agent-mlflow)
to_mlflow=(
    "${shown[@]}"
    OTEL_EXPORTER_OTLP_TRACES_ENDPOINT="$mlflow/v1/traces"
    # The first request sets up its database, which takes ten seconds, the whole default timeout of an export.
    OTEL_EXPORTER_OTLP_TRACES_TIMEOUT=90000
)
run_rag e2e-mlflow "$paid_port" OPENAI_MODEL="$paid_model" "${to_mlflow[@]}" \
    OTEL_EXPORTER_OTLP_TRACES_HEADERS="x-mlflow-experiment-id=$rag_experiment"
# Without OPENAI_BASE_URL, the model is the stand-in inside the example.
run_example e2e-agent-mlflow agent "$agent_question" "${to_mlflow[@]}" \
    OTEL_EXPORTER_OTLP_TRACES_HEADERS="x-mlflow-experiment-id=$agent_experiment"
run_example e2e-agent agent "$agent_question" "${shown[@]}" OTEL_EXPORTER_OTLP_TRACES_ENDPOINT="$phoenix/v1/traces"
ran=$SECONDS
say "7 runs ($((ran - started)) s)"

check_phoenix e2e-unpriced --chat-model "$free_model"
check_phoenix e2e-priced --chat-model "$paid_model" --embedding-model "$embedding_model" --priced
check_phoenix e2e-cached --chat-model "$paid_model" --priced --cached
check_rotel e2e-unpriced --chat-model "$free_model"
check_rotel e2e-priced --chat-model "$paid_model" --embedding-model "$embedding_model" --priced
check_rotel e2e-collector --chat-model "$paid_model" --priced --spans
check_rotel e2e-cached --chat-model "$paid_model" --priced
check_rotel e2e-mlflow --chat-model "$paid_model" --priced
check_phoenix_agent e2e-agent
check_mlflow e2e-mlflow rag "$question" "$rag_experiment"
check_mlflow e2e-agent-mlflow agent "$agent_question" "$agent_experiment"

echo
say "install $installed s, build $((built - installed)) s, start $((started - built)) s, runs $((ran - started)) s," \
    "checks $((SECONDS - ran)) s; peak memory: LLM $(memory "$llm_group"), Phoenix $(memory "$phoenix_group"), MLflow $(memory "$mlflow_group")," \
    "rotel $(memory "$rotel_group")"
if ! $as_expected; then
    # A check that failed to run printed its error message above and is not in the list.
    say "not as expected:"
    cat "$failures" 2>/dev/null
    exit 1
fi
say "all as expected"
