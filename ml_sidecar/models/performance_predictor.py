"""Forecasts of each API's features, hours ahead, with intervals that keep their promise."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from ml_sidecar.contract import MODEL_NAMES
from ml_sidecar.errors import NotEnoughDataError, NotTrainedError
from ml_sidecar.features import Array, Entity, Feature, Mask, Window
from ml_sidecar.localtime import LocalTime
from ml_sidecar.models.forecast.forest import ChangeForest
from ml_sidecar.models.forecast.history import DAY, Clock, History
from ml_sidecar.models.forecast.lessons import Lessons
from ml_sidecar.models.forecast.mixture import Mixture
from ml_sidecar.models.forecast.outlook import SIMPLE, Outlook, look
from ml_sidecar.models.forecast.pending import Issue, Pending
from ml_sidecar.models.forecast.record import Record
from ml_sidecar.models.forecast.residuals import Residuals
from ml_sidecar.results import Forecasts, ModelCard, Thresholds

_GROWTH: Final = 2.0
_HELD_OUT: Final = 0.75
_FORGOTTEN: Final = 7 * DAY
_CRITICAL: Final = 1
_RECENT: Final = 1000.0

ACCURACY: Final = (
    "Share of forecasts on held-out time (the last quarter of the history) that were within the feature's smallest "
    "deviation worth an alarm."
)


class PerformancePredictor:
    """Mixture of a Random Forest on the change, pooled over all APIs, and simple candidates.

    Every half hour is an origin: its forecasts wait for their truth, then move the weights of the candidates and the
    width of the intervals, per API, feature and horizon. Fitting is the same walk over history, with the forests
    fitted anew whenever history has doubled, so that every forecast in it is one that could have been made then.

    Args:
        features: to forecast.
        horizons: seconds ahead, rising, less than a day together with half an hour.
        step: seconds between grid rows.
        local_time: time zone per API.
        seed: of everything random.
    """

    name = MODEL_NAMES[1]

    def __init__(
        self,
        features: Sequence[Feature],
        horizons: Sequence[float] = (3600.0, 7200.0, 10800.0),
        step: float = 300.0,
        local_time: LocalTime | None = None,
        seed: int = 0,
    ) -> None:
        self.features = tuple(features)
        self._clock = Clock(step, tuple(float(h) for h in horizons))
        if not horizons or list(horizons) != sorted(horizons) or max(horizons) > DAY - 2 * max(step, 1800.0):
            raise ValueError(f"horizons must rise and stay below a day less an hour, got {list(horizons)}")
        self._local_time = local_time or LocalTime()
        self._seed = seed
        self._forget_everything(())

    def _forget_everything(self, entities: tuple[Entity, ...]) -> None:
        count, width = len(self.features), len(entities) * len(self.features)
        self._entities = entities
        self._row: int | None = None
        self._history = History(self._clock, width)
        self._forests = [ChangeForest(self._seed + i) for i in range(count)]
        self._mixture = Mixture(len(SIMPLE) + 1, len(self._clock.horizons), width)
        self._residuals = Residuals(self._clock.horizons, count, width)
        self._pending = Pending(max(self._clock.ahead))
        self._recent = Record(count, width, _RECENT)
        self._card: ModelCard | None = None
        self._skill = np.full(count, np.nan)

    # ------------------------------------------------------------------ what it says

    @property
    def clock(self) -> float:
        """Time of the last grid row that entered the state; -inf before the first."""
        return -np.inf if self._row is None else self._row * self._clock.step

    @property
    def skill(self) -> dict[str, float]:
        """1 - error / error of the better naive forecast, per feature, on held-out time; NaN if not measured."""
        return dict(zip([f.name for f in self.features], self._skill.tolist(), strict=True))

    @property
    def coverage(self) -> dict[str, float]:
        """Share of recent values inside their 90 % interval, per feature; NaN if none has been resolved."""
        return dict(zip([f.name for f in self.features], self._recent.coverage.tolist(), strict=True))

    def describe(self) -> ModelCard:
        """The model's card.

        Raises:
            NotTrainedError: it was never fitted.
        """
        if self._card is None:
            raise NotTrainedError("performance_predictor has not been trained yet")
        return self._card

    def predict(self) -> Forecasts:
        """Forecasts issued at `clock` for every API known; `breach_probability` is NaN until asked for."""
        issue = self._issue(look(self._history))
        low, high = (np.array([getattr(f, side) for f in self.features]) for side in ("minimum", "maximum"))
        count = len(self._entities)
        predicted = issue.predicted
        return Forecasts(
            issued_at=self.clock,
            entities=self._entities,
            features=tuple(f.name for f in self.features),
            horizons=self._clock.horizons,
            predicted=self._out(predicted),
            lower=self._out(np.clip(predicted - issue.half_width, np.tile(low, count), np.tile(high, count))),
            upper=self._out(np.clip(predicted + issue.half_width, np.tile(low, count), np.tile(high, count))),
            confidence=self._out(issue.confidence),
            breach_probability=np.full((count, len(self.features), len(self._clock.horizons)), np.nan),
        )

    def breach_probability(self, forecasts: Forecasts, thresholds: Thresholds) -> Forecasts:
        """The same forecasts with the probability of lying beyond the critical threshold on either side.

        Args:
            forecasts: those of `predict` at the present row.
            thresholds: of any APIs and features; where there is none, the probability is NaN.

        Raises:
            ValueError: the forecasts are of another time.
        """
        if forecasts.issued_at != self.clock or forecasts.entities != self._entities:
            raise ValueError("forecasts must be those of predict() at the present row")
        sigma = look(self._history).sigma
        predicted = forecasts.predicted.transpose(2, 0, 1).reshape(len(self._clock.horizons), -1)
        lower, upper = (
            (_matching(bound[:, :, _CRITICAL], thresholds, forecasts) - predicted) / sigma
            for bound in (thresholds.lower, thresholds.upper)
        )
        lower_open, upper_open = np.nan_to_num(lower, nan=-np.inf), np.nan_to_num(upper, nan=np.inf)
        breach = 1 - self._residuals.probability_within(lower_open, upper_open)
        known = np.isfinite(predicted) & (np.isfinite(lower) | np.isfinite(upper))
        return replace(forecasts, breach_probability=self._out(np.where(known, breach, np.nan)))

    def _out(self, values: Array) -> Array:
        """(H, S) as (A, F, H)."""
        shaped = values.reshape(len(self._clock.horizons), len(self._entities), len(self.features))
        return np.ascontiguousarray(shaped.transpose(1, 2, 0))

    # ------------------------------------------------------------------ how it moves along the grid

    def walk(self, window: Window) -> None:
        """Let each row enter the state and judge the forecasts that were made for its time.

        APIs that are new start from their last value; those silent for a week are forgotten.

        Raises:
            ValueError: the window has another step, lacks a feature, or does not start after `clock`.
        """
        self._check(window)
        self._admit(window.entities)
        window = window.of(self._entities)
        values, local = self._flat(window), self._local(window.times)
        first = round(window.start / self._clock.step)
        self._skip(first)
        for i, row in enumerate(values):
            self._step(first + i, row, local[i])

    def _check(self, window: Window) -> None:
        if window.step != self._clock.step:
            raise ValueError(f"window has a step of {window.step} s, the model one of {self._clock.step} s")
        missing = [f.name for f in self.features if f.name not in window.features]
        if missing:
            raise ValueError(f"window lacks the feature {missing[0]!r}; it has {', '.join(window.features)}")
        if window.start <= self.clock:
            raise ValueError(f"window starts at {window.start}, not after {self.clock}")

    def _admit(self, entities: tuple[Entity, ...]) -> None:
        """Add new APIs and drop those long gone."""
        silent = self._history.age.reshape(-1, len(self.features)).min(axis=1) * self._clock.step > _FORGOTTEN
        present = set(entities)
        kept = [i for i, e in enumerate(self._entities) if e in present or not silent[i]]
        known = set(self._entities)
        added = [e for e in entities if e not in known]
        if not added and len(kept) == len(self._entities):
            return
        self._entities = (*(self._entities[i] for i in kept), *added)
        rows = np.array(kept + [-1] * len(added), dtype=np.int64)[:, None]
        count = len(self.features)
        columns = np.where(rows < 0, -1, rows * count + np.arange(count)).ravel()
        for part in (self._history, self._mixture, self._residuals, self._pending, self._recent):
            part.rearrange(columns)

    def _flat(self, window: Window) -> Array:
        """Values of the forecast features, (T, S)."""
        chosen = [window.features.index(f.name) for f in self.features]
        return window.values[:, :, chosen].reshape(len(window.values), len(window.entities) * len(chosen))

    def _local(self, times: Array) -> Array:
        return np.repeat(self._local_time.local(times, self._entities), len(self.features), axis=1)

    def _skip(self, first: int) -> None:
        """Rows that never came count as absent; beyond four weeks nothing remembers the difference."""
        begin = first if self._row is None else self._row + 1
        start = max(begin, first - 28 * self._clock.day)
        local = self._local(np.arange(start, first, dtype=np.float64) * self._clock.step)
        absent = np.full(self._history.width, np.nan)
        for i, row in enumerate(range(start, first)):
            self._step(row, absent, local[i])

    def _step(self, row: int, values: Array, local: Array) -> Outlook | None:
        """One grid row; the outlook if it is an origin."""
        self._history.push(values, local)
        self._row = row
        self._resolve(row, values, None, None)
        return self._originate(row)

    def _originate(self, row: int) -> Outlook | None:
        if row % self._clock.stride:
            return None
        self._history.look_ahead()
        outlook = look(self._history)
        self._pending.add(row, self._issue(outlook))
        return outlook

    def _issue(self, outlook: Outlook) -> Issue:
        learned = self._learned(outlook)
        candidates = np.concatenate([outlook.simple, learned[None]])
        predicted = self._mixture.combine(candidates)
        worth = np.empty_like(predicted)
        for i, feature in enumerate(self.features):
            own = slice(i, None, len(self.features))
            predicted[:, own] = np.clip(predicted[:, own], feature.minimum, feature.maximum)
            worth[:, own] = feature.worth_alarm(predicted[:, own])
        reach = worth / outlook.sigma
        confidence = self._residuals.probability_within(-reach, reach)
        confidence = np.where(np.isfinite(predicted), confidence, np.nan)
        half_width = self._residuals.half_width(outlook.sigma)
        return Issue(outlook.now, outlook.sigma, candidates, predicted, half_width, confidence, worth)

    def _learned(self, outlook: Outlook) -> Array:
        """The forests' forecasts, (H, S); the last value before the first fit."""
        out = np.repeat(outlook.now[None], len(self._clock.horizons), axis=0)
        for i, forest in enumerate(self._forests):
            if forest.fitted and len(outlook.now):
                own = np.arange(i, len(outlook.now), len(self.features))
                change = forest.predict(outlook.columns(own)).reshape(len(out), -1)
                out[:, own] += change * outlook.scale[own]
        return out

    def _resolve(self, row: int, truth: Array, held_out: Record | None, seasonal: Array | None) -> None:
        """Judge the forecasts made for this row."""
        for j, ahead in enumerate(self._clock.ahead):
            issue = self._pending.at(row - ahead)
            if issue is None:
                continue
            error = truth - issue.predicted[j]
            known = np.isfinite(error) & np.isfinite(issue.sigma)
            self._mixture.resolve(j, np.abs(truth - issue.candidates[:, j]), known)
            self._residuals.resolve(j, error, issue.sigma, issue.half_width[j], known)
            size, last = np.abs(error), np.abs(truth - issue.now)
            judged = (issue.half_width[j], issue.worth[j], issue.confidence[j], known)
            self._recent.add(size, last, last, *judged)
            if held_out is not None and seasonal is not None:
                held_out.add(size, last, np.abs(truth - seasonal), *judged)

    # ------------------------------------------------------------------ how it learns

    def fit(self, window: Window, excluded: Mask | None = None) -> None:
        """Learn from history, including the walk over it; afterwards `clock` is the window's end.

        Args:
            window: history on the grid.
            excluded: (T, A), True where the API was known to be bad; such values count as absent.

        Raises:
            NotEnoughDataError: the history holds no value.
            ValueError: the window has another step or lacks a feature.
        """
        for _ in self._learn(window, excluded):
            pass

    def replay(self, window: Window, excluded: Mask | None = None) -> Iterator[Forecasts]:
        """Fit, and hand out on the way the forecasts of each origin, made from what was known then."""
        for _ in self._learn(window, excluded):
            yield self.predict()

    def _learn(self, window: Window, excluded: Mask | None) -> Iterator[None]:
        self._forget_everything(window.entities)
        self._check(window)
        values = self._flat(window)
        if excluded is not None:
            values = np.where(np.repeat(excluded, len(self.features), axis=1), np.nan, values)
        samples = int(np.isfinite(values).reshape(len(values), -1, len(self.features)).any(axis=2).sum())
        if not samples:
            raise NotEnoughDataError(0, 1)
        lessons = self._lessons(values)
        held_out = Record(len(self.features), values.shape[1])
        local, first = self._local(window.times), round(window.start / self._clock.step)
        season = self._clock.day * (7 if len(values) > 21 * self._clock.day else 1)
        due = self._clock.day + self._clock.rows(1)
        for i, row in enumerate(values):
            self._history.push(row, local[i])
            self._row = first + i
            judged = i >= _HELD_OUT * len(values) and i >= season
            seasonal = values[i - season] if judged else None
            self._resolve(self._row, row, held_out, seasonal)
            if i >= due:
                self._fit_forests(lessons, i)
                due = int(_GROWTH * i)
            outlook = self._originate(self._row)
            if outlook is not None:
                for lesson in lessons:
                    lesson.note(i, outlook)
                yield
        self._fit_forests(lessons, len(values) - 1)
        self._skill = held_out.skill
        self._card = self._described(window, samples, held_out)

    def _lessons(self, values: Array) -> list[Lessons]:
        rng = np.random.default_rng(self._seed)
        count = len(self.features)
        return [Lessons(self._clock, np.arange(i, values.shape[1], count), values, rng) for i in range(count)]

    def _fit_forests(self, lessons: list[Lessons], row: int) -> None:
        for forest, lesson in zip(self._forests, lessons, strict=True):
            forest.fit(*lesson.until(row))

    def _described(self, window: Window, samples: int, held_out: Record) -> ModelCard:
        names = [f.name for f in self.features]
        within, count = held_out.within, held_out.count
        total = count.sum()
        base = within * (1 - within)
        figures: dict[str, NDArray[Any]] = {
            "skill": held_out.skill,
            "coverage": held_out.coverage,
            "within_smallest_deviation": within,
            "brier": held_out.brier,
            "brier_of_base_rate": base,
            "held_out_forecasts": count,
        }
        return ModelCard(
            name=self.name,
            algorithm="RandomForestRegressor",
            trained_at=window.end,
            span=(window.start, window.end),
            samples=samples,
            accuracy=float((np.nan_to_num(within) * count).sum() / total) if total else float("nan"),
            accuracy_definition=ACCURACY,
            details={
                "candidates": [*SIMPLE, "forest"],
                "forest_rows": [forest.rows for forest in self._forests],
                **{k: dict(zip(names, v.tolist(), strict=True)) for k, v in figures.items()},
            },
        )


def _matching(bound: Array, thresholds: Thresholds, forecasts: Forecasts) -> Array:
    """A threshold (A', F') as (S,) of the forecasts' APIs and features, NaN where there is none."""
    row = {entity: i for i, entity in enumerate(thresholds.entities)}
    column = {feature: i for i, feature in enumerate(thresholds.features)}
    rows = np.array([row.get(e, -1) for e in forecasts.entities], dtype=np.int64)[:, None]
    columns = np.array([column.get(f, -1) for f in forecasts.features], dtype=np.int64)[None]
    if not bound.size:
        return np.full(rows.size * columns.size, np.nan)
    return np.where((rows >= 0) & (columns >= 0), bound[rows, columns], np.nan).ravel()
