#!/usr/bin/env bash
# What the attribute costs at compile time: 200 async functions without any, with `#[tracing::instrument]`, and with `#[llm_trace]`.
#
# Prints, for `cargo check`, debug and release builds, the processor time of the crate alone (its dependencies are built before) and, as RATIO
# lines, that of ours to `instrument`; then the machine code of a function. The least of ROUNDS (3) counts: builds take turns, and what else
# the machine does only adds. KINDS selects builds, FUNCTIONS their number.
set -euo pipefail
cd "$(dirname "$0")/.."
root=$PWD rounds=${ROUNDS:-3} functions=${FUNCTIONS:-200}
work=$root/target/bench-compile
mkdir -p "$work/src"

cat > "$work/Cargo.toml" <<TOML
[package]
name = "bench-compile"
edition = "2024"
publish = false
[workspace]
[features]
default = []
instrument = []
ours = []
[dependencies]
llm-trace = { path = "$root/runtime" }
tracing = "0.1.44"
serde = { version = "1", features = ["derive"] }
TOML
cp Cargo.lock "$work/Cargo.lock"

source_of() { # number of functions
    cat <<'RUST'
#![allow(dead_code)]
#[derive(serde::Serialize)]
pub struct Reply { id: String, model: String, choices: Vec<Choice>, usage: Usage }
#[derive(serde::Serialize)]
pub struct Choice { index: u32, message: Message, finish_reason: String }
#[derive(serde::Serialize)]
pub struct Message { role: String, content: String }
#[derive(serde::Serialize)]
pub struct Usage { prompt_tokens: u64, completion_tokens: u64, total_tokens: u64 }
#[derive(Debug)]
pub struct Failure;
impl std::fmt::Display for Failure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result { f.write_str("failed") }
}
impl std::error::Error for Failure {}
async fn send(prompt: &str) -> Result<Reply, Failure> {
    std::future::ready(()).await;
    if prompt.is_empty() { return Err(Failure) }
    Ok(Reply {
        id: prompt.to_owned(), model: "m".to_owned(), choices: Vec::new(),
        usage: Usage { prompt_tokens: 1, completion_tokens: 2, total_tokens: 3 },
    })
}
RUST
    for number in $(seq "$1"); do
        cat <<RUST
#[cfg_attr(feature = "instrument", tracing::instrument(skip_all, err, fields(gen_ai.request.model = model)))]
#[cfg_attr(feature = "ours", llm_trace::llm_trace(chat, provider = "openai", model = model, temperature = 0.7))]
pub async fn ask_$number(model: &str, prompt: &str) -> Result<Reply, Failure> {
    let prompt = format!("{model} $number {prompt}");
    send(&prompt).await
}
RUST
    done
    echo 'fn main() {'
    echo '    let mut task = std::task::Context::from_waker(std::task::Waker::noop());'
    for number in $(seq "$1"); do
        echo "    let _ = std::future::Future::poll(std::pin::pin!(ask_$number(\"m\", \"p\")), &mut task);"
    done
    echo '}'
}
source_of "$functions" > "$work/src/main.rs"

# The processor time, in seconds, of building the crate itself.
build() { # command and arguments of cargo, feature
    local feature=$1
    shift
    touch "$work/src/main.rs"
    local TIMEFORMAT='%U %S'
    { time CARGO_INCREMENTAL=0 cargo "$@" --quiet --manifest-path "$work/Cargo.toml" --target-dir "$root/target" \
        --features "$feature" >/dev/null 2>&1; } 2>&1 | awk '{print $1 + $2}'
}
least() { sort -g | head -1; }
ratio() { awk -v a="$1" -v b="$2" 'BEGIN { printf "%.2f", a / b }'; }
# Bytes of machine code of the program with that many functions.
code_of() {
    source_of "$1" > "$work/src/main.rs"
    build "$feature" build --release > /dev/null
    size -A "$root/target/release/bench-compile" | awk '$1 == ".text" { print $2 }'
}

printf '%-10s %8s %12s %8s\n' 'CPU s' none instrument ours
for kind in ${KINDS:-check debug release}; do
    case $kind in
        check) command=(check) ;;
        debug) command=(build) ;;
        release) command=(build --release) ;;
    esac
    declare -A times=([none]='' [instrument]='' [ours]='')
    for feature in none instrument ours; do
        build "${feature/none/default}" "${command[@]}" > /dev/null # the dependencies
    done
    for _ in $(seq "$rounds"); do
        for feature in none instrument ours; do
            times[$feature]+="$(build "${feature/none/default}" "${command[@]}") "
        done
    done
    for feature in none instrument ours; do
        times[$feature]=$(tr ' ' '\n' <<< "${times[$feature]}" | grep . | least)
    done
    printf '%-10s %8s %12s %8s\n' "$kind" "${times[none]}" "${times[instrument]}" "${times[ours]}"
    echo "RATIO compile/$kind $(ratio "${times[ours]}" "${times[instrument]}")"
done

# The program is built with all functions and with one: what it links anyway is no function's.
for feature in instrument ours; do
    all=$(code_of "$functions")
    one=$(code_of 1)
    echo "FIGURE code/release/$feature $(((all - one) / (functions - 1))) bytes/function"
done
