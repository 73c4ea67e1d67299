"""The words that the parts of an evaluation share."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal, TypeAlias

Row: TypeAlias = dict[str, Any]
"""One measurement, JSON values by column: codec, layout, setting, bytes (of real files, divided by
the number of pictures), psnr (dB, None when lossless), ssim (None without scikit-image), ..."""

Layout: TypeAlias = Literal["sheet", "single"]
"""Of the other codecs' files: a contact sheet of many pictures, or one picture alone."""

OnProgress: TypeAlias = Callable[[str, int, int], None]
"""Called with what is being done, how many of its steps are, and how many there are."""


def silent(stage: str, done: int, total: int) -> None:
    """An `OnProgress` that tells nobody."""
