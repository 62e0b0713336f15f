#!/bin/sh
# Makes the secrets that docker-compose.yml mounts, where there are none yet. Nothing that exists is changed.
# The folder is its owner's alone; the files in it can be read, because each container reads its own as its own user.
set -eu
cd "$(dirname "$0")/.."
umask 077
mkdir -p secrets
if [ ! -e secrets/grafana_admin_password ]; then
  head -c 24 /dev/urandom | base64 | tr '+/' '-_' > secrets/grafana_admin_password
  chmod 444 secrets/grafana_admin_password
  echo "Made a password for Grafana's user admin: secrets/grafana_admin_password"
fi
if [ ! -e secrets/rapidapi_key ]; then
  : > secrets/rapidapi_key
  chmod 644 secrets/rapidapi_key
fi
