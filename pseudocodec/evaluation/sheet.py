"""A picture of pictures: originals above what is left of them, drawn with Pillow alone."""

from __future__ import annotations

import io
from collections.abc import Sequence

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from pseudocodec.metrics import Images

WIDTH = 1_600
"""Pixels of the whole sheet, at most."""

MOST_SHOWN = 12  # pictures a row

_LABEL = 190  # pixels for the label beside a row
_GAP = 4
_FONT = 16  # pixels
_ROOM = WIDTH - _LABEL


def shown(width: int) -> int:
    """How many pictures of this width a row holds, at least 1."""
    return max(1, min(MOST_SHOWN, _ROOM // (width + _GAP)))


def draw_sheet(rows: Sequence[tuple[str, Images]]) -> bytes:
    """A PNG with a line for each of `rows`: its label, which may have two lines, and its pictures.

    All rows hold pictures of one shape, (n, h, w) or (n, h, w, 3), of which the first `shown` are
    drawn: enlarged by a whole factor, each pixel a square, where there is room for it, and scaled
    down where one alone is too wide.
    """
    count, height, width = rows[0][1].shape[:3]
    columns = min(count, shown(width))
    cell = _cell(columns, width, height)
    size = (_LABEL + columns * (cell[0] + _GAP), len(rows) * (cell[1] + _GAP) + _GAP)
    sheet = Image.new("L" if rows[0][1].ndim == 3 else "RGB", size, "white")
    draw, font = ImageDraw.Draw(sheet), ImageFont.load_default(_FONT)
    for i, (text, pictures) in enumerate(rows):
        top = _GAP + i * (cell[1] + _GAP)
        draw.text((_GAP, top), text, fill="black", font=font)
        for j, picture in enumerate(pictures[:columns]):
            sheet.paste(_scaled(picture, cell), (_LABEL + j * (cell[0] + _GAP), top))
    file = io.BytesIO()
    sheet.save(file, "PNG", optimize=True)
    return file.getvalue()


def _cell(columns: int, width: int, height: int) -> tuple[int, int]:
    """Width and height of a picture as drawn."""
    room = _ROOM // columns - _GAP
    factor = room // width if room >= width else room / width
    return max(1, round(width * factor)), max(1, round(height * factor))


def _scaled(picture: Images, cell: tuple[int, int]) -> Image.Image:
    image = Image.fromarray(np.ascontiguousarray(picture))
    enlarged = cell[0] >= image.width
    method = Image.Resampling.NEAREST if enlarged else Image.Resampling.LANCZOS
    return image.resize(cell, method)
