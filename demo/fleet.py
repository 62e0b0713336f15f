"""The simulated APIs: twelve, of different temper, none of which has an incident by itself."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from demo.errors import DemoError
from demo.law import DAY, Behaviour, bursts, daily, plateau, slow_wander, weekday

if TYPE_CHECKING:
    from collections.abc import Callable

    from demo.law import FloatArray


@dataclass(frozen=True, slots=True)
class Quota:
    """Requests allowed per window, of which the key's users have spent `spent_share` when the window ends."""

    limit: int
    window_seconds: float = DAY
    spent_share: float = 0.7

    def remaining(self, time: float) -> int:
        """Requests left at a Unix time."""
        return self.limit - int(
            self.limit * self.spent_share * (time % self.window_seconds) / self.window_seconds
        )

    def reset_seconds(self, time: float) -> int:
        """Seconds until the window ends."""
        return int(self.window_seconds - time % self.window_seconds)


@dataclass(frozen=True, slots=True)
class Api:
    """A simulated API.

    Attributes:
        name: Its `api_name`, also the last part of its URL.
        temper: How it usually behaves, in words.
        behaviour: Its law: Unix times in seconds to the behaviour at those instants.
        interval: Seconds between two probes.
        quota: Its quota, where it states one in its answers.
        login: Whether a call logs in first.
    """

    name: str
    temper: str
    behaviour: Callable[[FloatArray], Behaviour]
    interval: float = 15.0
    quota: Quota | None = None
    login: bool = False


class UnknownApiError(DemoError):
    """No simulated API has this name."""

    def __init__(self, name: str) -> None:
        self.name = name
        super().__init__(
            f"No demo API is called {name!r}: choose one of {', '.join(api.name for api in FLEET)}."
        )


def find(name: str) -> Api:
    """The API of that name.

    Raises:
        UnknownApiError: There is none.
    """
    for api in FLEET:
        if api.name == name:
            return api
    raise UnknownApiError(name)


def _image_recognition(time: FloatArray) -> Behaviour:
    strength = bursts(time, stream=10, per_day=12, shortest=120, longest=420)
    return Behaviour(0.31 * (1 + 1.2 * strength), spread=0.25, error_probability=0.002)


def _flight_search(time: FloatArray) -> Behaviour:
    busy = weekday(time) * (0.30 + 0.15 * daily(time, peak_hour=13))
    return Behaviour(0.38 * np.exp(busy), spread=0.15, error_probability=0.001 + 0.002 * weekday(time))


def _sms_gateway(time: FloatArray) -> Behaviour:
    strength = bursts(time, stream=20, per_day=14, shortest=45, longest=150)
    return Behaviour(0.16, spread=0.15, error_probability=0.002 + 0.5 * strength)


def _weather_forecast(time: FloatArray) -> Behaviour:
    wave = daily(time, peak_hour=15)
    return Behaviour(0.21 * np.exp(0.35 * wave), spread=0.15, error_probability=0.0015 + 0.001 * wave)


FLEET: Final = (
    Api("currency-exchange", "steady", lambda _: Behaviour(0.12)),
    Api("weather-forecast", "slower in the afternoon, every day", _weather_forecast),
    Api("flight-search", "slower on weekdays", _flight_search),
    Api("image-recognition", "bursts of slow answers, a dozen a day", _image_recognition),
    Api(
        "company-lookup",
        "response time drifts by 3 % a week",
        lambda time: Behaviour(0.26 * np.exp(slow_wander(time, per_week=0.03)), spread=0.15),
    ),
    Api("sms-gateway", "flaps: short bursts of errors, fourteen a day", _sms_gateway),
    Api(
        "email-validator",
        "steady, states its quota in every answer",
        lambda _: Behaviour(0.09, spread=0.15),
        quota=Quota(limit=10_000),
    ),
    Api(
        "web-search",
        "heavy-tailed response times",
        lambda _: Behaviour(0.2, spread=0.4, slow_probability=0.03, slow_factor=3.0, slow_alpha=1.8),
    ),
    Api(
        "stock-fundamentals",
        "rarely called, every two minutes",
        lambda _: Behaviour(0.45, spread=0.12, error_probability=0.004),
        interval=120.0,
    ),
    Api(
        "document-signing",
        "logs in first where its token has expired",
        lambda _: Behaviour(0.23, spread=0.12, slow_probability=0.1, slow_factor=1.6),
        login=True,
    ),
    Api(
        "address-autocomplete",
        "fast and even",
        lambda _: Behaviour(0.06, spread=0.12),
    ),
    Api(
        "movie-database",
        "slower while its nightly job runs",
        lambda time: Behaviour(0.17 * np.exp(0.5 * plateau(time, start_hour=2, hours=1.5)), spread=0.15),
    ),
)
"""No two behave alike; what each does, it has always done, so a fair judge finds nothing to report."""
