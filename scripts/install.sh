#!/bin/sh
# Make .venv with everything that requirements.lock names, and gwfollow itself, editable.  Instant when nothing has changed.
# PYTHON=... chooses the interpreter.
set -eu
cd "$(dirname "$0")/.."

exec 9<requirements.lock
flock 9 # "make demo" and "make test" may start at once

stamp=$(cat requirements.lock pyproject.toml | sha256sum | cut -d' ' -f1)
# the folder is part of it: a copied or moved .venv has the old place in its scripts
stamp="$stamp $PWD"
if [ "$(cat .venv/installed 2>/dev/null)" = "$stamp" ] && .venv/bin/python -c '' 2>/dev/null; then exit 0; fi

started=$(date +%s)
say() { echo "[install $(($(date +%s) - started)) s] $*"; }

# the version of interpreter $1 where it is new enough, else nothing
version_of() { "$1" -c 'import sys; sys.version_info >= (3, 11) and print(*sys.version_info[:3], sep=".")' 2>/dev/null; }
good_python() { [ -n "$(version_of "$1")" ]; }

find_python() {
    for name in ${PYTHON:-python3 python3.13 python3.12 python3.11 python3.14 /usr/bin/python3}; do
        if good_python "$name"; then command -v "$name" && return 0; fi
    done
    return 1
}

if ! python=$(find_python); then
    if [ -n "${PYTHON:-}" ]; then
        echo "PYTHON=$PYTHON is not a Python 3.11 or newer" >&2
        exit 1
    fi
    # no interpreter on the PATH that would do: Debian 12 and later bring one
    sh scripts/packages.sh python3.11-or-newer=python3 || exit 1
    python=$(find_python) || { echo "no Python 3.11 or newer here; name one with: make install PYTHON=/path/to/python3" >&2; exit 1; }
fi

make_venv() {
    "$python" -m venv --clear .venv 2>/dev/null && return 0
    # Debian's python3 has no ensurepip without the package python3-venv; a pip of the interpreter's own does as well
    if "$python" -m pip --version >/dev/null 2>&1 && "$python" -m venv --clear --without-pip .venv 2>/dev/null; then
        pip="$python -m pip --python .venv/bin/python"
        return 0
    fi
    sh scripts/packages.sh "ensurepip-of-$python=python3-venv" && "$python" -m venv --clear .venv
}

pip=".venv/bin/python -m pip"
same_python() { [ -z "${PYTHON:-}" ] || [ "$(version_of .venv/bin/python)" = "$(version_of "$python")" ]; }
if ! good_python .venv/bin/python || ! grep -qF "$PWD/.venv" .venv/bin/activate || ! same_python; then
    say "making .venv with $("$python" --version) ($python)"
    make_venv
fi
rm -f .venv/installed

uv_pin=$(mktemp)
trap 'rm -f "$uv_pin"' EXIT
export PIP_USER=0 # some machines install for the user by default, which pip refuses inside a virtual environment
sed -n '/^uv==/,/^ *#/{/^ *#/d;p}' requirements.lock >"$uv_pin"
if [ "$(.venv/bin/uv --version 2>/dev/null | cut -d' ' -f2)" != "$(sed -n 's/^uv==\([^ ]*\).*/\1/p' "$uv_pin")" ]; then
    say "getting $(sed -n 's/^\(uv==[^ ]*\).*/\1/p' "$uv_pin")"
    $pip install -qq --disable-pip-version-check --require-hashes --no-deps --only-binary :all: -r "$uv_pin"
fi

settings_of=${pip%% *}
eval "$("$settings_of" scripts/uv_settings.py)"
say "installing $(grep -c '^[a-z].*==' requirements.lock) packages of requirements.lock (about 1.2 GB)"
quiet=--quiet
[ ! -t 2 ] || quiet= # a terminal gets uv's progress bar
# bytecode now, once: every Airflow process would else compile on its first import, or on each where PYTHONDONTWRITEBYTECODE is set
.venv/bin/uv pip install $quiet --python .venv/bin/python --require-hashes --no-build --compile-bytecode -r requirements.lock
say "installing gwfollow from this folder"
.venv/bin/uv pip install --quiet --python .venv/bin/python --no-deps --no-build-isolation --editable .
echo "$stamp" >.venv/installed
say "done"
