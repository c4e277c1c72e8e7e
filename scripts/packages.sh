#!/bin/sh
# Usage: packages.sh COMMAND=PACKAGE ...
# Makes sure that each COMMAND can be run: installs the Debian PACKAGE where it cannot and we are root, else says the exact command.
# Exit code 1 where something is still missing.
set -u

have() {
    command -v "$1" >/dev/null 2>&1 && return 0
    # Debian keeps PostgreSQL's server programs off the PATH
    for program in /usr/lib/postgresql/*/bin/"$1"; do [ -x "$program" ] && return 0; done
    return 1
}

missing=
for pair in "$@"; do
    have "${pair%%=*}" || missing="$missing ${pair#*=}"
done
[ -n "$missing" ] || exit 0

if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then
    echo "installing system packages:$missing"
    # shellcheck disable=SC2086  # one word for each package
    if apt-get -qq update && DEBIAN_FRONTEND=noninteractive apt-get -qq install -y --no-install-recommends $missing >/dev/null; then
        exit 0
    fi
fi
echo "missing on this machine; please run:  sudo apt-get update && sudo apt-get install -y$missing" >&2
exit 1
