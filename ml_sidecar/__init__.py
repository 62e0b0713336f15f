"""Learns how HTTP APIs behave from Prometheus and tells Prometheus when they do not."""
