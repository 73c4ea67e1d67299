"""Logistic mixing of chances in integers: what several contexts say of the next decision, as one.

Each context holds the chance of a yes that it has seen so far. They are mixed in the logistic
domain with weights that learn from every decision (Mahoney, "Adaptive Weighing of Context Models
for Lossless Data Compression", 2005); here two sets of weights are, and their outputs are averaged.
Encoder and decoder learn the same, so nothing of it is sent.

Chances have 16 fractional bits, logits 8, weights 16. A context is 32 bits: the chance with 22
fractional bits, and how often it was seen, which says how far it moves.
"""

from __future__ import annotations

import numba
import numpy as np

EDGE = 3071  # logits are at most 12 either side of zero
SEEN_BITS = 10  # of a context
MOST_SEEN = 255  # from then on it moves by 1/256 of the way
EVEN = 1 << 31  # a context that knows nothing
MOST_WEIGHT = 1 << 22
_RATE = 12  # of the weights, in 2^-20

# 65536 / (1 + exp(-i / 2)), i = 0 to 24, rounded; at 12 and beyond the chance is 65535 / 65536.
_KNOTS = (
    32768, 40793, 47911, 53581, 57724, 60565, 62428, 63615, 64357, 64816, 65097, 65269, 65374,
    65438, 65476, 65500, 65514, 65523, 65528, 65531, 65533, 65534, 65535, 65535, 65535,
)  # fmt: skip


def _chances() -> np.ndarray:
    """The chance of each logit from -EDGE to EDGE: linear between knots, symmetric."""
    at, rest = np.divmod(np.arange(EDGE + 1), 128)
    knots = np.array(_KNOTS + _KNOTS[-1:])
    upper = (knots[at] * (128 - rest) + knots[at + 1] * rest + 64) >> 7
    return np.concatenate([65536 - upper[:0:-1], upper])


CHANCES = _chances().astype(np.int32)
LOGITS = (np.searchsorted(CHANCES, np.arange(65536)).clip(max=2 * EDGE) - EDGE).astype(np.int32)
"""The lowest logit whose chance is at least n / 65536."""
_STEPS = (2**17 // (2 * np.arange(MOST_SEEN + 1) + 3)).astype(np.int64)
"""How far a context moves that was seen n times: 1 / (n + 1.5), in 2^-16."""


@numba.njit(cache=True)
def limited(value, most):  # type: ignore[no-untyped-def]
    """`value`, at most `most` either side of zero."""
    return min(max(value, -most), most)


@numba.njit(cache=True)
def mixed(contexts, places, count, inputs, weights, first, second, outputs):  # type: ignore[no-untyped-def]  # noqa: PLR0917 - as all kernels
    """The chance of a yes, 1 to 65535 of 65536.

    `inputs` begins with two logits that are given; those of `count` contexts at `places` are put
    behind them. `first` and `second` are rows of `weights`, whose chances go to `outputs` (2,).
    """
    one, two = np.int64(0), np.int64(0)
    for i in range(count):
        inputs[2 + i] = LOGITS[contexts[places[i]] >> np.uint32(16)]
    for i in range(2 + count):
        one += np.int64(weights[first, i]) * inputs[i]
        two += np.int64(weights[second, i]) * inputs[i]
    one, two = limited((one + 32768) >> 16, EDGE), limited((two + 32768) >> 16, EDGE)
    outputs[0], outputs[1] = CHANCES[one + EDGE], CHANCES[two + EDGE]
    return np.int64(CHANCES[((one + two) >> 1) + EDGE])


@numba.njit(cache=True)
def learn(contexts, places, count, inputs, weights, first, second, outputs, yes):  # type: ignore[no-untyped-def]  # noqa: PLR0917
    """Move weights and contexts of the last `mixed` towards what came, `yes` 0 or 1."""
    missed = ((yes << 16) - outputs[0]) * _RATE
    missed_too = ((yes << 16) - outputs[1]) * _RATE
    for i in range(2 + count):
        moved = weights[first, i] + ((missed * inputs[i] + (1 << 19)) >> 20)
        weights[first, i] = limited(moved, MOST_WEIGHT)
        moved = weights[second, i] + ((missed_too * inputs[i] + (1 << 19)) >> 20)
        weights[second, i] = limited(moved, MOST_WEIGHT)
    for i in range(count):
        context = np.int64(contexts[places[i]])
        chance, seen = context >> SEEN_BITS, context & ((1 << SEEN_BITS) - 1)
        chance += (((yes << 22) - chance) * _STEPS[seen]) >> 16
        if seen < MOST_SEEN:
            seen += 1
        contexts[places[i]] = np.uint32(chance << SEEN_BITS | seen)
