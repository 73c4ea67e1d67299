"""Pictures in a grid, each below its caption."""

from __future__ import annotations

import io
import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

COLUMNS = 3
SIDE = 480
"""Pixels of a picture's longer side in a grid, at most: larger ones are scaled down."""

STRIP_SIDE = 96
"""Pixels of a picture's longer side in a strip, at least: smaller ones are enlarged."""

STRIP_COLUMNS = 9

_GAP = 8
_FONT = 15  # pixels
_CAPTION = 44  # pixels of two lines
_NARROWEST = 220  # pixels, for the captions

Cell = tuple[str, NDArray[np.uint8]]


def draw_grid(cells: Sequence[Cell]) -> bytes:
    """A PNG of captions, of two lines at most, and pictures (H, W) or (H, W, 3) of one shape."""
    height, width = cells[0][1].shape[:2]
    share = min(1.0, SIDE / max(height, width))
    size = max(1, round(width * share)), max(1, round(height * share))
    return _png(in_rows(cells, COLUMNS), size, _NARROWEST)


def draw_strips(rows: Sequence[Sequence[Cell]]) -> bytes:
    """As `draw_grid`, small pictures in rows: enlarged by a whole factor, each pixel a square.

    Those of `STRIP_SIDE` and more remain as they are.
    """
    height, width = rows[0][0][1].shape[:2]
    factor = -(-STRIP_SIDE // max(height, width))
    font = ImageFont.load_default(_FONT)
    lines = [line for row in rows for caption, _ in row for line in caption.splitlines()]
    widest = max(math.ceil(font.getlength(line)) for line in lines)
    return _png(rows, (width * factor, height * factor), widest)


def in_rows(cells: Sequence[Cell], columns: int) -> list[Sequence[Cell]]:
    """The cells, so many a row."""
    return [cells[start : start + columns] for start in range(0, len(cells), columns)]


def _png(rows: Sequence[Sequence[Cell]], size: tuple[int, int], narrowest: int) -> bytes:
    step = max(size[0], narrowest) + _GAP, size[1] + _CAPTION + _GAP
    sheet_size = max(map(len, rows)) * step[0] + _GAP, len(rows) * step[1] + _GAP
    sheet = Image.new("RGB", sheet_size, "white")
    draw, font = ImageDraw.Draw(sheet), ImageFont.load_default(_FONT)
    enlarged = size[0] >= rows[0][0][1].shape[1]
    method = Image.Resampling.NEAREST if enlarged else Image.Resampling.LANCZOS
    for i, row in enumerate(rows):
        for j, (caption, pixels) in enumerate(row):
            left, top = _GAP + j * step[0], _GAP + i * step[1]
            draw.text((left, top), caption, fill="black", font=font)
            sheet.paste(Image.fromarray(pixels).resize(size, method), (left, top + _CAPTION))
    file = io.BytesIO()
    sheet.save(file, "PNG", optimize=True)
    return file.getvalue()
