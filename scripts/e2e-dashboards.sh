#!/usr/bin/env bash
# Tests the dashboards and rules with real data: plays traffic, sends it over OTLP to a real store, and evaluates every
# query.
#
#   scripts/e2e-dashboards.sh [--keep] [--pictures]
#
# VictoriaMetrics takes the metrics of two runs of the traffic example, a calm and an eventful one, and answers every query as
# the runs were played. Then time is stretched to the hours that they stand for, the calm run becomes last week's, and
# Prometheus answers every query again, with the rules, of which each must have fired or recorded. A small receiver takes
# traces and events, refuses some, and the queries in TraceQL and LogQL are evaluated on what it got. Then all of that once more for an
# eventful run with the names of October 2026, after the same week: an application that changes over. Before, Grafana's own
# grammars and schema judge queries and dashboards (e2e-dashboards/grammars.sh, which runs by itself, too). If
# LLM_TRACE_E2E_COLLECTOR names an executable of the OpenTelemetry Collector, it validates dashboards/collector.yaml, and all
# traffic goes through it.
#
# --keep keeps logs and data; --pictures draws docs/dashboards/*.png. It needs bash, curl, Python 3.10 with venv, Debian's
# packages (Prometheus 2.42 or newer if installed, else it is fetched; VictoriaMetrics of Debian 13, unpacked beside the
# system) and PyPI; npm for the grammars. LLM_TRACE_E2E_CACHE moves the cache, LLM_TRACE_E2E_SECONDS the length of each run.
set -euo pipefail

here=$(cd "$(dirname "$0")/e2e-dashboards" && pwd)
root=$(cd "$here/../.." && pwd)
cache=${LLM_TRACE_E2E_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/llm-trace-e2e}/dashboards
seconds=${LLM_TRACE_E2E_SECONDS:-60}
hours=6
keep=false
pictures=false
for argument in "$@"; do
    case $argument in
        --keep) keep=true ;;
        --pictures) pictures=true ;;
        *) echo "usage: scripts/e2e-dashboards.sh [--keep] [--pictures]" >&2 && exit 2 ;;
    esac
done

data=$(mktemp -d)
running=()
failed=false

say() { printf 'e2e-dashboards: %s\n' "$*"; }

die() {
    say "$*" >&2
    exit 1
}

cleanup() {
    local status=$?
    trap - EXIT INT TERM
    ((${#running[@]} == 0)) || kill "${running[@]}" 2>/dev/null || true
    wait
    if $keep; then say "logs and data are in $data"; else rm -rf "$data"; fi
    exit "$status"
}
trap cleanup EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

# Fetches a package of a Debian release and unpacks it into the cache, without installing it.
unpack() {
    local package=$1 release=$2 state=$cache/apt-$2
    [[ -d $cache/$package ]] && return
    command -v apt-get >/dev/null || die "$package comes from Debian's packages, and there is no apt-get"
    mkdir -p "$state/lists/partial" "$state/cache/archives/partial" "$cache/debs"
    touch "$state/status"
    cat >"$state/sources.sources" <<END
Types: deb
URIs: http://deb.debian.org/debian
Suites: $release
Components: main
Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg
END
    local options=(-qq -o Dir::State="$state" -o Dir::State::lists="$state/lists" -o Dir::State::status="$state/status"
        -o Dir::Cache="$state/cache" -o Dir::Etc::sourcelist="$state/sources.sources" -o Dir::Etc::sourceparts=/dev/null
        -o APT::Sandbox::User=root)
    apt-get "${options[@]}" update
    (cd "$cache/debs" && apt-get "${options[@]}" download "$package")
    dpkg -x "$cache/debs/$package"_*.deb "$cache/$package.new"
    mv "$cache/$package.new" "$cache/$package"
}

install() {
    mkdir -p "$cache"
    unpack victoria-metrics trixie
    if command -v prometheus >/dev/null && command -v promtool >/dev/null; then
        prometheus=prometheus promtool=promtool
    else
        unpack prometheus bookworm
        prometheus=$cache/prometheus/usr/bin/prometheus promtool=$cache/prometheus/usr/bin/promtool
    fi
    python=$cache/venv/bin/python
    if ! cmp -s "$here/requirements.txt" "$cache/installed"; then
        rm -rf "$cache/venv"
        python3 -m venv "$cache/venv"
        "$python" -m pip install --quiet --disable-pip-version-check -r "$here/requirements.txt"
        cp "$here/requirements.txt" "$cache/installed"
    fi
}

free_ports() {
    python3 - <<'END'
import socket
sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(5)]
print(*(one.getsockname()[1] for one in sockets))
END
}

# Waits until a server answers.
await() {
    local name=$1
    shift
    for _ in {1..150}; do
        curl --silent --fail --max-time 2 --output /dev/null "$@" && return
        sleep 0.2
    done
    tail -n 20 "$data/$name.log" >&2
    die "$name did not answer; above is the end of its log"
}

now() { date +%s.%N; }

# Plays one run and sets `begin` and `end` to its times.
play() {
    begin=$(now)
    env OTEL_SEMCONV_STABILITY_OPT_IN="$opt_in" OTEL_EXPORTER_OTLP_METRICS_ENDPOINT="$metrics" OTEL_EXPORTER_OTLP_TRACES_ENDPOINT="$traces" \
        OTEL_EXPORTER_OTLP_LOGS_ENDPOINT="$logs" \
        OTEL_METRIC_EXPORT_INTERVAL=250 "$traffic" --duration "$seconds" "$@"
    end=$(now)
}

# Runs a Python check; if it fails, the other checks still run.
check() {
    say "$1"
    shift
    "$python" "$here/$1.py" "${@:2}" || failed=true
}

# Starts the receivers for the runs of one semconv version, separate from those of the other.
start_receivers() {
    local to=$data/$1 grpc_port http_port sink_port collector
    read -r victoria_port sink_port prometheus_port grpc_port http_port < <(free_ports)
    victoria=http://127.0.0.1:$victoria_port
    local sink=http://127.0.0.1:$sink_port
    mkdir -p "$to/received"
    "$cache/victoria-metrics/usr/bin/victoria-metrics" -httpListenAddr="127.0.0.1:$victoria_port" \
        -storageDataPath="$to/victoria" -opentelemetry.usePrometheusNaming -search.latencyOffset=0s -retentionPeriod=1d \
        >"$data/victoria.log" 2>&1 &
    running+=($!)
    "$python" "$here/sink.py" --port "$sink_port" --into "$to/received" >"$data/sink.log" 2>&1 &
    running+=($!)
    await victoria "$victoria/health"
    await sink "$sink/"
    metrics=$victoria/opentelemetry/v1/metrics traces=$sink/v1/traces logs=$sink/v1/logs
    [[ ${LLM_TRACE_E2E_COLLECTOR:-} ]] || return 0
    # dashboards/collector.yaml with other addresses, and with an HTTP receiver in place of Tempo.
    cat >"$to/collector.yaml" <<END
receivers: {otlp: {protocols: {grpc: {endpoint: "127.0.0.1:$grpc_port"}, http: {endpoint: "127.0.0.1:$http_port"}}}}
exporters:
  otlp_http/sink: {endpoint: $sink, compression: none}
  otlp_http/prometheus: {endpoint: $victoria/opentelemetry}
  otlp_http/loki: {endpoint: $sink, compression: none}
service:
  telemetry: {metrics: {level: none}}
  pipelines: {traces: {exporters: [otlp_http/sink]}}
END
    "$LLM_TRACE_E2E_COLLECTOR" --config=dashboards/collector.yaml --config="$to/collector.yaml" >"$data/collector.log" 2>&1 &
    running+=($!)
    collector=http://127.0.0.1:$http_port
    await collector "$collector/v1/traces" --header 'Content-Type: application/x-protobuf' --data-binary ''
    metrics=$collector/v1/metrics traces=$collector/v1/traces logs=$collector/v1/logs
}

start_prometheus() {
    "$prometheus" --config.file="$1/prometheus.yaml" --storage.tsdb.path="$1/data" \
        --storage.tsdb.retention.time=30d --web.listen-address="127.0.0.1:$prometheus_port" \
        >>"$data/prometheus.log" 2>&1 &
    prometheus_pid=$!
    running+=("$prometheus_pid")
    await prometheus "http://127.0.0.1:$prometheus_port/-/ready"
}

# Loads the calm run into Prometheus as last week's and the latest run as today's, and evaluates everything.
stretched() {
    local to=$data/$1/prometheus title=$2
    local rules=$to/llm-trace.rules.yml
    mkdir -p "$to/data"
    # The rules unchanged except for the budget, which six hours of this traffic do not exceed.
    sed 's/increase1d > 100/increase1d > 1/' dashboards/prometheus/llm-trace.rules.yml >"$rules"
    printf 'global: {evaluation_interval: 1h}\nrule_files: [llm-trace.rules.yml]\n' >"$to/prometheus.yaml"
    week_ends=$(date +%s)
    "$python" "$here/stretch.py" --hours "$hours" --now "$week_ends" --run "${calm[@]}" \
        --run "$victoria" "$begin" "$seconds" "$end" >"$to/stretched.om"
    "$promtool" tsdb create-blocks-from openmetrics --quiet "$to/stretched.om" "$to/data"
    start_prometheus "$to"
    for ago in $((7 * 86400)) 0; do
        "$promtool" tsdb create-blocks-from rules --url "http://127.0.0.1:$prometheus_port" --eval-interval 1m \
            --start $((week_ends - ago - hours * 3600)) --end $((week_ends - ago)) \
            --output-dir "$to/data" "$rules" >"$data/rules.log" 2>&1 \
            || { cat "$data/rules.log" >&2; die "the rules could not be evaluated"; }
    done
    kill "$prometheus_pid"
    wait "$prometheus_pid" || true
    start_prometheus "$to"
    check "PromQL on Prometheus, stretched to $hours hours, with the rules, $title" evaluate \
        --url "http://127.0.0.1:$prometheus_port" --begin $((week_ends - hours * 3600)) --end "$week_ends" --rules \
        --shown "${hours}h"
}

unset "${!OTEL_@}"
export NO_PROXY=127.0.0.1 no_proxy=127.0.0.1 PYTHONDONTWRITEBYTECODE=1
cd "$root"

install
"$promtool" check rules dashboards/prometheus/llm-trace.rules.yml
"$here/grammars.sh" || failed=true
cargo build --quiet --package llm-trace-examples --example traffic
traffic=$(cargo metadata --format-version 1 --no-deps | python3 -c 'import json, sys; print(json.load(sys.stdin)["target_directory"])')/debug/examples/traffic

if [[ ${LLM_TRACE_E2E_COLLECTOR:-} ]]; then
    "$LLM_TRACE_E2E_COLLECTOR" validate --config=dashboards/collector.yaml
    say "a Collector finds dashboards/collector.yaml valid"
else
    say "SKIPPED: no Collector validates dashboards/collector.yaml (LLM_TRACE_E2E_COLLECTOR)"
fi

for vintage in august october; do
    start_receivers "$vintage"
    say "$seconds seconds of traffic for each run, with the names of $vintage"
    opt_in="" title="with the names of August"
    if [[ $vintage == august ]]; then
        play --seed 1 --calm
        calm=("$victoria" "$begin" "$seconds" "$end")
    else
        opt_in=gen_ai_latest_experimental title="with the names of October after a week with those of August"
    fi
    play --seed 2
    curl --silent --fail --output /dev/null "$victoria/internal/force_flush"
    check "TraceQL on the spans that were received, with the names of $vintage" traces --spans "$data/$vintage/received"
    check "LogQL on the events that were received, with the names of $vintage" events --events "$data/$vintage/received"
    check "PromQL on VictoriaMetrics, as it was played, with the names of $vintage" evaluate --url "$victoria" \
        --begin "$begin" --end "$end" --step 1s --rate-interval 10s --shown "${seconds}s" --as-played
    stretched "$vintage" "$title"
    if $pictures && [[ $vintage == august ]]; then
        check "pictures" pictures --url "http://127.0.0.1:$prometheus_port" --end "$week_ends" --hours "$hours" \
            --into docs/dashboards
    fi
done

# Counts the signals of one service.
mkdir "$data/sizing"
read -r sizing_port _ < <(free_ports)
"$python" "$here/sink.py" --port "$sizing_port" --into "$data/sizing" >"$data/sizing.log" 2>&1 &
running+=($!)
await sizing "http://127.0.0.1:$sizing_port/"
OTEL_EXPORTER_OTLP_ENDPOINT=http://127.0.0.1:$sizing_port "$traffic" --service support-bot --duration 10 --calm
check "what it takes (docs/sizing.md)" sizing --received "$data/sizing"

$failed && die "not as expected"
say "all as expected"
