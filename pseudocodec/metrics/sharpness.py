"""How much fine detail a decoded picture has, beside the original: the energy of its Laplacian."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from pseudocodec.metrics.pairs import Images, check_stacks


def sharpness(images: Images, decoded: Images) -> float:
    """Energy of the Laplacian of `decoded` over that of `images`, all pictures together.

    1 where there is as much detail as in the originals, less where it was smoothed away, more
    where there is noise or ringing: it says how much detail there is, not whether it is the right
    one. The Laplacian is that of the four neighbours, inside the picture, on 8-bit values of each
    channel; it weighs the highest frequencies most. NaN where the originals are flat, or have fewer
    than 3 pixels a side.

    Args:
        images: uint8 stack (n, h, w) or (n, h, w, 3).
        decoded: uint8, of the same shape.

    Raises:
        PslError: the shapes differ, are empty or no stacks, or a dtype is not uint8.
    """
    check_stacks("sharpness", images, decoded)
    original = sum(map(_energy, images))
    return sum(map(_energy, decoded)) / original if original else math.nan


def _energy(picture: NDArray[np.uint8]) -> float:
    """Sum of the squared Laplacian of a picture (h, w) or (h, w, 3)."""
    x = picture.astype(np.int32)
    around = x[:-2, 1:-1] + x[2:, 1:-1] + x[1:-1, :-2] + x[1:-1, 2:]
    return float(np.square(around - 4 * x[1:-1, 1:-1], dtype=np.float64).sum())
