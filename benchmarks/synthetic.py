"""Labelled series on which nothing was tuned: telemetry with heavy tails, bursts, counts and seasons, and faults in it.

    python -m benchmarks.synthetic --out DIR [--seed 1] [--each 8]
    python -m benchmarks.quality --data DIR

Written is the layout of `benchmarks.prepare`. Kinds, noise and faults are drawn anew for every series; faults are graded,
from what nobody could see to what nobody could miss, so that recall is to be compared, not admired. What is rare but no
fault (bursts, heavy tails) is not labelled: it is what a promise of so many false alarms has to cover.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import typer
from numpy.typing import NDArray

from benchmarks.prepare import FORMAT, write
from benchmarks.score import DAY, WEEK, Array

HOUR = 3600.0
START = 1_600_000_000
LEARNT = 0.2
"""Share of a series before its first fault."""
FAULTS_A_WEEK = 0.45
APART = 12 * HOUR
"""Least time between two faults."""
MOST = 1e6
SPIKE = 3
"""Rows of a spike."""


@dataclass(frozen=True)
class Noise:
    """Randomness on one series' rows.

    Attributes:
        draw: source of all of it.
        times: seconds since the epoch, (n,).
    """

    draw: np.random.Generator
    times: Array

    def wander(self, memory: float, size: float) -> Array:
        """First-order autoregression with a standard deviation of `size`."""
        steps = self.draw.normal(0.0, size * np.sqrt(1 - memory**2), len(self.times))
        values = [self.draw.normal(0.0, size)]
        for step in steps[1:].tolist():
            values.append(memory * values[-1] + step)
        return np.array(values)

    def day(self, height: float, sharpness: float = 1.0, quiet: float = 0.3) -> Array:
        """1 at night, higher by day, less so on weekends."""
        hour = (self.times / HOUR - self.draw.uniform(0, 24)) % 24
        shape = np.exp(sharpness * (np.cos(2 * np.pi * hour / 24) - 1))
        weekend = (self.times // DAY + 3) % 7 >= 5
        return np.asarray(1 + height * shape * np.where(weekend, 1 - quiet, 1.0))

    def bursts(self, share: float, size: float, length: float) -> Array:
        """Pareto-sized bursts that fade: rare, but no fault."""
        n = len(self.times)
        values = np.zeros(n)
        for start in self.draw.integers(n, size=self.draw.poisson(share * n)).tolist():
            rows = np.arange(min(1 + self.draw.poisson(length), n - start))
            values[start + rows] += size * self.draw.pareto(2.2) * np.exp(-2 * rows / max(len(rows), 2))
        return values

    def tails(self, freedom: float = 3.0) -> Array:
        """Student's t."""
        return np.clip(self.draw.standard_t(freedom, len(self.times)), -5, 40)

    def counts(self, rate: Array, shape: float = np.inf) -> Array:
        """Poisson counts, more scattered (negative binomial) where a shape is given."""
        rate = np.minimum(rate, MOST)
        scattered = rate if np.isinf(shape) else rate * self.draw.gamma(shape, 1 / shape, len(rate))
        return self.draw.poisson(scattered).astype(np.float64)


def _crashes(n: Noise) -> Array:
    level = n.draw.lognormal(2, 1.5) * n.day(n.draw.uniform(0, 2)) * (1 + n.bursts(0.005, 2, 1))
    return n.counts(level * np.exp(n.wander(n.draw.uniform(0.3, 0.9), n.draw.uniform(0.3, 0.8))))


def _latency(n: Noise) -> Array:
    wander = n.wander(0.85, n.draw.uniform(0.05, 0.2)) + n.draw.uniform(0.03, 0.12) * n.tails()
    return n.draw.uniform(20, 500) * (0.7 + 0.3 * n.day(n.draw.uniform(0, 1.5))) * np.exp(wander)


def _requests(n: Noise) -> Array:
    day = n.day(n.draw.uniform(0.3, 4), n.draw.uniform(1, 3), n.draw.uniform(0, 0.7))
    return n.counts(n.draw.lognormal(3.5, 1.3) * day * np.exp(n.wander(0.95, 0.1)))


def _processor(n: Noise) -> Array:
    usual = n.draw.uniform(1, 50) * (1 + n.wander(0.95, 0.1) + 0.05 * n.draw.normal(size=len(n.times)))
    job = n.draw.uniform(0, 30) * (n.times % (HOUR * n.draw.choice([1, 3, 6, 24])) < HOUR / 4)
    load = usual + job + n.draw.uniform(5, 30) * n.bursts(0.005, 0.5, 2)
    return np.asarray(np.clip(np.round(load), 0, 100), dtype=np.float64)


def _mentions(n: Noise) -> Array:
    level = n.draw.lognormal(1.7, 1.2) * n.day(n.draw.uniform(0.5, 3))
    return n.counts(level * (1 + n.bursts(0.002, 1, 12)), shape=4)


def _travel(n: Noise) -> Array:
    rush = n.day(n.draw.uniform(0.5, 3), 5, 0.8) * n.draw.uniform(0.1, 0.5) * np.exp(n.wander(0.8, 0.5))
    return np.round(n.draw.uniform(60, 300) * (1 + rush) * np.exp(0.1 * n.tails()))


def _temperature(n: Noise) -> Array:
    return 70 + n.wander(0.985, 4) + n.draw.uniform(0, 1) * n.day(2) + 0.5 * n.draw.normal(size=len(n.times))


def _prices(n: Noise) -> Array:
    level = np.exp(n.wander(0.9, n.draw.uniform(0.1, 0.4)) + 0.15 * n.tails())
    return n.draw.uniform(0.05, 2) * level * n.day(0.4) + n.bursts(0.003, 1, 1)


KINDS: dict[str, tuple[Callable[[Noise], Array], float, float]] = {
    "crashes": (_crashes, 3600, 6),
    "latency-hourly": (_latency, 3600, 6),
    "latency": (_latency, 300, 2.5),
    "requests-hourly": (_requests, 3600, 6),
    "requests": (_requests, 300, 2.5),
    "demand": (_requests, 1800, 7),
    "processor": (_processor, 300, 2.5),
    "mentions": (_mentions, 300, 2.5),
    "travel-time": (_travel, 600, 5),
    "temperature": (_temperature, 3600, 6),
    "prices": (_prices, 3600, 6),
}
"""How a kind is drawn, its step in seconds, and its length in weeks."""


@dataclass(frozen=True)
class Strike:
    """A fault that strikes some rows.

    Attributes:
        draw: source of its size.
        clean: the series without it.
        rows: where it lasts.
        size: deviation, in the series' unit.
    """

    draw: np.random.Generator
    clean: Array
    rows: NDArray[np.intp]
    size: float

    @property
    def was(self) -> Array:
        """What the rows would have held."""
        return np.asarray(self.clean[self.rows], dtype=np.float64)

    def up(self) -> Array:
        """A step up, absolute or relative."""
        return self.was + self.size if self.draw.random() < 0.5 else self.was * self.draw.uniform(1.4, 4)

    def down(self) -> Array:
        """A fall, to nothing at most."""
        return self.was * self.draw.uniform(0, 0.6)

    def ramp(self) -> Array:
        """Up, bit by bit."""
        return self.was + 1.5 * self.size * np.linspace(0, 1, len(self.rows))

    def spike(self) -> Array:
        """Three rows far up."""
        return self.was + 2.5 * self.size * (np.arange(len(self.rows)) < SPIKE)

    def rough(self) -> Array:
        """Noise on top."""
        return self.was + 0.7 * self.size * self.draw.normal(size=len(self.rows))

    def flapping(self) -> Array:
        """Up and back, again and again."""
        up = self.draw.random(len(self.rows)) < 0.4
        up[0] = True
        return self.was + self.size * up

    def other_hours(self) -> Array:
        """What earlier hours held."""
        back = len(self.rows) + int(self.draw.integers(len(self.rows)))
        return np.asarray(self.clean[np.maximum(self.rows - back, 0)], dtype=np.float64)

    def frozen(self) -> Array:
        """One value throughout."""
        return np.full(len(self.rows), self.was[0])


FAULTS = (
    *[Strike.up] * 3,
    *[Strike.down] * 2,
    *[Strike.ramp] * 2,
    Strike.spike,
    Strike.rough,
    Strike.flapping,
    Strike.other_hours,
    Strike.frozen,
)


def _usual_noise(clean: Array, step: float) -> float:
    """Spread around the course of three hours, and no less than 2 % of the range."""
    smooth = pd.Series(clean).rolling(max(3, int(3 * HOUR / step)), min_periods=1, center=True).median()
    low, high = np.quantile(clean, [0.05, 0.95])
    return 1.4826 * float(np.median(np.abs(clean - smooth.to_numpy()))) + 0.02 * float(high - low)


def _spans(draw: np.random.Generator, n: int, step: float) -> list[tuple[int, int]]:
    """First and last row of each fault."""
    found: list[tuple[int, int]] = []
    apart = round(APART / step)
    for _ in range(1 + draw.poisson(FAULTS_A_WEEK * n * step / WEEK)):
        length = int(np.clip(draw.lognormal(np.log(3), 0.9) * HOUR / step, 3, 30 * HOUR / step))
        first = int(draw.integers(round(LEARNT * n), n - length))
        if all(first > b + apart or first + length <= a - apart for a, b in found):
            found.append((first, first + length - 1))
    return sorted(found)


def struck(draw: np.random.Generator, clean: Array, step: float) -> tuple[Array, list[tuple[int, int]]]:
    """A series with faults in it, and the first and last row of each."""
    value, labels, noise = clean.copy(), [], _usual_noise(clean, step)
    for first, last in _spans(draw, len(clean), step):
        fault = FAULTS[draw.integers(len(FAULTS))]
        rows = np.arange(first, last + 1)
        value[rows] = np.maximum(fault(Strike(draw, clean, rows, draw.uniform(2.5, 9) * noise)), 0)
        labels.append((first, first + SPIKE - 1 if fault is Strike.spike else last))
    whole = bool((clean == np.round(clean)).all())
    return np.round(value) if whole else value, labels


def series(seed: int, each: int) -> Iterator[tuple[str, dict[str, Any], pd.DataFrame]]:
    """Name, entry of labels.json and table of `each` series of every kind."""
    for k, (kind, (make, step, weeks)) in enumerate(KINDS.items()):
        for i in range(each):
            draw = np.random.default_rng([seed, k, i])
            rows = round(weeks * draw.uniform(0.7, 1.3) * WEEK / step)
            times: Array = START + step * np.arange(rows, dtype=np.float64)
            value, faults = struck(draw, make(Noise(draw, times)), step)
            stamps = pd.Series(pd.to_datetime(times, unit="s")).dt.strftime(FORMAT)
            windows = [[str(stamps[a]), str(stamps[b])] for a, b in faults]
            table = pd.DataFrame({"timestamp": stamps, "value": value})
            yield (
                f"synthetic--{kind}--{i:02d}",
                {"kind": kind, "source": "synthetic", "windows": windows},
                table,
            )


def main(arguments: Sequence[str] | None = None) -> None:
    """Entry point."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--each", type=int, default=8, help="series of each kind")
    options = parser.parse_args(arguments)
    found = list(series(options.seed, options.each))
    write(options.out, found)
    typer.echo(f"{len(found)} series written to {options.out}")


if __name__ == "__main__":
    main()
