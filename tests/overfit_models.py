"""A model of fitted nets whose two starts have learnt nothing: fits do all the work."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pseudocodec.overfit.context import WEIGHT
from pseudocodec.overfit.fitting.random_start import random_start
from pseudocodec.overfit.model import write_starts

PRICES = [30.0, 300.0]


def starts() -> NDArray[np.int64]:
    """Two different rows of parameters."""
    rows = [random_start(seed).astype(np.float64) for seed in (0, 1)]
    return np.rint(np.stack(rows) * (1 << WEIGHT)).astype(np.int64)


def write(path: Path) -> bytes:
    """The model file of `starts`; returns the model's id."""
    return write_starts(path, "tiny overfit", starts(), PRICES)
