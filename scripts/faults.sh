#!/usr/bin/env bash
# Runs every test that injects a fault into delivery, and prints the final state of every span as a table.
set -euo pipefail
cd "$(dirname "$0")/.."
out=$(mktemp)
trap 'rm -f "$out"' EXIT
run() { "$@" >>"$out" 2>&1 || { cat "$out"; exit 1; }; }
run cargo test --quiet --package llm-trace-delivery --all-features --lib -- --nocapture sender
run cargo test --quiet --package llm-trace --package llm-trace-delivery --all-features --lib -- --nocapture fuzz_
run cargo test --quiet --package llm-trace-tests --test delivery --test spool -- --nocapture
run cargo test --quiet --package llm-trace-tests --test export -- --nocapture secrets::
# As many spans as possible, which takes an optimised program.
run cargo run --quiet --release --package llm-trace-tests --bin burst
# In a separate target directory, because `panic` changes every crate.
run cargo run --quiet --config 'profile.dev.panic="abort"' --target-dir target/abort --package llm-trace-tests --bin abort
{
    echo 'fault|started|delivered|spooled|open|dropped|lost|duplicates'
    grep -o 'FAULT|.*' "$out" | cut -d'|' -f2- | sort
} | column -t -s'|'
