"""Nets to the integers of a file: how exactly each tensor is stored, by rate and distortion."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from pseudocodec.overfit.context import WEIGHT
from pseudocodec.overfit.front import MOST_SHIFT, SPREADS, Precision
from pseudocodec.overfit.laplace import LIMIT, OCTAVE, SCALE_ONE
from pseudocodec.overfit.tile import MOST_PARAMETER, SLICES, Difference

Reals = NDArray[np.float32]
Integers = NDArray[np.int64]
Judge = Callable[[Reals], float]  # parameters -> cost without their own bits
FIRST_SHIFT = 4
FRONT_BITS = 8  # of a tensor that differs


class Stored(NamedTuple):
    """Nets as a file holds them, and the bits they take."""

    differences: tuple[Difference | None, ...]
    bits: float


def store(parameters: Reals, start: Integers, judge: Judge, bit_price: float) -> Stored:
    """The differences from `start` that cost least: `judge` of the nets, `bit_price` a bit.

    Every tensor starts at steps of 1/256; each in turn is made coarser as long as that helps, and
    then, if it never did, finer; last it is left out if that costs less.
    """
    deltas = differences_of(parameters, start)
    shifts: list[int | None] = [_least_shift(delta) for delta in deltas]

    def cost(trial: list[int | None]) -> float:
        stored = rounded(deltas, trial)
        return judge(as_reals(start, stored.differences)) + bit_price * stored.bits

    best = cost(shifts)
    for i, delta in enumerate(deltas):
        for direction in (1, -1):
            moved = False
            while (now := shifts[i]) is not None:
                if not _least_shift(delta, lowest=0) <= now + direction <= MOST_SHIFT:
                    break
                trial = shifts.copy()
                trial[i] = now + direction
                if (found := cost(trial)) >= best:
                    break
                best, shifts, moved = found, trial, True
            if moved:
                break
        trial = shifts.copy()
        trial[i] = None
        if (found := cost(trial)) <= best:
            best, shifts = found, trial
    return rounded(deltas, shifts)


def differences_of(parameters: Reals, start: Integers) -> list[Integers]:
    """How the parameters (n,) differ from `start` (n,), in 1/4096, tensor by tensor."""
    wanted = np.rint(parameters.astype(np.float64) * (1 << WEIGHT)).astype(np.int64)
    most = MOST_PARAMETER - (1 << MOST_SHIFT)
    delta = wanted.clip(-most, most) - start
    return [delta[where] for where in SLICES]


def rounded(deltas: Sequence[Integers], shifts: Sequence[int | None]) -> Stored:
    """Each tensor's differences in steps of 2^shift; none for None, and where all come to 0."""
    differences = tuple(
        None if shift is None else _difference(delta, shift)
        for delta, shift in zip(deltas, shifts, strict=True)
    )
    return Stored(differences, sum(_bits(difference) for difference in differences))


def as_reals(start: Integers, differences: Sequence[Difference | None]) -> Reals:
    """The parameters (n,) that these differences give."""
    out = start.copy()
    for where, difference in zip(SLICES, differences, strict=True):
        if difference is not None:
            out[where] += difference.values.astype(np.int64) << difference.precision.shift
    return (out / (1 << WEIGHT)).astype(np.float32)


def _least_shift(delta: Integers, lowest: int = FIRST_SHIFT) -> int:
    """The finest step in which all differences are symbols, `lowest` or more."""
    largest = int(np.abs(delta).max())
    return max(lowest, (max(largest // LIMIT, 1) - 1).bit_length() + (largest >= LIMIT))


def _difference(delta: Integers, shift: int) -> Difference | None:
    values = np.rint(delta / (1 << shift)).clip(-LIMIT, LIMIT).astype(np.int32)
    if not values.any():
        return None
    scale = np.log2(np.abs(values).mean()) * OCTAVE + SCALE_ONE
    centre = round(float(scale - SPREADS.start) / SPREADS.step)
    first = min(max(centre - 1, 0), len(SPREADS) - 1)
    near = SPREADS[first : max(centre + 2, 1)]
    return min((Difference(Precision(shift, scale), values) for scale in near), key=_bits)


def _bits(difference: Difference | None) -> float:
    """Bits of values of mean 0, as `laplace` codes them but for its rounding."""
    if difference is None:
        return 0.0
    t = 2.0 ** (-(difference.precision.scale - SCALE_ONE) / OCTAVE)
    a = np.abs(difference.values)
    inside = 1 - np.exp(-t / 2)
    outside = np.exp(-(np.maximum(a, 1) - 0.5) * t) * (1 - np.exp(-t)) / 2
    shares = np.maximum(np.where(a == 0, inside, outside), 2.0**-24)
    return float(FRONT_BITS - np.log2(shares).sum())
