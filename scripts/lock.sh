#!/bin/sh
# Compile requirements.lock from pyproject.toml: every package pinned, with hashes, for Python 3.11 and newer, from wheels only.
# UPGRADE=1 takes the newest of everything; otherwise what is locked stays where it still fits.
set -eu
cd "$(dirname "$0")/.."
eval "$(.venv/bin/python scripts/uv_settings.py)"
.venv/bin/uv pip compile pyproject.toml --extra dev --universal --python-version 3.11 --generate-hashes \
    --only-binary :all: --no-emit-index-url --no-emit-find-links --no-header ${UPGRADE:+--upgrade} --quiet --output-file requirements.lock
echo "requirements.lock: $(grep -c '^[a-z].*==' requirements.lock) packages"
.venv/bin/uv pip compile requirements-peers.in --universal --python-version 3.11 --generate-hashes \
    --no-emit-index-url --no-emit-find-links --no-header ${UPGRADE:+--upgrade} --quiet --output-file requirements-peers.lock
echo "requirements-peers.lock: $(grep -c '^[a-z].*==' requirements-peers.lock) packages"
