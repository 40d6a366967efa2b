#!/usr/bin/env bash
# Runs the checks of CI besides the tests: formatting, lints, every feature on its own, docs, dependencies.
set -euo pipefail
cd "$(dirname "$0")/.."

step() { printf '\n== %s\n' "$*"; }

step formatting
cargo fmt --all --check

step lints
cargo clippy --workspace --all-targets --quiet -- -D warnings
cargo clippy --package llm-trace-tests --features bench --bin paced --quiet -- -D warnings

step "features in pairs"
if cargo hack --version >/dev/null 2>&1; then
    cargo hack clippy --package llm-trace --package llm-trace-delivery --feature-powerset --depth 2 --exclude-features default --quiet \
        -- -D warnings
else
    echo "SKIPPED: cargo-hack is not installed (cargo install cargo-hack --locked)"
fi

step "the core behaviour under each documented set of features"
every=(grpc http-json zstd spool signals tower testing async-openai-0_43)
core() {
    echo "features: ${*:-none}"
    cargo test --package llm-trace-core-tests --no-default-features --features "$*" --quiet
}
core
core pricing
core otlp
core otlp pricing
for feature in "${every[@]}"; do
    core otlp pricing "llm-trace/$feature"
done
core otlp pricing "${every[@]/#/llm-trace/}"
core off
core otlp pricing off
cargo test --package llm-trace-tests --features off --test compiled_out --quiet

step "unit tests of the default features"
cargo test --package llm-trace --lib --quiet

step "instructions of a call"
if command -v valgrind >/dev/null; then
    scripts/instructions.sh
else
    echo "SKIPPED: valgrind is not installed"
fi

step "the oldest versions that the manifests allow"
scripts/minimal.sh

step "the public API against the last release"
if release=$(git describe --tags --abbrev=0 --match 'v*' 2>/dev/null); then
    cargo semver-checks --package llm-trace --baseline-rev "$release"
else
    echo "SKIPPED: nothing is released yet; scripts/api.sh shows every change"
fi

step documentation
# As docs.rs builds it: with badges of features, which every toolchain makes if asked so.
RUSTC_BOOTSTRAP=1 RUSTDOCFLAGS="-D warnings --cfg docsrs" cargo doc --package llm-trace --package llm-trace-macros --package llm-trace-delivery --all-features --no-deps --quiet

step "the public API"
scripts/api.sh

step "the number of crates that README and guide state"
crates() { cargo tree --package llm-trace --edges normal --prefix none "$@" | cut -d' ' -f1,2 | sort -u | wc -l; }
for count in "$(crates)" "$(crates --no-default-features)"; do
    for page in README.md docs/guide/performance.md; do
        grep -q "brings $count\b" "$page" || { echo "$page does not say: brings $count"; exit 1; }
    done
    echo "$count"
done

step "the guide is in the package"
packaged=$(cargo package --package llm-trace --list --allow-dirty 2>/dev/null)
for page in docs/guide/*.md docs/{backends,configuration,redaction,semconv,trust}.md; do
    grep -qx "$page" <<<"$packaged" || { echo "the package does not contain $page"; exit 1; }
done

step "what would be published builds by itself"
cargo publish --dry-run --workspace --quiet --allow-dirty

step dependencies
if command -v cargo-deny >/dev/null; then
    cargo deny --log-level error check bans licenses sources
    # The advisory database is fetched; skip the check if it is not reachable.
    if cargo deny --log-level off fetch db 2>/dev/null; then
        cargo deny --log-level error check advisories
    else
        echo "SKIPPED: security advisories, as their database cannot be reached"
    fi
else
    echo "SKIPPED: cargo-deny is not installed (cargo install cargo-deny --locked)"
fi

step spelling
if command -v typos >/dev/null; then
    typos
else
    echo "SKIPPED: typos is not installed (pip install typos)"
fi

step shell
if command -v shellcheck >/dev/null; then
    shellcheck scripts/*.sh .ci/run
else
    echo "SKIPPED: shellcheck is not installed"
fi

step "alert rules"
if command -v promtool >/dev/null; then
    promtool check rules dashboards/prometheus/*.rules.yml
    promtool test rules dashboards/prometheus/*.test.yml
    echo "with the names of October"
    october=$(mktemp -d)
    trap 'rm -rf "$october"' EXIT
    cp dashboards/prometheus/llm-trace.rules.yml "$october"
    for test in llm-trace.test.yml llm-trace.weekly.test.yml; do
        sed -E -e 's/gen_ai_client_operation_(duration|time_to_first_chunk)_/gen_ai_client_inference_\1_/' \
            -e '/gen_ai_client_token_usage/s/, gen_ai_token_type="input"//' \
            -e 's/gen_ai_client_token_usage_sum/gen_ai_client_inference_usage_input_tokens_total/' \
            -e 's/gen_ai_client_token_usage_count/gen_ai_client_inference_operation_input_tokens_count/' \
            "dashboards/prometheus/$test" >"$october/$test"
        if grep -E 'gen_ai_client_(operation|token)' "$october/$test"; then
            echo "$test: a name of August is left" && exit 1
        fi
    done
    promtool test rules "$october"/*.test.yml
else
    echo "SKIPPED: promtool is not installed (apt-get install prometheus)"
fi

step "all checks passed"
