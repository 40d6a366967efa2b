#!/usr/bin/env bash
# Compares the public API with docs/api.txt; UPDATE_DOCS=1 rewrites that file.
set -euo pipefail
cd "$(dirname "$0")/.."

# The JSON of rustdoc is unstable; RUSTC_BOOTSTRAP lets every toolchain write it.
json() { RUSTC_BOOTSTRAP=1 cargo rustdoc --lib --quiet "$@" -- -Z unstable-options --output-format json; }
json --package llm-trace --features grpc,http-json,signals,spool,testing,tower,zstd,async-openai-0_43
json --package llm-trace-delivery --all-features
target=$(cargo metadata --format-version 1 --no-deps | sed -E 's/.*"target_directory":"([^"]+)".*/\1/')
cargo run --package llm-trace-tests --features api --bin api --quiet -- \
    docs/api.txt "$target/doc/llm_trace.json" "$target/doc/llm_trace_delivery.json"
