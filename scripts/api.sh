#!/usr/bin/env bash
# Compares the public API with docs/api.txt; UPDATE_DOCS=1 rewrites that file.
set -euo pipefail
cd "$(dirname "$0")/.."

# The JSON of rustdoc is unstable, but every toolchain writes it if asked so.
RUSTC_BOOTSTRAP=1 cargo rustdoc --package llm-trace --lib --quiet \
    --features grpc,http-json,signals,spool,testing,tower,zstd,async-openai-0_43 \
    -- -Z unstable-options --output-format json
target=$(cargo metadata --format-version 1 --no-deps | sed -E 's/.*"target_directory":"([^"]+)".*/\1/')
cargo run --package llm-trace-tests --features api --bin api --quiet -- "$target/doc/llm_trace.json" docs/api.txt
