"""What an origin sees: the simple candidates, and the columns that the forest learns from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from ml_sidecar.features import Array
from ml_sidecar.models.forecast.arrays import mean, median
from ml_sidecar.models.forecast.history import DAY, HOUR, History

SIMPLE: Final = (
    "last", "day_ago", "week_ago", "profile", "calm", "day", "level", "level3", "weekly",
)  # fmt: skip
"""Candidates that need no fit: last value; value a day, a week before the target; last value moved along the daily
profile; median of five rows, of a day; profile at the target plus the median departure from it over a day, over three
hours; the same with the weekly profile."""

_DAY_POINTS = 96


@dataclass(frozen=True, slots=True)
class Outlook:
    """State of S series at one origin.

    Attributes:
        now: (S,), present value, NaN where absent.
        sigma: (S,), local volatility, above 0: half the mean absolute change over 3 h, half that over a day,
            and 0.1 % of the level.
        scale: (S,), unit in which changes of different series are pooled, above 0.
        simple: (len(SIMPLE), H, S), candidates without a fit; the last value where one is not known.
        common: (C, S), columns that do not depend on the horizon, in units of `scale`.
        ahead: (D, H, S), columns that do.
    """

    now: Array
    sigma: Array
    scale: Array
    simple: Array
    common: Array
    ahead: Array

    def columns(self, series: NDArray[np.int64]) -> NDArray[np.float32]:
        """What the forest sees of these series, (H * len(series), C + D), horizon by horizon; absent is 0."""
        ahead = self.ahead[:, :, series]
        common = np.broadcast_to(self.common[:, None, series], (len(self.common), *ahead.shape[1:]))
        stacked = np.concatenate([common, ahead]).reshape(len(common) + len(ahead), -1)
        known = np.nan_to_num(stacked.T, nan=0.0, posinf=0.0, neginf=0.0)
        return np.asarray(known, dtype=np.float32)


def look(history: History) -> Outlook:
    """All that is known at the present row."""
    clock, trail = history.clock, history.values
    now = history.now
    day = trail.last(clock.rows(24, 24))
    thin = day[:: -max(1, len(day) // _DAY_POINTS)]
    middle, lowest, highest = median(thin), np.fmin.reduce(thin, axis=0), np.fmax.reduce(thin, axis=0)
    move = np.abs(np.diff(day, axis=0))
    level = mean(np.abs(thin))
    sigma = 0.5 * mean(move[-clock.rows(3, 12) :]) + 0.5 * mean(move) + 1e-3 * level
    sigma = np.where(np.isfinite(sigma), sigma, 1e-2 * np.abs(now)) + 1e-12
    spread = mean(np.abs(thin - middle))
    scale = sigma + np.nan_to_num(spread)
    away = history.departures.last(clock.rows(24, 24))
    level24 = median(away[:: -max(1, len(away) // _DAY_POINTS)])
    level3 = median(away[-clock.rows(3, 3) :])
    base = history.season(history.seasons.profile, 0.0)

    recent = [trail.ago(k) for k in (1, 2, 3, 6)] + [trail.ago(clock.rows(h)) for h in (1, 2, 3, 6)]
    recent += [mean(trail.last(clock.rows(h, n))) for h, n in ((1, 3), (3, 6), (6, 8))]
    recent += [mean(thin), middle, lowest.astype(np.float64), highest.astype(np.float64), base]
    last2 = trail.last(clock.rows(2, 6))
    wobble = np.sqrt(np.maximum(mean(np.square(last2 - mean(last2))), 0.0))
    common = np.stack(
        [(x - now) / scale for x in recent] + [wobble / scale, sigma / scale, (now - level24 - base) / scale]
    )

    simple, ahead = [], []
    calm = median(trail.last(5))
    day_now, week_now = trail.ago(clock.day), history.season(history.seasons.week, 0.0)
    weekly_now = history.season(history.seasons.weekly, 0.0)
    for horizon, rows in zip(clock.horizons, clock.ahead, strict=True):
        profile = history.season(history.seasons.profile, horizon)
        weekly = history.season(history.seasons.weekly, horizon)
        day_ago, week_ago = trail.ago(clock.day - rows), history.season(history.seasons.week, horizon)
        two = history.season(history.seasons.two_days, horizon)
        simple.append(
            [now, day_ago, week_ago, now + profile - base, calm, middle, profile + level24, profile + level3,
             now + weekly - weekly_now]
        )  # fmt: skip
        differences = (profile - now, profile - base, profile + level24 - now, day_ago - now, two - now, week_ago - now,
                       day_ago - day_now, week_ago - week_now)  # fmt: skip
        ahead.append([x / scale for x in differences] + _calendar(history.local + horizon, horizon))
    candidates = np.asarray(simple).transpose(1, 0, 2)
    candidates = np.where(np.isfinite(candidates), candidates, now)
    return Outlook(now, sigma, scale, candidates, common, np.asarray(ahead).transpose(1, 0, 2))


def _calendar(local: Array, horizon: float) -> list[Array]:
    """Time of day, day of the week and distance of the target."""
    angle = local % DAY / DAY * 2 * np.pi
    weekday = (np.floor(local / DAY) + 3) % 7
    waves = [np.sin(angle), np.cos(angle), np.sin(2 * angle), np.cos(2 * angle)]
    return [*waves, weekday, (weekday >= 5).astype(np.float64), np.full(len(local), horizon / HOUR)]
