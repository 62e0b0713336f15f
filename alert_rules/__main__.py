"""`python -m alert_rules`: write what Prometheus and Alertmanager read, and manage rules of one's own."""

from __future__ import annotations

from alert_rules.cli import app

if __name__ == "__main__":
    app()
