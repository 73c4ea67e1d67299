"""The distribution of a coded integer: a Laplace distribution, cut into bins, in integers.

A symbol v of -LIMIT .. LIMIT takes the share of [v - 1/2, v + 1/2] of a Laplace distribution whose
mean is a multiple of 1/64 and whose scale is one of `SCALES`, of 1/8 octave each. The distribution
function comes of a table of 2^(-j/256) and shifts, so that a decoder needs no table a scale and no
floats. Every symbol has at least 1 of 2^24: it is monotone, and nothing needs an escape.
"""

from __future__ import annotations

from typing import Final

import numba
import numpy as np
from numpy.typing import NDArray

LIMIT: Final = 1023  # absolute value of a symbol
TOTAL: Final = 1 << 24
MEAN: Final = 64  # steps of the mean in 1
SCALES: Final = 96
SCALE_ONE: Final = 40  # the scale of 1
OCTAVE: Final = 8  # scales in a factor of two
FRACTION: Final = 256  # entries of the table of powers, an octave of them
DEPTH: Final = 24 * FRACTION  # from here on the power is nothing
MOST_MEAN: Final = (LIMIT + 1) * MEAN
_REST: Final = TOTAL - 2 * LIMIT - 1
_HALF: Final = MEAN // 2
_ROUND: Final = 1 << 15
_MASK: Final = FRACTION - 1


def power_table() -> NDArray[np.int64]:
    """round(2^31 * 2^(-j/256)), j = 0 to 255: computed once, and shipped with the model."""
    out: NDArray[np.int64] = np.rint(2.0 ** (31 - np.arange(FRACTION) / FRACTION)).astype(np.int64)
    return out


def rate_table() -> NDArray[np.int64]:
    """How fast each scale decays: 2^16 times the entries of the power table in 1/64."""
    scales = 2.0 ** ((np.arange(SCALES) - SCALE_ONE) / OCTAVE)
    out: NDArray[np.int64] = np.rint(65536 * FRACTION / (np.log(2) * MEAN * scales)).astype(
        np.int64
    )
    return out


@numba.njit(cache=True)
def below(v, mean, rate, powers):  # type: ignore[no-untyped-def]
    """The sum of the frequencies of the symbols below v, -LIMIT to LIMIT + 1."""
    if v <= -LIMIT:
        return np.int64(0)
    if v > LIMIT:
        return np.int64(TOTAL)
    edge = MEAN * v - _HALF - mean
    t = (abs(edge) * rate + _ROUND) >> 16
    tail = powers[t & _MASK] >> (8 + (t >> 8)) if t < DEPTH else np.int64(0)
    share = tail if edge < 0 else TOTAL - tail
    return v + LIMIT + ((share * _REST) >> 24)


@numba.njit(cache=True)
def found(target, mean, rate, powers):  # type: ignore[no-untyped-def]
    """The symbol v with below(v) <= target < below(v + 1), for a target of 0 .. TOTAL - 1."""
    low = min(max((mean + _HALF) >> 6, -LIMIT), LIMIT)
    if below(low, mean, rate, powers) <= target:
        high = low + 1
        step = 1
        while below(high, mean, rate, powers) <= target:
            low = high
            high = min(high + step, LIMIT + 1)
            step *= 2
    else:
        high = low
        low -= 1
        step = 1
        while below(low, mean, rate, powers) > target:
            high = low
            low = max(low - step, -LIMIT)
            step *= 2
    while high - low > 1:
        middle = (low + high) >> 1
        if below(middle, mean, rate, powers) <= target:
            low = middle
        else:
            high = middle
    return low
