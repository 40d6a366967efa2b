#!/usr/bin/env bash
# Fuzzes the parsers of foreign input: scripts/fuzz.sh [seconds for each] [target]. Targets are the folders of fuzz/corpus.
# An input that fails is kept in fuzz/failed; moved to the target's corpus, `cargo test` tries it from then on.
set -euo pipefail
cd "$(dirname "$0")/.."

seconds=${1:-60}
target=${2:-}
export LLM_TRACE_FUZZ_SECONDS=$seconds
cargo test --profile fuzz --package llm-trace --package llm-trace-delivery --package llm-trace-fuzz --features llm-trace/spool,llm-trace/grpc --lib "fuzz_$target" -- --test-threads "$(nproc)"
