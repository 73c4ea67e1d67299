"""Decoded pictures into picture files."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image

from pseudocodec._text import label
from pseudocodec.errors import PslError
from pseudocodec.files import atomic_write

Bytes = npt.NDArray[np.uint8]


def format_of(target: Path) -> str:
    """Pillow's name of the format of the suffix. Raises PslError for one it cannot write."""
    name = Image.registered_extensions().get(target.suffix.lower(), "")
    # With our plugin Pillow would encode once more what was just decoded.
    if name not in Image.SAVE or name == "PSL":
        raise PslError(f"cannot write {label(target)}: use a suffix like .png, .webp or .tif")
    return name


def write(pixels: Bytes, target: Path, *, force: bool, icc: bytes | None = None) -> None:
    """Write a picture (H, W) or (H, W, 2 to 4), whole or not at all. Raises PslError."""
    with atomic_write(target, overwrite=force) as file:
        try:
            Image.fromarray(pixels).save(file, format_of(target), icc_profile=icc)
        except (ValueError, KeyError) as error:  # for instance larger than the format allows
            raise PslError(f"cannot write {label(target)}: {label(error)}") from error
        except OSError as error:
            if error.errno is not None:
                raise
            # Pillow's own: a format without alpha
            raise PslError(f"cannot write {label(target)}: {label(error)}") from error
