"""VIF: how much of the information that an eye finds in a picture is left in its copy.

H. R. Sheikh, A. C. Bovik: Image information and visual quality. IEEE Transactions on Image
Processing 15(2), 2006; here in the domain of pixels, as in the authors' `vifp_mscale`, on luma.
"""

from __future__ import annotations

import math

import numpy as np

from pseudocodec.metrics.pairs import Images, check_stacks
from pseudocodec.metrics.windows import Planes, gaussian, weighted_means

VIF_SIDE = 41
"""Pixels along the shorter side of a picture, at least: 3 remain at the fourth scale."""

_WINDOWS = tuple(gaussian(taps, taps / 5) for taps in (17, 9, 5, 3))  # of the scales, finest first
_EYE_NOISE = 2.0  # variance of the noise of the visual system, for pixels of 0 to 255
_TINY = 1e-10  # variances below are taken for zero
_LUMA = np.array((0.299, 0.587, 0.114))  # ITU-R BT.601


def vif(images: Images, decoded: Images) -> float | None:
    """Mean VIF over the pictures, on luma: 1 when equal, 0 when nothing is left, data range 255.

    A copy of more contrast than the original may exceed 1. A flat original, which holds no
    information to lose, has 1. None where a side is shorter than `VIF_SIDE`.

    Args:
        images: uint8 stack (n, h, w) or (n, h, w, 3).
        decoded: uint8, of the same shape.

    Raises:
        PslError: the shapes differ, are empty or no stacks, or a dtype is not uint8.
    """
    check_stacks("vif", images, decoded)
    if min(images.shape[1:3]) < VIF_SIDE:
        return None
    pairs = zip(images, decoded, strict=True)
    return float(np.mean([_plane(_luma(image), _luma(copy)) for image, copy in pairs]))


def _luma(image: Images) -> Planes:
    return image @ _LUMA if image.ndim == 3 else image.astype(np.float64)


def _plane(x: Planes, y: Planes) -> float:
    left = there = 0.0
    for scale, window in enumerate(_WINDOWS):
        if scale > 0:
            x, y = weighted_means(np.stack([x, y]), window)[:, ::2, ::2]
        kept, whole = _information(*_variances(x, y, window))
        left, there = left + kept, there + whole
    return left / there if there > 0 else 1.0


def _variances(x: Planes, y: Planes, window: Planes) -> tuple[Planes, Planes, Planes]:
    """Of every window: the variance of x, that of y, and their covariance."""
    mean_x, mean_y, xx, yy, xy = weighted_means(np.stack([x, y, x * x, y * y, x * y]), window)
    # Rounding may leave a variance just below zero.
    return (xx - mean_x**2).clip(min=0), (yy - mean_y**2).clip(min=0), xy - mean_x * mean_y


def _information(var_x: Planes, var_y: Planes, covariance: Planes) -> tuple[float, float]:
    """Nats an eye gets from y about x, and from x itself, summed over the windows.

    Each window of y is modelled as gain * x + noise (equations 5 to 8 of the paper). Where x or y
    is flat, or they move against each other, y tells nothing.
    """
    var_x = np.where(var_x < _TINY, 0.0, var_x)
    gain = covariance / (var_x + _TINY)
    noise = var_y - gain * covariance
    silent = (var_x == 0) | (var_y < _TINY) | (gain < 0)
    gain = np.where(silent, 0.0, gain)
    noise = np.where(silent, var_y, noise).clip(min=_TINY)
    kept = np.log1p(gain**2 * var_x / (noise + _EYE_NOISE)).sum()
    return float(kept), math.fsum(np.log1p(var_x / _EYE_NOISE).sum(axis=0))
