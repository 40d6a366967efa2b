#!/usr/bin/env bash
# Builds the published crates with the oldest version of each direct dependency that their manifests allow.
set -euo pipefail
cd "$(dirname "$0")/.."

copy=$(mktemp -d)
trap 'rm -rf "$copy"' EXIT
git ls-files -z -- Cargo.toml README.md docs macros runtime delivery | xargs -0 cp --parents --no-dereference --target-directory "$copy"
# Without the tests, whose dependencies have no minimal version.
sed -i -E -e 's/^(default-)?members = .*/\1members = ["macros", "delivery", "runtime"]/' "$copy/Cargo.toml"
for manifest in "$copy"/{macros,runtime,delivery}/Cargo.toml; do
    [ -e "$manifest" ] || continue
    sed -i -E -e '/^\[(target\..*\.)?dev-dependencies\]/,/^\[(features|dependencies|lib|lints|package|\[|target[^]]*\.dependencies)/{/^\[(target\..*\.)?dev-dependencies\]/d;/^[^[]/d}' \
        -e '/^\[\[(bench|example|test)\]\]/,/^$/d' "$manifest"
done
target=$PWD/target/minimal
cd "$copy"
# The option is unstable; RUSTC_BOOTSTRAP lets every toolchain use it.
RUSTC_BOOTSTRAP=1 cargo update -Z direct-minimal-versions --quiet
cargo check --workspace --features grpc,http-json,signals,spool,testing,tower,zstd,async-openai-0_43 --target-dir "$target" --quiet
