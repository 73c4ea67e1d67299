"""What contexts look at and how many there are, and the arrays that the kernel works on.

The numbers are the format's: formats/psl/README.md, *Contexts*.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

NEAR, BEFORE = 24, 4  # channels that the mean looks at: in neighbours to either side, and here
BESIDE, EARLIER, EXPECTED = 1, 64, 4  # and the magnitude; of the last, expectations
LEFT, ABOVE, ABOVE_LEFT, ABOVE_RIGHT, HERE = range(5)
PLACES = ((1, 0), (0, 1), (0, 0), (0, 2), (1, 1))  # of these, in a row above and one of here
SEEN_BY_MEANS = (
    *((place, offset) for place in range(4) for offset in range(-NEAR, NEAR)),
    *((HERE, offset) for offset in range(-BEFORE, 0)),
)  # what each weight is for: a place, and how many channels further on
SEEN_BY_MAGNITUDES = (
    *((HERE, offset) for offset in range(-EARLIER, 0)),
    *((place, offset) for offset in range(-BESIDE, BESIDE + 1) for place in range(4)),
)
SEEN_BY_EXPECTATIONS = (
    *((place, 0) for place in (LEFT, ABOVE, HERE)),
    *((HERE, offset) for offset in range(-EXPECTED, 0)),
)
MEANS, MAGNITUDES = len(SEEN_BY_MEANS), len(SEEN_BY_MAGNITUDES)
EXPECTATIONS = len(SEEN_BY_EXPECTATIONS)
FRACTION = 12  # bits of the weights behind the point
SHIFTED = 48  # channels, from the first on, whose mean is looked for
CAP = 20  # of magnitudes that magnitudes are expected from
MOST_SEEN_RESIDUAL = 1023  # either side; of residuals that means are expected from
MOST_SHIFT = 32767
MOST_RESIDUAL = 65535
PAD = 64  # channels of zeros on both sides
STEPS = 12  # decisions that are told from each other
LEVELS, SIZES, MATCHES, RATIOS, OFFSETS, SHIFTS = 8, 48, 9, 8, 4, 3
DIRECTIONS = 20  # of offsets, for signs
SETS = 3  # of weights by table
BIAS = 77  # a logit that is always the same
COUNTED, SIGNED = 6, 3  # contexts of a magnitude's decisions, and of a sign
INPUTS = 2 + COUNTED
FULL, CORRUPT = -1, -2  # instead of a number of words


def _thresholds() -> list[int]:
    """1 to 8, then four an octave up to 2^17."""
    out = list(range(1, 9))
    while out[-1] < 1 << 17:
        step = out[-1] // 4
        out += [out[-1] + step * k for k in (1, 2, 3, 4)]
    return out


THRESHOLDS = np.array(_thresholds())


class Net(NamedTuple):
    """What is expected of a latent, for the kernel; N channels, T tables.

    `expected` (T,): the mean magnitude in 1/256. `usual` (T, thresholds): logits of reaching each
    threshold from the one before. `means` (S, MEANS), `magnitudes` (N, MAGNITUDES),
    `expectations` (N, EXPECTATIONS): weights with 12 fractional bits. `narrow` (N,): tables
    that a better mean is worth.
    """

    expected: NDArray[np.int64]
    usual: NDArray[np.int64]
    means: NDArray[np.int32]
    magnitudes: NDArray[np.int32]
    expectations: NDArray[np.int64]
    narrow: NDArray[np.int64]


class Machine(NamedTuple):
    """What turns decisions into a stream or back, and the scratch that it needs.

    `given` are words to be decoded with `reader` (3,), empty when a tile is encoded; `words` and
    `writer` (3,) take what is coded, in both cases.
    """

    contexts: NDArray[np.uint32]
    weights: NDArray[np.int32]
    given: NDArray[np.uint32]
    reader: NDArray[np.uint64]
    words: NDArray[np.uint32]
    writer: NDArray[np.uint64]
    places: NDArray[np.int64]
    inputs: NDArray[np.int64]
    outputs: NDArray[np.int64]


def sizes(channels: int, tables: int) -> list[int]:
    """How many contexts there are of each of the COUNTED kinds and of the SIGNED ones."""
    by_table, by_channel = STEPS * tables, STEPS * channels
    return [
        by_table * LEVELS * SHIFTS,
        by_table * OFFSETS * SHIFTS,
        by_table * SIZES,
        by_channel * SIZES,
        by_channel * RATIOS,
        STEPS * SIZES * RATIOS * MATCHES,
        9 * channels,
        27 * channels,
        DIRECTIONS,
    ]


def rows(channels: int, tables: int) -> int:
    """How many rows of weights there are."""
    return SETS * tables + channels + STEPS + channels + 1
