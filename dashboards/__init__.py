"""Grafana dashboards as Python."""
