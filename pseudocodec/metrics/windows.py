"""Gaussian windows, moved over planes of samples."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Planes = NDArray[np.float64]
"""Samples (..., h, w)."""


def gaussian(taps: int, sigma: float) -> NDArray[np.float64]:
    """An odd number of samples of a Gaussian centred on the middle one, (taps,), of sum 1."""
    position = np.arange(taps) - taps // 2
    weights = np.exp(-(position**2) / (2 * sigma**2))
    return np.asarray(weights / weights.sum())


def weighted_means(planes: Planes, window: NDArray[np.float64]) -> Planes:
    """Means of every window that lies inside the planes, (..., h - taps + 1, w - taps + 1).

    The weights of a window are the outer product of `window`, symmetric, with itself.
    """
    columns = _along(planes, window, planes.ndim - 2)
    return _along(columns, window, planes.ndim - 1)


def _along(planes: Planes, window: NDArray[np.float64], axis: int) -> Planes:
    """The window along one axis; equal weights share a multiplication."""
    taps = len(window)
    size = planes.shape[axis] - taps + 1
    before: tuple[slice, ...] = (slice(None),) * axis

    def shifted(by: int) -> Planes:
        view: Planes = planes[(*before, slice(by, by + size))]
        return view

    total: Planes = shifted(taps // 2) * window[taps // 2]
    pair = np.empty_like(total)
    for i in range(taps // 2):
        np.add(shifted(i), shifted(taps - 1 - i), out=pair)
        pair *= window[i]
        total += pair
    return total
