"""What runs out."""

from __future__ import annotations

from typing import Final

from tests.rules.proof import API, Fires, Proof, Quiet

_CAUSE: Final = {"component": "api", "kind": "cause"}
_LEFT: Final = 'rapidapi_api_quota_remaining{a,quota="day"}'
_LIMIT: Final = 'rapidapi_api_quota_limit{a,quota="day"}'
_RESET: Final = 'rapidapi_api_quota_reset_timestamp_seconds{a,quota="day"}'
_DAY: Final = {**API, "quota": "day"}

QUOTA: Final = Proof(
    "RapidAPIQuotaExhausting",
    "warning",
    _CAUSE,
    "An API's quota will be used up before it is renewed.",
    fires=(
        # 1000 requests, one every 15 s: at 10m 960 are left, which would last for four hours; it is renewed after 5h.
        Fires(
            {_LEFT: "1000-1x200", _LIMIT: "1000x200", _RESET: "18000x200"},
            "5m",
            "5m15s",
            "a (e): expected its quota day to last until it is renewed, seen 979 of 1000 requests left, "
            "and at this pace -200 by then.",
            _DAY,
        ),
        # The one request that was allowed, and half a second to go.
        Fires(
            {_LEFT: "0x200", _LIMIT: "1x200", _RESET: "0.5+15x200"},
            "5m",
            "15m",
            "a (e): expected its quota day to last until it is renewed, seen 0 of 1 requests left, "
            "and at this pace 0 by then.",
            _DAY,
        ),
        # Used up, and nothing is asked any more.
        Fires(
            {_LEFT: "0x200", _LIMIT: "1000x200", _RESET: "18000x200"},
            "5m",
            "15m",
            "a (e): expected its quota day to last until it is renewed, seen 0 of 1000 requests left, "
            "and at this pace 0 by then.",
            _DAY,
        ),
    ),
    healthy=(Quiet({_LEFT: "1000x200", _LIMIT: "1000x200", _RESET: "18000x200"}, ("30m",)),),
    just_below=(
        # It is renewed a minute before.
        Quiet({_LEFT: "1000-1x200", _LIMIT: "1000x200", _RESET: "14940x200"}, ("10m", "30m")),
        # A quota of sixty a minute falls and rises all the time.
        Quiet(
            {
                _LEFT: "60 45 30 15 60 45 30 15 60 45 30 15 60 45 30 15 60 45 30 15 60 45 30 15 60 45 30 15 60 45 30 15",
                _LIMIT: "60x40",
                _RESET: "60 60 60 60 120 120 120 120 180 180 180 180 240 240 240 240 300 300 300 300 360 360 360 360 "
                "420 420 420 420 480 480 480 480",
            },
            ("6m", "7m45s"),
        ),
        # The window has ended; what the API said of it is no longer true, were it a second ago.
        Quiet({_LEFT: "0x200", _LIMIT: "1000x200", _RESET: "0x200"}, ("6m", "20m")),
        Quiet({_LEFT: "0x200", _LIMIT: "1000x200", _RESET: "1-15x20 -300x180"}, ("10m",)),
        # Half a request will be left.
        Quiet({_LEFT: "0.5x200", _LIMIT: "1000x200", _RESET: "18000x200"}, ("30m",)),
        Quiet({_LEFT: "0x200", _LIMIT: "1000x200", _RESET: "-0.5+15x200"}, ("30m",)),
        # Without a limit nothing runs out.
        Quiet({_LEFT: "0x200", _LIMIT: "0x200", _RESET: "18000x200"}, ("30m",)),
    ),
    also=(
        # Two collectors: the lower word counts; missing scrapes change nothing.
        Fires(
            {
                'rapidapi_api_quota_remaining{a,quota="day",instance="1"}': "1000x200",
                'rapidapi_api_quota_limit{a,quota="day",instance="1"}': "1000x200",
                'rapidapi_api_quota_reset_timestamp_seconds{a,quota="day",instance="1"}': "18000x200",
                'rapidapi_api_quota_remaining{a,quota="day",instance="2"}': "900-1x20 _x8 871-1x200",
                'rapidapi_api_quota_limit{a,quota="day",instance="2"}': "1000x200",
                'rapidapi_api_quota_reset_timestamp_seconds{a,quota="day",instance="2"}': "18000x200",
            },
            "",
            "10m",
            "a (e): expected its quota day to last until it is renewed, seen 860 of 1000 requests left, "
            "and at this pace -300 by then.",
            _DAY,
        ),
    ),
)

_EXPIRES: Final = "rapidapi_api_certificate_expiry_timestamp_seconds{a}"
_EXPIRING: Final = "An API's certificate expires soon."

CERTIFICATE_WARNING: Final = Proof(
    "RapidAPICertificateExpiring",
    "warning",
    _CAUSE,
    _EXPIRING,
    fires=(
        # 14 days are 1209600 s.
        Fires(
            {_EXPIRES: "1209900x100"},
            "15m",
            "15m15s",
            "a (e): expected a certificate that is valid for at least 14d, seen one that expires in 13d 23h 49m 45s. "
            "Every request fails from then on.",
        ),
    ),
    healthy=(Quiet({_EXPIRES: "7776000x100"}, ("25m",)),),
    just_below=(
        Quiet({_EXPIRES: "1209900x100"}, ("5m", "14m45s")),
        # Renewed at the last moment.
        Quiet({_EXPIRES: "1209900x59 7776000x40"}, ("15m", "15m15s", "24m")),
    ),
)

CERTIFICATE_CRITICAL: Final = Proof(
    "RapidAPICertificateExpiring",
    "critical",
    _CAUSE,
    _EXPIRING,
    fires=(
        # 2 days are 172800 s.
        Fires(
            {_EXPIRES: "173100x100"},
            "15m",
            "15m15s",
            "a (e): expected a certificate that is valid for at least 2d, seen one that expires in 1d 23h 49m 45s. "
            "Every request fails from then on.",
        ),
        Fires(
            {_EXPIRES: "0x100"},
            "",
            "20m",
            "a (e): expected a certificate that is valid for at least 2d, seen one that has expired. "
            "Every request fails from then on.",
        ),
    ),
    healthy=(Quiet({_EXPIRES: "7776000x100"}, ("25m",)),),
    just_below=(
        Quiet({_EXPIRES: "173100x100"}, ("5m", "14m45s")),
        Quiet({_EXPIRES: "173100x59 7776000x40"}, ("15m", "15m15s", "24m")),
    ),
)

PROOFS: Final = (QUOTA, CERTIFICATE_WARNING, CERTIFICATE_CRITICAL)
