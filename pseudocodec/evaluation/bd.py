"""BD-rate: how many per cent more bits one codec needs than another for the same quality.

G. Bjontegaard: Calculation of average PSNR differences between RD-curves. ITU-T VCEG-M33, 2001. He
fitted one cubic to each curve; here, as became the practice of JCT-VC and JVET, log10 of the rate
is a monotone piecewise cubic of the quality through all points (PCHIP: F. N. Fritsch and J.
Butland, SIAM J. Sci. Stat. Comput. 5, 1984, with the end slopes of Matlab and SciPy). Nothing is
extrapolated.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pseudocodec.errors import PslError

Point = tuple[float, float]
"""Rate, in any unit above 0, and quality, in dB or any other scale that grows with it."""

_Floats = NDArray[np.float64]


def bd_rate(curve: Iterable[Point], anchor: Iterable[Point]) -> float | None:
    """Per cent more rate than `anchor` that `curve` needs at equal quality; negative is better.

    The mean difference of log10(rate) over the qualities that both curves reach. None where they
    have none in common. A point no better than one of a lower rate is left out, since nobody would
    choose it.

    Raises:
        PslError: a rate is not positive, a number not finite, or fewer than two points are left.
    """
    ours, theirs = _Curve.through(curve), _Curve.through(anchor)
    low = max(ours.quality[0], theirs.quality[0])
    high = min(ours.quality[-1], theirs.quality[-1])
    if low >= high:
        return None
    difference = (ours.integral(low, high) - theirs.integral(low, high)) / (high - low)
    return float((10**difference - 1) * 100)


@dataclass(frozen=True)
class _Curve:
    """log10 of the rate as a function of the quality."""

    quality: _Floats  # (n,), rising, n >= 2
    log_rate: _Floats  # (n,)
    slope: _Floats  # (n,), of log_rate at each point

    @classmethod
    def through(cls, points: Iterable[Point]) -> _Curve:
        kept = _front(list(points))
        rate, quality = np.array(kept, dtype=np.float64).T
        log_rate = np.log10(rate)
        return cls(quality, log_rate, _slopes(quality, log_rate))

    def at(self, quality: _Floats) -> _Floats:
        """The Hermite cubic between the two neighbouring points."""
        last = len(self.quality) - 2
        i = np.clip(np.searchsorted(self.quality, quality, side="right") - 1, 0, last)
        step = self.quality[i + 1] - self.quality[i]
        t = (quality - self.quality[i]) / step
        rise = self.log_rate[i + 1] - self.log_rate[i]
        start, end = self.slope[i] * step, self.slope[i + 1] * step
        bend = start * (1 - t) - end * t + rise * (2 * t - 1)
        return np.asarray(self.log_rate[i] + t * rise + t * (1 - t) * bend)

    def integral(self, low: float, high: float) -> float:
        """Of the logarithm over these qualities, exactly: Simpson's rule integrates cubics."""
        inside = self.quality[(self.quality > low) & (self.quality < high)]
        ends = np.concatenate([[low], inside, [high]])
        values, middles = self.at(ends), self.at((ends[1:] + ends[:-1]) / 2)
        return float(np.sum(np.diff(ends) * (values[:-1] + 4 * middles + values[1:])) / 6)


def _front(points: Sequence[Point]) -> list[Point]:
    """The points worth choosing, lowest rate first: each better than all of lower rates."""
    for rate, quality in points:
        if not (math.isfinite(rate) and rate > 0 and math.isfinite(quality)):
            raise PslError(
                f"bd_rate: the point of rate {rate} and quality {quality} is none of a curve: "
                "expected a positive rate and finite numbers"
            )
    kept: list[Point] = []
    for point in sorted(points, key=lambda point: (point[0], -point[1])):
        if not kept or point[1] > kept[-1][1]:
            kept.append(point)
    if len(kept) < 2:
        raise PslError(
            f"bd_rate: {len(kept)} of {len(points)} points are left when each must be better than "
            "those of lower rates: pass at least two such points (four are customary)"
        )
    return kept


def _slopes(x: _Floats, y: _Floats) -> _Floats:
    """Slopes at the points that keep the curve monotone between them."""
    step, chord = np.diff(x), np.diff(y) / np.diff(x)
    if len(x) == 2:
        return np.repeat(chord, 2)
    slopes = np.empty_like(x)
    near, far = 2 * step[1:] + step[:-1], step[1:] + 2 * step[:-1]
    # All chords are positive, since rate and quality both rise along the front.
    slopes[1:-1] = (near + far) / (near / chord[:-1] + far / chord[1:])
    slopes[0] = _end_slope(step[0], step[1], chord[0], chord[1])
    slopes[-1] = _end_slope(step[-1], step[-2], chord[-1], chord[-2])
    return slopes


def _end_slope(step: float, next_step: float, chord: float, next_chord: float) -> float:
    """The slope of the parabola through three points, kept between 0 and three times the chord."""
    slope = ((2 * step + next_step) * chord - step * next_chord) / (step + next_step)
    return min(max(slope, 0.0), 3 * chord)
