"""What the detector does on a simulated fleet: `python -m benchmarks.fleet --write docs/fleet.md`.

Prints (or writes) one page: episodes without an incident against the promise, and the share of faults found in time,
by kind and size and by API. About a minute of one core.
"""

from __future__ import annotations

import argparse
import itertools
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import sklearn
from scipy.stats import binom, chi2

from benchmarks.faults import LEARNT, LIMIT, PATIENCE, Outcome, Range
from demo.fleet import FLEET
from demo.history import SCRAPE_SECONDS
from demo.incidents import Kind
from demo.law import DAY, WEEK
from demo.simulate import LAG_SECONDS, freshness
from ml_sidecar.contract import RESPONSE_TIME
from ml_sidecar.episodes import EpisodeTracker

SIZES = (
    (Kind.OUTAGE, 1.0),
    (Kind.QUOTA, 1.0),
    *((Kind.ERRORS, share) for share in (0.1, 0.2, 0.3, 0.5)),
    *((Kind.LATENCY, factor) for factor in (1.5, 2.0, 3.0, 5.0)),
    *((Kind.DRIFT, slope) for slope in (0.1, 0.02, 0.005)),
)
WARM_DAYS = 1.0
"""An API is judged against itself once it has a day of rows; that day is not counted."""
PROMISED = 0.25
MEANING = {
    Kind.ERRORS: "{:.0%}",
    Kind.LATENCY: "×{:g}",  # noqa: RUF001 - a times sign
    Kind.DRIFT: "+{:.1%} an hour",
}
_TELLING_FAILURES = 3
_ABOUT = f"""# A simulated fleet

Written by `python -m benchmarks.fleet --write docs/fleet.md`; do not edit. {{stamp}}

The demo's twelve APIs in simulated time (`demo/simulate.py`), judged by the detector and the episode tracker of the sidecar with default settings, in {{years}} independent spans (*years*) of {LEARNT / DAY:.0f} days. The laws by which these APIs behave were drawn by us: this page tells what the detector can and cannot see, `docs/models.md` how good it is on data that nobody here drew.

## Without an incident

The promise is {PROMISED} episodes per API and week. Looks on the grid, first day not counted. What is news on the second day, such as a daily job, is counted and shown apart.

{{quiet}}

By API, all years: {{by_api}}.

## With faults

Each fault strikes each API {{times}} times, at different times of day and week, after {LEARNT / DAY:.0f} days without one. A look every {SCRAPE_SECONDS:.0f} s, of values that are {LAG_SECONDS:.0f} s old. *In time* is within {LIMIT:.0f} s; for a drift, before the response time has moved by twice the smallest deviation worth an alarm (20 ms or 10 %, whichever is larger), judged on the grid. *Found* is within {PATIENCE / 60:.0f} minutes; for a drift, within one and a half times the longest of its limits. Delays count faults never found as endless. *Right feature*: of those found, the share whose episode names the response time, or one of success and error rate.

{{faults}}

## In time, by API

*Usual peak*: the 99.9 % quantile of the five-minute mean response time over its median, four weeks. A latency step that has lifted the mean by no more than that is, for this API, nothing new.

{{tempers}}

## What nobody could see in time

- Features are means over five minutes. {LIMIT:.0f} s into a step, {{reach:.0%}} of the window lies behind it: ×3 shows as ×{{three:.1f}}, ×5 as ×{{five:.1f}}. Where an API's usual peaks are that high, two minutes are not enough.
- Until then {{probes}} probes have been seen. An API of which one request in 500 fails has two failures in a window about three times a week, three failures once in 18 weeks; so three are needed for {PROMISED} a week. By then three have failed with a probability of {{likely}}.
- `stock-fundamentals` is probed every two minutes and recorded over an hour: in {LIMIT:.0f} s at most one probe in thirty has changed.
- `sms-gateway` fails in bursts fourteen times a day, up to half its requests, as it always has: an outage is news only when it exceeds these.
- Silence is no anomaly, it has an alert of its own (`RapidAPISilent`): an API that is no longer probed loses its features, and with them its score, {{silent:.0f}} s after its last probe (two probe intervals and 30 s). When it returns, its first windows hold few probes, one failure of five is 20 %: {{returns}} of {{silences}} returns from an hour of silence opened an episode.
"""  # noqa: RUF001 - times signs and dashes of prose


@dataclass(frozen=True, slots=True)
class Quiet:
    """Episodes of one year without an incident."""

    by_api: Counter[str]
    api_weeks: float
    early: int
    """Those of the second day, on which an API knows but one day."""

    @property
    def interval(self) -> tuple[float, float]:
        """95 % interval of the rate per API and week, episodes being a Poisson count (Garwood 1936)."""
        count = self.by_api.total()
        low = chi2.ppf(0.025, 2 * count) / 2 if count else 0.0
        return float(low / self.api_weeks), float(chi2.ppf(0.975, 2 * count + 2) / 2 / self.api_weeks)


def quiet(ranged: Range) -> Quiet:
    """Count the episodes of the four weeks in which nothing was wrong."""
    events = EpisodeTracker(ranged.threshold, step=300.0).update(ranged.past)
    judged = ranged.past.times[0] + WARM_DAYS * DAY
    begun = [e for e in events if e.kind == "opened" and e.counts and e.opened_at >= judged]
    return Quiet(
        Counter(event.entity.api_name for event in begun),
        len(ranged.past.entities) * (LEARNT - WARM_DAYS * DAY) / WEEK,
        sum(event.opened_at < judged + DAY for event in begun),
    )


def pooled(parts: Iterable[Quiet]) -> Quiet:
    """Several years as one."""
    known = list(parts)
    return Quiet(
        sum((part.by_api for part in known), Counter()),
        sum(part.api_weeks for part in known),
        sum(part.early for part in known),
    )


def share(outcomes: Sequence[Outcome], holds: Callable[[Outcome], bool]) -> float:
    """Share of outcomes of which something holds; NaN where there are none."""
    return float(np.mean([holds(o) for o in outcomes])) if outcomes else float("nan")


def quantile(outcomes: Sequence[Outcome], q: float) -> float:
    """Delay in seconds that a share q does not exceed; inf where the fault is not found so often."""
    return float(np.quantile([o.delay for o in outcomes], q, method="inverted_cdf"))


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def _fault(kind: Kind, size: float) -> str:
    return f"{kind} {MEANING.get(kind, '').format(size)}".strip()


def _seconds(seconds: float) -> str:
    if not np.isfinite(seconds):
        return "never"
    return f"{seconds:.0f} s" if seconds < 1200 else f"{seconds / 3600:.1f} h"


def _quiet_table(years: Sequence[Quiet]) -> str:
    rows = []
    for name, part in [*((str(k), year) for k, year in enumerate(years)), ("all", pooled(years))]:
        low, high = part.interval
        rate = part.by_api.total() / part.api_weeks
        figures = f"{rate:.2f} ({low:.2f}–{high:.2f})"  # noqa: RUF001 - a range in prose
        rows.append([name, f"{part.api_weeks:.0f}", str(part.by_api.total()), figures, str(part.early)])
    return _table(["year", "API-weeks", "episodes", "per API and week (95 %)", "on the second day"], rows)


def _fault_table(outcomes: Sequence[Outcome]) -> str:
    rows = []
    for (kind, size), group in itertools.groupby(_sorted(outcomes), lambda o: (o.kind, o.size)):
        mine = list(group)
        found = [o for o in mine if np.isfinite(o.delay)]
        figures = (share(mine, lambda o: o.in_time), len(found) / len(mine), share(found, lambda o: o.named))
        cells = [f"{figure:.0%}" for figure in figures]
        delays = [_seconds(quantile(mine, q)) for q in (0.5, 0.9)]
        rows.append([_fault(kind, size), str(len(mine)), *cells[:2], *delays, cells[2]])
    head = ["fault", "times", "in time", "found", "delay: median", "90 %", "right feature"]
    return _table(head, rows)


def _temper_table(outcomes: Sequence[Outcome], peaks: dict[str, float]) -> str:
    rows = []
    for api in FLEET:
        mine = [o for o in outcomes if o.api_name == api.name]
        cells = [
            share([o for o in mine if (o.kind, o.size) == fault], lambda o: o.in_time) for fault in SIZES
        ]
        peak = f"×{peaks[api.name]:.2f}"  # noqa: RUF001 - a times sign
        rows.append([api.name, peak, *(f"{100 * cell:.0f}" for cell in cells)])
    return _table(["% in time", "usual peak", *(_fault(*fault) for fault in SIZES)], rows)


def _sorted(outcomes: Sequence[Outcome]) -> list[Outcome]:
    return sorted(outcomes, key=lambda o: SIZES.index((o.kind, o.size)))


def usual_peaks(ranged: Range) -> dict[str, float]:
    """99.9 % quantile of the recorded response time over its median, by API."""
    k = ranged.past.features.index(RESPONSE_TIME)
    middle, peak = np.nanquantile(ranged.past.value[:, :, k], [0.5, 0.999], axis=0)
    return {entity.api_name: float(x) for entity, x in zip(ranged.past.entities, peak / middle, strict=True)}


def page(years: int, times: int) -> str:
    """Measure, and say it."""
    quiets = []
    outcomes: list[Outcome] = []
    silences = returns = 0
    for year in range(years):
        ranged = Range(year)
        quiets.append(quiet(ranged))
        if year == 0:
            peaks = usual_peaks(ranged)
        outcomes += ranged.trials(SIZES, times)
        silences, returns = (a + b for a, b in zip((silences, returns), ranged.returns(times), strict=True))
    shown = int((LIMIT - LAG_SECONDS) // SCRAPE_SECONDS)
    likely = ", ".join(
        f"{binom.sf(_TELLING_FAILURES - 1, shown, size):.0%} at {size:.0%} errors"
        for kind, size in SIZES
        if kind is Kind.ERRORS
    )
    counts = pooled(quiets).by_api
    return _ABOUT.format(
        stamp=f"{datetime.now(UTC):%Y-%m-%d}; numpy {np.__version__}, scikit-learn {sklearn.__version__}.",
        years=years,
        times=years * times,
        quiet=_quiet_table(quiets),
        by_api=", ".join(f"{api.name} {counts[api.name]}" for api in FLEET),
        faults=_fault_table(outcomes),
        tempers=_temper_table(outcomes, peaks),
        reach=shown / 20,
        three=1 + 2 * shown / 20,
        five=1 + 4 * shown / 20,
        probes=shown,
        likely=likely,
        silent=freshness(SCRAPE_SECONDS),
        silences=silences,
        returns=returns,
    )


def main() -> None:
    """Print the page, or write it."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--years", type=int, default=3, help="independent spans of four weeks")
    parser.add_argument(
        "--times", type=int, default=4, help="times a year at which each fault strikes each API"
    )
    parser.add_argument("--write", type=Path, help="write the page to this file")
    options = parser.parse_args()
    text = page(options.years, options.times)
    if options.write:
        options.write.write_text(text, encoding="utf-8")
    else:
        print(text)  # noqa: T201 - a command's output


if __name__ == "__main__":
    main()
