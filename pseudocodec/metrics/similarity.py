"""SSIM, by scikit-image where it is installed."""

from __future__ import annotations

from importlib import import_module
from importlib.util import find_spec

import numpy as np

from pseudocodec.metrics.pairs import Images

SSIM_WINDOW = 7
"""Pixels along each edge of the windows that SSIM compares; smaller pictures have none."""


def can_ssim() -> bool:
    """Whether scikit-image, which SSIM needs, is installed."""
    return find_spec("skimage") is not None


def ssim(images: Images, decoded: Images, *, signed: bool = False) -> float | None:
    """Mean SSIM (Wang et al. 2004) over the pictures, windows of 7 x 7, data range 255.

    With `signed`, of the pixels scaled to [-1, 1], data range 2, as where a generator's output is
    compared. That is another figure: SSIM compares means, too, and those of mid-grey become 0.

    None where scikit-image is not installed, or a side is shorter than `SSIM_WINDOW`.
    """
    if not can_ssim() or min(images.shape[1:3]) < SSIM_WINDOW:
        return None
    structural_similarity = import_module("skimage.metrics").structural_similarity
    channel_axis = -1 if images.ndim == 4 else None
    values = [
        structural_similarity(
            image / 127.5 - 1 if signed else image,
            copy / 127.5 - 1 if signed else copy,
            win_size=SSIM_WINDOW,
            data_range=2 if signed else 255,
            channel_axis=channel_axis,
        )
        for image, copy in zip(images, decoded, strict=True)
    ]
    return float(np.mean(values))
