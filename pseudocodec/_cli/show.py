"""Pictures in a terminal: two pixels a character cell, in colour where it can, else as text."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from rich.color import Color
from rich.console import Console
from rich.style import Style
from rich.table import Table
from rich.text import Text

from pseudocodec.image import resize

RAMP = " .:-=+*#%@"
"""From black to white, as seen on a dark terminal."""

GAP = 2
MAX_COLUMNS = 96
"""Of one picture; more would not fit the height of a screen."""

_HALF_BLOCK = "\u2580"  # its upper half is the foreground, the lower the background


def show(pictures: dict[str, npt.NDArray[np.uint8]], console: Console) -> None:
    """Print `pictures`, uint8 (H, W, 1) or (H, W, 3), side by side above their captions.

    Larger pictures are scaled down to fit. Without colour, or without Unicode, each cell is one
    of the characters of `RAMP`.
    """
    columns = (console.width - GAP * (len(pictures) - 1)) // len(pictures)
    colour = console.color_system is not None and console.encoding.startswith("utf")
    draw = _half_blocks if colour else _ramp
    grid = Table.grid(padding=(0, GAP, 0, 0))
    cells = [draw(_fit(array, max(1, min(columns, MAX_COLUMNS)))) for array in pictures.values()]
    grid.add_row(*cells)
    grid.add_row(*(Text(caption, style="dim") for caption in pictures))
    console.print(grid)


def colours(decoded: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    """A decoded picture, (H, W) or (H, W, 1 to 4), without its alpha: (H, W, 1) or (H, W, 3)."""
    if decoded.ndim == 2:
        return decoded[:, :, None]
    return decoded[:, :, : 1 if decoded.shape[2] < 3 else 3]


def _fit(array: npt.NDArray[np.uint8], columns: int) -> npt.NDArray[np.int64]:
    """RGB of at most `columns` pixels a row and an even number of rows."""
    height, width = array.shape[:2]
    scale = min(1.0, columns / width)
    rows = 2 * max(1, round(height * scale / 2))
    small = resize(array, max(1, round(width * scale)), rows)
    return np.broadcast_to(small, (*small.shape[:2], 3)).astype(np.int64)


def _half_blocks(array: npt.NDArray[np.int64]) -> Text:
    text = Text(no_wrap=True)
    for upper, lower in zip(array[::2].tolist(), array[1::2].tolist(), strict=True):
        for front, back in zip(upper, lower, strict=True):
            style = Style(color=Color.from_rgb(*front), bgcolor=Color.from_rgb(*back))
            text.append(_HALF_BLOCK, style)
        text.append("\n")
    text.right_crop(1)
    return text


def _ramp(array: npt.NDArray[np.int64]) -> Text:
    luma = (array @ (299, 587, 114)) / 1000  # ITU-R BT.601, as Pillow's mode L
    cells = (luma[::2] + luma[1::2]) / 2
    levels = np.rint(cells * (len(RAMP) - 1) / 255).astype(int)
    return Text("\n".join("".join(RAMP[i] for i in row) for row in levels), no_wrap=True)
