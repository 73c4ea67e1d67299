"""Nets to the integers of a file: how exactly each group is stored, by rate and distortion."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from pseudocodec.overfit.context import WEIGHT
from pseudocodec.overfit.laplace import LIMIT, OCTAVE, SCALE_ONE, SCALES
from pseudocodec.overfit.tile import MOST_PARAMETER, MOST_SHIFT, SLICES, Difference

Reals = NDArray[np.float32]
Judge = Callable[[Reals], float]  # parameters -> cost without their own bits
FIRST_SHIFT = 4
FRONT_BITS = 16  # of a group that differs


class Stored(NamedTuple):
    """Nets as a file holds them, and the bits they take."""

    differences: tuple[Difference | None, ...]
    bits: float


def store(parameters: Reals, start: NDArray[np.int64], judge: Judge, bit_price: float) -> Stored:
    """The differences from `start` that cost least: `judge` of the nets, `bit_price` a bit.

    Every group starts at steps of 1/256; each in turn is made coarser as long as that helps, and
    then, if it never did, finer; last it is left out if that costs less.
    """
    wanted = np.rint(parameters.astype(np.float64) * (1 << WEIGHT)).astype(np.int64)
    most = MOST_PARAMETER - (1 << MOST_SHIFT)
    wanted = wanted.clip(-most, most)
    chosen: list[Difference | None] = [
        _difference(wanted[where] - start[where], _least_shift(wanted[where] - start[where]))
        for where in SLICES
    ]

    def cost(trial: list[Difference | None]) -> float:
        bits = sum(_bits(difference) for difference in trial)
        return judge(as_reals(start, trial)) + bit_price * bits

    best = cost(chosen)
    for i, where in enumerate(SLICES):
        delta = wanted[where] - start[where]
        for direction in (1, -1):
            moved = False
            while (now := chosen[i]) is not None:
                shift = now.shift + direction
                if not _least_shift(delta, lowest=0) <= shift <= MOST_SHIFT:
                    break
                trial = chosen.copy()
                trial[i] = _difference(delta, shift)
                if (found := cost(trial)) >= best:
                    break
                best, chosen, moved = found, trial, True
            if moved:
                break
        if chosen[i] is not None:
            trial = chosen.copy()
            trial[i] = None
            if (found := cost(trial)) <= best:
                best, chosen = found, trial
    return Stored(tuple(chosen), sum(_bits(difference) for difference in chosen))


def as_reals(start: NDArray[np.int64], differences: list[Difference | None]) -> Reals:
    """The parameters (n,) that these differences give."""
    out = start.copy()
    for where, difference in zip(SLICES, differences, strict=True):
        if difference is not None:
            out[where] += difference.values.astype(np.int64) << difference.shift
    return (out / (1 << WEIGHT)).astype(np.float32)


def _least_shift(delta: NDArray[np.int64], lowest: int = FIRST_SHIFT) -> int:
    """The finest step in which all differences are symbols, `lowest` or more."""
    largest = int(np.abs(delta).max())
    return max(lowest, (max(largest // LIMIT, 1) - 1).bit_length() + (largest >= LIMIT))


def _difference(delta: NDArray[np.int64], shift: int) -> Difference | None:
    values = np.rint(delta / (1 << shift)).clip(-LIMIT, LIMIT).astype(np.int32)
    if not values.any():
        return None
    centre = round(float(np.log2(np.abs(values).mean())) * OCTAVE) + SCALE_ONE
    centre = min(max(centre, 0), SCALES - 1)
    scales = range(max(centre - 8, 0), min(centre + 9, SCALES))
    scale = min(scales, key=lambda s: _laplace_bits(values, s))
    return Difference(shift, scale, values)


def _bits(difference: Difference | None) -> float:
    if difference is None:
        return 0.0
    return FRONT_BITS + _laplace_bits(difference.values, difference.scale)


def _laplace_bits(values: NDArray[np.int32], scale: int) -> float:
    """Bits of values of mean 0, as `laplace` codes them but for its rounding."""
    t = 2.0 ** (-(scale - SCALE_ONE) / OCTAVE)
    a = np.abs(values)
    inside = 1 - np.exp(-t / 2)
    outside = np.exp(-(np.maximum(a, 1) - 0.5) * t) * (1 - np.exp(-t)) / 2
    return float(-np.log2(np.maximum(np.where(a == 0, inside, outside), 2.0**-24)).sum())
