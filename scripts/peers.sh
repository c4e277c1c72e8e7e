#!/bin/sh
# Make .venv-peers from requirements-peers.lock: asimov with published plugins, RIFT, gwdatafind's server.  Instant when nothing has changed.
# Exit code 3 where this machine's Python is too new for what they need (NumPy 1: Python 3.11 or 3.12).
set -eu
cd "$(dirname "$0")/.."

exec 9<requirements-peers.lock
flock 9
stamp="$(sha256sum <requirements-peers.lock | cut -d' ' -f1) $PWD"
if [ "$(cat .venv-peers/installed 2>/dev/null)" = "$stamp" ] && .venv-peers/bin/python -c '' 2>/dev/null; then exit 0; fi

fits() { "$1" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 13))' 2>/dev/null; }
python=
for name in .venv/bin/python python3.12 python3.11; do
    if fits "$name"; then python=$(command -v "$name") && break; fi
done
if [ -z "$python" ]; then
    echo "[peers] asimov-lalinference and RIFT want NumPy 1, so Python 3.11 or 3.12; the tests that need them will skip and say so" >&2
    exit 3
fi

started=$(date +%s)
say() { echo "[peers $(($(date +%s) - started)) s] $*"; }
say "installing $(grep -c '^[a-z].*==' requirements-peers.lock) packages of requirements-peers.lock in .venv-peers"
eval "$(.venv/bin/python scripts/uv_settings.py)"
.venv/bin/uv venv --quiet --clear --python "$python" .venv-peers
# RIFT and a part of gwdatafind's server come as source only
.venv/bin/uv pip install --quiet --python .venv-peers/bin/python --require-hashes -r requirements-peers.lock
echo "$stamp" >.venv-peers/installed
say "done"
