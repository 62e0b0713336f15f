"""Array arithmetic over many series at once whose result for a row never depends on the rows beside it.

Time is the first axis everywhere. Sums over a window are made of sums over halves of it, element by element, since
numpy and BLAS round a reduction differently for different shapes and a live row must score as a replayed one does.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ml_sidecar.features import Array


def window_sum(x: Array, width: int) -> Array:
    """Sum over each row and the `width` - 1 rows before it.

    Args:
        x: shape (L, ...), L >= width.
        width: rows of the window, at least 1.

    Returns:
        Shape (L - width + 1, ...), for the rows that have a full window.
    """
    result: Array | None = None
    part, size, taken, rest = x, 1, 0, width
    n = len(x) - width + 1
    while True:
        if rest & 1:
            # `part` row i covers x[i : i + size]; the window's next `size` rows end `taken` rows before it does.
            first = width - taken - size
            piece = part[first : first + n]
            result = piece if result is None else result + piece
            taken += size
        rest >>= 1
        if not rest:
            break
        part = part[:-size] + part[size:]
        size *= 2
    return result if result is not None else x


def window_mean(x: Array, width: int) -> Array:
    """Mean over each row and the `width` - 1 rows before it; shapes as in `window_sum`."""
    return np.asarray(window_sum(x, width) / width)


def total(x: Array) -> Array:
    """Sum along the first axis, strictly in order, so that it does not depend on how many series there are."""
    return np.asarray(np.cumsum(x, axis=0)[-1])


def zeroed(x: Array) -> Array:
    """The same with 0 where there is nothing."""
    return np.where(np.isnan(x), 0.0, x)


def ordered(x: Array) -> tuple[Array, NDArray[np.intp] | None]:
    """Values in order along the first axis, NaN last, and how many there are, (...); None where none is missing."""
    rows = x.copy()
    rows.sort(axis=0)
    gone = np.isnan(rows)
    return rows, len(x) - np.add.reduce(gone, axis=0) if gone[-1].any() else None


def median(x: Array, least: int = 1) -> Array:
    """Median along the first axis over what is there; NaN where fewer than `least` values are."""
    if not len(x):
        return np.full(x.shape[1:], np.nan)
    return middle(*ordered(x), least)


def middle(rows: Array, count: NDArray[np.intp] | None, least: int = 1) -> Array:
    """Median of what `ordered` gave; NaN where fewer than `least` values are."""
    if count is None:
        n = len(rows)
        found = np.asarray(0.5 * (rows[(n - 1) // 2] + rows[n // 2]))
        return found if n >= least else np.full(found.shape, np.nan)
    low, high = np.maximum(count - 1, 0) // 2, np.minimum(count // 2, len(rows) - 1)
    found = 0.5 * (_at(rows, low) + _at(rows, high))
    return np.where(count >= max(least, 1), found, np.nan)


def _at(rows: Array, place: NDArray[np.intp]) -> Array:
    """The value of each column at its own place, shape as `place`, which may have more axes in front."""
    flat = rows.reshape(-1)
    width = flat.size // len(rows)
    return np.asarray(flat[place * width + np.arange(width).reshape(rows.shape[1:])])


def quantiles(x: Array, shares: tuple[float, ...], least: int = 1) -> Array:
    """Quantiles along the first axis over what is there, interpolated linearly.

    Returns:
        Shape (len(shares), ...); NaN where fewer than `least` values are.
    """
    return spaced(*ordered(x), shares, least)


def spaced(rows: Array, count: NDArray[np.intp] | None, shares: tuple[float, ...], least: int = 1) -> Array:
    """Quantiles of what `ordered` gave, as `quantiles`."""
    count = np.full(rows.shape[1:], len(rows)) if count is None else count
    last = np.maximum(count - 1, 0)
    exact = np.array(shares).reshape(-1, *(1,) * count.ndim) * last
    low = exact.astype(np.intp)
    a, b = _at(rows, low), _at(rows, np.minimum(low + 1, last))
    result = np.where(b > a, a + (b - a) * (exact - low), a)
    return np.where(count >= max(least, 1), result, np.nan)


def push(tape: NDArray[Any], rows: NDArray[Any]) -> None:
    """Let rows enter a tape whose newest row is its last; the oldest leave. In place."""
    k = len(rows)
    if k >= len(tape):
        tape[:] = rows[k - len(tape) :]
    elif k:
        tape[:-k] = tape[k:]
        tape[-k:] = rows


def grouped(x: Array, size: int) -> Array:
    """Shape (T, ...) as (T / size, size, ...)."""
    return x.reshape(len(x) // size, size, *x.shape[1:])


def group_median(x: Array, size: int) -> Array:
    """Median of each group of `size` rows, shape (T / size, ...)."""
    return x if size == 1 else median(np.moveaxis(grouped(x, size), 1, 0))


def moments(x: Array) -> Array:
    """Count, mean and sum of squared deviations of the rows that are there, shape (3, ...)."""
    there = np.isfinite(x)
    count = there.sum(axis=0)
    mean = total(np.where(there, x, 0.0)) / np.maximum(count, 1)
    square = np.where(there, x - mean, 0.0) ** 2
    return np.stack([count.astype(np.float64), mean, total(square)])


def merged(parts: Array) -> tuple[Array, Array, Array]:
    """Count, mean and standard deviation of the union of parts.

    Args:
        parts: shape (K, 3, ...) of `moments`; NaN parts hold nothing.
    """
    parts = zeroed(parts)
    count, mean, square = parts[:, 0], parts[:, 1], parts[:, 2]
    n = total(count)
    some = np.maximum(n, 1.0)
    centre = total(count * mean) / some
    deviation = total(square) + total(count * (mean - centre) ** 2)
    return n, centre, np.sqrt(deviation / np.maximum(n - 1.0, 1.0))


def widened(x: Array, columns: int, fill: float = np.nan) -> Array:
    """The array with that many more series, unknown so far, on its last axis."""
    return np.concatenate([x, np.full((*x.shape[:-1], columns), fill)], axis=-1)
