"""What nets' own bits pull at: the gradient of what their differences from the start cost."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from pseudocodec.overfit.tile import SLICES

Reals = NDArray[np.float32]
LEAST = 1 / 256  # of a tensor's mean difference: of the order of a step in which it is stored
SOFT = 0.2  # of the mean difference: below it a difference's pull falls to nothing


def pull(parameters: Reals, start: Reals, bit_price: float) -> Reals:
    """The gradient (n,) by `parameters` (n,) of `bit_price` times the bits of a file's nets.

    Differences are coded with a Laplace distribution as wide as their tensor's mean, under which
    one of size d takes d / (mean ln 2) bits more than none.
    """
    out = np.empty_like(parameters)
    for tensor in SLICES:
        difference = parameters[tensor] - start[tensor]
        mean = max(float(np.abs(difference).mean()), LEAST)
        slope = bit_price / (math.log(2) * mean)
        out[tensor] = slope * np.clip(difference / (SOFT * mean), -1, 1)
    return out
