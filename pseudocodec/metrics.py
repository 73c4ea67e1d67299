"""How far pictures are apart: two of them, or two whole sets."""

from __future__ import annotations

import math
from importlib import import_module
from importlib.util import find_spec
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from pseudocodec.errors import PslError

Images: TypeAlias = npt.NDArray[np.uint8]
"""A stack of pictures of one size: (n, h, w) grey or (n, h, w, 3) RGB."""

SSIM_WINDOW = 7
"""Pixels along each edge of the windows that SSIM compares; smaller pictures have none."""

_BLOCK = 1 << 22  # samples subtracted at a time, which bounds the memory beyond the pictures


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


def can_ssim() -> bool:
    """Whether scikit-image, which SSIM needs, is installed."""
    return find_spec("skimage") is not None


def ssim(images: Images, decoded: Images) -> float | None:
    """Mean SSIM (Wang et al. 2004) over the pictures, windows of 7 x 7, data range 255.

    None where scikit-image is not installed, or a side is shorter than `SSIM_WINDOW`.
    """
    if not can_ssim() or min(images.shape[1:3]) < SSIM_WINDOW:
        return None
    structural_similarity = import_module("skimage.metrics").structural_similarity
    channel_axis = -1 if images.ndim == 4 else None
    values = [
        structural_similarity(
            image, copy, win_size=SSIM_WINDOW, data_range=255, channel_axis=channel_axis
        )
        for image, copy in zip(images, decoded, strict=True)
    ]
    return float(np.mean(values))


def score(images: Images, decoded: Images) -> dict[str, float | None]:
    """PSNR and SSIM of a whole set, as the columns `psnr` and `ssim` of a row.

    The squared error is averaged over all pictures before the logarithm, so that the PSNR compares
    with a rate-distortion bound; None for a lossless result, since JSON has no infinity.
    """
    value = psnr(images, decoded)
    return {"psnr": value if math.isfinite(value) else None, "ssim": ssim(images, decoded)}
