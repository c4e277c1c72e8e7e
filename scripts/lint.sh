#!/bin/sh
# Style and types; changes nothing.
set -eu
cd "$(dirname "$0")/.."
.venv/bin/ruff check
.venv/bin/ruff format --check
.venv/bin/mypy
