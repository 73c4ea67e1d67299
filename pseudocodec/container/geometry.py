"""Picture sizes that a file states, and the limits on them."""

from __future__ import annotations

from typing import NamedTuple

from pseudocodec.container.layout import MAX_SIDE
from pseudocodec.errors import Corrupt, TooLarge


class Geometry(NamedTuple):
    """The size of a picture in pixels."""

    width: int
    height: int


def check_geometry(geometry: Geometry, max_pixels: int) -> None:
    """Refuse an empty picture (`Corrupt`) or one above the limits (`TooLarge`)."""
    width, height = geometry
    if width < 1 or height < 1:
        raise Corrupt(f"picture size {width} x {height} is empty; both sides must be 1 or more")
    if max(width, height) > MAX_SIDE:
        raise TooLarge(f"picture size {width} x {height} exceeds {MAX_SIDE} pixels a side")
    if width * height > max_pixels:
        raise TooLarge(
            f"picture size {width} x {height} exceeds the limit of {max_pixels} pixels; "
            "raise max_pixels if you trust the file"
        )
