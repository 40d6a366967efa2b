#!/usr/bin/env bash
# Runs every test that injects a fault into delivery, and prints what became of every span as a table.
set -euo pipefail
cd "$(dirname "$0")/.."
out=$(mktemp)
trap 'rm -f "$out"' EXIT
cargo test --quiet --package llm-trace-tests --test delivery --test spool -- --nocapture >"$out" 2>&1 || { cat "$out"; exit 1; }
{
    echo 'fault|started|delivered|spooled|open|dropped|lost|duplicates'
    grep -o 'FAULT|.*' "$out" | cut -d'|' -f2- | sort
} | column -t -s'|'
