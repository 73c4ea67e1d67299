"""An order of components for each atom, in exact integers."""

from __future__ import annotations

from functools import lru_cache
from typing import Final

import numpy as np
from numpy.typing import NDArray

MULTIPLIER: Final = 6364136223846793005
INCREMENT: Final = 1442695040888963407
MASK: Final = 2**64 - 1


@lru_cache(maxsize=1024)
def shuffled(count: int, key: int) -> NDArray[np.int64]:
    """The `key`-th order of 0..`count` - 1, the same on every machine; not to be written to.

    R. Durstenfeld, "Algorithm 235: random permutation", Comm. ACM 7 (1964). For i = count - 1 down
    to 1 entry i changes places with entry j = floor((i + 1) h / 2^32), where h is the upper half of
    the next state of D. Knuth's MMIX generator, x' = (6364136223846793005 x + 1442695040888963407)
    mod 2^64, which starts at x = key.

    >>> shuffled(8, 0).tolist()
    [4, 6, 5, 1, 2, 3, 7, 0]
    """
    order = list(range(count))
    state = key
    for i in range(count - 1, 0, -1):
        state = (MULTIPLIER * state + INCREMENT) & MASK
        j = (i + 1) * (state >> 32) >> 32
        order[i], order[j] = order[j], order[i]
    out = np.array(order, np.int64)
    out.flags.writeable = False
    return out
