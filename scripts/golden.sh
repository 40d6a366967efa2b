#!/usr/bin/env bash
# Writes all telemetry of the test suite and the examples, normalised and sorted, into a directory. Run it before and
# after a change, and compare with `diff -r`.
#
# Usage: scripts/golden.sh FOLDER [arguments of cargo test]
set -euo pipefail
folder=$(realpath -m "$1")
shift
cd "$(dirname "$0")/.."
rm -rf "$folder"
mkdir -p "$folder"
result=0
cargo build --package llm-trace-examples --examples
LLM_TRACE_GOLDEN=$folder cargo test --package llm-trace-tests --package llm-trace-examples --tests --no-fail-fast "$@" || result=$?
for file in "$folder"/*.txt; do
    # Ids, ports, temporary directories and process ids differ between runs.
    sed -E -e 's/[0-9a-f]{32}/ID/g' -e 's/[0-9a-f]{16}/ID/g' -e 's/(127\.0\.0\.1|localhost):[0-9]+/\1:PORT/g' \
        -e 's#/tmp/[A-Za-z0-9._/-]+#TEMP#g' -e 's/\[hash [a-z]+\]/[hash]/g' -e 's/conversation-[0-9a-f]{8}/ID/g' \
        -e 's/\b([a-z]+)-[0-9]{4,7}\b/\1-PID/g' "$file" | sort -u >"$file.sorted"
    mv "$file.sorted" "$file"
done
wc -l "$folder"/*.txt
exit "$result"
