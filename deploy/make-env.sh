#!/bin/sh
# Writes .env for docker-compose.yml: secrets made at random, readable by their owner alone. Never overwrites one.
set -eu
cd "$(dirname "$0")/.."
if [ -e .env ]; then
  echo ".env is there already; remove it to get new secrets (the databases keep the old ones)." >&2
  exit 1
fi
secret() { od -An -N24 -tx1 /dev/urandom | tr -d ' \n'; }
umask 077
for name in CALLFS_API_KEY CALLFS_INTERNAL_PROXY_SECRET CALLFS_SINGLE_USE_LINK_SECRET POSTGRES_PASSWORD REDIS_PASSWORD \
  S3_ACCESS_KEY S3_SECRET_KEY GRAFANA_PASSWORD; do
  echo "$name=$(secret)"
done >.env.new
mv .env.new .env
echo "Wrote .env. Next: docker compose up -d"
