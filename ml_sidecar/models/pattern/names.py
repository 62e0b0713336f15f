"""Words for groups of days, from the traits of their centre."""

from __future__ import annotations

from typing import Final

import numpy as np

from ml_sidecar.features import Array
from ml_sidecar.models.pattern.behaviour import TRAITS

STEADY: Final = "steady"
_TELLING: Final = 0.1
_IMPLIED: Final = {
    "idle": ("gaps",),
    "constant errors": ("occasional errors",),
    "error bursts": ("occasional errors",),
}

_WORDS: Final = (
    # trait, sign, level from which the word applies, word
    ("silence", 1, 0.5, "idle"),
    ("bursts", 1, 0.25, "error bursts"),
    ("failing", 1, 0.2, "constant errors"),
    ("spells", 1, 0.3, "slow spells"),
    ("slower", 1, 0.3, "slower than usual"),
    ("slower", -1, 0.3, "faster than usual"),
    ("rhythm", 1, 0.35, "daily rhythm"),
    ("jitter", 1, 0.35, "jittery latency"),
    ("traffic", 1, 0.4, "busier than usual"),
    ("traffic", -1, 0.4, "quieter than usual"),
    ("silence", 1, 0.1, "gaps"),
    ("failing", 1, 0.1, "occasional errors"),
)


def words(centre: Array, lowest: Array, highest: Array) -> list[str]:
    """Words that apply to a centre, the most serious first; "steady" if none does.

    Args:
        centre: (len(TRAITS),).
        lowest: smallest value of each trait among the other centres; what all groups share names none of them.
        highest: largest value, likewise.
    """
    found = []
    for trait, sign, least, word in _WORDS:
        i = TRAITS.index(trait)
        beyond = centre[i] - lowest[i] if sign > 0 else highest[i] - centre[i]
        if sign * centre[i] >= least and beyond >= _TELLING:
            found.append(word)
    implied = {w for word in found for w in _IMPLIED.get(word, ())}
    return [word for word in found if word not in implied] or [STEADY]


def names(centres: Array) -> tuple[str, ...]:
    """A unique name for each of K centres, (K, len(TRAITS)): as few words as tell them apart."""
    spoken = [_words_among(centres, i) for i in range(len(centres))]
    given: list[str] = []
    for i, own in enumerate(spoken):
        others = [other for j, other in enumerate(spoken) if j != i]
        length = 1
        while length < len(own) and any(other[:length] == own[:length] for other in others):
            length += 1
        given.append(", ".join(own[:length]))
    return tuple(_unique(given, centres))


def _words_among(centres: Array, i: int) -> list[str]:
    others = np.delete(centres, i, axis=0)
    if not len(others):
        nothing = np.zeros(centres.shape[1])
        return words(centres[i], nothing, nothing)
    return words(centres[i], others.min(axis=0), others.max(axis=0))


def _unique(given: list[str], centres: Array) -> list[str]:
    """Groups that words alone cannot tell apart, told apart by the trait in which they differ most."""
    out = list(given)
    for name in dict.fromkeys(given):
        same = [i for i, other in enumerate(given) if other == name]
        if len(same) == 1:
            continue
        spread = centres[same].max(axis=0) - centres[same].min(axis=0)
        trait = int(spread.argmax())
        ranked = sorted(same, key=lambda i: float(centres[i, trait]))
        for place, i in enumerate(ranked):
            degree = _degree(place, len(ranked))
            out[i] = f"{name} ({degree} {TRAITS[trait]})"
    return out


def _degree(place: int, count: int) -> str:
    if place == 0:
        return "low"
    if place == count - 1:
        return "high"
    return "medium" if count == 3 else f"medium {place}"
