"""The seeds whose sequences are nearest to a target, of all there are.

The neighbourhood search of the seed code finds the seed of a sequence, if little disturbed. What an
inverse generator makes of a real picture is no sequence: the nearest may be anywhere, so all are
scored, by the sliding correlation of `search.py`:

    |z - k u|^2 = |z|^2 - 2 k <z, u> + k^2 |u|^2,

u the window in unit variance and k its deviation in [-1, 1].
"""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from pseudocodec.errors import PslError
from pseudocodec.latent._checks import checked_latents
from pseudocodec.latent.dictionary import Dictionary, dictionary
from pseudocodec.latent.search import correlate
from pseudocodec.prng import Lcg

MAX_MODULUS = 1 << 24  # keeps the orbit in memory, and float32 tells its states apart


def searchable(lcg: Lcg) -> bool:
    """Whether all seeds of `lcg` can be scored."""
    return lcg.m <= MAX_MODULUS


def nearest_seeds(lcg: Lcg, latents: NDArray[np.float32], count: int = 1) -> NDArray[np.int64]:
    """The `count` nearest seeds to each of latents (n, d) in [-1, 1], nearest first: (n, count).

    Equally near ones come in the order of their seeds. Takes about a millisecond a target for
    m = 524287, d = 100, `count` = 1. Raises PslError for a modulus above 2^24, a `count` that is
    not from 1 to m, and latents that are not finite.
    """
    if not searchable(lcg):
        raise PslError(f"all seeds of an LCG with m = {lcg.m} are too many to score: use m <= 2^24")
    if not 1 <= count <= lcg.m:
        raise PslError(f"count={count}: expected 1 to m = {lcg.m}")
    latents = np.ascontiguousarray(checked_latents(latents, np.shape(latents)[-1], 0))
    book = _scores_of(lcg, latents.shape[1])
    out = np.empty((len(latents), count), np.int64)
    for row, target in zip(out, latents, strict=True):
        losses = book.losses(target)
        # Ties at the border are kept here and settled by the seeds below.
        border = losses.min() if count == 1 else np.partition(losses, count - 1)[count - 1]
        places = np.flatnonzero(losses <= border)
        seeds = book.dictionary.seeds(places)
        row[:] = seeds[np.lexsort((seeds, losses[places]))][:count]
    return out


class _Scores:
    """What scoring needs that does not depend on the target."""

    def __init__(self, lcg: Lcg, length: int) -> None:
        self.dictionary: Dictionary = dictionary(lcg, length)
        deviation = np.float32(math.sqrt((lcg.m**2 - 1) / 12) * 2 / (lcg.m - 1))
        self.twice = 2 * deviation
        self.energy = self.dictionary.energy(np.full(length, deviation, np.float32), lcg.m)

    def losses(self, target: NDArray[np.float32]) -> NDArray[np.float32]:
        """Squared distances (positions,), less that of the target from 0."""
        book = self.dictionary
        out: NDArray[np.float32] = self.energy - correlate(
            book.values, self.twice * target, book.positions
        )
        return out


@lru_cache(maxsize=4)
def _scores_of(lcg: Lcg, length: int) -> _Scores:
    return _Scores(lcg, length)
