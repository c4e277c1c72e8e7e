#!/bin/sh
# Usage: site.sh [FOLDER]   What docker-compose.yaml expects beside it: folders, random secrets and .env.  Keeps what is there.
set -eu
cd "${1:-$(dirname "$0")/..}"
umask 077

uid=$(id -u)
[ "$uid" != 0 ] || uid=50000 # the image's own user: nothing of Airflow runs as root
mkdir -p secrets config logs

# random BYTES of randomness, in the URL-safe base64 that Fernet asks for
random() { head -c "$1" /dev/urandom | base64 -w0 | tr '+/' '-_'; }
keep() { [ -s "$1" ] || cat >"$1"; }

# hexadecimal: it becomes part of a URL
head -c 24 /dev/urandom | od -An -tx1 | tr -d ' \n' | keep secrets/postgres_password
random 32 | keep secrets/fernet_key
random 48 | keep secrets/api_secret_key
random 48 | keep secrets/jwt_secret
password=$(random 15)
printf '{"username": "admin", "password": "%s"}\n' "$password" | keep secrets/airflow_login
# the same password where Airflow reads it
sed 's/.*"password": "\([^"]*\)".*/{"admin": "\1"}/' secrets/airflow_login | keep config/passwords.json
grep -qs '^AIRFLOW_UID=' .env || echo "AIRFLOW_UID=$uid" >>.env
if [ "$(id -u)" = 0 ]; then chown -R "$(sed -n 's/^AIRFLOW_UID=//p' .env):0" secrets config logs; fi
echo "secrets/, config/, logs/ and .env are there; next: docker compose up --build -d"
