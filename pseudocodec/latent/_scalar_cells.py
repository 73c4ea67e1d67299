"""Cells of the scalar quantiser: their probabilities and centroids for N(0,1), in integers."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pseudocodec.entropy import FrequencyTable
from pseudocodec.latent._normal import END, GRID, HALF, halves

MAX_LEVEL = 1 << 10  # cells on each side of zero, at most


@dataclass(frozen=True, eq=False)
class Cells:
    """Cells -k..k of width `step` standard deviations, symbol 0..2k; the last ones are open.

    `table` holds their probabilities under N(0,1), `centroids` (2k + 1,) the mean in each, in
    standard deviations. Exact: the same on every machine.
    """

    step: float
    table: FrequencyTable
    centroids: NDArray[np.float64]

    @property
    def top(self) -> int:
        """k, the largest cell."""
        return len(self.centroids) // 2


def cells(step: float) -> Cells:
    """Cells whose borders are (q - 1/2) `step`, for a positive step.

    The outermost cell begins below 6 deviations, where the distribution's table ends; with a step
    below 6 / MAX_LEVEL, earlier.
    """
    density, distribution = halves()
    count = int(min(MAX_LEVEL, max(1.0, np.ceil(END / step - 0.5))))
    borders = np.rint((np.arange(count) + 0.5) * step * GRID)
    places = np.minimum(borders, END * GRID).astype(np.int64)
    edges = np.concatenate([[0], places, [END * GRID]])
    mass = np.diff(distribution[edges])
    mass[0] *= 2
    # The mean over a..b is (density(a) - density(b)) / mass: their units differ by GRID.
    drop = density[edges[:-1]] - density[edges[1:]]
    middle = np.minimum(np.arange(count + 1) * step, END)
    means = np.where(mass > 0, drop * float(GRID) / np.maximum(mass, 1), middle)
    means[0] = 0.0
    weights = np.concatenate([mass[:0:-1], mass]) // (HALF >> 40)
    return Cells(step, FrequencyTable.of(weights), np.concatenate([-means[:0:-1], means]))
