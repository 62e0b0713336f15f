"""Reads expositions back."""

from __future__ import annotations

import json

from prometheus_client.parser import text_string_to_metric_families

Samples = dict[tuple[str, frozenset[tuple[str, str]]], float]


def parsed(text: bytes) -> Samples:
    """Samples of a text exposition, as the reference parser reads it."""
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(text.decode())
        for sample in family.samples
    }


def parsed_json(content: bytes) -> Samples:
    """Samples of a JSON exposition."""
    return {
        (metric["name"], frozenset(sample["labels"].items())): float(sample["value"])
        for metric in json.loads(content)["metrics"]
        for sample in metric["samples"]
    }
