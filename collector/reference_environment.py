"""The part of the reference about the collector's environment variables."""

from __future__ import annotations

from typing import Final

from collector.settings import Settings

ENVIRONMENT: Final = f"""\
## Environment variables

What belongs to the place where the collector runs, not to an API. An empty variable counts as unset; a wrong one is an error at the start.

| variable | default | meaning |
|---|---|---|
| `COLLECTOR_HOST` | `{Settings.host}` | Address to listen on. |
| `COLLECTOR_PORT` | `{Settings.port}` | Port to listen on; 0 for any free one, which the log names. |
| `ENVIRONMENT` | `{Settings.environment}` | The label `environment` of every series. |
| `LOG_LEVEL` | `{Settings.log_level}` | `DEBUG`, `INFO`, `WARNING` or `ERROR`. |
| `COLLECTOR_ENABLE_RELOAD` | `false` | Whether `POST /-/reload` loads the configuration again. |
| `COLLECTOR_HANDOVER_DIR` |  | Folder in which [scripts that soon end](measuring_traffic.md#scripts-that-soon-end) hand over what they measured. |
"""
