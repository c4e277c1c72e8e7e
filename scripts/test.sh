#!/bin/sh
# Lint, then every test of every room.  The tests start what they need (HTCondor, Airflow, PostgreSQL, a browser) and stop it.
# Arguments go to pytest: scripts/test.sh tests/ledger -k journal
set -eu
cd "$(dirname "$0")/.."

section() { printf '\n==== %s\n' "$*"; }

section "services of this machine that tests drive: PostgreSQL, a browser"
sh scripts/packages.sh initdb=postgresql chromium=chromium || echo "the tests that need them will skip and say so"

section "programs that tests run beside gwfollow: asimov and its plugins, RIFT, gwdatafind's server"
sh scripts/peers.sh || [ $? -eq 3 ]

section "lint: ruff, mypy --strict"
sh scripts/lint.sh

section "tests"
[ $# -eq 0 ] || exec .venv/bin/python -m pytest --durations=10 "$@"
exec .venv/bin/python scripts/run_tests.py
