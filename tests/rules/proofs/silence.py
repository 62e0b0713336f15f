"""APIs that nobody probes or reports, collectors that do not answer."""

from __future__ import annotations

from typing import Final

from tests.rules.proof import Fires, Proof, Quiet

_HEALTH: Final = {"component": "collector", "kind": "health"}
_LAST: Final = "rapidapi_api_last_probe_timestamp_seconds{a}"
_INTERVAL: Final = "rapidapi_api_probe_interval_seconds{a}"
_PAUSED: Final = 'rapidapi_api_probing_paused{a,cause="backoff"}'
_UP: Final = 'up{job="rapidapi-collector",instance="1"}'
_UPTIME: Final = 'rapidapi_system_uptime_seconds{environment="e",job="rapidapi-collector",instance="1"}'

SILENT: Final = Proof(
    "RapidAPISilent",
    "warning",
    _HEALTH,
    "An API is no longer probed.",
    fires=(
        # Three intervals of a minute, and half a minute for scrape and evaluation: at 8m45s 213 s are too old, at 8m30s
        # 207 s are not.
        Fires(
            {_LAST: "0+15x20 312x60", _INTERVAL: "60x100"},
            "9m",
            "9m15s",
            "a (e): expected a probe in every interval, seen none for 4m 3s, which is more than 3 intervals. "
            "Nobody watches it meanwhile.",
        ),
        Fires(
            {_LAST: "0+15x20 303x60", _INTERVAL: "60x100", _PAUSED: "0x100"},
            "9m",
            "9m15s",
            "a (e): expected a probe in every interval, seen none for 4m 12s, which is more than 3 intervals. "
            "Nobody watches it meanwhile.",
        ),
    ),
    healthy=(
        Quiet(
            {
                _LAST: "0 0 0 0 60 60 60 60 120 120 120 120 180 180 180 180 240 240 240 240",
                _INTERVAL: "60x100",
            },
            ("4m45s",),
        ),
    ),
    just_below=(
        Quiet({_LAST: "0x14 210+15x60", _INTERVAL: "60x100"}, ("3m30s", "4m", "10m")),
        # A probe at the last moment.
        Quiet({_LAST: "0+15x20 300x15 540+15x40", _INTERVAL: "60x100"}, ("9m", "9m15s", "12m")),
    ),
    also=(
        # It asked to be left alone.
        Quiet({_LAST: "0+15x20 312x60", _INTERVAL: "60x100", _PAUSED: "1x100"}, ("9m15s", "12m")),
        # Two collectors probe it, and one still does.
        Quiet(
            {
                'rapidapi_api_last_probe_timestamp_seconds{a,instance="1"}': "0x60",
                'rapidapi_api_last_probe_timestamp_seconds{a,instance="2"}': "0+15x60",
                _INTERVAL: "60x100",
            },
            ("10m",),
        ),
    ),
)

PAUSED: Final = Proof(
    "RapidAPIPaused",
    "info",
    _HEALTH,
    "An API has not been probed on purpose for long.",
    fires=(
        Fires(
            {_PAUSED: "0x20 1x400"},
            "65m",
            "65m15s",
            "a (e): expected a pause of less than 1h, seen a longer one. The API asked for it, by status 429 or a Retry-After. "
            "Nobody watches it meanwhile.",
        ),
        # First for one cause, then for the other: one pause. Another API's cause is not told.
        Fires(
            {
                _PAUSED: "0x20 1x200 0x200",
                'rapidapi_api_probing_paused{a,cause="quota_reserve"}': "0x220 1x200",
                'rapidapi_api_probing_paused{api_name="b",environment="e",cause="backoff"}': "0x120 1x300",
            },
            "65m",
            "65m15s",
            "a (e): expected a pause of less than 1h, seen a longer one. "
            "The rest of its quota is kept for others: its quota_reserve is reached. Nobody watches it meanwhile.",
        ),
    ),
    healthy=(Quiet({_PAUSED: "0x400"}, ("65m15s",)),),
    just_below=(Quiet({_PAUSED: "0x20 1x239 0x100"}, ("65m", "65m15s", "80m")),),
)

VANISHED: Final = Proof(
    "RapidAPIVanished",
    "info",
    _HEALTH,
    "An API is no longer reported.",
    fires=(
        Fires(
            {_INTERVAL: "60x20 stale"},
            "10m",
            "10m15s",
            "a (e): expected to be reported as it was within the last 1h, seen nothing of it for 5m. "
            "If it was taken out of the configuration, all is well.",
        ),
    ),
    healthy=(Quiet({_INTERVAL: "60x100"}, ("10m", "20m")),),
    just_below=(
        Quiet({_INTERVAL: "60x20 stale _x19 60x40"}, ("10m", "10m15s", "15m")),
        # After an hour it was meant.
        Quiet({_INTERVAL: "60x20 stale"}, ("65m15s",)),
    ),
)

_NOBODY: Final = "No API is probed, and no alert about an API can fire."

COLLECTOR_DOWN: Final = Proof(
    "CollectorDown",
    "critical",
    _HEALTH,
    "No collector answers: no API is watched.",
    fires=(
        Fires(
            {_UP: "1x20 0x60", _UPTIME: "0+15x20 stale"},
            "6m",
            "6m15s",
            f"Expected a collector that answers in e, seen none. {_NOBODY}",
            {"environment": "e"},
        ),
        # It never answered, or there is none at all.
        Fires({_UP: "0x60"}, "45s", "1m", f"Expected a collector that answers, seen none. {_NOBODY}", {}),
        Fires(
            {},
            "45s",
            "1m",
            f"Expected a collector that answers, seen none. {_NOBODY}",
            {"job": "rapidapi-collector"},
        ),
    ),
    healthy=(Quiet({_UP: "1x60", _UPTIME: "0+15x60"}, ("2m", "10m")),),
    just_below=(
        # One of two answers; and one that misses four scrapes in a row.
        Quiet(
            {
                _UP: "1x20 0x60",
                _UPTIME: "0+15x20 stale",
                'up{job="rapidapi-collector",instance="2"}': "1x80",
                'rapidapi_system_uptime_seconds{environment="e",job="rapidapi-collector",instance="2"}': "0+15x80",
            },
            ("10m", "20m"),
        ),
        Quiet({_UP: "1x20 0x3 1x60", _UPTIME: "0+15x20 _x4 0+15x60"}, ("6m", "6m15s", "10m")),
    ),
    board="rapidapi_pipeline",
)

RELOAD_FAILED: Final = Proof(
    "CollectorConfigReloadFailed",
    "warning",
    _HEALTH,
    "The collector could not load its configuration.",
    fires=(
        Fires(
            {'rapidapi_collector_config_reload_success{environment="e",job="j",instance="i"}': "1x20 0x60"},
            "7m",
            "7m15s",
            "i (e): expected the last load of the configuration to succeed, seen it fail; the former one is in service.",
            {"environment": "e", "job": "j", "instance": "i"},
        ),
    ),
    healthy=(
        Quiet(
            {'rapidapi_collector_config_reload_success{environment="e",job="j",instance="i"}': "1x60"},
            ("10m",),
        ),
    ),
    just_below=(
        Quiet(
            {
                'rapidapi_collector_config_reload_success{environment="e",job="j",instance="i"}': "1x20 0x7 1x60"
            },
            ("7m", "7m15s"),
        ),
    ),
    board="rapidapi_pipeline",
)

_SOURCE: Final = 'rapidapi_collector_discovery_up{environment="e",job="j",instance="i",source="Inventory"}'

DISCOVERY_FAILING: Final = Proof(
    "CollectorDiscoveryFailing",
    "warning",
    _HEALTH,
    "A source of APIs cannot be read.",
    fires=(
        Fires(
            {_SOURCE: "1x20 0x60"},
            "15m",
            "15m15s",
            "i (e): expected the source Inventory to be read, seen it fail for 10m; its last good list is in service, "
            "and none after a restart.",
            {"environment": "e", "job": "j", "instance": "i", "source": "Inventory"},
        ),
    ),
    healthy=(Quiet({_SOURCE: "1x60"}, ("15m",)),),
    just_below=(Quiet({_SOURCE: "1x20 0x39 1x60"}, ("15m", "15m15s")),),
    board="rapidapi_pipeline",
)

PROOFS: Final = (SILENT, PAUSED, VANISHED, COLLECTOR_DOWN, RELOAD_FAILED, DISCOVERY_FAILING)
