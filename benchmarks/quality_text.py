"""The figures as a Markdown document."""

from __future__ import annotations

import platform
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

VARIANTS = Path(__file__).with_name("variants.txt")
"""One line for each variant of the detector that was scored on the tuning half."""
PROTOTYPE_VARIANTS = 52
DEFAULT, NAB_PROMISE = "0.25", "1.0"
SOURCES = {"nab": "NAB", "cmd": "CMD"}
Row = Sequence[object]

INTRODUCTION = """# Quality

Written by `make quality`; do not edit. Measured on {date} with Python {python}, numpy {numpy}, scikit-learn {sklearn}.

## What these figures are, and are not

{series} labelled series ({rows:,} rows) of real telemetry that nobody here drew: of the
[Numenta Anomaly Benchmark](https://github.com/numenta/NAB) (NAB) and of
[Microsoft's cloud monitoring dataset](https://github.com/microsoft/cloud-monitoring-dataset) (CMD), both MIT-licensed.
Each is replayed by the code that runs live, as an API of its own with one feature, with default settings and one
configuration for all. No label is used, except where it says "best by labels". How it is scored:
[benchmarks/score.py](../benchmarks/score.py); how the detector works: [models.md](models.md).

- **In-sample.** These series are the tuning half. {variants} variants of this detector were scored on them
  ([list](../benchmarks/variants.txt)), after {prototype} of the prototype it grew from. Expect less elsewhere: on series it
  had never met, the prototype fell from F1 .60/.55 to .51/.46 and from 78.5 to 63.8 NAB points (last table).
- **Noise.** Differences below .07 F1 or 5 NAB points are noise (bootstrap over series).
- **One feature.** The joint views (Isolation Forest and contrasts) have nothing to join here and do not run; what they are
  worth is simulated ("Joint views"), what several features cost is measured on bundles of these series ("Several features").
- **Rates.** A false episode is one outside labelled windows. Labels are not complete, so some of them are true.
- **Delay.** NAB's windows open long before the incident: its delay says little. That of CMD counts.

The same code, data and versions give the same figures, but for the date and CPU seconds.
"""

TO_REPRODUCE = """## To reproduce

    python -m benchmarks.prepare --nab NAB --cmd cloud-monitoring-dataset --out series   # from checkouts of both
    make quality QUALITY_DATA=series

Peers on the same series: [quality_peers.md](quality_peers.md).
"""


def document(
    measured: Mapping[str, Any],
    ablations: Mapping[str, Mapping[str, Any]],
    joint: Sequence[Mapping[str, Any]],
    forecasts: Mapping[str, float] | None,
    bundles: Mapping[str, Any] | None = None,
) -> str:
    """The whole document."""
    parts = [
        INTRODUCTION.format(**context(measured)),
        _events(measured),
        _nab(measured),
        _best(measured),
        _promise(measured),
        _kinds(measured),
        _rarity(measured),
        _ablation(measured, ablations),
        _joint(joint),
        _bundles(bundles),
        _forecasts(forecasts) if forecasts else "",
        _cost(measured),
        _before(),
        TO_REPRODUCE,
    ]
    return "\n".join(part for part in parts if part)


def context(measured: Mapping[str, Any]) -> dict[str, object]:
    """What a document says about the circumstances."""
    return {
        "date": datetime.now(UTC).date().isoformat(),
        "python": platform.python_version(),
        "numpy": version("numpy"),
        "sklearn": version("scikit-learn"),
        "series": measured["series"],
        "rows": measured["rows"],
        "variants": len(VARIANTS.read_text(encoding="utf-8").splitlines()),
        "prototype": PROTOTYPE_VARIANTS,
    }


def table(header: Sequence[str], rows: Sequence[Row]) -> str:
    """A Markdown table: figures to the right."""
    lines = [list(header), ["---"] + ["---:"] * (len(header) - 1), *([_cell(x) for x in row] for row in rows)]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines) + "\n"


def _cell(x: object) -> str:
    if x is None:
        return "-"
    if isinstance(x, float):
        return f"{x:.3f}".rstrip("0").rstrip(".") if abs(x) < 10 else f"{x:.1f}"
    return str(x)


def events_row(found: Mapping[str, Any]) -> Row:
    """Precision, recall, F1, false a week, found of labelled, delay in steps."""
    delay = found["delay_steps"]
    of = f"{found['found']} of {found['events']}"
    return [
        *(found[name] if found["events"] else None for name in ("precision", "recall", "f1")),
        found["false_per_week"],
        of,
        None if delay is None else f"{delay:g}",
    ]


EVENTS = ("precision", "recall", "F1", "false a week", "incidents found", "median delay, steps")


def _present(measured: Mapping[str, Any]) -> list[str]:
    return [source for source in SOURCES if source in measured["at"][DEFAULT]]


def _events(measured: Mapping[str, Any]) -> str:
    rows = [
        [f"{budget}, {SOURCES[source]}", *events_row(measured["at"][budget][source]["free"]["events"])]
        for budget in measured["at"]
        for source in _present(measured)
    ]
    return (
        "## Incidents\n\nWithout labels, as a user gets it. The default promises 0.25 false episodes a week for each API.\n\n"
        + table(["promise a week, source", *EVENTS], rows)
    )


def _nab(measured: Mapping[str, Any]) -> str:
    rows = [
        [budget, *(found["nab"]["free"]["nab"][p] for p in ("standard", "low_fp", "low_fn"))]
        for budget, found in measured["at"].items()
        if "nab" in found
    ]
    return (
        "## NAB score\n\nWithout labels; 100 is perfect, 0 is silence. Its weights reward recall, so it is read at a promise "
        "of 1 a week.\n\n" + table(["promise a week", "standard", "reward low FP", "reward low FN"], rows)
        if rows
        else ""
    )


def _best(measured: Mapping[str, Any]) -> str:
    found = measured["at"][DEFAULT]
    rows: list[Row] = [
        [f"{SOURCES[s]}: event F1", found[s]["best"]["events"]["f1"], found[s]["best"]["events"]["threshold"]]
        for s in _present(measured)
    ]
    if "nab" in found:
        top = found["nab"]["best"]["nab"]
        rows.append(["NAB: score, standard", top["standard"], top["threshold"]])
    return (
        "## Best by labels\n\nThe one threshold for all series that the labels like best, as published tables choose it. "
        "Optimistic; for comparison only.\n\n" + table(["", "figure", "threshold"], rows)
    )


def _promise(measured: Mapping[str, Any]) -> str:
    rows = [
        [
            p["promised"],
            p["realised"],
            f"{p['low']:.2f}-{p['high']:.2f}",
            p["ratio"],
            f"{100 * p['within_3']:.0f} %",
            p["highest"],
        ]
        for p in measured["promise"]
    ]
    header = ["promised a week", "realised", "95 %", "ratio", "series within 3", "highest of a series"]
    return (
        "## Promise and what came\n\nFalse episodes a week, pooled over all series-weeks, with the interval of a Poisson count "
        "(Garwood 1936). Within 3: share of series with at most three times the promise; most series last two weeks, so that "
        "too few are not told from none.\n\n" + table(header, rows)
    )


def _kinds(measured: Mapping[str, Any]) -> str:
    rows = [
        [f"{SOURCES[source]} {kind}", *events_row(found)]
        for source in _present(measured)
        for kind, found in measured["at"][DEFAULT][source]["by_kind"].items()
    ]
    return f"## By kind\n\nAt the default promise of {DEFAULT} a week.\n\n" + table(["kind", *EVENTS], rows)


def _rarity(measured: Mapping[str, Any]) -> str:
    rows = [
        [f"{SOURCES[source]}, {name}", *events_row(found)]
        for source in _present(measured)
        for name, found in measured["by_rarity"][source].items()
    ]
    return (
        "## By how often incidents are labelled\n\nAt the default promise of 0.25 a week, by the labelled incidents a week of a "
        "series. E is how often such a peak came on the series' own past: what comes every third day is not told by one who "
        "promised to speak once a month.\n\n" + table(["labelled a week", *EVENTS], rows)
    )


def _ablation(measured: Mapping[str, Any], ablations: Mapping[str, Mapping[str, Any]]) -> str:
    rows = [_ablated("nothing (all parts)", measured)]
    rows += [_ablated(part, found) for part, found in ablations.items()]
    rows.append(["Isolation Forest, contrasts", *["did not run"] * 7])
    header = [
        "without",
        "F1 NAB at .25",
        "F1 CMD at .25",
        "realised at .25",
        "NAB score at 1",
        "best F1 NAB",
        "best F1 CMD",
        "best NAB score",
    ]
    return (
        "## Without each part\n\nThe remaining families are averaged as all were, under the same law, so that the realised rate "
        "moves as well; the best by labels is free of that. Gross deviations are told by the smallest deviation worth an alarm, "
        "which nobody declared for these series: they do not count here.\n\n" + table(header, rows)
    )


def _ablated(name: str, measured: Mapping[str, Any]) -> Row:
    at, sources = measured["at"], _present(measured)
    free = [at[DEFAULT][s]["free"]["events"]["f1"] if s in sources else None for s in SOURCES]
    best = [at[DEFAULT][s]["best"]["events"]["f1"] if s in sources else None for s in SOURCES]
    nab = at[NAB_PROMISE]["nab"]["free"]["nab"]["standard"] if "nab" in sources else None
    top = at[DEFAULT]["nab"]["best"]["nab"]["standard"] if "nab" in sources else None
    return [name, *free, measured["promise"][0]["realised"], nab, *best, top]


def _joint(joint: Sequence[Mapping[str, Any]]) -> str:
    rows = []
    for found in joint:
        part = " and ".join(found["without"]) or "nothing (all parts)"
        at = [found[budget] for budget in (DEFAULT, NAB_PROMISE)]
        rows.append([found["fleet"], found["law"], part, *(one["found"] for one in at)])
        rows[-1] += [one["false_per_week"] for one in at]
    header = [
        "fleet",
        "features",
        "without",
        "found at .25",
        "found at 1",
        "false a week at .25",
        "false a week at 1",
    ]
    inside = min(found["in_band"] for found in joint if found["law"] != "alone")
    count = joint[0][DEFAULT]["incidents"]
    return (
        "## Joint views\n\n`python -m benchmarks.quality_joint`, on seeds never used for choosing: simulated fleets (eight APIs, 28 "
        "days, five incidents of four hours each) whose features hang together and in incidents do not, each by itself behaving "
        f"as ever. {100 * inside:.0f} % of the rows of incidents at least have every feature within its band, so that what is "
        f"found without joint views is chance; from {count} incidents a row. False episodes are those of the whole fleet. *Rising*: "
        "response time rises with load; *bent*: it is high with little and with much; in incidents it follows a load drawn "
        "anew. *Crowd*: six features follow two loads, and one leaves. *Modes*: latency is high if either of two others is, then "
        "if both are or none: no view sees that. *Alone*: one of four features jumps, which joint views must not hide.\n\n"
        + table(header, rows)
    )


def _bundles(found: Mapping[str, Any] | None) -> str:
    if not found:
        return ""
    rows = [
        [
            at["promise"],
            name,
            one["realised"],
            f"{one['low']:.2f}-{one['high']:.2f}",
            one["highest"],
            f"{one['found']} of {one['events']}",
        ]
        for at in found["at"]
        for name, one in at.items()
        if name != "promise"
    ]
    header = ["promised a week", "features", "realised", "95 %", "highest", "incidents found"]
    return (
        "## Several features\n\n`python -m benchmarks.quality_bundles`: the series above, two to four of a kind at a time as the "
        f"features of one API ({found['apis']} APIs, {found['features']} series), against the same series judged each as an API "
        "of its own: that is as many promises. False episodes per week of each that was promised something; incidents of any "
        "feature found by any answer.\n\n" + table(header, rows)
    )


def _forecasts(found: Mapping[str, float]) -> str:
    row = [
        found["series"],
        found["mae_vs_seasonal_naive"],
        found["mae_vs_last_value"],
        found["coverage"],
        f"{100 * found['series_with_coverage_86_94']:.0f} %",
    ]
    header = [
        "series",
        "MAE ÷ seasonal naive",
        "MAE ÷ last value",
        "coverage of 90 %",
        "series within .86-.94",
    ]
    return (
        "## Forecasts\n\n1-3 h ahead, `python -m benchmarks.forecast`; geometric means over series.\n\n"
        + table(header, [row])
    )


def _cost(measured: Mapping[str, Any]) -> str:
    whole, renewals = measured["cpu_seconds_per_1000_rows"], measured["cpu_seconds_of_renewals"]
    return (
        f"## Cost\n\n{whole:.3f} CPU-seconds per 1,000 rows of one feature: {whole - renewals:.3f} of scoring, three "
        f"trackers of episodes included, and {renewals:.3f} of renewing context (profiles, spreads, calibrations) after "
        "each block of six hours or 24 rows. Not included: reading the file, and loading the program.\n"
    )


def _before() -> str:
    rows: list[Row] = [
        ["views_detector, tuning half", ".60 / .55", "78.5", "78.3"],
        ["views_detector, held-out half, blind", ".51 / .46", "63.8", "67.6"],
        ["Isolation Forest in context, tuning half", ".62 / .55", "70.0", "72.4"],
        ["Isolation Forest in context, held-out half, blind", ".43 / .40", "57.8", "61.2"],
    ]
    header = ["", "F1 NAB / CMD at .25", "NAB score at 1", "best NAB score"]
    return (
        "## The prototypes, and what they lost on series they had never met\n\nOne series at a time; frozen before they met the "
        "held-out half, which is kept and scored outside this project.\n\n" + table(header, rows)
    )
