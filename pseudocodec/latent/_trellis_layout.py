"""Which bits of the payload each component sees: rates by reverse water-filling, in integers."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from pseudocodec.latent.schedule import Schedule

LOG_BITS = 16  # fractional bits of logarithms


@dataclass(frozen=True, eq=False)
class Layout:
    """How a payload of `bits` bits is spent.

    Component active[k] is read when `ends[k]` bits of the payload, taken as a ring, have gone into
    the state; its values are multiplied by gains[k].
    """

    bits: int
    active: NDArray[np.int64]  # (k,) components above water, ascending
    ends: NDArray[np.int64]  # (k,) rising, 1..bits
    gains: NDArray[np.float64]  # (k,) in units of a deviation


@lru_cache(maxsize=256)
def layout(schedule: Schedule, bits: int) -> Layout:
    """The layout of `bits` bits, 0 to schedule.max_bits: exact, the same on every machine.

    With the water level t, component i of variance l_i > t gets bits in proportion to
    log2(l_i / t) / 2 (Cover & Thomas, 10.3.3). What a code can tell of it has the variance
    l_i - t: the gain of unit-variance values is sqrt(1 - t / l_i).
    """
    level = schedule.levels[bits]
    active = np.flatnonzero(schedule.variances > level) if bits else np.zeros(0, np.int64)
    variances = schedule.variances[active]
    shares = log2(variances) - log2(level[None])
    shares += 1  # two variances may have one logarithm: no active component is without a share
    total = np.cumsum(shares)
    ends = -(-total * bits // total[-1]) if len(total) else total
    return Layout(bits, active, ends, np.sqrt((variances - level) / variances))


def log2(values: NDArray[np.int64]) -> NDArray[np.int64]:
    """floor(2^16 log2(v)) or at most one less, for integers v in 1..2^31 - 1, by squaring."""
    exponent = np.frexp(values.astype(np.float64))[1].astype(np.int64) - 1
    mantissa = values << (31 - exponent)  # in 2^31..2^32
    out = exponent
    for _ in range(LOG_BITS):
        mantissa = (mantissa.astype(np.uint64) ** 2 >> np.uint64(31)).astype(np.int64)
        above = mantissa >> 32
        out = out << 1 | above
        mantissa >>= above
    return out
