"""MS-SSIM: the structure of two pictures, compared at five scales.

Z. Wang, E. P. Simoncelli, A. C. Bovik: Multi-scale structural similarity for image quality
assessment. Asilomar 2003. The published curves of learned codecs use the implementation of
`pytorch-msssim`, which this one follows where the paper leaves room: windows inside the picture
only, channels averaged at the end, negative terms taken for zero, and zeros before the first row
or column where a scale has an odd number of them to halve.
"""

from __future__ import annotations

import math

import numpy as np

from pseudocodec.metrics.pairs import Images, check_stacks
from pseudocodec.metrics.windows import Planes, gaussian, weighted_means

WEIGHTS = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)
"""Exponents of the scales, finest first (section 3.2 of the paper)."""

MS_SSIM_SIDE = 161
"""Pixels along the shorter side of a picture, at least: 11 remain at the fifth scale."""

_WINDOW = gaussian(11, 1.5)
_C1, _C2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2


def ms_ssim(images: Images, decoded: Images) -> float | None:
    """Mean MS-SSIM over pictures and channels, 0 to 1; 1 when they are equal, data range 255.

    None where a side is shorter than `MS_SSIM_SIDE`.

    Args:
        images: uint8 stack (n, h, w) or (n, h, w, 3).
        decoded: uint8, of the same shape.

    Raises:
        PslError: the shapes differ, are empty or no stacks, or a dtype is not uint8.
    """
    check_stacks("ms_ssim", images, decoded)
    if min(images.shape[1:3]) < MS_SSIM_SIDE:
        return None
    values = [
        _plane(image[..., c].astype(np.float64), copy[..., c].astype(np.float64))
        for image, copy in zip(_channels_last(images), _channels_last(decoded), strict=True)
        for c in range(image.shape[-1])
    ]
    return float(np.mean(values))


def _channels_last(images: Images) -> Images:
    return images if images.ndim == 4 else images[..., None]


def _plane(x: Planes, y: Planes) -> float:
    """MS-SSIM of two planes (h, w): the luminance counts at the coarsest scale alone."""
    product = 1.0
    for weight in WEIGHTS[:-1]:
        product *= math.pow(max(_structure(x, y)[0].mean(), 0.0), weight)
        x, y = _halved(x), _halved(y)
    structure, luminance = _structure(x, y)
    return product * math.pow(max((structure * luminance).mean(), 0.0), WEIGHTS[-1])


def _structure(x: Planes, y: Planes) -> tuple[Planes, Planes]:
    """Contrast times structure, and luminance, of every window (equations 1 to 3)."""
    mean_x, mean_y, squares, cross = weighted_means(np.stack([x, y, x * x + y * y, x * y]), _WINDOW)
    product = mean_x * mean_y
    powers = mean_x**2 + mean_y**2
    structure = (2 * (cross - product) + _C2) / (squares - powers + _C2)
    return structure, (2 * product + _C1) / (powers + _C1)


def _halved(plane: Planes) -> Planes:
    """Means of 2 x 2 samples, with zeros before the first of an odd number."""
    padded = np.pad(plane, [(size % 2, 0) for size in plane.shape])
    return (padded[::2, ::2] + padded[1::2, ::2] + padded[::2, 1::2] + padded[1::2, 1::2]) / 4
