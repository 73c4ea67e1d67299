"""What every measure compares: two arrays of 8-bit pixels of one shape."""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from pseudocodec.errors import PslError

Images: TypeAlias = npt.NDArray[np.uint8]
"""A stack of pictures of one size: (n, h, w) grey or (n, h, w, 3) RGB."""


def check_pair(measure: str, a: npt.NDArray[np.uint8], b: npt.NDArray[np.uint8]) -> None:
    """Raise PslError, naming the measure, unless both are uint8, of one shape and not empty."""
    if a.dtype != np.uint8 or b.dtype != np.uint8:
        raise PslError(f"{measure} compares uint8 pixels, got {a.dtype} and {b.dtype}")
    if a.shape != b.shape or a.size == 0:
        raise PslError(f"{measure} compares two pictures of one shape, got {a.shape} and {b.shape}")


def check_stacks(measure: str, images: Images, decoded: Images) -> None:
    """`check_pair`, and raise PslError unless they are stacks (n, h, w) or (n, h, w, 3)."""
    check_pair(measure, images, decoded)
    if images.ndim not in {3, 4} or images.shape[3:] not in {(), (3,)}:
        raise PslError(
            f"{measure} compares stacks of shape (n, h, w) or (n, h, w, 3), got {images.shape}: "
            "pass image[None] for one picture"
        )
