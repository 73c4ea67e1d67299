"""The numba kernel that walks an LCG's states; apart, so that only a search imports numba."""

from __future__ import annotations

import numba
import numpy as np
from numpy.typing import NDArray


@numba.njit(cache=True)  # type: ignore[untyped-decorator]
def trace(
    a: np.uint64, c: np.uint64, m: np.uint64, entries: NDArray[np.uint64]
) -> tuple[NDArray[np.uint32], NDArray[np.int64]]:  # pragma: no cover
    """Cut the states of x' = (a x + c) mod m, m <= 2**32, into runs of successive states.

    From each entry in turn, walk until a state that is already on a run; an entry that is on one
    starts none.

    Args:
        a: multiplier.
        c: increment.
        m: modulus.
        entries: states from which every state can be reached.

    Returns:
        The m states, run after run, and the position at which each run starts.
    """
    order = np.empty(m, np.uint32)
    starts = np.empty(len(entries), np.int64)
    placed = np.zeros(m, np.bool_)
    count = 0
    runs = 0
    for entry in entries:
        if placed[entry]:
            continue
        starts[runs] = count
        runs += 1
        x = entry
        while not placed[x]:
            placed[x] = True
            order[count] = x
            count += 1
            x = (a * x + c) % m
    return order, starts[:runs].copy()
