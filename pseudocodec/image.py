"""Pictures in and out: what counts as a picture, reading files, resizing.

Inside the library a picture is a uint8 or uint16 array of shape (H, W, C), C = 1 (grey) or 3 (RGB),
whose full scale (255 or 65535) is white. `as_array` makes one from whatever a user holds.
"""

from __future__ import annotations

import os
import warnings
from pathlib import Path
from typing import IO

import numpy as np
import numpy.typing as npt
from PIL import Image, UnidentifiedImageError

from pseudocodec._pixels import Pixels, damaged, split, upright
from pseudocodec._text import label
from pseudocodec.errors import PslError, TooLarge

MAX_PIXELS = 2**28
"""Width times height above which `read` refuses a picture file, unless told otherwise."""

STRIP = 1 << 22  # pixels resampled at a time


def as_array(image: object) -> Pixels:
    """One picture as a uint8 or uint16 array of shape (H, W, C), C = 1 (grey) or 3 (RGB).

    Accepts:

    - a PIL image of mode 1, L, LA, P, PA, RGB, RGBA, I;16, I (taken as 16 bits) or F (in [0, 1]),
      turned upright if it carries an EXIF orientation; a palette of greys gives grey, any other
      RGB;
    - an ndarray of shape (H, W), (H, W, 1), (H, W, 2), (H, W, 3) or (H, W, 4), channels last, of
      dtype uint8, uint16, bool (False black, True white) or float in [0, 1];
    - a torch tensor of shape (H, W) or (C, H, W), channels *first* as everywhere in torch, of
      dtype uint8 or float in [0, 1], on any device.

    Floats are rounded to uint16: 256 steps for each step of an 8-bit decode, which is ample. The
    2nd channel of two and the 4th of four is alpha, and so is a colour key or a palette's
    transparency: dropped when opaque everywhere, else refused (`picture.as_picture` keeps it).
    The result may share memory with `image`.

    Raises:
        PslError: `image` is none of these, is empty, holds NaN, infinity or a value out of range,
            or is transparent somewhere.
    """
    pixels, alpha = split(image)
    if alpha is not None:
        raise PslError(
            "the image is transparent somewhere and alpha is not stored: "
            "paste it on a background first, or drop its alpha channel"
        )
    return pixels


def read(file: str | os.PathLike[str] | IO[bytes], *, max_pixels: int = MAX_PIXELS) -> Image.Image:
    """The picture in `file`, decoded, upright (EXIF orientation applied), detached from the file.

    Args:
        file: a path, or a binary file object that can seek.
        max_pixels: width times height allowed; checked before any pixel is decoded.

    Of an animation the first frame is read. Pillow reduces 16-bit colours, not greys, to 8 bits.
    Unreadable EXIF data counts as none, as in viewers. An ICC profile stays in the image's `info`.

    Raises:
        TooLarge: the picture has more than `max_pixels` pixels, or more than Pillow allows.
        PslError: there is no such file, it is empty, not a picture, or damaged. The message
            names it.
    """
    is_path = isinstance(file, (str, os.PathLike))
    name = label(file if is_path else getattr(file, "name", "the picture"))
    try:
        with warnings.catch_warnings():
            # Between one and two times Pillow's limit it only warns; max_pixels decides there.
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            opened = Image.open(file)
    except Image.DecompressionBombError as error:
        raise TooLarge(
            f"{name} has too many pixels for Pillow: raise PIL.Image.MAX_IMAGE_PIXELS to read it"
        ) from error
    except UnidentifiedImageError as error:
        raise PslError(f"{name} {_why_unidentified(file)}") from error
    except OSError as error:
        raise PslError(f"cannot read {name}: {error.strerror or error}") from error
    except Exception as error:
        raise damaged(name, error) from error
    with opened:
        return _decoded(opened, name, max_pixels)


def resize(array: Pixels, width: int, height: int) -> Pixels:
    """`array` resampled to `width` x `height` pixels by Pillow's Lanczos filter, antialiased.

    Args:
        array: uint8 or uint16, shape (H, W, C); each channel is filtered on its own.
        width: of the result, at least 1.
        height: of the result, at least 1.

    Returns:
        The same dtype, shape (height, width, C), clipped to the range of the dtype.

    Raises:
        PslError: `width` or `height` is less than 1.
    """
    if width < 1 or height < 1:
        raise PslError(f"cannot resize to {width} x {height} pixels: both must be 1 or more")
    if array.shape[:2] == (height, width):
        return array
    out = np.empty((height, width, array.shape[2]), array.dtype)
    for c in range(array.shape[2]):
        _resize_plane(array[:, :, c], out[:, :, c])
    return out


def to_8_bit(array: Pixels) -> npt.NDArray[np.uint8]:
    """`array` as uint8 of the same shape, uint16 rounded to the nearest step of 257."""
    if array.dtype == np.uint8:
        return array.astype(np.uint8, copy=False)
    return ((array.astype(np.uint32) + 128) // 257).astype(np.uint8)


def _resize_plane(plane: Pixels, out: Pixels) -> None:
    """Resample `plane` to `out`, across and then down, as Pillow does, but a strip at a time.

    Columns do not depend on each other, so that the pixels are those of one call, which would hold
    the whole picture three more times.
    """
    height, width = out.shape
    # Pillow has no 16-bit filter; float32 holds every uint16 exactly.
    held = plane if plane.dtype == np.uint8 else plane.astype(np.float32)
    lanczos = Image.Resampling.LANCZOS
    across = Image.fromarray(np.ascontiguousarray(held)).resize((width, len(plane)), lanczos)
    columns = max(1, STRIP // max(height, len(plane)))
    for left in range(0, width, columns):
        right = min(left + columns, width)
        strip = across.crop((left, 0, right, len(plane))).resize((right - left, height), lanczos)
        values = np.asarray(strip)
        if plane.dtype != np.uint8:
            values = np.rint(values).clip(0, 65535)
        out[:, left:right] = values


def _decoded(image: Image.Image, name: str, max_pixels: int) -> Image.Image:
    width, height = image.size
    if width * height > max_pixels:
        raise TooLarge(
            f"{name} is {width} x {height} pixels, more than the {max_pixels} allowed: "
            f"scale it down, or raise max_pixels"
        )
    try:
        image.load()
        return upright(image.copy())
    except Image.DecompressionBombError as error:
        raise TooLarge(f"{name} has too many pixels for Pillow") from error
    except Exception as error:  # Pillow's readers raise nearly anything on damaged files
        raise damaged(name, error) from error


def _why_unidentified(file: str | os.PathLike[str] | IO[bytes]) -> str:
    if not isinstance(file, (str, os.PathLike)):
        empty = file.seek(0, os.SEEK_END) == 0
    else:
        empty = Path(file).stat().st_size == 0
    if empty:
        return "is empty (0 bytes)"
    return "is not a picture, or of a format that Pillow cannot read here: convert it to PNG"
