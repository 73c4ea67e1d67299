"""Nets before anything was learnt: what fits begin with where no shared start is wanted."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from pseudocodec.overfit.design import PARAMETERS, unflatten

CUBIC = (0.8672, 0.2266, -0.0703, -0.0234)  # Keys (1981) at 1/4, 3/4, 5/4 and 7/4


def random_start(seed: int = 0) -> NDArray[np.float32]:
    """Parameters (PARAMETERS,): cubic upsampling, small random weights, mid-grey pictures."""
    generator = np.random.default_rng(seed)
    out = np.zeros(PARAMETERS, np.float32)
    nets = unflatten(out)
    for name, value in nets.items():
        if name in {"context.1", "context.2", "synthesis.1", "synthesis.2"}:
            value[...] = generator.normal(0, 0.5 / np.sqrt(value.shape[1]), value.shape)
    nets["upsampling"][...] = CUBIC
    nets["synthesis.bias.2"][...] = 8
    return out
