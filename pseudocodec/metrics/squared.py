"""The squared error and its logarithm."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from pseudocodec.metrics.pairs import check_pair

_BLOCK = 1 << 22  # samples subtracted at a time, which bounds the memory beyond the pictures


def mse(a: npt.NDArray[np.uint8], b: npt.NDArray[np.uint8]) -> float:
    """Mean squared error over all samples, of pixels scaled to [0, 1].

    Args:
        a: uint8 picture or batch of any shape, not empty.
        b: uint8, of the same shape.

    Raises:
        PslError: the shapes differ, are empty, or a dtype is not uint8.
    """
    check_pair("mse", a, b)
    x, y, total = a.reshape(-1), b.reshape(-1), 0
    for start in range(0, x.size, _BLOCK):
        part = slice(start, start + _BLOCK)
        difference = np.subtract(x[part], y[part], dtype=np.int32)
        total += int(np.square(difference).sum(dtype=np.int64))
    return total / x.size / 255.0**2


def psnr(a: npt.NDArray[np.uint8], b: npt.NDArray[np.uint8]) -> float:
    """Peak signal-to-noise ratio -10 log10(mse), in dB; infinite when the pictures are equal.

    Arguments and errors are those of `mse`.
    """
    error = mse(a, b)
    return math.inf if error == 0.0 else -10.0 * math.log10(error)
