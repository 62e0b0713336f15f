"""Array arithmetic over many series at once whose result for a row never depends on the rows beside it.

Time is the first axis everywhere. Sums over a window are made of sums over halves of it, element by element, since
numpy and BLAS round a reduction differently for different shapes and a live row must score as a replayed one does.
"""

from __future__ import annotations

import numpy as np

from ml_sidecar.features import Array


def window_sum(x: Array, width: int) -> Array:
    """Sum over each row and the `width` - 1 rows before it.

    Args:
        x: shape (L, ...), L >= width.
        width: rows of the window, at least 1.

    Returns:
        Shape (L - width + 1, ...), for the rows that have a full window.
    """
    total: Array | None = None
    part, size, taken, rest = x, 1, 0, width
    n = len(x) - width + 1
    while True:
        if rest & 1:
            # `part` row i covers x[i : i + size]; the window's next `size` rows end `taken` rows before it does.
            first = width - taken - size
            piece = part[first : first + n]
            total = piece if total is None else total + piece
            taken += size
        rest >>= 1
        if not rest:
            break
        part = part[:-size] + part[size:]
        size *= 2
    return total if total is not None else x


def window_mean(x: Array, width: int) -> Array:
    """Mean over each row and the `width` - 1 rows before it; shapes as in `window_sum`."""
    return window_sum(x, width) / width


def median(x: Array, least: int = 1) -> Array:
    """Median along the first axis over what is there; NaN where fewer than `least` values are."""
    return quantiles(x, (0.5,), least)[0]


def quantiles(x: Array, shares: tuple[float, ...], least: int = 1) -> Array:
    """Quantiles along the first axis over what is there, interpolated linearly.

    Returns:
        Shape (len(shares), ...); NaN where fewer than `least` values are.
    """
    if not len(x):
        return np.full((len(shares), *x.shape[1:]), np.nan)
    ordered = np.sort(x, axis=0)
    count = np.isfinite(ordered).sum(axis=0)
    result = np.empty((len(shares), *x.shape[1:]))
    last = np.maximum(count - 1, 0)
    for i, share in enumerate(shares):
        place = share * last
        low = place.astype(np.intp)
        high = np.minimum(low + 1, last)
        a = np.take_along_axis(ordered, low[None], axis=0)[0]
        b = np.take_along_axis(ordered, high[None], axis=0)[0]
        result[i] = np.where(b > a, a + (b - a) * (place - low), a)
    result[:, count < max(least, 1)] = np.nan
    return result


def push(tape: Array, rows: Array) -> None:
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
    mean = np.where(there, x, 0.0).sum(axis=0) / np.maximum(count, 1)
    square = np.where(there, x - mean, 0.0) ** 2
    return np.stack([count.astype(np.float64), mean, square.sum(axis=0)])


def merged(parts: Array) -> tuple[Array, Array, Array]:
    """Count, mean and standard deviation of the union of parts.

    Args:
        parts: shape (K, 3, ...) of `moments`; NaN parts hold nothing.
    """
    parts = np.nan_to_num(parts, nan=0.0)
    count, mean, square = parts[:, 0], parts[:, 1], parts[:, 2]
    n = count.sum(axis=0)
    some = np.maximum(n, 1.0)
    centre = (count * mean).sum(axis=0) / some
    total = square.sum(axis=0) + (count * (mean - centre) ** 2).sum(axis=0)
    return n, centre, np.sqrt(total / np.maximum(n - 1.0, 1.0))


def widened(x: Array, columns: int, fill: float = np.nan) -> Array:
    """The array with that many more series, unknown so far, on its last axis."""
    return np.concatenate([x, np.full((*x.shape[:-1], columns), fill)], axis=-1)
