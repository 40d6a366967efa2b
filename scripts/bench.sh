#!/usr/bin/env bash
# Measures llm-trace beside the same telemetry by hand on the OpenTelemetry SDK: one call, an unobserved one, streams, calls at a fixed rate,
# and, with COMPILE=1, compile time. Prints tables, and a line `RATIO name value` per figure. Linux.
# usage: scripts/bench.sh [seconds per run, default 5]
set -euo pipefail
cd "$(dirname "$0")/.."
seconds=${1:-5}

for bench in overhead unobserved stream; do
    cargo bench --quiet --package llm-trace --bench "$bench"
done
[ -z "${COMPILE:-}" ] || scripts/bench-compile.sh

cargo build --quiet --release --package llm-trace-tests --features bench --bin paced
target=$(cargo metadata --format-version 1 --no-deps | sed -E 's/.*"target_directory":"([^"]+)".*/\1/')
paced=$target/release/paced
out=$(mktemp -d)
receiver=
trap 'kill $receiver 2>/dev/null || true; rm -rf "$out"' EXIT

# The program has the first core for itself, and the receiver the others.
last=$(($(nproc) - 1))
taskset --cpu-list "1-$last" "$paced" receiver >"$out/receiver" &
receiver=$!
until [ -s "$out/receiver" ]; do sleep 0.1; done
endpoint=$(cat "$out/receiver")

# Name, who, calls per second, compression.
end_to_end() {
    local calls rate lost nanoseconds kilobytes
    read -r calls rate lost nanoseconds kilobytes \
        < <(taskset --cpu-list 0 "$paced" "$2" "$3" "$seconds" "$4" "$endpoint" 2>/dev/null)
    echo "$1|$3|$4|$calls|$rate|$lost|$nanoseconds|$kilobytes" >>"$out/table"
    local name=$1-$(($3 / 1000))k
    [ "$4" = none ] || name=$name-$4
    {
        echo "RATIO $name-dropped $lost"
        echo "RATIO $name-reached $(awk "BEGIN { printf \"%.2f\", $rate / $3 }")"
        echo "RATIO $name-cpu-ns $nanoseconds"
        echo "RATIO $name-peak-kB $kilobytes"
    } >>"$out/ratios"
}

for rate in 100000 200000 300000; do
    for compression in none gzip; do
        end_to_end end-to-end ours "$rate" "$compression"
        end_to_end by-hand-with-init by-hand "$rate" "$compression"
    done
    # The SDK's exporter here does not compress.
    end_to_end by-hand-sdk sdk "$rate" none
done

{
    echo 'one core, paced|rate|compression|calls|rate reached|spans lost|CPU per call, ns|peak memory, kB'
    cat "$out/table"
} | column -t -s'|'
cat "$out/ratios"
