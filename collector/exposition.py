"""What `/metrics` of a server with several worker processes has to show."""

from __future__ import annotations

import os

from prometheus_client import REGISTRY, CollectorRegistry
from prometheus_client.multiprocess import MultiProcessCollector


def shared_registry(registry: CollectorRegistry = REGISTRY) -> CollectorRegistry:
    """Return what to serve from any worker: the sum over all processes, or the registry itself in a lone process.

    Several processes share a folder that the variable `PROMETHEUS_MULTIPROC_DIR` names, empty at the start and set
    before anything imports prometheus_client. Hand the result to `prometheus_client.make_wsgi_app` or `make_asgi_app`.

    Args:
        registry: What a process without that variable serves.

    Raises:
        ValueError: The variable names no folder.
    """
    if "PROMETHEUS_MULTIPROC_DIR" not in os.environ:
        return registry
    shared = CollectorRegistry()
    MultiProcessCollector(shared)  # type: ignore[no-untyped-call] # registers itself
    return shared
