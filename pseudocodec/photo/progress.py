"""What an encoder that takes its time says on the way."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple


class Progress(NamedTuple):
    """How far it is, and about what the file would have if it ended here."""

    done: int
    total: int  # steps, of all tiles
    bpp: float
    psnr: float  # dB


OnProgress = Callable[[Progress], None] | None
