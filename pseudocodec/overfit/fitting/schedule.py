"""How long a picture is fitted, and how: what `effort` buys."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

STEPS = (100, 1_000, 1_500, 2_000, 3_000, 4_000, 6_000, 9_000, 14_000, 20_000)
"""Of each effort. A step takes as long as the picture is large."""
SETTLE = 0.015  # of the steps: as many, twice, are of nets that see themselves as stored
SOFT = 0.97  # of the others have noise for rounding

DECAYS = 0.87, 0.98  # of Adam's moments: gradients change fast, and 0.999 costs 10 % of bits
LATENT_RATE, NET_RATE = 0.1, 0.02  # of Adam, at the beginning; latents in symbols
HOLD = 0.45  # of the steps with noise have these rates; then they fall, as a cosine does
WARM_UP = 25  # steps in which the nets' rate rises: Adam's first steps would tear a start apart
LAST_RATE = 0.01  # of these when the noise ends
ROUNDED_RATE = 0.3  # of the nets' when it has ended: from here to nothing
SETTLE_RATE = 0.03  # of the nets' when they settle
TEMPERATURES = (0.6, 0.06)  # C3, section 3.1, ends at 0.1, which costs 1 % more
PEAKEDNESS = 2.0  # of the noise: uniform noise costs more bits than rounding in the end will


class Moment(NamedTuple):
    """How a step is taken: with soft rounding and noise, or with rounded symbols."""

    soft: bool
    temperature: float
    latent_rate: float
    net_rate: float


def at(fraction: float, warm: float = 1.0) -> Moment:
    """The schedule at a fraction (0 to 1) of the steps; `warm` scales the nets' rate.

    Once latents are rounded they stay, and only the nets learn. Straight-through gradients would
    move every latent that is not a whole number at its best to and fro for ever.
    """
    share = fraction / SOFT
    if share >= 1:
        rate = ROUNDED_RATE * (1 - fraction) / (1 - SOFT)
        return Moment(False, 1.0, 0.0, NET_RATE * rate * warm)
    falling = max(0.0, share - HOLD) / (1 - HOLD)
    rate = LAST_RATE + (1 - LAST_RATE) * (1 + math.cos(math.pi * falling)) / 2
    first, last = TEMPERATURES
    temperature = first + (last - first) * share
    return Moment(True, temperature, LATENT_RATE * rate, NET_RATE * rate * warm)


def noise(generator: np.random.Generator, count: int) -> NDArray[np.float32]:
    """Kumaraswamy noise (count,) of mode 0 in -1/2 .. 1/2, see C3."""
    uniform = generator.random(count, np.float32)
    a = PEAKEDNESS
    b = (2**a * (a - 1) + 1) / a
    out: NDArray[np.float32] = (1 - (1 - uniform) ** (1 / b)) ** (1 / a) - 0.5
    return out.astype(np.float32)
