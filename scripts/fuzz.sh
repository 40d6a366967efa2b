#!/usr/bin/env bash
# Fuzzes the parsers of untrusted input: scripts/fuzz.sh [seconds for each] [target]. Targets are the directories of
# fuzz/corpus. A failing input is written to fuzz/failed; move it to the corpus of the target to run it in `cargo test`.
set -euo pipefail
cd "$(dirname "$0")/.."

seconds=${1:-60}
target=${2:-}
export LLM_TRACE_FUZZ_SECONDS=$seconds
cargo test --profile fuzz --package llm-trace --package llm-trace-delivery --package llm-trace-fuzz --features llm-trace/spool,llm-trace/grpc --lib "fuzz_$target" -- --test-threads "$(nproc)"
