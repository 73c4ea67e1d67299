"""An LCG's orbits laid out for the search: every seed's window is a contiguous slice."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from pseudocodec.latent.search import EXCLUDED, correlate, pad_windows
from pseudocodec.prng import Lcg, decompose


@dataclass(frozen=True, eq=False)
class Dictionary:
    """Windows of up to `longest` values of unit variance, and the seed each position starts."""

    values: NDArray[np.float32]  # padded for the search kernel
    squares: NDArray[np.float32]
    seeds: NDArray[np.int64]  # (P,), the seed at a position, -1 where no window may start

    def energy(self, scales: NDArray[np.float32], seed_limit: int) -> NDArray[np.float32]:
        """sum_i (S_i u_i)^2 at each position (P,); EXCLUDED unless its seed is below the limit."""
        out = correlate(self.squares, (scales * scales).astype(np.float32), len(self.seeds))
        out[(self.seeds < 0) | (self.seeds >= seed_limit)] = EXCLUDED
        return out

    def windows(self, positions: NDArray[np.int64], length: int) -> NDArray[np.float32]:
        """Windows (..., length) at `positions` (...)."""
        out: NDArray[np.float32] = self.values[positions[..., None] + np.arange(length)]
        return out


@lru_cache(maxsize=4)
def dictionary(lcg: Lcg, longest: int) -> Dictionary:
    """The dictionary of `lcg` for windows of up to `longest` values: about 16 bytes a seed.

    Raises TooLarge for a modulus whose orbits cannot be held (prng.decompose).
    """
    states, seeds = decompose(lcg).windows(longest)
    values = lcg.to_unit_variance(states).astype(np.float32)
    padded = pad_windows(values, longest)
    return Dictionary(padded, padded * padded, seeds)
