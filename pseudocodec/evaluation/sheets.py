"""Contact sheets: pictures side by side in one larger picture.

A sheet spreads the header of a file over many pictures and lets a codec exploit what neighbours
share, but gives up reading one picture without the rest.
"""

from __future__ import annotations

import math

import numpy as np

from pseudocodec.metrics import Images

MOST = 100
"""Pictures on a sheet, at most."""

MAX_SHEET_PIXELS = 1 << 22
"""Pixels of a sheet, at most, unless one picture has more: codecs have limits of their own, and on
pictures so large a header no longer matters."""


def per_sheet(height: int, width: int) -> int:
    """How many pictures of this size share a sheet, 1 to `MOST`."""
    return max(1, min(MOST, MAX_SHEET_PIXELS // (height * width)))


def to_sheets(images: Images) -> list[Images]:
    """Pictures (n, h, w, ...) laid out row by row on sheets (H, W, ...), as square as can be.

    Every sheet but the last is full. The last has a smaller grid where fewer pictures are left,
    and its empty cells repeat the last picture.
    """
    share = per_sheet(*images.shape[1:3])
    return [_sheet(images[i : i + share]) for i in range(0, len(images), share)]


def from_sheets(sheets: list[Images], shape: tuple[int, ...]) -> Images:
    """Undo `to_sheets`; `shape` is that of the pictures, (n, h, w, ...)."""
    count, height, width, *rest = shape
    cells = [
        sheet.reshape(len(sheet) // height, height, -1, width, *rest)
        .swapaxes(1, 2)
        .reshape(-1, height, width, *rest)
        for sheet in sheets
    ]
    return np.concatenate(cells)[:count]


def _sheet(images: Images) -> Images:
    count, height, width, *rest = images.shape
    columns = math.isqrt(count - 1) + 1  # the square root, rounded up
    rows = -(-count // columns)
    padding = np.repeat(images[-1:], rows * columns - count, axis=0)
    cells = np.concatenate([images, padding]).reshape(rows, columns, height, width, *rest)
    return cells.swapaxes(1, 2).reshape(rows * height, columns * width, *rest)
