"""Pictures in a grid, each below its caption."""

from __future__ import annotations

import io
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

COLUMNS = 3
SIDE = 480
"""Pixels of a picture's longer side, at most: larger ones are scaled down."""

_GAP = 8
_FONT = 15  # pixels
_CAPTION = 44  # pixels of two lines
_NARROWEST = 220  # pixels, for the captions


def draw_grid(cells: Sequence[tuple[str, NDArray[np.uint8]]]) -> bytes:
    """A PNG of captions, of two lines at most, and pictures (H, W) or (H, W, 3) of one shape."""
    height, width = cells[0][1].shape[:2]
    share = min(1.0, SIDE / max(height, width))
    size = max(1, round(width * share)), max(1, round(height * share))
    step = max(size[0], _NARROWEST) + _GAP, size[1] + _CAPTION + _GAP
    columns = min(COLUMNS, len(cells))
    rows = -(-len(cells) // columns)
    sheet = Image.new("RGB", (columns * step[0] + _GAP, rows * step[1] + _GAP), "white")
    draw, font = ImageDraw.Draw(sheet), ImageFont.load_default(_FONT)
    for i, (caption, pixels) in enumerate(cells):
        left, top = _GAP + i % columns * step[0], _GAP + i // columns * step[1]
        draw.text((left, top), caption, fill="black", font=font)
        small = Image.fromarray(pixels).resize(size, Image.Resampling.LANCZOS)
        sheet.paste(small, (left, top + _CAPTION))
    file = io.BytesIO()
    sheet.save(file, "PNG", optimize=True)
    return file.getvalue()
