"""The normal distribution in integers: no exp or log, whose last bits differ between machines.

The density at x = n / 4096 is a product of constants, exp(-x^2/2) = prod exp(-(2k + 1) h^2 / 2), in
fixed point; the distribution function is its trapezoid sum, of relative error below 4e-7.
"""

from __future__ import annotations

from functools import lru_cache
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

GRID = 4096  # points a standard deviation
END = 6  # standard deviations the table reaches; 2e-9 lies beyond
HALF = 1 << 61  # stands for the probability 1/2
_FIXED = 128  # fractional bits: 24,576 multiplications lose less than 31 of them


@lru_cache(maxsize=1)
def halves() -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Density and distribution of |N(0,1)| at 0, 1/4096 .. 6: two read-only int64 (24577,).

    The distribution rises from 0 to HALF. The density is in units in which its sum, with half of
    both ends, is HALF.
    """
    one = 1 << _FIXED
    ratio = _exp_of_minus(one // (2 * GRID**2))  # exp(-h^2 / 2)
    squared = ratio * ratio >> _FIXED
    density = [one]
    for _ in range(END * GRID):
        density.append(density[-1] * ratio >> _FIXED)
        ratio = ratio * squared >> _FIXED
    area = [0]  # twice the trapezoid sum
    for left, right in pairwise(density):
        area.append(area[-1] + left + right)
    tables = (
        np.array([2 * value * HALF // area[-1] for value in density], np.int64),
        np.array([value * HALF // area[-1] for value in area], np.int64),
    )
    for table in tables:
        table.setflags(write=False)
    return tables


def _exp_of_minus(x: int) -> int:
    """exp(-x) in fixed point, for 0 <= x < 1, by its series."""
    total = term = 1 << _FIXED
    k = 0
    while term:
        k += 1
        term = term * x // (k << _FIXED)
        total += -term if k % 2 else term
    return total


@lru_cache(maxsize=32)
def quantiles(bits: int) -> NDArray[np.int64]:
    """The value below which N(0,1) lies with probability (k + 1/2) / 2^bits, for each k.

    Read-only int64 (2^bits,), in units of 1/4096, rising. `bits` is 1 to 20.
    """
    distribution = halves()[1]
    middles = (distribution[:-1] + distribution[1:]) // 2
    wanted = (2 * np.arange(1 << (bits - 1)) + 1) << (61 - bits)
    upper = np.searchsorted(middles, wanted)
    out: NDArray[np.int64] = np.concatenate([-upper[::-1], upper])
    out.setflags(write=False)
    return out
