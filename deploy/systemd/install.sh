#!/bin/sh
# Installs collector and sidecar as services, or brings them up to date; run it as often as you like.
# Files in /etc/rapidapi-ml that are there already are kept.
#
#   sudo deploy/systemd/install.sh [--root FOLDER] [--no-python]
#
# --root FOLDER   install below this folder instead of / (for packages and tests; nothing is started)
# --no-python     leave the virtual environment as it is
# PYTHON          the interpreter, python3 by default; 3.11 or newer
set -eu

root=
python=yes
while [ $# -gt 0 ]; do
  case "$1" in
    --root) root=${2:?--root needs a folder}; shift 2 ;;
    --no-python) python=no; shift ;;
    *) echo "install.sh: unknown option $1; see its head" >&2; exit 2 ;;
  esac
done
cd "$(dirname "$0")/../.."
source=$PWD
PYTHON=${PYTHON:-python3}
changed=no

if [ -z "$root" ] && [ "$(id -u)" != 0 ]; then
  echo "install.sh: only root can install services; use sudo, or --root FOLDER" >&2
  exit 1
fi

put() { # file, place, mode: replaced if it differs
  if ! cmp -s "$1" "$root$2"; then
    install -D -m "$3" "$1" "$root$2"
    changed=yes
    echo "installed $2"
  fi
}

keep() { # file, place, mode: never replaced
  if [ ! -e "$root$2" ]; then
    install -D -m "$3" "$1" "$root$2"
    echo "installed $2"
  fi
}

if [ "$python" = yes ]; then
  "$PYTHON" -c 'import sys; sys.exit(sys.version_info < (3, 11))' || {
    echo "install.sh: Python 3.11 or newer is needed; set PYTHON=/path/to/python3.11" >&2
    exit 1
  }
  venv=$root/opt/rapidapi-ml/venv
  [ -x "$venv/bin/python" ] || "$PYTHON" -m venv "$venv"
  "$venv/bin/pip" install --quiet --disable-pip-version-check --require-hashes -r "$source/requirements-run.lock"
  "$venv/bin/pip" install --quiet --disable-pip-version-check --no-deps --force-reinstall "$source"
  changed=yes
fi

put docs/deployment.md /opt/rapidapi-ml/share/docs/deployment.md 644
for unit in rapidapi-collector rapidapi-ml-sidecar; do
  put "deploy/systemd/$unit.service" "/etc/systemd/system/$unit.service" 644
done
keep collector/apis.yml /etc/rapidapi-ml/apis.yml 644
keep ml_sidecar/sidecar.yml /etc/rapidapi-ml/sidecar.yml 644
keep deploy/systemd/collector.env /etc/rapidapi-ml/collector.env 644
keep deploy/systemd/sidecar.env /etc/rapidapi-ml/sidecar.env 644
install -d -m 700 "$root/etc/rapidapi-ml/secrets"
keep /dev/null /etc/rapidapi-ml/secrets/rapidapi_key 600

if [ -n "$root" ] || [ ! -d /run/systemd/system ]; then
  echo "Nothing is started: systemd does not run here."
elif [ "$changed" = yes ]; then
  systemctl daemon-reload
  systemctl try-restart rapidapi-collector rapidapi-ml-sidecar
  echo "Next: edit /etc/rapidapi-ml/apis.yml, then systemctl enable --now rapidapi-collector rapidapi-ml-sidecar"
else
  echo "Everything is up to date."
fi
