"""Probes HTTP APIs, or measures your own calls to them, and exposes the results to Prometheus.

Run it with `rapidapi-collector run --config apis.yml`; or measure real traffic in your own process with
`InstrumentedSession`, so that an API with a quota need not be probed.
"""

from __future__ import annotations

from collector.errors import CollectorError, ConfigError
from collector.session import InstrumentedSession
from collector.version import __version__

__all__ = ["CollectorError", "ConfigError", "InstrumentedSession", "__version__"]
