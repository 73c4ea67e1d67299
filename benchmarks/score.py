"""How close decoded pictures are to the originals: PSNR and SSIM, over a whole set."""

from __future__ import annotations

import math
from importlib import import_module
from importlib.util import find_spec

import numpy as np
from numpy.typing import NDArray

from pseudocodec import metrics

Images = NDArray[np.uint8]
"""A stack of pictures of one size: (n, h, w) grey or (n, h, w, 3) RGB."""


def psnr(images: Images, decoded: Images) -> float | None:
    """PSNR in dB of the mean squared error over all pictures and channels, peak 255.

    The error is averaged before the logarithm, so the figure compares with a rate-distortion
    bound; None for a lossless result, where the PSNR is infinite (and JSON has no infinity).
    """
    value = metrics.psnr(images, decoded)
    return value if math.isfinite(value) else None


def ssim(images: Images, decoded: Images) -> float | None:
    """Mean SSIM (Wang et al. 2004) over the pictures, windows of 7 x 7, data range 255.

    None where scikit-image is not installed.
    """
    if find_spec("skimage") is None:
        return None
    structural_similarity = import_module("skimage.metrics").structural_similarity
    channel_axis = -1 if images.ndim == 4 else None
    values = [
        structural_similarity(image, copy, data_range=255, channel_axis=channel_axis)
        for image, copy in zip(images, decoded, strict=True)
    ]
    return float(np.mean(values))


def score(images: Images, decoded: Images) -> dict[str, float | None]:
    """Both figures, as the columns of a row."""
    return {"psnr": psnr(images, decoded), "ssim": ssim(images, decoded)}
