"""The orbits of an LCG, laid out so that a search slides over every seed's sequence.

All sequences of one generator are windows of its orbits: n sequences of length d share most of
their values, and scoring them all against a target is a sliding correlation over m values, not a
product with m * d of them.

If gcd(a, m) = 1 the map is a permutation and its states fall into cycles. Otherwise some states
have no predecessor and lie on tails that lead into the cycles. Both are covered by *paths*: runs
of successive states that together hold each state exactly once. First come the cycles, each
opened at its smallest state; then the tails, each from a state without predecessor up to the
first state that stands on an earlier path.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from pseudocodec.errors import PslError, TooLarge
from pseudocodec.prng.lcg import Lcg

MAX_ORBIT_MODULUS: Final = 2**24
"""Largest modulus to decompose; takes about 0.5 GiB while it runs."""

MAX_WINDOW_VALUES: Final = 2**27
"""Longest array of windows: 1.5 GiB with its seeds."""


class Windows(NamedTuple):
    """One array in which the sequence of every seed stands as a contiguous slice.

    `values[p : p + length]` is the sequence of the seed `seeds[p]`. Each seed of 0 .. m-1 occurs
    once. Where `seeds[p]` is -1 the slice runs across the end of a path: no seed's sequence.

    Attributes:
        values: uint32, shape (positions + length - 1,).
        seeds: int64, shape (positions,).
    """

    values: NDArray[np.uint32]
    seeds: NDArray[np.int64]


@dataclass(frozen=True, eq=False, slots=True)
class Orbits:
    """The states of an LCG as a list of paths, each a run of successive states.

    Attributes:
        lcg: the generator.
        order: uint32, shape (m,): the states of all paths, one path after the other.
        starts: int64, shape (paths,), ascending: where each path begins in `order`.
        cycles: how many of the paths are cycles; they come first, ordered by their smallest
            state, with which each begins. The others are tails, ordered by their first state.
    """

    lcg: Lcg
    order: NDArray[np.uint32]
    starts: NDArray[np.int64]
    cycles: int

    @property
    def lengths(self) -> NDArray[np.int64]:
        """States on each path, int64, shape (paths,)."""
        return np.diff(self.starts, append=self.lcg.m)

    def windows(self, length: int) -> Windows:
        """Lay out the sequence of every seed in one array.

        Each path is followed by the `length - 1` states that succeed its last one. Memory is
        O(m + paths * length): next to m for a generator with few orbits, up to m * length for a
        multiplier that shares most of its factors with m.

        Args:
            length: values a sequence, at least 1.

        Raises:
            PslError: length < 1.
            TooLarge: the array would exceed `MAX_WINDOW_VALUES`.
        """
        if length < 1:
            raise PslError(f"Windows of length {length} were asked for; ask for at least 1.")
        paths, overlap = len(self.starts), length - 1
        total = self.lcg.m + paths * overlap
        if total > MAX_WINDOW_VALUES:
            raise TooLarge(
                f"Windows of length {length} over {paths} paths take {total} values, "
                f"more than {MAX_WINDOW_VALUES}; ask for shorter ones."
            )
        path = np.repeat(np.arange(paths), self.lengths)
        positions = np.arange(self.lcg.m) + path * overlap
        seeds = np.full(total, -1)
        seeds[positions] = self.order
        values = np.empty(total, np.uint32)
        values[positions] = self.order
        if overlap:
            last = self.order[self.starts + self.lengths - 1]
            after = self.lcg.sequence(self.lcg.jump(last, 1), overlap)
            # What the paths leave free, taken in order, is the overlaps, path by path.
            values[seeds < 0] = after.ravel()
        return Windows(values, seeds[: total - overlap])


def decompose(lcg: Lcg) -> Orbits:
    """Find the cycles and the tails of a generator, in O(m).

    Args:
        lcg: a generator with m <= `MAX_ORBIT_MODULUS`.

    Raises:
        TooLarge: m exceeds that limit.
    """
    if lcg.m > MAX_ORBIT_MODULUS:
        raise TooLarge(
            f"The LCG has m = {lcg.m}; orbits are laid out up to m = {MAX_ORBIT_MODULUS}."
        )
    from pseudocodec.prng._trace import trace

    periodic = _reached(lcg, lcg.bits)
    leaves = ~_reached(lcg, 1)
    entries = np.concatenate([np.flatnonzero(periodic), np.flatnonzero(leaves)])
    order, starts = trace(
        np.uint64(lcg.a), np.uint64(lcg.c), np.uint64(lcg.m), entries.astype(np.uint64)
    )
    return Orbits(lcg, order, starts, int(np.count_nonzero(periodic[order[starts]])))


def _reached(lcg: Lcg, steps: int) -> NDArray[np.bool_]:
    """Mark the states that some state reaches in exactly `steps` steps.

    With steps >= log2(m) those are the states on cycles. By the Chinese remainder theorem the map
    acts apart on the largest divisor of m that is coprime to a, where it is a permutation, and on
    the cofactor, which divides a**steps: there `steps` steps lead every state to a fixed point.
    """
    marks = np.zeros(lcg.m, np.bool_)
    marks[lcg.jump(np.arange(lcg.m), steps)] = True
    return marks
