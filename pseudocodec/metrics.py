"""How far two pictures are apart."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from pseudocodec.errors import PslError


def mse(a: npt.NDArray[np.uint8], b: npt.NDArray[np.uint8]) -> float:
    """Mean squared error over all samples, of pixels scaled to [0, 1].

    Args:
        a: uint8 picture or batch of any shape, not empty.
        b: uint8, of the same shape.

    Raises:
        PslError: the shapes differ, are empty, or a dtype is not uint8.
    """
    if a.dtype != np.uint8 or b.dtype != np.uint8:
        raise PslError(f"mse compares uint8 pixels, got {a.dtype} and {b.dtype}")
    if a.shape != b.shape or a.size == 0:
        raise PslError(f"mse compares two pictures of one shape, got {a.shape} and {b.shape}")
    difference = np.subtract(a, b, dtype=np.int32)
    return float(np.mean(np.square(difference), dtype=np.float64)) / 255.0**2


def psnr(a: npt.NDArray[np.uint8], b: npt.NDArray[np.uint8]) -> float:
    """Peak signal-to-noise ratio -10 log10(mse), in dB; infinite when the pictures are equal.

    Arguments and errors are those of `mse`.
    """
    error = mse(a, b)
    return math.inf if error == 0.0 else -10.0 * math.log10(error)
