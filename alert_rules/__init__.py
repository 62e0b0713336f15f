"""Recording rules, alerting rules and server configuration as Python.

`alert_manager` adds rules of one's own to a running Prometheus; it is loaded when it is first used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from alert_rules.custom import AlertManager

    alert_manager: AlertManager

__all__ = ["alert_manager"]


def __getattr__(name: str) -> Any:  # noqa: ANN401 - whatever the name stands for
    if name != "alert_manager":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from alert_rules.custom import AlertManager  # noqa: PLC0415 - the rules alone need none of its imports

    globals()[name] = AlertManager()
    return globals()[name]
