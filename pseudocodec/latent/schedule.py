"""The water levels of a progressive code, as integers: how fine the description is after b bits.

Component i has variance l_i. After b bits the water level is t_b and the component's distortion
min(l_i, t_b) (reverse water-filling). What bits a..b add is an innovation of variance
min(l_i, t_a) - min(l_i, t_b): nothing for components still under water. For equal variances and an
ideal code t_b = 2^(-2 b / d).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pseudocodec.errors import PslError

UNIT = 1 << 30  # variances and levels are integers in units of 2^-30 of the largest variance


@dataclass(frozen=True, eq=False)
class Schedule:
    """Integer tables: `variances` (d,) in 1..UNIT, `levels` (B + 1,) falling from UNIT.

    Raises PslError when the tables do not satisfy that.
    """

    variances: NDArray[np.int64]
    levels: NDArray[np.int64]

    def __post_init__(self) -> None:
        """Check the tables: they come from model files."""
        v, t = self.variances, self.levels
        if v.ndim != 1 or t.ndim != 1 or not len(v) or not len(t):
            raise PslError("schedule: variances and levels must be non-empty vectors")
        if v.min() < 1 or v.max() > UNIT or t[0] != UNIT or t.min() < 1 or np.any(np.diff(t) > 0):
            raise PslError(
                f"schedule: variances must lie in 1..{UNIT} and levels fall from {UNIT} to >= 1"
            )

    @property
    def dims(self) -> int:
        """Components of a latent vector."""
        return len(self.variances)

    @property
    def max_bits(self) -> int:
        """Bits described by the levels."""
        return len(self.levels) - 1

    def innovation(self, start: int, end: int) -> NDArray[np.float64]:
        """Variances (d,) of what bits `start`..`end` add, relative to the largest variance."""
        before = np.minimum(self.variances, self.levels[start])
        after = np.minimum(self.variances, self.levels[end])
        out: NDArray[np.float64] = (before - after) / UNIT
        return out

    def distortions(self, bits: int) -> NDArray[np.float32]:
        """Error left in each component (d,) after `bits`, a fraction of its variance."""
        out: NDArray[np.float32] = np.minimum(1, self.levels[bits] / self.variances).astype(
            np.float32
        )
        return out

    def level(self, bits: int) -> float:
        """log2 of the water level after `bits`, relative to the largest variance (<= 0)."""
        return float(np.log2(self.levels[bits] / UNIT))


def ideal_levels(
    variances: NDArray[np.float64], bits: int, efficiency: float = 1.0
) -> NDArray[np.int64]:
    """Levels after 0..`bits` bits for a code that needs 1/efficiency times Shannon's R(D).

    `variances` (d,) are positive; the result is in UNITs of the largest.
    """
    ordered = np.sort(np.log2(variances / variances.max()))[::-1]
    n = np.arange(1, len(ordered) + 1)
    budget = efficiency * np.arange(bits + 1)[:, None]
    level = (np.cumsum(ordered)[None] - 2 * budget) / n
    active = np.argmax((ordered[None] > level) * n, axis=1)  # the largest consistent active set
    exponent = np.minimum(level[np.arange(bits + 1), active], 0.0)
    exponent[0] = 0.0
    out: NDArray[np.int64] = np.maximum(1, np.rint(UNIT * 2.0**exponent)).astype(np.int64)
    return out
