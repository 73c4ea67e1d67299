"""How an archive shares its bits among its pictures: more for those that need them.

Some pictures of a kind are harder than others. Where a mean size is asked for, the squared error of
all pictures together is least when no picture would gain more from a bit than another one loses by
it (Shoham & Gersho, Efficient bit allocation for an arbitrary set of quantizers, 1988). Records are
as long as a rung of a short ladder says, so that the index takes three bits a picture.
"""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

RUNGS = 8  # lengths of records
INDEX_BITS = 3  # that the index of an archive takes for each of them
LEAST_BITS = 96  # mean length from which on a ladder gains more than its index costs
FIRST_RUNG = 0.5  # of the mean length
LEAST_STEP = 0.114  # of the mean length: the last rung is 1.3 times as long or more
MOST = 0.9  # of the longest payload: nearer to it there is nothing to share


def ladder(bits: float, max_bits: int) -> tuple[int, ...]:
    """Record lengths to choose from for a mean of `bits`, rising; none where sharing is no gain.

    They are multiples of a power of two: the lengths of what is appended later, for another mean,
    have a factor in common with them, which the archive's index lives on.
    """
    if not LEAST_BITS <= bits <= MOST * max_bits:
        return ()
    step = 1 << int(np.ceil(np.log2(LEAST_STEP * bits)))
    first = max(1, round(FIRST_RUNG * bits / step))
    rungs = tuple(rung for i in range(RUNGS) if (rung := step * (first + i)) <= max_bits)
    return rungs if rungs[-1] > bits else ()


def allocate(
    errors: NDArray[np.float32], lengths: NDArray[np.int64], bits: float
) -> NDArray[np.int64]:
    """For each picture the column, of lengths (n, k), that it gets: the sum is at most n * `bits`.

    `errors` (n, k) are the squared errors at these lengths, which rise along a row, and of which
    the first ones together are within the sum.
    """
    chosen = np.zeros(len(errors), np.int64)
    left = int(len(errors) * bits) - int(lengths[:, 0].sum())
    stopped = np.zeros(len(errors), bool)
    for _, row, column in sorted(_steps(errors, lengths), key=lambda step: step[:2]):
        cost = int(lengths[row, column] - lengths[row, chosen[row]])
        if stopped[row] or cost > left:
            stopped[row] = True
            continue
        chosen[row], left = column, left - cost
    return chosen


def _steps(errors: NDArray[np.float32], lengths: NDArray[np.int64]) -> list[tuple[float, int, int]]:
    """Steps (minus what a bit gains, row, column) along the lower convex hull of each row."""
    steps = []
    for row, (error, length) in enumerate(zip(errors.tolist(), lengths.tolist(), strict=True)):
        hull = [0]
        for column in range(1, len(error)):
            if error[column] >= error[hull[-1]]:
                continue
            while len(hull) > 1 and _gain(error, length, hull[-2], hull[-1]) < _gain(
                error, length, hull[-1], column
            ):
                hull.pop()
            hull.append(column)
        steps += [(-_gain(error, length, a, b), row, b) for a, b in pairwise(hull)]
    return steps


def _gain(error: list[float], length: list[int], a: int, b: int) -> float:
    """What each bit of the way from column `a` to `b` takes off the error."""
    return (error[a] - error[b]) / (length[b] - length[a])
