#!/usr/bin/env bash
# Counts the instructions of one call under callgrind, and compares them with runtime/benches/instructions.txt.
# UPDATE=1 writes what is counted.
set -euo pipefail
cd "$(dirname "$0")/.."
table=runtime/benches/instructions.txt
tolerance=15 # percent: compilers and C libraries differ, and threads of the exporter are counted too

bench=$(cargo bench --package llm-trace --bench overhead --no-run 2>&1 | sed -nE 's/.*Executable benches.*\((.+)\)/\1/p')
out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT

# Of one call of a variant: the difference of many calls and few, divided.
count() {
    local calls total=()
    for calls in 2000 6000; do
        valgrind --tool=callgrind --callgrind-out-file=/dev/null "$bench" "$1" "$calls" 2>"$out/log" >/dev/null
        total+=("$(sed -nE 's/.*refs: +([0-9,]+)/\1/p' "$out/log" | tr -d ,)")
    done
    echo $(((total[1] - total[0]) / 4000))
}

failed=0
while IFS='|' read -r variant expected; do
    found=$(count "$variant")
    echo "$variant|$found" >>"$out/table"
    off=$(((found - expected) * 100 / expected))
    echo "$variant: $found instructions, expected $expected ($off %)"
    if [ "${off#-}" -gt "$tolerance" ]; then failed=1; fi
done <"$table"
if [ -n "${UPDATE:-}" ]; then
    cp "$out/table" "$table"
elif [ $failed = 1 ]; then
    echo "more than $tolerance % off: if that is meant, UPDATE=1 $0" >&2
    exit 1
fi
