#!/usr/bin/env bash
# Works at a fixed rate with an intermittent receiver; fails if anything is lost or memory grows. Linux.
# usage: scripts/soak.sh [seconds, default 600] [calls per second, default 200]
set -euo pipefail
cd "$(dirname "$0")/.."
exec cargo run --quiet --release --package llm-trace-tests --example soak -- "$@"
