#!/usr/bin/env bash
# Parses every TraceQL and LogQL query of the dashboards with Grafana's grammars, and checks the dashboards against
# Grafana's schema. Installs both (from npm and PyPI) into a temporary directory, and reports the checks that it skips
# if one is not available.
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
failed=false

say() { printf 'grammars: %s\n' "$*"; }

# @lezer/highlight is imported by the modules of the grammars besides the parser.
grammars=(@grafana/lezer-logql@0.3.0 @grafana/lezer-traceql@1.0.0 @lezer/lr@1 @lezer/common@1 @lezer/highlight@1)
if ! command -v npm >/dev/null; then
    say "SKIPPED: TraceQL and LogQL are not parsed, as there is no npm"
elif ! npm install --prefix "$work" --silent --no-audit --no-fund "${grammars[@]}" >"$work/npm.log" 2>&1; then
    say "SKIPPED: TraceQL and LogQL are not parsed, as npm cannot install ${grammars[*]}: $(tail -n 1 "$work/npm.log")"
else
    python3 "$here/queries.py" | node "$here/grammars.mjs" "$work" || failed=true
fi

schema=grafana-foundation-sdk==1769699379!11.6.0
if ! { python3 -m venv "$work/venv" && "$work/venv/bin/pip" install --quiet --disable-pip-version-check "$schema"; } \
    >"$work/pip.log" 2>&1; then
    say "SKIPPED: nothing is held against Grafana's schema, as $schema cannot be installed: $(tail -n 1 "$work/pip.log")"
else
    PYTHONDONTWRITEBYTECODE=1 "$work/venv/bin/python" "$here/schema.py" || failed=true
fi

! $failed
