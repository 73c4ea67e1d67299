"""How long a picture is fitted, and how: what `effort` buys."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

STEPS = (100, 1_000, 1_700, 2_500, 3_500, 5_000, 8_000, 13_000, 20_000, 30_000)
"""Of each effort. A step takes as long as the picture is large."""
SOFT = 0.85  # of the steps have noise for rounding; the others round

LATENT_RATE, NET_RATE = 0.1, 0.01  # of Adam, at the beginning; latents in symbols
LAST_RATE = 0.01  # of these at the end
TEMPERATURES = (0.3, 0.1)  # C3, section 3.1, as is the noise from a peaked one to a uniform one
PEAKEDNESS = (2.0, 1.0)
REFRESH = 40  # changes of the noise


class Moment(NamedTuple):
    """How a step is taken."""

    soft: bool
    temperature: float
    peakedness: float
    latent_rate: float
    net_rate: float


def at(fraction: float, warm: float = 1.0) -> Moment:
    """The schedule at a fraction (0 to 1) of the steps; `warm` scales the nets' rate."""
    cosine = LAST_RATE + (1 - LAST_RATE) * (1 + math.cos(math.pi * fraction)) / 2
    share = min(1.0, fraction / SOFT)
    return Moment(
        soft=fraction < SOFT,
        temperature=_between(TEMPERATURES, share),
        peakedness=_between(PEAKEDNESS, share),
        latent_rate=LATENT_RATE * cosine,
        net_rate=NET_RATE * cosine * warm,
    )


def noise(generator: np.random.Generator, count: int, peakedness: float) -> NDArray[np.float32]:
    """Kumaraswamy noise of mode 0 in -1/2 .. 1/2: uniform for a peakedness of 1."""
    uniform = generator.random(count, np.float32)
    if peakedness <= 1:
        return uniform - np.float32(0.5)
    a = peakedness
    b = (2**a * (a - 1) + 1) / a
    out: NDArray[np.float32] = (1 - (1 - uniform) ** (1 / b)) ** (1 / a) - 0.5
    return out.astype(np.float32)


def _between(ends: tuple[float, float], share: float) -> float:
    return ends[0] + (ends[1] - ends[0]) * share
