"""Simulated APIs with scripted incidents, their history, and the local runner without containers."""
