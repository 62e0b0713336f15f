#!/bin/sh
# up, up-demo, down and logs of the containers; `make` calls it. COMPOSE names another command than `docker compose`.
set -eu
cd "$(dirname "$0")/.."
COMPOSE=${COMPOSE:-docker compose}

if ! $COMPOSE version >/dev/null 2>&1; then
  echo "\`$COMPOSE\` does not work here: install Docker with its compose plugin, 2.20.2 or newer" >&2
  exit 1
fi

compose() { # settings of .env first, so that those of the demo win
  if [ -e .env ]; then set -- --env-file .env "$@"; fi
  $COMPOSE "$@"
}

demo() {
  if [ -e .env ]; then set -- --env-file .env --env-file demo/compose.env --profile demo "$@"; else
    set -- --env-file demo/compose.env --profile demo "$@"
  fi
  $COMPOSE "$@"
}

urls() { # of what runs
  echo
  for row in "ml_sidecar 8080 sidecar" "grafana 3000 Grafana" "prometheus 9090 Prometheus" \
    "alertmanager 9093 Alertmanager" "collector 9101 collector" "simulator 9199 simulated-APIs"; do
    set -- $row
    if address=$(demo port "$1" "$2" 2>/dev/null) && [ -n "$address" ]; then
      printf '  %-15s http://%s/\n' "$3" "$address"
    fi
  done
  echo
  echo "Grafana's user is admin, the password stands in secrets/grafana_admin_password."
}

failed() { # what the checks have against the configuration
  echo "The stack did not start. The checks before the start say:" >&2
  demo logs --tail 5 check_collector check_prometheus check_alertmanager check_sidecar >&2
  exit 1
}

wait_for_scores() {
  echo "Waiting for the models to be trained and every API to be scored"
  demo exec -T ml_sidecar python -c "
import json, sys, time, urllib.request, urllib.error
said = ''
for _ in range(300):
    try:
        urllib.request.urlopen('http://127.0.0.1:8080/ready', timeout=5)
        sys.exit(0)
    except urllib.error.HTTPError as error:
        said = json.load(error)['reason']
    time.sleep(1)
sys.exit(f'The sidecar is not ready after 5 minutes: {said}')
"
}

case "${1:-}" in
  up)
    sh deploy/first_start.sh
    compose up --detach --build --wait --wait-timeout 300 || failed
    urls
    ;;
  up-demo)
    sh deploy/first_start.sh
    demo up --detach --build --wait --wait-timeout 300 || failed
    wait_for_scores
    urls
    echo "The demo's Grafana needs no login to look. Start an incident:"
    echo "  docker compose exec simulator python -m demo incident email-validator --kind outage --minutes 6"
    ;;
  down) demo down ;;
  logs) demo logs --follow --tail 100 ;;
  *)
    echo "usage: deploy/compose.sh up|up-demo|down|logs" >&2
    exit 2
    ;;
esac
