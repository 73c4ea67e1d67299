"""An LCG's orbits laid out for the search: one array of values holds every seed's sequence."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from pseudocodec.latent.search import (
    EXCLUDED,
    LANES,
    by_position,
    correlate,
    lay_out,
    run_length,
    windows_at,
)
from pseudocodec.prng import Lcg, decompose


@dataclass(frozen=True, eq=False)
class Dictionary:
    """Windows of up to `longest` values of unit variance, each the sequence of one seed.

    Attributes:
        lcg: the generator.
        values: float32, what `search.lay_out` returns.
        positions: how many windows there are, whole blocks of the search.
        holes: int64, the positions at which the sequence of no seed starts.
    """

    lcg: Lcg
    values: NDArray[np.float32]
    positions: int
    holes: NDArray[np.int64]

    def energy(self, scales: NDArray[np.float32], seed_limit: int) -> NDArray[np.float32]:
        """sum_i (S_i u_i)^2 at each position; EXCLUDED unless a seed below the limit starts there.

        `scales` (d,) of up to `longest` components; the result is float32 (positions,).
        """
        squares = self.values * self.values
        out = correlate(squares, (scales * scales).astype(np.float32), self.positions)
        out[self.holes] = EXCLUDED
        if seed_limit < self.lcg.m:
            out[self.seeds(np.arange(self.positions)) >= seed_limit] = EXCLUDED
        return out

    def seeds(self, positions: NDArray[np.int64]) -> NDArray[np.int64]:
        """The seeds (...) of the windows at `positions` (...): their first values, as states.

        float32 tells the states of any m <= 2^24 apart: neighbours differ by 2 sqrt(3) / m, three
        roundings of the largest value.
        """
        m = self.lcg.m
        states = self.values[positions] * np.sqrt((m**2 - 1) / 12) + (m - 1) / 2
        out: NDArray[np.int64] = np.rint(states).astype(np.int64)
        return out

    def windows(self, positions: NDArray[np.int64], length: int) -> NDArray[np.float32]:
        """Windows (..., length) at `positions` (...)."""
        return windows_at(self.values, positions, length)


@lru_cache(maxsize=4)
def dictionary(lcg: Lcg, longest: int) -> Dictionary:
    """The dictionary of `lcg` for windows of up to `longest` values: about 4 bytes a seed.

    Raises TooLarge for a modulus whose orbits cannot be held (prng.decompose).
    """
    return _laid_out(lcg, *decompose(lcg).windows(longest), longest)


@lru_cache(maxsize=64)
def first_seeds(lcg: Lcg, count: int, longest: int) -> Dictionary:
    """The dictionary of seeds 0..`count` - 1 alone, one sequence after the other.

    It has `count` * `longest` positions: where these are fewer than m, searching it takes less time
    than searching all orbits for these seeds.
    """
    seeds = np.full((count, longest), -1)
    seeds[:, 0] = np.arange(count)
    states = lcg.sequence(np.arange(count), longest)
    return _laid_out(lcg, states.ravel(), seeds.ravel()[: count * longest - longest + 1], longest)


def _laid_out(
    lcg: Lcg, states: NDArray[np.unsignedinteger], seeds: NDArray[np.int64], longest: int
) -> Dictionary:
    """From states (n,) in a line and the seeds (n - longest + 1,) of its windows, -1 for none."""
    values = lay_out(lcg.to_unit_variance(states).astype(np.float32), longest)
    holes = np.flatnonzero(by_position(seeds, -1) < 0)
    return Dictionary(lcg, values, LANES * run_length(len(seeds)), holes)
