"""What /status says of models and APIs."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

import numpy as np

from ml_sidecar.contract import MODEL_NAMES
from ml_sidecar.engine import Engine, InService

_NOTABLE = 0.5
"""Score above which a reason says something; below it, shares of next to nothing would be told."""


def json_safe(value: Any) -> Any:  # noqa: ANN401 - any JSON value
    """The same value with None for NaN and infinities, which JSON has not."""
    if isinstance(value, Mapping):
        return {key: json_safe(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [json_safe(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def model_cards(service: InService | None) -> dict[str, Any]:
    """Cards of the models in service by name; None for a model that was never trained."""
    if service is None:
        return dict.fromkeys(MODEL_NAMES)
    return {name: {**asdict(card), "version": service.version} for name, card in service.cards.items()}


def api_rows(engine: Engine, *, fresh: bool) -> list[dict[str, Any]]:
    """One row per API known: state (normal, anomalous, learning, absent), score and reason.

    Args:
        engine: what has scored.
        fresh: whether its last look is recent; if not, every API is absent, for nobody knows how it is now.
    """
    look = engine.last
    if look is None:
        return []
    rows = []
    present = {entity: i for i, entity in enumerate(look.entities)} if fresh else {}
    patterns = engine.pattern_names()
    for entity in sorted({*engine.history.entities, *look.entities}):
        column = present.get(entity)
        score = math.nan if column is None else float(look.scores.score[0, column])
        row: dict[str, Any] = {
            "api_name": entity.api_name,
            "environment": entity.environment,
            "state": "absent",
            "score": None,
            "reason": "reports nothing at present" if fresh else "not scored at present",
            "pattern": patterns.get(entity),
        }
        if column is not None and not math.isnan(score):
            anomalous = bool(look.is_open[column])
            known = bool(np.isfinite(look.scores.expected[0, column]).any())
            row["state"] = "anomalous" if anomalous else "normal" if known else "learning"
            row["score"] = round(score, 4)
            row["reason"] = (
                engine.reason(look.scores, entity) if anomalous or score > _NOTABLE else "as usual"
            )
            if not known:
                row["reason"] = "nothing known yet to compare it with"
        rows.append(row)
    return rows
